"""A case (督办件): it opens at the first rung and climbs in working days until the matter is settled.

The ladder's clock stands still while a rung is acknowledged (once for each rung, for the days the policy grants), until
a commitment date has passed, and while the project is held. `next_at` is when the next rung is due by that clock. After
an outage the climb goes on one rung a working morning, each with the date it was due on; what is announced is the
morning on which it will be.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from services.assessment.domain import moments
from services.assessment.domain.directory import Directory, Found
from services.assessment.domain.obligation import Obligation, first_rung_at, subject_of
from services.assessment.domain.policy import Policy, Rung
from services.assessment.domain.project import Project
from services.assessment.domain.rules import NotNow, Rules
from shared.contracts.case_documents import CaseDocumentSigned, CaseTalkHeld
from shared.contracts.programme import Tier
from shared.contracts.supervision import (
    Addressee,
    CaseAcknowledged,
    CaseArchived,
    CaseAssigned,
    CaseClosed,
    CaseEscalated,
    CaseEvent,
    CaseExtended,
    CaseFeedbackGiven,
    CaseFeedbackSentBack,
    CaseMovedToPolicy,
    CaseOpened,
    CaseReopened,
    CaseRescheduled,
    CaseRestored,
    CaseSettled,
    CaseStruckOff,
    Subject,
)
from shared.kit.errors import Conflict, Invalid, NotFound
from shared.kit.working_days import WorkingCalendar

Events = list[CaseEvent]


class State(StrEnum):
    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class Ending(StrEnum):
    """How far a closed case has come: 办结, 销号, 归档."""

    COMPLETED = "completed"
    STRUCK_OFF = "struck_off"
    ARCHIVED = "archived"


class Verb(StrEnum):
    ESCALATE = "escalate"
    ACKNOWLEDGE = "acknowledge"
    GIVE_FEEDBACK = "give_feedback"
    SEND_BACK = "send_back"
    SUSPEND = "suspend"
    RESUME = "resume"
    RESCHEDULE = "reschedule"
    EXTEND = "extend"
    CLOSE = "close"
    REOPEN = "reopen"
    ASSIGN = "assign"
    SETTLE = "settle"
    MOVE_TO_POLICY = "move_to_policy"
    STRIKE_OFF = "strike_off"
    ARCHIVE = "archive"
    RESTORE = "restore"


TABLE: Mapping[State, Mapping[Verb, State]] = {
    State.OPEN: {
        Verb.ESCALATE: State.OPEN,
        Verb.ACKNOWLEDGE: State.OPEN,
        Verb.GIVE_FEEDBACK: State.OPEN,
        Verb.SEND_BACK: State.OPEN,
        Verb.SUSPEND: State.SUSPENDED,
        Verb.RESCHEDULE: State.OPEN,
        Verb.EXTEND: State.OPEN,
        Verb.CLOSE: State.CLOSED,
        Verb.ASSIGN: State.OPEN,
        Verb.SETTLE: State.CLOSED,
        Verb.MOVE_TO_POLICY: State.OPEN,
    },
    State.SUSPENDED: {
        Verb.RESUME: State.OPEN,
        Verb.CLOSE: State.CLOSED,
        Verb.ASSIGN: State.SUSPENDED,
    },
    State.CLOSED: {
        Verb.REOPEN: State.OPEN,
        Verb.RESTORE: State.OPEN,
        Verb.STRIKE_OFF: State.CLOSED,
        Verb.ARCHIVE: State.CLOSED,
    },
}
ENDINGS: Mapping[Ending, Mapping[Verb, Ending | None]] = {
    Ending.COMPLETED: {Verb.STRIKE_OFF: Ending.STRUCK_OFF, Verb.RESTORE: None, Verb.REOPEN: None},
    Ending.STRUCK_OFF: {Verb.ARCHIVE: Ending.ARCHIVED, Verb.RESTORE: None, Verb.REOPEN: None},
    Ending.ARCHIVED: {Verb.REOPEN: None},
}
"""Of a closed case: the ending that a verb leads to; None where it is open again."""


class CaseIsClosed(NotNow):
    """Nothing is left to do: the matter was settled."""


class CaseIsArchived(CaseIsClosed):
    """Nobody changes anything any more."""


class CaseIsSuspended(NotNow):
    """The project is held: nothing climbs, so there is nothing to stop."""


class AlreadyAcknowledged(Conflict):
    """This rung was acknowledged before; once for each rung."""

    def __init__(self, case_id: UUID, rung: int) -> None:
        super().__init__("本级督办已签收", case_id=str(case_id), rung=rung)


class NoSuchFeedback(NotFound):
    def __init__(self, case_id: UUID, number: int) -> None:
        super().__init__("没有该反馈", case_id=str(case_id), feedback=number)


class AlreadySentBack(Conflict):
    """This feedback was sent back before."""

    def __init__(self, case_id: UUID, number: int) -> None:
        super().__init__("该反馈已退办", case_id=str(case_id), feedback=number)


class Feedback(NamedTuple):
    """What is kept of one 反馈. `until`: the day until which it holds the climb; None when it holds nothing."""

    number: int
    post_id: UUID | None = None
    until: date | None = None
    sent_back: bool = False


class Plain(NamedTuple):
    """How the ladder would stand without the feedback given at this rung: from what its next rung is counted, and until
    the morning of what day it would be held."""

    anchor_on: date
    anchor_days: int
    held_on: date | None = None

    def due_on(self, case: "Case", rules: Rules) -> date:
        """The day of the next rung: as counted, but not on the day of the present one."""
        due_on = rules.calendar.add(self.anchor_on, self.anchor_days).day
        return due_on if case.rung_on is None else max(due_on, rules.calendar.add(case.rung_on, 1).day)

    def due_later(self, days: int, case: "Case", rules: Rules) -> "Plain":
        """The same with the next rung so many working days later."""
        following = rules.calendar.add(self.due_on(case, rules), days).day
        return self._replace(anchor_days=rules.calendar.between(self.anchor_on, following))


class Case(NamedTuple):
    """`rung_on`: the day the present rung was reached. `next_at`: when the next is due; None at the top.

    `anchor_on` and `anchor_days`: the day and the working days after it that `next_at` was counted from, so that a
    year's calendar, when it comes, can count again. `held_until`: until when 签收 or 反馈 stop the climb. `plain`: how
    it would stand without the feedback of this rung; None where none holds. `lead_org_id`: None for the project's
    responsible unit. `restored`: 督查室 took it up again, so that 督查室 closes it.
    """

    id: UUID
    obligation_id: UUID
    project_id: UUID
    number: str
    policy_version: str
    due_on: date
    opened_at: datetime
    state: State = State.OPEN
    rung: int = 0
    rung_on: date | None = None
    next_at: datetime | None = None
    anchor_on: date | None = None
    anchor_days: int = 0
    acknowledged: bool = False
    held_until: datetime | None = None
    suspended_on: date | None = None
    provisional: bool = False
    closed_on: date | None = None
    close_reason: str = ""
    rule_set: str = ""
    ending: Ending | None = None
    feedback: tuple[Feedback, ...] = ()
    plain: Plain | None = None
    lead_org_id: UUID | None = None
    assisting_org_ids: tuple[UUID, ...] = ()
    restored: bool = False

    def allows(self, verb: Verb) -> bool:
        return verb in TABLE[self.state] and (self.ending is None or verb in ENDINGS[self.ending])


def climb_at(case: Case, rules: Rules) -> datetime | None:
    """When the next rung is reached if nothing happens: when it is due, but never on the morning of the one before."""
    if case.next_at is None or case.state is not State.OPEN:
        return None
    return _stand(case, rules)


def open_case(
    obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, number: str, now: datetime
) -> Events:
    """Open the case of a missed obligation, at the first rung."""
    subject = subject_of(obligation, project)
    opened = CaseOpened(
        case_id=obligation.case_id,
        obligation_id=obligation.id,
        number=number,
        subject=subject,
        policy_version=rules.policy.version,
        rule_set=rules.policy.rule_set,
    )
    case = _new(opened, now)
    case = case._replace(next_at=first_rung_at(obligation, rules, on=moments.china_date(now)))
    return [opened, *escalate(case, subject, directory, rules, project=project, now=now)]


def escalate(
    case: Case,
    subject: Subject,
    directory: Directory,
    rules: Rules,
    *,
    project: Project,
    now: datetime,
    document_number: str | None = None,
    by_light: bool = False,
) -> Events:
    """Reach the next rung; to whom is settled now, from the directory of today. Nothing at the top or while held."""
    rung = rules.policy.rung(case.rung + 1)
    if rung is None or case.next_at is None or not case.allows(Verb.ESCALATE):
        return []
    on = moments.china_date(now)
    found = whom(case, subject.responsible_post_id, project, directory, to=rung.to, copy=rung.copy, on=on)
    following, provisional = _after(rung, case.next_at, rules)
    if following is not None:
        following = max(following, rules.next_morning(on))
    return [
        CaseEscalated(
            case_id=case.id,
            number=case.number,
            rung=rung.number,
            document=rung.document,
            document_number=document_number,
            subject=subject,
            addressees=found.addressees,
            skipped=found.skipped,
            working_days_late=max(0, rules.calendar.between(case.due_on, on)),
            reply_by=_reply_by(rung, on, following, rules),
            due_at=case.next_at,
            next_at=following,
            raised_by_light=by_light,
            provisional=provisional or rules.calendar.is_provisional(moments.china_date(case.next_at)),
        )
    ]


def whom(
    case: Case,
    post_id: UUID,
    project: Project,
    directory: Directory,
    *,
    to: tuple[Tier, ...],
    copy: tuple[Tier, ...] = (),
    on: date,
) -> Found:
    """Who hears of the case: the tiers of its chain and of its lead unit; copies go to the heads of assisting units."""
    asked = project.asked(post_id)
    if case.lead_org_id is not None:
        asked = asked._replace(organisation_id=case.lead_org_id)
    found = directory.find(asked, to=to, copy=copy, on=on)
    if not case.assisting_org_ids:
        return found
    heard = {one.post_id: one for one in found.addressees}
    for head in assisting_heads(case, directory, on):
        heard.setdefault(head, Addressee(post_id=head, tier=Tier.UNIT_HEAD, copy_only=True))
    return Found(tuple(heard.values()), found.skipped)


def assisting_heads(case: Case, directory: Directory, on: date) -> list[UUID]:
    """The posts of the heads of the units that assist, where they are held."""
    return [head for unit in case.assisting_org_ids for head in directory.heads_of(unit, on)]


def needs_letter_number(case: Case, policy: Policy) -> bool:
    rung = policy.rung(case.rung + 1)
    return rung is not None and rung.numbered


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
            next_at=max([_due_when_acknowledged(case, until, rules, on=on), *_committed(case, rules)]),
        )
    ]


def _due_when_acknowledged(case: Case, until: date, rules: Rules, *, on: date) -> datetime:
    """When the next rung is due but for commitments: what these hold takes nothing from the days granted."""
    plain = case.plain or _plain(case)
    assert plain is not None
    return rules.morning(_acknowledged_plainly(case, plain, until, rules, on).due_on(case, rules))


def _committed(case: Case, rules: Rules) -> list[datetime]:
    """Before these mornings nothing is reached, for what was promised until then."""
    return [rules.next_morning(day) for day in _standing(case.feedback)]


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
    following = None if case.next_at is None else max(_stand(case, rules), until)
    return [
        CaseFeedbackGiven(
            case_id=case.id,
            by=by,
            text=text,
            commitment_on=commitment_on,
            holds_until=until,
            next_at=following,
            feedback=number or _next_number(case),
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
    others = [rules.next_morning(day) for day in _standing(case.feedback, but=given.number)]
    is_over = rules.next_morning(given.until) <= now
    soonest = _stand(case, rules) if is_over else rules.next_morning(moments.china_date(now))
    following = max(rules.morning(case.plain.due_on(case, rules)), soonest, *others)
    plainly = [rules.morning(case.plain.held_on)] if case.plain.held_on else []
    return following, max([*plainly, *others], default=None)


def _standing(feedback: tuple[Feedback, ...], *, but: int = 0) -> list[date]:
    """The days until which feedback holds the climb."""
    return [one.until for one in feedback if one.until is not None and not one.sent_back and one.number != but]


def _whoever_gave(
    given: Feedback, obligation: Obligation, project: Project, directory: Directory, on: date
) -> tuple[Addressee, ...]:
    """The post that it was given for; the responsible one, or who hears instead of it, where that is vacant by now."""
    post = directory.posts.get(given.post_id) if given.post_id else None
    if post is not None and directory.holder(post.id, on):
        return (Addressee(post_id=post.id, tier=post.tier),)
    return directory.find(project.asked(obligation.post_id), to=(Tier.OFFICER,), on=on).addressees


def _next_number(case: Case) -> int:
    return case.feedback[-1].number + 1 if case.feedback else 1


def extend(case: Case, due_on: date, rules: Rules) -> Events:
    """An extension was granted while the case was open: the rungs above count from the new due day."""
    if not case.allows(Verb.EXTEND):
        return []
    following, provisional = None, case.provisional
    above = rules.policy.rung(case.rung + 1)
    if above is not None and case.next_at is not None:
        counted = rules.calendar.add(due_on, above.after_days)
        following, provisional = max(_stand(case, rules), rules.morning(counted.day)), counted.provisional
    return [
        CaseExtended(
            case_id=case.id,
            due_on=due_on,
            holds_until=rules.next_morning(due_on),
            next_at=following,
            provisional=provisional,
        )
    ]


def move_to_policy(
    case: Case, rules: Rules, to: Rules, *, by: str, person_id: UUID | None, reason: str, on: date
) -> Events:
    """Go by other rules from here on: the next rung is due by their distance from the present one, with all that the
    climb stood still, but not before the next working morning. `to`: the new ones; `rules`: those until now.

    Raises:
        CaseIsClosed, CaseIsSuspended: nothing climbs.
    """
    require(case, Verb.MOVE_TO_POLICY)
    following, later, provisional = None, 0, case.provisional
    gap = _gap(to.policy, case.rung)
    if gap is not None:
        before = _gap(rules.policy, case.rung)
        counted_from = moments.china_date(case.next_at) if case.next_at else case.rung_on or on
        later = gap - (before or 0) if case.next_at else 0
        counted = to.calendar.add(counted_from, later if case.next_at else gap)
        held = [case.held_until] if case.held_until else []
        soonest = to.next_morning(on)
        following = max(to.morning(counted.day), soonest, *_committed(case, to), *held)
        provisional = counted.provisional
    return [
        CaseMovedToPolicy(
            case_id=case.id,
            policy_version=to.policy.version,
            rule_set=to.policy.rule_set,
            before=case.policy_version,
            later_by_days=later,
            next_at=following,
            provisional=provisional,
            by=by,
            person_id=person_id,
            reason=reason,
        )
    ]


def _gap(policy: Policy, rung: int) -> int | None:
    """Working days from this rung to the next; None at the top."""
    here, above = policy.rung(rung), policy.rung(rung + 1)
    return None if here is None or above is None else above.after_days - here.after_days


def suspend(case: Case, *, reason: str) -> Events:
    if not case.allows(Verb.SUSPEND):
        return []
    return [CaseRescheduled(case_id=case.id, suspended=True, next_at=None, reason=reason, provisional=case.provisional)]


def resume(case: Case, rules: Rules, *, on: date) -> Events:
    """Go on after a hold, with the working days that were left."""
    if not case.allows(Verb.RESUME):
        return []
    following, provisional = case.next_at, case.provisional
    if case.next_at is not None:
        stood = max(0, rules.calendar.between(case.suspended_on or on, on))
        counted = rules.calendar.add(moments.china_date(_stand(case, rules)), stood)
        following, provisional = rules.morning(counted.day), counted.provisional
    return [
        CaseRescheduled(
            case_id=case.id, suspended=False, next_at=following, reason="项目已复工", provisional=provisional
        )
    ]


def recount(case: Case, rules: Rules, now: datetime) -> Events:
    """A year's calendar came: count the next rung again from its anchor. What is announced is never past."""
    if not case.allows(Verb.RESCHEDULE) or case.next_at is None or case.anchor_on is None:
        return []
    counted = rules.calendar.add(case.anchor_on, case.anchor_days)
    if rules.morning(counted.day) == case.next_at and counted.provisional == case.provisional:
        return []
    following = _stand(case._replace(next_at=rules.morning(counted.day)), rules)
    return [
        CaseRescheduled(
            case_id=case.id,
            suspended=False,
            next_at=rules.alarm(following, now),
            reason="工作日历已更新",
            provisional=counted.provisional,
        )
    ]


