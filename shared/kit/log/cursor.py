"""Reading a log to its end while others write to it: the snapshot cursor.

Positions become visible out of order: a transaction draws 7, another draws 8 and commits first. Whoever reads on from
the highest position seen loses 7. So the cursor is not a position but a snapshot: a batch is what is visible now
(`target`) and was not in the snapshot kept (`last`), in order of position; when it is read, `target` becomes `last`.
Nothing waits for a transaction that is still open, and nothing is lost to it.

Holds only while positions are drawn one by one after the aggregate's head is locked (`eventlog.append`), at READ
COMMITTED, on the primary, with synchronous_commit on. Source: PgQ, which reads its event tables
in this way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

BEFORE_ALL = "1:1:"
"""The snapshot in which no transaction is visible yet (except xid 0: see `relay.reset_after_restore`)."""

_LOOK = text("""
WITH fresh AS MATERIALIZED (
    SELECT position FROM event_log
     WHERE xid >= pg_snapshot_xmax(CAST(CAST(:last AS text) AS pg_snapshot))
       AND xid < pg_snapshot_xmax(pg_current_snapshot())
       AND pg_visible_in_snapshot(xid, pg_current_snapshot())
    UNION ALL
    SELECT position FROM event_log
     WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(CAST(CAST(:last AS text) AS pg_snapshot))))
       AND pg_visible_in_snapshot(xid, pg_current_snapshot())
)
SELECT CAST(pg_current_snapshot() AS text) AS target, min(position) AS lo, max(position) AS hi FROM fresh
""")

_READ = text("""
SELECT position, event_id, topic, aggregate_id, seq, type, at, actor, traceparent, CAST(data AS text) AS data
  FROM event_log
 WHERE position > :after AND position <= :hi
   AND NOT pg_visible_in_snapshot(xid, CAST(CAST(:last AS text) AS pg_snapshot))
   AND pg_visible_in_snapshot(xid, CAST(CAST(:target AS text) AS pg_snapshot))
 ORDER BY position
 LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class LogCursor:
    """How far a reader is. Everything visible in `last` has been read; with a `target`, also up to `position` of it."""

    last: str
    target: str | None = None
    hi: int = 0
    position: int = 0

    @property
    def at_rest(self) -> bool:
        """No batch is under way."""
        return self.target is None

    def moved_to(self, position: int) -> Self:
        return replace(self, position=position)

    def finished(self) -> Self:
        """The batch was read to its end."""
        assert self.target is not None, "there is no batch under way"
        return replace(self, last=self.target, target=None, hi=0)

    async def look(self, conn: AsyncConnection) -> Self:
        """What there is to read now: a cursor with a target, or one at rest (on the newest snapshot) for nothing."""
        assert self.at_rest, "a batch is under way"
        found = (await conn.execute(_LOOK, {"last": self.last})).one()
        if found.hi is None:
            return replace(self, last=found.target)
        return replace(self, target=found.target, hi=found.hi, position=found.lo - 1)

    async def read(self, conn: AsyncConnection, *, after: int, limit: int) -> Sequence[Row[Any]]:
        """Rows of the batch beyond the position `after`, at most `limit`, in order; shaped as `eventlog.LoggedFact`."""
        assert self.target is not None, "there is no batch under way"
        bounds = {"after": after, "hi": self.hi, "last": self.last, "target": self.target, "limit": limit}
        return (await conn.execute(_READ, bounds)).all()
