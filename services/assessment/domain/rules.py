"""What decisions rest on besides the state: the policy, the calendar, and the day supervision began."""

from dataclasses import dataclass, field
from datetime import date, datetime

from services.assessment.domain import moments
from services.assessment.domain.policy import Policy
from shared.kit.errors import Conflict
from shared.kit.working_days import WorkingCalendar


@dataclass(frozen=True, slots=True)
class Rules:
    """`began_on`: what was due before this day is a baseline.

    Mornings are remembered: thousands of timers a second ask for the same few days.
    """

    policy: Policy
    calendar: WorkingCalendar
    began_on: date
    _mornings: dict[date, datetime] = field(default_factory=dict, compare=False, repr=False)

    def morning(self, day: date) -> datetime:
        """The firing time of `day`."""
        found = self._mornings.get(day)
        if found is None:
            found = self._mornings[day] = moments.at(day, self.policy.fires_at)
        return found

    def next_morning(self, day: date) -> datetime:
        """The firing time of the first working day after `day`."""
        return self.morning(self.calendar.add(day, 1).day)

    def working_morning(self, now: datetime) -> datetime:
        """`now` itself when it lies in a working morning; else the beginning of the next one.

        After an outage the ladder goes on in working mornings, never at night or on a holiday.
        """
        local = now.astimezone(moments.CHINA)
        day, clock_time = local.date(), local.time()
        if not self.calendar.is_working(day) or clock_time >= self.policy.fires_until:
            return self.next_morning(day)
        return self.morning(day) if clock_time < self.policy.fires_at else now

    def alarm(self, due_at: datetime, now: datetime) -> datetime:
        """When to look at what is due at `due_at`: then, or, when that has passed, in the next working morning."""
        return due_at if due_at > now else self.working_morning(now)


class NotNow(Conflict):
    """The verb has no place in this state."""

    def __init__(self, message: str, *, state: str, verb: str, **details: object) -> None:
        super().__init__(message, state=state, verb=verb, **details)
