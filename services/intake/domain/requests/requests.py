"""Enterprise requests (企业诉求, S5): raised, assigned, answered in time, closed only when the enterprise confirms.

`raised → assigned → answered → closed`; an answer that the enterprise sends back is to be assigned again, and until it
is closed the enterprise may withdraw the request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.intake.domain import uscc as codes
from services.intake.domain.errors import DateNotAllowed, FieldMissing
from services.intake.domain.registers.tasks import Responsible
from shared.contracts.event import Event
from shared.contracts.projects import Source
from shared.contracts.requests import (
    RequestAnswered,
    RequestAssigned,
    RequestConfirmed,
    RequestEvent,
    RequestRaised,
    RequestSentBack,
    RequestWithdrawn,
    Satisfaction,
)
from shared.kit.errors import Conflict, Invalid


class RequestStatus(StrEnum):
    RAISED = "raised"
    ASSIGNED = "assigned"
    ANSWERED = "answered"
    SENT_BACK = "sent_back"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class RequestVerb(StrEnum):
    ASSIGN = "assign"
    ANSWER = "answer"
    SEND_BACK = "send_back"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"


VERBS: Mapping[RequestVerb, frozenset[RequestStatus]] = {
    RequestVerb.ASSIGN: frozenset({RequestStatus.RAISED, RequestStatus.ASSIGNED, RequestStatus.SENT_BACK}),
    RequestVerb.ANSWER: frozenset({RequestStatus.ASSIGNED}),
    RequestVerb.SEND_BACK: frozenset({RequestStatus.ANSWERED}),
    RequestVerb.CONFIRM: frozenset({RequestStatus.ANSWERED}),
    RequestVerb.WITHDRAW: frozenset(
        {RequestStatus.RAISED, RequestStatus.ASSIGNED, RequestStatus.ANSWERED, RequestStatus.SENT_BACK}
    ),
}
"""The states in which each verb is allowed; in all others it is refused."""

STATUS_NAMES: Mapping[RequestStatus, str] = {
    RequestStatus.RAISED: "待交办",
    RequestStatus.ASSIGNED: "办理中",
    RequestStatus.ANSWERED: "待企业确认",
    RequestStatus.SENT_BACK: "企业退回，待重新交办",
    RequestStatus.CLOSED: "已办结",
    RequestStatus.WITHDRAWN: "企业已撤回",
}
VERB_NAMES: Mapping[RequestVerb, str] = {
    RequestVerb.ASSIGN: "交办",
    RequestVerb.ANSWER: "答复",
    RequestVerb.SEND_BACK: "退回",
    RequestVerb.CONFIRM: "确认",
    RequestVerb.WITHDRAW: "撤回",
}
SATISFACTION_NAMES: Mapping[Satisfaction, str] = {
    Satisfaction.VERY_SATISFIED: "非常满意",
    Satisfaction.SATISFIED: "满意",
    Satisfaction.ACCEPTABLE: "基本满意",
    Satisfaction.DISSATISFIED: "不满意",
}


class RequestNotSuited(Conflict):
    """The verb does not fit the request's present state."""

    def __init__(self, request: "Request", verb: RequestVerb) -> None:
        super().__init__(
            f"诉求“{request.title}”{STATUS_NAMES[request.status]}，不能{VERB_NAMES[verb]}",
            request_id=str(request.id),
            status=request.status,
            verb=verb,
        )


class UsccNotSound(Invalid):
    def __init__(self, reason: str, uscc: str) -> None:
        super().__init__(reason, field="uscc", value=uscc)


