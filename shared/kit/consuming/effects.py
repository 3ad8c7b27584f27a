"""The consumer's transaction: watermarks, journal, what was put aside, the handler's writes, offsets; all or nothing.

Locks are taken in one order by everybody who consumes (batches, auditor, redriving): watermarks in sorted order,
partitions, then whatever the handler locks (heads). A handful of statements for any number of arrivals.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit import telemetry
from shared.kit.clock import Clock
from shared.kit.consuming.arrivals import Arrival, Standing, Stream
from shared.kit.consuming.facts import Handler
from shared.kit.consuming.marks import Mark, Reason, Sorted, sort_out
from shared.kit.consuming.partitions import move_offsets_of
from shared.kit.consuming.set_aside import Kind, PutAside, put_aside
from shared.kit.database import fetch, transaction

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
            rewound = await _park(contradicted, "rewound", conn=conn, now=now)
            streams = list({arrival.stream for arrival in arrivals if arrival.counts})
            marks, any_parked = await _lock(streams, conn)
            parked = await parked_among(streams, conn=conn) if any_parked else {}
            found = sort_out(arrivals, marks, parked, self.log_epochs)
            if found.ask:
                raise AskProducer(found.ask)
            offsets = _offsets(arrivals, epochs)
            parked_by_now = await _write(offsets, found.moved, marks, found.apply, conn=conn, now=now)
            if parked_by_now and streams and not any_parked:
                raise Overtaken("a stream was parked while this transaction waited for its watermarks")
            rewound |= await _keep_apart(found, conn=conn, now=now)
            await self._handle(found.apply, conn=conn, now=now)
        return _done(found, rewound)

    async def replay(self, arrivals: Sequence[Arrival], *, conn: AsyncConnection, now: datetime) -> None:
        """The effects of a parked run, whose numbers were taken when it was parked."""
        await _write(_offsets((), {}), {}, {}, arrivals, conn=conn, now=now)
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
    marks, _ = await _lock(streams, conn)
    return marks


async def _lock(streams: Sequence[Stream], conn: AsyncConnection) -> tuple[dict[Stream, Mark], bool]:
    """As `lock_marks`; and whether any stream at all was parked when the locks were asked for."""
    if not streams:
        return {}, False
    rows = await fetch(conn, _LOCK_MARKS, *_columns(streams))
    marks = {(row["source"], row["aggregate_id"]): Mark(row["seq"], row["event_id"]) for row in rows if row["source"]}
    return marks, rows[0]["any_parked"]


async def read_marks(streams: Sequence[Stream], *, conn: AsyncConnection) -> dict[Stream, Mark]:
    """The watermarks of these streams, as they are at the moment."""
    rows = await conn.execute(_READ_MARKS, _keys(streams))
    return {(row.source, row.aggregate_id): Mark(row.seq, row.event_id) for row in rows}


async def parked_among(streams: Sequence[Stream], *, conn: AsyncConnection) -> dict[Stream, set[Reason]]:
    """Which of these streams are parked, and why. A statement of its own, so that it sees what the locks waited for."""
    found: dict[Stream, set[Reason]] = {}
    for row in await conn.execute(_PARKED_AMONG, _keys(streams)):
        found.setdefault((row.source, row.aggregate_id), set()).add(row.reason)
    return found


async def _write(
    offsets: "_Offsets",
    moved: Mapping[Stream, Mark],
    before: Mapping[Stream, Mark],
    applied: Sequence[Arrival],
    *,
    conn: AsyncConnection,
    now: datetime,
) -> bool:
    """Move offsets and watermarks, and note what is consumed, in the order in which it is; whether any stream is parked
    by now.

    Watermarks that exist are locked; one that does not may be begun by two processes at once, and the second must see.
    """
    known = [stream for stream in moved if stream in before]
    new = in_order(stream for stream in moved if stream not in before)
    [written] = await fetch(
        conn, _WRITE, *_columns(known), *_marks_of(known, moved), *_columns(new), *_marks_of(new, moved),
        *_journalled(applied), now, *offsets,
    )  # fmt: skip
    if lost := len(offsets.partitions) - written["owned"]:
        raise Fenced(f"{lost} of {len(offsets.partitions)} partitions are owned by another process")
    if (written["moved"], written["begun"]) != (len(known), len(new)):
        raise Overtaken("another process began the same stream")
    any_parked: bool = written["any_parked"]
    return any_parked


def _marks_of(streams: Sequence[Stream], marks: Mapping[Stream, Mark]) -> tuple[list[int], list[UUID]]:
    return [marks[stream].seq for stream in streams], [marks[stream].event_id for stream in streams]


def _journalled(arrivals: Sequence[Arrival]) -> tuple[list[object], ...]:
    sent = [arrival.sent for arrival in arrivals]
    return (
        [each.event_id for each in sent],
        [arrival.topic for arrival in arrivals],
        [each.source for each in sent],
        [each.aggregate_id for each in sent],
        [each.sequence for each in sent],
        [each.type for each in sent],
        [each.time for each in sent],
        [(arrival.value or b"null").decode() for arrival in arrivals],
    )


class _Offsets(NamedTuple):
    """Columns: where to go on in each partition, and in which epoch it must be owned."""

    topics: list[str]
    partitions: list[int]
    epochs: list[int]
    next_offsets: list[int]


def _offsets(arrivals: Sequence[Arrival], epochs: Mapping[TopicPartition, int]) -> _Offsets:
    ends = {TopicPartition(a.place.topic, a.place.partition): a.place.offset + 1 for a in arrivals if a.place}
    partitions = sorted(ends)
    return _Offsets(
        [each.topic for each in partitions],
        [each.partition for each in partitions],
        [epochs.get(each, -1) for each in partitions],
        [ends[each] for each in partitions],
    )


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


def _columns(streams: Sequence[Stream]) -> tuple[list[str], list[UUID]]:
    return [source for source, _ in streams], [aggregate for _, aggregate in streams]


_MEET = text("""
INSERT INTO producer_epoch (source, epoch)
SELECT :source, :epoch WHERE NOT EXISTS (SELECT FROM watermark WHERE source = :source)
ON CONFLICT (source) DO NOTHING
""")

_READ_MARKS = text("""
SELECT source, aggregate_id, seq, event_id FROM watermark
JOIN unnest(CAST(:sources AS text[]), CAST(:aggregates AS uuid[])) AS stream (source, aggregate_id)
    USING (source, aggregate_id)
