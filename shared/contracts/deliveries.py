"""What became of each message. Producer: notification. Aggregate of all: message_id."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Event

DELIVERIES = "liandu.deliveries"


class Outcome(StrEnum):
    """What an attempt came to.

    `retry`: later; `cool_down`: the robot punishes; `give_up`: somebody must mend; `unknown`: cut after the body.
    """

    SENT = "sent"
    RETRY = "retry"
    COOL_DOWN = "cool_down"
    GIVE_UP = "give_up"
    UNKNOWN = "unknown"


class DeliveryAttempted(Event):
    """One attempt. `cause_id` is the event id of the fact that asked for the message; `code` the robot's own."""

    topic: ClassVar[str] = DELIVERIES
    type: ClassVar[str] = "cn.liandu.delivery.attempted.v1"
    message_id: UUID
    number: int
    attempt: int
    channel: str
    robot: str
    outcome: Outcome
    code: str
    reason: str
    cause_id: UUID
    not_before: datetime | None = None
