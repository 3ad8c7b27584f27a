"""The floor of commit → robot: the same hops through the same parts, without any of the platform's logic.

For each fact an INSERT and a record on a topic; for each batch that arrives an INSERT and its records on the next
topic; and for each that arrives there an INSERT and requests to robots. One process.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.bench.ground import Ground, database
from tests.bench.harness import at_rate, while_running
from tests.bench.robot import QuickRobot
from tests.support.waiting import eventually

_TABLES = "; ".join(f"CREATE TABLE hop_{hop} (id bigint PRIMARY KEY, data jsonb)" for hop in range(3))
_DATA = json.dumps({"name": "x" * 300})
_ROBOTS = 20

Take = Callable[[Sequence[int]], Awaitable[None]]


async def floor(ground: Ground, robot: QuickRobot, *, rate: float, count: int) -> list[float]:
    """Milliseconds from each fact's commit to its robot's answer."""
    async with _opened(ground, robot) as hops:
        await at_rate(range(count), hops.first, rate=rate)
        await eventually(lambda: len(hops.heard) == count, within=60)
        return [(hops.heard[fact] - hops.committed[fact]) * 1000 for fact in range(count)]


class _Hops:
    def __init__(
        self, pool: asyncpg.Pool, producer: AIOKafkaProducer, http: aiohttp.ClientSession, robot: QuickRobot
    ) -> None:
        self._pool, self._producer, self._http, self._robot = pool, producer, http, robot
        self.topics: list[str] = []
        self.committed: dict[int, float] = {}
        self.heard: dict[int, float] = {}

    async def first(self, fact: int) -> None:
        await self._insert(0, [fact])
        self.committed[fact] = time.time()
        await self._send(0, [fact])

    async def second(self, facts: Sequence[int]) -> None:
        await self._insert(1, facts)
        await self._send(1, facts)

    async def third(self, facts: Sequence[int]) -> None:
        await self._insert(2, facts)
        await asyncio.gather(*(self._tell(fact) for fact in facts))

    async def _insert(self, hop: int, facts: Sequence[int]) -> None:
        statement = f"INSERT INTO hop_{hop} SELECT id, $2::text::jsonb FROM unnest($1::bigint[]) AS id"
        await self._pool.execute(statement, facts, _DATA)

    async def _send(self, hop: int, facts: Sequence[int]) -> None:
        value = _DATA.encode()
        sent = [await self._producer.send(self.topics[hop], value, key=b"%d" % fact) for fact in facts]
        await asyncio.gather(*sent)

    async def _tell(self, fact: int) -> None:
        async with self._http.post(self._robot.target(fact % _ROBOTS).url, data=_DATA) as response:
            await response.read()
        self.heard[fact] = time.time()


@asynccontextmanager
async def _opened(ground: Ground, robot: QuickRobot) -> AsyncIterator[_Hops]:
    async with database(ground) as db, AsyncExitStack() as stack:
        await db.conn.execute(_TABLES)
        pool = await stack.enter_async_context(asyncpg.create_pool(db.url, min_size=6, max_size=6))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        producer = AIOKafkaProducer(bootstrap_servers=ground.bootstrap, enable_idempotence=True, acks="all")
        await producer.start()
        stack.push_async_callback(producer.stop)
        hops = _Hops(pool, producer, http, robot)
        for take in (hops.second, hops.third):
            hops.topics.append(await ground.new_topic("hop"))
            await stack.enter_async_context(_consuming(ground, hops.topics[-1], take))
        yield hops


@asynccontextmanager
async def _consuming(ground: Ground, topic: str, take: Take) -> AsyncIterator[None]:
    kafka = AIOKafkaConsumer(bootstrap_servers=ground.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await kafka.start()
    await kafka._client.force_metadata_update()
    kafka.assign([TopicPartition(topic, number) for number in range(4)])

    async def loop() -> None:
        while True:
            fetched = await kafka.getmany(timeout_ms=1000, max_records=1000)
            if facts := [int(record.key) for records in fetched.values() for record in records]:
                await take(facts)

    try:
        async with while_running(loop):
            yield
    finally:
        await kafka.stop()
