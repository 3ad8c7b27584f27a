"""The groups, what they were sent, and what the robots answered; everything in order, with platform time."""

import base64
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from services.operator.robots.protocols.base import Incoming, Refused, RobotProtocol
from services.operator.robots.protocols.dingtalk import DingTalk
from services.operator.robots.protocols.webhook import PREFIX, StandardWebhook
from services.operator.robots.robot import Answer, Button, Fault, Message, Protocol, Robot, Window

PROTOCOLS: dict[Protocol, RobotProtocol] = {Protocol.DINGTALK: DingTalk(), Protocol.WEBHOOK: StandardWebhook()}
KEPT = 20_000
"""Receipts kept in memory; the journal keeps all."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request and what became of it. `code`: the protocol's own; `accepted`: the group has it; `cut`: see Fault.

    `message` where it could be read; `body` as it came in; `message_id`: a webhook's own.
    """

    number: int
    at: datetime
    robot: str
    protocol: Protocol
    status: int
    code: str
    reason: str
    accepted: bool
    cut: str | None = None
    message_id: str | None = None
    message: Message | None = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """What to send back, unless the connection is cut."""

    answer: Answer
    cut: str | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """What a robot is to be; what is left out is made, or kept from before."""

    name: str
    title: str
    protocol: Protocol = Protocol.DINGTALK
    token: str | None = None
    secret: str | None = None
    signed: bool = True
    keywords: tuple[str, ...] = ()
    limit: int | None = None
    window_seconds: int = 60
    penalty_seconds: int = 600


