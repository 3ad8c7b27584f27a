"""The scoring rules from their YAML: refused with place and reason, or a table of the indicator language.

The document's shape is that of these models; scoring.yaml is the default one. What a rule may be made of is in
`domain.scoring.rules`.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from services.assessment.domain.scoring import rules
from services.assessment.domain.scoring.measures import MEANINGS, Measure
from services.assessment.domain.scoring.rules import By, Scheduled
from services.assessment.policies.reasons import place_of, reason_of
from shared.kit.errors import Invalid

DEFAULT = Path(__file__).with_name("scoring.yaml")
_MOST = 50
_NEVER = "领导批示、信息宣传、会议、照片留痕不得作为考核指标"


class ScoringRefused(Invalid):
    """The scoring rules cannot be used; `place` is a path such as `indicators[2].ratio.target`."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"考核规则有误（{place}）：{reason}", place=place, reason=reason)
        self.place = place
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Scoring:
    """A table with the document that says it: what was published keeps the rules by which it was."""

    table: rules.Table
    document: str


def read_scoring(path: Path | None = None) -> Scoring:
    """The rules of a file; the default ones when none is named.

    Raises:
        ScoringRefused: see `parse_scoring`.
    """
    document = (path or DEFAULT).read_text(encoding="utf-8")
    return Scoring(parse_scoring(document), document)


def parse_scoring(text: str) -> rules.Table:
    """The table that a YAML document describes.

    Raises:
        ScoringRefused: it is no YAML, or something in it is missing, unknown, of the wrong kind, or contradicts itself.
    """
    try:
        data = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ScoringRefused(_line_of(error), f"不是有效的YAML：{_problem_of(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ScoringRefused("scoring", "有日期或数字不存在（如2月30日），或层次过深") from error
    return table_of(data)


def table_of(data: object) -> rules.Table:
    """The table that this data describes.

    Raises:
        ScoringRefused: see `parse_scoring`.
    """
    try:
        return _Document.model_validate(data).table()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ScoringRefused(place_of(first["loc"], whole="scoring"), reason_of(first)) from error


class _Loader(yaml.SafeLoader):
    """A key named twice would be a rule that silently does not hold; references can grow without end."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="不支持引用（*）", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.MarkedYAMLError(problem=f"“{key.value}”写了两次", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _decimal(value: object) -> object:
    """A number as it was written; `80%` is 0.8."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("必须是数字，如 15 或 80%")
    written = str(value).strip()
    try:
        read = Decimal(written[:-1]) / 100 if written.endswith("%") else Decimal(written)
    except ArithmeticError as error:
        raise ValueError(f"“{written}”不是数字，应如 15 或 80%") from error
    if not read.is_finite() or abs(read) >= Decimal(10) ** 12 or read != read.quantize(Decimal(10) ** -6):
        raise ValueError("数字最多六位小数，绝对值小于一万亿")
    return read


def _cap(value: object) -> object:
    return None if value == "none" else _decimal("" if value is None else value)


def _measure(value: object) -> object:
    if isinstance(value, str) and value in list(Measure):
        return value
    known = "、".join(f"{one}（{MEANINGS[one].name}）" for one in Measure)
    raise ValueError(
        f"没有“{value}”这一数据来源，可用的有：{known}。领导批示、信息宣传、会议、照片留痕不得作为考核指标"
    )


Figure = Annotated[Decimal, BeforeValidator(_decimal)]
Positive = Annotated[Figure, Field(gt=0)]
NotNegative = Annotated[Figure, Field(ge=0)]
Named = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^\S(.*\S)?$")]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Cap = Annotated[Annotated[Decimal, Field(ge=0)] | None, BeforeValidator(_cap)]
Known = Annotated[Measure, BeforeValidator(_measure)]


def _require_different(keys: list[str] | tuple[str, ...], place: str) -> None:
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"{place} 中“{twice[0]}”出现了两次")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Amount(_Part):
    """One of `count`, `sum`, `number`."""

    count: Known | None = None
    sum: Known | None = None
    number: NotNegative | None = None
    at_least: Positive | None = None
    scheduled: Scheduled | None = None
    times: Positive | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.count, self.sum, self.number)) != 1:
            raise ValueError("count、sum、number 三者必须且只能写一个")
        if self.number is not None and (self.at_least or self.scheduled or self.times):
            raise ValueError("number 是常数，不能再写 at_least、scheduled、times")
        if self.sum is not None and not MEANINGS[self.sum].unit:
            raise ValueError(f"“{MEANINGS[self.sum].name}”没有金额，只能用 count 计个数")
        if self.at_least is not None and not MEANINGS[self._measure].unit:
            raise ValueError(f"“{MEANINGS[self._measure].name}”没有金额，不能写 at_least")
        return self

    @property
    def _measure(self) -> Measure:
        measure = self.count or self.sum
        assert measure is not None
        return measure

    def amount(self) -> rules.Amount:
        if self.number is not None:
            return rules.Number(self.number)
        by = By.COUNT if self.count else By.SUM
        return rules.Quantity(self._measure, by, self.at_least, self.scheduled, self.times or rules.ONE)


class _Ratio(_Part):
    actual: _Amount
    target: _Amount
    aim: Positive = rules.ONE

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.target.number == 0:
            raise ValueError("目标是常数0，不能作分母")
        return self

    def ratio(self) -> rules.Ratio:
        return rules.Ratio(self.actual.amount(), self.target.amount(), self.aim)


