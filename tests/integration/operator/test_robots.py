"""The robots' simulator as a server on a port, as senders meet it."""

import asyncio
import base64
import time as real
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from services.operator.robots.app import create_app
from services.operator.robots.protocols import dingtalk, webhook
from services.operator.robots.server import config
from services.operator.robots.simulator import Simulator
from tests.support.clock import MovableClock
from tests.support.waiting import eventually

TEXT = {"msgtype": "text", "text": {"content": "督办：示例项目"}}


@pytest_asyncio.fixture
async def robots(clock: MovableClock) -> AsyncIterator[httpx.AsyncClient]:
    server = uvicorn.Server(config(create_app(Simulator(now=clock.now), now=clock.now), host="127.0.0.1", port=0))
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    server.should_exit = True
    await serving


async def define(robots: httpx.AsyncClient, name: str = "office", **more: Any) -> dict[str, Any]:
    answer = await robots.post("/_robots", json={"name": name, "title": "专班办公室", **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def send(robots: httpx.AsyncClient, robot: dict[str, Any], clock: MovableClock, content: Any = TEXT) -> Any:
    timestamp = int(clock.now().timestamp() * 1000)
    signature = base64.b64encode(dingtalk.sign(robot["secret"], timestamp)).decode()
    url = httpx.URL(robot["url"]).copy_merge_params({"timestamp": timestamp, "sign": signature})
    answer = await robots.post(url, json=content)
    assert answer.status_code == 200
    return answer.json()["errcode"]


async def receipts(robots: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await robots.get("/_receipts", params=params)).json()["items"]
    return items


async def test_a_signed_message_arrives_and_its_receipt_says_so(robots: httpx.AsyncClient, clock: MovableClock) -> None:
    robot = await define(robots)

    assert await send(robots, robot, clock) == 0
    (receipt,) = await receipts(robots)
    assert (receipt["robot"], receipt["accepted"], receipt["message"]["text"]) == ("office", True, "督办：示例项目")
    assert receipt["at"].startswith("2026-01-05T01:00:00")


async def test_an_unknown_token_and_a_forged_signature_are_refused_at_http_200(
    robots: httpx.AsyncClient, clock: MovableClock
) -> None:
    robot = await define(robots)

    assert (await robots.post("/robot/send?access_token=x", json=TEXT)).json()["errcode"] == 300005
    assert (await robots.post("/robot/send", json=TEXT)).json()["errcode"] == 300005
    assert await send(robots, {**robot, "secret": "another"}, clock) == 310000
    assert (await robots.post(robot["url"], json=TEXT)).json()["errcode"] == 310000


async def test_signatures_go_by_the_platforms_clock(robots: httpx.AsyncClient, clock: MovableClock) -> None:
    robot = await define(robots)
    before = clock.now()
    clock.move(before + timedelta(days=200))
    timestamp = int(before.timestamp() * 1000)
    signature = base64.b64encode(dingtalk.sign(robot["secret"], timestamp)).decode()
    old = httpx.URL(robot["url"]).copy_merge_params({"timestamp": timestamp, "sign": signature})

    assert await send(robots, robot, clock) == 0
    assert (await robots.post(old, json=TEXT)).json()["errcode"] == 310000


async def test_the_limit_and_its_penalty_go_by_the_platforms_clock(
    robots: httpx.AsyncClient, clock: MovableClock
) -> None:
    robot = await define(robots)

    assert [await send(robots, robot, clock) for _ in range(22)] == [0] * 20 + [130101, 410100]
    clock.move(clock.now() + timedelta(minutes=10))
    assert await send(robots, robot, clock) == 0
    assert len(await receipts(robots, accepted=True)) == 21


async def test_scripted_faults_are_answered_one_each(robots: httpx.AsyncClient, clock: MovableClock) -> None:
    robot = await define(robots, signed=False)
    script = {"robot": "office", "next": [{"errcode": 130101}, {"status": 502}, {"delay": 0.05}]}

    assert (await robots.post("/_script", json=script)).status_code == 204
    answers = [await robots.post(robot["url"], json=TEXT) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 502, 200, 200]
    assert [answer.json().get("errcode") for answer in answers] == [130101, None, 0, 0]
    assert (await robots.post("/_script", json={"robot": "x", "next": []})).status_code == 404


@pytest.mark.parametrize(("cut", "accepted"), [("before", False), ("after", True)])
async def test_a_cut_connection_gives_no_answer_and_the_next_works(
    robots: httpx.AsyncClient, cut: str, accepted: bool
) -> None:
    robot = await define(robots, signed=False)
    await robots.post("/_script", json={"robot": "office", "next": [{"cut": cut}]})
    with pytest.raises(httpx.TransportError):
        await robots.post(robot["url"], json=TEXT)

    assert (await robots.post(robot["url"], json=TEXT)).json()["errcode"] == 0
    assert [(each["cut"], each["accepted"]) for each in await receipts(robots)] == [(cut, accepted), (None, True)]


async def test_a_webhook_receiver_verifies_its_signature(robots: httpx.AsyncClient, clock: MovableClock) -> None:
    robot = await define(robots, "machine", protocol="webhook")
    sent = str(int(clock.now().timestamp()))
    body = b'{"type":"cn.liandu.message","data":{"title":"t","text":"x","link":{"label":"l","url":"https://a/1"}}}'
    signature = base64.b64encode(webhook.sign(robot["secret"], message_id="msg_1", timestamp=sent, body=body)).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": sent, "webhook-signature": f"v1,bad v1,{signature}"}
    old = {**headers, "webhook-timestamp": str(int(real.time()))}

    assert (await robots.post(robot["url"], content=body, headers=headers)).status_code == 200
    assert (await robots.post(robot["url"], content=body + b" ", headers=headers)).status_code == 401
    assert (await robots.post(robot["url"], content=body, headers=old)).status_code == 401
    assert (await robots.post(robot["url"], content=body)).status_code == 400
    assert (await robots.post("/webhook/nobody", content=body, headers=headers)).status_code == 404
    assert [each["message_id"] for each in await receipts(robots, accepted=True)] == ["msg_1"]


async def test_a_robot_is_defined_once_and_changed(robots: httpx.AsyncClient) -> None:
    first = await define(robots, token="t", secret="s", keywords=["督办"])
    second = await define(robots, limit=5)
    twin = await robots.post("/_robots", json={"name": "other", "title": "x", "token": "t"})

    assert (second["url"], second["secret"], second["limit"]) == (first["url"], "s", 5)
    assert twin.status_code == 409
    assert "secret" not in (await robots.get("/_robots")).json()[0]
    assert (await robots.post("/_robots", json={"name": "a/b", "title": "x"})).status_code == 422


async def test_the_page_loads_nothing_from_elsewhere_and_the_chat_is_escaped(
    robots: httpx.AsyncClient, clock: MovableClock
) -> None:
    robot = await define(robots, signed=False, title="<b>群</b>")
    await robots.post(robot["url"], json={"msgtype": "text", "text": {"content": "<script>alert(1)</script>"}})
    page = await robots.get("/")
    chat = (await robots.get("/_chat")).json()

    assert "http" not in page.text.replace("http-equiv", "")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script>" not in chat["messages"][0]["html"]
    assert chat["robots"] == [{"name": "office", "title": "<b>群</b>"}]
    assert (await robots.get("/_chat", params={"after": chat["after"]})).json()["messages"] == []


async def test_a_huge_body_is_refused(robots: httpx.AsyncClient) -> None:
    robot = await define(robots, signed=False)

    assert (await robots.post(robot["url"], content=b"x" * 20_001)).json()["errcode"] == 460101
    assert (await robots.post(robot["url"], content=b"x" * (2 << 20))).status_code == 413
