"""What a table comes to for one chain. Nothing is rounded but the total, once, half up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from services.assessment.domain.scoring import figures
from services.assessment.domain.scoring.figures import percent, words
from services.assessment.domain.scoring.measures import MEANINGS, Gathered, Unknown, found
from services.assessment.domain.scoring.opened import IndicatorScore, Input, ItemScore, ItemsScore, Score
from services.assessment.domain.scoring.rules import (
    ONE,
    Amount,
    By,
    Constant,
    Indicator,
    Item,
    Items,
    Number,
    Range,
    Ranges,
    Ratio,
    Rule,
    Table,
)

_ZERO = Fraction(0)


def score(table: Table, gathered: Gathered, *, quarter: int) -> Score:
    """Work out a table for a quarter (1 to 4) from what was gathered for one chain."""
    evidence = _Evidence(table, gathered, quarter)
    total_weight = sum((Fraction(one.weight) for one in table.indicators), _ZERO)
    indicators = _group(table.indicators, total_weight, evidence)
    bonus, deductions = _items(table.bonus, evidence), _items(table.deductions, evidence)
    exact = sum((one.points for one in indicators), _ZERO) + bonus.points - deductions.points
    applies = any(one.applies for one in indicators)
    total = figures.half_up(exact, table.places) if applies else None
    return Score(table.version, indicators, bonus, deductions, exact, total)


def spread(weights: Mapping[str, Fraction], applicable: Sequence[str], total: Fraction) -> dict[str, Fraction]:
    """The weights of those that are applicable, grown in proportion until they come to the total again."""
    left = sum((weights[key] for key in applicable), _ZERO)
    return {key: weights[key] * total / left for key in applicable} if left else {}


class _NotApplicable(Exception):
    """With the reason, for people."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What rules are worked out with."""

    table: Table
    gathered: Gathered
    quarter: int

    def input(self, amount: Amount, role: str) -> Input:
        """A figure with what is behind it.

        Raises:
            _NotApplicable: nothing was heard of it.
        """
        if isinstance(amount, Number):
            value = Fraction(amount.value)
            return Input(role, "常数", None, None, None, "", value, value, None, ONE, ())
        meaning, there = MEANINGS[amount.measure], found(self.gathered, amount.measure)
        if isinstance(there, Unknown):
            raise _NotApplicable(there.why)
        if amount.at_least is not None:
            there = tuple(one for one in there if one.amount is not None and one.amount >= Fraction(amount.at_least))
        by_count = amount.by is By.COUNT
        raw = Fraction(len(there)) if by_count else sum((one.amount or _ZERO for one in there), _ZERO)
        share = self.table.share(self.quarter, amount.scheduled) if amount.scheduled else None
        value = raw * Fraction(amount.times) * (Fraction(share) if share is not None else 1)
        name = meaning.name
        if amount.at_least is not None:
            name += f"（{words(amount.at_least)}{meaning.unit}以上）"
        unit = "个" if by_count else meaning.unit
        return Input(
            role, name, amount.measure, amount.by, amount.at_least, unit, raw, value, share, amount.times, there
        )


def _group(indicators: Sequence[Indicator], total: Fraction, evidence: _Evidence) -> tuple[IndicatorScore, ...]:
    """Those of a table, or the parts of an indicator: what is not applicable leaves its weight to the others."""
    applicable = [one.key for one in indicators if not _why_not(one, evidence)]
    counted = spread({one.key: Fraction(one.weight) for one in indicators}, applicable, total)
    return tuple(_indicator(one, counted.get(one.key, _ZERO), evidence) for one in indicators)


def _why_not(indicator: Indicator, evidence: _Evidence) -> str:
    """Why an indicator is not applicable; empty if it is. One of parts is not when none of them is."""
    if indicator.parts:
        reasons = [_why_not(part, evidence) for part in indicator.parts]
        return "；".join(dict.fromkeys(reasons)) if all(reasons) else ""
    assert indicator.rule is not None
    try:
        _work_out(indicator.rule, indicator.weight, evidence)
    except _NotApplicable as reason:
        return str(reason)
    return ""


def _indicator(indicator: Indicator, counted: Fraction, evidence: _Evidence) -> IndicatorScore:
    if why_not := _why_not(indicator, evidence):
        return _not_applicable(indicator, evidence, why_not)
    grown = counted / Fraction(indicator.weight)
    cap = None if indicator.cap is None else Fraction(indicator.cap) * grown
    parts = _group(indicator.parts, counted, evidence)
    inputs: tuple[Input, ...] = ()
    if parts:
        before = sum((part.points for part in parts), _ZERO)
        formula = " + ".join(f"{part.name}{words(part.points)}" for part in parts if part.applies)
    else:
        assert indicator.rule is not None
        stated, formula, inputs = _work_out(indicator.rule, indicator.weight, evidence)
        before = stated * grown
    points = before if cap is None else min(before, cap)
    return IndicatorScore(
        indicator.key,
        indicator.name,
        indicator.weight,
        counted,
        before,
        cap,
        points,
        _in_words(formula, indicator, counted, before, cap, points),
        inputs,
        parts,
    )


def _not_applicable(indicator: Indicator, evidence: _Evidence, why_not: str) -> IndicatorScore:
    parts = tuple(_not_applicable(part, evidence, _why_not(part, evidence)) for part in indicator.parts)
    formula = f"不适用：{why_not}；权重{words(indicator.weight)}分摊到其他指标"
    inputs = _known_inputs(indicator.rule, evidence) if indicator.rule else ()
    return IndicatorScore(
        indicator.key, indicator.name, indicator.weight, _ZERO, _ZERO, None, _ZERO, formula, inputs, parts, why_not
    )


