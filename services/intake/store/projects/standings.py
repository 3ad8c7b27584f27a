"""The three lists as of a past day, and as they were known on one (S7).

Two days matter. What happened on a day is read from the days of stages; a project entered without such a day stands
where it was entered from the day of its recording. What was known on a day is another question: most projects have not
changed since, so their present rows are right; those that have are folded from the log as it stood then, by the same
code as ever. So nothing is kept twice, and a past day costs as much as has changed since.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects.project import Project, evolve
from services.intake.domain.terms import LISTS, STAGES, ProjectList
from services.intake.store import sets
from services.intake.store.projects.projects import PROJECT_COLUMNS
from shared.contracts.event import Event
from shared.contracts.project_records import ProjectRecordEvent
from shared.contracts.projects import ProjectDelayed
from shared.contracts.topics import PROJECTS
from shared.kit.clock import CHINA
from shared.kit.database import fetch, plan_each_time

AT_ONCE = 1000
TYPES: dict[str, type[Event]] = {
    event.type: event
    for event in PROJECTS.events
    if event.type.startswith("cn.liandu.project.") and not issubclass(event, ProjectRecordEvent | ProjectDelayed)
}
"""What changes a project itself, neither its timetable nor what is kept beside it."""

CHANGED_SINCE = "SELECT DISTINCT aggregate_id FROM event_log WHERE topic = $1 AND type = ANY ($2::text[]) AND at >= $3"
FACTS_UNTIL = """
    SELECT aggregate_id, type, data FROM unnest($1::uuid[]) AS changed (id) JOIN event_log ON aggregate_id = changed.id
     WHERE type = ANY ($2::text[]) AND at < $3 ORDER BY aggregate_id, seq
"""
"""Joined, not `aggregate_id = ANY`: that is combined with the index by `at`, which knows whole ranges of pages only, so
that a hundred times as many facts are looked at, each against all ids."""

KNOWN = """
    changed AS (SELECT unnest($7::uuid[]) AS id),
    known AS (
        SELECT * FROM project WHERE NOT EXISTS (SELECT FROM changed WHERE changed.id = project.id)
        UNION ALL SELECT * FROM jsonb_populate_recordset(NULL::project, $8::jsonb)
    ), known_day AS (
        SELECT * FROM project_stage_day AS day WHERE NOT EXISTS (SELECT FROM changed WHERE changed.id = project_id)
        UNION ALL SELECT * FROM jsonb_populate_recordset(NULL::project_stage_day, $9::jsonb)
    ), known_former_chain AS (
        SELECT * FROM project_former_chain WHERE NOT EXISTS (SELECT FROM changed WHERE changed.id = project_id)
        UNION ALL SELECT * FROM jsonb_populate_recordset(NULL::project_former_chain, $10::jsonb)
    ),
