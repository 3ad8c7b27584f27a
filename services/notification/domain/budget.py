"""The limit of a robot: at most so many messages in any window, exact whatever the delays on the way.

A message reaches the robot somewhere between its claim and its outcome. So it takes a place from its claim until its
outcome is a whole window old; then no window of that length, wherever laid, holds more than the limit at the robot.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST_WINDOW = timedelta(seconds=60)
_PAST = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` messages in any `window` (both ends included)."""

    count: int
    window: timedelta = timedelta(seconds=60)


def effective(limits: tuple[Limit, ...], *, per_minute: int | None) -> tuple[Limit, ...]:
    """The channel's limits, or the robot's own: None leaves the channel's, 0 lifts all."""
    if per_minute is None:
        return limits
    return (Limit(per_minute),) if per_minute else ()


def room(limits: Sequence[Limit], taken: Sequence[datetime | None], *, now: datetime) -> int | None:
    """How many messages may leave now; None when there is no limit.

    `taken`: for each attempt the platform time of its outcome, None while it is on its way.
    """
    if not limits:
        return None
    return min(max(0, limit.count - len(_places(limit, taken, now=now))) for limit in limits)


def next_room_at(limits: Sequence[Limit], taken: Sequence[datetime | None], *, now: datetime) -> datetime | None:
    """When the next message may leave (`now` if at once); None while that hangs on attempts without an outcome."""
    moments = [_opens_at(limit, taken, now=now) for limit in limits]
    if any(moment is None for moment in moments):
        return None
    return max((moment for moment in moments if moment), default=now)


def _places(limit: Limit, taken: Sequence[datetime | None], *, now: datetime) -> list[datetime | None]:
    return [done for done in taken if done is None or done + limit.window >= now]


def _opens_at(limit: Limit, taken: Sequence[datetime | None], *, now: datetime) -> datetime | None:
    places = _places(limit, taken, now=now)
    surplus = len(places) - limit.count
    if surplus < 0:
        return now
    done = sorted(place for place in places if place is not None)
    return done[surplus] + limit.window + _PAST if surplus < len(done) else None
