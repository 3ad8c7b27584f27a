"""Keeping imports: the file once for each content, how far each import has come, and what became of its rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from itertools import chain
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

KEEP_FILE = text("INSERT INTO stored_file (sha256, content) VALUES (:sha256, :content) ON CONFLICT DO NOTHING")
ACCEPT = text("""
    INSERT INTO workbook_import
           (id, at, actor, subject, person, traceparent, file_name, file_sha256, dry_run, total, status, notices,
            moved_at)
    VALUES (:id, :at, :actor, :subject, :person, :traceparent, :file_name, :file_sha256, :dry_run, :total, 'running',
            '[]', :moved_at)
""")
LOCK = text("""
    SELECT id, status, dry_run, done, total, actor, subject, person, traceparent
      FROM workbook_import WHERE id = :id FOR UPDATE
""")
KEEP_PART = text("""
    INSERT INTO workbook_import_part (import_id, first, rows) VALUES (:id, :first, CAST(:rows AS jsonb))
""")
ADVANCE = text("UPDATE workbook_import SET done = :done, moved_at = :moved_at WHERE id = :id")
END = text("""
    UPDATE workbook_import SET status = :status, notices = CAST(:notices AS jsonb) WHERE id = :id AND status = 'running'
""")
LOAD = text("""
    SELECT id, at, actor, file_name, dry_run, status, done, total, notices FROM workbook_import WHERE id = :id
""")
PARTS = text("SELECT rows FROM workbook_import_part WHERE import_id = :id ORDER BY first").columns(rows=JSONB)
LOAD_FILE = text("""
    SELECT content FROM stored_file JOIN workbook_import ON file_sha256 = sha256 WHERE id = :id
""")
LIST = text("""
    SELECT id, at, actor, file_name, dry_run, status, done, total FROM workbook_import
    WHERE CAST(:before_at AS timestamptz) IS NULL OR (at, id) < (:before_at, CAST(:before_id AS uuid))
    ORDER BY at DESC, id DESC LIMIT :limit
""")
ABANDONED = text("""
    SELECT id FROM workbook_import WHERE status = 'running' AND moved_at < :before ORDER BY moved_at LIMIT 10
""")
RUNNING = text("SELECT count(*) FROM workbook_import WHERE status = 'running'")


class Status(StrEnum):
    """`failed`: it met a fault of ours and was given up; what it took stays taken."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class KeptImport:
    """An import as it is kept; `rows` and `notices` JSON-able, `done` of `total` rows are decided."""

    id: UUID
    at: datetime
    actor: str
    file_name: str
    dry_run: bool
    status: Status
    done: int
    total: int
    rows: Sequence[dict[str, Any]] = ()
    notices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A file that was accepted, to be taken for `subject`, who is named in full in `actor`; a `person`, if one."""

    id: UUID
    at: datetime
    actor: str
    subject: str
    traceparent: str | None
    file_name: str
    dry_run: bool
    total: int
    person: UUID | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An import under way, locked: `done` of `total` rows are decided."""

    id: UUID
    status: Status
    dry_run: bool
    done: int
    total: int
    actor: str
    subject: str
    traceparent: str | None
    person: UUID | None


async def accept(accepted: Accepted, content: bytes, *, moved_at: datetime, conn: AsyncConnection) -> None:
    """Keep the file and begin its import. `moved_at`: real time, as everywhere where it is asked for."""
    digest = sha256(content).digest()
    await conn.execute(KEEP_FILE, {"sha256": digest, "content": content})
    await conn.execute(ACCEPT, {**asdict(accepted), "file_sha256": digest, "moved_at": moved_at})


async def lock(id: UUID, *, conn: AsyncConnection) -> Standing:
    """The import as it stands, nobody else's until the transaction ends."""
    row = (await conn.execute(LOCK, {"id": id})).one()
    return Standing(**{**row._mapping, "status": Status(row.status)})


async def advance(
    standing: Standing, rows: Sequence[dict[str, Any]], *, moved_at: datetime, conn: AsyncConnection
) -> None:
    """Keep what became of the next rows."""
    of = {"id": standing.id}
    await conn.execute(KEEP_PART, {**of, "first": standing.done, "rows": orjson.dumps(rows).decode()})
    await conn.execute(ADVANCE, {**of, "done": standing.done + len(rows), "moved_at": moved_at})


async def end(id: UUID, status: Status, *, notices: Sequence[str] = (), conn: AsyncConnection) -> None:
    await conn.execute(END, {"id": id, "status": status, "notices": orjson.dumps(notices).decode()})


async def load(id: UUID, *, conn: AsyncConnection) -> KeptImport | None:
    """The import; its rows and notices once it has ended."""
    row = (await conn.execute(LOAD, {"id": id})).one_or_none()
    if row is None:
        return None
    status = Status(row.status)
    rows = [] if status is Status.RUNNING else await rows_of(id, conn=conn)
    return KeptImport(**{**row._mapping, "status": status}, rows=rows)


async def rows_of(id: UUID, *, conn: AsyncConnection) -> list[dict[str, Any]]:
    """What became of the rows that are decided."""
    return list(chain.from_iterable((await conn.execute(PARTS, {"id": id})).scalars()))


async def content_of(id: UUID, *, conn: AsyncConnection) -> bytes | None:
    """The file that an import read."""
    found: bytes | None = (await conn.execute(LOAD_FILE, {"id": id})).scalar_one_or_none()
    return found


async def latest(*, before: tuple[datetime, UUID] | None, limit: int, conn: AsyncConnection) -> list[KeptImport]:
    """Imports without their rows, the latest first."""
    before_at, before_id = before or (None, None)
    found = await conn.execute(LIST, {"before_at": before_at, "before_id": before_id, "limit": limit})
    return [KeptImport(**{**row._mapping, "status": Status(row.status)}) for row in found]


async def abandoned(*, before: datetime, conn: AsyncConnection) -> list[UUID]:
    """Imports under way that nobody has moved on since."""
    return list((await conn.execute(ABANDONED, {"before": before})).scalars())


async def running(*, conn: AsyncConnection) -> int:
    return int((await conn.execute(RUNNING)).scalar_one())
