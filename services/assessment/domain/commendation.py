"""激励: what is met early is proposed for commendation. A person approves; nothing here does."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid5

from services.assessment.domain.directory import Directory, Found
from services.assessment.domain.obligation import Obligation, State, subject_of
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.supervision import (
    CommendationApproved,
    CommendationDeclined,
    CommendationProposed,
    CommendationStruckOff,
    CommendationWithdrawn,
)


class CommendationState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    STRUCK_OFF = "struck_off"


class Verb(StrEnum):
    APPROVE = "approve"
    DECLINE = "decline"
    WITHDRAW = "withdraw"
    STRIKE_OFF = "strike_off"


ALLOWED: Mapping[CommendationState, frozenset[Verb]] = {
    CommendationState.PROPOSED: frozenset({Verb.APPROVE, Verb.DECLINE, Verb.WITHDRAW}),
    CommendationState.APPROVED: frozenset({Verb.STRIKE_OFF}),
    CommendationState.DECLINED: frozenset(),
    CommendationState.WITHDRAWN: frozenset(),
    CommendationState.STRUCK_OFF: frozenset(),
}

CommendationEvent = (
    CommendationProposed | CommendationApproved | CommendationDeclined | CommendationWithdrawn | CommendationStruckOff
)


class Commendation(NamedTuple):
    """`decision`: the remark with which it was approved, or the reason why it was declined; kept when struck off."""

    id: UUID
    obligation_id: UUID
    project_id: UUID
    state: CommendationState
    met_on: date
    working_days_early: int
    policy_version: str
    proposed_at: datetime
    decided_on: date | None = None
    decided_by: str | None = None
    decision: str | None = None

    def allows(self, verb: Verb) -> bool:
        return verb in ALLOWED[self.state]

    def decided(self, state: CommendationState, on: date, by: str, decision: str) -> "Commendation":
        return self._replace(state=state, decided_on=on, decided_by=by, decision=decision)


def commendation_id(obligation_id: UUID) -> UUID:
    return uuid5(obligation_id, "commendation")


def evolve(before: Commendation | None, event: CommendationEvent, *, at: datetime) -> Commendation:
    """What is proposed again, after its record was corrected, waits for a new decision."""
    if isinstance(event, CommendationProposed):
        about = event.commendation_id, event.obligation_id, event.subject.project_id
        what = event.met_on, event.working_days_early, event.policy_version
        return Commendation(*about, CommendationState.PROPOSED, *what, at)
    assert before is not None
    match event:
        case CommendationApproved():
            return before.decided(CommendationState.APPROVED, event.approved_on, event.by, event.remark)
        case CommendationDeclined():
            return before.decided(CommendationState.DECLINED, event.declined_on, event.by, event.reason)
        case CommendationWithdrawn():
            return before._replace(state=CommendationState.WITHDRAWN)
        case CommendationStruckOff():
            return before._replace(state=CommendationState.STRUCK_OFF)


def take_back(
    one: Commendation,
    obligation: Obligation,
    project: Project,
    directory: Directory,
    rules: Rules,
    *,
    reason: str,
    on: date,
) -> CommendationWithdrawn | CommendationStruckOff | None:
    """The record that it rested on does not hold: a proposal is withdrawn, what was approved is struck off. Told to
    those whom a proposal is for; None where nothing stands any more."""
    event: type[CommendationWithdrawn | CommendationStruckOff] = CommendationWithdrawn
    if one.allows(Verb.STRIKE_OFF):
        event = CommendationStruckOff
    elif not one.allows(Verb.WITHDRAW):
        return None
    return event(
        commendation_id=one.id,
        obligation_id=obligation.id,
        subject=subject_of(obligation, project),
        addressees=whom(obligation, project, directory, rules, on=on).addressees,
        reason=reason,
    )


def whom(obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, on: date) -> Found:
    policy = rules.policy
    return directory.find(project.asked(obligation.post_id), to=policy.commend_to, copy=policy.commend_copy, on=on)


def propose(
    obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, met_on: date, on: date
) -> CommendationProposed | None:
    """The proposal for an obligation that is about to be met; None when it is not early enough.

    Early is counted against the planned day: a hold that moved the due day makes nobody early. What was due before
    supervision began, or had a case, is not proposed.
    """
    early = rules.calendar.between(met_on, obligation.planned_on)
    if obligation.standing is not State.OPEN or obligation.supervised_from is not None:
        return None
    if early < rules.policy.commend_early_days:
        return None
    return CommendationProposed(
        commendation_id=commendation_id(obligation.id),
        obligation_id=obligation.id,
        subject=subject_of(obligation, project),
        addressees=whom(obligation, project, directory, rules, on=on).addressees,
        met_on=met_on,
        working_days_early=early,
        policy_version=rules.policy.version,
    )
