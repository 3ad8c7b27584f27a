"""A producing and a consuming service, on the broker that a test asks for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support import kafka as brokers
from tests.support.clock import MovableClock
from tests.support.postgres import ScratchDatabase
from tests.support.streams import Alpha, Beta, Ledger, make_alpha, make_beta


@pytest.fixture
def broker(embedded_kafka_file: Path) -> str:
    """Where the broker is, in the shape of LIANDU_KAFKA_BOOTSTRAP."""
    return f"file:{embedded_kafka_file}"


@pytest_asyncio.fixture
async def topic() -> str:
    """The topic's name; the embedded broker makes it at its first use."""
    return brokers.new_topic_name()


@pytest_asyncio.fixture
async def alpha(database: ScratchDatabase, broker: str, topic: str) -> AsyncIterator[Alpha]:
    alpha = await make_alpha(database, broker, topic)
    yield alpha
    await alpha.engine.dispose()


@pytest_asyncio.fixture
async def beta(database: ScratchDatabase, alpha: Alpha, clock: MovableClock) -> AsyncIterator[Beta]:
    beta = await make_beta(database, alpha, clock)
    yield beta
    await beta.engine.dispose()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()
