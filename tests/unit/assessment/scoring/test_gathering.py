from datetime import date
from fractions import Fraction
from itertools import count
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.assessment.domain.obligation import State
from services.assessment.domain.policy import StartRule
from services.assessment.domain.scoring.gathering import Duty, Ground, gather
from services.assessment.domain.scoring.ledger import ProjectLedger, TargetEntry, Told, fold_project, fold_targets
from services.assessment.domain.scoring.measures import Evidence, Gathered, Measure, Unknown
from services.assessment.domain.scoring.quarter import PeriodUnknown, Quarter
from shared.contracts.event import Event
from shared.contracts.project_records import (
    AnnualPlan,
    CorrectionKind,
    ProjectCorrected,
    ProjectProfiled,
    ProjectReported,
    Standing,
)
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestonePlanned,
    MilestoneReplanned,
    ProjectHeld,
    ProjectKind,
    ProjectProducing,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectSigned,
    ProjectStarted,
    ProjectTerminated,
    Stage,
)
from shared.contracts.registers import EntryRecorded, EntryRevised, EntryWithdrawn

NAMES = UUID("00000000-0000-0000-0000-00000000beef")
DISPLAY, CHIPS = uuid5(NAMES, "DISPLAY"), uuid5(NAMES, "CHIPS")
PROJECT, LINE = uuid5(NAMES, "project"), uuid5(NAMES, "line")
Q1, Q2 = Quarter(2026, 1), Quarter(2026, 2)
LATER = date(2026, 12, 1)
BEGAN = date(2026, 1, 5)
RECORDED_ON = date(2026, 1, 6)


def ledger(*told: tuple[date, Event], **recorded: Any) -> ProjectLedger:
    """A project that was recorded in 在谈 on 6 January, and what was told of it."""
    fields: dict[str, Any] = {
        "code": "P-1",
        "name": "项目",
        "chain_id": DISPLAY,
        "responsible_org_id": uuid5(NAMES, "unit"),
        "kind": ProjectKind.NEW,
        "total_investment_wan": 120_000,
        "stage": Stage.NEGOTIATING,
    }
    seqs = count(1)
    project = fold_project(
        None, Told(next(seqs), RECORDED_ON, ProjectRecorded(project_id=PROJECT, **{**fields, **recorded}))
    )
    for on, event in told:
        project = fold_project(project, Told(next(seqs), on, event))
    assert project is not None
    return project


def found(
    project: ProjectLedger,
    quarter: Quarter = Q1,
    *,
    today: date = LATER,
    chain: UUID = DISPLAY,
    duties: tuple[Duty, ...] = (),
    targets: tuple[TargetEntry, ...] = (),
) -> Gathered:
    ground = Ground((project,), duties, targets, lambda _: StartRule(1, 3), BEGAN, 25)
    return gather(ground, quarter, today=today).of(chain)


def ids(gathered: Gathered, measure: Measure) -> list[date]:
    """The days of what was found."""
    there = gathered[measure]
    assert not isinstance(there, Unknown)
    return [one.day for one in there]


def signed(on: date, amount: int = 100_000) -> tuple[date, Event]:
    return on, ProjectSigned(project_id=PROJECT, on=on, amount_wan=amount)


def started(on: date, told_on: date | None = None) -> tuple[date, Event]:
    return told_on or on, ProjectStarted(project_id=PROJECT, on=on)


def planned(due_on: date, stage: Stage = Stage.STARTED, on: date = RECORDED_ON) -> tuple[date, Event]:
    event = MilestonePlanned(
        project_id=PROJECT,
        milestone_id=LINE,
        name="开工",
        due_on=due_on,
        responsible_post_id=uuid5(NAMES, "post"),
        stage=stage,
    )
    return on, event


def replanned(due_on: date, on: date) -> tuple[date, Event]:
    return on, MilestoneReplanned(project_id=PROJECT, milestone_id=LINE, due_on=due_on, reason="")


