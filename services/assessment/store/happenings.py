"""What happened to supervision, as the journal and the log have it: for living through it again."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import tasks
from services.assessment.domain.acting import ACTIONS
from services.assessment.domain.rebuilding import Logged
from services.assessment.domain.world import Acted, Happening, Heard, InForce, Published
from shared.contracts.event import Event
from shared.contracts.programme import PROGRAMME
from shared.contracts.projects import PROJECTS
from shared.contracts.supervision import SupervisionEvent
from shared.contracts.topics import EVENT_TYPES
from shared.kit.database import fetch
from shared.kit.working_days import YearTable

PAGE = 5000
_TOPICS = (PROGRAMME, PROJECTS)
_TYPES = tuple(one.type for one in tasks.FACTS)
_COUNT = """
SELECT count(*) FROM journal WHERE (topic = ANY ($1::text[]) OR type = ANY ($2::text[])) AND consumed_at < $3
"""
_HEARD = """
SELECT position, consumed_at, at, type, CAST(data AS text) AS data
  FROM journal
 WHERE position > $1 AND (topic = ANY ($2::text[]) OR type = ANY ($3::text[])) AND consumed_at < $4
 ORDER BY position
 LIMIT $5
"""
_ACTED = """
SELECT at, type, CAST(data AS text) AS data
  FROM event_log
 WHERE type = ANY ($1::text[]) AND at < $2
 ORDER BY position
"""
_LOGGED = """
SELECT position, event_id, aggregate_id, seq, at, type, CAST(data AS text) AS data
  FROM event_log
 WHERE position > $1
 ORDER BY position
 LIMIT $2
"""
_IMPORTED = """
SELECT year, holidays, make_up_days, source, imported_at
  FROM calendar_year
 WHERE imported_at < $1
 ORDER BY imported_at, year
"""


async def count(until: datetime, *, conn: AsyncConnection) -> int:
    """Facts of other services that were taken before `until`."""
    [(found,)] = await fetch(conn, _COUNT, list(_TOPICS), list(_TYPES), until)
    return int(found)


async def happenings(
    until: datetime, *, policies: Sequence[InForce] = (), conn: AsyncConnection
) -> AsyncIterator[list[Happening]]:
    """All that happened before `until`, in order, in pages of `PAGE` facts with what people did in between, and the
    policies that came in force."""
    between = await _between(until, policies, conn)
    async for heard in journal(until, conn=conn):
        page: list[Happening] = []
        for one in heard:
            while between and between[-1].at < one.at:
                page.append(between.pop())
            page.append(one)
        yield page
    yield between[::-1]


async def journal(until: datetime, *, conn: AsyncConnection) -> AsyncIterator[list[Heard]]:
    """What was heard of other services before `until`, in pages."""
    after = 0
    while rows := await fetch(conn, _HEARD, after, list(_TOPICS), list(_TYPES), until, PAGE):
        after = rows[-1]["position"]
        yield [Heard(row["consumed_at"], row["at"], _event(row)) for row in rows]


async def log(*, conn: AsyncConnection) -> AsyncIterator[list[Logged]]:
    """Supervision's own facts, in pages."""
    after = 0
    while rows := await fetch(conn, _LOGGED, after, PAGE):
        after = rows[-1]["position"]
        yield [Logged(row["event_id"], row["aggregate_id"], row["seq"], row["at"], _event(row)) for row in rows]


async def imported(until: datetime, *, conn: AsyncConnection) -> list[Published]:
    """The years' calendars that came before `until`, in order."""
    rows = await fetch(conn, _IMPORTED, until)
    return [
        Published(
            row["imported_at"],
            YearTable(row["year"], frozenset(row["holidays"]), frozenset(row["make_up_days"]), row["source"]),
        )
        for row in rows
    ]


async def _between(until: datetime, policies: Sequence[InForce], conn: AsyncConnection) -> list[Happening]:
    """What people did, the years' calendars and the policies that came: the last first."""
    rows = await fetch(conn, _ACTED, [kind.type for kind in ACTIONS], until)
    found: list[Happening] = [Acted(row["at"], cast(SupervisionEvent, _event(row))) for row in rows]
    found += [*await imported(until, conn=conn), *(one for one in policies if one.at < until)]
    return sorted(found, key=attrgetter("at"))[::-1]


def _event(row: Any) -> Event:
    return EVENT_TYPES[row["type"]].model_validate_json(row["data"])
