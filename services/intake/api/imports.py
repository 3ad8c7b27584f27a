"""Imports of workbooks: the file in, what became of each row, and the refused rows as an error sheet."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import UploadFile

from services.intake import reference
from services.intake.api.access import Page, Reader, Registrar
from services.intake.domain.errors import RecordMissing
from services.intake.handlers.imports.imports import RowKind, RowOutcome, Upload, accept_workbook
from services.intake.handlers.imports.lead_list import LIST_KEY as LEADS_KEY
from services.intake.handlers.imports.measure_list import LIST_KEY as MEASURES_KEY
from services.intake.handlers.imports.register_list import open_chains
from services.intake.handlers.imports.report_list import LIST_KEY as REPORTS_KEY
from services.intake.importer import carry_out, carry_out_behind
from services.intake.store import imports as store
from services.intake.store.imports import KeptImport, Status
from services.intake.workbook import isolation
from services.intake.workbook.lead_lists import LEADS
from services.intake.workbook.problems import UnknownFormat, WorkbookTooLarge
from services.intake.workbook.register_lists import MEASURES, Layout, layout_of
from services.intake.workbook.report_lists import REPORTS
from services.intake.workbook.results import ReadWorkbook, Reason, RejectedRow
from services.intake.workbook.sheets import MAX_BYTES
from services.intake.workbook.template import template
from shared.kit.clock import SystemClock
from shared.kit.errors import Conflict, DomainError, Invalid
from shared.kit.process.declaration import Platform
from shared.kit.web.http import Answer, By, Write, page, reply
from shared.kit.web.security import Role, require

router = APIRouter(tags=["imports"])
STATUSES: dict[type[DomainError], int] = {UnknownFormat: 415, WorkbookTooLarge: 413}

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
AROUND_A_FILE = 64 * 1024
LAYOUTS = {MEASURES_KEY: MEASURES, LEADS_KEY: LEADS, REPORTS_KEY: REPORTS}
"""The columns of lists that are no register's, by what their rows name as their list."""
OUTCOME_NAMES = {
    RowOutcome.IMPORTED: "新增",
    RowOutcome.CHANGED: "变更",
    RowOutcome.UNCHANGED: "未变",
    RowOutcome.REFUSED: "退回",
}
_BINARY = {"type": "string", "format": "binary"}
BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY}}},
        XLSX: {"schema": _BINARY},
        "application/octet-stream": {"schema": _BINARY},
    },
}
SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {XLSX: {"schema": _BINARY}}}}


MAX_SIZE = MAX_BYTES + AROUND_A_FILE
DryRun = Annotated[bool, Query(description="say what would become of each row, and take none")]
FileName = Annotated[str, Query(max_length=255, description="the file's name, where the body is the file")]
TakeRows = Callable[..., Awaitable[UUID]]
"""Takes `(upload, read, *, dry_run, moved_at, conn, by)` and gives the import's id."""


class NoFile(Invalid):
    """The request carries no file."""


class ImportFailed(Conflict):
    """The import met a fault of ours and was given up."""


@router.post(
    "/v1/imports",
    status_code=201,
    max_body_size=MAX_SIZE,
    openapi_extra={"requestBody": BODY},
    responses={202: {"content": {"application/json": {}}, "description": "Accepted: it is carried out behind"}},
)
async def import_lists(
    request: Request,
    write: Registrar,
    dry_run: Annotated[bool, Query(description="say what would be taken, and take nothing")] = False,
    name: FileName = "",
    prefer: Annotated[str, Header(description="respond-async: answer 202 once the file is accepted")] = "",
) -> Response:
    """Take a workbook's lists, organisation first, then projects: every sound row, whatever the others are like.

    Projects are taken a hundred rows at a time, each hundred as one; an import that is interrupted is carried on. With
    `Prefer: respond-async` the answer is a 202 at once, and the import tells its progress.
    """
    platform: Platform = request.app.state.platform
    upload = await upload_of(request, name)
    read = await _read(upload)

    async def work(conn: AsyncConnection, by: By) -> Answer:
        moved_at = SystemClock().now()
        accepted = await accept_workbook(upload, read, dry_run=dry_run, moved_at=moved_at, conn=conn, by=by)
        kept = await kept_import(accepted.id, conn)
        return Answer(_about(kept), status=202, location=f"/v1/imports/{kept.id}")

    accepted = await write(work, fingerprint=sha256(upload.content).digest())
    import_id = UUID(orjson.loads(accepted.body)["id"])
    if "respond-async" in prefer.lower():
        carry_out_behind(import_id, read, platform=platform)
        accepted.headers["preference-applied"] = "respond-async"
        return accepted
    await carry_out(import_id, read, platform=platform)
    return await _report(import_id, platform=platform, replayed=accepted.headers.get("idempotency-replayed"))


@router.get("/v1/imports")
async def list_imports(conn: Reader, paging: Page) -> dict[str, Any]:
    """Imports, the latest first, without their rows."""
    before = paging.start(tuple[datetime, UUID])
    found = await store.latest(before=before, limit=paging.limit, conn=conn)
    next_after = (found[-1].at, found[-1].id) if len(found) == paging.limit else None
    return page([_about(kept) for kept in found], next_after)


@router.get("/v1/imports/template", responses=SHEET, response_class=Response)
async def get_template(conn: Reader) -> Response:
    """The workbook to fill in, with drop-downs and notes."""
    content = await asyncio.to_thread(template, await chain_names(conn))
    return download(content, "链督导入模板.xlsx")


@router.get("/v1/imports/{import_id}")
async def show_import(import_id: UUID, conn: Reader) -> Response:
    """How far an import has come; once it has ended, what became of each row."""
    return reply(Answer(import_shown(await kept_import(import_id, conn))))


