"""What supervision keeps of a project: a projection of intake's facts."""

from dataclasses import dataclass, replace
from uuid import UUID

from services.assessment.domain.directory import Asked
from shared.contracts.event import Event
from shared.contracts.projects import (
    ProjectHeld,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectTerminated,
    Stage,
    StageReached,
)

_ORDER = {stage: index for index, stage in enumerate(Stage)}


@dataclass(frozen=True, slots=True)
class Project:
    """`held`: 停缓建. `ended`: terminated."""

    id: UUID
    code: str
    name: str
    chain_id: UUID
    org_id: UUID
    stage: Stage
    held: bool = False
    ended: bool = False

    @property
    def is_started(self) -> bool:
        return _ORDER[self.stage] >= _ORDER[Stage.STARTED]

    def asked(self, post_id: UUID) -> Asked:
        return Asked(self.chain_id, self.org_id, post_id)


def fold(project: Project | None, event: Event) -> Project | None:
    """The project after one of intake's facts; None while its recording has not come."""
    if isinstance(event, ProjectRecorded):
        return Project(event.project_id, event.code, event.name, event.chain_id, event.responsible_org_id, event.stage)
    if project is None:
        return None
    match event:
        case ProjectRevised():
            return _revised(project, event)
        case StageReached():
            return replace(project, stage=event.stage)
        case ProjectHeld():
            return replace(project, held=True)
        case ProjectResumed():
            return replace(project, held=False)
        case ProjectTerminated():
            return replace(project, ended=True)
    return project


def _revised(project: Project, event: ProjectRevised) -> Project:
    return replace(
        project,
        name=event.name or project.name,
        chain_id=event.chain_id or project.chain_id,
        org_id=event.responsible_org_id or project.org_id,
    )
