"""Enterprises by their 统一社会信用代码; which of them are 链主企业 of which chains."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Registrar, Today
from services.intake.api.answers import Shown
from services.intake.api.bodies import PRINTABLE, Body, Day, Name, Text
from services.intake.api.organisation.history import programme_history
from services.intake.api.search import Sought
from services.intake.domain.errors import RecordMissing
from services.intake.domain.organisation.enterprises import Enterprise
from services.intake.handlers.organisation import enterprises as handlers
from services.intake.store.organisation import enterprises as store
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter(tags=["enterprises"])
ONE = "/v1/enterprises/{enterprise_id}"
Chains = Annotated[tuple[UUID, ...], Field(max_length=100)]


class EnterpriseBody(Body):
    """`uscc`: 18 signs, of which the last checks the others; small letters and blanks are put right."""

    uscc: Annotated[str, StringConstraints(max_length=40)]
    name: Name
    chain_ids: Chains = ()


class EnterpriseChanges(Body):
    name: Name | None = None
    chain_ids: Chains | None = None


class AnchorBody(Body):
    chain_id: UUID
    from_day: Day


class ReleaseBody(Body):
    chain_id: UUID
    from_day: Day
    reason: Text


class AnchorShown(Shown):
    chain_id: UUID
    from_day: date
    until_day: date | None


class EnterpriseShown(Shown):
    """`anchors`: for which chains it is or was 链主企业."""

    id: UUID
    uscc: str
    name: str
    chain_ids: tuple[UUID, ...]
    anchors: tuple[AnchorShown, ...]
    version: int


@router.get("/v1/enterprises")
async def list_enterprises(
    conn: Reader,
    paging: Page,
    today: Today,
    words: Sought,
    chain_id: UUID | None = None,
    anchor: Annotated[bool, Query(description="only those that are 链主企业 (of the chain)")] = False,
    on: Annotated[date | None, Query(description="the day for `anchor`; today by default")] = None,
    name: Annotated[str | None, Query(max_length=100, pattern=PRINTABLE, description="a part of the name")] = None,
) -> dict[str, Any]:
    """Enterprises by name. `q`: words of the name or the 统一社会信用代码."""
    found = await store.list_enterprises(
        words=words,
        chain_id=chain_id,
        anchors_on=(on or today) if anchor else None,
        name=name,
        conn=conn,
        after=paging.start(tuple[str, UUID]),
        limit=paging.limit,
    )
    next_after = (found[-1].name, found[-1].id) if len(found) == paging.limit else None
    return page([EnterpriseShown.model_validate(one) for one in found], next_after)


@router.post("/v1/enterprises", status_code=201, response_model=EnterpriseShown)
async def record_enterprise(body: EnterpriseBody, write: Registrar) -> Response:
    """Record an enterprise under its code; a code that does not check is refused with what is wrong."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.record_enterprise(body.uscc, body.name, chain_ids=body.chain_ids, conn=conn, by=by)
        return _answer(made, status=201)

    return await write(work)


@router.get(ONE, response_model=EnterpriseShown)
async def show_enterprise(enterprise_id: UUID, conn: Reader, request: Request) -> Response:
    found = (await store.enterprises([enterprise_id], conn=conn)).get(enterprise_id)
    if found is None:
        raise RecordMissing("企业", enterprise_id)
    return reply(_answer(found), request)


@router.patch(ONE, response_model=EnterpriseShown)
async def revise_enterprise(enterprise_id: UUID, body: EnterpriseChanges, write: Registrar) -> Response:
    """Another name or other chains; its code stays. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.revise_enterprise(
            enterprise_id, name=body.name, chain_ids=body.chain_ids, expected=expected, conn=conn, by=by
        )
        return _answer(made)

    return await write(work)


@router.post(ONE + ":name-anchor", response_model=EnterpriseShown)
async def name_anchor(enterprise_id: UUID, body: AnchorBody, write: Registrar) -> Response:
    """It is 链主企业 of a chain from a day on, and belongs to the chain."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.name_anchor(
            enterprise_id,
            chain_id=body.chain_id,
            from_day=body.from_day,
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return _answer(made)

    return await write(work)


@router.post(ONE + ":release-anchor", response_model=EnterpriseShown)
async def release_anchor(enterprise_id: UUID, body: ReleaseBody, write: Registrar) -> Response:
    """It is 链主企业 of the chain no more from a day on."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.release_anchor(
            enterprise_id,
            chain_id=body.chain_id,
            from_day=body.from_day,
            reason=body.reason,
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return _answer(made)

    return await write(work)


@router.get(ONE + "/history")
async def show_history(enterprise_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of the enterprise: when, who, what."""
    return await programme_history(enterprise_id, "企业", paging, conn=conn)


def _answer(found: Enterprise, *, status: int = 200) -> Answer:
    shown = EnterpriseShown.model_validate(found)
    return Answer(shown, status=status, version=found.version, location=f"/v1/enterprises/{found.id}")
