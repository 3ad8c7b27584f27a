"""Measures of the 《运行机制》 with their timetables (S1): recorded, revised, replanned, reassigned, met, cancelled."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import AlreadyExists, RecordMissing
from services.intake.domain.registers import measures as domain
from services.intake.domain.registers import tasks
from services.intake.domain.registers.measures import Measure, NewMeasure
from services.intake.domain.registers.tasks import NewTask, Responsible
from services.intake.handlers.registers.registers import lock_registers, post_of
from services.intake.handlers.writing import append, require_version, today
from services.intake.store.registers import measures as store
from shared.contracts.event import Event
from shared.contracts.projects import Source
from shared.contracts.registers import Aspect
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


@dataclass(frozen=True, slots=True)
class MeasureDraft:
    """A measure as somebody wants it recorded; without a due day or a responsible post it is refused."""

    number: int
    aspect: Aspect
    text: str
    due_on: date | None
    post_id: UUID | None
    source: Source
    source_document: str


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """A step of a measure's timetable; `source_document`: the measure's where it is empty."""

    name: str
    due_on: date | None
    post_id: UUID | None
    source: Source | None = None
    source_document: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be set anew of a measure or a step; a due day needs a reason. `aspect`, `text`: a measure's only."""

    due_on: date | None = None
    reason: str = ""
    post_id: UUID | None = None
    aspect: Aspect | None = None
    text: str | None = None


async def record_measure(draft: MeasureDraft, *, conn: AsyncConnection, by: By) -> Measure:
    """Record a measure.

    Raises:
        AlreadyExists: the document has a measure of this number.
        FieldMissing: of a text, a due day, a responsible post or the document.
        UnknownReference: the post does not exist.
    """
    await lock_registers(conn=conn)
    document = draft.source_document.strip()
    for id in (await store.numbered([(document, draft.number)], conn=conn)).values():
        raise AlreadyExists(f"{document}的第{draft.number}项措施已登记", id=id)
    new = NewMeasure(
        number=draft.number,
        aspect=draft.aspect,
        text=draft.text,
        due_on=draft.due_on,
        responsible=await _responsible(draft.post_id, conn=conn, by=by),
        source=draft.source,
        source_document=document,
    )
    events = domain.record(uuid4(), new)
    measure = domain.fold(None, events)
    await append([(measure.id, events)], conn=conn, by=by)
    await store.save_measures([measure], conn=conn)
    return measure


async def revise_measure(
    measure_id: UUID, changes: Changes, *, expected: int | None, conn: AsyncConnection, by: By
) -> Measure:
    """Another wording, aspect, due day (with a reason) or post."""
    measure = await _locked(measure_id, expected=expected, conn=conn)
    events = domain.revise(measure, aspect=changes.aspect, text=changes.text)
    events += await _rescheduled(measure, measure_id, changes, conn=conn, by=by)
    return await _save(measure, events, conn=conn, by=by)


async def plan_step(
    measure_id: UUID, draft: TaskDraft, *, expected: int | None, conn: AsyncConnection, by: By
) -> Measure:
    """Add a step to a measure's timetable."""
    measure = await _locked(measure_id, expected=expected, conn=conn)
    new = NewTask(
        name=draft.name,
        due_on=draft.due_on,
        responsible=await _responsible(draft.post_id, conn=conn, by=by),
        source=draft.source or measure.source,
        source_document=draft.source_document or measure.source_document,
    )
    return await _save(measure, domain.plan_step(measure, uuid4(), new), conn=conn, by=by)


async def revise_step(
    measure_id: UUID, step_id: UUID, changes: Changes, *, expected: int | None, conn: AsyncConnection, by: By
) -> Measure:
    """Another due day (with a reason), another post, or both."""
    measure = await _locked(measure_id, expected=expected, conn=conn)
    events = await _rescheduled(measure, step_id, changes, conn=conn, by=by)
    return await _save(measure, events, conn=conn, by=by)


async def meet_task(
    measure_id: UUID, task_id: UUID, *, met_on: date, expected: int | None, conn: AsyncConnection, by: By
) -> Measure:
    """A step, or the measure as a whole (its id), is done."""
    measure = await _locked(measure_id, expected=expected, conn=conn)
    return await _save(measure, domain.meet(measure, task_id, met_on=met_on, today=today(by)), conn=conn, by=by)


async def cancel_task(
    measure_id: UUID, task_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Measure:
    """A step is cancelled, or the measure as a whole with what is open of its timetable."""
    measure = await _locked(measure_id, expected=expected, conn=conn)
    return await _save(measure, domain.cancel(measure, task_id, reason=reason), conn=conn, by=by)


async def _rescheduled(
    measure: Measure, task_id: UUID, changes: Changes, *, conn: AsyncConnection, by: By
) -> list[Event]:
    tasks.require_open(measure.tasks, task_id)
    events: list[Event] = []
    if changes.due_on:
        events += tasks.replan(measure.tasks, task_id, due_on=changes.due_on, reason=changes.reason)
    if responsible := await _responsible(changes.post_id, conn=conn, by=by):
        events += tasks.reassign(measure.tasks, task_id, responsible)
    return events


async def _responsible(post_id: UUID | None, *, conn: AsyncConnection, by: By) -> Responsible | None:
    """Raises UnknownReference."""
    return Responsible.of(await post_of(post_id, conn=conn), today(by)) if post_id else None


async def _locked(measure_id: UUID, *, expected: int | None, conn: AsyncConnection) -> Measure:
    await lock_heads([measure_id], conn=conn)
    measure = (await store.measures([measure_id], conn=conn)).get(measure_id)
    if measure is None:
        raise RecordMissing("措施", measure_id)
    require_version(measure_id, expected=expected, actual=measure.version)
    return measure


async def _save(measure: Measure, events: Sequence[Event], *, conn: AsyncConnection, by: By) -> Measure:
    if not events:
        return measure
    after = domain.fold(measure, events)
    await append([(measure.id, events)], conn=conn, by=by)
    await store.save_measures([after], conn=conn)
    return after
