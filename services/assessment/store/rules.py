"""What decisions rest on, as kept: the day supervision began, policies, imported calendar years, counters.

A transaction that decides with them shares them; one that changes them has them alone, so that nothing decided with
what stood before is written after the change. Both come before any head is locked.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import advisory_key, fetch
from shared.kit.working_days import YearTable

_RULES = advisory_key("assessment", "rules")


@dataclass(frozen=True, slots=True)
class Standing:
    """The one row of `supervision`, and the versions of the policies. Revisions tell what to read again."""

    began_on: date
    began_by: str
    directory_revision: int
    calendar_revision: int
    recounted_revision: int
    recounted_policy: str
    policies: tuple[str, ...]
    in_force_from: tuple[date, ...]
    """Of each of the policies, which stand in this order."""

    def in_force(self, day: date) -> str:
        """The version in force on a day; before the first one's day it is that one."""
        begun = [version for version, since in zip(self.policies, self.in_force_from, strict=True) if since <= day]
        return begun[-1] if begun else self.policies[0]


@dataclass(frozen=True, slots=True)
class Installed:
    """A policy's version as it is kept. `installed_by`: who, or the file that the service was started with."""

    version: str
    in_force_from: date
    installed_at: datetime
    installed_by: str
    body: Mapping[str, Any]


class RulesAreChanging(Exception):
    """Somebody changes what decisions rest on, and this transaction must not wait. Nothing was written."""

    sqlstate = "55P03"
    """As PostgreSQL says of a lock that is not to be had at once: the same again finds it free."""


_SHARE = "SELECT pg_advisory_xact_lock_shared($1)"
_ALONE = "SELECT pg_advisory_xact_lock($1)"
_SHARE_AT_ONCE = "SELECT pg_try_advisory_xact_lock_shared($1)"
_ALONE_AT_ONCE = "SELECT pg_try_advisory_xact_lock($1)"
_STANDING = """
SELECT began_on, began_by, directory_revision, calendar_revision, recounted_revision, recounted_policy,
       ARRAY(SELECT version FROM policy ORDER BY in_force_from, since, version) AS policies,
       ARRAY(SELECT in_force_from FROM policy ORDER BY in_force_from, since, version) AS in_force_from
  FROM supervision
"""
_BEGIN = text(
    "INSERT INTO supervision (began_on, began_by, recounted_policy) VALUES (:on, :by, :policy) ON CONFLICT DO NOTHING"
)
_BEGIN_ON = text("UPDATE supervision SET began_on = :on, began_by = :by")
_POLICIES = text("SELECT version, in_force_from, since, installed_by, body FROM policy")
_INSTALL = text("""
INSERT INTO policy (version, body, since, in_force_from, installed_by)
VALUES (:version, CAST(:body AS jsonb), :since, :from, :by) ON CONFLICT DO NOTHING
""")
_PAGE_OF_POLICIES = text("""
SELECT version, in_force_from, since, installed_by, body FROM policy
 WHERE (in_force_from, since, version) < (CAST(:from AS date), CAST(:since AS timestamptz), CAST(:version AS text))
 ORDER BY in_force_from DESC, since DESC, version DESC
 LIMIT :limit
""")
_YEARS = text("SELECT year, holidays, make_up_days, source FROM calendar_year")
_IMPORT_YEAR = text("""
INSERT INTO calendar_year (year, holidays, make_up_days, source, imported_at, imported_by)
VALUES (:year, CAST(:holidays AS date[]), CAST(:make_up_days AS date[]), :source, :at, :by)
    ON CONFLICT (year) DO UPDATE
       SET holidays = excluded.holidays, make_up_days = excluded.make_up_days, source = excluded.source,
           imported_at = excluded.imported_at, imported_by = excluded.imported_by
""")
_NEW_CALENDAR = text("UPDATE supervision SET calendar_revision = calendar_revision + 1")
_RECOUNTED = text("""
UPDATE supervision SET recounted_revision = :revision, recounted_policy = :policy
 WHERE recounted_revision <= :revision AND recounted_policy = :before
   AND (:before <> '' OR directory_revision = :directory)
""")
_COUNT_AGAIN = text("UPDATE supervision SET recounted_policy = ''")
_COUNTERS = """
INSERT INTO document_counter AS counter (kind, year, value)
SELECT kind, $2, 0 FROM unnest($1::text[]) AS kind ORDER BY kind
    ON CONFLICT (kind, year) DO UPDATE SET value = counter.value
RETURNING kind, value
"""
_COUNTED = """
UPDATE document_counter AS counter SET value = new.value
  FROM unnest($1::text[], $2::bigint[]) AS new (kind, value)
 WHERE counter.kind = new.kind AND counter.year = $3
"""


