"""Days in cells, as Asia/Shanghai dates.

Read: date cells; Excel's serial numbers; 2026-03-15, 2026.3.15, 2026/3/15, 2026年3月15日, 20260315, each also with
a time behind it, which is dropped.

A deadline (计划开工时间 …) may name a period and then falls on its last day: 2026年3月 and 2026.3 are 31 March,
3月上旬 the 10th, 中旬 the 20th, 下旬 or 月底 the last of the month; 一季度, 上半年, 年底 and 2026年 end likewise.
前 after a day or an end (3月15日前, 3月底前) changes nothing. The day on which something did happen must be
written to the day.

Refused, since each would be a guess: a day without its year (3月15日), a year of two digits (26.3.15), a bare year
as a number (2026), 月初 and 3月前, 待定, days that do not exist, years outside 1990–2100, and the number 2026.1,
which Excel shows for January as well as for October.
"""

import re
from calendar import monthrange
from datetime import date, datetime, timedelta
from decimal import Decimal

from services.intake.workbook.problems import Unreadable
from services.intake.workbook.text import Raw, compact, shown

_YEARS = range(1990, 2101)
_SERIALS = range(32_874, 73_416)
"""Serial numbers of 1990-01-01 to 2100-12-31 (1900 date system); below lie years, above lies yyyymm."""
_EPOCH = date(1899, 12, 30)
_EPOCH_1904 = date(1904, 1, 1)

_TIME = re.compile(r"[\sT]+\d{1,2}[::]\d{2}(?:[::]\d{2}(?:\.\d+)?)?\s*$")
_SEP = r"[./\-—–_]"
_DAY = re.compile(rf"(\d{{4}})(?:年|{_SEP})(\d{{1,2}})(?:月|{_SEP})(\d{{1,2}})[日号]?")
_MONTH = re.compile(rf"(\d{{4}})(?:年|{_SEP})(\d{{1,2}})月?(上旬|中旬|下旬|底|末)?")
_QUARTER = re.compile(r"(\d{4})年?(?:第?([一二三四1-4])季度|[Qq]([1-4]))[底末]?")
_HALF = re.compile(r"(\d{4})年?(上半年|下半年)")
_YEAR = re.compile(r"(\d{4})年(?:底|末|内|全年)?")
_BEFORE = re.compile(r"(?<=[日号底末])(?:之|以)?前$")
_SHORT_YEAR = re.compile(rf"(\d{{2}})(?:年|(?<=1[3-9]|[2-9]\d){_SEP}|{_SEP}(?=\d{{1,2}}{_SEP}))(0?[1-9]|1[0-2])(?!\d)")
"""A year of two digits and its month; 27.6 is one since there is no 27th month, 3.15 and 12.6 may be days."""
_ORDINALS = {"一": 1, "二": 2, "三": 3, "四": 4}


def day(value: Raw, *, deadline: bool, epoch_1904: bool = False) -> date:
    """The day of a cell; `deadline`: a period is allowed and means its last day.

    Raises:
        Unreadable: by the rules above.
    """
    if isinstance(value, datetime):
        return _plausible(value.date())
    if isinstance(value, date):
        return _plausible(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unreadable("这里应填日期，如2026-03-15")
    if isinstance(value, int | float) or re.fullmatch(r"\d{5,8}", compact(value)):
        return _from_number(
            Decimal(shown(value) if not isinstance(value, str) else compact(value)), deadline, epoch_1904
        )
    return _from_text(value, deadline)


def is_readable(known: date) -> bool:
    """Whether a cell with this day would be read; of one of other years nothing is said rather."""
    return known.year in _YEARS


def _from_number(number: Decimal, deadline: bool, epoch_1904: bool) -> date:
    whole = int(number) if number.is_finite() else 0
    if whole in _SERIALS:
        return _plausible((_EPOCH_1904 if epoch_1904 else _EPOCH) + timedelta(days=whole))
    if number == whole and 19_900_000 < whole < 21_010_000:
        return _calendar_day(whole // 10_000, whole // 100 % 100, whole % 100)
    if number == whole and 199_000 < whole < 210_100:
        return _month_end(whole // 100, whole % 100, deadline)
    if whole in _YEARS:
        return _from_decimal_month(number, whole, deadline)
    raise Unreadable(_why_not(f"{number:f}", otherwise="数字不是能识别的日期，请写成2026-03-15的形式"))


def _from_decimal_month(number: Decimal, year: int, deadline: bool) -> date:
    """2026.3 kept as a number is March; 2026.1 may be January or October."""
    month = f"{number:f}".partition(".")[2]
    if month == "1":
        raise Unreadable(f"{number:f}是数字，无法判断是{year}年1月还是10月，请写成{year}-01-31的形式")
    if not month or int(month) not in range(1, 13):
        raise Unreadable("不是完整的日期，请写成2026-03-15的形式")
    return _month_end(year, int(month), deadline)


def _from_text(raw: str, deadline: bool) -> date:
    text = _BEFORE.sub("", compact(_TIME.sub("", raw.strip())))
    if text.startswith("#"):
        raise Unreadable(f"公式出错（{text}），请改为日期")
    if found := _DAY.fullmatch(text):
        return _calendar_day(*map(int, found.groups()))
    if found := _MONTH.fullmatch(text):
        return _month_end(int(found[1]), int(found[2]), deadline, part=found[3] or "")
    if found := _QUARTER.fullmatch(text):
        quarter = _ORDINALS.get(found[2] or "") or int(found[2] or found[3])
        return _month_end(int(found[1]), quarter * 3, deadline)
    if found := _HALF.fullmatch(text):
        return _month_end(int(found[1]), 6 if found[2] == "上半年" else 12, deadline)
    if found := _YEAR.fullmatch(text):
        return _month_end(int(found[1]), 12, deadline)
    raise Unreadable(_why_not(text))


def _why_not(text: str, *, otherwise: str = "不是能识别的日期，请写成2026-03-15的形式") -> str:
    if found := _SHORT_YEAR.match(text):
        return f"年份请写四位，如20{found[1]}年{int(found[2])}月"
    if re.match(rf"\d{{1,2}}(月|{_SEP})\d{{1,2}}[日号]?$", text) or re.match(r"\d{1,2}月", text):
        return "日期没有写年份，请写成2026-03-15的形式"
    if "待定" in text or "未定" in text:
        return f"“{text}”不是日期；尚未确定的请留空"
    return otherwise


def _month_end(year: int, month: int, deadline: bool, *, part: str = "") -> date:
    if not deadline:
        raise Unreadable("实际发生的日期须写到日，如2026-03-15")
    if month not in range(1, 13):
        raise Unreadable(f"没有{month}月")
    last = monthrange(year, month)[1] if year in _YEARS else 28
    return _calendar_day(year, month, {"上旬": 10, "中旬": 20}.get(part, last))


def _calendar_day(year: int, month: int, number: int) -> date:
    try:
        return _plausible(date(year, month, number))
    except ValueError as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"{year}年{month}月{number}日不存在") from None


def _plausible(found: date) -> date:
    if found.year not in _YEARS:
        raise Unreadable(f"年份{found.year}不合理，请核对")
    return found
