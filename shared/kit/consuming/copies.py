"""Copies of what was put aside in the topic `liandu.<service>.dead-letters`, for people with Kafka's own tools.

Best effort: what counts is the table. A copy that cannot be sent is dropped, and said so in the log.
"""

import asyncio
import contextlib
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from shared.contracts.topics import dead_letters
from shared.kit import telemetry
from shared.kit.broker import BrokerAddress, close_producer, open_producer
from shared.kit.consuming.arrivals import Arrival

log = telemetry.log

WAITING_AT_MOST = 1000
SEND_LIMIT = 10.0
IDLE_AFTER = 30.0


class Copies:
    """Sends copies beside the consumer's work, one after the other; the producer is closed when nothing comes."""

    def __init__(self, *, service: str, broker: str) -> None:
        self._service = service
        self._topic = dead_letters(service)
        self._broker = broker
        self._waiting: asyncio.Queue[Arrival] = asyncio.Queue(WAITING_AT_MOST)

    def offer(self, arrivals: Iterable[Arrival]) -> None:
        """Take these for sending; never waits."""
        for arrival in arrivals:
            try:
                self._waiting.put_nowait(arrival)
            except asyncio.QueueFull:
                log.warning("no copy of a dead letter: too many at once", topic=arrival.topic)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            first = await self._waiting.get()
            try:
                await self._send_from(first)
            except Exception as error:
                log.warning("no copy of a dead letter", topic=first.topic, error=repr(error))

    async def _send_from(self, arrival: Arrival) -> None:
        address = await BrokerAddress.resolve(self._broker)
        producer = await open_producer(address, client_id=f"liandu-{self._service}-dead-letters")
        try:
            with contextlib.suppress(TimeoutError):
                while True:
                    await self._send(producer, arrival)
                    arrival = await asyncio.wait_for(self._waiting.get(), IDLE_AFTER)
        finally:
            await close_producer(producer)

    async def _send(self, producer: AIOKafkaProducer, arrival: Arrival) -> None:
        place = arrival.place or arrival.seen_at
        headers = [*arrival.headers, ("liandu_error", (arrival.fault or "").encode()[:4000])]
        headers += [("liandu_topic", arrival.topic.encode())]
        if place is not None:
            headers += [("liandu_partition", b"%d" % place.partition), ("liandu_offset", b"%d" % place.offset)]
        async with asyncio.timeout(SEND_LIMIT):
            await producer.send_and_wait(self._topic, key=arrival.key, value=arrival.value, headers=headers)
