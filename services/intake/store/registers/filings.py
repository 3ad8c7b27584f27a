"""Reading and writing the filings of registers."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.registers.filings import Filing, FilingStatus
from services.intake.domain.registers.tasks import Tasks
from services.intake.store import sets, tables
from services.intake.store.registers import tasks

FILING = tables.register_filing.c


@dataclass(frozen=True, slots=True)
class FilingFilter:
    register_key: str
    year: int | None = None
    chain_id: UUID | None = None
    status: FilingStatus | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[tuple[ColumnElement[Any], object]] = [
            (FILING.register_key, self.register_key),
            (FILING.year, self.year),
            (FILING.chain_id, self.chain_id),
            (FILING.status, self.status),
        ]
        return [column == value for column, value in wanted if value is not None]


async def filings(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Filing]:
    """These filings with their tasks, as far as they exist."""
    rows = list(await conn.execute(select(tables.register_filing).where(sets.one_of(FILING.id, ids))))
    return {filing.id: filing for filing in await _with_tasks(rows, conn=conn)}


async def list_filings(
    wanted: FilingFilter, *, conn: AsyncConnection, after: tuple[int, str] | None = None, limit: int
) -> list[tuple[str, Filing]]:
    """Filings, the latest year first, then by the chains' codes, which stand beside them."""
    code = tables.chain.c.code
    query = select(tables.register_filing, code.label("chain_code")).join(tables.chain)
    query = query.where(*wanted.conditions()).order_by(FILING.year.desc(), code).limit(limit)
    if after is not None:
        query = query.where((FILING.year < after[0]) | ((FILING.year == after[0]) & (code > after[1])))
    rows = list(await conn.execute(query))
    return list(zip((row.chain_code for row in rows), await _with_tasks(rows, conn=conn), strict=True))


async def save_filings(records: Sequence[Filing], *, conn: AsyncConnection) -> None:
    own = [asdict(replace(record, tasks={})) for record in records]
    due = tasks.rows_of(task for record in records for task in record.tasks.values())
    await sets.upsert_all({tables.register_filing: own, tables.task: due}, conn=conn)


async def _with_tasks(rows: Sequence[Row[Any]], *, conn: AsyncConnection) -> list[Filing]:
    found = await tasks.of_subjects([row.id for row in rows], conn=conn)
    return [_filing(row, found[row.id]) for row in rows]


def _filing(row: Row[Any], due: Tasks) -> Filing:
    return Filing(
        id=row.id,
        register_key=row.register_key,
        year=row.year,
        chain_id=row.chain_id,
        status=FilingStatus(row.status),
        filed_on=row.filed_on,
        entries=row.entries,
        reason=row.reason,
        version=row.version,
        tasks=due,
    )
