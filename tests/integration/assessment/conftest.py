from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kit.database import open_engine
from tests.support.clock import MovableClock
from tests.support.postgres import ScratchDatabase
from tests.support.supervised import Supervised


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision("assessment"), application="test")
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def supervised(engine: AsyncEngine, clock: MovableClock) -> Supervised:
    return Supervised(engine, clock)
