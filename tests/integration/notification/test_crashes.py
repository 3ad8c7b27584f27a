"""Processes that die, are stopped, paused or cut off from the database at the worst moment: one repeat at most."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from math import inf
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notification import claims, keeper, records
from services.notification.domain.messages import State
from services.notification.keeper import Keeper, Undertaker
from services.notification.recorder import Recorder
from services.notification.sender import Sender
from services.notification.telling import Links, Teller
from shared.contracts.deliveries import Outcome
from shared.kit.database import open_engine, transaction
from tests.integration.notification.conftest import KEYS, LOCAL, Desk, one_route, outcomes, running
from tests.support.robots import FakeRobot
from tests.support.supervision import escalated, reminded
from tests.support.waiting import eventually


async def test_killed_between_the_robots_answer_and_the_ledger_it_is_repeated_once(
    desk: Desk, robot: FakeRobot, tmp_path: Path
) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    with running(desk, tmp_path) as process:
        await desk.hear(escalated())
        await eventually(lambda: robot.heard)
        process.kill()
        process.wait()
    robot.gate.set()
    assert (await desk.states(), await desk.flights()) == ([State.QUEUED], 1)
    async with desk.sending():
        await desk.all_in(State.SENT)
        await desk.settled()
    first, second = robot.texts
    assert "可能重复" not in first
    assert second.startswith("### （可能重复）")
    assert first.count("20260000001") == second.count("20260000001") == 1
    assert await outcomes(desk) == [Outcome.UNKNOWN, Outcome.SENT]


async def test_killed_again_and_again_it_is_repeated_once_and_then_left_to_a_person(
    desk: Desk, robot: FakeRobot, tmp_path: Path
) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    await desk.hear(escalated())
    for time in (1, 2):
        with running(desk, tmp_path) as process:
            await eventually(partial(heard_so_often, robot, time))
            process.kill()
            process.wait()
        async with Keeper.open(desk.engine) as found:
            undertaker = Undertaker(desk.engine, found, clock=desk.clock, room=asyncio.Event(), mourning_seconds=0)
            await eventually(partial(buried, desk, undertaker))
    assert await desk.states() == [State.UNDELIVERED]
    async with desk.sending():
        await desk.settled()
    assert ["可能重复" in text for text in robot.texts] == [False, True]


def heard_so_often(robot: FakeRobot, times: int) -> bool:
    return len(robot.heard) == times


async def buried(desk: Desk, undertaker: Undertaker) -> bool:
    """The server frees the lock of a process that was killed when it notices that its connection is closed."""
    await undertaker._look()
    return await desk.flights() == 0


async def test_paused_it_keeps_its_robot_and_goes_on_where_it_stood(
    desk: Desk, robot: FakeRobot, tmp_path: Path
) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    with running(desk, tmp_path) as process:
        await desk.hear(*(reminded(working_days_left=left) for left in (1, 2, 3)))
        await eventually(lambda: robot.heard)
        process.send_signal(signal.SIGSTOP)
        async with desk.sending(engine=desk.engine):
            await desk.hear(reminded(working_days_left=4))
            robot.gate.set()
            process.send_signal(signal.SIGCONT)
            await desk.all_in(State.SENT)
    assert [f"还有{left}个" in text for left, text in enumerate(robot.texts, start=1)] == [True] * 4
    assert not any("可能重复" in text for text in robot.texts)


async def test_whoever_is_not_sure_of_its_lock_sends_nothing(
    desk: Desk, robot: FakeRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was paused for long wakes with old words, old signatures, and attempts given up by others."""
    await one_route(desk, robot)
    robot.gate.clear()
    async with desk.sending():
        await desk.hear(*(reminded(working_days_left=left) for left in (1, 2, 3)))
        await eventually(lambda: robot.heard)
        with monkeypatch.context() as late:
            late.setattr(keeper, "LEASE_SECONDS", 0)
            robot.gate.set()
            await eventually(lambda: nothing_flies(desk))
            assert (await desk.states()).count(State.QUEUED) == 2
            assert len(robot.heard) == 1
        await desk.all_in(State.SENT)
    assert not any("可能重复" in text for text in robot.texts)


async def nothing_flies(desk: Desk) -> bool:
    return await desk.flights() == 0


async def test_what_a_dead_process_left_waits_until_it_has_certainly_fallen_silent(
    desk: Desk, robot: FakeRobot
) -> None:
    await one_route(desk, robot)
    await desk.hear(escalated())
    await claimed_and_sent(desk, robot, desk.engine)
    async with Keeper.open(desk.engine) as found:
        patient = Undertaker(desk.engine, found, clock=desk.clock, room=asyncio.Event(), mourning_seconds=inf)
        for _ in range(3):
            await patient._look()
            assert await desk.flights() == 1
        patient._mourning_seconds = 0
        await patient._look()
        assert await desk.flights() == 0
    assert await outcomes(desk) == [Outcome.UNKNOWN]


