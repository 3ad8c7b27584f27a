"""What the simulator asks of a protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.operator.robots.robot import Answer, Message, Robot


class Refused(Exception):
    """The robot does not take the message; `code` is the protocol's own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came in; header names in lower case."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class RobotProtocol(Protocol):
    def authenticate(self, incoming: Incoming, robot: Robot, *, now: datetime) -> None:
        """Raises Refused where the robot's security settings do not let the request in."""

    def read(self, incoming: Incoming, robot: Robot) -> Message:
        """The message; raises Refused for one that the vendor would not take."""

    def answer(self, code: int, text: str) -> Answer:
        """The answer for a code; 0 takes the message."""

    @property
    def unknown_robot(self) -> Refused: ...

    @property
    def too_fast(self) -> Refused: ...

    @property
    def throttled(self) -> Refused: ...


def text_of(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    return value if isinstance(value, str) else ""
