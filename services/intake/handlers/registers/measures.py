"""Measures of the 《运行机制》 with their timetables (S1): recorded, revised, replanned, reassigned, met, cancelled."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.registers import measures as domain
from services.intake.domain.registers import tasks
from services.intake.domain.registers.measures import Measure, NewMeasure
from services.intake.domain.registers.tasks import NewTask, Responsible
from services.intake.handlers.registers.registers import lock_registers
from services.intake.handlers.writing import append, require_version, today
from services.intake.store.organisation import programme
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


async def record_measures(drafts: Sequence[MeasureDraft], *, conn: AsyncConnection, by: By) -> list[Measure]:
    """Record measures, all or none, in a constant number of statements.

    Raises:
        AlreadyExists: the document has a measure of this number.
        FieldMissing: of a text, a due day, a responsible post or the document.
        UnknownReference: a post does not exist.
    """
    await lock_registers(conn=conn)
    keys = [(draft.source_document.strip(), draft.number) for draft in drafts]
    if len(set(keys)) < len(keys):
        raise AlreadyExists("同一批次中有重复编号的措施")
    for (document, number), id in (await store.numbered(keys, conn=conn)).items():
        raise AlreadyExists(f"{document}的第{number}项措施已登记", id=id)
    responsible = await _responsible({draft.post_id for draft in drafts if draft.post_id}, conn=conn, by=by)
    decided = [domain.record(uuid4(), _new(draft, responsible)) for draft in drafts]
    found = [domain.fold(None, events) for events in decided]
    await append([(item.id, events) for item, events in zip(found, decided, strict=True)], conn=conn, by=by)
    await store.save_measures(found, conn=conn)
    return found


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
) -> tuple[Measure, UUID]:
    """Add a step to a measure's timetable. The measure, and the step's id."""
    measure = await _locked(measure_id, expected=expected, conn=conn)
    responsible = await _responsible({draft.post_id} if draft.post_id else (), conn=conn, by=by)
    new = NewTask(
        name=draft.name,
        due_on=draft.due_on,
        responsible=responsible[draft.post_id] if draft.post_id else None,
        source=draft.source or measure.source,
        source_document=draft.source_document or measure.source_document,
    )
    step_id = uuid4()
    return await _save(measure, domain.plan_step(measure, step_id, new), conn=conn, by=by), step_id


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


def _new(draft: MeasureDraft, responsible: dict[UUID, Responsible]) -> NewMeasure:
    return NewMeasure(
        number=draft.number,
        aspect=draft.aspect,
        text=draft.text,
        due_on=draft.due_on,
        responsible=responsible[draft.post_id] if draft.post_id else None,
        source=draft.source,
        source_document=draft.source_document.strip(),
    )


async def _rescheduled(
    measure: Measure, task_id: UUID, changes: Changes, *, conn: AsyncConnection, by: By
) -> list[Event]:
    tasks.require_open(measure.tasks, task_id)
    events: list[Event] = []
    if changes.due_on:
        events += tasks.replan(measure.tasks, task_id, due_on=changes.due_on, reason=changes.reason)
    if changes.post_id:
        responsible = await _responsible({changes.post_id}, conn=conn, by=by)
        events += tasks.reassign(measure.tasks, task_id, responsible[changes.post_id])
    return events


async def _responsible(ids: Collection[UUID], *, conn: AsyncConnection, by: By) -> dict[UUID, Responsible]:
    found = await programme.posts(conn=conn, ids=ids) if ids else {}
    for missing in set(ids) - set(found):
        raise UnknownReference("岗位", missing, field="responsible_post_id")
    return {id: Responsible.of(post, today(by)) for id, post in found.items()}


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
