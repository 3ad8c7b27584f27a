"""延期: a later due day, asked for in time, reviewed by one person and approved by another. One waits at a time."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.supervision import (
    ExtensionEvent,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    ExtensionReviewed,
    ExtensionWithdrawn,
)

MOST_GRANTED = 2
"""How often one obligation is extended."""
LONGEST_DAYS = 60
"""By how many working days at most each time (a quarter)."""


class State(StrEnum):
    """`requested` waits for the reviewer, `reviewed` for the supervisor."""

    REQUESTED = "requested"
    REVIEWED = "reviewed"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Verb(StrEnum):
    REVIEW = "review"
    GRANT = "grant"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


TABLE: Mapping[State, Mapping[Verb, State]] = {
    State.REQUESTED: {
        Verb.REVIEW: State.REVIEWED,
        Verb.REFUSE: State.REFUSED,
        Verb.WITHDRAW: State.WITHDRAWN,
    },
    State.REVIEWED: {
        Verb.GRANT: State.GRANTED,
        Verb.REFUSE: State.REFUSED,
        Verb.WITHDRAW: State.WITHDRAWN,
    },
    State.GRANTED: {},
    State.REFUSED: {},
    State.WITHDRAWN: {},
}
WAITING = frozenset({State.REQUESTED, State.REVIEWED})


class Who(NamedTuple):
    """Who did it: `by` as the history shows it (`name <login>`), and the person of the programme, where it is one."""

    by: str
    person_id: UUID | None = None

    def is_same(self, other: "Who") -> bool:
        """One person with two logins is one person, and so is one login under two names."""
        if self.person_id is not None and self.person_id == other.person_id:
            return True
        return _login(self.by) == _login(other.by)


class Extension(NamedTuple):
    """`due_before`: the due day when it was asked for. `granted_before`: how many of the obligation were granted until
    then. `decision`: what was said at the end, whoever ended it."""

    number: int
    asked_at: datetime
    asked: Who
    reason: str
    progress: str
    due_before: date
    due_on: date
    granted_before: int = 0
    state: State = State.REQUESTED
    reviewed: Who | None = None
    reviewed_on: date | None = None
    review: str = ""
    decided: Who | None = None
    decided_on: date | None = None
    decision: str = ""

    @property
    def waits(self) -> bool:
        return self.state in WAITING

    @property
    def granted(self) -> int:
        """How many of the obligation have been granted, this one included."""
        return self.granted_before + (self.state is State.GRANTED)

    def allows(self, verb: Verb) -> bool:
        return verb in TABLE[self.state]


def withdraw(extension: Extension | None, obligation_id: UUID, *, reason: str) -> list[ExtensionWithdrawn]:
    """What asked for another day is over: nothing is left to be decided."""
    if extension is None or not extension.allows(Verb.WITHDRAW):
        return []
    return [ExtensionWithdrawn(obligation_id=obligation_id, number=extension.number, reason=reason)]


def evolve(extension: Extension | None, event: ExtensionEvent, *, on: date) -> Extension:
    """The newest extension after an event of the day `on`."""
    if isinstance(event, ExtensionRequested):
        return _requested(event, extension.granted if extension else 0)
    assert extension is not None
    return _EVOLVE[type(event)](extension, event, on)


def _requested(event: ExtensionRequested, granted_before: int) -> Extension:
    return Extension(
        number=event.number,
        asked_at=event.asked_at,
        asked=Who(event.by, event.person_id),
        reason=event.reason,
        progress=event.progress,
        due_before=event.due_before,
        due_on=event.due_on,
        granted_before=granted_before,
    )


def _reviewed(extension: Extension, event: ExtensionReviewed, on: date) -> Extension:
    who = Who(event.by, event.person_id)
    return extension._replace(state=State.REVIEWED, reviewed=who, reviewed_on=on, review=event.remark)


def _granted(extension: Extension, event: ExtensionGranted, on: date) -> Extension:
    who = Who(event.by, event.person_id)
    return extension._replace(state=State.GRANTED, decided=who, decided_on=on, decision=event.remark)


def _refused(extension: Extension, event: ExtensionRefused, on: date) -> Extension:
    who = Who(event.by, event.person_id)
    return extension._replace(state=State.REFUSED, decided=who, decided_on=on, decision=event.reason)


def _withdrawn(extension: Extension, event: ExtensionWithdrawn, on: date) -> Extension:
    return extension._replace(state=State.WITHDRAWN, decided_on=on, decision=event.reason)


def _login(by: str) -> str:
    return by.rsplit("<", 1)[-1]


_EVOLVE: Mapping[type[ExtensionEvent], Callable[[Extension, Any, date], Extension]] = {
    ExtensionReviewed: _reviewed,
    ExtensionGranted: _granted,
    ExtensionRefused: _refused,
    ExtensionWithdrawn: _withdrawn,
}
