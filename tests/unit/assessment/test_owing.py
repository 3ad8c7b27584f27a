"""What is due besides milestones: tasks, requests, common problems, monthly reports, replies."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.assessment.domain import extending
from services.assessment.domain import obligation as obligations
from services.assessment.domain.extension import Who
from services.assessment.domain.obligation import State
from services.assessment.domain.reporting import report_id
from services.assessment.domain.rules import NotNow
from services.assessment.domain.tasks import round_of
from services.assessment.domain.world import Acted, Heard, World
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.project_records import ProjectProfiled, ProjectReported
from shared.contracts.projects import (
    ProjectHeld,
    ProjectProducing,
    ProjectResumed,
    ProjectStarted,
    Source,
    Stage,
)
from shared.contracts.registers import TaskCancelled, TaskKind, TaskMet, TaskPlanned, TaskReassigned, TaskReplanned
from shared.contracts.requests import (
    ProblemAnswered,
    ProblemGathered,
    ProblemJoined,
    RequestAnswered,
    RequestAssigned,
    RequestRaised,
    RequestWithdrawn,
)
from shared.contracts.supervision import (
    NO_CHAIN,
    CaseClosed,
    CaseEscalated,
    CaseFeedbackGiven,
    CommendationProposed,
    ObligationKind,
    ObligationMissed,
    ObligationReminded,
)
from shared.kit.clock import CHINA
from tests.support.district import default_rules
from tests.support.supervised import CHAIN, UNIT, named, planned, post, programme, recorded

PROJECT, MEASURE, REQUEST, PROBLEM = named("a"), named("measure"), named("request"), named("problem")
BEGIN = datetime(2026, 1, 5, 8, tzinfo=CHINA)


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T10:00").replace(tzinfo=CHINA)


class Told:
    """A world that is told facts of a day, and lets time pass."""

    def __init__(self) -> None:
        self.world = World.under(default_rules())
        for _, event in programme():
            self.world.happen(Heard(BEGIN, BEGIN, event))

    def on(self, day: str, *events: Event) -> None:
        for event in events:
            self.world.happen(Heard(at(day), at(day), event))

    def until(self, day: str) -> None:
        self.world.pass_time(at(day))

    def state(self, id: UUID) -> State:
        return self.world.work.obligations[id].state

    def said(self, kind: type[Any]) -> list[Any]:
        return [one.event for one in self.world.decided if isinstance(one.event, kind)]

    def rungs(self) -> list[tuple[int, date, Sequence[Tier]]]:
        told = [(one.event, one.at) for one in self.world.decided if isinstance(one.event, CaseEscalated)]
        return [(event.rung, when.date(), [one.tier for one in event.addressees]) for event, when in told]


@pytest.fixture
def told() -> Told:
    return Told()


def task(kind: TaskKind = TaskKind.MEASURE, *, due_on: date = date(2026, 3, 6), **changes: Any) -> TaskPlanned:
    fields: dict[str, Any] = {
        "subject_id": MEASURE,
        "task_id": MEASURE,
        "kind": kind,
        "name": "建立链长办公例会制度",
        "subject_name": "第3条",
        "due_on": due_on,
        "responsible_org_id": UNIT,
        "responsible_post_id": post(Tier.OFFICER),
        "source": Source.CONFERENCE,
        "source_document": "3月18日大会",
    }
    return TaskPlanned(**{**fields, **changes})


def of_task(id: UUID = MEASURE) -> UUID:
    return obligations.id_of(id)


def test_a_measure_climbs_by_its_own_ladder_and_passes_over_no_chain_leader(told: Told) -> None:
    told.on("2026-02-02", task())
    told.until("2026-04-30")
    assert told.rungs() == [
        (1, date(2026, 3, 9), [Tier.UNIT_HEAD]),
        (2, date(2026, 3, 13), [Tier.UNIT_HEAD]),
        (3, date(2026, 3, 27), [Tier.CHIEF_GENERAL]),
    ]
    (first, *_) = told.said(CaseEscalated)
    subject = first.subject
    assert (subject.kind, subject.chain_id) == (ObligationKind.MEASURE, NO_CHAIN)
    assert (subject.project_name, subject.milestone_name) == ("第3条", "建立链长办公例会制度")
    assert first.skipped == ()


def test_steps_of_one_measure_are_each_due_and_another_unit_may_answer_for_one(told: Told) -> None:
    step, other = named("step"), named("another unit")
    told.on("2026-02-02", task(), task(TaskKind.STEP, task_id=step, name="印发制度", responsible_org_id=other))
    assert told.world.work.project_of(told.world.work.obligations[of_task(step)]).org_id == other
    assert told.world.work.project_of(told.world.work.obligations[of_task()]).org_id == UNIT
    told.on(
        "2026-02-03",
        TaskReassigned(
            subject_id=MEASURE, task_id=step, responsible_org_id=UNIT, responsible_post_id=post(Tier.UNIT_HEAD)
        ),
    )
    moved = told.world.work.obligations[of_task(step)]
    assert (moved.post_id, moved.org_id) == (post(Tier.UNIT_HEAD), UNIT)


def test_a_task_is_moved_met_and_cancelled_as_a_milestone_is(told: Told) -> None:
    told.on(
        "2026-02-02",
        task(),
        TaskReplanned(subject_id=MEASURE, task_id=MEASURE, due_on=date(2026, 3, 20), reason="展期"),
    )
    assert told.world.work.obligations[of_task()].due_on == date(2026, 3, 20)
    told.on("2026-03-02", TaskMet(subject_id=MEASURE, task_id=MEASURE, met_on=date(2026, 3, 2)))
    assert told.state(of_task()) is State.MET
    (proposed,) = told.said(CommendationProposed)
    assert proposed.working_days_early == 14
    step = named("step")
    told.on("2026-03-03", task(TaskKind.STEP, task_id=step))
    told.until("2026-03-10")
    told.on("2026-03-10", TaskCancelled(subject_id=MEASURE, task_id=step, reason="合并"))
    assert told.state(of_task(step)) is State.CANCELLED
    (closed,) = told.said(CaseClosed)
    assert closed.reason == "任务取消：合并"


def test_a_filing_of_a_chain_climbs_to_its_leaders_and_earns_no_commendation(told: Told) -> None:
    told.on("2026-01-06", task(TaskKind.FILING, chain_id=CHAIN, name="填报2026年度技术攻关项目库"))
    told.until("2026-03-10")
    assert told.rungs() == [(1, date(2026, 3, 9), [Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD])]
    early = named("early")
    told.on("2026-03-11", task(TaskKind.FILING, task_id=early, due_on=date(2026, 6, 30), chain_id=CHAIN))
    told.on("2026-03-12", TaskMet(subject_id=MEASURE, task_id=early, met_on=date(2026, 3, 12)))
    assert told.state(of_task(early)) is State.MET
    assert told.said(CommendationProposed) == []


def test_what_was_planned_before_registers_were_heard_is_passed_over(told: Told) -> None:
    told.on("2026-02-02", TaskMet(subject_id=MEASURE, task_id=MEASURE, met_on=date(2026, 2, 2)))
    assert told.world.work.obligations == {}


def raised() -> RequestRaised:
    return RequestRaised(
        request_id=REQUEST,
        chain_id=CHAIN,
        uscc="91370200MA3EXAMPLE",
        enterprise_name="示例显示公司",
        title="用电增容",
        text="请协调",
        raised_on=date(2026, 2, 2),
        by_enterprise=True,
        by="e",
    )


def assigned(due_on: date, **changes: Any) -> RequestAssigned:
    fields: dict[str, Any] = {
        "request_id": REQUEST,
        "due_on": due_on,
        "responsible_org_id": UNIT,
        "responsible_post_id": post(Tier.OFFICER),
        "assigned_on": date(2026, 2, 3),
        "by": "clerk",
    }
    return RequestAssigned(**{**fields, **changes})


def answered(on: date) -> RequestAnswered:
    return RequestAnswered(request_id=REQUEST, answer="已协调", answered_on=on, by="clerk")


def round(number: int, of: UUID = REQUEST) -> UUID:
    return obligations.id_of(round_of(of, number))


def test_a_request_is_due_from_its_assignment_and_met_by_its_answer(told: Told) -> None:
    told.on("2026-02-02", raised())
    assert told.world.work.obligations == {}
    told.on("2026-02-03", assigned(date(2026, 3, 6)))
    told.until("2026-03-10")
    (first,) = told.said(CaseEscalated)
    assert (first.subject.kind, first.subject.project_name) == (ObligationKind.REQUEST, "示例显示公司：用电增容")
    assert first.subject.milestone_name == "答复企业诉求"
    told.on("2026-03-11", answered(date(2026, 3, 11)))
    assert told.state(round(1)) is State.MET
    (closed,) = told.said(CaseClosed)
    assert closed.reason == "已答复"


def test_an_answer_that_was_sent_back_is_due_once_more_as_something_new(told: Told) -> None:
    told.on("2026-02-02", raised(), assigned(date(2026, 3, 6)), answered(date(2026, 2, 10)))
    told.on("2026-02-11", assigned(date(2026, 3, 20)))
    assert (told.state(round(1)), told.state(round(2))) == (State.MET, State.OPEN)
    assert told.said(CommendationProposed) == []


def test_a_request_that_is_given_to_others_keeps_its_obligation(told: Told) -> None:
    other = named("another unit")
    told.on("2026-02-02", raised(), assigned(date(2026, 3, 6)))
    told.on(
        "2026-02-04", assigned(date(2026, 3, 13), responsible_org_id=other, responsible_post_id=post(Tier.UNIT_HEAD))
    )
    one = told.world.work.obligations[round(1)]
    assert (one.post_id, one.org_id, one.due_on) == (post(Tier.UNIT_HEAD), other, date(2026, 3, 13))
    assert round(2) not in told.world.work.obligations


def test_a_withdrawn_request_is_cancelled(told: Told) -> None:
    told.on("2026-02-02", raised(), assigned(date(2026, 3, 6)))
    told.on(
        "2026-02-05", RequestWithdrawn(request_id=REQUEST, reason="已自行解决", withdrawn_on=date(2026, 2, 5), by="e")
    )
    assert told.state(round(1)) is State.CANCELLED


def test_requests_that_are_one_problem_are_due_as_one(told: Told) -> None:
    told.on("2026-02-02", raised(), assigned(date(2026, 3, 6)))
    gathered = ProblemGathered(
        problem_id=PROBLEM,
        chain_id=CHAIN,
        title="园区用电",
        text="三家企业用电不足",
        request_ids=(REQUEST,),
        due_on=date(2026, 3, 13),
        responsible_org_id=UNIT,
        responsible_post_id=post(Tier.TASK_FORCE),
        gathered_on=date(2026, 2, 5),
        by="clerk",
    )
    told.on("2026-02-05", gathered, assigned(date(2026, 3, 13), problem_id=PROBLEM))
    assert (told.state(round(1)), told.state(round(1, PROBLEM))) == (State.CANCELLED, State.OPEN)
    done = ProblemAnswered(
        problem_id=PROBLEM, answer="已扩容", answered_on=date(2026, 3, 2), request_ids=(REQUEST,), by="c"
    )
    told.on("2026-03-02", done, answered(date(2026, 3, 2)))
    assert told.state(round(1, PROBLEM)) is State.MET
    told.on("2026-03-03", ProblemJoined(problem_id=PROBLEM, request_ids=(named("b"),), due_on=date(2026, 4, 3), by="c"))
    again = told.world.work.obligations[round(2, PROBLEM)]
    assert (again.state, again.due_on, again.post_id) == (State.OPEN, date(2026, 4, 3), post(Tier.TASK_FORCE))


def building() -> list[Event]:
    return [event for _, event in (recorded("a", stage=Stage.BUILDING), planned("a", "m", date(2026, 12, 31)))]


def reported(month: int) -> ProjectReported:
    figures: dict[str, Any] = {
        "completed_in_month_wan": 10,
        "completed_to_date_wan": 10 * month,
        "funds_in_place_wan": 0,
    }
    return ProjectReported(project_id=PROJECT, month=date(2026, month, 1), visual_progress="主体", **figures)


def report(month: int) -> UUID:
    return report_id(PROJECT, date(2026, month, 1))


def test_a_project_under_construction_owes_a_report_each_month(told: Told) -> None:
    told.on("2026-01-06", *building())
    assert told.world.work.obligations[report(1)].due_on == date(2026, 1, 25)
    told.on("2026-01-20", reported(1))
    assert (told.state(report(1)), told.state(report(2))) == (State.MET, State.OPEN)
    told.until("2026-03-31")
    assert [one.subject.milestone_name for one in told.said(ObligationReminded)] == ["2026年2月月报", "2026年3月月报"]
    assert told.rungs() == [
        (1, date(2026, 2, 26), [Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD]),
        (2, date(2026, 3, 3), [Tier.TASK_FORCE]),
        (1, date(2026, 3, 26), [Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD]),
    ]
    told.on("2026-04-01", reported(2), reported(3))
    assert told.state(report(3)) is State.MET
    assert report(5) not in told.world.work.obligations


def test_after_the_day_the_next_month_is_the_first(told: Told) -> None:
    told.on("2026-01-26", *building())
    assert report(1) not in told.world.work.obligations
    assert told.state(report(2)) is State.OPEN


def test_a_hold_ends_reports_and_a_resumption_begins_them_again(told: Told) -> None:
    told.on("2026-01-06", *building())
    told.on("2026-01-12", ProjectHeld(project_id=PROJECT, reason="等待批复", on=date(2026, 1, 12)))
    assert told.state(report(1)) is State.CANCELLED
    told.on("2026-01-14", ProjectResumed(project_id=PROJECT, on=date(2026, 1, 14)))
    assert told.state(report(1)) is State.OPEN
    told.on("2026-01-15", ProjectHeld(project_id=PROJECT, reason="等待批复", on=date(2026, 1, 15)))
    told.on("2026-04-02", ProjectResumed(project_id=PROJECT, on=date(2026, 4, 2)))
    assert told.state(report(4)) is State.OPEN
    assert report(2) not in told.world.work.obligations
    assert told.rungs() == []


def test_what_produces_owes_none_but_what_was_late_stays_late(told: Told) -> None:
    told.on("2026-01-06", *building())
    told.until("2026-01-28")
    told.on("2026-01-28", ProjectProducing(project_id=PROJECT, on=date(2026, 1, 28)))
    assert (told.state(report(1)), told.state(report(2))) == (State.MISSED, State.CANCELLED)


def test_the_reporting_post_answers_for_it(told: Told) -> None:
    told.on("2026-01-06", *building())
    told.on("2026-01-07", ProjectProfiled(project_id=PROJECT, reporting_post_id=post(Tier.TASK_FORCE_OFFICE)))
    assert told.world.work.obligations[report(1)].post_id == post(Tier.TASK_FORCE_OFFICE)


def test_nothing_is_owed_while_nobody_answers_or_the_policy_does_not_ask(told: Told) -> None:
    told.on("2026-01-06", recorded("a", stage=Stage.SIGNED)[1], ProjectStarted(project_id=PROJECT, on=date(2026, 1, 6)))
    assert told.world.work.obligations == {}
    silent = World.under(default_rules(reports=False))
    for event in building():
        silent.happen(Heard(BEGIN, BEGIN, event))
    assert {one.kind for one in silent.work.obligations.values()} == {ObligationKind.MILESTONE}


def reply(rung: int = 2) -> UUID:
    return uuid5(obligations.case_id(of_task()), f"reply:{rung}")


def to_the_letter(told: Told) -> UUID:
    """The case of a measure, up to its letter of 13 March, to be answered by the 20th."""
    told.on("2026-02-02", task())
    told.until("2026-03-16")
    return obligations.case_id(of_task())


def test_a_letter_is_to_be_answered_by_its_day_and_feedback_answers_it(told: Told) -> None:
    case_id = to_the_letter(told)
    owed = told.world.work.obligations[reply()]
    assert (owed.name, owed.due_on, owed.post_id) == ("回复督办函〔2026〕1号", date(2026, 3, 20), post(Tier.UNIT_HEAD))
    given = CaseFeedbackGiven(
        case_id=case_id,
        by="某人",
        text="正在办理",
        commitment_on=date(2026, 3, 31),
        holds_until=at("2026-04-01"),
        feedback=1,
    )
    told.world.happen(Acted(at("2026-03-17"), given))
    assert told.state(reply()) is State.MET
    assert told.world.void == []


def test_an_answer_that_does_not_come_is_late_but_opens_no_case_and_nobody_is_reminded(told: Told) -> None:
    case_id = to_the_letter(told)
    told.until("2026-03-25")
    assert told.state(reply()) is State.MISSED
    (missed,) = [one for one in told.said(ObligationMissed) if one.obligation_id == reply()]
    assert missed.case_id == case_id
    assert len(told.world.work.cases) == 1
    assert reply() not in {one.obligation_id for one in told.said(ObligationReminded)}


def test_with_the_case_the_answer_is_over(told: Told) -> None:
    to_the_letter(told)
    told.on("2026-03-17", TaskMet(subject_id=MEASURE, task_id=MEASURE, met_on=date(2026, 3, 17)))
    assert told.state(reply()) is State.CANCELLED


def test_an_answer_is_not_put_off(told: Told) -> None:
    to_the_letter(told)
    owed, work = told.world.work.obligations[reply()], told.world.work
    asked: Any = {"who": Who("某人"), "reason": "忙", "progress": "无", "due_on": date(2026, 4, 1)}
    with pytest.raises(NotNow, match="不办理延期"):
        extending.ask(owed, work.rules_for(owed), now=at("2026-03-17"), **asked)
