"""Reading and writing what is due of measures and filings."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.registers.tasks import Task, TaskStatus
from services.intake.store import sets, tables
from shared.contracts.projects import Source
from shared.contracts.registers import TaskKind

TASK = tables.task.c


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """`due_until`: due on this day or before."""

    status: TaskStatus | None = None
    kind: TaskKind | None = None
    post_id: UUID | None = None
    org_id: UUID | None = None
    chain_id: UUID | None = None
    due_until: date | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[tuple[ColumnElement[Any], object]] = [
            (TASK.status, self.status),
            (TASK.kind, self.kind),
            (TASK.responsible_post_id, self.post_id),
            (TASK.responsible_org_id, self.org_id),
            (TASK.chain_id, self.chain_id),
        ]
        conditions = [column == value for column, value in wanted if value is not None]
        return conditions + ([TASK.due_on <= self.due_until] if self.due_until else [])


async def of_subjects(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, dict[UUID, Task]]:
    """All tasks of these measures or filings, under each by their ids."""
    found: dict[UUID, dict[UUID, Task]] = {id: {} for id in ids}
    for row in await conn.execute(select(tables.task).where(sets.one_of(TASK.subject_id, ids))):
        found[row.subject_id][row.id] = _task(row)
    return found


async def tasks(
    wanted: TaskFilter, *, conn: AsyncConnection, after: tuple[date, UUID] | None = None, limit: int
) -> list[Task]:
    """Tasks in order of their days."""
    key = (TASK.due_on, TASK.id)
    query = select(tables.task).where(*wanted.conditions()).order_by(*key).limit(limit)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return [_task(row) for row in await conn.execute(query)]


def rows_of(records: Iterable[Task]) -> list[dict[str, Any]]:
    return [asdict(record) for record in records]


def _task(row: Row[Any]) -> Task:
    typed = {"kind": TaskKind(row.kind), "source": Source(row.source), "status": TaskStatus(row.status)}
    return Task(**{**row._mapping, **typed})
