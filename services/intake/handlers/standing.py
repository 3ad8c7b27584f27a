"""For whom somebody may act: the clerk of one chain does not write for another."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.handlers.writing import today
from shared.kit.database import fetch
from shared.kit.errors import NotAllowed
from shared.kit.web.http import By

OWN_CHAINS = """
    SELECT DISTINCT unnest(chain_ids) AS chain_id FROM post JOIN post_term AS term ON term.post_id = post.id
     WHERE person_id = $1 AND $2::date BETWEEN from_day AND coalesce(until_day, 'infinity')
"""


class NotYourChain(NotAllowed):
    """The caller holds posts of other chains only."""

    def __init__(self, chain_ids: Collection[UUID]) -> None:
        super().__init__("您任职的岗位不负责这条产业链", chain_ids=sorted(map(str, chain_ids)))


async def own_chains(*, conn: AsyncConnection, by: By) -> frozenset[UUID] | None:
    """The chains that the caller may write for; None: all.

    A person who holds posts of chains today writes for those only. Callers that are no person of the programme (an
    office's or a system's account), and people whose posts are bound to no chain, write for all.
    """
    person = by.principal.person
    if person is None:
        return None
    return frozenset(row["chain_id"] for row in await fetch(conn, OWN_CHAINS, person, today(by))) or None


async def require_chains(chain_ids: Collection[UUID], *, conn: AsyncConnection, by: By) -> None:
    """Raises NotYourChain where the caller may not write for one of these."""
    own = await own_chains(conn=conn, by=by)
    if own is not None and (others := set(chain_ids) - own):
        raise NotYourChain(others)
