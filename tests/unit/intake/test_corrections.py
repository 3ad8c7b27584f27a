"""Corrections: history stays, states follow, and whatever is corrected can be corrected back."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest

from services.intake import reference
from services.intake.domain.errors import DateNotAllowed, FieldMissing, ProjectNotActive, ValueNotAllowed
from services.intake.domain.projects import corrections
from services.intake.domain.projects import project as projects
from services.intake.domain.projects.corrections import Asked, Correction, CorrectionNotAllowed, OwnCorrection
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import NewMilestone, plan
from services.intake.domain.terms import STAGES, HoldStatus, MilestoneStatus
from shared.contracts.event import Event
from shared.contracts.project_records import CorrectionKind, ProjectCorrected, Replacement
from shared.contracts.projects import ProjectKind, Stage
from tests.unit.intake.factories import OFFICER, TODAY, a_new_project, a_step, an_id, ids_from

RULES = reference.lifecycle_rules()
DAYS = {stage: date(2026, 2, 1 + at) for at, stage in enumerate(STAGES)}
REVERSAL, REPLACEMENT, STRIKE_OFF = CorrectionKind


class Stream:
    """A project with its stream, as the log has it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.project = self.take(projects.record(an_id("project"), a_new_project(stage=Stage.LEAD), today=TODAY))
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

    def correct(self, kind: CorrectionKind, place: int, replacement: Replacement | None = None) -> Project:
        asked = Asked(kind, place, "核查不实", replacement)
        events = corrections.correct(
            self.project, self.history(), asked, correction_id=self._id(), requested_by="甲", today=TODAY
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
