"""For whom somebody may act: the clerk of one chain does not write for another."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import NotYourChain
from services.intake.domain.organisation.programme import Post, answers_only_for
from services.intake.handlers.writing import today
from shared.kit.database import fetch
from shared.kit.web.http import By

OWN_CHAINS = """
    WITH RECURSIVE term AS (
        SELECT post_id, person_id FROM post_term WHERE $2::date BETWEEN from_day AND coalesce(until_day, 'infinity')
    ), acting AS (
        SELECT post_id, true AS own FROM term WHERE person_id = $1
        UNION
        SELECT post_id, false FROM term JOIN leave USING (person_id)
         WHERE delegate_id = $1 AND NOT cancelled AND $2::date BETWEEN leave.from_day AND leave.until_day
           AND (post_ids = '{}' OR post_id = ANY (post_ids))
    ), answered_for AS (
        SELECT chain_id, own FROM acting JOIN post ON post.id = post_id CROSS JOIN unnest(chain_ids) AS chain_id
        UNION
        SELECT chain.id, own FROM answered_for JOIN chain ON chain_id = ANY (successor_ids)
    )
    SELECT chain_id, bool_or(own) AS own FROM answered_for GROUP BY chain_id
"""


async def own_chains(*, conn: AsyncConnection, by: By) -> frozenset[UUID] | None:
    """The chains that the caller may write for; None: all.

    A person who holds posts of chains today writes for those only, and for those of whoever they are the delegate of;
    also for the chains that were merged into these, for what is still open of them.
    Callers that are no person of the programme (an office's or a system's account), and people whose posts are bound to
    no chain, write for all.
    """
    person = by.principal.person
    if person is None:
        return None
    found = await fetch(conn, OWN_CHAINS, person, today(by))
    return frozenset(row["chain_id"] for row in found) if any(row["own"] for row in found) else None


async def require_post(post: Post, *, conn: AsyncConnection, by: By) -> None:
    """Raises NotYourChain where the post answers for a chain for which the caller may not write."""
    own = await own_chains(conn=conn, by=by)
    if own is not None and not answers_only_for(post, own):
        raise NotYourChain(set(post.chain_ids) - own)


async def require_person(person_id: UUID, *, conn: AsyncConnection, by: By) -> None:
    """Raises NotYourChain where the person holds a post today of a chain for which the caller may not write."""
    found = await fetch(conn, OWN_CHAINS, person_id, today(by))
    await require_chains({row["chain_id"] for row in found if row["own"]}, conn=conn, by=by)


async def require_chains(chain_ids: Collection[UUID], *, conn: AsyncConnection, by: By) -> None:
    """Raises NotYourChain where the caller may not write for one of these."""
    own = await own_chains(conn=conn, by=by)
    if own is not None and (others := set(chain_ids) - own):
        raise NotYourChain(others)
