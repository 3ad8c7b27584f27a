"""The relay while a transaction is held open for minutes, and what that costs a consumer.

A transaction that has written to the log stays open in the producer's database, another in the consumer's: neither can
be vacuumed behind them. Facts come and go all the while; then the relay drains the whole log, as it did before.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import asyncpg
from prometheus_client import REGISTRY

from shared.contracts.cloudevents import source_of
from shared.contracts.event import Event
from shared.contracts.topics import Topic
from shared.kit.clock import SystemClock
from shared.kit.database import transaction
from shared.kit.log.epoch import read_epoch
from shared.kit.log.eventlog import NewFact, append, lock_heads
from shared.kit.log.relay import Relay
from tests.bench import relay
from tests.bench.consume import BODY, STATE_TABLE, Told, consumer_of, fold
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, InTurns, Options, in_turns, say, while_running

FACTS = 40_000
AGGREGATES = 2_000
TOGETHER, APART = 50, 0.1
"""Facts of one transaction, and seconds from one to the next."""
WINDOW = 8.0
"""Seconds in which a consumer's batches are timed."""

_WRITTEN = """
INSERT INTO bench.event_log (event_id, topic, aggregate_id, seq, type, at, actor, data)
VALUES (gen_random_uuid(), 'liandu.bench', gen_random_uuid(), 1, 'cn.liandu.held.v1', clock_timestamp(), 'x', '{}')
"""


async def measure(ground: Ground, options: Options) -> list[Figure]:
    topic = await ground.new_topic()
    told = Topic(topic, "bench", ("bench",), timedelta(days=1), (_told_on(topic),))
    async with database(ground) as producer, database(ground) as consumer:
        await consumer.conn.execute(STATE_TABLE)
        await relay.fill(producer.conn, await ground.new_topic(), options.count(FACTS))
        before = await _drains(ground, producer, options, "held, before")
        flow = _Flow(ground, producer, consumer, told)
        usual = await flow.run(WINDOW)
        async with _held(producer), _held(consumer):
            say(f"  held: {options.hold:g} s with a transaction open")
            await flow.run(max(0.0, options.hold - WINDOW))
            costly = await flow.run(WINDOW)
            during = await _drains(ground, producer, options, "held, during")
    return [
        Figure(
            path="held", what=f"log → Kafka, a transaction held open {options.hold:g} s", unit="events/s",
            value=during.value, floor=before.value, ratio=during.ratio / before.ratio,
            aim=Aim(at_least=0.95, ratio=True), cost=during.cost, floor_cost=before.cost,
            note="the floor is the relay before; both ratios are to the bare relay's floor, measured in turns",
        ),
        Figure(
            path="held", what="a consumer's batch meanwhile", unit="ms", value=costly, floor=usual,
            ratio=costly / usual, note=f"batches of about {TOGETHER} facts on {AGGREGATES:,} aggregates; no aim",
        ),
    ]  # fmt: skip


def _told_on(topic: str) -> type[Event]:
    return type("ToldThere", (Told,), {"topic": topic, "__annotations__": {}})


async def _drains(ground: Ground, db: Database, options: Options, name: str) -> InTurns:
    facts = await db.conn.fetchval("SELECT count(*) FROM event_log")
    floor = partial(relay.floor, db.conn, ground.bootstrap, await ground.new_topic())
    ours = partial(relay.drained, db, ground.broker)
    return await in_turns(name, facts, floor=floor, ours=ours, runs=options.runs, ground=ground, engine=db.engine)


@asynccontextmanager
async def _held(db: Database) -> AsyncIterator[None]:
    """A superuser's transaction, which no time limit ends, that has written and does not commit."""
    conn = await asyncpg.connect(db.scratch.admin_url)
    try:
        await conn.execute("BEGIN")
        await conn.execute(_WRITTEN)
        yield
        await conn.execute("ROLLBACK")
    finally:
        await conn.close()


class _Flow:
    """Facts appended a few at a time, relayed, and consumed in another database."""

    def __init__(self, ground: Ground, producer: Database, consumer: Database, told: Topic) -> None:
        self._ground, self._producer, self._consumer, self._told = ground, producer, consumer, told
        self._kind = told.events[0]
        self._ids: list[UUID] = sorted(uuid4() for _ in range(AGGREGATES))
        self._turn = 0

    async def run(self, seconds: float) -> float:
        """Milliseconds of a consumer's batch, on average."""
        async with AsyncExitStack() as stack:
            relaying = Relay(self._producer.engine, self._ground.broker, clock=SystemClock(), service="bench")
            consuming = consumer_of(
                self._told, fold, service="bench", engine=self._consumer.engine, broker=self._ground.broker
            )
            async with transaction(self._producer.engine) as conn:
                await consuming.believe(source_of("bench"), await read_epoch(conn))
            await stack.enter_async_context(while_running(relaying.run))
            await stack.enter_async_context(while_running(consuming.run))
            await self._append_for(2.0)  # leadership, leases, first looks
            before = _batches()
            await self._append_for(seconds)
            after = _batches()
        return (after[0] - before[0]) / max(1.0, after[1] - before[1]) * 1000

    async def _append_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            following = time.monotonic() + APART
            await self._append()
            await asyncio.sleep(max(0.0, following - time.monotonic()))

    async def _append(self) -> None:
        start = self._turn * TOGETHER % AGGREGATES
        self._turn += 1
        ids, now = self._ids[start : start + TOGETHER], SystemClock().now()
        event = self._kind(**BODY.model_dump())
        async with transaction(self._producer.engine) as conn:
            await lock_heads(ids, conn=conn)
            await append([NewFact(each, event, now) for each in ids], conn=conn, actor="bench")


def _batches() -> tuple[float, float]:
    """Seconds spent on batches so far, and how many there were."""
    name = "liandu_consumer_batch_seconds"
    return REGISTRY.get_sample_value(f"{name}_sum") or 0.0, REGISTRY.get_sample_value(f"{name}_count") or 0.0
