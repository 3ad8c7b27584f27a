"""Timers on real PostgreSQL: unique, held, fired once by whoever comes first, and cheap while they rest."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.event import Event
from shared.kit import timers as timers_module
from shared.kit.database import open_engine, transaction
from shared.kit.log.eventlog import NewFact, append, lock_heads
from shared.kit.timers import Timer, Timers, TimersState, cancel_timers, set_timers
from tests.support.clock import START, MovableClock
from tests.support.postgres import ScratchDatabase
from tests.support.waiting import eventually

HOUR = timedelta(hours=1)


class Rang(Event):
    type: ClassVar[str] = "cn.liandu.test.rang.v1"
    topic: ClassVar[str] = "liandu.test"


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision_kit("bells"), application="test")
    yield engine
    await engine.dispose()


class Bells:
    """Fires by noting what fired, as a fact of the subject; refuses those timers that it was told to."""

    def __init__(self) -> None:
        self.called: list[Timer] = []
        self.fired: list[Timer] = []
        self.sizes: list[int] = []
        self.broken: set[UUID] = set()
        self.before: Callable[[], Awaitable[None]] | None = None

    async def __call__(self, due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        self.sizes.append(len(due))
        self.called += due
        if self.before is not None:
            await self.before()
        if broken := [timer for timer in due if timer.subject in self.broken]:
            raise ValueError(f"broken: {len(broken)}")
        await append([NewFact(timer.subject, Rang(), now) for timer in due], conn=conn, actor="test")
        self.fired += due


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def timers(engine: AsyncEngine, clock: MovableClock, bells: Bells) -> Timers:
    return Timers(engine=engine, clock=clock, fire=bells)


@asynccontextmanager
async def running(*timers: Timers) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(runner.run()) for runner in timers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def subjects(engine: AsyncEngine, count: int) -> list[UUID]:
    """New aggregates in the log of this service."""
    ids = sorted(uuid4() for _ in range(count))
    async with transaction(engine) as conn:
        await append([NewFact(each, Rang(), START) for each in ids], conn=conn, actor="test")
    return ids


async def at(engine: AsyncEngine, *given: Timer) -> None:
    async with transaction(engine) as conn:
        await set_timers(given, conn=conn)


async def rows(engine: AsyncEngine, sql: str) -> list[tuple[Any, ...]]:
    async with transaction(engine) as conn:
        return [tuple(row) for row in await conn.execute(text(sql))]


async def test_a_timer_fires_when_its_time_comes_and_not_before(
    engine: AsyncEngine, clock: MovableClock, bells: Bells, timers: Timers
) -> None:
    [subject] = await subjects(engine, 1)
    timer = Timer(subject, "remind", START + HOUR, origin=uuid4(), rule_version="r1", calendar_version="c1")
    async with running(timers):
        await at(engine, timer)
        assert await timers.state() == TimersState(due=0, next_due_at=START + HOUR)

        clock.move(HOUR)

        await eventually(lambda: bells.fired == [timer])
    assert await timers.state() == TimersState(due=0, next_due_at=None)


async def test_a_subject_has_one_timer_of_each_kind_and_the_last_word_counts(
    engine: AsyncEngine, clock: MovableClock, bells: Bells, timers: Timers
) -> None:
    [subject] = await subjects(engine, 1)
    await at(engine, Timer(subject, "remind", START), Timer(subject, "remind", START + 2 * HOUR))
    await at(engine, Timer(subject, "climb", START + HOUR))
    await at(engine, Timer(subject, "remind", START + 3 * HOUR))

    clock.move(2 * HOUR)
    await timers.fire_due()

    assert [timer.kind for timer in bells.fired] == ["climb"]
    assert await timers.state() == TimersState(due=0, next_due_at=START + 3 * HOUR)


async def test_cancelled_timers_do_not_fire(engine: AsyncEngine, bells: Bells, timers: Timers) -> None:
    first, second = await subjects(engine, 2)
    await at(engine, *(Timer(each, kind, START) for each in (first, second) for kind in ("remind", "climb")))

    async with transaction(engine) as conn:
        await cancel_timers([first], conn=conn)
        await cancel_timers([second], conn=conn, kind="remind")
        await cancel_timers([], conn=conn)
    await timers.fire_due()

    assert [(timer.subject, timer.kind) for timer in bells.fired] == [(second, "climb")]


async def test_a_timer_set_by_a_firing_one_is_seen_at_once(
    engine: AsyncEngine, clock: MovableClock, bells: Bells
) -> None:
    [subject] = await subjects(engine, 1)

    async def climb(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        await bells(due, conn=conn, now=now)
        if len(bells.fired) < 5:
            await set_timers([Timer(subject, "climb", now)], conn=conn)

    async with running(Timers(engine=engine, clock=clock, fire=climb)):
        await at(engine, Timer(subject, "climb", START))
        await eventually(lambda: len(bells.fired) == 5)


async def test_a_timer_set_for_now_needs_no_second_look(
    engine: AsyncEngine, clock: MovableClock, bells: Bells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time it is set for is the very time the runner had been resting for."""
    monkeypatch.setattr(timers_module, "LONGEST_REST", 3600)
    [subject] = await subjects(engine, 1)

    async def climb(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        await bells(due, conn=conn, now=now)
        if due[0].kind == "remind":
            await set_timers([Timer(UUID(int=0), "climb", now)], conn=conn)

    async with running(runner := Timers(engine=engine, clock=clock, fire=climb)):
        await at(engine, Timer(subject, "remind", START + HOUR))
        await eventually(lambda: runner._next_due_at == START + HOUR)
        clock.move(HOUR)
        await eventually(lambda: [timer.kind for timer in bells.fired] == ["remind", "climb"])


async def test_what_is_due_fires_in_order_in_transactions_of_500(
    engine: AsyncEngine, bells: Bells, timers: Timers
) -> None:
    ids = await subjects(engine, 1200)
    given = [Timer(each, "remind", START - timedelta(seconds=number)) for number, each in enumerate(ids)]
    await at(engine, *given)

    assert (await timers.state()).due == 1200
    assert await timers.fire_due()

    assert bells.sizes == [500, 500, 200]
    assert bells.called == given[::-1]


async def test_what_is_due_at_one_instant_fires_in_turn_over_all_transactions(
    engine: AsyncEngine, bells: Bells, timers: Timers
) -> None:
    ids = await subjects(engine, 1200)
    given = [Timer(each, "remind", START, turn=f"甲{number:04}") for number, each in enumerate(reversed(ids))]
    await at(engine, *given)

    assert await timers.fire_due()

    assert bells.sizes == [500, 500, 200]
    assert bells.called == given


async def test_two_runners_fire_each_timer_once(engine: AsyncEngine, clock: MovableClock) -> None:
    ids = await subjects(engine, 2000)
    await at(engine, *(Timer(each, "remind", START) for each in ids))
    both = [Bells(), Bells()]

    async with running(*(Timers(engine=engine, clock=clock, fire=bells) for bells in both)):
        await eventually(lambda: sum(len(bells.fired) for bells in both) >= 2000)

    assert sorted(timer.subject for bells in both for timer in bells.fired) == ids
    assert await rows(engine, "SELECT count(*) FROM event_log") == [(4000,)]


async def test_a_runner_does_not_wait_for_a_locked_subject_and_comes_back_for_it(
    engine: AsyncEngine, bells: Bells, timers: Timers
) -> None:
    held, *others = await subjects(engine, 600)
    await at(engine, *(Timer(each, "remind", START) for each in (held, *others)))

    async with transaction(engine) as conn:
        await lock_heads([held], conn=conn)
        assert not await timers.fire_due()
        assert sorted(timer.subject for timer in bells.fired) == others

    assert await timers.fire_due()
    assert bells.fired[-1].subject == held


async def test_a_timer_that_was_moved_while_it_was_being_claimed_keeps_its_new_time(
    engine: AsyncEngine, bells: Bells, timers: Timers, monkeypatch: pytest.MonkeyPatch
) -> None:
    [subject] = await subjects(engine, 1)
    await at(engine, Timer(subject, "remind", START))
    claim = timers._claim

    async def late(*args: Any, **kwargs: Any) -> Any:
        await at(engine, Timer(subject, "remind", START + HOUR))
        return await claim(*args, **kwargs)

    monkeypatch.setattr(timers, "_claim", late)
    await timers.fire_due()

    assert bells.fired == []
    assert await timers.state() == TimersState(due=0, next_due_at=START + HOUR)


async def test_a_poison_timer_is_put_aside_and_the_rest_fires(
    engine: AsyncEngine, bells: Bells, timers: Timers
) -> None:
    ids = await subjects(engine, 100)
    bells.broken = {ids[37]}
    await at(engine, *(Timer(each, "remind", START, origin=each, rule_version="r7") for each in ids))

    assert await timers.fire_due()

    assert sorted(timer.subject for timer in bells.fired) == [each for each in ids if each != ids[37]]
    assert await rows(engine, "SELECT kind, aggregate_id, error FROM set_aside") == [
        ("timer", ids[37], "ValueError: broken: 1")
    ]
    assert await timers.state() == TimersState(due=0, next_due_at=None)


async def test_the_timers_of_a_parked_origin_are_held_and_others_go_on(
    engine: AsyncEngine, bells: Bells, timers: Timers
) -> None:
    first, second = await subjects(engine, 2)
    origin = uuid4()
    await at(engine, Timer(first, "remind", START, origin=origin), Timer(second, "remind", START))
    park = f"INSERT INTO parked_aggregate VALUES ('/liandu/other', '{origin}', 'poison', 'x', '2026-01-01Z')"
    async with transaction(engine) as conn:
        await conn.execute(text(park))

    assert await timers.fire_due()
    assert [timer.subject for timer in bells.fired] == [second]
    assert (await timers.state()).due == 0

    async with transaction(engine) as conn:
        await conn.execute(text("DELETE FROM parked_aggregate"))
    assert (await timers.state()).due == 1
    await timers.fire_due()
    assert [timer.subject for timer in bells.fired] == [second, first]


async def test_a_subject_outside_the_log_has_timers_too(engine: AsyncEngine, timers: Timers, bells: Bells) -> None:
    subject = uuid4()
    await at(engine, Timer(subject, "remind", START))

    assert await timers.fire_due()

    assert [timer.subject for timer in bells.fired] == [subject]


async def test_a_deadlock_is_repeated_and_nothing_is_put_aside(
    engine: AsyncEngine, clock: MovableClock, bells: Bells
) -> None:
    [subject] = await subjects(engine, 1)
    await at(engine, Timer(subject, "remind", START))
    deadlocks = iter(range(3))

    async def fire(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        if next(deadlocks, None) is not None:
            await conn.execute(text("DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$"))
        await bells(due, conn=conn, now=now)

    async with running(Timers(engine=engine, clock=clock, fire=fire)):
        await eventually(lambda: [timer.subject for timer in bells.fired] == [subject])

    assert await rows(engine, "SELECT * FROM set_aside") == []


async def test_a_single_timer_that_fails_once_by_chance_is_fired_again(
    engine: AsyncEngine, clock: MovableClock, bells: Bells
) -> None:
    [subject] = await subjects(engine, 1)
    await at(engine, Timer(subject, "remind", START))
    chances = iter(["bad"])

    async def fire(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        if next(chances, None) is not None:
            await conn.execute(text("SELECT 1 / 0"))
        await bells(due, conn=conn, now=now)

    assert await Timers(engine=engine, clock=clock, fire=fire).fire_due()

    assert [timer.subject for timer in bells.fired] == [subject]
    assert await rows(engine, "SELECT * FROM set_aside") == []


async def test_a_missing_column_is_waited_for_and_puts_nothing_aside(
    engine: AsyncEngine, clock: MovableClock, bells: Bells
) -> None:
    ids = await subjects(engine, 3)
    await at(engine, *(Timer(each, "remind", START) for each in ids))
    failures: list[Exception] = []

    async def fire(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        try:
            await conn.execute(text("SELECT mended FROM timer"))
        except ProgrammingError as error:
            failures.append(error)
            raise
        await bells(due, conn=conn, now=now)

    async with running(Timers(engine=engine, clock=clock, fire=fire)):
        await eventually(lambda: len(failures) >= 2)
        assert await rows(engine, "SELECT * FROM set_aside") == []
        async with transaction(engine) as conn:
            await conn.execute(text("ALTER TABLE timer ADD COLUMN mended int"))
        await eventually(lambda: sorted(timer.subject for timer in bells.fired) == ids)

    assert await rows(engine, "SELECT * FROM set_aside") == []


async def test_timers_at_rest_cost_the_same_however_many_they_are(engine: AsyncEngine, timers: Timers) -> None:
    """What a look costs is counted in rows read, by index alone; not measured in time."""
    many = """
        INSERT INTO timer
        SELECT gen_random_uuid(), 'remind', CAST('2026-02-01Z' AS timestamptz) + n * interval '1 s', gen_random_uuid(),
               '', ''
        FROM generate_series(1, 200000) n
    """
    async with transaction(engine) as conn:
        await conn.execute(text(many))
    async with engine.connect() as conn:
        await (await conn.execution_options(isolation_level="AUTOCOMMIT")).execute(text("VACUUM ANALYZE timer"))
    before = await _rows_read(engine)

    for _ in range(10):
        assert await timers.fire_due()
        assert (await timers.state()).due == 0

    scans, by_index, in_order = await _rows_read(engine)
    assert (scans, in_order) == (before[0], before[2])
    assert by_index - before[1] <= 100


async def _rows_read(engine: AsyncEngine) -> tuple[int, int, int]:
    """Sequential scans of the timer table, entries read from its indexes, rows read in sequence."""
    sql = """
        SELECT seq_scan, (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'timer'),
               seq_tup_read
        FROM pg_stat_user_tables WHERE relname = 'timer'
    """
    for _ in range(8):  # each backend reports its own counts, at the latest when asked to
        async with engine.connect() as conn:
            await conn.execute(text("SELECT pg_stat_force_next_flush()"))
    [found] = await rows(engine, sql)
    return found
