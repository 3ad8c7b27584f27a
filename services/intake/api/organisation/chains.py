"""Industrial chains: the 17 of the reference data and those added later."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Reader, Registrar, Today
from services.intake.api.answers import ChainShown, ListedChain, VacantPost
from services.intake.api.bodies import ChainBody, ChainChanges
from services.intake.domain.organisation.programme import Chain
from services.intake.handlers.organisation import programme as handlers
from services.intake.store import views
from services.intake.store.organisation import programme as store
from shared.kit.web.http import Answer, By, page

router = APIRouter(tags=["chains"])


@router.get("/v1/chains")
async def list_chains(conn: Reader, today: Today) -> dict[str, Any]:
    """All chains by category and code, each with its vacant posts; there are few, so it is one page.

    Those that were split up or merged stand among them, with their successors.
    """
    chains = sorted((await store.chains(conn=conn)).values(), key=lambda chain: (chain.category, chain.code))
    vacant = await views.vacant_posts(on=today, conn=conn)
    return page([_listed(chain, vacant.get(chain.id, ())) for chain in chains], None)


@router.post("/v1/chains", status_code=201, response_model=ChainShown)
async def add_chain(body: ChainBody, write: Registrar) -> Response:
    """Add a chain, such as a 未来产业链: data, not code."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        chain = await handlers.record_chain(body.code, body.name, category=body.category, conn=conn, by=by)
        return Answer(ChainShown.model_validate(chain), status=201, version=chain.version)

    return await write(work)


@router.patch("/v1/chains/{chain_id}", response_model=ChainShown)
async def revise_chain(chain_id: UUID, body: ChainChanges, write: Registrar) -> Response:
    """Rename a chain or move it to another category; its code stays. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        chain = await handlers.revise_chain(
            chain_id,
            name=body.name,
            category=body.category,
            from_day=body.from_day,
            expected=expected,
            conn=conn,
            by=by,
        )
        return Answer(ChainShown.model_validate(chain), version=chain.version)

    return await write(work)


def _listed(chain: Chain, vacant: Sequence[Row[Any]]) -> ListedChain:
    posts = tuple(VacantPost.model_validate(row) for row in vacant)
    return ListedChain(**ChainShown.model_validate(chain).model_dump(), vacant_posts=posts)
