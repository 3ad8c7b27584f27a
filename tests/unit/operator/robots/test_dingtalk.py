import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from services.operator.robots.protocols.base import Incoming, Refused
from services.operator.robots.protocols.dingtalk import DingTalk, sign
from services.operator.robots.robot import Button, Message, Protocol, Robot

NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)
ROBOT = Robot("office", "专班办公室", Protocol.DINGTALK, "token", secret="this is secret")
OPEN = Robot("office", "专班办公室", Protocol.DINGTALK, "token")
DINGTALK = DingTalk()


def incoming(content: Any = None, *, at: datetime = NOW, **query: str) -> Incoming:
    timestamp = int(at.timestamp() * 1000)
    signed = {"timestamp": str(timestamp), "sign": base64.b64encode(sign("this is secret", timestamp)).decode()}
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Incoming({**signed, **query}, {}, body)


def read(content: Any, robot: Robot = OPEN) -> Message:
    return DINGTALK.read(incoming(content), robot)


def test_the_published_vector() -> None:
    raw = base64.b64encode(sign("this is secret", 1577262236757)).decode()

    assert raw == "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="
    assert quote(raw, safe="") == "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D"


@pytest.mark.parametrize("skew", [timedelta(0), timedelta(minutes=59), timedelta(minutes=-59)])
def test_a_signature_of_this_hour_is_let_in(skew: timedelta) -> None:
    DINGTALK.authenticate(incoming(at=NOW + skew), ROBOT, now=NOW)


@pytest.mark.parametrize(
    "request_",
    [
        incoming(at=NOW + timedelta(minutes=61)),
        incoming(at=NOW - timedelta(minutes=61)),
        incoming(sign="hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="),
        incoming(sign=""),
        incoming(sign="是"),
        incoming(timestamp=""),
        incoming(timestamp="-1"),
        incoming(timestamp="9" * 5000),
        incoming(timestamp="１５７７"),
    ],
)
def test_any_other_is_refused_with_310000(request_: Incoming) -> None:
    with pytest.raises(Refused) as refused:
        DINGTALK.authenticate(request_, ROBOT, now=NOW)

    assert refused.value.code == 310000


def test_a_robot_without_secret_asks_for_no_signature() -> None:
    DINGTALK.authenticate(Incoming({}, {}, b""), OPEN, now=NOW)


def test_each_type_of_message_is_read() -> None:
    card = {"title": "督办", "text": "### 督办", "singleTitle": "签收", "singleURL": "https://a/1"}
    cards = {"title": "督办", "text": "x", "btns": [{"title": "签收", "actionURL": "https://a/1"}]}
    link = {"title": "督办", "text": "x", "messageUrl": "https://a/1"}
    feed = {"links": [{"title": "督办", "messageURL": "https://a/1", "picURL": ""}]}

    assert read({"msgtype": "text", "text": {"content": "你好"}}) == Message("text", "", "你好")
    assert read({"msgtype": "markdown", "markdown": {"title": "督办", "text": "**急**"}}).is_markdown
    assert read({"msgtype": "actionCard", "actionCard": card}).buttons == (Button("签收", "https://a/1"),)
    assert read({"msgtype": "actionCard", "actionCard": cards}).buttons == (Button("签收", "https://a/1"),)
    assert read({"msgtype": "link", "link": link}).buttons == (Button("查看详情", "https://a/1"),)
    assert read({"msgtype": "feedCard", "feedCard": feed}).buttons == (Button("督办", "https://a/1"),)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{", 40035),
        ([], 40035),
        ({}, 400105),
        ({"msgtype": "video", "video": {}}, 400105),
        ({"msgtype": ["text"]}, 400105),
        ({"msgtype": "text"}, 40035),
        ({"msgtype": "text", "text": {"content": " "}}, 40035),
        ({"msgtype": "markdown", "markdown": {"text": "x"}}, 40035),
        ({"msgtype": "actionCard", "actionCard": {"title": "x", "text": "x"}}, 40035),
        ({"msgtype": "actionCard", "actionCard": {"title": "x", "text": "x", "btns": []}}, 40035),
        ({"msgtype": "link", "link": {"title": "x", "text": "x", "messageUrl": "javascript:alert(1)"}}, 40035),
        ({"msgtype": "text", "text": {"content": "长" * 7000}}, 460101),
    ],
)
def test_what_the_vendor_would_not_take_is_refused_with_its_code(content: Any, code: int) -> None:
    with pytest.raises(Refused) as refused:
        read(content)

    assert refused.value.code == code


def test_exactly_20000_bytes_are_taken() -> None:
    empty = len(orjson.dumps({"msgtype": "text", "text": {"content": ""}}))

    assert read({"msgtype": "text", "text": {"content": "x" * (20_000 - empty)}}).kind == "text"


def test_one_of_the_keywords_must_stand_in_the_message() -> None:
    robot = Robot("office", "专班办公室", Protocol.DINGTALK, "token", keywords=("链督", "督办"))

    assert read({"msgtype": "text", "text": {"content": "督办件"}}, robot)
    with pytest.raises(Refused, match="keywords"):
        read({"msgtype": "text", "text": {"content": "你好"}}, robot)


def test_a_mention_counts_only_where_it_stands_in_the_text() -> None:
    content = {
        "msgtype": "text",
        "text": {"content": "请 @13800000000 处理"},
        "at": {"atMobiles": ["13800000000", "13900000000", 7], "isAtAll": True},
    }

    assert read(content).mentions == ("13800000000",)
    assert read(content).mentions_all
