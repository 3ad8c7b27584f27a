"""Reading and writing support that was given, and needs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.support import Need, NeedStatus, Support
from services.intake.store import sets
from services.intake.store.projects import tables as project_tables
from shared.contracts.project_records import NeedKind, SupportKind

SUPPORT, NEED = project_tables.project_support, project_tables.project_need
After = tuple[date, UUID] | None


async def supports(project_id: UUID, *, after: After = None, limit: int, conn: AsyncConnection) -> list[Support]:
    """What a project was given, the earliest first."""
    key = (SUPPORT.c.given_on, SUPPORT.c.id)
    query = select(SUPPORT).where(SUPPORT.c.project_id == project_id).order_by(*key).limit(limit)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return [_support(row._mapping) for row in await conn.execute(query)]


async def needs(
    *,
    project_id: UUID | None = None,
    status: NeedStatus | None = None,
    after: After = None,
    limit: int,
    conn: AsyncConnection,
) -> list[Need]:
    """Needs in order of their due days."""
    key = (NEED.c.due_on, NEED.c.id)
    query = select(NEED).order_by(*key).limit(limit)
    for column, value in ((NEED.c.project_id, project_id), (NEED.c.status, status)):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return [_need(row._mapping) for row in await conn.execute(query)]


async def need(need_id: UUID, *, conn: AsyncConnection) -> Need | None:
    found = (await conn.execute(select(NEED).where(NEED.c.id == need_id))).one_or_none()
    return _need(found._mapping) if found else None


def rows(records: Sequence[Support | Need]) -> Mapping[Table, Sequence[sets.Row]]:
    return {
        SUPPORT: [asdict(item) for item in records if isinstance(item, Support)],
        NEED: [asdict(item) for item in records if isinstance(item, Need)],
    }


def _support(row: Mapping[Any, Any]) -> Support:
    return Support(**{**row, "kind": SupportKind(row["kind"]), "org_ids": tuple(row["org_ids"])})


def _need(row: Mapping[Any, Any]) -> Need:
    return Need(**{**row, "kind": NeedKind(row["kind"]), "status": NeedStatus(row["status"])})
