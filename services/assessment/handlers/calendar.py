"""A year's calendar comes, or another policy is in force: what was counted without it is counted again, a page of
timers at a time."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.assessment.domain import recounting
from services.assessment.domain.work import DUE, KINDS, LIGHT
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import rules as kept
from shared.kit.database import transaction
from shared.kit.log.eventlog import lock_heads
from shared.kit.working_days import YearTable

PAGE = 500
_FIRST = UUID(int=0)

_OLDER = text("""
SELECT subject, due_at FROM timer
 WHERE kind = :kind AND subject > :after
   AND (calendar_version <> :version OR (:kind IN ('due', 'light') AND rule_version <> :policy))
 ORDER BY subject
 LIMIT :limit
""")


async def import_year(table: YearTable, *, conn: AsyncConnection, now: datetime, by: str, knowledge: Knowledge) -> None:
    """Keep a year's table; `recount` then does the rest in transactions of its own.

    What was counted without it is committed by then, so `recount` finds it all.
    """
    await knowledge.alone(conn, now)
    await kept.import_year(table, conn=conn, by=by, now=now)


async def recount(engine: AsyncEngine, *, now: datetime, knowledge: Knowledge) -> int:
    """Count again all timers of an older calendar, and of another policy those that do not go by a case's own; kind by
    kind (a transaction never holds two kinds of aggregates).

    Returns how many there were. Nothing is done while calendar and policy are those that were last counted with.
    """
    async with transaction(engine) as conn:
        known = await knowledge.now(conn, now)
    policy = known.current.policy.version
    if (known.recounted_revision, known.recounted_policy) == (known.calendar_revision, policy):
        return 0
    counted = 0
    for kind in KINDS:
        counted += await _recount_kind(kind, engine, now, knowledge)
    async with transaction(engine) as conn:
        before, directory = known.recounted_policy, known.directory_revision
        await kept.recounted(known.calendar_revision, policy, before=before, directory=directory, conn=conn)
    return counted


async def _recount_kind(kind: str, engine: AsyncEngine, now: datetime, knowledge: Knowledge) -> int:
    counted, after = 0, _FIRST
    while True:
        async with transaction(engine) as conn:
            known = await knowledge.now(conn, now)
            policy = known.current.policy.version if known.recounted_policy else ""  # empty: all of them
            versions = {"version": known.calendar.version, "policy": policy}
            page = {"kind": kind, "after": after, **versions, "limit": PAGE}
            older = (await conn.execute(_OLDER, page)).all()
            if older:
                waiting = {row.subject: row.due_at for row in older}
                await _recount_page(kind, waiting, Desk.of(known, now), conn)
        if not older:
            return counted
        counted, after = counted + len(older), older[-1].subject


async def _recount_page(kind: str, subjects: Mapping[UUID, datetime], desk: Desk, conn: AsyncConnection) -> None:
    await lock_heads(subjects, conn=conn)
    load = {DUE: desk.load_obligations, LIGHT: desk.load_lights}.get(kind, desk.load_cases)
    await load(subjects, conn=conn)
    await desk.load_around(conn=conn)
    recounting.recount(kind, subjects, desk)
    await desk.write(conn=conn)
