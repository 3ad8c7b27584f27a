"""How fast facts go from Kafka to all their effects, as a ratio to what the same parts do without any of the logic.

    python -m tests.bench.consume [FACTS]

Starts its own PostgreSQL, durable, and the embedded broker, or Apache Kafka with KAFKA=real. The floor, measured in the
same run on the same records: watermarks, journal, state and own events in one transaction a batch of a thousand. Ours
does that with a handler of the same work: heads locked, states loaded and written, one own event for each fact.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.cloudevents import Envelope
from shared.contracts.event import Event
from shared.contracts.topics import Topic
from shared.kit.clock import SystemClock
from shared.kit.consuming.arrivals import Arrival, Stream
from shared.kit.consuming.consumer import Consumer, Fact
from shared.kit.consuming.taking import ProducerUnavailable
from shared.kit.database import open_engine, transaction
from shared.kit.log.eventlog import NewFact, append, lock_heads
from shared.kit.process.service import collect_seldom
from tests.bench.relay import running_broker
from tests.support import kafka as brokers
from tests.support.postgres import ScratchDatabase, running_postgres
from tests.support.waiting import eventually

AGGREGATES = 10_000
RUNS = 3
RESULTS = Path(".liandu/bench/consume.json")
NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)


class Told(Event):
    type: ClassVar[str] = "cn.liandu.bench.told.v1"
    topic: ClassVar[str] = "liandu.bench"
    name: str
    stage: str
    amount: int
    items: list[int]


BODY = Told(name="x" * 200, stage="signed", amount=12345, items=[1, 2, 3])
VALUE = BODY.model_dump_json().encode()

FLOOR_TABLES = """
CREATE TABLE floor_state (id uuid PRIMARY KEY, version bigint, state jsonb);
CREATE TABLE floor_watermark (id uuid PRIMARY KEY, seq bigint);
CREATE TABLE floor_journal (pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid, seq bigint, data jsonb);
CREATE TABLE floor_log (pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid, seq bigint, typ text, data jsonb,
                        UNIQUE (id, seq));
CREATE TABLE state (id uuid PRIMARY KEY, version bigint, state jsonb);
"""

FLOOR = (
    "SELECT id, seq FROM floor_watermark WHERE id = ANY ($1) FOR UPDATE",
    "SELECT id, version, state FROM floor_state WHERE id = ANY ($1)",
    "INSERT INTO floor_watermark SELECT * FROM unnest($1::uuid[], $2::bigint[])"
    " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq",
    "INSERT INTO floor_journal (id, seq, data) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]::jsonb[])",
    "INSERT INTO floor_state SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]::jsonb[])"
    " ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state",
    "INSERT INTO floor_log (id, seq, typ, data) SELECT id, seq, 'o', data"
    " FROM unnest($1::uuid[], $2::bigint[], $3::text[]::jsonb[]) AS fact (id, seq, data)",
)

LOAD = text("SELECT id, version, state FROM state WHERE id = ANY (CAST(:ids AS uuid[]))")
STORE = text("""
INSERT INTO state
SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(CAST(:states AS text[]) AS jsonb[]))
ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state
""")


async def fold(facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime) -> None:
    """What a service does, at its least: heads, states, a fold, states, own facts."""
    ids = sorted({fact.aggregate_id for fact in facts})
    await lock_heads(ids, conn=conn)
    versions = {row.id: row.version for row in await conn.execute(LOAD, {"ids": ids})}
    states: dict[UUID, str] = {}
    for fact in facts:
        versions[fact.aggregate_id] = versions.get(fact.aggregate_id, 0) + 1
        states[fact.aggregate_id] = fact.event.model_dump_json()
    columns = {"ids": ids, "versions": [versions[each] for each in ids], "states": [states[each] for each in ids]}
    await conn.execute(STORE, columns)
    await append([NewFact(fact.aggregate_id, BODY, now) for fact in facts], conn=conn, actor="bench")


class NoLogs:
    async def events(self, stream: Stream, *, after: int, up_to: int | None = None) -> list[Arrival]:
        raise ProducerUnavailable("nobody produces here")


async def fill(bootstrap: str, topic: str, facts: int) -> None:
    """Records as the relay writes them."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 18)
    await producer.start()
    partitions = sorted(await producer.partitions_for(topic))
    pick, ids = DefaultPartitioner(), [uuid4() for _ in range(AGGREGATES)]
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    places = {each: pick(str(each).encode(), partitions, partitions) for each in ids}
    for start in range(0, facts, 5000):
        sending = []
        for number in range(start, min(start + 5000, facts)):
            aggregate, seq = ids[number % AGGREGATES], number // AGGREGATES + 1
            sent = Envelope(uuid4(), "/liandu/bench", Told.type, NOW, aggregate, seq, trace)
            sending.append(
                await producer.send(topic, VALUE, key=sent.key(), headers=sent.headers(), partition=places[aggregate])
            )
        await asyncio.gather(*sending)
    await producer.stop()


