"""The indicator language as typed data. Numbers are decimals as they were written; money is whole 万元."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from services.assessment.domain.scoring.measures import Measure

ONE = Decimal(1)


class By(StrEnum):
    COUNT = "count"
    SUM = "sum"


class Scheduled(StrEnum):
    """序时进度: what share of the year a yearly figure is multiplied by."""

    PERIOD = "period"  # that of the period alone
    TO_DATE = "to_date"  # that of the year up to the period's end


@dataclass(frozen=True, slots=True)
class Quantity:
    """How many records there are of a measure, or what their amounts come to.

    `at_least`: only records of this amount or more. `scheduled`: a yearly figure's part. `times`: a factor.
    """

    measure: Measure
    by: By
    at_least: Decimal | None = None
    scheduled: Scheduled | None = None
    times: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Number:
    """A constant in place of a quantity."""

    value: Decimal


Amount = Quantity | Number


@dataclass(frozen=True, slots=True)
class Ratio:
    """Weight × actual ÷ target ÷ aim. `aim`: the share at which the weight is reached in full, e.g. 0.8."""

    actual: Amount
    target: Amount
    aim: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Constant:
    """So many points of the weight, whatever happened."""

    points: Decimal


@dataclass(frozen=True, slots=True)
class Range:
    """From this value on (included) so many points of the weight, and `rising` for each 1 above it."""

    start: Decimal
    points: Decimal
    rising: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Points by where a value lies; below the first range there are none. Ranges stand in rising order."""

    of: Amount | Ratio
    ranges: tuple[Range, ...]


Rule = Ratio | Constant | Ranges


@dataclass(frozen=True, slots=True)
class Indicator:
    """`weight`: in points. `cap`: at most so many points; None where it may go beyond its weight without end.

    It has one rule, or `parts` whose weights make up its own (half by count, half by amount), each with its own cap.
    """

    key: str
    name: str
    weight: Decimal
    cap: Decimal | None
    rule: Rule | None = None
    parts: tuple["Indicator", ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A bonus or deduction: `each` points for each whole `per` of a quantity, or of what of it lies above another."""

    key: str
    name: str
    each: Decimal
    of: Amount
    above: Amount | None = None
    per: Decimal = ONE
    at_most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """Bonus items, or deductions; `at_most` points in all."""

    items: tuple[Item, ...] = ()
    at_most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One version of a quarterly table.

    `shares`: 序时进度 at the end of each quarter, e.g. 0.25, 0.5, 0.75, 1. `places`: decimals of the total, the only
    figure that is rounded (half up). `ties`: keys of indicators that decide between equal totals, in this order.
    `report_day`: of each month, by which that month's report is due.
    """

    version: str
    name: str
    in_force_from: date
    shares: tuple[Decimal, Decimal, Decimal, Decimal]
    places: int
    indicators: tuple[Indicator, ...]
    bonus: Items
    deductions: Items
    ties: tuple[str, ...]
    report_day: int

    def share(self, quarter: int, scheduled: Scheduled) -> Decimal:
        """The share of the year of a quarter, 1 to 4."""
        to_date = self.shares[quarter - 1]
        if scheduled is Scheduled.TO_DATE or quarter == 1:
            return to_date
        return to_date - self.shares[quarter - 2]
