"""What moves the next rung without anybody's answer: a later due day, a hold, another calendar, another policy."""

from datetime import date, datetime
from uuid import UUID

from services.assessment.domain import moments
from services.assessment.domain.case.holding import committed
from services.assessment.domain.case.ladder import stands_at
from services.assessment.domain.case.state import Case, Events, Verb, require
from services.assessment.domain.policy import Policy
from services.assessment.domain.rules import Rules
from shared.contracts.supervision import CaseExtended, CaseMovedToPolicy, CaseRescheduled


def extend(case: Case, due_on: date, rules: Rules, *, reason: str = "") -> Events:
    """A later day was granted, or heard of, while the case was open: the rungs above count from it. `reason`: where it
    was no extension."""
    if not case.allows(Verb.EXTEND):
        return []
    following, provisional = None, case.provisional
    above = rules.policy.rung(case.rung + 1)
    if above is not None and case.next_at is not None:
        counted = rules.calendar.add(due_on, above.after_days)
        following, provisional = max(stands_at(case, rules), rules.morning(counted.day)), counted.provisional
    return [
        CaseExtended(
            case_id=case.id,
            due_on=due_on,
            holds_until=rules.next_morning(due_on),
            next_at=following,
            provisional=provisional,
            reason=reason,
        )
    ]


def move_to_policy(
    case: Case, rules: Rules, to: Rules, *, by: str, person_id: UUID | None, reason: str, on: date
) -> Events:
    """Go by other rules from here on: the next rung is due by their distance from the present one, with all that the
    climb stood still, but not before the next working morning. `to`: the new ones; `rules`: those until now.

    Raises:
        CaseIsClosed, CaseIsSuspended: nothing climbs.
    """
    require(case, Verb.MOVE_TO_POLICY)
    following, later, provisional = None, 0, case.provisional
    gap = _gap(to.policy, case.rung)
    if gap is not None:
        before = _gap(rules.policy, case.rung)
        counted_from = moments.china_date(case.next_at) if case.next_at else case.rung_on or on
        later = gap - (before or 0) if case.next_at else 0
        counted = to.calendar.add(counted_from, later if case.next_at else gap)
        held = [case.held_until] if case.held_until else []
        soonest = to.next_morning(on)
        following = max(to.morning(counted.day), soonest, *committed(case, to), *held)
        provisional = counted.provisional
    return [
        CaseMovedToPolicy(
            case_id=case.id,
            policy_version=to.policy.version,
            rule_set=to.policy.rule_set,
            before=case.policy_version,
            later_by_days=later,
            next_at=following,
            provisional=provisional,
            by=by,
            person_id=person_id,
            reason=reason,
        )
    ]


def _gap(policy: Policy, rung: int) -> int | None:
    """Working days from this rung to the next; None at the top."""
    here, above = policy.rung(rung), policy.rung(rung + 1)
    return None if here is None or above is None else above.after_days - here.after_days


def suspend(case: Case, *, reason: str) -> Events:
    if not case.allows(Verb.SUSPEND):
        return []
    return [CaseRescheduled(case_id=case.id, suspended=True, next_at=None, reason=reason, provisional=case.provisional)]


def resume(case: Case, rules: Rules, *, on: date) -> Events:
    """Go on after a hold, with the working days that were left."""
    if not case.allows(Verb.RESUME):
        return []
    following, provisional = case.next_at, case.provisional
    if case.next_at is not None:
        stood = max(0, rules.calendar.between(case.suspended_on or on, on))
        counted = rules.calendar.add(moments.china_date(stands_at(case, rules)), stood)
        following, provisional = rules.morning(counted.day), counted.provisional
    return [
        CaseRescheduled(
            case_id=case.id, suspended=False, next_at=following, reason="项目已复工", provisional=provisional
        )
    ]


def recount(case: Case, rules: Rules, now: datetime) -> Events:
    """A year's calendar came: count the next rung again from its anchor. What is announced is never past."""
    if not case.allows(Verb.RESCHEDULE) or case.next_at is None or case.anchor_on is None:
        return []
    counted = rules.calendar.add(case.anchor_on, case.anchor_days)
    if rules.morning(counted.day) == case.next_at and counted.provisional == case.provisional:
        return []
    following = stands_at(case._replace(next_at=rules.morning(counted.day)), rules)
    return [
        CaseRescheduled(
            case_id=case.id,
            suspended=False,
            next_at=rules.alarm(following, now),
            reason="工作日历已更新",
            provisional=counted.provisional,
        )
    ]
