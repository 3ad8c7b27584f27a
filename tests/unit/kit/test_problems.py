"""Every refusal and failure reads as RFC 9457 problem details."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import structlog
from fastapi import APIRouter, File, HTTPException, Query, Request, UploadFile
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, IntegrityError

from shared.kit.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound, VersionConflict
from shared.kit.web import problems
from shared.kit.web.asgi import App
from shared.kit.web.http import MB
from shared.kit.web.links import LinkExpired, LinkForged
from shared.kit.web.problems import HttpProblem


class Stage(StrEnum):
    SIGNED = "signed"
    STARTED = "started"


class StageNotAllowed(Conflict):
    pass


class PaymentDue(DomainError):
    pass


class PaymentLongDue(PaymentDue):
    pass


class Milestone(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=5)]
    due_on: date
    amount_wan: Annotated[int, Field(ge=0)] = 0
    stage: Stage = Stage.SIGNED
    at: AwareDatetime | None = None


class Timetable(BaseModel):
    milestones: list[Milestone]


class DriverError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("DETAIL: Key (uscc)=(91370200MA3) already exists in liandu_intake.organisation")
        self.sqlstate = sqlstate


ERRORS: dict[str, Exception] = {
    "domain": DomainError("不行"),
    "not-found": NotFound("没有该项目", id="7"),
    "not-allowed": NotAllowed("您不在该岗位"),
    "invalid": Invalid("单位不明"),
    "conflict": Conflict("项目已终止"),
    "version": VersionConflict(UUID(int=1), expected=3, actual=4),
    "stage": StageNotAllowed("在谈项目不能直接开工", stage="negotiating", status="shadowed", at=datetime(2026, 1, 5)),  # noqa: DTZ001
    "payment": PaymentLongDue("逾期"),
    "link-forged": LinkForged(),
    "link-expired": LinkExpired(datetime(2026, 1, 5)),  # noqa: DTZ001
    "http": HTTPException(418),
    "own": HttpProblem(428, "version-required", "须带版本", headers={"X-Hint": "etag"}, given=None),
    "bug": RuntimeError("password=hunter2 in /etc/liandu"),
    "unique": IntegrityError("INSERT", {}, DriverError("23505")),
    "foreign": IntegrityError("INSERT", {}, DriverError("23503")),
    "check": IntegrityError("INSERT", {}, DriverError("23514")),
    "nul": DBAPIError("INSERT", {}, DriverError("22021")),
    "deadlock": DBAPIError("UPDATE", {}, DriverError("40P01")),
    "shutdown": DBAPIError("UPDATE", {}, DriverError("57P01")),
    "refused": ConnectionRefusedError("127.0.0.1:5432"),
    "slow": TimeoutError(),
    "no-route": OSError(113, "Connect call failed"),
}
router = APIRouter()


@router.get("/raise/{name}")
async def fail(name: str) -> None:
    raise ERRORS[name]


@router.post("/timetables")
async def take(timetable: Timetable, dry: Annotated[bool, Query()] = False) -> None:
    pass


@router.post("/files", max_body_size=2 * MB)
async def take_file(file: Annotated[UploadFile, File()]) -> int:
    return len(await file.read())


@router.post("/stream")
async def take_stream(request: Request) -> int:
    return sum([len(chunk) async for chunk in request.stream()])


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = App(max_body_size=MB, redirect_slashes=False)
    problems.install(app, {PaymentDue: 402})
    app.include_router(router)
    transport = httpx.ASGITransport(app=app)
    with structlog.testing.capture_logs():
        async with httpx.AsyncClient(transport=transport, base_url="http://liandu") as client:
            yield client


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:liandu:problem:{code}"
    assert body["status"] == status
    assert body["trace_id"] == response.headers["traceparent"][3:35]
    return body


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("domain", 422, "domain-error"),
        ("not-found", 404, "not-found"),
        ("not-allowed", 403, "not-allowed"),
        ("invalid", 422, "invalid"),
        ("conflict", 409, "conflict"),
        ("version", 412, "version-conflict"),
        ("stage", 409, "stage-not-allowed"),
        ("payment", 402, "payment-long-due"),
        ("link-forged", 403, "link-forged"),
        ("link-expired", 410, "link-expired"),
        ("http", 418, "i-m-a-teapot"),
        ("own", 428, "version-required"),
        ("bug", 500, "internal-error"),
        ("unique", 409, "conflicting-record"),
        ("foreign", 409, "conflicting-record"),
        ("check", 500, "internal-error"),
        ("nul", 422, "unstorable-text"),
        ("deadlock", 503, "busy"),
        ("shutdown", 503, "unavailable"),
        ("refused", 503, "unavailable"),
        ("slow", 503, "unavailable"),
        ("no-route", 503, "unavailable"),
    ],
)
async def test_each_error_has_its_status_and_type(name: str, status: int, code: str, client: httpx.AsyncClient) -> None:
    response = await client.get(f"/raise/{name}")
    problem(response, status, code)
    for inside in ("hunter2", "liandu_intake", "INSERT", "5432", "Traceback"):
        assert inside not in response.text
    assert ("retry-after" in response.headers) == (status == 503)


async def test_a_domain_error_tells_people_in_chinese_and_programs_in_members(client: httpx.AsyncClient) -> None:
    body = problem(await client.get("/raise/stage"), 409, "stage-not-allowed")
    assert body["title"] == "Stage not allowed"
    assert body["detail"] == "在谈项目不能直接开工"
    assert (body["stage"], body["the_status"], body["at"]) == ("negotiating", "shadowed", "2026-01-05T00:00:00")


async def test_two_versions_are_named_in_a_version_conflict(client: httpx.AsyncClient) -> None:
    body = problem(await client.get("/raise/version"), 412, "version-conflict")
    assert (body["expected"], body["actual"]) == (3, 4)


async def test_every_finding_of_a_validation_has_its_place_and_chinese_words(client: httpx.AsyncClient) -> None:
    milestones = [
        {"name": "开工", "due_on": "2026-03-02"},
        {"name": "", "due_on": "3月", "amount_wan": -1, "stage": "sold", "at": "2026-03-02T09:00:00", "x/y~": 1},
        {"name": "主体结构封顶", "due_on": 3, "amount_wan": 1.5},
        7,
    ]
    response = await client.post("/timetables?dry=maybe", json={"milestones": milestones})
    errors = problem(response, 422, "invalid-request")["errors"]
    assert {(e["in"], e.get("pointer", e.get("name")), e["detail"]) for e in errors} == {
        ("query", "dry", "应为 true 或 false"),
        ("body", "#/milestones/1/name", "至少 1 个字符"),
        ("body", "#/milestones/1/due_on", "应为日期，如 2026-03-02"),
        ("body", "#/milestones/1/amount_wan", "应不小于 0"),
        ("body", "#/milestones/1/stage", "只能是 'signed' or 'started'"),
        ("body", "#/milestones/1/at", "时间须带时区，如 +08:00"),
        ("body", "#/milestones/1/x~1y~0", "没有这一项"),
        ("body", "#/milestones/2/name", "最多 5 个字符"),
        ("body", "#/milestones/2/due_on", "应为日期，不含时刻"),
        ("body", "#/milestones/2/amount_wan", "应为整数，不能有小数"),
        ("body", "#/milestones/3", "应为对象"),
    }


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [(b'{"milestones":\n [1,,2]}', 2, 5), (b"{", 1, 2), (b"[1] 2", 1, 5), ('{"名":１}'.encode(), 1, 6)],
)
async def test_malformed_json_is_a_400_that_says_where(
    body: bytes, line: int, column: int, client: httpx.AsyncClient
) -> None:
    response = await client.post("/timetables", content=body, headers={"content-type": "application/json"})
    found = problem(response, 400, "malformed-json")
    assert (found["line"], found["column"]) == (line, column)


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}"])
async def test_json_that_cannot_be_read_at_all_is_a_400(body: bytes, client: httpx.AsyncClient) -> None:
    response = await client.post("/timetables", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_empty_body_is_said_to_be_missing(client: httpx.AsyncClient) -> None:
    errors = problem(await client.post("/timetables"), 422, "invalid-request")["errors"]
    assert errors == [{"in": "body", "pointer": "#", "code": "missing", "detail": "缺少该项"}]


@pytest.mark.parametrize("sent", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_media_type_than_json_is_a_415(sent: str, client: httpx.AsyncClient) -> None:
    response = await client.post("/timetables", content=b'{"milestones": []}', headers={"content-type": sent})
    problem(response, 415, "unsupported-media-type")


async def test_json_where_a_form_is_due_is_a_415(client: httpx.AsyncClient) -> None:
    problem(await client.post("/files", json={}), 415, "unsupported-media-type")
    errors = problem(await client.post("/files", files={"other": b"x"}), 422, "invalid-request")["errors"]
    assert errors[0]["pointer"] == "#/file"


async def test_unknown_addresses_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nowhere"), 404, "no-such-route")
    problem(await client.get("/timetables/"), 404, "no-such-route")
    response = await client.get("/timetables")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


async def test_a_body_announced_too_long_is_refused_unread(client: httpx.AsyncClient) -> None:
    for address in ("/timetables", "/stream", "/nowhere"):
        problem(await client.post(address, content=b" " * (MB + 1)), 413, "body-too-large")


async def test_a_route_may_take_more_than_others_and_no_more_than_it_says(client: httpx.AsyncClient) -> None:
    assert (await client.post("/files", files={"file": b" " * (MB + 1)})).json() == MB + 1
    problem(await client.post("/files", files={"file": b" " * 2 * MB}), 413, "body-too-large")


async def test_a_body_of_unknown_length_is_cut_at_the_limit(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(200 * 16):
            sent += 1 << 16
            yield b"x" * (1 << 16)

    for address in ("/stream", "/timetables"):
        sent = 0
        response = await client.post(address, content=endless(), headers={"content-type": "application/json"})
        problem(response, 413, "body-too-large")
        assert sent <= MB + (1 << 16)
