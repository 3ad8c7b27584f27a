"""The ground that other tests stand on."""

from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from sqlalchemy import text

from shared.kit.database import open_engine, transaction
from tests.support.clock import MovableClock
from tests.support.kafka import create_topic, delete_topic, new_topic_name, run_kafka_tool
from tests.support.postgres import ScratchDatabase
from tests.support.waiting import eventually


async def test_a_role_sees_the_kits_tables_without_naming_its_schema(database: ScratchDatabase) -> None:
    url = await database.provision_kit("anything")
    engine = open_engine(url, application="test")

    async with transaction(engine) as conn:
        schema = (await conn.execute(text("SELECT current_schema()"))).scalar_one()
        waiting = (await conn.execute(text("SELECT count(*) FROM timer"))).scalar_one()
    await engine.dispose()

    assert (schema, waiting) == ("anything", 0)


async def test_the_server_is_postgresql_18_and_asks_for_a_password(database: ScratchDatabase) -> None:
    conn = await asyncpg.connect(database.admin_url)
    version = await conn.fetchval("SHOW server_version_num")
    trusted = await conn.fetchval("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'")
    await conn.close()

    assert int(version) // 10000 == 18
    assert trusted == 0


async def test_the_servers_data_outlives_the_start_of_another_session(
    database: ScratchDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    conn = await asyncpg.connect(database.admin_url)
    data = Path(await conn.fetchval("SHOW data_directory"))
    await conn.close()

    assert not data.is_relative_to(tmp_path_factory.getbasetemp().parent)


async def test_the_embedded_broker_carries_a_record(embedded_kafka: str) -> None:
    await _carry(embedded_kafka, new_topic_name())


async def test_apache_kafka_carries_a_record_and_its_tools_see_it(kafka: str) -> None:
    topic = await create_topic(kafka, partitions=2, retention_ms="3600000")

    await _carry(kafka, topic)

    described = await run_kafka_tool(
        "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", kafka, "--describe", "--topic", topic
    )
    assert "PartitionCount: 2" in described
    assert "retention.ms=3600000" in described
    await delete_topic(kafka, topic)


async def test_a_moved_clock_is_read_again(clock: MovableClock) -> None:
    assert clock.now().isoformat() == "2026-01-05T01:00:00+00:00"

    clock.move("2026-03-02T09:00+08:00")

    assert await eventually(lambda: clock.now().isoformat() == "2026-03-02T01:00:00+00:00")


async def _carry(bootstrap: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait(topic, b"value", key=b"key", partition=0)
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    record = await consumer.getone()
    await consumer.stop()
    assert record.value == b"value"
