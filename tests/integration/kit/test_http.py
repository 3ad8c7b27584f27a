"""Reads and writes over HTTP on real PostgreSQL: one transaction each, answered once it is committed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
import structlog
from fastapi import APIRouter, Depends, File, Request, Response, UploadFile
from pydantic import BaseModel, SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import open_engine, transaction
from shared.kit.errors import Conflict, NotFound, VersionConflict
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import ServiceSettings
from shared.kit.web import http
from shared.kit.web.http import MB, Answer, By, Paging, Write, create_app, page, paging, reading, reply, writing
from shared.kit.web.security import Role, make_token, require
from tests.support.clock import MovableClock
from tests.support.postgres import ScratchDatabase
from tests.support.waiting import eventually

SECRET = "jwt secret for tests, long enough to be one"
METRICS_TOKEN = "metrics token for tests, long enough too"
TABLE = text("CREATE TABLE project (id uuid PRIMARY KEY, name text, version bigint, at timestamptz)")


class NewProject(BaseModel):
    name: str


class NameTaken(Conflict):
    pass


@dataclass
class Gate:
    """Lets a test hold a write in the middle of its transaction."""

    held: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    runs: int = 0


router = APIRouter()
INSERT = text("INSERT INTO project VALUES (:id, :name, 1, :at)")
LOCK = text("SELECT version FROM project WHERE id = :id FOR UPDATE")
RENAME = text("UPDATE project SET name = :name, version = version + 1 WHERE id = :id")


@router.post("/v1/projects", status_code=201)
async def record(
    body: NewProject, request: Request, write: Annotated[Write, Depends(writing(Role.CLERK, Role.SERVICE))]
) -> Response:
    gate: Gate | None = request.app.state.gate

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project_id = uuid4()
        await conn.execute(INSERT, {"id": project_id, "name": body.name, "at": by.now})
        if gate is not None:
            gate.runs += 1
            gate.held.set()
            await gate.opened.wait()
        if body.name == "taken":
            raise NameTaken("已有同名项目")
        answer = {"id": project_id, "by": by.actor, "trace": by.traceparent}
        return Answer(answer, status=201, version=1, location=f"/v1/projects/{project_id}")

    return await write(work)


@router.put("/v1/projects/{project_id}")
async def rename(project_id: UUID, body: NewProject, write: Annotated[Write, Depends(writing(Role.CLERK))]) -> Response:
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        version = (await conn.execute(LOCK, {"id": project_id})).scalar_one()
        if version != expected:
            raise VersionConflict(project_id, expected=expected, actual=version)
        await conn.execute(RENAME, {"id": project_id, "name": body.name})
        return Answer({"name": body.name}, version=version + 1)

    return await write(work)


@dataclass
class Meeting:
    """Lets two writes each lock their first row before either goes on to its second."""

    both: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))
    attempts: int = 0


@router.post("/v1/projects:pair")
async def pair(body: list[UUID], request: Request, write: Annotated[Write, Depends(writing(Role.CLERK))]) -> Response:
    meeting: Meeting = request.app.state.meeting

    async def work(conn: AsyncConnection, by: By) -> Answer:
        meeting.attempts += 1
        first = meeting.attempts <= 2
        await conn.execute(RENAME, {"id": body[0], "name": "paired"})
        if first:
            await meeting.both.wait()
        await conn.execute(RENAME, {"id": body[1], "name": "paired"})
        return Answer({})

    return await write(work)


@router.post("/v1/imports", max_body_size=20 * MB)
async def take_file(
    file: Annotated[UploadFile, File()], write: Annotated[Write, Depends(writing(Role.CLERK))]
) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        content = await file.read()
        await conn.execute(INSERT, {"id": uuid4(), "name": file.filename, "at": by.now})
        return Answer({"bytes": len(content)})

    return await write(work)


@router.get("/v1/projects/{project_id}")
async def show(
    project_id: UUID, request: Request, conn: Annotated[AsyncConnection, Depends(reading(Role.CLERK))]
) -> Response:
    row = (await conn.execute(text("SELECT * FROM project WHERE id = :id"), {"id": project_id})).one_or_none()
    if row is None:
        raise NotFound("没有该项目", id=str(project_id))
    return reply(Answer({"name": row.name}, version=row.version), request)


PAGE = text("""
    SELECT name, id FROM project
    WHERE CAST(:id AS uuid) IS NULL OR (name, id) > (:name, CAST(:id AS uuid)) ORDER BY name, id LIMIT :limit
