"""Who is who, as programme facts tell it: names, posts and their holders, the mobile numbers for mentions."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.rendering import Names, Post
from shared.contracts.programme import (
    ChainRecorded,
    OrganisationRecorded,
    PersonRecorded,
    PostAssumed,
    PostEstablished,
    PostTermsCorrected,
    PostVacated,
    Tier,
)
from shared.kit.database import fetch

Unseal = Callable[[UUID, bytes], str | None]
"""A person's mobile number, unsealed; None when it cannot be."""

_ORGANISATIONS = text("""
INSERT INTO organisation (id, name) SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[]))
    ON CONFLICT (id) DO UPDATE SET name = excluded.name
""")
_PERSONS = text("""
INSERT INTO person (id, name) SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[]))
    ON CONFLICT (id) DO UPDATE SET name = excluded.name
""")
_CHAINS = text("""
INSERT INTO chain (id, name) SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[]))
    ON CONFLICT (id) DO UPDATE SET name = excluded.name
""")

_POSTS = text("""
INSERT INTO post (id, title, tier, organisation_id)
SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:titles AS text[]), CAST(:tiers AS text[]),
                     CAST(:organisations AS uuid[]))
    ON CONFLICT (id) DO UPDATE
       SET title = excluded.title, tier = excluded.tier, organisation_id = excluded.organisation_id
""")

_TENURES = text("""
INSERT INTO tenure (post_id, from_day, person_id)
SELECT * FROM unnest(CAST(:posts AS uuid[]), CAST(:days AS date[]), CAST(:persons AS uuid[]))
    ON CONFLICT (post_id, from_day) DO UPDATE SET person_id = excluded.person_id
""")

_FORGET_TENURES = text("DELETE FROM tenure WHERE post_id = ANY (CAST(:posts AS uuid[]))")

# The holder on a day is whoever the latest term up to that day names; a vacancy is a term without a person.
_NAMES = """
SELECT 'chain' AS kind, id, name, NULL AS tier, NULL AS organisation, NULL AS holder, NULL::uuid AS person_id,
       NULL::bytea AS mobile
  FROM chain WHERE id = ANY ($2::uuid[])
 UNION ALL
SELECT 'organisation', id, name, NULL, NULL, NULL, NULL, NULL
  FROM organisation WHERE id = ANY ($3::uuid[])
 UNION ALL
SELECT 'post', post.id, post.title, post.tier, organisation.name, person.name, person.id, mention.mobile
  FROM post
  LEFT JOIN organisation ON organisation.id = post.organisation_id
  LEFT JOIN LATERAL (SELECT person_id FROM tenure
                      WHERE post_id = post.id AND from_day <= $4::date
                      ORDER BY from_day DESC LIMIT 1) AS held ON true
  LEFT JOIN person ON person.id = held.person_id
  LEFT JOIN mention ON mention.person_id = held.person_id
 WHERE post.id = ANY ($1::uuid[])
"""

_SET_MENTION = text("""
INSERT INTO mention (person_id, mobile) VALUES (:person, :mobile)
    ON CONFLICT (person_id) DO UPDATE SET mobile = excluded.mobile
""")
_DROP_MENTION = text("DELETE FROM mention WHERE person_id = :person")


async def record_organisations(facts: Sequence[OrganisationRecorded], *, conn: AsyncConnection) -> None:
    await _record(_ORGANISATIONS, {fact.organisation_id: fact.name for fact in facts}, conn)


async def record_persons(facts: Sequence[PersonRecorded], *, conn: AsyncConnection) -> None:
    await _record(_PERSONS, {fact.person_id: fact.name for fact in facts}, conn)


async def record_chains(facts: Sequence[ChainRecorded], *, conn: AsyncConnection) -> None:
    await _record(_CHAINS, {fact.chain_id: fact.name for fact in facts}, conn)


async def _record(statement: TextClause, names: Mapping[UUID, str], conn: AsyncConnection) -> None:
    if names:
        await conn.execute(statement, {"ids": list(names), "names": list(names.values())})


async def record_posts(facts: Sequence[PostEstablished], *, conn: AsyncConnection) -> None:
    posts = list({fact.post_id: fact for fact in facts}.values())
    if posts:
        await conn.execute(
            _POSTS,
            {
                "ids": [post.post_id for post in posts],
                "titles": [post.title for post in posts],
                "tiers": [post.tier.value for post in posts],
                "organisations": [post.organisation_id for post in posts],
            },
        )


async def record_tenures(
    facts: Sequence[PostAssumed | PostVacated | PostTermsCorrected], *, conn: AsyncConnection
) -> None:
    """In the facts' order. A correction says all terms of its post: what was known of it before is forgotten."""
    terms: dict[tuple[UUID, date], UUID | None] = {}
    corrected = {fact.post_id for fact in facts if isinstance(fact, PostTermsCorrected)}
    for fact in facts:
        if isinstance(fact, PostTermsCorrected):
            terms = {key: person for key, person in terms.items() if key[0] != fact.post_id} | _tenures(fact)
        else:
            terms[fact.post_id, fact.from_day] = fact.person_id if isinstance(fact, PostAssumed) else None
    if corrected:
        await conn.execute(_FORGET_TENURES, {"posts": list(corrected)})
    if terms:
        posts, days = zip(*terms, strict=True)
        await conn.execute(_TENURES, {"posts": list(posts), "days": list(days), "persons": list(terms.values())})


def _tenures(fact: PostTermsCorrected) -> dict[tuple[UUID, date], UUID | None]:
    """A vacancy from the day after each end, unless another term begins that day."""
    vacant = {(fact.post_id, term.until_day + timedelta(days=1)): None for term in fact.terms if term.until_day}
    return vacant | {(fact.post_id, term.from_day): term.person_id for term in fact.terms}


async def names(
    *,
    posts: Collection[UUID],
    chains: Collection[UUID],
    organisations: Collection[UUID],
    on_day: date,
    unseal: Unseal,
    conn: AsyncConnection,
) -> Names:
    """What these are called on a day, and who holds the posts then."""
    found: dict[str, dict[UUID, str]] = {"chain": {}, "organisation": {}}
    holders: dict[UUID, Post] = {}
    for row in await fetch(conn, _NAMES, list(posts), list(chains), list(organisations), on_day):
        if row["kind"] == "post":
            mobile = unseal(row["person_id"], row["mobile"]) if row["mobile"] else None
            post = Post(row["name"], Tier(row["tier"]), row["organisation"] or "", row["holder"], mobile)
            holders[row["id"]] = post
        else:
            found[row["kind"]][row["id"]] = row["name"]
    return Names(posts=holders, chains=found["chain"], organisations=found["organisation"])


async def set_mention(person_id: UUID, sealed: bytes, *, conn: AsyncConnection) -> None:
    await conn.execute(_SET_MENTION, {"person": person_id, "mobile": sealed})


async def drop_mention(person_id: UUID, *, conn: AsyncConnection) -> bool:
    """Whether there was one."""
    return (await conn.execute(_DROP_MENTION, {"person": person_id})).rowcount > 0
