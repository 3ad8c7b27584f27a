"""The 任务时间表: no line without a due day and a responsible post; what stages do to lines."""

from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any

import pytest

from services.intake import reference
from services.intake.domain.errors import (
    DateNotAllowed,
    FieldMissing,
    MilestoneNotAllowed,
    MilestoneNotOpen,
    RecordMissing,
)
from services.intake.domain.projects import project as projects
from services.intake.domain.projects import timetable
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Milestone, NewMilestone
from services.intake.domain.terms import MilestoneStatus
from shared.contracts.event import Event
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestoneMet,
    MilestonePlanned,
    ProjectKind,
    ProjectSigned,
    ProjectTerminated,
    Source,
    Stage,
)
from tests.unit.intake.factories import DAY, HEAD, OFFICER, TODAY, ZHANG, a_project, a_step, an_id

DUE = date(2026, 4, 30)
M1, M2, M3 = an_id("m1"), an_id("m2"), an_id("m3")


def a_new_line(**changes: Any) -> NewMilestone:
    return replace(NewMilestone("签订合同", DUE, OFFICER.id, ZHANG.id, Stage.SIGNED), **changes)


def with_lines(project: Project, **lines: NewMilestone) -> Project:
    for name, line in lines.items():
        project = projects.fold(
            project, timetable.plan(project.id, project.milestones, an_id(name), line, current=project.stage)
        )
    return project


def an_open_line(**changes: Any) -> dict[Any, Milestone]:
    return {M1: replace(Milestone(M1, "办理手续", DUE, OFFICER.id, ZHANG.id), **changes)}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"due_on": None}, "due_on"), ({"responsible_post_id": None}, "responsible_post_id"), ({"name": ""}, "name")],
)
def test_a_line_without_name_due_day_or_responsible_post_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldMissing) as refused:
        with_lines(a_project(), m1=a_new_line(**changes))
    assert refused.value.details["field"] == field


def test_a_line_knows_where_its_task_comes_from() -> None:
    line = a_new_line(source=Source.CONFERENCE, source_document="2026年3月18日会议")
    (event,) = timetable.plan(an_id("p"), {}, M1, line, current=Stage.NEGOTIATING)
    assert isinstance(event, MilestonePlanned)
    assert (event.source, event.source_document) == (Source.CONFERENCE, "2026年3月18日会议")


def test_a_name_stands_once_in_a_timetable_until_it_is_cancelled() -> None:
    project = with_lines(a_project(), m1=a_new_line())
    with pytest.raises(MilestoneNotAllowed):
        with_lines(project, m2=a_new_line())
    project = projects.fold(project, timetable.cancel(project.id, project.milestones, M1, reason="并入总表"))
    assert len(with_lines(project, m2=a_new_line()).milestones) == 2


def test_no_line_is_planned_for_a_stage_that_lies_behind() -> None:
    with pytest.raises(MilestoneNotAllowed, match="不再设"):
        with_lines(a_project(Stage.SIGNED), m1=a_new_line())


def test_reaching_a_stage_meets_its_lines_right_after_the_stages_event() -> None:
    project = with_lines(
        a_project(),
        m1=a_new_line(),
        m2=a_new_line(name="交地", stage=None),
        m3=a_new_line(name="开工", stage=Stage.STARTED),
    )
    events = projects.advance(project, a_step(Stage.SIGNED), rules=reference.lifecycle_rules(), today=TODAY)
    assert isinstance(events[0], ProjectSigned)
    assert events[1:] == [MilestoneMet(project_id=project.id, milestone_id=M1, met_on=DAY)]


def test_lines_of_stages_that_were_skipped_are_cancelled_not_met() -> None:
    project = with_lines(
        a_project(Stage.SIGNED, kind=ProjectKind.EXPANSION), m1=a_new_line(name="立项", stage=Stage.APPROVED)
    )
    events = projects.advance(project, a_step(Stage.STARTED), rules=reference.lifecycle_rules(), today=TODAY)
    assert isinstance(events[1], MilestoneCancelled)


def test_terminating_a_project_cancels_what_is_open() -> None:
    project = with_lines(a_project(), m1=a_new_line())
    events = projects.terminate(project, reason="解约", on=DAY, today=TODAY)
    assert isinstance(events[0], ProjectTerminated)
    assert [event.type for event in events[1:]] == [MilestoneCancelled.type]
    assert projects.fold(project, events).milestones[M1].status is MilestoneStatus.CANCELLED


def verb(name: str, lines: dict[Any, Milestone]) -> list[Event]:
    match name:
        case "replan":
            return timetable.replan(an_id("p"), lines, M1, due_on=date(2026, 5, 31), reason="等批复")
        case "reassign":
            return timetable.reassign(an_id("p"), lines, M1, post_id=HEAD.id, person_id=None)
        case "meet":
            return timetable.meet(an_id("p"), lines, M1, met_on=DAY, today=TODAY)
        case "cancel":
            return timetable.cancel(an_id("p"), lines, M1, reason="并入总表")
    return timetable.declare_delay(an_id("p"), lines, M1, reason="雨季", expected_on=date(2026, 5, 31))


@pytest.mark.parametrize(
    ("status", "name"), list(product(MilestoneStatus, ("replan", "reassign", "meet", "cancel", "declare_delay")))
)
def test_only_open_lines_change(status: MilestoneStatus, name: str) -> None:
    lines = an_open_line(status=status)
    if status is MilestoneStatus.OPEN:
        assert len(timetable.evolve(lines, verb(name, lines)[0])) == 1
    else:
        with pytest.raises(MilestoneNotOpen):
            verb(name, lines)


def test_an_unknown_line_is_not_found() -> None:
    with pytest.raises(RecordMissing):
        verb("meet", {})


def test_a_line_that_a_stage_meets_is_not_met_by_hand() -> None:
    with pytest.raises(MilestoneNotAllowed, match="请办理阶段变更"):
        verb("meet", an_open_line(stage=Stage.STARTED))


def test_replanning_needs_a_reason_and_another_day() -> None:
    lines = an_open_line()
    assert timetable.replan(an_id("p"), lines, M1, due_on=DUE, reason="") == []
    with pytest.raises(FieldMissing):
        timetable.replan(an_id("p"), lines, M1, due_on=date(2026, 5, 1), reason=" ")


def test_reassigning_to_the_same_post_and_person_changes_nothing() -> None:
    assert timetable.reassign(an_id("p"), an_open_line(), M1, post_id=OFFICER.id, person_id=ZHANG.id) == []


def test_a_line_is_not_met_tomorrow() -> None:
    with pytest.raises(DateNotAllowed):
        timetable.meet(an_id("p"), an_open_line(), M1, met_on=date(2026, 3, 11), today=TODAY)


def test_a_declared_delay_informs_and_moves_no_due_day() -> None:
    lines = an_open_line()
    (event,) = verb("declare_delay", lines)
    line = timetable.evolve(lines, event)[M1]
    assert (line.due_on, line.expected_on, line.delay_reason) == (DUE, date(2026, 5, 31), "雨季")


def test_a_delay_ends_after_the_due_day_and_has_a_reason() -> None:
    with pytest.raises(DateNotAllowed):
        timetable.declare_delay(an_id("p"), an_open_line(), M1, reason="雨季", expected_on=DUE)
    with pytest.raises(FieldMissing):
        timetable.declare_delay(an_id("p"), an_open_line(), M1, reason="", expected_on=date(2026, 6, 1))