async def test_stopped_while_a_robot_is_silent_only_what_it_was_told_is_unknown(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    async with desk.sending():
        await desk.hear(*(reminded(working_days_left=left) for left in (1, 2, 3)))
        await eventually(lambda: robot.heard)
    assert await desk.flights() == 0
    assert [await outcomes(desk, which) for which in range(3)] == [[Outcome.UNKNOWN], [], []]
    robot.gate.set()
    async with desk.sending():
        await desk.all_in(State.SENT)
    assert ["可能重复" in text for text in robot.texts] == [False, True, False, False]


async def test_cut_off_from_the_database_it_records_later_what_it_knows(desk: Desk, robot: FakeRobot) -> None:
    """At most the message that was being sent is repeated; what never left is not called a repeat."""
    await one_route(desk, robot)
    robot.gate.clear()
    async with desk.sending():
        await desk.hear(*(reminded(working_days_left=left) for left in (1, 2, 3)))
        await eventually(lambda: robot.heard)
        async with nobody_gets_in(desk):
            await eventually(lambda: "notification claimer" not in {task.get_name() for task in asyncio.all_tasks()})
            robot.gate.set()
        await desk.all_in(State.SENT)
    assert ["还有2个" in robot.texts[-2], "还有3个" in robot.texts[-1]] == [True, True]
    assert not any("可能重复" in text for text in robot.texts[-2:])


@asynccontextmanager
async def nobody_gets_in(desk: Desk) -> AsyncIterator[None]:
    """The database drops every connection and takes no new ones."""
    admin = await asyncpg.connect(desk.admin_url)
    database = await admin.fetchval("SELECT current_database()")
    try:
        await admin.execute(f"ALTER DATABASE {database} CONNECTION LIMIT 0")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-notification'"
        )
        yield
    finally:
        await admin.execute(f"ALTER DATABASE {database} CONNECTION LIMIT -1")
        await admin.close()


async def test_a_chat_with_a_limit_never_has_many_messages_on_their_way(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot, per_minute=None)
    robot.gate.clear()
    async with desk.sending():
        await desk.hear(*(reminded(working_days_left=left) for left in range(1, 11)))
        await eventually(lambda: robot.heard)
        assert await desk.flights() == 4
        robot.gate.set()
        await desk.all_in(State.SENT)


async def test_a_claim_whose_commit_nobody_saw_is_put_back(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    await desk.hear(escalated())
    teller = Teller(KEYS, Links(None, (), timedelta(days=1)))
    async with transaction(desk.engine) as conn:
        await claims.claim(teller, owner=4711, loads={}, except_for=(), now=desk.clock.now(), conn=conn)
    recorder = Recorder(desk.engine, clock=desk.clock, owner=4711)
    recorder.close()
    await recorder.run(lambda over: None)
    async with desk.sending():
        await desk.all_in(State.SENT)
    assert await outcomes(desk) == [Outcome.SENT]


async def claimed_and_sent(desk: Desk, robot: FakeRobot, engine: AsyncEngine) -> None:
    """What a process does before it dies: claim, commit, send; no outcome is written."""
    teller = Teller(KEYS, Links(None, (), timedelta(days=1)))
    async with transaction(engine) as conn:
        found = await claims.claim(teller, owner=4711, loads={}, except_for=(), now=desk.clock.now(), conn=conn)
    async with Sender(LOCAL, answer_seconds=5) as sender:
        for one in found.outgoing:
            assert one.request
            await sender.send(one.request, one.channel)


async def test_a_crash_between_answer_and_ledger_is_unknown_and_repeated_once(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    await desk.hear(escalated())
    await claimed_and_sent(desk, robot, desk.engine)
    assert len(robot.heard) == 1
    async with desk.sending():
        await desk.all_in(State.SENT)
    assert await outcomes(desk) == [Outcome.UNKNOWN, Outcome.SENT]
    assert "可能重复" in robot.texts[1]
    assert "可能重复" not in robot.texts[0]


async def test_a_process_that_lives_keeps_what_it_is_sending(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    other = open_engine(desk.url, application="test-other")
    try:
        async with desk.sending(), desk.sending(engine=other):
            await desk.hear(escalated())
            await eventually(lambda: robot.heard)
            await asyncio.sleep(0)
            assert await desk.flights() == 1
            robot.gate.set()
            await desk.all_in(State.SENT)
    finally:
        await other.dispose()
    assert len(robot.heard) == 1


async def test_stopping_lets_the_answer_come_and_puts_the_rest_back(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    async with desk.sending() as sending:
        await desk.hear(*(reminded() for _ in range(5)))
        await eventually(lambda: robot.heard)
        sending.cancel()
        await asyncio.sleep(0)
        robot.gate.set()
    assert await desk.flights() == 0
    states = await desk.states()
    assert (states.count(State.SENT), states.count(State.QUEUED)) == (1, 4)
    assert len(robot.heard) == 1


async def test_recording_twice_writes_once(desk: Desk, robot: FakeRobot) -> None:
    """The recorder repeats a transaction of which it does not know whether it was committed."""
    await one_route(desk, robot)
    await desk.hear(escalated())
    teller = Teller(KEYS, Links(None, (), timedelta(days=1)))
    now = desk.clock.now()
    async with transaction(desk.engine) as conn:
        [one] = (await claims.claim(teller, owner=1, loads={}, except_for=(), now=now, conn=conn)).outgoing
    over = [records.ended(one, one.channel.read(200, {}, b'{"errcode":0}'), at=now)]
    counts = []
    for _ in range(2):
        async with transaction(desk.engine) as conn:
            counts.append(await records.record(over, owner=1, now=now, conn=conn))
    assert counts == [1, 0]
    assert await outcomes(desk) == [Outcome.SENT]