def close(
    case: Case,
    obligation: Obligation,
    project: Project,
    directory: Directory,
    rules: Rules,
    *,
    reason: str,
    on: date,
    today: date | None = None,
) -> Events:
    """办结 of the day `on`; told to all whom a rung was for, as they are today (that day, when left out), and to the
    responsible post."""
    if not case.allows(Verb.CLOSE):
        return []
    return [
        CaseClosed(
            case_id=case.id,
            reason=reason,
            subject=subject_of(obligation, project),
            addressees=_all_who_heard(case, obligation, project, directory, rules, on=today or on),
            closed_on=on,
            number=case.number,
        )
    ]


def reopen(
    case: Case,
    obligation: Obligation,
    project: Project,
    directory: Directory,
    rules: Rules,
    *,
    reason: str,
    on: date,
    today: date | None = None,
) -> Events:
    """What closed it was wrong: it goes on from its rung with the working days that were left; told as 办结 was."""
    if not case.allows(Verb.REOPEN):
        return []
    following, provisional = _left_when_closed(case, rules, on=on)
    return [
        CaseReopened(
            case_id=case.id,
            number=case.number,
            rung=case.rung,
            subject=subject_of(obligation, project),
            addressees=_all_who_heard(case, obligation, project, directory, rules, on=today or on),
            reason=reason,
            reopened_on=on,
            next_at=following,
            provisional=provisional,
        )
    ]


