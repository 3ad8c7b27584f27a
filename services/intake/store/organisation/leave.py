"""Reading and writing people's leave."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.organisation.leave import Leave
from services.intake.store import sets, tables

LEAVE = tables.leave.c


async def leaves_of(people: Collection[UUID], *, conn: AsyncConnection) -> list[Leave]:
    """All leave of these people, cancelled ones too, by its first day."""
    query = select(tables.leave).where(sets.one_of(LEAVE.person_id, people))
    return await _leaves(query.order_by(LEAVE.from_day, LEAVE.id), conn=conn)


async def leaves_on(day: date, *, conn: AsyncConnection) -> list[Leave]:
    """Everybody's leave that covers a day."""
    covering = ~LEAVE.cancelled & (LEAVE.from_day <= day) & (LEAVE.until_day >= day)
    return await _leaves(select(tables.leave).where(covering), conn=conn)


async def leaves_around(
    person_id: UUID, *, conn: AsyncConnection, after: tuple[date, UUID] | None = None, limit: int
) -> list[Leave]:
    """Leave of a person, and that in which they are the delegate; by its first day."""
    concerned = or_(LEAVE.person_id == person_id, LEAVE.delegate_id == person_id)
    query = select(tables.leave).where(concerned).order_by(LEAVE.from_day, LEAVE.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(LEAVE.from_day, LEAVE.id) > after)
    return await _leaves(query, conn=conn)


async def save_leaves(records: Sequence[Leave], *, conn: AsyncConnection) -> None:
    await sets.upsert(tables.leave, [asdict(record) for record in records], conn=conn)


async def _leaves(query: Any, *, conn: AsyncConnection) -> list[Leave]:
    return [_leave(row) for row in await conn.execute(query)]


def _leave(row: Row[Any]) -> Leave:
    return Leave(
        row.id,
        row.person_id,
        row.from_day,
        row.until_day,
        row.delegate_id,
        tuple(row.post_ids),
        row.reason,
        row.cancelled,
    )
