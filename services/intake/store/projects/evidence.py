"""Evidence files: each content once, under its SHA-256; the metadata of each filing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.evidence import EvidenceFile
from services.intake.domain.terms import EvidenceKind
from services.intake.store import sets
from services.intake.store.projects import tables as project_tables
from shared.kit.database import fetch

TABLE = project_tables.project_file
KEEP = "INSERT INTO stored_file (sha256, content) VALUES ($1, $2) ON CONFLICT DO NOTHING"
CONTENT = "SELECT content FROM stored_file WHERE sha256 = $1"
OWNERS = "SELECT id, project_id FROM project_file WHERE id = ANY ($1::uuid[])"


async def keep_content(sha256: bytes, content: bytes, *, conn: AsyncConnection) -> None:
    await fetch(conn, KEEP, sha256, content)


async def content_of(sha256: bytes, *, conn: AsyncConnection) -> bytes:
    (row,) = await fetch(conn, CONTENT, sha256)
    content: bytes = row["content"]
    return content


async def files(
    project_id: UUID, *, after: tuple[datetime, UUID] | None = None, limit: int, conn: AsyncConnection
) -> list[EvidenceFile]:
    """A project's files, in the order in which they were filed."""
    key = (TABLE.c.filed_at, TABLE.c.id)
    query = select(TABLE).where(TABLE.c.project_id == project_id).order_by(*key).limit(limit)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return [_file(row._mapping) for row in await conn.execute(query)]


async def file(file_id: UUID, *, conn: AsyncConnection) -> EvidenceFile | None:
    found = (await conn.execute(select(TABLE).where(TABLE.c.id == file_id))).one_or_none()
    return _file(found._mapping) if found else None


async def same(project_id: UUID, sha256: bytes, kind: EvidenceKind, *, conn: AsyncConnection) -> EvidenceFile | None:
    """The file with this content that the project has as this kind of evidence."""
    wanted = (TABLE.c.project_id == project_id, TABLE.c.sha256 == sha256, TABLE.c.kind == kind)
    found = (await conn.execute(select(TABLE).where(*wanted).limit(1))).one_or_none()
    return _file(found._mapping) if found else None


async def count(project_id: UUID, *, conn: AsyncConnection) -> int:
    query = select(func.count()).select_from(TABLE).where(TABLE.c.project_id == project_id)
    return int((await conn.execute(query)).scalar_one())


async def owners(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, UUID]:
    """Whose these files are, as far as they exist: project by file."""
    return dict(await fetch(conn, OWNERS, list(ids))) if ids else {}


def rows(files: Sequence[EvidenceFile]) -> Mapping[Table, Sequence[sets.Row]]:
    return {TABLE: [{**asdict(item), "sha256": f"\\x{item.sha256.hex()}"} for item in files]}


def _file(row: Mapping[Any, Any]) -> EvidenceFile:
    return EvidenceFile(**{**row, "kind": EvidenceKind(row["kind"])})