"""
LISTED = """
    WITH {known} dated AS (
        SELECT project_id, max(array_position($2::text[], stage)) AS place
          FROM {day} WHERE reached_on <= $1::date GROUP BY project_id
    ), present AS (
        SELECT project.*, array_position($2::text[], project.stage) AS present_place, dated.place AS dated_place,
               array_position($2::text[], entered_stage) AS entered_place
          FROM {project} AS project LEFT JOIN dated ON project_id = project.id
         WHERE hold_status <> 'struck_off' AND (hold_status <> 'terminated' OR hold_status_on > $1::date)
    ), placed AS MATERIALIZED (
        SELECT present.*,
               least(present_place, greatest(0, dated_place, CASE WHEN entered_place > coalesce(dated_place, 0) THEN (
                    SELECT entered_place FROM event_log
                     WHERE aggregate_id = present.id AND seq = 1
                       AND at < ($1::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
               ) END)) AS place,
               coalesce((SELECT former.chain_id FROM {former_chain} AS former
                          WHERE former.project_id = present.id AND until_day >= $1::date ORDER BY until_day LIMIT 1),
                        present.chain_id) AS chain_then
          FROM present
         WHERE least(present_place, greatest(dated_place, entered_place)) >= ($3::integer[])[1]
           AND coalesce(dated_place, 0) <= ($3::integer[])[cardinality($3::integer[])]
           AND ($5::uuid IS NULL OR responsible_org_id = $5)
    ), listed AS (
        SELECT placed.*, chain.code AS chain_code, chain.name AS chain_name
          FROM placed JOIN chain ON chain.id = chain_then
         WHERE place = ANY ($3::integer[]) AND ($4::text IS NULL OR chain.code = $4)
    )
"""
"""$1 day, $2 all stages in order, $3 the places of the list's stages in it, rising, $4 chain, $5 organisation.

When a project was entered is looked up only where its days do not lead as far as where it was entered.
"""
PAGE = """{listed}, shown AS (
        SELECT * FROM listed WHERE $6::text IS NULL OR code > $6 ORDER BY code LIMIT {limit}
    )
    SELECT shown.*, chain_then AS chain_id, organisation.name AS responsible_org_name,
           signed.reached_on AS signed_on, started.reached_on AS started_on
      FROM shown JOIN organisation ON organisation.id = responsible_org_id
      LEFT JOIN {day} AS signed ON signed.project_id = shown.id AND signed.stage = 'signed'
      LEFT JOIN {day} AS started ON started.project_id = shown.id AND started.stage = 'started'
     ORDER BY shown.code
"""
TOTALS = """{listed}
    SELECT least_wan, count(id) AS count, coalesce(sum(total_investment_wan), 0)::bigint AS total_wan
      FROM unnest($6::bigint[]) AS tier (least_wan) LEFT JOIN listed ON total_investment_wan >= least_wan
     GROUP BY least_wan ORDER BY least_wan
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of the projects that have changed since: their rows, days and former chains as they were."""

    changed: Collection[UUID]
    projects: list[sets.Row] = field(default_factory=list)
    days: list[sets.Row] = field(default_factory=list)
    former_chains: list[sets.Row] = field(default_factory=list)

    @property
    def arguments(self) -> list[object]:
        rows = (self.projects, self.days, self.former_chains)
        return [list(self.changed), *(orjson.dumps(found, default=str).decode() for found in rows)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One of the lists as of the end of a day; `known`: by what was known then, None: by what is known now."""

    in_list: ProjectList
    on: date
    chain: str | None = None
    org_id: UUID | None = None
    known: Known | None = None

    def is_present(self, today: date) -> bool:
        """Whether it is what stands in the books now."""
        return self.on == today and self.known is None

    @property
    def arguments(self) -> list[object]:
        places = [STAGES.index(stage) + 1 for stage in LISTS[self.in_list]]
        return [self.on, [str(stage) for stage in STAGES], places, self.chain, self.org_id]


async def known_on(day: date, *, conn: AsyncConnection) -> Known:
    """What was known at the end of a day, Asia/Shanghai, of every project that has changed since."""
    end = datetime.combine(day + timedelta(days=1), time.min, CHINA)
    changed = [row["aggregate_id"] for row in await fetch(conn, CHANGED_SINCE, PROJECTS.name, list(TYPES), end)]
    known = Known(changed)
    for start in range(0, len(changed), AT_ONCE):
        ids = changed[start : start + AT_ONCE]
        _fold_into(known, await fetch(conn, FACTS_UNTIL, ids, list(TYPES), end))
    return known


async def page(wanted: Wanted, *, conn: AsyncConnection, after: str | None, limit: int) -> list[Any]:
    """Projects in order of their codes, with the columns that lists show; `stage` and chain are those of the day."""
    await plan_each_time(conn)
    rows = await fetch(conn, _sql(PAGE, wanted, limit=limit), *wanted.arguments, after, *_known(wanted))
    return [SimpleNamespace(**{**row, "stage": STAGES[row["place"] - 1]}) for row in rows]


async def totals(wanted: Wanted, tiers_wan: Sequence[int], *, conn: AsyncConnection) -> list[tuple[int, int, int]]:
    """For each of these amounts, rising: the amount, how many projects reach it, and their total investment, 万元."""
    await plan_each_time(conn)
    rows = await fetch(conn, _sql(TOTALS, wanted), *wanted.arguments, list(tiers_wan), *_known(wanted))
    return [(row["least_wan"], row["count"], row["total_wan"]) for row in rows]


def _sql(sql: str, wanted: Wanted, *, limit: int = 0) -> str:
    if wanted.known is None:
        names = {"known": "", "project": "project", "day": "project_stage_day", "former_chain": "project_former_chain"}
    else:
        names = {"known": KNOWN, "project": "known", "day": "known_day", "former_chain": "known_former_chain"}
    return sql.format(listed=LISTED.format(**names), **names, limit=limit)


def _known(wanted: Wanted) -> list[object]:
    return [] if wanted.known is None else wanted.known.arguments


def _fold_into(known: Known, facts: Sequence[Any]) -> None:
    projects: dict[UUID, Project] = {}
    for fact in facts:
        id, before = fact["aggregate_id"], projects.get(fact["aggregate_id"])
        projects[id] = after = evolve(before, TYPES[fact["type"]].model_validate(fact["data"]))
        if before and after.chain_id != before.chain_id and after.chain_since:
            until_day = after.chain_since - timedelta(days=1)
            known.former_chains.append({"project_id": id, "until_day": until_day, "chain_id": before.chain_id})
    for project in projects.values():
        known.projects.append({name: getattr(project, name) for name in PROJECT_COLUMNS})
        known.days.extend(
            {"project_id": project.id, "stage": stage, "reached_on": day} for stage, day in project.reached.items()
        )
