"""A message's life as one table, and its number for people."""

from datetime import date
from enum import StrEnum

from shared.kit.errors import Conflict

_PER_YEAR = 10_000_000


class State(StrEnum):
    UNROUTABLE = "unroutable"
    QUEUED = "queued"
    SENT = "sent"
    UNDELIVERED = "undelivered"


class Verb(StrEnum):
    ROUTE = "route"
    DELAY = "delay"
    DELIVER = "deliver"
    FAIL = "fail"
    REDRIVE = "redrive"


STATE_NAMES = {
    State.UNROUTABLE: "无发送通道",
    State.QUEUED: "待发送",
    State.SENT: "已送达",
    State.UNDELIVERED: "未送达",
}

TRANSITIONS: dict[tuple[State, Verb], State] = {
    (State.UNROUTABLE, Verb.ROUTE): State.QUEUED,
    (State.QUEUED, Verb.DELAY): State.QUEUED,
    (State.QUEUED, Verb.DELIVER): State.SENT,
    (State.QUEUED, Verb.FAIL): State.UNDELIVERED,
    (State.UNDELIVERED, Verb.REDRIVE): State.QUEUED,
}


class VerbNotAllowed(Conflict):
    """The message is not in a state that allows this."""


def move(state: State, verb: Verb) -> State:
    """The state after a verb.

    Raises:
        VerbNotAllowed: the table has no such transition.
    """
    if (state, verb) not in TRANSITIONS:
        raise VerbNotAllowed(f"消息当前为“{STATE_NAMES[state]}”，不能执行该操作", state=state.value, verb=verb.value)
    return TRANSITIONS[state, verb]


def number_of(year: int, ordinal: int) -> int:
    """The message's number: the year and its gapless ordinal in it, e.g. 20260000012 for the twelfth of 2026."""
    if not 0 < ordinal < _PER_YEAR:
        raise ValueError(f"ordinal {ordinal} does not fit a message number")
    return year * _PER_YEAR + ordinal


def chinese_date(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
