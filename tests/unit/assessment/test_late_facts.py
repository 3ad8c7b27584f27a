"""What is heard late, or undone: nobody loses working days by it, and it is told to those of today."""

from datetime import date, datetime, timedelta

import pytest

from services.assessment.domain import obligation as obligations
from services.assessment.domain.moments import CHINA, china_date
from services.assessment.domain.world import Heard, Published, World
from shared.contracts.event import Event
from shared.contracts.programme import PostVacated, Tier
from shared.contracts.project_records import MilestoneReopened
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestoneMet,
    MilestoneReplanned,
    ProjectHeld,
    ProjectResumed,
    ProjectTerminated,
)
from shared.contracts.supervision import (
    CaseClosed,
    CaseEscalated,
    CaseExtended,
    CaseReopened,
    CommendationProposed,
    ObligationReminded,
)
from shared.kit.working_days import YearTable
from tests.support.district import default_rules
from tests.support.supervised import named, person, planned, post, programme, recorded

PROJECT, LINE = named("a"), named("m")
OBLIGATION = obligations.id_of(LINE)
BACK = 3, 10  # due on 6 March, a case since the 9th, and intake is heard again on the 10th


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


def said(world: World, kind: type[Event]) -> list[tuple[date, Event]]:
    return [(china_date(one.at), one.event) for one in world.decided if isinstance(one.event, kind)]


def closed(world: World) -> CaseClosed:
    [one] = [one.event for one in world.decided if isinstance(one.event, CaseClosed)]
    return one


def replanned(due_on: date) -> MilestoneReplanned:
    return MilestoneReplanned(project_id=PROJECT, milestone_id=LINE, due_on=due_on, reason="计划调整")


def test_a_replanning_recorded_in_time_and_heard_late_closes_the_case_and_tells_whoever_heard_of_it() -> None:
    world = lived(date(2026, 3, 6), (at(*BACK, hour=8), at(3, 5), replanned(date(2026, 4, 30))))
    first = next(one.event for one in world.decided if isinstance(one.event, CaseEscalated))
    assert {one.post_id for one in first.addressees} <= {one.post_id for one in closed(world).addressees}
    assert closed(world).reason.startswith("原记录迟到：期限已调整为2026年4月30日，该记录于2026年3月5日登记")
    assert closed(world).closed_on == date(2026, 3, 10)
    obligation = world.work.obligations[OBLIGATION]
    assert (obligation.state, obligation.due_on) == (obligations.State.OPEN, date(2026, 4, 30))
    assert rungs(world) == [date(2026, 3, 9)]


def test_what_was_not_late_is_reminded_of_again_and_when_missed_its_case_goes_on_from_its_rung() -> None:
    world = lived(date(2026, 3, 6), (at(*BACK, hour=8), at(3, 5), replanned(date(2026, 3, 20))))
    assert [on for on, _ in said(world, ObligationReminded)] == [date(2026, 3, 3), date(2026, 3, 17)]
    [(on, again)] = said(world, CaseReopened)
    assert isinstance(again, CaseReopened)
    assert (on, again.rung, again.subject.due_on) == (date(2026, 3, 23), 1, date(2026, 3, 20))
    assert again.reason == "期限（2026年3月20日）已过，仍未完成"
    assert rungs(world)[1:3] == [date(2026, 3, 27), date(2026, 4, 3)]  # five and ten working days after the 20th
    numbers = {one.number for _, one in said(world, CaseEscalated) if isinstance(one, CaseEscalated)}
    assert numbers == {again.number}


def test_where_the_new_day_has_passed_too_the_case_stands_and_counts_from_it() -> None:
    world = lived(date(2026, 3, 6), (at(3, 12, hour=8), at(3, 5), replanned(date(2026, 3, 10))))
    assert not said(world, CaseClosed)
    [(_, extended)] = said(world, CaseExtended)
    assert isinstance(extended, CaseExtended)
    assert extended.due_on == date(2026, 3, 10)
    assert rungs(world)[:2] == [date(2026, 3, 9), date(2026, 3, 17)]


def test_a_replanning_recorded_after_the_due_day_counts_as_late_whenever_it_is_heard() -> None:
    world = lived(date(2026, 3, 6), (at(*BACK, hour=8), at(3, 7), replanned(date(2026, 4, 30))))
    assert not said(world, CaseClosed)
    assert world.work.obligations[OBLIGATION].due_on == date(2026, 3, 6)


