"""Monthly reports: submitted by the responsible post."""

from dataclasses import fields
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.projects import reports as domain
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.reports import Figures, NotYourReport, Report
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
    if before and _says(before) == _says(made):
        return project, before
    return await save(project, events, beside=store.rows([made]), conn=conn, by=by), made


def _says(report: Report) -> Figures:
    return Figures(**{field.name: getattr(report, field.name) for field in fields(Figures)})


async def _require_post(post_id: UUID | None, *, conn: AsyncConnection, by: By) -> None:
    """Only who holds the post reports, or 督查室 on its behalf; without a post, whoever writes for the chain."""
    if post_id is None or Role.SUPERVISOR in by.principal.roles:
        return
    holder = (await holders_of({post_id}, conn=conn, day=today(by))).get(post_id)
    if holder is None or by.principal.person != holder:
        raise NotYourReport(post_id)
