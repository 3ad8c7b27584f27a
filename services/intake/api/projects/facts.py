"""Many facts in one request, for systems that hand over what they record elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.projects.operations import Batch, Malformed
from services.intake.domain.errors import VersionRequired
from services.intake.domain.projects.operations import Done
from services.intake.handlers.projects import batch as handlers
from shared.kit.errors import DomainError, Invalid
from shared.kit.web import problems
from shared.kit.web.http import MB, Answer, By, Write, writing
from shared.kit.web.security import Role

router = APIRouter(tags=["facts"])
STATUSES: dict[type[DomainError], int] = {VersionRequired: 428}

Caller = Annotated[Write, Depends(writing(Role.CLERK, Role.SERVICE))]
Refusal = Mapping[str, object]


class BatchRefused(Invalid):
    """At least one item of an atomic batch was refused, so none was taken. `errors`: a problem for each refused one."""

    def __init__(self, refused: Sequence[Refusal], *, count: int) -> None:
        super().__init__(f"本批{count}项中有{len(refused)}项未通过，均未登记", errors=list(refused))


class ItemOutcome(BaseModel):
    """What became of an item. Accepted: the project with its version after the item (a line, where one was planned or
    changed); refused: `problem`, as the single route would answer it, with a JSON `pointer` to the item."""

    outcome: Literal["accepted", "refused"]
    project_id: UUID | None = None
    code: str | None = None
    version: int | None = None
    milestone_id: UUID | None = None
    problem: dict[str, Any] | None = None


class BatchOutcome(BaseModel):
    """`items`: in the order in which they were sent."""

    accepted: int
    refused: int
    items: list[ItemOutcome]


@router.post("/v1/facts:batch", response_model=BatchOutcome, max_body_size=4 * MB)
async def record_facts(body: Batch, write: Caller) -> Response:
    """Up to 1,000 operations on projects, in their order and in one transaction.

    By default all or nothing: where an item is refused, the answer is a 422 problem with every refusal, and nothing is
    recorded. With `atomic: false` every sound item is recorded, and each item has its own outcome.
    """

    async def work(conn: AsyncConnection, by: By) -> Answer:
        items = body.read()
        refused = {index: _malformed(item, index) for index, item in enumerate(items) if isinstance(item, Malformed)}
        operations = {index: item.asked() for index, item in enumerate(items) if not isinstance(item, Malformed)}
        outcomes = await handlers.carry_out(list(operations.values()), atomic=body.atomic, conn=conn, by=by)
        done = dict(zip(operations, outcomes, strict=True))
        refused |= {index: _refused(error, index) for index, error in done.items() if isinstance(error, DomainError)}
        if refused and body.atomic:
            raise BatchRefused([refused[index] for index in sorted(refused)], count=len(items))
        shown = [_shown(done.get(index), refused.get(index)) for index in range(len(items))]
        return Answer({"accepted": len(items) - len(refused), "refused": len(refused), "items": shown})

    return await write(work)


def _shown(done: Done | DomainError | None, refusal: Refusal | None) -> dict[str, object]:
    if not isinstance(done, Done):
        return {"outcome": "refused", "problem": refusal}
    project = done.project
    shown: dict[str, object] = {
        "outcome": "accepted",
        "project_id": project.id,
        "code": project.code,
        "version": project.version,
    }
    return shown if done.milestone_id is None else {**shown, "milestone_id": done.milestone_id}


def _refused(error: DomainError, index: int) -> Refusal:
    return {"pointer": _pointer(index), **problems.details_of(error, STATUSES)}


def _malformed(item: Malformed, index: int) -> Refusal:
    errors = problems.findings(item.errors, "items", index)
    found = problems.details(422, "invalid-request", "请求内容不符合要求", members={"errors": errors})
    return {"pointer": _pointer(index), **found}


def _pointer(index: int) -> str:
    return f"#/items/{index}"
