"""No window, wherever laid, ever holds more at the robot than its limit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notification.domain.budget import Limit, effective, next_room_at, room

START = datetime(2026, 1, 5, 1, tzinfo=UTC)
MINUTE = timedelta(seconds=60)
seconds = st.floats(0, 90, allow_nan=False).map(lambda value: timedelta(seconds=round(value, 3)))


@given(
    st.integers(1, 5),
    st.lists(st.tuples(seconds, seconds, st.floats(0, 1)), min_size=1, max_size=60),
)
def test_whatever_the_delays_no_window_holds_more_than_the_limit(
    count: int, steps: Sequence[tuple[timedelta, timedelta, float]]
) -> None:
    """Each step waits, then claims whatever there is room for; each message arrives somewhere before its outcome."""
    limits = (Limit(count),)
    now = START
    sent: list[tuple[datetime, datetime]] = []  # (at the robot, outcome)
    for wait, delay, share in steps:
        now += wait
        taken = [done if done <= now else None for _, done in sent]
        free = room(limits, taken, now=now)
        assert free is not None
        sent += [(now + delay * share, now + delay)] * free
    arrivals = sorted(at for at, _ in sent)
    for start in arrivals:
        assert sum(start <= at <= start + MINUTE for at in arrivals) <= count


@given(st.integers(1, 5), st.lists(seconds, max_size=20))
def test_at_the_moment_it_names_there_is_room_and_not_before(count: int, ages: Sequence[timedelta]) -> None:
    limits = (Limit(count),)
    taken = [START - age for age in ages]
    at = next_room_at(limits, taken, now=START)
    assert at is not None
    assert (room(limits, taken, now=at) or 0) > 0
    if at > START:
        assert room(limits, taken, now=START) == 0
        assert room(limits, taken, now=at - timedelta(milliseconds=2)) == 0


def test_while_all_places_are_on_their_way_nobody_knows_when() -> None:
    limits = (Limit(2),)
    assert room(limits, [None, None], now=START) == 0
    assert next_room_at(limits, [None, None], now=START) is None
    assert next_room_at(limits, [None, START], now=START) == START + MINUTE + timedelta(milliseconds=1)


def test_the_narrowest_of_several_limits_counts() -> None:
    limits = (Limit(100), Limit(5, timedelta(seconds=1)))
    assert room(limits, [START] * 3, now=START) == 2
    assert room(limits, [START] * 5, now=START) == 0
    assert next_room_at(limits, [START] * 5, now=START) == START + timedelta(seconds=1, milliseconds=1)


@pytest.mark.parametrize(("per_minute", "expected"), [(None, (Limit(20),)), (0, ()), (3, (Limit(3),))])
def test_a_robots_own_limit_takes_the_place_of_the_channels(
    per_minute: int | None, expected: tuple[Limit, ...]
) -> None:
    assert effective((Limit(20),), per_minute=per_minute) == expected


def test_without_a_limit_there_is_no_count() -> None:
    assert room((), [START] * 1000, now=START) is None
    assert next_room_at((), [START] * 1000, now=START) == START
