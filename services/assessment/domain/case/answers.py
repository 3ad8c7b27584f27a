"""What those who were addressed answer, and what 督查室 says to it: 签收, 反馈, 退办."""

from datetime import date, datetime
from uuid import UUID

from services.assessment.domain import moments
from services.assessment.domain.case.holding import acknowledged_plainly, committed, next_number, plainly, standing
from services.assessment.domain.case.ladder import stands_at
from services.assessment.domain.case.state import (
    AlreadyAcknowledged,
    AlreadySentBack,
    Case,
    Events,
    Feedback,
    NoSuchFeedback,
    Verb,
    require,
)
from services.assessment.domain.directory import Directory
from services.assessment.domain.obligation import Obligation, subject_of
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.programme import Tier
from shared.contracts.supervision import Addressee, CaseAcknowledged, CaseEvent, CaseFeedbackGiven, CaseFeedbackSentBack
from shared.kit.errors import Invalid


def acknowledge(case: Case, rules: Rules, *, by: str, via: str, now: datetime) -> Events:
    """签收: the climb stands still for the days the policy grants, once for each rung.

    Raises:
        CaseIsClosed, CaseIsSuspended: nothing climbs.
        AlreadyAcknowledged: this rung was acknowledged before.
    """
    require(case, Verb.ACKNOWLEDGE)
    if case.acknowledged:
        raise AlreadyAcknowledged(case.id, case.rung)
    if case.next_at is None:
        return [CaseAcknowledged(case_id=case.id, rung=case.rung, by=by, via=via)]
    on = moments.china_date(now)
    until = rules.calendar.add(on, rules.policy.acknowledgement_holds_days).day
    return [
        CaseAcknowledged(
            case_id=case.id,
            rung=case.rung,
            by=by,
            via=via,
            holds_until=rules.morning(until),
            next_at=max([_due_when_acknowledged(case, until, rules, on=on), *committed(case, rules)]),
        )
    ]


def _due_when_acknowledged(case: Case, until: date, rules: Rules, *, on: date) -> datetime:
    """When the next rung is due but for commitments: what these hold takes nothing from the days granted."""
    plain = case.plain or plainly(case)
    assert plain is not None
    return rules.morning(acknowledged_plainly(case, plain, until, rules, on).due_on(case, rules))


def give_feedback(
    case: Case,
    rules: Rules,
    *,
    by: str,
    text: str,
    commitment_on: date,
    now: datetime,
    post_id: UUID | None = None,
    person_id: UUID | None = None,
    number: int | None = None,
) -> list[CaseEvent]:
    """反馈 with a commitment date: the climb goes on the working morning after that day, not before.

    `post_id`: the post it is given for, None for 督查室 on behalf. `number`: as recorded, the next when left out.

    Raises:
        CaseIsClosed, CaseIsSuspended: nothing climbs.
        Invalid: no text, or a commitment in the past or too far ahead.
    """
    require(case, Verb.GIVE_FEEDBACK)
    on = moments.china_date(now)
    furthest = rules.calendar.add(on, rules.policy.commitment_within_days).day
    if not text.strip():
        raise Invalid("反馈内容不能为空", place="text")
    if not on <= commitment_on <= furthest:
        raise Invalid(
            f"承诺完成日期应在{on.isoformat()}至{furthest.isoformat()}之间",
            place="commitment_on",
            earliest=on.isoformat(),
            latest=furthest.isoformat(),
        )
    until = rules.next_morning(commitment_on)
    following = None if case.next_at is None else max(stands_at(case, rules), until)
    return [
        CaseFeedbackGiven(
            case_id=case.id,
            by=by,
            text=text,
            commitment_on=commitment_on,
            holds_until=until,
            next_at=following,
            feedback=number or next_number(case),
            post_id=post_id,
            person_id=person_id,
        )
    ]


def send_back(
    case: Case,
    number: int,
    obligation: Obligation,
    project: Project,
    directory: Directory,
    rules: Rules,
    *,
    by: str,
    reason: str,
    now: datetime,
    person_id: UUID | None = None,
) -> Events:
    """退办: the hold that the feedback gave ends. The climb goes on from the next working morning, but not before it
    would have without that feedback.

    Raises:
        CaseIsClosed, CaseIsSuspended: nothing climbs.
        NoSuchFeedback, AlreadySentBack: see there.
        Invalid: no reason.
    """
    require(case, Verb.SEND_BACK)
    given = next((one for one in case.feedback if one.number == number), None)
    if given is None:
        raise NoSuchFeedback(case.id, number)
    if given.sent_back:
        raise AlreadySentBack(case.id, number)
    if not reason.strip():
        raise Invalid("请填写退办理由", place="reason")
    on = moments.china_date(now)
    following, held = _without(case, given, rules, now)
    return [
        CaseFeedbackSentBack(
            case_id=case.id,
            feedback=number,
            number=case.number,
            rung=case.rung,
            subject=subject_of(obligation, project),
            addressees=_whoever_gave(given, obligation, project, directory, on),
            by=by,
            person_id=person_id,
            reason=reason,
            holds_until=held,
            next_at=following,
        )
    ]


def _without(case: Case, given: Feedback, rules: Rules, now: datetime) -> tuple[datetime | None, datetime | None]:
    """When the next rung is due, and until when the climb is held, once this feedback counts no more."""
    if case.next_at is None or case.plain is None or given.until is None:
        return case.next_at, case.held_until
    others = [rules.next_morning(day) for day in standing(case.feedback, but=given.number)]
    is_over = rules.next_morning(given.until) <= now
    soonest = stands_at(case, rules) if is_over else rules.next_morning(moments.china_date(now))
    following = max(rules.morning(case.plain.due_on(case, rules)), soonest, *others)
    plainly = [rules.morning(case.plain.held_on)] if case.plain.held_on else []
    return following, max([*plainly, *others], default=None)


def _whoever_gave(
    given: Feedback, obligation: Obligation, project: Project, directory: Directory, on: date
) -> tuple[Addressee, ...]:
    """The post that it was given for; the responsible one, or who hears instead of it, where that is vacant by now."""
    post = directory.posts.get(given.post_id) if given.post_id else None
    if post is not None and directory.holder(post.id, on):
        return (Addressee(post_id=post.id, tier=post.tier),)
    return directory.find(project.asked(obligation.post_id), to=(Tier.OFFICER,), on=on).addressees
