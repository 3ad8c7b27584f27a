"""Organisations as a tree: recorded, renamed, moved; each with its history."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Registrar
from services.intake.api.answers import OrganisationShown
from services.intake.api.bodies import OrganisationBody, OrganisationChanges
from services.intake.api.organisation.history import programme_history
from services.intake.api.search import Sought
from services.intake.domain.errors import RecordMissing
from services.intake.domain.organisation.programme import FormerName, Organisation
from services.intake.domain.terms import ORGANISATION_KIND_NAMES
from services.intake.handlers.organisation import programme as handlers
from services.intake.store import views
from services.intake.store.organisation import programme as store
from shared.contracts.programme import OrganisationKind
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter(tags=["organisations"])
ONE = "/v1/organisations/{organisation_id}"


class OrganisationDetails(OrganisationShown):
    """An organisation with the names that it bore before, by which it is found too."""

    kind_name: str
    former_names: tuple[FormerName, ...]

    @classmethod
    def of(cls, found: Organisation) -> "OrganisationDetails":
        return cls(
            id=found.id,
            name=found.name,
            parent_id=found.parent_id,
            kind=found.kind,
            version=found.version,
            kind_name=ORGANISATION_KIND_NAMES[found.kind] if found.kind else "",
            former_names=found.former,
        )


@router.get("/v1/organisations")
async def list_organisations(
    conn: Reader, paging: Page, words: Sought, kind: OrganisationKind | None = None
) -> dict[str, Any]:
    """Organisations by name, of one kind or all. `q`: words of what each is called, or was called before."""
    after = paging.start(tuple[str])
    start = after[0] if after else None
    rows = await views.organisations(words=words, kind=kind, conn=conn, after=start, limit=paging.limit)
    next_after = (rows[-1].name,) if len(rows) == paging.limit else None
    return page([OrganisationShown.model_validate(row) for row in rows], next_after)


@router.get("/v1/organisations/tree")
async def show_tree(conn: Reader, under: UUID | None = None) -> dict[str, Any]:
    """All organisations as a tree, or the part under one; those of one parent by name."""
    rows = await views.all_organisations(conn=conn)
    children: dict[UUID | None, list[dict[str, Any]]] = {}
    for row in rows:
        shown = OrganisationShown.model_validate(row).model_dump(mode="json", exclude={"parent_id"})
        children.setdefault(row.parent_id, []).append(shown)
    _hang(children)
    if under is None:
        return {"items": children.get(None, [])}
    found = next((one for level in children.values() for one in level if one["id"] == str(under)), None)
    if found is None:
        raise RecordMissing("单位", under)
    return {"items": [found]}


def _hang(children: dict[UUID | None, list[dict[str, Any]]]) -> None:
    for level in children.values():
        for one in level:
            one["children"] = children.get(UUID(one["id"]), [])


@router.post(
    "/v1/organisations",
    status_code=201,
    response_model=OrganisationDetails,
    responses={200: {"model": OrganisationDetails, "description": "It was known; what was given now holds"}},
)
async def record_organisation(body: OrganisationBody, write: Registrar) -> Response:
    """Record an organisation by its full name, or its new parent or kind; what is not given stays as it is."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found, new = await handlers.record_organisation(
            body.name, parent_id=body.parent_id, kind=body.kind, conn=conn, by=by
        )
        location = f"/v1/organisations/{found.id}"
        return Answer(
            OrganisationDetails.of(found), status=201 if new else 200, version=found.version, location=location
        )

    return await write(work)


@router.get(ONE, response_model=OrganisationDetails)
async def show_organisation(organisation_id: UUID, conn: Reader, request: Request) -> Response:
    found = (await store.organisations(conn=conn, ids=[organisation_id])).get(organisation_id)
    if found is None:
        raise RecordMissing("单位", organisation_id)
    return reply(Answer(OrganisationDetails.of(found), version=found.version), request)


@router.patch(ONE, response_model=OrganisationDetails)
async def revise_organisation(organisation_id: UUID, body: OrganisationChanges, write: Registrar) -> Response:
    """Another name from a day on, another parent or kind; the id stays. Needs If-Match."""
    expected = write.require_version()
    changes = handlers.OrganisationChanges(
        name=body.name,
        from_day=body.from_day,
        kind=body.kind,
        moved="parent_id" in body.model_fields_set,
        parent_id=body.parent_id,
    )

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found = await handlers.revise_organisation(organisation_id, changes, expected=expected, conn=conn, by=by)
        return Answer(OrganisationDetails.of(found), version=found.version)

    return await write(work)


@router.get(ONE + "/history")
async def show_history(organisation_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of the organisation, as a task force or park too: when, who, what."""
    return await programme_history(organisation_id, "单位", paging, conn=conn)
