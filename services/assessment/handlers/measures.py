"""What supervision shows of its calendar, besides what every service does."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.moments import china_date
from services.assessment.handlers.known import Knowledge, NotBegun
from services.assessment.store import unaddressed
from shared.kit.clock import CHINA
from shared.kit.process.measures import COUNTED_AT_MOST
from shared.kit.telemetry import gauge
from shared.kit.working_days import WorkingCalendar

_PUBLISHED = gauge(
    "liandu_calendar_published_until_timestamp_seconds",
    "Where the published working calendar ends, as Unix time; what is counted beyond it is provisional",
)
_BEYOND = gauge("liandu_obligations_beyond_calendar", "Open obligations that fall due beyond the published calendar")

_UNADDRESSED = gauge(
    "liandu_supervision_unaddressed", "Reminders, rungs and other decisions that nobody was there to hear"
)

_COUNT = text("""
SELECT count(*) FROM (SELECT FROM obligation WHERE due_on >= :day AND state = 'open' LIMIT :most) AS counted
""")


@dataclass(frozen=True, slots=True)
class Measures:
    knowledge: Knowledge

    async def measure(self, conn: AsyncConnection, now: datetime) -> None:
        """Set the gauges; before supervision has begun there is nothing to show."""
        try:
            known = await self.knowledge.read(conn)
        except NotBegun:
            return
        ends = first_provisional(known.calendar, china_date(now))
        _PUBLISHED.set(datetime(ends.year, 1, 1, tzinfo=CHINA).timestamp())
        _UNADDRESSED.set(await unaddressed.count(at_most=COUNTED_AT_MOST, conn=conn))
        _BEYOND.set((await conn.execute(_COUNT, {"day": ends, "most": COUNTED_AT_MOST})).scalar_one())


def first_provisional(calendar: WorkingCalendar, today: date) -> date:
    """The first day, from this year on, of a year without a published table."""
    year = today.year
    while year in calendar.published_years:
        year += 1
    return date(year, 1, 1)
