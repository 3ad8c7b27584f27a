"""The workbook of measures: its template, the measures to be edited, and their list taken back row by row (S1)."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.intake.api.access import Reader
from services.intake.api.imports import BODY, MAX_SIZE, SHEET, DryRun, FileName, download, take_list
from services.intake.api.registers.measures import Registrar
from services.intake.handlers.imports import measure_list as handlers
from services.intake.handlers.imports.register_list import MOST_ROWS, TooManyRows
from services.intake.store.registers import measures as store
from services.intake.store.registers.measures import MeasureFilter
from services.intake.workbook.register_lists import MEASURES
from services.intake.workbook.register_sheet import register_sheet

router = APIRouter(tags=["measures"])
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
    found = await store.list_measures(MeasureFilter(document=document), conn=conn, limit=MOST_ROWS + 1)
    if len(found) > MOST_ROWS:
        raise TooManyRows(f"一次最多导出{MOST_ROWS}条措施供修改，请按出处文件分别导出")
    rows = await handlers.rows_of(found, conn=conn)
    offered = await handlers.offered(conn=conn)
    content = await asyncio.to_thread(register_sheet, TITLE, MEASURES, rows, offered)
    return download(content, f"{TITLE}.xlsx")


@router.post("/v1/measures/imports", status_code=201, max_body_size=MAX_SIZE, openapi_extra={"requestBody": BODY})
async def import_measures(
    request: Request,
    write: Registrar,
    dry_run: DryRun = False,
    name: FileName = "",
) -> Response:
    """Take a list of measures: new ones are recorded, edited ones revised; another due day needs its reason.

    What became of each row stays under `/v1/imports/{id}`, the refused ones as an error sheet.
    """
    return await take_list(request, write, MEASURES, handlers.import_measures, name=name, dry_run=dry_run)