""")


@router.get("/v1/projects")
async def listed(
    asked: Annotated[Paging, Depends(paging)], conn: Annotated[AsyncConnection, Depends(reading())]
) -> Response:
    name, last = asked.start(tuple[str, UUID]) or ("", None)
    rows = (await conn.execute(PAGE, {"name": name, "id": last, "limit": asked.limit})).all()
    next_after = (rows[-1].name, rows[-1].id) if len(rows) == asked.limit else None
    return reply(Answer(page([{"name": row.name} for row in rows], next_after)))


@router.get("/v1/meddling")
async def meddle(conn: Annotated[AsyncConnection, Depends(reading())]) -> None:
    await conn.execute(INSERT, {"id": uuid4(), "name": "x", "at": datetime.now(UTC)})


def bearer(*roles: Role, subject: str = "u1", **more: Any) -> dict[str, str]:
    return {"authorization": "Bearer " + make_token(SECRET, subject=subject, name="王科员", roles=roles, **more)}


CLERK = bearer(Role.CLERK)


@pytest_asyncio.fixture
async def platform(database: ScratchDatabase, clock: MovableClock, tmp_path: Path) -> AsyncIterator[Platform]:
    url = await database.provision_kit("intake")
    for name, secret in (("jwt", SECRET), ("metrics", METRICS_TOKEN)):
        (tmp_path / name).write_text(secret)
    settings = ServiceSettings(
        env="test",
        database_url=SecretStr(url),
        kafka_bootstrap="unused:9092",
        port=0,
        jwt_secret_file=tmp_path / "jwt",
        metrics_token_file=tmp_path / "metrics",
    )
    engine = open_engine(url, application="test", pool_size=4)
    async with transaction(engine) as conn:
        await conn.execute(TABLE)
    yield Platform("intake", settings, engine, clock)
    await engine.dispose()


Clients = Callable[..., httpx.AsyncClient]


@pytest_asyncio.fixture
async def clients(platform: Platform) -> AsyncIterator[Clients]:
    opened: list[httpx.AsyncClient] = []

    def open_client(*, address: str = "127.0.0.1", of: Platform = platform, **checks: http.Check) -> httpx.AsyncClient:
        app = create_app(Service("intake", of.settings, [router]), of, checks=checks)
        app.state.gate = None
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://intake", headers=CLERK))
        return opened[-1]

    with structlog.testing.capture_logs():
        yield open_client
    for client in opened:
        await client.aclose()


@pytest.fixture
def client(clients: Clients) -> httpx.AsyncClient:
    return clients()


@pytest.fixture
def gate(client: httpx.AsyncClient) -> Gate:
    gate = Gate()
    client._transport.app.state.gate = gate  # type: ignore[attr-defined]
    return gate


async def names(platform: Platform) -> list[str]:
    async with transaction(platform.engine) as conn:
        return list((await conn.execute(text("SELECT name FROM project ORDER BY name"))).scalars())


async def keys(platform: Platform) -> int:
    async with transaction(platform.engine) as conn:
        return int((await conn.execute(text("SELECT count(*) FROM idempotency_key"))).scalar_one())


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["type"].removeprefix("urn:liandu:problem:")


def code_or_none(response: httpx.Response) -> tuple[int, str] | None:
    return None if response.is_success else code(response)


def raw(response: httpx.Response) -> tuple[int, bytes, str, str, str]:
    headers = response.headers
    return response.status_code, response.content, headers["etag"], headers["location"], headers["content-type"]


async def test_a_write_is_committed_and_answered_with_version_and_place(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    response = await client.post("/v1/projects", json={"name": "氢能"})
    assert response.status_code == 201
    assert response.headers["etag"] == '"1"'
    assert response.headers["location"] == f"/v1/projects/{response.json()['id']}"
    assert response.json()["by"] == "王科员 <u1>"
    assert await names(platform) == ["氢能"]
    assert await keys(platform) == 0


async def test_nothing_is_answered_before_the_commit(client: httpx.AsyncClient, platform: Platform, gate: Gate) -> None:
    response = asyncio.create_task(client.post("/v1/projects", json={"name": "氢能"}))
    await gate.held.wait()
    assert not response.done()
    assert await names(platform) == []
    gate.opened.set()
    assert (await response).status_code == 201
    assert await names(platform) == ["氢能"]


async def test_a_refused_write_leaves_nothing(client: httpx.AsyncClient, platform: Platform) -> None:
    response = await client.post("/v1/projects", json={"name": "taken"}, headers={"Idempotency-Key": "k"})
    assert code(response) == (409, "name-taken")
    assert await names(platform) == []
    assert await keys(platform) == 0
    assert (await client.post("/v1/projects", json={"name": "free"}, headers={"Idempotency-Key": "k"})).is_success


async def test_an_answer_that_cannot_be_written_as_json_leaves_nothing(
    client: httpx.AsyncClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> bytes:
        raise TypeError("not JSON")

    monkeypatch.setattr(http, "to_json", fail)
    assert code(await client.post("/v1/projects", json={"name": "x"})) == (500, "internal-error")
    assert await names(platform) == []


async def test_a_repeated_request_gets_the_first_answer_byte_for_byte(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    headers = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    first = await client.post("/v1/projects", json={"name": "氢能"}, headers=headers)
    second = await client.post("/v1/projects", json={"name": "氢能"}, headers=headers)
    assert raw(first) == raw(second)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert await names(platform) == ["氢能"]


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("POST", "/v1/projects", {"name": "储能"}),
        ("POST", "/v1/projects?dry=1", {"name": "氢能"}),
        ("PUT", f"/v1/projects/{UUID(int=1)}", {"name": "氢能"}),
    ],
)
async def test_a_key_used_for_another_request_is_refused(
    method: str, address: str, body: object, client: httpx.AsyncClient, platform: Platform
) -> None:
    headers = {"Idempotency-Key": "k", "If-Match": '"1"'}
    assert (await client.post("/v1/projects", json={"name": "氢能"}, headers=headers)).status_code == 201
    assert code(await client.request(method, address, json=body, headers=headers)) == (422, "idempotency-key-reused")
    assert await names(platform) == ["氢能"]


async def test_two_callers_with_the_same_key_do_not_meet(client: httpx.AsyncClient, platform: Platform) -> None:
    for subject in ("u1", "u2"):
        headers = {"Idempotency-Key": "k"} | bearer(Role.CLERK, subject=subject)
        response = await client.post("/v1/projects", json={"name": subject}, headers=headers)
        assert response.status_code == 201
    assert await names(platform) == ["u1", "u2"]


async def test_a_twin_waits_for_the_first_and_gets_its_answer(
    client: httpx.AsyncClient, platform: Platform, gate: Gate
) -> None:
    def post() -> Awaitable[httpx.Response]:
        return client.post("/v1/projects", json={"name": "氢能"}, headers={"Idempotency-Key": "k"})

    twins = [asyncio.ensure_future(post())]
    await gate.held.wait()
    twins += [asyncio.ensure_future(post()) for _ in range(2)]
    await eventually(waiting(platform, 2))
    gate.opened.set()
    first, *others = await asyncio.gather(*twins)
    assert [raw(twin) for twin in others] == [raw(first)] * 2
    assert gate.runs == 1
    assert await names(platform) == ["氢能"]


async def test_a_twin_of_a_failed_request_takes_its_place(
    client: httpx.AsyncClient, platform: Platform, gate: Gate
) -> None:
    def post() -> Awaitable[httpx.Response]:
        return client.post("/v1/projects", json={"name": "taken"}, headers={"Idempotency-Key": "k"})

    first = asyncio.ensure_future(post())
    await gate.held.wait()
    second = asyncio.ensure_future(post())
    await eventually(waiting(platform, 1))
    gate.opened.set()
    assert [code(twin) for twin in await asyncio.gather(first, second)] == [(409, "name-taken")] * 2
    assert gate.runs == 2


WAITING = text("""
    SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
