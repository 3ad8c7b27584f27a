"""What notification is told by its environment."""

from typing import Annotated

from pydantic import field_validator
from pydantic_settings import NoDecode

from services.notification.targets import Targets
from shared.kit.settings import ServiceSettings

_THIS_MACHINE = ("127.0.0.1", "localhost")


class NotificationSettings(ServiceSettings):
    """`allowed_targets`: hosts (with or without port, `*.` for a domain) that webhooks and robots may be sent to,
    beside the vendors' own; `allow_private_targets` admits loopback, private addresses and plain http. Left out, both
    are closed in production, and elsewhere admit this machine."""

    port: int = 8103
    database_pool: int = 12
    allowed_targets: Annotated[tuple[str, ...], NoDecode] = ()
    allow_private_targets: bool | None = None
    link_days: int = 30
    """How long a signed link works, in days of the platform's time."""
    concurrent_robots: int = 64
    """How many robots one process sends to at once."""
    robot_answer_seconds: float = 10
    """How long a robot may take to answer, in real seconds; after it the outcome is unknown."""

    def targets(self) -> Targets:
        trying = self.env != "production"
        private = trying if self.allow_private_targets is None else self.allow_private_targets
        return Targets((*self.allowed_targets, *(_THIS_MACHINE if trying else ())), private)

    @field_validator("allowed_targets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
