"""What arrives from a topic, a producer's log or the table of what was put aside: read once, trusted by degrees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Self
from uuid import UUID

from pydantic import ValidationError

from shared.contracts import cloudevents
from shared.contracts.cloudevents import Envelope, NotACloudEvent
from shared.contracts.event import Event
from shared.contracts.topics import Topic
from shared.kit.consuming.facts import Fact
from shared.kit.consuming.set_aside import Headers

_GREATEST_SEQUENCE = 2**63 - 1

Stream = tuple[str, UUID]
"""The events of one aggregate of one producer: (source, aggregate id)."""


class Standing(Enum):
    """How far an arrival is trusted, and so what may be done with it."""

    AS_SENT = "as sent"
    """As it stood in the topic, where anybody might have written it."""
    CONFIRMED = "confirmed"
    """As the producer's own log has it."""
    REPEATED = "repeated"
    """Its confirmed copy stands before it."""
    REFUSED = "refused"
    """Not an event of ours; `fault` says why. It is put aside and touches no stream."""
    LOST = "lost"
    """Of a life of its producer's log that has ended, and not in the log any more: it was restored from a backup."""
    LEFT = "left"
    """The producer could not be asked; the auditor fetches it from the producer's log when that answers."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in Kafka a record stands."""

    topic: str
    partition: int
    offset: int


@dataclass(slots=True)
class Arrival:
    """One record, with its bytes as they came.

    `event` is None for a type this service does not know (its number counts all the same), and where `fault` says what
    is wrong with the record. `place` is None for what did not come from Kafka; a confirmed copy says in `seen_at` where
    the record stands that it replaces (whose offset moves with the record itself).
    """

    topic: str
    key: bytes | None
    headers: Headers
    value: bytes | None
    place: Place | None = None
    envelope: Envelope | None = None
    event: Event | None = None
    fault: str | None = None
    standing: Standing = Standing.AS_SENT
    seen_at: Place | None = None

    @property
    def sent(self) -> Envelope:
        """The envelope of an arrival that has one: all but some of those refused."""
        assert self.envelope is not None
        return self.envelope

    @property
    def stream(self) -> Stream:
        return self.sent.source, self.sent.aggregate_id

    @property
    def counts(self) -> bool:
        """Whether it may have an effect on its stream."""
        return self.standing in (Standing.AS_SENT, Standing.CONFIRMED)

    def as_(self, standing: Standing, fault: str | None = None) -> Self:
        return replace(self, standing=standing, fault=fault or self.fault)

    def fact(self) -> Fact:
        assert self.event is not None
        sent = self.sent
        return Fact(
            self.topic, sent.source, sent.aggregate_id, sent.sequence, sent.event_id, sent.time, self.event,
            sent.traceparent,
        )  # fmt: skip


class Reader:
    """Turns records into arrivals. Knows the topics a service reads, who writes each, and the events in them."""

    def __init__(self, topics: Sequence[Topic]) -> None:
        self._sources = {topic.name: cloudevents.source_of(topic.producer) for topic in topics}
        self._events = {(topic.name, event.type): event for topic in topics for event in topic.events}

    def read(
        self, topic: str, key: bytes | None, headers: Headers, value: bytes | None, place: Place | None = None
    ) -> Arrival:
        """One record. Never raises: whatever is wrong with it becomes its `fault`."""
        arrival = Arrival(topic, key, headers, value, place)
        try:
            envelope = cloudevents.read(key, headers)
        except NotACloudEvent as error:
            return arrival.as_(Standing.REFUSED, str(error))
        if envelope.source != self._sources.get(topic):
            return arrival.as_(Standing.REFUSED, f"{topic} is not written by {envelope.source!r}")
        if envelope.sequence > _GREATEST_SEQUENCE:
            return arrival.as_(Standing.REFUSED, f"no log has a sequence of {envelope.sequence}")
        arrival.envelope = envelope
        self._read_value(arrival, envelope.type)
        return arrival

    def _read_value(self, arrival: Arrival, event_type: str) -> None:
        event = self._events.get((arrival.topic, event_type))
        if arrival.value is None:
            arrival.fault = "the record has no value; it must be the event's JSON"
        elif event is not None:
            try:
                arrival.event = event.model_validate_json(arrival.value)
            except ValidationError as error:
                arrival.fault = f"the value is no {event_type}: {_in_short(error)}"


def _in_short(error: ValidationError) -> str:
    """Where and what, without the values: they may be personal."""
    found = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'value'}: {each['msg']}" for each in found[:5])