def _left_when_closed(case: Case, rules: Rules, *, on: date) -> tuple[datetime | None, bool]:
    """When the next rung is due: as it was, later by the working days that the case stood closed."""
    if case.anchor_on is None or rules.policy.rung(case.rung + 1) is None:
        return None, case.provisional
    due_on = rules.calendar.add(case.anchor_on, case.anchor_days).day
    stood = max(0, rules.calendar.between(case.closed_on or on, on))
    counted = rules.calendar.add(due_on, stood)
    return max(rules.morning(counted.day), rules.next_morning(on)), counted.provisional


def _all_who_heard(
    case: Case, obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, on: date
) -> tuple[Addressee, ...]:
    """All whom a rung was for, as they are today, and the responsible post."""
    reached = rules.policy.rungs[: case.rung]
    tiers = (*(tier for rung in reached for tier in rung.to), *rules.policy.closing_to)
    copied = tuple(tier for rung in reached for tier in rung.copy)
    to, copy = tuple(dict.fromkeys(tiers)), tuple(dict.fromkeys(copied))
    return whom(case, obligation.post_id, project, directory, to=to, copy=copy, on=on).addressees


def begin(opened: CaseOpened, *, at: datetime) -> Case:
    """The case that `CaseOpened` of the instant `at` makes."""
    return _new(opened, at)


