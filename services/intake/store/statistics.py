"""Reading signings for the statistics (S10), and keeping what was published."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.statistics.periods import Period
from services.intake.domain.statistics.publications import Issue, Publication
from services.intake.domain.statistics.statistics import Signing, policy_as_data, policy_from
from services.intake.domain.terms import HoldStatus
from shared.contracts.project_records import CapitalSource
from shared.contracts.projects import ProjectKind
from shared.contracts.statistics import SigningDifference
from shared.kit.database import fetch, plan_each_time

SIGNINGS = """
    WITH wanted AS (
        SELECT project_id FROM project_stage_day WHERE stage = 'signed' AND reached_on BETWEEN $1 AND $2
        UNION
        SELECT unnest($3::uuid[])
    )
    SELECT project.id AS project_id, project.code, project.name, project.kind,
           chain.id AS chain_id, chain.name AS chain_name,
           responsible_org_id AS org_id, organisation.name AS org_name, park_id, park.name AS park_name, capital_source,
           coalesce(signed_amount_wan, total_investment_wan) AS amount_wan, reached_on AS signed_on,
           project.stage NOT IN ('lead', 'negotiating') AS signed, hold_status
      FROM wanted
      JOIN project ON project.id = wanted.project_id
      LEFT JOIN project_stage_day AS day ON day.project_id = project.id AND day.stage = 'signed'
      LEFT JOIN LATERAL (
            SELECT chain_id AS former_id FROM project_former_chain AS former
             WHERE former.project_id = project.id AND until_day >= reached_on ORDER BY until_day LIMIT 1
           ) AS before ON true
      JOIN chain ON chain.id = coalesce(former_id, project.chain_id)
      JOIN organisation ON organisation.id = responsible_org_id
      LEFT JOIN project_profile AS profile ON profile.project_id = project.id
      LEFT JOIN organisation AS park ON park.id = park_id
"""
UNDATED = """
    SELECT count(*) AS count FROM project LEFT JOIN project_profile AS profile ON profile.project_id = project.id
     WHERE stage NOT IN ('lead', 'negotiating') AND hold_status <> 'struck_off'
       AND NOT EXISTS (SELECT FROM project_stage_day AS day WHERE day.project_id = project.id AND day.stage = 'signed')
       AND ($1::uuid IS NULL OR chain_id = $1) AND ($2::uuid IS NULL OR responsible_org_id = $2)
       AND ($3::uuid IS NULL OR park_id = $3)
"""
LAST_NUMBER = "SELECT coalesce(max(number), 0) AS last FROM statistics_publication WHERE period = $1"
SAVE = """
    INSERT INTO statistics_publication (id, version, period, number, from_on, to_on) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version
"""
SAVE_ISSUE = """
    INSERT INTO statistics_issue
           (publication_id, correction, issued_on, actor, reason, policy, count, total_wan, signings, differences)
    VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9::jsonb, $10::jsonb)
"""
ONE = "SELECT * FROM statistics_publication WHERE id = $1"
ISSUES = "SELECT * FROM statistics_issue WHERE publication_id = $1 ORDER BY correction"
LIST = """
    SELECT publication.*, first.issued_on AS published_on, first.count, first.total_wan,
           last.correction AS corrections, last.count AS present_count, last.total_wan AS present_total_wan
      FROM statistics_publication AS publication
      JOIN statistics_issue AS first ON first.publication_id = id AND first.correction = 0
      JOIN LATERAL (SELECT correction, count, total_wan FROM statistics_issue
                     WHERE publication_id = id ORDER BY correction DESC LIMIT 1) AS last ON true
     WHERE $1::date IS NULL OR (to_on, from_on, number) < ($1::date, $2::date, $3::integer)
     ORDER BY to_on DESC, from_on DESC, number DESC LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A publication as lists show it: what was published, and what the last correction says."""

    id: UUID
    version: int
    period: Period
    number: int
    published_on: date
    count: int
    total_wan: int
    corrections: int
    present_count: int
    present_total_wan: int


async def signings(period: Period, also: Collection[UUID] = (), *, conn: AsyncConnection) -> list[Signing]:
    """All projects signed in a period, and these others whatever became of them, in one statement."""
    await plan_each_time(conn)
    rows = await fetch(conn, SIGNINGS, period.from_on, period.to_on, list(also))
    return [_signing(row) for row in rows]


async def undated(
    *, chain_id: UUID | None = None, org_id: UUID | None = None, park_id: UUID | None = None, conn: AsyncConnection
) -> int:
    """How many signed projects, of a chain, unit or park, have no day of signing, and so belong to no period."""
    await plan_each_time(conn)
    return int((await fetch(conn, UNDATED, chain_id, org_id, park_id))[0]["count"])


async def last_number(period: str, *, conn: AsyncConnection) -> int:
    return int((await fetch(conn, LAST_NUMBER, period))[0]["last"])


async def save(publication: Publication, issue: Issue, *, conn: AsyncConnection) -> None:
    """Write a publication, and its newest issue beside the earlier ones."""
    period = publication.period
    key = (publication.id, publication.version, period.label, publication.number, period.from_on, period.to_on)
    await fetch(conn, SAVE, *key)
    figures = issue.figures
    head = (publication.id, issue.correction, issue.issued_on, issue.actor, issue.reason)
    kept = (
        _json(policy_as_data(issue.policy)),
        figures.count,
        figures.total_wan,
        _json([asdict(signing) for signing in issue.signings]),
        _json([difference.model_dump(mode="json") for difference in issue.differences]),
    )
    await fetch(conn, SAVE_ISSUE, *head, *kept)


async def publication(id: UUID, *, conn: AsyncConnection) -> Publication | None:
    """A publication with all its issues."""
    rows = await fetch(conn, ONE, id)
    if not rows:
        return None
    (row,) = rows
    issues = tuple(_issue(found) for found in await fetch(conn, ISSUES, id))
    return Publication(id, _period(row), row["number"], issues, row["version"])


async def publications(
    *, conn: AsyncConnection, after: tuple[date, date, int] | None = None, limit: int
) -> list[Listed]:
    """Publications, the latest period first."""
    rows = await fetch(conn, LIST, *(after or (None, None, None)), limit)
    names = ("id", "version", "number", "published_on", "count", "total_wan", "corrections")
    present = ("present_count", "present_total_wan")
    return [Listed(period=_period(row), **{name: row[name] for name in (*names, *present)}) for row in rows]


def _period(row: Mapping[str, Any]) -> Period:
    return Period(row["from_on"], row["to_on"])


def _issue(row: Mapping[str, Any]) -> Issue:
    return Issue(
        correction=row["correction"],
        issued_on=row["issued_on"],
        actor=row["actor"],
        reason=row["reason"],
        policy=policy_from(row["policy"]),
        signings=tuple(_kept_signing(item) for item in row["signings"]),
        differences=tuple(SigningDifference.model_validate(item) for item in row["differences"]),
    )


def _signing(row: Mapping[str, Any]) -> Signing:
    capital = row["capital_source"]
    typed = {
        "kind": ProjectKind(row["kind"]),
        "capital_source": CapitalSource(capital) if capital else None,
        "hold_status": HoldStatus(row["hold_status"]),
        "park_name": row["park_name"] or "",
    }
    return Signing(**{**row, **typed})


def _kept_signing(item: Mapping[str, Any]) -> Signing:
    ids = {name: UUID(item[name]) if item[name] else None for name in ("project_id", "chain_id", "org_id", "park_id")}
    return _signing({**item, **ids, "signed_on": date.fromisoformat(item["signed_on"])})


def _json(value: object) -> str:
    return orjson.dumps(value, default=str).decode()
