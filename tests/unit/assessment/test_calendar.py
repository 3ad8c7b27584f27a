"""The ladder over the holidays of 2026, as the State Council's notice of November 2025 has them, and into 2027.

Every day was counted by hand on that notice. Each scenario is lived through once more by Monday to Friday, which gives
other days: what would fail if make-up days and holidays were forgotten.
"""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import NamedTuple

import pytest

from services.assessment.domain.moments import CHINA, china_date
from services.assessment.domain.world import Happening, Heard, Published, World
from shared.contracts.supervision import (
    CaseEscalated,
    CaseRescheduled,
    ObligationMoved,
    ObligationOpened,
    ObligationReminded,
)
from shared.kit.working_days import WorkingCalendar, YearTable, published
from tests.support.district import default_rules
from tests.support.supervised import planned, programme, recorded

MONDAY_TO_FRIDAY = WorkingCalendar({})
NEXT_YEAR = YearTable(
    2027,
    frozenset({date(2027, 1, 1), date(2027, 2, 5), *(date(2027, 2, day) for day in (8, 9, 10, 11))}),
    frozenset({date(2027, 1, 31), date(2027, 2, 20)}),
    "假定的2027年放假安排",
)
"""春节 from Friday 5 to Thursday 11 February; worked for it are Sunday 31 January and Saturday 20 February."""


class Days(NamedTuple):
    """The day of the reminder, and those on which the rungs 1 to 5 are reached; each as month and day, `02-14`."""

    reminder: str
    rungs: str


class Scenario(NamedTuple):
    due_on: date
    right: Days
    monday_to_friday: Days


SCENARIOS = {
    # 15 to 23 February are off, Saturday 14 and Saturday 28 are worked.
    "the first rung on Saturday 14 February, which is worked": Scenario(
        date(2026, 2, 13),
        Days("02-10", "02-14 02-27 03-05 03-12 03-19"),
        Days("02-10", "02-16 02-20 02-27 03-06 03-13"),
    ),
    "due on Saturday 14 February": Scenario(
        date(2026, 2, 14),
        Days("02-11", "02-24 02-28 03-06 03-13 03-20"),
        Days("02-11", "02-16 02-20 02-27 03-06 03-13"),
    ),
    "the reminder on Saturday 14 February": Scenario(
        date(2026, 2, 26),
        Days("02-14", "02-27 03-04 03-11 03-18 03-25"),
        Days("02-23", "02-27 03-05 03-12 03-19 03-26"),
    ),
    # 25 September and 1 to 7 October are off, Sunday 20 September and Saturday 10 October are worked.
    "due on the eve of National Day": Scenario(
        date(2026, 9, 30),
        Days("09-24", "10-08 10-13 10-20 10-27 11-03"),
        Days("09-25", "10-01 10-07 10-14 10-21 10-28"),
    ),
    "due in the week of National Day": Scenario(
        date(2026, 10, 5),
        Days("09-28", "10-08 10-13 10-20 10-27 11-03"),
        Days("09-30", "10-06 10-12 10-19 10-26 11-02"),
    ),
    "the first rung on Saturday 10 October, which is worked": Scenario(
        date(2026, 10, 9),
        Days("09-29", "10-10 10-15 10-22 10-29 11-05"),
        Days("10-06", "10-12 10-16 10-23 10-30 11-06"),
    ),
}
IN_2027 = Scenario(
    date(2027, 2, 3),
    Days("01-31", "02-04 02-17 02-23 03-02 03-09"),
    Days("01-29", "02-04 02-10 02-17 02-24 03-03"),
)


def lived(due_on: date, calendar: WorkingCalendar, notices: Sequence[Published] = ()) -> World:
    """One line that nobody ever meets, from ten weeks before it is due."""
    begins = datetime.combine(date.fromordinal(due_on.toordinal() - 70), time(8), CHINA)
    world = World.under(default_rules(calendar, began_on=china_date(begins), reports=False))
    told = [*programme(), recorded("a"), planned("a", "m", due_on)]
    happened: list[Happening] = [Heard(begins, begins, event) for _, event in told]
    for happening in (*happened, *notices):
        world.happen(happening)
    world.pass_time(begins.replace(year=begins.year + 1))
    return world


def days_of(world: World) -> Days:
    said = [(one.at.astimezone(CHINA), one.event) for one in world.decided]
    reminders = [at for at, event in said if isinstance(event, ObligationReminded)]
    rungs = [at for at, event in said if isinstance(event, CaseEscalated)]
    assert {at.time() for at in (*reminders, *rungs)} == {time(9)}
    return Days(" ".join(f"{at:%m-%d}" for at in reminders), " ".join(f"{at:%m-%d}" for at in rungs))


def marks(world: World) -> list[bool]:
    """Whether each rung's announcement was marked as provisional."""
    return [one.event.provisional for one in world.decided if isinstance(one.event, CaseEscalated)]


def test_the_calendar_that_ships_is_the_notice_for_2026() -> None:
    table = published().table(2026)
    assert table is not None
    off = "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-06 05-01 05-04 05-05 06-19 09-25"
    national_day = "10-01 10-02 10-05 10-06 10-07"
    assert " ".join(f"{day:%m-%d}" for day in sorted(table.holidays)) == f"{off} {national_day}"
    worked = "01-04 02-14 02-28 05-09 09-20 10-10"
    assert " ".join(f"{day:%m-%d}" for day in sorted(table.make_up_days)) == worked


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_the_ladder_counts_by_the_notice(scenario: Scenario) -> None:
    world = lived(scenario.due_on, published())
    assert days_of(world) == scenario.right
    assert not any(marks(world))


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS.keys())
def test_monday_to_friday_would_give_other_days(scenario: Scenario) -> None:
    world = lived(scenario.due_on, MONDAY_TO_FRIDAY)
    assert days_of(world) == scenario.monday_to_friday
    assert days_of(world) != scenario.right
    assert all(marks(world)[:4])


def test_a_due_day_in_2027_is_provisional_and_counted_monday_to_friday() -> None:
    world = lived(IN_2027.due_on, published())
    assert days_of(world) == IN_2027.monday_to_friday
    opened = [one.event for one in world.decided if isinstance(one.event, ObligationOpened)]
    assert [(one.subject.kind, one.provisional) for one in opened] == [("milestone", True), ("reply", True)]
    assert all(marks(world)[:4])


def test_it_moves_when_the_notice_for_2027_is_imported() -> None:
    notice = Published(datetime(2026, 12, 18, 18, tzinfo=CHINA), NEXT_YEAR)
    world = lived(IN_2027.due_on, published(), [notice])
    assert days_of(world) == IN_2027.right
    moved = [(one.at, one.event) for one in world.decided if isinstance(one.event, ObligationMoved)]
    assert [(at, event.due_on, event.provisional) for at, event in moved] == [(notice.at, IN_2027.due_on, False)]
    assert not any(marks(world))


def test_a_case_that_climbs_by_then_is_counted_again_from_its_next_rung_on() -> None:
    notice = Published(datetime(2027, 2, 4, 18, tzinfo=CHINA), NEXT_YEAR)
    world = lived(IN_2027.due_on, published(), [notice])
    assert days_of(world) == Days(IN_2027.monday_to_friday.reminder, IN_2027.right.rungs)
    counted = [one.event for one in world.decided if isinstance(one.event, CaseRescheduled)]
    assert [(one.next_at, one.provisional) for one in counted] == [(datetime(2027, 2, 17, 9, tzinfo=CHINA), False)]
    assert marks(world) == [True, False, False, False, False]
