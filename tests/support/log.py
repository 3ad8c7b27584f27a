"""Writing a service's log and looking at what became of it on a broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts import cloudevents
from shared.contracts.event import Event
from shared.kit.clock import SystemClock
from shared.kit.log.eventlog import NewFact, append, lock_heads
from shared.kit.log.relay import Relay

NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)
ACTOR = "a test"


class Happened(Event):
    """An event of no meaning; `on_topic` gives one for a topic."""

    type: ClassVar[str] = "cn.liandu.test.happened.v1"
    note: str = ""


def on_topic(topic: str) -> type[Happened]:
    return type("HappenedThere", (Happened,), {"topic": topic, "__annotations__": {"topic": ClassVar[str]}})


async def write(
    conn: AsyncConnection, aggregates: Sequence[UUID], happened: type[Happened], *, note: str = "", times: int = 1
) -> dict[UUID, int]:
    """Lock and append `times` facts for each aggregate, in the transaction of `conn`."""
    await lock_heads(aggregates, conn=conn)
    facts = [NewFact(aggregate, happened(note=note), NOW) for aggregate in aggregates for _ in range(times)]
    return await append(facts, conn=conn, actor=ACTOR)


async def commit(
    engine: AsyncEngine, aggregates: Sequence[UUID], happened: type[Happened], *, note: str = "", times: int = 1
) -> dict[UUID, int]:
    """The same in a transaction of its own."""
    async with engine.begin() as conn:
        return await write(conn, aggregates, happened, note=note, times=times)


@dataclass(frozen=True, slots=True)
class Record:
    partition: int
    offset: int
    envelope: cloudevents.Envelope
    value: bytes


async def read_topic(bootstrap: str, topic: str) -> list[Record]:
    """Everything that stands in a topic, partition by partition."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        records: list[Record] = []
        while any([await consumer.position(place) < ends[place] for place in partitions]):
            for place, fetched in (await consumer.getmany(timeout_ms=200)).items():
                records += [
                    Record(place.partition, r.offset, cloudevents.read(r.key, r.headers), r.value) for r in fetched
                ]
        return sorted(records, key=lambda record: (record.partition, record.offset))
    finally:
        await consumer.stop()


def first_arrivals(records: Sequence[Record]) -> dict[UUID, list[int]]:
    """The sequences of each aggregate in the order of their first arrival: what a consumer that drops repeats sees."""
    seen: dict[UUID, dict[int, None]] = {}
    for record in records:
        seen.setdefault(record.envelope.aggregate_id, {}).setdefault(record.envelope.sequence)
    return {aggregate: list(sequences) for aggregate, sequences in seen.items()}


def gapless(heads: dict[UUID, int]) -> dict[UUID, list[int]]:
    """What `first_arrivals` must be when everything up to these heads came, in order."""
    return {aggregate: list(range(1, seq + 1)) for aggregate, seq in heads.items()}


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[Relay]:
    """The relay at work; when it dies of something, the test fails with that."""
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def relay_of(engine: AsyncEngine, broker: str, *, kind: type[Relay] = Relay, slice_size: int = 1000) -> Relay:
    return kind(engine, broker, clock=SystemClock(), service="log", slice_size=slice_size)
