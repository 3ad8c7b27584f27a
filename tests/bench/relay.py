"""How fast the relay empties a log, as a ratio to what the same parts do without any of its logic.

    python -m tests.bench.relay [FACTS]

Starts its own PostgreSQL and the embedded broker, or Apache Kafka with KAFKA=real. The floor, measured in the same run:
fetch a thousand rows by position, send each record, wait for the acknowledgements.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import uvloop
from aiokafka import AIOKafkaProducer
from sqlalchemy.ext.asyncio import AsyncEngine

from services.operator.embedded.broker import read_address
from shared.kit.clock import SystemClock
from shared.kit.database import open_engine
from shared.kit.log.relay import Relay
from tests.support import kafka as brokers
from tests.support.postgres import ScratchDatabase, running_postgres
from tests.support.waiting import eventually

AGGREGATES = 10_000
RUNS = 3
BODY = json.dumps({"name": "x" * 200, "stage": "signed", "amount": 12345, "items": [1, 2, 3]})
RESULTS = Path(".liandu/bench/relay.json")

FILL = """
INSERT INTO event_log (event_id, topic, aggregate_id, seq, type, at, actor, traceparent, data)
SELECT gen_random_uuid(), $1, ids[1 + n % cardinality(ids)], 1 + n / cardinality(ids), 'cn.liandu.bench.v1',
       clock_timestamp(), 'bench', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', $3::text::jsonb
  FROM generate_series(0, $4::int - 1) AS n, (SELECT $2::uuid[] AS ids) AS a
"""


async def floor(conn: asyncpg.Connection, bootstrap: str, topic: str, facts: int) -> float:
    """Seconds for the bare parts."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=1 << 18
    )
    await producer.start()
    await producer.partitions_for(topic)
    since, position = time.perf_counter(), 0
    page = "SELECT position, aggregate_id, seq, data FROM event_log WHERE position > $1 ORDER BY position LIMIT 1000"
    while rows := await conn.fetch(page, position):
        sent = [
            await producer.send(
                topic, r["data"].encode(), key=r["aggregate_id"].bytes, headers=[("ce_sequence", b"%d" % r["seq"])]
            )
            for r in rows
        ]
        await asyncio.gather(*sent)
        position = rows[-1]["position"]
    took = time.perf_counter() - since
    await producer.stop()
    return took


async def relayed(engine: AsyncEngine, broker: str) -> float:
    """Seconds from the relay's start until nothing is unsent: leadership, its checks and the first look included."""
    relay = Relay(engine, broker, clock=SystemClock(), service="bench")
    since = time.perf_counter()
    task = asyncio.create_task(relay.run())

    async def everything_is_sent() -> bool:
        return not (await relay.state()).unsent

    await eventually(everything_is_sent, within=600)
    took = time.perf_counter() - since
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return took


async def measure(postgres_url: str, broker: str, bootstrap: str, facts: int, *, real: bool) -> dict[str, float]:
    database = ScratchDatabase(postgres_url)
    await database.create()
    url = await database.provision_kit("bench")
    engine = open_engine(url, application="bench")
    conn = await asyncpg.connect(url)
    topics = [brokers.new_topic_name("bench") for _ in range(2)]
    if real:
        for topic in topics:
            await brokers.create_topic(bootstrap, topic)
    ids: list[UUID] = [uuid4() for _ in range(AGGREGATES)]
    await conn.execute(FILL, topics[0], ids, BODY, facts, timeout=300)
    await conn.execute("ANALYZE event_log")
    bare, ours = [], []
    for _ in range(RUNS):
        bare.append(await floor(conn, bootstrap, topics[1], facts))
        await conn.execute("DELETE FROM relay_cursor")
        ours.append(await relayed(engine, broker))
    await conn.close()
    await engine.dispose()
    await database.drop()
    return {"floor_per_s": facts / min(bare), "relay_per_s": facts / min(ours), "ratio": min(bare) / min(ours)}


@contextmanager
def running_broker(folder: Path, *, real: bool) -> Iterator[tuple[str, str]]:
    """What the relay is given, and the address for the floor."""
    if real:
        with brokers.running_kafka(folder) as bootstrap:
            yield bootstrap, bootstrap
        return
    with brokers.running_mock_cluster(folder) as address_file:
        address = read_address(address_file)
        assert address is not None
        yield f"file:{address_file}", address


def main() -> None:
    facts = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    real = os.environ.get("KAFKA") == "real"
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running_postgres() as postgres_url,
        running_broker(Path(folder), real=real) as (broker, bootstrap),
    ):
        found = uvloop.run(measure(postgres_url, broker, bootstrap, facts, real=real))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"facts": facts, "kafka": "real" if real else "embedded", **found}) + "\n")
    said = f"relay {found['relay_per_s']:,.0f}/s, floor {found['floor_per_s']:,.0f}/s"
    print(f"{said}, ratio {found['ratio']:.2f} (aim 0.45)")  # noqa: T201


if __name__ == "__main__":
    main()
