"""What happened to supervision, as the journal and the log have it: for living through it again."""

from collections.abc import AsyncIterator
from datetime import datetime
from operator import attrgetter

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.acting import ACTIONS
from services.assessment.domain.world import Acted, Happening, Heard, Published
from shared.contracts.programme import PROGRAMME
from shared.contracts.projects import PROJECTS
from shared.contracts.topics import EVENT_TYPES
from shared.kit.database import fetch
from shared.kit.working_days import YearTable

PAGE = 5000
_TOPICS = (PROGRAMME, PROJECTS)
_COUNT = "SELECT count(*) FROM journal WHERE topic = ANY ($1::text[]) AND consumed_at < $2"
_HEARD = """
SELECT position, consumed_at, at, type, CAST(data AS text) AS data
  FROM journal
 WHERE position > $1 AND topic = ANY ($2::text[]) AND consumed_at < $3
 ORDER BY position
 LIMIT $4
"""
_ACTED = """
SELECT at, type, CAST(data AS text) AS data
  FROM event_log
 WHERE type = ANY ($1::text[]) AND at < $2
 ORDER BY position
"""
_IMPORTED = "SELECT year, holidays, make_up_days, source, imported_at FROM calendar_year WHERE imported_at < $1"


async def count(until: datetime, *, conn: AsyncConnection) -> int:
    """Facts of other services that were taken before `until`."""
    [(found,)] = await fetch(conn, _COUNT, list(_TOPICS), until)
    return int(found)


async def happenings(until: datetime, *, conn: AsyncConnection) -> AsyncIterator[list[Happening]]:
    """All that happened before `until`, in order, in pages of `PAGE` facts with what people did in between."""
    between = await _acted_and_published(until, conn)
    after = 0
    while rows := await fetch(conn, _HEARD, after, list(_TOPICS), until, PAGE):
        after = rows[-1]["position"]
        page: list[Happening] = []
        for row in rows:
            while between and between[-1].at < row["consumed_at"]:
                page.append(between.pop())
            event = EVENT_TYPES[row["type"]].model_validate_json(row["data"])
            page.append(Heard(row["consumed_at"], row["at"], event))
        yield page
    yield between[::-1]


async def _acted_and_published(until: datetime, conn: AsyncConnection) -> list[Happening]:
    """What people did, and the years' calendars that came: the last first."""
    found: list[Happening] = [
        Acted(row["at"], EVENT_TYPES[row["type"]].model_validate_json(row["data"]))  # type: ignore[arg-type]
        for row in await fetch(conn, _ACTED, [kind.type for kind in ACTIONS], until)
    ]
    for row in await fetch(conn, _IMPORTED, until):
        table = YearTable(row["year"], frozenset(row["holidays"]), frozenset(row["make_up_days"]), row["source"])
        found.append(Published(row["imported_at"], table))
    return sorted(found, key=attrgetter("at"))[::-1]
