"""Keeping imports: the file once for each content, and what became of its rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

KEEP_FILE = text("INSERT INTO stored_file (sha256, content) VALUES (:sha256, :content) ON CONFLICT DO NOTHING")
SAVE = text("""
    INSERT INTO workbook_import (id, at, actor, file_name, file_sha256, dry_run, rows, notices)
    VALUES (:id, :at, :actor, :file_name, :file_sha256, :dry_run, CAST(:rows AS jsonb), CAST(:notices AS jsonb))
""")
LOAD = text("""
    SELECT id, at, actor, file_name, dry_run, rows, notices FROM workbook_import WHERE id = :id
""")
LOAD_FILE = text("""
    SELECT content FROM stored_file JOIN workbook_import ON file_sha256 = sha256 WHERE id = :id
""")
LIST = text("""
    SELECT id, at, actor, file_name, dry_run FROM workbook_import
    WHERE CAST(:before_at AS timestamptz) IS NULL OR (at, id) < (:before_at, CAST(:before_id AS uuid))
    ORDER BY at DESC, id DESC LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class KeptImport:
    """An import as it is kept; `rows` and `notices` JSON-able."""

    id: UUID
    at: datetime
    actor: str
    file_name: str
    dry_run: bool
    rows: Sequence[dict[str, Any]]
    notices: Sequence[str]


async def save(kept: KeptImport, content: bytes, *, conn: AsyncConnection) -> None:
    digest = sha256(content).digest()
    await conn.execute(KEEP_FILE, {"sha256": digest, "content": content})
    await conn.execute(
        SAVE,
        {
            "id": kept.id,
            "at": kept.at,
            "actor": kept.actor,
            "file_name": kept.file_name,
            "file_sha256": digest,
            "dry_run": kept.dry_run,
            "rows": orjson.dumps(kept.rows).decode(),
            "notices": orjson.dumps(kept.notices).decode(),
        },
    )


async def load(id: UUID, *, conn: AsyncConnection) -> KeptImport | None:
    row = (await conn.execute(LOAD, {"id": id})).one_or_none()
    return KeptImport(**row._mapping) if row else None


async def content_of(id: UUID, *, conn: AsyncConnection) -> bytes | None:
    """The file that an import read."""
    found: bytes | None = (await conn.execute(LOAD_FILE, {"id": id})).scalar_one_or_none()
    return found


async def latest(*, before: tuple[datetime, UUID] | None, limit: int, conn: AsyncConnection) -> list[KeptImport]:
    """Imports without their rows, the latest first."""
    before_at, before_id = before or (None, None)
    found = await conn.execute(LIST, {"before_at": before_at, "before_id": before_id, "limit": limit})
    return [KeptImport(**row._mapping, rows=(), notices=()) for row in found]
