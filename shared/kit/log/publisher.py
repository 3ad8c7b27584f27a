"""Facts to Kafka: in order, acknowledged by the broker, and every call with a limit."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from shared.contracts.cloudevents import Envelope, source_of
from shared.kit.broker import BrokerAddress, BrokerUnavailable, close_producer, open_producer

log = structlog.get_logger(__name__)

SEND_LIMIT = 30.0
"""Real seconds after which what the broker has not acknowledged counts as failed."""

_LOOK_ROUND = 1.0
_SEND_FAILURES = (KafkaError, OSError, TimeoutError, AssertionError)
_partition_of_key = DefaultPartitioner()


class Publishable(Protocol):
    """A row of the log, or an `eventlog.LoggedFact`."""

    @property
    def position(self) -> int: ...
    @property
    def event_id(self) -> UUID: ...
    @property
    def topic(self) -> str: ...
    @property
    def aggregate_id(self) -> UUID: ...
    @property
    def seq(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def traceparent(self) -> str | None: ...
    @property
    def data(self) -> str: ...


class NotPublished(Exception):
    """The broker did not acknowledge all; `position` is the first fact it did not. Temporary: send again from there."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"facts from position {position} on were not acknowledged: {reason}")
        self.position = position


@dataclass(slots=True)
class Sending:
    """Facts on their way: for each batch, the position of its first fact and what comes of it."""

    address: BrokerAddress
    batches: list[tuple[int, asyncio.Future[Any]]] = field(default_factory=list)

    def add(self, first: int, outcome: asyncio.Future[Any]) -> None:
        # Looked at once in any case: a batch may fail when nobody waits for it any more.
        outcome.add_done_callback(lambda done: done.cancelled() or done.exception())
        self.batches.append((first, outcome))

    async def settle(self) -> str | None:
        """Wait until the broker has acknowledged everything; otherwise the reason why not."""
        until = asyncio.get_running_loop().time() + SEND_LIMIT
        pending = {outcome for _, outcome in self.batches}
        while pending:
            done, pending = await asyncio.wait(pending, timeout=_LOOK_ROUND, return_when=asyncio.FIRST_EXCEPTION)
            for outcome in done:
                if (error := outcome.exception()) is not None:
                    return repr(error)
            if pending and not self.address.is_current():
                return "the broker has moved"
            if pending and asyncio.get_running_loop().time() > until:
                return f"no answer within {SEND_LIMIT:g} s"
        return None

    def first_failed(self) -> int:
        return min(
            first
            for first, outcome in self.batches
            if not outcome.done() or outcome.cancelled() or outcome.exception() is not None
        )


class Publisher:
    """One producer at a time; after a failure the next call opens a new one, with the address read anew.

    Each fact becomes a CloudEvent in binary mode, its key the aggregate's id (so that an aggregate stays in one
    partition, chosen by murmur2 of the key as by every Kafka client), its value the event's JSON text untouched.
    Facts are packed into one batch for each partition here, rather than record by record in aiokafka: one future for
    hundreds of records is what makes the relay fast.
    """

    def __init__(self, broker: str, *, service: str) -> None:
        """`broker` has the shape of LIANDU_KAFKA_BOOTSTRAP; `service` names the source of the events."""
        self._spec = broker
        self._service = service
        self._source = source_of(service)
        self.epoch: str | None = None
        """Of the log whose facts these are."""
        self._producer: AIOKafkaProducer | None = None
        self._address: BrokerAddress | None = None

    @property
    def incarnation(self) -> str | None:
        """Of the broker that took the last facts."""
        return self._address.incarnation if self._address else None

    async def hand_over(self, facts: Sequence[Publishable]) -> Sending:
        """Put facts on their way, in order; `acknowledged` tells what came of it. One `Sending` at a time.

        Raises:
            NotPublished: the broker cannot be reached.
        """
        try:
            address, producer = await self._open()
        except BrokerUnavailable as error:
            raise NotPublished(facts[0].position, str(error)) from error
        sending = Sending(address)
        try:
            async with asyncio.timeout(SEND_LIMIT):
                await self._pack(facts, producer, sending)
        except _SEND_FAILURES as error:
            await self.close()
            raise NotPublished(facts[0].position, repr(error)) from error
        return sending

    async def acknowledged(self, sending: Sending) -> None:
        """Return when the broker has acknowledged all of it.

        Raises:
            NotPublished: it has not; the producer is given up, for an idempotent one that failed stays broken.
        """
        reason = await sending.settle()
        if reason is None:
            return
        position = sending.first_failed()
        await self.close()
        raise NotPublished(position, reason)

    async def close(self) -> None:
        if (producer := self._producer) is not None:
            self._producer = None
            await close_producer(producer)

    async def _open(self) -> tuple[BrokerAddress, AIOKafkaProducer]:
        if self._producer is None or self._address is None:
            self._address = await BrokerAddress.resolve(self._spec)
            self._producer = await open_producer(self._address, client_id=f"liandu-{self._service}-relay")
        return self._address, self._producer

    async def _pack(self, facts: Sequence[Publishable], producer: AIOKafkaProducer, sending: Sending) -> None:
        partitions = {topic: tuple(await producer.partitions_for(topic)) for topic in {fact.topic for fact in facts}}
        open_batches: dict[tuple[str, int], tuple[int, Any]] = {}
        for fact in facts:
            envelope = self._envelope(fact)
            key, value, headers = envelope.key(), fact.data.encode(), envelope.headers()
            place = (fact.topic, _partition(key, partitions[fact.topic]))
            if place not in open_batches:
                open_batches[place] = (fact.position, producer.create_batch())
            if open_batches[place][1].append(timestamp=None, key=key, value=value, headers=headers) is None:
                await self._send(place, open_batches.pop(place), producer, sending)
                open_batches[place] = (fact.position, producer.create_batch())
                open_batches[place][1].append(timestamp=None, key=key, value=value, headers=headers)
        for place, batch in open_batches.items():
            await self._send(place, batch, producer, sending)

    def _envelope(self, fact: Publishable) -> Envelope:
        return Envelope(
            event_id=fact.event_id,
            source=self._source,
            type=fact.type,
            time=fact.at,
            aggregate_id=fact.aggregate_id,
            sequence=fact.seq,
            traceparent=fact.traceparent,
            epoch=self.epoch,
        )

    async def _send(
        self, place: tuple[str, int], batch: tuple[int, Any], producer: AIOKafkaProducer, sending: Sending
    ) -> None:
        (topic, partition), (first, builder) = place, batch
        sending.add(first, await producer.send_batch(builder, topic, partition=partition))


@lru_cache(maxsize=10_000)
def _partition(key: bytes, partitions: tuple[int, ...]) -> int:
    """By Kafka's own rule; kept, because murmur2 in Python costs as much as all the rest of a record."""
    return int(_partition_of_key(key, partitions, partitions))
