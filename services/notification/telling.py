"""From a message row to what leaves: names as of today, the signed link, the channel's form."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.channels import CHANNELS
from services.notification.channels.base import Channel, Request
from services.notification.domain.outcome import Fault, Verdict
from services.notification.domain.redaction import redact
from services.notification.domain.rendering import (
    TOLD,
    Draft,
    Names,
    Told,
    asks_acknowledgement,
    render,
    render_test,
)
from services.notification.store import directory
from services.notification.store.messages import TEST, Message
from services.notification.store.robots import Robot
from services.notification.targets import Keyring
from shared.contracts.deliveries import Outcome
from shared.contracts.ids import rung_id
from shared.contracts.topics import EVENT_TYPES
from shared.kit.clock import CHINA
from shared.kit.telemetry import log
from shared.kit.vault import CannotOpen
from shared.kit.web.links import Link, sign_link

ACKNOWLEDGE = "acknowledge"
_BELATED = timedelta(days=1)
_NO_KEY = "机器人地址无法解密，请重新登记该机器人"
_UNTELLABLE = "消息无法生成，请联系系统运维"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the signed addresses behind 签收; without secrets or a public address messages carry none."""

    public_url: str | None
    secrets: Sequence[str] = field(repr=False)
    good_for: timedelta

    def acknowledge(self, message: Message, *, now: datetime) -> str | None:
        if not (self.public_url and self.secrets and message.case_id):
            return None
        subjects = (message.case_id, rung_id(message.case_id, message.rung or 0))
        link = Link(ACKNOWLEDGE, subjects, str(message.number), now + self.good_for)
        return f"{self.public_url.rstrip('/')}/links/{sign_link(link, secrets=self.secrets)}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that was claimed. Either a request to send, or the verdict on one that could not even be made."""

    message: Message
    robot: Robot
    channel: Channel
    attempt: int
    request: Request | None
    verdict: Verdict | None = None

    @property
    def text(self) -> str:
        """What people can read of it, without secrets, live links and telephone numbers."""
        return redact(self.request.text, self.request.secrets) if self.request else ""

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.request.body if self.request else b"").digest()

    def redacted(self, text: str) -> str:
        return redact(text, self.request.secrets) if self.request else text


@dataclass(frozen=True, slots=True)
class Teller:
    """Gives claimed messages their words and form."""

    keys: Keyring
    links: Links

    async def tell(
        self, claimed: Sequence[Message], robots: dict[str, Robot], *, now: datetime, conn: AsyncConnection
    ) -> list[Outgoing]:
        """What is to leave for these messages, in order; one that cannot be told is told apart, never raised."""
        events = {message.id: told(message) for message in claimed}
        names = await self._names(claimed, [event for event in events.values() if event], now=now, conn=conn)
        return [
            self._outgoing(message, events[message.id], robots[message.robot or ""], names, now=now)
            for message in claimed
        ]

    async def _names(
        self, claimed: Sequence[Message], events: Collection[Told], *, now: datetime, conn: AsyncConnection
    ) -> Names:
        subjects = [event.subject for event in events]
        listeners = {listener.post_id for message in claimed for listener in message.listeners}
        return await directory.names(
            posts=listeners | {subject.responsible_post_id for subject in subjects},
            chains={subject.chain_id for subject in subjects},
            organisations={subject.responsible_org_id for subject in subjects},
            on_day=now.astimezone(CHINA).date(),
            unseal=self._mobile,
            conn=conn,
        )

    def _mobile(self, person_id: UUID, sealed: bytes) -> str | None:
        try:
            return self.keys.open_mobile(person_id, sealed)
        except CannotOpen:
            log.warning("a mobile number cannot be unsealed; nobody is mentioned", person=str(person_id))
            return None

    def _outgoing(self, message: Message, event: Told | None, robot: Robot, names: Names, *, now: datetime) -> Outgoing:
        channel = CHANNELS[robot.channel]
        attempt = message.attempts + 1
        try:
            draft = self._draft(message, event, robot, names, now=now)
            target = self.keys.open_target(robot.id, robot.target)
            request = channel.build(draft, target, message_id=str(message.id), now=now)
        except CannotOpen:
            verdict = Verdict(Outcome.GIVE_UP, "vault", "the address cannot be unsealed", Fault.ROBOT, _NO_KEY)
            return Outgoing(message, robot, channel, attempt, None, verdict)
        except Exception as error:
            log.error("a message cannot be told", number=message.number, kind=message.kind, error=type(error).__name__)
            verdict = Verdict(Outcome.GIVE_UP, "telling", type(error).__name__, Fault.MESSAGE, _UNTELLABLE)
            return Outgoing(message, robot, channel, attempt, None, verdict)
        return Outgoing(message, robot, channel, attempt, request)

    def _draft(self, message: Message, event: Told | None, robot: Robot, names: Names, *, now: datetime) -> Draft:
        repeat = message.tries.perhaps_seen
        if message.kind == TEST:
            return render_test(number=message.number, robot=robot.name, repeat=repeat)
        if event is None:
            raise ValueError(f"nothing is known to say about {message.kind}")
        asks = asks_acknowledgement(event, message.listeners)
        late = now - message.decided_at > _BELATED
        return render(
            event,
            message.listeners,
            names,
            number=message.number,
            decided_on=message.decided_at.astimezone(CHINA).date(),
            link=self.links.acknowledge(message, now=now) if asks else None,
            repeat=repeat,
            belated_on=now.astimezone(CHINA).date() if late else None,
        )


def told(message: Message) -> Told | None:
    """The fact behind a message; None for a test, or for a row that a later or damaged writer left."""
    kind = EVENT_TYPES.get(message.kind)
    try:
        event = kind.model_validate(message.event) if kind else None
    except ValueError:
        return None
    return event if isinstance(event, TOLD) else None
