"""A score opened into parts: what a person is shown of every point."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.assessment.domain.scoring.measures import Evidence


@dataclass(frozen=True, slots=True)
class Input:
    """A figure that went into a score. `raw`: before `times` and the share of the year; `value`: after them.

    `role`: actual or target of a ratio, value that ranges or items look at, base that it has to go beyond.
    `measure`: none for a constant. `evidence`: the records behind `raw`.
    """

    role: str
    name: str
    measure: str | None
    by: str | None
    at_least: Decimal | None
    unit: str
    raw: Fraction
    value: Fraction
    share_of_year: Decimal | None
    times: Decimal
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class IndicatorScore:
    """`weight`: as the table states it; `counted_weight`: with what not-applicable ones left over, zero when it is one.

    `before_cap`, `cap`, `points`: all with the counted weight. `why_not`: why it is not applicable; empty if it is.
    """

    key: str
    name: str
    weight: Decimal
    counted_weight: Fraction
    before_cap: Fraction
    cap: Fraction | None
    points: Fraction
    formula: str
    inputs: tuple[Input, ...]
    parts: tuple["IndicatorScore", ...] = ()
    why_not: str = ""

    @property
    def applies(self) -> bool:
        return not self.why_not


@dataclass(frozen=True, slots=True)
class ItemScore:
    """`units`: how often it counted. `points`: what it adds or takes away, never negative."""

    key: str
    name: str
    units: int
    before_limit: Fraction
    at_most: Decimal | None
    points: Fraction
    formula: str
    inputs: tuple[Input, ...]
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class ItemsScore:
    items: tuple[ItemScore, ...]
    before_limit: Fraction
    at_most: Decimal | None
    points: Fraction


@dataclass(frozen=True, slots=True)
class Score:
    """`exact`: before rounding. `total`: half up; None when no indicator is applicable, so that there is no score."""

    table_version: str
    indicators: tuple[IndicatorScore, ...]
    bonus: ItemsScore
    deductions: ItemsScore
    exact: Fraction
    total: Decimal | None

    def points_of(self, key: str) -> Fraction | None:
        """The points of an indicator; None when it is not applicable."""
        return next((one.points for one in self.indicators if one.key == key and one.applies), None)
