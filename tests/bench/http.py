"""Facts over HTTP, against a bare FastAPI route with one INSERT; the client in the same process, eight at a time.

`a fact in the frame`: one INSERT and its fact in the log, behind everything that stands before each write. The others
are intake's own routes, in its own application.
"""

import asyncio
import itertools
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, ClassVar
from uuid import uuid4

import asyncpg
import httpx
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Response
from pydantic import BaseModel, SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.__main__ import service as intake
from shared.contracts.event import Event
from shared.contracts.ids import chain_id
from shared.contracts.programme import Tier
from shared.kit.clock import CHINA, SystemClock
from shared.kit.database import fetch
from shared.kit.log.eventlog import NewFact, append
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import ServiceSettings
from shared.kit.web.http import Answer, By, Write, create_app, writing
from shared.kit.web.security import Role, make_token
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, Meter, Options, in_turns

REQUESTS = 800
AT_ONCE = 8
PROJECTS = 200
LINES = range(10, 40)
"""Of a project's timetable: with how many it is recorded, and how many it has at the end at most."""
BATCHES, TOGETHER = 24, 200
CHAIN = chain_id("DISPLAY")
SINGLY = Aim(at_least=0.7, ratio=True)

_SECRET = secrets.token_hex(32)
_BARE = ("/floor", {"name": "x" * 200})


class Body(BaseModel):
    name: str


class Measured(Event):
    type: ClassVar[str] = "cn.liandu.bench.measured.v1"
    topic: ClassVar[str] = "liandu.bench"
    name: str


async def measure(ground: Ground, options: Options) -> list[Figure]:
    count = options.count(REQUESTS)
    async with database(ground) as frame, database(ground, "intake") as keeping:
        apps = {"frame": application_of(ground, frame, _frame), "intake": application_of(ground, keeping, _intake)}
        async with _floor(frame.url) as bare, client_of(apps["frame"]) as framed, client_of(apps["intake"]) as kept:
            desk = await _Desk.opened(kept, lines=options.runs * (count + options.count(BATCHES) * TOGETHER))
            figures = []
            for what, client, db, requests in (
                ("a fact in the frame", framed, frame, itertools.repeat(("/fact", {"name": "x" * 200}))),
                ("a line planned in intake", kept, keeping, desk.lines()),
                ("a project recorded in intake", kept, keeping, desk.projects()),
            ):
                found = await in_turns(
                    what, count, floor=partial(_post_all, bare, itertools.repeat(_BARE), count),
                    ours=partial(_post_all, client, requests, count), runs=options.runs,
                    ground=ground, engine=db.engine,
                )  # fmt: skip
                figures.append(found.figure("http", f"HTTP: {what}", "requests/s", aim=SINGLY))
            figures.append(await _in_batches(ground, keeping, bare, kept, desk, options))
    return figures


async def _in_batches(
    ground: Ground, keeping: Database, bare: httpx.AsyncClient, kept: httpx.AsyncClient, desk: "_Desk", options: Options
) -> Figure:
    """The floor has a route that inserts as many rows with one statement."""
    requests = options.count(BATCHES)
    rows = [{"name": "x" * 200}] * TOGETHER
    found = await in_turns(
        "lines planned in batches", requests * TOGETHER,
        floor=partial(_post_all, bare, itertools.repeat(("/floor/many", rows)), requests),
        ours=partial(_post_all, kept, desk.batches(), requests), runs=options.runs, ground=ground,
        engine=keeping.engine,
    )  # fmt: skip
    note = f"{TOGETHER} lines a request, for projects of {LINES.start} to {LINES.stop} lines"
    return found.figure(
        "http", "HTTP: lines planned in intake, in batches", "facts/s", aim=Aim(at_least=4000), note=note
    )


async def _post_all(client: httpx.AsyncClient, requests: Any, count: int, meter: Meter) -> None:
    """The next `count` requests, eight at a time."""
    todo = itertools.islice(requests, count)

    async def worker() -> None:
        for path, body in todo:
            (await client.post(path, json=body)).raise_for_status()

    async with meter.running():
        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


