"""What people read: projects with the names around them, the three lists, posts with their holders."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, any_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.store import search, sets, tables
from services.intake.store.projects.filters import ProjectFilter
from shared.contracts.programme import OrganisationKind, Tier
from shared.contracts.projects import Stage
from shared.kit.database import fetch

PROJECT, CHAIN, ORGANISATION = tables.project.c, tables.chain.c, tables.organisation.c
SIGNED = tables.project_stage_day.alias("signed")
STARTED = tables.project_stage_day.alias("started")

TIERS = list(Tier)


async def projects(
    wanted: ProjectFilter, *, conn: AsyncConnection, after: str | None = None, limit: int
) -> list[Row[Any]]:
    """Projects in order of their codes, from the one after `after`."""
    query = _projects().where(*wanted.conditions()).order_by(PROJECT.code).limit(limit)
    if after is not None:
        query = query.where(PROJECT.code > after)
    return list(await conn.execute(query))


ONE = """
    SELECT project.*, chain.code AS chain_code, chain.name AS chain_name, organisation.name AS responsible_org_name,
           (SELECT reached_on FROM project_stage_day WHERE project_id = project.id AND stage = 'signed') AS signed_on,
           (SELECT reached_on FROM project_stage_day WHERE project_id = project.id AND stage = 'started') AS started_on
      FROM project JOIN chain ON chain.id = chain_id JOIN organisation ON organisation.id = responsible_org_id
     WHERE project.id = $1
