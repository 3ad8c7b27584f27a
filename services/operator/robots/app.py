"""The simulator over HTTP: the vendors' addresses, and under `/_` what tests and demonstrations need.

`/_robots`   define robots, list them
`/_script`   what goes wrong with a robot's next requests
`/_receipts` every request that reached a robot and what became of it, in order
`/`          the groups as a page
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from typing import Annotated, Any, Literal

import orjson
from fastapi import FastAPI, HTTPException, Query, Request, Response
from jinja2 import Environment
from pydantic import BaseModel, ConfigDict, Field

from services.operator.robots.protocols.base import Incoming
from services.operator.robots.robot import Answer, Fault, Protocol, Robot
from services.operator.robots.server import abort
from services.operator.robots.showing import bubble
from services.operator.robots.simulator import Definition, Receipt, Simulator
from shared.kit.clock import CHINA

MOST_BYTES = 1 << 20
_PAGE = 500


class RobotBody(BaseModel):
    """A robot to be defined; `limit` 0: none. Without `signed` a DingTalk robot asks for no signature."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, pattern=r"^[\w.\-]+$")
    title: str = Field(min_length=1, max_length=100)
    protocol: Protocol = Protocol.DINGTALK
    token: str | None = Field(default=None, min_length=1, max_length=200)
    secret: str | None = Field(default=None, min_length=1, max_length=200)
    signed: bool = True
    keywords: tuple[str, ...] = Field(default=(), max_length=10)
    limit: int | None = Field(default=None, ge=0)
    window_seconds: int = Field(default=60, ge=1)
    penalty_seconds: int = Field(default=600, ge=0)


class FaultBody(BaseModel):
    """`delay` in real seconds; one of the others, or none of them."""

    model_config = ConfigDict(extra="forbid")

    errcode: int | None = None
    status: int | None = Field(default=None, ge=300, le=599)
    delay: float = Field(default=0, ge=0, le=120)
    cut: Literal["before", "after"] | None = None


class ScriptBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    robot: str
    next: tuple[FaultBody, ...] = Field(max_length=10_000)


def create_app(simulator: Simulator, *, now: Callable[[], datetime]) -> FastAPI:
    """The simulator's application."""
    app = FastAPI(title="Liandu robots", version="v1", max_body_size=MOST_BYTES, docs_url="/_docs", redoc_url=None)
    template = Environment(autoescape=True).from_string(files(__package__).joinpath("page.html").read_text("utf-8"))
    _vendors(app, simulator)
    _controls(app, simulator)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'"
        headers = {"content-security-policy": f"{policy}; base-uri 'none'", "x-content-type-options": "nosniff"}
        return Response(template.render(nonce=nonce), media_type="text/html; charset=utf-8", headers=headers)

    @app.get("/_chat", include_in_schema=False)
    async def chat(after: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        receipts = simulator.after(after, robot=None, accepted=None, limit=_PAGE)
        return {
            "now": f"{now().astimezone(CHINA):%Y-%m-%d %H:%M}",
            "after": receipts[-1].number if receipts else after,
            "more": len(receipts) == _PAGE,
            "robots": [{"name": robot.name, "title": robot.title} for robot in simulator.robots.values()],
            "messages": [_bubble(simulator, receipt) for receipt in receipts],
        }

    return app


def _vendors(app: FastAPI, simulator: Simulator) -> None:
    @app.post("/robot/send")
    async def dingtalk(request: Request, access_token: str = "") -> Response:
        """DingTalk's address of a custom group robot."""
        return await _answered(simulator, simulator.with_token(access_token), Protocol.DINGTALK, request)

    @app.post("/webhook/{name}")
    async def webhook(request: Request, name: str) -> Response:
        """A receiver of Standard Webhooks."""
        robot = simulator.robots.get(name)
        found = robot if robot and robot.protocol is Protocol.WEBHOOK else None
        return await _answered(simulator, found, Protocol.WEBHOOK, request)


def _controls(app: FastAPI, simulator: Simulator) -> None:
    @app.post("/_robots", status_code=201)
    async def define(body: RobotBody, request: Request) -> dict[str, Any]:
        """Define a robot, or change the one of this name; the answer has its address and its secret."""
        twin = simulator.with_token(body.token) if body.token else None
        if twin and twin.name != body.name:
            raise HTTPException(409, f"robot {twin.name!r} has this token")
        robot = simulator.define(Definition(**body.model_dump()))
        return {**_shown(robot, request), "secret": robot.secret}

    @app.get("/_robots")
    async def robots(request: Request) -> list[dict[str, Any]]:
        """The robots, without their secrets."""
        return [_shown(robot, request) for robot in simulator.robots.values()]

    @app.post("/_script", status_code=204)
    async def script(body: ScriptBody) -> None:
        """What goes wrong with the next requests, one each; replaces what is left of an earlier script."""
        if body.robot not in simulator.robots:
            raise HTTPException(404, f"no robot {body.robot!r}")
        simulator.script(body.robot, [_fault(item) for item in body.next])

    @app.get("/_receipts")
    async def receipts(
        robot: str | None = None,
        after: Annotated[int, Query(ge=0)] = 0,
        accepted: bool | None = None,
        limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    ) -> Response:
        """Requests and what became of them, in order, after a number; `next_after` for the next call."""
        found = simulator.after(after, robot=robot, accepted=accepted, limit=limit)
        body = {"items": found, "next_after": found[-1].number if found else after}
        return Response(orjson.dumps(body), media_type="application/json")


async def _answered(simulator: Simulator, robot: Robot | None, protocol: Protocol, request: Request) -> Response:
    body = await request.body()
    if robot is None:
        return _response(simulator.refuse_stranger(protocol))
    fault = simulator.scripted(robot.name)
    if fault and fault.delay_seconds:
        await asyncio.sleep(fault.delay_seconds)
    incoming = Incoming(query=dict(request.query_params), headers=dict(request.headers), body=body)
    response = simulator.receive(robot, incoming, fault)
    if response.cut:
        return await abort(request)
    return _response(response.answer)


def _response(answer: Answer) -> Response:
    return Response(orjson.dumps(answer.body), answer.status, media_type="application/json")


def _fault(body: FaultBody) -> Fault:
    return Fault(errcode=body.errcode, status=body.status, delay_seconds=body.delay, cut=body.cut)


def _shown(robot: Robot, request: Request) -> dict[str, Any]:
    base = str(request.base_url).rstrip("/")
    url = f"{base}/webhook/{robot.name}"
    if robot.protocol is Protocol.DINGTALK:
        url = f"{base}/robot/send?access_token={robot.token}"
    return {
        "name": robot.name,
        "title": robot.title,
        "protocol": robot.protocol,
        "url": url,
        "signed": robot.secret is not None,
        "keywords": robot.keywords,
        "limit": robot.limit,
        "window_seconds": robot.window_seconds,
        "penalty_seconds": robot.penalty_seconds,
    }


def _bubble(simulator: Simulator, receipt: Receipt) -> dict[str, Any]:
    robot = simulator.robots[receipt.robot]
    return {"robot": receipt.robot, "accepted": receipt.accepted, "html": bubble(robot, receipt)}
