"""What is heard late, or undone: nobody loses working days by it, and it is told to those of today."""

from datetime import date, datetime, timedelta

from services.assessment.domain.moments import CHINA, china_date
from services.assessment.domain.world import Heard, World
from shared.contracts.event import Event
from shared.contracts.programme import PostVacated, Tier
from shared.contracts.project_records import MilestoneReopened
from shared.contracts.projects import MilestoneMet, ProjectHeld, ProjectResumed
from shared.contracts.supervision import CaseClosed, CaseEscalated
from tests.support.district import default_rules
from tests.support.supervised import named, person, planned, post, programme, recorded

PROJECT, LINE = named("a"), named("m")


def lived(due_on: date, *later: tuple[datetime, datetime, Event]) -> World:
    """One line of one project, and what is heard of it: when, of when, and what."""
    world = World.under(default_rules())
    begins = at(1, 5, hour=8)
    for _, event in (*programme(), recorded("a"), planned("a", "m", due_on)):
        world.happen(Heard(begins, begins, event))
    for heard_at, happened_at, event in later:
        world.happen(Heard(heard_at, happened_at, event))
    world.pass_time(later[-1][0] + timedelta(30))
    return world


def at(month: int, day: int, *, hour: int = 14) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=CHINA)


def rungs(world: World) -> list[date]:
    return [china_date(one.at) for one in world.decided if isinstance(one.event, CaseEscalated)]


def test_a_case_that_was_met_while_held_and_is_reopened_keeps_the_days_that_the_hold_left() -> None:
    world = lived(
        date(2026, 3, 6),
        (at(3, 10), at(3, 10), ProjectHeld(project_id=PROJECT, reason="停建", on=date(2026, 3, 10))),
        (at(3, 17), at(3, 17), MilestoneMet(project_id=PROJECT, milestone_id=LINE, met_on=date(2026, 3, 17))),
        (at(3, 18), at(3, 18), ProjectResumed(project_id=PROJECT, on=date(2026, 3, 18))),
        (at(3, 19), at(3, 19), MilestoneReopened(project_id=PROJECT, milestone_id=LINE, correction_id=named("c"))),
    )
    assert rungs(world)[:2] == [date(2026, 3, 9), date(2026, 3, 24)]  # three working days were left on 10 March


def test_an_end_that_is_heard_late_is_told_to_those_who_hold_the_posts_today() -> None:
    left = PostVacated(post_id=post(Tier.UNIT_HEAD), person_id=person(Tier.UNIT_HEAD), from_day=date(2026, 3, 6))
    world = lived(
        date(2026, 2, 25),
        (at(3, 9, hour=8), at(3, 5), left),
        (at(3, 9, hour=8), at(3, 3), MilestoneMet(project_id=PROJECT, milestone_id=LINE, met_on=date(2026, 3, 3))),
    )
    [closed] = [one.event for one in world.decided if isinstance(one.event, CaseClosed)]
    assert closed.closed_on == date(2026, 3, 3)
    assert Tier.UNIT_HEAD not in {one.tier for one in closed.addressees}