""")


def waiting(platform: Platform, count: int) -> Callable[[], Awaitable[bool]]:
    async def are_waiting() -> bool:
        async with transaction(platform.engine) as conn:
            return bool((await conn.execute(WAITING)).scalar_one() == count)

    return are_waiting


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "ключ".encode(), b"a\tb"])
async def test_a_malformed_key_is_refused(key: Any, client: httpx.AsyncClient, platform: Platform) -> None:
    response = await client.post("/v1/projects", json={"name": "x"}, headers={"Idempotency-Key": key})
    assert code(response) == (400, "malformed-idempotency-key")
    assert await names(platform) == []


async def test_an_upload_is_recognised_whatever_the_boundary_between_its_parts(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    def upload(content: bytes, name: str = "list.xlsx") -> Awaitable[httpx.Response]:
        return client.post("/v1/imports", files={"file": (name, content)}, headers={"Idempotency-Key": "k"})

    sheet = b"PK" * (2 * MB)
    first, second = await upload(sheet), await upload(sheet)
    assert first.json() == second.json() == {"bytes": len(sheet)}
    assert second.headers["idempotency-replayed"] == "true"
    assert code(await upload(sheet + b"x")) == (422, "idempotency-key-reused")
    assert code(await upload(sheet, "other.xlsx")) == (422, "idempotency-key-reused")
    assert await names(platform) == ["list.xlsx"]


async def test_keys_are_forgotten_after_a_day(client: httpx.AsyncClient, platform: Platform) -> None:
    for key in ("old", "new"):
        await client.post("/v1/projects", json={"name": key}, headers={"Idempotency-Key": key})
    async with transaction(platform.engine) as conn:
        long_ago = {"at": datetime.now(UTC) - timedelta(hours=25)}
        await conn.execute(text("UPDATE idempotency_key SET at = :at WHERE key = 'old'"), long_ago)
    pruning = asyncio.create_task(http.prune_idempotency_keys(platform))

    async def one_is_left() -> bool:
        return await keys(platform) == 1

    await eventually(one_is_left)
    pruning.cancel()


async def test_of_two_writers_with_one_etag_only_one_gets_through(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    place = (await client.post("/v1/projects", json={"name": "氢能"})).headers["location"]
    answers = await asyncio.gather(
        *(client.put(place, json={"name": name}, headers={"If-Match": '"1"'}) for name in ("甲", "乙"))
    )
    winner, loser = sorted(answers, key=lambda answer: answer.status_code)
    assert winner.headers["etag"] == '"2"'
    assert code(loser) == (412, "version-conflict")
    assert (loser.json()["expected"], loser.json()["actual"]) == (1, 2)
    assert await names(platform) == [winner.json()["name"]]


@pytest.mark.parametrize(
    ("sent", "status", "problem"),
    [
        (None, 428, "version-required"),
        ("*", 428, "version-required"),
        ('W/"1"', 400, "malformed-if-match"),
        ("1", 400, "malformed-if-match"),
        ('"1", "2"', 400, "malformed-if-match"),
        ('"-1"', 400, "malformed-if-match"),
        ('"1"x', 400, "malformed-if-match"),
        ('"' + "9" * 30 + '"', 400, "malformed-if-match"),
    ],
)
async def test_an_update_needs_one_strong_version(
    sent: str | None, status: int, problem: str, client: httpx.AsyncClient
) -> None:
    place = (await client.post("/v1/projects", json={"name": "氢能"})).headers["location"]
    headers = {} if sent is None else {"If-Match": sent}
    assert code(await client.put(place, json={"name": "甲"}, headers=headers)) == (status, problem)


@pytest.mark.parametrize(
    ("sent", "status"), [('"1"', 304), ('W/"1"', 304), ('"0", "1"', 304), ("*", 304), ('"2"', 200), ("1", 200)]
)
async def test_a_version_the_reader_has_is_not_sent_again(sent: str, status: int, client: httpx.AsyncClient) -> None:
    place = (await client.post("/v1/projects", json={"name": "氢能"})).headers["location"]
    response = await client.get(place, headers={"If-None-Match": sent})
    assert response.status_code == status
    assert response.headers["etag"] == '"1"'
    assert bool(response.content) == (status == 200)


async def test_of_two_that_wait_for_each_other_both_get_through(client: httpx.AsyncClient, platform: Platform) -> None:
    ids = [(await client.post("/v1/projects", json={"name": name})).json()["id"] for name in "ab"]
    meeting = Meeting()
    client._transport.app.state.meeting = meeting  # type: ignore[attr-defined]
    answers = await asyncio.gather(*(client.post("/v1/projects:pair", json=pair) for pair in (ids, ids[::-1])))
    async with transaction(platform.engine) as conn:
        versions = (await conn.execute(text("SELECT version FROM project"))).scalars().all()

    assert [answer.status_code for answer in answers] == [200, 200]
    assert meeting.attempts >= 3  # whoever lost may be faster than the winner, and meet it again
    assert versions == [3, 3]


async def test_writers_that_wait_leave_readers_a_connection(clients: Clients, platform: Platform) -> None:
    few = replace(platform, settings=platform.settings.model_copy(update={"database_pool": 4}))
    client, gate = clients(of=few), Gate()
    client._transport.app.state.gate = gate  # type: ignore[attr-defined]
    writes = [asyncio.create_task(client.post("/v1/projects", json={"name": f"{n}"})) for n in range(8)]
    await eventually(lambda: gate.runs == 3)
    read = await client.get(f"/v1/projects/{UUID(int=1)}")
    assert not any(write.done() for write in writes)
    gate.opened.set()

    assert read.status_code == 404
    assert [answer.status_code for answer in await asyncio.gather(*writes)] == [201] * 8


async def test_reading_cannot_write(client: httpx.AsyncClient, platform: Platform) -> None:
    assert code(await client.get("/v1/meddling")) == (503, "unavailable")
    assert await names(platform) == []
    assert (await client.post("/v1/projects", json={"name": "after"})).status_code == 201


async def test_a_reader_gives_its_connection_back_before_the_answer_is_sent(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    place = (await client.post("/v1/projects", json={"name": "氢能"})).headers["location"]
    app = client._transport.app  # type: ignore[attr-defined]
    held: list[int] = []

    async def slow_client(message: Any) -> None:
        held.append(platform.engine.pool.checkedout())  # type: ignore[attr-defined]

    scope = {
        "type": "http",
        "method": "GET",
        "path": place,
        "query_string": b"",
        "headers": [(b"authorization", CLERK["authorization"].encode())],
    }
    await app(scope, None, slow_client)
    assert held == [0, 0]


async def test_a_missing_record_is_a_404_with_its_connection_given_back(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    for _ in range(10):  # more than the pool holds
        assert code(await client.get(f"/v1/projects/{UUID(int=9)}")) == (404, "not-found")
    assert platform.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_pages_go_through_the_whole_list_once(client: httpx.AsyncClient, platform: Platform) -> None:
    for name in "cabed":
        await client.post("/v1/projects", json={"name": name})
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        found = (await client.get("/v1/projects", params={"limit": "2"} | after)).json()
        seen += [item["name"] for item in found["items"]]
        if found["next_after"] is None:
            break
        after = {"after": found["next_after"]}
    assert seen == list("abcde")


@pytest.mark.parametrize(
    "after", ["x", "=", "链", http.cursor([1]), http.cursor(["a", "b"]), http.cursor([]), "eyJhIjoxfQ"]
)
async def test_a_cursor_that_is_none_of_this_list_is_refused(after: str, client: httpx.AsyncClient) -> None:
    assert code(await client.get("/v1/projects", params={"after": after})) == (400, "malformed-cursor")


@pytest.mark.parametrize("limit", ["0", "501", "many"])
async def test_a_page_of_another_size_is_refused(limit: str, client: httpx.AsyncClient) -> None:
    assert code(await client.get("/v1/projects", params={"limit": limit})) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("headers", "status", "challenge"),
    [
        ({"authorization": ""}, 401, 'Bearer realm="liandu"'),
        ({"authorization": "Basic dTpw"}, 401, 'Bearer realm="liandu"'),
        ({"authorization": "Bearer x.y.z"}, 401, "invalid_token"),
        (bearer(Role.CLERK, lifetime=timedelta(seconds=-1)), 401, "expired"),
        (bearer(Role.CHIEF), 403, None),
        (bearer(), 403, None),
    ],
)
async def test_callers_without_a_good_token_or_the_role_are_refused(
    headers: dict[str, str], status: int, challenge: str | None, client: httpx.AsyncClient, platform: Platform
) -> None:
    for response in (
        await client.post("/v1/projects", json={"name": "x"}, headers=headers),
        await client.get(f"/v1/projects/{UUID(int=1)}", headers=headers),
    ):
        assert code(response) == (status, "unauthenticated" if status == 401 else "forbidden")
        assert (challenge or "") in response.headers.get("www-authenticate", "")
    assert await names(platform) == []


async def test_facts_are_written_in_the_trace_of_their_request(client: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "x-request-id": "abc-1"}
    response = await client.post("/v1/projects", json={"name": "x"}, headers=headers)
    assert response.json()["trace"] == response.headers["traceparent"]
    assert response.headers["traceparent"][3:35] == trace
    assert response.headers["x-request-id"] == "abc-1"
    forged = await client.get("/healthz", headers={"x-request-id": "a b;c"})
    assert forged.headers["x-request-id"] == forged.headers["traceparent"][3:35]


async def test_each_request_is_one_line_in_the_log_without_its_secrets(client: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as lines:
        await client.get(f"/v1/projects/{UUID(int=1)}?token=abc")
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/projects/{project_id}", 404)
    assert (line["subject"], line["path"]) == ("u1", f"/v1/projects/{UUID(int=1)}")
    assert "abc" not in str(lines)


async def test_health_needs_nobody_and_nothing(client: httpx.AsyncClient, platform: Platform) -> None:
    await platform.engine.dispose()
    assert (await client.get("/healthz", headers={"authorization": ""})).json() == {"status": "ok"}


async def test_readiness_names_what_is_missing(clients: Clients, platform: Platform) -> None:
    async def fine() -> None:
        return None

    async def waiting() -> str:
        return "the schema is behind"

    async def broken() -> str:
        raise ConnectionRefusedError("postgresql://liandu:hunter2@127.0.0.1")

    ready = await clients(broker=fine).get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "checks": {"database": "ok", "broker": "ok"}})
    response = await clients(schema=waiting, broker=broken).get("/readyz")
    assert response.status_code == 503
    assert not response.json()["ready"]
    assert response.json()["checks"]["schema"] == "the schema is behind"
    assert response.json()["checks"]["broker"].startswith("ConnectionRefusedError")
    assert "hunter2" not in response.text


async def test_a_database_that_is_gone_is_answered_with_try_again(platform: Platform, clients: Clients) -> None:
    nowhere = open_engine("postgresql://u:p@127.0.0.1:1/none", application="test")
    client = clients(of=replace(platform, engine=nowhere))
    assert code(await client.post("/v1/projects", json={"name": "x"})) == (503, "unavailable")
    assert code(await client.get("/v1/projects")) == (503, "unavailable")
    assert (await client.get("/readyz")).status_code == 503


async def test_a_database_that_was_restarted_is_found_again(
    client: httpx.AsyncClient, platform: Platform, database: ScratchDatabase
) -> None:
    await asyncio.gather(*(client.post("/v1/projects", json={"name": "before"}) for _ in range(4)))
    admin = await asyncpg.connect(database.admin_url)
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'")
    await admin.close()
    while code_or_none(response := await client.post("/v1/projects", json={"name": "after"})):
        assert code(response) == (503, "unavailable")
    assert response.status_code == 201
    assert await names(platform) == ["after"] + ["before"] * 4


async def test_metrics_are_for_this_machine_and_for_scrapers_with_the_token(clients: Clients) -> None:
    assert (await clients().get("/metrics", headers={"authorization": ""})).status_code == 200
    outside = clients(address="10.1.2.3")
    assert code(await outside.get("/metrics")) == (401, "unauthenticated")
    found = await outside.get("/metrics", headers={"authorization": f"Bearer {METRICS_TOKEN}"})
    assert 'liandu_http_requests_total{method="GET",route="/metrics",status="200"}' in found.text


async def test_the_openapi_document_tells_roles_headers_and_problems(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json", headers={"authorization": ""})).json()
    create = document["paths"]["/v1/projects"]["post"]
    assert create["security"] == [{"bearer": ["clerk", "service"]}]
    assert {parameter["name"] for parameter in create["parameters"]} == {"Idempotency-Key", "If-Match"}
    assert "application/problem+json" in create["responses"]["default"]["content"]
    assert document["paths"]["/v1/projects/{project_id}"]["get"]["security"] == [{"bearer": ["clerk"]}]
    assert (await client.get("/docs")).status_code == 200


async def test_what_a_router_demands_holds_for_its_routes_and_those_it_includes(platform: Platform) -> None:
    inner, outer = APIRouter(), APIRouter(prefix="/v1/kept", dependencies=[Depends(require(Role.OPERATOR))])

    async def answer() -> str:
        return "let in"

    inner.add_api_route("/inner", answer)
    outer.add_api_route("/outer", answer)
    outer.include_router(inner)
    app = create_app(Service("intake", platform.settings, [outer]), platform)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://intake") as client:
        for path in ("/v1/kept/outer", "/v1/kept/inner"):
            assert code(await client.get(path)) == (401, "unauthenticated")
            assert code(await client.get(path, headers=CLERK)) == (403, "forbidden")
            assert (await client.get(path, headers=bearer(Role.OPERATOR))).json() == "let in"


def test_a_refusal_cannot_be_an_answer() -> None:
    with pytest.raises(ValueError, match="DomainError"):
        Answer({}, status=409)
