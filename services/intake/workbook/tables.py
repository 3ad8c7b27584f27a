"""Tables for offices, as CSV or as xlsx, written a run of rows at a time so that no table is held in memory.

CSV in UTF-8 with a byte order mark, for without it Excel takes Chinese for something else. Text that a spreadsheet
could take for a formula stays text in both.
"""

import csv
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import IO, Protocol

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from services.intake.workbook.styles import head, is_formula, set_value

CHUNK = 64 * 1024

Value = str | int | date | None
Row = Sequence[Value]


class Format(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"


MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading; `width` in characters."""

    text: str
    width: float = 14


class TableWriter(Protocol):
    """Takes rows and gives bytes; what `write` gives comes before what `end` gives."""

    def write(self, rows: Sequence[Row]) -> bytes: ...

    def end(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """Give back what it holds, also where the table was never ended."""


def table_writer(made: Format, headings: Sequence[Heading], *, name: str) -> TableWriter:
    """`name`: the sheet's."""
    return CsvTable(headings) if made is Format.CSV else XlsxTable(headings, name=name)


class CsvTable:
    def __init__(self, headings: Sequence[Heading]) -> None:
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text)
        self._text.write("\N{BYTE ORDER MARK}")
        self._writer.writerow([heading.text for heading in headings])

    def write(self, rows: Sequence[Row]) -> bytes:
        self._writer.writerows([_plain(value) for value in row] for row in rows)
        return self._taken()

    def end(self) -> Iterator[bytes]:
        yield self._taken()

    def close(self) -> None:
        self._text.close()

    def _taken(self) -> bytes:
        taken = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return taken


class XlsxTable:
    """Rows go to a file of openpyxl's as they come; the workbook is put together at the end."""

    def __init__(self, headings: Sequence[Heading], *, name: str) -> None:
        self._book = Workbook(write_only=True)
        self._sheet: WriteOnlyWorksheet = self._book.create_sheet(name)
        self._made: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` is called whatever happens
        for index, heading in enumerate(headings, 1):
            self._sheet.column_dimensions[get_column_letter(index)].width = heading.width
        self._sheet.freeze_panes = "A2"
        cells = [WriteOnlyCell(self._sheet, heading.text) for heading in headings]
        for cell in cells:
            head(cell)
        self._sheet.append(cells)

    def write(self, rows: Sequence[Row]) -> bytes:
        for row in rows:
            self._sheet.append([set_value(WriteOnlyCell(self._sheet), value) for value in row])
        return b""

    def end(self) -> Iterator[bytes]:
        self._book.save(self._made)
        self._made.seek(0)
        while chunk := self._made.read(CHUNK):
            yield chunk

    def close(self) -> None:
        self._made.close()
        rows = self._sheet._writer.out  # openpyxl removes its file only when it saves, or at the process's end
        if os.path.exists(rows):
            self._sheet.close()
            self._sheet._writer.cleanup()


def _plain(value: Value) -> str | int:
    if isinstance(value, str):
        return f"'{value}" if is_formula(value) else value
    return "" if value is None else value.isoformat() if isinstance(value, date) else value
