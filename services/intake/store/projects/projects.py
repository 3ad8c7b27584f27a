"""Reading and writing projects with the days of their stages and their timetables, many at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Lines, Milestone
from services.intake.domain.terms import HoldStatus, MilestoneStatus
from services.intake.store import sets, tables
from shared.contracts.projects import ProjectKind, Source, Stage
from shared.kit.database import fetch
from shared.kit.log.eventlog import LOCK, Beside

PROJECT_COLUMNS = tuple(str(column.name) for column in tables.project.columns)
LINE_FIELDS = tuple(field.name for field in fields(Milestone))

NONE: Mapping[Table, Sequence[sets.Row]] = {}
Saved = tuple[Project | None, Project]
"""A project before (None: new) and after."""

FIND = """
    SELECT id FROM project WHERE code = ANY ($1::text[])
    UNION
    SELECT id FROM project JOIN unnest($2::text[], $3::uuid[]) AS wanted (name, org)
        ON project.name = wanted.name AND project.responsible_org_id = wanted.org
"""
NUMBERS = """
    WITH drawn AS (
        INSERT INTO project_number AS number (year, last) VALUES ($1::integer, $2::integer)
        ON CONFLICT (year) DO UPDATE SET last = number.last + $2 RETURNING last
    ), numbered AS (
        SELECT 'P' || $1 || '-' || lpad(n::text, greatest(4, length(n::text)), '0') AS code, n
          FROM drawn, generate_series(last - $2 + 1, last) AS n
    )
    SELECT code FROM numbered WHERE NOT EXISTS (SELECT FROM project WHERE project.code = numbered.code) ORDER BY n
"""
IDS = "SELECT code, id FROM project WHERE code = ANY ($1::text[])"
LOAD = """
    WITH head AS ({heads}), line AS ({lines}), timetable AS (
        SELECT project_id, jsonb_agg(to_jsonb(line) ORDER BY due_on, id) AS milestones FROM line GROUP BY project_id
    )
    SELECT head.seq, project.*, milestones,
           (SELECT jsonb_object_agg(stage, reached_on) FROM project_stage_day WHERE project_id = project.id) AS days
      FROM head
      LEFT JOIN project ON project.id = head.aggregate_id
      LEFT JOIN timetable ON timetable.project_id = head.aggregate_id
"""
UNLOCKED = "SELECT id AS aggregate_id, version AS seq FROM project WHERE id = ANY ($1::uuid[])"
ALL_LINES = "SELECT * FROM milestone WHERE project_id = ANY ($1::uuid[])"
LINES_IN_QUESTION = """
    SELECT * FROM milestone WHERE id = ANY ($2::uuid[])
    UNION
    SELECT milestone.*
      FROM unnest($3::uuid[], $4::text[]) AS named (project_id, name)
      JOIN milestone ON milestone.project_id = named.project_id AND milestone.name = named.name
     WHERE status <> 'cancelled'
    UNION
    SELECT * FROM milestone WHERE project_id = ANY ($5::uuid[]) AND status = 'open'
"""
WHOLE = LOAD.format(heads=UNLOCKED, lines=ALL_LINES), LOAD.format(heads=LOCK, lines=ALL_LINES)
IN_QUESTION = LOAD.format(heads=UNLOCKED, lines=LINES_IN_QUESTION), LOAD.format(heads=LOCK, lines=LINES_IN_QUESTION)
"""To read, and to lock and read."""
UNKNOWN = """
    SELECT 'chain' AS what, wanted.id FROM unnest({}::uuid[]) AS wanted (id)
     WHERE NOT EXISTS (SELECT FROM chain WHERE chain.id = wanted.id AND closed_from IS NULL)
    UNION ALL
    SELECT 'organisation', wanted.id FROM unnest({}::uuid[]) AS wanted (id)
     WHERE NOT EXISTS (SELECT FROM organisation WHERE organisation.id = wanted.id)
        OR EXISTS (SELECT FROM task_force WHERE task_force.id = wanted.id AND dissolved_from IS NOT NULL)
"""
UNKNOWN_REFERENCES = UNKNOWN.format("$1", "$2")
OBSTACLES = """
    SELECT 'project' AS what, id FROM ({found}) AS found
    UNION ALL
    {unknown}
