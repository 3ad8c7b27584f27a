"""A service's event log: history, outbox, back-fill and replay in one append-only table.

Every change of an aggregate appends to it in the transaction of the change. The order of each aggregate is its
sequence, from 1 and without gaps; the order of the log is `position`, drawn after the aggregate's head row is locked.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, RootTransaction, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from shared.contracts.cloudevents import Envelope
from shared.contracts.event import Event
from shared.kit.database import fetch
from shared.kit.errors import Conflict, Invalid

MAX_DATA_BYTES = 512 * 1024
"""Of one event as JSON. Kafka refuses a record of 1 MiB, and a refused record would hold up all that come after it."""

_APPENDED = "liandu.appended"


class NewFact(NamedTuple):
    """An event that was decided and is not written yet. `at`: the platform's time of the decision."""

    aggregate_id: UUID
    event: Event
    at: datetime


class LoggedFact(NamedTuple):
    """A fact as it stands in the log; `data` is the event's JSON text as it goes on the wire."""

    position: int
    event_id: UUID
    topic: str
    aggregate_id: UUID
    seq: int
    type: str
    at: datetime
    actor: str
    traceparent: str | None
    data: str

    def envelope(self, source: str, epoch: str | None = None) -> Envelope:
        """What stands around the data on the wire. `source`: the service's, as `cloudevents.source_of` names it;
        `epoch`: its log's."""
        return Envelope(
            event_id=self.event_id,
            source=source,
            type=self.type,
            time=self.at,
            aggregate_id=self.aggregate_id,
            sequence=self.seq,
            traceparent=self.traceparent,
            epoch=epoch,
        )


class Beside(NamedTuple):
    """What else to write in the statement that appends: a part of its WITH for each argument, `{}` standing for it."""

    parts: tuple[str, ...] = ()
    arguments: Sequence[object] = ()


class CreatedMeanwhile(Conflict):
    """Somebody else created the aggregate after this transaction had found that it does not exist. Do it all again."""

    def __init__(self, aggregate_id: UUID) -> None:
        super().__init__("该记录刚刚由他人创建，请重试", aggregate_id=str(aggregate_id))


_found_absent: WeakKeyDictionary[RootTransaction, set[UUID]] = WeakKeyDictionary()

LOCK = """
SELECT aggregate_id, seq FROM aggregate_head
 WHERE aggregate_id = ANY ($1::uuid[])
 ORDER BY aggregate_id
   FOR UPDATE"""
"""What `lock_heads` runs; also to stand in a WITH, for a statement that locks heads and reads their states at once.

Such a statement's snapshot is older than a lock that it waited for. The states in it are the present ones only where
their versions are the `seq` that this gives; otherwise the statement is run again, which waits for nobody then.
"""
_LOCK_FREE = LOCK + " SKIP LOCKED"

# The log's part draws its positions behind the sort, when every head it reads from is locked.
_APPEND = """
WITH head AS (
    INSERT INTO aggregate_head AS head (aggregate_id, topic, seq, event_id)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::uuid[])
        ON CONFLICT (aggregate_id) DO {on_conflict}
    RETURNING aggregate_id, topic, seq
), logged AS (
    INSERT INTO event_log (event_id, topic, aggregate_id, seq, type, at, actor, traceparent, data)
    SELECT event_id, topic, aggregate_id, seq - behind, type, at, $11::text, $12::text, data
      FROM unnest($5::uuid[], $6::uuid[], $7::bigint[], $8::text[], $9::timestamptz[], $10::jsonb[])
           WITH ORDINALITY AS fact (event_id, aggregate_id, behind, type, at, data, rank)
      JOIN head USING (aggregate_id)
     ORDER BY rank
){beside}
SELECT aggregate_id, seq, topic FROM head"""
_PARAMETERS = 12
_ADVANCE = "UPDATE SET seq = head.seq + excluded.seq, event_id = excluded.event_id"
# Does not wait for whoever holds a head that was created meanwhile, for that one may be waiting for us.
_CREATE = "NOTHING"

_HISTORY = text("""
SELECT position, event_id, topic, aggregate_id, seq, type, at, actor, traceparent, CAST(data AS text) AS data
  FROM event_log
 WHERE aggregate_id = :id AND seq > :after
 ORDER BY seq
 LIMIT :limit
""")


async def lock_heads(
    aggregate_ids: Collection[UUID], *, conn: AsyncConnection, skip_locked: bool = False
) -> dict[UUID, int]:
    """Lock these aggregates until the transaction ends, in sorted order; the last sequence of each that exists.

    Every transaction that changes aggregates locks all of them here first, before any other row (so that HTTP
    handlers, consumer batches and timers cannot deadlock). `skip_locked`: leave out those that somebody else holds.
    What does not exist cannot be locked: `append` refuses to create it when somebody else did so meanwhile.
    """
    found = await fetch(conn, _LOCK_FREE if skip_locked else LOCK, list(aggregate_ids))
    heads = {row["aggregate_id"]: row["seq"] for row in found}
    if not skip_locked:
        absent = _absent_in(conn)
        absent.update(aggregate_ids)
        absent.difference_update(heads)
    return heads


def _absent_in(conn: AsyncConnection) -> set[UUID]:
    """The aggregates that this transaction looked for and did not find."""
    transaction = conn.sync_connection.get_transaction() if conn.sync_connection else None
    assert isinstance(transaction, RootTransaction), "the log is read and written inside a transaction"
    return _found_absent.setdefault(transaction, set())


