"""The measures of the 《运行机制》 by aspect, each with a due day, a responsible post and a timetable (S1)."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Today
from services.intake.api.answers import Shown
from services.intake.api.bodies import PRINTABLE, Body, CancelBody, MetBody, Name, Text
from services.intake.api.registers.history import history_page
from services.intake.api.registers.tasks import TaskShown, tasks_shown
from services.intake.api.search import Sought
from services.intake.domain.errors import RecordMissing
from services.intake.domain.registers.measures import ASPECT_NAMES, Measure
from services.intake.domain.registers.tasks import TaskStatus
from services.intake.domain.terms import SOURCE_NAMES
from services.intake.handlers.registers import measures as handlers
from services.intake.handlers.registers.measures import Changes, MeasureDraft, TaskDraft
from services.intake.handlers.writing import today as day_of
from services.intake.store.registers import measures as store
from services.intake.store.registers.measures import MeasureFilter
from shared.contracts.projects import Source
from shared.contracts.registers import Aspect
from shared.kit.web.http import Answer, By, Write, page, reply, writing
from shared.kit.web.security import Role

router = APIRouter(tags=["measures"])
ONE = "/v1/measures/{measure_id}"
STEP = ONE + "/steps/{step_id}"
Registrar = Annotated[Write, Depends(writing(Role.CLERK, Role.SUPERVISOR))]
Words = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]


class MeasureBody(Body):
    """A measure of a document. Without `due_on` or `responsible_post_id` it is refused (S9)."""

    number: Annotated[int, Field(gt=0, le=9999)]
    aspect: Aspect
    text: Text
    due_on: date | None = None
    responsible_post_id: UUID | None = None
    source: Source = Source.CONFERENCE
    source_document: Name

    def draft(self) -> MeasureDraft:
        return MeasureDraft(
            self.number,
            self.aspect,
            self.text,
            self.due_on,
            self.responsible_post_id,
            self.source,
            self.source_document,
        )


class StepBody(Body):
    """A step of the timetable. `source`, `source_document`: the measure's where they are not given."""

    name: Name
    due_on: date | None = None
    responsible_post_id: UUID | None = None
    source: Source | None = None
    source_document: Words = ""

    def draft(self) -> TaskDraft:
        return TaskDraft(self.name, self.due_on, self.responsible_post_id, self.source, self.source_document)


class StepChanges(Body):
    """Another due day (then with a reason), another post, or both."""

    due_on: date | None = None
    reason: Text | None = None
    responsible_post_id: UUID | None = None

    def changes(self) -> Changes:
        return Changes(self.due_on, self.reason or "", self.responsible_post_id)


class MeasureChanges(StepChanges):
    aspect: Aspect | None = None
    text: Text | None = None

    def changes(self) -> Changes:
        return Changes(self.due_on, self.reason or "", self.responsible_post_id, self.aspect, self.text)


class MeasureShown(Shown):
    """`task`: what is due of it as a whole; `steps`: its timetable in order of days."""

    id: UUID
    number: int
    aspect: Aspect
    aspect_name: str
    text: str
    source: Source
    source_name: str
    source_document: str
    task: TaskShown
    steps: tuple[TaskShown, ...]
    version: int


class AspectShown(Shown):
    """`late`: of the open ones, today."""

    aspect: Aspect
    name: str
    total: int = 0
    open: int = 0
    late: int = 0
    met: int = 0
    cancelled: int = 0


@router.get("/v1/measures")
async def list_measures(
    conn: Reader,
    paging: Page,
    today: Today,
    words: Sought,
    aspect: Aspect | None = None,
    status: TaskStatus | None = None,
    organisation_id: UUID | None = None,
    document: Annotated[str | None, Query(max_length=200)] = None,
) -> dict[str, Any]:
    """Measures by their document and number. `q`: words of the text or the document."""
    wanted = MeasureFilter(aspect, status, organisation_id, document, words)
    found = await store.list_measures(wanted, conn=conn, after=paging.start(tuple[str, int]), limit=paging.limit)
    shown = await measures_shown(found, today=today, conn=conn)
    return page(shown, (found[-1].source_document, found[-1].number) if len(found) == paging.limit else None)


@router.get("/v1/measures/aspects")
async def list_aspects(conn: Reader, today: Today) -> dict[str, Any]:
    """The six aspects, with how many measures each has and how they stand."""
    counts = await store.by_aspect(on=today, conn=conn)
    return page([AspectShown(aspect=item, name=ASPECT_NAMES[item], **counts.get(item, {})) for item in Aspect], None)