class _Desk:
    """What a clerk records, one request after the other."""

    def __init__(self, organisation: str, officer: str) -> None:
        self._organisation, self._officer = organisation, officer
        self._projects: list[str] = []
        self._numbers = itertools.count(1)

    @classmethod
    async def opened(cls, client: httpx.AsyncClient, *, lines: int) -> "_Desk":
        """With a unit, its officer's post, and as many projects as it takes to plan so many lines."""
        unit = await _made(client, "/v1/organisations", {"name": "示例单位"})
        body = {"title": "示例专员", "tier": Tier.OFFICER, "organisation_id": unit}
        desk = cls(unit, await _made(client, "/v1/posts", body))
        while len(desk._projects) < max(PROJECTS, lines / len(LINES)):
            desk._projects += await desk._recorded(client)
        return desk

    async def _recorded(self, client: httpx.AsyncClient) -> list[str]:
        items = [
            {"operation": "record_project", **body, "milestones": [self._line(number) for number in range(LINES.start)]}
            for _, body in itertools.islice(self.projects(), TOGETHER)
        ]
        response = await client.post("/v1/facts:batch", json={"items": items})
        response.raise_for_status()
        return [item["project_id"] for item in response.json()["items"]]

    def projects(self) -> Any:
        for number in self._numbers:
            yield (
                "/v1/projects",
                {
                    "name": f"示例智能装备产业园{number}号项目",
                    "chain_id": str(CHAIN),
                    "responsible_org_id": self._organisation,
                    "total_investment_wan": 120_000,
                    "stage": "signed",
                    "signed_on": "2025-12-01",
                },
            )

    def lines(self) -> Any:
        return ((f"/v1/projects/{project}/milestones", line) for project, line in self._lines())

    def batches(self) -> Any:
        items = ({"operation": "plan_milestone", "project_id": project, **line} for project, line in self._lines())
        while True:
            yield "/v1/facts:batch", {"items": list(itertools.islice(items, TOGETHER))}

    def _lines(self) -> Any:
        for number, project in zip(self._numbers, itertools.cycle(self._projects)):
            yield project, self._line(number)

    def _line(self, number: int) -> dict[str, Any]:
        due_on = SystemClock().now().astimezone(CHINA).date() + timedelta(days=90)
        return {"name": f"节点{number}", "due_on": due_on.isoformat(), "responsible_post_id": self._officer}


async def _made(client: httpx.AsyncClient, path: str, body: Any) -> str:
    response = await client.post(path, json=body)
    response.raise_for_status()
    return str(response.json()["id"])


_router = APIRouter()


@_router.post("/fact", status_code=201)
async def one_fact(body: Body, write: Annotated[Write, Depends(writing(Role.CLERK))]) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        fact = NewFact(uuid4(), Measured(name=body.name), by.now)
        await fetch(conn, "INSERT INTO floor_fact VALUES ($1, $2)", fact.aggregate_id, body.model_dump_json())
        await append([fact], conn=conn, actor=by.actor, traceparent=by.traceparent)
        return Answer({}, status=201, version=1)

    return await write(work)


def _frame(settings: ServiceSettings) -> Service:
    return Service("bench", settings, [_router])


def _intake(settings: ServiceSettings) -> Service:
    return intake(settings)


def application_of(ground: Ground, db: Database, declare: Callable[[ServiceSettings], Service]) -> FastAPI:
    secret = ground.folder / "jwt"
    secret.write_text(_SECRET)
    settings = ServiceSettings(
        env="test", database_url=SecretStr(db.url), kafka_bootstrap="unused:1", port=0, jwt_secret_file=secret
    )
    declared = declare(settings)
    return create_app(declared, Platform(declared.name, settings, db.engine, SystemClock()))


@asynccontextmanager
async def _floor(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with asyncpg.create_pool(url, min_size=AT_ONCE, max_size=AT_ONCE) as pool:
        await pool.execute("CREATE TABLE floor_fact (id uuid PRIMARY KEY, data jsonb)")
        app = FastAPI()

        @app.post("/floor", status_code=201)
        async def post(fact: dict[str, Any]) -> dict[str, Any]:
            await pool.execute("INSERT INTO floor_fact VALUES ($1, $2)", uuid4(), json.dumps(fact))
            return {}

        @app.post("/floor/many", status_code=201)
        async def post_many(facts: list[dict[str, Any]]) -> dict[str, Any]:
            columns = [uuid4() for _ in facts], [json.dumps(fact) for fact in facts]
            await pool.execute("INSERT INTO floor_fact SELECT * FROM unnest($1::uuid[], $2::text[]::jsonb[])", *columns)
            return {}

        async with client_of(app) as client:
            yield client


@asynccontextmanager
async def client_of(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that is served on a port of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    signed = {"authorization": "Bearer " + make_token(_SECRET, subject="bench", roles=[Role.CLERK])}
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, headers=signed, trust_env=False, timeout=30) as client:
        yield client
    server.should_exit = True
    await task
