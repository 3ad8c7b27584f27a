"""Taking arrivals, come what may: halve what fails, ask the producer where only it can tell, park what is poison.

Nothing is parked, and no gap closed, on the word of a topic alone: anybody with access to the broker may write there.
A record that fails, leaves a gap or contradicts what was taken is compared with its producer's own log first. Where
that does not answer, the record is left: it is in that log, and the auditor fetches it when the producer is back.

What this cannot see is a record that somebody else wrote with the right key, source and next number, before the
producer wrote its own: that takes the topic's access list. It shows when the genuine record follows.
"""

import asyncio
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol

from aiokafka import TopicPartition

from shared.kit import telemetry
from shared.kit.consuming.arrivals import Arrival, Standing, Stream
from shared.kit.consuming.effects import AskProducer, Done, Effects, Fenced
from shared.kit.consuming.set_aside import describe
from shared.kit.transient import Backoff, EnvironmentFault, is_environment, is_transient

log = telemetry.log

ATTEMPTS = 5
"""Of one transaction at what passes by itself (a deadlock, the database gone), before whoever asked is told."""

MOST_AT_ONCE = 1000
"""Arrivals in one transaction."""

ASKED_AT_ONCE = 8

_RECORDS = telemetry.counter("liandu_consumer_records_total", "Records by what came of them", ["outcome"])
_ASKED = telemetry.counter("liandu_consumer_streams_asked_total", "Streams looked up in their producer's log")


class ProducerUnavailable(Exception):
    """A producer's log cannot be read now. Temporary."""


class ProducersLogs(Protocol):
    async def events(self, stream: Stream, *, after: int, up_to: int | None = None) -> list[Arrival]:
        """The events of one stream in order, confirmed, from the number after `after` up to `up_to` (None: the end).

        Raises:
            ProducerUnavailable: the producer does not answer.
        """

    async def epoch(self, source: str) -> str | None:
        """Which life of this producer's log it is; None where it does not say. Raises: ProducerUnavailable."""


@dataclass(slots=True)
class Taken:
    """What came of a run of arrivals, however many transactions it took."""

    applied: int = 0
    put_aside: list[Arrival] = field(default_factory=list)
    rewound: dict[Stream, str] = field(default_factory=dict)
    """Streams that were stopped now, and how they contradict their producer's log."""
    left: set[Stream] = field(default_factory=set)
    """Streams whose producer could not be asked: for the auditor."""


class Taker:
    """Takes arrivals for one service: the consumer's batches, what the auditor misses, what is redriven."""

    def __init__(self, *, effects: Effects, logs: ProducersLogs) -> None:
        self._effects = effects
        self._logs = logs

    async def take(self, arrivals: Sequence[Arrival], *, epochs: Mapping[TopicPartition, int] | None = None) -> Taken:
        """Take these in order, in as few transactions as they let themselves be taken in.

        Raises:
            Fenced: a partition has another owner, who takes what was not taken yet.
            Exception: a transient failure that outlasted `ATTEMPTS`, or one that is not the arrivals' fault. What was
                taken stays taken; the same again takes the rest.
        """
        return await _Run(self._effects, self._logs, epochs or {}).finish(_Part(arrivals))

    async def catch_up(self, streams: Mapping[Stream, int]) -> Taken:
        """Bring streams to where their producers' logs are. Given the last number taken from each, which is compared.

        Raises: as `take`. Streams whose producer does not answer are among those left.
        """
        run = _Run(self._effects, self._logs, {})
        return await run.finish(await run.ask(_Part(()), streams))

    async def judge(self, arrival: Arrival, last: int) -> tuple[Arrival, list[Arrival]]:
        """An arrival after its producer's word (see `Standing`), and the confirmed events that stand for it.

        `last`: the last number taken from its stream.
        """
        run = _Run(self._effects, self._logs, {})
        *confirmed, judged = (await run.ask(_Part([arrival]), {arrival.stream: last})).arrivals
        return judged, confirmed


