"""The measures of the 《运行机制》 (S1): by aspect and number, each due on a day and with a timetable of its own.

A measure as a whole is its first task, which has its id; the steps of its timetable are the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from services.intake.domain.errors import FieldMissing
from services.intake.domain.registers import tasks
from services.intake.domain.registers.tasks import NewTask, Responsible, Task, Tasks, TaskStatus
from shared.contracts.event import Event
from shared.contracts.projects import Source
from shared.contracts.registers import Aspect, MeasureRecorded, MeasureRevised, TaskEvent, TaskKind
from shared.kit.errors import Conflict

ASPECT_NAMES: Mapping[Aspect, str] = {
    Aspect.INSTITUTIONS: "健全体制机制",
    Aspect.POSITIONING: "锚定卡位入链",
    Aspect.INNOVATION: "深化创新驱动",
    Aspect.INVESTMENT: "聚力项目引建",
    Aspect.CLUSTERING: "突出聚核聚链",
    Aspect.GUARANTEES: "抓实关键保障",
}
_SHORT = 40


class StepsOpen(Conflict):
    """A measure is not done while steps of its timetable are open."""

    def __init__(self, steps: Iterable[Task]) -> None:
        names = [step.name for step in steps]
        super().__init__(f"时间表中还有{len(names)}个节点未完成：{'、'.join(names[:5])}", steps=names)


@dataclass(frozen=True, slots=True)
class NewMeasure:
    number: int
    aspect: Aspect
    text: str
    due_on: date | None
    responsible: Responsible | None
    source: Source
    source_document: str


@dataclass(frozen=True, slots=True)
class Measure:
    """`tasks`: the measure as a whole under its own id, and its steps."""

    id: UUID
    number: int
    aspect: Aspect
    text: str
    source: Source
    source_document: str
    version: int = 0
    tasks: Tasks = field(default_factory=dict)

    @property
    def task(self) -> Task:
        return self.tasks[self.id]

    @property
    def steps(self) -> list[Task]:
        """In order of their days."""
        others = (task for task in self.tasks.values() if task.id != self.id)
        return sorted(others, key=lambda task: (task.due_on, task.name))


def record(measure_id: UUID, new: NewMeasure) -> list[Event]:
    """Record a measure with what is due of it. Raises FieldMissing: its text, due day, responsible post or source."""
    if not new.text.strip():
        raise FieldMissing("措施内容不能为空", field="text")
    if not new.source_document.strip():
        raise FieldMissing("措施须写明出处文件", field="source_document")
    task = NewTask(_short(new.text), new.due_on, new.responsible, new.source, new.source_document)
    planned = tasks.plan(
        {}, measure_id, task, subject_id=measure_id, subject_name=_title(new.number, new.text), kind=TaskKind.MEASURE
    )
    assert new.responsible is not None  # tasks.plan refuses to go without
    recorded = MeasureRecorded(
        measure_id=measure_id,
        number=new.number,
        aspect=new.aspect,
        text=new.text,
        responsible_org_id=new.responsible.org_id,
        source=new.source,
        source_document=new.source_document,
    )
    return [recorded, *planned]


def revise(measure: Measure, *, aspect: Aspect | None, text: str | None) -> list[Event]:
    """Another aspect or wording; nothing where it stands so already."""
    tasks.require_open(measure.tasks, measure.id)
    changed_aspect = aspect if aspect != measure.aspect else None
    changed_text = text if text and text != measure.text else None
    if changed_aspect is None and changed_text is None:
        return []
    return [MeasureRevised(measure_id=measure.id, aspect=changed_aspect, text=changed_text)]


def plan_step(measure: Measure, step_id: UUID, new: NewTask) -> list[Event]:
    """Add a step to the timetable of a measure that is not done."""
    tasks.require_open(measure.tasks, measure.id)
    title = _title(measure.number, measure.text)
    return tasks.plan(measure.tasks, step_id, new, subject_id=measure.id, subject_name=title, kind=TaskKind.STEP)


def meet(measure: Measure, task_id: UUID, *, met_on: date, today: date) -> list[Event]:
    """A step, or the measure as a whole (its id), is done.

    Raises:
        StepsOpen: the measure has steps that are not.
    """
    events = tasks.meet(measure.tasks, task_id, met_on=met_on, today=today)
    if task_id == measure.id and (steps := _open_steps(measure)):
        raise StepsOpen(steps)
    return events


def cancel(measure: Measure, task_id: UUID, *, reason: str) -> list[Event]:
    """Cancel a step, or the measure with what is open of its timetable."""
    steps = _open_steps(measure) if task_id == measure.id else []
    cancelled = [event for step in steps for event in tasks.cancel(measure.tasks, step.id, reason=reason)]
    return cancelled + tasks.cancel(measure.tasks, task_id, reason=reason)


def fold(measure: Measure | None, events: Iterable[Event]) -> Measure:
    """The measure after these events, of which there is at least one where `measure` is None."""
    for event in events:
        measure = _evolved(measure, event)
    if measure is None:
        raise ValueError("no events and no measure")
    return measure


def _evolved(measure: Measure | None, event: Event) -> Measure:
    if isinstance(event, MeasureRecorded):
        return Measure(
            event.measure_id, event.number, event.aspect, event.text, event.source, event.source_document, version=1
        )
    if measure is None:
        raise ValueError(f"{event.type} before the measure was recorded")
    after = replace(measure, version=measure.version + 1)
    match event:
        case MeasureRevised(aspect=aspect, text=text):
            revised = replace(after, aspect=aspect or measure.aspect, text=text or measure.text)
            return replace(revised, tasks=_named_after(revised))
        case TaskEvent():
            return replace(after, tasks=tasks.evolve(measure.tasks, event))
    raise ValueError(f"{event.type} is no event of a measure")


def _named_after(measure: Measure) -> Tasks:
    """The tasks of a measure under its present text."""
    title = _title(measure.number, measure.text)
    named = {id: replace(task, subject_name=title) for id, task in measure.tasks.items()}
    return named | {measure.id: replace(named[measure.id], name=_short(measure.text))}


def _open_steps(measure: Measure) -> list[Task]:
    return [step for step in measure.steps if step.status is TaskStatus.OPEN]


def _title(number: int, text: str) -> str:
    return f"第{number}项措施：{_short(text)}"


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
