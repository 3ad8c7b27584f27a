"""The embedded broker says where it is and which life of it this is; Apache Kafka keeps records through a kill."""

import json
import os
import signal
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.operator import processes
from services.operator.embedded import kafka as real
from services.operator.embedded.kafka import RealKafka
from services.operator.processes import free_port
from services.operator.topics import all_topics, create_topics
from tests.support.kafka import admin, running_mock_cluster


def test_each_start_of_the_embedded_broker_is_another_incarnation(tmp_path: Path) -> None:
    with running_mock_cluster(tmp_path) as address_file:
        first = json.loads(address_file.read_text())
    address_file.unlink()
    with running_mock_cluster(tmp_path) as address_file:
        second = json.loads(address_file.read_text())

    assert first["incarnation"] != second["incarnation"]
    assert second["bootstrap"].startswith("127.0.0.1:")


async def test_topics_are_left_to_the_embedded_broker(embedded_kafka_file: Path) -> None:
    created = await create_topics(f"file:{embedded_kafka_file}")

    assert created.unsupported
    assert created.new == ()


async def test_apache_kafka_keeps_topics_and_records_when_it_is_killed(tmp_path: Path, kafka_jars: None) -> None:
    node = RealKafka(data=tmp_path / "kafka", port=free_port(), controller_port=free_port(), log=tmp_path / "kafka.log")
    process = real.start(node)
    assert len((await create_topics(node.bootstrap)).new) == len(all_topics())
    assert len((await create_topics(node.bootstrap)).known) == len(all_topics())
    producer = AIOKafkaProducer(bootstrap_servers=node.bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait("liandu.projects", b"kept", partition=3)
    await producer.stop()

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process = real.start(node)

    async with admin(node.bootstrap) as client:
        [described] = await client.describe_topics(["liandu.projects"])
        assert len(described["partitions"]) == 4
    consumer = AIOKafkaConsumer(bootstrap_servers=node.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("liandu.projects", 3)])
    assert (await consumer.getone()).value == b"kept"
    await consumer.stop()
    processes.stop(process)
