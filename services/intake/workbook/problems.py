"""Why a whole file is refused. The messages are what the clerk reads."""

from shared.kit.errors import Invalid


class WorkbookRefused(Invalid):
    """The file cannot be taken at all: encrypted, damaged, or without a list that is known here."""


class UnknownFormat(WorkbookRefused):
    """The file is no Excel workbook of a kind that is read here (xlsx, xlsm, xls, WPS et)."""


class WorkbookTooLarge(WorkbookRefused):
    """Too many bytes, rows or columns, or it unpacks to more than any honest list does."""


class Unreadable(ValueError):
    """One cell cannot be understood without guessing; the text says why, in Chinese."""
