"""What a service shows of its backlog: measured every few seconds in a loop of its own, whoever scrapes and how often.

Every number comes from an index and is counted up to `COUNTED_AT_MOST`, so that measuring costs a few milliseconds on a
backlog of any size. What a number means to an operator stands in docs/operations.md.
"""

import asyncio
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit import telemetry
from shared.kit.clock import Clock
from shared.kit.database import snapshot
from shared.kit.log.relay import Relay
from shared.kit.patience import Patience
from shared.kit.process.declaration import Measure

EVERY = 10.0
"""Real seconds between two measurements."""

COUNTED_AT_MOST = 10_000

_MEASURED = telemetry.gauge("liandu_measured_timestamp_seconds", "When the backlog was measured last, as Unix time")
_UNSENT = telemetry.gauge(
    "liandu_relay_oldest_unsent_seconds", "Age of the oldest fact that the broker has not, in the platform's time"
)
_PARKED = telemetry.gauge("liandu_aggregates_parked", "Aggregates whose facts wait behind one that failed")
_ASIDE = telemetry.gauge("liandu_put_aside", "What was put aside and not redriven yet", ["kind"])
_DUE = telemetry.gauge("liandu_timers_due", "Timers that are due, may fire and have not")
_OVERDUE = telemetry.gauge(
    "liandu_timers_overdue_seconds", "How long the oldest of these has been due, in the platform's time"
)

_KINDS = ("record", "waiting", "timer")

_BACKLOG = text("""
WITH due AS MATERIALIZED (
    SELECT due_at, origin FROM timer WHERE due_at <= :now ORDER BY due_at LIMIT :most
), free AS (
    SELECT due_at FROM due WHERE NOT EXISTS (SELECT FROM parked_aggregate p WHERE p.aggregate_id = due.origin)
)
SELECT (SELECT count(*) FROM free) AS due, (SELECT min(due_at) FROM free) AS oldest_due,
       (SELECT count(*) FROM (SELECT FROM parked_aggregate WHERE reason = 'poison' LIMIT :most) AS counted) AS parked
""")

_OPEN = text("""
SELECT kind, count(*) AS number
  FROM (SELECT kind FROM set_aside WHERE redriven_at IS NULL LIMIT :most) AS counted
 GROUP BY kind
""")


class Measures:
    """The loop that measures, for as long as the process lives."""

    def __init__(self, *, engine: AsyncEngine, clock: Clock, relay: Relay, own: Measure) -> None:
        self._engine = engine
        self._clock = clock
        self._relay = relay
        self._own = own

    async def run(self) -> None:
        """Run until cancelled. Where the database cannot be read, the numbers stay as they were, with their time."""
        patience = Patience("measures", longest=EVERY)
        while True:
            try:
                await self.look()
            except Exception as error:
                await patience.bear(error)
            else:
                patience.over()
                await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Measure once."""
        now = self._clock.now()
        _UNSENT.set(self._relay.unsent_seconds)
        async with snapshot(self._engine) as conn:
            await _show_backlog(conn, now)
            await self._own(conn, now)
        _MEASURED.set_to_current_time()


async def _show_backlog(conn: AsyncConnection, now: datetime) -> None:
    found = (await conn.execute(_BACKLOG, {"now": now, "most": COUNTED_AT_MOST})).one()
    _DUE.set(found.due)
    _OVERDUE.set((now - found.oldest_due).total_seconds() if found.oldest_due else 0)
    _PARKED.set(found.parked)
    rows = await conn.execute(_OPEN, {"most": COUNTED_AT_MOST})
    kinds = {row.kind: row.number for row in rows}
    for kind in _KINDS:
        _ASIDE.labels(kind).set(kinds.get(kind, 0))
