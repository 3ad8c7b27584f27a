"""What a service that consumes is given, and what it is asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.event import Event


class Fact(NamedTuple):
    """One event as a consumer gets it: in order for its aggregate, each exactly once."""

    topic: str
    source: str
    aggregate_id: UUID
    seq: int
    event_id: UUID
    at: datetime
    event: Event
    traceparent: str | None = None


class Handler(Protocol):
    """What a service does with facts, inside the batch's transaction.

    Called with up to 1000 facts of any aggregates and topics, in order for each aggregate. It locks and loads the
    states it needs set-wise, folds in memory, and writes states, timers and own facts set-wise. It must not commit,
    and must not call anyone else. When it raises, the transaction is rolled back and the batch is halved until the
    poison fact stands alone; that one is put aside and its aggregate parked.
    """

    async def __call__(self, facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime) -> None: ...