class _Range(_Part):
    start: Annotated[Figure, Field(alias="from")]
    points: Figure
    rising: NotNegative = Decimal(0)


class _Ranges(_Part):
    """By a ratio, or by a quantity `of`."""

    ratio: _Ratio | None = None
    of: _Amount | None = None
    steps: Annotated[tuple[_Range, ...], Field(min_length=1, max_length=_MOST)]

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if (self.ratio is None) == (self.of is None):
            raise ValueError("ratio（比率）和 of（数值）必须且只能写一个")
        starts = [one.start for one in self.steps]
        if any(later <= earlier for earlier, later in pairwise(starts)):
            raise ValueError("各档的 from 必须由小到大，不得重复")
        return self

    def ranges(self) -> rules.Ranges:
        of = self.ratio.ratio() if self.ratio else self.of.amount() if self.of else None
        assert of is not None
        return rules.Ranges(of, tuple(rules.Range(one.start, one.points, one.rising) for one in self.steps))


class _PartOfIndicator(_Part):
    """One of `ratio`, `constant`, `ranges`. `cap` is always said: a number of points, or `none`."""

    key: Key
    name: Named
    weight: Positive
    cap: Cap
    ratio: _Ratio | None = None
    constant: Figure | None = None
    ranges: _Ranges | None = None

    @model_validator(mode="after")
    def _has_one_rule(self) -> Self:
        if sum(one is not None for one in self._rules()) != 1:
            raise ValueError(f"{'、'.join(self._kinds())} 必须且只能写一个")
        return self

    def _kinds(self) -> tuple[str, ...]:
        return ("ratio", "constant", "ranges")

    def _rules(self) -> tuple[object, ...]:
        return (self.ratio, self.constant, self.ranges)

    def indicator(self) -> rules.Indicator:
        return rules.Indicator(self.key, self.name, self.weight, self.cap, self._rule())

    def _rule(self) -> rules.Rule | None:
        if self.ratio is not None:
            return self.ratio.ratio()
        if self.ranges is not None:
            return self.ranges.ranges()
        return None if self.constant is None else rules.Constant(self.constant)


class _Indicator(_PartOfIndicator):
    """The same, or `parts`."""

    parts: Annotated[tuple[_PartOfIndicator, ...], Field(min_length=2, max_length=_MOST)] | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.parts is not None:
            _require_different([one.key for one in self.parts], "parts")
            if (together := sum(one.weight for one in self.parts)) != self.weight:
                raise ValueError(f"parts 的 weight 合计为{together}，应等于该指标的 weight {self.weight}")
        return self

    def _kinds(self) -> tuple[str, ...]:
        return (*super()._kinds(), "parts")

    def _rules(self) -> tuple[object, ...]:
        return (*super()._rules(), self.parts)

    def indicator(self) -> rules.Indicator:
        whole = super().indicator()
        parts = tuple(part.indicator() for part in self.parts or ())
        return rules.Indicator(whole.key, whole.name, whole.weight, whole.cap, whole.rule, parts)


class _Item(_Part):
    key: Key
    name: Named
    each: Positive
    of: _Amount
    above: _Amount | None = None
    per: Positive = rules.ONE
    at_most: NotNegative | None = None

    def item(self) -> rules.Item:
        above = self.above.amount() if self.above else None
        return rules.Item(self.key, self.name, self.each, self.of.amount(), above, self.per, self.at_most)


class _Items(_Part):
    items: Annotated[tuple[_Item, ...], Field(max_length=_MOST)] = ()
    at_most: NotNegative | None = None

    @model_validator(mode="after")
    def _differ(self) -> Self:
        _require_different([one.key for one in self.items], "items")
        return self

    def all(self) -> rules.Items:
        return rules.Items(tuple(one.item() for one in self.items), self.at_most)


class _Rounding(_Part):
    """Of the total alone, half up."""

    places: int = Field(ge=0, le=6, strict=True)


class _Document(_Part):
    version: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S+$")]
    in_force_from: date
    name: Named
    period: Literal["quarter"]
    scheduled_shares: tuple[Positive, Positive, Positive, Positive]
    rounding: _Rounding
    indicators: Annotated[tuple[_Indicator, ...], Field(min_length=1, max_length=_MOST)]
    bonus: _Items = _Items()
    deductions: _Items = _Items()
    ties: tuple[str, ...] = ()
    report_day: int = Field(ge=1, le=28, strict=True)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        keys = [one.key for one in self.indicators]
        _require_different(keys, "indicators")
        _require_different(self.ties, "ties")
        if unknown := [one for one in self.ties if one not in keys]:
            raise ValueError(f"ties 中的“{unknown[0]}”不是指标，可用的有：{'、'.join(keys)}")
        shares = self.scheduled_shares
        if any(later < earlier for earlier, later in pairwise(shares)):
            raise ValueError("scheduled_shares 是各季度末的累计份额，不得逐季减少")
        return self

    def table(self) -> rules.Table:
        return rules.Table(
            version=self.version,
            name=self.name,
            in_force_from=self.in_force_from,
            shares=self.scheduled_shares,
            places=self.rounding.places,
            indicators=tuple(one.indicator() for one in self.indicators),
            bonus=self.bonus.all(),
            deductions=self.deductions.all(),
            ties=self.ties,
            report_day=self.report_day,
        )


def _line_of(error: yaml.YAMLError) -> str:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    return f"第{mark.line + 1}行第{mark.column + 1}列" if mark else "scoring"


def _problem_of(error: yaml.YAMLError) -> str:
    problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else None
    return problem or str(error)
