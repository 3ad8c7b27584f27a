"""Finding the list in a sheet: its heading, its columns, and which rows are entries."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from services.intake.workbook.headings import MARKS, MINOR, Column, Heading, ListKind, column_of
from services.intake.workbook.money import Unit, units_in
from services.intake.workbook.sheets import Sheet
from services.intake.workbook.text import Raw, compact, is_nothing, name

HEADING_WITHIN = 30
"""Lines above a heading: with more of them it is no list."""
_FEWEST_COLUMNS = {ListKind.PROJECTS: 3, ListKind.ORGANISATION: 2}
_MONEY = frozenset({Column.TOTAL, Column.SIGNED_AMOUNT})

TOTAL = re.compile(r"(?:.{0,12}(?:合计|小计|总计|共计)|总数|累计)(?::?\(.*\)|:?\d+[个项]?)?")
_SECTION_NUMBER = re.compile(r"[(]?[一二三四五六七八九十]{1,3}[)]?[、.,]?")
SECTION = re.compile(r"[(]?[一二三四五六七八九十]{1,3}[)、.,].*|第[一二三四五六七八九十]+[类部].*")
NOTE = re.compile(r"(?:注|备注|说明|填表说明|填报单位|填报人|填表人|审核人|联系人|制表人?)(?::|\d).*")
_UNIT_LINE = re.compile(r"单位[:：]?(?:人民币)?[(]?((?:亿元|万元|元|[、/,])+)")


class RowKind(Enum):
    """What a row under a heading is: an entry, nothing, or beside the list (a section, a total, a note)."""

    ENTRY = "entry"
    BLANK = "blank"
    ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a value stood: `F12` under `总投资（亿元）`."""

    ref: str
    heading: str
    value: Raw


@dataclass(frozen=True, slots=True)
class Line:
    """One entry; `number` as Excel counts rows. A column may stand twice in a sheet, then there are two cells.

    `continues`: its name belongs to a merged cell that began above, so that it is no entry of its own.
    """

    sheet: str
    number: int
    cells: Mapping[Column, tuple[Cell, ...]]
    continues: bool = False

    def filled(self, column: Column) -> list[Cell]:
        """The cells of a column that hold something; none, one, or two where the column stands twice."""
        cells = self.cells.get(column)
        return [cell for cell in cells if not is_nothing(cell.value)] if cells else []

    def cell(self, column: Column) -> Cell | None:
        return next(iter(self.filled(column)), None)

    def place(self, column: Column) -> Cell:
        """The cell to point at for a column: the filled one, the empty one, or none where the sheet lacks it."""
        cells = self.cells.get(column)
        return (self.cell(column) or cells[0]) if cells else Cell("", column.value, None)


@dataclass(frozen=True, slots=True)
class FoundList:
    """A recognised list. `heading_rows`: indices of its one or two rows of headings."""

    sheet: Sheet
    kind: ListKind
    columns: Mapping[Column, tuple[Heading, ...]]
    heading_rows: range
    title_units: frozenset[Unit] = frozenset()
    unknown: tuple[str, ...] = ()
    down: Mapping[tuple[int, int], int] = field(default_factory=dict)

    @property
    def name_at(self) -> int:
        (heading, *_) = self.columns[Column.NAME if self.kind is ListKind.PROJECTS else Column.ORG_NAME]
        return heading.index

    def rows(self) -> range:
        return range(self.heading_rows.stop, len(self.sheet.rows))

    def line(self, row: int) -> Line:
        cells = {column: tuple(self._cell(row, heading) for heading in found) for column, found in self.columns.items()}
        return Line(self.sheet.name, row + 1, cells, (row, self.name_at) in self.down)

    def row_kind(self, row: int) -> RowKind:
        """What a row is; rows that are not entries are passed over, never refused."""
        texts = {at: compact(value) for at, value in enumerate(self.sheet.rows[row]) if not is_nothing(value)}
        columns = {column for column, found in self.columns.items() if any(item.index in texts for item in found)}
        if any(TOTAL.fullmatch(text) for at, text in texts.items() if at <= self.name_at):
            return RowKind.ASIDE
        if self._is_section(texts, columns) or self._repeats_heading(texts):
            return RowKind.ASIDE
        return RowKind.ENTRY if columns - MINOR else RowKind.BLANK

    def _is_section(self, texts: dict[int, str], columns: set[Column]) -> bool:
        serial = next((texts[item.index] for item in self.columns.get(Column.SERIAL, ()) if item.index in texts), "")
        if _SECTION_NUMBER.fullmatch(serial):
            return columns <= {Column.SERIAL, Column.NAME, Column.ORG_NAME, Column.REMARK} | _MONEY
        if len(texts) != 1:
            return False
        ((at, text),) = texts.items()
        return bool(NOTE.fullmatch(text) or SECTION.fullmatch(text)) or (at < self.name_at and not text.isdecimal())

    def _repeats_heading(self, texts: dict[int, str]) -> bool:
        headings = (item for column, found in self.columns.items() if column not in MINOR for item in found)
        return sum(texts.get(item.index) in {compact(part) for part in item.parts if part} for item in headings) >= 3

    def _cell(self, row: int, heading: Heading) -> Cell:
        origin = self.down.get((row, heading.index), row)
        return Cell(cell_ref(row, heading.index), heading.text, value_at(self.sheet, origin, heading.index))