def evolve(case: Case, event: CaseEvent, rules: Rules, *, on: date) -> Case:
    """The case after an event of the day `on`; `rules`: those it began with, for what `next_at` is counted from."""
    return _EVOLVE[type(event)](case, event, rules, on)


def _new(opened: CaseOpened, at: datetime) -> Case:
    return Case(
        id=opened.case_id,
        obligation_id=opened.obligation_id,
        project_id=opened.subject.project_id,
        number=opened.number,
        policy_version=opened.policy_version,
        rule_set=opened.rule_set,
        due_on=opened.subject.due_on,
        opened_at=at,
    )


def _stand(case: Case, rules: Rules) -> datetime:
    """When the next rung would be reached as things stand."""
    assert case.next_at is not None
    if case.rung_on is None:
        return case.next_at
    return max(case.next_at, rules.next_morning(case.rung_on))


def _after(rung: Rung, due_at: datetime, rules: Rules) -> tuple[datetime | None, bool]:
    above = rules.policy.rung(rung.number + 1)
    if above is None:
        return None, False
    counted = rules.calendar.add(moments.china_date(due_at), above.after_days - rung.after_days)
    return rules.morning(counted.day), counted.provisional


def _reply_by(rung: Rung, on: date, next_at: datetime | None, rules: Rules) -> date | None:
    """Within the days that the policy grants, and before the next rung's morning: the last working day before it."""
    if not rung.reply_within_days:
        return None
    granted = rules.calendar.add(on, rung.reply_within_days).day
    if next_at is None:
        return granted
    return min(granted, rules.calendar.add(moments.china_date(next_at), -1).day)


