"""A workbook's lists, taken row by row: organisation first, then projects, part by part."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice, takewhile
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.drafts import Difference, Field, Outcome, Refusal, Verdict
from services.intake.domain.imports.directory import Directory
from services.intake.domain.imports.roster import RosterOutcome
from services.intake.domain.imports.roster_differences import RosterDifference
from services.intake.handlers.imports.project_list import (
    check_names,
    import_projects,
    read_directory,
    rehearse_projects,
)
from services.intake.handlers.imports.roster import import_roster, rehearse_roster
from services.intake.store import imports as store
from services.intake.store.imports import Accepted, Standing, Status
from services.intake.workbook.notices import days_unknown
from services.intake.workbook.organisation import PLACES as POST_COLUMNS
from services.intake.workbook.projects import PLACES as PROJECT_COLUMNS
from services.intake.workbook.results import Place, ReadRow, ReadWorkbook, Reason, place_key
from shared.kit.web.http import By

ROWS_A_PART = 100


class RowKind(StrEnum):
    ORGANISATION = "organisation"
    PROJECT = "project"
    ENTRY = "entry"


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


_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "organisation": POST_COLUMNS,
    "project": {str(field): column for field, column in PROJECT_COLUMNS.items()},
}
"""The columns that a refusal asks for where the sheet has none of them."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came in; `name` is what the office calls it."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RowChange:
    """A field that changes: what officials call it, its cell (empty where none says so), the texts before and after."""

    name: str
    cell: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row; `code` and `project_id` where it is a project that was taken.

    `changes`: of a project, unit or post that was known, field by field; of a dry run, what would change.
    """

    sheet: str
    row: int
    kind: RowKind
    outcome: RowOutcome
    code: str | None = None
    project_id: str | None = None
    reasons: tuple[Reason, ...] = ()
    changes: tuple[RowChange, ...] | None = None


async def accept_workbook(
    upload: Upload, read: ReadWorkbook, *, dry_run: bool, moved_at: datetime, conn: AsyncConnection, by: By
) -> Accepted:
    """Keep the file, to be taken part by part; from here on it is taken whatever happens. `moved_at`: real time."""
    accepted = Accepted(
        id=uuid4(),
        at=by.now,
        actor=by.actor,
        subject=by.principal.subject,
        traceparent=by.traceparent,
        file_name=upload.name,
        dry_run=dry_run,
        total=len(read.rows),
        person=by.principal.person,
    )
    await store.accept(accepted, upload.content, moved_at=moved_at, conn=conn)
    return accepted


async def take_part(
    read: ReadWorkbook, standing: Standing, *, moved_at: datetime, conn: AsyncConnection, by: By
) -> None:
    """Take every sound row of the import's next part, and keep what became of them."""
    rows = part_of(read.rows, standing.done)
    posts = [row.post for row in rows if row.post]
    roster = await import_roster(posts, conn=conn, by=by) if posts else []
    drafts = [row.project for row in rows if row.project]
    projects = await import_projects(drafts, conn=conn, by=by) if drafts else []
    directory = await read_directory(conn=conn, by=by) if any(row.names for row in rows) else None
    results = await asyncio.to_thread(_results, rows, roster, projects, directory)
    await store.advance(standing, results, moved_at=moved_at, conn=conn)


class Rehearsal:
    """A dry run: finds out what would become of the rows, and locks and writes nothing but the import's own record."""

    def __init__(self, read: ReadWorkbook) -> None:
        self._rows = read.rows
        self._roster: list[RosterOutcome] = []
        self._directory: Directory | None = None

    async def take_part(self, standing: Standing, *, moved_at: datetime, conn: AsyncConnection, by: By) -> None:
        rows = part_of(self._rows, standing.done)
        if self._directory is None:
            posts = [row.post for row in self._rows if row.post]
            self._roster, self._directory = await rehearse_roster(posts, conn=conn, by=by)
        drafts = [row.project for row in rows if row.project]
        projects = await rehearse_projects(drafts, self._directory, conn=conn, by=by)
        results = await asyncio.to_thread(_results, rows, self._roster, projects, self._directory, rehearsed=True)
        await store.advance(standing, results, moved_at=moved_at, conn=conn)


async def end_import(read: ReadWorkbook, standing: Standing, *, conn: AsyncConnection) -> None:
    """All rows are decided: what the clerk is told of the list as a whole."""
    outcomes = await store.rows_of(standing.id, conn=conn)
    notices = await asyncio.to_thread(_notices, read, outcomes)
    await store.end(standing.id, Status.DONE, notices=notices, conn=conn)


