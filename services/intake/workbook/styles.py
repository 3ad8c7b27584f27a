"""What the workbooks that the platform writes have in common: text that stays text, headings, widths."""

from collections.abc import Sequence
from datetime import date, datetime

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from services.intake.workbook.text import Raw, compact

HEADING = PatternFill("solid", fgColor="D9E2F3")
BAD = PatternFill("solid", fgColor="FFC7CE")
_THIN = Side(style="thin", color="BFBFBF")
BOX = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def put(sheet: Worksheet, row: int, column: int, value: Raw) -> Cell:
    """Write a value as it is; text that a spreadsheet could take for a formula is kept as text for good."""
    cell: Cell = sheet.cell(row, column)
    return set_value(cell, value)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet could take a text for a formula."""
    return text.startswith(_FORMULA_SIGNS)


def set_value(cell: Cell, value: Raw) -> Cell:
    """As `put`, into a cell that there is."""
    if not isinstance(value, str):
        cell.value = value
        if isinstance(value, date) and not isinstance(value, datetime):
            cell.number_format = "yyyy-mm-dd"
        return cell
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
    if is_formula(value):
        cell.data_type = "s"
        cell.quotePrefix = True
    return cell


def head(cell: Cell) -> None:
    cell.font = Font(bold=True)
    cell.fill = HEADING
    cell.border = BOX
    cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)


def fit(sheet: Worksheet, widths: Sequence[float]) -> None:
    for index, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(index)].width = width


def width_of(texts: Sequence[Raw]) -> float:
    """A width in characters that shows most of these, a Chinese character counting two."""
    longest = max((sum(2 if ord(sign) > 255 else 1 for sign in compact(text)) for text in texts), default=8)
    return float(min(max(longest + 2, 8), 40))
