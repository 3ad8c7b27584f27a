"""Common problems (共性问题, S5): requests of several enterprises of a chain, dealt with as one by the chain's 专班.

`open → answered`; the answer answers every request in it, each enterprise confirms its own, and what was sent back may
be joined again, which opens the problem again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.intake.domain.errors import FieldMissing
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.registers.tasks import Responsible
from services.intake.domain.requests import requests
from services.intake.domain.requests.requests import Assignment, Request, RequestStatus
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.projects import Source
from shared.contracts.requests import ProblemAnswered, ProblemEvent, ProblemGathered, ProblemJoined, ProblemReassigned
from shared.kit.errors import Conflict, Invalid


class ProblemStatus(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"


STATUS_NAMES: Mapping[ProblemStatus, str] = {ProblemStatus.OPEN: "办理中", ProblemStatus.ANSWERED: "已答复"}


class NotCommon(Invalid):
    """A common problem is of at least two enterprises of one chain."""


class ProblemNotOpen(Conflict):
    def __init__(self, problem: "Problem") -> None:
        super().__init__(
            f"共性问题“{problem.title}”已答复；有企业退回的，请先重新并入",
            problem_id=str(problem.id),
            status=problem.status,
        )


class NoTaskForce(Invalid):
    """The chain has no 工作专班, or several, and none was named."""

    def __init__(self, chain: Chain) -> None:
        super().__init__(
            f"{chain.name}产业链没有唯一的工作专班岗位，请先设置岗位，或指明责任岗位",
            chain_id=str(chain.id),
            field="responsible_post_id",
        )


@dataclass(frozen=True, slots=True)
class NewProblem:
    """`assignment`: to the chain's 专班, for all its requests."""

    chain_id: UUID
    title: str
    text: str
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Problem:
    id: UUID
    chain_id: UUID
    title: str
    text: str
    due_on: date
    responsible_org_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None
    source: Source
    source_document: str
    gathered_on: date
    gathered_by: str
    status: ProblemStatus = ProblemStatus.OPEN
    answer: str = ""
    answered_on: date | None = None
    answered_by: str | None = None
    version: int = 0


Decided = tuple[list[Event], dict[UUID, list[Event]]]
"""The problem's events, and those of the requests in it by their ids."""


def task_force_of(chain: Chain, posts: Iterable[Post]) -> Post:
    """The one 工作专班 that answers for the chain. Raises NoTaskForce."""
    found = [post for post in posts if post.tier is Tier.TASK_FORCE and chain.id in post.chain_ids]
    if len(found) != 1:
        raise NoTaskForce(chain)
    return found[0]


def gather(problem_id: UUID, new: NewProblem, members: Sequence[Request], *, on: date, by: str) -> Decided:
    """Join requests into one problem; each is assigned to the 专班 with it.

    Raises:
        NotCommon: of one enterprise only, or of another chain.
        RequestNotSuited: a request is answered, closed or withdrawn.
    """
    if not new.title.strip():
        raise FieldMissing("共性问题的标题不能为空", field="title")
    if len({request.uscc for request in members}) < 2:
        raise NotCommon("共性问题须由至少两家企业的诉求组成", field="request_ids")
    assigned = _assigned(problem_id, new.chain_id, new.assignment, members, on=on, by=by)
    due_on, responsible = new.assignment.due_on, new.assignment.responsible
    assert due_on is not None  # requests.assign refuses to go without
    assert responsible is not None
    gathered = ProblemGathered(
        problem_id=problem_id,
        chain_id=new.chain_id,
        title=new.title,
        text=new.text,
        request_ids=tuple(request.id for request in members),
        due_on=due_on,
        responsible_org_id=responsible.org_id,
        responsible_post_id=responsible.post_id,
        responsible_person_id=responsible.person_id,
        source=new.assignment.source,
        source_document=new.assignment.source_document,
        gathered_on=on,
        by=by,
    )
    return [gathered], assigned


