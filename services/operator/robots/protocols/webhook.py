"""Standard Webhooks 1.0: a signature over `id.timestamp.body` in the headers; HTTP's status decides."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime, timedelta

import orjson

from services.operator.robots.protocols.base import Incoming, Refused, text_of
from services.operator.robots.robot import Answer, Button, Message, Robot

MOST_BYTES = 1 << 20
TOLERANCE = timedelta(minutes=5)
PREFIX = "whsec_"


def sign(secret: str, *, message_id: str, timestamp: str, body: bytes) -> bytes:
    """The signature, before base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()


class StandardWebhook:
    unknown_robot = Refused(404, "no such receiver")
    too_fast = Refused(429, "too many requests")
    throttled = Refused(429, "too many requests")

    def authenticate(self, incoming: Incoming, robot: Robot, *, now: datetime) -> None:
        message_id, sent = incoming.headers.get("webhook-id", ""), incoming.headers.get("webhook-timestamp", "")
        if not message_id or not sent.isascii() or not sent.isdigit() or len(sent) > 12:
            raise Refused(400, "webhook-id or webhook-timestamp is missing")
        if abs(now.timestamp() - int(sent)) > TOLERANCE.total_seconds():
            raise Refused(401, "webhook-timestamp is too far from now")
        expected = sign(robot.secret or "", message_id=message_id, timestamp=sent, body=incoming.body)
        given = incoming.headers.get("webhook-signature", "").split(" ")
        if not any(_is(each, expected) for each in given):
            raise Refused(401, "webhook-signature does not match")

    def read(self, incoming: Incoming, robot: Robot) -> Message:
        if len(incoming.body) > MOST_BYTES:
            raise Refused(413, "the body is too large")
        try:
            content = orjson.loads(incoming.body)
        except orjson.JSONDecodeError:
            raise Refused(400, "the body is no JSON") from None
        data = content.get("data") if isinstance(content, dict) else None
        if not isinstance(data, dict):
            raise Refused(400, "the body has no data")
        link = data.get("link")
        buttons = (Button(text_of(link, "label"), text_of(link, "url")),) if isinstance(link, dict) else ()
        return Message(
            text_of(content, "type") or "webhook", text_of(data, "title"), text_of(data, "text"), False, buttons
        )

    def answer(self, code: int, text: str) -> Answer:
        status = code or 200
        return Answer(status, str(status), {"ok": status < 300, "detail": text or "ok"}, accepted=status < 300)


def _is(signature: str, expected: bytes) -> bool:
    version, _, encoded = signature.partition(",")
    try:
        return version == "v1" and hmac.compare_digest(base64.b64decode(encoded, validate=True), expected)
    except (binascii.Error, ValueError):
        return False