"""


async def project(project_id: UUID, *, conn: AsyncConnection) -> Any:
    """A project that exists, with the columns that `projects` gives."""
    (found,) = await fetch(conn, ONE, project_id)
    return SimpleNamespace(**found)


async def totals(
    wanted: ProjectFilter, tiers_wan: Sequence[int], *, conn: AsyncConnection
) -> list[tuple[int, int, int]]:
    """For each of these amounts: the amount, how many projects reach it, and their total investment, whole 万元."""
    amount = PROJECT.total_investment_wan
    reaching = [(func.count().filter(amount >= least), func.sum(amount).filter(amount >= least)) for least in tiers_wan]
    query = select(*(figure for pair in reaching for figure in pair))
    query = query.select_from(tables.project.join(tables.chain, CHAIN.id == PROJECT.chain_id))
    figures = list((await conn.execute(query.where(*wanted.conditions()))).one())
    return [(least, figures[2 * at], int(figures[2 * at + 1] or 0)) for at, least in enumerate(tiers_wan)]


@dataclass(frozen=True, slots=True)
class PostFilter:
    """`chain` is a code; `vacant`: without a holder on the day; `words`: of the title, the organisation, the holder."""

    words: tuple[str, ...] = ()
    chain: str | None = None
    tier: Tier | None = None
    organisation_id: UUID | None = None
    vacant: bool | None = None
    id: UUID | None = None


async def posts(
    wanted: PostFilter, *, on: date, conn: AsyncConnection, after: tuple[str, UUID] | None = None, limit: int
) -> list[Row[Any]]:
    """Posts with whoever holds them on a day and the chains that they answer for then, by title."""
    of, term, person = tables.post.c, tables.post_term.c, tables.person.c
    chains = _chains_on(on)
    covering = and_(term.post_id == of.id, term.from_day <= on, or_(term.until_day.is_(None), term.until_day >= on))
    query = (
        select(
            *(column for column in of if column.name != "chain_ids"),
            chains.label("chain_ids"),
            ORGANISATION.name.label("organisation_name"),
            term.person_id,
            person.name.label("person_name"),
            term.from_day,
            term.until_day,
        )
        .join(tables.organisation, ORGANISATION.id == of.organisation_id)
        .outerjoin(tables.post_term, covering)
        .outerjoin(tables.person, person.id == term.person_id)
    )
    query = query.where(*_post_conditions(wanted, chains)).order_by(of.title, of.id).limit(limit)
    if after is not None:
        query = query.where(tuple_(of.title, of.id) > after)
    return list(await conn.execute(query))


async def vacant_posts(*, on: date, conn: AsyncConnection) -> dict[UUID, list[Row[Any]]]:
    """The posts without a holder on a day, under each chain they answer for, from the top of the ladder."""
    of, term = tables.post.c, tables.post_term.c
    held = select(term.post_id).where(
        term.post_id == of.id, term.from_day <= on, or_(term.until_day.is_(None), term.until_day >= on)
    )
    chains = func.unnest(of.chain_ids).label("chain_id")
    query: Select[Any] = select(of.id, of.title, of.tier, chains).where(~held.exists())
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await conn.execute(query.order_by(of.title)):
        found.setdefault(row.chain_id, []).append(row)
    return {chain: sorted(rows, key=lambda row: TIERS.index(row.tier)) for chain, rows in found.items()}


async def organisations(
    *,
    words: Sequence[str] = (),
    kind: OrganisationKind | None = None,
    conn: AsyncConnection,
    after: str | None = None,
    limit: int,
) -> list[Row[Any]]:
    """Organisations by name; `words`: of what each is called now, or of what it was called before."""
    names = [_former_names(), ORGANISATION.name]
    query = select(tables.organisation).where(*search.all_in(names, words)).order_by(ORGANISATION.name).limit(limit)
    if kind:
        query = query.where(ORGANISATION.kind == kind)
    if after is not None:
        query = query.where(ORGANISATION.name > after)
    return list(await conn.execute(query))


async def all_organisations(*, conn: AsyncConnection) -> list[Row[Any]]:
    """Some thousand at the most: for the tree."""
    return list(await conn.execute(select(tables.organisation).order_by(ORGANISATION.name)))


async def people(
    *,
    words: Sequence[str] = (),
    organisation_id: UUID | None,
    conn: AsyncConnection,
    after: tuple[str, UUID] | None = None,
    limit: int,
) -> list[Row[Any]]:
    of = tables.person.c
    query = select(tables.person).where(*search.all_in([of.name], words)).order_by(of.name, of.id).limit(limit)
    if organisation_id:
        query = query.where(of.organisation_id == organisation_id)
    if after is not None:
        query = query.where(tuple_(of.name, of.id) > after)
    return list(await conn.execute(query))


async def names(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, str]:
    """What these organisations, chains, posts and people are called."""
    found: dict[UUID, str] = {}
    for table, name in (
        (tables.organisation, ORGANISATION.name),
        (tables.chain, CHAIN.name),
        (tables.post, tables.post.c.title),
        (tables.person, tables.person.c.name),
    ):
        rows = await conn.execute(select(table.c.id, name).where(sets.one_of(table.c.id, ids)))
        found.update((row[0], row[1]) for row in rows)
    return found


def _projects() -> Select[Any]:
    return (
        select(
            tables.project,
            CHAIN.code.label("chain_code"),
            CHAIN.name.label("chain_name"),
            ORGANISATION.name.label("responsible_org_name"),
            SIGNED.c.reached_on.label("signed_on"),
            STARTED.c.reached_on.label("started_on"),
        )
        .join(tables.chain, CHAIN.id == PROJECT.chain_id)
        .join(tables.organisation, ORGANISATION.id == PROJECT.responsible_org_id)
        .outerjoin(SIGNED, and_(SIGNED.c.project_id == PROJECT.id, SIGNED.c.stage == Stage.SIGNED))
        .outerjoin(STARTED, and_(STARTED.c.project_id == PROJECT.id, STARTED.c.stage == Stage.STARTED))
    )


def _former_names() -> ColumnElement[Any]:
    """The names that an organisation bore before."""
    former = tables.organisation_former.c
    names = select(func.string_agg(former.name, "\n"))
    return names.where(former.organisation_id == ORGANISATION.id).correlate(tables.organisation).scalar_subquery()


def _chains_on(day: date) -> ColumnElement[Any]:
    """The chains that a post answered for on a day."""
    former = tables.post_former.c
    before = select(former.chain_ids).where(former.post_id == tables.post.c.id, former.until_day >= day)
    return func.coalesce(before.order_by(former.until_day).limit(1).scalar_subquery(), tables.post.c.chain_ids)


def _post_conditions(wanted: PostFilter, chains: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    of = tables.post.c
    conditions = search.all_in([of.title, ORGANISATION.name, tables.person.c.name], wanted.words)
    if wanted.id:
        conditions.append(of.id == wanted.id)
    if wanted.tier:
        conditions.append(of.tier == wanted.tier)
    if wanted.organisation_id:
        conditions.append(of.organisation_id == wanted.organisation_id)
    if wanted.chain:
        chain = select(CHAIN.id).where(CHAIN.code == wanted.chain).scalar_subquery()
        conditions.append(chain == any_(chains))
    if wanted.vacant is not None:
        person_id = tables.post_term.c.person_id
        conditions.append(person_id.is_(None) if wanted.vacant else person_id.is_not(None))
    return conditions