def reported(month: date, completed: int, on: date) -> tuple[date, Event]:
    event = ProjectReported(
        project_id=PROJECT,
        month=month,
        completed_in_month_wan=completed,
        completed_to_date_wan=completed,
        funds_in_place_wan=0,
        visual_progress="",
    )
    return on, event


def corrected(kind: CorrectionKind, on: date, reverses: tuple[int, ...] = (), **stands: Any) -> tuple[date, Event]:
    standing: dict[str, Any] = {"kind": ProjectKind.NEW, "stage": Stage.SIGNED, "reached": {}, "hold_status": "active"}
    event = ProjectCorrected(
        project_id=PROJECT,
        correction_id=uuid5(NAMES, "correction"),
        kind=kind,
        of_sequence=2,
        of_type="",
        reverses=reverses,
        reason="",
        requested_by="",
        stands=Standing(**{**standing, **stands}),
    )
    return on, event


def duty(due_on: date, state: State = State.OPEN, **changes: Any) -> Duty:
    fields: dict[str, Any] = {
        "id": uuid5(LINE, "obligation"),
        "project_id": PROJECT,
        "milestone_id": LINE,
        "name": "开工",
        "due_on": due_on,
        "state": state,
        "inner": None,
        "supervised_from": None,
        "met_on": None,
    }
    return Duty(**{**fields, **changes})


def test_a_signing_counts_once_on_the_day_of_its_contract() -> None:
    project = ledger(signed(date(2026, 3, 31)))
    assert found(project)[Measure.SIGNINGS] == (
        Evidence(date(2026, 3, 31), "project", str(PROJECT), "P-1 项目", Fraction(100_000)),
    )
    assert ids(found(project, Q2), Measure.SIGNINGS) == []


def test_a_signing_before_the_books_counts_its_contract_or_else_the_total() -> None:
    on = date(2026, 2, 1)
    with_amount = ledger(stage=Stage.STARTED, signed_on=on, signed_amount_wan=90_000)
    without = ledger(stage=Stage.STARTED, signed_on=on)
    undated = ledger(stage=Stage.STARTED)
    amounts = [found(one)[Measure.SIGNINGS] for one in (with_amount, without, undated)]
    assert [[one.amount for one in there] for there in amounts if not isinstance(there, Unknown)] == [
        [90_000],
        [120_000],
        [],
    ]


def test_a_project_counts_where_it_belonged_on_the_day() -> None:
    moved = ProjectRevised(project_id=PROJECT, chain_id=CHIPS, chain_since=date(2026, 4, 1))
    project = ledger(signed(date(2026, 3, 2)), (date(2026, 4, 3), moved), started(date(2026, 4, 2)))
    assert ids(found(project), Measure.SIGNINGS) == [date(2026, 3, 2)]
    assert ids(found(project, chain=CHIPS), Measure.SIGNINGS) == []
    assert ids(found(project, Q2), Measure.STARTS) == []
    assert ids(found(project, Q2, chain=CHIPS), Measure.STARTS) == [date(2026, 4, 2)]


def test_by_unit_a_project_counts_for_whoever_answered_for_it_on_the_day() -> None:
    unit, other = uuid5(NAMES, "unit"), uuid5(NAMES, "other")
    moved = date(2026, 2, 16), ProjectRevised(project_id=PROJECT, responsible_org_id=other)
    project = ledger(signed(date(2026, 2, 2)), moved, started(date(2026, 3, 2)))
    ground = Ground((project,), (), (), lambda _: StartRule(1, 3), BEGAN, 25)
    units = gather(ground, Q1, today=LATER, whose=ProjectLedger.unit_on, with_targets=False)
    assert [len(ids(units.of(one), Measure.SIGNINGS)) for one in (unit, other)] == [1, 0]
    assert [len(ids(units.of(one), Measure.STARTS)) for one in (unit, other)] == [0, 1]
    assert units.of(unit)[Measure.SIGNED_COUNT_TARGET] == Unknown("年度目标只下达到产业链，不分责任单位")


