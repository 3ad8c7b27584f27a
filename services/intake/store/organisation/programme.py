"""Reading and writing organisations, people, chains and posts."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.organisation.programme import (
    Chain,
    FormerChain,
    FormerCharge,
    FormerName,
    Organisation,
    Person,
    Post,
    Term,
)
from services.intake.store import sets, tables
from shared.contracts.programme import ChainCategory, OrganisationKind, Tier
from shared.kit.database import fetch

FORMER_NAME, FORMER_CHAIN, FORMER_CHARGE = tables.organisation_former, tables.chain_former, tables.post_former
CALLED = """
    SELECT id FROM organisation WHERE name = $1
     UNION ALL
    SELECT organisation_id FROM organisation_former WHERE name = $1 LIMIT 1
"""
ABOVE = """
    WITH RECURSIVE up AS (
        SELECT id, parent_id, 0 AS height FROM organisation WHERE id = $1
         UNION ALL
        SELECT above.id, above.parent_id, height + 1 FROM up JOIN organisation AS above ON above.id = up.parent_id
    ) CYCLE id SET again USING path
    SELECT id FROM up WHERE NOT again ORDER BY height
"""


async def organisations(*, conn: AsyncConnection, ids: Collection[UUID] | None = None) -> dict[UUID, Organisation]:
    """These organisations with their former names, or all of them."""
    query, of_former = select(tables.organisation), select(FORMER_NAME).order_by(FORMER_NAME.c.until_day)
    if ids is not None:
        query = query.where(sets.one_of(tables.organisation.c.id, ids))
        of_former = of_former.where(sets.one_of(FORMER_NAME.c.organisation_id, ids))
    former: dict[UUID, list[FormerName]] = {}
    for row in await conn.execute(of_former):
        former.setdefault(row.organisation_id, []).append(FormerName(row.name, row.until_day))
    return {row.id: _organisation(row, former.get(row.id, ())) for row in await conn.execute(query)}


async def organisation_called(name: str, *, conn: AsyncConnection) -> Organisation | None:
    """The organisation that bears or once bore this name."""
    found = await fetch(conn, CALLED, name)
    return (await organisations(conn=conn, ids=[found[0]["id"]]))[found[0]["id"]] if found else None


async def above(organisation_id: UUID, *, conn: AsyncConnection) -> list[Organisation]:
    """The organisation and those above it, from below."""
    ids = [row["id"] for row in await fetch(conn, ABOVE, organisation_id)]
    found = await organisations(conn=conn, ids=ids)
    return [found[id] for id in ids]


async def people(*, conn: AsyncConnection, ids: Collection[UUID] | None = None) -> dict[UUID, Person]:
    """These people, or all of them."""
    query = select(tables.person)
    if ids is not None:
        query = query.where(sets.one_of(tables.person.c.id, ids))
    return {row.id: Person(row.id, row.name, row.organisation_id, row.version) for row in await conn.execute(query)}


async def chains(*, conn: AsyncConnection, ids: Collection[UUID] | None = None) -> dict[UUID, Chain]:
    """These chains with what they were before, or all of them, closed ones too."""
    query, of_former = select(tables.chain), select(FORMER_CHAIN).order_by(FORMER_CHAIN.c.until_day)
    if ids is not None:
        query = query.where(sets.one_of(tables.chain.c.id, ids))
        of_former = of_former.where(sets.one_of(FORMER_CHAIN.c.chain_id, ids))
    former: dict[UUID, list[FormerChain]] = {}
    for row in await conn.execute(of_former):
        category = ChainCategory(row.category)
        former.setdefault(row.chain_id, []).append(FormerChain(row.until_day, row.name, category))
    return {row.id: _chain(row, former.get(row.id, ())) for row in await conn.execute(query)}


async def posts(*, conn: AsyncConnection, ids: Collection[UUID] | None = None) -> dict[UUID, Post]:
    """These posts with all their terms and what they answered for before, or all posts."""
    query, of_terms = select(tables.post), select(tables.post_term).order_by(tables.post_term.c.from_day)
    of_former = select(FORMER_CHARGE).order_by(FORMER_CHARGE.c.until_day)
    if ids is not None:
        query = query.where(sets.one_of(tables.post.c.id, ids))
        of_terms = of_terms.where(sets.one_of(tables.post_term.c.post_id, ids))
        of_former = of_former.where(sets.one_of(FORMER_CHARGE.c.post_id, ids))
    terms: dict[UUID, list[Term]] = {}
    for row in await conn.execute(of_terms):
        terms.setdefault(row.post_id, []).append(Term(row.person_id, row.from_day, row.until_day))
    former: dict[UUID, list[FormerCharge]] = {}
    for row in await conn.execute(of_former):
        former.setdefault(row.post_id, []).append(FormerCharge(row.until_day, tuple(row.chain_ids)))
    found = await conn.execute(query)
    return {row.id: _post(row, terms.get(row.id, ()), former.get(row.id, ())) for row in found}


HOLDERS = """
    SELECT post.id, term.person_id FROM post LEFT JOIN post_term AS term
        ON term.post_id = post.id AND $2::date BETWEEN from_day AND coalesce(until_day, 'infinity')
     WHERE post.id = ANY ($1::uuid[])
