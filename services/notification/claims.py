"""Claiming: in one transaction, what each robot may send now is found, told and written down as begun."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.channels import CHANNELS
from services.notification.domain import budget
from services.notification.domain.budget import Limit
from services.notification.domain.outcome import RobotState
from services.notification.store import attempts, robots
from services.notification.store.attempts import Flight
from services.notification.store.robots import Robot
from services.notification.telling import Outgoing, Teller
from shared.kit.process.declaration import Pending

DEPTH = 32
"""How many messages for one robot a process holds at once: what a crash may leave unknown."""
_DEPTH_WITH_A_LIMIT = 4
"""The same where the limit sets the pace, as for every chat: more at once would gain nothing."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """What may leave now; and for robots whose limit is used up, when they may send again.

    `all_that_is_due`: more than this is not claimed when there is room again, unless it is queued until then.
    """

    outgoing: list[Outgoing]
    resting: dict[str, datetime]
    all_that_is_due: bool


async def claim(
    teller: Teller,
    *,
    owner: int,
    loads: Mapping[str, int],
    except_for: Collection[str],
    now: datetime,
    conn: AsyncConnection,
) -> Claimed:
    """Claim for every robot what fits.

    `loads`: how many messages of a robot this process holds already. The rows of the robots stay locked until the
    commit, so that the room found here is nobody else's; a robot that another process sends to is left to it.
    """
    taken = await robots.take(conn=conn, now=now, except_for=except_for)
    if not taken:
        return Claimed([], {}, all_that_is_due=not except_for)
    wants, resting = await _wants(taken, loads, now=now, conn=conn)
    due = await attempts.due(wants, owner=owner, now=now, conn=conn)
    outgoing = await teller.tell(due, {robot.id: robot for robot in taken}, now=now, conn=conn)
    await attempts.begin([_flight(one, owner=owner, now=now) for one in outgoing], conn=conn)
    claimed = Counter(one.robot.id for one in outgoing)
    got_less = {robot_id for robot_id, want, _ in wants if claimed[robot_id] < want}
    return Claimed(outgoing, resting, all_that_is_due=not except_for and len(got_less) == len(taken))


async def _wants(
    taken: Sequence[Robot], loads: Mapping[str, int], *, now: datetime, conn: AsyncConnection
) -> tuple[list[tuple[str, int, bool]], dict[str, datetime]]:
    limits = {robot.id: limits_of(robot) for robot in taken}
    used = await used_of(limits, now=now, conn=conn)
    wants: list[tuple[str, int, bool]] = []
    resting: dict[str, datetime] = {}
    for robot in taken:
        free = budget.room(limits[robot.id], used[robot.id], now=now)
        want = _depth(robot, limits[robot.id]) - loads.get(robot.id, 0)
        if want > 0 and (free is None or free > 0):
            wants.append((robot.id, want if free is None else min(want, free), robot.condition.state is RobotState.OFF))
        elif free == 0 and (at := budget.next_room_at(limits[robot.id], used[robot.id], now=now)):
            resting[robot.id] = at
    return wants, resting


def _depth(robot: Robot, limits: Sequence[Limit]) -> int:
    """A robot that failed is tried with one message before the rest follow."""
    if robot.condition.failures or robot.condition.state is not RobotState.OPEN:
        return 1
    return _DEPTH_WITH_A_LIMIT if limits else DEPTH


def _flight(one: Outgoing, *, owner: int, now: datetime) -> Flight:
    return Flight(one.message.id, one.attempt, one.robot.id, owner, now, one.sha256, one.text)


def limits_of(robot: Robot) -> tuple[Limit, ...]:
    return budget.effective(CHANNELS[robot.channel].limits, per_minute=robot.per_minute)


async def used_of(
    limits: Mapping[str, Sequence[Limit]], *, now: datetime, conn: AsyncConnection
) -> Mapping[str, Sequence[datetime | None]]:
    """The attempts that count towards the limits of these robots (budget.room); none where there is no limit."""
    limited = [robot_id for robot_id, own in limits.items() if own]
    used = await attempts.taken(limited, since=now - budget.LONGEST_WINDOW, conn=conn)
    return {robot_id: used.get(robot_id, ()) for robot_id in limits}


async def pending(conn: AsyncConnection, now: datetime) -> Pending:
    """What is due and has not left, and when the next message may: what stepping simulated time waits for.

    Reads twice: `conn` must give both reads the same snapshot.
    """
    queues, flying = await attempts.queues(conn=conn)
    reasons = [f"{flying} messages on their way"] if flying else []
    if (await robots.outbound(conn=conn)).paused:
        return Pending(tuple(reasons))
    known = {robot.id: robot for robot in await robots.every(conn=conn) if robot.condition.state is not RobotState.OFF}
    waiting = [known[robot_id] for robot_id in queues if robot_id in known]
    used = await used_of({robot.id: limits_of(robot) for robot in waiting}, now=now, conn=conn)
    moments = {robot.id: _goes_at(robot, queues[robot.id], used[robot.id], now=now) for robot in waiting}
    due = [robot_id for robot_id, at in moments.items() if at is None or at <= now]
    if due:
        reasons.append(f"messages due for {', '.join(sorted(due))}")
    later = [at for at in moments.values() if at is not None and at > now]
    return Pending(tuple(reasons), min(later, default=None))


def _goes_at(robot: Robot, first: datetime, used: Sequence[datetime | None], *, now: datetime) -> datetime | None:
    room = budget.next_room_at(limits_of(robot), used, now=now)
    if room is None:
        return None
    return max(first, room, robot.condition.resume_at or now)
