"""The workbook of leads: its template, the leads to be edited, and their list taken back row by row (S13)."""

import asyncio
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Reader
from services.intake.api.imports import AROUND_A_FILE, BODY, SHEET, download, import_shown, kept_import, upload_of
from services.intake.domain.promotion.promotion import Kind, RecordStatus
from services.intake.handlers.imports import lead_list as handlers
from services.intake.handlers.imports.register_list import MOST_ROWS, TooManyRows
from services.intake.store.promotion import promotion as store
from services.intake.store.promotion.promotion import RecordFilter
from services.intake.workbook import isolation
from services.intake.workbook.lead_lists import LEADS
from services.intake.workbook.register_sheet import register_sheet
from services.intake.workbook.sheets import MAX_BYTES
from shared.kit.clock import SystemClock
from shared.kit.web.http import Answer, By

router = APIRouter(tags=["promotion"])
MAX_SIZE = MAX_BYTES + AROUND_A_FILE
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
    dry_run: Annotated[bool, Query(description="say what would become of each row, and take none")] = False,
    name: Annotated[str, Query(max_length=255, description="the file's name, where the body is the file")] = "",
) -> Response:
    """Take a list of leads: new ones are recorded, edited ones revised, every sound row whatever the others are like.

    What became of each row stays under `/v1/imports/{id}`, the refused ones as an error sheet.
    """
    upload = await upload_of(request, name)
    read = await isolation.read_fields(upload.content, LEADS)

    async def work(conn: AsyncConnection, by: By) -> Answer:
        moved_at = SystemClock().now()
        import_id = await handlers.import_leads(upload, read, dry_run=dry_run, moved_at=moved_at, conn=conn, by=by)
        shown = import_shown(await kept_import(import_id, conn))
        return Answer(shown, status=201, location=f"/v1/imports/{import_id}")

    return await write(work, fingerprint=sha256(upload.content).digest())
