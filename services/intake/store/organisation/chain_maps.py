"""Reading and writing the chains' maps with their segments."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.organisation.chain_maps import ChainMap, Segment
from services.intake.store import sets, tables
from shared.contracts.ids import map_id
from shared.contracts.programme import Position, TargetFirm

MAP, SEGMENT = tables.chain_map.c, tables.segment.c


async def chain_map(chain_id: UUID, *, conn: AsyncConnection) -> ChainMap:
    """The chain's map; one that nobody has drawn on yet is empty, of version 0."""
    id = map_id(chain_id)
    version = (await conn.execute(select(MAP.version).where(MAP.id == id))).scalar_one_or_none()
    query = select(tables.segment).where(SEGMENT.map_id == id, ~SEGMENT.removed).order_by(SEGMENT.name)
    segments = [_segment(row) for row in await conn.execute(query)]
    return ChainMap(id, chain_id, version or 0, {segment.id: segment for segment in segments})


async def save_map(before: ChainMap, after: ChainMap, *, conn: AsyncConnection) -> None:
    """Write a map with those of its segments that changed, or were removed."""
    changed = [one for one in after.segments.values() if before.segments.get(one.id) != one]
    gone = [one for one in before.segments.values() if one.id not in after.segments]
    own = {"id": after.id, "version": after.version, "chain_id": after.chain_id}
    # What leaves a name free first: see the unique index of names.
    removed = [_row(one, after, removed=True) for one in gone]
    await sets.upsert_all({tables.chain_map: [own]}, conn=conn)
    await sets.upsert(tables.segment, removed, conn=conn)
    renamed = [one for one in changed if one.id in before.segments and before.segments[one.id].name != one.name]
    await sets.upsert(tables.segment, [_row(one, after, removed=True) for one in renamed], conn=conn)
    await sets.upsert(tables.segment, [_row(one, after, removed=False) for one in changed], conn=conn)


def _row(segment: Segment, of: ChainMap, *, removed: bool) -> dict[str, Any]:
    firms = [firm.model_dump(mode="json") for firm in segment.target_firms]
    return {**asdict(segment), "map_id": of.id, "target_firms": firms, "removed": removed}


def _segment(row: Row[Any]) -> Segment:
    return Segment(
        row.id,
        row.name,
        Position(row.position),
        row.parent_id,
        tuple(row.supplies),
        tuple(row.strengths),
        tuple(row.gaps),
        tuple(TargetFirm.model_validate(firm) for firm in row.target_firms),
    )
