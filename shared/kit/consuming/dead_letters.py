"""What was put aside, for operators: to list, to look at, and to try again (`liandu dead-letters list|show|redrive`).

Trying again replays the parked run of an aggregate, in order, in one transaction, with the service's own handler: all
of it, or it stays parked with the new error. A record that was refused is judged anew; a timer is set again.
"""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit import telemetry
from shared.kit.clock import Clock
from shared.kit.consuming.arrivals import Arrival, Standing, Stream
from shared.kit.consuming.consumer import Consumer
from shared.kit.consuming.effects import lock_marks, parked_among, read_marks, unpark
from shared.kit.consuming.set_aside import Kind, describe, load_headers
from shared.kit.consuming.taking import ProducerUnavailable
from shared.kit.database import transaction
from shared.kit.errors import Conflict, NotFound
from shared.kit.timers import from_put_aside, set_timers_again
from shared.kit.transient import EnvironmentFault, in_words, is_environment, is_transient
from shared.kit.web.http import Paging, page, paging
from shared.kit.web.problems import HttpProblem
from shared.kit.web.security import Principal, Role, require

log = telemetry.log

_Operator = Annotated[Principal, Depends(require(Role.OPERATOR))]
_Paging = Annotated[Paging, Depends(paging)]
_LetterId = Annotated[int, Path(ge=1, lt=1 << 63)]


class Letter(BaseModel):
    """One thing put aside. `type` is the event's, or the timer's kind; `aggregate_id` also the timer's subject."""

    id: int
    kind: Kind
    topic: str | None
    partition: int | None
    offset: int | None
    source: str | None
    aggregate_id: UUID | None
    seq: int | None
    type: str | None
    error: str
    at: datetime
    redriven_at: datetime | None
    redriven_by: str | None


class OpenedLetter(Letter):
    """With what came: text where it is text, `{"base64": …}` where it is not; the value as JSON where it is JSON."""

    key: Any
    headers: list[tuple[str, Any]]
    value: Any
    waiting: int
    """How many records wait behind it."""


class Redriven(BaseModel):
    """What came of trying again. `done`: how many were put right with it; `error`: why it stays: a fault of its own,
    of its producer or of the database."""

    id: int
    outcome: Literal["done", "failed"]
    done: int = 0
    error: str | None = None


class AlreadyRedriven(Conflict):
    """Somebody has tried it again already, and it worked."""

    def __init__(self, letter_id: int) -> None:
        super().__init__("该死信已重新处理", id=letter_id)


class _NotParked(Exception):
    """The letter names a stream of which no run is parked."""


