"""The log over HTTP, for other services: what auditors compare, and the facts themselves for back-fill."""

from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.cloudevents import source_of
from shared.kit.log import audit as log_audit
from shared.kit.log import eventlog
from shared.kit.log.audit import HeadsCursor
from shared.kit.log.cursor import LogCursor
from shared.kit.log.eventlog import LoggedFact
from shared.kit.web.http import cursor, read_cursor, reading
from shared.kit.web.security import Role

router = APIRouter(prefix="/v1/log", tags=["log"])

_Reading = Annotated[AsyncConnection, Depends(reading(Role.SERVICE, Role.OPERATOR))]
_Topics = Annotated[list[str] | None, Query(alias="topic", description="Only these topics; all when left out.")]
_Snapshot = Annotated[str, Field(pattern=r"^[1-9]\d{0,18}:[1-9]\d{0,18}:[\d,]*$")]
_Position = Annotated[int, Field(ge=0, lt=1 << 63)]


class _Place(NamedTuple):
    """A `HeadsCursor` as it travels."""

    last: _Snapshot
    target: _Snapshot | None
    hi: _Position
    position: _Position
    looked_at: float
    epoch: str | None = None


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class Head(_Body):
    aggregate_id: UUID
    topic: str
    seq: int
    event_id: UUID


class Heads(_Body):
    """`next_after`: for the next call; null when a bucket was asked for. `more`: there is more to be had at once,
    though no head of the topics asked for may be among this. `epoch`: the life of the log; null with a bucket."""

    heads: list[Head]
    next_after: str | None
    more: bool = False
    epoch: str | None = None


class Digests(_Body):
    """One text for each of the 1,024 buckets, to be compared as it is; empty for a bucket without aggregates."""

    digests: list[str]


class Record(_Body):
    """A fact as it stands on the wire: the record's key, its headers, its value as text."""

    topic: str
    key: str
    headers: dict[str, str]
    value: str


class Records(_Body):
    records: list[Record]


@router.get("/heads")
async def changed_heads(
    conn: _Reading,
    topic: _Topics = None,
    after: Annotated[str | None, Query(max_length=20_000)] = None,
    bucket: Annotated[int | None, Query(ge=0, lt=log_audit.BUCKETS)] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> Heads:
    """The last fact of each aggregate that changed after `after` (left out: none yet, only the place to go on from),
    except for facts of the last ten seconds; or, with `bucket`, of every aggregate in that bucket."""
    if bucket is not None:
        found = await log_audit.bucket_heads(conn, bucket, topics=topic)
        return Heads(heads=[Head.model_validate(head) for head in found], next_after=None)
    place = None if after is None else _read_place(after)
    changed, following = await log_audit.heads_since(conn, place, topics=topic, limit=limit)
    return Heads(
        heads=[Head.model_validate(head) for head in changed],
        next_after=_write_place(following),
        more=place is not None and following.goes_on_from(place),
        epoch=following.epoch,
    )


@router.get("/digests")
async def digests(conn: _Reading, topic: _Topics = None) -> Digests:
    """Digests over the heads of all aggregates, by bucket."""
    return Digests(digests=await log_audit.head_digests(conn, topics=topic))


@router.get("/aggregates/{aggregate_id}/events")
async def events(
    aggregate_id: UUID,
    conn: _Reading,
    request: Request,
    after: Annotated[int, Query(ge=0, lt=1 << 63)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Records:
    """The facts of one aggregate after the sequence `after`, in order; no records when there are none."""
    source = source_of(request.app.state.platform.name)
    facts = await eventlog.history(aggregate_id, conn=conn, after=after, limit=limit)
    return Records(records=[_record(fact, source) for fact in facts])


def _record(fact: LoggedFact, source: str) -> Record:
    envelope = fact.envelope(source)
    headers = {name: value.decode() for name, value in envelope.headers()}
    return Record(topic=fact.topic, key=envelope.key().decode(), headers=headers, value=fact.data)


def _write_place(place: HeadsCursor) -> str:
    log = place.log
    return cursor(tuple(_Place(log.last, log.target, log.hi, log.position, place.looked_at, place.epoch)))


def _read_place(after: str) -> HeadsCursor:
    place = read_cursor(after, _Place)
    log = LogCursor(place.last, place.target, place.hi, place.position)
    return HeadsCursor(log, place.looked_at, place.epoch)
