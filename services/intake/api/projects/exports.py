"""What is recorded of projects beside their stages, as files for offices: CSV or xlsx."""

from collections.abc import Collection
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Today
from services.intake.api.bodies import ChainCode
from services.intake.api.files import AT_ONCE, As, files_router, paged, place, sent
from services.intake.api.projects.corrections import CorrectionShown
from services.intake.api.projects.reports import DueShown, Month
from services.intake.api.projects.support import NeedShown, needs_shown
from services.intake.domain.projects.corrections import CorrectionStatus
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.support import NeedStatus
from services.intake.domain.projects.timetable import Lines
from services.intake.store.projects import corrections as correction_store
from services.intake.store.projects import projects as project_store
from services.intake.store.projects import reports as report_store
from services.intake.store.projects import support as need_store
from services.intake.workbook.tables import Format, Heading, Row

ByDay = tuple[date, UUID] | None
router = files_router()

_PROJECT = (Heading("项目编号", 18), Heading("项目名称", 40))
NEEDS = (
    *_PROJECT,
    Heading("需求类型", 12),
    Heading("需求内容", 50),
    Heading("提出日期", 12),
    Heading("解决时限", 12),
    Heading("责任岗位", 24),
    Heading("状态", 12),
    Heading("是否超期", 10),
    Heading("解决日期", 12),
    Heading("办理结果", 40),
)
CORRECTIONS = (
    *_PROJECT,
    Heading("更正方式", 14),
    Heading("原记录", 16),
    Heading("原因", 50),
    Heading("申请日期", 12),
    Heading("申请人", 14),
    Heading("状态", 12),
    Heading("审核日期", 12),
    Heading("审核人", 14),
    Heading("审核意见", 40),
)
REPORTS = (
    *_PROJECT,
    Heading("责任单位", 24),
    Heading("总投资（万元）", 16),
    Heading("年度计划投资（万元）", 20),
    Heading("是否已报", 10),
    Heading("当月完成投资（万元）", 20),
    Heading("累计完成投资（万元）", 20),
    Heading("到位资金（万元）", 18),
    Heading("形象进度", 50),
)


@router.get("/v1/exports/needs")
async def export_needs(
    request: Request, today: Today, made: As = Format.XLSX, status: NeedStatus | None = None
) -> StreamingResponse:
    """要素保障 needs of all projects, in order of their due days."""

    async def read(after: ByDay, conn: AsyncConnection) -> tuple[list[Row], ByDay]:
        found = await need_store.needs(status=status, after=after, limit=AT_ONCE, conn=conn)
        of = await _projects({need.project_id for need in found}, conn=conn)
        told = await needs_shown(found, today=today, conn=conn)
        return [_need(item, of[item.project_id]) for item in told], place(found, lambda need: (need.due_on, need.id))

    return await sent(made, NEEDS, paged(request, read), name="要素保障需求", day=today)


@router.get("/v1/exports/corrections")
async def export_corrections(
    request: Request, today: Today, made: As = Format.XLSX, status: CorrectionStatus | None = None
) -> StreamingResponse:
    """Corrections of all projects, in the order of the days on which they were asked for."""

    async def read(after: ByDay, conn: AsyncConnection) -> tuple[list[Row], ByDay]:
        found = await correction_store.corrections(status=status, after=after, limit=AT_ONCE, conn=conn)
        of = await _projects({item.project_id for item in found}, conn=conn)
        rows = [_correction(CorrectionShown.of(item), of[item.project_id]) for item in found]
        return rows, place(found, lambda item: (item.requested_on, item.id))

    return await sent(made, CORRECTIONS, paged(request, read), name="更正申请", day=today)


@router.get("/v1/exports/reports/{month}")
async def export_reports(
    month: Month,
    request: Request,
    today: Today,
    made: As = Format.XLSX,
    chain: Annotated[ChainCode | None, Query(description="a chain's code")] = None,
    submitted: Annotated[bool | None, Query(description="false: those that have not reported yet")] = None,
    responsible_org_id: UUID | None = None,
) -> StreamingResponse:
    """The projects that report a month, by code, with what they reported; empty where they have not yet."""

    async def read(after: str | None, conn: AsyncConnection) -> tuple[list[Row], str | None]:
        found = await report_store.due(
            month,
            chain=chain,
            submitted=submitted,
            responsible_org_id=responsible_org_id,
            after=after,
            limit=AT_ONCE,
            conn=conn,
        )
        return [_report(DueShown.of(item)) for item in found], place(found, lambda item: item.code)

    return await sent(made, REPORTS, paged(request, read), name=f"{month:%Y年%m月}月报", day=today)


async def _projects(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Project]:
    return await project_store.load_many(ids, Lines(), conn=conn)


def _need(item: NeedShown, project: Project) -> Row:
    return [
        project.code,
        project.name,
        item.kind_name,
        item.text,
        item.raised_on,
        item.due_on,
        item.responsible_post_title,
        item.status_name,
        "超期" if item.late else "",
        item.met_on,
        item.outcome,
    ]


def _correction(item: CorrectionShown, project: Project) -> Row:
    return [
        project.code,
        project.name,
        item.kind_name,
        item.record_name,
        item.reason,
        item.requested_on,
        item.requested_by,
        item.status_name,
        item.decided_on,
        item.decided_by,
        item.opinion,
    ]


def _report(item: DueShown) -> Row:
    figures = (item.completed_in_month_wan, item.completed_to_date_wan, item.funds_in_place_wan, item.visual_progress)
    return [
        item.code,
        item.name,
        item.responsible_org_name,
        item.total_investment_wan,
        item.annual_plan_wan,
        "已报" if item.submitted else "未报",
        *(figures if item.submitted else (None,) * len(figures)),
    ]
