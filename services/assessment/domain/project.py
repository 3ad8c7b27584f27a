"""What supervision keeps of a project, or of what stands in a project's place: a projection of intake's facts."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast
from uuid import UUID

from services.assessment.domain.directory import Asked
from shared.contracts.event import Event
from shared.contracts.project_records import ProjectCorrected, ProjectProfiled
from shared.contracts.projects import (
    PROJECTS,
    MilestonePlanned,
    MilestoneReassigned,
    ProjectEvent,
    ProjectHeld,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectTerminated,
    Stage,
    StageReached,
)
from shared.contracts.registers import REGISTERS, TaskEvent, TaskPlanned
from shared.contracts.requests import ProblemEvent, ProblemGathered, RequestAssigned, RequestEvent, RequestRaised

_OF_PROBLEMS = frozenset(ProblemEvent.__subclasses__())
STRUCK_OFF = "struck_off"
_HELD, _ENDED = "held", ("terminated", STRUCK_OFF)
_ORDER = {stage: index for index, stage in enumerate(Stage)}


class Project(NamedTuple):
    """`held`: 停缓建. `ended`: terminated, or struck off.

    A measure, a filing, a request or a common problem of which something is due stands in a project's place: it has no
    `stage`, no `code` and no `kind`; a measure no chain. `org_id`: None for a request that nobody answers for yet.
    `post_id`: the post of its timetable, which answers for its reports where no `reporter_id` does.
    """

    id: UUID
    code: str
    name: str
    chain_id: UUID | None
    org_id: UUID | None
    stage: Stage | None = None
    held: bool = False
    ended: bool = False
    kind: str = ""
    post_id: UUID | None = None
    reporter_id: UUID | None = None

    @property
    def is_started(self) -> bool:
        return self.stage is not None and _ORDER[self.stage] >= _ORDER[Stage.STARTED]

    @property
    def is_under_construction(self) -> bool:
        """On the 在建 list: started, and not yet producing."""
        return self.is_started and _ORDER[cast(Stage, self.stage)] < _ORDER[Stage.PRODUCING]

    @property
    def reported_by(self) -> UUID | None:
        """The post that owes its monthly reports; None while nobody answers for anything of it."""
        return self.reporter_id or self.post_id

    def asked(self, post_id: UUID) -> Asked:
        return Asked(self.chain_id, self.org_id, post_id)


def id_in(event: Event) -> UUID:
    """Of which of them such a fact is."""
    if event.topic == PROJECTS:
        return cast(ProjectEvent, event).project_id
    if event.topic == REGISTERS:
        return cast(TaskEvent, event).subject_id
    return cast(ProblemEvent, event).problem_id if type(event) in _OF_PROBLEMS else cast(RequestEvent, event).request_id


def fold(project: Project | None, event: Event) -> Project | None:
    """It after one of intake's facts; None while its recording has not come."""
    if project is None:
        begun = _BEGIN.get(type(event))
        return begun(event) if begun else None
    changes = _FOLD.get(type(event))
    return changes(project, event) if changes else project


def _recorded(event: ProjectRecorded) -> Project:
    who = event.chain_id, event.responsible_org_id
    return Project(event.project_id, event.code, event.name, *who, event.stage, kind=event.kind)


def _task(event: TaskPlanned) -> Project:
    return Project(event.subject_id, "", event.subject_name, event.chain_id, event.responsible_org_id)


def _request(event: RequestRaised) -> Project:
    return Project(event.request_id, "", f"{event.enterprise_name}：{event.title}", event.chain_id, None)


def _problem(event: ProblemGathered) -> Project:
    return Project(event.problem_id, "", event.title, event.chain_id, event.responsible_org_id)


def _revised(project: Project, event: ProjectRevised) -> Project:
    return project._replace(
        name=event.name or project.name,
        chain_id=event.chain_id or project.chain_id,
        org_id=event.responsible_org_id or project.org_id,
    )


def _corrected(project: Project, event: ProjectCorrected) -> Project:
    status = event.stands.hold_status
    return project._replace(stage=event.stands.stage, held=status == _HELD, ended=status in _ENDED)


def _profiled(project: Project, event: ProjectProfiled) -> Project:
    if "reporting_post_id" in event.cleared:
        return project._replace(reporter_id=None)
    return project._replace(reporter_id=event.reporting_post_id) if event.reporting_post_id else project


def _planned(project: Project, event: MilestonePlanned) -> Project:
    return project if project.post_id else project._replace(post_id=event.responsible_post_id)


_BEGIN: Mapping[type[Event], Callable[[Any], Project]] = {
    ProjectRecorded: _recorded,
    TaskPlanned: _task,
    RequestRaised: _request,
    ProblemGathered: _problem,
}
_FOLD: Mapping[type[Event], Callable[[Project, Any], Project]] = {
    ProjectRevised: _revised,
    ProjectHeld: lambda project, _: project._replace(held=True),
    ProjectResumed: lambda project, _: project._replace(held=False),
    ProjectCorrected: _corrected,
    ProjectTerminated: lambda project, _: project._replace(ended=True),
    ProjectProfiled: _profiled,
    MilestonePlanned: _planned,
    MilestoneReassigned: lambda project, event: project._replace(post_id=event.responsible_post_id),
    RequestAssigned: lambda request, event: request._replace(org_id=event.responsible_org_id),
    **{kind: lambda project, event: project._replace(stage=event.stage) for kind in StageReached.__subclasses__()},
}