"""


async def holders(posts: Collection[UUID], *, on: date, conn: AsyncConnection) -> dict[UUID, UUID | None]:
    """Who holds each of these posts on a day, as far as they exist."""
    return {row["id"]: row["person_id"] for row in await fetch(conn, HOLDERS, list(posts), on)}


@dataclass(frozen=True, slots=True)
class HeldPost:
    title: str
    organisation_id: UUID
    organisation_name: str


HELD = """
    SELECT term.person_id, post.title, post.organisation_id, organisation.name AS organisation_name
      FROM post_term AS term JOIN post ON post.id = term.post_id JOIN organisation ON organisation.id = organisation_id
     WHERE term.person_id = ANY ($1::uuid[]) AND $2::date BETWEEN from_day AND coalesce(until_day, 'infinity')
     ORDER BY post.title, post.id
"""


async def posts_held(people: Collection[UUID], *, on: date, conn: AsyncConnection) -> dict[UUID, list[HeldPost]]:
    """The posts that these people hold on a day, by title; whoever holds none is not named."""
    found: dict[UUID, list[HeldPost]] = {}
    for row in await fetch(conn, HELD, list(people), on):
        post = HeldPost(row["title"], row["organisation_id"], row["organisation_name"])
        found.setdefault(row["person_id"], []).append(post)
    return found


async def chain_like(*, code: str, name: str, conn: AsyncConnection) -> Chain | None:
    """A chain that has this code, or has or had this name."""
    of = tables.chain.c
    former = select(FORMER_CHAIN.c.chain_id).where(FORMER_CHAIN.c.name == name)
    query = select(of.id).where((of.code == code) | (of.name == name) | of.id.in_(former))
    found: UUID | None = (await conn.execute(query.limit(1))).scalar_one_or_none()
    return (await chains(conn=conn, ids=[found]))[found] if found else None


async def post_titled(title: str, *, organisation_id: UUID, conn: AsyncConnection) -> UUID | None:
    of = tables.post.c
    query = select(of.id).where((of.organisation_id == organisation_id) & (of.title == title))
    found: UUID | None = (await conn.execute(query)).scalar_one_or_none()
    return found


RENAME = """
    UPDATE organisation SET name = renamed.name
      FROM unnest($1::uuid[], $2::text[]) AS renamed (id, name)
     WHERE organisation.id = renamed.id AND organisation.name <> renamed.name
"""


async def save_organisations(records: Sequence[Organisation], *, conn: AsyncConnection) -> None:
    """Write organisations with their former names.

    A present name is set apart, where it is another one: see the columns that are fixed.
    """
    former = [{"organisation_id": record.id, **asdict(name)} for record in records for name in record.former]
    await sets.upsert_all({tables.organisation: [asdict(record) for record in records], FORMER_NAME: former}, conn=conn)
    if former:
        await fetch(conn, RENAME, [record.id for record in records], [record.name for record in records])


async def save_people(records: Sequence[Person], *, conn: AsyncConnection) -> None:
    await sets.upsert(tables.person, [asdict(record) for record in records], conn=conn)


async def save_chains(records: Sequence[Chain], *, conn: AsyncConnection) -> None:
    former = [{"chain_id": record.id, **asdict(before)} for record in records for before in record.former]
    own = [asdict(record) for record in records]
    await sets.upsert_all({tables.chain: own, FORMER_CHAIN: former}, conn=conn)


async def save_posts(records: Sequence[Post], *, conn: AsyncConnection) -> None:
    """Write posts with their terms (a term is only ever added or ended) and what they answered for before."""
    former = [{"post_id": record.id, **asdict(before)} for record in records for before in record.former]
    own = [asdict(record) for record in records]
    await sets.upsert_all({tables.post: own, FORMER_CHARGE: former}, conn=conn)
    terms = [{"post_id": record.id, **asdict(term)} for record in records for term in record.terms]
    # Ended terms first: at no moment may a post have two open ones.
    terms.sort(key=lambda term: term["until_day"] is None)
    await sets.upsert(tables.post_term, terms, conn=conn)


async def replace_terms(post: Post, *, conn: AsyncConnection) -> None:
    """Write a post whose terms were corrected: those that it has no more go."""
    await fetch(conn, "DELETE FROM post_term WHERE post_id = $1", post.id)
    await save_posts([post], conn=conn)


def _organisation(row: Row[Any], former: Sequence[FormerName]) -> Organisation:
    kind = OrganisationKind(row.kind) if row.kind else None
    return Organisation(row.id, row.name, row.parent_id, row.version, kind, tuple(former))


def _chain(row: Row[Any], former: Sequence[FormerChain]) -> Chain:
    return Chain(
        row.id,
        row.code,
        row.name,
        ChainCategory(row.category),
        row.version,
        row.since,
        row.opened_from,
        row.closed_from,
        tuple(row.successor_ids),
        tuple(former),
    )


def _post(row: Row[Any], terms: Sequence[Term], former: Sequence[FormerCharge]) -> Post:
    return Post(
        row.id,
        row.title,
        Tier(row.tier),
        row.organisation_id,
        tuple(row.chain_ids),
        tuple(terms),
        row.version,
        row.established_on,
        tuple(former),
    )
