"""Working days of the mainland's public calendar: pure arithmetic over year tables. Asia/Shanghai dates.

Source: the State Council's yearly notice on holidays. It names holidays and the weekend days worked in exchange (调休).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import chinese_calendar
from chinese_calendar import constants

from shared.kit.errors import Invalid

FIRST_DAY = date(2004, 1, 1)
LAST_DAY = date(2070, 12, 31)
_SATURDAY = 5


class Counted(NamedTuple):
    """A day found by counting; `provisional` when a year on the way has no published table."""

    day: date
    provisional: bool


class OutsideCalendar(Invalid):
    """The day lies outside the years the calendar can count (2004 to 2070)."""

    def __init__(self, day: date | int) -> None:
        super().__init__("日期超出工作日历范围（2004—2070年）", day=str(day))


@dataclass(frozen=True, slots=True)
class YearTable:
    """One year's notice: weekdays and weekends off, and weekend days worked (调休).

    A notice may also name days of the December before: New Year's holiday is exchanged across the year's end.

    Raises:
        Invalid: a day outside that time, a make-up day that is no weekend, or a day that is both.
    """

    year: int
    holidays: frozenset[date]
    make_up_days: frozenset[date]
    source: str = ""

    def __post_init__(self) -> None:
        if not FIRST_DAY.year <= self.year <= LAST_DAY.year:
            raise OutsideCalendar(self.year)
        if not self.holidays:
            raise Invalid("节假日不能为空", place="holidays")
        for place, days in (("holidays", self.holidays), ("make_up_days", self.make_up_days)):
            for day in sorted(days):
                self._require_of_this_year(day, place=place)
        for day in sorted(self.make_up_days):
            if day.weekday() < _SATURDAY:
                raise Invalid("调休上班日必须是周六或周日", place="make_up_days", day=day.isoformat())
        if both := self.holidays & self.make_up_days:
            raise Invalid("同一天不能既放假又上班", place="make_up_days", day=min(both).isoformat())

    def _require_of_this_year(self, day: date, *, place: str) -> None:
        if day.year != self.year and (day.year, day.month) != (self.year - 1, 12):
            raise Invalid("日期不属于该年度", place=place, day=day.isoformat(), year=self.year)


class WorkingCalendar:
    """Published years as tables; a year without one counts Monday to Friday and is provisional.

    Immutable. `version` names what the calendar knows (it changes when a year's table is imported). Counting is two
    look-ups: the working days are kept as a sorted list, and for every day how many working days lie up to it.
    """

    __slots__ = ("_origin", "_published", "_rank", "_tables", "_worked", "_working", "version")

    def __init__(self, tables: Mapping[int, YearTable]) -> None:
        self._tables = dict(tables)
        self._published = frozenset(tables)
        off = {day for table in tables.values() for day in table.holidays}
        on = {day for table in tables.values() for day in table.make_up_days}
        self._origin = FIRST_DAY.toordinal()
        days = (FIRST_DAY + timedelta(n) for n in range(LAST_DAY.toordinal() - self._origin + 1))
        self._working = [day in on or (day.weekday() < _SATURDAY and day not in off) for day in days]
        self._rank: list[int] = []
        self._worked: list[date] = []
        for offset, working in enumerate(self._working):
            if working:
                self._worked.append(date.fromordinal(self._origin + offset))
            self._rank.append(len(self._worked))
        self.version = f"{max(self._published, default=0)}.{_digest(off, on)}"

    @property
    def published_years(self) -> frozenset[int]:
        return self._published

    def table(self, year: int) -> YearTable | None:
        """The year's published table; None while the year is provisional."""
        return self._tables.get(year)

    def with_year(self, table: YearTable) -> "WorkingCalendar":
        """The calendar that knows this year's table too (in place of an earlier one of that year)."""
        return WorkingCalendar({**self._tables, table.year: table})

    def is_provisional(self, day: date) -> bool:
        return day.year not in self._published

    def is_working(self, day: date) -> bool:
        return self._working[self._offset(day)]

    def add(self, day: date, working_days: int) -> Counted:
        """The working day that lies `working_days` after (negative: before) `day`; 0 gives the day or the next one."""
        offset = self._offset(day)
        index = self._rank[offset] + working_days - 1
        if working_days <= 0 and not self._working[offset]:
            index += 1
        if not 0 <= index < len(self._worked):
            raise OutsideCalendar(day)
        found = self._worked[index]
        return Counted(found, self._crosses_provisional(day.year, found.year))

    def between(self, start: date, end: date) -> int:
        """Working days after `start` up to and including `end`; negative when `end` is before `start`."""
        return self._rank[self._offset(end)] - self._rank[self._offset(start)]

    def _offset(self, day: date) -> int:
        offset = day.toordinal() - self._origin
        if not 0 <= offset < len(self._rank):
            raise OutsideCalendar(day)
        return offset

    def _crosses_provisional(self, one: int, other: int) -> bool:
        if one == other:
            return one not in self._published
        years = range(min(one, other), max(one, other) + 1)
        return not self._published.issuperset(years)


def _digest(off: Iterable[date], on: Iterable[date]) -> str:
    text = ",".join(sorted(day.isoformat() for day in off)) + "|" + ",".join(sorted(day.isoformat() for day in on))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def published() -> WorkingCalendar:
    """The calendar that ships: the years the calendar package has from the State Council's notices."""
    years = {day.year for day in constants.holidays}
    covered = range(max(FIRST_DAY.year, min(years)), max(years) + 1)
    return WorkingCalendar({year: _table_of(year) for year in covered})


def _table_of(year: int) -> YearTable:
    days = [date(year, 1, 1) + timedelta(n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    worked = {day: bool(chinese_calendar.is_workday(day)) for day in days}
    return YearTable(
        year,
        holidays=frozenset(day for day in days if day.weekday() < _SATURDAY and not worked[day]),
        make_up_days=frozenset(day for day in days if day.weekday() >= _SATURDAY and worked[day]),
        source=f"chinesecalendar {getattr(chinese_calendar, '__version__', '')}".strip(),
    )
