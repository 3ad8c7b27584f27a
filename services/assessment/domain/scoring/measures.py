"""What may be measured at all. A rule names one of these; what is not here cannot be an indicator.

There is none for leaders' written remarks, publicity pieces, meetings or photographs: these may not be indicators
(national rule against formalism, 2024).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction


class Measure(StrEnum):
    """Each is a list of evidence: it can be counted, or its amounts added up. `target` and `plan` are of the year."""

    SIGNINGS = "signings"
    SIGNED_COUNT_TARGET = "signed_count_target"
    SIGNED_AMOUNT_TARGET = "signed_amount_target"
    STARTS = "starts"
    STARTS_DUE = "starts_due"
    STARTS_REACHED = "starts_reached"
    STARTED_COUNT_TARGET = "started_count_target"
    STARTED_AMOUNT_TARGET = "started_amount_target"
    INVESTMENT_COMPLETED = "investment_completed"
    INVESTMENT_PLAN = "investment_plan"
    PRODUCTIONS = "productions"
    PRODUCTION_DUE = "production_due"
    PRODUCTION_REACHED = "production_reached"
    PRODUCING_COUNT_TARGET = "producing_count_target"
    PRODUCING_AMOUNT_TARGET = "producing_amount_target"
    OBLIGATIONS_DUE = "obligations_due"
    OBLIGATIONS_ON_TIME = "obligations_on_time"
    OVERDUE_STARTS = "overdue_starts"
    MONTH_END_REDS = "month_end_reds"
    LATE_REPORTS = "late_reports"
    FALSIFIED_RECORDS = "falsified_records"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`name`: for officials. `unit`: of its amounts; empty where there is nothing to add up. `of`: what is counted."""

    name: str
    of: str
    unit: str = ""


_WAN = "万元"
_OF_TARGET = "《年度招商项目计划清单》中该链当年的目标"
MEANINGS: Mapping[Measure, Meaning] = {
    Measure.SIGNINGS: Meaning("新签约项目", "本期内首次正式签约的项目，金额为合同金额（增资为增量）", _WAN),
    Measure.SIGNED_COUNT_TARGET: Meaning("年度签约目标数", _OF_TARGET, "个"),
    Measure.SIGNED_AMOUNT_TARGET: Meaning("年度签约目标额", _OF_TARGET, _WAN),
    Measure.STARTS: Meaning("新开工项目", "本期内开工的项目，金额为总投资（增资为增量）", _WAN),
    Measure.STARTS_DUE: Meaning("应开工项目", "计划开工日在本期内的项目，含经批准停缓建的"),
    Measure.STARTS_REACHED: Meaning("按计划已开工项目", "应开工项目中本期末前已开工的"),
    Measure.STARTED_COUNT_TARGET: Meaning("年度开工目标数", _OF_TARGET, "个"),
    Measure.STARTED_AMOUNT_TARGET: Meaning("年度开工目标额", _OF_TARGET, _WAN),
    Measure.INVESTMENT_COMPLETED: Meaning("当年累计完成投资", "当年1月至本期末各月月报的当月完成投资", _WAN),
    Measure.INVESTMENT_PLAN: Meaning("年度计划投资", "各项目当年的年度计划投资", _WAN),
    Measure.PRODUCTIONS: Meaning("新投产项目", "本期内投产的项目，金额为总投资（增资为增量）", _WAN),
    Measure.PRODUCTION_DUE: Meaning("应投产项目", "计划投产日在本期内的项目，含经批准停缓建的"),
    Measure.PRODUCTION_REACHED: Meaning("按计划已投产项目", "应投产项目中本期末前已投产的"),
    Measure.PRODUCING_COUNT_TARGET: Meaning("年度投产目标数", _OF_TARGET, "个"),
    Measure.PRODUCING_AMOUNT_TARGET: Meaning("年度投产目标额", _OF_TARGET, _WAN),
    Measure.OBLIGATIONS_DUE: Meaning("应办督办事项", "到期日在本期内的督办事项"),
    Measure.OBLIGATIONS_ON_TIME: Meaning("按期办结事项", "应办督办事项中到期日当天或之前办结的"),
    Measure.OVERDUE_STARTS: Meaning("逾期未开工项目", "应开工项目中本期末仍未开工、又未经批准停缓建的"),
    Measure.MONTH_END_REDS: Meaning("月末红灯", "本期内每个月末亮红灯的项目，每月计一次"),
    Measure.LATE_REPORTS: Meaning("迟报月报", "本期内应报而到报送日仍未报送的月报"),
    Measure.FALSIFIED_RECORDS: Meaning("弄虚作假记录", "本期内因弄虚作假被撤销的项目"),
}


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """A record that counts. `day`: the day that makes it count in the period. `amount`: in the measure's unit."""

    day: date
    kind: str
    id: str
    name: str
    amount: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing was heard of it: an indicator that needs it is not applicable, which is not the same as none."""

    why: str


Found = tuple[Evidence, ...] | Unknown
Gathered = Mapping[Measure, Found]
"""What there is of each measure. One that is left out is unknown."""


def found(gathered: Gathered, measure: Measure) -> Found:
    """What was gathered of a measure, in one order whatever order it came in."""
    there = gathered.get(measure, Unknown(f"没有“{MEANINGS[measure].name}”的数据"))
    return there if isinstance(there, Unknown) else tuple(sorted(there, key=_order))


def _order(one: Evidence) -> tuple[date, str, str, str, Fraction]:
    return one.day, one.kind, one.name, one.id, one.amount or Fraction(0)
