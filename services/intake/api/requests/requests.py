"""Enterprise requests (企业诉求, S5): an enterprise raises, confirms and withdraws its own and sees no other."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import READERS, Clerk, Page, Reader, Today
from services.intake.api.answers import Shown
from services.intake.api.bodies import PRINTABLE, Body, Name, Text, WithdrawBody
from services.intake.api.requests.wording import SENTENCES
from services.intake.api.search import Sought
from services.intake.api.subject_history import history_page
from services.intake.domain import uscc as codes
from services.intake.domain.errors import FieldMissing, RecordMissing
from services.intake.domain.requests.requests import (
    SATISFACTION_NAMES,
    STATUS_NAMES,
    NewRequest,
    Request,
    RequestStatus,
)
from services.intake.domain.terms import SOURCE_NAMES
from services.intake.handlers import requests as handlers
from services.intake.handlers.requests import AssignmentDraft, enterprise_of
from services.intake.handlers.writing import today as day_of
from services.intake.store import views
from services.intake.store.requests import requests as store
from services.intake.store.requests.requests import Grouping, RequestFigures, RequestFilter
from shared.contracts.projects import Source
from shared.contracts.requests import Satisfaction
from shared.kit.web.http import Answer, By, Write, page, reading, reply, writing
from shared.kit.web.security import Principal, Role, require

router = APIRouter(tags=["requests"])
ONE = "/v1/requests/{request_id}"

Raiser = Annotated[Write, Depends(writing(Role.CLERK, Role.ENTERPRISE))]
Enterprise = Annotated[Write, Depends(writing(Role.ENTERPRISE))]
Answerer = Annotated[Write, Depends(writing(Role.CLERK, Role.REVIEWER, Role.CHIEF))]
"""Whoever may hold a post: only the holder of the responsible one answers, or an office's account."""
Either = Annotated[AsyncConnection, Depends(reading(*READERS, Role.ENTERPRISE))]
Caller = Annotated[Principal, Depends(require(*READERS, Role.ENTERPRISE))]
Words = Annotated[str, Field(max_length=2000, pattern=PRINTABLE)]
Document = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]
Code = Annotated[str, Field(max_length=40, pattern=PRINTABLE, description="统一社会信用代码")]


class RequestBody(Body):
    """`uscc`, `enterprise_name`: whose request it is; an enterprise's own account need not give them."""

    chain_id: UUID
    title: Name
    text: Text
    uscc: Code | None = None
    enterprise_name: Name | None = None

    def new(self, caller: Principal) -> NewRequest:
        own = enterprise_of(caller)
        uscc = self.uscc or own
        if uscc is None:
            raise FieldMissing("代企业登记诉求须填写统一社会信用代码", field="uscc")
        name = self.enterprise_name or (caller.name if own else "")
        return NewRequest(self.chain_id, uscc, name, self.title, self.text)


class AssignmentBody(Body):
    """Without `due_on` or `responsible_post_id` it is refused. `reason`: needed where it is being dealt with."""

    due_on: date | None = None
    responsible_post_id: UUID | None = None
    source: Source = Source.PLAN
    source_document: Document = ""
    reason: Words = ""

    def draft(self) -> AssignmentDraft:
        return AssignmentDraft(
            self.due_on, self.responsible_post_id, self.source, self.source_document, self.reason.strip()
        )


class AnswerBody(Body):
    answer: Text


class ConfirmBody(Body):
    satisfaction: Satisfaction
    comment: Words = ""


