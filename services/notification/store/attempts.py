"""Attempts: those on their way (`flight`) and the ledger of those that ended (`attempt`, append-only)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.store.messages import Message, message_of
from shared.contracts.deliveries import Outcome
from shared.kit.database import fetch


@dataclass(frozen=True, slots=True)
class Flight:
    """An attempt on its way. `owner`: the advisory lock that its sender holds while it lives."""

    message_id: UUID
    attempt: int
    robot: str
    owner: int
    claimed_at: datetime
    body_sha256: bytes
    body_text: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A line of the ledger. `answer`: the robot's words, `body_text` what people could read, both redacted;
    `body_sha256` is of the exact bytes."""

    message_id: UUID
    attempt: int
    robot: str
    channel: str
    claimed_at: datetime
    done_at: datetime
    outcome: Outcome
    code: str
    answer: str
    reason: str
    not_before: datetime | None
    body_sha256: bytes
    body_text: str


_TAKEN = """
SELECT robot_id, NULL::timestamptz AS done_at FROM flight WHERE robot_id = ANY ($1::text[])
 UNION ALL
SELECT robot_id, done_at FROM attempt WHERE robot_id = ANY ($1::text[]) AND done_at >= $2::timestamptz
"""
# An array, not a join: the queue is then read in its order, and no further than is wanted.
_DUE = """
SELECT message.*
  FROM unnest($1::text[], $2::integer[], $3::boolean[]) AS wanted (id, want, only_tests)
 CROSS JOIN LATERAL (
       SELECT * FROM message
        WHERE robot_id = wanted.id AND state = 'queued' AND not_before <= $4::timestamptz
          AND (kind = 'test' OR NOT wanted.only_tests)
          AND message.id <> ALL (ARRAY(SELECT message_id FROM flight WHERE flight.robot_id = wanted.id))
        ORDER BY number
        LIMIT wanted.want) AS message
 WHERE NOT EXISTS (SELECT FROM flight WHERE flight.robot_id = wanted.id AND flight.owner <> $5::bigint)
"""
_BEGIN = """
INSERT INTO flight (message_id, attempt, robot_id, owner, claimed_at, body_sha256, body_text)
SELECT message_id, attempt, robot_id, $1::bigint, $2::timestamptz, body_sha256, body_text
  FROM unnest($3::uuid[], $4::integer[], $5::text[], $6::bytea[], $7::text[])
       AS new (message_id, attempt, robot_id, body_sha256, body_text)
"""
_END = """
DELETE FROM flight WHERE message_id = ANY ($1::uuid[]) AND owner = $2::bigint
RETURNING message_id, attempt, robot_id, owner, claimed_at, body_sha256, body_text
"""
_RELEASE = text("DELETE FROM flight WHERE owner = :owner")
_OWNERS = text("SELECT DISTINCT owner FROM flight WHERE owner <> :me")
_OWNED = text("SELECT message_id FROM flight WHERE owner = :owner LIMIT :limit")
_RECORD = """
INSERT INTO attempt (message_id, attempt, robot_id, channel, claimed_at, done_at, outcome, code, answer, reason,
                     not_before, body_sha256, body_text)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                     $7::text[], $8::text[], $9::text[], $10::text[], $11::timestamptz[], $12::bytea[], $13::text[])
"""
_STORY = text("SELECT * FROM attempt WHERE message_id = :id ORDER BY attempt")
_FLYING = text("SELECT count(*) FROM flight")
# One statement, so that no message is seen neither waiting nor on its way.
_QUEUES = text("""
SELECT message.robot_id AS id, min(message.not_before) FILTER (WHERE flight.message_id IS NULL) AS first,
       count(flight.message_id) AS flying
  FROM message LEFT JOIN flight ON flight.message_id = message.id
 WHERE message.state = 'queued'
 GROUP BY message.robot_id
""")


