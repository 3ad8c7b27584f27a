"""Facts about the programme's organisation: who is who, which chains there are, who answers. Producer: intake."""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Event, Payload

PROGRAMME = "liandu.programme"


class Tier(StrEnum):
    """Posts of the ladder (S2), from the top; `unit_head` and `officer`: a unit's head and 责任人."""

    CHIEF_GENERAL = "chief_general"
    CHIEF = "chief"
    DEPUTY_CHIEF = "deputy_chief"
    TASK_FORCE = "task_force"
    TASK_FORCE_OFFICE = "task_force_office"
    UNIT_HEAD = "unit_head"
    OFFICER = "officer"


class ChainCategory(StrEnum):
    TRADITIONAL_MANUFACTURING = "traditional_manufacturing"
    EMERGING_MANUFACTURING = "emerging_manufacturing"
    MODERN_SERVICE = "modern_service"
    FUTURE = "future"


class OrganisationKind(StrEnum):
    GOVERNMENT = "government"  # 党政部门
    DEVELOPMENT_ZONE = "development_zone"  # 开发区、功能区管委会
    SUB_DISTRICT = "sub_district"  # 街道、镇
    TASK_FORCE = "task_force"  # 专班
    PARK = "park"  # 专业园区
    ENTERPRISE = "enterprise"  # 企业
    INSTITUTION = "institution"  # 事业单位、院校
    ASSOCIATION = "association"  # 商会、协会
    OTHER = "other"


class TaskForceKind(StrEnum):
    """工作专班 of chains, or 招商专班, which belongs to none and owns projects of any (S4)."""

    CHAIN = "chain"
    INVESTMENT = "investment"


class Position(StrEnum):
    """Where a segment stands in its chain."""

    UPSTREAM = "upstream"
    MIDSTREAM = "midstream"
    DOWNSTREAM = "downstream"


class ProgrammeEvent(Event):
    topic: ClassVar[str] = PROGRAMME


class OrganisationRecorded(ProgrammeEvent):
    """An organisation as it now stands. Aggregate: organisation_id. `since`: the day from which it bears this name."""

    type: ClassVar[str] = "cn.liandu.organisation.recorded.v1"
    organisation_id: UUID
    name: str
    parent_id: UUID | None = None
    kind: OrganisationKind | None = None
    since: date | None = None


class TaskForceMember(Payload):
    """A unit that takes part, perhaps by a person; `role` as officials write it."""

    organisation_id: UUID
    person_id: UUID | None = None
    role: str = ""


class TaskForceRecorded(ProgrammeEvent):
    """A 工作专班 or 招商专班 as it now stands (S4). Aggregate: organisation_id, for a task force is an organisation and
    answers for projects as one. `chain_ids`: of a 工作专班; none for a 招商专班."""

    type: ClassVar[str] = "cn.liandu.task_force.recorded.v1"
    organisation_id: UUID
    kind: TaskForceKind
    chain_ids: tuple[UUID, ...] = ()
    members: tuple[TaskForceMember, ...] = ()
    set_up_on: date


class TaskForceDissolved(ProgrammeEvent):
    """Aggregate: organisation_id. From this day on it takes no new projects."""

    type: ClassVar[str] = "cn.liandu.task_force.dissolved.v1"
    organisation_id: UUID
    from_day: date
    reason: str


class ParkRecorded(ProgrammeEvent):
    """A 专业园区 as it now stands (S15). Aggregate: organisation_id, for a park is an organisation: it may answer for
    projects and hold promotion events."""

    type: ClassVar[str] = "cn.liandu.park.recorded.v1"
    organisation_id: UUID
    chain_ids: tuple[UUID, ...] = ()
    address: str = ""


class PersonRecorded(ProgrammeEvent):
    """Aggregate: person_id. Mobile numbers are not published: notification keeps its own mentions."""

    type: ClassVar[str] = "cn.liandu.person.recorded.v1"
    person_id: UUID
    name: str
    organisation_id: UUID


class LeavePlanned(ProgrammeEvent):
    """A person is away, both days included, and another acts for them. Aggregate: person_id.

    `post_ids`: the posts in which the delegate acts; none: in all that the person holds.
    """

    type: ClassVar[str] = "cn.liandu.leave.planned.v1"
    person_id: UUID
    leave_id: UUID
    from_day: date
    until_day: date
    delegate_id: UUID
    post_ids: tuple[UUID, ...] = ()
    reason: str = ""


class LeaveEnded(ProgrammeEvent):
    """The person is back: the leave's last day is another one than planned. Aggregate: person_id."""

    type: ClassVar[str] = "cn.liandu.leave.ended.v1"
    person_id: UUID
    leave_id: UUID
    until_day: date


class LeaveCancelled(ProgrammeEvent):
    """The leave does not take place. Aggregate: person_id."""

    type: ClassVar[str] = "cn.liandu.leave.cancelled.v1"
    person_id: UUID
    leave_id: UUID
    reason: str = ""


