"""Facts about investment projects and their timetables. Producer: intake. Aggregate of all: project_id."""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Event, Payload

PROJECTS = "liandu.projects"


class Stage(StrEnum):
    """Where a project stands (lifecycle): lead is 线索, negotiating 在谈, … full_capacity 达产."""

    LEAD = "lead"
    NEGOTIATING = "negotiating"
    SIGNED = "signed"
    REGISTERED = "registered"
    APPROVED = "approved"
    STARTED = "started"
    BUILDING = "building"
    COMPLETED = "completed"
    PRODUCING = "producing"
    FULL_CAPACITY = "full_capacity"


class ProjectKind(StrEnum):
    NEW = "new"
    EXPANSION = "expansion"  # 增资


class Source(StrEnum):
    """Where a task comes from (S14)."""

    CONFERENCE = "conference"
    INSTRUCTION = "instruction"
    PLAN = "plan"


class Evidence(Payload):
    """What a stage rests on: a contract, a licence, an acceptance; `reference` is a document number or file name."""

    kind: str
    on: date
    reference: str


class ProjectEvent(Event):
    topic: ClassVar[str] = PROJECTS
    project_id: UUID


class ProjectRecorded(ProjectEvent):
    """A project enters the books, at any stage. Money in whole 万元; `signed_amount_wan`: of one signed before."""

    type: ClassVar[str] = "cn.liandu.project.recorded.v1"
    code: str
    name: str
    chain_id: UUID
    responsible_org_id: UUID
    kind: ProjectKind
    total_investment_wan: int
    stage: Stage
    signed_on: date | None = None
    started_on: date | None = None
    signed_amount_wan: int | None = None


class ProjectRevised(ProjectEvent):
    """Master data as it now stands; only what changed is set.

    `signed_on`, `started_on`, `signed_amount_wan`: what nobody had written down when the project was recorded; what is
    known stays.
    `chain_since`: the day from which it belongs to `chain_id`; figures of days before count it where it was (S3).
    """

    type: ClassVar[str] = "cn.liandu.project.revised.v1"
    name: str | None = None
    chain_id: UUID | None = None
    responsible_org_id: UUID | None = None
    total_investment_wan: int | None = None
    signed_on: date | None = None
    started_on: date | None = None
    signed_amount_wan: int | None = None
    chain_since: date | None = None


class StageReached(ProjectEvent):
    """One event type for each stage; `on` is the day it happened, which may be before the day it was recorded.

    `files`: the evidence filed for it (`project.evidence_filed`), by file_id.
    """

    stage: ClassVar[Stage]
    on: date
    evidence: tuple[Evidence, ...] = ()
    files: tuple[UUID, ...] = ()


class ProjectNegotiating(StageReached):
    type: ClassVar[str] = "cn.liandu.project.negotiating.v1"
    stage: ClassVar[Stage] = Stage.NEGOTIATING


class ProjectSigned(StageReached):
    """The formal contract; `amount_wan` is what counts in the statistics, whole 万元."""

    type: ClassVar[str] = "cn.liandu.project.signed.v1"
    stage: ClassVar[Stage] = Stage.SIGNED
    amount_wan: int


class ProjectRegistered(StageReached):
    type: ClassVar[str] = "cn.liandu.project.registered.v1"
    stage: ClassVar[Stage] = Stage.REGISTERED


class ProjectApproved(StageReached):
    type: ClassVar[str] = "cn.liandu.project.approved.v1"
    stage: ClassVar[Stage] = Stage.APPROVED


class ProjectStarted(StageReached):
    type: ClassVar[str] = "cn.liandu.project.started.v1"
    stage: ClassVar[Stage] = Stage.STARTED


class ProjectBuilding(StageReached):
    type: ClassVar[str] = "cn.liandu.project.building.v1"
    stage: ClassVar[Stage] = Stage.BUILDING


class ProjectCompleted(StageReached):
    type: ClassVar[str] = "cn.liandu.project.completed.v1"
    stage: ClassVar[Stage] = Stage.COMPLETED


class ProjectProducing(StageReached):
    type: ClassVar[str] = "cn.liandu.project.producing.v1"
    stage: ClassVar[Stage] = Stage.PRODUCING


class ProjectFullCapacity(StageReached):
    """达产; `output_ratio` is output against the design, as a decimal string (S12: 2.0 times)."""

    type: ClassVar[str] = "cn.liandu.project.full_capacity.v1"
    stage: ClassVar[Stage] = Stage.FULL_CAPACITY
    output_ratio: str


class ProjectDelayed(ProjectEvent):
    """A delay the unit declares itself: it informs, it moves no due date (only a replanning does)."""

    type: ClassVar[str] = "cn.liandu.project.delayed.v1"
    milestone_id: UUID
    reason: str
    expected_on: date


class ProjectHeld(ProjectEvent):
    """停缓建; the stage stays."""

    type: ClassVar[str] = "cn.liandu.project.held.v1"
    reason: str
    on: date


class ProjectResumed(ProjectEvent):
    type: ClassVar[str] = "cn.liandu.project.resumed.v1"
    on: date


class ProjectTerminated(ProjectEvent):
    type: ClassVar[str] = "cn.liandu.project.terminated.v1"
    reason: str
    on: date


class MilestonePlanned(ProjectEvent):
    """A line of the 任务时间表 (S9): never without a due day and a responsible post.

    `stage`: reaching it meets the milestone by itself; without one somebody marks it met.
    """

    type: ClassVar[str] = "cn.liandu.milestone.planned.v1"
    milestone_id: UUID
    name: str
    due_on: date
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None
    stage: Stage | None = None
    source: Source = Source.PLAN
    source_document: str = ""


class MilestoneReplanned(ProjectEvent):
    type: ClassVar[str] = "cn.liandu.milestone.replanned.v1"
    milestone_id: UUID
    due_on: date
    reason: str


class MilestoneReassigned(ProjectEvent):
    type: ClassVar[str] = "cn.liandu.milestone.reassigned.v1"
    milestone_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None


class MilestoneMet(ProjectEvent):
    """Published for every milestone that is met, also when a stage met it (then right after the stage's event)."""

    type: ClassVar[str] = "cn.liandu.milestone.met.v1"
    milestone_id: UUID
    met_on: date


class MilestoneCancelled(ProjectEvent):
    type: ClassVar[str] = "cn.liandu.milestone.cancelled.v1"
    milestone_id: UUID
    reason: str
