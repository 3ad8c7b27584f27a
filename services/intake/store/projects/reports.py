"""Reading and writing monthly reports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.reports import Report
from services.intake.store import sets
from services.intake.store.projects import tables as project_tables
from shared.contracts.project_records import ProjectReported
from shared.kit.clock import CHINA
from shared.kit.database import fetch

TABLE = project_tables.project_report
DUE = """
    SELECT project.id AS project_id, project.code, project.name, organisation.name AS responsible_org_name,
           total_investment_wan, reporting_post_id, annual_plans, report, earlier
      FROM project JOIN organisation ON organisation.id = responsible_org_id
      LEFT JOIN project_profile ON project_profile.project_id = project.id
      LEFT JOIN LATERAL (
        SELECT to_jsonb(r) AS report FROM project_report AS r WHERE r.project_id = project.id AND r.month = $1::date
      ) AS made ON true
      LEFT JOIN LATERAL (
        SELECT to_jsonb(r) AS earlier FROM project_report AS r
         WHERE r.project_id = project.id AND r.month < $1::date ORDER BY r.month DESC LIMIT 1
      ) AS before ON true
     WHERE (report IS NOT NULL OR (
             stage IN ('started', 'building', 'completed')
             AND (hold_status IN ('active', 'held') OR hold_status = 'terminated' AND hold_status_on >= $1::date)
             AND NOT EXISTS (SELECT FROM project_stage_day AS day
                              WHERE day.project_id = project.id AND day.stage = 'started'
                                AND day.reached_on >= $1::date + interval '1 month')))
       AND hold_status <> 'struck_off'
       AND ($2::text IS NULL OR chain_id = (SELECT id FROM chain WHERE code = $2))
       AND ($3::boolean IS NULL OR (report IS NOT NULL) = $3)
       AND ($4::text IS NULL OR project.code > $4)
       AND ($6::uuid IS NULL OR responsible_org_id = $6)
     ORDER BY project.code LIMIT $5
"""
AROUND = """
    SELECT report.* FROM unnest($1::uuid[]) AS wanted (id)
     CROSS JOIN LATERAL (
        (SELECT * FROM project_report AS r WHERE r.project_id = wanted.id AND r.month <= $2::date
          ORDER BY r.month DESC LIMIT 2)
        UNION ALL
        (SELECT * FROM project_report AS r WHERE r.project_id = wanted.id AND r.month > $2::date
          ORDER BY r.month DESC LIMIT 1)
     ) AS report
"""
FORGET = "DELETE FROM project_report WHERE project_id = $1 AND NOT month = ANY ($2::date[])"


async def of_project(
    project_id: UUID, *, before: date | None = None, limit: int | None = None, conn: AsyncConnection
) -> list[Report]:
    """A project's reports, the latest month first."""
    query = select(TABLE).where(TABLE.c.project_id == project_id).order_by(TABLE.c.month.desc()).limit(limit)
    if before is not None:
        query = query.where(TABLE.c.month < before)
    return [Report(**row._mapping) for row in await conn.execute(query)]


async def around(month: date, project_ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, list[Report]]:
    """Of each of these projects what a month's report is decided by: the month's own, the one before, the latest after.

    One statement, however many projects.
    """
    found: dict[UUID, list[Report]] = {id: [] for id in project_ids}
    for row in await fetch(conn, AROUND, list(project_ids), month) if project_ids else ():
        found[row["project_id"]].append(Report(**row))
    return found


@dataclass(frozen=True, slots=True)
class Due:
    """A project that reports a month, with its report of the month or what it reported last before. Money in 万元."""

    project_id: UUID
    code: str
    name: str
    responsible_org_name: str
    total_investment_wan: int
    annual_plan_wan: int | None
    reporting_post_id: UUID | None
    report: Report | None
    last: Report | None


async def due(
    month: date,
    *,
    chain: str | None = None,
    submitted: bool | None = None,
    responsible_org_id: UUID | None = None,
    after: str | None = None,
    limit: int,
    conn: AsyncConnection,
) -> list[Due]:
    """The projects that report a month, by code: those that were being built by its end and had not ended before it.

    `chain`: a code. `submitted`: those that have reported it, or those that have not.
    """
    found = await fetch(conn, DUE, month, chain, submitted, after, limit, responsible_org_id)
    return [_due(row, month) for row in found]


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


def _due(row: Mapping[str, Any], month: date) -> Due:
    plans = {plan["year"]: plan["amount_wan"] for plan in row["annual_plans"] or ()}
    plain = ("project_id", "code", "name", "responsible_org_name", "total_investment_wan", "reporting_post_id")
    return Due(
        **{name: row[name] for name in plain},
        annual_plan_wan=plans.get(month.year),
        report=_from(row["report"]),
        last=_from(row["earlier"]),
    )


def _from(data: Mapping[str, Any] | None) -> Report | None:
    if data is None:
        return None
    typed = {
        "project_id": UUID(data["project_id"]),
        "month": date.fromisoformat(data["month"]),
        "post_id": UUID(data["post_id"]) if data["post_id"] else None,
        "reported_on": date.fromisoformat(data["reported_on"]),
    }
    return Report(**{**data, **typed})


def _row(report: Report) -> dict[str, Any]:
    return asdict(report)
