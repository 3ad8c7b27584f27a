"""DingTalk 钉钉, custom group robot: HTTP 200 whatever happens, the body's `errcode` tells.

Codes: 0, 130101 too fast, 410100 throttled, 310000 keyword, signature or timestamp, 300005 no such token, 400105
message type, 460101 too large; 40035 (malformed body) is what other interfaces of the vendor answer.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.operator.robots.protocols.base import Incoming, Refused, text_of
from services.operator.robots.robot import Answer, Button, Message, Robot

MOST_BYTES = 20_000
SKEW = timedelta(hours=1)
MALFORMED, SECURITY, BAD_TYPE, TOO_LARGE = 40035, 310000, 400105, 460101


def sign(secret: str, timestamp: int) -> bytes:
    """The signature of a time in milliseconds, before base64."""
    return hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()


class DingTalk:
    unknown_robot = Refused(300005, "token is not exist")
    too_fast = Refused(130101, "send too fast, exceed 20 times per minute")
    throttled = Refused(410100, "robot is throttled, try again later")

    def authenticate(self, incoming: Incoming, robot: Robot, *, now: datetime) -> None:
        if robot.secret is None:
            return
        sent, signature = incoming.query.get("timestamp", ""), incoming.query.get("sign", "")
        if not sent.isascii() or not sent.isdigit() or len(sent) > 16:
            raise Refused(SECURITY, "timestamp is missing or malformed")
        if abs(now.timestamp() * 1000 - int(sent)) > SKEW.total_seconds() * 1000:
            raise Refused(SECURITY, "invalid timestamp")
        try:
            given = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            given = b""
        if not hmac.compare_digest(given, sign(robot.secret, int(sent))):
            raise Refused(SECURITY, "sign not match")

    def read(self, incoming: Incoming, robot: Robot) -> Message:
        if len(incoming.body) > MOST_BYTES:
            raise Refused(TOO_LARGE, f"message too long, exceed {MOST_BYTES} bytes")
        message = _message(_json(incoming.body))
        if robot.keywords and not any(keyword in message.everything() for keyword in robot.keywords):
            raise Refused(SECURITY, "keywords not in content")
        return message

    def answer(self, code: int, text: str) -> Answer:
        return Answer(200, str(code), {"errcode": code, "errmsg": text if code else "ok"}, accepted=code == 0)


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(MALFORMED, "the body is no JSON") from None
    if not isinstance(content, dict):
        raise Refused(MALFORMED, "the body is no JSON object")
    return content


def _message(content: Mapping[str, Any]) -> Message:
    kind = content.get("msgtype")
    if not isinstance(kind, str) or kind not in _READERS:
        raise Refused(BAD_TYPE, "msgtype is not supported")
    part = content.get(kind)
    if not isinstance(part, dict):
        raise Refused(MALFORMED, f"missing {kind}")
    return _READERS[kind](part, content.get("at"))


def _text(part: Mapping[str, Any], at: Any) -> Message:
    text = _need(part, "content")
    return Message("text", "", text, mentions=_mentions(text, at), mentions_all=_all(at))


def _markdown(part: Mapping[str, Any], at: Any) -> Message:
    text = _need(part, "text")
    return Message("markdown", _need(part, "title"), text, True, (), _mentions(text, at), _all(at))


def _link(part: Mapping[str, Any], _: Any) -> Message:
    return Message(
        "link", _need(part, "title"), _need(part, "text"), False, (Button("查看详情", _url(part, "messageUrl")),)
    )


def _action_card(part: Mapping[str, Any], _: Any) -> Message:
    if "btns" in part:
        buttons = tuple(Button(_need(each, "title"), _url(each, "actionURL")) for each in _parts(part, "btns"))
    else:
        buttons = (Button(_need(part, "singleTitle"), _url(part, "singleURL")),)
    return Message("actionCard", _need(part, "title"), _need(part, "text"), True, buttons)


def _feed_card(part: Mapping[str, Any], _: Any) -> Message:
    links = tuple(Button(_need(each, "title"), _url(each, "messageURL")) for each in _parts(part, "links"))
    return Message("feedCard", "", "", False, links)


_READERS = {"text": _text, "markdown": _markdown, "link": _link, "actionCard": _action_card, "feedCard": _feed_card}


def _need(part: Mapping[str, Any], key: str) -> str:
    if not (value := text_of(part, key)).strip():
        raise Refused(MALFORMED, f"missing {key}")
    return value


def _url(part: Mapping[str, Any], key: str) -> str:
    url = _need(part, key)
    if not url.startswith(("http://", "https://", "dingtalk://")):
        raise Refused(MALFORMED, f"{key} is no URL")
    return url


def _parts(part: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = part.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        raise Refused(MALFORMED, f"missing {key}")
    return found


def _mentions(text: str, at: Any) -> tuple[str, ...]:
    """Who is mentioned: a mobile or user id that stands in the text too, or nobody hears of it."""
    if not isinstance(at, dict):
        return ()
    named = [*_strings(at.get("atMobiles")), *_strings(at.get("atUserIds"))]
    return tuple(each for each in named if f"@{each}" in text)


def _all(at: Any) -> bool:
    return isinstance(at, dict) and at.get("isAtAll") in (True, "true")


def _strings(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
