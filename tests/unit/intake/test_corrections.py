"""Corrections: history stays, states follow, and whatever is corrected can be corrected back."""

from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest

from services.intake import reference
from services.intake.domain.errors import (
    AmountNotAllowed,
    DateNotAllowed,
    FieldMissing,
    ProjectNotActive,
    ValueNotAllowed,
)
from services.intake.domain.projects import corrections
from services.intake.domain.projects import project as projects
from services.intake.domain.projects.corrections import Asked, Correction, CorrectionNotAllowed, OwnCorrection
from services.intake.domain.projects.project import Changes, Project
from services.intake.domain.projects.reports import Figures, report
from services.intake.domain.projects.timetable import NewMilestone, cancel, meet, plan, plan_reached
from services.intake.domain.terms import STAGES, HoldStatus, MilestoneStatus
from shared.contracts.event import Event
from shared.contracts.project_records import CorrectionKind, ProjectCorrected, Replacement
from shared.contracts.projects import ProjectKind, Stage
from shared.kit.errors import DomainError
from tests.unit.intake.factories import OFFICER, TODAY, a_new_project, a_step, an_id, ids_from

RULES = reference.lifecycle_rules()
DAYS = {stage: date(2026, 2, 1 + at) for at, stage in enumerate(STAGES)}
REVERSAL, REPLACEMENT, STRIKE_OFF = CorrectionKind


class Stream:
    """A project with its stream, as the log has it."""

    def __init__(self, stage: Stage = Stage.LEAD) -> None:
        self.events: list[Event] = []
        self.project = self.take(projects.record(an_id("project"), a_new_project(stage=stage), today=TODAY))
        self._id = ids_from("correction")

    def take(self, events: list[Event]) -> Project:
        self.events += events
        self.project = projects.fold(None, self.events)
        return self.project

    def plan(self, name: str, stage: Stage | None) -> UUID:
        line = NewMilestone(name, date(2026, 3, 31), OFFICER.id, stage=stage)
        id = an_id(name)
        self.take(plan(self.project.id, self.project.milestones, id, line, current=self.project.stage))
        return id

    def meet(self, line: UUID, on: date) -> int:
        """Mark a line met by hand; the place of its record."""
        self.take(meet(self.project.id, self.project.milestones, line, met_on=on, today=TODAY))
        return len(self.events)

    def advance(self, target: Stage) -> int:
        """Reach a stage; the place of its record."""
        place = len(self.events) + 1
        step = a_step(target, on=DAYS[target], output_ratio=Decimal(2))
        contract = tuple(item.model_copy(update={"on": DAYS[target]}) for item in step.evidence)
        self.take(projects.advance(self.project, replace(step, evidence=contract), rules=RULES, today=TODAY))
        return place

    def advance_to(self, target: Stage) -> dict[Stage, int]:
        found = {}
        while self.project.stage is not target:
            after = STAGES[STAGES.index(self.project.stage) + 1]
            found[after] = self.advance(after)
        return found

    def history(self) -> dict[int, Event]:
        return dict(enumerate(self.events, start=1))

    def report(self, month: date) -> None:
        figures = Figures(0, 5000, 5000, "桩基施工")
        self.take(report(self.project, month, figures, last=None, post_id=None, today=TODAY))

    def do_anything(self, random: Random, at: int) -> None:
        """One more record of any kind, where the project allows it."""
        project, on = self.project, self.project.last_day or DAYS[Stage.LEAD]
        projects.require_changeable(project)
        line = random.choice([an_id(None), *project.milestones])
        match random.choice(["plan", "advance", "plan", "advance", "meet", "cancel", "hold", "resume", "terminate"]):
            case "plan":
                self.plan(f"节点{at}", random.choice([None, *STAGES]))
            case "advance":
                self.advance(random.choice(STAGES[STAGES.index(project.stage) :][:2]))
            case "meet":
                self.meet(line, on)
            case "cancel":
                self.take(cancel(project.id, project.milestones, line, reason="不再需要"))
            case "hold":
                self.take(projects.hold(project, reason="等批复", on=on, today=TODAY))
            case "resume":
                self.take(projects.resume(project, on=on, today=TODAY))
            case "terminate":
                self.take(projects.terminate(project, reason="资金不到位", on=TODAY, today=TODAY))

    def correct(self, kind: CorrectionKind, place: int, replacement: Replacement | None = None) -> Project:
        asked = Asked(kind, place, "核查不实", replacement)
        events = corrections.correct(
            self.project, self.history(), asked, correction_id=self._id(), requested_by="甲", rules=RULES, today=TODAY
        )
        return self.take(events)


