"""What an auditor compares: how far each aggregate's facts go in a log, against how far a consumer has taken them.

A gap in a stream shows only when a later fact comes. So consumers compare heads (aggregate, last sequence, last event)
with their watermarks: those that changed, every few seconds (`heads_since`); all of them, by 1,024 digests, when they
start, when the broker is a new incarnation, and every night (`head_digests`). Both sides of a digest are here, so that
they cannot drift apart.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.errors import Conflict
from shared.kit.log.cursor import LogCursor
from shared.kit.log.eventlog import LoggedFact

BUCKETS = 1024
GRACE_SECONDS = 10.0
"""Facts younger than this (in real time) may still be on their way and are left for the next call."""

# PostgreSQL's own hashes of the types: the same on every server of the platform's one major version. The bucket's
# expression is that of the index aggregate_head_bucket.
_BUCKET = "(uuid_hash_extended(aggregate_id, 0) & 1023)"
_FOLD = f"""{_BUCKET} AS bucket, count(*) AS heads,
       bit_xor(uuid_hash_extended(event_id, hashint8extended(seq, uuid_hash_extended(aggregate_id, 0)))) AS digest"""
_OF_TOPICS = "(CAST(:topics AS text[]) IS NULL OR topic = ANY (CAST(:topics AS text[])))"

_HEAD_DIGESTS = text(f"SELECT {_FOLD} FROM aggregate_head WHERE {_OF_TOPICS} GROUP BY 1")  # noqa: S608
_WATERMARK_DIGESTS = text(f"SELECT {_FOLD} FROM watermark WHERE source = :source GROUP BY 1")  # noqa: S608

_BUCKET_HEADS = text(
    f"SELECT aggregate_id, topic, seq, event_id FROM aggregate_head WHERE {_BUCKET} = :bucket AND {_OF_TOPICS}"  # noqa: S608
)
_BUCKET_WATERMARKS = text(
    f"SELECT aggregate_id, seq, event_id FROM watermark WHERE {_BUCKET} = ANY (CAST(:buckets AS bigint[]))"  # noqa: S608
    " AND source = :source"
)

# The server's real clock: grace is a matter of transport, and transport does not run on the platform's time.
_NOW = text("""
SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision) AS now,
       CAST(:last AS text) IS NOT NULL
       AND pg_snapshot_xmax(CAST(CAST(:last AS text) AS pg_snapshot)) > pg_snapshot_xmax(pg_current_snapshot())
       AS from_the_future,
       CAST(pg_current_snapshot() AS text) AS snapshot,
       (SELECT epoch FROM log_epoch) AS epoch
""")


@dataclass(frozen=True, slots=True)
class Head:
    """How far an aggregate goes."""

    aggregate_id: UUID
    topic: str
    seq: int
    event_id: UUID


@dataclass(frozen=True, slots=True)
class HeadsCursor:
    """A reader's place among changed heads, in one epoch of the log. A batch (`log` has a target) ripens from
    `looked_at` (Unix, s) on."""

    log: LogCursor
    looked_at: float = 0.0
    epoch: str | None = None

    def goes_on_from(self, before: "HeadsCursor") -> bool:
        """Whether this is further on in the same batch: an answer that was as long as it may be ended between them."""
        return self.looked_at == before.looked_at and self.log.position > before.log.position


class LogReplaced(Conflict):
    """The cursor is of another life of this log: it was restored from a backup. Compare everything anew."""

    def __init__(self) -> None:
        super().__init__("事件日志已由备份恢复，请重新全量比对")


async def heads_since(
    conn: AsyncConnection,
    cursor: HeadsCursor | None,
    *,
    topics: Collection[str] | None = None,
    limit: int = 1000,
    grace: float = GRACE_SECONDS,
) -> tuple[list[Head], HeadsCursor]:
    """Heads that changed since `cursor`, and the cursor for the next call. With None: nothing, and the present place.

    What it tells of an aggregate is its last fact among those `grace` seconds old, not its newest: what became visible
    by one look at the log is told by the first call that comes `grace` seconds after that look. So a caller that asks
    every few seconds hears of each fact once, between `grace` and `grace` plus two of its intervals after the commit.
    Reads at most `limit` facts; ask again at once while a full answer comes.

    Raises:
        LogReplaced: the log was restored from a backup since.
    """
    place = cursor.log if cursor else None
    found = (await conn.execute(_NOW, {"last": place and (place.target or place.last)})).one()
    if cursor is None or place is None:
        return [], HeadsCursor(LogCursor(last=found.snapshot), epoch=found.epoch)
    if found.from_the_future or cursor.epoch not in (None, found.epoch):
        raise LogReplaced
    if place.at_rest:
        return [], replace(cursor, log=await place.look(conn), looked_at=found.now)
    if found.now < cursor.looked_at + grace:
        return [], cursor
    facts = await place.read(conn, after=place.position, limit=limit)
    if len(facts) == limit:
        return _last_of_each(facts, topics), replace(cursor, log=place.moved_to(facts[-1].position))
    following = replace(cursor, log=await place.finished().look(conn), looked_at=found.now)
    return _last_of_each(facts, topics), following


def _last_of_each(facts: Iterable[LoggedFact], topics: Collection[str] | None) -> list[Head]:
    heads = {
        fact.aggregate_id: Head(fact.aggregate_id, fact.topic, fact.seq, fact.event_id)
        for fact in facts
        if topics is None or fact.topic in topics
    }
    return list(heads.values())


async def head_digests(conn: AsyncConnection, *, topics: Collection[str] | None = None) -> list[str]:
    """One digest for each of the `BUCKETS`, over all heads of these topics; empty where there is none.

    A consumer names the topics it reads: its watermarks know no others.
    """
    return _by_bucket(await conn.execute(_HEAD_DIGESTS, {"topics": None if topics is None else list(topics)}))


async def watermark_digests(conn: AsyncConnection, *, source: str) -> list[str]:
    """The consumer's side: the same digests over its watermarks of one source (`/liandu/<service>`)."""
    return _by_bucket(await conn.execute(_WATERMARK_DIGESTS, {"source": source}))


def _by_bucket(rows: Iterable[Row[Any]]) -> list[str]:
    digests = [""] * BUCKETS
    for row in rows:
        digests[row.bucket] = f"{row.heads}:{row.digest & 0xFFFF_FFFF_FFFF_FFFF:016x}"
    return digests


async def bucket_heads(conn: AsyncConnection, bucket: int, *, topics: Collection[str] | None = None) -> list[Head]:
    """The heads of one bucket, whose digests differ."""
    rows = await conn.execute(_BUCKET_HEADS, {"bucket": bucket, "topics": None if topics is None else list(topics)})
    return [Head(*row) for row in rows]


async def bucket_watermarks(
    conn: AsyncConnection, buckets: Collection[int], *, source: str
) -> dict[UUID, tuple[int, UUID]]:
    """The consumer's side: (last sequence, last event) of each aggregate in these buckets. Scans the source once."""
    rows = await conn.execute(_BUCKET_WATERMARKS, {"buckets": list(buckets), "source": source})
    return {row.aggregate_id: (row.seq, row.event_id) for row in rows}
