"""Robots: registered, mended, tried, looked at. An address and its secret go in and never come out."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.api.access import Operator, OperatorReader, RobotId, Wired
from services.notification.channels.base import Target
from services.notification.claims import limits_of, used_of
from services.notification.domain import budget
from services.notification.domain.outcome import ROBOT_STATE_NAMES, RobotState
from services.notification.handlers import robots as handlers
from services.notification.handlers.robots import RobotRecord
from services.notification.store import robots, views
from services.notification.store.robots import Robot
from services.notification.wiring import Wiring
from shared.kit.web.http import Answer, By, page, reply


class RobotBody(BaseModel):
    """`url` may be left out when a robot that is on record is changed; its secret then stays as well.

    `per_minute`: messages in any 60 seconds; null leaves the channel's limit, 0 lifts it.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    channel: str
    url: SecretStr | None = Field(default=None, max_length=2000)
    secret: SecretStr | None = Field(default=None, max_length=200)
    per_minute: Annotated[int, Field(ge=0, le=100_000)] | None = None

    def record(self, robot_id: str) -> RobotRecord:
        target = None
        if self.url is not None:
            target = Target(self.url.get_secret_value(), self.secret.get_secret_value() if self.secret else None)
        return RobotRecord(robot_id, self.name, self.channel, target, self.per_minute)


class RobotShown(BaseModel):
    """`resume_at`: until when it cools; `next_room_at`: when its limit lets the next message go, null while unknown."""

    id: str
    name: str
    channel: str
    per_minute: int | None
    state: RobotState
    state_name: str
    resume_at: datetime | None
    failures: int
    why: str
    waiting: int
    next_room_at: datetime | None
    version: int


class TestQueued(BaseModel):
    """The number under which the test message's story can be read."""

    number: int


def router(wiring: Wiring) -> APIRouter:
    made = APIRouter(tags=["robots"])

    @made.put("/v1/robots/{robot_id}", response_model=RobotShown)
    async def register_robot(robot_id: RobotId, body: RobotBody, write: Operator) -> Response:
        """Register a robot, or change one; that opens it again when it was off. If-Match is honoured."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            version = await handlers.register(
                body.record(robot_id),
                expected=write.expected_version,
                targets=wiring.targets,
                keys=wiring.keys,
                conn=conn,
            )
            shown = await _shown(await handlers.require(robot_id, conn=conn), conn=conn, now=by.now)
            return Answer(shown, status=201 if version == 1 else 200, version=version)

        return await write(work)

    made.include_router(_plain)
    return made


_plain = APIRouter()


@_plain.get("/v1/robots")
async def list_robots(conn: OperatorReader, platform: Wired) -> dict[str, Any]:
    """All robots and the condition of each."""
    now = platform.clock.now()
    return page([await _shown(robot, conn=conn, now=now) for robot in await robots.every(conn=conn)], None)


@_plain.get("/v1/robots/{robot_id}", response_model=RobotShown)
async def show_robot(robot_id: RobotId, conn: OperatorReader, platform: Wired, request: Request) -> Response:
    """A robot's condition: open, cooling until when, off and why; how many messages wait for it."""
    shown = await _shown(await handlers.require(robot_id, conn=conn), conn=conn, now=platform.clock.now())
    return reply(Answer(shown))


@_plain.delete("/v1/robots/{robot_id}", status_code=204)
async def remove_robot(robot_id: RobotId, write: Operator) -> Response:
    """Forget a robot that no route leads to and no message waits for. What it said stays in the ledger."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        await handlers.remove(robot_id, expected=write.expected_version, conn=conn)
        return Answer(None, status=204)

    return await write(work)


@_plain.post("/v1/robots/{robot_id}:test", status_code=202, response_model=TestQueued)
async def try_robot(robot_id: RobotId, write: Operator) -> Response:
    """Send a test message, within the robot's limit, even when it is off; getting through opens it."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        number = await handlers.try_out(robot_id, now=by.now, traceparent=by.traceparent, conn=conn)
        return Answer(TestQueued(number=number), status=202, location=f"/v1/messages/{number}")

    return await write(work)


async def _shown(robot: Robot, *, conn: AsyncConnection, now: datetime) -> RobotShown:
    limits = limits_of(robot)
    used = await used_of({robot.id: limits}, now=now, conn=conn)
    return RobotShown(
        id=robot.id,
        name=robot.name,
        channel=robot.channel,
        per_minute=robot.per_minute,
        state=_state(robot, now),
        state_name=ROBOT_STATE_NAMES[_state(robot, now)],
        resume_at=robot.condition.resume_at,
        failures=robot.condition.failures,
        why=robot.condition.why,
        waiting=await views.count_waiting(robot.id, conn=conn),
        next_room_at=budget.next_room_at(limits, used[robot.id], now=now),
        version=robot.version,
    )


def _state(robot: Robot, now: datetime) -> RobotState:
    """A robot whose penalty is over is open, though the next message has yet to prove it."""
    over = robot.condition.state is RobotState.COOLING and robot.condition.may_send(now=now)
    return RobotState.OPEN if over else robot.condition.state
