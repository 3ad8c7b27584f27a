"""What there is of each measure, for each chain or unit and a quarter: from ledgers, obligations and targets."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import NamedTuple
from uuid import UUID

from services.assessment.domain.light import judge, missed_month_ends
from services.assessment.domain.moments import month_end
from services.assessment.domain.obligation import State
from services.assessment.domain.policy import StartRule
from services.assessment.domain.scoring.ledger import Line, ProjectLedger, TargetEntry
from services.assessment.domain.scoring.measures import Evidence, Found, Gathered, Measure, Unknown
from services.assessment.domain.scoring.quarter import Quarter
from shared.contracts.projects import Stage
from shared.contracts.registers import Target
from shared.contracts.supervision import Light

_TARGETS: Mapping[Measure, Target] = {
    Measure.SIGNED_COUNT_TARGET: Target.SIGNED_COUNT,
    Measure.SIGNED_AMOUNT_TARGET: Target.SIGNED_AMOUNT,
    Measure.STARTED_COUNT_TARGET: Target.STARTED_COUNT,
    Measure.STARTED_AMOUNT_TARGET: Target.STARTED_AMOUNT,
    Measure.PRODUCING_COUNT_TARGET: Target.PRODUCING_COUNT,
    Measure.PRODUCING_AMOUNT_TARGET: Target.PRODUCING_AMOUNT,
}
Whose = Callable[[ProjectLedger, date], UUID]
"""Whom a project counts for on a day."""

_COUNTED = tuple(measure for measure in Measure if measure not in _TARGETS)


class Duty(NamedTuple):
    """An obligation as it stands. `supervised_from`: the day on which a baseline was confirmed."""

    id: UUID
    project_id: UUID
    milestone_id: UUID
    name: str
    due_on: date
    state: State
    inner: State | None
    supervised_from: date | None
    met_on: date | None

    def is_baseline(self, began_on: date) -> bool:
        """Due before supervision began, and not confirmed: shown, and counted for nobody."""
        return State.BASELINE in (self.state, self.inner) or (self.due_on < began_on and self.supervised_from is None)

    @property
    def counts(self) -> bool:
        """What was cancelled is no longer due; what is suspended is due on a day that moves when it is resumed."""
        return self.state not in (State.CANCELLED, State.SUSPENDED, State.BASELINE)


@dataclass(frozen=True, slots=True)
class Ground:
    """All that a quarter is counted from, as it stands.

    `start_rule_of`: by what a project's light is judged. `report_day`: of each month, by which its report is due.
    """

    ledgers: tuple[ProjectLedger, ...]
    duties: tuple[Duty, ...]
    targets: tuple[TargetEntry, ...]
    start_rule_of: Callable[[ProjectLedger], StartRule]
    began_on: date
    report_day: int


def gather(
    ground: Ground, quarter: Quarter, *, today: date, whose: Whose = ProjectLedger.chain_on, with_targets: bool = True
) -> "Collected":
    """What there is of each measure for each chain (or whoever else), as far as the quarter has gone on this day.

    `with_targets`: they are set for chains.
    """
    found = Collected(ground, quarter, today, whose, with_targets)
    projects = {one.id: one for one in ground.ledgers}
    for project in ground.ledgers:
        if project.struck_off_on is not None:
            _falsified(project, found)
            continue
        for collect in (_signed, _started, _produced, _invested, _late_reports):
            collect(project, found)
        _due_to_start(project, found)
        _due_to_produce(project, found)
        _reds(project, found)
    for duty in ground.duties:
        if (owner := projects.get(duty.project_id)) is not None and owner.struck_off_on is None:
            _duty(duty, owner, found)
    return found


@dataclass(slots=True)
class Collected:
    """Evidence by owner and measure, while it is gathered and after."""

    ground: Ground
    quarter: Quarter
    today: date
    whose: Whose
    with_targets: bool
    _duties: dict[UUID, Duty] = field(init=False)
    _found: dict[tuple[UUID, Measure], list[Evidence]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._duties = {duty.milestone_id: duty for duty in self.ground.duties}

    @property
    def seen_by(self) -> date:
        return self.quarter.seen_by(self.today)

    @property
    def due_by(self) -> date:
        return self.quarter.due_by(self.today)

    def duty_of(self, line: Line) -> Duty | None:
        """The obligation that a line of a timetable became."""
        return self._duties.get(line.id)

    def is_baseline(self, line: Line) -> bool:
        duty = self.duty_of(line)
        return duty is not None and duty.is_baseline(self.ground.began_on)

    def add(self, owner_id: UUID, measure: Measure, evidence: Evidence) -> None:
        self._found.setdefault((owner_id, measure), []).append(evidence)

    def of(self, owner_id: UUID) -> Gathered:
        counted: dict[Measure, Found] = {
            measure: tuple(self._found.get((owner_id, measure), ())) for measure in _COUNTED
        }
        return {**counted, **self._targets_of(owner_id)}

    def _targets_of(self, chain_id: UUID) -> Mapping[Measure, Found]:
        if not self.with_targets:
            return dict.fromkeys(_TARGETS, Unknown("年度目标只下达到产业链，不分责任单位"))
        year = self.quarter.year
        entries = [one for one in self.ground.targets if (one.chain_id, one.year) == (chain_id, year)]
        if not entries:
            return dict.fromkeys(_TARGETS, Unknown(f"《年度招商项目计划清单》中没有该链{year}年的目标"))
        return {measure: _target(entries, target) for measure, target in _TARGETS.items()}


def _target(entries: Iterable[TargetEntry], target: Target) -> Found:
    told = [(one, value) for one in entries if isinstance(value := one.fields.get(target.value), int)]
    if not told:
        return Unknown("《年度招商项目计划清单》没有定这一目标")
    return tuple(
        Evidence(one.told_on, "target", str(one.id), f"{one.year}年度招商目标", Fraction(value)) for one, value in told
    )


def _project(project: ProjectLedger, day: date, amount: int | None = None) -> Evidence:
    exact = None if amount is None else Fraction(amount)
    return Evidence(day, "project", str(project.id), f"{project.code} {project.name}", exact)


def _reached(
    stage: Stage, measure: Measure, amount: Callable[[ProjectLedger], int]
) -> Callable[[ProjectLedger, Collected], None]:
    """Those that reached a stage in the quarter, on a day that somebody wrote down."""

    def collect(project: ProjectLedger, found: Collected) -> None:
        day = project.reached.get(stage)
        if day is not None and day in found.quarter and day <= found.seen_by:
            found.add(found.whose(project, day), measure, _project(project, day, amount(project)))

    return collect


_signed = _reached(Stage.SIGNED, Measure.SIGNINGS, lambda project: project.signed_amount_wan)
_started = _reached(Stage.STARTED, Measure.STARTS, lambda project: project.total_wan)
_produced = _reached(Stage.PRODUCING, Measure.PRODUCTIONS, lambda project: project.total_wan)


def _due_to_start(project: ProjectLedger, found: Collected) -> None:
    """What is held stays due, by the day that stood, and is not overdue; nor is what was due before supervision."""
    line = project.line_to(Stage.STARTED)
    due_on = _due(project, line, found) if line else None
    if line is None or due_on is None:
        return
    owner, evidence = found.whose(project, due_on), _project(project, due_on)
    found.add(owner, Measure.STARTS_DUE, evidence)
    if project.has_reached(Stage.STARTED, found.seen_by):
        found.add(owner, Measure.STARTS_REACHED, evidence)
    elif not project.is_held(found.seen_by) and not found.is_baseline(line):
        found.add(owner, Measure.OVERDUE_STARTS, evidence)


def _due_to_produce(project: ProjectLedger, found: Collected) -> None:
    line = project.line_to(Stage.PRODUCING)
    due_on = _due(project, line, found) if line else None
    if due_on is None:
        return
    owner, evidence = found.whose(project, due_on), _project(project, due_on)
    found.add(owner, Measure.PRODUCTION_DUE, evidence)
    if project.has_reached(Stage.PRODUCING, found.seen_by):
        found.add(owner, Measure.PRODUCTION_REACHED, evidence)


def _due(project: ProjectLedger, line: Line, found: Collected) -> date | None:
    """The day in the quarter, up to now, by which a line was due: the one that is supervised, with what was granted.

    What was terminated or cancelled is not due.
    """
    planned_on, duty = line.due_on(found.seen_by, found.ground.began_on), found.duty_of(line)
    if planned_on is None or project.has_ended(found.seen_by):
        return None
    due_on = duty.due_on if duty else planned_on
    return due_on if due_on in found.quarter and due_on <= found.due_by else None


def _invested(project: ProjectLedger, found: Collected) -> None:
    """Of the year up to the quarter's end: reports by month, and the year's plan."""
    year = found.quarter.year
    for month, report in project.reports.items():
        if month.year == year and month <= found.seen_by:
            day = month_end(month)
            name = f"{project.code} {project.name}（{month.month}月月报）"
            evidence = Evidence(day, "report", f"{project.id}/{month:%Y-%m}", name, Fraction(report.completed_wan))
            found.add(found.whose(project, day), Measure.INVESTMENT_COMPLETED, evidence)
    if (plan := project.plans.get(year)) is not None:
        day = found.seen_by
        found.add(found.whose(project, day), Measure.INVESTMENT_PLAN, _project(project, date(year, 12, 31), plan))


def _late_reports(project: ProjectLedger, found: Collected) -> None:
    """A report is due on the same day of each month, of what is under construction on that day."""
    for month in found.quarter.months:
        day = month.replace(day=found.ground.report_day)
        if day > found.due_by or day < found.ground.began_on or not _is_under_construction(project, day):
            continue
        report = project.reports.get(month)
        if report is None or report.told_on > day:
            name = f"{project.code} {project.name}（{month.month}月月报）"
            evidence = Evidence(day, "report", f"{project.id}/{month:%Y-%m}", name)
            found.add(found.whose(project, day), Measure.LATE_REPORTS, evidence)


def _is_under_construction(project: ProjectLedger, day: date) -> bool:
    return (
        project.recorded_on <= day
        and project.has_reached(Stage.STARTED, day)
        and not project.has_reached(Stage.PRODUCING, day)
        and not project.is_held(day)
        and not project.has_ended(day)
    )


def _reds(project: ProjectLedger, found: Collected) -> None:
    """The light of a start, at each month's end that is over, judged from what is known now: late facts count."""
    line = project.line_to(Stage.STARTED)
    if line is None or found.is_baseline(line):
        return
    for month in found.quarter.months:
        day = month_end(month)
        if day <= found.due_by and _was_red(project, line, day, found.ground):
            name = f"{project.code} {project.name}（{month.month}月末）"
            evidence = Evidence(day, "light", f"{project.id}/{month:%Y-%m}", name)
            found.add(found.whose(project, day), Measure.MONTH_END_REDS, evidence)


