"""The 任务时间表 of a project, and delays that units declare. If-Match is honoured where it is sent."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.api.access import Clerk, Page, Reader, Reviewer
from services.intake.api.answers import MilestoneShown, ProjectShown, Shown, milestones_of
from services.intake.api.bodies import (
    PRINTABLE,
    Body,
    CancelBody,
    DelayBody,
    MetBody,
    MilestoneBody,
    MilestoneChanges,
    Name,
    OpinionBody,
    Text,
)
from services.intake.api.projects.showing import OneProject, answer_with
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.templates import Filling, TemplateLine
from services.intake.domain.projects.timetable import Replanning, ReplanningStatus
from services.intake.domain.terms import KIND_NAMES
from services.intake.handlers.projects import timetables as handlers
from services.intake.store.projects import replannings as store
from shared.contracts.projects import ProjectKind, Source, Stage
from shared.kit.web.http import Answer, By, page

router = APIRouter(tags=["timetable"])
ONE = "/v1/projects/{project_id}/milestones/{milestone_id}"


class TemplateBody(Body):
    """`begins_on`: the day from which the template counts. `responsible_post_id`: who answers for the lines, unless
    `posts` names another by the line's name."""

    begins_on: date
    responsible_post_id: UUID | None = None
    posts: Annotated[dict[Name, UUID], Field(max_length=100, default_factory=dict)]
    source: Source = Source.PLAN
    source_document: Annotated[str, StringConstraints(max_length=200, pattern=PRINTABLE)] = ""

    def filling(self) -> Filling:
        return Filling(self.begins_on, self.responsible_post_id, self.posts, self.source, self.source_document)


class ReplanningBody(Body):
    due_on: date
    reason: Text


class TemplateLineShown(Shown):
    """`days`: after the day on which the timetable begins."""

    name: str
    stage: Stage | None
    days: int


class TemplateShown(Shown):
    kind: ProjectKind
    kind_name: str
    lines: tuple[TemplateLineShown, ...]

    @classmethod
    def of(cls, kind: ProjectKind, lines: Sequence[TemplateLine]) -> Self:
        shown = tuple(TemplateLineShown.model_validate(line) for line in lines)
        return cls(kind=kind, kind_name=KIND_NAMES[kind], lines=shown)


class ReplanningShown(Shown):
    id: UUID
    project_id: UUID
    milestone_id: UUID
    due_on: date
    reason: str
    status: ReplanningStatus
    requested_on: date
    requested_by: str
    decided_on: date | None
    decided_by: str | None
    opinion: str


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


@router.get("/v1/timetable-templates")
async def list_templates(conn: Reader) -> dict[str, Any]:
    """The timetables to begin with, one for each kind of project; there are few, so it is one page."""
    return page([TemplateShown.of(kind, lines) for kind, lines in reference.timetable_templates().items()], None)


@router.post(
    "/v1/projects/{project_id}/milestones:from-template", status_code=201, response_model=tuple[MilestoneShown, ...]
)
async def plan_from_template(project_id: UUID, body: TemplateBody, write: Clerk) -> Response:
    """Add what the template for its kind has and the project has not: what still lies ahead, with days and posts."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project, ids = await handlers.plan_from_template(
            project_id, body.filling(), expected=write.expected_version, conn=conn, by=by
        )
        lines = [item for item in milestones_of(project) if item.id in ids]
        return Answer(lines, status=201, version=project.version, location=f"/v1/projects/{project_id}")

    return await write(work)


@router.get("/v1/projects/{project_id}/replannings")
async def list_replannings_of_project(project: OneProject, conn: Reader, paging: Page) -> dict[str, Any]:
    return await _replannings(paging, project_id=project.id, conn=conn)


@router.get("/v1/replannings")
async def list_replannings(conn: Reader, paging: Page) -> dict[str, Any]:
    """The requests of all projects that wait for a decision."""
    return await _replannings(paging, waiting=True, conn=conn)


@router.post(ONE + "/replannings", status_code=201, response_model=ReplanningShown)
async def request_replanning(project_id: UUID, milestone_id: UUID, body: ReplanningBody, write: Clerk) -> Response:
    """Ask for another due day, with a reason; the present one stands until another person approves."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found = await handlers.request_replanning(
            project_id,
            milestone_id,
            due_on=body.due_on,
            reason=body.reason,
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return _replanning(*found, status=201)

    return await write(work)


@router.post("/v1/projects/{project_id}/replannings/{replanning_id}:approve", response_model=ReplanningShown)
async def approve_replanning(project_id: UUID, replanning_id: UUID, body: OpinionBody, write: Reviewer) -> Response:
    """Move the line's due day. Never by who asked for it."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found = await handlers.decide_replanning(
            project_id,
            replanning_id,
            approve=True,
            opinion=body.opinion.strip(),
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return _replanning(*found)

    return await write(work)


@router.post("/v1/projects/{project_id}/replannings/{replanning_id}:refuse", response_model=ReplanningShown)
async def refuse_replanning(project_id: UUID, replanning_id: UUID, body: CancelBody, write: Reviewer) -> Response:
    """Leave the due day as it is, for a reason."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        found = await handlers.decide_replanning(
            project_id,
            replanning_id,
            approve=False,
            opinion=body.reason,
            expected=write.expected_version,
            conn=conn,
            by=by,
        )
        return _replanning(*found)

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


async def _replannings(
    paging: Page, *, project_id: UUID | None = None, waiting: bool | None = None, conn: AsyncConnection
) -> dict[str, Any]:
    after = paging.start(tuple[date, UUID])
    found = await store.replannings(project_id, waiting=waiting, after=after, limit=paging.limit, conn=conn)
    shown = [ReplanningShown.model_validate(item) for item in found]
    return page(shown, (found[-1].requested_on, found[-1].id) if len(found) == paging.limit else None)


def _replanning(project: Project, asked: Replanning, status: int = 200) -> Answer:
    """The ETag is the project's version."""
    location = f"/v1/projects/{project.id}/replannings" if status == 201 else None
    return Answer(ReplanningShown.model_validate(asked), status=status, version=project.version, location=location)


def _line(project: Project, milestone_id: UUID, status: int = 200) -> Answer:
    """A line as it now stands; the ETag is the project's version."""
    line = next(item for item in milestones_of(project) if item.id == milestone_id)
    location = f"/v1/projects/{project.id}" if status == 201 else None
    return Answer(line, status=status, version=project.version, location=location)
