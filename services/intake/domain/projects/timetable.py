"""The 任务时间表 of a project: every line has a due day and a responsible post (S9) and knows its source (S14).

Lines are events of their project. A line that names a stage is met by reaching it, never by hand.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import cast, get_args
from uuid import UUID

from services.intake.domain.errors import (
    DateNotAllowed,
    FieldMissing,
    MilestoneNotAllowed,
    MilestoneNotOpen,
    RecordMissing,
)
from services.intake.domain.terms import STAGE_NAMES, STAGES, MilestoneStatus
from shared.contracts.event import Event
from shared.contracts.project_records import MilestoneReopened, ReplanningRefused, ReplanningRequested
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestoneMet,
    MilestonePlanned,
    MilestoneReassigned,
    MilestoneReplanned,
    ProjectDelayed,
    Source,
    Stage,
)
from shared.kit.errors import NotAllowed

SKIPPED = "本项目未经过该阶段"


class OwnReplanning(NotAllowed):
    """Whoever asked for another due day does not approve it."""

    def __init__(self) -> None:
        super().__init__("调整申请须由申请人以外的人审核")


class ReplanningStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"


LineEvent = (
    MilestonePlanned
    | MilestoneReplanned
    | MilestoneReassigned
    | MilestoneMet
    | MilestoneCancelled
    | MilestoneReopened
    | ProjectDelayed
)
EVENTS: frozenset[type[Event]] = frozenset(get_args(LineEvent))
"""By type: to ask a model whether it is an instance of another class is slow."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A line as its events leave it. `expected_on`, `delay_reason`: the last declared delay; it moves no due day."""

    id: UUID
    name: str
    due_on: date
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None
    stage: Stage | None = None
    source: Source = Source.PLAN
    source_document: str = ""
    status: MilestoneStatus = MilestoneStatus.OPEN
    met_on: date | None = None
    expected_on: date | None = None
    delay_reason: str = ""


Milestones = Mapping[UUID, Milestone]
"""The lines that something is decided on, by their ids: all of a timetable, or those of it that are in question."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines are in question: those with these ids, those that bear a name in their project and were not
    cancelled, and whatever is open in whole projects."""

    ids: Collection[UUID] = ()
    names: Collection[tuple[UUID, str]] = ()
    open_of: Collection[UUID] = ()


@dataclass(frozen=True, slots=True)
class NewMilestone:
    """A line to be planned; without due day or responsible post it is refused (S9)."""

    name: str
    due_on: date | None
    responsible_post_id: UUID | None
    responsible_person_id: UUID | None = None
    stage: Stage | None = None
    source: Source = Source.PLAN
    source_document: str = ""


def plan(
    project_id: UUID, milestones: Milestones, milestone_id: UUID, new: NewMilestone, *, current: Stage
) -> list[Event]:
    """Add a line for something that still lies ahead of the project."""
    if new.stage and STAGES.index(new.stage) <= STAGES.index(current):
        raise MilestoneNotAllowed(f"项目已处于“{STAGE_NAMES[current]}”，不再设“{STAGE_NAMES[new.stage]}”节点")
    return [_planned(project_id, milestones, milestone_id, new)]


def plan_reached(
    project_id: UUID, milestones: Milestones, milestone_id: UUID, new: NewMilestone, *, on: date
) -> list[Event]:
    """Add a line that its stage met already on a known day: planned and met, for lists that keep both days."""
    return [
        _planned(project_id, milestones, milestone_id, new),
        MilestoneMet(project_id=project_id, milestone_id=milestone_id, met_on=on),
    ]


def replan(project_id: UUID, milestones: Milestones, milestone_id: UUID, *, due_on: date, reason: str) -> list[Event]:
    """Give a line another due day, for a reason; nothing when it is due that day already."""
    milestone = require_open(milestones, milestone_id)
    if due_on == milestone.due_on:
        return []
    _require_text(reason, field="reason", what="调整原因")
    return [MilestoneReplanned(project_id=project_id, milestone_id=milestone_id, due_on=due_on, reason=reason)]


@dataclass(frozen=True, slots=True)
class Replanning:
    """Another due day that somebody asked for. `requester`: the subject that called; `*_by`: as history has it."""

    id: UUID
    project_id: UUID
    milestone_id: UUID
    due_on: date
    reason: str
    requested_on: date
    requested_by: str
    requester: str
    requester_person: UUID | None
    status: ReplanningStatus = ReplanningStatus.REQUESTED
    decided_on: date | None = None
    decided_by: str | None = None
    opinion: str = ""


