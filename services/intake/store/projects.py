"""Reading and writing projects with the days of their stages and their timetables, many at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.project import Project
from services.intake.domain.terms import HoldStatus, MilestoneStatus
from services.intake.domain.timetable import Milestone
from services.intake.store import sets, tables
from shared.contracts.projects import ProjectKind, Source, Stage

Saved = tuple[Project | None, Project]
"""A project before (None: new) and after."""

FIND = text("""
    SELECT id FROM project WHERE code = ANY (CAST(:codes AS text[]))
    UNION
    SELECT id FROM project JOIN unnest(CAST(:names AS text[]), CAST(:orgs AS uuid[])) AS wanted (name, org)
        ON project.name = wanted.name AND project.responsible_org_id = wanted.org
""")
NUMBERS = text("""
    INSERT INTO project_number AS number (year, last) VALUES (:year, :count)
    ON CONFLICT (year) DO UPDATE SET last = number.last + :count RETURNING last
""")
TAKEN = text("SELECT code FROM project WHERE code = ANY (CAST(:codes AS text[]))")


async def load_many(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Project]:
    """These projects as far as they exist, in three statements."""
    if not ids:
        return {}
    days: dict[UUID, dict[Stage, date]] = {}
    of_days = select(tables.project_stage_day).where(sets.one_of(tables.project_stage_day.c.project_id, ids))
    for row in await conn.execute(of_days):
        days.setdefault(row.project_id, {})[Stage(row.stage)] = row.reached_on
    milestones = await _milestones(ids, conn=conn)
    rows = await conn.execute(select(tables.project).where(sets.one_of(tables.project.c.id, ids)))
    return {row.id: _project(row, days.get(row.id, {}), milestones.get(row.id, {})) for row in rows}


async def save_many(saved: Sequence[Saved], *, conn: AsyncConnection) -> None:
    """Write projects, and of their stage days and milestones what is new or changed; three statements."""
    await sets.upsert(tables.project, [_row(after) for _, after in saved], conn=conn)
    await sets.upsert(tables.project_stage_day, list(_changed_days(saved)), conn=conn)
    await sets.upsert(tables.milestone, list(_changed_milestones(saved)), conn=conn)


async def find(*, codes: Collection[str], names: Collection[tuple[str, UUID]], conn: AsyncConnection) -> list[UUID]:
    """The ids of projects that have one of these codes, or one of these (name, responsible organisation) pairs."""
    wanted = {"codes": list(codes), "names": [name for name, _ in names], "orgs": [org for _, org in names]}
    return list((await conn.execute(FIND, wanted)).scalars())


async def take_numbers(count: int, *, year: int, conn: AsyncConnection) -> list[str]:
    """Codes like P2026-0001 that no project has; the numbers of a rolled back transaction are given again."""
    codes: list[str] = []
    while missing := count - len(codes):
        last = (await conn.execute(NUMBERS, {"year": year, "count": missing})).scalar_one()
        drawn = [f"P{year}-{number:04d}" for number in range(last - missing + 1, last + 1)]
        taken = set((await conn.execute(TAKEN, {"codes": drawn})).scalars())
        codes += [code for code in drawn if code not in taken]
    return codes


async def _milestones(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, dict[UUID, Milestone]]:
    of = tables.milestone.c
    query = select(tables.milestone).where(sets.one_of(of.project_id, ids)).order_by(of.due_on, of.id)
    found: dict[UUID, dict[UUID, Milestone]] = {}
    for row in await conn.execute(query):
        found.setdefault(row.project_id, {})[row.id] = _milestone(row)
    return found


def _project(row: Row[Any], reached: Mapping[Stage, date], milestones: Mapping[UUID, Milestone]) -> Project:
    return Project(
        id=row.id,
        code=row.code,
        name=row.name,
        chain_id=row.chain_id,
        responsible_org_id=row.responsible_org_id,
        kind=ProjectKind(row.kind),
        total_investment_wan=row.total_investment_wan,
        stage=Stage(row.stage),
        reached=reached,
        signed_amount_wan=row.signed_amount_wan,
        output_ratio=row.output_ratio,
        hold_status=HoldStatus(row.hold_status),
        hold_status_on=row.hold_status_on,
        milestones=milestones,
        version=row.version,
    )


def _milestone(row: Row[Any]) -> Milestone:
    return Milestone(
        id=row.id,
        name=row.name,
        due_on=row.due_on,
        responsible_post_id=row.responsible_post_id,
        responsible_person_id=row.responsible_person_id,
        stage=Stage(row.stage) if row.stage else None,
        source=Source(row.source),
        source_document=row.source_document,
        status=MilestoneStatus(row.status),
        met_on=row.met_on,
        expected_on=row.expected_on,
        delay_reason=row.delay_reason,
    )


def _row(project: Project) -> sets.Row:
    return {str(column.name): getattr(project, column.name) for column in tables.project.columns}


def _changed_days(saved: Sequence[Saved]) -> Iterable[sets.Row]:
    for before, after in saved:
        for stage, day in after.reached.items():
            if before is None or before.reached.get(stage) != day:
                yield {"project_id": after.id, "stage": stage, "reached_on": day}


def _changed_milestones(saved: Sequence[Saved]) -> Iterable[sets.Row]:
    for before, after in saved:
        for milestone in after.milestones.values():
            if before is None or before.milestones.get(milestone.id) != milestone:
                yield {"project_id": after.id, **asdict(milestone)}
