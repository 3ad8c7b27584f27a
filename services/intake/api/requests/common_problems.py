"""Common problems (共性问题, S5): requests of several enterprises of a chain, answered as one by the chain's 专班."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Page, Reader, Today
from services.intake.api.answers import Shown
from services.intake.api.bodies import Body, Name
from services.intake.api.requests.requests import AnswerBody, Answerer, AssignmentBody, Words
from services.intake.api.requests.wording import SENTENCES
from services.intake.api.subject_history import history_page
from services.intake.domain.errors import RecordMissing
from services.intake.domain.requests.common_problems import STATUS_NAMES, Problem, ProblemStatus
from services.intake.domain.requests.requests import RequestStatus
from services.intake.domain.terms import SOURCE_NAMES
from services.intake.handlers import requests as handlers
from services.intake.handlers.requests import ProblemDraft
from services.intake.handlers.writing import today as day_of
from services.intake.store import views
from services.intake.store.requests import requests as store
from services.intake.store.requests.requests import ProblemFilter
from shared.contracts.projects import Source
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter(tags=["requests"])
ONE = "/v1/common-problems/{problem_id}"


class ProblemBody(AssignmentBody):
    """`responsible_post_id`: the chain's 工作专班, where none is named."""

    title: Name
    text: Words = ""
    request_ids: Annotated[tuple[UUID, ...], Field(min_length=2, max_length=200)]

    def problem(self) -> ProblemDraft:
        return ProblemDraft(self.title, self.text, self.request_ids, self.draft())


class JoinBody(Body):
    """`due_on`: needed where the problem is answered already."""

    request_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=200)]
    due_on: date | None = None


class ProblemShown(Shown):
    """`requests`: how many it has of each state; which they are: GET /v1/requests?problem_id=."""

    id: UUID
    chain_id: UUID
    chain_name: str
    title: str
    text: str
    status: ProblemStatus
    status_name: str
    requests: dict[RequestStatus, int]
    due_on: date
    late: bool
    responsible_org_id: UUID
    responsible_org_name: str
    responsible_post_id: UUID
    responsible_post_title: str
    responsible_person_id: UUID | None
    source: Source
    source_name: str
    source_document: str
    gathered_on: date
    gathered_by: str
    answer: str
    answered_on: date | None
    answered_by: str | None
    version: int

    @classmethod
    def of(
        cls, problem: Problem, *, counts: Mapping[RequestStatus, int], names: Mapping[UUID, str], today: date
    ) -> Self:
        return cls(
            **{name: getattr(problem, name) for name in cls.model_fields if hasattr(problem, name)},
            chain_name=names[problem.chain_id],
            status_name=STATUS_NAMES[problem.status],
            requests=dict(counts),
            late=problem.status is ProblemStatus.OPEN and problem.due_on < today,
            responsible_org_name=names[problem.responsible_org_id],
            responsible_post_title=names[problem.responsible_post_id],
            source_name=SOURCE_NAMES[problem.source],
        )


@router.post("/v1/common-problems", status_code=201, response_model=ProblemShown)
async def gather_problem(body: ProblemBody, write: Clerk) -> Response:
    """Join requests of a chain into one problem for its 专班; each is assigned with it."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        problem = await handlers.gather_problem(body.problem(), conn=conn, by=by)
        return await _answer(problem, conn=conn, by=by, status=201)

    return await write(work)


@router.get("/v1/common-problems")
async def list_problems(
    conn: Reader, paging: Page, today: Today, chain_id: UUID | None = None, status: ProblemStatus | None = None
) -> dict[str, Any]:
    """Common problems in the order in which they were gathered."""
    after = paging.start(tuple[int])
    wanted = ProblemFilter(chain_id, status)
    found = await store.list_problems(wanted, conn=conn, after=after[0] if after else None, limit=paging.limit)
    shown = await problems_shown([problem for _, problem in found], today=today, conn=conn)
    return page(shown, (found[-1][0],) if len(found) == paging.limit else None)


@router.get(ONE, response_model=ProblemShown)
async def show_problem(problem_id: UUID, conn: Reader, today: Today) -> Response:
    problem = await _problem(problem_id, conn=conn)
    (shown,) = await problems_shown([problem], today=today, conn=conn)
    return reply(Answer(shown, version=problem.version))


@router.post(ONE + ":join", response_model=ProblemShown)
async def join_problem(problem_id: UUID, body: JoinBody, write: Clerk) -> Response:
    """Add further requests, or such as were sent back; an answered problem is open again."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        problem = await handlers.join_problem(
            problem_id, body.request_ids, due_on=body.due_on, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(problem, conn=conn, by=by)

    return await write(work)


@router.post(ONE + ":answer", response_model=ProblemShown)
async def answer_problem(problem_id: UUID, body: AnswerBody, write: Answerer) -> Response:
    """Answer it for the 专班, and so every request in it that is being dealt with; each enterprise confirms its own."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        problem = await handlers.answer_problem(
            problem_id, answer=body.answer, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(problem, conn=conn, by=by)

    return await write(work)


@router.get(ONE + "/history")
async def show_history(problem_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of a common problem, in order."""
    await _problem(problem_id, conn=conn)
    return await history_page(problem_id, SENTENCES, paging=paging, conn=conn)


async def _problem(problem_id: UUID, *, conn: AsyncConnection) -> Problem:
    problem = (await store.problems([problem_id], conn=conn)).get(problem_id)
    if problem is None:
        raise RecordMissing("共性问题", problem_id)
    return problem


async def problems_shown(problems: Sequence[Problem], *, today: date, conn: AsyncConnection) -> list[ProblemShown]:
    named = {id for each in problems for id in (each.chain_id, each.responsible_org_id, each.responsible_post_id)}
    names = await views.names(named, conn=conn) if named else {}
    counts = await store.counts([problem.id for problem in problems], conn=conn)
    return [ProblemShown.of(each, counts=counts[each.id], names=names, today=today) for each in problems]


async def _answer(problem: Problem, *, conn: AsyncConnection, by: By, status: int = 200) -> Answer:
    (shown,) = await problems_shown([problem], today=day_of(by), conn=conn)
    return Answer(shown, status=status, version=problem.version, location=f"/v1/common-problems/{problem.id}")
