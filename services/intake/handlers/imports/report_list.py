"""A workbook of monthly reports: a month's list written out to be filled in, and taken back row by row."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.imports import report_list as columns
from services.intake.domain.imports.report_list import Caller, Decided, Reported, ReportList, month_name
from services.intake.domain.projects import project as projects_domain
from services.intake.domain.projects import reports as domain
from services.intake.domain.projects.reports import Figures, figures_of
from services.intake.domain.projects.timetable import Lines
from services.intake.handlers.imports.imports import Upload
from services.intake.handlers.imports.register_list import (
    MOST_ROWS,
    Cells,
    Edits,
    TooManyRows,
    keep,
    require_few,
    results_of,
    row_of,
)
from services.intake.handlers.projects.projects import holders_of
from services.intake.handlers.standing import own_chains
from services.intake.handlers.writing import append, today
from services.intake.store.projects import profiles, projects
from services.intake.store.projects import reports as store
from services.intake.store.projects.reports import Due
from services.intake.workbook.register_lists import FieldRows
from services.intake.workbook.report_lists import REPORTS, read_back
from shared.kit.web.http import By
from shared.kit.web.security import Role

LIST_KEY = "reports"


async def import_reports(
    month: date, upload: Upload, read: FieldRows, *, dry_run: bool, moved_at: datetime, conn: AsyncConnection, by: By
) -> UUID:
    """Take every sound row of a month's list, and keep the file with what became of each; the import's id.

    `dry_run`: say what would become of the rows, and take none. `moved_at`: real time.

    Raises:
        TooManyRows.
    """
    require_few(read)
    present = await _present(month, read, lock=not dry_run, conn=conn, by=by)
    caller = Caller(by.principal.person, Role.SUPERVISOR in by.principal.roles, await own_chains(conn=conn, by=by))
    taking = ReportList(month, present, caller, today(by), read_back)
    outcomes = await asyncio.to_thread(taking.take, [row_of(row) for row in read.rows])
    if not dry_run:
        await _write(taking.decided, conn=conn, by=by)
    results = results_of(LIST_KEY, REPORTS, read.rows, outcomes, _edits(taking.decided), dry_run=dry_run)
    return await keep(upload, read, results, dry_run=dry_run, moved_at=moved_at, conn=conn, by=by)


async def due_rows(
    month: date, *, chain: str | None, responsible_org_id: UUID | None, conn: AsyncConnection
) -> list[dict[str, Any]]:
    """The projects that report a month as rows of their workbook, by code: as reported, or as offered.

    Raises:
        TooManyRows.
    """
    found = await store.due(month, chain=chain, responsible_org_id=responsible_org_id, limit=MOST_ROWS + 1, conn=conn)
    if len(found) > MOST_ROWS:
        raise TooManyRows(f"一次最多导出{MOST_ROWS}个项目的月报供填报，请按产业链或责任单位分别导出")
    return [_row(due, month) for due in found]


async def _present(month: date, read: FieldRows, *, lock: bool, conn: AsyncConnection, by: By) -> dict[str, Reported]:
    """The projects that the rows name, by code; locked, all at once, where they are to be written."""
    ids = (await projects.ids_of(_codes(read), conn=conn)).values()
    load = projects.lock_many if lock else projects.load_many
    found = await load(ids, Lines(), conn=conn)
    posts = await _posts(found, conn=conn)
    holders = await holders_of(set(posts.values()), conn=conn, day=today(by))
    reports = await store.around(month, found, conn=conn)
    return {
        project.code: Reported(project, reports[id], posts.get(id), holders.get(posts[id]) if id in posts else None)
        for id, project in found.items()
    }


async def _posts(project_ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, UUID]:
    """The post that answers for each project's reports, where one does."""
    found = await profiles.load_many(project_ids, conn=conn)
    return {id: profile.reporting_post_id for id, profile in found.items() if profile.reporting_post_id}


async def _write(decided: Sequence[Decided], *, conn: AsyncConnection, by: By) -> None:
    made = [store.reported(item.event, at=by.now, actor=by.actor) for item in decided]
    after = [(item.project, projects_domain.fold(item.project, [item.event])) for item in decided]
    events = [(item.project.id, [item.event]) for item in decided]
    await append(events, beside=projects.states(after, store.rows(made)), conn=conn, by=by)


def _codes(read: FieldRows) -> set[str]:
    return {row.values[columns.CODE] for row in read.rows if row.values.get(columns.CODE)}


def _edits(decided: Iterable[Decided]) -> Edits:
    """What each report says after and before; of one that is new, all that it says."""
    return {
        item.project.id: (_cells(figures_of(item.before)) if item.before else {}, _cells(figures_of(item.event)))
        for item in decided
    }


def _cells(figures: Figures) -> Cells:
    return {
        columns.IN_MONTH: figures.completed_in_month_wan,
        columns.TO_DATE: figures.completed_to_date_wan,
        columns.FUNDS: figures.funds_in_place_wan,
        columns.PROGRESS: figures.visual_progress,
    }


def _row(due: Due, month: date) -> dict[str, Any]:
    return {
        columns.MONTH: month_name(month),
        columns.CODE: due.code,
        columns.NAME: due.name,
        columns.ORG: due.responsible_org_name,
        columns.TOTAL: due.total_investment_wan,
        **_last(due),
        **_cells(figures_of(due.report) if due.report else domain.prefilled(due.last)),
        columns.SUBMITTED: columns.YES if due.report else columns.NO,
    }


def _last(due: Due) -> Mapping[str, Any]:
    """What the project reported last before, for orientation."""
    if due.last is None:
        return {}
    return {
        columns.LAST_MONTH: month_name(due.last.month),
        columns.LAST_TO_DATE: due.last.completed_to_date_wan,
        columns.LAST_FUNDS: due.last.funds_in_place_wan,
        columns.LAST_PROGRESS: due.last.visual_progress,
    }
