"""Lists of organisations, people, posts and enterprises as files for offices: CSV or xlsx."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Today
from services.intake.api.bodies import ChainCode
from services.intake.api.files import AT_ONCE, As, files_router, paged, place, sent
from services.intake.api.search import Sought
from services.intake.domain.organisation.enterprises import Enterprise
from services.intake.domain.organisation.programme import Chain, Organisation
from services.intake.domain.terms import ORGANISATION_KIND_NAMES, TIER_NAMES
from services.intake.store import views
from services.intake.store.organisation import enterprises as enterprise_store
from services.intake.store.organisation import programme as store
from services.intake.store.organisation.programme import HeldPost
from services.intake.store.views import PostFilter
from services.intake.workbook.tables import Format, Heading, Row
from shared.contracts.programme import OrganisationKind, Tier

router = files_router()

ORGANISATIONS = (
    Heading("单位名称", 30),
    Heading("上级单位", 30),
    Heading("单位类别", 20),
    Heading("曾用名", 40),
)
PEOPLE = (Heading("姓名", 12), Heading("所在单位", 30), Heading("现任岗位", 50))
POSTS = (
    Heading("岗位", 30),
    Heading("层级", 12),
    Heading("单位名称", 30),
    Heading("产业链", 40),
    Heading("任职人员", 12),
    Heading("任职时间", 12),
    Heading("是否空缺", 10),
)


ENTERPRISES = (
    Heading("企业名称", 30),
    Heading("统一社会信用代码", 22),
    Heading("产业链", 40),
    Heading("现为链主企业的产业链", 40),
)


@router.get("/v1/exports/organisations")
async def export_organisations(
    request: Request, today: Today, made: As = Format.XLSX, kind: OrganisationKind | None = None
) -> StreamingResponse:
    """Organisations by name, of one kind or all, dissolved task forces too."""

    async def read(after: str | None, conn: AsyncConnection) -> tuple[list[Row], str | None]:
        rows = await views.organisations(kind=kind, conn=conn, after=after, limit=AT_ONCE)
        found = await store.organisations(conn=conn, ids=[row.id for row in rows])
        names = await views.names({row.parent_id for row in rows if row.parent_id}, conn=conn)
        return [_organisation(found[row.id], names) for row in rows], place(rows, lambda row: row.name)

    return await sent(made, ORGANISATIONS, paged(request, read), name="单位名册", day=today)


@router.get("/v1/exports/people")
async def export_people(
    request: Request,
    today: Today,
    made: As = Format.XLSX,
    organisation_id: UUID | None = None,
    on: date | None = None,
) -> StreamingResponse:
    """People by name, of one organisation or all, with the posts that they hold on a day (default: today)."""

    async def read(after: tuple[str, UUID] | None, conn: AsyncConnection) -> tuple[list[Row], tuple[str, UUID] | None]:
        rows = await views.people(organisation_id=organisation_id, conn=conn, after=after, limit=AT_ONCE)
        names = await views.names({row.organisation_id for row in rows}, conn=conn)
        held = await store.posts_held([row.id for row in rows], on=on or today, conn=conn)
        return [_person(row, names, held.get(row.id, [])) for row in rows], place(rows, lambda row: (row.name, row.id))

    return await sent(made, PEOPLE, paged(request, read), name="人员名册", day=on or today)


@router.get("/v1/exports/posts")
async def export_posts(
    request: Request,
    today: Today,
    made: As = Format.XLSX,
    on: date | None = None,
    chain: Annotated[ChainCode | None, Query(description="a chain's code")] = None,
    tier: Tier | None = None,
    organisation_id: UUID | None = None,
    vacant: bool | None = None,
) -> StreamingResponse:
    """Posts by title, each with whoever holds it on a day (default: today)."""
    wanted = PostFilter(chain=chain, tier=tier, organisation_id=organisation_id, vacant=vacant)

    async def read(after: tuple[str, UUID] | None, conn: AsyncConnection) -> tuple[list[Row], tuple[str, UUID] | None]:
        rows = await views.posts(wanted, on=on or today, conn=conn, after=after, limit=AT_ONCE)
        chains = await store.chains(conn=conn, ids={id for row in rows for id in row.chain_ids})
        return [_post(row, chains) for row in rows], place(rows, lambda row: (row.title, row.id))

    return await sent(made, POSTS, paged(request, read), name="岗位名册", day=on or today)


@router.get("/v1/exports/enterprises")
async def export_enterprises(
    request: Request, today: Today, words: Sought, made: As = Format.XLSX, chain_id: UUID | None = None
) -> StreamingResponse:
    """Enterprises by name, of one chain or all, and of which chains each is 链主企业 today."""

    async def read(after: tuple[str, UUID] | None, conn: AsyncConnection) -> tuple[list[Row], tuple[str, UUID] | None]:
        found = await enterprise_store.list_enterprises(
            words=words, chain_id=chain_id, conn=conn, after=after, limit=AT_ONCE
        )
        chains = await store.chains(conn=conn, ids={id for one in found for id in one.chain_ids})
        return [_enterprise(one, chains, today) for one in found], place(found, lambda one: (one.name, one.id))

    return await sent(made, ENTERPRISES, paged(request, read), name="企业名录", day=today)


def _organisation(unit: Organisation, names: Mapping[UUID, str]) -> Row:
    former = "、".join(f"{former.name}（至{former.until_day}）" for former in unit.former)
    superior = names[unit.parent_id] if unit.parent_id else ""
    return [unit.name, superior, ORGANISATION_KIND_NAMES[unit.kind] if unit.kind else "", former]


def _person(row: Any, names: Mapping[UUID, str], held: list[HeldPost]) -> Row:
    """The posts that are of another unit than the person are told with it."""
    own = row.organisation_id
    titles = (post.title if post.organisation_id == own else f"{post.organisation_name}/{post.title}" for post in held)
    return [row.name, names[own], "、".join(titles)]


def _post(row: Any, chains: Mapping[UUID, Chain]) -> Row:
    return [
        row.title,
        TIER_NAMES[Tier(row.tier)],
        row.organisation_name,
        "、".join(chains[id].name for id in row.chain_ids),
        row.person_name,
        row.from_day,
        "" if row.person_id else "空缺",
    ]


def _enterprise(one: Enterprise, chains: Mapping[UUID, Chain], today: date) -> Row:
    anchored = [anchor.chain_id for anchor in one.anchors if anchor.covers(today)]
    named = ("、".join(chains[id].name for id in ids if id in chains) for ids in (one.chain_ids, anchored))
    return [one.name, one.uscc, *named]