def join(problem: Problem, members: Sequence[Request], *, due_on: date | None, on: date, by: str) -> Decided:
    """Add further requests, or such as were sent back. An answered problem needs another due day, and is open again."""
    if not members:
        raise FieldMissing("请选择要并入的诉求", field="request_ids")
    if problem.status is ProblemStatus.ANSWERED and due_on is None:
        raise FieldMissing("已答复的共性问题重新办理须明确时限", field="due_on")
    responsible = Responsible(problem.responsible_post_id, problem.responsible_org_id, problem.responsible_person_id)
    wanted = Assignment(due_on or problem.due_on, responsible, problem.source, problem.source_document)
    assigned = _assigned(problem.id, problem.chain_id, wanted, members, on=on, by=by)
    ids = tuple(request.id for request in members)
    return [ProblemJoined(problem_id=problem.id, request_ids=ids, due_on=due_on or problem.due_on, by=by)], assigned


def reassign(problem: Problem, responsible: Responsible, *, reason: str, by: str) -> list[Event]:
    """Give an open problem to another post, until the same day; its requests are given with `requests.reassign`."""
    if problem.status is not ProblemStatus.OPEN:
        raise ProblemNotOpen(problem)
    return [
        ProblemReassigned(
            problem_id=problem.id,
            responsible_org_id=responsible.org_id,
            responsible_post_id=responsible.post_id,
            responsible_person_id=responsible.person_id,
            reason=reason,
            by=by,
        )
    ]


def answer(problem: Problem, members: Iterable[Request], *, answer: str, on: date, by: str) -> Decided:
    """Answer the problem, and so every request that is being dealt with in it."""
    if problem.status is not ProblemStatus.OPEN:
        raise ProblemNotOpen(problem)
    if not answer.strip():
        raise FieldMissing("答复内容不能为空", field="answer")
    waiting = [request for request in members if in_hand(problem, request)]
    answered = {request.id: requests.answer(request, answer=answer, on=on, by=by) for request in waiting}
    return [
        ProblemAnswered(problem_id=problem.id, answer=answer, answered_on=on, request_ids=tuple(answered), by=by)
    ], answered


def in_hand(problem: Problem, request: Request) -> bool:
    """Whether the request waits for the problem's answer."""
    return request.problem_id == problem.id and request.status is RequestStatus.ASSIGNED


def fold(problem: Problem | None, events: Iterable[Event]) -> Problem:
    """The problem after these events, of which there is at least one where `problem` is None."""
    for event in events:
        problem = _evolved(problem, event)
    if problem is None:
        raise ValueError("no events and no problem")
    return problem


def _assigned(
    problem_id: UUID, chain_id: UUID, assignment: Assignment, members: Sequence[Request], *, on: date, by: str
) -> dict[UUID, list[Event]]:
    if any(request.chain_id != chain_id for request in members):
        raise NotCommon("共性问题的诉求须属于同一条产业链", field="request_ids")
    wanted = replace(assignment, problem_id=problem_id, reason=assignment.reason or "并入共性问题")
    return {request.id: requests.assign(request, wanted, on=on, by=by) for request in members}


def _evolved(problem: Problem | None, event: Event) -> Problem:
    if isinstance(event, ProblemGathered):
        kept = event.model_dump(exclude={"problem_id", "request_ids", "by"})
        return Problem(id=event.problem_id, gathered_by=event.by, version=1, **kept)
    if problem is None or not isinstance(event, ProblemEvent):
        raise ValueError(f"{event.type} is no event of a problem that was gathered")
    after = replace(problem, version=problem.version + 1)
    match event:
        case ProblemJoined(due_on=due_on):
            return replace(after, status=ProblemStatus.OPEN, due_on=due_on)
        case ProblemReassigned(responsible_org_id=org_id, responsible_post_id=post_id, responsible_person_id=person_id):
            return replace(
                after, responsible_org_id=org_id, responsible_post_id=post_id, responsible_person_id=person_id
            )
        case ProblemAnswered(answer=answer, answered_on=on, by=by):
            return replace(after, status=ProblemStatus.ANSWERED, answer=answer, answered_on=on, answered_by=by)
    raise ValueError(f"{event.type} is no event of a problem")