def require(case: Case, verb: Verb) -> None:
    """Raises CaseIsClosed, CaseIsArchived, CaseIsSuspended where the verb has no place."""
    if case.allows(verb):
        return
    if case.ending is Ending.ARCHIVED:
        raise CaseIsArchived("督办件已归档，不能再更改", state=case.state, verb=verb)
    if case.state is State.CLOSED:
        raise CaseIsClosed("督办件已办结", state=case.state, verb=verb, reason=case.close_reason)
    if case.state is State.SUSPENDED:
        raise CaseIsSuspended("项目停缓建期间督办暂停", state=case.state, verb=verb)


def _anchored(next_at: datetime | None, anchor_on: date | None, calendar: WorkingCalendar) -> dict[str, Any]:
    """The changes that say when the next rung is due, and what that was counted from."""
    if next_at is None or anchor_on is None:
        return {"next_at": next_at}
    days = calendar.between(anchor_on, moments.china_date(next_at))
    return {"next_at": next_at, "anchor_on": anchor_on, "anchor_days": days}


def _escalated(case: Case, event: CaseEscalated, rules: Rules, on: date) -> Case:
    # What is announced may be later than what is due: the state keeps the latter, for the rungs above count from it.
    reached = rules.policy.rung(event.rung)
    following = _after(reached, event.due_at, rules)[0] if reached else None
    return case._replace(
        rung=event.rung,
        rung_on=on,
        acknowledged=False,
        held_until=None,
        provisional=event.provisional,
        feedback=_released(case.feedback),
        plain=None,
        **_anchored(following, moments.china_date(event.due_at), rules.calendar),
    )


