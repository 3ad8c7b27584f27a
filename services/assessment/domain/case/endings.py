"""办结, and what takes it back."""

from datetime import date, datetime

from services.assessment.domain import moments
from services.assessment.domain.case.ladder import whom
from services.assessment.domain.case.state import Case, Events, Verb
from services.assessment.domain.directory import Directory
from services.assessment.domain.obligation import Obligation, first_rung_at, subject_of
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.supervision import Addressee, CaseClosed, CaseReopened


def close(
    case: Case,
    obligation: Obligation,
    project: Project,
    directory: Directory,
    rules: Rules,
    *,
    reason: str,
    on: date,
    today: date | None = None,
) -> Events:
    """办结 of the day `on`; told to all whom a rung was for, as they are today (that day, when left out), and to the
    responsible post."""
    if not case.allows(Verb.CLOSE):
        return []
    return [
        CaseClosed(
            case_id=case.id,
            reason=reason,
            subject=subject_of(obligation, project),
            addressees=_all_who_heard(case, obligation, project, directory, rules, on=today or on),
            closed_on=on,
            number=case.number,
        )
    ]


def reopen(
    case: Case,
    obligation: Obligation,
    project: Project,
    directory: Directory,
    rules: Rules,
    *,
    reason: str,
    on: date,
    today: date | None = None,
) -> Events:
    """What closed it was wrong: it goes on from its rung with the working days that were left; told as 办结 was."""
    if not case.allows(Verb.REOPEN):
        return []
    following, provisional = _left_when_closed(case, rules, on=on)
    return [
        CaseReopened(
            case_id=case.id,
            number=case.number,
            rung=case.rung,
            subject=subject_of(obligation, project),
            addressees=_all_who_heard(case, obligation, project, directory, rules, on=today or on),
            reason=reason,
            reopened_on=on,
            next_at=following,
            provisional=provisional,
        )
    ]


def reopen_missed(
    case: Case, obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, reason: str, on: date
) -> Events:
    """It was closed because it was not late, and is by now: it goes on from its rung, by the distance of the next."""
    if not case.allows(Verb.REOPEN):
        return []
    following, provisional = None, case.provisional
    above = rules.policy.rung(case.rung + 1)
    if above is not None:
        first = moments.china_date(first_rung_at(obligation, rules, on=on))
        counted = rules.calendar.add(first, above.after_days - rules.policy.rungs[0].after_days)
        following, provisional = max(rules.morning(counted.day), rules.next_morning(on)), counted.provisional
    return [
        CaseReopened(
            case_id=case.id,
            number=case.number,
            rung=case.rung,
            subject=subject_of(obligation, project),
            addressees=_all_who_heard(case, obligation, project, directory, rules, on=on),
            reason=reason,
            reopened_on=on,
            next_at=following,
            provisional=provisional,
        )
    ]


def _left_when_closed(case: Case, rules: Rules, *, on: date) -> tuple[datetime | None, bool]:
    """When the next rung is due: as it was, later by the working days that the case stood closed."""
    if case.anchor_on is None or rules.policy.rung(case.rung + 1) is None:
        return None, case.provisional
    due_on = rules.calendar.add(case.anchor_on, case.anchor_days).day
    stood = max(0, rules.calendar.between(case.closed_on or on, on))
    counted = rules.calendar.add(due_on, stood)
    return max(rules.morning(counted.day), rules.next_morning(on)), counted.provisional


def _all_who_heard(
    case: Case, obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, on: date
) -> tuple[Addressee, ...]:
    """All whom a rung was for, as they are today, and the responsible post."""
    reached = rules.policy.rungs[: case.rung]
    tiers = (*(tier for rung in reached for tier in rung.to), *rules.policy.closing_to)
    copied = tuple(tier for rung in reached for tier in rung.copy)
    to, copy = tuple(dict.fromkeys(tiers)), tuple(dict.fromkeys(copied))
    return whom(case, obligation.post_id, project, directory, to=to, copy=copy, on=on).addressees
