"""Rehearsals are carried out in a process of their own: a million facts would hold up whoever supervises meanwhile."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from services.assessment.api.rehearsals import found
from services.assessment.domain.moments import at
from services.assessment.domain.rehearsal import Rehearsal, Trial
from services.assessment.domain.rules import Rules
from services.assessment.domain.world import InForce, World
from services.assessment.handlers.known import Knowledge, Known
from services.assessment.policies.document import read_document
from services.assessment.store import rehearsals as store
from services.assessment.store.happenings import count, happenings
from services.assessment.store.rehearsals import Kept, State
from shared.kit import telemetry
from shared.kit.clock import SystemClock
from shared.kit.database import advisory_key, fetch, open_engine, transaction
from shared.kit.errors import DomainError
from shared.kit.process.declaration import Platform
from shared.kit.transient import Backoff, is_transient
from shared.kit.working_days import YearTable, published

REST = 5.0
"""Seconds after which the loop looks for rehearsals that another process was asked for."""

MOST_TRIES = 3
NICENESS = 10
"""Of the process: supervision itself comes first."""

COMMAND = "rehearse"
BUSY = 75
"""Exit code of a process that was not needed."""

_ALONE = advisory_key("assessment", "rehearsal")
_REAL = SystemClock()
_GONE = "推演进程意外结束，请缩小起止日期后重试；如仍失败，请联系运维人员"


@dataclass(slots=True)
class Rehearsing:
    """The loop that has rehearsals carried out, one after the other. `asked` is set by whoever asks for one."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, platform: Platform) -> None:
        """Run until cancelled. The database's failures are waited out."""
        backoff, tries = Backoff(), dict[UUID, int]()
        while True:
            self.asked.clear()
            try:
                await self._round(platform, tries)
            except Exception as error:
                if not is_transient(error):
                    raise
                await backoff.pause()
                continue
            backoff.reset()
            try:
                await asyncio.wait_for(self.asked.wait(), REST)
            except TimeoutError:
                continue

    async def _round(self, platform: Platform, tries: dict[UUID, int]) -> None:
        while (rehearsal_id := await _following(platform.engine)) is not None:
            tries[rehearsal_id] = tries.get(rehearsal_id, 0) + 1
            try:
                if await _in_a_process(rehearsal_id) == BUSY:
                    return
            except OSError as error:  # no process, no memory for one: supervision goes on without
                telemetry.log.error("a rehearsal's process does not start", error=str(error))
            if tries[rehearsal_id] >= MOST_TRIES:
                await _give_up(rehearsal_id, platform)


async def _following(engine: AsyncEngine) -> UUID | None:
    async with transaction(engine) as conn:
        return await store.following(conn=conn)


async def _in_a_process(rehearsal_id: UUID) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.assessment", COMMAND, str(rehearsal_id), stdin=asyncio.subprocess.DEVNULL
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _give_up(rehearsal_id: UUID, platform: Platform) -> None:
    async with transaction(platform.engine) as conn:
        gone = await store.end(rehearsal_id, State.FAILED, at=platform.clock.now(), error=_GONE, conn=conn)
    if gone:
        telemetry.log.error("a rehearsal's process ended under it", rehearsal_id=str(rehearsal_id))


async def carry_out(rehearsal_id: UUID, *, database_url: str, policy: Mapping[str, Any]) -> int:
    """The whole of one rehearsal, as the process does it; its exit code. BUSY: another process is at one."""
    engine = open_engine(database_url, application="assessment rehearsal")
    try:
        async with engine.connect() as alone:
            [(is_alone,)] = await fetch(alone, "SELECT pg_try_advisory_lock($1)", _ALONE)
            if is_alone:
                await _carry_out(rehearsal_id, engine, Knowledge(policy))
            return 0 if is_alone else BUSY
    finally:
        await engine.dispose()


async def _carry_out(rehearsal_id: UUID, engine: AsyncEngine, knowledge: Knowledge) -> None:
    async with transaction(engine) as conn:
        asked = await store.one(rehearsal_id, conn=conn)
    if asked is None or asked.state not in (State.WAITING, State.RUNNING):
        return
    try:
        result = await rehearse(asked, engine, knowledge)
    except DomainError as refusal:
        async with transaction(engine) as conn:
            await store.end(rehearsal_id, State.FAILED, at=_REAL.now(), error=refusal.message, conn=conn)
        return
    async with transaction(engine) as conn:
        await store.end(rehearsal_id, State.DONE, at=_REAL.now(), result=result, conn=conn)


async def rehearse(asked: Kept, engine: AsyncEngine, knowledge: Knowledge) -> Mapping[str, Any] | None:
    """What the rehearsal finds, as data; None when it is no longer wanted.

    Raises:
        DomainError: the policy or the calendar is none, or supervision has not begun.
    """
    from_at, end = _midnight(asked.from_day), _midnight(asked.to_day + timedelta(1))
    async with transaction(engine) as conn:
        known = await knowledge.read(conn)
        facts = await count(end, conn=conn)
        await store.begin(asked.id, facts=facts, conn=conn)
    first, *policies = [InForce(_midnight(day), version) for version, day in known.in_force_from.items()]
    rehearsal = Rehearsal(_empty(known, first.version), _trial(asked, known, from_at))
    done = 0
    async with transaction(engine) as conn:
        async for page in happenings(end, policies=policies, conn=conn):
            rehearsal.live_through(page)
            done += len(page)
            if not await _is_wanted(asked.id, min(done, facts), engine):
                return None
    for _ in rehearsal.days_until(end):
        if not await _is_wanted(asked.id, facts, engine):
            return None
    return found(rehearsal.until(end), rehearsal.was.work.directory)


async def _is_wanted(rehearsal_id: UUID, facts_done: int, engine: AsyncEngine) -> bool:
    async with transaction(engine) as conn:
        return await store.note(rehearsal_id, facts_done=facts_done, conn=conn)


def _empty(known: Known, version: str) -> World:
    """A world in which nothing has happened: years' calendars come when they came, and policies too."""
    rules = {version: replace(one, calendar=published()) for version, one in known.by_version.items()}
    return World.under(rules[version], rules)


def _trial(asked: Kept, known: Known, from_at: datetime) -> Trial:
    """What is tried has a name of its own: cases that began before keep the policy they began with."""
    rules = None
    if asked.policy:
        document = read_document(asked.policy)
        rules = Rules.of(document.renamed(f"{document.version}（推演）"), known.calendar, known.began_on)
    table = _table(asked.calendar) if asked.calendar else None
    return Trial(from_at, rules, table)


def _table(notice: Mapping[str, Any]) -> YearTable:
    days = {name: frozenset(map(date.fromisoformat, notice[name])) for name in ("holidays", "make_up_days")}
    return YearTable(notice["year"], days["holidays"], days["make_up_days"], notice["source"])


def _midnight(day: date) -> datetime:
    return at(day, time())
