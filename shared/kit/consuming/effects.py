"""The consumer's transaction: watermarks, journal, what was put aside, the handler's writes, offsets; all or nothing.

Locks are taken in one order by everybody who consumes (batches, auditor, redriving): partitions, watermarks in sorted
order, then whatever the handler locks (heads). A handful of statements for any number of arrivals.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit import telemetry
from shared.kit.clock import Clock
from shared.kit.consuming.arrivals import Arrival, Standing, Stream
from shared.kit.consuming.facts import Handler
from shared.kit.consuming.marks import Mark, Reason, Sorted, sort_out
from shared.kit.consuming.partitions import MOVE_OFFSETS
from shared.kit.consuming.set_aside import Kind, PutAside, put_aside
from shared.kit.database import transaction

log = telemetry.log

_WAITS = "waits behind a record of its aggregate that failed"


class Fenced(Exception):
    """Another process owns a partition of this batch by now. Nothing was written."""


class Overtaken(Exception):
    """Another process began a stream in the same moment. Nothing was written; the same again sees what it did."""

    sqlstate = "40001"
    """It is a serialization failure, found by us instead of PostgreSQL."""


class AskProducer(Exception):
    """Only the producers can tell what these streams hold: the last number taken from each. Nothing was written."""

    def __init__(self, streams: Mapping[Stream, int]) -> None:
        super().__init__(f"{len(streams)} streams need their producer's word")
        self.streams = streams


@dataclass(frozen=True, slots=True)
class Done:
    """What one transaction came to: how many were `applied`, `skipped` (of unknown types) and so on; what it put aside;
    which streams it stopped, and how they contradict their producer's log."""

    counts: Counter[str]
    put_aside: Sequence[Arrival]
    rewound: Mapping[Stream, str]


class Effects:
    """Applies arrivals, each run in one transaction."""

    def __init__(self, *, engine: AsyncEngine, clock: Clock, handler: Handler) -> None:
        self._engine = engine
        self._clock = clock
        self._handler = handler
        self.log_epochs: dict[str, str] = {}
        """The life of each producer's log that is believed, by source."""
        self._meeting = asyncio.Lock()

    async def meet(self, source: str, epoch: str) -> bool:
        """Believe this life of a log where no other was ever believed and nothing taken; whether it is believed now.

        There is nothing to compare then, and so nothing to wait for.
        """
        async with self._meeting:
            if source not in self.log_epochs:
                async with transaction(self._engine) as conn:
                    met = (await conn.execute(_MEET, {"source": source, "epoch": epoch})).rowcount == 1
                if met:
                    self.log_epochs[source] = epoch
                    log.info("met a producer", source=source, epoch=epoch)
            return self.log_epochs.get(source) == epoch

    async def apply(
        self,
        arrivals: Sequence[Arrival],
        *,
        epochs: Mapping[TopicPartition, int],
        contradicted: Mapping[Stream, str],
    ) -> Done:
        """Take these arrivals, in order, with all their effects.

        `epochs`: of this process's ownership, for the partitions the arrivals stand in. `contradicted`: streams whose
        producer no longer has what was taken from them, and how that showed; they are stopped.

        Raises:
            Fenced, Overtaken, AskProducer: nothing was written.
            Exception: whatever the handler raised; nothing was written.
        """
        async with transaction(self._engine) as conn:
            now = self._clock.now()
            await _move_offsets(arrivals, epochs, conn)
            rewound = await _park(contradicted, "rewound", conn=conn, now=now)
            streams = list({arrival.stream for arrival in arrivals if arrival.counts})
            marks = await lock_marks(streams, conn=conn)
            found = sort_out(arrivals, marks, await parked_among(streams, conn=conn), self.log_epochs)
            if found.ask:
                raise AskProducer(found.ask)
            await _move_marks(found.moved, marks, conn)
            await journal(found.apply, conn=conn, now=now)
            rewound |= await _keep_apart(found, conn=conn, now=now)
            await self._handle(found.apply, conn=conn, now=now)
        return _done(found, rewound)

    async def replay(self, arrivals: Sequence[Arrival], *, conn: AsyncConnection, now: datetime) -> None:
        """The effects of a parked run, whose numbers were taken when it was parked."""
        await journal(arrivals, conn=conn, now=now)
        await self._handle(arrivals, conn=conn, now=now)

    async def _handle(self, arrivals: Sequence[Arrival], *, conn: AsyncConnection, now: datetime) -> None:
        if facts := [arrival.fact() for arrival in arrivals if arrival.event is not None]:
            await self._handler(facts, conn=conn, now=now)


def _done(found: Sorted, rewound: Mapping[Stream, str]) -> Done:
    counts = Counter(found.dropped)
    counts["applied"] = sum(arrival.event is not None for arrival in found.apply)
    counts["skipped"] = len(found.apply) - counts["applied"]
    counts["waiting"] = len(found.waiting)
    counts["put aside"] = len(found.poison) + len(found.refused)
    return Done(counts, [*found.poison, *found.refused], rewound)


