"""What the sample workbooks have in common: titles, headings, widths, and the same bytes each time."""

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import date

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

_GREY = PatternFill("solid", fgColor="D9D9D9")
_CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)


def title(page: Worksheet, text: str, *, width: int) -> None:
    page.append([text])
    page.merge_cells(start_row=1, start_column=1, end_row=1, end_column=width)
    page["A1"].font = Font(bold=True, size=16)
    page["A1"].alignment = _CENTRE


def headings(page: Worksheet, rows: Sequence[int]) -> None:
    for row in rows:
        for cell in page[row]:
            cell.font, cell.fill, cell.alignment = Font(bold=True), _GREY, _CENTRE


def widths(page: Worksheet, wanted: dict[str, int]) -> None:
    for index in range(1, page.max_column + 1):
        letter = get_column_letter(index)
        page.column_dimensions[letter].width = wanted.get(letter, 13)


def same_bytes(book: Workbook, start: date) -> bytes:
    """The saved workbook without the time of its making."""
    draft, out = io.BytesIO(), io.BytesIO()
    book.save(draft)
    moment = f"{start:%Y-%m-%d}T00:00:00Z".encode()
    with zipfile.ZipFile(draft) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in made.infolist():
            data = made.read(entry)
            if entry.filename == "docProps/core.xml":
                data = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment, data)
            plain = zipfile.ZipInfo(entry.filename)
            plain.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(plain, data)
    return out.getvalue()
