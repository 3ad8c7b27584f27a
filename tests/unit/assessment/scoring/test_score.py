from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.assessment.domain.scoring.figures import half_up, shown
from services.assessment.domain.scoring.measures import Evidence, Gathered, Measure, Unknown
from services.assessment.domain.scoring.opened import IndicatorScore, Score
from services.assessment.domain.scoring.rules import Table
from services.assessment.domain.scoring.score import score, spread
from services.assessment.policies.scoring import parse_scoring, read_scoring
from tests.unit.assessment.scoring.records import DAY, nothing_due, one, plain, records, worked_case

TABLE = read_scoring().table
LEAGUE = parse_scoring("""
version: league-1
in_force_from: 2026-01-01
name: 招商擂台赛
period: quarter
scheduled_shares: [25%, 50%, 75%, 100%]
report_day: 25
rounding: { places: 1 }
indicators:
  - key: signings
    name: 签约额
    weight: 50
    cap: none
    ratio: { actual: { sum: signings }, target: { number: 100000 } }
  - key: starts
    name: 开工率
    weight: 30
    cap: 30
    ranges:
      ratio: { actual: { count: starts_reached }, target: { count: starts_due } }
      steps:
        - { from: 60%, points: 10 }
        - { from: 80%, points: 20, rising: 100 }
  - key: basis
    name: 基础分
    weight: 20
    cap: 20
    constant: 12.5
bonus:
  at_most: 3
  items:
    - { key: every, name: 每满5亿元, each: 2, per: 50000, of: { sum: signings } }
""")


def of(result: Score, key: str) -> IndicatorScore:
    return next(one for one in result.indicators if one.key == key)


def points(result: Score) -> dict[str, Decimal]:
    return {one.key: shown(one.points) for one in result.indicators}


def test_the_worked_case_comes_to_83_13_with_its_parts() -> None:
    result = score(TABLE, worked_case(), quarter=1)
    assert points(result) == {
        "signings": Decimal(20),
        "starts": Decimal("21.875"),
        "investment": Decimal("20.5"),
        "production": Decimal("7.5"),
        "supervision": Decimal("12.75"),
    }
    assert sum(points(result).values()) == Decimal("82.625")
    assert {one.key: shown(one.points) for one in result.bonus.items} == {
        "large_signings": Decimal(2),
        "signings_above_target": Decimal(2),
    }
    assert {one.key: shown(one.points) for one in result.deductions.items} == {
        "overdue_starts": Decimal(1),
        "month_end_reds": Decimal(2),
        "late_reports": Decimal("0.5"),
        "falsified_records": Decimal(0),
    }
    assert (result.bonus.points - result.deductions.points, result.exact) == (Fraction(1, 2), Fraction(83125, 1000))
    assert result.total == Decimal("83.13")


def test_each_half_of_the_signings_is_capped_by_itself() -> None:
    signings = of(score(TABLE, worked_case(), quarter=1), "signings")
    assert plain([(one.key, shown(one.before_cap), one.cap, one.points) for one in signings.parts]) == [
        ("count", Decimal("11.666667"), 10, 10),
        ("amount", Decimal(13), 10, 10),
    ]
    few = {**worked_case(), Measure.SIGNINGS: records(6, 780_000)}
    assert of(score(TABLE, few, quarter=1), "signings").points == 15


def test_what_was_held_counts_as_due_to_start_and_80_percent_is_the_aim() -> None:
    starts = of(score(TABLE, worked_case(), quarter=1), "starts")
    assert starts.formula == "25 × 按计划已开工项目7个 ÷ 应开工项目10个 ÷ 目标比例80% = 21.875"
    eight = {**worked_case(), Measure.STARTS_REACHED: records(8)}
    nine = {**worked_case(), Measure.STARTS_REACHED: records(9)}
    assert of(score(TABLE, eight, quarter=1), "starts").points == 25
    capped = of(score(TABLE, nine, quarter=1), "starts")
    assert plain((shown(capped.before_cap), capped.points)) == (Decimal("28.125"), 25)
    assert capped.formula.endswith("= 28.125，封顶25，得25")


def test_a_point_opens_down_to_the_records_behind_it() -> None:
    actual, target = of(score(TABLE, worked_case(), quarter=1), "investment").inputs
    assert plain((actual.role, actual.raw, actual.value, len(actual.evidence))) == ("actual", 82_000, 82_000, 3)
    assert plain((target.raw, target.share_of_year, target.value)) == (400_000, Decimal("0.25"), 100_000)
    assert sum((record.amount or 0 for record in actual.evidence), Fraction(0)) == actual.raw
    assert {record.kind for record in actual.evidence} == {"report"}


