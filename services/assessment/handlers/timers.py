"""The timers' handler: reminders, first rungs, further rungs, lights. Set-wise for up to 500 timers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import firing
from services.assessment.domain import obligation as obligations
from services.assessment.domain.firing import Numbers, numbers_needed
from services.assessment.domain.light import light_id
from services.assessment.domain.work import CLIMB, DUE, LIGHT, RAISE
from services.assessment.handlers import addressing
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import rules as kept
from shared.contracts.supervision import ObligationKind
from shared.kit.timers import Timer


async def fire(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime, knowledge: Knowledge) -> None:
    """Do what these timers are for; see `shared.kit.timers.Fire`. Numbers are given out in the order of the calls."""
    async with knowledge.numbering:
        desk = Desk.of(await knowledge.now(conn, now, wait=False), now)
        await _load(due, desk, conn)
        numbers = await _numbers_for(due, desk, conn)
    for timer in due:
        firing.fire(timer, desk, numbers)
    if numbers.last:
        await kept.save_counters(numbers.last, numbers.year, conn=conn)
    await desk.write(conn=conn)
    await addressing.note(desk, conn=conn)


async def _load(due: Sequence[Timer], desk: Desk, conn: AsyncConnection) -> None:
    """Only the subjects are locked, by the runner; what is read beside them is only read."""
    subjects: dict[str, set[UUID]] = {kind: set() for kind in (DUE, CLIMB, RAISE, LIGHT)}
    for timer in due:
        subjects[timer.kind].add(timer.subject)
    await desk.load_lights(subjects[LIGHT], conn=conn)
    watched = [obligations.id_of(light.milestone_id) for light in desk.lights.values()]
    of_due = {obligations.case_id(one) for one in subjects[DUE]}
    case_ids = subjects[CLIMB] | subjects[RAISE] | {obligations.case_id(one) for one in watched} | of_due
    await desk.load_cases(case_ids, conn=conn)
    await desk.load_obligations(subjects[DUE], conn=conn)
    replies = {one.milestone_id for one in desk.obligations.values() if one.kind is ObligationKind.REPLY}
    await desk.load_cases(replies - desk.cases.keys(), conn=conn)
    raised = {light_id(desk.cases[one].project_id) for one in subjects[RAISE] if one in desk.cases}
    await desk.load_lights(raised - desk.lights.keys(), conn=conn)
    await desk.load_around(conn=conn)


async def _numbers_for(due: Sequence[Timer], desk: Desk, conn: AsyncConnection) -> Numbers:
    """Lock only the counters that are needed: they are what several processes would queue for."""
    numbers = Numbers(desk.on.year)
    if kinds := numbers_needed(due, desk):
        numbers.last = await kept.lock_counters(kinds, numbers.year, conn=conn)
    return numbers
