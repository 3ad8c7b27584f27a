"""Recording: one transaction writes what attempts came to, to the ledger, the messages, the robots and the log."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.messages import move
from services.notification.domain.outcome import Condition, Fault, Step, Verdict, robot_after, step_after
from services.notification.store import attempts, messages, robots
from services.notification.store.attempts import Attempt, Flight
from services.notification.store.messages import Change, Message
from services.notification.store.robots import Robot
from services.notification.telling import Outgoing
from shared.contracts.deliveries import DeliveryAttempted, Outcome
from shared.kit.log import eventlog
from shared.kit.log.eventlog import NewFact
from shared.kit.telemetry import counter

ACTOR = "notification"
LOST = Verdict(Outcome.UNKNOWN, "lost", "the sender ended before it recorded the outcome", Fault.SENDER)

_LONGEST_WORDS = 500
_ATTEMPTS = counter("liandu_delivery_attempts_total", "Attempts to send, by outcome.", ("channel", "outcome"))


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that is over. `verdict` is None when the message never left and goes back to the queue. `version`:
    of the robot's record as it was sent with."""

    message: Message
    robot: str
    version: int
    channel: str
    clean: bool
    verdict: Verdict | None
    done_at: datetime


def ended(one: Outgoing, verdict: Verdict | None, *, at: datetime) -> Ended:
    """How a claimed message ended; the robot's words lose what no record may show, and what none can hold."""
    if verdict:
        words = one.redacted(verdict.text)[:_LONGEST_WORDS].replace("\0", "").encode(errors="replace").decode()
        verdict = replace(verdict, text=words, code=verdict.code[:40])
    robot = one.robot
    return Ended(one.message, robot.id, robot.version, robot.channel, robot.condition == Condition(), verdict, at)


async def record(over: Sequence[Ended], *, owner: int, now: datetime, conn: AsyncConnection) -> int:
    """Write down what these attempts came to; how many were still this owner's to record.

    May be repeated when it is not known whether it was committed: what is recorded is on its way no longer.
    """
    ids = [one.message.id for one in over]
    await eventlog.lock_heads([one.message.id for one in over if one.verdict], conn=conn)
    flights = await attempts.end(ids, owner=owner, conn=conn)
    mine = [one for one in over if one.verdict and one.message.id in flights]
    await _write(mine, flights, now=now, conn=conn)
    return len(flights)


async def _write(over: Sequence[Ended], flights: dict[UUID, Flight], *, now: datetime, conn: AsyncConnection) -> None:
    touched = await _touched(over, conn=conn)
    conditions = {robot.id: robot.condition for robot in touched.values()}
    ledger: list[Attempt] = []
    changes: list[Change] = []
    for one in over:
        assert one.verdict
        before = conditions.get(one.robot, Condition())
        after = robot_after(before, one.verdict, now=one.done_at) if _concerns(one, touched.get(one.robot)) else before
        if one.robot in conditions:
            conditions[one.robot] = after
        step = step_after(one.verdict, one.message.tries, robot=after, now=one.done_at)
        ledger.append(_line(one, one.verdict, step, flights[one.message.id]))
        changes.append(_change(one, step, flights[one.message.id]))
    await attempts.record(ledger, conn=conn)
    await messages.change(changes, now=now, conn=conn)
    await robots.set_conditions(sorted(conditions.items()), conn=conn)
    said = [_fact(one, line) for one, line in zip(over, ledger, strict=True)]
    await eventlog.append(said, conn=conn, actor=ACTOR, traceparent=_common_trace(over))
    for line in ledger:
        _ATTEMPTS.labels(line.channel, line.outcome.value).inc()


async def _touched(over: Sequence[Ended], *, conn: AsyncConnection) -> dict[str, Robot]:
    """The robots whose condition these outcomes may change; a message that simply arrived changes none."""
    ids = {one.robot for one in over if one.verdict and (one.verdict.outcome is not Outcome.SENT or not one.clean)}
    return await robots.lock(sorted(ids), conn=conn) if ids else {}


def _concerns(one: Ended, robot: Robot | None) -> bool:
    """Whether this outcome says anything of the robot: not of one whose record was mended meanwhile."""
    return robot is None or robot.version == one.version


def _line(one: Ended, verdict: Verdict, step: Step, flight: Flight) -> Attempt:
    return Attempt(
        message_id=one.message.id,
        attempt=flight.attempt,
        robot=one.robot,
        channel=one.channel,
        claimed_at=flight.claimed_at,
        done_at=one.done_at,
        outcome=verdict.outcome,
        code=verdict.code,
        answer=verdict.text,
        reason=step.reason,
        not_before=step.not_before,
        body_sha256=flight.body_sha256,
        body_text=flight.body_text,
    )


def _change(one: Ended, step: Step, flight: Flight) -> Change:
    state = move(one.message.state, step.verb)
    return Change(one.message.id, state, flight.attempt, step.tries, step.not_before, step.reason)


def _common_trace(over: Sequence[Ended]) -> str | None:
    """The trace that all of a batch belong to: a single message keeps that of its cause, a mixture has none."""
    traces = {one.message.traceparent for one in over}
    return traces.pop() if len(traces) == 1 else None


def _fact(one: Ended, line: Attempt) -> NewFact:
    event = DeliveryAttempted(
        message_id=line.message_id,
        number=one.message.number,
        attempt=line.attempt,
        channel=line.channel,
        robot=line.robot,
        outcome=line.outcome,
        code=line.code,
        reason=line.reason,
        cause_id=one.message.cause_id,
        not_before=line.not_before,
    )
    return NewFact(line.message_id, event, line.done_at)


async def record_lost(owner: int, *, now: datetime, limit: int, conn: AsyncConnection) -> int:
    """Record as unknown what a dead process left on its way; how many there were, at most `limit`."""
    ids = await attempts.owned(owner, limit=limit, conn=conn)
    found = await messages.by_id(ids, conn=conn)
    known = {robot.id: robot for robot in await robots.every(conn=conn)}
    lost = [_lost(message, known.get(message.robot or ""), now=now) for message in found.values()]
    await record(lost, owner=owner, now=now, conn=conn)
    return len(ids)


def _lost(message: Message, robot: Robot | None, *, now: datetime) -> Ended:
    version, channel = (robot.version, robot.channel) if robot else (0, "")
    return Ended(message, message.robot or "", version, channel, False, LOST, now)
