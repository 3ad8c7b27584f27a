"""Messages: rows that wait, go, arrive or do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.messages import State, number_of
from services.notification.domain.outcome import Tries
from services.notification.domain.routing import Listener
from services.notification.store import signal
from shared.contracts.programme import Tier
from shared.kit.clock import CHINA
from shared.kit.database import fetch

TEST = "test"
"""The kind of a message that only tries a robot."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """What is to be said to one robot about one fact. `kind`: the fact's type; `event`: its data as JSON text."""

    id: UUID
    cause_id: UUID
    kind: str
    event: str
    decided_at: datetime
    listeners: tuple[Listener, ...]
    robot: str | None
    part: int = 0
    project_id: UUID | None = None
    chain_id: UUID | None = None
    case_id: UUID | None = None
    rung: int | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands. `attempts`: how many began; `sending`: one is on its way now."""

    id: UUID
    number: int
    cause_id: UUID
    part: int
    kind: str
    event: dict[str, Any]
    decided_at: datetime
    listeners: tuple[Listener, ...]
    robot: str | None
    project_id: UUID | None
    chain_id: UUID | None
    case_id: UUID | None
    rung: int | None
    state: State
    not_before: datetime
    attempts: int
    tries: Tries
    reason: str
    created_at: datetime
    settled_at: datetime | None
    traceparent: str | None
    sending: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """How a message stands after an attempt."""

    id: UUID
    state: State
    attempts: int
    tries: Tries
    not_before: datetime | None
    reason: str


# The counter's row is locked until the transaction ends: numbers have no gaps, and are seen in their order.
_NUMBERS = """
INSERT INTO message_counter AS counter (year, last) VALUES ($1, $2)
    ON CONFLICT (year) DO UPDATE SET last = counter.last + excluded.last
RETURNING last
"""

_INSERT = """
INSERT INTO message (id, number, cause_id, part, kind, event, decided_at, listeners, robot_id, project_id, chain_id,
                     case_id, rung, state, not_before, created_at, traceparent)
SELECT id, number, cause_id, part, kind, event, decided_at, listeners, robot_id, project_id, chain_id, case_id, rung,
       CASE WHEN robot_id IS NULL THEN 'unroutable' ELSE 'queued' END, $1::timestamptz, $1::timestamptz, traceparent
  FROM unnest($2::uuid[], $3::bigint[], $4::uuid[], $5::integer[], $6::text[], $7::jsonb[], $8::timestamptz[],
              $9::jsonb[], $10::text[], $11::uuid[], $12::uuid[], $13::uuid[], $14::integer[], $15::text[])
       AS new (id, number, cause_id, part, kind, event, decided_at, listeners, robot_id, project_id, chain_id, case_id,
               rung, traceparent)
"""

_CHANGE = """
UPDATE message
   SET state = new.state, attempts = new.attempts, refusals = new.refusals, unknowns = new.unknowns,
       not_before = coalesce(new.not_before, message.not_before), reason = new.reason,
       settled_at = CASE WHEN new.state = 'queued' THEN NULL ELSE $1::timestamptz END
  FROM unnest($2::uuid[], $3::text[], $4::integer[], $5::integer[], $6::integer[], $7::timestamptz[], $8::text[])
       AS new (id, state, attempts, refusals, unknowns, not_before, reason)
 WHERE message.id = new.id
"""

_BY_ID = text("SELECT * FROM message WHERE id = ANY (CAST(:ids AS uuid[]))")
_UNROUTABLE = text("SELECT * FROM message WHERE state = 'unroutable' ORDER BY number FOR UPDATE")
_ROUTE = text("""
UPDATE message SET robot_id = :robot, listeners = CAST(:listeners AS jsonb), part = :part, state = 'queued',
                   not_before = :now
 WHERE id = :id
""")
_NARROW = text("UPDATE message SET listeners = CAST(:listeners AS jsonb) WHERE id = :id")
_LAST_PART = text("""
SELECT coalesce(max(part), 0) FROM message WHERE cause_id = :cause AND robot_id IS NOT NULL
""")
_HEARD = text("""
SELECT case_id, listeners FROM message WHERE case_id = ANY (CAST(:cases AS uuid[])) ORDER BY number
""")
_REDRIVE = text("""
UPDATE message SET state = 'queued', refusals = 0, not_before = :now, settled_at = NULL, reason = :reason
 WHERE id = ANY (CAST(:ids AS uuid[])) AND state = 'undelivered'
