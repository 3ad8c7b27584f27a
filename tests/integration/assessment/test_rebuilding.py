"""All state is thrown away and folded again: it is the same, nothing is sent, and life goes on from it."""

from datetime import date, datetime, timedelta

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from services.assessment.domain.moments import CHINA
from services.assessment.handlers.rebuilding import rebuild
from shared.kit.database import transaction
from tests.integration.assessment.test_rehearsals import Journalled, url_of
from tests.integration.assessment.test_world import SPRING, Live
from tests.support.clock import MovableClock
from tests.support.district import District

_TIMERS = "SELECT subject, kind, due_at, turn FROM timer WHERE kind <> 'raise' ORDER BY subject, kind"
_TABLES = ("project", "obligation", "extension", "supervision_case", "light", "commendation", "post_term")


@pytest_asyncio.fixture
async def lived(engine: AsyncEngine, clock: MovableClock) -> Journalled:
    service = Journalled(engine, clock)
    begins = date(2026, 12, 1)
    clock.move(datetime(2026, 12, 1, 8, tzinfo=CHINA))
    district = District(seed=21, chains=3, projects=30, begins=begins, days=100, notice=(date(2026, 12, 18), SPRING))
    happened, world = district.year()
    live = Live(service)
    for happening in happened:
        await live.take(happening)
    await live.pass_time(world.work.now + timedelta(hours=20))
    return service


async def test_what_stands_is_what_follows(lived: Journalled) -> None:
    url, now = url_of(lived.engine), lived.clock.now()
    assert await rebuild(url, now=now, knowledge=lived.knowledge, check=True) == []


async def test_everything_thrown_away_comes_again(lived: Journalled) -> None:
    url, now = url_of(lived.engine), lived.clock.now()
    before = {table: await _dump(table, lived) for table in _TABLES}
    timers, log = await lived.rows(_TIMERS), len(await lived.log())
    async with transaction(lived.engine) as conn:
        await conn.exec_driver_sql("UPDATE obligation SET due_on = due_on + 1")
        await conn.exec_driver_sql("DELETE FROM supervision_case")
        await conn.exec_driver_sql("DELETE FROM timer")
    differ = await rebuild(url, now=now, knowledge=lived.knowledge, check=False)
    assert {one.table for one in differ} == {"obligation", "supervision_case"}
    assert {table: await _dump(table, lived) for table in _TABLES} == before
    assert await lived.rows(_TIMERS) == timers
    assert len(await lived.log()) == log
    assert await rebuild(url, now=now, knowledge=lived.knowledge, check=True) == []
    lived.restart()
    await lived.until("2027-03-31T10:00")
    assert len(await lived.log()) > log


async def _dump(table: str, lived: Journalled) -> list[str]:
    return sorted(str(tuple(row)) for row in await lived.rows(f"SELECT * FROM {table}"))
