"""A robot of a group, its messages, and its limit, penalised as the vendor does."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Protocol(StrEnum):
    DINGTALK = "dingtalk"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Robot:
    """A robot as it is defined.

    `name` names it here; `token` is in its address; `secret`: messages must be signed with it; `keywords`: one of them
    must stand in the message. `limit` messages in `window_seconds`, beyond it none for `penalty_seconds`; 0: no limit.
    """

    name: str
    title: str
    protocol: Protocol
    token: str
    secret: str | None = None
    keywords: tuple[str, ...] = ()
    limit: int = 20
    window_seconds: int = 60
    penalty_seconds: int = 600


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the group sees it; `text` is in the protocol's markdown where `is_markdown`."""

    kind: str
    title: str
    text: str
    is_markdown: bool = False
    buttons: tuple[Button, ...] = ()
    mentions: tuple[str, ...] = ()
    mentions_all: bool = False

    def everything(self) -> str:
        """All that a keyword may stand in."""
        return "\n".join([self.title, self.text, *(button.label for button in self.buttons)])


@dataclass(frozen=True, slots=True)
class Answer:
    """What the robot answers; `code` is the protocol's own, as text."""

    status: int
    code: str
    body: dict[str, Any]
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one request. `cut`: the connection breaks `before` the robot takes it, or `after`.

    `delay_seconds` are real seconds, and may stand with any of the others or alone.
    """

    errcode: int | None = None
    status: int | None = None
    delay_seconds: float = 0
    cut: str | None = None


@dataclass
class Window:
    """How much a robot was sent lately, and until when it is punished. Platform time."""

    sent: deque[datetime] = field(default_factory=deque)
    punished_until: datetime | None = None

    def is_punished(self, now: datetime) -> bool:
        return self.punished_until is not None and now < self.punished_until

    def admit(self, robot: Robot, now: datetime) -> bool:
        """Count one more; False where it is one too many: then the punishment begins."""
        start = now - timedelta(seconds=robot.window_seconds)
        while self.sent and not start < self.sent[0] <= now:
            self.sent.popleft()
        if robot.limit and len(self.sent) >= robot.limit:
            self.punished_until = now + timedelta(seconds=robot.penalty_seconds)
            self.sent.clear()
            return False
        self.sent.append(now)
        return True
