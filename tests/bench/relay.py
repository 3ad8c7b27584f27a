"""Log to Kafka. The floor: fetch a thousand rows by position, send each record, wait for the acknowledgements."""

import asyncio
import json
from functools import partial
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.kit.clock import SystemClock
from shared.kit.log.relay import Relay
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, Meter, Options, in_turns, while_running
from tests.support.waiting import eventually

FACTS = 100_000
AGGREGATES = 10_000
BODY = json.dumps({"name": "x" * 200, "stage": "signed", "amount": 12345, "items": [1, 2, 3]})

_PAGE = "SELECT position, aggregate_id, seq, data FROM event_log WHERE position > $1 ORDER BY position LIMIT 1000"
FILL = """
INSERT INTO event_log (event_id, topic, aggregate_id, seq, type, at, actor, traceparent, data)
SELECT gen_random_uuid(), $1, ids[1 + n % cardinality(ids)], 1 + n / cardinality(ids), 'cn.liandu.bench.v1',
       clock_timestamp(), 'bench', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', $3::text::jsonb
  FROM generate_series(0, $4::int - 1) AS n, (SELECT $2::uuid[] AS ids) AS a
"""


async def measure(ground: Ground, options: Options) -> list[Figure]:
    facts = options.count(FACTS)
    async with database(ground) as db:
        await fill(db.conn, await ground.new_topic(), facts)
        beside = await ground.new_topic()
        found = await in_turns(
            "relay", facts, floor=partial(floor, db.conn, ground.bootstrap, beside),
            ours=partial(drained, db, ground.broker), runs=options.runs, ground=ground, engine=db.engine,
        )  # fmt: skip
    return [found.figure("relay", "log → Kafka", "events/s", aim=Aim(at_least=0.45, ratio=True))]


async def fill(conn: asyncpg.Connection, topic: str, facts: int) -> None:
    """Facts in the log, of all aggregates in turn, as other transactions wrote them."""
    ids: list[UUID] = [uuid4() for _ in range(AGGREGATES)]
    await conn.execute(FILL, topic, ids, BODY, facts)
    await conn.execute("ANALYZE event_log")


async def floor(conn: asyncpg.Connection, bootstrap: str, topic: str, meter: Meter) -> None:
    """The bare parts."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=1 << 18
    )
    await producer.start()
    await producer.partitions_for(topic)
    position = 0
    async with meter.running():
        while rows := await conn.fetch(_PAGE, position):
            sent = [
                await producer.send(
                    topic, r["data"].encode(), key=r["aggregate_id"].bytes, headers=[("ce_sequence", b"%d" % r["seq"])]
                )
                for r in rows
            ]
            await asyncio.gather(*sent)
            position = rows[-1]["position"]
    await producer.stop()


async def drained(db: Database, broker: str, meter: Meter) -> None:
    """From the relay's start until nothing is unsent: leadership, its checks and the first look included."""
    await db.conn.execute("DELETE FROM relay_cursor")
    relay = Relay(db.engine, broker, clock=SystemClock(), service="bench")

    async def everything_is_sent() -> bool:
        return not (await relay.state()).unsent

    async with meter.running(), while_running(relay.run):
        await eventually(everything_is_sent, within=600)