def request_replanning(milestones: Milestones, asked: Replanning) -> list[Event]:
    """Ask for another due day; the present one stands until a second person agrees.

    Raises:
        MilestoneNotOpen, RecordMissing, FieldMissing, MilestoneNotAllowed: it is due that day already.
    """
    _moved(milestones, asked)
    return [
        ReplanningRequested(
            project_id=asked.project_id,
            milestone_id=asked.milestone_id,
            replanning_id=asked.id,
            due_on=asked.due_on,
            reason=asked.reason,
        )
    ]


def approve_replanning(milestones: Milestones, asked: Replanning, *, subject: str, person: UUID | None) -> list[Event]:
    """Raises OwnReplanning, MilestoneNotOpen, MilestoneNotAllowed: it is due that day already."""
    _require_other(asked, subject=subject, person=person)
    return _moved(milestones, asked)


def refuse_replanning(asked: Replanning, *, reason: str, subject: str, person: UUID | None) -> list[Event]:
    _require_other(asked, subject=subject, person=person)
    _require_text(reason, field="reason", what="不同意的理由")
    return [
        ReplanningRefused(
            project_id=asked.project_id, milestone_id=asked.milestone_id, replanning_id=asked.id, reason=reason
        )
    ]


def require_replanning_alone(*, approved: bool) -> None:
    """Raises MilestoneNotAllowed where another due day needs a second person's approval."""
    if approved:
        raise MilestoneNotAllowed("调整时限须经审核，请提交调整申请")


def _moved(milestones: Milestones, asked: Replanning) -> list[Event]:
    events = replan(asked.project_id, milestones, asked.milestone_id, due_on=asked.due_on, reason=asked.reason)
    if not events:
        raise MilestoneNotAllowed(f"该节点的时限已是{asked.due_on}")
    return events


def _require_other(asked: Replanning, *, subject: str, person: UUID | None) -> None:
    if asked.status is not ReplanningStatus.REQUESTED:
        raise MilestoneNotAllowed("该调整申请已审核")
    if subject == asked.requester or (person is not None and person == asked.requester_person):
        raise OwnReplanning()


def reassign(
    project_id: UUID, milestones: Milestones, milestone_id: UUID, *, post_id: UUID, person_id: UUID | None
) -> list[Event]:
    """Give a line to another post; nothing when it has it already with the same person."""
    milestone = require_open(milestones, milestone_id)
    if (milestone.responsible_post_id, milestone.responsible_person_id) == (post_id, person_id):
        return []
    return [
        MilestoneReassigned(
            project_id=project_id,
            milestone_id=milestone_id,
            responsible_post_id=post_id,
            responsible_person_id=person_id,
        )
    ]


def meet(project_id: UUID, milestones: Milestones, milestone_id: UUID, *, met_on: date, today: date) -> list[Event]:
    """Mark a line done, unless a stage does that."""
    milestone = require_open(milestones, milestone_id)
    if milestone.stage:
        raise MilestoneNotAllowed(f"该节点由“{STAGE_NAMES[milestone.stage]}”阶段完成，请办理阶段变更")
    if met_on > today:
        raise DateNotAllowed(f"完成日期{met_on}不能晚于今天{today}", what="完成日期", day=met_on, limit=today)
    return [MilestoneMet(project_id=project_id, milestone_id=milestone_id, met_on=met_on)]


def cancel(project_id: UUID, milestones: Milestones, milestone_id: UUID, *, reason: str) -> list[Event]:
    require_open(milestones, milestone_id)
    _require_text(reason, field="reason", what="取消原因")
    return [MilestoneCancelled(project_id=project_id, milestone_id=milestone_id, reason=reason)]


def declare_delay(
    project_id: UUID, milestones: Milestones, milestone_id: UUID, *, reason: str, expected_on: date
) -> list[Event]:
    """A delay that the unit declares itself: it informs, the due day stays."""
    milestone = require_open(milestones, milestone_id)
    _require_text(reason, field="reason", what="延期原因")
    if expected_on <= milestone.due_on:
        message = f"预计完成日期{expected_on}须晚于计划日期{milestone.due_on}"
        raise DateNotAllowed(message, what="预计完成日期", day=expected_on, limit=milestone.due_on)
    return [ProjectDelayed(project_id=project_id, milestone_id=milestone_id, reason=reason, expected_on=expected_on)]