def _known_inputs(rule: Rule, evidence: _Evidence) -> tuple[Input, ...]:
    """What there is all the same: a zero denominator is shown as well as what would have been divided by it."""
    of = rule.of if isinstance(rule, Ranges) else rule
    if not isinstance(of, Ratio):
        return ()
    known: list[Input] = []
    for amount, role in ((of.actual, "actual"), (of.target, "target")):
        try:
            known.append(evidence.input(amount, role))
        except _NotApplicable:
            continue
    return tuple(known)


def _work_out(rule: Rule, weight: Decimal, evidence: _Evidence) -> tuple[Fraction, str, tuple[Input, ...]]:
    """Points of the stated weight, formula, inputs.

    Raises:
        _NotApplicable: a denominator is zero, or nothing was heard of an input.
    """
    if isinstance(rule, Constant):
        return Fraction(rule.points), f"固定{words(rule.points)}分", ()
    if isinstance(rule, Ranges):
        return _by_ranges(rule, evidence)
    value, formula, inputs = _ratio(rule, evidence)
    return Fraction(weight) * value, f"{words(weight)} × {formula}", inputs


def _ratio(rule: Ratio, evidence: _Evidence) -> tuple[Fraction, str, tuple[Input, ...]]:
    actual, target = evidence.input(rule.actual, "actual"), evidence.input(rule.target, "target")
    if not target.value:
        raise _NotApplicable(f"“{target.name}”为0，分母为零")
    formula = f"{_figure(actual)} ÷ {_figure(target)}"
    if rule.aim != 1:
        formula += f" ÷ 目标比例{percent(rule.aim)}"
    return actual.value / target.value / Fraction(rule.aim), formula, (actual, target)


def _by_ranges(rule: Ranges, evidence: _Evidence) -> tuple[Fraction, str, tuple[Input, ...]]:
    inputs: tuple[Input, ...]
    if isinstance(rule.of, Ratio):
        value, figure, inputs = _ratio(rule.of, evidence)
        read = f"{figure} = {percent(value)}"
    else:
        one = evidence.input(rule.of, "value")
        value, read, inputs = one.value, _figure(one), (one,)
    below = [one for one in rule.ranges if Fraction(one.start) <= value]
    if not below:
        return _ZERO, f"{read}，低于最低档，0分", inputs
    points, earned = _in_range(below[-1], value)
    as_ratio = isinstance(rule.of, Ratio)
    start = percent(below[-1].start) if as_ratio else words(below[-1].start)
    return points, f"{read}，在{start}起的一档，{earned}", inputs


def _in_range(one: Range, value: Fraction) -> tuple[Fraction, str]:
    points = Fraction(one.points) + Fraction(one.rising) * (value - Fraction(one.start))
    if not one.rising:
        return points, f"{words(points)}分"
    return points, f"{words(one.points)} + {words(one.rising)} × 超出部分{words(value - Fraction(one.start))}"


def _figure(one: Input) -> str:
    if one.measure is None:
        return words(one.raw)
    figure = f"{one.name}{words(one.raw)}{one.unit}"
    if one.share_of_year is not None:
        figure += f" × 序时进度{percent(one.share_of_year)}"
    if one.times != 1:
        figure += f" × {words(one.times)}"
    return f"（{figure}）" if " × " in figure else figure


def _in_words(
    formula: str, indicator: Indicator, counted: Fraction, before: Fraction, cap: Fraction | None, points: Fraction
) -> str:
    grown = counted / Fraction(indicator.weight)
    if grown != 1 and not indicator.parts:
        formula = f"（{formula}）× {words(counted)} ÷ {words(indicator.weight)}（分摊不适用指标的权重）"
    told = f"{formula} = {words(before)}"
    if cap is None:
        return f"{told}，不封顶"
    return f"{told}，封顶{words(cap)}，得{words(points)}" if before > cap else told


def _items(items: Items, evidence: _Evidence) -> ItemsScore:
    scored = tuple(_item(one, evidence) for one in items.items)
    before = sum((one.points for one in scored), _ZERO)
    points = before if items.at_most is None else min(before, Fraction(items.at_most))
    return ItemsScore(scored, before, items.at_most, points)


def _item(item: Item, evidence: _Evidence) -> ItemScore:
    """An item that nothing was heard of neither adds nor takes away, and says so."""
    try:
        of = evidence.input(item.of, "value")
        above = None if item.above is None else evidence.input(item.above, "base")
    except _NotApplicable as reason:
        return ItemScore(item.key, item.name, 0, _ZERO, item.at_most, _ZERO, f"不计：{reason}", (), str(reason))
    over = of.value - (above.value if above else _ZERO)
    units = max(0, floor(over / Fraction(item.per)))
    before = Fraction(item.each) * units
    points = before if item.at_most is None else min(before, Fraction(item.at_most))
    formula = _item_in_words(item, of, above, units, before, points)
    inputs = (of,) if above is None else (of, above)
    return ItemScore(item.key, item.name, units, before, item.at_most, points, formula, inputs)


def _item_in_words(item: Item, of: Input, above: Input | None, units: int, before: Fraction, points: Fraction) -> str:
    figure = _figure(of) if above is None else f"{_figure(of)}超出{_figure(above)}"
    per = "" if item.per == 1 else f"，每满{words(item.per)}{of.unit}计一次"
    told = f"{figure}{per}，计{units}次 × {words(item.each)} = {words(before)}"
    return f"{told}，最多{words(points)}" if points < before else told