async def lock_marks(streams: Sequence[Stream], *, conn: AsyncConnection) -> dict[Stream, Mark]:
    """Lock the watermarks of these streams (in sorted order) and read them. A stream never seen has none."""
    if not streams:
        return {}
    rows = await conn.execute(_LOCK_MARKS, _keys(streams))
    return {(source, aggregate_id): Mark(seq, event_id) for source, aggregate_id, seq, event_id in rows}


async def read_marks(streams: Sequence[Stream], *, conn: AsyncConnection) -> dict[Stream, Mark]:
    """The watermarks of these streams, as they are at the moment."""
    rows = await conn.execute(_READ_MARKS, _keys(streams))
    return {(row.source, row.aggregate_id): Mark(row.seq, row.event_id) for row in rows}


async def parked_among(streams: Sequence[Stream], *, conn: AsyncConnection) -> dict[Stream, set[Reason]]:
    """Which of these streams are parked, and why. Statements of their own, so that they see what the locks waited for.

    Mostly nothing is parked at all: then the streams need not travel.
    """
    if not streams or not (await conn.execute(_ANY_PARKED)).scalar_one():
        return {}
    found: dict[Stream, set[Reason]] = {}
    for row in await conn.execute(_PARKED_AMONG, _keys(streams)):
        found.setdefault((row.source, row.aggregate_id), set()).add(row.reason)
    return found


async def journal(arrivals: Sequence[Arrival], *, conn: AsyncConnection, now: datetime) -> None:
    """Note what is consumed, in the order in which it is."""
    if not arrivals:
        return
    sent = [arrival.sent for arrival in arrivals]
    columns = {
        "event_ids": [each.event_id for each in sent],
        "topics": [arrival.topic for arrival in arrivals],
        "sources": [each.source for each in sent],
        "aggregates": [each.aggregate_id for each in sent],
        "seqs": [each.sequence for each in sent],
        "types": [each.type for each in sent],
        "ats": [each.time for each in sent],
        "data": [(arrival.value or b"null").decode() for arrival in arrivals],
    }
    await conn.execute(_JOURNAL, {**columns, "now": now})


async def _move_offsets(
    arrivals: Sequence[Arrival], epochs: Mapping[TopicPartition, int], conn: AsyncConnection
) -> None:
    ends = {TopicPartition(a.place.topic, a.place.partition): a.place.offset + 1 for a in arrivals if a.place}
    if not ends:
        return
    partitions = sorted(ends)
    moved = await conn.execute(
        MOVE_OFFSETS,
        {
            "topics": [each.topic for each in partitions],
            "partitions": [each.partition for each in partitions],
            "epochs": [epochs.get(each, -1) for each in partitions],
            "offsets": [ends[each] for each in partitions],
        },
    )
    if moved.rowcount != len(partitions):
        raise Fenced(f"{len(partitions) - moved.rowcount} of {len(partitions)} partitions are owned by another process")


async def _move_marks(moved: Mapping[Stream, Mark], before: Mapping[Stream, Mark], conn: AsyncConnection) -> None:
    """Rows that exist are locked; one that does not may be begun by two processes at once, and the second must see."""
    for statement, streams in (
        (_MOVE_MARKS, [stream for stream in moved if stream in before]),
        (_BEGIN_MARKS, in_order(stream for stream in moved if stream not in before)),
    ):
        if streams:
            marks = [moved[stream] for stream in streams]
            columns = {"seqs": [mark.seq for mark in marks], "event_ids": [mark.event_id for mark in marks]}
            if (await conn.execute(statement, {**_keys(streams), **columns})).rowcount != len(streams):
                raise Overtaken("another process began the same stream")


async def _keep_apart(found: Sorted, *, conn: AsyncConnection, now: datetime) -> dict[Stream, str]:
    """Keep what is not applied but must not be lost; park and release streams. Those that were stopped."""
    kept = [_as_put_aside("record", each, each.fault or "") for each in (*found.refused, *found.poison)]
    kept += [_as_put_aside("waiting", each, each.fault or _WAITS) for each in found.waiting]
    await put_aside(kept, conn=conn, now=now)
    await _park({each.stream: each.fault or "" for each in found.poison}, "poison", conn=conn, now=now)
    if found.sound:
        await unpark(found.sound, "rewound", conn=conn)
    return await _park(found.rewound, "rewound", conn=conn, now=now)


async def unpark(streams: Iterable[Stream], reason: Reason, *, conn: AsyncConnection) -> None:
    await conn.execute(_UNPARK, {**_keys(in_order(streams)), "reason": reason})


