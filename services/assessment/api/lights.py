"""Lights of projects."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter, Response

from services.assessment.api.access import Now, Office, Page, Reader
from services.assessment.api.answers import ObligationShown, ProjectLightInFull, ProjectLightShown
from services.assessment.domain.moments import china_date
from services.assessment.handlers.forecasting import NoSuchProject
from services.assessment.store import queries
from shared.contracts.supervision import Light
from shared.kit.web.http import Answer, page, reply

_FIRST = UUID(int=0)
_MOST_MILESTONES = 500


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["lights"])

    @routes.get("/v1/lights")
    async def list_lights(conn: Reader, paging: Page, light: Light | None = None, chain: str | None = None) -> Response:
        """Of all projects that go on. `chain`: code or id."""
        known = await office.knowledge.read(conn)
        after = paging.start(tuple[UUID])
        found = await queries.lights(
            conn=conn, light=light, chain=chain, after=after[0] if after else _FIRST, limit=paging.limit
        )
        following = (found[-1].project_id,) if len(found) == paging.limit else None
        return reply(Answer(page([ProjectLightShown.of(row, known) for row in found], following)))

    @routes.get("/v1/projects/{project_id}/light")
    async def show_light(project_id: UUID, conn: Reader, now: Now) -> Response:
        """A project's light, and the lights of what it has due."""
        known = await office.knowledge.read(conn)
        row = await queries.light_of_project(project_id, conn=conn)
        if row is None:
            raise NoSuchProject(str(project_id))
        found = await queries.obligations(
            conn=conn,
            state=None,
            baseline=None,
            chain=None,
            project=project_id,
            after=(date.min, _FIRST),
            limit=_MOST_MILESTONES,
        )
        light = ProjectLightShown.of(row, known)
        due = tuple(ObligationShown.of(one, known, china_date(now)) for one in found)
        return reply(Answer(ProjectLightInFull(**dict(light), obligations=due), version=row.version))

    return routes
