"""The HTTP frame of every service: application factory, reads and writes, problem details, pages, ETags.

A write is one transaction that holds the fact, its events and the answer kept under the Idempotency-Key; it is
committed before the answer leaves. Routes say what they do in terms of these:

    @router.post("/v1/projects", status_code=201)
    async def record_project(body: NewProject, write: Annotated[Write, Depends(writing(Role.CLERK))]) -> Response:
        async def work(conn: AsyncConnection, by: By) -> Answer:
            project = await handlers.record_project(body, conn=conn, by=by)
            return Answer(project, status=201, version=1, location=f"/v1/projects/{project.id}")

        return await write(work)

    @router.get("/v1/projects/{project_id}")
    async def show_project(project_id: UUID, request: Request, conn: Annotated[AsyncConnection, Depends(reading())]):
        project = await queries.project(project_id, conn=conn)
        return reply(Answer(project, version=project.version), request)

Bodies are limited to 1 MB; a route that takes more says so: `@router.post(..., max_body_size=20 * MB)`.
"""

import asyncio
import base64
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Annotated, Any, TypeVar, cast

import orjson
from fastapi import APIRouter, FastAPI, Query, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from starlette.datastructures import FormData, UploadFile

from shared.kit import telemetry
from shared.kit.clock import SystemClock
from shared.kit.database import fetch, transaction
from shared.kit.log.eventlog import CreatedMeanwhile
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import read_secrets
from shared.kit.web import openapi, problems
from shared.kit.web.asgi import App
from shared.kit.web.problems import HttpProblem
from shared.kit.web.security import Authenticator, Principal, Role, Unauthenticated, require

MB = 1 << 20
KEYS_KEPT = timedelta(hours=24)
_JSON = "application/json"
_REAL = SystemClock()
_CHECK_SECONDS = 2
_TURN_SECONDS = 30
_RACES = 3
"""How often a write that lost a race is tried again before one more loss is the caller's."""
_BEYOND_BIGINT = 1 << 63
_Shape = TypeVar("_Shape")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write comes to. `body` is JSON-able (a pydantic model, a dict); `version` becomes the ETag.

    Refusals are raised, never answered: a write that answers is committed.
    """

    body: Any
    status: int = 200
    version: int | None = None
    location: str | None = None

    def __post_init__(self) -> None:
        if self.status >= 400:
            raise ValueError(f"an Answer cannot be a {self.status}: raise a DomainError, so that nothing is written")


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, when, in which trace: handed to handlers, written with each fact."""

    principal: Principal
    now: datetime
    traceparent: str | None

    @property
    def actor(self) -> str:
        """As the history shows it: `name <subject>`."""
        return f"{self.principal.name} <{self.principal.subject}>"


Work = Callable[[AsyncConnection, By], Awaitable[Answer]]


class Write:
    """One writing request. Calling it runs `work` in one transaction and gives the response.

    With an Idempotency-Key the first answer is kept and given again (same status, body and ETag) to the same request;
    another body under the same key is a 422 problem; a second one while the first runs waits for it. Refused requests
    are not kept. Keys are the caller's own: two principals never meet in one.

    `work` runs again where its transaction lost a deadlock, or a race to create an aggregate. Writers take at
    most three quarters of the connections that requests share, so that a lock many wait for leaves readers theirs.
    """

    def __init__(self, request: Request, principal: Principal) -> None:
        self._request = request
        self._platform: Platform = request.app.state.platform
        self._key = _idempotency_key(request)
        self.by: Principal = principal
        self.expected_version: int | None = _expected_version(request)
        """From If-Match; None when the caller sent none (or `*`). Malformed: a 400 problem."""

    async def __call__(self, work: Work, *, fingerprint: bytes | None = None) -> Response:
        """`fingerprint`: for a route that read the request's stream itself, a digest of what it read."""
        by = By(self.by, self._platform.clock.now(), telemetry.current_traceparent())
        kept = None if self._key is None else await _request_digest(self._request, fingerprint)
        writers: asyncio.Semaphore = self._request.app.state.writers
        await (_turn(writers) if writers.locked() else writers.acquire())
        try:
            for _ in range(_RACES):
                try:
                    return await self._transact(work, by, kept)
                except (DBAPIError, CreatedMeanwhile) as error:
                    if not _lost_a_race(error):
                        raise
            return await self._transact(work, by, kept)
        finally:
            writers.release()

    def require_version(self) -> int:
        """The version of If-Match; a 428 problem when there is none (updates need one)."""
        if self.expected_version is None:
            raise HttpProblem(428, "version-required", '修改时须用 If-Match 带上所读的版本，如 If-Match: "7"')
        return self.expected_version

    async def _transact(self, work: Work, by: By, digest: bytes | None) -> Response:
        async with transaction(self._platform.engine) as conn:
            if digest is None:
                return reply(await work(conn, by))
            mine = (by.principal.subject, self._key)
            if not await fetch(conn, _CLAIM, *mine, digest, _REAL.now()):
                return await _replay(conn, mine, digest)
            response = reply(await work(conn, by))
            await fetch(conn, _KEEP, *mine, *_kept(response))
            return response


