"""What is due of a measure or a register (S1, S6, S9, S14): a day, a responsible post and a source, never without.

`open → met | cancelled`; while it is open it may be replanned, with a reason, and given to another post.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.intake.domain.errors import (
    DateNotAllowed,
    FieldMissing,
    MilestoneNotAllowed,
    MilestoneNotOpen,
    RecordMissing,
)
from services.intake.domain.organisation.programme import Post
from services.intake.domain.terms import MilestoneStatus
from shared.contracts.event import Event
from shared.contracts.projects import Source
from shared.contracts.registers import (
    TaskCancelled,
    TaskEvent,
    TaskKind,
    TaskMet,
    TaskPlanned,
    TaskReassigned,
    TaskReplanned,
)

TaskStatus = MilestoneStatus
KIND_NAMES: Mapping[TaskKind, str] = {
    TaskKind.MEASURE: "措施",
    TaskKind.STEP: "节点",
    TaskKind.FILING: "申报",
}


@dataclass(frozen=True, slots=True)
class Responsible:
    """A post, its organisation, and whoever holds it on the day of the decision."""

    post_id: UUID
    org_id: UUID
    person_id: UUID | None = None

    @classmethod
    def of(cls, post: Post, day: date) -> "Responsible":
        return cls(post.id, post.organisation_id, post.holder(day))


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be planned; without a due day or a responsible post it is refused (S9)."""

    name: str
    due_on: date | None
    responsible: Responsible | None
    source: Source = Source.PLAN
    source_document: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    id: UUID
    subject_id: UUID
    kind: TaskKind
    name: str
    subject_name: str
    chain_id: UUID | None
    due_on: date
    responsible_org_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None
    source: Source = Source.PLAN
    source_document: str = ""
    status: TaskStatus = TaskStatus.OPEN
    met_on: date | None = None
    reason: str = ""


Tasks = Mapping[UUID, Task]
"""All tasks of one measure or filing, by their ids."""


def plan(
    tasks: Tasks,
    task_id: UUID,
    new: NewTask,
    *,
    subject_id: UUID,
    subject_name: str,
    kind: TaskKind,
    chain_id: UUID | None = None,
) -> list[Event]:
    """Add a task. Raises FieldMissing, MilestoneNotAllowed (its name is taken)."""
    if not new.name.strip():
        raise FieldMissing("任务名称不能为空", field="name")
    if new.due_on is None:
        raise FieldMissing(f"“{new.name}”没有完成时限", field="due_on")
    if new.responsible is None:
        raise FieldMissing(f"“{new.name}”没有责任岗位", field="responsible_post_id")
    if any(task.name == new.name and task.status is not TaskStatus.CANCELLED for task in tasks.values()):
        raise MilestoneNotAllowed(f"时间表中已有“{new.name}”", field="name")
    return [
        TaskPlanned(
            subject_id=subject_id,
            task_id=task_id,
            kind=kind,
            name=new.name,
            subject_name=subject_name,
            chain_id=chain_id,
            due_on=new.due_on,
            responsible_org_id=new.responsible.org_id,
            responsible_post_id=new.responsible.post_id,
            responsible_person_id=new.responsible.person_id,
            source=new.source,
            source_document=new.source_document,
        )
    ]


def replan(tasks: Tasks, task_id: UUID, *, due_on: date, reason: str) -> list[Event]:
    """Another due day, for a reason; nothing when it is due that day already."""
    task = require_open(tasks, task_id)
    if due_on == task.due_on:
        return []
    if not reason.strip():
        raise FieldMissing("调整原因不能为空", field="reason")
    return [TaskReplanned(subject_id=task.subject_id, task_id=task_id, due_on=due_on, reason=reason)]


def reassign(tasks: Tasks, task_id: UUID, responsible: Responsible) -> list[Event]:
    """Another post; nothing when it has it already with the same person."""
    task = require_open(tasks, task_id)
    if (task.responsible_post_id, task.responsible_person_id) == (responsible.post_id, responsible.person_id):
        return []
    return [
        TaskReassigned(
            subject_id=task.subject_id,
            task_id=task_id,
            responsible_org_id=responsible.org_id,
            responsible_post_id=responsible.post_id,
            responsible_person_id=responsible.person_id,
        )
    ]


def meet(tasks: Tasks, task_id: UUID, *, met_on: date, today: date) -> list[Event]:
    task = require_open(tasks, task_id)
    if met_on > today:
        raise DateNotAllowed(f"完成日期{met_on}不能晚于今天{today}", what="完成日期", day=met_on, limit=today)
    return [TaskMet(subject_id=task.subject_id, task_id=task_id, met_on=met_on)]


def cancel(tasks: Tasks, task_id: UUID, *, reason: str) -> list[Event]:
    task = require_open(tasks, task_id)
    if not reason.strip():
        raise FieldMissing("取消原因不能为空", field="reason")
    return [TaskCancelled(subject_id=task.subject_id, task_id=task_id, reason=reason)]


def require_open(tasks: Tasks, task_id: UUID) -> Task:
    """Raises RecordMissing or MilestoneNotOpen."""
    task = tasks.get(task_id)
    if task is None:
        raise RecordMissing("任务", task_id)
    if task.status is not TaskStatus.OPEN:
        raise MilestoneNotOpen(task_id, task.status)
    return task


def evolve(tasks: Tasks, event: TaskEvent) -> Tasks:
    """The tasks after one more event about one of them."""
    if isinstance(event, TaskPlanned):
        return {**tasks, event.task_id: _from(event)}
    return {**tasks, event.task_id: _evolved(tasks[event.task_id], event)}


def _evolved(task: Task, event: TaskEvent) -> Task:
    match event:
        case TaskReplanned(due_on=due_on, reason=reason):
            return replace(task, due_on=due_on, reason=reason)
        case TaskReassigned():
            return replace(
                task,
                responsible_org_id=event.responsible_org_id,
                responsible_post_id=event.responsible_post_id,
                responsible_person_id=event.responsible_person_id,
            )
        case TaskMet(met_on=met_on):
            return replace(task, status=TaskStatus.MET, met_on=met_on)
        case TaskCancelled(reason=reason):
            return replace(task, status=TaskStatus.CANCELLED, reason=reason)
    raise ValueError(f"{event.type} is no event of a task")


def _from(event: TaskPlanned) -> Task:
    return Task(id=event.task_id, **event.model_dump(exclude={"task_id"}))
