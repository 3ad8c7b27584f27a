"""A register's workbook: its template, its entries to be edited, and its list taken back row by row."""

import asyncio
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Reader
from services.intake.api.imports import AROUND_A_FILE, BODY, SHEET, download, import_shown, kept_import, upload_of
from services.intake.api.registers.registers import Of, YearOf
from services.intake.domain.errors import RecordMissing
from services.intake.handlers.imports import register_list as handlers
from services.intake.store.registers import registers as store
from services.intake.workbook import isolation
from services.intake.workbook.register_lists import layout_of
from services.intake.workbook.register_sheet import plain_sheet, register_sheet
from services.intake.workbook.sheets import MAX_BYTES
from shared.kit.clock import SystemClock
from shared.kit.web.http import Answer, By

router = APIRouter(tags=["registers"])
MAX_SIZE = MAX_BYTES + AROUND_A_FILE


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
    dry_run: Annotated[bool, Query(description="say what would become of each row, and take none")] = False,
    name: Annotated[str, Query(max_length=255, description="the file's name, where the body is the file")] = "",
) -> Response:
    """Take a register's list: new rows are recorded, edited ones revised, every sound row whatever the others are like.

    What became of each row stays under `/v1/imports/{id}`, the refused ones as an error sheet.
    """
    upload, layout = await upload_of(request, name), layout_of(register)
    read = await isolation.read_fields(upload.content, layout)

    async def work(conn: AsyncConnection, by: By) -> Answer:
        import_id = await handlers.import_register(
            register, layout, upload, read, dry_run=dry_run, moved_at=SystemClock().now(), conn=conn, by=by
        )
        shown = import_shown(await kept_import(import_id, conn))
        return Answer(shown, status=201, location=f"/v1/imports/{import_id}")

    return await write(work, fingerprint=sha256(upload.content).digest())
