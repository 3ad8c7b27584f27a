"""notification over HTTP, as operators and others call it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.notification.__main__ import service
from services.notification.settings import NotificationSettings
from services.notification.wiring import Wiring
from shared.contracts.programme import Tier
from shared.kit.process.declaration import Platform
from shared.kit.web.http import create_app
from shared.kit.web.security import Role, make_token
from tests.integration.notification.conftest import ROBOT_SECRET, TOKEN, Desk
from tests.support.robots import Answer, FakeRobot
from tests.support.supervision import CHAIN, escalated, person, post, reminded, some_id
from tests.support.waiting import eventually

SECRET = "a secret of thirty-two characters!"


class Office:
    """Calls as somebody with a role."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def call(
        self, method: str, path: str, *, role: Role = Role.OPERATOR, headers: dict[str, str] | None = None, **rest: Any
    ) -> httpx.Response:
        token = make_token(SECRET, subject="ops-1", name="运维", roles=(role,))
        return await self._client.request(
            method, path, headers={"authorization": f"Bearer {token}", **(headers or {})}, **rest
        )

    async def get(self, path: str, **rest: Any) -> Any:
        answer = await self.call("GET", path, **rest)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def register(self, robot_id: str, robot: FakeRobot, **changes: Any) -> httpx.Response:
        body = {"name": "显示链群", "channel": "dingtalk", "url": robot.url(TOKEN), "secret": ROBOT_SECRET}
        return await self.call("PUT", f"/v1/robots/{robot_id}", json={**body, "per_minute": 0, **changes})


@pytest.fixture
def settings(tmp_path: Path) -> NotificationSettings:
    secret_file = tmp_path / "secret"
    secret_file.write_text(SECRET)
    return NotificationSettings(
        env="test",
        database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none"),
        kafka_bootstrap="127.0.0.1:1",
        port=1,
        jwt_secret_file=secret_file,
        link_secret_file=secret_file,
        vault_key_file=secret_file,
        public_url="https://liandu.example",
    )


@pytest_asyncio.fixture
async def office(desk: Desk, settings: NotificationSettings) -> AsyncIterator[Office]:
    app = create_app(service(settings), Platform("notification", settings, desk.engine, desk.clock))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://notification") as client:
        yield Office(client)


@pytest_asyncio.fixture
async def sending(desk: Desk, settings: NotificationSettings) -> AsyncIterator[None]:
    """The loop that sends, wired as the process wires it."""
    platform = Platform("notification", settings, desk.engine, desk.clock)
    task = asyncio.create_task(Wiring.of(settings).dispatch(platform))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_robot_is_registered_shown_and_never_tells_its_secrets(office: Office, robot: FakeRobot) -> None:
    made = await office.register("display", robot)
    assert made.status_code == 201, made.text
    again = await office.register("display", robot, url=None, name="显示链工作群")
    assert again.status_code == 200
    shown = await office.get("/v1/robots/display")
    assert (shown["name"], shown["state"], shown["state_name"]) == ("显示链工作群", "open", "正常")
    everything = made.text + again.text + str(await office.get("/v1/robots"))
    assert TOKEN not in everything
    assert ROBOT_SECRET not in everything


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"channel": "pigeon"}, "不支持的通道类型"),
        ({"url": "http://127.0.0.1:1/robot/send"}, "access_token"),
        ({"url": "https://evil.example/robot/send?access_token=planted"}, "名单"),
        ({"url": "http://169.254.169.254/?access_token=planted"}, "名单"),
        ({"url": "gopher://127.0.0.1/?access_token=planted"}, "完整网址"),
        ({"url": "http://user:planted@127.0.0.1/?access_token=planted"}, "用户名"),
        ({"url": None}, "请填写机器人地址"),
    ],
)
async def test_what_cannot_be_a_robot_is_refused_in_plain_words(
    office: Office, robot: FakeRobot, changes: dict[str, Any], says: str
) -> None:
    answer = await office.register("display", robot, **changes)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert "planted" not in answer.text


async def test_a_malformed_body_does_not_echo_the_secret(office: Office, robot: FakeRobot) -> None:
    answer = await office.register("display", robot, url={"wrong": TOKEN}, secret=[ROBOT_SECRET])
    assert answer.status_code == 422
    assert TOKEN not in answer.text
    assert ROBOT_SECRET not in answer.text


