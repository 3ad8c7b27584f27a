"""激励: what is met early is proposed for commendation. A person approves; nothing here does."""

from datetime import date
from enum import StrEnum
from uuid import UUID, uuid5

from services.assessment.domain.directory import Directory
from services.assessment.domain.obligation import Obligation, State, subject_of
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.supervision import CommendationProposed, CommendationWithdrawn


class CommendationState(StrEnum):
    PROPOSED = "proposed"
    WITHDRAWN = "withdrawn"


def commendation_id(obligation_id: UUID) -> UUID:
    return uuid5(obligation_id, "commendation")


def withdraw(
    obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, reason: str, on: date
) -> CommendationWithdrawn:
    """The record that it rested on was corrected; told to those whom a proposal is for."""
    policy = rules.policy
    found = directory.find(project.asked(obligation.post_id), to=policy.commend_to, copy=policy.commend_copy, on=on)
    return CommendationWithdrawn(
        commendation_id=commendation_id(obligation.id),
        obligation_id=obligation.id,
        subject=subject_of(obligation, project),
        addressees=found.addressees,
        reason=reason,
    )


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
    policy = rules.policy
    found = directory.find(project.asked(obligation.post_id), to=policy.commend_to, copy=policy.commend_copy, on=on)
    return CommendationProposed(
        commendation_id=commendation_id(obligation.id),
        obligation_id=obligation.id,
        subject=subject_of(obligation, project),
        addressees=found.addressees,
        met_on=met_on,
        working_days_early=early,
        policy_version=policy.version,
    )
