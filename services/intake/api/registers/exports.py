"""Tasks, measures and registers as files for offices: CSV or xlsx."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Today
from services.intake.api.files import AT_ONCE, As, files_router, paged, place, sent
from services.intake.api.registers.measures import MeasureShown, measures_shown
from services.intake.api.registers.registers import Of, entries_shown
from services.intake.api.registers.shapes import EntryShown
from services.intake.api.registers.tasks import TaskShown, tasks_shown
from services.intake.api.search import Sought
from services.intake.domain.registers.entries import EntryStatus
from services.intake.domain.registers.registers import Register
from services.intake.domain.registers.tasks import TaskStatus
from services.intake.store.registers import measures as measure_store
from services.intake.store.registers import registers as store
from services.intake.store.registers import tasks as task_store
from services.intake.store.registers.measures import MeasureFilter
from services.intake.store.registers.registers import EntryFilter
from services.intake.store.registers.tasks import TaskFilter
from services.intake.workbook.tables import Format, Heading, Row
from shared.contracts.registers import Aspect, TaskKind

router = files_router()

_WORK = (
    Heading("责任单位", 24),
    Heading("责任岗位", 24),
    Heading("完成时限", 12),
    Heading("状态", 12),
    Heading("是否超期", 10),
    Heading("完成日期", 12),
    Heading("来源", 12),
    Heading("出处文件", 30),
)
TASKS = (Heading("任务", 40), Heading("类型", 12), Heading("所属事项", 40), *_WORK)
MEASURES = (Heading("序号", 8), Heading("方面", 16), Heading("措施内容", 60), *_WORK)


@router.get("/v1/exports/tasks")
async def export_tasks(
    request: Request,
    today: Today,
    made: As = Format.XLSX,
    status: TaskStatus | None = None,
    kind: TaskKind | None = None,
    post_id: UUID | None = None,
    organisation_id: UUID | None = None,
    chain_id: UUID | None = None,
    due_until: Annotated[date | None, Query(description="due on this day or before")] = None,
) -> StreamingResponse:
    """Measures, the steps of their timetables and filings, in order of their due days."""
    wanted = TaskFilter(status, kind, post_id, organisation_id, chain_id, due_until)

    async def read(
        after: tuple[date, UUID] | None, conn: AsyncConnection
    ) -> tuple[list[Row], tuple[date, UUID] | None]:
        found = await task_store.tasks(wanted, conn=conn, after=after, limit=AT_ONCE)
        told = await tasks_shown(found, today=today, conn=conn)
        rows: list[Row] = [[item.name, item.kind_name, item.subject_name, *_work(item)] for item in told]
        return rows, place(found, lambda task: (task.due_on, task.id))

    return await sent(made, TASKS, paged(request, read), name="任务清单", day=today)


@router.get("/v1/exports/measures")
async def export_measures(
    request: Request,
    today: Today,
    words: Sought,
    made: As = Format.XLSX,
    aspect: Aspect | None = None,
    status: TaskStatus | None = None,
    organisation_id: UUID | None = None,
    document: Annotated[str | None, Query(max_length=200)] = None,
) -> StreamingResponse:
    """Measures by their document and number."""
    wanted = MeasureFilter(aspect, status, organisation_id, document, words)

    async def read(after: tuple[str, int] | None, conn: AsyncConnection) -> tuple[list[Row], tuple[str, int] | None]:
        found = await measure_store.list_measures(wanted, conn=conn, after=after, limit=AT_ONCE)
        told = await measures_shown(found, today=today, conn=conn)
        return [_measure(item) for item in told], place(found, lambda one: (one.source_document, one.number))

    return await sent(made, MEASURES, paged(request, read), name="措施清单", day=today)


@router.get("/v1/exports/registers/{key}")
async def export_register(
    register: Of,
    request: Request,
    today: Today,
    made: As = Format.XLSX,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    chain_id: UUID | None = None,
    status: EntryStatus | None = None,
) -> StreamingResponse:
    """A register's entries in the order in which they were recorded, a column for each of its fields."""
    wanted = EntryFilter(register.key, year, chain_id, None if status is None else (status,))
    headings = (
        Heading("产业链", 26),
        Heading("年度", 8),
        *(Heading(rule.name, 24) for rule in register.fields),
        Heading("状态", 12),
        Heading("备注", 30),
    )

    async def read(after: int | None, conn: AsyncConnection) -> tuple[list[Row], int | None]:
        found = await store.list_entries(wanted, conn=conn, after=after, limit=AT_ONCE)
        told = await entries_shown(register, [entry for _, entry in found], conn=conn)
        return [_entry(register, item) for item in told], place(found, lambda row: row[0])

    return await sent(made, headings, paged(request, read), name=register.name, day=today)


def _work(task: TaskShown) -> Row:
    return [
        task.responsible_org_name,
        task.responsible_post_title,
        task.due_on,
        task.status_name,
        "超期" if task.late else "",
        task.met_on,
        task.source_name,
        task.source_document,
    ]


def _measure(item: MeasureShown) -> Row:
    return [item.number, item.aspect_name, item.text, *_work(item.task)]


def _entry(register: Register, item: EntryShown) -> Row:
    texts = [item.texts.get(rule.key, "") for rule in register.fields]
    return [item.chain_name, item.year, *texts, item.status_name, item.reason]
