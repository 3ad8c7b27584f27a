"""The auditor: compares producers' heads with our watermarks, and fetches over HTTP whatever Kafka did not bring.

A gap in a stream shows only when a later fact comes, and a lost broker brings none. So what changed in a producer's log
is compared every few seconds, and everything, by digests: at the start, when the broker is a new incarnation, when a
producer's log begins a new epoch, when a stream was found to contradict its producer, and once a day. What is missing
goes the consumer's own way (watermarks, journal, handler), so that what comes twice counts once.

A producer that was never met is believed as soon as it answers: nothing was taken yet that could contradict it. What
the consumer had to leave until then is fetched at once, before anything is compared.

A log begins a new epoch when it is restored from a backup. Whatever was taken from it that it no longer has stops those
streams, before a single record of the new epoch is taken on the word of a topic.

The place among a producer's changes is kept in memory: a new process compares everything first, and needs no more.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kit import telemetry
from shared.kit.consuming.arrivals import Stream
from shared.kit.consuming.back_fill import REST_AT_FIRST, BackFill, LogRestored, ProducerLog
from shared.kit.consuming.consumer import Consumer, Horizon
from shared.kit.consuming.effects import in_order, read_marks
from shared.kit.consuming.taking import ProducerUnavailable
from shared.kit.database import transaction
from shared.kit.log.api import Head
from shared.kit.log.audit import bucket_watermarks, watermark_digests
from shared.kit.patience import Patience

log = telemetry.log

EVERY = 2.0
"""Real seconds between two looks at what changed."""

FULL_EVERY = 24 * 3600.0

PATIENCE = 60.0
"""Real seconds after which what Kafka should have brought is fetched, however busy the consumer still is."""

PATIENCE_AT_FIRST = 5.0
"""The same while there is no connection to the broker, and at the first comparison: broker and producer may just be
starting, and what the producer has logged not be sent yet."""

WARN_AFTER = 10.0
"""Real seconds before the log says that a producer is away: services that start together miss each other's first."""

STREAMS_AT_ONCE = 200
BUCKETS_AT_ONCE = 32

_FETCHED = telemetry.counter("liandu_auditor_facts_fetched_total", "Facts that Kafka did not bring", ["source"])
_COMPARED = telemetry.counter(
    "liandu_auditor_comparisons_total", "Comparisons with a producer's log", ["source", "kind"]
)
_STREAMS_STOPPED = telemetry.gauge(
    "liandu_streams_stopped", "Streams stopped because their producer's log contradicts what was taken from them"
)
_BEHIND = telemetry.gauge(
    "liandu_auditor_streams_behind", "Streams known to have facts that were not taken yet", ["source"]
)
_AWAY = telemetry.gauge("liandu_auditor_producer_away", "1 while a producer's log cannot be read", ["source"])


@dataclass(frozen=True, slots=True)
class AuditorState:
    """`unsettled`: what is missing and being fetched, or may be missing for all we know. `problems`: for people."""

    unsettled: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Late:
    """Heads that we have not reached. They may be in Kafka still, up to `horizon`."""

    heads: Sequence[Head]
    horizon: Horizon | None
    since: float


@dataclass(slots=True)
class _Watch:
    """What the auditor remembers of one producer."""

    producer: ProducerLog
    after: str | None = None
    late: list[_Late] = field(default_factory=list)
    full_at: float = 0.0
    """When everything is to be compared next; 0 until that was done for what is known to call for it."""
    compared: bool = False
    """Whether everything was compared since this process began."""
    away: str | None = None
    away_since: float | None = None
    said_so: bool = False


