"""What a channel is: it gives a draft the form its robots understand, and reads what they answer. No I/O.

A new channel is one file with such a class, named in `channels.CHANNELS`; the conformance suite then runs on it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import unquote, urlsplit

from services.notification.domain.budget import Limit
from services.notification.domain.outcome import Fault, Verdict
from services.notification.domain.rendering import Draft
from shared.contracts.deliveries import Outcome
from shared.kit.errors import Invalid

CUT = "…（内容过长，已截断）"
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Target:
    """Where a robot is reached. Both fields are secrets: neither is logged, kept in the ledger or given back."""

    url: str
    secret: str | None = None

    def __repr__(self) -> str:
        return "Target(…)"


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP POST, ready to leave. `text`: what people will read; `secrets`: what no record may show."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    text: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Request({len(self.body)} bytes)"


class Channel(Protocol):
    """A kind of robot."""

    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What a robot of this kind takes, unless its own record says otherwise."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The vendor's own hosts, allowed without being listed in the settings."""

    def check(self, target: Target) -> None:
        """Refuse what cannot be an address or a secret of this channel.

        Raises:
            Invalid: with what to put right, in Chinese.
        """

    def build(self, draft: Draft, target: Target, *, message_id: str, now: datetime) -> Request: ...

    def read(self, status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
        """What the robot's answer means; never raises, whatever came. Header names are in lower case."""


def require_http(target: Target) -> None:
    """
    Raises:
        Invalid: the address is not an absolute http(s) URL, or carries a user name or password.
    """
    try:
        parts = urlsplit(target.url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise Invalid("机器人地址必须是以 http:// 或 https:// 开头的完整网址")
    if parts.username or parts.password or parts.fragment:
        raise Invalid("机器人地址中不能包含用户名、密码或 # 片段")


def compact(value: object) -> bytes:
    """JSON as it goes out: Chinese stays Chinese, so that bytes are what the robot counts."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def fit(build: Callable[[str], bytes], text: str, *, most: int) -> tuple[str, bytes]:
    """The longest text, cut at a character boundary and marked as cut, whose body has at most `most` bytes."""
    body = build(text)
    kept = text
    while len(body) > most and kept:
        surplus = len(body) - most + len(CUT.encode())
        raw = kept.encode()
        kept = raw[: max(0, len(raw) - surplus)].decode(errors="ignore")
        body = build(kept + CUT)
    return (text if kept == text else kept + CUT), body


def integer_code(body: bytes, *names: str) -> tuple[int | None, str]:
    """The first of these fields that is an integer in a JSON object, and the robot's own words.

    Otherwise None and the whole text: it is cut only when its secrets are hidden. A truth value is no integer.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None, body.decode(errors="replace")
    if not isinstance(answer, dict):
        return None, body.decode(errors="replace")
    code = next((answer[name] for name in names if type(answer.get(name)) is int), None)
    words = next((answer[name] for name in ("errmsg", "msg") if isinstance(answer.get(name), str)), "")
    return code, words or body.decode(errors="replace")


def secrets_in(address: str) -> tuple[str, ...]:
    """An address and those parts of it that may be secrets by themselves, as they are written and as they are meant."""
    parts = urlsplit(address)
    pieces = (*parts.path.split("/"), *(pair.partition("=")[2] for pair in parts.query.split("&")))
    long = [piece for piece in pieces if len(piece) >= _SHORTEST_SECRET]
    return (address, *long, *map(unquote, long)) if address else ()


def by_status(status: int, headers: Mapping[str, str], text: str = "") -> Verdict:
    """What HTTP says where the body says nothing. A gateway that stopped waiting (504) does not know either."""
    code = f"http {status}"
    if status == 504:
        return Verdict(Outcome.UNKNOWN, code, text, Fault.LINE)
    if status == 429:
        return Verdict(Outcome.COOL_DOWN, code, text, Fault.ROBOT, wait=_retry_after(headers) or timedelta(minutes=1))
    if status >= 500 or status in (408, 425):
        return Verdict(Outcome.RETRY, code, text, Fault.ROBOT, wait=_retry_after(headers))
    if 300 <= status < 400:
        return Verdict(Outcome.GIVE_UP, code, text, Fault.ROBOT, "机器人地址要求跳转，为安全起见不予跟随，请填最终地址")
    if status in (401, 403, 404, 410):
        return Verdict(Outcome.GIVE_UP, code, text, Fault.ROBOT, "机器人地址已失效或无权访问，请核对地址")
    if status == 413:
        return Verdict(Outcome.GIVE_UP, code, text, Fault.MESSAGE, "消息过长，被对方拒收")
    if 400 <= status < 500:
        return Verdict(Outcome.RETRY, code, text, Fault.MESSAGE, most=3)
    return Verdict(Outcome.RETRY, code, text, Fault.ROBOT)


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    seconds = headers.get("retry-after", "")
    if not (seconds.isascii() and seconds.isdigit()) or len(seconds) > 6:
        return None
    return min(timedelta(seconds=max(1, int(seconds))), timedelta(hours=1))
