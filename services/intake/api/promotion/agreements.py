"""Strategic agreements (战略合作协议, S11) and letters of intent (投资意向书, S13): no project is signed by either."""

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.intake.api.access import Clerk, Page, Reader
from services.intake.api.bodies import WithdrawBody
from services.intake.api.promotion import routes
from services.intake.api.promotion.bodies import AgreementBody
from services.intake.api.promotion.shapes import AgreementShown
from services.intake.domain.promotion.promotion import Kind, RecordStatus
from services.intake.store.promotion.promotion import RecordFilter

router = APIRouter(tags=["promotion"])
ONE = "/v1/agreements/{agreement_id}"


@router.post("/v1/agreements", status_code=201, response_model=AgreementShown)
async def record_agreement(body: AgreementBody, write: Clerk) -> Response:
    """Record an agreement; the project or lead that it is about stays where it is."""
    return await routes.record(body.content(), write)


@router.get("/v1/agreements")
async def list_agreements(
    conn: Reader,
    paging: Page,
    chain_id: UUID | None = None,
    organisation_id: UUID | None = None,
    status: RecordStatus | None = None,
    occasion_id: UUID | None = None,
    lead_id: UUID | None = None,
    project_id: UUID | None = None,
    from_day: date | None = None,
    until_day: date | None = None,
) -> dict[str, Any]:
    """Agreements in the order in which they were recorded; the days: when they were signed."""
    wanted = RecordFilter(
        Kind.AGREEMENT,
        chain_id,
        organisation_id,
        status,
        occasion_id,
        lead_id,
        project_id,
        from_day,
        until_day,
    )
    return await routes.list_page(wanted, paging=paging, conn=conn)


@router.get(ONE, response_model=AgreementShown)
async def show_agreement(agreement_id: UUID, conn: Reader) -> Response:
    return await routes.show(Kind.AGREEMENT, agreement_id, conn=conn)


@router.put(ONE, response_model=AgreementShown)
async def revise_agreement(agreement_id: UUID, body: AgreementBody, write: Clerk) -> Response:
    """The agreement as it now stands. Needs If-Match."""
    return await routes.revise(agreement_id, body.content(), write)


@router.post(ONE + ":withdraw", response_model=AgreementShown)
async def withdraw_agreement(agreement_id: UUID, body: WithdrawBody, write: Clerk) -> Response:
    return await routes.end(Kind.AGREEMENT, agreement_id, body.reason, write)


@router.get(ONE + "/history")
async def show_history(agreement_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of an agreement, in order."""
    return await routes.history(Kind.AGREEMENT, agreement_id, paging=paging, conn=conn)
