"""Projects, the three lists and statistics as files for offices."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Reader, Today
from services.intake.api.files import AT_ONCE, As, files_router, in_runs, paged, place, sent
from services.intake.api.projects.filters import Narrowed
from services.intake.api.projects.lists import Code, KnownOn, On, page_of, wanted_of
from services.intake.api.statistics import Of, issue_of
from services.intake.domain import terms
from services.intake.domain.statistics.statistics import (
    CAPITAL_NAMES,
    DIMENSION_NAMES,
    REASON_NAMES,
    Dimension,
    Report,
    Signing,
    groups,
)
from services.intake.domain.terms import ProjectList
from services.intake.handlers import statistics as handlers
from services.intake.store import views
from services.intake.workbook.tables import Format, Heading, Row

router = files_router()

PROJECTS = (
    Heading("项目编号", 18),
    Heading("项目名称", 40),
    Heading("所属产业链", 26),
    Heading("责任单位", 24),
    Heading("项目类型", 10),
    Heading("总投资（万元）", 16),
    Heading("当前阶段", 10),
    Heading("签约时间", 12),
    Heading("签约金额（万元）", 16),
    Heading("开工时间", 12),
    Heading("推进状态", 12),
)
SIGNINGS = (
    Heading("项目编号", 18),
    Heading("项目名称", 40),
    Heading("产业链", 26),
    Heading("责任单位", 24),
    Heading("园区", 20),
    Heading("项目类型", 10),
    Heading("资金来源", 10),
    Heading("签约时间", 12),
    Heading("签约金额（万元）", 16),
)
FIGURES = (Heading("分类", 12), Heading("名称", 30), Heading("项目数"), Heading("总投资（万元）", 16))


@router.get("/v1/exports/projects")
async def export_projects(
    request: Request, today: Today, wanted: Narrowed, made: As = Format.XLSX
) -> StreamingResponse:
    """Projects in order of their codes: those that the list shows with the same filters."""

    async def read(after: str | None, conn: AsyncConnection) -> tuple[list[Row], str | None]:
        found = await views.projects(wanted, conn=conn, after=after, limit=AT_ONCE)
        return [_project(row) for row in found], place(found, lambda row: row.code)

    return await sent(made, PROJECTS, paged(request, read), name="项目清单", day=today)


@router.get("/v1/exports/lists/{name}")
async def export_list(
    name: ProjectList,
    request: Request,
    conn: Reader,
    today: Today,
    made: As = Format.XLSX,
    on: On = None,
    known_on: KnownOn = None,
    chain: Code = None,
    responsible_org_id: UUID | None = None,
) -> StreamingResponse:
    """One of the three lists, today's or a past day's."""
    wanted = await wanted_of(name, on or today, known_on, chain, responsible_org_id, today=today, conn=conn)

    async def read(after: str | None, conn: AsyncConnection) -> tuple[list[Row], str | None]:
        found = await page_of(wanted, after=after, limit=AT_ONCE, today=today, conn=conn)
        return [_project(row) for row in found], place(found, lambda row: row.code)

    return await sent(made, PROJECTS, paged(request, read), name=f"{terms.LIST_NAMES[name]}项目清单", day=wanted.on)


@router.get("/v1/exports/signings")
async def export_signings(
    period: Of,
    conn: Reader,
    today: Today,
    made: As = Format.XLSX,
    counted: Annotated[bool, Query(description="false: what was signed in the period and does not count")] = True,
) -> StreamingResponse:
    """The projects behind a period's figures, or those left out, with the reasons."""
    found = await handlers.present_report(period, conn=conn)
    if counted:
        rows = [_signing(signing) for signing in found.counted]
        return await sent(made, SIGNINGS, in_runs(rows), name=f"{period.words}新签约项目", day=today)
    rows = [[*_signing(signing), REASON_NAMES[reason]] for signing, reason in found.left_out]
    headings = (*SIGNINGS, Heading("未计入原因", 24))
    return await sent(made, headings, in_runs(rows), name=f"{period.words}未计入项目", day=today)


@router.get("/v1/exports/statistics")
async def export_statistics(
    period: Of,
    conn: Reader,
    today: Today,
    by: Annotated[tuple[Dimension, ...], Query(max_length=len(Dimension))] = tuple(Dimension),
    made: As = Format.XLSX,
) -> StreamingResponse:
    """A period's figures, and their parts by each dimension."""
    found = await handlers.present_report(period, conn=conn)
    headings = (
        *FIGURES,
        *(Heading(f"{terms.wan_as_yi(tier)}亿元及以上（个）", 20) for tier in found.policy.tiers_wan[1:]),
    )
    return await sent(made, headings, in_runs(list(_figures(found, by))), name=f"{period.words}签约统计", day=today)


@router.get("/v1/exports/publications/{publication_id}")
async def export_publication(
    publication_id: UUID,
    conn: Reader,
    made: As = Format.XLSX,
    correction: Annotated[int, Query(ge=0, le=10_000, description="0: as published")] = 0,
) -> StreamingResponse:
    """The list behind published figures, or behind those of a correction."""
    publication = await handlers.publication_of(publication_id, conn=conn)
    issue = issue_of(publication, correction)
    rows = [_signing(signing) for signing in issue.signings]
    name = f"{publication.period.words}第{publication.number}号" + (f"更正第{correction}号" if correction else "")
    return await sent(made, SIGNINGS, in_runs(rows), name=name, day=issue.issued_on)


def _project(row: Any) -> Row:
    return [
        row.code,
        row.name,
        row.chain_name,
        row.responsible_org_name,
        terms.KIND_NAMES[row.kind],
        row.total_investment_wan,
        terms.STAGE_NAMES[row.stage],
        row.signed_on,
        row.signed_amount_wan,
        row.started_on,
        terms.HOLD_NAMES[row.hold_status],
    ]


def _signing(signing: Signing) -> list[Any]:
    return [
        signing.code,
        signing.name,
        signing.chain_name,
        signing.org_name,
        signing.park_name,
        terms.KIND_NAMES[signing.kind],
        CAPITAL_NAMES[signing.capital_source],
        signing.signed_on,
        signing.amount_wan,
    ]


def _figures(found: Report, by: Iterable[Dimension]) -> Iterable[Row]:
    parts = [("合计", "", found.figures)]
    for dimension in dict.fromkeys(by):
        parts += [(DIMENSION_NAMES[dimension], group.name, group.figures) for group in groups(found, dimension)]
    for kind, name, figures in parts:
        yield [kind, name, figures.count, figures.total_wan, *(tier.count for tier in figures.tiers[1:])]
