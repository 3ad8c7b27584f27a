"""Proposals for commendation: a person decides on them, elsewhere."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Response

from services.assessment.api.access import Office, Page, Reader
from services.assessment.api.answers import CommendationShown
from services.assessment.store import queries
from shared.kit.web.http import Answer, page, reply

_START = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["commendations"])

    @routes.get("/v1/commendations")
    async def list_commendations(conn: Reader, paging: Page, chain: str | None = None) -> Response:
        """In the order in which they were proposed. `chain`: code or id."""
        known = await office.knowledge.read(conn)
        found = await queries.commendations(
            conn=conn, chain=chain, after=paging.start(tuple[datetime, UUID]) or _START, limit=paging.limit
        )
        following = (found[-1].proposed_at, found[-1].id) if len(found) == paging.limit else None
        return reply(Answer(page([CommendationShown.of(row, known) for row in found], following)))

    return routes
