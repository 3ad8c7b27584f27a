"""Operations one after another: what is decided on the lines in question is what the whole timetable would give."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.intake import reference
from services.intake.domain.projects.operations import (
    Advance,
    Books,
    CancelLine,
    Change,
    Delay,
    Meet,
    Plan,
    ReviseLine,
    Surroundings,
    Terminate,
    Verb,
    lines_in_question,
)
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Lines, Milestone, NewMilestone
from services.intake.domain.terms import MilestoneStatus
from shared.contracts.projects import Stage
from shared.kit.errors import DomainError
from tests.unit.intake.factories import DAY, HEAD, LI, OFFICER, TODAY, ZHANG, a_project, a_step, an_id, ids_from

NAMES = ("甲", "乙", "丙", "丁")
LATER = TODAY + timedelta(days=60)

a_status = st.sampled_from(list(MilestoneStatus))
a_stage = st.sampled_from([None, Stage.SIGNED, Stage.REGISTERED])
a_line_id = st.integers(0, 4).map(an_id)
a_verb: st.SearchStrategy[Verb] = st.one_of(
    st.builds(
        Plan, st.builds(NewMilestone, st.sampled_from(NAMES), st.just(LATER), st.just(OFFICER.id), stage=a_stage)
    ),
    st.builds(Meet, a_line_id, st.just(DAY)),
    st.builds(CancelLine, a_line_id, st.just("并入总表")),
    st.builds(Delay, a_line_id, st.just("雨季"), st.just(LATER + timedelta(days=9))),
    st.builds(ReviseLine, a_line_id, st.just(LATER), st.just("等批复"), st.just(HEAD.id)),
    st.builds(Advance, st.just(a_step(Stage.SIGNED))),
    st.builds(Terminate, st.just("投资人退出"), st.just(DAY)),
)


def a_timetable(statuses: list[MilestoneStatus], stages: list[Stage | None]) -> dict[UUID, Milestone]:
    """Lines of which each name stands at most once, as the rules leave it."""
    lines = [
        Milestone(an_id(n), NAMES[n % len(NAMES)], LATER, OFFICER.id, ZHANG.id, stage, status=status)
        for n, (status, stage) in enumerate(zip(statuses, stages, strict=True))
    ]
    first_of = {line.name: line.id for line in reversed(lines)}
    lines = [
        line if first_of[line.name] == line.id else replace(line, status=MilestoneStatus.CANCELLED) for line in lines
    ]
    return {line.id: line for line in lines}


def only(project: Project, lines: Lines) -> Project:
    """The project as it is loaded to decide on these lines."""

    def is_in_question(line: Milestone) -> bool:
        standing = line.status is not MilestoneStatus.CANCELLED
        is_open = line.status is MilestoneStatus.OPEN
        return (
            line.id in lines.ids
            or (standing and (project.id, line.name) in lines.names)
            or (is_open and project.id in lines.open_of)
        )

    return replace(project, milestones={id: line for id, line in project.milestones.items() if is_in_question(line)})


def taken(project: Project, changes: list[Change]) -> tuple[list[str], Mapping[UUID, object]]:
    """What became of each change, and the events."""
    rules = reference.lifecycle_rules()
    holders = {OFFICER.id: ZHANG.id, HEAD.id: LI.id}
    books = Books([project], Surroundings(rules, TODAY, holders, ids_from("new")))
    outcomes = []
    for change in changes:
        try:
            done = books.take(change)
            outcomes.append(f"{done.project.version} {done.milestone_id}")
        except DomainError as refused:
            outcomes.append(f"{type(refused).__name__} {refused.message}")
    return outcomes, books.events


@given(st.lists(a_status, min_size=5, max_size=5), st.lists(a_stage, min_size=5, max_size=5), st.lists(a_verb))
def test_the_lines_in_question_decide_as_the_whole_timetable_does(
    statuses: list[MilestoneStatus], stages: list[Stage | None], verbs: list[Verb]
) -> None:
    project = a_project(milestones=a_timetable(statuses, stages))
    changes = [Change(project.id, project.version, verb) for verb in verbs]
    assert taken(only(project, lines_in_question(changes, {})), changes) == taken(project, changes)


def test_a_project_that_goes_by_its_code_has_its_lines_in_question_too() -> None:
    project = a_project()
    changes = [Change(project.code, None, Meet(an_id(1), DAY)), Change("没有", None, Meet(an_id(2), DAY))]
    assert lines_in_question(changes, {project.code: project.id}).ids == {an_id(1)}