async def test_two_who_change_a_robot_at_once_do_not_overwrite_each_other(office: Office, robot: FakeRobot) -> None:
    await office.register("display", robot)
    body = {"name": "新名称", "channel": "dingtalk"}
    first = await office.call("PUT", "/v1/robots/display", json=body, headers={"if-match": '"1"'})
    second = await office.call("PUT", "/v1/robots/display", json=body, headers={"if-match": '"1"'})
    assert (first.status_code, second.status_code) == (200, 412)


async def test_only_operators_touch_robots_and_messages(office: Office, robot: FakeRobot) -> None:
    for role in (Role.CLERK, Role.CHIEF, Role.ENTERPRISE, Role.SUPERVISOR):
        assert (await office.call("GET", "/v1/robots", role=role)).status_code == 403
        assert (await office.call("POST", "/v1/outbound:pause", json={}, role=role)).status_code == 403
    assert (await office.call("GET", "/v1/messages", role=Role.SUPERVISOR)).status_code == 200
    assert (await office.call("GET", "/v1/messages", role=Role.CLERK)).status_code == 403


async def test_routes_are_kept_apart_and_explained(office: Office, robot: FakeRobot) -> None:
    await office.register("display", robot)
    await office.register("leaders", robot)
    default = await office.call("POST", "/v1/routes", json={"robot": "display"})
    assert default.status_code == 201
    twin = await office.call("POST", "/v1/routes", json={"robot": "leaders"})
    assert twin.status_code == 409
    assert "相同范围" in twin.json()["detail"]
    both = {"robot": "leaders", "post_id": str(post(Tier.CHIEF)), "tier": "chief"}
    assert (await office.call("POST", "/v1/routes", json=both)).status_code == 422
    assert (await office.call("POST", "/v1/routes", json={"robot": "nobody"})).status_code == 422
    await office.call("PUT", f"/v1/routes/{uuid4()}", json={"robot": "leaders", "tier": "chief"})
    said = await office.get("/v1/routes:explain", params={"tier": "chief", "chain_id": str(CHAIN)})
    assert said["robot"] == "leaders"
    assert [step["reach"] for step in said["steps"]] == ["post", "tier_in_chain", "tier", "chain", "default"]
    gone = await office.call("DELETE", f"/v1/routes/{default.json()['id']}", headers={"if-match": '"1"'})
    assert gone.status_code == 204
    assert len((await office.get("/v1/routes"))["items"]) == 1


async def test_a_robot_in_use_cannot_be_removed(office: Office, robot: FakeRobot) -> None:
    await office.register("display", robot)
    route = (await office.call("POST", "/v1/routes", json={"robot": "display"})).json()
    refused = await office.call("DELETE", "/v1/robots/display")
    assert (refused.status_code, "1条通道" in refused.json()["detail"]) == (409, True)
    await office.call("DELETE", f"/v1/routes/{route['id']}")
    assert (await office.call("DELETE", "/v1/robots/display")).status_code == 204
    assert (await office.call("GET", "/v1/robots/display")).status_code == 404


async def test_a_message_tells_its_whole_story_by_its_number(
    office: Office, desk: Desk, robot: FakeRobot, sending: None
) -> None:
    await desk.learn()
    await office.register("display", robot)
    await office.call("POST", "/v1/routes", json={"robot": "display"})
    robot.answers.append(Answer({"errcode": 130101, "errmsg": "too fast"}))
    await desk.hear(escalated())
    await desk.settled()
    [waiting] = (await office.get("/v1/undelivered"))["items"]
    assert (waiting["state"], waiting["attempts"]) == ("queued", 1)
    assert "限流" in waiting["reason"]
    assert (await office.get("/v1/robots/display"))["state_name"] == "冷却中"
    desk.clock.move(timedelta(minutes=10))
    await eventually(lambda: len(robot.heard) == 2)
    await desk.settled()

    story = await office.get(f"/v1/messages/{waiting['number']}")
    assert story["title"] == "【督办函】督函〔2026〕5号 安迈铝业增资“开工”逾期5个工作日"
    assert [line["outcome_name"] for line in story["story"]] == ["机器人限流", "已送达"]
    assert story["fact"]["document"] == "letter"
    assert (await office.get("/v1/undelivered"))["items"] == []
    assert len(story["story"][0]["sha256"]) == 64


