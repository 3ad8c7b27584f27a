"""A workbook's lists, taken row by row: organisation first, then projects."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.drafts import Outcome, Refusal, Verdict
from services.intake.domain.roster import RosterOutcome
from services.intake.handlers.importing import check_names, import_projects
from services.intake.handlers.roster import import_roster
from services.intake.store import imports as store
from services.intake.store.imports import KeptImport
from services.intake.workbook.notices import days_unknown
from services.intake.workbook.results import Place, ReadRow, ReadWorkbook, Reason, place_key
from shared.kit.web.http import By


class RowKind(StrEnum):
    ORGANISATION = "organisation"
    PROJECT = "project"


class RowOutcome(StrEnum):
    IMPORTED = "imported"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


OUTCOMES = {
    Verdict.RECORDED: RowOutcome.IMPORTED,
    Verdict.CHANGED: RowOutcome.CHANGED,
    Verdict.UNCHANGED: RowOutcome.UNCHANGED,
    Verdict.REFUSED: RowOutcome.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came in; `name` is what the office calls it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row; `code` and `project_id` where it is a project that was taken."""

    sheet: str
    row: int
    kind: RowKind
    outcome: RowOutcome
    code: str | None = None
    project_id: str | None = None
    reasons: tuple[Reason, ...] = ()


async def import_workbook(
    upload: Upload, read: ReadWorkbook, *, dry_run: bool, conn: AsyncConnection, by: By
) -> KeptImport:
    """Take every sound row and keep the file with what became of it.

    `dry_run`: find out what would become of the rows, and leave everything but the import's own record as it was.
    """
    savepoint = await conn.begin_nested()
    rows = await _take(read.rows, conn=conn, by=by)
    if dry_run:
        await savepoint.rollback()
        rows = [_undone(row) for row in rows]
    else:
        await savepoint.commit()
    taken = [row for row, result in zip(read.rows, rows, strict=True) if result.outcome is not RowOutcome.REFUSED]
    notices = (*read.notices, *days_unknown(taken))
    kept = KeptImport(uuid4(), by.now, by.actor, upload.name, dry_run, [_plain(row) for row in rows], notices)
    await store.save(kept, upload.content, conn=conn)
    return kept


async def _take(rows: Sequence[ReadRow], *, conn: AsyncConnection, by: By) -> list[RowResult]:
    posts = [row.post for row in rows if row.post]
    roster = {outcome.row: outcome for outcome in await import_roster(posts, conn=conn, by=by)}
    drafts = [row.project for row in rows if row.project]
    projects = {outcome.row: outcome for outcome in await import_projects(drafts, conn=conn, by=by)}
    unread = {row.key: row.names for row in rows if row.names}
    unknown = dict(zip(unread, await check_names(list(unread.values()), conn=conn, by=by), strict=True))
    return [
        _refused(row, unknown.get(row.key, ()))
        if row.reasons
        else _result(row, roster.get(row.key), projects.get(row.key))
        for row in rows
    ]


def _refused(row: ReadRow, refusals: Sequence[Refusal]) -> RowResult:
    reasons = (*row.reasons, *_project_reasons(row, refusals))
    return RowResult(row.sheet, row.row, RowKind(row.kind), RowOutcome.REFUSED, reasons=reasons)


def _result(row: ReadRow, roster: RosterOutcome | None, project: Outcome | None) -> RowResult:
    kind = RowKind(row.kind)
    if roster:
        reasons = tuple(_reason(row, refusal.field, refusal.message) for refusal in roster.refusals)
        return RowResult(row.sheet, row.row, kind, OUTCOMES[roster.verdict], reasons=reasons)
    if project:
        reasons = tuple(_project_reasons(row, project.refusals))
        id = str(project.project_id) if project.project_id else None
        return RowResult(row.sheet, row.row, kind, OUTCOMES[project.verdict], project.code, id, reasons)
    return RowResult(row.sheet, row.row, kind, RowOutcome.REFUSED, reasons=row.reasons)


def _project_reasons(row: ReadRow, refusals: Sequence[Refusal]) -> Iterator[Reason]:
    for refusal in refusals:
        # A milestone's own trouble stands in its column; that it lacks a post or a reason, in theirs.
        milestone = refusal.milestone if refusal.field == "milestone" else None
        reason = _reason(row, place_key(refusal.field, milestone), refusal.message)
        yield reason if reason.cell or not reason.column else replace(reason, reason=_with_column(reason))


def _with_column(reason: Reason) -> str:
    """What is asked for has no column in the sheet, so that there is no cell to fill in."""
    return f"{reason.reason}；请增加“{reason.column}”列填写"


def _reason(row: ReadRow, key: str, message: str) -> Reason:
    place = row.places.get(key, Place("", "", ""))
    return Reason(place.cell, place.column, place.value, message)


def _undone(row: RowResult) -> RowResult:
    """A dry run gives no numbers: they were rolled back with the project."""
    if row.outcome is not RowOutcome.IMPORTED:
        return row
    return RowResult(row.sheet, row.row, row.kind, row.outcome, reasons=row.reasons)


def _plain(row: RowResult) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if value is not None}
