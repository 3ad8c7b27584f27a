"""Monthly reports: submitted by the responsible post."""

from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects import reports as domain
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.reports import Figures, Report
from services.intake.domain.projects.timetable import Lines
from services.intake.handlers.projects.projects import holders_of, locked, save
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import today
from services.intake.store.projects import profiles
from services.intake.store.projects import reports as store
from shared.contracts.project_records import ProjectReported
from shared.kit.web.http import By
from shared.kit.web.security import Role


async def report_month(
    project_id: UUID, month: date, figures: Figures, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Project, Report]:
    """Report a month, for the post that answers for it; the latest month may be reported again.

    Raises:
        NotYourReport: somebody else holds the post.
        AmountNotAllowed, DateNotAllowed, ReportNotAllowed, ProjectNotActive, NotYourChain.
    """
    project = await locked(project_id, expected=expected, lines=Lines(), conn=conn)
    await require_chains({project.chain_id}, conn=conn, by=by)
    post_id = (await profiles.load(project_id, conn=conn)).reporting_post_id
    await _require_post(post_id, conn=conn, by=by)
    present = await store.of_project(project_id, conn=conn)
    domain.require_latest(month, present)
    last = domain.last_before(month, present)
    events = domain.report(project, month, figures, last=last, post_id=post_id, today=today(by))
    (event,) = events
    assert isinstance(event, ProjectReported)
    made = store.reported(event, at=by.now, actor=by.actor)
    before = next((item for item in present if item.month == month), None)
    if before and domain.figures_of(before) == domain.figures_of(event):
        return project, before
    return await save(project, events, beside=store.rows([made]), conn=conn, by=by), made


async def _require_post(post_id: UUID | None, *, conn: AsyncConnection, by: By) -> None:
    holders = await holders_of({post_id} if post_id else set(), conn=conn, day=today(by))
    domain.require_reporter(
        post_id,
        holder=holders.get(post_id) if post_id else None,
        person=by.principal.person,
        supervises=Role.SUPERVISOR in by.principal.roles,
    )
