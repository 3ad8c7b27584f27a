"""Who is to hear of what named nobody when it was decided, as the directory stands today."""

from dataclasses import dataclass
from datetime import date

from services.assessment.domain import case as cases
from services.assessment.domain import obligation as obligations
from services.assessment.domain.case import Case
from services.assessment.domain.directory import Directory, Found
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from services.assessment.domain.work import Work
from shared.contracts.supervision import CaseEscalated, CommendationProposed, ObligationReminded

Told = ObligationReminded | CaseEscalated | CommendationProposed
TOLD: tuple[type[Told], ...] = (ObligationReminded, CaseEscalated, CommendationProposed)
"""What somebody has to hear. The end of a case is for those who heard of the case: that may be nobody."""

NOBODY = Found((), ())


@dataclass(frozen=True, slots=True)
class About:
    """What such a fact is about, as it stands now. `rules`: the case's own, where it is about a case."""

    obligation: Obligation
    project: Project
    rules: Rules
    case: Case | None = None


def about(event: Told, work: Work) -> About:
    """What it is about; the states are at hand."""
    if isinstance(event, CaseEscalated):
        case = work.cases[event.case_id]
        obligation = work.obligations[case.obligation_id]
        return About(obligation, work.project_of(obligation), work.rules_of(case), case)
    obligation = work.obligations[event.obligation_id]
    return About(obligation, work.project_of(obligation), work.rules_for(obligation))


def whom(event: Told, about: About, directory: Directory, *, on: date) -> Found | None:
    """Who is to hear of it today; `NOBODY` while it has to wait, None when there is nothing left to be told."""
    asked, policy = about.project.asked(about.obligation.post_id), about.rules.policy
    match event:
        case ObligationReminded():
            return _reminded(event, about, directory, on)
        case CaseEscalated():
            return _escalated(event, about, directory, on)
        case CommendationProposed():
            return directory.find(asked, to=policy.commend_to, copy=policy.commend_copy, on=on)


def _reminded(event: ObligationReminded, about: About, directory: Directory, on: date) -> Found | None:
    """Only while it is still to come, and due when the reminder said: a day that was moved brings one of its own."""
    one = about.obligation
    if one.state is obligations.State.SUSPENDED:
        return NOBODY
    if one.state is not obligations.State.OPEN or one.due_on != event.subject.due_on or on > one.due_on:
        return None
    return directory.find(about.project.asked(one.post_id), to=about.rules.policy.remind_to, on=on)


def _escalated(event: CaseEscalated, about: About, directory: Directory, on: date) -> Found | None:
    """Only while the case stands on that rung."""
    case, rung = about.case, about.rules.policy.rung(event.rung)
    if case is None or rung is None or case.rung != event.rung or case.state is cases.State.CLOSED:
        return None
    if case.state is cases.State.SUSPENDED:
        return NOBODY
    return cases.whom(case, about.obligation.post_id, about.project, directory, to=rung.to, copy=rung.copy, on=on)
