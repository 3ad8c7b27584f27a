"""Robots are registered, mended, tried and removed; everything outbound is paused and resumed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.channels import CHANNELS
from services.notification.channels.base import Target
from services.notification.store import messages, robots, signal
from services.notification.store.messages import TEST, NewMessage
from services.notification.store.robots import Outbound, Robot
from services.notification.targets import Keyring, Targets
from shared.kit.errors import Conflict, Invalid, NotFound

_RESTORED = "数据已由备份恢复：备份之后发出的消息不在台账中，核对后恢复发送，待发消息将注明可能重复"
_TRIED = '{"robot":null}'


class RobotInUse(Conflict):
    """Routes lead to it, or messages wait for it."""


class RobotChanged(Conflict):
    """Somebody else changed the robot since it was read."""


@dataclass(frozen=True, slots=True)
class RobotRecord:
    """A robot as an operator registers it. No `target`: the address and secret on record stay."""

    id: str
    name: str
    channel: str
    target: Target | None
    per_minute: int | None


async def register(
    record: RobotRecord, *, expected: int | None, targets: Targets, keys: Keyring, conn: AsyncConnection
) -> int:
    """Write a robot's record, which also opens it again if it was off; its new version.

    Raises:
        Invalid: an unknown channel, a new robot without an address, an address that is malformed or not allowed.
        RobotChanged: it changed since `expected` was read.
    """
    if record.channel not in CHANNELS:
        raise Invalid("不支持的通道类型", channel=record.channel, supported=sorted(CHANNELS))
    present = await robots.find(record.id, conn=conn, lock=True)
    _require_version(record.id, present, expected)
    sealed = _sealed(record, present, targets, keys)
    version = await robots.put(
        record.id, name=record.name, channel=record.channel, target=sealed, per_minute=record.per_minute, conn=conn
    )
    await signal.mark_queued(conn)
    return version


def _sealed(record: RobotRecord, present: Robot | None, targets: Targets, keys: Keyring) -> bytes:
    channel = CHANNELS[record.channel]
    if record.target is None:
        if present is None or present.channel != record.channel:
            raise Invalid("请填写机器人地址", robot=record.id)
        return present.target
    channel.check(record.target)
    targets.check(record.target, channel)
    return keys.seal_target(record.id, record.target)


def _require_version(robot_id: str, present: Robot | None, expected: int | None) -> None:
    actual = present.version if present else 0
    if expected is not None and expected != actual:
        raise RobotChanged("该机器人已被他人修改，请刷新后重试", robot=robot_id, expected=expected, actual=actual)


async def remove(robot_id: str, *, expected: int | None, conn: AsyncConnection) -> None:
    """Forget a robot and its address; what it said stays in the ledger.

    Raises:
        NotFound: there is no such robot.
        RobotInUse: routes lead to it, or messages wait for it.
        RobotChanged: it changed since `expected` was read.
    """
    present = await require(robot_id, conn=conn, lock=True)
    _require_version(robot_id, present, expected)
    routes, waiting = await robots.in_use(robot_id, conn=conn)
    if routes or waiting:
        raise RobotInUse(f"仍有{routes}条通道、{waiting}条待发消息使用该机器人", routes=routes, waiting=waiting)
    await robots.drop(robot_id, conn=conn)


async def try_out(robot_id: str, *, now: datetime, traceparent: str | None, conn: AsyncConnection) -> int:
    """Queue a test message, which goes even when the robot is off; its number.

    Raises:
        NotFound: there is no such robot.
    """
    await require(robot_id, conn=conn, lock=True)
    test = NewMessage(
        id=uuid4(),
        cause_id=uuid4(),
        kind=TEST,
        event=_TRIED,
        decided_at=now,
        listeners=(),
        robot=robot_id,
        traceparent=traceparent,
    )
    return (await messages.insert([test], now=now, conn=conn))[0]


async def require(robot_id: str, *, conn: AsyncConnection, lock: bool = False) -> Robot:
    """
    Raises:
        NotFound: there is no such robot.
    """
    found = await robots.find(robot_id, conn=conn, lock=lock)
    if found is None:
        raise NotFound("没有这个机器人", robot=robot_id)
    return found


async def pause_after_restore(conn: AsyncConnection) -> None:
    """Let nothing leave until an operator has looked: what the ledger lost with its last hours may have been sent."""
    await robots.switch(Outbound(True, _RESTORED, "liandu restore", None, restored=True), conn=conn)


async def switch_outbound(
    *, paused: bool, reason: str, by: str, now: datetime, conn: AsyncConnection, perhaps_seen: bool = False
) -> Outbound:
    """Pause or resume everything outbound; what is on its way arrives. Doing it twice changes nothing.

    `perhaps_seen`: when it is resumed, what waits is marked 可能重复. After a restore from a backup it always is:
    it may have been sent in the time that the ledger lost.
    """
    present = await robots.outbound(conn=conn)
    if present.paused == paused:
        return present
    if not paused and (perhaps_seen or present.restored):
        await messages.mark_perhaps_seen(conn=conn)
    state = Outbound(paused, reason, by, now)
    await robots.switch(state, conn=conn)
    await signal.mark_queued(conn)
    return state
