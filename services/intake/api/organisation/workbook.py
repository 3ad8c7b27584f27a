"""The organisation as the workbook that an import takes: out, edited, and in again by `/v1/imports` (S2)."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.intake.api.access import Reader, Today
from services.intake.api.imports import SHEET, chain_names, download
from services.intake.handlers.imports.roster_rows import workbook_rows
from services.intake.workbook.template import template

router = APIRouter(tags=["organisations"])


@router.get("/v1/organisations/workbook", responses=SHEET, response_class=Response)
async def export_workbook(
    conn: Reader,
    today: Today,
    under: Annotated[UUID | None, Query(description="a unit, with all that stand below it")] = None,
) -> Response:
    """Units with their superiors, posts and holders, to be edited and imported again: only what was edited changes.

    Task forces that were dissolved are left out. At most 20,000 rows: more are to be narrowed down.
    """
    rows = await workbook_rows(under=under, today=today, conn=conn)
    content = await asyncio.to_thread(template, await chain_names(conn), (), rows)
    return download(content, f"机构人员-{today:%Y%m%d}.xlsx")
