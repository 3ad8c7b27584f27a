"""An organisation list, many rows at once."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.imports.directory import Directory, directory_of
from services.intake.domain.imports.roster import PostDraft, Roster, RosterOutcome
from services.intake.domain.organisation.programme import Organisation, Person, Post, ids_by_name
from services.intake.domain.tidy import tidy
from services.intake.handlers.standing import own_chains
from services.intake.handlers.writing import append, lock_register, today
from services.intake.store.organisation import programme as store
from shared.contracts.ids import organisation_id
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


async def import_roster(drafts: Sequence[PostDraft], *, conn: AsyncConnection, by: By) -> list[RosterOutcome]:
    """Record, change or refuse each row, in one transaction; the outcomes stand in the drafts' order."""
    if not drafts:
        return []
    await lock_register(conn=conn)
    await lock_heads(await _touched(drafts, conn=conn), conn=conn)
    roster = await _roster(conn=conn, by=by)
    outcomes = await asyncio.to_thread(roster.take, drafts)
    changed = roster.changed.values()
    await append(roster.events.items(), conn=conn, by=by)
    await store.save_organisations([record for record in changed if isinstance(record, Organisation)], conn=conn)
    await store.save_people([record for record in changed if isinstance(record, Person)], conn=conn)
    await store.save_posts([record for record in changed if isinstance(record, Post)], conn=conn)
    return outcomes


async def rehearse_roster(
    drafts: Sequence[PostDraft], *, conn: AsyncConnection, by: By
) -> tuple[list[RosterOutcome], Directory]:
    """What taking these rows would come to, and who there would be then; nothing is locked and nothing written."""
    roster = await _roster(conn=conn, by=by)
    outcomes = await asyncio.to_thread(roster.take, drafts)
    directory = directory_of(
        chains=(await store.chains(conn=conn)).values(),
        organisations=roster.organisations,
        posts=roster.posts,
        people=roster.people,
        today=today(by),
    )
    return outcomes, directory


async def _touched(drafts: Sequence[PostDraft], *, conn: AsyncConnection) -> set[UUID]:
    """The units that the list names, and their posts."""
    known = ids_by_name((await store.organisations(conn=conn)).values())
    named: set[UUID] = set()
    for draft in drafts:
        named |= known.get(tidy(draft.organisation)) or {organisation_id(draft.organisation)}
    posts = (await store.posts(conn=conn)).values()
    return named | {post.id for post in posts if post.organisation_id in named}


async def _roster(*, conn: AsyncConnection, by: By) -> Roster:
    organisations = (await store.organisations(conn=conn)).values()
    people = (await store.people(conn=conn)).values()
    posts = (await store.posts(conn=conn)).values()
    chains = (await store.chains(conn=conn)).values()
    return Roster(
        directory=directory_of(chains=chains, organisations=(), posts=(), people=(), today=today(by)),
        organisations=organisations,
        people=people,
        posts=posts,
        today=today(by),
        new_id=uuid4,
        own_chains=await own_chains(conn=conn, by=by),
    )