class Auditor:
    """Audits a consumer for as long as the process lives. Several processes may: the watermarks' locks decide."""

    def __init__(self, *, consumer: Consumer, back_fill: BackFill, engine: AsyncEngine) -> None:
        self._consumer = consumer
        self._engine = engine
        self._watches = [_Watch(producer) for producer in back_fill.producers.values()]

    async def run(self) -> None:
        """Run until cancelled. A producer that does not answer is asked again; others are audited meanwhile."""
        patience = Patience("auditor", first=0.1, longest=5)
        while True:
            try:
                await self.look()
                patience.over()
            except Exception as error:
                await patience.bear(error)
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        """Short while something waits for a producer's answer: its first one, or what the consumer has left."""
        waiting = self._consumer.left or not all(watch.compared for watch in self._watches)
        return min(EVERY, REST_AT_FIRST) if waiting else EVERY

    async def look(self) -> None:
        """Compare what changed since the last look, or everything where that is due, and fetch what is missing."""
        async with transaction(self._engine) as conn:
            _STREAMS_STOPPED.set((await conn.execute(_COUNT_STOPPED)).scalar_one())
        if self._consumer.audit_wanted.is_set():
            self._consumer.audit_wanted.clear()
            for watch in self._watches:
                watch.full_at = 0.0
        # Each to its end, whatever becomes of the others: one that is slow to answer keeps nobody waiting.
        looks = (self._try_to_look_at(watch) for watch in self._watches)
        for outcome in await asyncio.gather(*looks, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _try_to_look_at(self, watch: _Watch) -> None:
        try:
            await self._look_at(watch)
            watch.away, watch.away_since, watch.said_so = None, None, False
        except ProducerUnavailable as error:
            now = asyncio.get_running_loop().time()
            watch.away, watch.away_since = str(error), watch.away_since or now
            if not watch.said_so and now - watch.away_since >= WARN_AFTER:
                watch.said_so = True
                log.warning("a producer's log cannot be read", error=str(error))
        _AWAY.labels(watch.producer.source).set(watch.away is not None)
        _BEHIND.labels(watch.producer.source).set(self._count_late(watch))

    async def state(self) -> AuditorState:
        """A producer that is away unsettles nothing: the platform goes on without it."""
        unsettled: list[str] = []
        problems: list[str] = []
        for watch in self._watches:
            source = watch.producer.source
            if late := self._count_late(watch):
                (problems if watch.away else unsettled).append(f"{late} streams of {source} to be fetched")
            if not watch.away and self._may_lack(watch):
                unsettled.append(f"comparing with {source}")
            if watch.away:
                problems.append(f"the log of {source} cannot be read: {watch.away}")
        return AuditorState(tuple(unsettled), tuple(problems))

    async def _look_at(self, watch: _Watch) -> None:
        now = asyncio.get_running_loop().time()
        if now >= watch.full_at:
            await self._compare_all(watch)
            watch.full_at = now + FULL_EVERY
        try:
            await self._compare_changes(watch)
        except LogRestored:
            watch.full_at = 0.0
            await self._compare_all(watch)
            watch.full_at = now + FULL_EVERY
        await self._fetch_late(watch)

    async def _compare_changes(self, watch: _Watch) -> None:
        """Note those heads of what changed that we have not reached."""
        more = True
        while more:
            page = await watch.producer.changed_heads(watch.after)
            if behind := await self._behind(watch.producer.source, page.heads):
                watch.late.append(_Late(behind, await self._consumer.horizon(), asyncio.get_running_loop().time()))
            watch.after = page.next_after
            more = page.more or bool(page.heads)
        _COMPARED.labels(watch.producer.source, "changes").inc()

    async def _fetch_late(self, watch: _Watch) -> None:
        """Fetch what the consumer has left, and what Kafka has had its chance to bring."""
        await self._fetch_left(watch)
        source, streams, waiting = watch.producer.source, set[Stream](), []
        for late in watch.late:
            if await self._may_still_come(late.horizon, since=late.since):
                waiting.append(late)
            else:
                streams |= _streams(source, await self._behind(source, late.heads))
        await self._fetch(watch, streams)
        watch.late = waiting

    async def _fetch_left(self, watch: _Watch) -> None:
        source = watch.producer.source
        left = [stream for stream in self._consumer.left if stream[0] == source]
        await self._fetch(watch, left, was_left=True)

    async def _compare_all(self, watch: _Watch) -> None:
        """By digests first; then head by head where they differ, once Kafka has brought what it had."""
        source = watch.producer.source
        here = await watch.producer.changed_heads(None)
        watch.after = here.next_after
        watch.away = None  # from here on it is worth waiting for
        if here.epoch is not None and here.epoch != await self._consumer.epoch_of(source):
            await self._enter(here.epoch, watch)
        await self._fetch_left(watch)
        horizon, since = await self._consumer.horizon(), asyncio.get_running_loop().time()
        buckets = await self._differing(watch)
        while buckets and (_is_young(watch, since) or await self._may_still_come(horizon, since=since)):
            await asyncio.sleep(EVERY / 10)
            await self._fetch_left(watch)
            buckets = await self._differing(watch)
        log.info("compared with a producer's log", source=source, buckets_that_differ=len(buckets))
        await self._fetch(watch, await self._stopped(source))
        for start in range(0, len(buckets), BUCKETS_AT_ONCE):
            await self._fetch(watch, await self._contradicting(watch, buckets[start : start + BUCKETS_AT_ONCE]))
        watch.compared = True
        _COMPARED.labels(source, "all").inc()

    async def _enter(self, epoch: str, watch: _Watch) -> None:
        """A life of the log that is not known yet: stop the streams of which something was taken that it lacks."""
        source = watch.producer.source
        before = await self._consumer.epoch_of(source)
        if before is None and await self._consumer.effects.meet(source, epoch):
            return
        self._consumer.doubt(source)
        say = log.info if before is None else log.warning
        say("a producer's log began a new epoch: comparing", source=source, epoch=epoch)
        buckets = await self._differing(watch)
        for start in range(0, len(buckets), BUCKETS_AT_ONCE):
            part = buckets[start : start + BUCKETS_AT_ONCE]
            await self._fetch(watch, await self._contradicting(watch, part, taken=True))
        await self._consumer.believe(source, epoch)

    async def _differing(self, watch: _Watch) -> list[int]:
        theirs = await watch.producer.digests()
        async with transaction(self._engine) as conn:
            ours = await watermark_digests(conn, source=watch.producer.source)
        return [bucket for bucket, pair in enumerate(zip(theirs, ours, strict=True)) if pair[0] != pair[1]]

    async def _contradicting(self, watch: _Watch, buckets: Collection[int], *, taken: bool = False) -> set[Stream]:
        """The streams of these buckets in which our mark is not the producer's head: behind it, ahead, or another.

        `taken`: only those of which something was taken.
        """
        source = watch.producer.source
        async with transaction(self._engine) as conn:
            marks = await bucket_watermarks(conn, buckets, source=source)
        heads = {head.aggregate_id: head for bucket in buckets for head in await watch.producer.heads_in(bucket)}
        differ = {each for each, head in heads.items() if marks.get(each) != (head.seq, head.event_id)}
        if taken:
            differ &= marks.keys()
        return {(source, aggregate_id) for aggregate_id in differ | (marks.keys() - heads.keys())}

    async def _stopped(self, source: str) -> set[Stream]:
        """Streams that were found to contradict the producer's log: it may have been mended."""
        async with transaction(self._engine) as conn:
            return {(source, row.aggregate_id) for row in await conn.execute(_STOPPED, {"source": source})}

    async def _behind(self, source: str, heads: Sequence[Head]) -> list[Head]:
        """Those heads that our watermarks have not reached, or reached with another event."""
        async with transaction(self._engine) as conn:
            marks = await read_marks(in_order(_streams(source, heads)), conn=conn)

        def reached(head: Head) -> bool:
            mark = marks.get((source, head.aggregate_id))
            return mark is not None and (mark.seq > head.seq or (mark.seq, mark.event_id) == (head.seq, head.event_id))

        return [head for head in heads if not reached(head)]

    async def _may_still_come(self, horizon: Horizon | None, *, since: float) -> bool:
        """Whether Kafka may bring it yet: what it held then was not all taken."""
        waited = asyncio.get_running_loop().time() - since
        if horizon is None:
            return waited < PATIENCE_AT_FIRST
        return waited < PATIENCE and not await self._consumer.has_passed(horizon)

    async def _fetch(self, watch: _Watch, streams: Iterable[Stream], *, was_left: bool = False) -> None:
        source, ordered = watch.producer.source, in_order(streams)
        for start in range(0, len(ordered), STREAMS_AT_ONCE):
            taken = await self._consumer.catch_up(ordered[start : start + STREAMS_AT_ONCE])
            if taken.applied:
                _FETCHED.labels(source).inc(taken.applied)
                if was_left:
                    log.info("fetched what was left", source=source, facts=taken.applied)
                else:
                    log.warning("fetched what Kafka did not bring", source=source, facts=taken.applied)
            if taken.left:
                raise ProducerUnavailable(f"{source} stopped answering")

    def _may_lack(self, watch: _Watch) -> bool:
        """Whether a comparison of everything is called for and not finished: what is missing is not known before."""
        return self._consumer.audit_wanted.is_set() or watch.full_at == 0

    def _count_late(self, watch: _Watch) -> int:
        source = watch.producer.source
        missing = {each for each in self._consumer.left | self._consumer.fetching if each[0] == source}
        return len(missing.union(*(_streams(source, late.heads) for late in watch.late)))


def _is_young(watch: _Watch, since: float) -> bool:
    return not watch.compared and asyncio.get_running_loop().time() - since < PATIENCE_AT_FIRST


def _streams(source: str, heads: Iterable[Head]) -> set[tuple[str, UUID]]:
    return {(source, head.aggregate_id) for head in heads}


_STOPPED = text("SELECT aggregate_id FROM parked_aggregate WHERE source = :source AND reason = 'rewound'")

_COUNT_STOPPED = text("SELECT count(*) FROM parked_aggregate WHERE reason = 'rewound'")
