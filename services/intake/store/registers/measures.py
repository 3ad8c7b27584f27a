"""Reading and writing measures with their timetables."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.registers.measures import Measure
from services.intake.domain.registers.tasks import Tasks, TaskStatus
from services.intake.store import search, sets, tables
from services.intake.store.registers import tasks
from shared.contracts.projects import Source
from shared.contracts.registers import Aspect
from shared.kit.database import fetch

MEASURE = tables.measure.c
TASK = tables.task.c


@dataclass(frozen=True, slots=True)
class MeasureFilter:
    """`status`: of the measure as a whole. `words`: of the text or the document."""

    aspect: Aspect | None = None
    status: TaskStatus | None = None
    org_id: UUID | None = None
    document: str | None = None
    words: tuple[str, ...] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[tuple[ColumnElement[Any], object]] = [
            (MEASURE.aspect, self.aspect),
            (TASK.status, self.status),
            (TASK.responsible_org_id, self.org_id),
            (MEASURE.source_document, self.document),
        ]
        conditions = [column == value for column, value in wanted if value is not None]
        return conditions + search.all_in([MEASURE.text, MEASURE.source_document], self.words)


async def measures(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Measure]:
    rows = list(await conn.execute(select(tables.measure).where(sets.one_of(MEASURE.id, ids))))
    return {measure.id: measure for measure in await _with_tasks(rows, conn=conn)}


async def list_measures(
    wanted: MeasureFilter, *, conn: AsyncConnection, after: tuple[str, int] | None = None, limit: int
) -> list[Measure]:
    """Measures by their document and number."""
    query = select(tables.measure).join(tables.task, TASK.id == MEASURE.id).where(*wanted.conditions())
    key = (MEASURE.source_document, MEASURE.number)
    query = query.order_by(*key).limit(limit)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return await _with_tasks(list(await conn.execute(query)), conn=conn)


NUMBERED = """
    SELECT id, source_document, number FROM measure
      JOIN unnest($1::text[], $2::integer[]) AS wanted (source_document, number) USING (source_document, number)
"""


async def numbered(wanted: Collection[tuple[str, int]], *, conn: AsyncConnection) -> dict[tuple[str, int], UUID]:
    """Those measures that are recorded, by their document and number."""
    documents, numbers = [document for document, _ in wanted], [number for _, number in wanted]
    rows = await fetch(conn, NUMBERED, documents, numbers)
    return {(row["source_document"], row["number"]): row["id"] for row in rows}


BY_ASPECT = """
    SELECT aspect, count(*) AS total,
           count(*) FILTER (WHERE status = 'open') AS open,
           count(*) FILTER (WHERE status = 'open' AND due_on < $1) AS late,
           count(*) FILTER (WHERE status = 'met') AS met,
           count(*) FILTER (WHERE status = 'cancelled') AS cancelled
      FROM measure JOIN task USING (id) GROUP BY aspect
"""


async def by_aspect(*, on: date, conn: AsyncConnection) -> dict[Aspect, dict[str, int]]:
    """How many measures each aspect has, and how many of them are open, late on a day, met, cancelled."""
    rows = await fetch(conn, BY_ASPECT, on)
    return {Aspect(row["aspect"]): {name: count for name, count in row.items() if name != "aspect"} for row in rows}


async def save_measures(records: Sequence[Measure], *, conn: AsyncConnection) -> None:
    own = [asdict(replace(record, tasks={})) for record in records]
    due = tasks.rows_of(task for record in records for task in record.tasks.values())
    await sets.upsert_all({tables.measure: own, tables.task: due}, conn=conn)


async def _with_tasks(rows: Sequence[Row[Any]], *, conn: AsyncConnection) -> list[Measure]:
    found = await tasks.of_subjects([row.id for row in rows], conn=conn)
    return [_measure(row, found[row.id]) for row in rows]


def _measure(row: Row[Any], due: Tasks) -> Measure:
    return Measure(
        row.id, row.number, Aspect(row.aspect), row.text, Source(row.source), row.source_document, row.version, due
    )
