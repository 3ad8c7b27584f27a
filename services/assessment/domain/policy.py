"""The policy: the ladder, its days, the lights' boundaries. It is written as data (`policies`) and never changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal

from shared.contracts.programme import Tier
from shared.contracts.supervision import Document, Light
from shared.kit.errors import Invalid

LADDER = (
    Tier.OFFICER,
    Tier.UNIT_HEAD,
    Tier.TASK_FORCE_OFFICE,
    Tier.TASK_FORCE,
    Tier.DEPUTY_CHIEF,
    Tier.CHIEF,
    Tier.CHIEF_GENERAL,
)
"""The tiers from the bottom up; a vacant one is skipped towards the end of this list."""

_WHOLE = Decimal(100)


@dataclass(frozen=True, slots=True)
class Fault:
    """`place`: a path such as `rungs[2].after_days`, counted from 1. `line`: of the file, where there is one."""

    place: str
    reason: str
    line: int | None = None

    def __str__(self) -> str:
        where = self.place if self.line is None else f"第{self.line}行 {self.place}"
        return f"{where}：{self.reason}"


class PolicyRefused(Invalid):
    """The policy's data breaks rules: all that were found, in the order of the document."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        told = "；".join(map(str, faults))
        super().__init__(
            f"督办规则有误：{told}",
            place=faults[0].place,
            reason=faults[0].reason,
            faults=[{"place": one.place, "line": one.line, "reason": one.reason} for one in faults],
        )
        self.faults = tuple(faults)

    @property
    def place(self) -> str:
        return self.faults[0].place

    @property
    def reason(self) -> str:
        return self.faults[0].reason


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder. `after_days`: working days after the due day; `reply_within_days` after the rung."""

    number: int
    after_days: int
    document: Document
    to: tuple[Tier, ...]
    copy: tuple[Tier, ...] = ()
    reply_within_days: int | None = None
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Raise:
    """Red at so many month-ends running raises the case to this rung before the day."""

    month_end_reds: int
    to_rung: int


@dataclass(frozen=True, slots=True)
class StartRule:
    """Rule set `start`: month-ends passed without a start, the planned month's own included."""

    yellow_from_months: int
    red_from_months: int
    raises: tuple[Raise, ...] = ()

    def rung_for(self, month_end_reds: int) -> int:
        """The rung the light may raise a case to; 0 for none."""
        return max((one.to_rung for one in self.raises if month_end_reds >= one.month_end_reds), default=0)


@dataclass(frozen=True, slots=True)
class PaceRule:
    """Rule set `pace`: percentage points below the scheduled share. Less than the range is green, more is red."""

    yellow_from: Decimal
    yellow_to: Decimal
    includes_from: bool
    includes_to: bool

    def light(self, points_below: Decimal) -> Light:
        if points_below < self.yellow_from or (points_below == self.yellow_from and not self.includes_from):
            return Light.GREEN
        if points_below > self.yellow_to or (points_below == self.yellow_to and not self.includes_to):
            return Light.RED
        return Light.YELLOW


@dataclass(frozen=True, slots=True)
class RatioRule:
    """Rule set `ratio`: the year's figure to date in percent of its scheduled one; the boundaries belong above."""

    green_from: Decimal
    yellow_from: Decimal

    def light(self, done: Decimal, scheduled: Decimal) -> Light:
        """Of what was done, and what should have been; nothing scheduled is on schedule."""
        if done * _WHOLE >= self.green_from * scheduled:
            return Light.GREEN
        return Light.YELLOW if done * _WHOLE >= self.yellow_from * scheduled else Light.RED


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of the rules; immutable, and known by its version for as long as a case that began with it."""

    version: str
    fires_at: time
    fires_until: time
    remind_days_before: int
    remind_to: tuple[Tier, ...]
    acknowledgement_holds_days: int
    commitment_within_days: int
    case_number: str
    letter_number: str
    rungs: tuple[Rung, ...]
    closing_to: tuple[Tier, ...]
    start_light: StartRule
    pace_light: PaceRule
    ratio_light: RatioRule
    ticket_yellow_up_to_days: int
    report_day: int
    reports_are_supervised: bool
    land_within_months: int
    termination_after_months: int
    commend_early_days: int
    commend_to: tuple[Tier, ...]
    commend_copy: tuple[Tier, ...]
    rule_set: str = ""
    """Of the document's rule sets the one that it is; empty for what holds where none does."""

    def rung(self, number: int) -> Rung | None:
        """The rung of this number; None above the top."""
        return self.rungs[number - 1] if 1 <= number <= len(self.rungs) else None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a rule set is for: projects of chains of a category, of a kind; obligations of a kind. None: of any.

    One that names the obligation's kind is more precise than all that do not.
    """

    category: str | None = None
    kind: str | None = None
    obligation: str | None = None

    @property
    def precision(self) -> int:
        return 4 * (self.obligation is not None) + (self.category is not None) + (self.kind is not None)

    def covers(self, category: str | None, kind: str | None, obligation: str | None) -> bool:
        asked = (self.category, category), (self.kind, kind), (self.obligation, obligation)
        return all(mine in (None, given) for mine, given in asked)


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A version with all its rule sets: the most precise that covers a project holds, else the base."""

    base: Policy
    rule_sets: tuple[tuple[Scope, Policy], ...] = ()
    in_force_from: date | None = None
    """None: from the day on which it is installed."""

    @property
    def version(self) -> str:
        return self.base.version

    def for_(self, *, category: str | None, kind: str | None, obligation: str | None = None) -> Policy:
        asked = category, kind, obligation
        covering = [(scope.precision, policy) for scope, policy in self.rule_sets if scope.covers(*asked)]
        return max(covering, key=lambda one: one[0])[1] if covering else self.base

    def named(self, rule_set: str) -> Policy:
        """The rule set of this name; the base for the empty one."""
        return next((policy for _, policy in self.rule_sets if policy.rule_set == rule_set), self.base)

    def renamed(self, version: str) -> "PolicyDocument":
        sets = tuple((scope, replace(policy, version=version)) for scope, policy in self.rule_sets)
        return replace(self, base=replace(self.base, version=version), rule_sets=sets)
