"""Facts about what offices keep beside projects: measures (S1), registers and their filing (S6–S8). Producer: intake.

Whatever is due is a task: a measure, a step of its timetable, the filing of a register. A task belongs to a measure or
a filing, whose aggregate holds its facts, and is to be supervised like a project's milestone.
"""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Event, Payload
from shared.contracts.projects import Source, Stage

REGISTERS = "liandu.registers"


class Aspect(StrEnum):
    """The six aspects of the 《运行机制》 (S1)."""

    INSTITUTIONS = "institutions"  # 健全体制机制
    POSITIONING = "positioning"  # 锚定卡位入链
    INNOVATION = "innovation"  # 深化创新驱动
    INVESTMENT = "investment"  # 聚力项目引建
    CLUSTERING = "clustering"  # 突出聚核聚链
    GUARANTEES = "guarantees"  # 抓实关键保障


class TaskKind(StrEnum):
    MEASURE = "measure"  # a measure as a whole; its task has the measure's id
    STEP = "step"  # a line of a measure's timetable
    FILING = "filing"  # a register is to be filed by a chain; its task has the filing's id


class Target(StrEnum):
    """The fields of an entry of the register `investment_targets`: a chain's targets of a year (S7), one entry a chain.

    Counts of projects and whole 万元; those that a plan leaves open are not set.
    """

    SIGNED_COUNT = "signed_count"
    SIGNED_AMOUNT = "signed_amount"
    STARTED_COUNT = "started_count"
    STARTED_AMOUNT = "started_amount"
    PRODUCING_COUNT = "producing_count"
    PRODUCING_AMOUNT = "producing_amount"


class Partner(Payload):
    """A unit that takes part; `uscc`: its 统一社会信用代码 where it is known."""

    name: str
    uscc: str | None = None


FieldValue = int | str | tuple[Partner, ...]
"""What a field of an entry holds: whole numbers (of 万元 where the register says so), texts, days as ISO dates, ids of
records as text, and lists of partners."""


class RegistersEvent(Event):
    topic: ClassVar[str] = REGISTERS


class EntryEvent(RegistersEvent):
    """Aggregate: entry_id."""

    entry_id: UUID


class EntryRecorded(EntryEvent):
    """An entry of a register, by chain and, where the register is yearly, year. `fields`: by the register's own keys.

    `nominating_post_id`: the 专班 that nominates, in a register with review. `by`: who recorded it, a token's subject.
    """

    type: ClassVar[str] = "cn.liandu.register_entry.recorded.v1"
    register_key: str
    year: int | None
    chain_id: UUID
    fields: dict[str, FieldValue]
    nominating_post_id: UUID | None = None
    by: str


class EntryRevised(EntryEvent):
    """All fields as they now stand. A nomination that was let in is a nomination again."""

    type: ClassVar[str] = "cn.liandu.register_entry.revised.v1"
    fields: dict[str, FieldValue]
    by: str


class EntryWithdrawn(EntryEvent):
    type: ClassVar[str] = "cn.liandu.register_entry.withdrawn.v1"
    reason: str


class EntryAccepted(EntryEvent):
    """The review let a nomination in."""

    type: ClassVar[str] = "cn.liandu.register_entry.accepted.v1"
    reviewed_on: date
    opinion: str = ""
    by: str


class EntryRefused(EntryEvent):
    type: ClassVar[str] = "cn.liandu.register_entry.refused.v1"
    reviewed_on: date
    reason: str
    by: str


class FrozenProject(Payload):
    """A project as it stood when a list was frozen. Money in whole 万元."""

    project_id: UUID
    code: str
    name: str
    responsible_org_name: str
    total_investment_wan: int
    stage: Stage


class FrozenEntry(Payload):
    """An entry as it stood at the freeze; `texts`: what officials read, by the fields' keys."""

    entry_id: UUID
    chain_id: UUID
    chain_name: str
    fields: dict[str, FieldValue]
    texts: dict[str, str]
    project: FrozenProject | None = None


class RegisterFrozen(RegistersEvent):
    """A year's list as decided, which later facts do not touch. Aggregate: freeze_id."""

    type: ClassVar[str] = "cn.liandu.register.frozen.v1"
    freeze_id: UUID
    register_key: str
    year: int
    frozen_on: date
    entries: tuple[FrozenEntry, ...]


class FilingEvent(RegistersEvent):
    """Aggregate: filing_id."""

    filing_id: UUID


class FilingCalled(FilingEvent):
    """A chain is to file a register for a year; until when and who answers is the task that follows."""

    type: ClassVar[str] = "cn.liandu.filing.called.v1"
    register_key: str
    register_name: str
    year: int
    chain_id: UUID


class FilingFiled(FilingEvent):
    """The responsible post says that the register is complete. `entries`: how many it has then; none needs a reason."""

    type: ClassVar[str] = "cn.liandu.filing.filed.v1"
    filed_on: date
    entries: int
    reason: str = ""


class FilingCalledOff(FilingEvent):
    type: ClassVar[str] = "cn.liandu.filing.called_off.v1"
    reason: str


class MeasureEvent(RegistersEvent):
    """Aggregate: measure_id."""

    measure_id: UUID


class MeasureRecorded(MeasureEvent):
    """A measure of the 《运行机制》 (S1). `number`: within its document. When it is due is the task that follows."""

    type: ClassVar[str] = "cn.liandu.measure.recorded.v1"
    number: int
    aspect: Aspect
    text: str
    responsible_org_id: UUID
    source: Source
    source_document: str


class MeasureRevised(MeasureEvent):
    """Only what changed is set."""

    type: ClassVar[str] = "cn.liandu.measure.revised.v1"
    aspect: Aspect | None = None
    text: str | None = None


class TaskEvent(RegistersEvent):
    """Aggregate: subject_id, the measure's or the filing's id."""

    subject_id: UUID
    task_id: UUID


class TaskPlanned(TaskEvent):
    """Never without a due day and a responsible post (S9); it knows its source (S14). `chain_id`: none for measures."""

    type: ClassVar[str] = "cn.liandu.task.planned.v1"
    kind: TaskKind
    name: str
    subject_name: str
    chain_id: UUID | None = None
    due_on: date
    responsible_org_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None
    source: Source = Source.PLAN
    source_document: str = ""


class TaskReplanned(TaskEvent):
    type: ClassVar[str] = "cn.liandu.task.replanned.v1"
    due_on: date
    reason: str


class TaskReassigned(TaskEvent):
    type: ClassVar[str] = "cn.liandu.task.reassigned.v1"
    responsible_org_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None


class TaskMet(TaskEvent):
    type: ClassVar[str] = "cn.liandu.task.met.v1"
    met_on: date


class TaskCancelled(TaskEvent):
    type: ClassVar[str] = "cn.liandu.task.cancelled.v1"
    reason: str
