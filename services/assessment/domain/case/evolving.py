"""A case after each of its events."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from services.assessment.domain import moments
from services.assessment.domain.case.holding import (
    acknowledged_plainly,
    next_number,
    plainly,
    plainly_extended,
    plainly_resumed,
    released,
    shifted_feedback,
    shifted_hold,
    standing,
)
from services.assessment.domain.case.ladder import due_after
from services.assessment.domain.case.state import Case, Ending, Feedback, State
from services.assessment.domain.rules import Rules
from shared.contracts.case_documents import CaseDocumentSigned, CaseTalkHeld
from shared.contracts.supervision import (
    CaseAcknowledged,
    CaseArchived,
    CaseAssigned,
    CaseClosed,
    CaseEscalated,
    CaseEvent,
    CaseExtended,
    CaseFeedbackGiven,
    CaseFeedbackSentBack,
    CaseMovedToPolicy,
    CaseOpened,
    CaseReopened,
    CaseRescheduled,
    CaseRestored,
    CaseSettled,
    CaseStruckOff,
)
from shared.kit.working_days import WorkingCalendar


def evolve(case: Case, event: CaseEvent, rules: Rules, *, on: date) -> Case:
    """The case after an event of the day `on`; `rules`: those it began with, for what `next_at` is counted from."""
    return _EVOLVE[type(event)](case, event, rules, on)


def _anchored(next_at: datetime | None, anchor_on: date | None, calendar: WorkingCalendar) -> dict[str, Any]:
    """The changes that say when the next rung is due, and what that was counted from."""
    if next_at is None or anchor_on is None:
        return {"next_at": next_at}
    days = calendar.between(anchor_on, moments.china_date(next_at))
    return {"next_at": next_at, "anchor_on": anchor_on, "anchor_days": days}


def _escalated(case: Case, event: CaseEscalated, rules: Rules, on: date) -> Case:
    # What is announced may be later than what is due: the state keeps the latter, for the rungs above count from it.
    reached = rules.policy.rung(event.rung)
    following = due_after(reached, event.due_at, rules)[0] if reached else None
    return case._replace(
        rung=event.rung,
        rung_on=on,
        acknowledged=False,
        held_until=None,
        provisional=event.provisional,
        feedback=released(case.feedback),
        plain=None,
        **_anchored(following, moments.china_date(event.due_at), rules.calendar),
    )


def _acknowledged(case: Case, event: CaseAcknowledged, rules: Rules, on: date) -> Case:
    held = max(filter(None, (case.held_until, event.holds_until)), default=None)
    anchor, plain = case.anchor_on, case.plain
    if plain is not None and event.holds_until is not None:
        plain = acknowledged_plainly(case, plain, moments.china_date(event.holds_until), rules, on)
        anchor = plain.anchor_on if event.next_at == rules.morning(plain.due_on(case, rules)) else anchor
    return case._replace(
        acknowledged=True, held_until=held, plain=plain, **_anchored(event.next_at, anchor, rules.calendar)
    )


def _feedback_given(case: Case, event: CaseFeedbackGiven, rules: Rules, _: date) -> Case:
    held = max(case.held_until or event.holds_until, event.holds_until)
    anchor = event.commitment_on if event.next_at == event.holds_until else case.anchor_on
    given = Feedback(event.feedback or next_number(case), event.post_id, event.commitment_on)
    return case._replace(
        held_until=held,
        feedback=(*case.feedback, given),
        plain=case.plain or plainly(case),
        **_anchored(event.next_at, anchor, rules.calendar),
    )


def _sent_back(case: Case, event: CaseFeedbackSentBack, rules: Rules, on: date) -> Case:
    feedback = tuple(
        one._replace(sent_back=True, until=None) if one.number == event.feedback else one for one in case.feedback
    )
    plain = case.plain
    changes: dict[str, Any] = {"next_at": event.next_at}
    if plain is not None:
        is_plain = event.next_at == rules.morning(plain.due_on(case, rules))
        changes = _anchored(event.next_at, plain.anchor_on if is_plain else on, rules.calendar)
    return case._replace(
        held_until=event.holds_until,
        feedback=feedback,
        plain=plain if standing(feedback) else None,
        **changes,
    )


def _extended(case: Case, event: CaseExtended, rules: Rules, _: date) -> Case:
    return case._replace(
        due_on=event.due_on,
        held_until=max(case.held_until or event.holds_until, event.holds_until),
        provisional=event.provisional,
        plain=plainly_extended(case, case.plain, event, rules) if case.plain else None,
        **_anchored(event.next_at, event.due_on, rules.calendar),
    )


def _moved_to_policy(case: Case, event: CaseMovedToPolicy, rules: Rules, on: date) -> Case:
    plain = case.plain.due_later(event.later_by_days, case, rules) if case.plain and event.next_at else None
    return case._replace(
        policy_version=event.policy_version,
        rule_set=event.rule_set,
        provisional=event.provisional,
        plain=plain,
        **_anchored(event.next_at, case.anchor_on or on, rules.calendar),
    )


def _rescheduled(case: Case, event: CaseRescheduled, rules: Rules, on: date) -> Case:
    if event.suspended:
        return case._replace(state=State.SUSPENDED, suspended_on=on)
    if case.state is State.OPEN:
        return _recounted(case, event, rules)
    stood = max(0, rules.calendar.between(case.suspended_on or on, on))
    return case._replace(
        state=State.OPEN,
        suspended_on=None,
        held_until=shifted_hold(case, rules.calendar, on),
        feedback=shifted_feedback(case.feedback, rules.calendar, stood),
        plain=plainly_resumed(case, case.plain, rules, stood) if case.plain else None,
        provisional=event.provisional,
        **_anchored(event.next_at, case.anchor_on, rules.calendar),
    )


def _recounted(case: Case, event: CaseRescheduled, rules: Rules) -> Case:
    # As in `_escalated`: what is due stays, however late it is by now.
    assert case.anchor_on is not None
    due_at = rules.morning(rules.calendar.add(case.anchor_on, case.anchor_days).day)
    return case._replace(next_at=due_at, provisional=event.provisional)


def _closed(case: Case, event: CaseClosed, rules: Rules, _: date) -> Case:
    held_since = case.suspended_on or event.closed_on  # what a hold took until then is left, should it be reopened
    stood = max(0, rules.calendar.between(held_since, event.closed_on))
    return case._replace(
        anchor_days=case.anchor_days + stood,
        state=State.CLOSED,
        next_at=None,
        held_until=None,
        suspended_on=None,
        feedback=released(case.feedback),
        plain=None,
        closed_on=event.closed_on,
        close_reason=event.reason,
        ending=Ending.COMPLETED,
        restored=False,
    )


def _assigned(case: Case, event: CaseAssigned, _: Rules, __: date) -> Case:
    return case._replace(lead_org_id=event.lead_org_id, assisting_org_ids=event.assisting_org_ids)


def _reopened(case: Case, event: CaseReopened, rules: Rules, on: date) -> Case:
    is_same = case.due_on == event.subject.due_on
    return case._replace(
        due_on=event.subject.due_on,
        rung_on=case.rung_on if is_same else on,
        acknowledged=case.acknowledged and is_same,
        state=State.OPEN,
        closed_on=None,
        close_reason="",
        ending=None,
        provisional=event.provisional,
        **_anchored(event.next_at, case.anchor_on, rules.calendar),
    )


_EVOLVE: Mapping[type[CaseEvent], Callable[[Case, Any, Rules, date], Case]] = {
    CaseOpened: lambda case, *_: case,
    CaseEscalated: _escalated,
    CaseAcknowledged: _acknowledged,
    CaseFeedbackGiven: _feedback_given,
    CaseFeedbackSentBack: _sent_back,
    CaseRescheduled: _rescheduled,
    CaseExtended: _extended,
    CaseClosed: _closed,
    CaseReopened: _reopened,
    CaseAssigned: _assigned,
    CaseStruckOff: lambda case, *_: case._replace(ending=Ending.STRUCK_OFF),
    CaseArchived: lambda case, *_: case._replace(ending=Ending.ARCHIVED),
    CaseRestored: lambda case, *_: case._replace(restored=True),
    CaseSettled: lambda case, *_: case,
    CaseMovedToPolicy: _moved_to_policy,
    CaseTalkHeld: lambda case, *_: case,
    CaseDocumentSigned: lambda case, *_: case,
}
