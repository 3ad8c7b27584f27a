"""What people do with an extension (延期): ask for it in time, review it, approve it, refuse it at either step.

While it waits nothing stands still. Approved, it moves the day that is supervised and not the planned one.
"""

from datetime import date, datetime
from uuid import UUID

from services.assessment.domain import case as cases
from services.assessment.domain import moments
from services.assessment.domain.directory import Directory
from services.assessment.domain.extension import LONGEST_DAYS, MOST_GRANTED, Extension, Verb, Who
from services.assessment.domain.obligation import Obligation, State, is_provisional, subject_of
from services.assessment.domain.obligation import Verb as ObligationVerb
from services.assessment.domain.project import Project
from services.assessment.domain.rules import NotNow, Rules
from services.assessment.domain.work import Work
from shared.contracts.programme import Tier
from shared.contracts.supervision import (
    Addressee,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    ExtensionReviewed,
    ObligationKind,
)
from shared.kit.errors import Conflict, Invalid, NotAllowed, NotFound

_SETTLED = {
    State.MET: "该事项已完成，无需延期",
    State.CANCELLED: "该事项已取消，无需延期",
    State.SUSPENDED: "项目停缓建期间期限不计算，请在复工后申请延期",
}


class ExtensionTooLate(NotNow):
    """Asked for after the due day: it counts as overdue."""


class ExtensionWaits(Conflict):
    """One waits already."""


class TooManyExtensions(Conflict):
    """As many as may be were granted."""


class SamePerson(NotAllowed):
    """Who asked, who reviews and who approves are three."""


class NoSuchExtension(NotFound):
    def __init__(self, obligation_id: UUID, number: int) -> None:
        super().__init__("没有该延期申请", obligation_id=str(obligation_id), number=number)


def ask(
    obligation: Obligation, rules: Rules, *, who: Who, reason: str, progress: str, due_on: date, now: datetime
) -> list[ExtensionRequested]:
    """Ask for a later day, on the due day at the latest (domain.md, the ladder).

    Raises:
        NotNow: nothing is due any more, or the project is held.
        ExtensionTooLate, ExtensionWaits, TooManyExtensions: see there.
        Invalid: no reason or progress; a day that is not later, or too far ahead.
    """
    if obligation.kind is ObligationKind.REPLY:
        raise NotNow(
            "督办函的回复不办理延期，请在期限前反馈", state=obligation.state, verb=ObligationVerb.ASK_EXTENSION
        )
    on = moments.china_date(now)
    _require_in_time(obligation, on)
    before = obligation.extension
    if before is not None and before.waits:
        raise ExtensionWaits("已有一份延期申请正在审批，请等待批复", number=before.number)
    if before is not None and before.granted >= MOST_GRANTED:
        raise TooManyExtensions(f"该事项已延期{MOST_GRANTED}次，不能再延期", granted=before.granted)
    if not reason.strip():
        raise Invalid("请填写延期理由", place="reason")
    if not progress.strip():
        raise Invalid("请填写目前进展", place="progress")
    _require_range(obligation, due_on, rules)
    return [
        ExtensionRequested(
            obligation_id=obligation.id,
            number=before.number + 1 if before else 1,
            asked_at=now,
            by=who.by,
            person_id=who.person_id,
            reason=reason,
            progress=progress,
            due_before=obligation.due_on,
            due_on=due_on,
        )
    ]


def review(obligation: Obligation, number: int, *, who: Who, remark: str) -> list[ExtensionReviewed]:
    """The first step: the reviewer finds it sound.

    Raises:
        NoSuchExtension, SamePerson.
        NotNow: it was reviewed or decided before.
    """
    extension = _waiting(obligation, number, Verb.REVIEW)
    _require_another(who, extension)
    return [
        ExtensionReviewed(obligation_id=obligation.id, number=number, by=who.by, person_id=who.person_id, remark=remark)
    ]


def grant(
    obligation: Obligation,
    number: int,
    project: Project,
    directory: Directory,
    rules: Rules,
    *,
    who: Who,
    remark: str,
    on: date,
) -> list[ExtensionGranted]:
    """The second step: the supervisor moves the due day. Asked for in time, it may be granted after the due day: then
    the case goes on by the new day (`case.extend`).

    Raises:
        NoSuchExtension, SamePerson.
        NotNow: it was not reviewed yet or is decided, the project is held, or the day it asks for has passed.
    """
    extension = _waiting(obligation, number, Verb.GRANT)
    _require_another(who, extension)
    if not obligation.allows(ObligationVerb.EXTEND):
        raise NotNow("项目停缓建期间期限不计算，请在复工后批准，或予以驳回", state=obligation.state, verb=Verb.GRANT)
    if extension.due_on < on:
        raise NotNow("申请的新期限已过，不能批准，请驳回", state=extension.state, verb=Verb.GRANT)
    moved = obligation._replace(due_on=extension.due_on)
    return [
        ExtensionGranted(
            obligation_id=obligation.id,
            number=number,
            subject=subject_of(moved, project),
            addressees=_asking(obligation, project, directory, on),
            due_before=obligation.due_on,
            due_on=extension.due_on,
            provisional=is_provisional(extension.due_on, rules),
            by=who.by,
            person_id=who.person_id,
            remark=remark,
        )
    ]


