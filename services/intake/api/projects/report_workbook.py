"""The workbook of monthly reports: a month's list out, filled in, and taken back row by row."""

import asyncio
from datetime import date
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.intake.api.access import Reader
from services.intake.api.bodies import ChainCode
from services.intake.api.imports import BODY, MAX_SIZE, SHEET, DryRun, FileName, download, take_list
from services.intake.api.projects.reports import MONTH, Reporter
from services.intake.domain.imports.report_list import month_name
from services.intake.handlers.imports import report_list as handlers
from services.intake.workbook.register_sheet import register_sheet
from services.intake.workbook.report_lists import REPORTS

router = APIRouter(tags=["reports"])
TITLE = "项目月报"


def month_asked(month: Annotated[str, Query(pattern=MONTH, description="as 2026-03")]) -> date:
    """The first day of the month that the query names."""
    return date.fromisoformat(f"{month}-01")


Month = Annotated[date, Depends(month_asked)]


@router.get("/v1/reports/workbook", responses=SHEET, response_class=Response)
async def export_month(
    month: Month,
    conn: Reader,
    chain: Annotated[ChainCode | None, Query(description="a chain's code")] = None,
    responsible_org_id: UUID | None = None,
) -> Response:
    """The projects that report a month, each with its report or what is offered, to be filled in and imported.

    At most 5,000: more are to be narrowed down.
    """
    rows = await handlers.due_rows(month, chain=chain, responsible_org_id=responsible_org_id, conn=conn)
    content = await asyncio.to_thread(register_sheet, TITLE, REPORTS, rows, {})
    return download(content, f"{TITLE}-{month_name(month)}.xlsx")


@router.post("/v1/reports/imports", status_code=201, max_body_size=MAX_SIZE, openapi_extra={"requestBody": BODY})
async def import_month(
    request: Request,
    month: Month,
    write: Reporter,
    dry_run: DryRun = False,
    name: FileName = "",
) -> Response:
    """Take a month's list: each row that was filled in or edited is that project's report, checked as one is.

    Rows left as they were exported report nothing. What became of each row stays under `/v1/imports/{id}`, the refused
    ones as an error sheet.
    """
    take = partial(handlers.import_reports, month)
    return await take_list(request, write, REPORTS, take, name=name, dry_run=dry_run)