def _released(feedback: tuple[Feedback, ...]) -> tuple[Feedback, ...]:
    """The same, holding nothing any more."""
    return tuple([one._replace(until=None) for one in feedback]) if feedback else feedback


def _acknowledged(case: Case, event: CaseAcknowledged, rules: Rules, on: date) -> Case:
    held = max(filter(None, (case.held_until, event.holds_until)), default=None)
    anchor, plain = case.anchor_on, case.plain
    if plain is not None and event.holds_until is not None:
        plain = _acknowledged_plainly(case, plain, moments.china_date(event.holds_until), rules, on)
        anchor = plain.anchor_on if event.next_at == rules.morning(plain.due_on(case, rules)) else anchor
    return case._replace(
        acknowledged=True, held_until=held, plain=plain, **_anchored(event.next_at, anchor, rules.calendar)
    )


def _acknowledged_plainly(case: Case, plain: Plain, until: date, rules: Rules, on: date) -> Plain:
    """What 签收 grants where no feedback holds the climb: the days, and nothing before they have passed."""
    held_on = max(on, plain.held_on or on)
    granted = max(0, rules.calendar.between(held_on, until))
    later = plain.due_later(granted, case, rules)
    days = max(later.anchor_days, rules.calendar.between(plain.anchor_on, until))
    return later._replace(anchor_days=days, held_on=max(until, held_on))


