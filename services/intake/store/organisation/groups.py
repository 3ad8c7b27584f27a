"""Reading and writing task forces and parks, which are organisations."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.organisation.groups import Park, TaskForce
from services.intake.store import sets, tables
from shared.contracts.programme import TaskForceKind, TaskForceMember
from shared.kit.database import fetch

FORCE, PARK, ORGANISATION = tables.task_force.c, tables.park.c, tables.organisation.c

OPEN_PROJECTS = """
    SELECT count(*) AS found FROM project
     WHERE responsible_org_id = $1 AND hold_status IN ('active', 'held') AND stage <> 'full_capacity'
"""
BY_CHAIN = """
    SELECT chain.id AS chain_id, chain.code, chain.name, count(*) AS projects,
           coalesce(sum(total_investment_wan), 0)::bigint AS total_wan
      FROM project JOIN chain ON chain.id = project.chain_id
     WHERE responsible_org_id = $1 AND hold_status IN ('active', 'held')
     GROUP BY chain.id ORDER BY chain.code
"""


async def task_forces(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, TaskForce]:
    rows = await conn.execute(select(tables.task_force).where(sets.one_of(FORCE.id, ids)))
    return {row.id: _task_force(row) for row in rows}


async def dissolved(*, on: date, conn: AsyncConnection) -> set[UUID]:
    """The task forces that are no more on a day."""
    return set((await conn.execute(select(FORCE.id).where(FORCE.dissolved_from <= on))).scalars())


async def parks(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Park]:
    rows = await conn.execute(select(tables.park).where(sets.one_of(PARK.id, ids)))
    return {row.id: Park(row.id, tuple(row.chain_ids), row.address) for row in rows}


async def list_task_forces(
    *,
    chain_id: UUID | None,
    kind: TaskForceKind | None,
    on: date | None,
    conn: AsyncConnection,
    after: str | None,
    limit: int,
) -> list[TaskForce]:
    """Task forces by name: of a chain, of a kind, those that there were on a day."""
    query = select(tables.task_force).join(tables.organisation, ORGANISATION.id == FORCE.id)
    if chain_id:
        query = query.where(sets.having(FORCE.chain_ids, chain_id))
    if kind:
        query = query.where(FORCE.kind == kind)
    if on:
        query = query.where(FORCE.set_up_on <= on, FORCE.dissolved_from.is_(None) | (FORCE.dissolved_from > on))
    if after is not None:
        query = query.where(ORGANISATION.name > after)
    return [_task_force(row) for row in await conn.execute(query.order_by(ORGANISATION.name).limit(limit))]


async def list_parks(*, chain_id: UUID | None, conn: AsyncConnection, after: str | None, limit: int) -> list[Park]:
    """Parks by name, of a chain or all."""
    query = select(tables.park).join(tables.organisation, ORGANISATION.id == PARK.id)
    if chain_id:
        query = query.where(sets.having(PARK.chain_ids, chain_id))
    if after is not None:
        query = query.where(ORGANISATION.name > after)
    rows = await conn.execute(query.order_by(ORGANISATION.name).limit(limit))
    return [Park(row.id, tuple(row.chain_ids), row.address) for row in rows]


async def open_projects(organisation_id: UUID, *, conn: AsyncConnection) -> int:
    """How many projects the organisation still has to bring on."""
    (row,) = await fetch(conn, OPEN_PROJECTS, organisation_id)
    return int(row["found"])


async def projects_by_chain(organisation_id: UUID, *, conn: AsyncConnection) -> list[Any]:
    """The projects that the organisation answers for, by chain: how many, and whole 万元."""
    return await fetch(conn, BY_CHAIN, organisation_id)


async def save_task_forces(records: Sequence[TaskForce], *, conn: AsyncConnection) -> None:
    rows = [
        {**asdict(record), "members": [member.model_dump(mode="json") for member in record.members]}
        for record in records
    ]
    await sets.upsert(tables.task_force, rows, conn=conn)


async def save_parks(records: Sequence[Park], *, conn: AsyncConnection) -> None:
    await sets.upsert(tables.park, [asdict(record) for record in records], conn=conn)


def _task_force(row: Row[Any]) -> TaskForce:
    members = tuple(TaskForceMember.model_validate(member) for member in row.members)
    kind = TaskForceKind(row.kind)
    return TaskForce(row.id, kind, tuple(row.chain_ids), members, row.set_up_on, row.dissolved_from)
