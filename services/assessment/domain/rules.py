"""What decisions rest on besides the state: the policy, the calendar, and the day supervision began."""

from dataclasses import dataclass, field
from datetime import date, datetime

from services.assessment.domain import moments
from services.assessment.domain.policy import Policy, PolicyDocument
from shared.kit.errors import Conflict
from shared.kit.working_days import WorkingCalendar


@dataclass(frozen=True, slots=True)
class Rules:
    """`began_on`: what was due before this day is a baseline. `document`: the version that the policy is of.

    Mornings and scopes are remembered: thousands of timers a second ask for the same few.
    """

    policy: Policy
    calendar: WorkingCalendar
    began_on: date
    document: PolicyDocument | None = None
    _mornings: dict[date, datetime] = field(default_factory=dict, compare=False, repr=False)
    _scoped: dict[object, "Rules"] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def of(cls, document: PolicyDocument, calendar: WorkingCalendar, began_on: date) -> "Rules":
        return cls(document.base, calendar, began_on, document)

    def for_(self, category: str | None, kind: str | None, obligation: str | None) -> "Rules":
        """Those for this kind of obligation (None: for none), of projects of this kind in chains of this category.

        `category` None: not known, or of no chain.
        """
        if self.document is None or not self.document.rule_sets:
            return self
        found = self._scoped.get((category, kind, obligation))
        if found is None:
            found = self.named(self.document.for_(category=category, kind=kind, obligation=obligation).rule_set)
            self._scoped[category, kind, obligation] = found
        return found

    @property
    def is_by_category(self) -> bool:
        """Whether some rule set depends on the chain's category."""
        return self.document is not None and any(one.category for one, _ in self.document.rule_sets)

    def named(self, rule_set: str) -> "Rules":
        """Those of the version's rule set of this name; see `PolicyDocument.named`."""
        if self.document is None or rule_set == self.policy.rule_set:
            return self
        found = self._scoped.get(rule_set)
        if found is None:
            found = Rules(self.document.named(rule_set), self.calendar, self.began_on, self.document)
            self._scoped[rule_set] = found
        return found

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