@router.get(
    "/v1/imports/{import_id}/error-sheet",
    responses=SHEET,
    response_class=Response,
    dependencies=[Depends(require(Role.CLERK, Role.REVIEWER, Role.SUPERVISOR, Role.CHIEF, Role.OPERATOR))],
)
async def get_error_sheet(import_id: UUID, request: Request) -> Response:
    """The refused rows as they were, bad cells marked, with the reasons; 404 where no row was refused."""
    platform: Platform = request.app.state.platform
    async with platform.engine.connect() as conn:
        kept = await kept_import(import_id, conn)
        rejected = [_rejected(row) for row in kept.rows if row["outcome"] == RowOutcome.REFUSED]
        content = await store.content_of(import_id, conn=conn) if rejected else None
    if content is None:
        raise RecordMissing("错误清单", import_id)
    sheet = await _error_sheet(content, rejected, register=kept.rows[0].get("register"))
    return download(sheet, f"{stem_of(kept.file_name)}-错误清单.xlsx")


async def _error_sheet(content: bytes, rejected: Sequence[RejectedRow], *, register: str | None) -> bytes:
    if register is None:
        return await isolation.error_sheet(content, rejected)
    layout = LAYOUTS.get(register) or layout_of(reference.registers()[register])
    return await isolation.fields_error_sheet(content, rejected, layout)


async def _report(import_id: UUID, *, platform: Platform, replayed: str | None) -> Response:
    async with platform.engine.connect() as conn:
        kept = await kept_import(import_id, conn)
    if kept.status is Status.FAILED:
        raise ImportFailed("导入因系统故障中断，请重新导入同一文件；已登记的行不会重复", id=str(import_id))
    response = reply(Answer(import_shown(kept), status=201, location=f"/v1/imports/{import_id}"))
    if replayed:
        response.headers["idempotency-replayed"] = replayed
    return response


async def upload_of(request: Request, name: str) -> Upload:
    """The file of a form's part `file`, or the body itself."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                raise NoFile("请求中没有文件，表单项名称须为 file")
            return Upload(_plain_name(part.filename or name), await part.read())
    content = await request.body()
    if not content:
        raise NoFile("请求中没有文件")
    return Upload(_plain_name(name), content)


async def take_list(
    request: Request, write: Write, layout: Layout, take: TakeRows, *, name: str, dry_run: bool
) -> Response:
    """A list's file, taken by `take` in the write's transaction; what became of its rows."""
    upload = await upload_of(request, name)
    read = await isolation.read_fields(upload.content, layout)

    async def work(conn: AsyncConnection, by: By) -> Answer:
        moved_at = SystemClock().now()
        import_id = await take(upload, read, dry_run=dry_run, moved_at=moved_at, conn=conn, by=by)
        shown = import_shown(await kept_import(import_id, conn))
        return Answer(shown, status=201, location=f"/v1/imports/{import_id}")

    return await write(work, fingerprint=sha256(upload.content).digest())


async def _read(upload: Upload) -> ReadWorkbook:
    try:
        return await isolation.read_workbook(upload.content)
    except UnknownFormat as error:
        if upload.name.lower().endswith(".csv"):
            raise UnknownFormat("不是 Excel 工作簿（csv），请另存为 xlsx 后导入") from error
        raise


async def chain_names(conn: AsyncConnection) -> list[str]:
    """The chains that the template offers to choose from."""
    return [chain.name for chain in await open_chains(conn=conn)]


def _plain_name(name: str) -> str:
    return "".join(filter(str.isprintable, PurePath(name.replace("\\", "/")).name))[:255]


def stem_of(name: str) -> str:
    """A file's name without its ending, nor that of the error sheet it may be."""
    return PurePath(name).stem.removesuffix("-错误清单") or "导入"


async def kept_import(import_id: UUID, conn: AsyncConnection) -> KeptImport:
    kept = await store.load(import_id, conn=conn)
    if kept is None:
        raise RecordMissing("导入记录", import_id)
    return kept


def _about(kept: KeptImport) -> dict[str, Any]:
    return {
        "id": str(kept.id),
        "at": kept.at.isoformat(),
        "actor": kept.actor,
        "file_name": kept.file_name,
        "dry_run": kept.dry_run,
        "status": kept.status,
        "done": kept.done,
        "total": kept.total,
    }


def import_shown(kept: KeptImport) -> dict[str, Any]:
    counts = _counts(kept.rows)
    return {
        **_about(kept),
        **counts,
        "summary": _summary(counts, dry_run=kept.dry_run),
        "by_kind": {str(kind): _counts(row for row in kept.rows if row["kind"] == kind) for kind in RowKind},
        "notices": kept.notices,
        "error_sheet": f"/v1/imports/{kept.id}/error-sheet" if counts[RowOutcome.REFUSED] else None,
        "rows": kept.rows,
    }


def _summary(counts: dict[str, int], *, dry_run: bool) -> str:
    told = "、".join(f"{OUTCOME_NAMES[outcome]}{counts[outcome]}行" for outcome in RowOutcome)
    return f"预览（未导入）：{told}" if dry_run else f"导入结果：{told}"


def _counts(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    counted = Counter(row["outcome"] for row in rows)
    return {str(outcome): counted[outcome] for outcome in RowOutcome}


def _rejected(row: dict[str, Any]) -> RejectedRow:
    return RejectedRow(row["sheet"], row["row"], tuple(Reason(**reason) for reason in row["reasons"]))


def download(content: bytes, name: str) -> Response:
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "x-content-type-options": "nosniff",
    }
    return Response(content, 200, headers, XLSX)
