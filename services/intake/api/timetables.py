"""The 任务时间表 of a project, and delays that units declare. If-Match is honoured where it is sent."""

from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Clerk
from services.intake.api.answers import MilestoneShown, ProjectShown, milestones_of
from services.intake.api.bodies import CancelBody, DelayBody, MetBody, MilestoneBody, MilestoneChanges
from services.intake.api.showing import answer_with
from services.intake.domain.project import Project
from services.intake.handlers import timetables as handlers
from shared.kit.web.http import Answer, By

router = APIRouter(tags=["timetable"])
ONE = "/v1/projects/{project_id}/milestones/{milestone_id}"


@router.post("/v1/projects/{project_id}/milestones", status_code=201, response_model=MilestoneShown)
async def plan_milestone(project_id: UUID, body: MilestoneBody, write: Clerk) -> Response:
    """Add a line. Without a due day or a responsible post it is refused."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project, milestone_id = await handlers.plan_milestone(
            project_id, body.line(), expected=write.expected_version, conn=conn, by=by
        )
        return _line(project, milestone_id, status=201)

    return await write(work)


@router.patch(ONE, response_model=MilestoneShown)
async def revise_milestone(project_id: UUID, milestone_id: UUID, body: MilestoneChanges, write: Clerk) -> Response:
    """Another due day (with a reason), another post, or both. Needs If-Match with the project's version."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.revise_milestone(
            project_id,
            milestone_id,
            due_on=body.due_on,
            reason=body.reason,
            responsible_post_id=body.responsible_post_id,
            expected=expected,
            conn=conn,
            by=by,
        )
        return _line(project, milestone_id)

    return await write(work)


@router.post(ONE + ":meet", response_model=MilestoneShown)
async def meet_milestone(project_id: UUID, milestone_id: UUID, body: MetBody, write: Clerk) -> Response:
    """Mark a line done, unless a stage does that."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.meet_milestone(
            project_id, milestone_id, met_on=body.met_on, expected=write.expected_version, conn=conn, by=by
        )
        return _line(project, milestone_id)

    return await write(work)


@router.post(ONE + ":cancel", response_model=MilestoneShown)
async def cancel_milestone(project_id: UUID, milestone_id: UUID, body: CancelBody, write: Clerk) -> Response:
    """Take a line off the timetable, for a reason."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.cancel_milestone(
            project_id, milestone_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        )
        return _line(project, milestone_id)

    return await write(work)


@router.post("/v1/projects/{project_id}/delays", status_code=201, response_model=ProjectShown)
async def declare_delay(project_id: UUID, body: DelayBody, write: Clerk) -> Response:
    """Declare a delay of a line: it informs; the due day stays."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project = await handlers.declare_delay(
            project_id,
            body.milestone_id,
            reason=body.reason,
            expected_on=body.expected_on,
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return await answer_with(project, conn=conn, status=201)

    return await write(work)


def _line(project: Project, milestone_id: UUID, status: int = 200) -> Answer:
    """A line as it now stands; the ETag is the project's version."""
    line = next(item for item in milestones_of(project) if item.id == milestone_id)
    location = f"/v1/projects/{project.id}" if status == 201 else None
    return Answer(line, status=status, version=project.version, location=location)