class DeadLetters:
    """The letters of one service. `consumer` is None where it consumes nothing (then there are timers only)."""

    def __init__(self, *, engine: AsyncEngine, clock: Clock, consumer: Consumer | None) -> None:
        self._engine = engine
        self._clock = clock
        self._consumer = consumer
        self._one_at_a_time = asyncio.Lock()

    async def letters(self, *, after: int = 0, limit: int = 50, all_: bool = False) -> list[Letter]:
        """Letters in the order in which they were put aside; only those still open unless `all_`."""
        async with transaction(self._engine) as conn:
            rows = await conn.execute(_LIST, {"after": after, "limit": limit, "all": all_})
            return [Letter(**_summary(row)) for row in rows]

    async def letter(self, letter_id: int) -> OpenedLetter:
        """Raises: NotFound."""
        async with transaction(self._engine) as conn:
            row = await _one(letter_id, conn=conn)
            waiting = (await conn.execute(_WAITING, {"source": row.source, "aggregate": row.aggregate_id})).scalar_one()
        headers = [(name, _readable(value)) for name, value in load_headers(row.headers)]
        opened = {"key": _readable(row.key), "headers": headers, "value": _as_json(row.value), "waiting": waiting}
        return OpenedLetter(**_summary(row), **opened)

    async def redrive(self, letter_id: int, *, by: str) -> Redriven:
        """Try one again; a record of a parked run, or one that waits in it, with the whole run.

        Raises:
            NotFound: there is no such letter.
            AlreadyRedriven: it was.
            ProducerUnavailable: whether the record is genuine cannot be found out now.
            EnvironmentFault: the database is at fault, not the record; nothing has changed.
        """
        try:
            return await self._redrive(letter_id, by=by)
        except DBAPIError as error:
            if is_environment(error):
                raise EnvironmentFault(in_words(error)) from error
            raise

    async def _redrive(self, letter_id: int, *, by: str) -> Redriven:
        async with self._one_at_a_time:
            async with transaction(self._engine) as conn:
                row = await _one(letter_id, conn=conn)
            if row.redriven_at is not None:
                raise AlreadyRedriven(letter_id)
            if row.kind == "timer":
                return await self._set_again(row, by=by)
            if row.source is not None:
                with suppress(_NotParked):
                    return await self._replay((row.source, row.aggregate_id), row.id, by=by)
            return await self._take_again(row, by=by)

    async def redrive_all(self, *, by: str) -> list[Redriven]:
        """Try each open letter again, each parked run once; one that fails keeps nobody from their turn."""
        outcomes: list[Redriven] = []
        last = 0
        while letters := await self.letters(after=last, limit=1):
            last = letters[0].id
            if letters[0].kind == "waiting":
                continue
            try:
                outcomes.append(await self.redrive(last, by=by))
            except ProducerUnavailable as error:
                outcomes.append(Redriven(id=last, outcome="failed", error=str(error)))
            except EnvironmentFault as error:
                outcomes.append(Redriven(id=last, outcome="failed", error=in_words(error)))
        return outcomes

    async def _set_again(self, row: Row[Any], *, by: str) -> Redriven:
        async with transaction(self._engine) as conn:
            await set_timers_again([from_put_aside(row.value)], conn=conn)
            return await self._close([row.id], row.id, by=by, conn=conn)

    async def _replay(self, stream: Stream, letter_id: int, *, by: str) -> Redriven:
        """The whole run, behind the watermark's lock: nobody adds to it meanwhile."""
        failed_id = letter_id
        try:
            async with transaction(self._engine) as conn:
                await lock_marks([stream], conn=conn)
                rows = (await conn.execute(_RUN, {"source": stream[0], "aggregate": stream[1]})).all()
                if not rows:
                    raise AlreadyRedriven(letter_id)
                if "poison" not in (await parked_among([stream], conn=conn)).get(stream, ()):
                    raise _NotParked
                failed_id = rows[0].id
                arrivals = [self._read(row) for row in _one_of_each(rows)]
                if faults := [arrival.fault for arrival in arrivals if arrival.fault is not None]:
                    raise ValueError(faults[0])
                await self._consumed.effects.replay(arrivals, conn=conn, now=self._clock.now())
                await unpark([stream], "poison", conn=conn)
                return await self._close([row.id for row in rows], letter_id, by=by, conn=conn)
        except (AlreadyRedriven, _NotParked):
            raise
        except Exception as error:
            return await self._still_failing(failed_id, error)

    async def _take_again(self, row: Row[Any], *, by: str) -> Redriven:
        """A record that was refused: read anew, compared with its producer's log anew."""
        arrival = self._read(row)
        if arrival.standing is Standing.REFUSED:
            return await self._still_failing(row.id, ValueError(arrival.fault))
        async with transaction(self._engine) as conn:
            mark = (await read_marks([arrival.stream], conn=conn)).get(arrival.stream)
        judged, confirmed = await self._consumed.taker.judge(arrival, mark.seq if mark else 0)
        if judged.standing is Standing.LEFT:
            raise ProducerUnavailable(f"{arrival.stream[0]} does not answer")
        if judged.standing is Standing.REFUSED:
            return await self._still_failing(row.id, ValueError(judged.fault))
        await self._consumed.taker.take(confirmed)
        async with transaction(self._engine) as conn:
            return await self._close([row.id], row.id, by=by, conn=conn)

    async def _close(self, ids: Sequence[int], letter_id: int, *, by: str, conn: AsyncConnection) -> Redriven:
        await conn.execute(_CLOSE, {"ids": list(ids), "now": self._clock.now(), "by": by})
        log.info("dead letter redriven", id=letter_id, letters=len(ids), by=by)
        return Redriven(id=letter_id, outcome="done", done=len(ids))

    async def _still_failing(self, letter_id: int, error: Exception) -> Redriven:
        if is_transient(error) or is_environment(error):
            raise error
        words = str(error) if type(error) is ValueError else describe(error)
        async with transaction(self._engine) as conn:
            await conn.execute(_NEW_ERROR, {"id": letter_id, "error": words})
        log.warning("dead letter fails again", id=letter_id, error=words)
        return Redriven(id=letter_id, outcome="failed", error=words)

    def _read(self, row: Row[Any]) -> Arrival:
        return self._consumed.reader.read(row.topic, row.key, load_headers(row.headers), row.value)

    @property
    def _consumed(self) -> Consumer:
        if self._consumer is None:
            raise Conflict("本服务不消费事件，无法重新处理该记录")
        return self._consumer


