"""The 任务时间表 of a project: lines planned, replanned, reassigned, met, cancelled; delays declared."""

from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain import timetable
from services.intake.domain.operations import ReviseLine, revise_line, with_holder
from services.intake.domain.project import Project, require_changeable
from services.intake.domain.timetable import Lines, NewMilestone
from services.intake.handlers.projects import holders_of, locked, save
from services.intake.handlers.writing import today
from shared.kit.web.http import By


async def plan_milestone(
    project_id: UUID, new: NewMilestone, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, UUID]:
    """Add a line; the person is whoever holds the post today. The project, and the line's id."""
    project = await _changeable(project_id, Lines(names=[(project_id, new.name)]), expected=expected, conn=conn)
    posts = {new.responsible_post_id} if new.responsible_post_id else ()
    held = with_holder(new, await holders_of(posts, conn=conn, day=today(by)))
    milestone_id = uuid4()
    events = timetable.plan(project_id, project.milestones, milestone_id, held, current=project.stage)
    return await save(project, events, conn=conn, by=by), milestone_id


async def revise_milestone(
    project_id: UUID,
    milestone_id: UUID,
    *,
    due_on: date | None,
    reason: str,
    responsible_post_id: UUID | None,
    expected: int,
    conn: AsyncConnection,
    by: By,
) -> Project:
    """Give a line another due day (with a reason), another post, or both."""
    project = await _changeable(project_id, Lines(ids=[milestone_id]), expected=expected, conn=conn)
    holders = await holders_of({responsible_post_id} if responsible_post_id else (), conn=conn, day=today(by))
    verb = ReviseLine(milestone_id, due_on, reason, responsible_post_id)
    return await save(project, revise_line(project, verb, holders=holders), conn=conn, by=by)


async def meet_milestone(
    project_id: UUID, milestone_id: UUID, *, met_on: date, expected: int | None, conn: AsyncConnection, by: By
) -> Project:
    project = await _changeable(project_id, Lines(ids=[milestone_id]), expected=expected, conn=conn)
    events = timetable.meet(project_id, project.milestones, milestone_id, met_on=met_on, today=today(by))
    return await save(project, events, conn=conn, by=by)


async def cancel_milestone(
    project_id: UUID, milestone_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Project:
    project = await _changeable(project_id, Lines(ids=[milestone_id]), expected=expected, conn=conn)
    events = timetable.cancel(project_id, project.milestones, milestone_id, reason=reason)
    return await save(project, events, conn=conn, by=by)


async def declare_delay(
    project_id: UUID,
    milestone_id: UUID,
    *,
    reason: str,
    expected_on: date,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> Project:
    """A delay that the unit declares itself; the due day stays."""
    project = await _changeable(project_id, None, expected=expected, conn=conn)
    events = timetable.declare_delay(
        project_id, project.milestones, milestone_id, reason=reason, expected_on=expected_on
    )
    return await save(project, events, conn=conn, by=by)


async def _changeable(project_id: UUID, lines: Lines | None, *, expected: int | None, conn: AsyncConnection) -> Project:
    project = await locked(project_id, expected=expected, lines=lines, conn=conn)
    require_changeable(project)
    return project
