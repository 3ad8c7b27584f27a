"""The workbook of measures: its template, the measures to be edited, and their list taken back row by row (S1)."""

import asyncio
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Reader
from services.intake.api.imports import AROUND_A_FILE, BODY, SHEET, download, import_shown, kept_import, upload_of
from services.intake.api.registers.measures import Registrar
from services.intake.handlers.imports import measure_list as handlers
from services.intake.store.registers import measures as store
from services.intake.store.registers.measures import MeasureFilter
from services.intake.workbook import isolation
from services.intake.workbook.register_lists import MEASURES
from services.intake.workbook.register_sheet import register_sheet
from services.intake.workbook.sheets import MAX_BYTES
from shared.kit.clock import SystemClock
from shared.kit.web.http import Answer, By

router = APIRouter(tags=["measures"])
MAX_SIZE = MAX_BYTES + AROUND_A_FILE
MOST = 5000
TITLE = "措施清单"


@router.get("/v1/measures/template", responses=SHEET, response_class=Response)
async def get_template(conn: Reader) -> Response:
    """The workbook of measures to fill in, with drop-downs and notes."""
    offered = await handlers.offered(conn=conn)
    content = await asyncio.to_thread(register_sheet, TITLE, MEASURES, [], offered)
    return download(content, f"{TITLE}-模板.xlsx")


@router.get("/v1/measures/workbook", responses=SHEET, response_class=Response)
async def export_measures(conn: Reader, document: Annotated[str | None, Query(max_length=200)] = None) -> Response:
    """The measures, to be edited and imported again; without the steps of their timetables."""
    found = await store.list_measures(MeasureFilter(document=document), conn=conn, limit=MOST)
    rows = await handlers.rows_of(found, conn=conn)
    offered = await handlers.offered(conn=conn)
    content = await asyncio.to_thread(register_sheet, TITLE, MEASURES, rows, offered)
    return download(content, f"{TITLE}.xlsx")


@router.post("/v1/measures/imports", status_code=201, max_body_size=MAX_SIZE, openapi_extra={"requestBody": BODY})
async def import_measures(
    request: Request,
    write: Registrar,
    dry_run: Annotated[bool, Query(description="say what would become of each row, and take none")] = False,
    name: Annotated[str, Query(max_length=255, description="the file's name, where the body is the file")] = "",
) -> Response:
    """Take a list of measures: new ones are recorded, edited ones revised; another due day needs its reason.

    What became of each row stays under `/v1/imports/{id}`, the refused ones as an error sheet.
    """
    upload = await upload_of(request, name)
    read = await isolation.read_fields(upload.content, MEASURES)

    async def work(conn: AsyncConnection, by: By) -> Answer:
        moved_at = SystemClock().now()
        import_id = await handlers.import_measures(upload, read, dry_run=dry_run, moved_at=moved_at, conn=conn, by=by)
        shown = import_shown(await kept_import(import_id, conn))
        return Answer(shown, status=201, location=f"/v1/imports/{import_id}")

    return await write(work, fingerprint=sha256(upload.content).digest())
