"""Who consumes what: shared evenly, taken over at once, fenced for good."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
import pytest_asyncio
from aiokafka import TopicPartition
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kit.consuming.arrivals import Arrival
from shared.kit.consuming.consumer import Consumer
from shared.kit.consuming.partitions import MOVE_OFFSETS, Partitions, holding_lease
from shared.kit.database import fetch, open_engine, transaction
from tests.support.postgres import ScratchDatabase
from tests.support.streams import Alpha, Beta, Ledger, consuming
from tests.support.waiting import eventually

ALL = [TopicPartition(topic, number) for topic in ("a", "b") for number in range(4)]
Open = Callable[[], Awaitable[Partitions]]


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision_kit("beta"), application="beta")
    yield engine
    await engine.dispose()


async def settle(*members: Partitions) -> None:
    """Two rounds: in the first, some give up what others take in the second."""
    for _ in range(2):
        for member in members:
            await member.share_out(ALL, incarnation="one")


async def has_all(member: Partitions, incarnation: str = "one") -> bool:
    return await has_taken(member, ALL, incarnation)


async def has_taken(member: Partitions, wanted: list[TopicPartition], incarnation: str = "one") -> bool:
    """Whether it has these by now: the server notices a little later that another member has gone."""
    await member.share_out(ALL, incarnation=incarnation)
    return sorted(member.owned) == wanted


def shares(*members: Partitions) -> list[dict[str, int]]:
    return [dict(Counter(partition.topic for partition in member.owned)) for member in members]


async def test_members_share_evenly_as_they_come_and_go(engine: AsyncEngine) -> None:
    async with holding_lease(engine, service="beta") as first:
        await settle(first)
        assert shares(first) == [{"a": 4, "b": 4}]
        async with holding_lease(engine, service="beta") as second, holding_lease(engine, service="gamma"):
            await settle(first, second)
            assert shares(first, second) == [{"a": 2, "b": 2}] * 2
            async with holding_lease(engine, service="beta") as third:
                members = (first, second, third)
                await settle(*members)
                assert sorted(len(member.owned) for member in members) == [2, 3, 3]
                assert sorted(each for member in members for each in member.owned) == ALL
        assert await eventually(lambda: has_all(first))


async def test_more_members_than_partitions_leaves_some_without(engine: AsyncEngine) -> None:
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(holding_lease(engine, service="beta")) for _ in range(3)]
        for _ in range(2):
            for member in members:
                await member.share_out(ALL[:2], incarnation="one")

        assert sorted(len(member.owned) for member in members) == [0, 1, 1]


async def test_each_owner_has_a_new_epoch_and_goes_on_where_the_last_one_stopped(engine: AsyncEngine) -> None:
    async with holding_lease(engine, service="beta") as first:
        await settle(first)
        await first.go_on_from({ALL[0]: 77})
    async with holding_lease(engine, service="beta") as second:
        assert await eventually(lambda: has_all(second))

        assert (second.owned[ALL[0]].epoch, second.owned[ALL[0]].next_offset) == (2, 77)
        await first.go_on_from({ALL[0]: 5})
    async with holding_lease(engine, service="beta") as third:
        assert await eventually(lambda: has_all(third, "another"))

        assert (third.owned[ALL[0]].next_offset, third.owned[ALL[0]].begun_anew) == (0, True)


async def test_a_silent_process_loses_its_lease_to_the_server(engine: AsyncEngine) -> None:
    async with holding_lease(engine, service="beta") as member:
        shown = await member._lease._conn.exec_driver_sql("SHOW idle_session_timeout")

        assert shown.scalar_one() == "5s"


async def test_a_partition_whose_last_owner_is_stopped_in_its_batch_keeps_nobody_from_the_others(
    engine: AsyncEngine,
) -> None:
    async with holding_lease(engine, service="beta") as stopped:
        await settle(stopped)
        epoch = stopped.owned[ALL[2]].epoch
    async with holding_lease(engine, service="beta") as successor:
        async with transaction(engine) as batch:
            assert await fetch(batch, MOVE_OFFSETS, [ALL[2].topic], [ALL[2].partition], [epoch], [5])
            idle = await batch.exec_driver_sql("SHOW idle_in_transaction_session_timeout")
            assert idle.scalar_one() == "5s"

            others = [each for each in ALL if each != ALL[2]]
            assert await eventually(lambda: has_taken(successor, others))
            assert not await successor.share_out(ALL, incarnation="one")

        assert await successor.share_out(ALL, incarnation="one")
        assert sorted(successor.owned) == ALL
        assert successor.owned[ALL[2]].next_offset == 5


async def test_two_replicas_share_the_work_and_one_takes_over_from_the_other(
    database: ScratchDatabase, alpha: Alpha, beta: Beta
) -> None:
    ledgers = [Ledger(), Ledger()]
    first = beta.consumer(ledgers[0])
    doomed = open_engine(database.url_for("beta"), application="doomed")
    second = beta.consumer(ledgers[1], engine=doomed)
    aggregates = [uuid4() for _ in range(40)]
    async with consuming(first):
        await alpha.send(*[fact for each in aggregates for fact in await alpha.note(each, "a")])
        await eventually(lambda: _count(beta, 40))
        dying = asyncio.create_task(second.run())
        await eventually(lambda: _owned(first, 2))
        await eventually(lambda: _owned(second, 2))
        await alpha.send(*[fact for each in aggregates for fact in await alpha.note(each, "b")])
        await eventually(lambda: _count(beta, 80))
        assert ledgers[1].sizes

        dying.cancel()  # as when it is killed: nothing is said to anybody, its connections end
        await asyncio.gather(dying, return_exceptions=True)
        await alpha.send(*[fact for each in aggregates for fact in await alpha.note(each, "c")])

        await eventually(lambda: _count(beta, 120))
        await eventually(lambda: _owned(first, 4))
    await doomed.dispose()
    assert [await beta.lines(each) for each in aggregates] == [[1, 2, 3]] * 40


async def test_a_process_that_wakes_late_writes_nothing(
    database: ScratchDatabase, alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    """It had fetched a batch when it was stopped; its lease went, another took over, and then it wakes."""
    aggregate = uuid4()
    engine = open_engine(database.url_for("beta"), application="paused")
    paused, awake = beta.consumer(Ledger(), engine=engine), beta.consumer(ledger)
    stopped, woken = asyncio.Event(), asyncio.Event()
    take = paused.taker.take

    async def take_late(arrivals: list[Arrival], **given: object) -> object:
        stopped.set()
        await woken.wait()
        return await take(arrivals, **given)  # type: ignore[arg-type]

    paused.taker.take = take_late  # type: ignore[assignment, method-assign]
    async with consuming(paused):
        await alpha.send(*await alpha.note(aggregate, *"abc"))
        await stopped.wait()
        await _end_lease(database)
        async with consuming(awake):
            await eventually(lambda: _count(beta, 3))
            woken.set()
            await eventually(lambda: _began_anew(paused))
    await engine.dispose()

    assert await beta.lines(aggregate) == [1, 2, 3]
    assert sum(ledger.sizes) == 3


async def _end_lease(database: ScratchDatabase) -> None:
    conn = await asyncpg.connect(database.admin_url)
    await conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND mode = 'ShareLock' AND application_name = 'paused'"
    )
    await conn.close()


async def _began_anew(consumer: Consumer) -> bool:
    session = consumer._session
    return session is not None and session.members == 2 and consumer._lacking is None


async def _count(beta: Beta, expected: int) -> bool:
    [(count,)] = await beta.rows("SELECT count(*) FROM ledger")
    return bool(count == expected)


async def _owned(consumer: Consumer, expected: int) -> bool:
    return (await consumer.state()).partitions == expected
