"""What notification shows of its messages and robots, besides what every service does."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.messages import State
from services.notification.domain.outcome import RobotState
from shared.kit.process.measures import COUNTED_AT_MOST
from shared.kit.telemetry import gauge

_SHOWN = (State.QUEUED, State.UNDELIVERED, State.UNROUTABLE)

_MESSAGES = gauge("liandu_messages", "Messages that have not arrived", ["state"])
_OLDEST = gauge(
    "liandu_message_oldest_queued_seconds", "Age of the queued message that was first, in the platform's time"
)
_ROBOTS = gauge("liandu_robots", "Robots by their condition", ["state"])
_PAUSED = gauge("liandu_outbound_paused", "1 while nothing is let out")

# State by state, each from the index of its own.
_COUNTS = text("""
SELECT (SELECT count(*) FROM (SELECT FROM message WHERE state = 'queued' LIMIT :most) AS counted) AS queued,
       (SELECT count(*) FROM (SELECT FROM message WHERE state = 'undelivered' LIMIT :most) AS counted) AS undelivered,
       (SELECT count(*) FROM (SELECT FROM message WHERE state = 'unroutable' LIMIT :most) AS counted) AS unroutable,
       (SELECT created_at FROM message WHERE state = 'queued' ORDER BY number LIMIT 1) AS first_queued_at,
       (SELECT paused FROM outbound) AS paused
""")
_CONDITIONS = text("SELECT state, count(*) AS number FROM robot GROUP BY state")


async def measure(conn: AsyncConnection, now: datetime) -> None:
    """Set the gauges."""
    found = (await conn.execute(_COUNTS, {"most": COUNTED_AT_MOST})).one()
    for state in _SHOWN:
        _MESSAGES.labels(state.value).set(getattr(found, state.value))
    _OLDEST.set((now - found.first_queued_at).total_seconds() if found.first_queued_at else 0)
    _PAUSED.set(found.paused)
    robots = {row.state: row.number for row in await conn.execute(_CONDITIONS)}
    for condition in RobotState:
        _ROBOTS.labels(condition.value).set(robots.get(condition.value, 0))
