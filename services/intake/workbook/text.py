"""Text of cells: full-width digits, stray blanks, and what offices write where nothing is to be said."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache

from services.intake.domain import tidy as names
from services.intake.domain.tidy import tidy

Raw = str | int | float | bool | date | datetime | time | timedelta | None

_NOTHING = {"", "/", "\\", "-", "--", "—", "——", "–", "无", "暂无", "N/A", "n/a", "NA"}


def shown(value: Raw) -> str:
    """A cell as a person would read it out: dates as 2026-03-15, whole numbers without a decimal point."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds") if value.time() != time() else value.date().isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    return str(value)


def name(value: Raw) -> str:
    """A name or title, tidied."""
    return tidy(shown(value))


def compact(value: Raw) -> str:
    """For comparing and parsing: NFKC (full-width becomes half-width), no blanks at all."""
    return _compact(shown(value))


@lru_cache(maxsize=8192)
def _compact(text: str) -> str:
    return names.compact(text)


def is_nothing(value: Raw) -> bool:
    """Whether a cell is empty, or says so: / - — 无 暂无."""
    return value is None or (isinstance(value, str) and compact(value) in _NOTHING)
