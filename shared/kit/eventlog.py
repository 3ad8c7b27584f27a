"""A service's event log: history, outbox, back-fill and replay in one append-only table.

Every change of an aggregate appends to it in the transaction of the change. The order of each aggregate is its
sequence, from 1 and without gaps; the order of the log is `position`, drawn after the aggregate's head row is locked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.event import Event


@dataclass(frozen=True, slots=True)
class NewFact:
    """An event that was decided and is not written yet. `at`: the platform's time of the decision."""

    aggregate_id: UUID
    event: Event
    at: datetime


@dataclass(frozen=True, slots=True)
class LoggedFact:
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


async def lock_heads(
    aggregate_ids: Collection[UUID], *, conn: AsyncConnection, skip_locked: bool = False
) -> dict[UUID, int]:
    """Lock these aggregates until the transaction ends, in sorted order; the last sequence of each that exists.

    Every transaction that changes aggregates locks all of them here first, before any other row (so that HTTP
    handlers, consumer batches and timers cannot deadlock). `skip_locked`: leave out those that somebody else holds.
    """
    raise NotImplementedError


async def append(
    facts: Sequence[NewFact], *, conn: AsyncConnection, actor: str, traceparent: str | None = None
) -> dict[UUID, int]:
    """Write facts (in the order given for each aggregate) and return the new last sequence of each aggregate.

    Set-wise: a constant number of statements for any number of facts. New aggregates get their head row here.
    Wakes the relay of this process after the commit.
    """
    raise NotImplementedError


async def history(aggregate_id: UUID, *, conn: AsyncConnection, after: int = 0, limit: int = 200) -> list[LoggedFact]:
    """The facts of one aggregate in order, from the sequence after `after`."""
    raise NotImplementedError
