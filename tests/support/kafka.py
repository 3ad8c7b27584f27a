"""Brokers for tests, and Kafka's own tools to look at them with."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.operator import processes
from services.operator.embedded import broker, kafka
from services.operator.processes import free_port


@contextmanager
def running_mock_cluster(folder: Path) -> Iterator[Path]:
    """The embedded broker in its own process; the path of its address file."""
    address_file = folder / "broker.json"
    process = processes.spawn(broker.program(address_file), log=folder / "broker.log")
    try:
        until = time.monotonic() + 30
        while broker.read_address(address_file) is None:
            assert process.poll() is None, (folder / "broker.log").read_text()
            assert time.monotonic() < until, "the embedded broker wrote no address"
            time.sleep(0.02)
        yield address_file
    finally:
        processes.stop(process)


@contextmanager
def running_kafka(folder: Path) -> Iterator[str]:
    """Apache Kafka in its own process; its address.

    Raises:
        KafkaUnavailable: no Java, no Maven, or no jars.
    """
    node = kafka.RealKafka(
        data=folder / "kafka", port=free_port(), controller_port=free_port(), log=folder / "kafka.log"
    )
    process = kafka.start(node)
    try:
        yield node.bootstrap
    finally:
        processes.stop(process)


def required() -> bool:
    """Whether a missing Apache Kafka fails the tests instead of skipping them (CI)."""
    return os.environ.get("LIANDU_REQUIRE_KAFKA") == "1"


def new_topic_name(stem: str = "t") -> str:
    """A name no other test uses."""
    return f"{stem}.{uuid4().hex[:12]}"


@asynccontextmanager
async def admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topic(bootstrap: str, name: str | None = None, *, partitions: int = 4, **config: str) -> str:
    """Create a topic on a real broker (config keys with underscores for dots); its name."""
    name = name or new_topic_name()
    configs = {key.replace("_", "."): value for key, value in config.items()}
    async with admin(bootstrap) as client:
        answer = await client.create_topics(
            [NewTopic(name, num_partitions=partitions, replication_factor=1, topic_configs=configs)]
        )
    _raise_for(answer.topic_errors)
    return name


async def delete_topic(bootstrap: str, name: str) -> None:
    """Wipe a topic: everything that was in it is lost."""
    async with admin(bootstrap) as client:
        answer = await client.delete_topics([name])
    _raise_for(answer.topic_error_codes)


async def run_kafka_tool(main: str, *arguments: str) -> str:
    """Run one of Kafka's own command-line classes, such as
    `org.apache.kafka.tools.consumer.group.ConsumerGroupCommand`; what it printed."""
    return await asyncio.to_thread(_run_tool, kafka.java(main, *arguments))


def _run_tool(command: tuple[str, ...]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _raise_for(errors: list[tuple[Any, ...]]) -> None:
    failed = [error for error in errors if error[1] != 0]
    assert not failed, failed