async def append(
    facts: Sequence[NewFact],
    *,
    conn: AsyncConnection,
    actor: str,
    traceparent: str | None = None,
    beside: Beside = Beside(),
) -> dict[UUID, int]:
    """Write facts (in the order given for each aggregate) and return the new last sequence of each aggregate.

    Set-wise: one statement for any number of facts, another where some aggregates were looked for and not found. New
    aggregates get their head row here. Wakes the relay of this process as soon as the transaction is over.
    `beside`: the states that the facts lead to, to be written by the same statement.

    Raises:
        CreatedMeanwhile: an aggregate that `lock_heads` had not found exists by now.
        Invalid: an event is larger than `MAX_DATA_BYTES`, or holds a NUL character.
        TypeError: an event class names no type or topic, or one aggregate's events go to different topics.
    """
    if not facts:
        return {}
    by_aggregate: dict[UUID, list[_Draft]] = {}
    for fact in facts:
        by_aggregate.setdefault(fact.aggregate_id, []).append(_draft(fact))
    # Sorted: two transactions that create the same aggregates must meet in the same order.
    batch = sorted(by_aggregate.items(), key=lambda entry: entry[0].int)
    absent = _absent_in(conn)
    known = [entry for entry in batch if entry[0] not in absent]
    new = [entry for entry in batch if entry[0] in absent]
    advanced = await _write(_ADVANCE, known, conn, actor, traceparent, Beside() if new else beside)
    created = await _write(_CREATE, new, conn, actor, traceparent, beside)
    for aggregate_id, _ in new:
        if aggregate_id not in created:
            raise CreatedMeanwhile(aggregate_id)
    absent.difference_update(created)
    _mark_appended(conn)
    return advanced | created


@dataclass(slots=True)
class _Draft:
    event_id: UUID
    topic: str
    type: str
    at: datetime
    data: str


def _draft(fact: NewFact) -> _Draft:
    kind = fact.event.__class__
    if not (hasattr(kind, "type") and hasattr(kind, "topic")):
        raise TypeError(f"{kind.__qualname__} cannot be published: it names no type or no topic")
    data = fact.event.model_dump_json()
    if len(data) > MAX_DATA_BYTES // 4 and len(data.encode()) > MAX_DATA_BYTES:
        raise Invalid("内容过大", type=kind.type, bytes=len(data.encode()), limit=MAX_DATA_BYTES)
    if "\\u0000" in data:
        raise Invalid("内容含有不可保存的字符（NUL）", type=kind.type)
    return _Draft(uuid4(), kind.topic, kind.type, fact.at, data)


@cache
def _statement(on_conflict: str, parts: Sequence[str]) -> str:
    numbered = (part.format(f"${number}") for number, part in enumerate(parts, start=_PARAMETERS + 1))
    return _APPEND.format(on_conflict=on_conflict, beside="".join(f", {part}" for part in numbered))


async def _write(
    on_conflict: str,
    batch: Sequence[tuple[UUID, list[_Draft]]],
    conn: AsyncConnection,
    actor: str,
    traceparent: str | None,
    beside: Beside,
) -> dict[UUID, int]:
    """Move the heads of these aggregates on and log their facts; the last sequence of each that was moved."""
    if not batch:
        return {}
    facts = [
        (draft.event_id, aggregate_id, behind, draft.type, draft.at, draft.data)
        for aggregate_id, drafts in batch
        for behind, draft in zip(range(len(drafts) - 1, -1, -1), drafts, strict=True)
    ]
    written = await fetch(
        conn,
        _statement(on_conflict, beside.parts),
        [aggregate_id for aggregate_id, _ in batch],
        [drafts[0].topic for _, drafts in batch],
        [len(drafts) for _, drafts in batch],
        [drafts[-1].event_id for _, drafts in batch],
        *map(list, zip(*facts, strict=True)),
        actor,
        traceparent,
        *beside.arguments,
    )
    heads = {row["aggregate_id"]: row for row in written}
    for aggregate_id, drafts in batch:
        if (head := heads.get(aggregate_id)) and (strangers := {draft.topic for draft in drafts} - {head["topic"]}):
            raise TypeError(f"aggregate {aggregate_id} lives in {head['topic']}, not in {strangers}")
    return {aggregate_id: head["seq"] for aggregate_id, head in heads.items()}


async def history(aggregate_id: UUID, *, conn: AsyncConnection, after: int = 0, limit: int = 200) -> list[LoggedFact]:
    """The facts of one aggregate in order, from the sequence after `after`."""
    rows = await conn.execute(_HISTORY, {"id": aggregate_id, "after": after, "limit": limit})
    return [LoggedFact(*row) for row in rows]


def _mark_appended(conn: AsyncConnection) -> None:
    if conn.sync_connection and (signal := _signals.get(conn.sync_connection.engine)):
        conn.sync_connection.info[_APPENDED] = signal


_signals: WeakKeyDictionary[Engine, asyncio.Event] = WeakKeyDictionary()


def appended(engine: AsyncEngine) -> asyncio.Event:
    """The event that is set each time a transaction of this engine that appended is over, for whoever reads the log.

    It is set when the connection goes back to its pool: then the commit is visible (SQLAlchemy's own commit event comes
    before it). After a roll-back it is set too, for nothing. A transaction on a connection that is kept sets it late,
    one of another process never: a reader polls besides.
    """
    signal = _signals.get(engine.sync_engine)
    if signal is None:
        signal = _signals[engine.sync_engine] = asyncio.Event()
        event.listen(engine.sync_engine, "checkin", _over)
    return signal


def _over(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    if (signal := entry.info.pop(_APPENDED, None)) is not None:
        signal.set()
