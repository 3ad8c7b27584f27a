"""What every event is: a frozen model that knows its type (which ends in its version) and its topic."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Payload(BaseModel):
    """A part of an event. Readers ignore fields they do not know, so a producer may add optional ones."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Payload):
    """The data of one fact. `type` is the CloudEvents type, `topic` where it is published."""

    type: ClassVar[str]
    topic: ClassVar[str]
