"""The workbook of leads: its template, the leads to be edited, and their list taken back row by row (S13)."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.intake.api.access import Clerk, Reader
from services.intake.api.imports import BODY, MAX_SIZE, SHEET, DryRun, FileName, download, take_list
from services.intake.domain.promotion.promotion import Kind, RecordStatus
from services.intake.handlers.imports import lead_list as handlers
from services.intake.handlers.imports.register_list import MOST_ROWS, TooManyRows
from services.intake.store.promotion import promotion as store
from services.intake.store.promotion.promotion import RecordFilter
from services.intake.workbook.lead_lists import LEADS
from services.intake.workbook.register_sheet import register_sheet

router = APIRouter(tags=["promotion"])
TITLE = "招商线索"


@router.get("/v1/leads/template", responses=SHEET, response_class=Response)
async def get_template(conn: Reader) -> Response:
    """The workbook of leads to fill in, with drop-downs and notes."""
    content = await asyncio.to_thread(register_sheet, TITLE, LEADS, [], await handlers.offered(conn=conn))
    return download(content, f"{TITLE}-模板.xlsx")


@router.get("/v1/leads/workbook", responses=SHEET, response_class=Response)
async def export_leads(conn: Reader, chain_id: UUID | None = None, occasion_id: UUID | None = None) -> Response:
    """The leads that are being followed, to be edited and imported again: only what was edited changes."""
    wanted = RecordFilter(Kind.LEAD, chain_id, status=RecordStatus.STANDING, occasion_id=occasion_id)
    found = await store.list_records(wanted, conn=conn, limit=MOST_ROWS + 1)
    if len(found) > MOST_ROWS:
        raise TooManyRows(f"一次最多导出{MOST_ROWS}条线索供修改，请按产业链分别导出")
    rows = await handlers.rows_of([lead for _, lead in found], conn=conn)
    content = await asyncio.to_thread(register_sheet, TITLE, LEADS, rows, await handlers.offered(conn=conn))
    return download(content, f"{TITLE}.xlsx")


@router.post("/v1/leads/imports", status_code=201, max_body_size=MAX_SIZE, openapi_extra={"requestBody": BODY})
async def import_leads(
    request: Request,
    write: Clerk,
    dry_run: DryRun = False,
    name: FileName = "",
) -> Response:
    """Take a list of leads: new ones are recorded, edited ones revised, every sound row whatever the others are like.

    What became of each row stays under `/v1/imports/{id}`, the refused ones as an error sheet.
    """
    return await take_list(request, write, LEADS, handlers.import_leads, name=name, dry_run=dry_run)
