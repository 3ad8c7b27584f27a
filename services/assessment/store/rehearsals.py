"""Rehearsals that were asked for, how far they are, and what they found."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import fetch


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to try, from the morning of `from_day` on: a policy's document, a year's calendar, or both."""

    id: UUID
    asked_at: datetime
    asked_by: str
    from_day: date
    to_day: date
    policy: Mapping[str, Any] | None
    calendar: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Kept:
    """`facts`, `facts_done`: how many there are to live through, and how many were; None before it began."""

    id: UUID
    asked_at: datetime
    asked_by: str
    from_day: date
    to_day: date
    policy: Mapping[str, Any] | None
    calendar: Mapping[str, Any] | None
    state: State
    facts: int | None
    facts_done: int | None
    ended_at: datetime | None
    error: str | None
    result: Mapping[str, Any] | None


_COLUMNS = "id, asked_at, asked_by, from_day, to_day, policy, calendar, state, facts, facts_done, ended_at, error"
_ASK = """
INSERT INTO rehearsal (id, asked_at, asked_by, from_day, to_day, policy, calendar, state)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, 'waiting')
"""
_ONE = f"SELECT {_COLUMNS}, result FROM rehearsal WHERE id = $1"  # noqa: S608
_PAGE = f"""
SELECT {_COLUMNS}, NULL AS result FROM rehearsal
 WHERE (asked_at, id) < ($1, $2)
 ORDER BY asked_at DESC, id DESC
 LIMIT $3
"""  # noqa: S608
_NEXT = "SELECT id FROM rehearsal WHERE state IN ('waiting', 'running') ORDER BY asked_at, id LIMIT 1"
_BEGUN = "UPDATE rehearsal SET state = 'running', facts = $2, facts_done = 0 WHERE id = $1 AND state <> 'cancelled'"
_AT = "UPDATE rehearsal SET facts_done = $2 WHERE id = $1 RETURNING state"
_END = """
UPDATE rehearsal SET state = $2, ended_at = $3, error = $4, result = $5::jsonb
 WHERE id = $1 AND state IN ('waiting', 'running')
 RETURNING id
"""


async def ask(asked: Asked, *, conn: AsyncConnection) -> None:
    await fetch(
        conn,
        _ASK,
        asked.id,
        asked.asked_at,
        asked.asked_by,
        asked.from_day,
        asked.to_day,
        _dumped(asked.policy),
        _dumped(asked.calendar),
    )


async def one(rehearsal_id: UUID, *, conn: AsyncConnection) -> Kept | None:
    rows = await fetch(conn, _ONE, rehearsal_id)
    return _kept(rows[0]) if rows else None


async def page(*, before: tuple[datetime, UUID], limit: int, conn: AsyncConnection) -> list[Kept]:
    """The latest first; without results."""
    return [_kept(row) for row in await fetch(conn, _PAGE, *before, limit)]


async def following(*, conn: AsyncConnection) -> UUID | None:
    """The one to be carried out now: also one that was begun by a process that is gone."""
    rows = await fetch(conn, _NEXT)
    return rows[0]["id"] if rows else None


async def begin(rehearsal_id: UUID, *, facts: int, conn: AsyncConnection) -> None:
    await fetch(conn, _BEGUN, rehearsal_id, facts)


async def note(rehearsal_id: UUID, *, facts_done: int, conn: AsyncConnection) -> bool:
    """How far it is; whether it is still wanted."""
    rows = await fetch(conn, _AT, rehearsal_id, facts_done)
    return bool(rows) and rows[0]["state"] != State.CANCELLED


async def end(
    rehearsal_id: UUID,
    state: State,
    *,
    at: datetime,
    error: str | None = None,
    result: Mapping[str, Any] | None = None,
    conn: AsyncConnection,
) -> bool:
    """Whether it had not ended before."""
    return bool(await fetch(conn, _END, rehearsal_id, state, at, error, _dumped(result)))


def _dumped(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()


def _kept(row: Any) -> Kept:
    read = dict(row)
    for name in ("policy", "calendar", "result"):
        read[name] = orjson.loads(read[name]) if isinstance(read[name], str) else read[name]
    return Kept(**{**read, "state": State(read["state"])})