async def floor(conn: asyncpg.Connection, bootstrap: str, topic: str, facts: int) -> float:
    """Seconds for the bare parts."""
    await conn.execute("TRUNCATE floor_state, floor_watermark, floor_journal, floor_log")
    kafka = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await kafka.start()
    await kafka._client.force_metadata_update()
    kafka.assign([TopicPartition(topic, number) for number in range(4)])
    since, done = time.perf_counter(), 0
    while done < facts:
        fetched = await kafka.getmany(timeout_ms=1000, max_records=1000)
        records = [record for part in fetched.values() for record in part]
        if records:
            await floor_batch(conn, records)
            done += len(records)
    took = time.perf_counter() - since
    await kafka.stop()
    return took


async def floor_batch(conn: asyncpg.Connection, records: Sequence[Any]) -> None:
    ids = [UUID(record.key.decode()) for record in records]
    seqs = [int(dict(record.headers)["ce_sequence"]) for record in records]
    data = [record.value.decode() for record in records]
    last = {each: (seq, value) for each, seq, value in zip(ids, seqs, data, strict=True)}
    keys, top, states = list(last), [seq for seq, _ in last.values()], [value for _, value in last.values()]
    async with conn.transaction():
        await conn.fetch(FLOOR[0], keys)
        await conn.fetch(FLOOR[1], keys)
        await conn.execute(FLOOR[2], keys, top)
        await conn.execute(FLOOR[3], ids, seqs, data)
        await conn.execute(FLOOR[4], keys, top, states)
        await conn.execute(FLOOR[5], ids, seqs, data)


async def consumed(engine: AsyncEngine, broker: str, topic: str, facts: int) -> float:
    """Seconds from the consumer's start to the last fact: lease, connection and the first look included."""
    async with transaction(engine) as conn:
        await conn.execute(
            text("TRUNCATE state, watermark, journal, event_log, aggregate_head, consumer_partition, set_aside")
        )
    told = Topic(topic, "bench", ("bench",), timedelta(days=1), (Told,))
    consumer = Consumer(
        service="bench", topics=[told], handler=fold, engine=engine, broker=broker, clock=SystemClock(),
        back_fill=NoLogs(),
    )  # fmt: skip
    since = time.perf_counter()
    task = asyncio.create_task(consumer.run())

    async def everything() -> bool:
        async with transaction(engine) as conn:
            offsets = await conn.execute(text("SELECT coalesce(sum(next_offset), 0) FROM consumer_partition"))
            return bool(offsets.scalar_one() == facts)

    await eventually(everything, within=600, poll=0.05)
    took = time.perf_counter() - since
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    async with transaction(engine) as conn:
        [(journaled, own)] = await conn.execute(
            text("SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM event_log)")
        )
    assert journaled == own == facts
    return took


async def measure(postgres_url: str, broker: str, bootstrap: str, facts: int, *, real: bool) -> dict[str, float]:
    database = ScratchDatabase(postgres_url)
    await database.create()
    url = await database.provision_kit("bench")
    engine, conn = open_engine(url, application="bench"), await asyncpg.connect(url)
    await conn.execute(FLOOR_TABLES)
    topic = brokers.new_topic_name("bench")
    if real:
        await brokers.create_topic(bootstrap, topic)
    await fill(bootstrap, topic, facts)
    bare, ours = [], []
    for _ in range(RUNS):
        bare.append(await floor(conn, bootstrap, topic, facts))
        ours.append(await consumed(engine, broker, topic, facts))
    await conn.close()
    await engine.dispose()
    await database.drop()
    return {"floor_per_s": facts / min(bare), "consumer_per_s": facts / min(ours), "ratio": min(bare) / min(ours)}


def main() -> None:
    real = os.environ.get("KAFKA") == "real"
    # The embedded broker keeps five MiB of each partition: more would be gone before it is read.
    collect_seldom()
    facts = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000 if real else 25_000
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        running_postgres(durable=True) as postgres_url,
        running_broker(Path(folder), real=real) as (broker, bootstrap),
    ):
        found = uvloop.run(measure(postgres_url, broker, bootstrap, facts, real=real))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"facts": facts, "kafka": "real" if real else "embedded", **found}) + "\n")
    said = f"effects {found['consumer_per_s']:,.0f}/s, floor {found['floor_per_s']:,.0f}/s"
    print(f"{said}, ratio {found['ratio']:.2f} (aim 0.5)")  # noqa: T201


if __name__ == "__main__":
    main()
