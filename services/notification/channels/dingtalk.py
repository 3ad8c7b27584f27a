"""DingTalk 钉钉, custom group robot: signed address, markdown or a card with a button, outcome by `errcode`."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

from services.notification.channels.base import (
    Request,
    Target,
    by_status,
    compact,
    fit,
    integer_code,
    require_http,
    secrets_in,
)
from services.notification.domain.budget import Limit
from services.notification.domain.outcome import Fault, Verdict
from services.notification.domain.rendering import Draft
from shared.contracts.deliveries import Outcome
from shared.kit.errors import Invalid

MOST_BYTES = 20_000
PENALTY = timedelta(minutes=10)
_HARMLESS = str.maketrans("[]<>`", "［］＜＞‘")

_MEND_TOKEN = "机器人不存在或地址中的 access_token 无效，请在群设置中重新复制机器人地址"
_MEND_SECURITY = "机器人安全设置不符（关键词、加签密钥、IP 白名单或服务器时间），请核对后重新保存"
_MEND_CONTENT = "内容被钉钉判为不合规，请核对名称和文字后处理"


def _mend(fault: Fault, what: str) -> tuple[Outcome, Fault, str, timedelta | None]:
    return Outcome.GIVE_UP, fault, what, None


CODES: Mapping[int, tuple[Outcome, Fault, str, timedelta | None]] = {
    0: (Outcome.SENT, Fault.NONE, "", None),
    -1: (Outcome.RETRY, Fault.ROBOT, "", None),
    130101: (Outcome.COOL_DOWN, Fault.ROBOT, "", PENALTY),
    410100: (Outcome.COOL_DOWN, Fault.ROBOT, "", PENALTY),
    # The period of this quota is not published; an hour is long enough to harm nothing and short enough to notice.
    90030: (Outcome.COOL_DOWN, Fault.ROBOT, "", timedelta(hours=1)),
    310000: _mend(Fault.ROBOT, _MEND_SECURITY),
    300005: _mend(Fault.ROBOT, _MEND_TOKEN),
    400013: _mend(Fault.ROBOT, "群已解散，请更换机器人"),
    400101: _mend(Fault.ROBOT, _MEND_TOKEN),
    400102: _mend(Fault.ROBOT, "机器人已被停用，请在群设置中启用"),
    400105: _mend(Fault.MESSAGE, "消息类型不受支持，请联系系统运维"),
    400106: _mend(Fault.ROBOT, _MEND_TOKEN),
    430101: _mend(Fault.MESSAGE, _MEND_CONTENT),
    430102: _mend(Fault.MESSAGE, _MEND_CONTENT),
    430103: _mend(Fault.MESSAGE, _MEND_CONTENT),
    430104: _mend(Fault.MESSAGE, _MEND_CONTENT),
    460101: _mend(Fault.MESSAGE, "消息超过钉钉允许的长度，请联系系统运维"),
}


def sign(secret: str, *, timestamp: int) -> str:
    """The raw base64 signature of a time in milliseconds; it still has to be encoded for the address."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class DingTalk:
    name: str = "dingtalk"
    limits: tuple[Limit, ...] = (Limit(20),)
    hosts: tuple[str, ...] = ("oapi.dingtalk.com",)

    def check(self, target: Target) -> None:
        require_http(target)
        if not _token(target.url):
            raise Invalid("钉钉机器人地址中缺少 access_token，请从群设置中复制完整地址")

    def build(self, draft: Draft, target: Target, *, message_id: str, now: datetime) -> Request:
        del message_id  # DingTalk takes no key that would make a repeat harmless
        text, body = self._body(draft)
        url = _signed(target, now=now)
        return Request(
            url=url,
            headers={"content-type": "application/json; charset=utf-8"},
            body=body,
            text=f"{draft.title}\n{text}",
            secrets=_secrets(draft, target, url),
        )

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
        code, text = integer_code(body, "errcode")
        if code is None:
            return by_status(status, headers, text)
        if code not in CODES:
            return Verdict(Outcome.RETRY, str(code), text, Fault.MESSAGE, most=5)
        outcome, fault, mend, wait = CODES[code]
        return Verdict(outcome, str(code), text, fault, mend, wait)

    def _body(self, draft: Draft) -> tuple[str, bytes]:
        title = _plain(draft.title)
        tail = _tail(draft)

        def build(text: str) -> bytes:
            return compact(_payload(draft, title=title, markdown=f"### {title}\n\n{text}\n\n{tail}"))

        text, body = fit(build, "\n\n".join(_plain(line) for line in draft.lines), most=MOST_BYTES)
        return f"{text}\n\n{tail}", body


def _payload(draft: Draft, *, title: str, markdown: str) -> dict[str, object]:
    """A card has a button but cannot mention anyone: a message that mentions is markdown with the link in its text."""
    if draft.button and not draft.mentions:
        card = {"title": title, "text": markdown, "singleTitle": draft.button.label, "singleURL": draft.button.url}
        return {"msgtype": "actionCard", "actionCard": card}
    payload: dict[str, object] = {"msgtype": "markdown", "markdown": {"title": title, "text": markdown}}
    if draft.mentions:
        payload["at"] = {"atMobiles": list(draft.mentions), "isAtAll": False}
    return payload


def _tail(draft: Draft) -> str:
    if not draft.mentions:
        return draft.tail
    link = f"[{draft.button.label}]({draft.button.url})\n\n" if draft.button else ""
    return f"{link}{' '.join(f'@{mobile}' for mobile in draft.mentions)}\n\n{draft.tail}"


def _plain(text: str) -> str:
    """Names come from workbooks: they must not turn into links or markup in an official's chat."""
    return text.translate(_HARMLESS)


def _signed(target: Target, *, now: datetime) -> str:
    if not target.secret:
        return target.url
    timestamp = int(now.timestamp() * 1000)
    signature = quote(sign(target.secret, timestamp=timestamp), safe="")
    return f"{target.url}&timestamp={timestamp}&sign={signature}"


def _token(url: str) -> str:
    return next(iter(parse_qs(urlsplit(url).query).get("access_token", [])), "")


def _secrets(draft: Draft, target: Target, url: str) -> tuple[str, ...]:
    link = draft.button.url if draft.button else ""
    known = (*secrets_in(url), target.url, _token(target.url), target.secret or "", *secrets_in(link), *draft.mentions)
    return tuple(secret for secret in known if secret)
