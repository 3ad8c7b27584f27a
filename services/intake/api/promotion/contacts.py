"""Contacts (联系人, S11): people at firms. A mobile number is shown masked, and whole only for a purpose on record."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Page, Reader
from services.intake.api.answers import Shown
from services.intake.api.bodies import WithdrawBody
from services.intake.api.promotion import routes
from services.intake.api.promotion.bodies import ContactBody, PurposeBody
from services.intake.api.promotion.shapes import ContactShown, masked
from services.intake.domain.promotion.promotion import Kind, RecordStatus
from services.intake.handlers import promotion as handlers
from services.intake.store.promotion.promotion import RecordFilter
from shared.kit.web.http import Answer, By, reply

router = APIRouter(tags=["promotion"])
ONE = "/v1/contacts/{contact_id}"


class NumberShown(Shown):
    contact_id: UUID
    mobile: str


@router.post("/v1/contacts", status_code=201, response_model=ContactShown)
async def record_contact(body: ContactBody, write: Clerk) -> Response:
    return await routes.record(body.content(), write, mobile=body.mobile)


@router.get("/v1/contacts")
async def list_contacts(
    conn: Reader,
    paging: Page,
    chain_id: UUID | None = None,
    occasion_id: UUID | None = None,
    status: RecordStatus | None = None,
) -> dict[str, Any]:
    """Contacts in the order in which they were recorded."""
    wanted = RecordFilter(Kind.CONTACT, chain_id, status=status, occasion_id=occasion_id)
    return await routes.list_page(wanted, paging=paging, conn=conn)


@router.get(ONE, response_model=ContactShown)
async def show_contact(contact_id: UUID, conn: Reader) -> Response:
    return await routes.show(Kind.CONTACT, contact_id, conn=conn)


@router.put(ONE, response_model=ContactShown)
async def revise_contact(contact_id: UUID, body: ContactBody, write: Clerk) -> Response:
    """The contact as it now stands. Needs If-Match."""
    return await routes.revise(contact_id, body.content(), write, mobile=body.mobile)


@router.post(ONE + ":disclose", response_model=NumberShown)
async def disclose_number(contact_id: UUID, body: PurposeBody, write: Clerk) -> Response:
    """The whole mobile number, for a purpose that the contact's history keeps. A repeated request gets it masked."""
    told: list[str] = []

    async def work(conn: AsyncConnection, by: By) -> Answer:
        _, number = await handlers.disclose(contact_id, purpose=body.purpose, conn=conn, by=by)
        told[:] = [number]
        return Answer(NumberShown(contact_id=contact_id, mobile=masked(number) or ""))

    response = await write(work)
    # The answer kept under an Idempotency-Key is the masked one: the number stands in one table only.
    return reply(Answer(NumberShown(contact_id=contact_id, mobile=told[0]))) if told else response


@router.post(ONE + ":erase", response_model=ContactShown)
async def erase_contact(contact_id: UUID, body: WithdrawBody, write: Clerk) -> Response:
    """The contact is no more used, for a reason; the number is deleted."""
    return await routes.end(Kind.CONTACT, contact_id, body.reason, write)


@router.get(ONE + "/history")
async def show_history(contact_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of a contact, with who asked for the number and for what."""
    return await routes.history(Kind.CONTACT, contact_id, paging=paging, conn=conn)
