"""What tests run on: real PostgreSQL and real brokers, a clock of their own."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio

from services.operator.embedded import broker
from services.operator.embedded.kafka import KafkaUnavailable, fetch_jars
from tests.support import kafka as brokers
from tests.support.clock import MovableClock
from tests.support.postgres import ScratchDatabase, running_postgres

hypothesis.settings.load_profile("ci")
"""The same examples every time, however slow the machine is; `--hypothesis-profile=default` looks for new ones."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: a minute or more; left out with -m 'not slow'")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A superuser's URL to PostgreSQL 18: a private one, or LIANDU_TEST_DATABASE_URL."""
    if given := os.environ.get("LIANDU_TEST_DATABASE_URL"):
        yield given
        return
    with running_postgres() as url:
        yield url


@pytest_asyncio.fixture
async def database(postgres_url: str) -> AsyncIterator[ScratchDatabase]:
    """A database for one test, dropped after it."""
    scratch = ScratchDatabase(postgres_url)
    await scratch.create()
    yield scratch
    await scratch.drop()


@pytest.fixture(scope="session")
def embedded_kafka_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The address file of a librdkafka mock cluster (LIANDU_KAFKA_BOOTSTRAP=file:…)."""
    with brokers.running_mock_cluster(tmp_path_factory.mktemp("broker")) as address_file:
        yield address_file


@pytest.fixture(scope="session")
def embedded_kafka(embedded_kafka_file: Path) -> str:
    """The address of a librdkafka mock cluster: topics appear at first use, with four partitions."""
    address = broker.read_address(embedded_kafka_file)
    assert address is not None
    return address


@pytest.fixture(scope="session")
def kafka_jars() -> None:
    """Java and Apache Kafka's jars are here; otherwise skips, or fails with LIANDU_REQUIRE_KAFKA=1."""
    try:
        fetch_jars()
    except KafkaUnavailable as reason:
        if brokers.required():
            pytest.fail(f"LIANDU_REQUIRE_KAFKA=1: {reason}")
        pytest.skip(f"needs Apache Kafka: {reason}")


@pytest.fixture(scope="session")
def kafka(kafka_jars: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Apache Kafka 4.1; topics are made with tests.support.kafka.create_topic."""
    with brokers.running_kafka(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture
def clock(tmp_path: Path) -> MovableClock:
    """Simulated time from Monday 2026-01-05 09:00 +08:00, moved with `.move(to)`."""
    return MovableClock(tmp_path / "clock")
