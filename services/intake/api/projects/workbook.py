"""Projects as the workbook that an import takes: out, edited, and in again by `/v1/imports`."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.intake.api.access import Reader, Today
from services.intake.api.bodies import ChainCode
from services.intake.api.imports import SHEET, chain_names, download
from services.intake.domain.terms import HoldStatus, ProjectList
from services.intake.handlers.imports.project_rows import workbook_rows
from services.intake.store.views import ProjectFilter
from services.intake.workbook.template import template
from shared.contracts.projects import Stage

router = APIRouter(tags=["projects"])


@router.get("/v1/projects/workbook", responses=SHEET, response_class=Response)
async def export_workbook(
    conn: Reader,
    today: Today,
    stage: Stage | None = None,
    chain: Annotated[ChainCode | None, Query(description="a chain's code")] = None,
    responsible_org_id: UUID | None = None,
    hold_status: HoldStatus | None = None,
    in_list: Annotated[ProjectList | None, Query(alias="list")] = None,
) -> Response:
    """Projects with their timetables, to be edited and imported again: only what was edited changes.

    At most 20,000: more are to be narrowed down.
    """
    wanted = ProjectFilter(stage, chain, responsible_org_id, hold_status, in_list)
    rows = await workbook_rows(wanted, today=today, conn=conn)
    content = await asyncio.to_thread(template, await chain_names(conn), rows)
    return download(content, f"项目清单-{today:%Y%m%d}.xlsx")
