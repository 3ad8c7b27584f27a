"""The 任务时间表 of a project: lines planned, replanned, reassigned, met, cancelled; delays declared."""

from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.domain.errors import MilestoneNotAllowed, RecordMissing
from services.intake.domain.projects import templates, timetable
from services.intake.domain.projects.operations import ReviseLine, revise_line, with_holder
from services.intake.domain.projects.project import Project, fold, require_changeable
from services.intake.domain.projects.templates import Filling
from services.intake.domain.projects.timetable import Lines, NewMilestone, Replanning, ReplanningStatus
from services.intake.handlers.projects.projects import holders_of, locked, save
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import today
from services.intake.store.projects import replannings as store
from shared.contracts.event import Event
from shared.kit.web.http import By


async def plan_milestone(
    project_id: UUID, new: NewMilestone, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, UUID]:
    """Add a line; the person is whoever holds the post today. The project, and the line's id."""
    project = await _changeable(project_id, Lines(names=[(project_id, new.name)]), expected=expected, conn=conn, by=by)
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
    """Give a line another due day (with a reason), another post, or both.

    Raises:
        MilestoneNotAllowed: a due day moves only with a second person's approval here.
    """
    if due_on:
        timetable.require_replanning_alone(approved=reference.lifecycle_rules().replanning_approved)
    project = await _changeable(project_id, Lines(ids=[milestone_id]), expected=expected, conn=conn, by=by)
    holders = await holders_of({responsible_post_id} if responsible_post_id else (), conn=conn, day=today(by))
    verb = ReviseLine(milestone_id, due_on, reason, responsible_post_id)
    return await save(project, revise_line(project, verb, holders=holders), conn=conn, by=by)


async def meet_milestone(
    project_id: UUID, milestone_id: UUID, *, met_on: date, expected: int | None, conn: AsyncConnection, by: By
) -> Project:
    project = await _changeable(project_id, Lines(ids=[milestone_id]), expected=expected, conn=conn, by=by)
    events = timetable.meet(project_id, project.milestones, milestone_id, met_on=met_on, today=today(by))
    return await save(project, events, conn=conn, by=by)


async def cancel_milestone(
    project_id: UUID, milestone_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Project:
    project = await _changeable(project_id, Lines(ids=[milestone_id]), expected=expected, conn=conn, by=by)
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
    project = await _changeable(project_id, None, expected=expected, conn=conn, by=by)
    events = timetable.declare_delay(
        project_id, project.milestones, milestone_id, reason=reason, expected_on=expected_on
    )
    return await save(project, events, conn=conn, by=by)


async def plan_from_template(
    project_id: UUID, filling: Filling, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, list[UUID]]:
    """Add what its kind's template has and the project has not; the project, and the lines' ids."""
    project = await _changeable(project_id, None, expected=expected, conn=conn, by=by)
    news = templates.lines_for(project, reference.timetable_templates()[project.kind], filling)
    posts = {new.responsible_post_id for new in news if new.responsible_post_id}
    holders = await holders_of(posts, conn=conn, day=today(by))
    events: list[Event] = []
    planned, ids = project, []
    for new in news:
        ids.append(uuid4())
        held = with_holder(new, holders)
        more = timetable.plan(project_id, planned.milestones, ids[-1], held, current=project.stage)
        planned = fold(planned, more)
        events += more
    return await save(project, events, conn=conn, by=by), ids


async def request_replanning(
    project_id: UUID,
    milestone_id: UUID,
    *,
    due_on: date,
    reason: str,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> tuple[Project, Replanning]:
    """Ask for another due day of a line; a second person decides.

    Raises:
        MilestoneNotAllowed: a request for the line is waiting already.
    """
    project = await _changeable(project_id, Lines(ids=[milestone_id]), expected=expected, conn=conn, by=by)
    if await store.replannings(project_id, milestone_id=milestone_id, waiting=True, conn=conn, limit=1):
        raise MilestoneNotAllowed("该节点已有待审核的调整申请")
    asked = Replanning(
        id=uuid4(),
        project_id=project_id,
        milestone_id=milestone_id,
        due_on=due_on,
        reason=reason,
        requested_on=today(by),
        requested_by=by.actor,
        requester=by.principal.subject,
        requester_person=by.principal.person,
    )
    events = timetable.request_replanning(project.milestones, asked)
    return await save(project, events, beside=store.rows([asked]), conn=conn, by=by), asked


async def decide_replanning(
    project_id: UUID,
    replanning_id: UUID,
    *,
    approve: bool,
    opinion: str,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> tuple[Project, Replanning]:
    """Approve a replanning, which moves the line's due day, or refuse it for a reason. Raises OwnReplanning."""
    asked = await store.replanning(replanning_id, conn=conn)
    if asked is None or asked.project_id != project_id:
        raise RecordMissing("调整申请", replanning_id)
    project = await _own(project_id, Lines(ids=[asked.milestone_id]), expected=expected, conn=conn, by=by)
    asked = await store.replanning(replanning_id, conn=conn) or asked
    subject, person = by.principal.subject, by.principal.person
    if approve:
        require_changeable(project)
        status = ReplanningStatus.APPROVED
        events = timetable.approve_replanning(project.milestones, asked, subject=subject, person=person)
    else:
        status = ReplanningStatus.REFUSED
        events = timetable.refuse_replanning(asked, reason=opinion, subject=subject, person=person)
    decided = replace(asked, status=status, decided_on=today(by), decided_by=by.actor, opinion=opinion)
    return await save(project, events, beside=store.rows([decided]), conn=conn, by=by), decided


async def _changeable(
    project_id: UUID, lines: Lines | None, *, expected: int | None, conn: AsyncConnection, by: By
) -> Project:
    project = await _own(project_id, lines, expected=expected, conn=conn, by=by)
    require_changeable(project)
    return project


async def _own(
    project_id: UUID, lines: Lines | None, *, expected: int | None, conn: AsyncConnection, by: By
) -> Project:
    project = await locked(project_id, expected=expected, lines=lines, conn=conn)
    await require_chains({project.chain_id}, conn=conn, by=by)
    return project
