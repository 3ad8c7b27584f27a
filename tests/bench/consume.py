"""Kafka to all effects, the kit alone: a handler that does what a service does at its least.

The floor, on the same records: watermarks, journal, state and own events in one transaction a batch of a thousand.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.cloudevents import Envelope, source_of
from shared.contracts.event import Event
from shared.contracts.topics import Topic
from shared.kit.clock import Clock, SystemClock
from shared.kit.consuming.arrivals import Arrival, Stream
from shared.kit.consuming.consumer import Consumer, Fact, Handler
from shared.kit.consuming.taking import ProducerUnavailable
from shared.kit.log.eventlog import NewFact, append, lock_heads
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, Meter, Options, in_turns, while_running
from tests.support.waiting import eventually

FACTS = 40_000
AGGREGATES = 10_000
NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Told(Event):
    type: ClassVar[str] = "cn.liandu.bench.told.v1"
    topic: ClassVar[str] = "liandu.bench"
    name: str
    stage: str
    amount: int
    items: list[int]


BODY = Told(name="x" * 200, stage="signed", amount=12345, items=[1, 2, 3])

FLOOR_TABLES = """
CREATE TABLE floor_state (id uuid PRIMARY KEY, version bigint, state jsonb);
CREATE TABLE floor_watermark (id uuid PRIMARY KEY, seq bigint);
CREATE TABLE floor_journal (pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid, seq bigint, data jsonb);
CREATE TABLE floor_log (pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid, seq bigint, typ text, data jsonb,
                        UNIQUE (id, seq));
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

STATE_TABLE = "CREATE TABLE state (id uuid PRIMARY KEY, version bigint, state jsonb)"
LOAD = text("SELECT id, version, state FROM state WHERE id = ANY (CAST(:ids AS uuid[]))")
STORE = text("""
INSERT INTO state
SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:versions AS bigint[]), CAST(CAST(:states AS text[]) AS jsonb[]))
ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state
""")
_TAKEN = "SELECT coalesce(sum(next_offset), 0) FROM consumer_partition"
_FORGET = "TRUNCATE state, watermark, journal, event_log, aggregate_head, consumer_partition, set_aside"


@dataclass(frozen=True, slots=True)
class Record:
    """A fact as it goes on the wire."""

    aggregate: UUID
    seq: int
    event: Event


async def measure(ground: Ground, options: Options) -> list[Figure]:
    facts = ground.room_for(options.count(FACTS))
    told = Topic(await ground.new_topic(), "bench", ("bench",), timedelta(days=1), (Told,))
    await fill(ground.bootstrap, told.name, _records(facts), source=source_of("bench"))
    async with database(ground) as db:
        await db.conn.execute(FLOOR_TABLES + STATE_TABLE)

        async def ours(meter: Meter) -> None:
            await db.conn.execute(_FORGET)
            consumer = consumer_of(told, fold, service="bench", engine=db.engine, broker=ground.broker)
            await drained(consumer, db, facts, meter)
            effects = "SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM event_log)"
            assert await db.conn.fetchval(effects) == 2 * facts

        found = await in_turns(
            "consume", facts, floor=partial(floor, db.conn, ground.bootstrap, told.name, facts), ours=ours,
            runs=options.runs, ground=ground, engine=db.engine,
        )  # fmt: skip
    aim = Aim(at_least=0.5, ratio=True)
    return [found.figure("consume", "Kafka → effects, the kit alone", "events/s", aim=aim)]


def _records(facts: int) -> list[Record]:
    ids = [uuid4() for _ in range(AGGREGATES)]
    return [Record(ids[number % AGGREGATES], number // AGGREGATES + 1, BODY) for number in range(facts)]


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
    """No producer can be asked: what is on the topic is all there is."""

    async def events(self, stream: Stream, *, after: int, up_to: int | None = None) -> list[Arrival]:
        raise ProducerUnavailable("nobody produces here")

    async def epoch(self, source: str) -> str | None:
        raise ProducerUnavailable("nobody produces here")


async def fill(bootstrap: str, topic: str, records: Sequence[Record], *, source: str) -> None:
    """Records as the relay writes them."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=1 << 18)
    await producer.start()
    partitions = sorted(await producer.partitions_for(topic))
    pick = DefaultPartitioner()
    for start in range(0, len(records), 5000):
        sending = []
        for record in records[start : start + 5000]:
            sent = Envelope(uuid4(), source, record.event.type, NOW, record.aggregate, record.seq, _TRACE)
            place = pick(sent.key(), partitions, partitions)
            value = record.event.model_dump_json().encode()
            sending.append(await producer.send(topic, value, key=sent.key(), headers=sent.headers(), partition=place))
        await asyncio.gather(*sending)
    await producer.stop()


async def floor(conn: asyncpg.Connection, bootstrap: str, topic: str, facts: int, meter: Meter) -> None:
    """The bare parts."""
    await conn.execute("TRUNCATE floor_state, floor_watermark, floor_journal, floor_log")
    kafka = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await kafka.start()
    await kafka._client.force_metadata_update()
    kafka.assign([TopicPartition(topic, number) for number in range(4)])
    done = 0
    async with meter.running():
        while done < facts:
            fetched = await kafka.getmany(timeout_ms=1000, max_records=1000)
            records = [record for part in fetched.values() for record in part]
            if records:
                await _floor_batch(conn, records)
                done += len(records)
    await kafka.stop()


async def _floor_batch(conn: asyncpg.Connection, records: Sequence[Any]) -> None:
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


def consumer_of(
    topic: Topic, handler: Handler, *, service: str, engine: AsyncEngine, broker: str, clock: Clock | None = None
) -> Consumer:
    return Consumer(
        service=service, topics=[topic], handler=handler, engine=engine, broker=broker, clock=clock or SystemClock(),
        back_fill=NoLogs(),
    )  # fmt: skip


async def drained(consumer: Consumer, db: Database, facts: int, meter: Meter) -> None:
    """From the consumer's start to the last fact: lease, connection and the first look included."""

    async def everything() -> bool:
        return bool(await db.conn.fetchval(_TAKEN) == facts)

    async with meter.running(), while_running(consumer.run):
        await eventually(everything, within=600, poll=0.05)
