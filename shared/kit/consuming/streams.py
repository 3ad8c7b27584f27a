"""Streams that stopped because their producer's log contradicts what was taken from them: for operators to look at and
to release (`liandu streams list|show|release`).

It happens when a producer's database was restored to the past, or somebody else wrote to its topic. Nothing of such a
stream is taken and its timers are held until the producer's log has again what was taken (another backup), or a person
has decided. To release a stream is to go on from the last event that both sides have: what was taken after it stays
done, what the producer's log has instead is taken now.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.cloudevents import source_of
from shared.kit import telemetry
from shared.kit.consuming.arrivals import Arrival, Stream
from shared.kit.consuming.consumer import Consumer
from shared.kit.consuming.effects import in_order, lock_marks, parked_among, unpark
from shared.kit.consuming.marks import Mark
from shared.kit.consuming.taking import ProducersLogs, ProducerUnavailable
from shared.kit.database import transaction
from shared.kit.errors import Conflict, NotFound
from shared.kit.web.http import Paging, page, paging
from shared.kit.web.problems import HttpProblem
from shared.kit.web.security import Principal, Role, require

log = telemetry.log

AT_ONCE = 100
"""Streams in one transaction when all are released."""

_Operator = Annotated[Principal, Depends(require(Role.OPERATOR))]
_Paging = Annotated[Paging, Depends(paging)]


class StoppedStream(BaseModel):
    """`service`: the producer. `taken`: the last number taken from it. `detail`: how its log contradicts that."""

    service: str
    aggregate_id: UUID
    since: datetime
    detail: str
    taken: int


class Told(BaseModel):
    """An event of a stream."""

    seq: int
    event_id: UUID
    type: str
    at: datetime
    data: Any


class OpenedStream(StoppedStream):
    """`agreed`: the last number under which both sides have the same event. `lost`: what was taken after it;
    `instead`: what the producer's log has after it."""

    agreed: int
    lost: list[Told]
    instead: list[Told]


class Released(BaseModel):
    """A stream that goes on from `agreed`."""

    service: str
    aggregate_id: UUID
    agreed: int


class PoisonFirst(Conflict):
    """Something else of the stream waits among what was put aside: that has to be redriven first."""

    def __init__(self, aggregate_id: UUID) -> None:
        super().__init__("该数据流另有死信未处理，请先处理死信", aggregate_id=str(aggregate_id))


@dataclass(frozen=True, slots=True)
class _Parting:
    """Where our side and the producer's log of a stream part. `agreed` is None where nothing is common."""

    agreed: Mark | None
    lost: Sequence[Told]
    instead: Sequence[Arrival]

    @property
    def number(self) -> int:
        return self.agreed.seq if self.agreed else 0


