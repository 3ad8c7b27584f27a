"""What an import changes, and what it refuses with the field named."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.intake import reference
from services.intake.domain.drafts import Field, ProjectDraft
from services.intake.domain.imports import additions
from services.intake.domain.imports import project_list as importing
from services.intake.domain.imports.project_list import Context, Known, Refused, Taken
from services.intake.domain.organisation.programme import Organisation, Person, Post
from services.intake.domain.projects import project as projects
from services.intake.domain.projects import timetable
from services.intake.domain.projects.project import Project
from services.intake.domain.terms import EvidenceKind, HoldStatus
from shared.contracts.projects import (
    MilestoneMet,
    MilestonePlanned,
    MilestoneReassigned,
    MilestoneReplanned,
    ProjectKind,
    ProjectRecorded,
    ProjectRevised,
    ProjectSigned,
    Stage,
)
from tests.unit.intake.factories import (
    AUTO,
    BUREAU,
    DAY,
    DISPLAY,
    HEAD,
    OFFICER,
    TODAY,
    ZHANG,
    a_directory,
    a_draft,
    a_line,
    an_id,
    evidence,
    ids_from,
)

CONTEXT = Context(a_directory(), reference.lifecycle_rules(), TODAY, ids_from("import"))


def known(*present: Project) -> Known:
    return Known(
        by_code={project.code: project for project in present},
        by_names={(project.name, project.responsible_org_id): project for project in present},
    )


def take(draft: ProjectDraft, *present: Project) -> Taken:
    return importing.reconcile(importing.locate(draft, CONTEXT.directory), known(*present), CONTEXT)


def refused(draft: ProjectDraft, *present: Project) -> dict[Field, str]:
    with pytest.raises(Refused) as caught:
        take(draft, *present)
    return {refusal.field: refusal.message for refusal in caught.value.refusals}


def imported(**changes: Any) -> Project:
    draft = a_draft(code="P2026-0001", milestones=(a_line(),), **changes)
    return projects.fold(None, take(draft).events)


def kinds(taken: Taken) -> list[type]:
    return [type(event) for event in taken.events]


def test_a_new_row_is_recorded_with_its_timetable_and_whoever_holds_the_post() -> None:
    taken = take(a_draft(milestones=(a_line(),)))
    assert kinds(taken) == [ProjectRecorded, MilestonePlanned]
    planned = taken.events[1]
    assert isinstance(planned, MilestonePlanned)
    assert (planned.responsible_post_id, planned.responsible_person_id) == (OFFICER.id, ZHANG.id)


def test_a_row_without_code_is_given_one() -> None:
    taken = take(a_draft())
    assert taken.needs_code
    assert importing.with_code(taken, "P2026-0007").code == "P2026-0007"


def test_the_same_row_again_changes_nothing() -> None:
    assert take(a_draft(milestones=(a_line(),)), imported()).events == ()
    assert take(a_draft(code="P2026-0001", milestones=(a_line(),)), imported()).events == ()


def test_another_amount_is_a_revision() -> None:
    taken = take(a_draft(total_investment_wan=130000), imported())
    assert taken.events == (ProjectRevised(project_id=taken.project_id, total_investment_wan=130000),)


def test_a_code_finds_the_project_under_its_new_name() -> None:
    taken = take(a_draft(code="P2026-0001", name="显示面板项目（一期）"), imported())
    assert taken.events == (ProjectRevised(project_id=taken.project_id, name="显示面板项目（一期）"),)


def test_a_code_that_contradicts_the_name_is_refused() -> None:
    assert Field.CODE in refused(a_draft(code="P2026-0999"), imported())


def test_unknown_names_are_all_refused_at_once_with_near_ones() -> None:
    draft = a_draft(chain="新显示", responsible_org="区商务", milestones=(a_line(due_on=None),))
    reasons = refused(draft)
    assert set(reasons) == {Field.CHAIN, Field.RESPONSIBLE_ORG, Field.MILESTONE}
    assert "新型显示" in reasons[Field.CHAIN]
    assert "区商务局" in reasons[Field.RESPONSIBLE_ORG]


def test_what_is_like_a_known_unit_only_in_its_kind_is_not_suggested() -> None:
    told = refused(a_draft(responsible_org="示例不存在局"))[Field.RESPONSIBLE_ORG]
    assert told == "没有责任单位“示例不存在局”，请先登记"


@pytest.mark.parametrize("text", ["新型显示、集成电路", "新型显示/汽车", "新型显示，汽车"])
def test_a_project_stands_in_one_chain(text: str) -> None:
    assert "一个项目只填一条主产业链" in refused(a_draft(chain=text))[Field.CHAIN]


@pytest.mark.parametrize("text", ["DISPLAY", "display", "新型显示", "新型显示产业链", " 新型显示产业 "])
def test_a_chain_goes_by_its_code_and_by_its_name_in_every_usual_form(text: str) -> None:
    assert importing.locate(a_draft(chain=text), CONTEXT.directory).chain is DISPLAY


def test_a_milestone_without_a_responsible_post_is_refused_and_a_project_without_milestones_needs_none() -> None:
    assert Field.RESPONSIBLE_POST in refused(a_draft(responsible_post="", milestones=(a_line(),)))
    assert take(a_draft(responsible_post=""))


def test_an_officer_goes_by_title_or_name_and_a_line_may_have_its_own() -> None:
    lines = (a_line(), a_line(name="开工", stage=Stage.STARTED, responsible_post="局长"))
    located = importing.locate(a_draft(milestones=lines), CONTEXT.directory)
    assert located.posts == (OFFICER, HEAD)


def test_an_officer_of_several_posts_must_be_named_by_post() -> None:
    deputy = replace(HEAD, id=an_id("副局长"), title="副局长", terms=OFFICER.terms)
    directory = a_directory(posts=(OFFICER, HEAD, deputy))
    with pytest.raises(Refused, match="对应多个岗位"):
        importing.locate(a_draft(milestones=(a_line(),)), directory)


def test_a_row_moves_a_project_on_only_with_evidence() -> None:
    signed = a_draft(stage=Stage.SIGNED, signed_on=DAY, milestones=(a_line(),))
    assert "正式合同" in refused(signed, imported())[Field.EVIDENCE]
    intent = replace(signed, evidence=evidence(EvidenceKind.LETTER_OF_INTENT))
    assert "不算签约" in refused(intent, imported())[Field.EVIDENCE]
    taken = take(replace(signed, evidence=evidence(EvidenceKind.FORMAL_CONTRACT)), imported())
    assert kinds(taken) == [ProjectSigned, MilestoneMet]


def test_a_row_skips_no_stage_and_goes_not_back() -> None:
    assert Field.STAGE in refused(a_draft(stage=Stage.BUILDING, reached_on=DAY), imported())
    assert Field.STAGE in refused(a_draft(stage=Stage.LEAD, reached_on=DAY), imported())
    assert Field.STAGE in refused(a_draft(stage=Stage.STARTED, signed_on=DAY, started_on=DAY), imported())


def test_a_step_needs_its_day() -> None:
    draft = a_draft(stage=Stage.SIGNED, evidence=evidence(EvidenceKind.FORMAL_CONTRACT))
    assert Field.SIGNED_ON in refused(draft, imported())
    assert Field.REACHED_ON in refused(a_draft(stage=Stage.NEGOTIATING), imported(stage=Stage.LEAD))


def test_a_recorded_day_of_signing_is_not_changed_by_a_list() -> None:
    present = projects.fold(None, take(a_draft(code="A", stage=Stage.SIGNED, signed_on=DAY)).events)
    assert Field.SIGNED_ON in refused(a_draft(stage=Stage.SIGNED, signed_on=date(2026, 3, 1)), present)
    assert take(a_draft(stage=Stage.SIGNED, signed_on=DAY), present).events == ()
    assert Field.STARTED_ON in refused(a_draft(stage=Stage.SIGNED, started_on=DAY), present)


def test_a_list_fills_in_a_day_that_was_unknown() -> None:
    present = projects.fold(None, take(a_draft(code="A", stage=Stage.SIGNED)).events)
    assert kinds(take(a_draft(stage=Stage.SIGNED, signed_on=DAY), present)) == [ProjectRevised]


def test_a_list_gives_the_amount_of_a_signing_before_the_books_once() -> None:
    taken = take(a_draft(code="A", stage=Stage.STARTED, signed_amount_wan=90000))
    present = projects.fold(None, taken.events)
    assert present.signed_amount_wan == 90000
    assert take(a_draft(stage=Stage.STARTED, signed_amount_wan=90000), present).events == ()
    assert Field.SIGNED_AMOUNT in refused(a_draft(stage=Stage.STARTED, signed_amount_wan=80000), present)
    unknown = replace(present, signed_amount_wan=None)
    filled_in = take(a_draft(stage=Stage.STARTED, signed_amount_wan=80000), unknown).events
    assert filled_in == (ProjectRevised(project_id=present.id, signed_amount_wan=80000),)


def test_the_kind_stays() -> None:
    assert Field.KIND in refused(a_draft(kind=ProjectKind.EXPANSION), imported())


def test_another_due_day_needs_a_reason() -> None:
    moved = a_draft(milestones=(a_line(due_on=date(2026, 5, 31)),))
    assert "须填写调整原因" in refused(moved, imported())[Field.REPLAN_REASON]
    assert kinds(take(replace(moved, replan_reason="等批复"), imported())) == [MilestoneReplanned]


def test_another_due_day_is_not_a_lists_to_give_where_a_second_person_must_agree() -> None:
    strict = replace(CONTEXT, rules=replace(CONTEXT.rules, replanning_approved=True))
    moved = a_draft(milestones=(a_line(due_on=date(2026, 5, 31)),))
    located = importing.locate(replace(moved, replan_reason="等批复"), strict.directory)
    with pytest.raises(Refused) as caught:
        importing.reconcile(located, known(imported()), strict)
    assert [refusal.message for refusal in caught.value.refusals] == ["调整时限须经审核，请提交调整申请"]


def test_another_officer_takes_the_line_over() -> None:
    taken = take(a_draft(responsible_post="局长", milestones=(a_line(),)), imported())
    assert kinds(taken) == [MilestoneReassigned]


def test_a_line_reached_before_is_planned_and_met_when_its_day_is_known() -> None:
    draft = a_draft(stage=Stage.SIGNED, signed_on=DAY, milestones=(a_line(),))
    assert kinds(take(draft)) == [ProjectRecorded, MilestonePlanned, MilestoneMet]
    assert kinds(take(replace(draft, signed_on=None))) == [ProjectRecorded]


def test_no_import_revives_a_cancelled_line() -> None:
    present = imported()
    line = next(iter(present.milestones))
    present = projects.fold(present, timetable.cancel(present.id, present.milestones, line, reason="并入总表"))
    assert take(a_draft(milestones=(a_line(),)), present).events == ()


def test_two_lines_of_one_name_are_refused() -> None:
    draft = a_draft(milestones=(a_line(), a_line(due_on=date(2026, 6, 1))))
    assert "重复" in refused(draft)[Field.MILESTONE]


def test_a_terminated_project_takes_no_changes() -> None:
    gone = replace(imported(), hold_status=HoldStatus.TERMINATED)
    assert Field.STAGE in refused(a_draft(total_investment_wan=1), gone)


def test_refused_amounts_and_days_name_their_field() -> None:
    assert Field.TOTAL_INVESTMENT in refused(a_draft(total_investment_wan=0))
    assert Field.SIGNED_ON in refused(a_draft(signed_on=DAY))
    assert Field.NAME in refused(a_draft(name=" "))


def test_a_move_to_another_chain_is_a_revision() -> None:
    taken = take(a_draft(chain="汽车"), imported())
    assert taken.events == (ProjectRevised(project_id=taken.project_id, chain_id=AUTO.id, chain_since=TODAY),)


def test_missing_units_and_officers_are_recorded_where_the_import_may() -> None:
    draft = a_draft(responsible_org="区工信局", responsible_post="王芳", milestones=(a_line(),))
    found = additions.missing([draft, draft], CONTEXT.directory, today=TODAY, new_id=ids_from("new"))
    assert [type(addition.record) for addition in found] == [Organisation, Person, Post]
    directory = additions.extended(CONTEXT.directory, found, today=TODAY)
    located = importing.locate(draft, directory)
    assert located.organisation.name == "区工信局"
    assert located.posts[0].title == "责任人（王芳）"
    assert directory.find_organisation("区商务局") is BUREAU


@pytest.mark.parametrize("text", ["项目科科长", "工作专班", "综合处", "a", ""])
def test_nobody_is_made_up_from_a_title(text: str) -> None:
    draft = a_draft(responsible_post=text, milestones=(a_line(),))
    assert additions.missing([draft], CONTEXT.directory, today=TODAY, new_id=ids_from("new")) == []
