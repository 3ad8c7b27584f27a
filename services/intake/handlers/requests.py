"""Enterprise requests (S5): raised, assigned, answered, confirmed or sent back, withdrawn; common problems of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain import uscc
from services.intake.domain.errors import RecordMissing, UnknownReference
from services.intake.domain.organisation import programme
from services.intake.domain.organisation.leave import answering
from services.intake.domain.registers.tasks import Responsible
from services.intake.domain.requests import common_problems
from services.intake.domain.requests import requests as domain
from services.intake.domain.requests.common_problems import NewProblem, Problem
from services.intake.domain.requests.requests import Assignment, NewRequest, Request
from services.intake.handlers.registers.registers import post_of
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, require_version, today
from services.intake.store.organisation import enterprises, leave
from services.intake.store.organisation import programme as programme_store
from services.intake.store.requests import requests as store
from shared.contracts.event import Event
from shared.contracts.projects import Source
from shared.contracts.requests import Satisfaction
from shared.kit.errors import NotAllowed
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By
from shared.kit.web.security import Principal, Role


class NotYourRequest(NotAllowed):
    """The caller holds another post than the one that is to answer."""

    def __init__(self, post_id: UUID) -> None:
        super().__init__("该诉求由责任岗位的任职人员答复，您不在该岗位任职", post_id=str(post_id))


class NoEnterprise(NotAllowed):
    """An enterprise's account whose token names no enterprise."""

    def __init__(self) -> None:
        super().__init__("该账号没有绑定企业的统一社会信用代码")


@dataclass(frozen=True, slots=True)
class AssignmentDraft:
    """Who is to answer by when. `post_id`: of a common problem the chain's 专班, where none is named."""

    due_on: date | None
    post_id: UUID | None
    source: Source = Source.PLAN
    source_document: str = ""
    reason: str = ""

    def to(self, responsible: Responsible | None) -> Assignment:
        return Assignment(self.due_on, responsible, self.source, self.source_document, self.reason)


@dataclass(frozen=True, slots=True)
class ProblemDraft:
    """The requests that are one problem. `chain_id`: theirs."""

    title: str
    text: str
    request_ids: tuple[UUID, ...]
    assignment: AssignmentDraft


def enterprise_of(principal: Principal) -> str | None:
    """The enterprise that the caller acts for, by its 统一社会信用代码; None: an official.

    Raises:
        NoEnterprise: an enterprise's account that names none.
    """
    if principal.roles - {Role.ENTERPRISE}:
        return None
    if not principal.uscc:
        raise NoEnterprise
    return domain.sound_uscc(principal.uscc)


async def raise_request(new: NewRequest, *, conn: AsyncConnection, by: By) -> Request:
    """Raise a request; an enterprise its own, a clerk one for it. Its name, where none is given: as it is recorded.

    Raises:
        UnknownReference, FieldMissing, UsccNotSound, NotYourChain.
    """
    own = enterprise_of(by.principal)
    if own is None:
        await require_chains({new.chain_id}, conn=conn, by=by)
    elif uscc.normal(new.uscc) != own:
        raise NotAllowed("企业只能提出本企业的诉求", field="uscc")
    programme.require_open_chain(await _chain(new.chain_id, conn=conn))
    if not new.enterprise_name:
        new = replace(new, enterprise_name=await _recorded_name(new.uscc, conn=conn))
    who = by.principal.subject
    events = domain.raise_request(uuid4(), new, by_enterprise=own is not None, on=today(by), by=who)
    return await _changed(None, events, conn=conn, by=by)


async def assign_request(
    request_id: UUID, draft: AssignmentDraft, *, expected: int | None, conn: AsyncConnection, by: By
) -> Request:
    """Give it to a post, until a day; taken out of a common problem where it is in one."""
    request = await _locked(request_id, expected=expected, conn=conn)
    await require_chains({request.chain_id}, conn=conn, by=by)
    responsible = Responsible.of(await post_of(draft.post_id, conn=conn), today(by)) if draft.post_id else None
    events = domain.assign(request, draft.to(responsible), on=today(by), by=by.principal.subject)
    return await _changed(request, events, conn=conn, by=by)


