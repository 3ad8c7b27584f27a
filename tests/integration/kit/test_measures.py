"""What a service shows of its backlog, and what it costs to find out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit.database import open_engine, transaction
from shared.kit.log.publisher import Publisher
from shared.kit.log.relay import Relay
from shared.kit.process import measures
from shared.kit.process.measures import Measures
from shared.kit.timers import Timer, set_timers
from tests.support.clock import START, MovableClock
from tests.support.log import commit, on_topic
from tests.support.postgres import ScratchDatabase
from tests.support.waiting import eventually


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision_kit("log"), application="test")
    yield engine
    await engine.dispose()


@pytest.fixture
def relay(engine: AsyncEngine, clock: MovableClock) -> Relay:
    return Relay(engine, "127.0.0.1:1", clock=clock, service="log")


@pytest.fixture
def measured(engine: AsyncEngine, clock: MovableClock, relay: Relay) -> Measures:
    return Measures(engine=engine, clock=clock, relay=relay, own=nothing)


async def nothing(conn: AsyncConnection, now: datetime) -> None:
    pass


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def execute(engine: AsyncEngine, *statements: str) -> None:
    async with transaction(engine) as conn:
        for statement in statements:
            await conn.execute(text(statement))


async def test_a_service_without_any_backlog_shows_none(measured: Measures) -> None:
    await measured.look()

    for name in ("aggregates_parked", "timers_due", "timers_overdue_seconds", "relay_oldest_unsent_seconds"):
        assert shown(f"liandu_{name}") == 0
    assert [shown("liandu_put_aside", kind=kind) for kind in ("record", "waiting", "timer")] == [0, 0, 0]
    assert shown("liandu_measured_timestamp_seconds")


async def test_timers_that_are_due_show_with_the_age_of_the_oldest_and_held_ones_do_not(
    engine: AsyncEngine, clock: MovableClock, measured: Measures
) -> None:
    held = uuid4()
    async with transaction(engine) as conn:
        await set_timers([Timer(uuid4(), "climb", START), Timer(uuid4(), "climb", START, origin=held)], conn=conn)
    await execute(
        engine, f"INSERT INTO parked_aggregate VALUES ('/liandu/other', '{held}', 'poison', 'x', '2026-01-01Z')"
    )
    clock.move("2026-01-05T09:10:00+08:00")

    await measured.look()

    assert (shown("liandu_timers_due"), shown("liandu_timers_overdue_seconds")) == (1, 600)
    assert shown("liandu_aggregates_parked") == 1


async def test_what_was_put_aside_shows_until_it_is_redriven(engine: AsyncEngine, measured: Measures) -> None:
    kept = "INSERT INTO set_aside (kind, error, at) VALUES ('{}', 'x', '2026-01-05Z')"
    await execute(engine, *(kept.format(kind) for kind in ("record", "waiting", "waiting", "timer")))
    await measured.look()
    assert [shown("liandu_put_aside", kind=kind) for kind in ("record", "waiting", "timer")] == [1, 2, 1]

    await execute(engine, "UPDATE set_aside SET redriven_at = at WHERE kind <> 'record'")
    await measured.look()

    assert [shown("liandu_put_aside", kind=kind) for kind in ("record", "waiting", "timer")] == [1, 0, 0]


async def test_a_fact_that_does_not_get_out_grows_old(
    engine: AsyncEngine, clock: MovableClock, relay: Relay, measured: Measures, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked, handed_over = asyncio.Event(), asyncio.Event()

    async def hand_over(*_: object) -> None:
        handed_over.set()
        await blocked.wait()

    monkeypatch.setattr(Publisher, "hand_over", hand_over)
    await commit(engine, [uuid4()], on_topic("t"))
    clock.move("2026-01-05T10:00:00+08:00")
    async with at_work(relay.run):
        await handed_over.wait()
        await measured.look()
        assert shown("liandu_relay_oldest_unsent_seconds") == 3600

    await measured.look()
    assert shown("liandu_relay_oldest_unsent_seconds") == 0


@asynccontextmanager
async def at_work(run: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_service_shows_its_own_numbers_at_the_platforms_time(
    engine: AsyncEngine, clock: MovableClock, relay: Relay
) -> None:
    asked: list[datetime] = []

    async def own(conn: AsyncConnection, now: datetime) -> None:
        await conn.execute(text("SELECT 1"))
        asked.append(now)

    async with at_work(Measures(engine=engine, clock=clock, relay=relay, own=own).run):
        await eventually(lambda: asked == [clock.now()])


async def test_a_failing_database_is_waited_out(
    engine: AsyncEngine, clock: MovableClock, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "EVERY", 0)
    looks: list[int] = []

    async def own(conn: AsyncConnection, now: datetime) -> None:
        looks.append(len(looks))
        if len(looks) == 1:
            raise ConnectionResetError

    async with at_work(Measures(engine=engine, clock=clock, relay=relay, own=own).run):
        await eventually(lambda: len(looks) >= 3)


async def test_measuring_reads_no_more_of_a_large_backlog_than_it_counts(
    engine: AsyncEngine, measured: Measures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measures, "COUNTED_AT_MOST", 100)
    await execute(
        engine,
        """INSERT INTO timer SELECT gen_random_uuid(), 'climb', CAST('2026-01-01Z' AS timestamptz), NULL, '', ''
             FROM generate_series(1, 50000)""",
        """INSERT INTO set_aside (kind, error, at, redriven_at)
           SELECT 'record', 'x', '2026-01-05Z', CASE WHEN n > 1000 THEN CAST('2026-01-06Z' AS timestamptz) END
             FROM generate_series(1, 50000) n""",
    )
    async with engine.connect() as conn:
        await (await conn.execution_options(isolation_level="AUTOCOMMIT")).execute(
            text("VACUUM ANALYZE timer, set_aside")
        )
    before = await rows_read(engine)

    await measured.look()

    assert shown("liandu_timers_due") == shown("liandu_put_aside", kind="record") == 100
    assert await rows_read(engine) - before <= 1000


async def rows_read(engine: AsyncEngine) -> int:
    """Rows of the backlog's tables that were read, by index or in sequence."""
    async with engine.connect() as conn:
        await conn.execute(text("SELECT pg_stat_force_next_flush()"))
    read = text("""
        SELECT CAST(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) AS bigint)
          FROM pg_stat_user_tables WHERE relname IN ('timer', 'set_aside', 'parked_aggregate')""")
    async with engine.connect() as conn:
        return int((await conn.execute(read)).scalar_one())
