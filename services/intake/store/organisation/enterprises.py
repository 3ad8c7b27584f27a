"""Reading and writing enterprises, and for which chains they are 链主企业."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.organisation.enterprises import Anchor, Enterprise
from services.intake.store import search, sets, tables

ENTERPRISE, ANCHOR = tables.enterprise.c, tables.anchor.c


async def enterprises(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Enterprise]:
    query = select(tables.enterprise).where(sets.one_of(ENTERPRISE.id, ids))
    return {found.id: found for found in await _with_anchors(query, conn=conn)}


async def enterprise_of(uscc: str, *, conn: AsyncConnection) -> Enterprise | None:
    """The enterprise with this code, in its normal form."""
    found = await _with_anchors(select(tables.enterprise).where(ENTERPRISE.uscc == uscc), conn=conn)
    return found[0] if found else None


async def list_enterprises(
    *,
    words: Sequence[str] = (),
    chain_id: UUID | None = None,
    anchors_on: date | None = None,
    name: str | None = None,
    conn: AsyncConnection,
    after: tuple[str, UUID] | None = None,
    limit: int,
) -> list[Enterprise]:
    """Enterprises by name: of a chain, with a part of a name, those that are 链主企业 (of the chain) on a day.

    `words`: of the name or the code.
    """
    query = select(tables.enterprise).where(*search.all_in([ENTERPRISE.name, ENTERPRISE.uscc], words))
    query = query.order_by(ENTERPRISE.name, ENTERPRISE.id).limit(limit)
    if chain_id and anchors_on is None:
        query = query.where(sets.having(ENTERPRISE.chain_ids, chain_id))
    if anchors_on:
        anchor = select(ANCHOR.enterprise_id).where(*_covering(anchors_on))
        query = query.where(ENTERPRISE.id.in_(anchor.where(ANCHOR.chain_id == chain_id) if chain_id else anchor))
    if name:
        query = query.where(ENTERPRISE.name.contains(name, autoescape=True))
    if after is not None:
        query = query.where(tuple_(ENTERPRISE.name, ENTERPRISE.id) > after)
    return await _with_anchors(query, conn=conn)


async def anchors_of(chain_id: UUID, *, on: date, conn: AsyncConnection) -> list[Enterprise]:
    """The 链主企业 of a chain on a day, by name."""
    return await list_enterprises(chain_id=chain_id, anchors_on=on, conn=conn, limit=100)


async def save_enterprises(records: Sequence[Enterprise], *, conn: AsyncConnection) -> None:
    anchors = [{"enterprise_id": record.id, **asdict(anchor)} for record in records for anchor in record.anchors]
    own = [asdict(record) for record in records]
    await sets.upsert_all({tables.enterprise: own, tables.anchor: anchors}, conn=conn)


def _covering(day: date) -> list[Any]:
    return [ANCHOR.from_day <= day, ANCHOR.until_day.is_(None) | (ANCHOR.until_day >= day)]


async def _with_anchors(query: Any, *, conn: AsyncConnection) -> list[Enterprise]:
    rows = list(await conn.execute(query))
    of = select(tables.anchor).where(sets.one_of(ANCHOR.enterprise_id, [row.id for row in rows]))
    anchors: dict[UUID, list[Anchor]] = {}
    for row in await conn.execute(of.order_by(ANCHOR.from_day)):
        anchors.setdefault(row.enterprise_id, []).append(Anchor(row.chain_id, row.from_day, row.until_day))
    return [_enterprise(row, anchors.get(row.id, ())) for row in rows]


def _enterprise(row: Row[Any], anchors: Sequence[Anchor]) -> Enterprise:
    return Enterprise(row.id, row.uscc, row.name, tuple(row.chain_ids), row.version, tuple(anchors))
