"""What a write over HTTP costs, as a ratio to a bare FastAPI route with one INSERT.

    python -m tests.bench.http [REQUESTS]

PostgreSQL of its own, fsync on; the client in the same process, eight requests at a time, as in the floor, which is
measured in the same run, in turns. `write`: one INSERT in a `Write`. `fact`: the INSERT and its fact in the log, as
every service does it. `keyed`: the same under an Idempotency-Key.
"""

import asyncio
import json
import logging
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import uuid4

import asyncpg
import httpx
import structlog
import uvicorn
import uvloop
from fastapi import APIRouter, Depends, FastAPI, Response
from pydantic import BaseModel, SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.operator.embedded.postgres import EmbeddedPostgres, start, stop
from services.operator.processes import free_port
from shared.contracts.event import Event
from shared.kit import telemetry
from shared.kit.clock import SystemClock
from shared.kit.database import open_engine
from shared.kit.log.eventlog import NewFact, append
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import ServiceSettings
from shared.kit.web.http import Answer, By, Write, create_app, writing
from shared.kit.web.security import Role, make_token
from tests.support.postgres import ScratchDatabase

SECRET = "a secret for measuring, long enough to be one"
AT_ONCE = 8
RUNS = 3
RESULTS = Path(".liandu/bench/http.json")
INSERT = text("INSERT INTO floor_fact (id, data) VALUES (:id, CAST(:data AS jsonb))")


class Body(BaseModel):
    name: str


class Measured(Event):
    type: ClassVar[str] = "cn.liandu.bench.measured.v1"
    topic: ClassVar[str] = "liandu.bench"
    name: str


router = APIRouter()


@router.post("/write", status_code=201)
async def one_insert(body: Body, write: Annotated[Write, Depends(writing(Role.CLERK))]) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        await conn.execute(INSERT, {"id": uuid4(), "data": body.model_dump_json()})
        return Answer({}, status=201, version=1)

    return await write(work)


@router.post("/fact", status_code=201)
async def one_fact(body: Body, write: Annotated[Write, Depends(writing(Role.CLERK))]) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        fact = NewFact(uuid4(), Measured(name=body.name), by.now)
        await conn.execute(INSERT, {"id": fact.aggregate_id, "data": body.model_dump_json()})
        await append([fact], conn=conn, actor=by.actor, traceparent=by.traceparent)
        return Answer({}, status=201, version=1)

    return await write(work)


def floor(pool: asyncpg.Pool) -> FastAPI:
    app = FastAPI()

    @app.post("/floor", status_code=201)
    async def post(fact: dict[str, Any]) -> dict[str, Any]:
        await pool.execute("INSERT INTO floor_fact VALUES ($1, $2)", uuid4(), json.dumps(fact))
        return {}

    return app


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await task


async def post_all(url: str, path: str, headers: Callable[[], dict[str, str]], count: int) -> float:
    """Seconds for `count` requests, eight at a time."""
    todo = iter(range(count))
    async with httpx.AsyncClient(base_url=url) as client:

        async def worker() -> None:
            for _ in todo:
                (await client.post(path, json={"name": "x" * 200}, headers=headers())).raise_for_status()

        since = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
        return time.perf_counter() - since


async def measure(postgres_url: str, folder: Path, count: int) -> dict[str, float]:
    database = ScratchDatabase(postgres_url)
    await database.create()
    url = await database.provision_kit("bench")
    pool = await asyncpg.create_pool(url, min_size=AT_ONCE, max_size=AT_ONCE)
    await pool.execute("CREATE TABLE floor_fact (id uuid PRIMARY KEY, data jsonb)")
    (folder / "jwt").write_text(SECRET)
    settings = ServiceSettings(
        database_url=SecretStr(url), kafka_bootstrap="unused:1", port=0, jwt_secret_file=folder / "jwt"
    )
    engine = open_engine(url, application="bench")
    ours = create_app(Service("bench", settings, [router]), Platform("bench", settings, engine, SystemClock()))
    signed = {"authorization": "Bearer " + make_token(SECRET, subject="bench", roles=[Role.CLERK])}
    async with served(floor(pool)) as bare, served(ours) as kit:
        seconds = await in_turns(
            {
                "floor": lambda n: post_all(bare, "/floor", dict, n),
                "write": lambda n: post_all(kit, "/write", lambda: signed, n),
                "fact": lambda n: post_all(kit, "/fact", lambda: signed, n),
                "keyed": lambda n: post_all(kit, "/fact", lambda: signed | {"idempotency-key": str(uuid4())}, n),
            },
            count,
        )
    await pool.close()
    await engine.dispose()
    await database.drop()
    return {name: count / best for name, best in seconds.items()}


async def in_turns(candidates: dict[str, Callable[[int], Any]], count: int) -> dict[str, float]:
    """The best of some runs of each, one after another, so that all meet the same moods of the machine."""
    for candidate in candidates.values():
        await candidate(count // 10)
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(RUNS):
        for name, candidate in candidates.items():
            best[name] = min(best[name], await candidate(count))
    return best


@contextmanager
def safe_postgres(folder: Path) -> Iterator[str]:
    server = EmbeddedPostgres(
        data=folder / "data", port=free_port(), password=secrets.token_hex(8), log=folder / "postgres.log"
    )
    process = start(server)
    try:
        yield server.url
    finally:
        stop(process)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, open(os.devnull, "w") as nowhere:
        # The log is written as in production, to a file that costs nothing.
        sys.stderr, stderr = nowhere, sys.stderr
        telemetry.configure_logging("bench")
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        try:
            with safe_postgres(Path(name)) as postgres_url:
                found = uvloop.run(measure(postgres_url, Path(name), count))
        finally:
            sys.stderr = stderr
            structlog.reset_defaults()
    ratios = {name: found[name] / found["floor"] for name in ("write", "fact", "keyed")}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"requests": count, "per_s": found, "ratio": ratios}) + "\n")
    said = ", ".join(f"{name} {found[name]:,.0f}/s ({ratio:.2f})" for name, ratio in ratios.items())
    print(f"http: floor {found['floor']:,.0f}/s, {said}; aim 0.70 for a fact")  # noqa: T201


if __name__ == "__main__":
    main()