async def taken(robots: Collection[str], *, since: datetime, conn: AsyncConnection) -> dict[str, list[datetime | None]]:
    """For each robot when its attempts since then ended, None for those on their way (budget.room)."""
    found: dict[str, list[datetime | None]] = {robot: [] for robot in robots}
    if robots:
        for robot_id, done_at in await fetch(conn, _TAKEN, list(robots), since):
            found[robot_id].append(done_at)
    return found


async def due(
    wants: Sequence[tuple[str, int, bool]], *, owner: int, now: datetime, conn: AsyncConnection
) -> list[Message]:
    """For each (robot, how many, only tests) the messages that are next, in order.

    None for a robot to which another than this owner is sending: its order would be lost if two sent at once.
    """
    if not wants:
        return []
    ids, counts, tests = map(list, zip(*wants, strict=True))
    return [message_of(row) for row in await fetch(conn, _DUE, ids, counts, tests, now, owner)]


async def begin(flights: Sequence[Flight], *, conn: AsyncConnection) -> None:
    """Write down that these attempts begin; before anything leaves."""
    if not flights:
        return
    await fetch(
        conn,
        _BEGIN,
        flights[0].owner,
        flights[0].claimed_at,
        [flight.message_id for flight in flights],
        [flight.attempt for flight in flights],
        [flight.robot for flight in flights],
        [flight.body_sha256 for flight in flights],
        [flight.body_text for flight in flights],
    )


async def end(message_ids: Collection[UUID], *, owner: int, conn: AsyncConnection) -> dict[UUID, Flight]:
    """Take these attempts off the way; only those still there are this owner's to record."""
    return {row["message_id"]: Flight(*row) for row in await fetch(conn, _END, list(message_ids), owner)}


async def release(owner: int, *, conn: AsyncConnection) -> None:
    """Put back all that this owner still holds; for an owner that certainly sent none of it."""
    await conn.execute(_RELEASE, {"owner": owner})


async def other_owners(*, me: int, conn: AsyncConnection) -> list[int]:
    return [row.owner for row in await conn.execute(_OWNERS, {"me": me})]


async def owned(owner: int, *, limit: int, conn: AsyncConnection) -> list[UUID]:
    return [row.message_id for row in await conn.execute(_OWNED, {"owner": owner, "limit": limit})]


async def record(attempts: Sequence[Attempt], *, conn: AsyncConnection) -> None:
    """Add to the ledger, in one statement."""
    if not attempts:
        return
    await fetch(
        conn,
        _RECORD,
        [attempt.message_id for attempt in attempts],
        [attempt.attempt for attempt in attempts],
        [attempt.robot for attempt in attempts],
        [attempt.channel for attempt in attempts],
        [attempt.claimed_at for attempt in attempts],
        [attempt.done_at for attempt in attempts],
        [attempt.outcome.value for attempt in attempts],
        [attempt.code for attempt in attempts],
        [attempt.answer for attempt in attempts],
        [attempt.reason for attempt in attempts],
        [attempt.not_before for attempt in attempts],
        [attempt.body_sha256 for attempt in attempts],
        [attempt.body_text for attempt in attempts],
    )


async def story(message_id: UUID, *, conn: AsyncConnection) -> list[Attempt]:
    """All attempts of a message, in order."""
    rows = (await conn.execute(_STORY, {"id": message_id})).mappings()
    return [_attempt(dict(row)) for row in rows]


async def flying(*, conn: AsyncConnection) -> int:
    """How many attempts are on their way."""
    count: int = (await conn.execute(_FLYING)).scalar_one()
    return count


async def queues(*, conn: AsyncConnection) -> tuple[dict[str, datetime], int]:
    """For each robot with something to send when its earliest message may go; and how many are on their way."""
    rows = (await conn.execute(_QUEUES)).all()
    return {row.id: row.first for row in rows if row.first}, sum(row.flying for row in rows)


def _attempt(row: dict[str, Any]) -> Attempt:
    return Attempt(robot=row.pop("robot_id"), outcome=Outcome(row.pop("outcome")), **row)
