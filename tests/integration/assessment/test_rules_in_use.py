"""What decisions rest on does not change while somebody decides with it."""

import asyncio
from collections.abc import Coroutine
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment import policies
from services.assessment.handlers import calendar, people
from services.assessment.handlers import facts as taking
from services.assessment.handlers.known import Knowledge
from services.assessment.handlers.people import SupervisionIsUnderWay
from services.assessment.store import rules as kept
from services.assessment.store.rules import RulesAreChanging
from shared.contracts.supervision import CaseEscalated
from shared.kit.database import transaction
from shared.kit.working_days import WorkingCalendar, YearTable, published
from tests.support.supervised import Supervised, case_of, planned, programme, recorded
from tests.support.waiting import eventually

NOTICE = YearTable(2027, frozenset({date(2027, 1, 1), date(2027, 1, 4)}), frozenset(), "国办")
WAITING = """
SELECT count(*) AS locks FROM pg_locks JOIN pg_database AS here ON here.oid = database
 WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


async def begun(supervised: Supervised, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """The work as a task that has come as far as it can: to its end, or to where it waits for somebody's lock."""
    task = asyncio.create_task(work)

    async def cannot_go_on() -> bool:
        return task.done() or (await supervised.rows(WAITING))[0].locks > 0

    await eventually(cannot_go_on)
    return task


async def test_the_first_day_does_not_move_while_a_batch_decides_with_the_old_one(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"))
    facts = [supervised.fact(*planned("a", "m", date(2026, 2, 27)))]

    async def begin() -> None:
        async with transaction(supervised.engine) as conn:
            now, knowledge = supervised.clock.now(), supervised.knowledge
            await people.begin_on(date(2026, 3, 2), conn=conn, now=now, by="督查室", knowledge=knowledge)

    async with transaction(supervised.engine) as conn:
        await taking.apply(facts, conn=conn, now=supervised.clock.now(), knowledge=supervised.knowledge)
        beginning = await begun(supervised, begin())

    # The batch came first: its obligation is supervised, so the day cannot move behind its back.
    with pytest.raises(SupervisionIsUnderWay):
        await beginning
    [one] = await supervised.rows("SELECT state, (SELECT began_on FROM supervision) FROM obligation")
    assert (one.state, one.began_on) == ("open", date(2026, 1, 5))


async def test_a_batch_that_decided_with_the_old_calendar_is_counted_again(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"))
    facts = [supervised.fact(*planned("a", "m", date(2027, 1, 8)))]
    now, knowledge = supervised.clock.now(), supervised.knowledge

    async def comes() -> int:
        async with transaction(supervised.engine) as conn:
            await calendar.import_year(NOTICE, conn=conn, now=now, by="督查室", knowledge=knowledge)
        return await calendar.recount(supervised.engine, now=now, knowledge=knowledge)

    async with transaction(supervised.engine) as conn:
        await taking.apply(facts, conn=conn, now=now, knowledge=knowledge)
        coming = await begun(supervised, comes())

    assert await coming == 1
    [timer] = await supervised.rows("SELECT calendar_version FROM timer")
    assert timer.calendar_version == published().with_year(NOTICE).version


async def test_timers_wait_for_nobody_who_changes_the_rules_and_come_back(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    supervised.clock.move("2026-01-12T09:00+08:00")
    async with transaction(supervised.engine) as conn:
        await kept.have_alone(conn=conn)
        with pytest.raises(RulesAreChanging):
            await supervised.timers.fire_due()

    async def has_climbed() -> bool:
        return len(await supervised.events(case_of("m"), kind=CaseEscalated)) == 1

    running = asyncio.create_task(supervised.timers.run())
    try:
        await eventually(has_climbed)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_one_reads_while_another_forgets_what_it_knew_is_whole(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    await supervised.tell(*programme())
    knowledge, read = supervised.knowledge, Knowledge._read_calendar

    async def forgotten_meanwhile(self: Knowledge, revision: int, conn: AsyncConnection) -> WorkingCalendar:
        self._policies = {}  # as a transaction does that has the rules alone
        return await read(self, revision, conn)

    monkeypatch.setattr(Knowledge, "_read_calendar", forgotten_meanwhile)
    async with transaction(supervised.engine) as conn:
        known = await knowledge.read(conn)
    assert known.current is known.by_version[knowledge.document.version]


async def test_policies_are_told_apart_by_version_not_by_their_number(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"))
    ours, theirs = (Knowledge({**deepcopy(policies.read_file(None)), "version": name}) for name in ("ours", "theirs"))
    now, first = supervised.clock.now(), supervised.knowledge.document.version
    async with supervised.engine.connect() as conn:
        await ours.now(conn, now)
        await conn.rollback()
    async with transaction(supervised.engine) as conn:
        await theirs.now(conn, now)

    async with transaction(supervised.engine) as conn:
        assert (await ours.read(conn)).by_version.keys() == {first, "theirs"}
        assert (await ours.now(conn, now)).by_version.keys() == {first, "ours", "theirs"}
