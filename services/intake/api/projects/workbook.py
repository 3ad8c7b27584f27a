"""Projects as the workbook that an import takes: out, edited, and in again by `/v1/imports`."""

import asyncio

from fastapi import APIRouter, Response

from services.intake.api.access import Reader, Today
from services.intake.api.imports import SHEET, chain_names, download
from services.intake.api.projects.filters import Narrowed
from services.intake.handlers.imports.project_rows import workbook_rows
from services.intake.workbook.template import template

router = APIRouter(tags=["projects"])


@router.get("/v1/projects/workbook", responses=SHEET, response_class=Response)
async def export_workbook(conn: Reader, today: Today, wanted: Narrowed) -> Response:
    """Projects with their timetables, to be edited and imported again: only what was edited changes.

    At most 20,000: more are to be narrowed down.
    """
    rows = await workbook_rows(wanted, today=today, conn=conn)
    content = await asyncio.to_thread(template, await chain_names(conn), rows)
    return download(content, f"项目清单-{today:%Y%m%d}.xlsx")
