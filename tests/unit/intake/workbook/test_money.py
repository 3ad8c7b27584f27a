from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.workbook.money import LARGEST_WAN, Unit, UnitStated, unit_of, wan
from services.intake.workbook.problems import Unreadable
from services.intake.workbook.text import Raw

YI, WAN, YUAN = UnitStated(Unit.YI), UnitStated(Unit.WAN), UnitStated(Unit.YUAN)
NONE = unit_of("总投资", set())


@pytest.mark.parametrize(
    ("value", "stated", "expected"),
    [
        ("3.5亿", NONE, 35_000),
        ("3.5亿元", WAN, 35_000),
        ("35000万元", YI, 35_000),
        ("35,000万", NONE, 35_000),
        ("３．５亿", NONE, 35_000),
        ("1.0000亿", NONE, 10_000),
        ("30.0000亿元", NONE, 300_000),
        ("0.9999亿", NONE, 9_999),
        ("1亿2000万元", NONE, 12_000),
        ("5千万元", NONE, 5_000),
        ("人民币3.5亿元整", NONE, 35_000),
        ("¥350000000元", NONE, 35_000),
        (" 3.5 亿 元 ", NONE, 35_000),
        (3.5, YI, 35_000),
        ("3.5", YI, 35_000),
        (3.5000000000000004, YI, 35_000),
        (0.1 + 0.2, YI, 3_000),
        (35000, WAN, 35_000),
        (350_000_000, YUAN, 35_000),
        (999.9999, YI, 9_999_999),
        (100, WAN, 100),
    ],
)
def test_an_amount_comes_out_in_whole_wan(value: Raw, stated: UnitStated, expected: int) -> None:
    assert wan(value, stated=stated) == expected


@pytest.mark.parametrize(
    ("value", "stated", "reason"),
    [
        (35000, NONE, "没有单位"),
        ("3.5", NONE, "没有单位"),
        (35000, YI, "疑似应为万元"),
        (3.5, WAN, "疑似应为亿元"),
        (1000, YI, "疑似应为万元"),
        (99, WAN, "疑似应为亿元"),
        ("3.50001亿", NONE, "整万元"),
        (3.50001, YI, "整万元"),
        ("100.5万元", NONE, "整万元"),
        (123_456, YUAN, "整万元"),
        ("约3.5亿", NONE, "约数"),
        ("30余亿元", NONE, "约数"),
        ("3.5亿左右", NONE, "约数"),
        ("3-5亿元", NONE, "区间"),
        ("3亿至5亿元", NONE, "区间"),
        ("500万美元", NONE, "外币"),
        ("$5,000", NONE, "外币"),
        ("三亿五千万", NONE, "不是能识别的金额"),
        ("35,00万元", NONE, "不是能识别的金额"),
        ("3.5e", YI, "不是能识别的金额"),
        ("#REF!", YI, "公式出错"),
        (0, YI, "大于0"),
        (-3, YI, "大于0"),
        ("0亿元", NONE, "大于0"),
        (True, YI, "日期或其他"),
        (date(2026, 3, 1), YI, "日期或其他"),
        ("200000亿元", NONE, "过大"),
        (float("nan"), YI, "不是能识别的金额"),
        (float("inf"), YI, "不是能识别的金额"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(value: Raw, stated: UnitStated, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        wan(value, stated=stated)


@pytest.mark.parametrize(
    ("heading", "title", "unit"),
    [
        ("总投资（亿元）", set(), Unit.YI),
        ("总投资(万元)", set(), Unit.WAN),
        ("总投资/亿元", set(), Unit.YI),
        ("总投资", {Unit.WAN}, Unit.WAN),
        ("总投资（亿元）", {Unit.YI}, Unit.YI),
        ("总投资（元）", set(), Unit.YUAN),
    ],
)
def test_a_bare_number_takes_the_unit_of_heading_or_title(heading: str, title: set[Unit], unit: Unit) -> None:
    assert unit_of(heading, title).unit is unit


@pytest.mark.parametrize(
    ("heading", "title", "trouble"),
    [
        ("总投资", set(), "没有单位"),
        ("总投资（亿元/万元）", set(), "两种单位"),
        ("总投资", {Unit.YI, Unit.WAN}, "两种单位"),
        ("总投资（亿元）", {Unit.WAN}, "不一致"),
        ("总投资（万美元）", set(), "外币"),
    ],
)
def test_an_unclear_unit_is_named(heading: str, title: set[Unit], trouble: str) -> None:
    stated = unit_of(heading, title)

    assert stated.unit is None
    assert trouble in stated.trouble


def test_a_unit_written_in_the_cell_settles_a_doubt() -> None:
    assert wan("1200亿元", stated=YI) == 12_000_000
    assert wan("35万元", stated=WAN) == 35


@given(st.integers(min_value=1, max_value=LARGEST_WAN))
def test_every_whole_wan_survives_being_written_as_yi(amount: int) -> None:
    in_yi = Decimal(amount) / 10_000

    assert wan(f"{in_yi:f}亿元", stated=WAN) == amount
    assert wan(f"{amount:,}万元", stated=YI) == amount
    assert wan(f"{amount}0000元", stated=NONE) == amount


@given(st.integers(min_value=1, max_value=9_999_999))
def test_a_float_in_yi_gives_the_wan_that_excel_shows(amount: int) -> None:
    assert wan(amount / 10_000, stated=YI) == amount


@given(st.one_of(st.text(), st.floats(), st.integers()))
def test_anything_at_all_is_an_amount_or_refused(value: str | float | int) -> None:
    for stated in (YI, WAN, NONE):
        try:
            assert 0 < wan(value, stated=stated) <= LARGEST_WAN
        except Unreadable as refused:
            assert str(refused)  # noqa: PT017