class RequestShown(Shown):
    """`late`: to be answered, on a day after its due day. `sent_back`: how many times. `reason`: why it was sent back
    or withdrawn, or assigned anew. Who did what stands in its history; an enterprise is shown units, not people."""

    id: UUID
    chain_id: UUID
    chain_name: str
    uscc: str
    enterprise_name: str
    title: str
    text: str
    status: RequestStatus
    status_name: str
    raised_on: date
    raised_by: str | None
    by_enterprise: bool
    problem_id: UUID | None
    due_on: date | None
    late: bool
    responsible_org_id: UUID | None
    responsible_org_name: str | None
    responsible_post_id: UUID | None
    responsible_post_title: str | None
    responsible_person_id: UUID | None
    source: Source | None
    source_name: str | None
    source_document: str
    assigned_on: date | None
    assigned_by: str | None
    answer: str
    answered_on: date | None
    answered_by: str | None
    sent_back_on: date | None
    sent_back: int
    reason: str
    satisfaction: Satisfaction | None
    satisfaction_name: str | None
    comment: str
    ended_on: date | None
    version: int

    @classmethod
    def of(cls, request: Request, *, names: dict[UUID, str], today: date) -> Self:
        org, post = request.responsible_org_id, request.responsible_post_id
        due_on = request.due_on if request.status is RequestStatus.ASSIGNED else None
        return cls(
            **{name: getattr(request, name) for name in cls.model_fields if hasattr(request, name)},
            chain_name=names[request.chain_id],
            status_name=STATUS_NAMES[request.status],
            late=due_on is not None and due_on < today,
            responsible_org_name=names[org] if org else None,
            responsible_post_title=names[post] if post else None,
            source_name=SOURCE_NAMES[request.source] if request.source else None,
            satisfaction_name=SATISFACTION_NAMES[request.satisfaction] if request.satisfaction else None,
        )

    def for_enterprise(self) -> Self:
        """Without the people who deal with it."""
        nobody = {"raised_by": None, "assigned_by": None, "answered_by": None, "responsible_person_id": None}
        return self.model_copy(update=nobody)


class FiguresShown(Shown):
    """`late`: being dealt with, past their due day; `in_time`: of those `answered`; `satisfied`, `dissatisfied`: of
    those `closed`."""

    key: str | None
    name: str
    raised: int
    open: int
    late: int
    answered: int
    in_time: int
    closed: int
    withdrawn: int
    satisfied: int
    dissatisfied: int

    @classmethod
    def of(cls, item: RequestFigures, names: Mapping[str, str]) -> Self:
        return cls(**asdict(item), name=names.get(item.key, item.key) if item.key else "未交办")


@router.post("/v1/requests", status_code=201, response_model=RequestShown)
async def raise_request(body: RequestBody, write: Raiser) -> Response:
    """An enterprise raises a request, or a clerk does so for it."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        request = await handlers.raise_request(body.new(by.principal), conn=conn, by=by)
        return await _answer(request, conn=conn, by=by, status=201)

    return await write(work)


@router.get("/v1/requests")
async def list_requests(
    conn: Either,
    caller: Caller,
    paging: Page,
    today: Today,
    words: Sought,
    chain_id: UUID | None = None,
    status: RequestStatus | None = None,
    post_id: UUID | None = None,
    organisation_id: UUID | None = None,
    uscc: Annotated[str | None, Query(max_length=40, pattern=PRINTABLE)] = None,
    anchors: Annotated[bool, Query(description="of 链主企业 only, by today's")] = False,
    problem_id: UUID | None = None,
    due_until: Annotated[date | None, Query(description="to be answered, and due on this day or before")] = None,
) -> dict[str, Any]:
    """Requests in the order in which they were raised; an enterprise sees its own. `q`: words of the title, or of the
    enterprise's name or code."""
    whose = enterprise_of(caller) or (codes.normal(uscc) if uscc else None)
    wanted = RequestFilter(
        chain_id, status, post_id, organisation_id, whose, problem_id, due_until, today if anchors else None, words
    )
    after = paging.start(tuple[int])
    found = await store.list_requests(wanted, conn=conn, after=after[0] if after else None, limit=paging.limit)
    shown = await requests_shown([request for _, request in found], caller=caller, today=today, conn=conn)
    return page(shown, (found[-1][0],) if len(found) == paging.limit else None)


