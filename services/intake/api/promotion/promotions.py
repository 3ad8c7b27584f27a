"""Promotion events (产业链招商推介会, S11): by whom, where, for which chains, and how many came, as it was given."""

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.intake.api.access import Clerk, Page, Reader
from services.intake.api.bodies import WithdrawBody
from services.intake.api.promotion import routes
from services.intake.api.promotion.bodies import PromotionBody
from services.intake.api.promotion.shapes import PromotionShown
from services.intake.domain.promotion.promotion import Kind, RecordStatus
from services.intake.store.promotion.promotion import RecordFilter

router = APIRouter(tags=["promotion"])
ONE = "/v1/promotions/{promotion_id}"


@router.post("/v1/promotions", status_code=201, response_model=PromotionShown)
async def record_promotion(body: PromotionBody, write: Clerk) -> Response:
    """Record a promotion event of a unit or a park."""
    return await routes.record(body.content(), write)


@router.get("/v1/promotions")
async def list_promotions(
    conn: Reader,
    paging: Page,
    chain_id: UUID | None = None,
    organisation_id: UUID | None = None,
    status: RecordStatus | None = None,
    from_day: date | None = None,
    until_day: date | None = None,
) -> dict[str, Any]:
    """Promotion events in the order in which they were recorded. `organisation_id`: the organiser's or another's."""
    wanted = RecordFilter(Kind.PROMOTION, chain_id, organisation_id, status, from_day=from_day, until_day=until_day)
    return await routes.list_page(wanted, paging=paging, conn=conn)


@router.get(ONE, response_model=PromotionShown)
async def show_promotion(promotion_id: UUID, conn: Reader) -> Response:
    return await routes.show(Kind.PROMOTION, promotion_id, conn=conn)


@router.put(ONE, response_model=PromotionShown)
async def revise_promotion(promotion_id: UUID, body: PromotionBody, write: Clerk) -> Response:
    """The event as it now stands. Needs If-Match."""
    return await routes.revise(promotion_id, body.content(), write)


@router.post(ONE + ":cancel", response_model=PromotionShown)
async def cancel_promotion(promotion_id: UUID, body: WithdrawBody, write: Clerk) -> Response:
    return await routes.end(Kind.PROMOTION, promotion_id, body.reason, write)


@router.get(ONE + "/history")
async def show_history(promotion_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of a promotion event, in order."""
    return await routes.history(Kind.PROMOTION, promotion_id, paging=paging, conn=conn)