class StoppedStreams:
    """The stopped streams of one service. `consumer` and `logs` are None where it consumes nothing."""

    def __init__(self, *, engine: AsyncEngine, consumer: Consumer | None, logs: ProducersLogs | None) -> None:
        self._engine = engine
        self._consumer = consumer
        self._logs = logs

    async def streams(self, *, after: Stream | None = None, limit: int = 50) -> list[StoppedStream]:
        """In order of source and aggregate."""
        source, aggregate_id = after or ("", UUID(int=0))
        async with transaction(self._engine) as conn:
            rows = await conn.execute(_LIST, {"source": source, "aggregate": aggregate_id, "limit": limit})
            return [StoppedStream.model_validate(row._asdict()) for row in rows]

    async def stream(self, stream: Stream) -> OpenedStream:
        """
        Raises:
            NotFound: it is not stopped.
            ProducerUnavailable: its producer's log cannot be read now.
        """
        async with transaction(self._engine) as conn:
            row = (await conn.execute(_ONE, {"source": stream[0], "aggregate": stream[1]})).one_or_none()
        if row is None:
            raise NotFound("没有停止的数据流", aggregate_id=str(stream[1]))
        logs = await self._read_logs([stream])
        async with transaction(self._engine) as conn:
            parting = (await _partings(logs, conn=conn))[stream]
        instead = [_told(arrival) for arrival in parting.instead]
        return OpenedStream(**row._asdict(), agreed=parting.number, lost=list(parting.lost), instead=instead)

    async def release(self, stream: Stream, *, by: str) -> Released:
        """Let a stream go on from what both sides have.

        Raises:
            NotFound: it is not stopped.
            PoisonFirst: it is parked for another reason too.
            ProducerUnavailable: its producer's log cannot be read now; nothing has changed.
        """
        async with transaction(self._engine) as conn:
            reasons = (await parked_among([stream], conn=conn)).get(stream, set())
        if "rewound" in reasons and "poison" in reasons:
            raise PoisonFirst(stream[1])
        released = await self._release([stream], by=by) if "rewound" in reasons else []
        if not released:
            raise NotFound("没有停止的数据流", aggregate_id=str(stream[1]))
        return released[0]

    async def release_all(self, *, source: str | None = None, by: str) -> list[Released]:
        """Every stopped stream (of one source), but those that are parked for another reason too.

        Raises:
            ProducerUnavailable: a producer's log cannot be read now; what was released before stays released.
        """
        released: list[Released] = []
        last: Stream | None = None
        while found := await self.streams(after=last, limit=AT_ONCE):
            streams = [(source_of(each.service), each.aggregate_id) for each in found]
            last = streams[-1]
            released += await self._release([each for each in streams if source in (None, each[0])], by=by)
        return released

    async def _release(self, streams: Collection[Stream], *, by: str) -> list[Released]:
        if not streams or self._consumer is None:
            return []
        logs = await self._read_logs(streams)
        async with transaction(self._engine) as conn:
            await lock_marks(in_order(streams), conn=conn)
            parked = await parked_among(in_order(streams), conn=conn)
            stopped = {stream: logs[stream] for stream in streams if parked.get(stream) == {"rewound"}}
            partings = await _partings(stopped, conn=conn)
            await _set_marks({stream: parting.agreed for stream, parting in partings.items()}, conn=conn)
            await unpark(partings, "rewound", conn=conn)
        for (source, aggregate_id), parting in partings.items():
            log.warning("stream released", source=source, aggregate=str(aggregate_id), agreed=parting.number,
                        lost=len(parting.lost), instead=len(parting.instead), by=by)  # fmt: skip
        await self._consumer.catch_up(list(partings))
        return [
            Released(service=_service(source), aggregate_id=aggregate_id, agreed=parting.number)
            for (source, aggregate_id), parting in partings.items()
        ]

    async def _read_logs(self, streams: Collection[Stream]) -> dict[Stream, list[Arrival]]:
        """The producers' whole streams. Raises: ProducerUnavailable."""
        assert self._logs is not None
        return {stream: await self._logs.events(stream, after=0) for stream in streams}


def router_of(streams: StoppedStreams) -> APIRouter:
    """The operator's routes."""
    router = APIRouter(prefix="/v1", tags=["stopped streams"])

    @router.get("/stopped-streams")
    async def list_stopped_streams(_: _Operator, asked: _Paging) -> dict[str, object]:
        """Streams of which nothing is taken, because their producer's log contradicts what was taken."""
        start = asked.start(tuple[str, UUID])
        found = await streams.streams(after=(source_of(start[0]), start[1]) if start else None, limit=asked.limit)
        last = (found[-1].service, found[-1].aggregate_id) if len(found) == asked.limit else None
        return page(found, last)

    @router.get("/stopped-streams/{service}/{aggregate_id}")
    async def show_stopped_stream(_: _Operator, service: str, aggregate_id: UUID) -> OpenedStream:
        """One of them: what was taken that its producer's log does not have, and what that has instead."""
        try:
            return await streams.stream((source_of(service), aggregate_id))
        except ProducerUnavailable as error:
            raise _unavailable(error) from error

    @router.post("/stopped-streams/{service}/{aggregate_id}:release")
    async def release_stopped_stream(operator: _Operator, service: str, aggregate_id: UUID) -> Released:
        """Go on from the last event that both sides have; what was taken after it stays done."""
        try:
            return await streams.release((source_of(service), aggregate_id), by=_name(operator))
        except ProducerUnavailable as error:
            raise _unavailable(error) from error

    @router.post("/stopped-streams:release")
    async def release_stopped_streams(
        operator: _Operator, service: Annotated[str | None, Query(description="Only this producer's.")] = None
    ) -> list[Released]:
        """The same with all of them."""
        try:
            return await streams.release_all(source=service and source_of(service), by=_name(operator))
        except ProducerUnavailable as error:
            raise _unavailable(error) from error

    return router


