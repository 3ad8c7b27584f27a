"""Reading and writing organisations, people, chains and posts."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.programme import Chain, Organisation, Person, Post, Term
from services.intake.store import sets, tables
from shared.contracts.programme import ChainCategory, Tier
from shared.kit.database import fetch


async def organisations(*, conn: AsyncConnection, ids: Collection[UUID] | None = None) -> dict[UUID, Organisation]:
    """These organisations, or all of them."""
    query = select(tables.organisation)
    if ids is not None:
        query = query.where(sets.one_of(tables.organisation.c.id, ids))
    return {row.id: Organisation(row.id, row.name, row.parent_id, row.version) for row in await conn.execute(query)}


async def people(*, conn: AsyncConnection, ids: Collection[UUID] | None = None) -> dict[UUID, Person]:
    """These people, or all of them."""
    query = select(tables.person)
    if ids is not None:
        query = query.where(sets.one_of(tables.person.c.id, ids))
    return {row.id: Person(row.id, row.name, row.organisation_id, row.version) for row in await conn.execute(query)}


async def chains(*, conn: AsyncConnection, ids: Collection[UUID] | None = None) -> dict[UUID, Chain]:
    """These chains, or all of them."""
    query = select(tables.chain)
    if ids is not None:
        query = query.where(sets.one_of(tables.chain.c.id, ids))
    return {row.id: _chain(row) for row in await conn.execute(query)}


async def posts(*, conn: AsyncConnection, ids: Collection[UUID] | None = None) -> dict[UUID, Post]:
    """These posts with all their terms, or all posts."""
    query, of_terms = select(tables.post), select(tables.post_term).order_by(tables.post_term.c.from_day)
    if ids is not None:
        query = query.where(sets.one_of(tables.post.c.id, ids))
        of_terms = of_terms.where(sets.one_of(tables.post_term.c.post_id, ids))
    terms: dict[UUID, list[Term]] = {}
    for row in await conn.execute(of_terms):
        terms.setdefault(row.post_id, []).append(Term(row.person_id, row.from_day, row.until_day))
    return {row.id: _post(row, terms.get(row.id, ())) for row in await conn.execute(query)}


HOLDERS = """
    SELECT post.id, term.person_id FROM post LEFT JOIN post_term AS term
        ON term.post_id = post.id AND $2::date BETWEEN from_day AND coalesce(until_day, 'infinity')
     WHERE post.id = ANY ($1::uuid[])
"""


async def holders(posts: Collection[UUID], *, on: date, conn: AsyncConnection) -> dict[UUID, UUID | None]:
    """Who holds each of these posts on a day, as far as they exist."""
    return {row["id"]: row["person_id"] for row in await fetch(conn, HOLDERS, list(posts), on)}


async def chain_like(*, code: str, name: str, conn: AsyncConnection) -> Chain | None:
    """A chain that has this code or this name."""
    of = tables.chain.c
    row = (await conn.execute(select(tables.chain).where((of.code == code) | (of.name == name)))).first()
    return _chain(row) if row else None


async def post_titled(title: str, *, organisation_id: UUID, conn: AsyncConnection) -> UUID | None:
    of = tables.post.c
    query = select(of.id).where((of.organisation_id == organisation_id) & (of.title == title))
    found: UUID | None = (await conn.execute(query)).scalar_one_or_none()
    return found


async def save_organisations(records: Sequence[Organisation], *, conn: AsyncConnection) -> None:
    await sets.upsert(tables.organisation, [asdict(record) for record in records], conn=conn)


async def save_people(records: Sequence[Person], *, conn: AsyncConnection) -> None:
    await sets.upsert(tables.person, [asdict(record) for record in records], conn=conn)


async def save_chains(records: Sequence[Chain], *, conn: AsyncConnection) -> None:
    await sets.upsert(tables.chain, [asdict(record) for record in records], conn=conn)


async def save_posts(records: Sequence[Post], *, conn: AsyncConnection) -> None:
    """Write posts with their terms (a term is only ever added or ended)."""
    await sets.upsert(tables.post, [asdict(record) for record in records], conn=conn)
    terms = [{"post_id": record.id, **asdict(term)} for record in records for term in record.terms]
    # Ended terms first: at no moment may a post have two open ones.
    terms.sort(key=lambda term: term["until_day"] is None)
    await sets.upsert(tables.post_term, terms, conn=conn)


def _chain(row: Row[Any]) -> Chain:
    return Chain(row.id, row.code, row.name, ChainCategory(row.category), row.version)


def _post(row: Row[Any], terms: Sequence[Term]) -> Post:
    return Post(row.id, row.title, Tier(row.tier), row.organisation_id, tuple(row.chain_ids), tuple(terms), row.version)
