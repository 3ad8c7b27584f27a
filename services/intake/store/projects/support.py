"""Reading and writing support that was given, and needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.support import Need, NeedStatus, Support
from services.intake.domain.terms import HoldStatus
from services.intake.store import sets, tables
from services.intake.store.projects import tables as project_tables
from shared.contracts.project_records import NeedKind, SupportKind

SUPPORT, NEED = project_tables.project_support, project_tables.project_need
PROJECT = tables.project.c
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


async def open_needs(project_ids: Collection[UUID], post_id: UUID, *, conn: AsyncConnection) -> list[Need]:
    """The open needs of these projects to which a post sees."""
    wanted = (NEED.c.responsible_post_id == post_id, NEED.c.status == NeedStatus.OPEN)
    query = select(NEED).where(sets.one_of(NEED.c.project_id, project_ids), *wanted).order_by(NEED.c.id)
    return [_need(row._mapping) for row in await conn.execute(query)]


async def late(needs: Sequence[Need], *, today: date, conn: AsyncConnection) -> frozenset[UUID]:
    """Which of these are open past their days, and of projects that go on."""
    overdue = [need for need in needs if need.status is NeedStatus.OPEN and need.due_on < today]
    if not overdue:
        return frozenset()
    query = select(PROJECT.id).where(sets.one_of(PROJECT.id, {need.project_id for need in overdue}))
    going_on = set(await conn.scalars(query.where(PROJECT.hold_status.in_((HoldStatus.ACTIVE, HoldStatus.HELD)))))
    return frozenset(need.id for need in overdue if need.project_id in going_on)


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