async def _turn(writers: asyncio.Semaphore) -> None:
    """Wait for a writer's turn; a 503 problem where none comes in half a minute."""
    try:
        async with asyncio.timeout(_TURN_SECONDS):
            await writers.acquire()
    except TimeoutError:
        raise HttpProblem(503, "busy", "系统繁忙，请稍后重试", headers={"Retry-After": "1"}) from None


def _lost_a_race(error: Exception) -> bool:
    return isinstance(error, CreatedMeanwhile) or getattr(getattr(error, "orig", None), "sqlstate", None) == "40P01"


def writing(*roles: Role) -> Callable[[Request], Awaitable[Write]]:
    """A dependency: a `Write` for a caller with one of these roles."""
    caller = require(*roles)

    async def write(request: Request) -> Write:
        return Write(request, await caller(request))

    write.__dict__.update(roles=frozenset(roles), writes=True)
    return write


def reading(*roles: Role) -> Callable[[Request], Awaitable[AsyncConnection]]:
    """A dependency: a connection for reading, in a read-only transaction, for a caller with one of these roles.

    It goes back to the pool when the route returns, before the answer is sent: a slow client holds no connection.
    """
    caller = require(*roles)

    async def read(request: Request) -> AsyncConnection:
        await caller(request)
        return await open_reading(request)

    read.__dict__["roles"] = frozenset(roles)
    return read


async def open_reading(request: Request) -> AsyncConnection:
    """A connection as `reading` gives it, for a route that lets its caller in by other means (a signed link)."""
    platform: Platform = request.app.state.platform
    # FastAPI unwinds this stack between the route's return and the sending of its answer.
    stack = request.scope["fastapi_function_astack"]
    conn = await stack.enter_async_context(platform.engine.connect())
    await conn.execution_options(postgresql_readonly=True)
    return cast(AsyncConnection, conn)


def reply(answer: Answer, request: Request | None = None) -> Response:
    """The response of an answer. With the request of a GET: 304 when the caller has this version already."""
    headers = {} if answer.location is None else {"location": answer.location}
    if answer.version is not None:
        headers["etag"] = f'"{answer.version}"'
        if request is not None and _has_already(request, headers["etag"]):
            return Response(None, 304, headers)
    if answer.status == 204:
        return Response(None, 204, headers)
    return Response(to_json(answer.body), answer.status, headers, _JSON)


def to_json(body: object) -> bytes:
    """JSON as every answer has it; numbers of type Decimal as text, sets as lists."""
    if isinstance(body, BaseModel):
        return body.__pydantic_serializer__.to_json(body)
    return orjson.dumps(body, default=_json_able)


