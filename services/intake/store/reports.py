"""Reading and writing monthly reports."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.reports import Report
from services.intake.store import project_tables, sets
from shared.contracts.project_records import ProjectReported
from shared.kit.clock import CHINA
from shared.kit.database import fetch

TABLE = project_tables.project_report
FORGET = "DELETE FROM project_report WHERE project_id = $1 AND NOT month = ANY ($2::date[])"


async def of_project(
    project_id: UUID, *, before: date | None = None, limit: int | None = None, conn: AsyncConnection
) -> list[Report]:
    """A project's reports, the latest month first."""
    query = select(TABLE).where(TABLE.c.project_id == project_id).order_by(TABLE.c.month.desc()).limit(limit)
    if before is not None:
        query = query.where(TABLE.c.month < before)
    return [Report(**row._mapping) for row in await conn.execute(query)]


async def of_month(month: date, *, after: UUID | None = None, limit: int, conn: AsyncConnection) -> list[Report]:
    """Every project's report of a month, by project."""
    query = select(TABLE).where(TABLE.c.month == month).order_by(TABLE.c.project_id).limit(limit)
    if after is not None:
        query = query.where(TABLE.c.project_id > after)
    return [Report(**row._mapping) for row in await conn.execute(query)]


def rows(reports: Sequence[Report]) -> Mapping[Table, Sequence[sets.Row]]:
    return {TABLE: [_row(report) for report in reports]}


async def keep_only(project_id: UUID, reports: Sequence[Report], *, conn: AsyncConnection) -> None:
    """Leave a project these reports: those that hold after a correction."""
    await fetch(conn, FORGET, project_id, [report.month for report in reports])
    await sets.upsert_all(rows(reports), conn=conn)


def reported(event: ProjectReported, *, at: datetime, actor: str) -> Report:
    """The report that an event made. `at`: when it was recorded."""
    given = {name: value for name, value in event if name in Report.__dataclass_fields__}
    return Report(**given, reported_on=at.astimezone(CHINA).date(), actor=actor)


def _row(report: Report) -> dict[str, Any]:
    return asdict(report)
