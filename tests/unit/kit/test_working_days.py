from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.errors import Invalid
from shared.kit.working_days import LAST_DAY, Counted, OutsideCalendar, WorkingCalendar, YearTable, published

CALENDAR = published()
DAYS = st.dates(date(2006, 1, 1), date(2040, 12, 31))
COUNTS = st.integers(-400, 400)


def test_a_saturday_worked_in_exchange_is_a_working_day() -> None:
    assert date(2026, 2, 14).weekday() == 5
    assert CALENDAR.is_working(date(2026, 2, 14))


def test_the_national_day_week_is_passed_over() -> None:
    assert CALENDAR.add(date(2026, 9, 30), 1) == Counted(date(2026, 10, 8), provisional=False)
    assert CALENDAR.between(date(2026, 9, 30), date(2026, 10, 7)) == 0
    assert CALENDAR.add(date(2026, 10, 8), -1).day == date(2026, 9, 30)
    assert CALENDAR.add(date(2026, 10, 9), 1).day == date(2026, 10, 10)  # a Saturday, 调休


def test_nought_working_days_after_a_free_day_is_the_next_working_day() -> None:
    assert CALENDAR.add(date(2026, 10, 3), 0).day == date(2026, 10, 8)
    assert CALENDAR.add(date(2026, 10, 8), 0).day == date(2026, 10, 8)
    assert CALENDAR.add(date(2026, 10, 3), -1).day == date(2026, 9, 30)


def test_a_year_without_a_table_is_monday_to_friday_and_provisional() -> None:
    assert CALENDAR.is_working(date(2027, 10, 1))
    assert not CALENDAR.is_working(date(2027, 10, 2))
    assert CALENDAR.add(date(2027, 3, 1), 5) == Counted(date(2027, 3, 8), provisional=True)
    assert CALENDAR.add(date(2026, 12, 31), 1).provisional
    assert CALENDAR.add(date(2027, 1, 4), -5).provisional
    assert not CALENDAR.add(date(2026, 12, 28), 3).provisional


def test_a_provisional_year_between_two_published_ones_is_seen() -> None:
    table = YearTable(2028, frozenset({date(2028, 1, 3)}), frozenset(), source="test")
    calendar = CALENDAR.with_year(table)
    assert calendar.add(date(2026, 12, 1), 300).day.year == 2028
    assert calendar.add(date(2026, 12, 1), 300).provisional


def test_a_years_table_when_imported_ends_the_provision_and_changes_the_version() -> None:
    table = YearTable(
        2027, frozenset({date(2027, 10, 1)}), frozenset({date(2027, 10, 9), date(2026, 12, 27)}), source="test"
    )
    calendar = CALENDAR.with_year(table)
    assert calendar.version != CALENDAR.version
    assert calendar.add(date(2027, 9, 30), 1) == Counted(date(2027, 10, 4), provisional=False)
    assert calendar.is_working(date(2027, 10, 9))
    assert calendar.is_working(date(2026, 12, 27))
    assert calendar.table(2027) == table
    assert CALENDAR.table(2027) is None
    assert CALENDAR.is_provisional(date(2027, 1, 1))


def test_the_version_names_what_is_known_not_who_said_it() -> None:
    one = WorkingCalendar({2027: YearTable(2027, frozenset({date(2027, 1, 1)}), frozenset(), source="a")})
    other = WorkingCalendar({2027: YearTable(2027, frozenset({date(2027, 1, 1)}), frozenset(), source="b")})
    assert one.version == other.version


@pytest.mark.parametrize(
    ("holidays", "make_up_days"),
    [
        (set(), set()),
        ({date(2028, 1, 1)}, set()),
        ({date(2027, 1, 1)}, {date(2027, 1, 4)}),
        ({date(2027, 1, 2)}, {date(2027, 1, 2)}),
    ],
    ids=["nothing", "another year", "a make-up day on a Monday", "both"],
)
def test_a_table_that_cannot_be_is_refused(holidays: set[date], make_up_days: set[date]) -> None:
    with pytest.raises(Invalid):
        YearTable(2027, frozenset(holidays), frozenset(make_up_days))


def test_days_that_cannot_be_counted_are_refused() -> None:
    for count in (lambda: CALENDAR.add(LAST_DAY, 1), lambda: CALENDAR.is_working(date(2003, 12, 31))):
        with pytest.raises(OutsideCalendar):
            count()


@given(DAYS, COUNTS)
def test_what_is_added_lies_between(day: date, count: int) -> None:
    found = CALENDAR.add(day, count).day
    assert CALENDAR.is_working(found)
    if count > 0 or CALENDAR.is_working(day):
        assert CALENDAR.between(day, found) == count


@given(DAYS, COUNTS)
def test_adding_and_taking_away_come_back_to_a_working_day(day: date, count: int) -> None:
    start = CALENDAR.add(day, 0).day
    assert CALENDAR.add(CALENDAR.add(start, count).day, -count).day == start


@given(DAYS, st.integers(0, 60), COUNTS)
def test_a_later_day_never_counts_to_an_earlier_one(day: date, later: int, count: int) -> None:
    after = day + timedelta(later)
    assert CALENDAR.add(day, count).day <= CALENDAR.add(after, count).day
    assert CALENDAR.between(day, after) >= 0


@given(DAYS, COUNTS)
def test_one_more_working_day_is_a_later_day(day: date, count: int) -> None:
    start = CALENDAR.add(day, 0).day
    assert CALENDAR.add(start, count).day < CALENDAR.add(start, count + 1).day


@given(DAYS, DAYS, DAYS)
def test_spans_add_up(one: date, two: date, three: date) -> None:
    assert CALENDAR.between(one, two) + CALENDAR.between(two, three) == CALENDAR.between(one, three)