def test_a_start_is_due_in_the_quarter_reached_or_overdue() -> None:
    due_on = date(2026, 3, 20)
    late, early = ledger(planned(due_on)), ledger(planned(due_on), started(date(2026, 1, 10)))
    assert ids(found(late), Measure.STARTS_DUE) == ids(found(late), Measure.OVERDUE_STARTS) == [due_on]
    assert ids(found(late), Measure.STARTS_REACHED) == []
    assert ids(found(early), Measure.STARTS_REACHED) == [due_on]
    assert ids(found(early), Measure.OVERDUE_STARTS) == []


def test_what_is_not_due_yet_does_not_count_in_a_quarter_that_goes_on() -> None:
    project, due_on = ledger(planned(date(2026, 3, 20))), date(2026, 3, 20)
    assert ids(found(project, today=due_on), Measure.STARTS_DUE) == []
    assert ids(found(project, today=date(2026, 3, 21)), Measure.OVERDUE_STARTS) == [due_on]


def test_a_hold_keeps_a_start_due_but_not_overdue() -> None:
    due_on = date(2026, 3, 20)
    held = date(2026, 2, 2), ProjectHeld(project_id=PROJECT, reason="不可抗力", on=date(2026, 2, 2))
    resumed = date(2026, 3, 10), ProjectResumed(project_id=PROJECT, on=date(2026, 3, 10))
    project = ledger(planned(due_on), held)
    assert ids(found(project), Measure.STARTS_DUE) == [due_on]
    assert ids(found(project), Measure.OVERDUE_STARTS) == []
    assert ids(found(ledger(planned(due_on), held, resumed)), Measure.OVERDUE_STARTS) == [due_on]
    moved = duty(date(2026, 4, 24))
    assert ids(found(ledger(planned(due_on), held, resumed), duties=(moved,)), Measure.STARTS_DUE) == []


def test_what_was_terminated_or_cancelled_is_not_due() -> None:
    due_on = date(2026, 3, 20)
    ended = date(2026, 3, 1), ProjectTerminated(project_id=PROJECT, reason="", on=date(2026, 3, 1))
    cancelled = date(2026, 3, 1), MilestoneCancelled(project_id=PROJECT, milestone_id=LINE, reason="")
    for end in (ended, cancelled):
        assert ids(found(ledger(planned(due_on), end)), Measure.STARTS_DUE) == []


def test_production_is_counted_like_starts() -> None:
    due_on = date(2026, 3, 20)
    produced = date(2026, 3, 9), ProjectProducing(project_id=PROJECT, on=date(2026, 3, 9))
    gathered = found(ledger(planned(due_on, Stage.PRODUCING), produced))
    assert ids(gathered, Measure.PRODUCTION_DUE) == ids(gathered, Measure.PRODUCTION_REACHED) == [due_on]
    assert ids(gathered, Measure.PRODUCTIONS) == [date(2026, 3, 9)]


def test_investment_is_that_of_the_year_up_to_the_quarters_end() -> None:
    profile = ProjectProfiled(project_id=PROJECT, annual_plans=(AnnualPlan(year=2026, amount_wan=40_000),))
    months = [date(2025, 12, 1), date(2026, 1, 1), date(2026, 3, 1), date(2026, 4, 1)]
    project = ledger((RECORDED_ON, profile), *(reported(month, 1_000, month) for month in months))
    assert ids(found(project), Measure.INVESTMENT_COMPLETED) == [date(2026, 1, 31), date(2026, 3, 31)]
    assert len(ids(found(project, Q2), Measure.INVESTMENT_COMPLETED)) == 3
    plan = found(project)[Measure.INVESTMENT_PLAN]
    assert not isinstance(plan, Unknown)
    assert [one.amount for one in plan] == [40_000]
    assert found(project, Quarter(2027, 1), today=date(2027, 5, 1))[Measure.INVESTMENT_PLAN] == ()