def cell_ref(row: int, column: int) -> str:
    """`F12` for row 11 and column 5, counted from 0."""
    letters, left = "", column + 1
    while left:
        left, rest = divmod(left - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"


def value_at(sheet: Sheet, row: int, column: int) -> Raw:
    values = sheet.rows[row]
    return values[column] if column < len(values) else None


def find_list(sheet: Sheet) -> FoundList | None:
    """The sheet's list, by the words of its heading; None where there is none."""
    candidates = [
        (len(columns), -depth, kind, columns, range(top, top + depth))
        for top in range(min(HEADING_WITHIN, len(sheet.rows)))
        for depth in (1, 2)
        for kind in ListKind
        if (columns := _columns(sheet, range(top, top + depth), kind))
    ]
    if not candidates:
        return None
    _, _, kind, columns, rows = max(candidates, key=lambda candidate: candidate[:2])
    known = {heading.index for found in columns.values() for heading in found}
    unknown = tuple(item.text for item in headings_in(sheet, rows) if item.text and item.index not in known)
    return FoundList(sheet, kind, columns, rows, units_above(sheet, rows.start), unknown, merged_down(sheet, rows.stop))


def _columns(sheet: Sheet, rows: range, kind: ListKind) -> dict[Column, tuple[Heading, ...]]:
    """The columns by the headings in these rows; empty where they head no such list."""
    if rows.stop > len(sheet.rows) or (len(rows) == 2 and not _is_words(sheet, rows[1])):
        return {}
    found: dict[Column, tuple[Heading, ...]] = {}
    for heading in headings_in(sheet, rows):
        if column := column_of(heading, kind):
            found[column] = (*found.get(column, ()), heading)
    is_list = MARKS[kind] <= found.keys() and len(found.keys() - MINOR) >= _FEWEST_COLUMNS[kind]
    return found if is_list else {}


def _is_words(sheet: Sheet, row: int) -> bool:
    """Whether a row can be the lower one of two rows of headings: words only."""
    values = [value for value in sheet.rows[row] if not is_nothing(value)]
    return bool(values) and all(isinstance(value, str) for value in values)


def headings_in(sheet: Sheet, rows: range) -> list[Heading]:
    across = _across(sheet, rows)
    width = max(len(sheet.rows[row]) for row in rows)
    return [
        Heading(at, tuple(_words(value_at(sheet, row, across.get((row, at), at))) for row in rows))
        for at in range(width)
    ]


def _words(value: Raw) -> str:
    return name(value) if isinstance(value, str) else ""


def _across(sheet: Sheet, rows: range) -> dict[tuple[int, int], int]:
    """For headings under a merge across columns: the column where its text stands."""
    return {
        (top, column): left
        for top, left, _, right in sheet.merged
        if top in rows
        for column in range(left + 1, right + 1)
    }


def merged_down(sheet: Sheet, first: int) -> dict[tuple[int, int], int]:
    """For cells of entries under a merge down the rows: the row where the value stands."""
    last = len(sheet.rows) - 1
    return {
        (row, left): top
        for top, left, bottom, right in sheet.merged
        if top >= first and left == right
        for row in range(top + 1, min(bottom, last) + 1)
    }


def units_above(sheet: Sheet, heading_row: int) -> frozenset[Unit]:
    """The units of money that the lines above the heading state, as in 单位：万元."""
    above = (compact(value) for row in sheet.rows[:heading_row] for value in row if isinstance(value, str))
    return frozenset(unit for text in above for found in _UNIT_LINE.finditer(text) for unit in units_in(found[1]))