def part_of(rows: Sequence[ReadRow], first: int) -> Sequence[ReadRow]:
    """The rows from `first` on that one transaction takes, all of one kind: so that it locks their heads at once.

    An organisation list is one part, for its rows lean on each other; projects are taken a hundred at a time.
    """
    kind = rows[first].kind
    same = islice(
        takewhile(lambda row: row.kind == kind, rows[first:]), None if kind == "organisation" else ROWS_A_PART
    )
    return list(same)


def _notices(read: ReadWorkbook, outcomes: Sequence[dict[str, Any]]) -> list[str]:
    pairs = zip(read.rows, outcomes, strict=True)
    return [*read.notices, *days_unknown(row for row, result in pairs if result["outcome"] != RowOutcome.REFUSED)]


def _results(
    rows: Sequence[ReadRow],
    roster: Iterable[RosterOutcome],
    projects: Iterable[Outcome],
    directory: Directory | None,
    *,
    rehearsed: bool = False,
) -> list[dict[str, Any]]:
    """What became of each row, JSON-able."""
    of_post, of_project = {outcome.row: outcome for outcome in roster}, {outcome.row: outcome for outcome in projects}
    unread = [row for row in rows if row.names]
    names = [row.names for row in unread if row.names]
    found = check_names(names, directory) if directory else []
    unknown = {row.key: refusals for row, refusals in zip(unread, found, strict=True)}
    results = (
        _refused(row, unknown.get(row.key, ()))
        if row.reasons
        else _result(row, of_post.get(row.key), of_project.get(row.key))
        for row in rows
    )
    return [_plain(_undone(result) if rehearsed else result) for result in results]


def _refused(row: ReadRow, refusals: Sequence[Refusal]) -> RowResult:
    reasons = (*row.reasons, *_project_reasons(row, refusals))
    return RowResult(row.sheet, row.row, RowKind(row.kind), RowOutcome.REFUSED, reasons=reasons)


def _result(row: ReadRow, roster: RosterOutcome | None, project: Outcome | None) -> RowResult:
    kind = RowKind(row.kind)
    if roster:
        reasons = tuple(_reason(row, refusal.field, refusal.message) for refusal in roster.refusals)
        told = tuple(_roster_change(row, difference) for difference in roster.differences) or None
        return RowResult(row.sheet, row.row, kind, OUTCOMES[roster.verdict], reasons=reasons, changes=told)
    if project:
        reasons = tuple(_project_reasons(row, project.refusals))
        id = str(project.project_id) if project.project_id else None
        changes = tuple(_change(row, difference) for difference in project.differences) or None
        return RowResult(row.sheet, row.row, kind, OUTCOMES[project.verdict], project.code, id, reasons, changes)
    return RowResult(row.sheet, row.row, kind, RowOutcome.REFUSED, reasons=row.reasons)


def _project_reasons(row: ReadRow, refusals: Sequence[Refusal]) -> Iterator[Reason]:
    for refusal in refusals:
        # A milestone's own trouble stands in its column; that it lacks a post or a reason, in theirs.
        milestone = refusal.milestone if refusal.field == "milestone" else None
        reason = _reason(row, place_key(refusal.field, milestone), refusal.message)
        yield reason if reason.cell or not reason.column else replace(reason, reason=_with_column(reason))


def _change(row: ReadRow, difference: Difference) -> RowChange:
    milestone = difference.milestone if difference.field is Field.MILESTONE else None
    place = row.places.get(place_key(difference.field, milestone))
    return RowChange(difference.name, place.cell if place else "", difference.old, difference.new)


def _roster_change(row: ReadRow, difference: RosterDifference) -> RowChange:
    place = row.places.get(difference.field)
    return RowChange(difference.name, place.cell if place else "", difference.old, difference.new)


def _with_column(reason: Reason) -> str:
    """What is asked for has no column in the sheet, so that there is no cell to fill in."""
    return f"{reason.reason}；请增加“{reason.column}”列填写"


def _reason(row: ReadRow, key: str, message: str) -> Reason:
    place = row.places.get(key) or Place("", _COLUMNS[row.kind].get(key, ""), "")
    return Reason(place.cell, place.column, place.value, message)


def _undone(row: RowResult) -> RowResult:
    """A dry run gives no numbers: they were rolled back with the project."""
    if row.outcome is not RowOutcome.IMPORTED:
        return row
    return replace(row, code=None, project_id=None)


def _plain(row: RowResult) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if value is not None}
