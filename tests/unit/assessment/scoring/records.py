"""Evidence for score tests."""

from datetime import date
from fractions import Fraction

from services.assessment.domain.scoring.measures import Evidence, Found, Gathered, Measure

DAY = date(2026, 3, 2)


def records(count: int, amount: int | None = None, *, kind: str = "project") -> tuple[Evidence, ...]:
    """So many records; their amounts come to `amount`, the first carries what does not divide."""
    each = None if amount is None else amount // count
    rest = 0 if amount is None or each is None else amount - each * count
    return tuple(
        Evidence(
            DAY,
            kind,
            f"{kind}-{one}",
            f"项目{one}",
            None if each is None else Fraction(each + (rest if not one else 0)),
        )
        for one in range(count)
    )


def one(amount: int, *, kind: str = "target") -> tuple[Evidence, ...]:
    return (Evidence(DAY, kind, kind, "年度目标", Fraction(amount)),)


def plain(value: object) -> object:
    """For comparing fractions and decimals with whole numbers."""
    return value


def worked_case() -> dict[Measure, Found]:
    """The worked case of the domain's "Scores and incentives", for the first quarter; yearly figures are four times it.

    Signings 14 of 12 and 78亿 of 60亿, one of them 30亿; starts 7 of 10; investment 8.2 of 40 × 25 %; production 1
    of 2; obligations 17 of 20; one overdue start, two month-end reds, one late report.
    """
    large, small = Evidence(DAY, "project", "large", "大项目", Fraction(300_000)), records(13, 480_000)
    return {
        Measure.SIGNINGS: (large, *small),
        Measure.SIGNED_COUNT_TARGET: one(48),
        Measure.SIGNED_AMOUNT_TARGET: one(2_400_000),
        Measure.STARTS_DUE: records(10),
        Measure.STARTS_REACHED: records(7),
        Measure.INVESTMENT_COMPLETED: records(3, 82_000, kind="report"),
        Measure.INVESTMENT_PLAN: records(2, 400_000),
        Measure.PRODUCTION_DUE: records(2),
        Measure.PRODUCTION_REACHED: records(1),
        Measure.OBLIGATIONS_DUE: records(20, kind="obligation"),
        Measure.OBLIGATIONS_ON_TIME: records(17, kind="obligation"),
        Measure.OVERDUE_STARTS: records(1),
        Measure.MONTH_END_REDS: records(2),
        Measure.LATE_REPORTS: records(1),
        Measure.FALSIFIED_RECORDS: (),
    }


def nothing_due() -> Gathered:
    """A chain of which everything was heard, and nothing happened."""
    return dict.fromkeys(Measure, ())