def _json_able(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


_ETAG = re.compile(r'(W/)?"(\d{1,18})"')


def _expected_version(request: Request) -> int | None:
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None or match[1]:
        raise HttpProblem(400, "malformed-if-match", 'If-Match 须为一个强版本号，如 "7"')
    return int(match[2])


def _has_already(request: Request, etag: str) -> bool:
    sent = request.headers.get("if-none-match")
    if sent is None:
        return False
    return sent.strip() == "*" or any(tag.strip().removeprefix("W/") == etag for tag in sent.split(","))


_LONGEST_KEY = 255
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise HttpProblem(400, "malformed-idempotency-key", f"Idempotency-Key 须为 1 至 {_LONGEST_KEY} 个可见字符")
    return key


# The claim of a twin waits here until the first transaction ends: after a commit it finds the row, after a rollback
# it takes the key itself. The row of a claim is filled in before the commit, so nobody ever reads it half made.
_CLAIM = """
    INSERT INTO idempotency_key (principal, key, request_hash, status, headers, body, at)
    VALUES ($1, $2, $3, 0, '{}', '', $4) ON CONFLICT DO NOTHING RETURNING 1
"""
_KEEP = """
    UPDATE idempotency_key SET status = $3, headers = $4, body = $5 WHERE principal = $1 AND key = $2
"""
_KEPT = "SELECT request_hash, status, headers, body FROM idempotency_key WHERE principal = $1 AND key = $2"
_PRUNE = text("DELETE FROM idempotency_key WHERE at < :before")


async def _request_digest(request: Request, fingerprint: bytes | None) -> bytes:
    digest = hashlib.sha256()
    target = f"{request.method} {request.url.path}?{request.url.query}\n{request.headers.get('if-match', '')}\n"
    digest.update(target.encode())
    if fingerprint is not None:
        digest.update(fingerprint)
    elif isinstance(form := getattr(request, "_form", None), FormData):
        await _digest_form(form, digest)  # not its bytes: the boundary between parts differs each time
    else:
        digest.update(await request.body())
    return digest.digest()


async def _digest_form(form: FormData, digest: "hashlib._Hash") -> None:
    for name, value in form.multi_items():
        digest.update(orjson.dumps([name, value if isinstance(value, str) else value.filename]))
        if isinstance(value, UploadFile):
            await value.seek(0)
            while chunk := await value.read(MB):
                digest.update(chunk)
            await value.seek(0)


def _kept(response: Response) -> tuple[int, str, bytes]:
    """Status, headers as JSON, and body."""
    headers = {
        name: response.headers[name] for name in ("content-type", "etag", "location") if name in response.headers
    }
    return response.status_code, orjson.dumps(headers).decode(), bytes(response.body)


async def _replay(conn: AsyncConnection, mine: Sequence[object], digest: bytes) -> Response:
    found = await fetch(conn, _KEPT, *mine)
    if not found:
        raise HttpProblem(503, "busy", "系统繁忙，请稍后重试", headers={"Retry-After": "1"})
    (kept,) = found
    if kept["request_hash"] != digest:
        raise HttpProblem(422, "idempotency-key-reused", "该 Idempotency-Key 已用于另一个请求，请换一个")
    return Response(kept["body"], kept["status"], {**kept["headers"], "Idempotency-Replayed": "true"})


async def prune_idempotency_keys(platform: Platform) -> None:
    """A loop: every ten minutes forget the answers older than a day (of real time, like the retries they serve)."""
    while True:
        async with transaction(platform.engine) as conn:
            await conn.execute(_PRUNE, {"before": _REAL.now() - KEYS_KEPT})
        await _REAL.sleep_until(None, at_most=600)


@dataclass(frozen=True, slots=True)
class Paging:
    """What a caller asks of a list: `Annotated[Paging, Depends(paging)]`."""

    limit: int
    after: str | None

    def start(self, shape: type[_Shape]) -> _Shape | None:
        """The key after which the page begins, e.g. `paging.start(tuple[datetime, UUID])`; None: at the beginning."""
        return None if self.after is None else read_cursor(self.after, shape)


async def paging(
    limit: Annotated[int, Query(ge=1, le=500)] = 50, after: Annotated[str | None, Query(max_length=1000)] = None
) -> Paging:
    return Paging(limit, after)


def page(items: Sequence[object], next_after: Sequence[object] | None) -> dict[str, object]:
    """A page's body: `{"items": […], "next_after": cursor or null}`; `next_after` is the key of the last item when
    there may be more (a full page), None at the end."""
    return {"items": items, "next_after": None if next_after is None else cursor(next_after)}


def cursor(key: Sequence[object]) -> str:
    """An opaque place in a list: base64url of the key as JSON."""
    return base64.urlsafe_b64encode(orjson.dumps(key, default=str)).rstrip(b"=").decode()


def read_cursor(after: str, shape: type[_Shape]) -> _Shape:
    """The key in a cursor. Raises a 400 problem when it is none of ours, or one of another list."""
    try:
        padded = after.encode("ascii") + b"=" * (-len(after) % 4)
        key: _Shape = _adapter(cast(Hashable, shape)).validate_json(base64.b64decode(padded, b"-_", validate=True))
        if isinstance(key, tuple) and any(isinstance(part, int) and abs(part) >= _BEYOND_BIGINT for part in key):
            raise ValueError("no key is that large")
        return key
    except ValueError:  # of the text, the base64, the shape
        raise HttpProblem(400, "malformed-cursor", "分页位置 after 无效，请从第一页重新开始") from None


@lru_cache(maxsize=64)
def _adapter(shape: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, shape))