def test_a_report_is_late_after_the_25th_and_only_of_what_is_under_construction() -> None:
    project = ledger(
        started(date(2026, 1, 10)),
        reported(date(2026, 1, 1), 1, date(2026, 1, 25)),
        reported(date(2026, 2, 1), 1, date(2026, 2, 26)),
        reported(date(2026, 2, 1), 2, date(2026, 2, 27)),
    )
    assert ids(found(project), Measure.LATE_REPORTS) == [date(2026, 2, 25), date(2026, 3, 25)]
    assert ids(found(project, today=date(2026, 3, 25)), Measure.LATE_REPORTS) == [date(2026, 2, 25)]
    assert ids(found(ledger()), Measure.LATE_REPORTS) == []


def test_a_light_is_red_at_the_third_month_end_and_a_late_fact_takes_it_back() -> None:
    due_on = date(2026, 1, 20)
    project = ledger(planned(due_on))
    assert ids(found(project), Measure.MONTH_END_REDS) == [date(2026, 3, 31)]
    assert len(ids(found(project, Q2), Measure.MONTH_END_REDS)) == 3
    told_late = ledger(planned(due_on), started(date(2026, 3, 30), told_on=date(2026, 4, 9)))
    assert ids(found(told_late), Measure.MONTH_END_REDS) == []


def test_month_ends_in_a_hold_are_excused() -> None:
    held = date(2026, 2, 2), ProjectHeld(project_id=PROJECT, reason="", on=date(2026, 2, 2))
    resumed = date(2026, 3, 10), ProjectResumed(project_id=PROJECT, on=date(2026, 3, 10))
    project = ledger(planned(date(2026, 1, 20)), held, resumed)
    assert ids(found(project), Measure.MONTH_END_REDS) == []
    assert ids(found(project, Q2), Measure.MONTH_END_REDS)[0] == date(2026, 4, 30)


def test_a_day_asked_for_too_late_moves_nothing() -> None:
    due_on = date(2026, 1, 20)
    late = ledger(planned(due_on), replanned(date(2026, 6, 30), on=date(2026, 1, 21)))
    timely = ledger(planned(due_on), replanned(date(2026, 6, 30), on=date(2026, 1, 20)))
    assert ids(found(late), Measure.OVERDUE_STARTS) == [due_on]
    assert ids(found(timely), Measure.STARTS_DUE) == []
    assert ids(found(timely), Measure.MONTH_END_REDS) == []
    assert ids(found(timely, Q2), Measure.STARTS_DUE) == [date(2026, 6, 30)]


def test_a_baseline_that_nobody_confirmed_costs_nothing() -> None:
    project = ledger(planned(date(2026, 1, 2)))
    baseline = duty(date(2026, 1, 2), State.BASELINE)
    confirmed = duty(date(2026, 1, 2), State.MISSED, supervised_from=date(2026, 1, 12))
    quiet, counted = found(project, duties=(baseline,)), found(project, duties=(confirmed,))
    for measure in (Measure.OVERDUE_STARTS, Measure.MONTH_END_REDS, Measure.OBLIGATIONS_DUE):
        assert (len(ids(quiet, measure)), len(ids(counted, measure))) == (0, 1), measure


@pytest.mark.parametrize(
    ("state", "met_on", "due", "on_time"),
    [
        (State.MET, date(2026, 3, 20), 1, 1),
        (State.MET, date(2026, 3, 21), 1, 0),
        (State.MISSED, None, 1, 0),
        (State.SUSPENDED, None, 0, 0),
        (State.CANCELLED, None, 0, 0),
    ],
)
def test_an_obligation_is_met_on_time_or_not(state: State, met_on: date | None, due: int, on_time: int) -> None:
    gathered = found(ledger(), duties=(duty(date(2026, 3, 20), state, met_on=met_on),))
    assert len(ids(gathered, Measure.OBLIGATIONS_DUE)) == due
    assert len(ids(gathered, Measure.OBLIGATIONS_ON_TIME)) == on_time


