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
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import fetch
from shared.kit.log.eventlog import LoggedFact

BEFORE_ALL = "1:1:"
"""The snapshot in which no transaction is visible yet (except xid 0: see `relay.reset_after_restore`)."""

_LOOK = """
WITH fresh AS MATERIALIZED (
    SELECT position FROM event_log
     WHERE xid >= pg_snapshot_xmax($1::text::pg_snapshot)
       AND xid < pg_snapshot_xmax(pg_current_snapshot())
       AND pg_visible_in_snapshot(xid, pg_current_snapshot())
    UNION ALL
    SELECT position FROM event_log
     WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))
       AND pg_visible_in_snapshot(xid, pg_current_snapshot())
)
SELECT pg_current_snapshot()::text AS target, min(position) AS lo, max(position) AS hi FROM fresh
"""

_READ = """
SELECT position, event_id, topic, aggregate_id, seq, type, at, actor, traceparent, data::text AS data
  FROM event_log
 WHERE position > $1 AND position <= $2
   AND NOT pg_visible_in_snapshot(xid, $3::text::pg_snapshot)
   AND pg_visible_in_snapshot(xid, $4::text::pg_snapshot)
 ORDER BY position
 LIMIT $5
"""


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
        [(target, lo, hi)] = await fetch(conn, _LOOK, self.last)
        if hi is None:
            return replace(self, last=target)
        return replace(self, target=target, hi=hi, position=lo - 1)

    async def read(self, conn: AsyncConnection, *, after: int, limit: int) -> Sequence[LoggedFact]:
        """Facts of the batch beyond the position `after`, at most `limit`, in order."""
        assert self.target is not None, "there is no batch under way"
        return list(map(LoggedFact._make, await fetch(conn, _READ, after, self.hi, self.last, self.target, limit)))
