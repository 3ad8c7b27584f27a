"""How every handler begins and ends: locks in the agreed order, and state and facts written together."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.event import Event
from shared.kit.clock import CHINA
from shared.kit.database import advisory_key, fetch
from shared.kit.errors import VersionConflict
from shared.kit.log import eventlog
from shared.kit.log.eventlog import Beside
from shared.kit.web.http import By

NOTHING = eventlog.Beside()
REGISTER = advisory_key("intake", "register")
LOCK_NAMES = """
    SELECT pg_advisory_xact_lock_shared($1)
    UNION ALL
    SELECT pg_advisory_xact_lock(key) FROM unnest($2::bigint[]) AS name (key)
"""


async def lock_register(*, conn: AsyncConnection) -> None:
    """Let one transaction at a time record things under names that must be unique; taken before any head is locked."""
    await fetch(conn, "SELECT pg_advisory_xact_lock($1)", REGISTER)


async def lock_names(names: Collection[tuple[str, UUID]], *, conn: AsyncConnection) -> None:
    """Let one transaction at a time record something under each of these names of organisations, beside those that do
    so under others; whoever has locked the register excludes them all."""
    keys = sorted(advisory_key("intake", "name", str(organisation_id), name) for name, organisation_id in names)
    await fetch(conn, LOCK_NAMES, REGISTER, keys)


async def append(
    decided: Iterable[tuple[UUID, Sequence[Event]]], *, beside: Beside = NOTHING, conn: AsyncConnection, by: By
) -> None:
    """Write what was decided about each aggregate to the log, and the states that it leads to beside it."""
    facts = [eventlog.NewFact(aggregate_id, event, by.now) for aggregate_id, events in decided for event in events]
    if facts:
        await eventlog.append(facts, conn=conn, actor=by.actor, traceparent=by.traceparent, beside=beside)


def require_version(aggregate_id: UUID, *, expected: int | None, actual: int) -> None:
    """Raises VersionConflict where the caller read another version than the present one."""
    if expected is not None and expected != actual:
        raise VersionConflict(aggregate_id, expected=expected, actual=actual)


def today(by: By) -> date:
    """The day of the decision, in Asia/Shanghai."""
    return by.now.astimezone(CHINA).date()