def router_of(letters: DeadLetters) -> APIRouter:
    """The operator's routes."""
    router = APIRouter(prefix="/v1", tags=["dead letters"])

    @router.get("/dead-letters")
    async def list_dead_letters(
        _: _Operator,
        asked: _Paging,
        all_: Annotated[bool, Query(alias="all", description="Also those redriven already.")] = False,
    ) -> dict[str, object]:
        """What was put aside, oldest first."""
        [after] = asked.start(tuple[int]) or (0,)
        found = await letters.letters(after=after, limit=asked.limit, all_=all_)
        return page(found, (found[-1].id,) if len(found) == asked.limit else None)

    @router.get("/dead-letters/{letter_id}")
    async def show_dead_letter(_: _Operator, letter_id: _LetterId) -> OpenedLetter:
        """One of them, with everything that came."""
        return await letters.letter(letter_id)

    @router.post("/dead-letters/{letter_id}:redrive")
    async def redrive_dead_letter(operator: _Operator, letter_id: _LetterId) -> Redriven:
        """Try one again, with the run it stands in."""
        try:
            return await letters.redrive(letter_id, by=_name(operator))
        except ProducerUnavailable as error:
            raise HttpProblem(
                503, "producer-unavailable", "来源服务暂时不可用，请稍后重试", reason=str(error)
            ) from error
        except EnvironmentFault as error:
            raise HttpProblem(
                503, "database-fault", "数据库异常，死信未变动；修复后请重试", reason=in_words(error)
            ) from error

    @router.post("/dead-letters:redrive")
    async def redrive_dead_letters(operator: _Operator) -> list[Redriven]:
        """Try all of them again, one after the other."""
        return await letters.redrive_all(by=_name(operator))

    return router


def _name(operator: Principal) -> str:
    return f"{operator.name} <{operator.subject}>"


async def _one(letter_id: int, *, conn: AsyncConnection) -> Row[Any]:
    row = (await conn.execute(_ONE, {"id": letter_id})).one_or_none()
    if row is None:
        raise NotFound("没有该死信", id=letter_id)
    return row


def _one_of_each(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The first that was put aside of each number: a number is one event, however often it was sent."""
    first: dict[int, Row[Any]] = {}
    for row in rows:
        first.setdefault(row.seq, row)
    return list(first.values())


def _summary(row: Row[Any]) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in Letter.model_fields if name not in ("type", "offset")}
    return {**found, "offset": row.record_offset, "type": _type(row)}


def _type(row: Row[Any]) -> str | None:
    if row.kind == "timer":
        return from_put_aside(row.value).kind
    return dict(load_headers(row.headers)).get("ce_type", b"").decode(errors="replace") or None


def _readable(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(value).decode()}


def _as_json(value: bytes | None) -> Any:
    try:
        return None if value is None else orjson.loads(value)
    except orjson.JSONDecodeError:
        return _readable(value)


_LIST = text("""
SELECT * FROM set_aside WHERE id > :after AND (:all OR redriven_at IS NULL) ORDER BY id LIMIT :limit
""")

_ONE = text("SELECT * FROM set_aside WHERE id = :id")

_WAITING = text("""
SELECT count(*) FROM set_aside
WHERE source = :source AND aggregate_id = :aggregate AND kind = 'waiting' AND redriven_at IS NULL
""")

_RUN = text("""
SELECT * FROM set_aside
WHERE source = :source AND aggregate_id = :aggregate AND redriven_at IS NULL
ORDER BY seq, id
FOR UPDATE
""")

_CLOSE = text("""
UPDATE set_aside SET redriven_at = :now, redriven_by = :by WHERE id = ANY (CAST(:ids AS bigint[]))
""")

_NEW_ERROR = text("UPDATE set_aside SET error = :error WHERE id = :id")
