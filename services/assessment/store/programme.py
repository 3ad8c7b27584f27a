"""The directory in PostgreSQL. Small (some thousand rows), so it is read whole and kept while its revision stands."""

from collections.abc import Collection
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.directory import Chain, Directory, Leave, Organisation, Person, Post, Term
from services.assessment.store.sets import Row, RowSet
from shared.contracts.programme import Tier

_ORGANISATIONS = RowSet("organisation", key=("id",), columns={"id": "uuid", "name": "text", "parent_id": "uuid"})
_PEOPLE = RowSet("person", key=("id",), columns={"id": "uuid", "name": "text", "organisation_id": "uuid"})
_CHAINS = RowSet("chain", key=("id",), columns={"id": "uuid", "code": "text", "name": "text", "category": "text"})
_POSTS = RowSet(
    "post",
    key=("id",),
    columns={
        "id": "uuid",
        "title": "text",
        "tier": "text",
        "organisation_id": "uuid",
        "chain_ids": "uuid[]",
        "established_at": "timestamptz",
    },
)
_TERMS = RowSet(
    "post_term", key=("post_id", "from_day"), columns={"post_id": "uuid", "from_day": "date", "person_id": "uuid"}
)
_LEAVES = RowSet(
    "leave",
    key=("id",),
    columns={
        "id": "uuid",
        "person_id": "uuid",
        "from_day": "date",
        "until_day": "date",
        "delegate_id": "uuid",
        "post_ids": "uuid[]",
        "cancelled": "boolean",
    },
)

_ALL_ORGANISATIONS = text("SELECT id, name, parent_id FROM organisation")
_ALL_PEOPLE = text("SELECT id, name, organisation_id FROM person")
_ALL_CHAINS = text("SELECT id, code, name, category FROM chain")
_ALL_POSTS = text("SELECT id, title, tier, organisation_id, chain_ids, established_at FROM post")
_ALL_TERMS = text("SELECT post_id, from_day, person_id FROM post_term ORDER BY post_id, from_day")
_ALL_LEAVES = text("""
SELECT id, person_id, from_day, until_day, delegate_id, post_ids, cancelled FROM leave ORDER BY person_id, from_day, id
""")
_NEXT_REVISION = text("UPDATE supervision SET directory_revision = directory_revision + 1")


async def load(*, conn: AsyncConnection) -> Directory:
    terms: dict[UUID, list[Term]] = {}
    for row in await conn.execute(_ALL_TERMS):
        terms.setdefault(row.post_id, []).append(Term(row.from_day, row.person_id))
    leaves: dict[UUID, dict[UUID, Leave]] = {}
    for row in await conn.execute(_ALL_LEAVES):
        leave = Leave(
            row.id, row.person_id, row.from_day, row.until_day, row.delegate_id, tuple(row.post_ids), row.cancelled
        )
        leaves.setdefault(leave.person_id, {})[leave.id] = leave
    posts = [
        Post(row.id, row.title, Tier(row.tier), row.organisation_id, tuple(row.chain_ids), row.established_at)
        for row in await conn.execute(_ALL_POSTS)
    ]
    return Directory(
        organisations={row.id: Organisation(*row) for row in await conn.execute(_ALL_ORGANISATIONS)},
        people={row.id: Person(*row) for row in await conn.execute(_ALL_PEOPLE)},
        chains={row.id: Chain(*row) for row in await conn.execute(_ALL_CHAINS)},
        posts={post.id: post for post in posts},
        terms=terms,
        leaves=leaves,
    )


async def save(directory: Directory, touched: Collection[UUID], *, conn: AsyncConnection) -> None:
    """Write what the directory says of these aggregates, and tell everybody that it changed."""
    await conn.execute(_NEXT_REVISION)
    organisations = [directory.organisations[one] for one in touched if one in directory.organisations]
    people = [directory.people[one] for one in touched if one in directory.people]
    chains = [directory.chains[one] for one in touched if one in directory.chains]
    posts = [directory.posts[one] for one in touched if one in directory.posts]
    terms = [(one, term.from_day, term.person_id) for one in touched for term in directory.terms.get(one, ())]
    await _ORGANISATIONS.upsert([(one.id, one.name, one.parent_id) for one in organisations], conn=conn)
    await _PEOPLE.upsert([(one.id, one.name, one.organisation_id) for one in people], conn=conn)
    await _CHAINS.upsert([(one.id, one.code, one.name, one.category) for one in chains], conn=conn)
    rows = [(p.id, p.title, p.tier, p.organisation_id, p.chain_ids, p.established_at) for p in posts]
    await _POSTS.upsert(rows, conn=conn)
    await _TERMS.upsert(terms, conn=conn)
    leaves = [leave for one in touched for leave in directory.leaves.get(one, {}).values()]
    await _LEAVES.upsert([_leave_row(one) for one in leaves], conn=conn)


def _leave_row(one: Leave) -> Row:
    return one.id, one.person_id, one.from_day, one.until_day, one.delegate_id, one.post_ids, one.cancelled


_HELD_BY = text("""
SELECT term.post_id
  FROM post_term term
 WHERE term.person_id = :person AND term.from_day <= :on
   AND NOT EXISTS (SELECT FROM post_term later
                    WHERE later.post_id = term.post_id AND later.from_day > term.from_day AND later.from_day <= :on)
""")


async def posts_held_by(person_id: UUID, on: date, *, conn: AsyncConnection) -> set[UUID]:
    return set((await conn.execute(_HELD_BY, {"person": person_id, "on": on})).scalars())
