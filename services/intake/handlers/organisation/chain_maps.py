"""A chain's 招商图谱: drawn segment by segment, or from a list; segments removed (S7)."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.drafts import Verdict
from services.intake.domain.errors import RecordMissing
from services.intake.domain.organisation import chain_maps as domain
from services.intake.domain.organisation.chain_maps import (
    ChainMap,
    Drawing,
    SegmentDraft,
    SegmentOutcome,
    SegmentsRefused,
)
from services.intake.domain.organisation.programme import Chain, require_open_chain
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, require_version
from services.intake.store.organisation import chain_maps as store
from services.intake.store.organisation import programme
from shared.contracts.event import Event
from shared.contracts.ids import map_id
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


async def draw(
    chain_id: UUID,
    drafts: Sequence[SegmentDraft],
    *,
    all_or_none: bool,
    dry_run: bool = False,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> tuple[ChainMap, list[SegmentOutcome]]:
    """Record and change segments; the outcomes stand in the drafts' order. `dry_run`: nothing is written.

    Raises:
        SegmentsRefused: `all_or_none`, and one is refused.
    """
    present = await _locked(chain_id, expected=expected, conn=conn, by=by)
    drawing = Drawing(present, drafts, new_id=uuid4)
    outcomes = drawing.outcomes
    if all_or_none and any(one.verdict is Verdict.REFUSED for one in outcomes):
        raise SegmentsRefused(outcomes)
    if dry_run:
        new = Verdict.RECORDED  # its id is given when it is recorded
        return present, [replace(one, segment_id=None) if one.verdict is new else one for one in outcomes]
    return await _save(present, drawing.events, conn=conn, by=by), outcomes


async def remove_segment(
    chain_id: UUID, segment_id: UUID, *, expected: int | None, conn: AsyncConnection, by: By
) -> ChainMap:
    present = await _locked(chain_id, expected=expected, conn=conn, by=by)
    return await _save(present, domain.remove(present, segment_id), conn=conn, by=by)


async def chain_of(chain_id: UUID, *, conn: AsyncConnection) -> Chain:
    """Raises RecordMissing."""
    chain = (await programme.chains(conn=conn, ids=[chain_id])).get(chain_id)
    if chain is None:
        raise RecordMissing("产业链", chain_id)
    return chain


async def _locked(chain_id: UUID, *, expected: int | None, conn: AsyncConnection, by: By) -> ChainMap:
    await lock_heads([map_id(chain_id)], conn=conn)
    require_open_chain(await chain_of(chain_id, conn=conn))
    await require_chains([chain_id], conn=conn, by=by)
    present = await store.chain_map(chain_id, conn=conn)
    require_version(present.id, expected=expected, actual=present.version)
    return present


async def _save(present: ChainMap, events: Sequence[Event], *, conn: AsyncConnection, by: By) -> ChainMap:
    if not events:
        return present
    after = present
    for event in events:
        after = domain.evolve(after, event)
    await append([(after.id, events)], conn=conn, by=by)
    await store.save_map(present, after, conn=conn)
    return after
