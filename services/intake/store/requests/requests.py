"""Reading and writing enterprise requests and common problems."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, Table, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.requests.common_problems import Problem, ProblemStatus
from services.intake.domain.requests.requests import Request, RequestStatus
from services.intake.store import search, sets
from services.intake.store.requests import tables
from services.intake.store.tables import anchor, enterprise
from shared.contracts.projects import Source
from shared.contracts.requests import Satisfaction

REQUEST = tables.enterprise_request.c
PROBLEM = tables.common_problem.c
ANCHOR = anchor.c


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """`due_until`: being dealt with, and due on this day or before. `uscc`: the enterprise's. `anchors_on`: of those
    that are 链主企业 of the request's chain on a day. `words`: of the title, the enterprise's name or code."""

    chain_id: UUID | None = None
    status: RequestStatus | None = None
    post_id: UUID | None = None
    org_id: UUID | None = None
    uscc: str | None = None
    problem_id: UUID | None = None
    due_until: date | None = None
    anchors_on: date | None = None
    words: tuple[str, ...] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[tuple[ColumnElement[Any], object]] = [
            (REQUEST.chain_id, self.chain_id),
            (REQUEST.status, self.status),
            (REQUEST.responsible_post_id, self.post_id),
            (REQUEST.responsible_org_id, self.org_id),
            (REQUEST.uscc, self.uscc),
            (REQUEST.problem_id, self.problem_id),
        ]
        conditions = [column == value for column, value in wanted if value is not None]
        if self.due_until is not None:
            conditions += [REQUEST.due_on <= self.due_until, REQUEST.status == RequestStatus.ASSIGNED]
        conditions += search.all_in([REQUEST.title, REQUEST.enterprise_name, REQUEST.uscc], self.words)
        return conditions + ([_by_anchor(self.anchors_on)] if self.anchors_on else [])


@dataclass(frozen=True, slots=True)
class ProblemFilter:
    chain_id: UUID | None = None
    status: ProblemStatus | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[tuple[ColumnElement[Any], object]] = [
            (PROBLEM.chain_id, self.chain_id),
            (PROBLEM.status, self.status),
        ]
        return [column == value for column, value in wanted if value is not None]


async def requests(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Request]:
    """These requests, as far as they exist."""
    query = select(tables.enterprise_request).where(sets.one_of(REQUEST.id, ids))
    return {row.id: _request(row) for row in await conn.execute(query)}


async def list_requests(
    wanted: RequestFilter, *, conn: AsyncConnection, after: int | None = None, limit: int
) -> list[tuple[int, Request]]:
    """Requests in the order in which they were raised, each with its place in it."""
    rows = await _in_order(tables.enterprise_request, wanted.conditions(), conn=conn, after=after, limit=limit)
    return [(row.position, _request(row)) for row in rows]


class Grouping(StrEnum):
    """What figures about requests are told by; ORGANISATION: the unit that is to answer, or answered last."""

    CHAIN = "chain"
    ORGANISATION = "organisation"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """`key`: an id or the month in which they were raised (2026-04); None: with no unit yet. `late`: being dealt with,
    past their due day; `answered`: as they were assigned last, and of these `in_time`: by their due day."""

    key: str | None
    raised: int
    open: int
    late: int
    answered: int
    in_time: int
    closed: int
    withdrawn: int
    satisfied: int
    dissatisfied: int


KEYS: dict[Grouping, ColumnElement[Any]] = {
    Grouping.CHAIN: REQUEST.chain_id,
    Grouping.ORGANISATION: REQUEST.responsible_org_id,
    Grouping.MONTH: func.to_char(REQUEST.raised_on, literal_column("'YYYY-MM'")),
}


async def figures(
    by: Grouping, *, from_day: date | None, until_day: date | None, on: date, conn: AsyncConnection
) -> list[RequestFigures]:
    """How the requests that were raised in a period stand; `late`: on a day."""
    key = KEYS[by]
    ended = (RequestStatus.CLOSED, RequestStatus.WITHDRAWN)
    # What was sent back and assigned anew waits for another answer: its earlier one had another due day.
    answered = (REQUEST.status != RequestStatus.ASSIGNED) & (REQUEST.answered_on >= REQUEST.assigned_on)
    counted = (
        REQUEST.status.not_in(ended),
        (REQUEST.status == RequestStatus.ASSIGNED) & (REQUEST.due_on < on),
        answered,
        answered & (REQUEST.answered_on <= REQUEST.due_on),
        REQUEST.status == RequestStatus.CLOSED,
        REQUEST.status == RequestStatus.WITHDRAWN,
        REQUEST.satisfaction.is_not(None) & (REQUEST.satisfaction != Satisfaction.DISSATISFIED),
        REQUEST.satisfaction == Satisfaction.DISSATISFIED,
    )
    query = select(key.label("key"), func.count(), *(func.count().filter(condition) for condition in counted))
    query = query.where(*([REQUEST.raised_on >= from_day] if from_day else []))
    query = query.where(*([REQUEST.raised_on <= until_day] if until_day else []))
    rows = await conn.execute(query.group_by(key).order_by(key))
    return [RequestFigures(str(row.key) if row.key else None, *row[1:]) for row in rows]


async def members(problem_id: UUID, *, conn: AsyncConnection) -> list[UUID]:
    """The requests of a common problem."""
    return list(await conn.scalars(select(REQUEST.id).where(REQUEST.problem_id == problem_id)))


async def counts(problem_ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, dict[RequestStatus, int]]:
    """How many requests of each state these problems have."""
    query = select(REQUEST.problem_id, REQUEST.status, func.count())
    query = query.where(sets.one_of(REQUEST.problem_id, problem_ids)).group_by(REQUEST.problem_id, REQUEST.status)
    found: dict[UUID, dict[RequestStatus, int]] = {id: {} for id in problem_ids}
    for problem_id, status, count in await conn.execute(query):
        found[problem_id][RequestStatus(status)] = count
    return found


async def problems(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Problem]:
    """These common problems, as far as they exist."""
    query = select(tables.common_problem).where(sets.one_of(PROBLEM.id, ids))
    return {row.id: _problem(row) for row in await conn.execute(query)}


async def list_problems(
    wanted: ProblemFilter, *, conn: AsyncConnection, after: int | None = None, limit: int
) -> list[tuple[int, Problem]]:
    """Common problems in the order in which they were gathered, each with its place in it."""
    rows = await _in_order(tables.common_problem, wanted.conditions(), conn=conn, after=after, limit=limit)
    return [(row.position, _problem(row)) for row in rows]


async def save(requests: Sequence[Request], *, problems: Sequence[Problem] = (), conn: AsyncConnection) -> None:
    """Write requests, and problems with them, in one statement."""
    await sets.upsert_all(
        {
            tables.common_problem: [asdict(problem) for problem in problems],
            tables.enterprise_request: [asdict(request) for request in requests],
        },
        conn=conn,
    )


def _by_anchor(day: date) -> ColumnElement[bool]:
    covering = (ANCHOR.from_day <= day) & (ANCHOR.until_day.is_(None) | (ANCHOR.until_day >= day))
    named = select(ANCHOR.enterprise_id).join(enterprise, enterprise.c.id == ANCHOR.enterprise_id)
    return named.where(enterprise.c.uscc == REQUEST.uscc, ANCHOR.chain_id == REQUEST.chain_id, covering).exists()


async def _in_order(
    table: Table, conditions: Sequence[ColumnElement[bool]], *, conn: AsyncConnection, after: int | None, limit: int
) -> Sequence[Row[Any]]:
    position = literal_column(f"{table.name}.position", BigInteger).label("position")
    query = select(table, position).where(*conditions).order_by(position).limit(limit)
    if after is not None:
        query = query.where(position > after)
    return (await conn.execute(query)).all()


def _request(row: Row[Any]) -> Request:
    values = {name: value for name, value in row._mapping.items() if name != "position"}
    typed = {
        "status": RequestStatus(row.status),
        "source": Source(row.source) if row.source else None,
        "satisfaction": Satisfaction(row.satisfaction) if row.satisfaction else None,
    }
    return Request(**{**values, **typed})


def _problem(row: Row[Any]) -> Problem:
    values = {name: value for name, value in row._mapping.items() if name != "position"}
    return Problem(**{**values, "status": ProblemStatus(row.status), "source": Source(row.source)})
