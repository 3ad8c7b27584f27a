"""Reading and writing corrections, and what they take out of the tables beside a project."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.corrections import Correction, CorrectionStatus
from services.intake.store import sets
from services.intake.store.projects import tables as project_tables
from shared.contracts.project_records import CorrectionKind, Replacement
from shared.contracts.projects import Stage
from shared.kit.database import fetch

TABLE = project_tables.project_correction
FORGET_DAYS = "DELETE FROM project_stage_day WHERE project_id = $1 AND stage <> ALL ($2::text[])"


async def load(correction_id: UUID, *, conn: AsyncConnection) -> Correction | None:
    found = (await conn.execute(select(TABLE).where(TABLE.c.id == correction_id))).one_or_none()
    return _correction(found._mapping) if found else None


async def corrections(
    *,
    project_id: UUID | None = None,
    status: CorrectionStatus | None = None,
    conn: AsyncConnection,
    after: tuple[date, UUID] | None = None,
    limit: int,
) -> list[Correction]:
    """Corrections in the order of the days on which they were asked for."""
    key = (TABLE.c.requested_on, TABLE.c.id)
    query = select(TABLE).order_by(*key).limit(limit)
    for column, value in ((TABLE.c.project_id, project_id), (TABLE.c.status, status)):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        query = query.where(tuple_(*key) > after)
    return [_correction(row._mapping) for row in await conn.execute(query)]


def rows(corrections: Sequence[Correction]) -> Mapping[Table, Sequence[sets.Row]]:
    return {TABLE: [_row(correction) for correction in corrections]}


async def forget_days(project_id: UUID, *, but: Collection[Stage], conn: AsyncConnection) -> None:
    """Leave a project the days of these stages only."""
    await fetch(conn, FORGET_DAYS, project_id, list(but))


def _row(correction: Correction) -> dict[str, Any]:
    replacement = correction.replacement
    return {**asdict(correction), "replacement": replacement and replacement.model_dump(mode="json")}


def _correction(row: Mapping[Any, Any]) -> Correction:
    replacement = row["replacement"]
    typed = {
        "kind": CorrectionKind(row["kind"]),
        "status": CorrectionStatus(row["status"]),
        "replacement": Replacement.model_validate(replacement) if replacement else None,
    }
    return Correction(**{**row, **typed})