def test_investment_is_measured_against_the_year_to_date_and_signings_against_the_quarter() -> None:
    second = score(TABLE, worked_case(), quarter=2)
    assert of(second, "investment").inputs[1].share_of_year == Decimal("0.5")
    assert of(second, "signings").parts[0].inputs[1].share_of_year == Decimal("0.25")


def test_a_league_is_only_data() -> None:
    gathered = {
        Measure.SIGNINGS: records(2, 130_000),
        Measure.STARTS_DUE: records(20),
        Measure.STARTS_REACHED: records(17),
    }
    result = score(LEAGUE, gathered, quarter=1)
    assert points(result) == {"signings": Decimal(65), "starts": Decimal(25), "basis": Decimal("12.5")}
    assert of(result, "signings").cap is None
    assert of(result, "signings").formula.endswith("不封顶")
    assert plain((result.bonus.items[0].units, result.bonus.before_limit, result.bonus.points)) == (2, 4, 3)
    assert result.total == Decimal("105.5")


def test_ranges_include_where_they_begin() -> None:
    at = {60: 10, 79: 10, 59: 0, 80: 20, 90: 30, 100: 30}
    for reached, expected in at.items():
        gathered = {
            Measure.SIGNINGS: (),
            Measure.STARTS_DUE: records(100),
            Measure.STARTS_REACHED: records(reached),
        }
        assert of(score(LEAGUE, gathered, quarter=1), "starts").points == expected, reached


def test_a_zero_denominator_is_not_applicable_and_its_weight_is_spread() -> None:
    gathered = {**worked_case(), Measure.PRODUCTION_DUE: (), Measure.PRODUCTION_REACHED: ()}
    result = score(TABLE, gathered, quarter=1)
    production = of(result, "production")
    assert plain((production.applies, production.points, production.counted_weight)) == (False, 0, 0)
    assert production.formula == "不适用：“应投产项目”为0，分母为零；权重15分摊到其他指标"
    assert [one.raw for one in production.inputs] == [0, 0]
    starts = of(result, "starts")
    assert starts.counted_weight == Fraction(25 * 100, 85)
    assert starts.points == Fraction("21.875") * Fraction(100, 85)
    assert "分摊不适用指标的权重" in starts.formula
    assert result.exact == Fraction("75.125") * Fraction(100, 85) + Fraction(1, 2)
    assert result.total == Decimal("88.88")


def test_one_half_that_is_not_applicable_leaves_its_weight_to_the_other() -> None:
    without_amount = {**worked_case(), Measure.SIGNED_AMOUNT_TARGET: Unknown("清单未定目标额")}
    signings = of(score(TABLE, without_amount, quarter=1), "signings")
    assert plain([(one.applies, one.points) for one in signings.parts]) == [(True, 20), (False, 0)]
    assert signings.parts[1].why_not == "清单未定目标额"
    without_both = {**without_amount, Measure.SIGNED_COUNT_TARGET: ()}
    assert not of(score(TABLE, without_both, quarter=1), "signings").applies


def test_what_nobody_told_is_not_applicable_and_says_so() -> None:
    result = score(TABLE, {}, quarter=1)
    assert not any(one.applies for one in result.indicators)
    assert result.total is None
    assert result.deductions.items[0].why_not == "没有“逾期未开工项目”的数据"


def test_where_nothing_was_due_there_is_no_score() -> None:
    assert score(TABLE, nothing_due(), quarter=1).total is None


def test_a_falsified_record_costs_five() -> None:
    gathered = {**worked_case(), Measure.FALSIFIED_RECORDS: records(1)}
    assert score(TABLE, gathered, quarter=1).total == Decimal("78.13")


def test_bonus_and_deductions_stop_at_their_limits() -> None:
    huge = {**worked_case(), Measure.SIGNINGS: records(40, 40 * 300_000), Measure.MONTH_END_REDS: records(9)}
    result = score(TABLE, huge, quarter=1)
    assert plain([(one.units, one.points) for one in result.bonus.items]) == [(40, 6), (28, 4)]
    assert result.deductions.items[1].points == 5
    assert result.deductions.items[1].formula == "月末红灯9个，计9次 × 1 = 9，最多5"