@pytest.fixture
def stream() -> Stream:
    return Stream()


def status(project: Project, line: UUID) -> tuple[MilestoneStatus, date | None]:
    return project.milestones[line].status, project.milestones[line].met_on


def test_a_signing_that_was_not_real_takes_back_what_rests_on_it(stream: Stream) -> None:
    signing, hand_over = stream.plan("签订合同", Stage.SIGNED), stream.plan("交地", None)
    places = stream.advance_to(Stage.STARTED)
    before = list(stream.events)
    project = stream.correct(REVERSAL, places[Stage.SIGNED])
    assert (project.stage, project.signed_amount_wan) == (Stage.NEGOTIATING, None)
    assert project.reached == {Stage.NEGOTIATING: DAYS[Stage.NEGOTIATING]}
    assert status(project, signing) == (MilestoneStatus.OPEN, None)
    assert status(project, hand_over) == (MilestoneStatus.OPEN, None)
    assert stream.events[: len(before)] == before
    corrected = next(event for event in stream.events if isinstance(event, ProjectCorrected))
    assert (corrected.of_type, corrected.followed_by) == ("cn.liandu.project.signed.v1", 1)
    assert set(places.values()) - {places[Stage.NEGOTIATING]} <= set(corrected.reverses)
    assert stream.advance(Stage.SIGNED)
    assert status(stream.project, signing) == (MilestoneStatus.MET, DAYS[Stage.SIGNED])


@pytest.mark.parametrize("kind", [REVERSAL, REPLACEMENT, STRIKE_OFF])
def test_a_correction_is_corrected_back(stream: Stream, kind: CorrectionKind) -> None:
    stream.plan("签订合同", Stage.SIGNED), stream.plan("竣工验收", Stage.COMPLETED), stream.plan("交地", None)
    places = stream.advance_to(Stage.APPROVED)
    before = stream.project
    place = 1 if kind is STRIKE_OFF else places[Stage.SIGNED]
    other = Replacement(on=date(2026, 2, 2), amount_wan=5000) if kind is REPLACEMENT else None
    assert replace(stream.correct(kind, place, other), version=before.version) != before
    correction = max(at for at, event in stream.history().items() if isinstance(event, ProjectCorrected))
    assert replace(stream.correct(REVERSAL, correction), version=before.version) == before


def test_an_amount_and_a_day_are_replaced_with_the_line_that_the_stage_met(stream: Stream) -> None:
    line = stream.plan("签订合同", Stage.SIGNED)
    places = stream.advance_to(Stage.REGISTERED)
    project = stream.correct(REPLACEMENT, places[Stage.SIGNED], Replacement(on=date(2026, 2, 2), amount_wan=78000))
    assert (project.stage, project.signed_amount_wan) == (Stage.REGISTERED, 78000)
    assert status(project, line) == (MilestoneStatus.MET, date(2026, 2, 2))
    kind = stream.correct(REPLACEMENT, 1, Replacement(kind=ProjectKind.EXPANSION)).kind
    assert kind is ProjectKind.EXPANSION
    assert stream.project.signed_amount_wan == 78000