def _was_red(project: ProjectLedger, line: Line, day: date, ground: Ground) -> bool:
    planned_on = line.due_on(day, ground.began_on)
    if planned_on is None or planned_on > day or day < ground.began_on:
        return False
    if project.has_reached(Stage.STARTED, day) or project.is_held(day) or project.has_ended(day):
        return False
    missed = missed_month_ends(planned_on, day, project.excused_month_ends(planned_on, day))
    return judge(missed, ground.start_rule_of(project)) is Light.RED


def _falsified(project: ProjectLedger, found: Collected) -> None:
    day = project.struck_off_on
    if day is not None and day in found.quarter and day <= found.seen_by:
        found.add(found.whose(project, day), Measure.FALSIFIED_RECORDS, _project(project, day))


def _duty(duty: Duty, project: ProjectLedger, found: Collected) -> None:
    if not duty.counts or duty.is_baseline(found.ground.began_on):
        return
    if duty.due_on not in found.quarter or duty.due_on > found.due_by:
        return
    name = f"{project.code} {project.name}：{duty.name}"
    evidence = Evidence(duty.due_on, "obligation", str(duty.id), name)
    owner = found.whose(project, duty.due_on)
    found.add(owner, Measure.OBLIGATIONS_DUE, evidence)
    if duty.met_on is not None and duty.met_on <= duty.due_on:
        found.add(owner, Measure.OBLIGATIONS_ON_TIME, evidence)
