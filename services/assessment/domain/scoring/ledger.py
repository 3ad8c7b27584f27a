"""What scores are counted from, folded from intake's facts: of each project its days, amounts, plans and reports; of
each chain its targets of a year. Nothing of it is decided here, and nothing is kept: facts are folded when asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from services.assessment.domain.moments import first_of_next_month, month_end
from shared.contracts.event import Event
from shared.contracts.project_records import MilestoneReopened, ProjectCorrected, ProjectProfiled, ProjectReported
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestonePlanned,
    MilestoneReplanned,
    ProjectHeld,
    ProjectKind,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectSigned,
    ProjectTerminated,
    Stage,
    StageReached,
)
from shared.contracts.registers import EntryRecorded, EntryRevised, EntryWithdrawn, FieldValue

TARGETS = "investment_targets"
_ORDER = {stage: index for index, stage in enumerate(Stage)}
_TERMINATED, _STRUCK_OFF, _HELD = "terminated", "struck_off", "held"


class Told(NamedTuple):
    """One of intake's facts: its place in its stream, and the day on which it was recorded."""

    seq: int
    on: date
    event: Event


class Report(NamedTuple):
    """A month's report as it stands. `told_on`: when it was first there."""

    completed_wan: int
    told_on: date
    seq: int


@dataclass(slots=True)
class Hold:
    """停缓建, from one day up to before another. Numbers of the facts that said so."""

    seq: int
    from_day: date
    until: date | None = None
    until_seq: int | None = None

    def covers(self, day: date) -> bool:
        return self.from_day <= day and (self.until is None or day < self.until)


@dataclass(slots=True)
class Line:
    """A line of the timetable that a stage meets. `dues`: its due days with the days on which they were told."""

    id: UUID
    stage: Stage
    dues: list[tuple[date, date]]
    cancelled_on: date | None = None

    def due_on(self, on: date, began_on: date) -> date | None:
        """The due day as it stood on a day; None before it was planned, and once it was cancelled.

        One asked for after the day had passed moves nothing, unless that day lay before supervision began.
        """
        if self.cancelled_on is not None and self.cancelled_on <= on:
            return None
        due: date | None = None
        for told_on, due_on in self.dues:
            late = due is not None and told_on > due >= began_on
            if told_on <= on and not late:
                due = due_on
        return due


@dataclass(slots=True)
class ProjectLedger:
    """`entered`: the stage in which it was recorded, whose day nobody may know. `chains`, `units`: from which
    day on which."""

    id: UUID
    code: str
    name: str
    kind: ProjectKind
    recorded_on: date
    entered: Stage
    total_wan: int
    chains: list[tuple[date, UUID]]
    units: list[tuple[date, UUID]]
    reached: dict[Stage, date] = field(default_factory=dict)
    signed_wan: int | None = None
    lines: dict[UUID, Line] = field(default_factory=dict)
    plans: dict[int, int] = field(default_factory=dict)
    reports: dict[date, Report] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    terminated_on: date | None = None
    struck_off_on: date | None = None

    @property
    def signed_amount_wan(self) -> int:
        """The contract's amount; where none was recorded, the total. For a 增资 both are the increment."""
        return self.total_wan if self.signed_wan is None else self.signed_wan

    def chain_on(self, day: date) -> UUID:
        """The chain it belonged to on a day."""
        return next((chain for since, chain in reversed(self.chains) if since <= day), self.chains[0][1])

    def unit_on(self, day: date) -> UUID:
        """The unit that was responsible for it on a day, as far as that was known when it changed."""
        return next((unit for since, unit in reversed(self.units) if since <= day), self.units[0][1])

    def has_reached(self, stage: Stage, on: date) -> bool:
        """Whether it had reached this stage or a later one on a day."""
        if any(day <= on for reached, day in self.reached.items() if _ORDER[reached] >= _ORDER[stage]):
            return True
        dated = stage in self.reached
        return not dated and _ORDER[self.entered] >= _ORDER[stage] and self.recorded_on <= on

    def is_held(self, on: date) -> bool:
        return any(hold.covers(on) for hold in self.holds)

    def has_ended(self, on: date) -> bool:
        return self.terminated_on is not None and self.terminated_on <= on

    def line_to(self, stage: Stage) -> Line | None:
        """The line that reaching this stage meets; of several the one planned last."""
        return next((line for line in reversed(self.lines.values()) if line.stage is stage), None)

    def excused_month_ends(self, from_day: date, to_day: date) -> int:
        """Month-ends at which it was held, from the month of one day to that of another."""
        ends, day = 0, month_end(from_day)
        while day <= month_end(to_day):
            ends += self.is_held(day)
            day = month_end(first_of_next_month(day))
        return ends


def fold_project(ledger: ProjectLedger | None, told: Told) -> ProjectLedger | None:
    """The ledger after one more fact (the same object, changed); None while the project's recording has not come."""
    event = told.event
    if isinstance(event, ProjectRecorded):
        return _recorded(event, told)
    if ledger is not None and (follow := _FOLD.get(type(event))) is not None:
        follow(ledger, event, told)
    return ledger


def _recorded(event: ProjectRecorded, told: Told) -> ProjectLedger:
    days = {Stage.SIGNED: event.signed_on, Stage.STARTED: event.started_on}
    return ProjectLedger(
        event.project_id,
        event.code,
        event.name,
        event.kind,
        told.on,
        event.stage,
        event.total_investment_wan,
        [(date.min, event.chain_id)],
        [(date.min, event.responsible_org_id)],
        reached={stage: day for stage, day in days.items() if day is not None},
        signed_wan=event.signed_amount_wan,
    )