def _unavailable(error: ProducerUnavailable) -> HttpProblem:
    return HttpProblem(503, "producer-unavailable", "来源服务暂时不可用，请稍后重试", reason=str(error))


def _name(operator: Principal) -> str:
    return f"{operator.name} <{operator.subject}>"


def _service(source: str) -> str:
    return source.removeprefix(source_of(""))


async def _partings(logs: Mapping[Stream, Sequence[Arrival]], *, conn: AsyncConnection) -> dict[Stream, _Parting]:
    """By the journal, which has what was taken in the order in which it was. Scans the journal once."""
    aggregates = [aggregate_id for _, aggregate_id in logs]
    taken: dict[Stream, list[Told]] = {stream: [] for stream in logs}
    for row in await conn.execute(_JOURNALED, {"aggregates": aggregates}):
        if (stream := (row.source, row.aggregate_id)) in taken:
            taken[stream].append(Told(seq=row.seq, event_id=row.event_id, type=row.type, at=row.at, data=row.data))
    return {stream: _parting(taken[stream], events) for stream, events in logs.items()}


def _parting(taken: Sequence[Told], events: Sequence[Arrival]) -> _Parting:
    ours = {told.event_id for told in taken}
    common = [event for event in events if event.sent.event_id in ours]
    agreed = Mark(common[-1].sent.sequence, common[-1].sent.event_id) if common else None
    theirs = {event.sent.event_id for event in events}
    return _Parting(
        agreed,
        lost=[told for told in taken if told.event_id not in theirs],
        instead=events[agreed.seq if agreed else 0 :],
    )


def _told(arrival: Arrival) -> Told:
    sent = arrival.sent
    data = orjson.loads(arrival.value or b"null")
    return Told(seq=sent.sequence, event_id=sent.event_id, type=sent.type, at=sent.time, data=data)


async def _set_marks(marks: Mapping[Stream, Mark | None], *, conn: AsyncConnection) -> None:
    """Back to these; a stream of which nothing is common begins anew."""
    for (source, aggregate_id), mark in marks.items():
        key = {"source": source, "aggregate": aggregate_id}
        if mark is None:
            await conn.execute(_DROP_MARK, key)
        else:
            await conn.execute(_SET_MARK, {**key, "seq": mark.seq, "event_id": mark.event_id})


_STOPPED = """
SELECT replace(parked.source, '/liandu/', '') AS service, parked.aggregate_id, parked.since, parked.detail,
       coalesce(watermark.seq, 0) AS taken
  FROM parked_aggregate parked
  LEFT JOIN watermark ON watermark.source = parked.source AND watermark.aggregate_id = parked.aggregate_id
 WHERE parked.reason = 'rewound'
"""

_LIST = text(
    _STOPPED
    + """
   AND (parked.source, parked.aggregate_id) > (CAST(:source AS text), CAST(:aggregate AS uuid))
 ORDER BY parked.source, parked.aggregate_id
 LIMIT :limit
"""
)

_ONE = text(_STOPPED + "   AND parked.source = :source AND parked.aggregate_id = :aggregate")

_JOURNALED = text("""
SELECT source, aggregate_id, seq, event_id, type, at, data FROM journal
 WHERE aggregate_id = ANY (CAST(:aggregates AS uuid[]))
 ORDER BY position
""")

_SET_MARK = text("""
UPDATE watermark SET seq = :seq, event_id = :event_id WHERE source = :source AND aggregate_id = :aggregate
""")

_DROP_MARK = text("DELETE FROM watermark WHERE source = :source AND aggregate_id = :aggregate")