async def test_messages_are_found_by_state_robot_case_and_project_page_by_page(
    office: Office, desk: Desk, robot: FakeRobot
) -> None:
    await office.register("display", robot)
    await office.call("POST", "/v1/routes", json={"robot": "display", "tier": "officer"})
    await desk.hear(escalated(), *(reminded(working_days_left=n) for n in range(5)))
    pages = await office.get("/v1/messages", params={"limit": 4})
    rest = await office.get("/v1/messages", params={"limit": 4, "after": pages["next_after"]})
    numbers = [item["number"] for item in pages["items"] + rest["items"]]
    assert numbers == [20260000001 + n for n in reversed(range(6))]
    assert rest["next_after"] is None
    counts = {
        query: len((await office.get(f"/v1/messages?{query}"))["items"])
        for query in (
            "state=unroutable",
            "state=unroutable&state=queued",
            "robot=display",
            f"case={some_id('case')}",
            f"project={some_id('project 安迈铝业增资')}",
            f"project={uuid4()}",
        )
    }
    assert list(counts.values()) == [1, 6, 5, 1, 6, 0]


async def test_a_test_message_goes_through_and_has_a_story(office: Office, robot: FakeRobot, sending: None) -> None:
    await office.register("display", robot)
    queued = await office.call("POST", "/v1/robots/display:test")
    assert queued.status_code == 202
    await eventually(lambda: robot.heard)

    async def sent() -> bool:
        return bool((await office.get(queued.headers["location"]))["state"] == "sent")

    await eventually(sent)


async def test_what_got_through_is_not_redriven(office: Office, desk: Desk, robot: FakeRobot, sending: None) -> None:
    await office.register("display", robot)
    await office.call("POST", "/v1/routes", json={"robot": "display"})
    robot.answers.append(Answer({"errcode": 460101, "errmsg": "too large"}))
    await desk.hear(escalated())
    await desk.settled()
    [failed] = (await office.get("/v1/messages?state=undelivered"))["items"]
    first = await office.call("POST", f"/v1/messages/{failed['number']}:redrive")
    assert first.status_code == 202
    await eventually(lambda: len(robot.heard) == 2)
    await desk.settled()
    second = await office.call("POST", f"/v1/messages/{failed['number']}:redrive")
    assert second.status_code == 409
    assert "已送达" in second.json()["detail"]
    assert (await office.call("POST", "/v1/messages/99:redrive")).status_code == 404
    assert len(robot.heard) == 2


async def test_paused_the_dry_run_lists_what_would_go(
    office: Office, desk: Desk, robot: FakeRobot, sending: None
) -> None:
    await office.register("display", robot)
    await office.call("POST", "/v1/routes", json={"robot": "display"})
    paused = await office.call("POST", "/v1/outbound:pause", json={"reason": "首日导入"})
    assert paused.json()["paused"] is True
    await desk.hear(escalated(), reminded())
    dry = await office.get("/v1/outbound")
    assert (dry["reason"], dry["waiting"]) == ("首日导入", {"display": 2})
    assert [item["title"][:5] for item in dry["would_go"]] == ["【督办函】", "【提醒】安"]
    assert not robot.heard
    await office.call("POST", "/v1/outbound:resume", json={})
    await eventually(lambda: len(robot.heard) == 2)


async def test_a_mobile_number_is_used_where_the_route_allows_and_shown_nowhere(
    office: Office, desk: Desk, robot: FakeRobot, sending: None
) -> None:
    await desk.learn()
    await office.register("display", robot)
    await office.call("POST", "/v1/routes", json={"robot": "display", "tier": "task_force", "mention": True})
    await office.call("POST", "/v1/routes", json={"robot": "display", "tier": "officer"})
    for tier in (Tier.TASK_FORCE, Tier.OFFICER):
        kept = await office.call("PUT", f"/v1/mentions/{person(tier)}", json={"mobile": "13800138000"})
        assert kept.status_code == 204
    wrong = await office.call("PUT", f"/v1/mentions/{person(Tier.CHIEF)}", json={"mobile": "139-1234"})
    assert (wrong.status_code, "139" in wrong.text) == (422, False)
    await desk.hear(escalated(), reminded())
    await eventually(lambda: len(robot.heard) == 2)
    await desk.settled()
    letter, reminder = robot.heard
    assert letter.payload["at"]["atMobiles"] == ["13800138000"]
    assert "@13800138000" in letter.text
    assert "13800138000" not in reminder.body.decode()
    stories = [await office.get(f"/v1/messages/{20260000001 + n}") for n in range(2)]
    assert "13800138000" not in str(stories)
