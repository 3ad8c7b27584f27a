"""What was recorded in time and is heard late: no false escalation is left standing.

The case that opened meanwhile is closed, and whoever heard of it hears why. Should the matter be missed by another day
later on, its case goes on from its rung: one item has one case.
"""

from datetime import date

from services.assessment.domain import case as cases
from services.assessment.domain import obligation as obligations
from services.assessment.domain import replying
from services.assessment.domain.case import Case
from services.assessment.domain.names import day
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.work import Work


def put_right(obligation: Obligation, record: str, work: Work, on: date) -> Obligation:
    """Where it was missed only because a record of the day `on` came late, it was not. `record`: what it says."""
    if not obligations.was_recorded_before(obligation, on):
        return obligation
    reason = f"原记录迟到：{record}，该记录于{day(on)}登记，早于立案，此前的督办不计逾期"
    cleared = work.on_obligation(obligation, obligations.clear(obligation, work.rules_for(obligation), reason=reason))
    case = work.cases.get(obligation.case_id)
    if case is not None and case.allows(cases.Verb.CLOSE):
        project, rules = work.project_of(cleared), work.rules_of(case)
        closed = cases.close(case, cleared, project, work.directory, rules, reason=reason, on=work.on)
        replying.drop(work.on_case(case, closed), work)
    return cleared


def is_late_by(obligation: Obligation, due_on: date, work: Work) -> bool:
    """Whether it would have been missed by now, were it due on that day."""
    rules = work.rules_for(obligation)
    return rules.morning(obligations.miss_day(obligation._replace(due_on=due_on), rules)) <= work.now


def extend(obligation: Obligation, work: Work) -> None:
    """Its case stands, and counts from the day that it is due by now."""
    case = work.cases.get(obligation.case_id)
    if case is not None and case.allows(cases.Verb.EXTEND):
        extended = cases.extend(case, obligation.due_on, work.rules_of(case), reason="期限在到期前已调整，记录迟到")
        work.on_case(case, extended)


def is_missed_again(case: Case, work: Work) -> bool:
    return case.state is cases.State.CLOSED and work.obligations[case.obligation_id].state is obligations.State.MISSED


def reopen(case: Case, work: Work) -> None:
    """What was closed as not late is late by now."""
    obligation = work.obligations[case.obligation_id]
    project, rules = work.project_of(obligation), work.rules_of(case)
    reason = f"期限（{day(obligation.due_on)}）已过，仍未完成"
    work.on_case(case, cases.reopen_missed(case, obligation, project, work.directory, rules, reason=reason, on=work.on))