def _as_put_aside(kind: Kind, arrival: Arrival, error: str) -> PutAside:
    """As it came. `source` and `seq` are set for what belongs to a parked run, and only for that."""
    kept = PutAside(kind, error, topic=arrival.topic, key=arrival.key, headers=arrival.headers, value=arrival.value)
    if (place := arrival.place or arrival.seen_at) is not None:
        kept = replace(kept, partition=place.partition, offset=place.offset)
    if arrival.standing is not Standing.REFUSED:
        source, aggregate_id = arrival.stream
        kept = replace(kept, source=source, aggregate_id=aggregate_id, seq=arrival.sent.sequence)
    return kept


async def _park(
    streams: Mapping[Stream, str], reason: Reason, *, conn: AsyncConnection, now: datetime
) -> dict[Stream, str]:
    """Those that were not parked for this reason yet."""
    if not streams:
        return {}
    keys = in_order(streams)
    details = [streams[stream] for stream in keys]
    rows = await conn.execute(_PARK, {**_keys(keys), "details": details, "reason": reason, "now": now})
    return {stream: streams[stream] for stream in map(tuple, rows)}


def in_order(streams: Iterable[Stream]) -> list[Stream]:
    """The order in which everybody locks streams: PostgreSQL's order of the same columns."""
    return sorted(streams, key=lambda stream: (stream[0], stream[1].int))


def _keys(streams: Sequence[Stream]) -> dict[str, list[str] | list[UUID]]:
    return {"sources": [source for source, _ in streams], "aggregates": [aggregate for _, aggregate in streams]}


_MEET = text("""
INSERT INTO producer_epoch (source, epoch)
SELECT :source, :epoch WHERE NOT EXISTS (SELECT FROM watermark WHERE source = :source)
ON CONFLICT (source) DO NOTHING
""")

_MARKS = """
SELECT source, aggregate_id, seq, event_id FROM watermark
JOIN unnest(CAST(:sources AS text[]), CAST(:aggregates AS uuid[])) AS stream (source, aggregate_id)
    USING (source, aggregate_id)
"""
_READ_MARKS = text(_MARKS)
_LOCK_MARKS = text(_MARKS + "ORDER BY source, aggregate_id FOR UPDATE OF watermark")

_ANY_PARKED = text("SELECT EXISTS (SELECT FROM parked_aggregate)")

_PARKED_AMONG = text("""
SELECT source, aggregate_id, reason FROM parked_aggregate
JOIN unnest(CAST(:sources AS text[]), CAST(:aggregates AS uuid[])) AS stream (source, aggregate_id)
    USING (source, aggregate_id)
""")

_MOVE_MARKS = text("""
UPDATE watermark SET seq = new.seq, event_id = new.event_id
FROM unnest(
    CAST(:sources AS text[]), CAST(:aggregates AS uuid[]), CAST(:seqs AS bigint[]), CAST(:event_ids AS uuid[])
) AS new (source, aggregate_id, seq, event_id)
WHERE watermark.source = new.source AND watermark.aggregate_id = new.aggregate_id
""")

_BEGIN_MARKS = text("""
INSERT INTO watermark (source, aggregate_id, seq, event_id)
SELECT * FROM unnest(
    CAST(:sources AS text[]), CAST(:aggregates AS uuid[]), CAST(:seqs AS bigint[]), CAST(:event_ids AS uuid[])
)
ON CONFLICT (source, aggregate_id) DO NOTHING
""")

_JOURNAL = text("""
INSERT INTO journal (event_id, topic, source, aggregate_id, seq, type, at, consumed_at, data)
SELECT event_id, topic, source, aggregate_id, seq, type, at, :now, CAST(data AS jsonb)
FROM unnest(
    CAST(:event_ids AS uuid[]), CAST(:topics AS text[]), CAST(:sources AS text[]), CAST(:aggregates AS uuid[]),
    CAST(:seqs AS bigint[]), CAST(:types AS text[]), CAST(:ats AS timestamptz[]), CAST(:data AS text[])
) WITH ORDINALITY AS fact (event_id, topic, source, aggregate_id, seq, type, at, data, place)
ORDER BY place
""")

_PARK = text("""
INSERT INTO parked_aggregate (source, aggregate_id, reason, detail, since)
SELECT source, aggregate_id, :reason, detail, :now
FROM unnest(CAST(:sources AS text[]), CAST(:aggregates AS uuid[]), CAST(:details AS text[]))
    AS stream (source, aggregate_id, detail)
ON CONFLICT DO NOTHING
RETURNING source, aggregate_id
""")

_UNPARK = text("""
DELETE FROM parked_aggregate
USING unnest(CAST(:sources AS text[]), CAST(:aggregates AS uuid[])) AS stream (source, aggregate_id)
WHERE parked_aggregate.source = stream.source AND parked_aggregate.aggregate_id = stream.aggregate_id
  AND reason = :reason
""")
