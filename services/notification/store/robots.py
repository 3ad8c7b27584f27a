"""Robots, routes, and the switch of everything outbound."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.outcome import Condition, RobotState
from services.notification.domain.routing import Route, Routes
from shared.contracts.programme import Tier
from shared.kit.database import fetch


@dataclass(frozen=True, slots=True)
class Robot:
    """A robot as it stands. `target`: its address and secret, sealed. `per_minute`: None leaves the channel's limit."""

    id: str
    name: str
    channel: str
    target: bytes
    per_minute: int | None
    condition: Condition
    version: int


@dataclass(frozen=True, slots=True)
class Outbound:
    """`restored`: paused by a restore from a backup, since which nothing has left."""

    paused: bool
    reason: str
    by: str
    since: datetime | None
    restored: bool = False


_ONE = text("SELECT * FROM robot WHERE id = :id")
_ONE_LOCKED = text("SELECT * FROM robot WHERE id = :id FOR UPDATE")
_ALL = text("SELECT * FROM robot ORDER BY id")
_LOCKED = text("SELECT * FROM robot WHERE id = ANY (CAST(:ids AS text[])) ORDER BY id FOR UPDATE")

# A robot is taken when something of its own is due: what the dispatcher sends next, it decides under this lock.
# Each subquery is one look into an index for each robot, however many messages wait (an EXISTS may become a scan of
# all that wait); a robot that is off is looked at through the index of tests, for its queue may be long.
_TAKE = """
SELECT * FROM robot
 WHERE NOT id = ANY ($1::text[])
   AND (resume_at IS NULL OR resume_at <= $2::timestamptz)
   AND NOT (SELECT paused FROM outbound)
   AND CASE WHEN robot.state = 'off'
            THEN (SELECT true FROM message
                   WHERE message.robot_id = robot.id AND message.state = 'queued' AND kind = 'test'
                     AND not_before <= $2::timestamptz LIMIT 1)
            ELSE (SELECT true FROM message
                   WHERE message.robot_id = robot.id AND message.state = 'queued'
                     AND not_before <= $2::timestamptz LIMIT 1) END
 ORDER BY id
   FOR UPDATE SKIP LOCKED
"""

_PUT = text("""
INSERT INTO robot (id, name, channel, target, per_minute) VALUES (:id, :name, :channel, :target, :per_minute)
    ON CONFLICT (id) DO UPDATE
       SET name = excluded.name, channel = excluded.channel, target = excluded.target, per_minute = excluded.per_minute,
           state = 'open', resume_at = NULL, failures = 0, why = '', version = robot.version + 1
RETURNING version
""")
_DROP = text("DELETE FROM robot WHERE id = :id")
_IN_USE = text("""
SELECT (SELECT count(*) FROM route WHERE robot_id = :id) AS routes,
       (SELECT count(*) FROM message WHERE robot_id = :id AND state = 'queued') AS queued
""")
_CONDITIONS = text("""
UPDATE robot SET state = new.state, resume_at = new.resume_at, failures = new.failures, why = new.why
  FROM unnest(CAST(:ids AS text[]), CAST(:states AS text[]), CAST(:resume AS timestamptz[]),
              CAST(:failures AS integer[]), CAST(:why AS text[])) AS new (id, state, resume_at, failures, why)
 WHERE robot.id = new.id
""")

_ROUTES = "SELECT * FROM route ORDER BY id"
_HOLD_ROUTES = "LOCK TABLE route IN SHARE MODE"
_ROUTE = text("SELECT * FROM route WHERE id = :id")
_ROUTE_LOCKED = text("SELECT * FROM route WHERE id = :id FOR UPDATE")
_PUT_ROUTE = text("""
INSERT INTO route (id, robot_id, post_id, tier, chain_id, mention)
VALUES (:id, :robot, :post, :tier, :chain, :mention)
    ON CONFLICT (id) DO UPDATE
       SET robot_id = excluded.robot_id, post_id = excluded.post_id, tier = excluded.tier,
           chain_id = excluded.chain_id, mention = excluded.mention, version = route.version + 1
RETURNING version
""")
_DROP_ROUTE = text("DELETE FROM route WHERE id = :id")

_OUTBOUND = text("SELECT paused, reason, switched_by, since, restored FROM outbound")
_SWITCH = text("""
UPDATE outbound SET paused = :paused, reason = :reason, switched_by = :by, since = :since, restored = :restored
""")


async def find(robot_id: str, *, conn: AsyncConnection, lock: bool = False) -> Robot | None:
    row = (await conn.execute(_ONE_LOCKED if lock else _ONE, {"id": robot_id})).mappings().one_or_none()
    return _robot(row) if row else None