def approve(obligation: Obligation, number: int, work: Work, *, who: Who, remark: str) -> None:
    """Grant it, and let a case that has opened meanwhile go on by the new day. Raises: as `grant`."""
    project = work.project_of(obligation)
    events = grant(
        obligation, number, project, work.directory, work.rules_for(obligation), who=who, remark=remark, on=work.on
    )
    extended = work.on_obligation(obligation, events)
    case = work.cases.get(obligation.case_id)
    if case is not None and case.allows(cases.Verb.EXTEND):
        work.on_case(case, cases.extend(case, extended.due_on, work.rules_of(case)))


def refuse(
    obligation: Obligation,
    number: int,
    project: Project,
    directory: Directory,
    *,
    who: Who,
    reason: str,
    may_review: bool,
    may_approve: bool,
    on: date,
) -> list[ExtensionRefused]:
    """Refuse at the step that it has reached: unreviewed by whoever may review, reviewed by whoever may approve.

    Raises:
        NoSuchExtension, SamePerson.
        NotNow: it is decided.
        NotAllowed: the step is not theirs.
        Invalid: no reason.
    """
    extension = _waiting(obligation, number, Verb.REFUSE)
    reviewing = extension.allows(Verb.REVIEW)
    if not (may_review if reviewing else may_approve):
        raise NotAllowed("该申请待审核，由审核人驳回" if reviewing else "该申请已审核，由督查室批复")
    _require_another(who, extension)
    if not reason.strip():
        raise Invalid("请填写驳回理由", place="reason")
    return [
        ExtensionRefused(
            obligation_id=obligation.id,
            number=number,
            subject=subject_of(obligation, project),
            addressees=_asking(obligation, project, directory, on),
            due_on=extension.due_on,
            by=who.by,
            person_id=who.person_id,
            reason=reason,
        )
    ]


def _require_in_time(obligation: Obligation, on: date) -> None:
    if message := _SETTLED.get(obligation.state):
        raise NotNow(message, state=obligation.state, verb=ObligationVerb.ASK_EXTENSION)
    if not obligation.allows(ObligationVerb.ASK_EXTENSION) or on > obligation.due_on:
        raise ExtensionTooLate(
            f"延期须在到期日（{obligation.due_on.isoformat()}）当日或之前申请，逾期申请按逾期处理，请反馈办理情况",
            state=obligation.state,
            verb=ObligationVerb.ASK_EXTENSION,
            due_on=obligation.due_on.isoformat(),
        )


def _require_range(obligation: Obligation, due_on: date, rules: Rules) -> None:
    furthest = rules.calendar.add(obligation.due_on, LONGEST_DAYS).day
    if not obligation.due_on < due_on <= furthest:
        raise Invalid(
            f"新期限应晚于{obligation.due_on.isoformat()}，且不晚于{furthest.isoformat()}",
            place="due_on",
            after=obligation.due_on.isoformat(),
            latest=furthest.isoformat(),
        )


def _waiting(obligation: Obligation, number: int, verb: Verb) -> Extension:
    extension = obligation.extension
    if extension is None or not 1 <= number <= extension.number:
        raise NoSuchExtension(obligation.id, number)
    if number < extension.number or not extension.waits:
        raise NotNow("该延期申请已办结，不能再处理", state=extension.state, verb=verb)
    if not extension.allows(verb):
        message = "该申请已审核，请由督查室批复" if verb is Verb.REVIEW else "该申请尚未审核，请先由审核人审核"
        raise NotNow(message, state=extension.state, verb=verb)
    return extension


def _require_another(who: Who, extension: Extension) -> None:
    if who.is_same(extension.asked):
        raise SamePerson("申请人不能审批自己的延期申请，请由他人办理")
    if extension.reviewed is not None and who.is_same(extension.reviewed):
        raise SamePerson("审核人不能再批复同一份延期申请，请由他人办理")


def _asking(obligation: Obligation, project: Project, directory: Directory, on: date) -> tuple[Addressee, ...]:
    """The responsible post, and its unit's head for information."""
    asked = project.asked(obligation.post_id)
    return directory.find(asked, to=(Tier.OFFICER,), copy=(Tier.UNIT_HEAD,), on=on).addressees
