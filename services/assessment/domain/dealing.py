"""What 督查室 does with a case besides its climb: 交办, 销号, 归档, 恢复督办, and 办结 of what it restored."""

from collections.abc import Sequence
from uuid import UUID

from services.assessment.domain import case as cases
from services.assessment.domain import obligation as obligations
from services.assessment.domain import replying
from services.assessment.domain.case import Case, Verb, require
from services.assessment.domain.extension import Who
from services.assessment.domain.rules import NotNow
from services.assessment.domain.work import Work
from shared.contracts.supervision import CaseArchived, CaseAssigned, CaseRestored, CaseSettled, CaseStruckOff
from shared.kit.errors import Conflict, Invalid, NotAllowed

MOST_ASSISTING = 20


class NothingAssigned(Conflict):
    """The case has these units already."""


class SameRules(Conflict):
    """The case goes by them already."""

    def __init__(self, case_id: UUID, version: str) -> None:
        super().__init__("该督办件已按此规则办理", case_id=str(case_id), policy_version=version)


class OwnCase(NotAllowed):
    """Nobody strikes off what they answer for."""


def assign(
    case: Case, work: Work, *, lead_org_id: UUID | None, assisting_org_ids: Sequence[UUID], who: Who, reason: str
) -> None:
    """交办: say who leads and who assists. No lead: the unit responsible for the project.

    Raises:
        CaseIsClosed: nothing climbs any more.
        Invalid: no reason; an unknown unit; one that leads and assists; too many.
        NothingAssigned: see there.
    """
    require(case, Verb.ASSIGN)
    _require_words(reason, "请填写交办理由", "reason")
    responsible = work.project_of(work.obligations[case.obligation_id]).org_id
    lead = None if lead_org_id == responsible else lead_org_id
    assisting = tuple(dict.fromkeys(assisting_org_ids))
    if len(assisting) > MOST_ASSISTING:
        raise Invalid(f"配合单位不超过{MOST_ASSISTING}个", place="assisting_organisation_ids")
    if (lead or responsible) in assisting:
        raise Invalid("牵头单位不能同时为配合单位", place="assisting_organisation_ids")
    for unit in (lead_org_id, *assisting):
        if unit is not None and unit not in work.directory.organisations:
            raise Invalid("没有该单位", place="organisation_id", organisation_id=str(unit))
    if (lead, assisting) == (case.lead_org_id, case.assisting_org_ids):
        raise NothingAssigned("牵头、配合单位没有变化", case_id=str(case.id))
    event = CaseAssigned(
        case_id=case.id,
        lead_org_id=lead,
        assisting_org_ids=assisting,
        by=who.by,
        person_id=who.person_id,
        reason=reason,
    )
    work.on_case(case, [event])


def strike_off(case: Case, work: Work, *, who: Who, remark: str) -> None:
    """销号, by another person than who answers for the case.

    Raises:
        NotNow: it is not closed yet, or struck off or archived already.
        OwnCase: see there.
        Invalid: no remark.
    """
    if not case.allows(Verb.STRIKE_OFF):
        raise _not_now(case, Verb.STRIKE_OFF)
    _require_words(remark, "请填写核实情况", "remark")
    post = work.obligations[case.obligation_id].post_id
    if who.person_id is not None and who.person_id in work.directory.acting(post, work.on):
        raise OwnCase("责任人不能为自己的督办件销号，请由他人核实", case_id=str(case.id))
    event = CaseStruckOff(case_id=case.id, by=who.by, person_id=who.person_id, remark=remark, struck_off_on=work.on)
    work.on_case(case, [event])


def archive(case: Case, work: Work, *, who: Who, remark: str) -> None:
    """归档 of what was struck off. Raises NotNow where it was not, or is archived already."""
    if not case.allows(Verb.ARCHIVE):
        raise _not_now(case, Verb.ARCHIVE)
    event = CaseArchived(case_id=case.id, by=who.by, person_id=who.person_id, remark=remark, archived_on=work.on)
    work.on_case(case, [event])


