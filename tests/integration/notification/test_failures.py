"""Robots that limit, refuse and break."""

from datetime import timedelta

import pytest

from services.notification.domain.messages import State
from services.notification.domain.outcome import RobotState
from services.notification.handlers import redrive, robots
from shared.contracts.deliveries import Outcome
from shared.kit.database import open_engine, transaction
from tests.integration.notification.conftest import Desk, one_route, outcomes
from tests.support.robots import Answer, FakeRobot, listening
from tests.support.supervision import escalated, reminded
from tests.support.waiting import eventually

BUSY = Answer({"errcode": -1, "errmsg": "busy"})
TOO_FAST = Answer({"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"})
NO_ROBOT = Answer({"errcode": 300005, "errmsg": "token is not exist"})
UNSAFE = Answer({"errcode": 430101, "errmsg": "unsafe"})
CUT = Answer(cut=True)


async def test_a_200_with_an_error_code_is_no_delivery(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.answers.append(UNSAFE)
    async with desk.sending():
        await desk.hear(escalated())
        await desk.all_in(State.UNDELIVERED)
    [message] = await desk.all()
    [attempt] = await desk.story(message)
    assert (attempt.outcome, attempt.code) == (Outcome.GIVE_UP, "430101")
    assert "不合规" in message.reason
    assert (await desk.robot("display")).condition.state is RobotState.OPEN


@pytest.mark.parametrize(
    "body", [b"<html>ok</html>", b"", b'{"errcode": true}', b'{"errcode": "0"}', b'{"StatusCode": 0}']
)
async def test_a_200_without_an_integer_code_is_no_delivery(desk: Desk, robot: FakeRobot, body: bytes) -> None:
    await one_route(desk, robot)
    robot.answers.append(Answer(body))
    async with desk.sending():
        await desk.hear(escalated())
        waiting = await desk.settled()
    assert await outcomes(desk) == [Outcome.RETRY]
    assert waiting.next_due_at == desk.clock.now() + timedelta(seconds=5)


async def test_a_throttled_robot_cools_down_and_gets_everything_later_in_order(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.answers += [Answer(), TOO_FAST]
    async with desk.sending():
        await desk.hear(*(reminded(working_days_left=left) for left in (1, 2, 3, 4)))
        waiting = await desk.settled()
        condition = (await desk.robot("display")).condition
        assert condition.state is RobotState.COOLING
        assert condition.resume_at == waiting.next_due_at == desk.clock.now() + timedelta(minutes=10)
        assert len(robot.heard) == 2
        assert await desk.flights() == 0
        desk.clock.move(timedelta(minutes=10))
        await desk.all_in(State.SENT)
    assert await outcomes(desk, 1) == [Outcome.COOL_DOWN, Outcome.SENT]
    assert ["还有2个" in robot.texts[2], "还有3个" in robot.texts[3], "还有4个" in robot.texts[4]] == [True] * 3
    assert (await desk.robot("display")).condition.state is RobotState.OPEN


async def test_a_connection_cut_after_the_body_is_repeated_once_and_marked(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.answers.append(CUT)
    async with desk.sending():
        await desk.hear(escalated())
        await desk.settled()
        assert await outcomes(desk) == [Outcome.UNKNOWN]
        desk.clock.move(timedelta(seconds=5))
        await desk.all_in(State.SENT)
    first, second = robot.texts
    assert "可能重复" not in first
    assert "（可能重复）【督办函】" in second
    assert first.count("20260000001") == second.count("20260000001") == 1


async def test_who_cannot_tell_twice_leaves_it_to_a_person(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.always = CUT
    async with desk.sending():
        await desk.hear(escalated())
        await desk.settled()
        desk.clock.move(timedelta(seconds=5))
        await desk.all_in(State.UNDELIVERED)
    assert await outcomes(desk) == [Outcome.UNKNOWN, Outcome.UNKNOWN]


async def test_an_answer_that_takes_too_long_is_unknown(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    async with desk.sending(answer_seconds=0.2):
        await desk.hear(escalated())
        await eventually(lambda: robot.heard)
        await desk.settled()
        assert await outcomes(desk) == [Outcome.UNKNOWN]


async def test_a_robot_that_is_down_is_tried_again_with_growing_pauses(desk: Desk, robot: FakeRobot) -> None:
    down = FakeRobot()
    async with listening(down):
        pass
    await one_route(desk, down)
    async with desk.sending():
        await desk.hear(escalated(), reminded())
        pauses = []
        for _ in range(4):
            due = (await desk.settled()).next_due_at
            assert due
            pauses.append((due - desk.clock.now()).total_seconds())
            desk.clock.move(due)
        assert pauses == [5, 10, 20, 40]
        assert set(await outcomes(desk, 0)) == {Outcome.RETRY}
        assert await outcomes(desk, 1) == []
        async with listening(down):
            await desk.settled()
            due = (await desk.pending()).next_due_at
            desk.clock.move(due or timedelta())
            await desk.all_in(State.SENT)
    assert len(down.heard) == 2


async def test_a_robot_that_refuses_for_good_is_off_until_it_is_mended(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.answers.append(NO_ROBOT)
    async with desk.sending():
        await desk.hear(escalated(), reminded())
        assert (await desk.settled()).next_due_at is None
        assert await desk.states() == [State.UNDELIVERED, State.QUEUED]
        condition = (await desk.robot("display")).condition
        assert condition.state is RobotState.OFF
        assert "access_token" in condition.why
        await desk.register("display", robot)
        await eventually(lambda: len(robot.heard) == 2)
        await redriven(desk, "display")
        await desk.all_in(State.SENT)
    assert len(robot.heard) == 3


async def test_an_answer_to_the_old_address_says_nothing_of_the_new(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.gate.clear()
    robot.answers.append(NO_ROBOT)
    async with desk.sending():
        await desk.hear(escalated())
        await eventually(lambda: robot.heard)
        await desk.register("display", robot, token="a-new-token")
        robot.gate.set()
        await desk.all_in(State.UNDELIVERED)
        assert (await desk.robot("display")).condition.state is RobotState.OPEN


async def redriven(desk: Desk, robot_id: str) -> int:
    async with transaction(desk.engine) as conn:
        return await redrive.redrive_all(robot_id, by="运维", now=desk.clock.now(), conn=conn)


async def test_a_test_message_reaches_a_robot_that_is_off_and_opens_it(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.answers.append(NO_ROBOT)
    async with desk.sending():
        await desk.hear(escalated(), reminded())
        await desk.settled()
        async with transaction(desk.engine) as conn:
            await robots.try_out("display", now=desk.clock.now(), traceparent=None, conn=conn)
        await eventually(lambda: len(robot.heard) == 3)
        await desk.settled()
    assert "通道测试" in robot.texts[1]
    assert await desk.states() == [State.UNDELIVERED, State.SENT, State.SENT]


async def test_redriving_doubles_nothing_that_got_through(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.answers += [Answer(), UNSAFE]
    async with desk.sending():
        await desk.hear(escalated(), reminded())
        await eventually(lambda: len(robot.heard) == 2)
        await desk.settled()
        assert await redriven(desk, "display") == 1
        assert await redriven(desk, "display") <= 1
        await desk.all_in(State.SENT)
        assert await redriven(desk, "display") == 0
        await desk.settled()
    assert len(robot.heard) == 3


async def test_an_unknown_code_is_retried_and_then_given_up(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    robot.always = Answer({"errcode": 777, "errmsg": "nobody knows"})
    async with desk.sending():
        await desk.hear(escalated())
        while (due := (await desk.settled()).next_due_at) is not None:
            desk.clock.move(due)
    assert await desk.states() == [State.UNDELIVERED]
    assert await outcomes(desk) == [Outcome.RETRY] * 5


async def test_two_processes_share_one_limit(desk: Desk, robot: FakeRobot) -> None:
    """45 messages at 20 a minute: 20 at once, 20 when a minute is over, 5 after another; never more in any window."""
    await one_route(desk, robot, per_minute=None)
    moments = []
    robot.on_heard = lambda heard: moments.append(desk.clock.now())
    other = open_engine(desk.url, application="test-other")
    try:
        async with desk.sending(), desk.sending(engine=other):
            await desk.hear(*(reminded(working_days_left=n) for n in range(1, 46)))
            steps = []
            while (due := (await desk.settled()).next_due_at) is not None:
                steps.append(len(robot.heard))
                desk.clock.move(due)
            await desk.all_in(State.SENT)
    finally:
        await other.dispose()
    assert steps == [20, 40]
    assert len(moments) == 45
    for start in moments:
        assert sum(start <= moment <= start + timedelta(seconds=60) for moment in moments) <= 20
    assert [f"还有{n}个" in text for n, text in enumerate(robot.texts, start=1)] == [True] * 45


async def test_while_paused_nothing_leaves_and_time_does_not_wait(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    async with desk.sending():
        await switch(desk, paused=True)
        await desk.hear(escalated())
        waiting = await desk.settled()
        assert (waiting.reasons, waiting.next_due_at) == ((), None)
        desk.clock.move(timedelta(days=7))
        await desk.settled()
        assert not robot.heard
        await switch(desk, paused=False)
        await desk.all_in(State.SENT)
    assert "截至2026年1月5日" in robot.texts[0]


async def test_after_a_restore_nothing_leaves_until_an_operator_resumes_and_what_waits_is_marked(
    desk: Desk, robot: FakeRobot
) -> None:
    await one_route(desk, robot)
    await desk.hear(escalated())
    async with transaction(desk.engine) as conn:
        await robots.pause_after_restore(conn)
    async with desk.sending():
        await desk.hear(reminded())
        await desk.settled()
        assert not robot.heard
        await switch(desk, paused=False)
        await desk.all_in(State.SENT)
        await desk.hear(reminded(working_days_left=1))
        await desk.all_in(State.SENT)
    assert ["可能重复" in text for text in robot.texts] == [True, True, False]


async def switch(desk: Desk, *, paused: bool) -> None:
    async with transaction(desk.engine) as conn:
        await robots.switch_outbound(paused=paused, reason="演练", by="运维", now=desk.clock.now(), conn=conn)


async def test_the_ledger_can_only_grow(desk: Desk, robot: FakeRobot) -> None:
    await one_route(desk, robot)
    async with desk.sending():
        await desk.hear(escalated())
        await desk.all_in(State.SENT)
    for statement in ("UPDATE attempt SET code = '0'", "DELETE FROM attempt", "TRUNCATE attempt"):
        with pytest.raises(Exception, match="append-only"):
            await desk.execute(statement)