Check = Callable[[], Awaitable[str | None]]
"""Says why the process is not ready, or None when this part of it is."""


def create_app(
    service: Service,
    platform: Platform,
    *,
    routers: Sequence[APIRouter] = (),
    checks: Mapping[str, Check] | None = None,
    authenticator: Authenticator | None = None,
) -> FastAPI:
    """The application of a service: its routers, the kit's, health, metrics, documentation.

    `checks` join the database's in /readyz. `authenticator`: as the settings say when left out.
    """
    app = App(title=f"Liandu {service.name}", version="v1", max_body_size=MB, redirect_slashes=False)
    app.state.platform = platform
    app.state.writers = asyncio.Semaphore(max(1, platform.settings.database_pool * 3 // 4))
    app.state.authenticator = authenticator or Authenticator.of(platform.settings)
    problems.install(app, service.statuses)
    all_checks: dict[str, Check] = {"database": partial(_database_answers, platform.engine), **(checks or {})}
    for router in (*service.routers, *routers, _health(platform, all_checks)):
        # Flat: the routes of an included router are matched twice, which costs a request more than its write does.
        app.router.routes.extend(router.routes)
    openapi.describe(app)
    return app


def _health(platform: Platform, checks: Mapping[str, Check]) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    token_file = platform.settings.metrics_token_file
    tokens = read_secrets(token_file) if token_file else ()

    @router.get("/healthz")
    async def healthz() -> Response:
        return Response(b'{"status":"ok"}', media_type=_JSON)

    @router.get("/readyz")
    async def readyz() -> Response:
        reasons = dict(zip(checks, await asyncio.gather(*map(_ask, checks.values())), strict=True))
        ready = not any(reasons.values())
        body = {"ready": ready, "checks": {name: reason or "ok" for name, reason in reasons.items()}}
        return Response(to_json(body), 200 if ready else 503, media_type=_JSON)

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        _admit_to_metrics(request, tokens)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _ask(check: Check) -> str | None:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS} s"
    except Exception as error:
        return telemetry.without_secrets(f"{type(error).__name__}: {error}")[:300]


async def _database_answers(engine: AsyncEngine) -> str | None:
    async with engine.connect() as conn:
        await conn.execute(text("SELECT 1"))
    return None


def _admit_to_metrics(request: Request, tokens: Sequence[str]) -> None:
    """A scraper on this machine, or one with a token of LIANDU_METRICS_TOKEN_FILE."""
    client = request.client.host if request.client else ""
    if client in ("127.0.0.1", "::1"):
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not any(hmac.compare_digest(token.encode(), known.encode()) for known in tokens):
        raise Unauthenticated("missing", "查看指标需要令牌")
