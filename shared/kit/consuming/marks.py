"""What to do with arrivals, given how far each stream has come: the consumer's decisions, without any I/O.

A watermark says up to which number a stream was taken: applied, or kept waiting behind a parked record. So what was
taken is dropped when it comes again, the next number is taken, and a number further on shows that something is missing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple
from uuid import UUID

from shared.kit.consuming.arrivals import Arrival, Standing, Stream

Reason = Literal["poison", "rewound"]
"""Why a stream stands still. `poison`: a record of it failed; what follows waits in order. `rewound`: its producer's
log no longer has what was taken from it; nothing is taken until a person has looked (or the log has it again)."""


class Mark(NamedTuple):
    """The last number taken from a stream, and the event that had it."""

    seq: int
    event_id: UUID


@dataclass(slots=True)
class Sorted:
    """What is to be done with a run of arrivals. Every list keeps the order of arrival."""

    apply: list[Arrival] = field(default_factory=list)
    """Next in their streams. Those without an event are of unknown types: journaled, not handled."""
    waiting: list[Arrival] = field(default_factory=list)
    """Next in streams that are parked."""
    poison: list[Arrival] = field(default_factory=list)
    """Next in their streams and beyond doubt, but they cannot be done: park the stream."""
    refused: list[Arrival] = field(default_factory=list)
    """To be put aside without touching any stream."""
    dropped: Counter[str] = field(default_factory=Counter)
    """How many need nothing done, by why."""
    moved: dict[Stream, Mark] = field(default_factory=dict)
    """The new watermarks."""
    ask: dict[Stream, int] = field(default_factory=dict)
    """Streams about which only the producer can tell, and the last number taken from each before this run (0: none)."""
    rewound: dict[Stream, str] = field(default_factory=dict)
    """Streams found to contradict their producer's log, and how."""
    sound: set[Stream] = field(default_factory=set)
    """Streams that were rewound and agree with their producer's log again."""


def sort_out(
    arrivals: Iterable[Arrival],
    marks: Mapping[Stream, Mark],
    parked: Mapping[Stream, set[Reason]],
    log_epochs: Mapping[str, str] = MappingProxyType({}),
) -> Sorted:
    """Decide about each arrival in turn. Where `ask` is not empty, nothing else of the answer counts.

    `log_epochs`: the life of each source's log that is believed. What a topic has of another life, only the producer
    can confirm.
    """
    sorting = _Sorting(marks, parked, log_epochs)
    for arrival in arrivals:
        sorting.take(arrival)
    return sorting.found


class _Sorting:
    def __init__(
        self, marks: Mapping[Stream, Mark], parked: Mapping[Stream, set[Reason]], log_epochs: Mapping[str, str]
    ) -> None:
        self.found = Sorted()
        self._log_epochs = log_epochs
        self._marks = marks
        self._poisoned = {stream for stream, reasons in parked.items() if "poison" in reasons}
        self._rewound = {stream for stream, reasons in parked.items() if "rewound" in reasons}

    def take(self, arrival: Arrival) -> None:
        if arrival.standing is Standing.REFUSED:
            self.found.refused.append(arrival)
            return
        if arrival.standing in (Standing.REPEATED, Standing.LOST, Standing.LEFT):
            self.found.dropped[arrival.standing.value] += 1
            return
        stream = arrival.stream
        last = self.found.moved.get(stream) or self._marks.get(stream)
        if stream in self._rewound and not self._agrees_again(arrival, stream, last):
            self.found.dropped["stopped"] += 1
        elif last is None or arrival.sent.sequence > last.seq:
            self._take_new(arrival, stream, 0 if last is None else last.seq)
        else:
            self._take_old(arrival, stream, last)

    def _take_new(self, arrival: Arrival, stream: Stream, last: int) -> None:
        envelope = arrival.sent
        confirmed = arrival.standing is Standing.CONFIRMED
        if not confirmed and (
            arrival.fault is not None
            or envelope.sequence > last + 1
            or envelope.epoch != self._log_epochs.get(envelope.source)
        ):
            self._ask(stream)
            return
        if envelope.sequence > last + 1:
            self.found.dropped["left"] += 1
            return
        self.found.moved[stream] = Mark(envelope.sequence, envelope.event_id)
        if stream in self._poisoned:
            self.found.waiting.append(arrival)
        elif arrival.fault is not None:
            self.found.poison.append(arrival)
            self._poisoned.add(stream)
        else:
            self.found.apply.append(arrival)

    def _take_old(self, arrival: Arrival, stream: Stream, last: Mark) -> None:
        """A number that was taken before: a repetition, unless another event had it.

        Readable or not: it was judged when it was taken, and stands in the journal or among what was put aside.
        """
        envelope = arrival.sent
        if envelope.sequence == last.seq and envelope.event_id != last.event_id:
            self._take_contradicting(arrival, stream, last)
        else:
            self.found.dropped["repeated"] += 1

    def _take_contradicting(self, arrival: Arrival, stream: Stream, last: Mark) -> None:
        if arrival.standing is not Standing.CONFIRMED:
            self._ask(stream)
            return
        self._rewound.add(stream)
        self.found.rewound[stream] = (
            f"event {last.seq} was taken as {last.event_id}; the producer's log has {arrival.sent.event_id} there"
        )

    def _ask(self, stream: Stream) -> None:
        mark = self._marks.get(stream)
        self.found.ask[stream] = 0 if mark is None else mark.seq

    def _agrees_again(self, arrival: Arrival, stream: Stream, last: Mark | None) -> bool:
        if arrival.standing is not Standing.CONFIRMED or last is None:
            return False
        if Mark(arrival.sent.sequence, arrival.sent.event_id) != last:
            return False
        self._rewound.discard(stream)
        self.found.sound.add(stream)
        return True
