"""Evidence files of projects: taken by their content, given out as downloads only."""

import asyncio
from datetime import date, datetime
from hashlib import sha256
from typing import Annotated, Any, Self
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Page, Reader
from services.intake.api.answers import Shown
from services.intake.api.imports import upload_of
from services.intake.api.projects.showing import OneProject
from services.intake.domain.errors import RecordMissing
from services.intake.domain.projects.evidence import EvidenceFile, FileTooLarge, FileTypeNotAllowed, media_type_of
from services.intake.domain.terms import EVIDENCE_NAMES, EvidenceKind
from services.intake.handlers.projects import evidence as handlers
from services.intake.handlers.projects.evidence import NewFile
from services.intake.settings import LARGEST_FILE_MB, MB, IntakeSettings
from services.intake.store.projects import evidence as store
from shared.kit.errors import DomainError
from shared.kit.process.declaration import Platform
from shared.kit.web.http import Answer, By, page

router = APIRouter(tags=["evidence"])
STATUSES: dict[type[DomainError], int] = {FileTooLarge: 413, FileTypeNotAllowed: 415}

FILES = "/v1/projects/{project_id}/files"
_AROUND_A_FILE = 64 * 1024
_BINARY = {"type": "string", "format": "binary"}
_FORM = {"schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY}}}
_BODY = {
    "required": True,
    "content": {"multipart/form-data": _FORM, "application/octet-stream": {"schema": _BINARY}},
}
_CONTENT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {"schema": _BINARY}}}}
_DOWNLOAD_ONLY = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "private, no-transform",
}
"""A browser saves the file and runs nothing of it, whatever is in it."""


class FileShown(Shown):
    """`sha256` in hexadecimal; `size` in bytes; `media_type` is what the content is."""

    id: UUID
    project_id: UUID
    sha256: str
    name: str
    media_type: str
    size: int
    kind: EvidenceKind
    kind_name: str
    on: date
    filed_at: datetime
    filed_by: str
    content: str

    @classmethod
    def of(cls, file: EvidenceFile) -> Self:
        plain = {name: getattr(file, name) for name in cls.model_fields if hasattr(file, name)}
        return cls(
            **{**plain, "sha256": file.sha256.hex()},
            kind_name=EVIDENCE_NAMES[file.kind],
            on=file.dated_on,
            filed_by=file.actor,
            content=f"/v1/projects/{file.project_id}/files/{file.id}/content",
        )


@router.get(FILES)
async def list_files(project: OneProject, conn: Reader, paging: Page) -> dict[str, Any]:
    """A project's evidence files, in the order in which they were filed."""
    after = paging.start(tuple[datetime, UUID])
    found = await store.files(project.id, after=after, limit=paging.limit, conn=conn)
    last = (found[-1].filed_at, found[-1].id) if len(found) == paging.limit else None
    return page([FileShown.of(item) for item in found], last)


@router.post(
    FILES,
    status_code=201,
    response_model=FileShown,
    max_body_size=LARGEST_FILE_MB * MB + _AROUND_A_FILE,
    openapi_extra={"requestBody": _BODY},
)
async def file_evidence(
    project_id: UUID,
    request: Request,
    write: Clerk,
    kind: Annotated[EvidenceKind, Query(description="what it is evidence of")],
    on: Annotated[date, Query(description="the document's day")],
    name: Annotated[str, Query(max_length=255, description="the file's name, where the body is the file")] = "",
) -> Response:
    """Keep a file as evidence; a transition then names it in `files`. The same content is kept once."""
    limits = _settings(request)
    upload = await upload_of(request, name)
    limit = limits.evidence_file_mb * MB
    media_type = await asyncio.to_thread(media_type_of, upload.content, limit=limit)
    new = NewFile(upload.name, upload.content, media_type, kind, on)

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project, file = await handlers.file_evidence(
            project_id, new, most=limits.evidence_files, expected=write.expected_version, conn=conn, by=by
        )
        shown = FileShown.of(file)
        return Answer(shown, status=201, version=project.version, location=f"/v1/projects/{project_id}/files/{file.id}")

    return await write(work, fingerprint=sha256(upload.content).digest())


@router.get(FILES + "/{file_id}", response_model=FileShown)
async def show_file(project_id: UUID, file_id: UUID, conn: Reader) -> FileShown:
    return FileShown.of(await _file(project_id, file_id, conn=conn))


@router.get(FILES + "/{file_id}/content", responses=_CONTENT, response_class=Response)
async def download_file(project_id: UUID, file_id: UUID, conn: Reader) -> Response:
    """The file itself, to be saved; its ETag is its SHA-256."""
    file = await _file(project_id, file_id, conn=conn)
    content = await store.content_of(file.sha256, conn=conn)
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(file.name)}",
        "etag": f'"{file.sha256.hex()}"',
        **_DOWNLOAD_ONLY,
    }
    return Response(content, media_type=file.media_type, headers=headers)


async def _file(project_id: UUID, file_id: UUID, *, conn: AsyncConnection) -> EvidenceFile:
    file = await store.file(file_id, conn=conn)
    if file is None or file.project_id != project_id:
        raise RecordMissing("材料文件", file_id)
    return file


def _settings(request: Request) -> IntakeSettings:
    platform: Platform = request.app.state.platform
    assert isinstance(platform.settings, IntakeSettings), "the process is declared with them"
    return platform.settings