def _revised(ledger: ProjectLedger, event: ProjectRevised, told: Told) -> None:
    ledger.name = event.name or ledger.name
    if event.total_investment_wan is not None:
        ledger.total_wan = event.total_investment_wan
    if event.signed_amount_wan is not None:
        ledger.signed_wan = event.signed_amount_wan
    for stage, day in ((Stage.SIGNED, event.signed_on), (Stage.STARTED, event.started_on)):
        if day is not None:
            ledger.reached[stage] = day
    if event.chain_id is not None:
        since = event.chain_since or told.on
        ledger.chains = [(day, chain) for day, chain in ledger.chains if day < since] + [(since, event.chain_id)]
    if event.responsible_org_id is not None:
        _handed_over(ledger, event.responsible_org_id, told.on)


def _handed_over(ledger: ProjectLedger, unit: UUID, on: date) -> None:
    ledger.units = [(day, known) for day, known in ledger.units if day < on] + [(on, unit)]


def _reached(ledger: ProjectLedger, event: StageReached, _: Told) -> None:
    ledger.reached[event.stage] = event.on
    if isinstance(event, ProjectSigned):
        ledger.signed_wan = event.amount_wan


def _profiled(ledger: ProjectLedger, event: ProjectProfiled, _: Told) -> None:
    if event.annual_plans is not None:
        ledger.plans = {plan.year: plan.amount_wan for plan in event.annual_plans}
    elif "annual_plans" in event.cleared:
        ledger.plans = {}


def _reported(ledger: ProjectLedger, event: ProjectReported, told: Told) -> None:
    before = ledger.reports.get(event.month)
    first = before.told_on if before else told.on
    ledger.reports[event.month] = Report(event.completed_in_month_wan, first, told.seq)


def _held(ledger: ProjectLedger, event: ProjectHeld, told: Told) -> None:
    ledger.holds.append(Hold(told.seq, event.on))


def _resumed(ledger: ProjectLedger, event: ProjectResumed, told: Told) -> None:
    if ledger.holds and ledger.holds[-1].until is None:
        ledger.holds[-1].until, ledger.holds[-1].until_seq = event.on, told.seq


def _terminated(ledger: ProjectLedger, event: ProjectTerminated, _: Told) -> None:
    ledger.terminated_on = event.on


def _corrected(ledger: ProjectLedger, event: ProjectCorrected, told: Told) -> None:
    """`stands` is the project whole; of holds and reports, those that hold no more go."""
    stands = event.stands
    ledger.kind = stands.kind
    ledger.reached = dict(stands.reached)
    ledger.entered = stands.entered_stage or stands.stage
    if stands.signed_amount_wan is not None:
        ledger.signed_wan = stands.signed_amount_wan
    gone = set(event.reverses)
    ledger.reports = {month: report for month, report in ledger.reports.items() if report.seq not in gone}
    ledger.holds = [hold for hold in ledger.holds if hold.seq not in gone]
    for hold in ledger.holds:
        if hold.until_seq in gone:
            hold.until, hold.until_seq = None, None
    day = stands.hold_status_on or told.on
    ledger.terminated_on = day if stands.hold_status == _TERMINATED else None
    ledger.struck_off_on = (ledger.struck_off_on or told.on) if stands.hold_status == _STRUCK_OFF else None
    if stands.hold_status == _HELD and not ledger.is_held(date.max):
        ledger.holds.append(Hold(told.seq, day))


def _planned(ledger: ProjectLedger, event: MilestonePlanned, told: Told) -> None:
    if event.stage is not None:
        ledger.lines[event.milestone_id] = Line(event.milestone_id, event.stage, [(told.on, event.due_on)])


def _replanned(ledger: ProjectLedger, event: MilestoneReplanned, told: Told) -> None:
    if (line := ledger.lines.get(event.milestone_id)) is not None:
        line.dues.append((told.on, event.due_on))


def _cancelled(ledger: ProjectLedger, event: MilestoneCancelled, told: Told) -> None:
    if (line := ledger.lines.get(event.milestone_id)) is not None:
        line.cancelled_on = told.on


def _reopened(ledger: ProjectLedger, event: MilestoneReopened, _: Told) -> None:
    if (line := ledger.lines.get(event.milestone_id)) is not None:
        line.cancelled_on = None


_FOLD: Mapping[type[Event], Callable[[ProjectLedger, Any, Told], None]] = {
    **dict.fromkeys(StageReached.__subclasses__(), _reached),
    ProjectRevised: _revised,
    ProjectProfiled: _profiled,
    ProjectReported: _reported,
    ProjectHeld: _held,
    ProjectResumed: _resumed,
    ProjectTerminated: _terminated,
    ProjectCorrected: _corrected,
    MilestonePlanned: _planned,
    MilestoneReplanned: _replanned,
    MilestoneCancelled: _cancelled,
    MilestoneReopened: _reopened,
}


@dataclass(slots=True)
class TargetEntry:
    """A chain's targets of a year, as they stand in the 《年度招商项目计划清单》."""

    id: UUID
    chain_id: UUID
    year: int
    fields: Mapping[str, FieldValue]
    told_on: date


def fold_targets(entry: TargetEntry | None, told: Told) -> TargetEntry | None:
    """The entry after one more fact; None for entries of other registers, and once it was withdrawn."""
    event = told.event
    if isinstance(event, EntryRecorded) and event.register_key == TARGETS and event.year is not None:
        return TargetEntry(event.entry_id, event.chain_id, event.year, event.fields, told.on)
    if entry is None or isinstance(event, EntryWithdrawn):
        return None
    if isinstance(event, EntryRevised):
        entry.fields, entry.told_on = event.fields, told.on
    return entry


FACTS: tuple[type[Event], ...] = (ProjectRecorded, *_FOLD, EntryRecorded, EntryRevised, EntryWithdrawn)
"""What is folded here; everything else passes by."""
