"""What follows from an attempt, for the message and for the robot."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notification.domain.messages import TRANSITIONS, State, Verb, VerbNotAllowed, move, number_of
from services.notification.domain.outcome import (
    Condition,
    Fault,
    RobotState,
    Tries,
    Verdict,
    backoff,
    robot_after,
    step_after,
)
from shared.contracts.deliveries import Outcome

NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)
OPEN = Condition()
OFF = Condition(RobotState.OFF, why="机器人已被停用")
SENT = Verdict(Outcome.SENT, "0")
BUSY = Verdict(Outcome.RETRY, "-1", fault=Fault.ROBOT)
DOWN = Verdict(Outcome.RETRY, "connect", fault=Fault.LINE)
THROTTLED = Verdict(Outcome.COOL_DOWN, "130101", fault=Fault.ROBOT, wait=timedelta(minutes=10))
DEAD = Verdict(Outcome.GIVE_UP, "300005", fault=Fault.ROBOT, mend="请重新复制机器人地址")
UNSAFE = Verdict(Outcome.GIVE_UP, "430101", fault=Fault.MESSAGE, mend="内容不合规")
CUT = Verdict(Outcome.UNKNOWN, "ReadError", fault=Fault.LINE)
CRASHED = Verdict(Outcome.UNKNOWN, "lost", fault=Fault.SENDER)
ALL = [SENT, BUSY, DOWN, THROTTLED, DEAD, UNSAFE, CUT, CRASHED]


def test_waits_double_up_to_ten_minutes() -> None:
    waits = [backoff(failures).total_seconds() for failures in (0, 1, 2, 3, 7, 8, 1000)]
    assert waits == [5, 5, 10, 20, 320, 600, 600]


@pytest.mark.parametrize(
    ("verdict", "state", "after"),
    [
        (SENT, RobotState.OPEN, None),
        (UNSAFE, RobotState.OPEN, None),
        (CRASHED, RobotState.OPEN, None),
        (BUSY, RobotState.COOLING, 5),
        (DOWN, RobotState.COOLING, 5),
        (CUT, RobotState.COOLING, 5),
        (THROTTLED, RobotState.COOLING, 600),
        (DEAD, RobotState.OFF, None),
    ],
)
def test_a_robot_after_each_verdict(verdict: Verdict, state: RobotState, after: float | None) -> None:
    condition = robot_after(OPEN, verdict, now=NOW)
    assert condition.state is state
    assert condition.resume_at == (NOW + timedelta(seconds=after) if after else None)
    assert condition.may_send(now=NOW) is (state is RobotState.OPEN)


@pytest.mark.parametrize("verdict", [verdict for verdict in ALL if verdict is not SENT])
def test_a_robot_that_is_off_stays_off_until_something_gets_through(verdict: Verdict) -> None:
    assert robot_after(OFF, verdict, now=NOW).state is RobotState.OFF
    assert robot_after(OFF, SENT, now=NOW) == OPEN


@pytest.mark.parametrize("verdict", [DOWN, BUSY])
def test_what_tests_a_robot_that_is_off_waits_longer_each_time(verdict: Verdict) -> None:
    robot, waits = OFF, []
    for _ in range(4):
        robot = robot_after(robot, verdict, now=NOW)
        step = step_after(verdict, Tries(), robot=robot, now=NOW)
        assert step.not_before
        waits.append((step.not_before - NOW).total_seconds())
    assert waits == [5, 10, 20, 40]
    throttled = step_after(THROTTLED, Tries(), robot=robot_after(robot, THROTTLED, now=NOW), now=NOW)
    assert throttled.not_before == NOW + timedelta(minutes=10)


def test_what_gets_through_forgets_earlier_failures() -> None:
    failing = OPEN
    for _ in range(3):
        failing = robot_after(failing, DOWN, now=NOW)
    assert failing.failures == 3
    assert failing.resume_at == NOW + timedelta(seconds=20)
    assert robot_after(failing, SENT, now=NOW) == OPEN
    assert robot_after(failing, UNSAFE, now=NOW) == OPEN


@pytest.mark.parametrize(
    ("verdict", "verb", "reason"),
    [
        (SENT, Verb.DELIVER, ""),
        (BUSY, Verb.DELAY, "暂时拒收"),
        (DOWN, Verb.DELAY, "无法连接"),
        (THROTTLED, Verb.DELAY, "限流"),
        (DEAD, Verb.FAIL, "重新复制"),
        (UNSAFE, Verb.FAIL, "不合规"),
        (CUT, Verb.DELAY, "可能重复"),
        (CRASHED, Verb.DELAY, "可能重复"),
    ],
)
def test_a_message_after_each_verdict(verdict: Verdict, verb: Verb, reason: str) -> None:
    robot = robot_after(OPEN, verdict, now=NOW)
    step = step_after(verdict, Tries(), robot=robot, now=NOW)
    assert step.verb is verb
    assert reason in step.reason
    assert step.not_before == ((robot.resume_at or NOW) if verb is Verb.DELAY else None)


@pytest.mark.parametrize("verdict", [CUT, CRASHED])
def test_what_may_have_been_seen_is_repeated_once(verdict: Verdict) -> None:
    first = step_after(verdict, Tries(), robot=OPEN, now=NOW)
    assert first.tries.perhaps_seen
    second = step_after(verdict, first.tries, robot=OPEN, now=NOW)
    assert second.verb is Verb.FAIL
    assert "核实" in second.reason


def test_a_repeat_that_is_only_delayed_remains_a_repeat() -> None:
    tries = step_after(CUT, Tries(), robot=OPEN, now=NOW).tries
    delayed = step_after(BUSY, tries, robot=OPEN, now=NOW)
    assert delayed.verb is Verb.DELAY
    assert delayed.tries.perhaps_seen


def test_refusals_are_counted_and_end_but_a_line_that_is_down_never_ends() -> None:
    tries = Tries()
    for _ in range(11):
        step = step_after(BUSY, tries, robot=OPEN, now=NOW)
        assert step.verb is Verb.DELAY
        tries = step.tries
    assert step_after(BUSY, tries, robot=OPEN, now=NOW).verb is Verb.FAIL
    assert step_after(DOWN, tries, robot=OPEN, now=NOW).verb is Verb.DELAY
    assert step_after(THROTTLED, tries, robot=OPEN, now=NOW).verb is Verb.DELAY


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", Verb)
def test_every_state_takes_only_its_own_verbs(state: State, verb: Verb) -> None:
    if (state, verb) in TRANSITIONS:
        assert move(state, verb) is TRANSITIONS[state, verb]
        return
    with pytest.raises(VerbNotAllowed):
        move(state, verb)


def test_what_arrived_never_moves_again() -> None:
    assert not [verb for state, verb in TRANSITIONS if state is State.SENT]


def test_numbers_carry_their_year() -> None:
    assert number_of(2026, 12) == 20260000012
    with pytest.raises(ValueError, match="does not fit"):
        number_of(2026, 10_000_000)
