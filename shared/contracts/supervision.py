"""What supervision decides: obligations, cases and their rungs, lights, commendations. Producer: assessment."""

from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Event, Payload
from shared.contracts.programme import Tier

SUPERVISION = "liandu.supervision"


class Light(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Document(StrEnum):
    """What a rung is called and handed over as (the ladder)."""

    REMINDER = "reminder"  # 提醒
    URGE = "urge"  # 催办
    LETTER = "letter"  # 督办函
    TALK = "talk"  # 约谈
    TALK_CHIEF = "talk_chief"  # 约谈（链长）
    CIRCULAR = "circular"  # 通报


NO_CHAIN = UUID(int=0)


class ObligationKind(StrEnum):
    """What is due (事项类别)."""

    MILESTONE = "milestone"  # 项目节点
    REPORT = "report"  # 项目月报
    MEASURE = "measure"  # 措施
    STEP = "step"  # 措施时间表的节点
    FILING = "filing"  # 库、清单的填报
    REQUEST = "request"  # 企业诉求的答复
    PROBLEM = "problem"  # 共性问题的答复
    REPLY = "reply"  # 督办函的回复


class Subject(Payload):
    """What it is about, as it stood when decided: enough to write a message without asking anyone.

    `project_id`, `project_name`: of a milestone or a report the project; of another `kind` what takes its place: the
    measure, the filing, the request, the common problem. `milestone_id`, `milestone_name`: what is due of it; of a
    reply the case whose letter is to be answered.
    `chain_id`: `NO_CHAIN` where it belongs to none.
    """

    kind: ObligationKind = ObligationKind.MILESTONE
    project_id: UUID
    project_name: str
    chain_id: UUID
    milestone_id: UUID
    milestone_name: str
    due_on: date
    responsible_org_id: UUID
    responsible_post_id: UUID


class Addressee(Payload):
    """A post that is to hear of it. `copy_only`: for information (抄送)."""

    post_id: UUID
    tier: Tier
    copy_only: bool = False


class SupervisionEvent(Event):
    topic: ClassVar[str] = SUPERVISION


class ObligationEvent(SupervisionEvent):
    """Aggregate: obligation_id. `on`: the day of what led to it, where that is another than the event's own."""

    obligation_id: UUID
    on: date | None = None


class ObligationOpened(ObligationEvent):
    """`baseline`: it was due before supervision began; shown, not climbing, until confirmed."""

    type: ClassVar[str] = "cn.liandu.obligation.opened.v1"
    subject: Subject
    baseline: bool = False
    provisional: bool = False


class ObligationMoved(ObligationEvent):
    """`late`: asked for after the due day, so it counts as overdue and moves nothing. `baseline` as when opened.
    `planned_on`: the day that intake planned, where it planned another one; a hold moves only what is due.
    `counted_from`, `counted_days`: the day and the working days after it that a hold moved it to."""

    type: ClassVar[str] = "cn.liandu.obligation.moved.v1"
    due_on: date
    planned_on: date | None = None
    provisional: bool = False
    baseline: bool = False
    late: bool = False
    counted_from: date | None = None
    counted_days: int = 0


class ObligationDelayed(ObligationEvent):
    """The responsible unit declared itself that it will be late; the due day stays."""

    type: ClassVar[str] = "cn.liandu.obligation.delayed.v1"
    expected_on: date
    reason: str


class ObligationReassigned(ObligationEvent):
    type: ClassVar[str] = "cn.liandu.obligation.reassigned.v1"
    responsible_post_id: UUID
    responsible_org_id: UUID


class ObligationReminded(ObligationEvent):
    """提醒, before the due day; belongs to the obligation, no case exists yet."""

    type: ClassVar[str] = "cn.liandu.obligation.reminded.v1"
    subject: Subject
    addressees: tuple[Addressee, ...]
    working_days_left: int


class ObligationMissed(ObligationEvent):
    type: ClassVar[str] = "cn.liandu.obligation.missed.v1"
    case_id: UUID


class ObligationConfirmed(ObligationEvent):
    """督查室 confirms a baseline: from this day it is supervised like any other."""

    type: ClassVar[str] = "cn.liandu.obligation.confirmed.v1"
    by: str


class ObligationMet(ObligationEvent):
    """`working_days_early`: negative when late."""

    type: ClassVar[str] = "cn.liandu.obligation.met.v1"
    met_on: date
    working_days_early: int


class ObligationSuspended(ObligationEvent):
    type: ClassVar[str] = "cn.liandu.obligation.suspended.v1"
    reason: str


class ObligationResumed(ObligationEvent):
    type: ClassVar[str] = "cn.liandu.obligation.resumed.v1"


class ObligationCancelled(ObligationEvent):
    type: ClassVar[str] = "cn.liandu.obligation.cancelled.v1"
    reason: str


class ObligationReopened(ObligationEvent):
    """It is due again, by the same day: intake's record that had met or cancelled it was corrected, or what says that
    it was not late was recorded in time and heard after it was missed. `missed`: its case is reopened with it.
    `baseline` as when opened."""

    type: ClassVar[str] = "cn.liandu.obligation.reopened.v1"
    reason: str
    missed: bool = False
    baseline: bool = False


class ExtensionEvent(ObligationEvent):
    """延期 of an obligation: `number` counts what was asked for within it. `by`: `name <login>`; `person_id`: who that
    is in the programme, where it is somebody."""

    number: int


class ExtensionRequested(ExtensionEvent):
    """A later due day was asked for, in time. While it waits nothing stands still."""

    type: ClassVar[str] = "cn.liandu.obligation.extension_requested.v1"
    asked_at: datetime
    by: str
    person_id: UUID | None = None
    reason: str
    progress: str
    due_before: date
    due_on: date


class ExtensionReviewed(ExtensionEvent):
    """The first of two steps: found sound; it waits for approval."""

    type: ClassVar[str] = "cn.liandu.obligation.extension_reviewed.v1"
    by: str
    person_id: UUID | None = None
    remark: str = ""


class ExtensionGranted(ExtensionEvent):
    """The due day that is supervised is another one; the planned day is intake's and stays."""

    type: ClassVar[str] = "cn.liandu.obligation.extension_granted.v1"
    subject: Subject
    addressees: tuple[Addressee, ...]
    due_before: date
    due_on: date
    provisional: bool = False
    by: str
    person_id: UUID | None = None
    remark: str = ""


class ExtensionRefused(ExtensionEvent):
    """`due_on`: the day that was asked for; the due day stays what it is in `subject`."""

    type: ClassVar[str] = "cn.liandu.obligation.extension_refused.v1"
    subject: Subject
    addressees: tuple[Addressee, ...]
    due_on: date
    by: str
    person_id: UUID | None = None
    reason: str


class ExtensionWithdrawn(ExtensionEvent):
    """Nothing is left to be decided: the obligation was met or cancelled, or is due on another day by now."""

    type: ClassVar[str] = "cn.liandu.obligation.extension_withdrawn.v1"
    reason: str


class CaseEvent(SupervisionEvent):
    """Aggregate: case_id. `number` is the case's number for people, e.g. 督〔2026〕12号. `on` as of an obligation."""

    case_id: UUID
    on: date | None = None


class CaseOpened(CaseEvent):
    """A case (督办件) exists from its first rung on; the rung itself is the CaseEscalated that follows.

    `rule_set`: of the policy's version the one that it goes by; empty for what holds where none does.
    """

    type: ClassVar[str] = "cn.liandu.case.opened.v1"
    obligation_id: UUID
    number: str
    subject: Subject
    policy_version: str
    rule_set: str = ""


class CaseEscalated(CaseEvent):
    """A rung is reached, 1 to 5. `skipped`: tiers passed over because their posts are vacant.

    `due_at`: when the ladder had it due (after an outage before, with `raised_by_light` after the event's own time).
    `next_at`: when the next rung is due if nothing happens; none at the top.
    """

    type: ClassVar[str] = "cn.liandu.case.escalated.v1"
    number: str
    rung: int
    document: Document
    document_number: str | None = None
    subject: Subject
    addressees: tuple[Addressee, ...]
    skipped: tuple[Tier, ...] = ()
    working_days_late: int
    reply_by: date | None = None
    due_at: datetime
    next_at: datetime | None = None
    raised_by_light: bool = False
    provisional: bool = False


class CaseAcknowledged(CaseEvent):
    """签收 stops the climb until `holds_until`, once for each rung. `via`: a login, or "link of message N"."""

    type: ClassVar[str] = "cn.liandu.case.acknowledged.v1"
    rung: int
    by: str
    via: str
    holds_until: datetime | None = None
    next_at: datetime | None = None


class CaseFeedbackGiven(CaseEvent):
    """反馈 with a commitment date holds the climb until that day. `feedback`: its number within the case (the first of
    them name none). `post_id`: the post that it was given for; none: 督查室 gave it for whoever it concerns."""

    type: ClassVar[str] = "cn.liandu.case.feedback_given.v1"
    by: str
    text: str
    commitment_on: date
    holds_until: datetime
    next_at: datetime | None = None
    feedback: int | None = None
    post_id: UUID | None = None
    person_id: UUID | None = None


class CaseFeedbackSentBack(CaseEvent):
    """退办: feedback is not accepted. The hold that it gave ends; the climb goes on from the next working morning, but
    never earlier than it would have without that feedback. `addressees`: whoever gave it. No `next_at`: it is at the
    top."""

    type: ClassVar[str] = "cn.liandu.case.feedback_sent_back.v1"
    feedback: int
    number: str
    rung: int
    subject: Subject
    addressees: tuple[Addressee, ...]
    by: str
    person_id: UUID | None = None
    reason: str
    holds_until: datetime | None = None
    next_at: datetime | None = None


class CaseRescheduled(CaseEvent):
    """The next rung's time changed, though nobody acted on the case: its project was held or resumed, or a year's
    calendar came. No `next_at`: the climb stands still until the project resumes, or the case is at the top."""

    type: ClassVar[str] = "cn.liandu.case.rescheduled.v1"
    suspended: bool
    next_at: datetime | None
    reason: str
    provisional: bool = False


class CaseExtended(CaseEvent):
    """A later day that was asked for in time was granted, or heard of, after its case had opened: the ladder counts
    from the new due day on, and stands still until it has passed. No `next_at`: it is at the top. `reason`: where it
    was no extension."""

    type: ClassVar[str] = "cn.liandu.case.extended.v1"
    due_on: date
    holds_until: datetime
    next_at: datetime | None = None
    provisional: bool = False
    reason: str = ""


class CaseClosed(CaseEvent):
    """办结: the milestone was met, or the task no longer exists. The first of them name no `number`."""

    type: ClassVar[str] = "cn.liandu.case.closed.v1"
    reason: str
    subject: Subject
    addressees: tuple[Addressee, ...] = ()
    closed_on: date
    number: str | None = None


class CaseReopened(CaseEvent):
    """What closed it was corrected: it stands at the rung that it had reached, and climbs on with the working days that
    were left. Where its subject is due on another day than before, that day has passed as well: its rungs count from
    it. No `next_at`: it is at the top."""

    type: ClassVar[str] = "cn.liandu.case.reopened.v1"
    number: str
    rung: int
    subject: Subject
    addressees: tuple[Addressee, ...]
    reason: str
    reopened_on: date
    next_at: datetime | None = None
    provisional: bool = False


class CaseAssigned(CaseEvent):
    """交办: the lead unit (none: the unit responsible for the project) and the units that assist it. The lead's head
    hears in place of the responsible unit's, those of the others for information, from the next rung on."""

    type: ClassVar[str] = "cn.liandu.case.assigned.v1"
    lead_org_id: UUID | None = None
    assisting_org_ids: tuple[UUID, ...] = ()
    by: str
    person_id: UUID | None = None
    reason: str


class CaseStruckOff(CaseEvent):
    """销号: 督查室 has looked at what is done, and takes the case off the register of open matters."""

    type: ClassVar[str] = "cn.liandu.case.struck_off.v1"
    by: str
    person_id: UUID | None = None
    remark: str
    struck_off_on: date


class CaseArchived(CaseEvent):
    """归档: nobody changes anything any more; only a correction of what had closed it opens it again."""

    type: ClassVar[str] = "cn.liandu.case.archived.v1"
    by: str
    person_id: UUID | None = None
    remark: str = ""
    archived_on: date


class CaseRestored(CaseEvent):
    """恢复督办 by 督查室 of what was closed without being done; the CaseReopened that follows says how it goes on."""

    type: ClassVar[str] = "cn.liandu.case.restored.v1"
    by: str
    person_id: UUID | None = None
    reason: str


class CaseSettled(CaseEvent):
    """办结 by 督查室 of a case that it had restored, for intake no longer holds the milestone; CaseClosed follows."""

    type: ClassVar[str] = "cn.liandu.case.settled.v1"
    by: str
    person_id: UUID | None = None
    reason: str


class CaseMovedToPolicy(CaseEvent):
    """督查室 moves a case to another version of the policy, on record; its reached rungs stay as they were.

    `before`: the version until then. `later_by_days`: working days by which the next rung is due later than before.
    `next_at`: when it is due if nothing happens; none at the top.
    """

    type: ClassVar[str] = "cn.liandu.case.moved_to_policy.v1"
    policy_version: str
    rule_set: str = ""
    before: str
    later_by_days: int
    next_at: datetime | None
    provisional: bool = False
    by: str
    person_id: UUID | None = None
    reason: str


class LightWatch(Payload):
    """What a light watches: the milestone of the start, the day planned for it, month-ends that a hold excuses."""

    milestone_id: UUID
    planned_on: date
    state: str
    excused: int = 0
    suspended_on: date | None = None


class LightEvent(SupervisionEvent):
    """Aggregate: uuid5(project_id, "light"). `watch`: what it watches from now on, where that is new; with it
    `held_ends`: all month-ends that fell into a hold, for the start may be planned anew."""

    project_id: UUID
    watch: LightWatch | None = None
    held_ends: tuple[date, ...] = ()


class LightWatched(LightEvent):
    """It watches something else, or stands still, or is over; how it shines is the same."""

    type: ClassVar[str] = "cn.liandu.light.watched.v1"


class LightChanged(LightEvent):
    """The rule, its version and inputs stand with the light."""

    type: ClassVar[str] = "cn.liandu.light.changed.v1"
    light: Light
    before: Light | None = None
    rule: str
    policy_version: str
    inputs: dict[str, str]
    on: date


class CommendationProposed(SupervisionEvent):
    """激励: proposed, never automatic; a person approves. Aggregate: commendation_id."""

    type: ClassVar[str] = "cn.liandu.commendation.proposed.v1"
    commendation_id: UUID
    obligation_id: UUID
    subject: Subject
    addressees: tuple[Addressee, ...]
    met_on: date
    working_days_early: int
    policy_version: str


class CommendationWithdrawn(SupervisionEvent):
    """The proposal rested on a record that was corrected. Aggregate: commendation_id; it may be proposed again."""

    type: ClassVar[str] = "cn.liandu.commendation.withdrawn.v1"
    commendation_id: UUID
    obligation_id: UUID
    subject: Subject
    addressees: tuple[Addressee, ...]
    reason: str


class CommendationApproved(SupervisionEvent):
    """督查室 agrees: it stands on the honour roll (红榜). Aggregate: commendation_id."""

    type: ClassVar[str] = "cn.liandu.commendation.approved.v1"
    commendation_id: UUID
    obligation_id: UUID
    subject: Subject
    addressees: tuple[Addressee, ...]
    by: str
    person_id: UUID | None = None
    remark: str = ""
    approved_on: date


class CommendationDeclined(SupervisionEvent):
    """督查室 does not agree. Aggregate: commendation_id."""

    type: ClassVar[str] = "cn.liandu.commendation.declined.v1"
    commendation_id: UUID
    obligation_id: UUID
    subject: Subject
    by: str
    person_id: UUID | None = None
    reason: str
    declined_on: date


class CommendationStruckOff(SupervisionEvent):
    """What was approved rested on a record that does not hold: off the honour roll. Aggregate: commendation_id."""

    type: ClassVar[str] = "cn.liandu.commendation.struck_off.v1"
    commendation_id: UUID
    obligation_id: UUID
    subject: Subject
    addressees: tuple[Addressee, ...]
    reason: str


class Addressed(SupervisionEvent):
    """Who is to hear of an earlier fact of the same aggregate (`event_id`) that named nobody: when it was decided, no
    post that could hear was held, or none was known yet. `skipped` as in `CaseEscalated`; both stand instead of the
    earlier fact's."""

    type: ClassVar[str] = "cn.liandu.supervision.addressed.v1"
    event_id: UUID
    addressees: tuple[Addressee, ...]
    skipped: tuple[Tier, ...] = ()
