"""A register's workbook: its template, its entries to be edited, and its list taken back row by row."""

import asyncio
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.intake.api.access import Clerk, Reader
from services.intake.api.imports import BODY, MAX_SIZE, SHEET, DryRun, FileName, download, take_list
from services.intake.api.registers.registers import Of, YearOf
from services.intake.domain.errors import RecordMissing
from services.intake.handlers.imports import register_list as handlers
from services.intake.store.registers import registers as store
from services.intake.workbook.register_lists import layout_of
from services.intake.workbook.register_sheet import plain_sheet, register_sheet

router = APIRouter(tags=["registers"])


@router.get("/v1/registers/{key}/template", responses=SHEET, response_class=Response)
async def get_template(register: Of, conn: Reader) -> Response:
    """The register's workbook to fill in, with drop-downs and notes."""
    offered = await handlers.offered(register, conn=conn)
    content = await asyncio.to_thread(register_sheet, register.name, layout_of(register), [], offered)
    return download(content, f"{register.name}-模板.xlsx")


@router.get("/v1/registers/{key}/workbook", responses=SHEET, response_class=Response)
async def export_register(
    register: Of,
    conn: Reader,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    chain_id: UUID | None = None,
) -> Response:
    """The register's entries, to be edited and imported again: only what was edited changes."""
    wanted = store.live_of(register.key, year=year, chain_id=chain_id)
    entries = [entry for _, entry in await store.list_entries(wanted, conn=conn)]
    rows = await handlers.rows_of(register, entries, conn=conn)
    offered = await handlers.offered(register, conn=conn)
    content = await asyncio.to_thread(register_sheet, register.name, layout_of(register), rows, offered)
    return download(content, f"{register.name}{year or ''}.xlsx")


@router.get("/v1/registers/{key}/lists/{year}/workbook", responses=SHEET, response_class=Response)
async def export_frozen_list(register: Of, year: YearOf, conn: Reader) -> Response:
    """A year's list as it was frozen; 404 before that."""
    frozen = await store.frozen(register.key, year, conn=conn)
    if frozen is None:
        raise RecordMissing("定库清单", f"{register.key} {year}")
    rows = handlers.frozen_rows(frozen.event)
    content = await asyncio.to_thread(plain_sheet, register.name, handlers.frozen_layout(register), rows)
    return download(content, f"{year}年度{register.name}（{frozen.event.frozen_on}定库）.xlsx")


@router.post(
    "/v1/registers/{key}/imports", status_code=201, max_body_size=MAX_SIZE, openapi_extra={"requestBody": BODY}
)
async def import_register(
    register: Of,
    request: Request,
    write: Clerk,
    dry_run: DryRun = False,
    name: FileName = "",
) -> Response:
    """Take a register's list: new rows are recorded, edited ones revised, every sound row whatever the others are like.

    What became of each row stays under `/v1/imports/{id}`, the refused ones as an error sheet.
    """
    layout = layout_of(register)
    take = partial(handlers.import_register, register, layout)
    return await take_list(request, write, layout, take, name=name, dry_run=dry_run)
