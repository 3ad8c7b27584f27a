"""The error sheet (错误清单): the refused rows as they were, each with the reasons, to be mended and imported again.

Sheet by sheet as in the workbook, with its title lines and headings, so that units and meanings stay; 原行号 and 原因
follow on the right and are passed over by an import. Bad cells are filled and carry the reason as a comment.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment
from openpyxl.worksheet.worksheet import Worksheet

from services.intake.workbook.headings import Column, Heading
from services.intake.workbook.lists import find_list, value_at
from services.intake.workbook.results import Reason, RejectedRow
from services.intake.workbook.sheets import Sheet, open_workbook
from services.intake.workbook.styles import BAD, fit, head, put, width_of

_AUTHOR = "链督"
_ADDED = (Column.REJECTED_ROW, Column.REJECTED_REASON)


class Found(Protocol):
    """A list in a sheet, found by its headings; `columns`: at least those that an error sheet adds."""

    @property
    def sheet(self) -> Sheet: ...

    @property
    def heading_rows(self) -> range: ...

    @property
    def columns(self) -> Mapping[Column, tuple[Heading, ...]]: ...

    @property
    def down(self) -> Mapping[tuple[int, int], int]: ...


def error_sheet(
    content: bytes, rejected: Sequence[RejectedRow], *, find: Callable[[Sheet], Found | None] = find_list
) -> bytes:
    """An xlsx with the rejected rows of the workbook `content`. `find`: the list in a sheet.

    Raises:
        WorkbookRefused: `content` cannot be read.
    """
    sheets = {sheet.name: sheet for sheet in open_workbook(content).sheets}
    book = Workbook()
    book.remove(book.active)
    for name, rows in groupby(sorted(rejected, key=lambda row: (row.sheet, row.row)), key=lambda row: row.sheet):
        found = find(sheets[name])
        if found:
            _write(book.create_sheet(name), found, list(rows))
    if not book.sheetnames:
        book.create_sheet("错误清单")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write(page: Worksheet, found: Found, rejected: Sequence[RejectedRow]) -> None:
    kept = _kept_columns(found)
    _write_heading(page, found, kept)
    for at, row in enumerate(rejected, found.heading_rows.stop + 1):
        values = [value_at(found.sheet, found.down.get((row.row - 1, column), row.row - 1), column) for column in kept]
        for column, value in enumerate(values, 1):
            put(page, at, column, value)
        put(page, at, len(kept) + 1, row.row)
        told = put(page, at, len(kept) + 2, "；".join(f"{_where(item)}{item.reason}" for item in row.reasons))
        told.alignment = Alignment(wrap_text=True, vertical="top")
        _mark(page, at, kept, row)
    page.freeze_panes = page.cell(found.heading_rows.stop + 1, 1)
    fit(page, [*_widths(found.sheet, kept, rejected), 8, 60])


def _kept_columns(found: Found) -> list[int]:
    """All columns of the sheet but those that an earlier error sheet added."""
    added = {heading.index for column in _ADDED for heading in found.columns.get(column, ())}
    width = max(len(row) for row in found.sheet.rows)
    return [column for column in range(width) if column not in added]


def _write_heading(page: Worksheet, found: Found, kept: Sequence[int]) -> None:
    for row in range(found.heading_rows.stop):
        for at, column in enumerate(kept, 1):
            cell = put(page, row + 1, at, value_at(found.sheet, row, column))
            if row in found.heading_rows:
                head(cell)
    for offset, added in enumerate(_ADDED, 1):
        head(put(page, found.heading_rows.start + 1, len(kept) + offset, added.value))
    for top, left, bottom, right in found.sheet.merged:
        if bottom < found.heading_rows.stop and all(column in kept for column in range(left, right + 1)):
            first = kept.index(left) + 1
            page.merge_cells(start_row=top + 1, start_column=first, end_row=bottom + 1, end_column=first + right - left)


def _mark(page: Worksheet, at: int, kept: Sequence[int], row: RejectedRow) -> None:
    columns = {_index(item.cell): item for item in row.reasons if item.cell}
    for index, item in columns.items():
        if index in kept:
            cell = page.cell(at, kept.index(index) + 1)
            cell.fill = BAD
            cell.comment = Comment(item.reason, _AUTHOR)


def _where(reason: Reason) -> str:
    return f"{reason.column}（{reason.cell}）：" if reason.cell else ""


def _index(ref: str) -> int:
    """The column of `F12`, from 0."""
    index = 0
    for letter in ref.rstrip("0123456789"):
        index = index * 26 + ord(letter) - 64
    return index - 1


def _widths(sheet: Sheet, kept: Sequence[int], rejected: Iterable[RejectedRow]) -> list[float]:
    rows = [row.row - 1 for row in rejected][:200]
    return [width_of([value_at(sheet, row, column) for row in rows]) for column in kept]
