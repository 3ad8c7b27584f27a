"""Standard Webhooks 1.0: a machine's ear. `webhook-id` is the message's id, the same in every attempt."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from services.notification.channels.base import Request, Target, by_status, compact, fit, require_http, secrets_in
from services.notification.domain.budget import Limit
from services.notification.domain.outcome import Verdict
from services.notification.domain.rendering import Draft
from shared.contracts.deliveries import Outcome
from shared.kit.errors import Invalid

MOST_BYTES = 20_000
PREFIX = "whsec_"


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,<base64>` of HMAC-SHA256 over `id.timestamp.body` (timestamp in seconds)."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)


@dataclass(frozen=True, slots=True)
class Webhook:
    name: str = "webhook"
    limits: tuple[Limit, ...] = ()
    hosts: tuple[str, ...] = ()

    def check(self, target: Target) -> None:
        require_http(target)
        try:
            length = len(_key(target.secret or ""))
        except (binascii.Error, ValueError):
            length = 0
        if not 24 <= length <= 64:
            raise Invalid("Webhook 密钥应为 whsec_ 加 24 至 64 字节的 Base64 编码")

    def build(self, draft: Draft, target: Target, *, message_id: str, now: datetime) -> Request:
        if target.secret is None:
            raise Invalid("Webhook 缺少密钥")
        text, body = fit(lambda cut: _body(draft, cut, now=now), "\n".join(draft.lines), most=MOST_BYTES)
        timestamp = int(now.timestamp())
        signature = sign(target.secret, message_id=message_id, timestamp=timestamp, body=body)
        headers = {
            "content-type": "application/json; charset=utf-8",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        }
        said = f"{draft.title}\n{text}\n{draft.tail}"
        return Request(target.url, headers, body, said, _secrets(draft, target, signature))

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
        """Here HTTP decides: any 2xx is a delivery, 410 means that the receiver wants no more."""
        if 200 <= status < 300:
            return Verdict(Outcome.SENT, f"http {status}")
        return by_status(status, headers, body.decode(errors="replace"))


def _body(draft: Draft, text: str, *, now: datetime) -> bytes:
    data: dict[str, object] = {"number": draft.number, "title": draft.title, "text": f"{text}\n{draft.tail}"}
    if draft.button:
        data["link"] = {"label": draft.button.label, "url": draft.button.url}
    return compact({"type": "cn.liandu.message", "timestamp": now.isoformat(), "data": data})


def _secrets(draft: Draft, target: Target, signature: str) -> tuple[str, ...]:
    link = draft.button.url if draft.button else ""
    secret = target.secret or ""
    known = (
        *secrets_in(target.url),
        urlsplit(target.url).query,
        secret,
        secret.removeprefix(PREFIX),
        signature,
        *secrets_in(link),
        *draft.mentions,
    )
    return tuple(one for one in known if one)