def _feedback_given(case: Case, event: CaseFeedbackGiven, rules: Rules, _: date) -> Case:
    held = max(case.held_until or event.holds_until, event.holds_until)
    anchor = event.commitment_on if event.next_at == event.holds_until else case.anchor_on
    given = Feedback(event.feedback or _next_number(case), event.post_id, event.commitment_on)
    return case._replace(
        held_until=held,
        feedback=(*case.feedback, given),
        plain=case.plain or _plain(case),
        **_anchored(event.next_at, anchor, rules.calendar),
    )


def _plain(case: Case) -> Plain | None:
    """How the ladder stands while no feedback holds it; None at the top."""
    if case.next_at is None or case.anchor_on is None:
        return None
    held_on = moments.china_date(case.held_until) if case.held_until else None
    return Plain(case.anchor_on, case.anchor_days, held_on)


def _sent_back(case: Case, event: CaseFeedbackSentBack, rules: Rules, on: date) -> Case:
    feedback = tuple(
        one._replace(sent_back=True, until=None) if one.number == event.feedback else one for one in case.feedback
    )
    plain = case.plain
    changes: dict[str, Any] = {"next_at": event.next_at}
    if plain is not None:
        is_plain = event.next_at == rules.morning(plain.due_on(case, rules))
        changes = _anchored(event.next_at, plain.anchor_on if is_plain else on, rules.calendar)
    return case._replace(
        held_until=event.holds_until,
        feedback=feedback,
        plain=plain if _standing(feedback) else None,
        **changes,
    )


def _extended(case: Case, event: CaseExtended, rules: Rules, _: date) -> Case:
    return case._replace(
        due_on=event.due_on,
        held_until=max(case.held_until or event.holds_until, event.holds_until),
        provisional=event.provisional,
        plain=_plainly_extended(case, case.plain, event, rules) if case.plain else None,
        **_anchored(event.next_at, event.due_on, rules.calendar),
    )


def _plainly_extended(case: Case, plain: Plain, event: CaseExtended, rules: Rules) -> Plain:
    above = rules.policy.rung(case.rung + 1)
    counted = rules.calendar.add(event.due_on, above.after_days if above else 0).day
    following = max(plain.due_on(case, rules), counted)
    held_on = max(plain.held_on or event.due_on, moments.china_date(event.holds_until))
    return Plain(event.due_on, rules.calendar.between(event.due_on, following), held_on)


def _moved_to_policy(case: Case, event: CaseMovedToPolicy, rules: Rules, on: date) -> Case:
    plain = case.plain.due_later(event.later_by_days, case, rules) if case.plain and event.next_at else None
    return case._replace(
        policy_version=event.policy_version,
        rule_set=event.rule_set,
        provisional=event.provisional,
        plain=plain,
        **_anchored(event.next_at, case.anchor_on or on, rules.calendar),
    )


