"""Projects and their stages."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk, Page, Reader
from services.intake.api.answers import DuplicateShown, ProjectShown, ProjectSummary, RecordedShown
from services.intake.api.bodies import (
    DayBody,
    ProjectBody,
    ProjectChanges,
    ReasonBody,
    TransitionBody,
)
from services.intake.api.projects.filters import Narrowed
from services.intake.api.projects.showing import answer_with, history_shown, next_stages, project_shown
from services.intake.handlers.projects import projects as handlers
from services.intake.store import views
from services.intake.store.projects import duplicates
from services.intake.store.projects.filters import ProjectFilter
from shared.kit.web.http import Answer, By, Paging, page, reply

router = APIRouter(tags=["projects"])


@router.post("/v1/projects", status_code=201, response_model=RecordedShown)
async def record_project(body: ProjectBody, write: Clerk) -> Response:
    """Enter a project at the stage it has, with the first lines of its timetable and its particulars.

    The answer names the projects that may be the same (`possible_duplicates`), each with reasons; nothing is merged.
    """

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.record_project(body.recording(), conn=conn, by=by)
        row, likely = await duplicates.recorded(project.id, conn=conn)
        found = tuple(map(DuplicateShown.of, likely))
        shown = RecordedShown.of_project(row, project, next_stages(project), possible_duplicates=found)
        return Answer(shown, status=201, version=shown.version, location=f"/v1/projects/{shown.id}")

    return await write(work)


@router.get("/v1/projects/{project_id}/duplicates")
async def list_duplicates(project_id: UUID, conn: Reader) -> dict[str, Any]:
    """The projects that may be the same, by codes, name and parent; one page of fifty at most."""
    await project_shown(project_id, conn=conn)
    return page([DuplicateShown.of(item) for item in await duplicates.find(project_id, conn=conn)], None)


@router.get("/v1/projects")
async def list_projects(conn: Reader, paging: Page, wanted: Narrowed) -> dict[str, Any]:
    """Projects in order of their codes."""
    items, next_after = await _page(wanted, paging, conn)
    return page(items, next_after)


@router.get("/v1/projects/{project_id}", response_model=ProjectShown)
async def show_project(project_id: UUID, conn: Reader, request: Request) -> Response:
    """A project with its timetable; the ETag is its version."""
    shown = await project_shown(project_id, conn=conn)
    return reply(Answer(shown, version=shown.version), request)


@router.patch("/v1/projects/{project_id}", response_model=ProjectShown)
async def revise_project(project_id: UUID, body: ProjectChanges, write: Clerk) -> Response:
    """Change master data. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.revise_project(project_id, body.changes(), expected=expected, conn=conn, by=by)
        return await answer_with(project, conn=conn)

    return await write(work)


@router.post("/v1/projects/{project_id}/transitions", response_model=ProjectShown)
async def advance_project(project_id: UUID, body: TransitionBody, write: Clerk) -> Response:
    """Move a project on to a stage, with the evidence that the stage asks for. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.advance_project(project_id, body.step(), expected=expected, conn=conn, by=by)
        return await answer_with(project, conn=conn)

    return await write(work)


@router.post("/v1/projects/{project_id}:hold", response_model=ProjectShown)
async def hold_project(project_id: UUID, body: ReasonBody, write: Clerk) -> Response:
    """停缓建: the stage stays. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.hold_project(
            project_id, reason=body.reason, on=body.on, expected=expected, conn=conn, by=by
        )
        return await answer_with(project, conn=conn)

    return await write(work)


@router.post("/v1/projects/{project_id}:resume", response_model=ProjectShown)
async def resume_project(project_id: UUID, body: DayBody, write: Clerk) -> Response:
    """复工 after a hold. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.resume_project(project_id, on=body.on, expected=expected, conn=conn, by=by)
        return await answer_with(project, conn=conn)

    return await write(work)


@router.post("/v1/projects/{project_id}:terminate", response_model=ProjectShown)
async def terminate_project(project_id: UUID, body: ReasonBody, write: Clerk) -> Response:
    """终止, for good: what is open of the timetable is cancelled. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.terminate_project(
            project_id, reason=body.reason, on=body.on, expected=expected, conn=conn, by=by
        )
        return await answer_with(project, conn=conn)

    return await write(work)


@router.get("/v1/projects/{project_id}/history")
async def show_history(project_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of the project in order: when, who, what in a Chinese sentence, and the data."""
    after = paging.start(tuple[int])
    facts = await history_shown(project_id, conn=conn, after=after[0] if after else 0, limit=paging.limit)
    return page(facts, (facts[-1].seq,) if len(facts) == paging.limit else None)


async def _page(
    wanted: ProjectFilter, paging: Paging, conn: AsyncConnection
) -> tuple[list[ProjectSummary], tuple[str] | None]:
    after = paging.start(tuple[str])
    rows = await views.projects(wanted, conn=conn, after=after[0] if after else None, limit=paging.limit)
    next_after = (rows[-1].code,) if len(rows) == paging.limit else None
    return [ProjectSummary.of(row) for row in rows], next_after
