"""Organisations and people."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Registrar
from services.intake.api.answers import OrganisationShown, PersonShown
from services.intake.api.bodies import OrganisationBody, PersonBody, PersonChanges
from services.intake.domain.errors import RecordMissing
from services.intake.handlers import programme as handlers
from services.intake.store import programme as store
from services.intake.store import views
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter()


@router.get("/v1/organisations", tags=["organisations"])
async def list_organisations(conn: Reader, paging: Page) -> dict[str, Any]:
    """Organisations by name."""
    after = paging.start(tuple[str])
    rows = await views.organisations(conn=conn, after=after[0] if after else None, limit=paging.limit)
    next_after = (rows[-1].name,) if len(rows) == paging.limit else None
    return page([OrganisationShown.model_validate(row) for row in rows], next_after)


@router.post("/v1/organisations", tags=["organisations"], status_code=201, response_model=OrganisationShown)
async def record_organisation(body: OrganisationBody, write: Registrar) -> Response:
    """Record an organisation by its full name, or its new parent. The id follows from the name: repeating is safe."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found, new = await handlers.record_organisation(body.name, parent_id=body.parent_id, conn=conn, by=by)
        shown, status = OrganisationShown.model_validate(found), 201 if new else 200
        return Answer(shown, status=status, version=shown.version, location=f"/v1/organisations/{shown.id}")

    return await write(work)


@router.get("/v1/organisations/{organisation_id}", tags=["organisations"], response_model=OrganisationShown)
async def show_organisation(organisation_id: UUID, conn: Reader, request: Request) -> Response:
    found = (await store.organisations(conn=conn, ids=[organisation_id])).get(organisation_id)
    if found is None:
        raise RecordMissing("单位", organisation_id)
    return reply(Answer(OrganisationShown.model_validate(found), version=found.version), request)


@router.get("/v1/people", tags=["people"])
async def list_people(conn: Reader, paging: Page, organisation_id: UUID | None = None) -> dict[str, Any]:
    """People by name, of one organisation or all."""
    rows = await views.people(
        organisation_id=organisation_id, conn=conn, after=paging.start(tuple[str, UUID]), limit=paging.limit
    )
    next_after = (rows[-1].name, rows[-1].id) if len(rows) == paging.limit else None
    return page([PersonShown.model_validate(row) for row in rows], next_after)


@router.post("/v1/people", tags=["people"], status_code=201, response_model=PersonShown)
async def record_person(body: PersonBody, write: Registrar) -> Response:
    """Record a person; people share names, so each call records another one."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        shown = PersonShown.model_validate(
            await handlers.record_person(body.name, organisation_id=body.organisation_id, conn=conn, by=by)
        )
        return Answer(shown, status=201, version=shown.version, location=f"/v1/people/{shown.id}")

    return await write(work)


@router.get("/v1/people/{person_id}", tags=["people"], response_model=PersonShown)
async def show_person(person_id: UUID, conn: Reader, request: Request) -> Response:
    found = (await store.people(conn=conn, ids=[person_id])).get(person_id)
    if found is None:
        raise RecordMissing("人员", person_id)
    return reply(Answer(PersonShown.model_validate(found), version=found.version), request)


@router.patch("/v1/people/{person_id}", tags=["people"], response_model=PersonShown)
async def revise_person(person_id: UUID, body: PersonChanges, write: Registrar) -> Response:
    """Another name, or a move to another organisation. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        person = await handlers.revise_person(
            person_id, name=body.name, organisation_id=body.organisation_id, expected=expected, conn=conn, by=by
        )
        return Answer(PersonShown.model_validate(person), version=person.version)

    return await write(work)
