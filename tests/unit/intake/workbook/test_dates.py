from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.workbook.dates import day
from services.intake.workbook.problems import Unreadable
from services.intake.workbook.text import Raw

ON_15_MARCH = [
    date(2026, 3, 15),
    datetime(2026, 3, 15, 8, 30),  # noqa: DTZ001
    "2026-03-15",
    "2026.3.15",
    "2026/3/15",
    "2026年3月15日",
    "2026年3月15号",
    "２０２６年３月１５日",
    " 2026 年 3 月 15 日 ",
    "2026-03-15 00:00:00",
    "2026-03-15T08:30:00",
    "20260315",
    20260315,
    20260315.0,
    46096,
    46096.5,
    "46096",
]


@pytest.mark.parametrize("value", ON_15_MARCH)
@pytest.mark.parametrize("deadline", [True, False])
def test_a_day_is_read_however_it_is_written(value: Raw, deadline: bool) -> None:
    assert day(value, deadline=deadline) == date(2026, 3, 15)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026年3月", date(2026, 3, 31)),
        ("2026.3", date(2026, 3, 31)),
        ("2026-02", date(2026, 2, 28)),
        ("2028年2月", date(2028, 2, 29)),
        ("2026.10", date(2026, 10, 31)),
        ("2026.1", date(2026, 1, 31)),
        (2026.3, date(2026, 3, 31)),
        (2026.03, date(2026, 3, 31)),
        (2026.12, date(2026, 12, 31)),
        (202603, date(2026, 3, 31)),
        ("2026年3月底", date(2026, 3, 31)),
        ("2026年3月底前", date(2026, 3, 31)),
        ("2026年3月15日前", date(2026, 3, 15)),
        ("2026年3月上旬", date(2026, 3, 10)),
        ("2026年3月中旬", date(2026, 3, 20)),
        ("2026年2月下旬", date(2026, 2, 28)),
        ("2026年一季度", date(2026, 3, 31)),
        ("2026年第3季度", date(2026, 9, 30)),
        ("2026Q4", date(2026, 12, 31)),
        ("2026年上半年", date(2026, 6, 30)),
        ("2026年底", date(2026, 12, 31)),
        ("2026年", date(2026, 12, 31)),
    ],
)
def test_a_deadline_that_names_a_period_falls_on_its_last_day(value: Raw, expected: date) -> None:
    assert day(value, deadline=True) == expected
    with pytest.raises(Unreadable):
        day(value, deadline=False) if expected.day != 15 else day("2026年3月", deadline=False)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2026.1, "1月还是10月"),
        (2026, "完整的日期"),
        (2026.13, "完整的日期"),
        ("3月15日", "没有写年份"),
        ("3.15", "没有写年份"),
        ("26.3.15", "四位"),
        ("26年3月", "四位"),
        ("27.6", "年份请写四位，如2027年6月"),
        (27.6, "年份请写四位，如2027年6月"),
        ("12.6", "没有写年份"),
        (3.15, "没有写年份"),
        ("2026年3月初", "不是能识别的日期"),
        ("2026年3月前", "不是能识别的日期"),
        ("待定", "尚未确定的请留空"),
        ("2026-02-30", "不存在"),
        ("2026年13月", "没有13月"),
        ("1026-03-15", "不合理"),
        ("9999年", "不合理"),
        (date(1900, 1, 1), "不合理"),
        (12, "不是能识别的日期"),
        (-5, "不是能识别的日期"),
        (1e300, "不是能识别的日期"),
        (float("nan"), "不是能识别的日期"),
        (True, "应填日期"),
        (time(8, 30), "应填日期"),
        (timedelta(days=3), "应填日期"),
        ("#VALUE!", "公式出错"),
        ("已开工", "不是能识别的日期"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(value: Raw, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        day(value, deadline=True)


def test_serial_numbers_of_the_1904_system_are_read_in_it() -> None:
    assert day(44634, deadline=True, epoch_1904=True) == date(2026, 3, 15)


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2100, 12, 31)))
def test_every_day_survives_being_written(on: date) -> None:
    serial = (on - date(1899, 12, 30)).days
    for written in (on, serial, f"{on:%Y%m%d}", f"{on.year}.{on.month}.{on.day}", f"{on.year}年{on.month}月{on.day}日"):
        assert day(written, deadline=False) == on


@given(st.one_of(st.text(), st.floats(), st.integers(), st.text("0123456789年月日.-/前底季度", max_size=12)))
def test_anything_at_all_is_a_day_or_refused(value: str | float | int) -> None:
    try:
        assert day(value, deadline=True).year in range(1990, 2101)
    except Unreadable as refused:
        assert str(refused)  # noqa: PT017
