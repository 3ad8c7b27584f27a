"""People, and their leave with who acts for them meanwhile."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Registrar
from services.intake.api.answers import PersonShown, Shown
from services.intake.api.bodies import PRINTABLE, Body, Day, PersonBody, PersonChanges, Text
from services.intake.api.organisation.history import programme_history
from services.intake.api.search import Sought
from services.intake.domain.errors import RecordMissing
from services.intake.domain.organisation.leave import Leave
from services.intake.handlers.organisation import leave as leave_handlers
from services.intake.handlers.organisation import programme as handlers
from services.intake.store import views
from services.intake.store.organisation import leave as leave_store
from services.intake.store.organisation import programme as store
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter(tags=["people"])


class LeaveBody(Body):
    """`post_ids`: the posts in which the delegate acts; none: all that the person holds."""

    from_day: Day
    until_day: Day
    delegate_id: UUID
    post_ids: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    reason: Annotated[str, Field(max_length=200, pattern=PRINTABLE)] = ""


class UntilBody(Body):
    until_day: Day


class CancelLeaveBody(Body):
    reason: Text


class LeaveShown(Shown):
    id: UUID
    person_id: UUID
    person_name: str
    from_day: date
    until_day: date
    delegate_id: UUID
    delegate_name: str
    post_ids: tuple[UUID, ...]
    reason: str
    cancelled: bool


@router.get("/v1/people")
async def list_people(conn: Reader, paging: Page, words: Sought, organisation_id: UUID | None = None) -> dict[str, Any]:
    """People by name, of one organisation or all."""
    after = paging.start(tuple[str, UUID])
    rows = await views.people(words=words, organisation_id=organisation_id, conn=conn, after=after, limit=paging.limit)
    next_after = (rows[-1].name, rows[-1].id) if len(rows) == paging.limit else None
    return page([PersonShown.model_validate(row) for row in rows], next_after)


@router.post("/v1/people", status_code=201, response_model=PersonShown)
async def record_person(body: PersonBody, write: Registrar) -> Response:
    """Record a person; people share names, so each call records another one."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        shown = PersonShown.model_validate(
            await handlers.record_person(body.name, organisation_id=body.organisation_id, conn=conn, by=by)
        )
        return Answer(shown, status=201, version=shown.version, location=f"/v1/people/{shown.id}")

    return await write(work)


@router.get("/v1/people/{person_id}", response_model=PersonShown)
async def show_person(person_id: UUID, conn: Reader, request: Request) -> Response:
    found = (await store.people(conn=conn, ids=[person_id])).get(person_id)
    if found is None:
        raise RecordMissing("人员", person_id)
    return reply(Answer(PersonShown.model_validate(found), version=found.version), request)


@router.patch("/v1/people/{person_id}", response_model=PersonShown)
async def revise_person(person_id: UUID, body: PersonChanges, write: Registrar) -> Response:
    """Another name, or a move to another organisation. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        person = await handlers.revise_person(
            person_id, name=body.name, organisation_id=body.organisation_id, expected=expected, conn=conn, by=by
        )
        return Answer(PersonShown.model_validate(person), version=person.version)

    return await write(work)


@router.get("/v1/people/{person_id}/history")
async def show_history(person_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of the person, their leave too: when, who, what."""
    return await programme_history(person_id, "人员", paging, conn=conn)


@router.get("/v1/people/{person_id}/leaves")
async def list_leaves(person_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """A person's leave, and that in which they act for others; by its first day."""
    after = paging.start(tuple[date, UUID])
    found = await leave_store.leaves_around(person_id, conn=conn, after=after, limit=paging.limit)
    next_after = (found[-1].from_day, found[-1].id) if len(found) == paging.limit else None
    return page(await _leaves_shown(found, conn=conn), next_after)


@router.post("/v1/people/{person_id}/leaves", status_code=201, response_model=LeaveShown)
async def plan_leave(person_id: UUID, body: LeaveBody, write: Registrar) -> Response:
    """A person is away from a day to a day, both included; a delegate acts for them."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        wanted = leave_handlers.Wanted(body.from_day, body.until_day, body.delegate_id, body.post_ids, body.reason)
        leave, version = await leave_handlers.plan_leave(
            person_id, wanted, expected=write.expected_version, conn=conn, by=by
        )
        return await _leave_answer(leave, version, conn=conn, status=201)

    return await write(work)


@router.post("/v1/people/{person_id}/leaves/{leave_id}:end", response_model=LeaveShown)
async def end_leave(person_id: UUID, leave_id: UUID, body: UntilBody, write: Registrar) -> Response:
    """The leave's last day is another one: the person is back sooner, or stays away longer."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        leave, version = await leave_handlers.end_leave(
            person_id, leave_id, until_day=body.until_day, expected=write.expected_version, conn=conn, by=by
        )
        return await _leave_answer(leave, version, conn=conn)

    return await write(work)


@router.post("/v1/people/{person_id}/leaves/{leave_id}:cancel", response_model=LeaveShown)
async def cancel_leave(person_id: UUID, leave_id: UUID, body: CancelLeaveBody, write: Registrar) -> Response:
    """A leave that has not begun does not take place."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        leave, version = await leave_handlers.cancel_leave(
            person_id, leave_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        )
        return await _leave_answer(leave, version, conn=conn)

    return await write(work)


async def _leave_answer(leave: Leave, version: int, *, conn: AsyncConnection, status: int = 200) -> Answer:
    (shown,) = await _leaves_shown([leave], conn=conn)
    return Answer(shown, status=status, version=version)


async def _leaves_shown(leaves: Sequence[Leave], *, conn: AsyncConnection) -> list[LeaveShown]:
    named = {id for leave in leaves for id in (leave.person_id, leave.delegate_id)}
    people = await store.people(conn=conn, ids=named)
    return [
        LeaveShown(
            id=leave.id,
            person_id=leave.person_id,
            person_name=people[leave.person_id].name,
            from_day=leave.from_day,
            until_day=leave.until_day,
            delegate_id=leave.delegate_id,
            delegate_name=people[leave.delegate_id].name,
            post_ids=leave.post_ids,
            reason=leave.reason,
            cancelled=leave.cancelled,
        )
        for leave in leaves
    ]