@router.post("/v1/measures", status_code=201, response_model=MeasureShown)
async def record_measure(body: MeasureBody, write: Registrar) -> Response:
    """Record a measure. Its text is the document's own."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        measure = await handlers.record_measure(body.draft(), conn=conn, by=by)
        return await _answer(measure, today=day_of(by), conn=conn, status=201)

    return await write(work)


@router.get(ONE, response_model=MeasureShown)
async def show_measure(measure_id: UUID, conn: Reader, today: Today) -> Response:
    return reply(await _answer(await _measure(measure_id, conn=conn), today=today, conn=conn))


@router.patch(ONE, response_model=MeasureShown)
async def revise_measure(measure_id: UUID, body: MeasureChanges, write: Registrar) -> Response:
    """Another wording, aspect, due day (with a reason) or post. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        measure = await handlers.revise_measure(measure_id, body.changes(), expected=expected, conn=conn, by=by)
        return await _answer(measure, today=day_of(by), conn=conn)

    return await write(work)


@router.post(ONE + ":meet", response_model=MeasureShown)
async def meet_measure(measure_id: UUID, body: MetBody, write: Registrar) -> Response:
    """The measure is done; its steps must be."""
    return await _meet(measure_id, measure_id, body, write)


@router.post(ONE + ":cancel", response_model=MeasureShown)
async def cancel_measure(measure_id: UUID, body: CancelBody, write: Registrar) -> Response:
    """Cancel a measure, with what is open of its timetable, for a reason."""
    return await _cancel(measure_id, measure_id, body, write)


@router.post(ONE + "/steps", status_code=201, response_model=MeasureShown)
async def plan_step(measure_id: UUID, body: StepBody, write: Registrar) -> Response:
    """Add a step to the timetable. Without a due day or a responsible post it is refused."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        measure = await handlers.plan_step(measure_id, body.draft(), expected=write.expected_version, conn=conn, by=by)
        return await _answer(measure, today=day_of(by), conn=conn, status=201)

    return await write(work)


@router.patch(STEP, response_model=MeasureShown)
async def revise_step(measure_id: UUID, step_id: UUID, body: StepChanges, write: Registrar) -> Response:
    """Another due day (with a reason), another post, or both. Needs If-Match with the measure's version."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        measure = await handlers.revise_step(measure_id, step_id, body.changes(), expected=expected, conn=conn, by=by)
        return await _answer(measure, today=day_of(by), conn=conn)

    return await write(work)


@router.post(STEP + ":meet", response_model=MeasureShown)
async def meet_step(measure_id: UUID, step_id: UUID, body: MetBody, write: Registrar) -> Response:
    return await _meet(measure_id, step_id, body, write)


@router.post(STEP + ":cancel", response_model=MeasureShown)
async def cancel_step(measure_id: UUID, step_id: UUID, body: CancelBody, write: Registrar) -> Response:
    return await _cancel(measure_id, step_id, body, write)


@router.get(ONE + "/history")
async def show_history(measure_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of a measure, in order."""
    measure = await _measure(measure_id, conn=conn)
    after = paging.start(tuple[int])
    return await history_page(
        measure_id, tasks=measure.tasks.values(), conn=conn, after=after[0] if after else 0, limit=paging.limit
    )


async def _meet(measure_id: UUID, task_id: UUID, body: MetBody, write: Write) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        measure = await handlers.meet_task(
            measure_id, task_id, met_on=body.met_on, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(measure, today=day_of(by), conn=conn)

    return await write(work)


async def _cancel(measure_id: UUID, task_id: UUID, body: CancelBody, write: Write) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        measure = await handlers.cancel_task(
            measure_id, task_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(measure, today=day_of(by), conn=conn)

    return await write(work)


async def _measure(measure_id: UUID, *, conn: AsyncConnection) -> Measure:
    measure = (await store.measures([measure_id], conn=conn)).get(measure_id)
    if measure is None:
        raise RecordMissing("措施", measure_id)
    return measure


async def _answer(measure: Measure, *, today: date, conn: AsyncConnection, status: int = 200) -> Answer:
    (shown,) = await measures_shown([measure], today=today, conn=conn)
    return Answer(shown, status=status, version=measure.version, location=f"/v1/measures/{measure.id}")


async def measures_shown(measures: Sequence[Measure], *, today: date, conn: AsyncConnection) -> list[MeasureShown]:
    every = [task for measure in measures for task in (measure.task, *measure.steps)]
    told = {task.id: task for task in await tasks_shown(every, today=today, conn=conn)}
    return [
        MeasureShown(
            id=measure.id,
            number=measure.number,
            aspect=measure.aspect,
            aspect_name=ASPECT_NAMES[measure.aspect],
            text=measure.text,
            source=measure.source,
            source_name=SOURCE_NAMES[measure.source],
            source_document=measure.source_document,
            task=told[measure.id],
            steps=tuple(told[step.id] for step in measure.steps),
            version=measure.version,
        )
        for measure in measures
    ]