@dataclass(frozen=True, slots=True)
class NewRequest:
    chain_id: UUID
    uscc: str
    enterprise_name: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who is to answer by when. `reason`: why it is assigned anew; `problem_id`: dealt with as one with others."""

    due_on: date | None
    responsible: Responsible | None
    source: Source = Source.PLAN
    source_document: str = ""
    reason: str = ""
    problem_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """`*_by`: a token's subject; the days of the last time that it was assigned, answered, sent back."""

    id: UUID
    chain_id: UUID
    uscc: str
    enterprise_name: str
    title: str
    text: str
    raised_on: date
    raised_by: str
    by_enterprise: bool
    status: RequestStatus = RequestStatus.RAISED
    problem_id: UUID | None = None
    due_on: date | None = None
    responsible_org_id: UUID | None = None
    responsible_post_id: UUID | None = None
    responsible_person_id: UUID | None = None
    source: Source | None = None
    source_document: str = ""
    assigned_on: date | None = None
    assigned_by: str | None = None
    answer: str = ""
    answered_on: date | None = None
    answered_by: str | None = None
    sent_back_on: date | None = None
    sent_back: int = 0
    reason: str = ""
    satisfaction: Satisfaction | None = None
    comment: str = ""
    ended_on: date | None = None
    ended_by: str | None = None
    version: int = 0


def sound_uscc(text: str) -> str:
    """The code in its normal form. Raises UsccNotSound."""
    uscc = codes.normal(text)
    if reason := codes.trouble(uscc):
        raise UsccNotSound(reason, uscc)
    return uscc


def raise_request(request_id: UUID, new: NewRequest, *, by_enterprise: bool, on: date, by: str) -> list[Event]:
    """Raise a request of an enterprise, which its 统一社会信用代码 names.

    Raises:
        FieldMissing, UsccNotSound.
    """
    _require_text(new.title, field="title", what="诉求标题")
    _require_text(new.text, field="text", what="诉求内容")
    _require_text(new.enterprise_name, field="enterprise_name", what="企业名称")
    return [
        RequestRaised(
            request_id=request_id,
            chain_id=new.chain_id,
            uscc=sound_uscc(new.uscc),
            enterprise_name=new.enterprise_name,
            title=new.title,
            text=new.text,
            raised_on=on,
            by_enterprise=by_enterprise,
            by=by,
        )
    ]


def assign(request: Request, assignment: Assignment, *, on: date, by: str) -> list[Event]:
    """Give it to a post until a day; to another post or another day while it is being dealt with, for a reason.

    Raises:
        RequestNotSuited, FieldMissing, DateNotAllowed: due before today.
    """
    _require(request, RequestVerb.ASSIGN)
    if assignment.due_on is None:
        raise FieldMissing("交办须明确办理时限", field="due_on")
    if assignment.responsible is None:
        raise FieldMissing("交办须明确责任岗位", field="responsible_post_id")
    require_not_past(assignment.due_on, today=on)
    if request.status is RequestStatus.ASSIGNED and not assignment.reason.strip():
        raise FieldMissing("改派须说明原因", field="reason")
    return [
        RequestAssigned(
            request_id=request.id,
            due_on=assignment.due_on,
            responsible_org_id=assignment.responsible.org_id,
            responsible_post_id=assignment.responsible.post_id,
            responsible_person_id=assignment.responsible.person_id,
            source=assignment.source,
            source_document=assignment.source_document,
            reason=assignment.reason,
            problem_id=assignment.problem_id,
            assigned_on=on,
            by=by,
        )
    ]


def reassign(request: Request, responsible: Responsible, *, reason: str, on: date, by: str) -> list[Event]:
    """Give what is being dealt with to another post as it is: until the same day, in the same common problem."""
    _require(request, RequestVerb.ASSIGN)
    assert request.due_on is not None  # of one that is being dealt with
    assert request.source is not None
    return [
        RequestAssigned(
            request_id=request.id,
            due_on=request.due_on,
            responsible_org_id=responsible.org_id,
            responsible_post_id=responsible.post_id,
            responsible_person_id=responsible.person_id,
            source=request.source,
            source_document=request.source_document,
            reason=reason,
            problem_id=request.problem_id,
            assigned_on=on,
            by=by,
        )
    ]