def _rescheduled(case: Case, event: CaseRescheduled, rules: Rules, on: date) -> Case:
    if event.suspended:
        return case._replace(state=State.SUSPENDED, suspended_on=on)
    if case.state is State.OPEN:
        return _recounted(case, event, rules)
    stood = max(0, rules.calendar.between(case.suspended_on or on, on))
    return case._replace(
        state=State.OPEN,
        suspended_on=None,
        held_until=_shifted_hold(case, rules.calendar, on),
        feedback=_shifted_feedback(case.feedback, rules.calendar, stood),
        plain=_plainly_resumed(case, case.plain, rules, stood) if case.plain else None,
        provisional=event.provisional,
        **_anchored(event.next_at, case.anchor_on, rules.calendar),
    )


def _recounted(case: Case, event: CaseRescheduled, rules: Rules) -> Case:
    # As in `_escalated`: what is due stays, however late it is by now.
    assert case.anchor_on is not None
    due_at = rules.morning(rules.calendar.add(case.anchor_on, case.anchor_days).day)
    return case._replace(next_at=due_at, provisional=event.provisional)


def _shifted_hold(case: Case, calendar: WorkingCalendar, on: date) -> datetime | None:
    if case.held_until is None or case.suspended_on is None:
        return case.held_until
    stood = max(0, calendar.between(case.suspended_on, on))
    until = calendar.add(moments.china_date(case.held_until), stood).day
    return moments.at(until, case.held_until.astimezone(moments.CHINA).time())


def _shifted_feedback(feedback: tuple[Feedback, ...], calendar: WorkingCalendar, stood: int) -> tuple[Feedback, ...]:
    return tuple(
        [one if one.until is None else one._replace(until=calendar.add(one.until, stood).day) for one in feedback]
    )


def _plainly_resumed(case: Case, plain: Plain, rules: Rules, stood: int) -> Plain:
    held_on = rules.calendar.add(plain.held_on, stood).day if plain.held_on else None
    return plain.due_later(stood, case, rules)._replace(held_on=held_on)


def _closed(case: Case, event: CaseClosed, rules: Rules, _: date) -> Case:
    held_since = case.suspended_on or event.closed_on  # what a hold took until then is left, should it be reopened
    stood = max(0, rules.calendar.between(held_since, event.closed_on))
    return case._replace(
        anchor_days=case.anchor_days + stood,
        state=State.CLOSED,
        next_at=None,
        held_until=None,
        suspended_on=None,
        feedback=_released(case.feedback),
        plain=None,
        closed_on=event.closed_on,
        close_reason=event.reason,
        ending=Ending.COMPLETED,
        restored=False,
    )


def _assigned(case: Case, event: CaseAssigned, _: Rules, __: date) -> Case:
    return case._replace(lead_org_id=event.lead_org_id, assisting_org_ids=event.assisting_org_ids)


def _reopened(case: Case, event: CaseReopened, rules: Rules, on: date) -> Case:
    return case._replace(
        state=State.OPEN,
        closed_on=None,
        close_reason="",
        ending=None,
        provisional=event.provisional,
        **_anchored(event.next_at, case.anchor_on, rules.calendar),
    )


_EVOLVE: Mapping[type[CaseEvent], Callable[[Case, Any, Rules, date], Case]] = {
    CaseOpened: lambda case, *_: case,
    CaseEscalated: _escalated,
    CaseAcknowledged: _acknowledged,
    CaseFeedbackGiven: _feedback_given,
    CaseFeedbackSentBack: _sent_back,
    CaseRescheduled: _rescheduled,
    CaseExtended: _extended,
    CaseClosed: _closed,
    CaseReopened: _reopened,
    CaseAssigned: _assigned,
    CaseStruckOff: lambda case, *_: case._replace(ending=Ending.STRUCK_OFF),
    CaseArchived: lambda case, *_: case._replace(ending=Ending.ARCHIVED),
    CaseRestored: lambda case, *_: case._replace(restored=True),
    CaseSettled: lambda case, *_: case,
    CaseMovedToPolicy: _moved_to_policy,
    CaseTalkHeld: lambda case, *_: case,
    CaseDocumentSigned: lambda case, *_: case,
}
