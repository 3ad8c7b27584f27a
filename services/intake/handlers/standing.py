"""For whom somebody may act: the clerk of one chain does not write for another."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import NotYourChain
from services.intake.handlers.writing import today
from shared.kit.database import fetch
from shared.kit.web.http import By

OWN_CHAINS = """
    WITH term AS (
        SELECT post_id, person_id FROM post_term WHERE $2::date BETWEEN from_day AND coalesce(until_day, 'infinity')
    ), acting AS (
        SELECT post_id, true AS own FROM term WHERE person_id = $1
        UNION
        SELECT post_id, false FROM term JOIN leave USING (person_id)
         WHERE delegate_id = $1 AND NOT cancelled AND $2::date BETWEEN leave.from_day AND leave.until_day
           AND (post_ids = '{}' OR post_id = ANY (post_ids))
    )
    SELECT chain_id, bool_or(own) AS own
      FROM acting JOIN post ON post.id = post_id CROSS JOIN unnest(chain_ids) AS chain_id GROUP BY chain_id
"""


async def own_chains(*, conn: AsyncConnection, by: By) -> frozenset[UUID] | None:
    """The chains that the caller may write for; None: all.

    A person who holds posts of chains today writes for those only, and for those of whoever they are the delegate of.
    Callers that are no person of the programme (an office's or a system's account), and people whose posts are bound to
    no chain, write for all.
    """
    person = by.principal.person
    if person is None:
        return None
    found = await fetch(conn, OWN_CHAINS, person, today(by))
    return frozenset(row["chain_id"] for row in found) if any(row["own"] for row in found) else None


async def require_chains(chain_ids: Collection[UUID], *, conn: AsyncConnection, by: By) -> None:
    """Raises NotYourChain where the caller may not write for one of these."""
    own = await own_chains(conn=conn, by=by)
    if own is not None and (others := set(chain_ids) - own):
        raise NotYourChain(others)