async def answer_request(
    request_id: UUID, *, answer: str, expected: int | None, conn: AsyncConnection, by: By
) -> Request:
    """Answer it, for the responsible post. Raises NotYourRequest."""
    request = await _locked(request_id, expected=expected, conn=conn)
    events = domain.answer(request, answer=answer, on=today(by), by=by.principal.subject)
    assert request.responsible_post_id is not None  # domain.answer refuses what is not assigned
    await _require_post(request.responsible_post_id, conn=conn, by=by)
    return await _changed(request, events, conn=conn, by=by)


async def confirm_request(
    request_id: UUID,
    *,
    satisfaction: Satisfaction,
    comment: str,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> Request:
    """The enterprise itself takes the answer, which closes the request."""
    request = await _own(request_id, expected=expected, conn=conn, by=by)
    who = by.principal.subject
    events = domain.confirm(request, satisfaction=satisfaction, comment=comment, on=today(by), by=who)
    return await _changed(request, events, conn=conn, by=by)


async def send_back_request(
    request_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Request:
    """The enterprise itself does not take the answer."""
    request = await _own(request_id, expected=expected, conn=conn, by=by)
    events = domain.send_back(request, reason=reason, on=today(by), by=by.principal.subject)
    return await _changed(request, events, conn=conn, by=by)


async def withdraw_request(
    request_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Request:
    """The enterprise itself wants it no more."""
    request = await _own(request_id, expected=expected, conn=conn, by=by)
    events = domain.withdraw(request, reason=reason, on=today(by), by=by.principal.subject)
    return await _changed(request, events, conn=conn, by=by)


async def gather_problem(draft: ProblemDraft, *, conn: AsyncConnection, by: By) -> Problem:
    """Join requests of one chain into a common problem, which goes to the chain's 专班 with all of them.

    Raises:
        NotCommon, NoTaskForce, RequestNotSuited, FieldMissing, RecordMissing, NotYourChain.
    """
    problem_id = uuid4()
    found = await _locked_all([problem_id], draft.request_ids, conn=conn)
    chain_id = found[0].chain_id
    await require_chains({chain_id}, conn=conn, by=by)
    responsible = await _task_force(chain_id, draft.assignment.post_id, conn=conn, by=by)
    new = NewProblem(chain_id, draft.title, draft.text, draft.assignment.to(responsible))
    events, assigned = common_problems.gather(problem_id, new, found, on=today(by), by=by.principal.subject)
    return await _save_problem(None, events, found, assigned, conn=conn, by=by)


async def join_problem(
    problem_id: UUID,
    request_ids: Collection[UUID],
    *,
    due_on: date | None,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> Problem:
    """Add further requests to a common problem, or such as their enterprises sent back."""
    found = await _locked_all([problem_id], request_ids, conn=conn)
    problem = await _problem(problem_id, expected=expected, conn=conn)
    await require_chains({problem.chain_id}, conn=conn, by=by)
    who = by.principal.subject
    events, assigned = common_problems.join(problem, found, due_on=due_on, on=today(by), by=who)
    return await _save_problem(problem, events, found, assigned, conn=conn, by=by)


async def answer_problem(
    problem_id: UUID, *, answer: str, expected: int | None, conn: AsyncConnection, by: By
) -> Problem:
    """Answer a common problem and, in the same transaction, every request that is being dealt with in it.

    Raises:
        VersionConflict: somebody joined a request to it since it was read.
    """
    read = await _problem(problem_id, expected=expected, conn=conn)
    found = await _locked_all([problem_id], await store.members(problem_id, conn=conn), conn=conn)
    problem = await _problem(problem_id, expected=read.version, conn=conn)
    await _require_post(problem.responsible_post_id, conn=conn, by=by)
    events, answered = common_problems.answer(problem, found, answer=answer, on=today(by), by=by.principal.subject)
    return await _save_problem(problem, events, found, answered, conn=conn, by=by)


async def _task_force(chain_id: UUID, post_id: UUID | None, *, conn: AsyncConnection, by: By) -> Responsible:
    if post_id:
        return Responsible.of(await post_of(post_id, conn=conn), today(by))
    chain = await _chain(chain_id, conn=conn)
    posts = (await programme_store.posts(conn=conn)).values()
    return Responsible.of(common_problems.task_force_of(chain, posts), today(by))


async def _require_post(post_id: UUID, *, conn: AsyncConnection, by: By) -> None:
    """A person answers for the post they hold, or as the delegate of who is away; an office's account for all."""
    person = by.principal.person
    if person is None:
        return
    answer = answering(await post_of(post_id, conn=conn), today(by), await leave.leaves_on(today(by), conn=conn))
    if person not in (answer.holder_id, answer.acting_id):
        raise NotYourRequest(post_id)


async def _recorded_name(code: str, *, conn: AsyncConnection) -> str:
    """Empty where no such enterprise is recorded."""
    found = await enterprises.enterprise_of(uscc.normal(code), conn=conn)
    return found.name if found else ""


async def _chain(chain_id: UUID, *, conn: AsyncConnection) -> programme.Chain:
    chain = (await programme_store.chains(conn=conn, ids=[chain_id])).get(chain_id)
    if chain is None:
        raise UnknownReference("产业链", chain_id, field="chain_id")
    return chain


async def _own(request_id: UUID, *, expected: int | None, conn: AsyncConnection, by: By) -> Request:
    """The caller's own request; another enterprise's is as if there were none."""
    own = enterprise_of(by.principal)
    if own is None:
        raise NotAllowed("须由企业本身办理")
    request = await _locked(request_id, expected=None, conn=conn)
    if request.uscc != own:
        raise RecordMissing("诉求", request_id)
    require_version(request_id, expected=expected, actual=request.version)
    return request


async def _locked(request_id: UUID, *, expected: int | None, conn: AsyncConnection) -> Request:
    (request,) = await _locked_all([], [request_id], conn=conn)
    require_version(request_id, expected=expected, actual=request.version)
    return request


async def _locked_all(
    others: Collection[UUID], request_ids: Collection[UUID], *, conn: AsyncConnection
) -> list[Request]:
    """These requests, locked with other aggregates, in the order in which they are named."""
    wanted = list(dict.fromkeys(request_ids))
    await lock_heads([*others, *wanted], conn=conn)
    found = await store.requests(wanted, conn=conn)
    for missing in (id for id in wanted if id not in found):
        raise RecordMissing("诉求", missing)
    return [found[id] for id in wanted]


async def _problem(problem_id: UUID, *, expected: int | None, conn: AsyncConnection) -> Problem:
    problem = (await store.problems([problem_id], conn=conn)).get(problem_id)
    if problem is None:
        raise RecordMissing("共性问题", problem_id)
    require_version(problem_id, expected=expected, actual=problem.version)
    return problem


async def _changed(request: Request | None, events: Sequence[Event], *, conn: AsyncConnection, by: By) -> Request:
    after = domain.fold(request, events)
    await append([(after.id, events)], conn=conn, by=by)
    await store.save([after], conn=conn)
    return after


async def _save_problem(
    problem: Problem | None,
    events: Sequence[Event],
    members: Iterable[Request],
    decided: Mapping[UUID, Sequence[Event]],
    *,
    conn: AsyncConnection,
    by: By,
) -> Problem:
    after = common_problems.fold(problem, events)
    changed = [domain.fold(request, decided[request.id]) for request in members if request.id in decided]
    await append([(after.id, events), *decided.items()], conn=conn, by=by)
    await store.save(changed, problems=[after], conn=conn)
    return after
