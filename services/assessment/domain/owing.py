"""What is common to all that is due, wherever it comes from: it is opened, moved, given to others, met, cancelled."""

from datetime import date
from typing import Any
from uuid import UUID

from services.assessment.domain import amending, commendation, replying
from services.assessment.domain import case as cases
from services.assessment.domain import obligation as obligations
from services.assessment.domain.names import day
from services.assessment.domain.obligation import Obligation, State
from services.assessment.domain.work import Work
from shared.contracts.supervision import ObligationKind

_COMMENDED = frozenset({ObligationKind.MILESTONE, ObligationKind.MEASURE, ObligationKind.STEP})
"""What is worth a commendation when it is early: reports, filings and answers are daily work."""


def begin(new: Obligation, work: Work, on: date) -> Obligation:
    """It is due from now on; nobody knew of it before."""
    work.place(new)
    return work.on_obligation(new, obligations.plan(new, work.project_of(new), work.rules_for(new)), on=on)


def move(obligation: Obligation, due_on: date, work: Work, on: date) -> bool:
    """Another due day; whether it is due by that day now."""
    before = obligation.due_on
    if on <= before and not amending.is_late_by(obligation, due_on, work):
        obligation = amending.put_right(obligation, f"期限已调整为{day(due_on)}", work, on)
    events = obligations.move(obligation, due_on, work.rules_for(obligation), on=on)
    if not events:
        return False
    moved = work.on_obligation(obligation, events, on=on)
    if moved.state is State.MISSED and moved.due_on != before:
        amending.extend(moved, work)
    return moved.due_on == due_on


def reassign(obligation: Obligation, post_id: UUID, org_id: UUID, work: Work, on: date) -> Obligation:
    """Another post, or another unit, answers for it."""
    events = obligations.reassign(obligation, post_id, org_id)
    return work.on_obligation(obligation, events, on=on) if events else obligation


def meet(obligation: Obligation, met_on: date, reason: str, work: Work, on: date) -> bool:
    """It is done, with its case, and may be proposed for commendation; whether that changed anything."""
    if not obligation.allows(obligations.Verb.MEET):
        return False
    obligation = amending.put_right(obligation, reason, work, on)
    project, rules = work.project_of(obligation), work.rules_for(obligation)
    proposed = None
    if obligation.kind in _COMMENDED:
        proposed = commendation.propose(obligation, project, work.directory, rules, met_on=met_on, on=work.on)
    met = work.on_obligation(obligation, obligations.meet(obligation, met_on, rules), on=on)
    close(met, reason, work, on)
    if proposed:
        work.on_commendation(proposed)
    return True


def cancel(obligation: Obligation, reason: str, work: Work, on: date) -> None:
    obligation = amending.put_right(obligation, reason, work, on)
    if events := obligations.cancel(obligation, reason=reason):
        close(work.on_obligation(obligation, events, on=on), reason, work, on)


def close(obligation: Obligation, reason: str, work: Work, on: date) -> None:
    """办结 of its case, where one is open."""
    case = work.cases.get(obligation.case_id)
    if case is None or not case.allows(cases.Verb.CLOSE):
        return
    given: Any = {"reason": reason, "on": on, "today": work.on}
    project, rules = work.project_of(obligation), work.rules_of(case)
    closed = work.on_case(case, cases.close(case, obligation, project, work.directory, rules, **given), on=on)
    replying.drop(closed, work)