""".format(found=FIND, unknown=UNKNOWN.format("$4", "$5"))  # noqa: S608 - constants of this module


async def load_many(ids: Collection[UUID], lines: Lines | None = None, *, conn: AsyncConnection) -> dict[UUID, Project]:
    """These projects as far as they exist, with their stage days and timetables, in one statement.

    `lines`: those in question, where not the whole timetables are; then a line costs the same however many stand
    beside it.
    """
    return _projects(await _read(ids, lines, locking=False, conn=conn))


async def lock_many(ids: Collection[UUID], lines: Lines | None = None, *, conn: AsyncConnection) -> dict[UUID, Project]:
    """As `load_many`, locked until the transaction ends; what is no project is locked too."""
    rows = await _read(ids, lines, locking=True, conn=conn)
    if any(row["version"] != row["seq"] for row in rows):  # another transaction was waited for: see eventlog.LOCK
        rows = await _read(ids, lines, locking=True, conn=conn)
    return _projects(rows)


async def save_many(saved: Sequence[Saved], *, conn: AsyncConnection) -> None:
    """Write projects, and of their stage days and milestones what is new or changed; one statement."""
    await sets.upsert_all(_rows(saved), conn=conn)


def states(saved: Sequence[Saved], more: Mapping[Table, Sequence[sets.Row]] = NONE) -> Beside:
    """What `save_many` writes, for the statement that appends the facts. `more`: rows of other tables beside it."""
    return sets.upserts({**_rows(saved), **more})


async def find(*, codes: Collection[str], names: Collection[tuple[str, UUID]], conn: AsyncConnection) -> list[UUID]:
    """The ids of projects that have one of these codes, or one of these (name, responsible organisation) pairs."""
    rows = await fetch(conn, FIND, list(codes), [name for name, _ in names], [org for _, org in names])
    return [row["id"] for row in rows]


async def ids_of(codes: Collection[str], *, conn: AsyncConnection) -> dict[str, UUID]:
    """The ids of the projects with these codes, as far as they exist."""
    return dict(await fetch(conn, IDS, list(codes))) if codes else {}


async def obstacles(
    *,
    codes: Collection[str],
    names: Collection[tuple[str, UUID]],
    chains: Collection[UUID],
    organisations: Collection[UUID],
    conn: AsyncConnection,
) -> list[tuple[str, UUID]]:
    """What `find` and `unknown_references` give, in one statement; found ones, called `project`, come first."""
    named = [name for name, _ in names], [org for _, org in names]
    rows = await fetch(conn, OBSTACLES, list(codes), *named, list(chains), list(organisations))
    return [(row["what"], row["id"]) for row in rows]


async def unknown_references(
    *, chains: Collection[UUID], organisations: Collection[UUID], conn: AsyncConnection
) -> list[tuple[str, UUID]]:
    """Which of these do not exist or take no projects any more, as (`chain` or `organisation`, id)."""
    rows = await fetch(conn, UNKNOWN_REFERENCES, list(chains), list(organisations))
    return [(row["what"], row["id"]) for row in rows]


async def take_numbers(count: int, *, year: int, conn: AsyncConnection) -> list[str]:
    """Codes like P2026-0001 that no project has; the numbers of a rolled back transaction are given again."""
    codes: list[str] = []
    while missing := count - len(codes):
        codes += [row["code"] for row in await fetch(conn, NUMBERS, year, missing)]
    return codes


async def _read(
    ids: Collection[UUID], lines: Lines | None, *, locking: bool, conn: AsyncConnection
) -> Sequence[Mapping[str, Any]]:
    if not ids:
        return []
    if lines is None:
        return await fetch(conn, WHOLE[locking], list(ids))
    named = [id for id, _ in lines.names], [name for _, name in lines.names]
    return await fetch(conn, IN_QUESTION[locking], list(ids), list(lines.ids), *named, list(lines.open_of))


def _projects(rows: Iterable[Mapping[str, Any]]) -> dict[UUID, Project]:
    return {row["id"]: _project(row) for row in rows if row["id"]}


def _rows(saved: Sequence[Saved]) -> dict[Table, list[sets.Row]]:
    return {
        tables.project: [_row(after) for _, after in saved],
        tables.project_stage_day: list(_changed_days(saved)),
        tables.project_former_chain: list(_chains_left(saved)),
        tables.milestone: list(_changed_milestones(saved)),
    }


def _project(row: Mapping[str, Any]) -> Project:
    return Project(
        id=row["id"],
        code=row["code"],
        name=row["name"],
        chain_id=row["chain_id"],
        responsible_org_id=row["responsible_org_id"],
        kind=ProjectKind(row["kind"]),
        total_investment_wan=row["total_investment_wan"],
        entered_stage=Stage(row["entered_stage"]),
        stage=Stage(row["stage"]),
        reached={Stage(stage): date.fromisoformat(day) for stage, day in (row["days"] or {}).items()},
        signed_amount_wan=row["signed_amount_wan"],
        output_ratio=row["output_ratio"],
        hold_status=HoldStatus(row["hold_status"]),
        hold_status_on=row["hold_status_on"],
        milestones={line.id: line for line in map(_milestone, row["milestones"] or ())},
        version=row["version"],
        chain_since=row["chain_since"],
    )


def _milestone(data: Mapping[str, Any]) -> Milestone:
    return Milestone(
        id=UUID(data["id"]),
        name=data["name"],
        due_on=date.fromisoformat(data["due_on"]),
        responsible_post_id=UUID(data["responsible_post_id"]),
        responsible_person_id=UUID(data["responsible_person_id"]) if data["responsible_person_id"] else None,
        stage=Stage(data["stage"]) if data["stage"] else None,
        source=Source(data["source"]),
        source_document=data["source_document"],
        status=MilestoneStatus(data["status"]),
        met_on=_day(data["met_on"]),
        expected_on=_day(data["expected_on"]),
        delay_reason=data["delay_reason"],
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _row(project: Project) -> sets.Row:
    return {name: getattr(project, name) for name in PROJECT_COLUMNS}


def _changed_days(saved: Sequence[Saved]) -> Iterable[sets.Row]:
    for before, after in saved:
        for stage, day in after.reached.items():
            if before is None or before.reached.get(stage) != day:
                yield {"project_id": after.id, "stage": stage, "reached_on": day}


def _chains_left(saved: Sequence[Saved]) -> Iterable[sets.Row]:
    """Where projects belonged until the day before; one that moves on the same day was in no figure of its chain."""
    for before, after in saved:
        since = after.chain_since
        if before and since and before.chain_id != after.chain_id and before.chain_since != since:
            until = since - timedelta(days=1)
            yield {"project_id": after.id, "until_day": until, "chain_id": before.chain_id}


def _changed_milestones(saved: Sequence[Saved]) -> Iterable[sets.Row]:
    for before, after in saved:
        for milestone in after.milestones.values():
            if before is None or before.milestones.get(milestone.id) != milestone:
                yield {"project_id": after.id, **{name: getattr(milestone, name) for name in LINE_FIELDS}}