RETURNING id
""")
_PERHAPS_SEEN = text("UPDATE message SET unknowns = 1 WHERE state <> 'sent' AND unknowns = 0")
_UNDELIVERED = text(
    "SELECT id FROM message WHERE state = 'undelivered' AND robot_id = :robot ORDER BY number FOR UPDATE"
)
_ONE_LOCKED = text("SELECT * FROM message WHERE number = :number FOR UPDATE")


async def insert(messages: Sequence[NewMessage], *, now: datetime, conn: AsyncConnection) -> list[int]:
    """Write messages and give each its number, in the order given. A constant number of statements."""
    if not messages:
        return []
    year = now.astimezone(CHINA).year
    [(last,)] = await fetch(conn, _NUMBERS, year, len(messages))
    numbers = [number_of(year, last - len(messages) + 1 + place) for place in range(len(messages))]
    await fetch(
        conn,
        _INSERT,
        now,
        [message.id for message in messages],
        numbers,
        [message.cause_id for message in messages],
        [message.part for message in messages],
        [message.kind for message in messages],
        [message.event for message in messages],
        [message.decided_at for message in messages],
        [_listeners_json(message.listeners) for message in messages],
        [message.robot for message in messages],
        [message.project_id for message in messages],
        [message.chain_id for message in messages],
        [message.case_id for message in messages],
        [message.rung for message in messages],
        [message.traceparent for message in messages],
    )
    await signal.mark_queued(conn)
    return numbers


async def change(changes: Sequence[Change], *, now: datetime, conn: AsyncConnection) -> None:
    """Write down how these messages stand, in one statement."""
    if not changes:
        return
    await fetch(
        conn,
        _CHANGE,
        now,
        [change.id for change in changes],
        [change.state.value for change in changes],
        [change.attempts for change in changes],
        [change.tries.refusals for change in changes],
        [change.tries.unknowns for change in changes],
        [change.not_before for change in changes],
        [change.reason for change in changes],
    )


async def by_id(ids: Sequence[UUID], *, conn: AsyncConnection) -> dict[UUID, Message]:
    return {row["id"]: message_of(row) for row in (await conn.execute(_BY_ID, {"ids": list(ids)})).mappings()}


async def lock(number: int, *, conn: AsyncConnection) -> Message | None:
    row = (await conn.execute(_ONE_LOCKED, {"number": number})).mappings().one_or_none()
    return message_of(row) if row else None


async def unroutable(*, conn: AsyncConnection) -> list[Message]:
    """All that found no route, locked."""
    return [message_of(row) for row in (await conn.execute(_UNROUTABLE)).mappings()]


async def route(
    message_id: UUID, robot: str, listeners: tuple[Listener, ...], *, part: int, now: datetime, conn: AsyncConnection
) -> None:
    """Hand an unroutable message to a robot."""
    values = {"id": message_id, "robot": robot, "listeners": _listeners_json(listeners), "part": part, "now": now}
    await conn.execute(_ROUTE, values)
    await signal.mark_queued(conn)


async def narrow(message_id: UUID, listeners: tuple[Listener, ...], *, conn: AsyncConnection) -> None:
    """Leave a message with those listeners only."""
    await conn.execute(_NARROW, {"id": message_id, "listeners": _listeners_json(listeners)})


async def last_part(cause_id: UUID, *, conn: AsyncConnection) -> int:
    """The highest part among the messages of a fact that have a robot."""
    part: int = (await conn.execute(_LAST_PART, {"cause": cause_id})).scalar_one()
    return part


async def heard_of(cases: Sequence[UUID], *, conn: AsyncConnection) -> dict[UUID, tuple[Listener, ...]]:
    """Who was addressed about each of these cases so far."""
    heard: dict[UUID, dict[UUID, Listener]] = {}
    for row in await conn.execute(_HEARD, {"cases": list(cases)}):
        known = heard.setdefault(row.case_id, {})
        for listener in _listeners(row.listeners):
            if listener.post_id not in known or known[listener.post_id].copy_only:
                known[listener.post_id] = listener
    return {case_id: tuple(known.values()) for case_id, known in heard.items()}


async def redrive(ids: Sequence[UUID], *, reason: str, now: datetime, conn: AsyncConnection) -> int:
    """Queue again those of these that are undelivered; how many were."""
    values = {"ids": list(ids), "now": now, "reason": reason}
    moved = (await conn.execute(_REDRIVE, values)).all()
    await signal.mark_queued(conn)
    return len(moved)


async def mark_perhaps_seen(*, conn: AsyncConnection) -> int:
    """Everything that has not arrived as far as is known may have been shown already; how many messages."""
    return (await conn.execute(_PERHAPS_SEEN)).rowcount


async def undelivered_of(robot: str, *, conn: AsyncConnection) -> list[UUID]:
    return [row.id for row in await conn.execute(_UNDELIVERED, {"robot": robot})]


def message_of(row: Mapping[Any, Any]) -> Message:
    return Message(
        id=row["id"],
        number=row["number"],
        cause_id=row["cause_id"],
        part=row["part"],
        kind=row["kind"],
        event=row["event"],
        decided_at=row["decided_at"],
        listeners=_listeners(row["listeners"]),
        robot=row["robot_id"],
        project_id=row["project_id"],
        chain_id=row["chain_id"],
        case_id=row["case_id"],
        rung=row["rung"],
        state=State(row["state"]),
        not_before=row["not_before"],
        attempts=row["attempts"],
        tries=Tries(row["refusals"], row["unknowns"]),
        reason=row["reason"],
        created_at=row["created_at"],
        settled_at=row["settled_at"],
        traceparent=row["traceparent"],
        sending=row.get("sending", False),
    )


def _listeners_json(listeners: Sequence[Listener]) -> str:
    return orjson.dumps(listeners).decode()


def _listeners(stored: list[dict[str, Any]]) -> tuple[Listener, ...]:
    return tuple(
        Listener(UUID(one["post_id"]), Tier(one["tier"]), copy_only=one["copy_only"], mention=one["mention"])
        for one in stored
    )
