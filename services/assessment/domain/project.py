"""What supervision keeps of a project: a projection of intake's facts."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from services.assessment.domain.directory import Asked
from shared.contracts.event import Event
from shared.contracts.project_records import ProjectCorrected
from shared.contracts.projects import (
    ProjectHeld,
    ProjectKind,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectTerminated,
    Stage,
    StageReached,
)

_HELD, _ENDED = "held", ("terminated", "struck_off")
_ORDER = {stage: index for index, stage in enumerate(Stage)}


class Project(NamedTuple):
    """`held`: 停缓建. `ended`: terminated, or struck off."""

    id: UUID
    code: str
    name: str
    chain_id: UUID
    org_id: UUID
    stage: Stage
    held: bool = False
    ended: bool = False
    kind: str = ProjectKind.NEW

    @property
    def is_started(self) -> bool:
        return _ORDER[self.stage] >= _ORDER[Stage.STARTED]

    def asked(self, post_id: UUID) -> Asked:
        return Asked(self.chain_id, self.org_id, post_id)


def fold(project: Project | None, event: Event) -> Project | None:
    """The project after one of intake's facts; None while its recording has not come."""
    if isinstance(event, ProjectRecorded):
        who = event.chain_id, event.responsible_org_id
        return Project(event.project_id, event.code, event.name, *who, event.stage, kind=event.kind)
    if project is None:
        return None
    changes = _FOLD.get(type(event))
    return changes(project, event) if changes else project


def _revised(project: Project, event: ProjectRevised) -> Project:
    return project._replace(
        name=event.name or project.name,
        chain_id=event.chain_id or project.chain_id,
        org_id=event.responsible_org_id or project.org_id,
    )


def _corrected(project: Project, event: ProjectCorrected) -> Project:
    status = event.stands.hold_status
    return project._replace(stage=event.stands.stage, held=status == _HELD, ended=status in _ENDED)


_FOLD: Mapping[type[Event], Callable[[Project, Any], Project]] = {
    ProjectRevised: _revised,
    ProjectHeld: lambda project, _: project._replace(held=True),
    ProjectResumed: lambda project, _: project._replace(held=False),
    ProjectCorrected: _corrected,
    ProjectTerminated: lambda project, _: project._replace(ended=True),
    **{kind: lambda project, event: project._replace(stage=event.stage) for kind in StageReached.__subclasses__()},
}