@router.get("/v1/requests/figures")
async def show_figures(
    conn: Reader,
    today: Today,
    by: Grouping = Grouping.CHAIN,
    from_day: date | None = None,
    until_day: date | None = None,
) -> dict[str, Any]:
    """How the requests that were raised in a period stand: by chain, responsible unit or month."""
    found = await store.figures(by, from_day=from_day, until_day=until_day, on=today, conn=conn)
    ids = [UUID(item.key) for item in found if item.key] if by is not Grouping.MONTH else []
    names = {str(id): name for id, name in (await views.names(ids, conn=conn)).items()} if ids else {}
    return page([FiguresShown.of(item, names) for item in found], None)


@router.get(ONE, response_model=RequestShown)
async def show_request(request_id: UUID, conn: Either, caller: Caller, today: Today) -> Response:
    request = (await store.requests([request_id], conn=conn)).get(request_id)
    if request is None or enterprise_of(caller) not in (None, request.uscc):
        raise RecordMissing("诉求", request_id)
    (shown,) = await requests_shown([request], caller=caller, today=today, conn=conn)
    return reply(Answer(shown, version=request.version))


@router.post(ONE + ":assign", response_model=RequestShown)
async def assign_request(request_id: UUID, body: AssignmentBody, write: Clerk) -> Response:
    """Give it to a post until a day; again after it was sent back, or, for a reason, while it is being dealt with."""
    return await _change(
        write,
        lambda conn, by: handlers.assign_request(
            request_id, body.draft(), expected=write.expected_version, conn=conn, by=by
        ),
    )


@router.post(ONE + ":answer", response_model=RequestShown)
async def answer_request(request_id: UUID, body: AnswerBody, write: Answerer) -> Response:
    """Answer it, for the responsible post."""
    return await _change(
        write,
        lambda conn, by: handlers.answer_request(
            request_id, answer=body.answer, expected=write.expected_version, conn=conn, by=by
        ),
    )


@router.post(ONE + ":confirm", response_model=RequestShown)
async def confirm_request(request_id: UUID, body: ConfirmBody, write: Enterprise) -> Response:
    """The enterprise takes the answer and says how satisfied it is: the request is closed."""
    return await _change(
        write,
        lambda conn, by: handlers.confirm_request(
            request_id,
            satisfaction=body.satisfaction,
            comment=body.comment.strip(),
            expected=write.expected_version,
            conn=conn,
            by=by,
        ),
    )


@router.post(ONE + ":send-back", response_model=RequestShown)
async def send_back_request(request_id: UUID, body: WithdrawBody, write: Enterprise) -> Response:
    """The enterprise does not take the answer; the request is to be assigned again."""
    return await _change(
        write,
        lambda conn, by: handlers.send_back_request(
            request_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        ),
    )


@router.post(ONE + ":withdraw", response_model=RequestShown)
async def withdraw_request(request_id: UUID, body: WithdrawBody, write: Enterprise) -> Response:
    """The enterprise wants it no more."""
    return await _change(
        write,
        lambda conn, by: handlers.withdraw_request(
            request_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        ),
    )


@router.get(ONE + "/history")
async def show_history(request_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of a request, in order: when, who, what."""
    if not await store.requests([request_id], conn=conn):
        raise RecordMissing("诉求", request_id)
    return await history_page(request_id, SENTENCES, paging=paging, conn=conn)


async def requests_shown(
    requests: Sequence[Request], *, caller: Principal, today: date, conn: AsyncConnection
) -> list[RequestShown]:
    named = {
        id
        for request in requests
        for id in (request.chain_id, request.responsible_org_id, request.responsible_post_id)
        if id
    }
    names = await views.names(named, conn=conn) if named else {}
    shown = [RequestShown.of(request, names=names, today=today) for request in requests]
    return [item.for_enterprise() for item in shown] if enterprise_of(caller) else shown


async def _change(write: Write, change: Callable[[AsyncConnection, By], Awaitable[Request]]) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        return await _answer(await change(conn, by), conn=conn, by=by)

    return await write(work)


async def _answer(request: Request, *, conn: AsyncConnection, by: By, status: int = 200) -> Answer:
    (shown,) = await requests_shown([request], caller=by.principal, today=day_of(by), conn=conn)
    return Answer(shown, status=status, version=request.version, location=f"/v1/requests/{request.id}")