@dataclass(frozen=True, slots=True)
class _Part:
    """Arrivals for one transaction; `contradicted`: streams whose producer no longer has what was taken from them."""

    arrivals: Sequence[Arrival]
    contradicted: Mapping[Stream, str] = field(default_factory=dict)
    tried_alone: bool = False
    """Whether its one arrival has failed by itself before: not by a chance that is over."""

    def halves(self) -> list["_Part"]:
        """The second half first: the parts are a stack."""
        half = len(self.arrivals) // 2
        return [_Part(self.arrivals[half:]), replace(self, arrivals=self.arrivals[:half])]


class _Run:
    """One run of arrivals, and what has come of it so far."""

    def __init__(self, effects: Effects, logs: ProducersLogs, epochs: Mapping[TopicPartition, int]) -> None:
        self._effects = effects
        self._logs = logs
        self._epochs = epochs
        self._taken = Taken()

    async def finish(self, whole: _Part) -> Taken:
        parts = [whole]
        while parts:
            part = parts.pop()
            if len(part.arrivals) > MOST_AT_ONCE:
                parts += part.halves()
                continue
            believed = set(self._effects.log_epochs)
            try:
                self._note(await self._apply(part))
            except AskProducer as question:
                await self._meet({source for source, _ in question.streams})
                met = self._effects.log_epochs.keys() - believed  # here, or meanwhile by the auditor
                parts.append(part if met else await self.ask(part, question.streams))
            except Exception as error:
                if isinstance(error, Fenced) or is_transient(error):
                    raise
                parts += await self._divide(part, error)
        return self._taken

    async def _meet(self, sources: Set[str]) -> None:
        """Believe the logs of producers that were never met, where they answer."""
        for source in sorted(sources - self._effects.log_epochs.keys()):
            with suppress(ProducerUnavailable):
                if (epoch := await self._logs.epoch(source)) is not None:
                    await self._effects.meet(source, epoch)

    async def ask(self, part: _Part, streams: Mapping[Stream, int]) -> _Part:
        """The same part with the producers' word: their events first, then the arrivals, each with its standing."""
        _ASKED.inc(len(streams))
        confirmed: list[Arrival] = []
        contradicted = dict(part.contradicted)
        logs = await self._read_logs(part, streams)
        for stream, events in list(logs.items()):
            if events is None:
                self._taken.left.add(stream)
            elif _lacks(events, streams[stream]):
                contradicted[stream] = f"event {streams[stream]} was taken; the producer's log has no such event"
                del logs[stream]
            else:
                confirmed += _with_places(events, part.arrivals)
        epochs = self._effects.log_epochs
        return _Part([*confirmed, *(_judged(arrival, logs, epochs) for arrival in part.arrivals)], contradicted)

    async def _read_logs(self, part: _Part, streams: Mapping[Stream, int]) -> dict[Stream, list[Arrival] | None]:
        """The producers' events from the last taken on, as far as the part goes; None where the log does not answer."""
        up_to: dict[Stream, int] = {}
        for arrival in part.arrivals:
            if arrival.counts:
                up_to[arrival.stream] = max(up_to.get(arrival.stream, 0), arrival.sent.sequence)
        at_once, silent = asyncio.Semaphore(ASKED_AT_ONCE), dict[str, str]()
        met = set(self._effects.log_epochs)

        async def read(stream: Stream, last: int) -> list[Arrival] | None:
            async with at_once:
                try:
                    return await self._logs.events(stream, after=max(last - 1, 0), up_to=up_to.get(stream))
                except ProducerUnavailable as error:
                    silent[stream[0]] = str(error)
                    return None

        found = await asyncio.gather(*(read(stream, last) for stream, last in streams.items()))
        for source, error in silent.items():
            # Before the first meeting they may just be starting together.
            say = log.warning if source in met else log.info
            say("left to the auditor what its producer was to be asked about", source=source, error=error)
        return dict(zip(streams, found, strict=True))

    async def _divide(self, part: _Part, error: Exception) -> list[_Part]:
        """What to try instead of a part that failed.

        A single arrival: to have it confirmed, then the same once more, then to park its stream.

        Raises:
            Exception: the error, when it was no arrival's fault.
        """
        if len(part.arrivals) > 1:
            return part.halves()
        if not part.arrivals:
            raise error
        [arrival] = part.arrivals
        if not arrival.counts or arrival.fault is not None:
            raise error
        if arrival.standing is Standing.AS_SENT:
            return [await self.ask(part, {arrival.stream: arrival.sent.sequence - 1})]
        if not part.tried_alone:
            return [replace(part, tried_alone=True)]
        log.error("poison", topic=arrival.topic, aggregate=str(arrival.stream[1]), exc_info=error)
        return [replace(part, arrivals=[arrival.as_(Standing.CONFIRMED, fault=describe(error))])]

    async def _apply(self, part: _Part) -> Done:
        """In a few attempts. Raises EnvironmentFault where it was no arrival's fault and does not pass by itself."""
        backoff = Backoff()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._effects.apply(part.arrivals, epochs=self._epochs, contradicted=part.contradicted)
            except Exception as error:
                environment = is_environment(error)
                if attempt == ATTEMPTS and environment:
                    log.error("nothing can be taken until the database is mended", exc_info=error)
                    raise EnvironmentFault(describe(error)) from error
                if attempt == ATTEMPTS or not (environment or is_transient(error)):
                    raise
                log.warning("batch interrupted", error=describe(error))
            await backoff.pause()
        raise AssertionError("the last attempt returns or raises")

    def _note(self, done: Done) -> None:
        for outcome, count in done.counts.items():
            _RECORDS.labels(outcome).inc(count)
        if lost := done.counts[Standing.LOST.value]:
            log.warning("left out what its producer's log has lost", records=lost)
        self._taken.applied += done.counts["applied"]
        self._taken.put_aside += done.put_aside
        self._taken.rewound.update(done.rewound)
        for (source, aggregate_id), how in done.rewound.items():
            log.error("stream stopped: its producer's log contradicts what was taken", source=source,
                      aggregate=str(aggregate_id), detail=how)  # fmt: skip