def answer(request: Request, *, answer: str, on: date, by: str) -> list[Event]:
    """Answer it, for the responsible post."""
    _require(request, RequestVerb.ANSWER)
    _require_text(answer, field="answer", what="答复内容")
    return [RequestAnswered(request_id=request.id, answer=answer, answered_on=on, by=by)]


def send_back(request: Request, *, reason: str, on: date, by: str) -> list[Event]:
    """The enterprise does not take the answer."""
    _require(request, RequestVerb.SEND_BACK)
    _require_text(reason, field="reason", what="退回原因")
    return [RequestSentBack(request_id=request.id, reason=reason, sent_back_on=on, by=by)]


def confirm(request: Request, *, satisfaction: Satisfaction, comment: str, on: date, by: str) -> list[Event]:
    """The enterprise takes the answer: the request is closed."""
    _require(request, RequestVerb.CONFIRM)
    return [RequestConfirmed(request_id=request.id, satisfaction=satisfaction, comment=comment, confirmed_on=on, by=by)]


def withdraw(request: Request, *, reason: str, on: date, by: str) -> list[Event]:
    """The enterprise does not want it dealt with any more."""
    _require(request, RequestVerb.WITHDRAW)
    _require_text(reason, field="reason", what="撤回原因")
    return [RequestWithdrawn(request_id=request.id, reason=reason, withdrawn_on=on, by=by)]


def fold(request: Request | None, events: Iterable[Event]) -> Request:
    """The request after these events, of which there is at least one where `request` is None."""
    for event in events:
        request = _evolved(request, event)
    if request is None:
        raise ValueError("no events and no request")
    return request


def require_not_past(due_on: date, *, today: date) -> None:
    """Raises DateNotAllowed."""
    if due_on < today:
        message = f"办理时限{due_on}不能早于今天{today}"
        raise DateNotAllowed(message, what="办理时限", day=due_on, limit=today)


def _evolved(request: Request | None, event: Event) -> Request:
    if isinstance(event, RequestRaised):
        kept = event.model_dump(exclude={"request_id", "by"})
        return Request(id=event.request_id, raised_by=event.by, version=1, **kept)
    if request is None or not isinstance(event, RequestEvent):
        raise ValueError(f"{event.type} is no event of a request that was raised")
    return replace(_changed(request, event), version=request.version + 1)


def _changed(request: Request, event: RequestEvent) -> Request:
    match event:
        case RequestAssigned():
            kept = event.model_dump(exclude={"request_id", "by"})
            return replace(request, status=RequestStatus.ASSIGNED, assigned_by=event.by, **kept)
        case RequestAnswered(answer=answer, answered_on=on, by=by):
            status = RequestStatus.ANSWERED
            return replace(request, status=status, answer=answer, answered_on=on, answered_by=by)
        case RequestSentBack(reason=reason, sent_back_on=on):
            times = request.sent_back + 1
            return replace(request, status=RequestStatus.SENT_BACK, reason=reason, sent_back_on=on, sent_back=times)
        case RequestConfirmed(satisfaction=satisfaction, comment=comment, confirmed_on=on, by=by):
            closed = replace(request, status=RequestStatus.CLOSED, ended_on=on, ended_by=by)
            return replace(closed, satisfaction=satisfaction, comment=comment)
        case RequestWithdrawn(reason=reason, withdrawn_on=on, by=by):
            return replace(request, status=RequestStatus.WITHDRAWN, reason=reason, ended_on=on, ended_by=by)
    raise ValueError(f"{event.type} is no event of a request")


def _require(request: Request, verb: RequestVerb) -> None:
    if request.status not in VERBS[verb]:
        raise RequestNotSuited(request, verb)


def _require_text(text: str, *, field: str, what: str) -> None:
    if not text.strip():
        raise FieldMissing(f"{what}不能为空", field=field)
