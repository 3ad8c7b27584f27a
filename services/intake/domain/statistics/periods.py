"""Periods that statistics are made for: months, quarters, years and any other run of days, both ends in them."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from shared.kit.errors import Invalid

QUARTERS = "一二三四"


class PeriodNotAllowed(Invalid):
    """The last day lies before the first."""

    def __init__(self, from_on: date, to_on: date) -> None:
        message = f"截止日期{to_on}早于起始日期{from_on}"
        super().__init__(message, field="to", from_on=from_on.isoformat(), to_on=to_on.isoformat())


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `from_on` to `to_on`, both in it. Raises PeriodNotAllowed."""

    from_on: date
    to_on: date

    def __post_init__(self) -> None:
        if self.to_on < self.from_on:
            raise PeriodNotAllowed(self.from_on, self.to_on)

    def __contains__(self, day: date) -> bool:
        return self.from_on <= day <= self.to_on

    @property
    def label(self) -> str:
        """How programs and numbers name it: 2024-03, 2024-Q1, 2024; any other by its days."""
        first = self.from_on
        if self == month_of(first):
            return f"{first:%Y-%m}"
        if self == quarter_of(first):
            return f"{first.year}-Q{_quarter(first)}"
        if self == year_of(first):
            return f"{first.year}"
        return f"{first}/{self.to_on}"

    @property
    def words(self) -> str:
        """How officials name it: 2024年3月, 2024年第一季度, 2024年, 2024年1月15日至2024年2月20日."""
        first, last = self.from_on, self.to_on
        if self == month_of(first):
            return f"{first.year}年{first.month}月"
        if self == quarter_of(first):
            return f"{first.year}年第{QUARTERS[_quarter(first) - 1]}季度"
        if self == year_of(first):
            return f"{first.year}年"
        return f"{_in_words(first)}至{_in_words(last)}"


def month_of(day: date) -> Period:
    return Period(day.replace(day=1), _month_end(day.year, day.month))


def quarter_of(day: date) -> Period:
    last = 3 * _quarter(day)
    return Period(date(day.year, last - 2, 1), _month_end(day.year, last))


def year_of(day: date) -> Period:
    return Period(date(day.year, 1, 1), date(day.year, 12, 31))


def _quarter(day: date) -> int:
    return (day.month + 2) // 3


def _month_end(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


def _in_words(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"