async def share(*, conn: AsyncConnection, wait: bool = True) -> None:
    """Let nobody change what decisions rest on until this transaction ends.

    `wait`: false for a transaction that holds heads already: whoever it waited for could be waiting for these.

    Raises:
        RulesAreChanging: it must not wait, and would have to.
    """
    await _lock(_SHARE if wait else _SHARE_AT_ONCE, conn, wait=wait)


async def have_alone(*, conn: AsyncConnection, wait: bool = True) -> None:
    """Change what decisions rest on: those that were made with it are committed, others wait. `wait` as in `share`."""
    await _lock(_ALONE if wait else _ALONE_AT_ONCE, conn, wait=wait)


async def _lock(statement: str, conn: AsyncConnection, *, wait: bool) -> None:
    [(locked,)] = await fetch(conn, statement, _RULES)
    if not wait and not locked:
        raise RulesAreChanging


async def standing(*, conn: AsyncConnection) -> Standing | None:
    rows = await fetch(conn, _STANDING)
    if not rows:
        return None
    orders = {name: tuple(rows[0][name]) for name in ("policies", "in_force_from")}
    return Standing(**{**rows[0], **orders})


async def begin(on: date, by: str, policy: str, *, conn: AsyncConnection) -> None:
    """Supervision begins on this day, by the policy of this version, unless it has begun already."""
    await conn.execute(_BEGIN, {"on": on, "by": by, "policy": policy})


async def begin_on(on: date, by: str, *, conn: AsyncConnection) -> None:
    """Another day than the one on which the service first ran."""
    await conn.execute(_BEGIN_ON, {"on": on, "by": by})


async def policies(*, conn: AsyncConnection) -> dict[str, Installed]:
    return {row.version: _installed(row) for row in await conn.execute(_POLICIES)}


async def page_of_policies(before: tuple[date, datetime, str], *, limit: int, conn: AsyncConnection) -> list[Installed]:
    """The latest in force first."""
    after = {"from": before[0], "since": before[1], "version": before[2], "limit": limit}
    return [_installed(row) for row in await conn.execute(_PAGE_OF_POLICIES, after)]


async def install_policy(one: Installed, *, conn: AsyncConnection) -> None:
    """Keep a version, unless there is one of this name."""
    await conn.execute(
        _INSTALL,
        {
            "version": one.version,
            "body": orjson.dumps(one.body).decode(),
            "since": one.installed_at,
            "from": one.in_force_from,
            "by": one.installed_by,
        },
    )


async def calendar_years(*, conn: AsyncConnection) -> list[YearTable]:
    rows = await conn.execute(_YEARS)
    return [YearTable(row.year, frozenset(row.holidays), frozenset(row.make_up_days), row.source) for row in rows]


async def import_year(table: YearTable, *, conn: AsyncConnection, by: str, now: datetime) -> None:
    """Keep a year's table, and tell everybody that the calendar changed."""
    await conn.execute(
        _IMPORT_YEAR,
        {
            "year": table.year,
            "holidays": sorted(table.holidays),
            "make_up_days": sorted(table.make_up_days),
            "source": table.source,
            "at": now,
            "by": by,
        },
    )
    await conn.execute(_NEW_CALENDAR)


async def recounted(revision: int, policy: str, *, before: str, directory: int, conn: AsyncConnection) -> None:
    """All timers were counted with the calendar of this revision and the policy of this version.

    `before`, `directory`: the version and the directory's revision that stood when the count began; who changed them
    meanwhile wants another one.
    """
    asked = {"revision": revision, "policy": policy, "before": before, "directory": directory}
    await conn.execute(_RECOUNTED, asked)


async def count_again(*, conn: AsyncConnection) -> None:
    """What goes by the policy in force is to be counted again, though it is the same policy."""
    await conn.execute(_COUNT_AGAIN)


async def lock_counters(kinds: Collection[str], year: int, *, conn: AsyncConnection) -> dict[str, int]:
    """The last number given out of each kind in this year; nobody else gives one until the transaction ends."""
    return dict(await fetch(conn, _COUNTERS, sorted(kinds), year))


async def save_counters(values: Mapping[str, int], year: int, *, conn: AsyncConnection) -> None:
    await fetch(conn, _COUNTED, list(values), list(values.values()), year)


def _installed(row: Any) -> Installed:
    return Installed(row.version, row.in_force_from, row.since, row.installed_by, _json(row.body))


def _json(value: Any) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = orjson.loads(value) if isinstance(value, str) else value
    return parsed
