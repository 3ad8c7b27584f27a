from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.operator.robots.robot import Button, Message, Protocol, Robot
from services.operator.robots.showing import bubble, plain
from services.operator.robots.simulator import Receipt

ROBOT = Robot("office", "<专班>", Protocol.DINGTALK, "token")
RECEIPT = Receipt(1, datetime(2026, 3, 2, 1, tzinfo=UTC), "office", Protocol.DINGTALK, 200, "0", "", True)


def shown(message: Message | None, **changes: Any) -> str:
    return bubble(ROBOT, replace(RECEIPT, message=message, **changes))


def test_a_message_shows_group_time_title_text_and_button() -> None:
    html = shown(
        Message("actionCard", "督办", "### 督办\n> 引文\n- 一项\n**急** 两天", True, (Button("签收", "https://a/1"),))
    )

    assert "&lt;专班&gt;" in html
    assert "03-02 09:00" in html
    assert html.count("督办") == 1
    assert "<blockquote>引文</blockquote>" in html
    assert '<p class="item">一项</p>' in html
    assert "<strong>急</strong> 两天" in html
    assert '<a class="button" href="https://a/1" target="_blank" rel="noopener noreferrer">签收</a>' in html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "**<img src=x onerror=alert(1)>**",
        "# <svg onload=alert(1)>",
        "> <b>",
        "- <b>",
        '[<b>](https://a/"onmouseover=alert)',
        "[x](javascript:alert(1))",
    ],
)
@pytest.mark.parametrize("is_markdown", [True, False])
def test_nothing_that_was_sent_becomes_markup(text: str, is_markdown: bool) -> None:
    html = shown(Message("markdown", text, text, is_markdown, (Button(text, 'https://a/"><script>'),)))

    for tag in ("<script", "<img", "<svg", "<b><", "<b>]", 'onmouseover=alert)"', 'href="javascript'):
        assert tag not in html
    assert '"onmouseover' not in html


def test_a_button_that_is_no_web_address_is_no_link() -> None:
    assert "href" not in shown(Message("actionCard", "x", "x", True, (Button("签收", "dingtalk://x"),)))


def test_a_refusal_shows_its_code() -> None:
    assert "未送达 130101 send too fast" in shown(None, accepted=False, code="130101", reason="send too fast")


def test_mobile_numbers_are_not_shown_whole() -> None:
    message = Message("text", "", "请 @13812345678 处理")

    assert "138****5678" in shown(message)
    assert plain(message) == "请 @138****5678 处理"


def test_plain_text_has_no_marks() -> None:
    assert plain(Message("markdown", "t", "### 督办\n\n> **急** [签收](https://a/1)", True)) == "督办\n急 签收"
