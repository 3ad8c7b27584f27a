"""激励: what is proposed for commendation, 督查室's decisions, and the honour roll (红榜)."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import access
from services.assessment.api.access import Office, Page, Reader, Supervisor
from services.assessment.api.answers import CommendationShown
from services.assessment.api.bodies import Reason, Remark
from services.assessment.domain import commending
from services.assessment.domain.commendation import Commendation, CommendationState
from services.assessment.domain.extension import Who
from services.assessment.domain.scoring.quarter import Quarter
from services.assessment.handlers.commending import NoSuchCommendation, decide
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import queries
from shared.kit.web.http import Answer, By, Write, page, reply

_START = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))
_LAST = (date.max, UUID(int=2**128 - 1))
_EVER = (date.min, date.max)


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["commendations"])
    knowledge = office.knowledge

    @routes.get("/v1/commendations")
    async def list_commendations(
        conn: Reader, paging: Page, chain: str | None = None, state: CommendationState | None = None
    ) -> Response:
        """In the order in which they were proposed. `chain`: code or id."""
        known = await knowledge.read(conn)
        after = paging.start(tuple[datetime, UUID]) or _START
        found = await queries.commendations(conn=conn, state=state, chain=chain, after=after, limit=paging.limit)
        following = (found[-1].proposed_at, found[-1].id) if len(found) == paging.limit else None
        return reply(Answer(page([CommendationShown.of(row, known) for row in found], following)))

    @routes.get("/v1/commendations/{commendation_id}")
    async def show(commendation_id: UUID, request: Request, conn: Reader) -> Response:
        """One, with what was decided."""
        shown = await _one(commendation_id, conn, knowledge)
        return reply(Answer(shown, version=shown.version), request)

    @routes.get("/v1/honours")
    async def honour_roll(conn: Reader, paging: Page, chain: str | None = None, period: str | None = None) -> Response:
        """红榜: what was approved and not struck off, the newest first. `period`: a quarter such as 2026-Q1, by the day
        of approval."""
        known = await knowledge.read(conn)
        quarter = Quarter.of(period) if period else None
        found = await queries.honours(
            conn=conn,
            chain=chain,
            days=(quarter.from_on, quarter.to_on) if quarter else _EVER,
            before=paging.start(tuple[date, UUID]) or _LAST,
            limit=paging.limit,
        )
        following = (found[-1].decided_on, found[-1].id) if len(found) == paging.limit else None
        return reply(Answer(page([CommendationShown.of(row, known) for row in found], following)))

    async def decided(commendation_id: UUID, write: Write, do: Callable[[Commendation, Desk, Who], None]) -> Response:
        async def work(conn: AsyncConnection, by: By) -> Answer:
            who = access.who(by)
            await decide(
                commendation_id,
                lambda one, desk: do(one, desk, who),
                conn=conn,
                now=by.now,
                actor=by.actor,
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            shown = await _one(commendation_id, conn, knowledge)
            return Answer(shown, version=shown.version)

        return await write(work)

    @routes.post("/v1/commendations/{commendation_id}:approve")
    async def approve(commendation_id: UUID, write: Supervisor, body: Remark | None = None) -> Response:
        """同意: from now on it stands on the honour roll."""
        remark = body.remark if body else ""
        return await decided(
            commendation_id, write, lambda one, desk, who: commending.approve(one, desk, who=who, remark=remark)
        )

    @routes.post("/v1/commendations/{commendation_id}:decline")
    async def decline(commendation_id: UUID, body: Reason, write: Supervisor) -> Response:
        """不同意, with a reason."""
        return await decided(
            commendation_id, write, lambda one, desk, who: commending.decline(one, desk, who=who, reason=body.reason)
        )

    return routes


async def _one(commendation_id: UUID, conn: AsyncConnection, knowledge: Knowledge) -> CommendationShown:
    row = await queries.commendation(commendation_id, conn=conn)
    if row is None:
        raise NoSuchCommendation(commendation_id)
    return CommendationShown.of(row, await knowledge.read(conn))