async def every(*, conn: AsyncConnection) -> list[Robot]:
    return [_robot(row) for row in (await conn.execute(_ALL)).mappings()]


async def lock(robot_ids: Collection[str], *, conn: AsyncConnection) -> dict[str, Robot]:
    """These robots, locked in order of id."""
    rows = (await conn.execute(_LOCKED, {"ids": list(robot_ids)})).mappings()
    return {row["id"]: _robot(row) for row in rows}


async def take(*, conn: AsyncConnection, now: datetime, except_for: Collection[str]) -> list[Robot]:
    """Lock the robots that have something due and may send, leaving out those somebody else holds."""
    return [_robot(row) for row in await fetch(conn, _TAKE, list(except_for), now)]


async def put(
    robot_id: str, *, name: str, channel: str, target: bytes, per_minute: int | None, conn: AsyncConnection
) -> int:
    """Write a robot's record and open it, for whoever writes it has mended it; its new version."""
    row = {"id": robot_id, "name": name, "channel": channel, "target": target, "per_minute": per_minute}
    version: int = (await conn.execute(_PUT, row)).scalar_one()
    return version


async def in_use(robot_id: str, *, conn: AsyncConnection) -> tuple[int, int]:
    """How many routes lead to it, and how many messages wait for it."""
    row = (await conn.execute(_IN_USE, {"id": robot_id})).one()
    return row.routes, row.queued


async def drop(robot_id: str, *, conn: AsyncConnection) -> None:
    await conn.execute(_DROP, {"id": robot_id})


async def set_conditions(conditions: Sequence[tuple[str, Condition]], *, conn: AsyncConnection) -> None:
    if conditions:
        await conn.execute(
            _CONDITIONS,
            {
                "ids": [robot_id for robot_id, _ in conditions],
                "states": [condition.state.value for _, condition in conditions],
                "resume": [condition.resume_at for _, condition in conditions],
                "failures": [condition.failures for _, condition in conditions],
                "why": [condition.why for _, condition in conditions],
            },
        )


async def routes(*, conn: AsyncConnection) -> list[tuple[Route, int]]:
    """All routes with their versions."""
    return [(_route(row), row["version"]) for row in await fetch(conn, _ROUTES)]


async def routing(*, conn: AsyncConnection, hold: bool = False) -> Routes:
    """`hold`: the routes stay as they are until the transaction ends, so that whoever then changes them sees what was
    queued, or left without a route, under these. Not for a transaction that changes routes itself."""
    if hold:
        await fetch(conn, _HOLD_ROUTES)
    return Routes(route for route, _ in await routes(conn=conn))


async def find_route(route_id: UUID, *, conn: AsyncConnection, lock: bool = False) -> tuple[Route, int] | None:
    """The route and its version."""
    row = (await conn.execute(_ROUTE_LOCKED if lock else _ROUTE, {"id": route_id})).mappings().one_or_none()
    return (_route(row), row["version"]) if row else None


async def put_route(route: Route, *, conn: AsyncConnection) -> int:
    """Write a route; its new version."""
    row = {
        "id": route.id,
        "robot": route.robot,
        "post": route.post_id,
        "tier": route.tier.value if route.tier else None,
        "chain": route.chain_id,
        "mention": route.mention,
    }
    version: int = (await conn.execute(_PUT_ROUTE, row)).scalar_one()
    return version


async def drop_route(route_id: UUID, *, conn: AsyncConnection) -> bool:
    """Whether there was one."""
    return (await conn.execute(_DROP_ROUTE, {"id": route_id})).rowcount > 0


async def outbound(*, conn: AsyncConnection) -> Outbound:
    row = (await conn.execute(_OUTBOUND)).one()
    return Outbound(row.paused, row.reason, row.switched_by, row.since, row.restored)


async def switch(state: Outbound, *, conn: AsyncConnection) -> None:
    values = {"paused": state.paused, "reason": state.reason, "by": state.by, "since": state.since}
    await conn.execute(_SWITCH, {**values, "restored": state.restored})


def _robot(row: Mapping[Any, Any]) -> Robot:
    condition = Condition(RobotState(row["state"]), row["resume_at"], row["failures"], row["why"])
    return Robot(row["id"], row["name"], row["channel"], row["target"], row["per_minute"], condition, row["version"])


def _route(row: Mapping[Any, Any]) -> Route:
    tier = Tier(row["tier"]) if row["tier"] else None
    return Route(row["id"], row["robot_id"], row["post_id"], tier, row["chain_id"], row["mention"])
