"""What holds the climb: the days of a 签收, the commitments of 反馈; how it would stand without them."""

from datetime import date, datetime

from services.assessment.domain import moments
from services.assessment.domain.case.state import Case, Feedback, Plain
from services.assessment.domain.rules import Rules
from shared.contracts.supervision import CaseExtended
from shared.kit.working_days import WorkingCalendar


def standing(feedback: tuple[Feedback, ...], *, but: int = 0) -> list[date]:
    """The days until which feedback holds the climb."""
    return [one.until for one in feedback if one.until is not None and not one.sent_back and one.number != but]


def committed(case: Case, rules: Rules) -> list[datetime]:
    """Before these mornings nothing is reached, for what was promised until then."""
    return [rules.next_morning(day) for day in standing(case.feedback)]


def next_number(case: Case) -> int:
    return case.feedback[-1].number + 1 if case.feedback else 1


def plainly(case: Case) -> Plain | None:
    """How the ladder stands while no feedback holds it; None at the top."""
    if case.next_at is None or case.anchor_on is None:
        return None
    held_on = moments.china_date(case.held_until) if case.held_until else None
    return Plain(case.anchor_on, case.anchor_days, held_on)


def acknowledged_plainly(case: Case, plain: Plain, until: date, rules: Rules, on: date) -> Plain:
    """What 签收 grants where no feedback holds the climb: the days, and nothing before they have passed."""
    held_on = max(on, plain.held_on or on)
    granted = max(0, rules.calendar.between(held_on, until))
    later = plain.due_later(granted, case, rules)
    days = max(later.anchor_days, rules.calendar.between(plain.anchor_on, until))
    return later._replace(anchor_days=days, held_on=max(until, held_on))


def plainly_extended(case: Case, plain: Plain, event: CaseExtended, rules: Rules) -> Plain:
    above = rules.policy.rung(case.rung + 1)
    counted = rules.calendar.add(event.due_on, above.after_days if above else 0).day
    following = max(plain.due_on(case, rules), counted)
    held_on = max(plain.held_on or event.due_on, moments.china_date(event.holds_until))
    return Plain(event.due_on, rules.calendar.between(event.due_on, following), held_on)


def plainly_resumed(case: Case, plain: Plain, rules: Rules, stood: int) -> Plain:
    held_on = rules.calendar.add(plain.held_on, stood).day if plain.held_on else None
    return plain.due_later(stood, case, rules)._replace(held_on=held_on)


def released(feedback: tuple[Feedback, ...]) -> tuple[Feedback, ...]:
    """The same, holding nothing any more."""
    return tuple([one._replace(until=None) for one in feedback]) if feedback else feedback


def shifted_hold(case: Case, calendar: WorkingCalendar, on: date) -> datetime | None:
    if case.held_until is None or case.suspended_on is None:
        return case.held_until
    stood = max(0, calendar.between(case.suspended_on, on))
    until = calendar.add(moments.china_date(case.held_until), stood).day
    return moments.at(until, case.held_until.astimezone(moments.CHINA).time())


def shifted_feedback(feedback: tuple[Feedback, ...], calendar: WorkingCalendar, stood: int) -> tuple[Feedback, ...]:
    return tuple(
        [one if one.until is None else one._replace(until=calendar.add(one.until, stood).day) for one in feedback]
    )