def restore(case: Case, work: Work, *, who: Who, reason: str) -> None:
    """恢复督办 of a case whose milestone was cancelled, not met: both are open again, as a correction would open them.

    Raises:
        NotNow: it is not closed, or archived; its milestone counts as met, so that the record is what has to be
            corrected; its project has ended, or is held.
        Invalid: no reason.
    """
    if not case.allows(Verb.RESTORE):
        raise _not_now(case, Verb.RESTORE)
    obligation = work.obligations[case.obligation_id]
    project = work.project_of(obligation)
    why_not = ""
    if obligation.state is obligations.State.MET:
        why_not = "节点已登记完成；如实际未完成，请在项目库申请更正该节点，更正批准后督办自动恢复"
    elif obligation.state is not obligations.State.CANCELLED:
        why_not = "该事项目前未逾期，无需恢复；到期仍未完成的，督办自动恢复"
    elif project.ended:
        why_not = "项目已终止或已剔除；如需恢复，请先在项目库更正"
    elif project.held:
        why_not = "项目停缓建期间督办暂停，请在复工后恢复督办"
    if why_not:
        raise NotNow(why_not, state=case.state, verb=Verb.RESTORE)
    _require_words(reason, "请填写恢复督办的理由", "reason")
    again = obligations.reopen(obligation, work.rules, had_case=True, reason=reason)
    obligation = work.on_obligation(obligation, again)
    reopened = cases.reopen(case, obligation, project, work.directory, work.rules_of(case), reason=reason, on=work.on)
    restored = CaseRestored(case_id=case.id, by=who.by, person_id=who.person_id, reason=reason)
    work.on_case(case, [restored, *reopened])


def settle(case: Case, work: Work, *, who: Who, reason: str) -> None:
    """办结 by 督查室 of what it restored: intake no longer holds the milestone, so nobody else can end it.

    Raises:
        CaseIsClosed, CaseIsSuspended: it is not open.
        NotNow: it was not restored: it ends when intake records its milestone as met.
        Invalid: no reason.
    """
    require(case, Verb.SETTLE)
    if not case.restored:
        raise NotNow("请在项目库登记节点完成，登记后督办件自动办结", state=case.state, verb=Verb.SETTLE)
    _require_words(reason, "请填写办结理由", "reason")
    obligation = work.obligations[case.obligation_id]
    project = work.project_of(obligation)
    obligation = work.on_obligation(obligation, obligations.cancel(obligation, reason=reason))
    closed = cases.close(case, obligation, project, work.directory, work.rules_of(case), reason=reason, on=work.on)
    settled = CaseSettled(case_id=case.id, by=who.by, person_id=who.person_id, reason=reason)
    replying.drop(work.on_case(case, [settled, *closed]), work)


def move_to_policy(case: Case, work: Work, version: str, *, who: Who, reason: str) -> None:
    """Let a case go by another version of the policy than it began with: by the rule set of its project as it is now.

    Raises:
        CaseIsClosed, CaseIsSuspended: nothing climbs.
        Invalid: no reason; no such version, or one whose day has not come.
        SameRules: see there.
    """
    require(case, Verb.MOVE_TO_POLICY)
    _require_words(reason, "请填写改用该规则的理由", "reason")
    rules = work.by_version.get(version)
    if rules is None:
        raise Invalid("没有该版本的督办规则", place="policy_version", policy_version=version)
    since = rules.document.in_force_from if rules.document else None
    if since is not None and since > work.on:
        raise Invalid(f"该版本自{since.isoformat()}起施行，尚不能适用", place="policy_version", policy_version=version)
    project, kind = work.projects[case.project_id], work.obligations[case.obligation_id].kind
    to = rules.for_(work.directory.category_of(project.chain_id), project.kind, kind)
    if (version, to.policy.rule_set) == (case.policy_version, case.rule_set):
        raise SameRules(case.id, version)
    now, on = work.rules_of(case), work.on
    work.on_case(case, cases.move_to_policy(case, now, to, by=who.by, person_id=who.person_id, reason=reason, on=on))


def _not_now(case: Case, verb: Verb) -> NotNow:
    """Why a closed case does not go on to its next ending, or an open one to its first."""
    if case.state is not cases.State.CLOSED:
        return NotNow("督办件尚未办结", state=case.state, verb=verb)
    if case.ending is cases.Ending.ARCHIVED:
        return cases.CaseIsArchived("督办件已归档，不能再更改", state=case.state, verb=verb)
    message = "督办件尚未销号，请先销号" if verb is Verb.ARCHIVE else "督办件已销号"
    return NotNow(message, state=case.state, verb=verb)


def _require_words(text: str, message: str, place: str) -> None:
    if not text.strip():
        raise Invalid(message, place=place)
