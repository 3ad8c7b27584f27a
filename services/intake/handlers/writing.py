"""How every handler begins and ends: locks in the agreed order, and state and facts written together."""

from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.event import Event
from shared.kit.clock import CHINA
from shared.kit.database import advisory_key, fetch
from shared.kit.errors import VersionConflict
from shared.kit.log import eventlog
from shared.kit.web.http import By

REGISTER = advisory_key("intake", "register")


async def lock_register(*, conn: AsyncConnection) -> None:
    """Let one transaction at a time record things under names that must be unique; taken before any head is locked."""
    await fetch(conn, "SELECT pg_advisory_xact_lock($1)", REGISTER)


async def append(decided: Iterable[tuple[UUID, Sequence[Event]]], *, conn: AsyncConnection, by: By) -> None:
    """Write what was decided about each aggregate to the log."""
    facts = [eventlog.NewFact(aggregate_id, event, by.now) for aggregate_id, events in decided for event in events]
    if facts:
        await eventlog.append(facts, conn=conn, actor=by.actor, traceparent=by.traceparent)


def require_version(aggregate_id: UUID, *, expected: int | None, actual: int) -> None:
    """Raises VersionConflict where the caller read another version than the present one."""
    if expected is not None and expected != actual:
        raise VersionConflict(aggregate_id, expected=expected, actual=actual)


def today(by: By) -> date:
    """The day of the decision, in Asia/Shanghai."""
    return by.now.astimezone(CHINA).date()
