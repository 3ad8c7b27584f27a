"""The states of a case, what each allows, and what is kept of one."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.assessment.domain.rules import NotNow, Rules
from shared.contracts.supervision import CaseEvent, CaseOpened
from shared.kit.errors import Conflict, NotFound

Events = list[CaseEvent]


class State(StrEnum):
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Ending(StrEnum):
    """How far a closed case has come: 办结, 销号, 归档."""

    COMPLETED = "completed"
    STRUCK_OFF = "struck_off"
    ARCHIVED = "archived"


class Verb(StrEnum):
    ESCALATE = "escalate"
    ACKNOWLEDGE = "acknowledge"
    GIVE_FEEDBACK = "give_feedback"
    SEND_BACK = "send_back"
    SUSPEND = "suspend"
    RESUME = "resume"
    RESCHEDULE = "reschedule"
    EXTEND = "extend"
    CLOSE = "close"
    REOPEN = "reopen"
    ASSIGN = "assign"
    SETTLE = "settle"
    MOVE_TO_POLICY = "move_to_policy"
    STRIKE_OFF = "strike_off"
    ARCHIVE = "archive"
    RESTORE = "restore"


TABLE: Mapping[State, Mapping[Verb, State]] = {
    State.OPEN: {
        Verb.ESCALATE: State.OPEN,
        Verb.ACKNOWLEDGE: State.OPEN,
        Verb.GIVE_FEEDBACK: State.OPEN,
        Verb.SEND_BACK: State.OPEN,
        Verb.SUSPEND: State.SUSPENDED,
        Verb.RESCHEDULE: State.OPEN,
        Verb.EXTEND: State.OPEN,
        Verb.CLOSE: State.CLOSED,
        Verb.ASSIGN: State.OPEN,
        Verb.SETTLE: State.CLOSED,
        Verb.MOVE_TO_POLICY: State.OPEN,
    },
    State.SUSPENDED: {
        Verb.RESUME: State.OPEN,
        Verb.CLOSE: State.CLOSED,
        Verb.ASSIGN: State.SUSPENDED,
    },
    State.CLOSED: {
        Verb.REOPEN: State.OPEN,
        Verb.RESTORE: State.OPEN,
        Verb.STRIKE_OFF: State.CLOSED,
        Verb.ARCHIVE: State.CLOSED,
    },
}


ENDINGS: Mapping[Ending, Mapping[Verb, Ending | None]] = {
    Ending.COMPLETED: {Verb.STRIKE_OFF: Ending.STRUCK_OFF, Verb.RESTORE: None, Verb.REOPEN: None},
    Ending.STRUCK_OFF: {Verb.ARCHIVE: Ending.ARCHIVED, Verb.RESTORE: None, Verb.REOPEN: None},
    Ending.ARCHIVED: {Verb.REOPEN: None},
}
"""Of a closed case: the ending that a verb leads to; None where it is open again."""


class CaseIsClosed(NotNow):
    """Nothing is left to do: the matter was settled."""


class CaseIsArchived(CaseIsClosed):
    """Nobody changes anything any more."""


class CaseIsSuspended(NotNow):
    """The project is held: nothing climbs, so there is nothing to stop."""


class AlreadyAcknowledged(Conflict):
    """This rung was acknowledged before; once for each rung."""

    def __init__(self, case_id: UUID, rung: int) -> None:
        super().__init__("本级督办已签收", case_id=str(case_id), rung=rung)


class NoSuchFeedback(NotFound):
    def __init__(self, case_id: UUID, number: int) -> None:
        super().__init__("没有该反馈", case_id=str(case_id), feedback=number)


class AlreadySentBack(Conflict):
    """This feedback was sent back before."""

    def __init__(self, case_id: UUID, number: int) -> None:
        super().__init__("该反馈已退办", case_id=str(case_id), feedback=number)


class Feedback(NamedTuple):
    """What is kept of one 反馈. `until`: the day until which it holds the climb; None when it holds nothing."""

    number: int
    post_id: UUID | None = None
    until: date | None = None
    sent_back: bool = False


class Plain(NamedTuple):
    """How the ladder would stand without the feedback given at this rung: from what its next rung is counted, and until
    the morning of what day it would be held."""

    anchor_on: date
    anchor_days: int
    held_on: date | None = None

    def due_on(self, case: "Case", rules: Rules) -> date:
        """The day of the next rung: as counted, but not on the day of the present one."""
        due_on = rules.calendar.add(self.anchor_on, self.anchor_days).day
        return due_on if case.rung_on is None else max(due_on, rules.calendar.add(case.rung_on, 1).day)

    def due_later(self, days: int, case: "Case", rules: Rules) -> "Plain":
        """The same with the next rung so many working days later."""
        following = rules.calendar.add(self.due_on(case, rules), days).day
        return self._replace(anchor_days=rules.calendar.between(self.anchor_on, following))


class Case(NamedTuple):
    """`rung_on`: the day the present rung was reached. `next_at`: when the next is due; None at the top.

    `anchor_on` and `anchor_days`: the day and the working days after it that `next_at` was counted from, so that a
    year's calendar, when it comes, can count again. `held_until`: until when 签收 or 反馈 stop the climb. `plain`: how
    it would stand without the feedback of this rung; None where none holds. `lead_org_id`: None for the project's
    responsible unit. `restored`: 督查室 took it up again, so that 督查室 closes it.
    """

    id: UUID
    obligation_id: UUID
    project_id: UUID
    number: str
    policy_version: str
    due_on: date
    opened_at: datetime
    state: State = State.OPEN
    rung: int = 0
    rung_on: date | None = None
    next_at: datetime | None = None
    anchor_on: date | None = None
    anchor_days: int = 0
    acknowledged: bool = False
    held_until: datetime | None = None
    suspended_on: date | None = None
    provisional: bool = False
    closed_on: date | None = None
    close_reason: str = ""
    rule_set: str = ""
    ending: Ending | None = None
    feedback: tuple[Feedback, ...] = ()
    plain: Plain | None = None
    lead_org_id: UUID | None = None
    assisting_org_ids: tuple[UUID, ...] = ()
    restored: bool = False

    def allows(self, verb: Verb) -> bool:
        return verb in TABLE[self.state] and (self.ending is None or verb in ENDINGS[self.ending])


def begin(opened: CaseOpened, *, at: datetime) -> Case:
    """The case that `CaseOpened` of the instant `at` makes."""
    return Case(
        id=opened.case_id,
        obligation_id=opened.obligation_id,
        project_id=opened.subject.project_id,
        number=opened.number,
        policy_version=opened.policy_version,
        rule_set=opened.rule_set,
        due_on=opened.subject.due_on,
        opened_at=at,
    )


def require(case: Case, verb: Verb) -> None:
    """Raises CaseIsClosed, CaseIsArchived, CaseIsSuspended where the verb has no place."""
    if case.allows(verb):
        return
    if case.ending is Ending.ARCHIVED:
        raise CaseIsArchived("督办件已归档，不能再更改", state=case.state, verb=verb)
    if case.state is State.CLOSED:
        raise CaseIsClosed("督办件已办结", state=case.state, verb=verb, reason=case.close_reason)
    if case.state is State.SUSPENDED:
        raise CaseIsSuspended("项目停缓建期间督办暂停", state=case.state, verb=verb)