def test_a_false_project_is_struck_off_and_changes_no_more(stream: Stream) -> None:
    line = stream.plan("签订合同", Stage.SIGNED)
    project = stream.correct(STRIKE_OFF, 1)
    assert project.hold_status is HoldStatus.STRUCK_OFF
    assert status(project, line)[0] is MilestoneStatus.CANCELLED
    with pytest.raises(ProjectNotActive):
        stream.advance(Stage.NEGOTIATING)


def test_a_termination_is_taken_back_with_the_lines_that_it_cancelled(stream: Stream) -> None:
    line = stream.plan("交地", None)
    place = len(stream.events) + 1
    stream.take(projects.terminate(stream.project, reason="资金不到位", on=TODAY, today=TODAY))
    project = stream.correct(REVERSAL, place)
    assert (project.hold_status, status(project, line)) == (HoldStatus.ACTIVE, (MilestoneStatus.OPEN, None))


def test_lines_planned_since_a_termination_was_taken_back_end_with_it_again(stream: Stream) -> None:
    stream.plan("交地", None)
    place = len(stream.events) + 1
    stream.take(projects.terminate(stream.project, reason="资金不到位", on=TODAY, today=TODAY))
    stream.correct(REVERSAL, place)
    taken_back = len(stream.events) - 1
    line = stream.plan("环评", None)
    project = stream.correct(REVERSAL, taken_back)
    assert project.hold_status is HoldStatus.TERMINATED
    assert {each.status for each in project.milestones.values()} == {MilestoneStatus.CANCELLED}
    back = max(at for at, event in stream.history().items() if isinstance(event, ProjectCorrected))
    assert status(stream.correct(REVERSAL, back), line) == (MilestoneStatus.OPEN, None)


def test_a_stage_whose_day_was_replaced_takes_its_line_back_with_it(stream: Stream) -> None:
    line = stream.plan("签订合同", Stage.SIGNED)
    place = stream.advance_to(Stage.SIGNED)[Stage.SIGNED]
    stream.correct(REPLACEMENT, place, Replacement(on=date(2026, 2, 2)))
    assert status(stream.correct(REVERSAL, place), line) == (MilestoneStatus.OPEN, None)


def test_a_line_met_by_hand_on_the_day_of_a_stage_stays_met_without_it(stream: Stream) -> None:
    line = stream.plan("现场会", None)
    place = stream.advance_to(Stage.SIGNED)[Stage.SIGNED]
    stream.meet(line, DAYS[Stage.SIGNED])
    assert status(stream.correct(REVERSAL, place), line) == (MilestoneStatus.MET, DAYS[Stage.SIGNED])


def test_a_line_that_came_with_its_stage_reached_opens_with_the_stage(stream: Stream) -> None:
    place = stream.advance_to(Stage.SIGNED)[Stage.SIGNED]
    line, new = an_id("签约"), NewMilestone("签约", date(2026, 3, 31), OFFICER.id, stage=Stage.SIGNED)
    lines = stream.project.milestones
    stream.take(plan_reached(stream.project.id, lines, line, new, on=DAYS[Stage.SIGNED]))
    assert status(stream.correct(REVERSAL, place), line) == (MilestoneStatus.OPEN, None)


def test_a_line_met_by_hand_is_taken_back_however_often(stream: Stream) -> None:
    line = stream.plan("交地", None)
    place = stream.meet(line, TODAY)
    assert status(stream.correct(REVERSAL, place), line) == (MilestoneStatus.OPEN, None)
    assert status(stream.correct(REVERSAL, place + 1), line) == (MilestoneStatus.MET, TODAY)
    with pytest.raises(CorrectionNotAllowed, match="随第6条更正"):
        stream.correct(REVERSAL, len(stream.events))
    assert status(stream.correct(REVERSAL, place), line) == (MilestoneStatus.OPEN, None)


