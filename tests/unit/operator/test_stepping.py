"""Simulated time moves through every due moment, and only when everybody is done with the one before."""

from collections import deque
from datetime import UTC, datetime, timedelta

import pytest

from services.operator.stepping import NotSettled, Reading, State, Step, advance, duration, settle

START = datetime(2026, 1, 5, 1, tzinfo=UTC)


class Fake:
    """A platform whose one service has things due; `busy` readings of each moment come before it is done."""

    def __init__(self, *dues: datetime, busy: int = 0, silent: frozenset[str] = frozenset()) -> None:
        self.now = START
        self.fired: list[datetime] = []
        self.work = 0
        self.silent = silent
        self._dues = deque(sorted(dues))
        self._busy = busy
        self._left = 0

    def set_time(self, now: datetime) -> None:
        self.now = now
        self._left = self._busy
        while self._dues and self._dues[0] <= now:
            self.fired.append(now)
            self._dues.popleft()

    async def read(self) -> Reading:
        busy = self._left > 0
        if busy:
            self._left -= 1
            self.work += 1
        state = State(
            service="assessment",
            now=self.now,
            next_due_at=self._dues[0] if self._dues else None,
            unsettled=("1 timer due",) if busy else (),
            vector={"log": self.work},
        )
        return Reading(states={"assessment": state}, silent=self.silent)


async def test_each_due_moment_is_passed_at_its_own_time() -> None:
    dues = [START + timedelta(days=day) for day in (1, 2, 5)]
    platform = Fake(*dues, busy=3)
    passed: list[Step] = []
    target = START + timedelta(days=10)

    steps = await advance(target, read=platform.read, set_time=platform.set_time, start=START, passed=passed.append)

    assert platform.fired == dues
    assert [step.now for step in passed] == [*dues, target]
    assert steps == 4


async def test_what_is_due_after_the_target_stays_due() -> None:
    platform = Fake(START + timedelta(days=3))
    target = START + timedelta(days=1)

    await advance(target, read=platform.read, set_time=platform.set_time, start=START, passed=lambda _: None)

    assert platform.fired == []
    assert platform.now == target


async def test_time_does_not_move_back() -> None:
    platform = Fake()

    with pytest.raises(ValueError, match="only moves forward"):
        await advance(
            START - timedelta(days=1),
            read=platform.read,
            set_time=platform.set_time,
            start=START,
            passed=lambda _: None,
        )


async def test_a_service_that_stays_busy_without_progress_is_named_with_its_reason() -> None:
    async def stuck() -> Reading:
        state = State("notification", START, None, ("2 messages due",), {"log": 7})
        return Reading(states={"notification": state}, silent=frozenset())

    with pytest.raises(NotSettled, match="notification: 2 messages due"):
        await settle(stuck, now=START, patience=0.05)


async def test_progress_starts_patience_anew() -> None:
    platform = Fake(busy=8)
    platform.set_time(START)

    reading = await settle(platform.read, now=START, patience=0.1)

    assert platform.work == 8
    assert reading.holding(START) == []


async def test_a_service_whose_clock_has_not_moved_yet_is_waited_for() -> None:
    async def behind() -> Reading:
        return Reading(states={"intake": State("intake", START, None, (), {})}, silent=frozenset())

    with pytest.raises(NotSettled, match="its clock stands at"):
        await settle(behind, now=START + timedelta(hours=1), patience=0.05)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3d", timedelta(days=3)), ("12h", timedelta(hours=12)), ("1d12h30m", timedelta(days=1, hours=12, minutes=30))],
)
def test_durations_are_read(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize("text", ["", "3", "d", "3w", "1.5d", "-1d", "0d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration(text)
