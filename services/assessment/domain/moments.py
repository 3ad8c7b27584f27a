"""Days as officials count them: dates of Asia/Shanghai."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")


def china_date(moment: datetime) -> date:
    return moment.astimezone(CHINA).date()


def at(day: date, clock_time: time) -> datetime:
    return datetime.combine(day, clock_time, tzinfo=CHINA)


def month_end(day: date) -> date:
    """The last day of the month of `day`."""
    return first_of_next_month(day) - timedelta(days=1)


def first_of_next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def last_month_end(day: date) -> date:
    """The last month's end before `day`: that month is over when `day` begins."""
    return day.replace(day=1) - timedelta(days=1)


def months_apart(earlier: date, later: date) -> int:
    """Calendar months from the month of `earlier` to that of `later`."""
    return (later.year - earlier.year) * 12 + later.month - earlier.month