def test_a_resumption_is_not_taken_back_once_stages_followed_it(stream: Stream) -> None:
    stream.take(projects.hold(stream.project, reason="等批复", on=DAYS[Stage.LEAD], today=TODAY))
    stream.take(projects.resume(stream.project, on=DAYS[Stage.LEAD], today=TODAY))
    resumption = len(stream.events)
    stream.advance(Stage.NEGOTIATING)
    with pytest.raises(CorrectionNotAllowed, match="须先撤销"):
        stream.correct(REVERSAL, resumption)


def test_a_report_does_not_come_back_under_a_later_one(stream: Stream) -> None:
    place = stream.advance_to(Stage.SIGNED)[Stage.SIGNED] + 1
    stream.report(date(2026, 1, 1))
    stream.correct(REVERSAL, place)
    stream.report(date(2026, 2, 1))
    with pytest.raises(CorrectionNotAllowed, match=f"须先撤销其后的第{place + 2}条记录"):
        stream.correct(REVERSAL, place + 1)
    stream.correct(REVERSAL, place + 2)
    stream.correct(REVERSAL, len(stream.events))
    stream.correct(REVERSAL, place + 2)
    assert not corrections.reports(stream.history())


def test_of_a_month_the_last_report_holds(stream: Stream) -> None:
    place = stream.advance_to(Stage.SIGNED)[Stage.SIGNED] + 1
    for _ in range(2):
        stream.report(date(2026, 1, 1))
    assert [at for at, _ in corrections.reports(stream.history())] == [place + 1]
    stream.correct(REVERSAL, place + 1)
    assert [at for at, _ in corrections.reports(stream.history())] == [place]


def test_a_project_was_not_entered_at_a_stage_that_it_reached_later(stream: Stream) -> None:
    stream.advance_to(Stage.SIGNED)
    with pytest.raises(CorrectionNotAllowed, match="登记时的阶段“签约”不早于其后登记的“在谈”"):
        stream.correct(REPLACEMENT, 1, Replacement(stage=Stage.SIGNED))


def test_a_day_that_was_filled_in_is_corrected_where_it_was_filled_in() -> None:
    stream = Stream(Stage.STARTED)
    stream.take(projects.revise(stream.project, Changes(started_on=date(2026, 2, 2)), today=TODAY))
    with pytest.raises(CorrectionNotAllowed, match="开工日期由其后的记录登记"):
        stream.correct(REPLACEMENT, 1, Replacement(started_on=date(2026, 2, 3)))
    with pytest.raises(ValueNotAllowed):
        stream.correct(REPLACEMENT, 2, Replacement(signed_on=date(2026, 2, 1)))
    project = stream.correct(REPLACEMENT, 2, Replacement(started_on=date(2026, 2, 3)))
    assert project.reached == {Stage.STARTED: date(2026, 2, 3)}


def test_the_amount_of_a_signing_before_the_books_is_corrected_where_it_was_given() -> None:
    stream = Stream(Stage.STARTED)
    stream.take(projects.revise(stream.project, Changes(signed_amount_wan=90000), today=TODAY))
    with pytest.raises(CorrectionNotAllowed, match="签约金额由其后的记录登记"):
        stream.correct(REPLACEMENT, 1, Replacement(amount_wan=80000))
    assert stream.correct(REPLACEMENT, 2, Replacement(amount_wan=80000)).signed_amount_wan == 80000
    assert stream.correct(REVERSAL, 3).signed_amount_wan == 90000


def test_full_capacity_stays_output_against_the_design(stream: Stream) -> None:
    place = stream.advance_to(Stage.FULL_CAPACITY)[Stage.FULL_CAPACITY]
    with pytest.raises(AmountNotAllowed, match="不低于1"):
        stream.correct(REPLACEMENT, place, Replacement(output_ratio="0.9"))
    assert stream.correct(REPLACEMENT, place, Replacement(output_ratio="1.5")).output_ratio == Decimal("1.5")


