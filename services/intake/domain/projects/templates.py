"""Timetables to begin with, by kind of project: reference data, so that another office has its own (S9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from services.intake.domain.errors import MilestoneNotAllowed
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import NewMilestone
from services.intake.domain.terms import STAGES, MilestoneStatus
from shared.contracts.projects import ProjectKind, Source, Stage


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A line that is due so many days after the day that the timetable begins with."""

    name: str
    stage: Stage | None
    days: int


Templates = Mapping[ProjectKind, Sequence[TemplateLine]]


@dataclass(frozen=True, slots=True)
class Filling:
    """What a template is filled in with. `posts`: the posts of lines that are not `post_id`'s, by the lines' names."""

    begins_on: date
    post_id: UUID | None
    posts: Mapping[str, UUID]
    source: Source
    source_document: str


def templates_from(data: Mapping[str, Sequence[Mapping[str, Any]]]) -> Templates:
    """Templates from their data file's shape.

    Raises:
        ValueError, KeyError: an unknown kind or stage, a kind without a template, two lines of one name.
    """
    found = {kind: tuple(_line(item) for item in data[kind]) for kind in ProjectKind}
    for kind, lines in found.items():
        if len({line.name for line in lines}) < len(lines):
            raise ValueError(f"template {kind}: two lines of one name")
    return found


def lines_for(project: Project, lines: Sequence[TemplateLine], filling: Filling) -> list[NewMilestone]:
    """The lines that still lie ahead of the project and that it does not have, by name or by stage.

    Raises:
        MilestoneNotAllowed: `posts` names a line that the template does not have, or nothing is left to plan.
    """
    if strange := sorted(filling.posts.keys() - {line.name for line in lines}):
        raise MilestoneNotAllowed(f"时间表模板中没有节点“{strange[0]}”")
    standing = [item for item in project.milestones.values() if item.status is not MilestoneStatus.CANCELLED]
    names, stages = {item.name for item in standing}, {item.stage for item in standing if item.stage}
    ahead = STAGES[STAGES.index(project.stage) + 1 :]
    wanted = [
        line
        for line in lines
        if line.name not in names and line.stage not in stages and (line.stage is None or line.stage in ahead)
    ]
    if not wanted:
        raise MilestoneNotAllowed("模板中的节点均已列入时间表或已经完成")
    return [_filled(line, filling) for line in wanted]


def _filled(line: TemplateLine, filling: Filling) -> NewMilestone:
    return NewMilestone(
        name=line.name,
        due_on=filling.begins_on + timedelta(days=line.days),
        responsible_post_id=filling.posts.get(line.name, filling.post_id),
        stage=line.stage,
        source=filling.source,
        source_document=filling.source_document,
    )


def _line(item: Mapping[str, Any]) -> TemplateLine:
    stage = item.get("stage")
    days = int(item["days"])
    if days < 0:
        raise ValueError(f"template line {item['name']}: due before it begins")
    return TemplateLine(str(item["name"]), Stage(stage) if stage else None, days)