def test_a_falsified_project_counts_as_that_and_as_nothing_else() -> None:
    struck = corrected(CorrectionKind.STRIKE_OFF, date(2026, 3, 9), hold_status="struck_off")
    back = corrected(CorrectionKind.REVERSAL, date(2026, 3, 20), reached={Stage.SIGNED: date(2026, 2, 1)})
    gathered = found(ledger(signed(date(2026, 2, 1)), struck))
    assert ids(gathered, Measure.FALSIFIED_RECORDS) == [date(2026, 3, 9)]
    assert ids(gathered, Measure.SIGNINGS) == []
    again = found(ledger(signed(date(2026, 2, 1)), struck, back))
    assert (ids(again, Measure.FALSIFIED_RECORDS), ids(again, Measure.SIGNINGS)) == ([], [date(2026, 2, 1)])


def test_a_correction_takes_back_what_it_reverses() -> None:
    held = date(2026, 2, 2), ProjectHeld(project_id=PROJECT, reason="", on=date(2026, 2, 2))
    wrong_hold = corrected(CorrectionKind.REVERSAL, date(2026, 2, 9), reverses=(3,))
    project = ledger(planned(date(2026, 3, 20)), held, wrong_hold)
    assert ids(found(project), Measure.OVERDUE_STARTS) == [date(2026, 3, 20)]
    signing = corrected(CorrectionKind.REVERSAL, date(2026, 2, 9), reverses=(2,), stage=Stage.NEGOTIATING)
    assert ids(found(ledger(signed(date(2026, 2, 1)), signing)), Measure.SIGNINGS) == []


def test_targets_come_from_the_plan_and_what_it_does_not_say_is_unknown() -> None:
    entry_id = uuid5(NAMES, "entry")
    fields = {"signed_count": 48, "signed_amount": 2_400_000}
    recorded = EntryRecorded(
        entry_id=entry_id, register_key="investment_targets", year=2026, chain_id=DISPLAY, fields=dict(fields), by="x"
    )
    entry = fold_targets(None, Told(1, RECORDED_ON, recorded))
    assert entry is not None
    gathered = found(ledger(), targets=(entry,))
    assert gathered[Measure.SIGNED_COUNT_TARGET] == (
        Evidence(RECORDED_ON, "target", str(entry_id), "2026年度招商目标", Fraction(48)),
    )
    assert gathered[Measure.STARTED_AMOUNT_TARGET] == Unknown("《年度招商项目计划清单》没有定这一目标")
    none = found(ledger(), targets=(entry,), chain=CHIPS)[Measure.SIGNED_COUNT_TARGET]
    assert none == Unknown("《年度招商项目计划清单》中没有该链2026年的目标")
    revised = fold_targets(entry, Told(2, LATER, EntryRevised(entry_id=entry_id, fields={"signed_count": 50}, by="x")))
    assert revised is not None
    assert revised.fields == {"signed_count": 50}
    assert fold_targets(revised, Told(3, LATER, EntryWithdrawn(entry_id=entry_id, reason=""))) is None


def test_an_entry_of_another_register_is_no_target() -> None:
    other = EntryRecorded(
        entry_id=PROJECT, register_key="policy_supply", year=2026, chain_id=DISPLAY, fields={}, by="x"
    )
    assert fold_targets(None, Told(1, RECORDED_ON, other)) is None


def test_a_quarter_knows_its_days() -> None:
    assert (Q1.from_on, Q1.to_on, Q1.label, Q1.words) == (
        date(2026, 1, 1),
        date(2026, 3, 31),
        "2026-Q1",
        "2026年第一季度",
    )
    assert Quarter.of("2026-Q4").to_on == date(2026, 12, 31)
    for wrong in ("2026", "2026-Q5", "2026-q1", ""):
        with pytest.raises(PeriodUnknown):
            Quarter.of(wrong)