def settle(project_id: UUID, milestones: Milestones, *, reached: Stage, on: date) -> list[Event]:
    """What a stage does to the open lines: its own are met, those of stages passed over are cancelled."""
    events: list[Event] = []
    for milestone in _open(milestones):
        if milestone.stage is reached:
            events.append(MilestoneMet(project_id=project_id, milestone_id=milestone.id, met_on=on))
        elif milestone.stage and STAGES.index(milestone.stage) < STAGES.index(reached):
            events.append(MilestoneCancelled(project_id=project_id, milestone_id=milestone.id, reason=SKIPPED))
    return events


def cancel_open(project_id: UUID, milestones: Milestones, *, reason: str) -> list[Event]:
    """Cancel every open line."""
    return [
        MilestoneCancelled(project_id=project_id, milestone_id=milestone.id, reason=reason)
        for milestone in _open(milestones)
    ]


def require_open(milestones: Milestones, milestone_id: UUID) -> Milestone:
    """The line, which is open; raises RecordMissing or MilestoneNotOpen."""
    milestone = milestones.get(milestone_id)
    if milestone is None:
        raise RecordMissing("节点", milestone_id)
    if milestone.status is not MilestoneStatus.OPEN:
        raise MilestoneNotOpen(milestone_id, milestone.status)
    return milestone


def named(milestones: Milestones, name: str) -> Milestone | None:
    """The line of this name that was not cancelled; there is at most one."""
    standing = (item for item in milestones.values() if item.status is not MilestoneStatus.CANCELLED)
    return next((item for item in standing if item.name == name), None)


def evolve(milestones: Milestones, event: Event) -> Milestones:
    """The timetable after one more event of its project.

    Raises:
        ValueError: an event that is none of the timetable's.
    """
    if isinstance(event, MilestonePlanned):
        return {**milestones, event.milestone_id: _from(event)}
    if type(event) not in EVENTS:
        raise ValueError(f"{event.type} is no event of a timetable")
    milestone_id = cast(LineEvent, event).milestone_id
    return {**milestones, milestone_id: _evolved(milestones[milestone_id], event)}


def _evolved(milestone: Milestone, event: Event) -> Milestone:
    match event:
        case MilestoneReplanned(due_on=due_on):
            return replace(milestone, due_on=due_on)
        case MilestoneReassigned(responsible_post_id=post_id, responsible_person_id=person_id):
            return replace(milestone, responsible_post_id=post_id, responsible_person_id=person_id)
        case MilestoneMet(met_on=met_on):
            return replace(milestone, status=MilestoneStatus.MET, met_on=met_on)
        case ProjectDelayed(expected_on=expected_on, reason=reason):
            return replace(milestone, expected_on=expected_on, delay_reason=reason)
        case MilestoneReopened():
            return replace(milestone, status=MilestoneStatus.OPEN, met_on=None)
    return replace(milestone, status=MilestoneStatus.CANCELLED)


def _from(event: MilestonePlanned) -> Milestone:
    return Milestone(
        id=event.milestone_id,
        name=event.name,
        due_on=event.due_on,
        responsible_post_id=event.responsible_post_id,
        responsible_person_id=event.responsible_person_id,
        stage=event.stage,
        source=event.source,
        source_document=event.source_document,
    )


def _planned(project_id: UUID, milestones: Milestones, milestone_id: UUID, new: NewMilestone) -> MilestonePlanned:
    _require_text(new.name, field="name", what="节点名称")
    if new.due_on is None:
        raise FieldMissing(f"节点“{new.name}”没有完成时限", field="due_on")
    if new.responsible_post_id is None:
        raise FieldMissing(f"节点“{new.name}”没有责任岗位", field="responsible_post_id")
    if named(milestones, new.name):
        raise MilestoneNotAllowed(f"时间表中已有节点“{new.name}”")
    return MilestonePlanned(
        project_id=project_id,
        milestone_id=milestone_id,
        name=new.name,
        due_on=new.due_on,
        responsible_post_id=new.responsible_post_id,
        responsible_person_id=new.responsible_person_id,
        stage=new.stage,
        source=new.source,
        source_document=new.source_document,
    )


def _open(milestones: Milestones) -> list[Milestone]:
    return [item for item in milestones.values() if item.status is MilestoneStatus.OPEN]


def _require_text(text: str, *, field: str, what: str) -> None:
    if not text.strip():
        raise FieldMissing(f"{what}不能为空", field=field)
