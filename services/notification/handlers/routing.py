"""Routes are set and removed; what found none before is routed again at once, as is what nobody was there to hear."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import orjson
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.messages import State, Verb, move
from services.notification.domain.routing import Hearing, Route, Routes
from services.notification.store import messages, robots, unheard
from services.notification.store.messages import Message, NewMessage
from shared.contracts.supervision import Addressed
from shared.kit.errors import Conflict, Invalid, NotFound, VersionConflict


class RouteExists(Conflict):
    """Another route has the same reach: it would never be asked which of the two."""


async def set_route(route: Route, *, expected: int | None, now: datetime, conn: AsyncConnection) -> int:
    """Write a route, then route what found none before; the route's new version.

    Raises:
        Invalid: there is no such robot.
        RouteExists: another route is drawn for the same post, tier and chain.
        VersionConflict: it changed since `expected` was read.
    """
    if await robots.find(route.robot, conn=conn) is None:
        raise Invalid("没有这个机器人，请先登记", robot=route.robot)
    _require_version(route.id, await robots.find_route(route.id, conn=conn, lock=True), expected)
    version = await _write(route, conn)
    await reroute(now=now, conn=conn)
    return version


async def _write(route: Route, conn: AsyncConnection) -> int:
    try:
        async with conn.begin_nested():
            return await robots.put_route(route, conn=conn)
    except IntegrityError as error:
        raise RouteExists("已有相同范围的通道，请修改原有通道", reach=route.reach.value) from error


async def remove_route(route_id: UUID, *, expected: int | None, conn: AsyncConnection) -> None:
    """
    Raises:
        NotFound: there is no such route.
        VersionConflict: it changed since `expected` was read.
    """
    found = await robots.find_route(route_id, conn=conn, lock=True)
    if found is None:
        raise NotFound("没有这条通道", route=str(route_id))
    _require_version(route_id, found, expected)
    await robots.drop_route(route_id, conn=conn)


def _require_version(route_id: UUID, found: tuple[Route, int] | None, expected: int | None) -> None:
    actual = found[1] if found else 0
    if expected is not None and expected != actual:
        raise VersionConflict(route_id, expected=expected, actual=actual)


async def reroute(*, now: datetime, conn: AsyncConnection) -> int:
    """Route what found no route before; how many messages that concerned.

    Who finds a route now becomes a message of that robot, the others stay behind under the first number.
    """
    stuck = await messages.unroutable(conn=conn)
    if not stuck:
        return 0
    routes = await robots.routing(conn=conn)
    moved = [await _reroute(message, routes, now=now, conn=conn) for message in stuck]
    return sum(moved)


async def address(told: Sequence[Addressed], *, now: datetime, conn: AsyncConnection) -> None:
    """Route what named nobody to those of whom it is known now that they are to hear it."""
    routes = await robots.routing(conn=conn, hold=True)
    ids = await unheard.address(told, conn=conn)
    found = await messages.by_id(ids, conn=conn)
    for message_id in ids:
        await _reroute(found[message_id], routes, now=now, conn=conn)


async def _reroute(message: Message, routes: Routes, *, now: datetime, conn: AsyncConnection) -> bool:
    hearings = routes.address(message.listeners, chain_id=message.chain_id)
    found = [hearing for hearing in hearings if hearing.robot]
    if not found:
        return False
    part = await messages.last_part(message.cause_id, conn=conn) + 1
    left = next((hearing for hearing in hearings if hearing.robot is None), None)
    if left:
        await messages.narrow(message.id, left.listeners, conn=conn)
    else:
        await _take_over(message, found.pop(0), part=part, now=now, conn=conn)
    await messages.insert(_split(message, found, part=part), now=now, conn=conn)
    return True


async def _take_over(message: Message, hearing: Hearing, *, part: int, now: datetime, conn: AsyncConnection) -> None:
    assert hearing.robot
    assert move(message.state, Verb.ROUTE) is State.QUEUED
    await messages.route(message.id, hearing.robot, hearing.listeners, part=part, now=now, conn=conn)


def _split(message: Message, hearings: Sequence[Hearing], *, part: int) -> list[NewMessage]:
    first = NewMessage(
        id=message.id,
        cause_id=message.cause_id,
        kind=message.kind,
        event=orjson.dumps(message.event).decode(),
        decided_at=message.decided_at,
        listeners=(),
        robot=None,
        part=part,
        project_id=message.project_id,
        chain_id=message.chain_id,
        case_id=message.case_id,
        rung=message.rung,
        traceparent=message.traceparent,
    )
    return [replace(first, id=uuid4(), robot=one.robot, listeners=one.listeners) for one in hearings]
