"""Working days of the mainland's public calendar: pure arithmetic over year tables. Asia/Shanghai dates."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Counted:
    """A day found by counting; `provisional` when a year on the way has no published table."""

    day: date
    provisional: bool


class WorkingCalendar:
    """Published years as tables; a year without one counts Monday to Friday and is provisional.

    `version` names what the calendar knows (it changes when a year's table is imported).
    """

    @property
    def version(self) -> str:
        raise NotImplementedError

    def is_working(self, day: date) -> bool:
        raise NotImplementedError

    def add(self, day: date, working_days: int) -> Counted:
        """The working day that lies `working_days` after (negative: before) `day`; 0 gives the day or the next one."""
        raise NotImplementedError

    def between(self, start: date, end: date) -> int:
        """Working days after `start` up to and including `end`; negative when `end` is before `start`."""
        raise NotImplementedError


def published() -> WorkingCalendar:
    """The calendar that ships: the years the calendar package has from the State Council's notices."""
    raise NotImplementedError
