"""Leads (线索, S13): what visits and promotion events found, and the projects that leads became."""

from datetime import date
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Page, Reader
from services.intake.api.answers import ProjectShown, Shown
from services.intake.api.bodies import WithdrawBody
from services.intake.api.projects.showing import project_shown
from services.intake.api.promotion import routes
from services.intake.api.promotion.bodies import ConvertBody, LeadBody
from services.intake.api.promotion.shapes import AgreementShown, LeadShown, shown
from services.intake.api.search import Sought
from services.intake.domain.errors import RecordMissing
from services.intake.domain.promotion.promotion import Kind, RecordStatus
from services.intake.handlers import promotion as handlers
from services.intake.store import views
from services.intake.store.promotion import promotion as store
from services.intake.store.promotion.promotion import Grouping, LeadFigures, RecordFilter
from services.intake.store.registers import registers
from shared.contracts.promotion import Lead
from shared.kit.web.http import Answer, By, page, reply

router = APIRouter(tags=["promotion"])
ONE = "/v1/leads/{lead_id}"


class ConvertedShown(Shown):
    lead: LeadShown
    project: ProjectShown


class OriginShown(Shown):
    """Where a project comes from: the lead that became it, if any, and the agreements about it, none of which signs
    it."""

    project_id: UUID
    lead: LeadShown | None
    agreements: tuple[AgreementShown, ...]


class FiguresShown(Shown):
    """`key`: a chain's, unit's, visit's or promotion event's id, or a month; none: found on no recorded occasion."""

    key: str | None
    name: str
    found: int
    open: int
    converted: int
    dropped: int


@router.post("/v1/leads", status_code=201, response_model=LeadShown)
async def record_lead(body: LeadBody, write: Clerk) -> Response:
    """Record a lead, with the visit or promotion event that found it."""
    return await routes.record(body.content(), write)


@router.get("/v1/leads")
async def list_leads(
    conn: Reader,
    paging: Page,
    words: Sought,
    chain_id: UUID | None = None,
    organisation_id: UUID | None = None,
    status: RecordStatus | None = None,
    occasion_id: UUID | None = None,
    from_day: date | None = None,
    until_day: date | None = None,
) -> dict[str, Any]:
    """Leads in the order in which they were recorded; the days: when they were found.

    `q`: words of the lead's name, the firm or its code.
    """
    wanted = RecordFilter(
        Kind.LEAD,
        chain_id,
        organisation_id,
        status,
        occasion_id,
        from_day=from_day,
        until_day=until_day,
        words=words,
    )
    return await routes.list_page(wanted, paging=paging, conn=conn)


@router.get("/v1/leads/figures")
async def show_figures(
    conn: Reader,
    by: Grouping = Grouping.CHAIN,
    chain_id: UUID | None = None,
    organisation_id: UUID | None = None,
    from_day: date | None = None,
    until_day: date | None = None,
) -> dict[str, Any]:
    """How many leads were found in a period, and what became of them: by chain, unit, visit (its team) or month."""
    wanted = RecordFilter(Kind.LEAD, chain_id, organisation_id, from_day=from_day, until_day=until_day)
    found = await store.lead_figures(wanted, by, conn=conn)
    names = await _names_of(by, found, conn=conn)
    return page([_figures(item, names) for item in found], None)


@router.get(ONE, response_model=LeadShown)
async def show_lead(lead_id: UUID, conn: Reader) -> Response:
    return await routes.show(Kind.LEAD, lead_id, conn=conn)


@router.put(ONE, response_model=LeadShown)
async def revise_lead(lead_id: UUID, body: LeadBody, write: Clerk) -> Response:
    """The lead as it now stands. Needs If-Match."""
    return await routes.revise(lead_id, body.content(), write)


@router.post(ONE + ":drop", response_model=LeadShown)
async def drop_lead(lead_id: UUID, body: WithdrawBody, write: Clerk) -> Response:
    """Nothing will come of it, for a reason."""
    return await routes.end(Kind.LEAD, lead_id, body.reason, write)


@router.post(ONE + ":convert", status_code=201, response_model=ConvertedShown)
async def convert_lead(lead_id: UUID, body: ConvertBody, write: Clerk) -> Response:
    """Record the project that the lead becomes, in 线索 or 在谈; each names the other from then on.

    Or name the project that it turned out to be, where somebody recorded it before (`project_id`).
    """

    async def work(conn: AsyncConnection, by: By) -> Answer:
        present = (await routes.one(Kind.LEAD, lead_id, conn=conn)).content
        assert isinstance(present, Lead)
        project_id, expected = body.present_project(), write.expected_version
        done = (
            await handlers.link_lead(lead_id, project_id, expected=expected, conn=conn, by=by)
            if project_id
            else await handlers.convert_lead(lead_id, body.recording(present), expected=expected, conn=conn, by=by)
        )
        (lead,) = await shown([done.lead], conn=conn)
        project = await project_shown(done.project.id, conn=conn)
        return Answer({"lead": lead, "project": project}, status=201, location=f"/v1/projects/{project.id}")

    return await write(work)


@router.get(ONE + "/history")
async def show_history(lead_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of a lead, in order."""
    return await routes.history(Kind.LEAD, lead_id, paging=paging, conn=conn)


@router.get("/v1/projects/{project_id}/origin", response_model=OriginShown)
async def show_origin(project_id: UUID, conn: Reader) -> Response:
    """The lead that became a project, and the letters of intent and agreements about it."""
    if not await registers.projects([project_id], conn=conn):
        raise RecordMissing("项目", project_id)
    found = await shown(await store.of_project(project_id, conn=conn), conn=conn)
    lead = next((item for item in found if isinstance(item, LeadShown)), None)
    agreements = tuple(item for item in found if isinstance(item, AgreementShown))
    return reply(Answer(OriginShown(project_id=project_id, lead=lead, agreements=agreements)))


async def _names_of(by: Grouping, found: list[LeadFigures], *, conn: AsyncConnection) -> dict[str, str]:
    if by is Grouping.MONTH:
        return {item.key: item.key for item in found if item.key}
    ids = [UUID(item.key) for item in found if item.key]
    if by is Grouping.OCCASION:
        occasions = await store.records(ids, conn=conn)
        return {str(id): getattr(occasion.content, "name", "") for id, occasion in occasions.items()}
    return {str(id): name for id, name in (await views.names(ids, conn=conn)).items()} if ids else {}


def _figures(item: LeadFigures, names: dict[str, str]) -> FiguresShown:
    return FiguresShown(
        key=item.key,
        name=names.get(item.key, "未知") if item.key else "其他",
        found=item.found,
        open=item.found - item.converted - item.dropped,
        converted=item.converted,
        dropped=item.dropped,
    )
