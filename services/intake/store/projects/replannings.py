"""Reading and writing requests for other due days."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.timetable import Replanning, ReplanningStatus
from services.intake.store import sets
from services.intake.store.projects import tables as project_tables

TABLE = project_tables.replanning


async def replanning(replanning_id: UUID, *, conn: AsyncConnection) -> Replanning | None:
    found = (await conn.execute(select(TABLE).where(TABLE.c.id == replanning_id))).one_or_none()
    return _replanning(found._mapping) if found else None


async def replannings(
    project_id: UUID | None = None,
    *,
    milestone_id: UUID | None = None,
    waiting: bool | None = None,
    after: tuple[date, UUID] | None = None,
    limit: int,
    conn: AsyncConnection,
) -> list[Replanning]:
    """Requests in the order of the days on which they were asked for. `waiting`: those not decided yet."""
    key = (TABLE.c.requested_on, TABLE.c.id)
    query = select(TABLE).order_by(*key).limit(limit)
    for column, value in ((TABLE.c.project_id, project_id), (TABLE.c.milestone_id, milestone_id)):
        if value is not None:
            query = query.where(column == value)
    if waiting:
        query = query.where(TABLE.c.status == ReplanningStatus.REQUESTED)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return [_replanning(row._mapping) for row in await conn.execute(query)]


def rows(asked: Sequence[Replanning]) -> Mapping[Table, Sequence[sets.Row]]:
    return {TABLE: [asdict(item) for item in asked]}


def _replanning(row: Mapping[Any, Any]) -> Replanning:
    return Replanning(**{**row, "status": ReplanningStatus(row["status"])})
