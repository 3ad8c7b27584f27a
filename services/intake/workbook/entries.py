"""Picking the values of one entry's cells, collecting every reason at once instead of stopping at the first."""

from collections.abc import Callable
from typing import TypeVar

from services.intake.workbook.headings import Column
from services.intake.workbook.lists import Cell, Line
from services.intake.workbook.problems import Unreadable
from services.intake.workbook.results import Place, Reason, place_key
from services.intake.workbook.text import Raw, name, shown

T = TypeVar("T")
LONGEST = 200
LONGEST_NOTE = 1000


class Entry:
    """One row being read: `take` gives values, refusals gather in `reasons`, origins in `places`."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.reasons: list[Reason] = []
        self.places: dict[str, Place] = {}

    def take(self, column: Column, parse: Callable[[Raw], T]) -> T | None:
        """The column's value; None where it is empty or refused."""
        return self.take_cell(column, lambda cell: parse(cell.value))

    def take_cell(self, column: Column, parse: Callable[[Cell], T]) -> T | None:
        """As `take`, for values that depend on their heading. Two columns of one meaning must agree."""
        cells = self.line.filled(column)
        if not cells:
            return None
        values = [value for cell in cells if (value := self._parsed(cell, parse)) is not None]
        if any(value != values[0] for value in values):
            self.refuse(column, f"与{cells[0].ref}（{cells[0].heading}）不一致，请只保留一个", cell=cells[1])
            return None
        return values[0] if values else None

    def need(self, *columns: Column) -> None:
        """Refuse the row for each of these that is empty."""
        for column in columns:
            if not self.line.filled(column):
                known = self.line.cells.get(column)
                self.refuse(column, f"没有填写{column.value}" if known else f"本表没有“{column.value}”列")

    def refuse(self, column: Column, reason: str, *, cell: Cell | None = None) -> None:
        cell = cell or self.line.place(column)
        self.reasons.append(Reason(cell.ref, cell.heading, shown(cell.value), reason))

    def locate(self, field: str, column: Column, *, milestone: str | None = None) -> None:
        """Remember which cell a draft's field comes from."""
        cell = self.line.place(column)
        self.places[place_key(field, milestone)] = Place(cell.ref, cell.heading, shown(cell.value))

    def _parsed(self, cell: Cell, parse: Callable[[Cell], T]) -> T | None:
        try:
            return parse(cell)
        except Unreadable as error:
            self.reasons.append(Reason(cell.ref, cell.heading, shown(cell.value), str(error)))
            return None


def words(value: Raw) -> str:
    """A name or title.

    Raises:
        Unreadable: an Excel error, or longer than any name.
    """
    return _text(value, LONGEST)


def note(value: Raw) -> str:
    return _text(value, LONGEST_NOTE)


def _text(value: Raw, longest: int) -> str:
    text = name(value)
    if text.startswith("#") and text.rstrip("!?").isupper():
        raise Unreadable(f"公式出错（{text}），请改为文字")
    if len(text) > longest:
        raise Unreadable(f"文字过长，最多{longest}字")
    return text
