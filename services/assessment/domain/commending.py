"""What 督查室 does with a proposal for commendation: 同意, or 不同意 with a reason."""

from services.assessment.domain import commendation as commendations
from services.assessment.domain.commendation import Commendation, CommendationState, Verb
from services.assessment.domain.extension import Who
from services.assessment.domain.obligation import subject_of
from services.assessment.domain.rules import NotNow
from services.assessment.domain.work import Work
from shared.contracts.supervision import CommendationApproved, CommendationDeclined
from shared.kit.errors import Invalid, NotAllowed

_DONE = {
    CommendationState.APPROVED: "该表扬已经审批同意",
    CommendationState.DECLINED: "该表扬建议已审批为不予表扬",
    CommendationState.WITHDRAWN: "该表扬建议所依据的记录已更正，建议已撤回",
    CommendationState.STRUCK_OFF: "该表扬所依据的记录已更正，表扬已撤销",
}


class OwnCommendation(NotAllowed):
    """Nobody commends themselves."""


def approve(one: Commendation, work: Work, *, who: Who, remark: str) -> None:
    """同意, by another person than who answers for what is commended.

    Raises:
        NotNow: it does not wait for a decision.
        OwnCommendation: see there.
    """
    _require(one, Verb.APPROVE)
    obligation = work.obligations[one.obligation_id]
    if who.person_id is not None and who.person_id in work.directory.acting(obligation.post_id, work.on):
        raise OwnCommendation("责任人不能审批对自己的表扬，请由他人审批", commendation_id=str(one.id))
    project = work.project_of(obligation)
    found = commendations.whom(obligation, project, work.directory, work.rules_for(obligation), on=work.on)
    event = CommendationApproved(
        commendation_id=one.id,
        obligation_id=obligation.id,
        subject=subject_of(obligation, project),
        addressees=found.addressees,
        by=who.by,
        person_id=who.person_id,
        remark=remark,
        approved_on=work.on,
    )
    work.on_commendation(event)


def decline(one: Commendation, work: Work, *, who: Who, reason: str) -> None:
    """不同意.

    Raises:
        NotNow: it does not wait for a decision.
        Invalid: no reason.
    """
    _require(one, Verb.DECLINE)
    if not reason.strip():
        raise Invalid("请填写不予表扬的理由", place="reason")
    obligation = work.obligations[one.obligation_id]
    event = CommendationDeclined(
        commendation_id=one.id,
        obligation_id=obligation.id,
        subject=subject_of(obligation, work.project_of(obligation)),
        by=who.by,
        person_id=who.person_id,
        reason=reason,
        declined_on=work.on,
    )
    work.on_commendation(event)


def _require(one: Commendation, verb: Verb) -> None:
    if not one.allows(verb):
        raise NotNow(_DONE[one.state], state=one.state, verb=verb)