def _lacks(events: Sequence[Arrival], last: int) -> bool:
    """Whether a log, read from `last` on, does not have it."""
    return last > 0 and (not events or events[0].sent.sequence != last)


def _judged(
    arrival: Arrival, logs: Mapping[Stream, Sequence[Arrival] | None], log_epochs: Mapping[str, str]
) -> Arrival:
    """An arrival after its producer's log was read: repeated by its confirmed copy, not genuine, left, or as it was."""
    if arrival.standing is not Standing.AS_SENT or arrival.stream not in logs:
        return arrival
    events = logs[arrival.stream]
    if events is None:
        return arrival.as_(Standing.LEFT)
    if not events or arrival.sent.sequence > events[-1].sent.sequence:
        return _not_genuine(arrival, log_epochs, "the producer's log has no such event")
    sequence, first = arrival.sent.sequence, events[0].sent.sequence
    if sequence < first:
        return arrival
    genuine = events[sequence - first].sent
    if genuine.event_id != arrival.sent.event_id:
        return _not_genuine(arrival, log_epochs, f"the producer's event {sequence} is {genuine.event_id}")
    return arrival.as_(Standing.REPEATED)


def _not_genuine(arrival: Arrival, log_epochs: Mapping[str, str], fault: str) -> Arrival:
    """Lost with an earlier life of the log, if it says so; otherwise somebody else wrote it."""
    lost = arrival.sent.epoch not in (None, log_epochs.get(arrival.sent.source))
    return arrival.as_(Standing.LOST if lost else Standing.REFUSED, fault)


def _with_places(events: Sequence[Arrival], arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Confirmed copies that know where the records stand which they replace."""
    places = {arrival.sent.event_id: arrival.place for arrival in arrivals if arrival.counts}
    return [replace(event, seen_at=places.get(event.sent.event_id)) for event in events]
