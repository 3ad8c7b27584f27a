"""What an attempt's outcome means for its message and its robot: sent, retry, cool down, give up, unknown.

A robot has no idempotency key. Where the connection broke after the body went out, or the sender died before it wrote
the outcome down, nobody knows: the message is repeated once, under the same number, marked 可能重复. Whoever
cannot tell a second time leaves it to a person.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.notification.domain.messages import Verb
from shared.contracts.deliveries import Outcome

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
MOST_REFUSALS = 12


class Fault(StrEnum):
    """Whose trouble it is: the robot's settings, this message, the line to the robot, or the sender itself."""

    NONE = "none"
    ROBOT = "robot"
    MESSAGE = "message"
    LINE = "line"
    SENDER = "sender"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How an attempt ended. `code` and `text` are the robot's own; `mend` says in Chinese what a person must put right.

    `wait`: the robot's penalty, or the delay it asks for. `most`: give up after so many refusals of this kind.
    """

    outcome: Outcome
    code: str
    text: str = ""
    fault: Fault = Fault.NONE
    mend: str = ""
    wait: timedelta | None = None
    most: int = MOST_REFUSALS


class RobotState(StrEnum):
    OPEN = "open"
    COOLING = "cooling"
    OFF = "off"


ROBOT_STATE_NAMES = {RobotState.OPEN: "正常", RobotState.COOLING: "冷却中", RobotState.OFF: "已停用"}


@dataclass(frozen=True, slots=True)
class Condition:
    """A robot's condition. `failures`: attempts in a row that did not get through; `why` in Chinese."""

    state: RobotState = RobotState.OPEN
    resume_at: datetime | None = None
    failures: int = 0
    why: str = ""

    def may_send(self, *, now: datetime) -> bool:
        return self.state is not RobotState.OFF and (self.resume_at is None or self.resume_at <= now)


@dataclass(frozen=True, slots=True)
class Tries:
    """A message's tries so far. `refusals`: answered, but not taken; `unknowns`: nobody knows."""

    refusals: int = 0
    unknowns: int = 0

    @property
    def perhaps_seen(self) -> bool:
        """A further attempt may show the message a second time."""
        return self.unknowns > 0


@dataclass(frozen=True, slots=True)
class Step:
    """What follows for the message."""

    verb: Verb
    tries: Tries
    not_before: datetime | None = None
    reason: str = ""


def backoff(failures: int) -> timedelta:
    """The wait after so many failures in a row: 5 s, doubling, at most 10 minutes."""
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << min(max(failures, 1) - 1, 16)))


def robot_after(robot: Condition, verdict: Verdict, *, now: datetime) -> Condition:
    """The robot's condition after an attempt. One that is off stays off until it is mended or a test gets through."""
    match verdict.outcome, verdict.fault:
        case Outcome.SENT, _:
            return Condition()
        case Outcome.GIVE_UP, Fault.ROBOT:
            return replace(robot, state=RobotState.OFF, resume_at=None, why=verdict.mend)
        case _, Fault.SENDER:
            return robot
        case _ if robot.state is RobotState.OFF:
            return replace(robot, failures=robot.failures + 1)
        case Outcome.GIVE_UP, _:
            return Condition()
    failures = robot.failures + 1
    wait = verdict.wait or backoff(failures)
    return Condition(RobotState.COOLING, now + wait, failures, _cooling_because(verdict))


def step_after(verdict: Verdict, tries: Tries, *, robot: Condition, now: datetime) -> Step:
    """What follows for the message; `robot` is the robot's condition after the same attempt."""
    match verdict.outcome:
        case Outcome.SENT:
            return Step(Verb.DELIVER, tries)
        case Outcome.GIVE_UP:
            return Step(Verb.FAIL, tries, reason=verdict.mend)
        case Outcome.UNKNOWN:
            return _after_unknown(replace(tries, unknowns=tries.unknowns + 1), robot=robot, now=now)
        case Outcome.COOL_DOWN:
            return Step(Verb.DELAY, tries, _again_at(verdict, robot, now=now), _cooling_because(verdict))
    if verdict.fault is Fault.LINE:
        return Step(Verb.DELAY, tries, _again_at(verdict, robot, now=now), _cooling_because(verdict))
    refused = replace(tries, refusals=tries.refusals + 1)
    if refused.refusals >= verdict.most:
        return Step(
            Verb.FAIL, refused, reason=f"已重试{refused.refusals}次仍未成功（{verdict.code}），请检查机器人后补发"
        )
    return Step(Verb.DELAY, refused, _again_at(verdict, robot, now=now), _cooling_because(verdict))


def _again_at(verdict: Verdict, robot: Condition, *, now: datetime) -> datetime:
    """When the robot's pause is over; one that is off has none, but what tests it waits all the same."""
    return robot.resume_at or now + (verdict.wait or backoff(robot.failures))


def _after_unknown(tries: Tries, *, robot: Condition, now: datetime) -> Step:
    if tries.unknowns > 1:
        return Step(Verb.FAIL, tries, reason="两次发送结果不明，请在群内核实后决定是否补发")
    return Step(Verb.DELAY, tries, robot.resume_at or now, "发送结果不明，将补发一次并注明可能重复")


def _cooling_because(verdict: Verdict) -> str:
    match verdict.outcome, verdict.fault:
        case Outcome.COOL_DOWN, _:
            return f"机器人限流（{verdict.code}），等待后继续发送"
        case Outcome.UNKNOWN, _:
            return "连接在发送后中断，结果不明"
        case _, Fault.LINE:
            return f"无法连接机器人（{verdict.code}），稍后重试"
    return f"机器人暂时拒收（{verdict.code}），稍后重试"
