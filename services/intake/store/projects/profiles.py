"""Reading and writing particulars of projects."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.profile import FIELDS, REFERENCES, Profile, named_by
from services.intake.store import sets
from services.intake.store.projects import tables as project_tables
from shared.contracts.project_records import AnnualPlan, CapitalSource, OriginalAmount
from shared.kit.database import fetch

LOAD = "SELECT * FROM project_profile WHERE project_id = ANY ($1::uuid[])"
UNKNOWN = """
    SELECT field, id FROM unnest($1::text[], $2::text[], $3::uuid[]) AS wanted (kind, field, id)
     WHERE CASE kind WHEN 'project' THEN NOT EXISTS (SELECT FROM project WHERE project.id = wanted.id)
                     WHEN 'post' THEN NOT EXISTS (SELECT FROM post WHERE post.id = wanted.id)
                     ELSE NOT EXISTS (SELECT FROM organisation WHERE organisation.id = wanted.id) END
"""
ANCESTORS = """
    WITH RECURSIVE above AS (
        SELECT $1::uuid AS id, 0 AS height
        UNION ALL
        SELECT parent_project_id, height + 1 FROM above JOIN project_profile ON project_id = above.id
         WHERE parent_project_id IS NOT NULL AND height < 50
    )
    SELECT id FROM above
"""
INCREMENTS = """
    SELECT project.id, code, name, total_investment_wan, stage FROM project_profile
      JOIN project ON project.id = project_id
     WHERE parent_project_id = $1 AND hold_status <> 'struck_off' ORDER BY code LIMIT 100
"""


async def load_many(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Profile]:
    """The particulars of each of these projects; empty where none were recorded."""
    found = {row["project_id"]: _profile(row) for row in await fetch(conn, LOAD, list(ids))}
    return {id: found.get(id) or Profile(id) for id in ids}


async def load(project_id: UUID, *, conn: AsyncConnection) -> Profile:
    return (await load_many([project_id], conn=conn))[project_id]


def rows(profiles: Sequence[Profile]) -> Mapping[Table, Sequence[sets.Row]]:
    """What stands in the table for them."""
    return {project_tables.project_profile: [_row(profile) for profile in profiles]}


async def unknown(particulars: Iterable[Mapping[str, Any]], *, conn: AsyncConnection) -> list[tuple[str, UUID]]:
    """Which records these fields name that do not exist, as (field, id)."""
    named = {(REFERENCES[field][0], field, id) for given in particulars for field, id in named_by(given)}
    if not named:
        return []
    kinds, fields, ids = zip(*named, strict=True)
    found = await fetch(conn, UNKNOWN, list(kinds), list(fields), list(ids))
    return [(row["field"], row["id"]) for row in found]


async def ancestors(project_id: UUID, *, conn: AsyncConnection) -> set[UUID]:
    """The project and what it adds to, and what that adds to."""
    return {row["id"] for row in await fetch(conn, ANCESTORS, project_id)}


async def increments(project_id: UUID, *, conn: AsyncConnection) -> Sequence[Mapping[str, Any]]:
    """The 增资 that name this project as their parent, by code; a hundred at most."""
    return await fetch(conn, INCREMENTS, project_id)


def _row(profile: Profile) -> dict[str, Any]:
    plain = asdict(profile)
    original = profile.original
    return {
        **plain,
        "original": original and original.model_dump(mode="json"),
        "annual_plans": [plan.model_dump() for plan in profile.annual_plans],
    }


def _profile(row: Mapping[str, Any]) -> Profile:
    plain = {name: row[name] for name in FIELDS}
    source, original = row["capital_source"], row["original"]
    return Profile(
        row["project_id"],
        **{
            **plain,
            "capital_source": CapitalSource(source) if source else None,
            "original": OriginalAmount.model_validate(original) if original else None,
            "annual_plans": tuple(AnnualPlan.model_validate(item) for item in row["annual_plans"]),
            "assisting_org_ids": tuple(row["assisting_org_ids"]),
        },
    )