def test_half_goes_up_and_away_from_zero() -> None:
    told = {"83.125": "83.13", "83.1249999": "83.12", "0.005": "0.01", "-0.005": "-0.01", "-0.004": "0"}
    assert {exact: half_up(Fraction(exact), 2) for exact in told} == {key: Decimal(told[key]) for key in told}
    assert half_up(Fraction(5, 2), 0) == 3


def test_nothing_is_rounded_on_the_way() -> None:
    table = parse_scoring("""
version: thirds
in_force_from: 2026-01-01
name: 三分之一
period: quarter
scheduled_shares: [25%, 50%, 75%, 100%]
report_day: 25
rounding: { places: 0 }
indicators:
  - { key: a, name: 甲, weight: 0.5, cap: none, ratio: { actual: { number: 1 }, target: { number: 3 } } }
  - { key: b, name: 乙, weight: 0.5, cap: none, ratio: { actual: { number: 2 }, target: { number: 3 } } }
""")
    assert score(table, {}, quarter=1).total == 1


COUNTS = st.integers(0, 40)


@st.composite
def gatherings(draw: st.DrawFn) -> Gathered:
    """Anything that may have been heard of a chain, some of it not."""
    gathered: dict[Measure, tuple[Evidence, ...]] = {}
    for measure in Measure:
        if draw(st.booleans()):
            amounts = draw(st.lists(st.integers(0, 500_000), max_size=12))
            gathered[measure] = tuple(
                Evidence(DAY, "project", f"{index}", "项目", Fraction(amount)) for index, amount in enumerate(amounts)
            )
    return gathered


TABLES = st.sampled_from([TABLE, LEAGUE])


@given(TABLES, gatherings(), st.integers(1, 4))
def test_a_cap_never_raises(table: Table, gathered: Gathered, quarter: int) -> None:
    for top in score(table, gathered, quarter=quarter).indicators:
        for indicator in (top, *top.parts):
            assert indicator.points <= indicator.before_cap
            assert indicator.cap is None or indicator.points <= indicator.cap


@given(TABLES, gatherings(), st.integers(1, 4))
def test_weights_come_to_the_total_again(table: Table, gathered: Gathered, quarter: int) -> None:
    result = score(table, gathered, quarter=quarter)
    total = sum(one.weight for one in table.indicators)
    counted = sum((one.counted_weight for one in result.indicators), Fraction(0))
    assert counted == (total if any(one.applies for one in result.indicators) else 0)
    for top in result.indicators:
        assert sum((part.counted_weight for part in top.parts), Fraction(0)) in (
            top.counted_weight if top.parts else 0,
        )


@given(TABLES, gatherings(), st.integers(1, 4), st.integers())
def test_the_order_of_the_evidence_does_not_matter(table: Table, gathered: Gathered, quarter: int, seed: int) -> None:
    shuffled: dict[Measure, tuple[Evidence, ...] | Unknown] = {}
    for measure, there in gathered.items():
        assert not isinstance(there, Unknown)
        shuffled[measure] = tuple(Random(seed).sample(there, len(there)))
    assert score(table, shuffled, quarter=quarter) == score(table, gathered, quarter=quarter)


@given(st.dictionaries(st.text(min_size=1), st.fractions(min_value="0.01", max_value=100), min_size=1), st.data())
def test_spread_keeps_the_proportions(weights: dict[str, Fraction], data: st.DataObject) -> None:
    total = sum(weights.values(), Fraction(0))
    applicable = data.draw(st.lists(st.sampled_from(sorted(weights)), unique=True, min_size=1))
    counted = spread(weights, applicable, total)
    assert sum(counted.values(), Fraction(0)) == total
    assert len({counted[key] / weights[key] for key in applicable}) == 1


@given(COUNTS, COUNTS)
def test_more_reached_never_costs_points(due: int, reached: int) -> None:
    fewer = {**worked_case(), Measure.STARTS_DUE: records(due), Measure.STARTS_REACHED: records(reached)}
    more = {**fewer, Measure.STARTS_REACHED: records(reached + 1)}
    assert score(TABLE, more, quarter=1).exact >= score(TABLE, fewer, quarter=1).exact


def test_a_target_of_the_year_is_one_record() -> None:
    signings = of(score(TABLE, worked_case(), quarter=1), "signings")
    assert signings.parts[0].inputs[1].evidence == one(48)
    assert signings.parts[0].formula.startswith("10 × 新签约项目14个 ÷ （年度签约目标数48个 × 序时进度25%）")