class ChainRecorded(ProgrammeEvent):
    """A chain as it now stands. Aggregate: chain_id. `code` is short and stable, `name` may change (S3).

    `since`: the day from which it has this name and category; none: the day on which this was recorded.
    """

    type: ClassVar[str] = "cn.liandu.chain.recorded.v1"
    chain_id: UUID
    code: str
    name: str
    category: ChainCategory
    since: date | None = None


class ChainSplit(ProgrammeEvent):
    """Parts of a chain stand for themselves from a day on (S3). Aggregate: chain_id. `closed`: nothing is left of it.

    The posts' new chains and the projects that go over are facts of their own, recorded with this one.
    """

    type: ClassVar[str] = "cn.liandu.chain.split.v1"
    chain_id: UUID
    into: tuple[UUID, ...]
    from_day: date
    closed: bool
    reason: str


class ChainMerged(ProgrammeEvent):
    """A chain is part of another one from a day on, and takes no new projects (S3). Aggregate: chain_id.

    The posts' new chains and the projects that go over are facts of their own, recorded with this one.
    """

    type: ClassVar[str] = "cn.liandu.chain.merged.v1"
    chain_id: UUID
    into: UUID
    from_day: date
    reason: str


class EnterpriseRecorded(ProgrammeEvent):
    """An enterprise as it now stands, known by its 统一社会信用代码. Aggregate: enterprise_id."""

    type: ClassVar[str] = "cn.liandu.enterprise.recorded.v1"
    enterprise_id: UUID
    uscc: str
    name: str
    chain_ids: tuple[UUID, ...] = ()


class AnchorNamed(ProgrammeEvent):
    """The enterprise is 链主企业 of a chain from a day on. Aggregate: enterprise_id."""

    type: ClassVar[str] = "cn.liandu.anchor.named.v1"
    enterprise_id: UUID
    chain_id: UUID
    from_day: date


class AnchorReleased(ProgrammeEvent):
    """The enterprise is 链主企业 of the chain no more from a day on. Aggregate: enterprise_id."""

    type: ClassVar[str] = "cn.liandu.anchor.released.v1"
    enterprise_id: UUID
    chain_id: UUID
    from_day: date
    reason: str


class TargetFirm(Payload):
    """A firm that is to be won for a segment; `uscc`: where it is known."""

    name: str
    uscc: str | None = None
    note: str = ""


class SegmentRecorded(ProgrammeEvent):
    """A segment of a chain's 招商图谱 as it now stands (S7). Aggregate: map_id, which follows from the chain.

    `supplies`: the segments that this one feeds.
    """

    type: ClassVar[str] = "cn.liandu.segment.recorded.v1"
    map_id: UUID
    chain_id: UUID
    segment_id: UUID
    name: str
    position: Position
    parent_id: UUID | None = None
    supplies: tuple[UUID, ...] = ()
    strengths: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    target_firms: tuple[TargetFirm, ...] = ()


class SegmentRemoved(ProgrammeEvent):
    """Aggregate: map_id."""

    type: ClassVar[str] = "cn.liandu.segment.removed.v1"
    map_id: UUID
    segment_id: UUID


class PostEstablished(ProgrammeEvent):
    """Aggregate: post_id. No `chain_ids`: it answers for every chain (总链长), or for its unit (unit_head, officer).

    `on`: the day from which there is such a post; none: the day on which this was recorded.
    """

    type: ClassVar[str] = "cn.liandu.post.established.v1"
    post_id: UUID
    title: str
    tier: Tier
    organisation_id: UUID
    chain_ids: tuple[UUID, ...] = ()
    on: date | None = None


class PostChainsAssigned(ProgrammeEvent):
    """The chains that the post answers for from a day on, which is never in the future. Aggregate: post_id.

    None: a 总链长 answers for every chain, any other post for none.
    """

    type: ClassVar[str] = "cn.liandu.post.chains_assigned.v1"
    post_id: UUID
    chain_ids: tuple[UUID, ...]
    from_day: date
    reason: str


class PostAssumed(ProgrammeEvent):
    """A person takes up a post from a day on; the term before it, if any, ends the day before."""

    type: ClassVar[str] = "cn.liandu.post.assumed.v1"
    post_id: UUID
    person_id: UUID
    from_day: date


class PostVacated(ProgrammeEvent):
    """The post has no holder from this day on."""

    type: ClassVar[str] = "cn.liandu.post.vacated.v1"
    post_id: UUID
    person_id: UUID
    from_day: date


class TermOfOffice(Payload):
    """Both days included; no `until_day`: not ended."""

    person_id: UUID
    from_day: date
    until_day: date | None = None


class PostTermsCorrected(ProgrammeEvent):
    """What was recorded of the post's terms was wrong: all of them as they now stand. Aggregate: post_id."""

    type: ClassVar[str] = "cn.liandu.post.terms_corrected.v1"
    post_id: UUID
    terms: tuple[TermOfOffice, ...]
    reason: str
