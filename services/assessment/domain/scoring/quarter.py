"""The period of a table: a quarter of a year, of Asia/Shanghai."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from services.assessment.domain.moments import month_end
from shared.kit.errors import Invalid

_FORM = re.compile(r"(20\d\d)-Q([1-4])")
_NUMBERS = "一二三四"


class PeriodUnknown(Invalid):
    def __init__(self, label: str) -> None:
        super().__init__(f"没有“{label}”这一考核期，应如 2026-Q1", period=label)


@dataclass(frozen=True, slots=True)
class Quarter:
    """`number`: 1 to 4."""

    year: int
    number: int

    @classmethod
    def of(cls, label: str) -> Self:
        """The quarter of a label such as 2026-Q1.

        Raises:
            PeriodUnknown: it is none.
        """
        read = _FORM.fullmatch(label)
        if read is None:
            raise PeriodUnknown(label)
        return cls(int(read[1]), int(read[2]))

    @property
    def label(self) -> str:
        return f"{self.year}-Q{self.number}"

    @property
    def words(self) -> str:
        return f"{self.year}年第{_NUMBERS[self.number - 1]}季度"

    @property
    def from_on(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def to_on(self) -> date:
        return month_end(self.months[-1])

    @property
    def months(self) -> tuple[date, date, date]:
        """Its months, each by its first day."""
        last = 3 * self.number
        return date(self.year, last - 2, 1), date(self.year, last - 1, 1), date(self.year, last, 1)

    def __contains__(self, day: date | None) -> bool:
        return day is not None and self.from_on <= day <= self.to_on

    def is_over(self, today: date) -> bool:
        return today > self.to_on

    def seen_by(self, today: date) -> date:
        """What has happened by this day counts."""
        return min(self.to_on, today)

    def due_by(self, today: date) -> date:
        """What was due by this day counts as due: today is not over yet."""
        return min(self.to_on, today - timedelta(days=1))
