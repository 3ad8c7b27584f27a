"""Visits (招商活动, 出访, S13): teams of several units, where they went, whom they met, and what came of it."""

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.intake.api.access import Clerk, Page, Reader
from services.intake.api.bodies import WithdrawBody
from services.intake.api.promotion import routes
from services.intake.api.promotion.bodies import VisitBody
from services.intake.api.promotion.shapes import VisitShown
from services.intake.domain.promotion.promotion import Kind, RecordStatus
from services.intake.store.promotion.promotion import RecordFilter

router = APIRouter(tags=["promotion"])
ONE = "/v1/visits/{visit_id}"


@router.post("/v1/visits", status_code=201, response_model=VisitShown)
async def record_visit(body: VisitBody, write: Clerk) -> Response:
    """Record a visit with its team, places and days; whom they met may follow."""
    return await routes.record(body.content(), write)


@router.get("/v1/visits")
async def list_visits(
    conn: Reader,
    paging: Page,
    chain_id: UUID | None = None,
    organisation_id: UUID | None = None,
    status: RecordStatus | None = None,
    from_day: date | None = None,
    until_day: date | None = None,
) -> dict[str, Any]:
    """Visits in the order in which they were recorded. `organisation_id`: of the team; the days: when they began."""
    wanted = RecordFilter(Kind.VISIT, chain_id, organisation_id, status, from_day=from_day, until_day=until_day)
    return await routes.list_page(wanted, paging=paging, conn=conn)


@router.get(ONE, response_model=VisitShown)
async def show_visit(visit_id: UUID, conn: Reader) -> Response:
    return await routes.show(Kind.VISIT, visit_id, conn=conn)


@router.put(ONE, response_model=VisitShown)
async def revise_visit(visit_id: UUID, body: VisitBody, write: Clerk) -> Response:
    """The visit as it now stands. Needs If-Match."""
    return await routes.revise(visit_id, body.content(), write)


@router.post(ONE + ":cancel", response_model=VisitShown)
async def cancel_visit(visit_id: UUID, body: WithdrawBody, write: Clerk) -> Response:
    return await routes.end(Kind.VISIT, visit_id, body.reason, write)


@router.get(ONE + "/history")
async def show_history(visit_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of a visit, in order."""
    return await routes.history(Kind.VISIT, visit_id, paging=paging, conn=conn)