@pytest.mark.parametrize("seed", range(40))
def test_a_correction_taken_back_leaves_what_was_before_it_whatever_that_was(stream: Stream, seed: int) -> None:
    random = Random(seed)
    for at in range(30):
        with suppress(DomainError):
            stream.do_anything(random, at)
        before, place = stream.project, len(stream.events) + 1
        with suppress(DomainError):
            stream.correct(random.choice([REVERSAL, STRIKE_OFF]), random.randint(1, place))
            if random.random() < 0.5:
                assert replace(stream.correct(REVERSAL, place), version=before.version) == before


@pytest.mark.parametrize(
    ("kind", "place", "replacement", "refusal"),
    [
        (REVERSAL, 1, None, CorrectionNotAllowed),
        (REVERSAL, 99, None, CorrectionNotAllowed),
        (STRIKE_OFF, 3, None, CorrectionNotAllowed),
        (REPLACEMENT, 3, None, FieldMissing),
        (REPLACEMENT, 2, Replacement(amount_wan=1), ValueNotAllowed),
        (REPLACEMENT, 3, Replacement(output_ratio="2"), ValueNotAllowed),
        (REPLACEMENT, 3, Replacement(on=date(2026, 1, 1)), DateNotAllowed),
        (REPLACEMENT, 3, Replacement(on=date(2027, 1, 1)), DateNotAllowed),
        (REVERSAL, 3, Replacement(amount_wan=1), ValueNotAllowed),
    ],
)
def test_what_cannot_be_corrected_is_refused(
    stream: Stream, kind: CorrectionKind, place: int, replacement: Replacement | None, refusal: type[Exception]
) -> None:
    stream.advance_to(Stage.SIGNED)
    with pytest.raises(refusal):
        stream.correct(kind, place, replacement)


def test_what_was_reversed_is_not_reversed_again(stream: Stream) -> None:
    place = stream.advance_to(Stage.SIGNED)[Stage.SIGNED]
    stream.correct(REVERSAL, place)
    with pytest.raises(CorrectionNotAllowed, match="不再有效"):
        stream.correct(REVERSAL, place)


def test_a_correction_is_not_taken_back_once_stages_followed_it(stream: Stream) -> None:
    stream.correct(REVERSAL, stream.advance_to(Stage.SIGNED)[Stage.SIGNED])
    correction = len(stream.events)
    stream.advance(Stage.SIGNED)
    with pytest.raises(CorrectionNotAllowed, match="须先撤销"):
        stream.correct(REVERSAL, correction)


def test_the_state_is_what_the_records_that_hold_come_to(stream: Stream) -> None:
    """Folding events one by one and folding those that hold give the same."""
    stream.plan("签订合同", Stage.SIGNED)
    places = stream.advance_to(Stage.FULL_CAPACITY)
    for stage in (Stage.FULL_CAPACITY, Stage.COMPLETED, Stage.SIGNED):
        project = stream.correct(REVERSAL, places[stage])
        holding = corrections.standing(stream.history()).values()
        anew = projects.fold(None, [event for event in holding if not isinstance(event, ProjectCorrected)])
        assert (anew.stage, anew.reached, anew.output_ratio) == (project.stage, project.reached, project.output_ratio)
    reached = [STAGES.index(stage) for stage in project.reached]
    assert all(first < second for first, second in pairwise(reached))


def test_whoever_asked_does_not_approve() -> None:
    asked = Correction(
        an_id("c"), an_id("p"), REVERSAL, 3, "t", "r", None, TODAY, "甲 <clerk-1>", "clerk-1", an_id("甲")
    )
    corrections.require_other(asked, subject="reviewer-1", person=None)
    for subject, person in (("clerk-1", None), ("reviewer-1", an_id("甲"))):
        with pytest.raises(OwnCorrection):
            corrections.require_other(asked, subject=subject, person=person)
    decided = replace(asked, status=corrections.CorrectionStatus.REFUSED)
    with pytest.raises(CorrectionNotAllowed, match="未同意"):
        corrections.require_other(decided, subject="reviewer-1", person=None)