""")

# One row at least, without a mark where there is none.
_LOCK_MARKS = """
WITH locked AS MATERIALIZED (
    SELECT source, aggregate_id, seq, event_id FROM watermark
    JOIN unnest($1::text[], $2::uuid[]) AS stream (source, aggregate_id) USING (source, aggregate_id)
    ORDER BY source, aggregate_id FOR UPDATE OF watermark
)
SELECT locked.*, EXISTS (SELECT FROM parked_aggregate) AS any_parked
FROM (VALUES (true)) AS one LEFT JOIN locked ON true
"""

_PARKED_AMONG = text("""
SELECT source, aggregate_id, reason FROM parked_aggregate
JOIN unnest(CAST(:sources AS text[]), CAST(:aggregates AS uuid[])) AS stream (source, aggregate_id)
    USING (source, aggregate_id)
""")

_WRITE = f"""
WITH moved AS (
    UPDATE watermark SET seq = new.seq, event_id = new.event_id
    FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[]) AS new (source, aggregate_id, seq, event_id)
    WHERE watermark.source = new.source AND watermark.aggregate_id = new.aggregate_id
    RETURNING 1
), begun AS (
    INSERT INTO watermark (source, aggregate_id, seq, event_id)
    SELECT * FROM unnest($5::text[], $6::uuid[], $7::bigint[], $8::uuid[])
    ON CONFLICT (source, aggregate_id) DO NOTHING
    RETURNING 1
), noted AS (
    INSERT INTO journal (event_id, topic, source, aggregate_id, seq, type, at, consumed_at, data)
    SELECT event_id, topic, source, aggregate_id, seq, type, at, $17::timestamptz, data
    FROM unnest(
        $9::uuid[], $10::text[], $11::text[], $12::uuid[], $13::bigint[], $14::text[], $15::timestamptz[], $16::jsonb[]
    ) WITH ORDINALITY AS fact (event_id, topic, source, aggregate_id, seq, type, at, data, place)
    ORDER BY place
), owned AS (
    {move_offsets_of("$18", "$19", "$20", "$21")}
)
SELECT (SELECT count(*) FROM moved) AS moved, (SELECT count(*) FROM begun) AS begun,
       (SELECT count(*) FROM owned) AS owned, EXISTS (SELECT FROM parked_aggregate) AS any_parked
"""  # noqa: S608

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
