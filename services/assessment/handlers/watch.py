"""The service's own loop: it begins supervision, recounts after a calendar, addresses again what nobody was there to
hear, looks for what was forgotten."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.moments import china_date
from services.assessment.handlers.addressing import address_again
from services.assessment.handlers.calendar import recount
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import rules as kept
from services.assessment.store import unaddressed
from shared.kit import telemetry
from shared.kit.database import transaction
from shared.kit.log.eventlog import lock_heads
from shared.kit.process.declaration import Pending, Platform
from shared.kit.transient import Backoff, is_transient

REST = 1.0
PAGE = 500

_FORGOTTEN_OBLIGATIONS = text("""
SELECT id FROM obligation one
 WHERE state = 'open' AND NOT EXISTS (SELECT FROM timer WHERE subject = one.id AND kind = 'due')
   AND NOT EXISTS (SELECT FROM set_aside WHERE kind = 'timer' AND aggregate_id = one.id AND redriven_at IS NULL)
 LIMIT :limit
""")
_FORGOTTEN_CASES = text("""
SELECT id FROM supervision_case one
 WHERE state = 'open' AND next_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM timer WHERE subject = one.id AND kind = 'climb')
   AND NOT EXISTS (SELECT FROM set_aside WHERE kind = 'timer' AND aggregate_id = one.id AND redriven_at IS NULL)
 LIMIT :limit
""")
_FOUND = telemetry.counter(
    "liandu_supervision_forgotten_total", "Obligations and cases found without the timer they should have"
)


@dataclass(slots=True)
class Watch:
    """Once a second it looks whether a calendar came, or somebody who is to hear what nobody was told; once a day of
    the platform's clock for what has no timer."""

    knowledge: Knowledge
    looked_on: date | None = None

    async def run(self, platform: Platform) -> None:
        """Run until cancelled. The database's failures are waited out."""
        backoff = Backoff()
        while True:
            try:
                await self._round(platform)
            except Exception as error:
                if not is_transient(error):
                    raise
                telemetry.log.warning("the watch was interrupted", error=type(error).__name__)
                await backoff.pause()
                continue
            backoff.reset()
            await platform.clock.sleep_until(None, at_most=REST)

    async def _round(self, platform: Platform) -> None:
        now = platform.clock.now()
        if counted := await recount(platform.engine, now=now, knowledge=self.knowledge):
            telemetry.log.info("timers counted again with the new calendar", timers=counted)
        if addressed := await address_again(platform.engine, now=now, knowledge=self.knowledge):
            telemetry.log.info("somebody is there now to hear what nobody was told", facts=addressed)
        if self.looked_on != china_date(now):
            await self.look(platform, now)
            self.looked_on = china_date(now)

    async def look(self, platform: Platform, now: datetime) -> int:
        """Set the timers of obligations and cases that should have one and have none; how many."""
        found = 0
        while mended := await self._mend(platform, now):
            found += mended
        if found:
            _FOUND.inc(found)
            telemetry.log.error("obligations or cases had lost their timer; it was set again", found=found)
        return found

    async def _mend(self, platform: Platform, now: datetime) -> int:
        async with transaction(platform.engine) as conn:
            obligation_ids = list((await conn.execute(_FORGOTTEN_OBLIGATIONS, {"limit": PAGE})).scalars())
            case_ids = list((await conn.execute(_FORGOTTEN_CASES, {"limit": PAGE})).scalars())
            if not obligation_ids and not case_ids:
                return 0
            desk = Desk.of(await self.knowledge.now(conn, now), now)
            await lock_heads([*obligation_ids, *case_ids], conn=conn)
            await desk.load_obligations(obligation_ids, conn=conn)
            await desk.load_cases(case_ids, conn=conn)
            found = list(desk.obligations.values())
            await desk.load_around(conn=conn)
            for obligation in found:
                desk.on_obligation(obligation, ())
            for case in list(desk.cases.values()):
                desk.on_case(case, ())
            await desk.write(conn=conn)
        return len(obligation_ids) + len(case_ids)


async def pending(conn: AsyncConnection, now: datetime) -> Pending:
    """Whether a calendar came that timers were not yet counted with, or people whom something was to be told."""
    standing = await kept.standing(conn=conn)
    if standing is None:
        return Pending(("supervision has not begun",))
    if standing.recounted_revision < standing.calendar_revision:
        return Pending(("timers are being counted again with a new calendar",))
    if standing.policies and standing.recounted_policy != standing.in_force(china_date(now)):
        return Pending(("timers are being counted again with a new policy",))
    if await unaddressed.wait_for_directory(conn=conn):
        return Pending(("who is to hear is being looked up again in a new directory",))
    return Pending()
