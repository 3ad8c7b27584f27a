"""Amounts of money in cells, to whole 万元.

The rules; where they do not decide, the cell is refused and nothing is guessed.

1. A unit written in the cell decides ("3.5亿", "35000万元", "1亿2000万", "350000000元"), whatever the heading
   says: so a column may mix 亿元 and 万元.
2. A bare number takes the unit of its heading ("总投资（亿元）"), else the one unit that the lines above the table
   state ("单位：万元"). No unit, two units, or a heading and a title that disagree: refused.
3. A bare number that its heading makes doubtful is refused: 1000 or more under 亿元 (a 万元 figure in the wrong
   column), less than 100 under 万元 (an 亿元 figure). Writing the unit in the cell settles it, by rule 1.
4. The amount must be whole 万元: 1.0000亿 is 10000, a fifth decimal of 亿 is refused. Numbers are read with the 15
   digits that Excel shows, so that a formula's 3.5000000000000004 is 3.5.
5. Refused as well: zero and less, about-figures (约, 余, 左右, 以上), ranges (3-5亿), foreign currency (needs its rate
   and date), Chinese numerals, dates, and Excel's error values.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum

from services.intake.workbook.problems import Unreadable
from services.intake.workbook.text import Raw, compact

LARGEST_WAN = 10**9
"""10万亿元: above any project; larger amounts are typing errors."""


class Unit(Enum):
    """A unit of money and how many 万元 it is worth."""

    YI = ("亿元", Decimal(10_000))
    WAN = ("万元", Decimal(1))
    YUAN = ("元", Decimal("0.0001"))

    @property
    def label(self) -> str:
        return self.value[0]

    @property
    def in_wan(self) -> Decimal:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class UnitStated:
    """What heading and title say about a column's unit: one unit, or why there is none."""

    unit: Unit | None = None
    trouble: str = ""


_UNIT_WORD = re.compile(r"亿元?|万元?|(?<![亿万美欧港日])元")
_FOREIGN = re.compile(r"美元|美金|欧元|英镑|港元|港币|日元|韩元|外币|USD|EUR|HKD|JPY|[$€£]", re.IGNORECASE)
_ABOUT = re.compile(r"约|余|左右|上下|以上|以下|近|超|多|不低于|不少于|至少|[~+<>≥≤≈]")
_RANGE = re.compile(r"\d[\d.,]*[亿万元]*(?:-|—|–|至|到)\d")
_NUMBER = r"(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?"
_AMOUNT = re.compile(rf"(?P<number>{_NUMBER})(?P<scale>[十百千]?)(?P<unit>亿元?|万元?|元)?")
_COMPOUND = re.compile(r"(?P<yi>\d+)亿(?:零)?(?P<wan>\d{1,4})万元?")
_SCALES = {"": 1, "十": 10, "百": 100, "千": 1000}
_UNITS = {"亿": Unit.YI, "万": Unit.WAN, "元": Unit.YUAN}
_DOUBTFUL_YI = Decimal(1000)
_DOUBTFUL_WAN = Decimal(100)


def units_in(text: str) -> set[Unit]:
    """The units of 人民币 that a heading or a title names."""
    return {_UNITS[found[0]] for found in _UNIT_WORD.findall(compact(text))}


def is_foreign(text: str) -> bool:
    return bool(_FOREIGN.search(compact(text)))


def unit_of(heading: str, title_units: Collection[Unit]) -> UnitStated:
    """The unit that bare numbers of a column have; `title_units` are those of the lines above the table (rule 2)."""
    if is_foreign(heading):
        return UnitStated(trouble=f"列标题“{heading}”是外币，须另注金额、汇率和日期，本表不能导入")
    own = units_in(heading)
    if len(own) > 1:
        return UnitStated(trouble=f"列标题“{heading}”有两种单位，请在单元格内写明，如“3.5亿元”")
    if not own and len(title_units) > 1:
        return UnitStated(trouble="表头上方写有两种单位，请在单元格内写明，如“3.5亿元”")
    if own and title_units and own != set(title_units) and len(title_units) == 1:
        return UnitStated(trouble=f"列标题“{heading}”与表头上方注明的单位不一致，请在单元格内写明，如“3.5亿元”")
    found = own or title_units
    if not found:
        return UnitStated(trouble=f"列标题“{heading}”没有单位，无法判断是亿元还是万元，请写明，如“3.5亿元”")
    return UnitStated(unit=next(iter(found)))


def wan(value: Raw, *, stated: UnitStated) -> int:
    """The amount of a cell in whole 万元.

    Raises:
        Unreadable: by the rules above.
    """
    if isinstance(value, bool | date | time | timedelta):
        raise Unreadable("这里应填金额，现为日期或其他内容")
    if isinstance(value, int | float):
        return _whole_wan(_bare(Decimal(f"{value:.15g}"), stated))
    return _whole_wan(_written(compact(value), stated))


def as_cell(amount_wan: int) -> int | str:
    """An amount for a column in 万元: a small one says its unit, lest rule 3 refuses it."""
    return f"{amount_wan}万元" if amount_wan < _DOUBTFUL_WAN else amount_wan


def _written(text: str, stated: UnitStated) -> Decimal:
    if text.startswith("#"):
        raise Unreadable(f"公式出错（{text}），请改为数值")
    if is_foreign(text):
        raise Unreadable("外币金额须另注汇率和日期，请折合人民币填写")
    if _RANGE.search(text):
        raise Unreadable("金额是一个区间，请填一个数")
    if _ABOUT.search(text):
        raise Unreadable("金额是约数，请填准确数")
    text = re.sub(r"^(?:人民币|RMB|CNY|[¥￥])|(?:人民币|RMB|CNY|整)$", "", text)
    if compound := _COMPOUND.fullmatch(text):
        return Decimal(compound["yi"]) * Unit.YI.in_wan + Decimal(compound["wan"])
    amount = _AMOUNT.fullmatch(text)
    if amount is None:
        raise Unreadable("不是能识别的金额，请用数字填写，如“3.5亿元”或“35000万元”")
    number = Decimal(amount["number"].replace(",", "")) * _SCALES[amount["scale"]]
    if amount["unit"] is None:
        if amount["scale"]:
            raise Unreadable("金额没有写明单位，请写明，如“3.5亿元”")
        return _bare(number, stated)
    return number * _UNITS[amount["unit"][0]].in_wan


def _bare(number: Decimal, stated: UnitStated) -> Decimal:
    if not number.is_finite() or stated.unit is None:
        raise Unreadable(stated.trouble or "不是能识别的金额")
    if stated.unit is Unit.YI and number >= _DOUBTFUL_YI:
        raise Unreadable(f"列的单位是亿元，{number:f}亿元疑似应为万元；请在单元格内写明单位")
    if stated.unit is Unit.WAN and 0 < number < _DOUBTFUL_WAN:
        raise Unreadable(f"列的单位是万元，{number:f}万元疑似应为亿元；请在单元格内写明单位")
    return number * stated.unit.in_wan


def _whole_wan(amount: Decimal) -> int:
    if amount <= 0:
        raise Unreadable("金额须大于0")
    if amount > LARGEST_WAN:
        raise Unreadable("金额过大，请核对单位")
    if amount != amount.to_integral_value():
        raise Unreadable("金额须精确到整万元（以亿元计最多四位小数）")
    return int(amount)
