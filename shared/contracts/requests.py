"""Facts about enterprise requests (企业诉求, S5) and the common problems that several of them are. Producer: intake.

A request has a due day and a responsible post from its assignment on, and is to be supervised like a task until it is
answered. An enterprise is named by its 统一社会信用代码.
"""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Event
from shared.contracts.projects import Source

REQUESTS = "liandu.requests"


class Satisfaction(StrEnum):
    """What an enterprise says of an answer when it confirms it."""

    VERY_SATISFIED = "very_satisfied"  # 非常满意
    SATISFIED = "satisfied"  # 满意
    ACCEPTABLE = "acceptable"  # 基本满意
    DISSATISFIED = "dissatisfied"  # 不满意


class RequestEvent(Event):
    """Aggregate: request_id."""

    topic: ClassVar[str] = REQUESTS
    request_id: UUID


class RequestRaised(RequestEvent):
    """`by_enterprise`: it raised the request itself, no clerk did so for it. `by`: a token's subject."""

    type: ClassVar[str] = "cn.liandu.request.raised.v1"
    chain_id: UUID
    uscc: str
    enterprise_name: str
    title: str
    text: str
    raised_on: date
    by_enterprise: bool
    by: str


class RequestAssigned(RequestEvent):
    """A post is to answer by a day; assigned anew with a reason. `problem_id`: the common problem whose answer it is to
    have, none where it is answered on its own."""

    type: ClassVar[str] = "cn.liandu.request.assigned.v1"
    due_on: date
    responsible_org_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None
    source: Source = Source.PLAN
    source_document: str = ""
    reason: str = ""
    problem_id: UUID | None = None
    assigned_on: date
    by: str


class RequestAnswered(RequestEvent):
    type: ClassVar[str] = "cn.liandu.request.answered.v1"
    answer: str
    answered_on: date
    by: str


class RequestSentBack(RequestEvent):
    """The enterprise does not take the answer; the request is to be assigned again."""

    type: ClassVar[str] = "cn.liandu.request.sent_back.v1"
    reason: str
    sent_back_on: date
    by: str


class RequestConfirmed(RequestEvent):
    """The enterprise takes the answer, which closes the request; nothing else does."""

    type: ClassVar[str] = "cn.liandu.request.confirmed.v1"
    satisfaction: Satisfaction
    comment: str = ""
    confirmed_on: date
    by: str


class RequestWithdrawn(RequestEvent):
    type: ClassVar[str] = "cn.liandu.request.withdrawn.v1"
    reason: str
    withdrawn_on: date
    by: str


class ProblemEvent(Event):
    """Aggregate: problem_id."""

    topic: ClassVar[str] = REQUESTS
    problem_id: UUID


class ProblemGathered(ProblemEvent):
    """Requests of several enterprises of a chain are one problem (共性问题), for the chain's 专班."""

    type: ClassVar[str] = "cn.liandu.common_problem.gathered.v1"
    chain_id: UUID
    title: str
    text: str
    request_ids: tuple[UUID, ...]
    due_on: date
    responsible_org_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None
    source: Source = Source.PLAN
    source_document: str = ""
    gathered_on: date
    by: str


class ProblemJoined(ProblemEvent):
    """Further requests, or such as were sent back; an answered problem is open again, until `due_on`."""

    type: ClassVar[str] = "cn.liandu.common_problem.joined.v1"
    request_ids: tuple[UUID, ...]
    due_on: date
    by: str


class ProblemReassigned(ProblemEvent):
    """Another post sees to it, until the same day; the requests that wait for its answer are assigned with it."""

    type: ClassVar[str] = "cn.liandu.common_problem.reassigned.v1"
    responsible_org_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None
    reason: str
    by: str


class ProblemAnswered(ProblemEvent):
    """`request_ids`: those that the answer answers."""

    type: ClassVar[str] = "cn.liandu.common_problem.answered.v1"
    answer: str
    answered_on: date
    request_ids: tuple[UUID, ...]
    by: str