def test_what_was_met_in_time_and_is_heard_late_says_so() -> None:
    met = MilestoneMet(project_id=PROJECT, milestone_id=LINE, met_on=date(2026, 3, 5))
    world = lived(date(2026, 3, 6), (at(*BACK, hour=8), at(3, 6), met))
    assert closed(world).reason == (
        "原记录迟到：节点已于2026年3月5日按期完成，该记录于2026年3月6日登记，早于立案，此前的督办不计逾期"
    )
    assert world.work.obligations[OBLIGATION].state is obligations.State.MET


def test_what_was_met_in_time_but_recorded_late_is_said_to_be_in_time_and_no_more() -> None:
    met = MilestoneMet(project_id=PROJECT, milestone_id=LINE, met_on=date(2026, 3, 5))
    assert closed(lived(date(2026, 3, 6), (at(*BACK), at(*BACK), met))).reason == "节点已于2026年3月5日按期完成"


def test_what_was_met_early_is_proposed_though_a_case_had_opened_by_then() -> None:
    met = MilestoneMet(project_id=PROJECT, milestone_id=LINE, met_on=date(2026, 2, 26))
    world = lived(date(2026, 3, 6), (at(*BACK, hour=8), at(2, 26), met))
    assert len(said(world, CommendationProposed)) == 1


def test_a_hold_recorded_in_time_and_heard_late_gives_the_days_that_were_left() -> None:
    held = ProjectHeld(project_id=PROJECT, reason="等待批复", on=date(2026, 3, 4))
    world = lived(
        date(2026, 3, 6),
        (at(*BACK, hour=8), at(3, 4), held),
        (at(3, 18), at(3, 18), ProjectResumed(project_id=PROJECT, on=date(2026, 3, 18))),
    )
    assert closed(world).reason.startswith("原记录迟到：项目已停缓建")
    assert world.work.obligations[OBLIGATION].due_on == date(2026, 3, 20)
    assert [on for on, _ in said(world, CaseReopened)] == [date(2026, 3, 23)]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (MilestoneCancelled(project_id=PROJECT, milestone_id=LINE, reason="合并"), "节点取消：合并"),
        (ProjectTerminated(project_id=PROJECT, reason="退出", on=date(2026, 3, 5)), "项目终止：退出"),
    ],
)
def test_what_was_struck_from_the_plan_in_time_and_is_heard_late_was_never_late(event: Event, reason: str) -> None:
    world = lived(date(2026, 3, 6), (at(*BACK, hour=8), at(3, 5), event))
    assert closed(world).reason.startswith(f"原记录迟到：{reason}")
    assert world.work.obligations[OBLIGATION].missed_on is None


def test_a_wrong_record_of_what_was_not_late_brings_no_case_back_before_the_day() -> None:
    world = lived(
        date(2026, 3, 6),
        (at(*BACK, hour=8), at(3, 5), replanned(date(2026, 6, 30))),
        (at(3, 20), at(3, 20), MilestoneMet(project_id=PROJECT, milestone_id=LINE, met_on=date(2026, 3, 20))),
        (at(3, 23), at(3, 23), MilestoneReopened(project_id=PROJECT, milestone_id=LINE, correction_id=named("c"))),
    )
    assert not said(world, CaseReopened)
    assert world.work.obligations[OBLIGATION].state is obligations.State.OPEN


def test_a_due_day_that_holds_moved_into_an_unpublished_year_is_counted_again_when_its_table_comes() -> None:
    """Held twice with five working days left: the Spring Festival is none of them, as is known from the notice on."""
    world = lived(
        date(2026, 12, 30),
        (at(12, 23), at(12, 23), ProjectHeld(project_id=PROJECT, reason="停", on=date(2026, 12, 23))),
    )
    back = datetime(2027, 1, 29, 14, tzinfo=CHINA)
    resumed = ProjectResumed(project_id=PROJECT, on=back.date())
    world.happen(Heard(back, back, resumed))
    before = world.work.obligations[OBLIGATION]
    assert (before.due_on, before.provisional) == (date(2027, 2, 5), True)
    spring = frozenset(date(2027, 2, day) for day in range(5, 12))
    world.happen(Published(back + timedelta(hours=4), YearTable(2027, spring, frozenset(), "假定")))
    after = world.work.obligations[OBLIGATION]
    assert (after.due_on, after.provisional) == (date(2027, 2, 12), False)
