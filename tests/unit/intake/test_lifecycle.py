"""The state machine of a project: every (stage, verb) pair, and what each step rests on."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import product

import pytest

from services.intake import reference
from services.intake.domain.errors import (
    AmountNotAllowed,
    AmountStands,
    DateNotAllowed,
    DayStands,
    EvidenceMissing,
    FieldMissing,
    HoldNotAllowed,
    ProjectNotActive,
    StageNotAllowed,
)
from services.intake.domain.projects import project as projects
from services.intake.domain.projects.project import Changes, Project
from services.intake.domain.projects.rules import Rules, rules_from
from services.intake.domain.terms import LISTS, STAGES, EvidenceKind, HoldStatus, ProjectList, list_of
from shared.contracts.event import Event
from shared.contracts.projects import (
    ProjectFullCapacity,
    ProjectHeld,
    ProjectKind,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectSigned,
    ProjectTerminated,
    Stage,
)
from shared.kit.errors import DomainError
from tests.unit.intake.factories import DAY, TODAY, a_new_project, a_project, a_step, after, an_id, evidence

RULES = reference.lifecycle_rules()
VERBS = ("hold", "resume", "terminate")


def advance(project: Project, target: Stage, **changes: object) -> list[Event]:
    return projects.advance(project, a_step(target, **changes), rules=RULES, today=TODAY)


def do(project: Project, verb: str) -> list[Event]:
    match verb:
        case "hold":
            return projects.hold(project, reason="资金未到位", on=DAY, today=TODAY)
        case "resume":
            return projects.resume(project, on=DAY, today=TODAY)
    return projects.terminate(project, reason="双方解约", on=DAY, today=TODAY)


@pytest.mark.parametrize(("stage", "target"), list(product(STAGES, STAGES)))
def test_a_new_project_moves_to_the_very_next_stage_and_to_no_other(stage: Stage, target: Stage) -> None:
    project = a_project(stage)
    if STAGES.index(target) == STAGES.index(stage) + 1:
        assert projects.fold(project, advance(project, target)).stage is target
    else:
        with pytest.raises(StageNotAllowed) as refused:
            advance(project, target)
        assert refused.value.details["allowed"] == ([after(stage)] if stage is not Stage.FULL_CAPACITY else [])


@pytest.mark.parametrize(("stage", "status", "verb"), list(product(STAGES, HoldStatus, VERBS)))
def test_holds_leave_the_stage_and_go_by_their_table(stage: Stage, status: HoldStatus, verb: str) -> None:
    project = a_project(stage, hold_status=status)
    becomes = projects.HOLD_VERBS.get((status, verb))
    if becomes is None or stage in (Stage.PRODUCING, Stage.FULL_CAPACITY):
        with pytest.raises(HoldNotAllowed):
            do(project, verb)
        return
    moved = projects.fold(project, do(project, verb))
    assert (moved.stage, moved.hold_status) == (stage, becomes)


@pytest.mark.parametrize(("stage", "status"), list(product(STAGES[:-1], (HoldStatus.HELD, HoldStatus.TERMINATED))))
def test_a_held_or_terminated_project_reaches_no_stage(stage: Stage, status: HoldStatus) -> None:
    with pytest.raises(ProjectNotActive):
        advance(a_project(stage, hold_status=status), after(stage))


def test_an_expansion_may_skip_registration_and_approval_because_the_data_says_so() -> None:
    expansion = a_project(Stage.SIGNED, kind=ProjectKind.EXPANSION)
    assert RULES.routes[ProjectKind.EXPANSION].following(Stage.SIGNED) == (
        Stage.REGISTERED,
        Stage.APPROVED,
        Stage.STARTED,
    )
    assert projects.fold(expansion, advance(expansion, Stage.STARTED)).stage is Stage.STARTED


def test_an_unknown_stage_in_the_rules_is_refused_when_they_are_read() -> None:
    data = {"routes": {"new": {"may_skip": ["dreamt"]}, "expansion": {"may_skip": []}}, "evidence": {}}
    with pytest.raises(ValueError, match="dreamt"):
        rules_from({**data, "minimum_output_ratio": "1"})


def test_other_rules_give_other_evidence() -> None:
    free = Rules(routes=RULES.routes)
    step = a_step(Stage.SIGNED, evidence=())
    assert projects.advance(a_project(), step, rules=free, today=TODAY)


@pytest.mark.parametrize("kind", [EvidenceKind.LETTER_OF_INTENT, EvidenceKind.FRAMEWORK_AGREEMENT])
def test_a_letter_of_intent_or_a_framework_agreement_is_no_signing(kind: EvidenceKind) -> None:
    with pytest.raises(EvidenceMissing, match="意向书、框架协议不算签约") as refused:
        advance(a_project(), Stage.SIGNED, evidence=evidence(kind))
    assert refused.value.details["needed"] == ["formal_contract"]
    assert refused.value.details["given"] == [kind]


def test_a_signing_takes_the_contracts_amount_and_otherwise_the_total() -> None:
    (signed,) = advance(a_project(), Stage.SIGNED, amount_wan=90000)
    (total,) = advance(a_project(), Stage.SIGNED)
    assert isinstance(signed, ProjectSigned)
    assert isinstance(total, ProjectSigned)
    assert (signed.amount_wan, total.amount_wan) == (90000, 120000)
    with pytest.raises(AmountNotAllowed):
        advance(a_project(), Stage.SIGNED, amount_wan=0)


def test_a_project_is_signed_on_the_day_of_its_formal_contract() -> None:
    with pytest.raises(DateNotAllowed, match="须与正式合同的日期2026-03-02一致"):
        advance(a_project(), Stage.SIGNED, on=DAY + timedelta(days=1))


@pytest.mark.parametrize("kind", [EvidenceKind.CONSTRUCTION_CONTRACT, EvidenceKind.SITE_PHOTOGRAPH])
def test_a_start_needs_both_the_construction_contract_and_a_photograph(kind: EvidenceKind) -> None:
    with pytest.raises(EvidenceMissing):
        advance(a_project(Stage.APPROVED), Stage.STARTED, evidence=evidence(kind))


@pytest.mark.parametrize("kind", [EvidenceKind.ACCEPTANCE, EvidenceKind.FIRST_INVOICE])
def test_production_rests_on_an_acceptance_or_a_first_invoice(kind: EvidenceKind) -> None:
    assert advance(a_project(Stage.COMPLETED), Stage.PRODUCING, evidence=evidence(kind))
    with pytest.raises(EvidenceMissing, match="竣工验收材料或首张发票"):
        advance(a_project(Stage.COMPLETED), Stage.PRODUCING, evidence=())


def test_evidence_without_a_reference_or_from_the_future_is_none() -> None:
    nameless = (evidence(EvidenceKind.FORMAL_CONTRACT)[0].model_copy(update={"reference": " "}),)
    with pytest.raises(FieldMissing):
        advance(a_project(), Stage.SIGNED, evidence=nameless)
    with pytest.raises(DateNotAllowed):
        advance(a_project(), Stage.SIGNED, evidence=evidence(EvidenceKind.FORMAL_CONTRACT, on=date(2027, 1, 1)))


@pytest.mark.parametrize("ratio", [None, Decimal("0.8"), Decimal("NaN"), Decimal("Infinity"), Decimal(-2)])
def test_full_capacity_needs_the_output_the_rules_ask_for(ratio: Decimal | None) -> None:
    with pytest.raises(AmountNotAllowed):
        advance(a_project(Stage.PRODUCING), Stage.FULL_CAPACITY, output_ratio=ratio)


def test_full_capacity_keeps_the_ratio_exactly() -> None:
    (event,) = advance(a_project(Stage.PRODUCING), Stage.FULL_CAPACITY, output_ratio=Decimal("2.0"))
    assert isinstance(event, ProjectFullCapacity)
    assert event.output_ratio == "2.0"


def test_a_stage_lies_neither_in_the_future_nor_before_the_one_before() -> None:
    project = a_project(Stage.SIGNED, reached={Stage.SIGNED: DAY})
    with pytest.raises(DateNotAllowed, match="不能晚于今天"):
        advance(project, Stage.REGISTERED, on=TODAY + timedelta(days=1))
    with pytest.raises(DateNotAllowed, match="不能早于前一阶段"):
        advance(project, Stage.REGISTERED, on=DAY - timedelta(days=1))
    assert advance(project, Stage.REGISTERED, on=DAY)


def test_the_days_of_signing_and_starting_fit_the_stage_a_project_is_recorded_at() -> None:
    for new in (
        a_new_project(stage=Stage.NEGOTIATING, signed_on=DAY),
        a_new_project(stage=Stage.SIGNED, started_on=DAY),
        a_new_project(stage=Stage.STARTED, signed_on=DAY, started_on=DAY - timedelta(days=1)),
        a_new_project(stage=Stage.SIGNED, signed_on=TODAY + timedelta(days=1)),
    ):
        with pytest.raises(DateNotAllowed):
            projects.record(an_id("p"), new, today=TODAY)


@pytest.mark.parametrize("changes", [{"name": " "}, {"total_investment_wan": 0}, {"total_investment_wan": -1}])
def test_a_project_needs_a_name_and_an_amount(changes: dict[str, object]) -> None:
    with pytest.raises(DomainError):
        projects.record(an_id("p"), a_new_project(**changes), today=TODAY)


def test_a_project_enters_the_books_at_any_stage() -> None:
    (event,) = projects.record(an_id("p"), a_new_project(stage=Stage.BUILDING, started_on=DAY), today=TODAY)
    assert isinstance(event, ProjectRecorded)
    project = projects.fold(None, [event])
    assert (project.stage, project.reached, project.version) == (Stage.BUILDING, {Stage.STARTED: DAY}, 1)


def test_the_amount_of_a_signing_before_the_books_is_recorded_or_filled_in_and_then_stands() -> None:
    (recorded,) = projects.record(an_id("p"), a_new_project(stage=Stage.STARTED, signed_amount_wan=90000), today=TODAY)
    assert projects.fold(None, [recorded]).signed_amount_wan == 90000
    with pytest.raises(AmountNotAllowed, match="处于“在谈”，尚未签约，不填签约金额"):
        projects.record(an_id("p"), a_new_project(stage=Stage.NEGOTIATING, signed_amount_wan=90000), today=TODAY)
    project = a_project(Stage.STARTED)
    for refused in (a_project(Stage.NEGOTIATING), project):
        with pytest.raises(AmountNotAllowed):
            projects.revise(refused, Changes(signed_amount_wan=0 if refused is project else 1), today=TODAY)
    (event,) = projects.revise(project, Changes(signed_amount_wan=90000), today=TODAY)
    project = projects.fold(project, [event])
    assert project.signed_amount_wan == 90000
    assert projects.revise(project, Changes(signed_amount_wan=90000), today=TODAY) == []
    with pytest.raises(AmountStands, match="签约金额已登记为90000万元，与80000万元不一致；更正须另行办理"):
        projects.revise(project, Changes(signed_amount_wan=80000), today=TODAY)


def test_a_revision_says_only_what_changed() -> None:
    project = a_project()
    assert projects.revise(project, Changes(name=project.name, total_investment_wan=120000), today=TODAY) == []
    (event,) = projects.revise(project, Changes(name="二期", total_investment_wan=120000), today=TODAY)
    assert event == ProjectRevised(project_id=project.id, name="二期")
    revised = projects.fold(project, [event])
    assert (revised.name, revised.total_investment_wan, revised.version) == ("二期", 120000, 2)


def test_a_day_nobody_had_written_down_is_filled_in_and_then_stands() -> None:
    project = a_project(Stage.STARTED, reached={Stage.STARTED: DAY})
    (event,) = projects.revise(project, Changes(signed_on=date(2025, 6, 1)), today=TODAY)
    project = projects.fold(project, [event])
    assert project.reached == {Stage.SIGNED: date(2025, 6, 1), Stage.STARTED: DAY}
    assert projects.revise(project, Changes(signed_on=date(2025, 6, 1)), today=TODAY) == []
    with pytest.raises(DayStands, match="更正须另行办理"):
        projects.revise(project, Changes(signed_on=date(2025, 6, 2)), today=TODAY)


@pytest.mark.parametrize(
    ("reached", "changes"),
    [
        ({Stage.STARTED: DAY}, Changes(signed_on=TODAY)),
        ({Stage.SIGNED: DAY}, Changes(started_on=date(2026, 3, 1))),
        ({}, Changes(started_on=date(2027, 1, 1))),
    ],
)
def test_a_day_that_is_filled_in_fits_between_its_neighbours(reached: dict[Stage, date], changes: Changes) -> None:
    with pytest.raises(DateNotAllowed):
        projects.revise(a_project(Stage.STARTED, reached=reached), changes, today=TODAY)


def test_a_terminated_project_is_not_revised() -> None:
    with pytest.raises(ProjectNotActive):
        projects.revise(a_project(hold_status=HoldStatus.TERMINATED), Changes(name="二期"), today=TODAY)


def test_a_hold_does_not_come_before_the_stage_it_holds() -> None:
    project = a_project(Stage.SIGNED, reached={Stage.SIGNED: DAY})
    with pytest.raises(DateNotAllowed):
        projects.hold(project, reason="等批复", on=DAY - timedelta(days=1), today=TODAY)
    held = projects.fold(project, projects.hold(project, reason="等批复", on=TODAY, today=TODAY))
    with pytest.raises(DateNotAllowed):
        projects.resume(held, on=DAY, today=TODAY)


def test_a_hold_and_a_termination_have_a_reason() -> None:
    for verb in (projects.hold, projects.terminate):
        with pytest.raises(FieldMissing):
            verb(a_project(), reason=" ", on=DAY, today=TODAY)


def test_events_of_holds_name_their_day() -> None:
    assert isinstance(do(a_project(), "hold")[0], ProjectHeld)
    assert isinstance(do(a_project(hold_status=HoldStatus.HELD), "resume")[0], ProjectResumed)
    assert isinstance(do(a_project(), "terminate")[0], ProjectTerminated)


def test_nothing_happens_to_a_project_before_it_is_recorded() -> None:
    with pytest.raises(ValueError, match="before the project was recorded"):
        projects.fold(None, [ProjectResumed(project_id=an_id("p"), on=DAY)])


def test_the_three_lists_follow_from_the_stage() -> None:
    assert [list_of(stage) for stage in STAGES] == [
        None,
        ProjectList.NEGOTIATING,
        ProjectList.SIGNED,
        ProjectList.SIGNED,
        ProjectList.SIGNED,
        ProjectList.BUILDING,
        ProjectList.BUILDING,
        ProjectList.BUILDING,
        None,
        None,
    ]
    assert set(LISTS) == set(ProjectList)
