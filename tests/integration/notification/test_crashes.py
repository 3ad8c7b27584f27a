"""Processes that die, are stopped, paused or cut off from the database at the worst moment: one repeat at most."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

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
            undertaker = Undertaker(desk.engine, found, clock=desk.clock, queued=asyncio.Event(), silent_seconds=0)
            await eventually(partial(buried, desk, undertaker))
    assert await desk.states() == [State.UNDELIVERED]
    async with desk.sending():
        await desk.settled()
    assert ["可能重复" in text for text in robot.texts] == [False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of another process's death")
async def test_what_a_killed_process_left_on_its_way_is_given_up_without_waiting(
    desk: Desk, robot: FakeRobot, tmp_path: Path
) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    with running(desk, tmp_path) as process:
        await desk.hear(escalated())
        await eventually(lambda: robot.heard)
        async with patient_undertaker(desk) as undertaker:
            process.send_signal(signal.SIGSTOP)
            await eventually(partial(is_watched, undertaker))
            await undertaker.look()
            assert await desk.flights() == 1
            process.kill()
            await eventually(partial(buried, desk, undertaker))
    assert await outcomes(desk) == [Outcome.UNKNOWN]


async def is_watched(undertaker: Undertaker) -> bool:
    """Whether a lock became free: the server takes it from who is silent."""
    await undertaker.look()
    return bool(undertaker._gone)


@asynccontextmanager
async def patient_undertaker(desk: Desk) -> AsyncIterator[Undertaker]:
    async with Keeper.open(desk.engine) as found:
        yield Undertaker(desk.engine, found, clock=desk.clock, queued=asyncio.Event(), silent_seconds=inf)


async def test_a_process_that_only_lost_its_lock_is_not_given_up_while_it_may_send(
    desk: Desk, robot: FakeRobot
) -> None:
    await one_route(desk, robot)
    await desk.hear(escalated())
    other = open_engine(desk.url, application="test-cut-off")
    async with patient_undertaker(desk) as undertaker:
        async with Keeper.open(other) as cut_off:
            await claimed_and_sent(desk, robot, desk.engine, owner=cut_off.owner)
            await desk.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :it", it="test-cut-off"
            )
            await eventually(partial(is_watched, undertaker))
            await undertaker.look()
            assert await desk.flights() == 1
        await eventually(partial(buried, desk, undertaker))
    await other.dispose()


async def test_frozen_for_long_it_wakes_and_sends_nothing_that_it_has_lost(
    desk: Desk, robot: FakeRobot, tmp_path: Path
) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    with running(desk, tmp_path) as process:
        await desk.hear(*(reminded(working_days_left=left) for left in (1, 2, 3)))
        await eventually(lambda: robot.heard)
        await eventually(partial(frozen_at_rest, desk, process))
        robot.gate.set()
        async with desk.sending():
            await desk.all_in(State.SENT)
        process.send_signal(signal.SIGCONT)
        await desk.hear(reminded(working_days_left=4))
        await desk.all_in(State.SENT)
    days = [f"还有{left}个" for left in (1, 1, 2, 3, 4)]
    assert [day in text for day, text in zip(days, robot.texts, strict=True)] == [True] * 5
    assert ["可能重复" in text for text in robot.texts] == [False, True, True, True, False]


async def frozen_at_rest(desk: Desk, process: "subprocess.Popen[bytes]") -> bool:
    """Freeze it outside of any transaction; whether it could be."""
    process.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    busy = await desk.execute(
        "SELECT FROM pg_stat_activity WHERE application_name = 'liandu-notification' AND state <> 'idle'"
        " AND datname = current_database()"
    )
    if busy:
        process.send_signal(signal.SIGCONT)
    return not busy


async def test_a_sender_that_is_silent_loses_its_lock_to_the_server(desk: Desk) -> None:
    async with Keeper.open(desk.engine) as found:
        shown = await found._conn.exec_driver_sql("SHOW idle_session_timeout")

        assert shown.scalar_one() == "3s"


async def test_what_is_not_certain_any_more_when_it_is_about_to_leave_goes_back(
    desk: Desk, robot: FakeRobot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was certain when the call began; then making the connection took too long."""
    await one_route(desk, robot)
    connect = Sender._open_socket
    with monkeypatch.context() as late:

        def connect_late(sender: Sender, info: Any) -> socket.socket:
            late.setattr(keeper, "SURE_SECONDS", 0)
            return connect(sender, info)

        late.setattr(Sender, "_open_socket", connect_late)
        await desk.hear(escalated())
        async with desk.sending():
            await eventually(lambda: keeper.SURE_SECONDS == 0)
            await eventually(lambda: nothing_flies(desk))
    assert (robot.heard, await desk.states(), await outcomes(desk)) == ([], [State.QUEUED], [])
    async with desk.sending():
        await desk.all_in(State.SENT)
    assert "可能重复" not in robot.texts[0]


def heard_so_often(robot: FakeRobot, times: int) -> bool:
    return len(robot.heard) == times


async def buried(desk: Desk, undertaker: Undertaker) -> bool:
    """The server frees the lock of a process that was killed when it notices that its connection is closed."""
    await undertaker.look()
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
            late.setattr(keeper, "SURE_SECONDS", 0)
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
        patient = Undertaker(desk.engine, found, clock=desk.clock, queued=asyncio.Event(), silent_seconds=inf)
        for _ in range(3):
            await patient.look()
            assert await desk.flights() == 1
        patient._silent_seconds = 0
        await patient.look()
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


async def claimed_and_sent(desk: Desk, robot: FakeRobot, engine: AsyncEngine, *, owner: int = 4711) -> None:
    """What a process does before it dies: claim, commit, send; no outcome is written."""
    teller = Teller(KEYS, Links(None, (), timedelta(days=1)))
    async with transaction(engine) as conn:
        found = await claims.claim(teller, owner=owner, loads={}, except_for=(), now=desk.clock.now(), conn=conn)
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
