"""What people did, done again: by the same decisions, with the rules and the state that there are now."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from services.assessment.domain import case as cases
from services.assessment.domain import commending, dealing, document, extending, replying
from services.assessment.domain import obligation as obligations
from services.assessment.domain.case import Case
from services.assessment.domain.commendation import Commendation
from services.assessment.domain.extension import Who
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.paper import NoSuchDocument
from services.assessment.domain.work import Work
from shared.contracts.case_documents import CaseDocumentSigned, CaseTalkHeld
from shared.contracts.supervision import (
    CaseAcknowledged,
    CaseArchived,
    CaseAssigned,
    CaseFeedbackGiven,
    CaseFeedbackSentBack,
    CaseMovedToPolicy,
    CaseRestored,
    CaseSettled,
    CaseStruckOff,
    CommendationApproved,
    CommendationDeclined,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    ExtensionReviewed,
    ObligationConfirmed,
    SupervisionEvent,
)
from shared.kit.errors import Conflict


class NothingThere(Conflict):
    """What was acted on does not exist."""

    def __init__(self, aggregate_id: UUID) -> None:
        super().__init__("没有该督办件或事项", id=str(aggregate_id))


def act(action: SupervisionEvent, work: Work) -> None:
    """Do again what somebody did, as recorded.

    Raises:
        DomainError: it has no place in what there is now.
    """
    _ACT[type(action)](action, work)


def _acknowledged(action: CaseAcknowledged, work: Work) -> None:
    case = _case(action.case_id, work)
    events = cases.acknowledge(case, work.rules_of(case), by=action.by, via=action.via, now=work.now)
    work.on_case(case, events)


def _feedback_given(action: CaseFeedbackGiven, work: Work) -> None:
    case = _case(action.case_id, work)
    events = cases.give_feedback(
        case,
        work.rules_of(case),
        by=action.by,
        text=action.text,
        commitment_on=action.commitment_on,
        now=work.now,
        post_id=action.post_id,
        person_id=action.person_id,
        number=action.feedback,
    )
    replying.answer(work.on_case(case, events), work)


def _sent_back(action: CaseFeedbackSentBack, work: Work) -> None:
    case = _case(action.case_id, work)
    events = cases.send_back(
        case,
        action.feedback,
        work.obligations[case.obligation_id],
        work.project_of(work.obligations[case.obligation_id]),
        work.directory,
        work.rules_of(case),
        by=action.by,
        reason=action.reason,
        now=work.now,
        person_id=action.person_id,
    )
    work.on_case(case, events)


def _on_paper(action: CaseTalkHeld | CaseDocumentSigned, work: Work) -> None:
    """Signed, or put on record: where the case has come to that rung and is open, it says the same."""
    case = _case(action.case_id, work)
    if case.rung < action.rung:
        raise NoSuchDocument(case.id, action.rung)
    document.require_open(case)
    work.on_case(case, [action])


def _assigned(action: CaseAssigned, work: Work) -> None:
    dealing.assign(
        _case(action.case_id, work),
        work,
        lead_org_id=action.lead_org_id,
        assisting_org_ids=action.assisting_org_ids,
        who=Who(action.by, action.person_id),
        reason=action.reason,
    )


def _struck_off(action: CaseStruckOff, work: Work) -> None:
    who = Who(action.by, action.person_id)
    dealing.strike_off(_case(action.case_id, work), work, who=who, remark=action.remark)


def _archived(action: CaseArchived, work: Work) -> None:
    who = Who(action.by, action.person_id)
    dealing.archive(_case(action.case_id, work), work, who=who, remark=action.remark)


def _restored(action: CaseRestored, work: Work) -> None:
    who = Who(action.by, action.person_id)
    dealing.restore(_case(action.case_id, work), work, who=who, reason=action.reason)


def _settled(action: CaseSettled, work: Work) -> None:
    who = Who(action.by, action.person_id)
    dealing.settle(_case(action.case_id, work), work, who=who, reason=action.reason)


def _moved_to_policy(action: CaseMovedToPolicy, work: Work) -> None:
    who = Who(action.by, action.person_id)
    dealing.move_to_policy(_case(action.case_id, work), work, action.policy_version, who=who, reason=action.reason)


def _confirmed(action: ObligationConfirmed, work: Work) -> None:
    obligation = _obligation(action.obligation_id, work)
    work.on_obligation(obligation, obligations.confirm(obligation, by=action.by))


def _extension_requested(action: ExtensionRequested, work: Work) -> None:
    obligation = _obligation(action.obligation_id, work)
    events = extending.ask(
        obligation,
        work.rules,
        who=Who(action.by, action.person_id),
        reason=action.reason,
        progress=action.progress,
        due_on=action.due_on,
        now=work.now,
    )
    work.on_obligation(obligation, events)


def _extension_reviewed(action: ExtensionReviewed, work: Work) -> None:
    obligation = _obligation(action.obligation_id, work)
    who = Who(action.by, action.person_id)
    work.on_obligation(obligation, extending.review(obligation, action.number, who=who, remark=action.remark))


def _extension_granted(action: ExtensionGranted, work: Work) -> None:
    obligation = _obligation(action.obligation_id, work)
    who = Who(action.by, action.person_id)
    extending.approve(obligation, action.number, work, who=who, remark=action.remark)


def _extension_refused(action: ExtensionRefused, work: Work) -> None:
    obligation = _obligation(action.obligation_id, work)
    events = extending.refuse(
        obligation,
        action.number,
        work.project_of(obligation),
        work.directory,
        who=Who(action.by, action.person_id),
        reason=action.reason,
        may_review=True,
        may_approve=True,
        on=work.on,
    )
    work.on_obligation(obligation, events)


def _approved(action: CommendationApproved, work: Work) -> None:
    one, who = _commendation(action.commendation_id, work), Who(action.by, action.person_id)
    commending.approve(one, work, who=who, remark=action.remark)


def _declined(action: CommendationDeclined, work: Work) -> None:
    one, who = _commendation(action.commendation_id, work), Who(action.by, action.person_id)
    commending.decline(one, work, who=who, reason=action.reason)


def _commendation(commendation_id: UUID, work: Work) -> Commendation:
    one = work.commendations.get(commendation_id)
    if one is None:
        raise NothingThere(commendation_id)
    return one


def _case(case_id: UUID, work: Work) -> Case:
    case = work.cases.get(case_id)
    if case is None:
        raise NothingThere(case_id)
    return case


def _obligation(obligation_id: UUID, work: Work) -> Obligation:
    obligation = work.obligations.get(obligation_id)
    if obligation is None:
        raise NothingThere(obligation_id)
    return obligation


_ACT: Mapping[type[SupervisionEvent], Callable[[Any, Work], None]] = {
    CaseAcknowledged: _acknowledged,
    CaseFeedbackGiven: _feedback_given,
    CaseFeedbackSentBack: _sent_back,
    CaseAssigned: _assigned,
    CaseStruckOff: _struck_off,
    CaseArchived: _archived,
    CaseRestored: _restored,
    CaseSettled: _settled,
    CaseMovedToPolicy: _moved_to_policy,
    CaseTalkHeld: _on_paper,
    CaseDocumentSigned: _on_paper,
    ObligationConfirmed: _confirmed,
    ExtensionRequested: _extension_requested,
    ExtensionReviewed: _extension_reviewed,
    ExtensionGranted: _extension_granted,
    ExtensionRefused: _extension_refused,
    CommendationApproved: _approved,
    CommendationDeclined: _declined,
}
ACTIONS = frozenset(_ACT)
"""Facts that record what a person did; all others are decided from these and from what intake tells."""
