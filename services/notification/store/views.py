"""Messages as people look at them: one, a page, what is in trouble, what waits."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.messages import State
from services.notification.store.messages import Message, message_of

_BY_NUMBER = text("""
SELECT message.*, flight.message_id IS NOT NULL AS sending
  FROM message LEFT JOIN flight ON flight.message_id = message.id
 WHERE message.number = :number
""")
_PAGE = text("""
SELECT message.*, flight.message_id IS NOT NULL AS sending
  FROM message LEFT JOIN flight ON flight.message_id = message.id
 WHERE (CAST(:states AS text[]) IS NULL OR message.state = ANY (CAST(:states AS text[])))
   AND (CAST(:robot AS text) IS NULL OR message.robot_id = CAST(:robot AS text))
   AND (CAST(:case AS uuid) IS NULL OR message.case_id = CAST(:case AS uuid))
   AND (CAST(:project AS uuid) IS NULL OR message.project_id = CAST(:project AS uuid))
   AND (CAST(:after AS bigint) IS NULL OR message.number < CAST(:after AS bigint))
 ORDER BY message.number DESC
 LIMIT :limit
""")
# What an operator has to look at: what failed, what finds no route, what waits for a robot that is off or failing.
# State by state, so that each is read from its index and the sent are never looked at.
_TROUBLED = text("""
WITH open AS (
    (SELECT id FROM message
      WHERE state = 'undelivered' AND (CAST(:robot AS text) IS NULL OR robot_id = :robot) AND number > :after
      ORDER BY number LIMIT :limit)
     UNION ALL
    (SELECT id FROM message
      WHERE state = 'unroutable' AND CAST(:robot AS text) IS NULL AND number > :after
      ORDER BY number LIMIT :limit)
     UNION ALL
    (SELECT message.id FROM message LEFT JOIN robot ON robot.id = message.robot_id
      WHERE message.state = 'queued' AND (CAST(:robot AS text) IS NULL OR robot_id = :robot) AND number > :after
        AND (robot.id IS NULL OR robot.state = 'off' OR message.attempts > 0)
      ORDER BY number LIMIT :limit))
SELECT message.*, flight.message_id IS NOT NULL AS sending
  FROM message JOIN open ON open.id = message.id LEFT JOIN flight ON flight.message_id = message.id
 ORDER BY message.number
 LIMIT :limit
""")
_WAITING = text("""
SELECT * FROM message WHERE state = 'queued' AND not_before <= :now ORDER BY number LIMIT :limit
""")
_COUNTS = text("""
SELECT robot_id, count(*) AS waiting FROM message WHERE state = 'queued' GROUP BY robot_id ORDER BY robot_id
""")
_COUNT = text("SELECT count(*) FROM message WHERE state = 'queued' AND robot_id = :robot")


async def find(number: int, *, conn: AsyncConnection) -> Message | None:
    row = (await conn.execute(_BY_NUMBER, {"number": number})).mappings().one_or_none()
    return message_of(row) if row else None


async def page(
    *,
    states: Sequence[State] | None,
    robot: str | None,
    case: UUID | None,
    project: UUID | None,
    after: int | None,
    limit: int,
    conn: AsyncConnection,
) -> list[Message]:
    """The newest first, below the number `after`."""
    asked = {
        "states": [state.value for state in states] if states else None,
        "robot": robot,
        "case": case,
        "project": project,
        "after": after,
        "limit": limit,
    }
    return [message_of(row) for row in (await conn.execute(_PAGE, asked)).mappings()]


async def troubled(*, robot: str | None, after: int | None, limit: int, conn: AsyncConnection) -> list[Message]:
    """What has not arrived and needs somebody's eye, the oldest first, above the number `after`."""
    rows = await conn.execute(_TROUBLED, {"robot": robot, "after": after or 0, "limit": limit})
    return [message_of(row) for row in rows.mappings()]


async def waiting(*, now: datetime, limit: int, conn: AsyncConnection) -> list[Message]:
    """What would go out next, in order."""
    rows = await conn.execute(_WAITING, {"now": now, "limit": limit})
    return [message_of(row) for row in rows.mappings()]


async def counts(*, conn: AsyncConnection) -> dict[str, int]:
    """How many wait for each robot."""
    return {row.robot_id: row.waiting for row in await conn.execute(_COUNTS)}


async def count_waiting(robot: str, *, conn: AsyncConnection) -> int:
    """How many wait for one robot."""
    count: int = (await conn.execute(_COUNT, {"robot": robot})).scalar_one()
    return count