class Simulator:
    """In memory; with a journal also on disk, and again from there after a restart."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        journal: Path | None = None,
        heard: Callable[[Robot, Receipt], None] = lambda robot, receipt: None,
    ) -> None:
        self.robots: dict[str, Robot] = {}
        self.receipts: deque[Receipt] = deque(maxlen=KEPT)
        self._faults: dict[str, deque[Fault]] = {}
        self._windows: dict[str, Window] = {}
        self._last = 0
        self._now = now
        self._heard = heard
        self._journal = journal
        if journal is not None and journal.exists():
            self._remember(journal)

    def define(self, wanted: Definition) -> Robot:
        """Make a robot, or change the one of this name; its token and secret stay unless new ones are given."""
        present = self.robots.get(wanted.name)
        secret = wanted.secret or (present.secret if present else None) or _new_secret(wanted.protocol)
        limit = 20 if wanted.protocol is Protocol.DINGTALK else 0
        robot = Robot(
            name=wanted.name,
            title=wanted.title,
            protocol=wanted.protocol,
            token=wanted.token or (present.token if present else secrets.token_hex(32)),
            secret=secret if wanted.signed or wanted.protocol is Protocol.WEBHOOK else None,
            keywords=wanted.keywords,
            limit=limit if wanted.limit is None else wanted.limit,
            window_seconds=wanted.window_seconds,
            penalty_seconds=wanted.penalty_seconds,
        )
        self.robots[robot.name] = robot
        self._write({"robot": asdict(robot)})
        return robot

    def script(self, robot: str, faults: Sequence[Fault]) -> None:
        """What goes wrong with the next requests, one after the other; replaces what was left of an earlier script."""
        self._faults[robot] = deque(faults)

    def scripted(self, robot: str) -> Fault | None:
        """The fault of the next request, taken off the script."""
        faults = self._faults.get(robot)
        return faults.popleft() if faults else None

    def with_token(self, token: str) -> Robot | None:
        found = (each for each in self.robots.values() if each.protocol is Protocol.DINGTALK and each.token == token)
        return next(found, None)

    def receive(self, robot: Robot, incoming: Incoming, fault: Fault | None) -> Response:
        """Take a request, or refuse it; either way it has a receipt."""
        protocol = PROTOCOLS[robot.protocol]
        if fault and fault.cut == "before":
            self._keep(robot, incoming, Answer(0, "", {}), "the connection was cut before", cut="before")
            return Response(Answer(0, "", {}), cut="before")
        if fault and (fault.status is not None or fault.errcode is not None):
            answer = _scripted_answer(protocol, fault)
            self._keep(robot, incoming, answer, "scripted")
            return Response(answer)
        cut = fault.cut if fault else None
        try:
            message = self._admitted(robot, protocol, incoming)
        except Refused as refused:
            answer = protocol.answer(refused.code, refused.text)
            self._keep(robot, incoming, answer, refused.text, cut=cut)
            return Response(answer, cut)
        answer = protocol.answer(0, "ok")
        self._keep(robot, incoming, answer, "", message=message, cut=cut)
        return Response(answer, cut)

    def refuse_stranger(self, protocol: Protocol) -> Answer:
        """The answer to a token or a name that no robot has."""
        refused = PROTOCOLS[protocol].unknown_robot
        return PROTOCOLS[protocol].answer(refused.code, refused.text)

    def after(self, number: int, *, robot: str | None, accepted: bool | None, limit: int) -> list[Receipt]:
        """Receipts that came after one, in order."""
        found = (
            receipt
            for receipt in self.receipts
            if receipt.number > number and robot in (None, receipt.robot) and accepted in (None, receipt.accepted)
        )
        return [receipt for receipt, _ in zip(found, range(limit), strict=False)]

    def _admitted(self, robot: Robot, protocol: RobotProtocol, incoming: Incoming) -> Message:
        """The message, if security settings, form and limit let it pass."""
        now = self._now()
        protocol.authenticate(incoming, robot, now=now)
        window = self._windows.setdefault(robot.name, Window())
        if window.is_punished(now):
            raise protocol.throttled
        message = protocol.read(incoming, robot)
        if not window.admit(robot, now):
            raise protocol.too_fast
        return message

    def _keep(
        self,
        robot: Robot,
        incoming: Incoming,
        answer: Answer,
        reason: str,
        *,
        message: Message | None = None,
        cut: str | None = None,
    ) -> None:
        self._last += 1
        receipt = Receipt(
            number=self._last,
            at=self._now(),
            robot=robot.name,
            protocol=robot.protocol,
            status=answer.status,
            code=answer.code,
            reason=reason,
            accepted=answer.accepted,
            cut=cut,
            message_id=incoming.headers.get("webhook-id"),
            message=message,
            body=incoming.body.decode(errors="replace"),
        )
        self.receipts.append(receipt)
        self._write({"receipt": asdict(receipt)})
        self._heard(robot, receipt)

    def _write(self, entry: dict[str, Any]) -> None:
        if self._journal is None:
            return
        if not self._journal.exists():
            self._journal.touch(mode=0o600)  # it holds the robots' secrets
        with self._journal.open("ab") as file:
            file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def _remember(self, journal: Path) -> None:
        """Read the journal; a last line that a crash cut short is taken off."""
        with journal.open("rb+") as file:
            for line in iter(file.readline, b""):
                if not line.endswith(b"\n"):
                    file.truncate(file.tell() - len(line))
                    break
                entry = orjson.loads(line)
                if "robot" in entry:
                    robot = _robot(entry["robot"])
                    self.robots[robot.name] = robot
                else:
                    self.receipts.append(_receipt(entry["receipt"]))
                    self._last = self.receipts[-1].number


def _new_secret(protocol: Protocol) -> str:
    if protocol is Protocol.WEBHOOK:
        return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    return "SEC" + secrets.token_hex(32)


def _scripted_answer(protocol: RobotProtocol, fault: Fault) -> Answer:
    if fault.status is not None:
        return Answer(fault.status, f"http {fault.status}", {"error": "scripted"})
    return replace(protocol.answer(fault.errcode or -1, "scripted"), accepted=False)


def _robot(data: dict[str, Any]) -> Robot:
    return Robot(**{**data, "protocol": Protocol(data["protocol"]), "keywords": tuple(data["keywords"])})


def _receipt(data: dict[str, Any]) -> Receipt:
    message = data["message"]
    if message:
        buttons = tuple(Button(**button) for button in message["buttons"])
        message = Message(**{**message, "buttons": buttons, "mentions": tuple(message["mentions"])})
    at = datetime.fromisoformat(data["at"])
    return Receipt(**{**data, "at": at, "protocol": Protocol(data["protocol"]), "message": message})
