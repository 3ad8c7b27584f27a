"""The event log on real PostgreSQL."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import ClassVar
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.event import Event
from shared.kit.database import open_engine
from shared.kit.errors import Invalid
from shared.kit.log.cursor import BEFORE_ALL, LogCursor
from shared.kit.log.eventlog import (
    MAX_DATA_BYTES,
    CreatedMeanwhile,
    NewFact,
    append,
    appended,
    history,
    lock_heads,
)
from tests.support.log import ACTOR, NOW, commit, gapless, on_topic, write
from tests.support.postgres import ScratchDatabase

Happened = on_topic("liandu.test")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision_kit("log"), application="test", pool_size=12)
    yield engine
    await engine.dispose()


async def test_facts_of_an_aggregate_are_numbered_in_the_order_given(engine: AsyncEngine) -> None:
    first, second = uuid4(), uuid4()
    facts = [
        NewFact(first, Happened(note="a"), NOW),
        NewFact(second, Happened(note="b"), NOW),
        NewFact(first, Happened(note="c"), NOW + timedelta(days=1)),
    ]
    async with engine.begin() as conn:
        assert await append(facts, conn=conn, actor=ACTOR, traceparent=TRACE) == {first: 2, second: 1}
    async with engine.begin() as conn:
        assert await lock_heads([first, second, uuid4()], conn=conn) == {first: 2, second: 1}
        assert await append([NewFact(first, Happened(note="d"), NOW)], conn=conn, actor=ACTOR) == {first: 3}
        told = await history(first, conn=conn)

    assert [(fact.seq, fact.data) for fact in told] == [
        (1, '{"note": "a"}'),
        (2, '{"note": "c"}'),
        (3, '{"note": "d"}'),
    ]
    assert [(fact.at, fact.actor, fact.traceparent) for fact in told] == [
        (NOW, ACTOR, TRACE),
        (NOW + timedelta(days=1), ACTOR, TRACE),
        (NOW, ACTOR, None),
    ]
    assert {(fact.topic, fact.type) for fact in told} == {("liandu.test", "cn.liandu.test.happened.v1")}
    assert [fact.position for fact in told] == sorted(fact.position for fact in told)


async def test_history_is_told_from_a_sequence_on_and_in_pages(engine: AsyncEngine) -> None:
    aggregate = uuid4()
    await commit(engine, [aggregate], Happened, times=7)

    async with engine.connect() as conn:
        assert [fact.seq for fact in await history(aggregate, conn=conn, after=2, limit=3)] == [3, 4, 5]
        assert await history(uuid4(), conn=conn) == []


async def test_a_thousand_facts_take_no_more_statements_than_one(engine: AsyncEngine) -> None:
    counts = []
    for size in (1, 1000):
        old, new = [uuid4() for _ in range(size)], [uuid4() for _ in range(size)]
        await commit(engine, old, Happened)
        statements: list[str] = []

        def note(conn: Connection, cursor: object, statement: str, *_: object, to: list[str] = statements) -> None:
            to.append(statement)

        event.listen(engine.sync_engine, "before_cursor_execute", note)
        await commit(engine, [*old, *new], Happened, times=2)
        event.remove(engine.sync_engine, "before_cursor_execute", note)
        counts.append(len(statements))

    assert counts == [3, 3]


async def test_sequences_have_no_gap_whoever_writes_and_whoever_takes_back(engine: AsyncEngine) -> None:
    aggregates = [uuid4() for _ in range(6)]
    await commit(engine, aggregates, Happened)

    async def writer(number: int) -> None:
        dice = random.Random(number)
        for _ in range(30):
            async with engine.connect() as conn:
                transaction = await conn.begin()
                await write(conn, dice.sample(aggregates, dice.randint(1, 6)), Happened, times=dice.randint(1, 3))
                await (transaction.rollback() if dice.random() < 0.4 else transaction.commit())

    await asyncio.gather(*(writer(number) for number in range(10)))

    async with engine.connect() as conn:
        rows = (await conn.execute(text("SELECT aggregate_id, seq FROM event_log ORDER BY position"))).all()
        heads = (await conn.execute(text("SELECT aggregate_id, seq, event_id FROM aggregate_head"))).all()
        last = (
            await conn.execute(
                text("SELECT DISTINCT ON (aggregate_id) event_id FROM event_log ORDER BY aggregate_id, seq DESC")
            )
        ).scalars()
    by_position: dict[UUID, list[int]] = {}
    for row in rows:
        by_position.setdefault(row.aggregate_id, []).append(row.seq)
    assert by_position == gapless({head.aggregate_id: head.seq for head in heads})
    assert {head.event_id for head in heads} == set(last)


async def test_transactions_that_lock_in_any_order_wait_and_do_not_deadlock(engine: AsyncEngine) -> None:
    aggregates = [uuid4() for _ in range(20)]
    await commit(engine, aggregates, Happened)

    async def writer(number: int) -> None:
        dice = random.Random(number)
        for _ in range(15):
            await commit(engine, dice.sample(aggregates, 20), Happened)

    await asyncio.gather(*(writer(number) for number in range(8)))

    async with engine.begin() as conn:
        assert set((await lock_heads(aggregates, conn=conn)).values()) == {121}


async def test_what_somebody_else_holds_can_be_left_out(engine: AsyncEngine) -> None:
    held, free = uuid4(), uuid4()
    await commit(engine, [held, free], Happened)

    async with engine.begin() as holder, engine.begin() as other:
        await lock_heads([held], conn=holder)
        assert await lock_heads([held, free], conn=other, skip_locked=True) == {free: 1}


async def test_of_two_that_found_an_aggregate_missing_one_creates_it(engine: AsyncEngine) -> None:
    aggregate, other = uuid4(), uuid4()

    async with engine.begin() as late:
        assert await lock_heads([aggregate, other], conn=late) == {}
        await commit(engine, [aggregate], Happened)
        with pytest.raises(CreatedMeanwhile) as refused:
            await append([NewFact(aggregate, Happened(), NOW)], conn=late, actor=ACTOR)
    assert refused.value.details == {"aggregate_id": str(aggregate)}

    assert await commit(engine, [aggregate], Happened) == {aggregate: 2}


async def test_creating_does_not_wait_for_whoever_holds_what_was_created_meanwhile(engine: AsyncEngine) -> None:
    """He may be waiting for us: that would be a deadlock."""
    mine, created = uuid4(), uuid4()
    await commit(engine, [mine], Happened)

    async with engine.begin() as late, engine.begin() as holder:
        await lock_heads([mine, created], conn=late)
        await commit(engine, [created], Happened)
        await lock_heads([created], conn=holder)
        with pytest.raises(CreatedMeanwhile):
            await append([NewFact(created, Happened(), NOW)], conn=late, actor=ACTOR)


async def test_one_transaction_may_append_to_what_it_created(engine: AsyncEngine) -> None:
    aggregate = uuid4()
    async with engine.begin() as conn:
        assert await write(conn, [aggregate], Happened) == {aggregate: 1}
        assert await append([NewFact(aggregate, Happened(), NOW)], conn=conn, actor=ACTOR) == {aggregate: 2}
        savepoint = await conn.begin_nested()
        assert await write(conn, [aggregate], Happened) == {aggregate: 3}
        await savepoint.rollback()
        assert await write(conn, [aggregate], Happened) == {aggregate: 3}


async def test_what_cannot_be_published_is_refused(engine: AsyncEngine) -> None:
    class Homeless(Event):
        type: ClassVar[str] = "cn.liandu.test.homeless.v1"

    aggregate = uuid4()
    await commit(engine, [aggregate], Happened)
    async with engine.begin() as conn:
        with pytest.raises(TypeError, match="Homeless cannot be published"):
            await append([NewFact(aggregate, Homeless(), NOW)], conn=conn, actor=ACTOR)
        with pytest.raises(Invalid, match="内容过大"):
            await append([NewFact(aggregate, Happened(note="链" * MAX_DATA_BYTES), NOW)], conn=conn, actor=ACTOR)
        with pytest.raises(Invalid, match="NUL"):
            await append([NewFact(aggregate, Happened(note="a\0b"), NOW)], conn=conn, actor=ACTOR)
        assert await append([], conn=conn, actor=ACTOR) == {}
        with pytest.raises(TypeError, match=r"lives in liandu\.test"):
            await append([NewFact(aggregate, on_topic("liandu.elsewhere")(), NOW)], conn=conn, actor=ACTOR)


async def test_readers_are_told_when_an_append_is_visible_and_not_before(engine: AsyncEngine) -> None:
    signal = appended(engine)
    assert appended(engine) is signal
    async with engine.begin() as conn:
        await lock_heads([uuid4()], conn=conn)
    assert not signal.is_set(), "nothing was appended"

    async with engine.begin() as conn:
        await write(conn, [uuid4()], Happened)
        assert not signal.is_set()
    assert signal.is_set()


_Step = st.tuples(
    st.sampled_from(["append", "append", "savepoint", "back", "commit", "rollback", "look", "look"]),
    st.integers(0, 2),
    st.integers(1, 3),
)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
@given(steps=st.lists(_Step, min_size=6, max_size=30))
async def test_the_cursor_reads_each_committed_fact_once_and_in_order(
    engine: AsyncEngine, steps: list[tuple[str, int, int]]
) -> None:
    """Three transactions at a time, in any interleaving, with savepoints; a reader looks in between."""
    async with engine.connect() as reader:
        await reader.execution_options(isolation_level="AUTOCOMMIT")
        start = await LogCursor(BEFORE_ALL).look(reader)
        read = _Reader(reader, start if start.at_rest else start.finished())
        writers = [_Writer(await engine.connect()) for _ in range(3)]
        try:
            for action, who, count in steps:
                await (read.all() if action == "look" else writers[who].do(action, count))
        finally:
            for writer in writers:
                await writer.close()
        await read.all()

    expected = [fact for writer in writers for fact in writer.committed]
    assert sorted(read.facts) == sorted(expected)
    for writer in writers:
        assert [fact for fact in read.facts if fact[0] == writer.aggregate] == writer.committed


class _Writer:
    """One connection, one aggregate, and what it has committed."""

    def __init__(self, conn: AsyncConnection) -> None:
        self.aggregate = uuid4()
        self.committed: list[tuple[UUID, int]] = []
        self._conn = conn
        self._written: list[tuple[UUID, int]] = []
        self._marks: list[int] = []

    async def do(self, action: str, count: int) -> None:
        if not self._conn.in_transaction():
            await self._conn.begin()
        if action == "append":
            top = (await write(self._conn, [self.aggregate], Happened, times=count))[self.aggregate]
            self._written += [(self.aggregate, seq) for seq in range(top - count + 1, top + 1)]
        elif action == "savepoint":
            await self._conn.begin_nested()
            self._marks.append(len(self._written))
        elif action == "back" and self._marks:
            nested = self._conn.get_nested_transaction()
            assert nested is not None
            await nested.rollback()
            del self._written[self._marks.pop() :]
        elif action in ("commit", "rollback"):
            await self._end(keep=action == "commit")

    async def _end(self, *, keep: bool) -> None:
        await (self._conn.commit() if keep else self._conn.rollback())
        self.committed += self._written if keep else []
        self._written, self._marks = [], []

    async def close(self) -> None:
        await self._end(keep=True)
        await self._conn.close()


class _Reader:
    def __init__(self, conn: AsyncConnection, cursor: LogCursor) -> None:
        self.facts: list[tuple[UUID, int]] = []
        self._conn = conn
        self._cursor = cursor

    async def all(self) -> None:
        self._cursor = await self._cursor.look(self._conn)
        if self._cursor.at_rest:
            return
        while rows := await self._cursor.read(self._conn, after=self._cursor.position, limit=2):
            self.facts += [(row.aggregate_id, row.seq) for row in rows]
            self._cursor = self._cursor.moved_to(rows[-1].position)
        self._cursor = self._cursor.finished()
