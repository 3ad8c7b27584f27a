"""The three lists 在谈, 签约, 在建 (S7): derived from the projects' stages, now or as of a past day."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.api.access import Page, Reader, Today
from services.intake.api.answers import ListShown, ProjectSummary, Shown
from services.intake.api.bodies import ChainCode
from services.intake.domain.errors import DateNotAllowed
from services.intake.domain.statistics.statistics import Tier
from services.intake.domain.terms import LIST_NAMES, ProjectList, wan_as_yi
from services.intake.store import views
from services.intake.store.projects import standings
from services.intake.store.projects.filters import ProjectFilter
from services.intake.store.projects.standings import Wanted
from shared.kit.web.http import Answer, page, reply

router = APIRouter(tags=["lists"])
Code = Annotated[ChainCode | None, Query(description="a chain's code")]
On = Annotated[date | None, Query(description="as of the end of this day; left out: today")]
KnownOn = Annotated[date | None, Query(description="by what was recorded until the end of this day; left out: by all")]


class TierShown(Shown):
    """How many projects reach an amount, and what they come to."""

    at_least_wan: int
    at_least_yi: str
    count: int
    total_wan: int
    total_yi: str

    @classmethod
    def of(cls, tier: Tier) -> Self:
        return cls(
            at_least_wan=tier.at_least_wan,
            at_least_yi=wan_as_yi(tier.at_least_wan),
            count=tier.count,
            total_wan=tier.total_wan,
            total_yi=wan_as_yi(tier.total_wan),
        )


class ListOfDay(ListShown):
    """One of the three lists as of a day. Stages, chains and days are those of that day; master data and holds are as
    they were known on `known_on`, or as they are known now."""

    on: date
    known_on: date | None
    tiers: tuple[TierShown, ...]


@router.get("/v1/lists/{name}", response_model=ListOfDay)
async def show_list(
    name: ProjectList,
    conn: Reader,
    paging: Page,
    today: Today,
    on: On = None,
    known_on: KnownOn = None,
    chain: Code = None,
    responsible_org_id: UUID | None = None,
) -> Response:
    """How many projects, how much, from which amounts on, and a page of them. What ended stands in no list."""
    wanted = await wanted_of(name, on or today, known_on, chain, responsible_org_id, today=today, conn=conn)
    (_, count, total_wan), *tiers = await _totals(wanted, today=today, conn=conn)
    after = paging.start(tuple[str])
    rows = await page_of(wanted, after=after[0] if after else None, limit=paging.limit, today=today, conn=conn)
    shown: dict[str, Any] = {
        "list": name,
        "name": LIST_NAMES[name],
        "on": wanted.on,
        "known_on": known_on,
        "count": count,
        "total_wan": total_wan,
        "total_yi": wan_as_yi(total_wan),
        "tiers": [TierShown.of(Tier(*tier)) for tier in tiers],
    }
    next_after = (rows[-1].code,) if len(rows) == paging.limit else None
    return reply(Answer({**shown, **page([ProjectSummary.of(row) for row in rows], next_after)}))


async def page_of(
    wanted: Wanted, *, after: str | None, limit: int, today: date, conn: AsyncConnection
) -> Sequence[Any]:
    """Projects of a list in order of their codes; today's are read from where they stand, without looking back."""
    if wanted.is_present(today):
        return await views.projects(_present(wanted), conn=conn, after=after, limit=limit)
    return await standings.page(wanted, conn=conn, after=after, limit=limit)


async def _totals(wanted: Wanted, *, today: date, conn: AsyncConnection) -> Sequence[tuple[int, int, int]]:
    tiers = (0, *reference.statistics_policy().tiers_wan)
    if wanted.is_present(today):
        return await views.totals(_present(wanted), tiers, conn=conn)
    return await standings.totals(wanted, tiers, conn=conn)


def _present(wanted: Wanted) -> ProjectFilter:
    return ProjectFilter(in_list=wanted.in_list, chain=wanted.chain, responsible_org_id=wanted.org_id)


async def wanted_of(
    name: ProjectList,
    on: date,
    known_on: date | None,
    chain: str | None,
    org_id: UUID | None,
    *,
    today: date,
    conn: AsyncConnection,
) -> Wanted:
    """Raises DateNotAllowed where a day is yet to come."""
    for day in filter(None, (on, known_on)):
        if day > today:
            raise DateNotAllowed(f"日期{day}不能晚于今天{today}", what="日期", day=day, limit=today)
    known = await standings.known_on(known_on, conn=conn) if known_on and known_on < today else None
    return Wanted(name, on, chain, org_id, known)
