"""Which signings count, and what they come to (S10)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.intake import reference
from services.intake.domain.statistics.periods import Period, PeriodNotAllowed, month_of, quarter_of, year_of
from services.intake.domain.statistics.statistics import (
    Dimension,
    Policy,
    Reason,
    Report,
    Signing,
    differences,
    explained,
    figures_of,
    groups,
    headline,
    policy_as_data,
    policy_from,
    reason_against,
    report,
)
from services.intake.domain.terms import HoldStatus
from services.operator.samples.quarter import QuarterProject, synthetic_quarter
from shared.contracts.projects import ProjectKind
from shared.contracts.statistics import Change
from tests.unit.intake.factories import AUTO, BUREAU, DISPLAY, an_id

POLICY = reference.statistics_policy()
FIRST_QUARTER = quarter_of(date(2024, 1, 1))
MARCH = date(2024, 3, 15)


def a_signing(name: str = "显示面板", **changes: Any) -> Signing:
    sound = Signing(an_id(name), name, name, ProjectKind.NEW, DISPLAY.id, BUREAU.id, 120_000, MARCH)
    return replace(sound, **changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"amount_wan": 10_000}, None),
        ({"amount_wan": 9_999}, Reason.BELOW),
        ({"signed_on": date(2024, 1, 1)}, None),
        ({"signed_on": date(2024, 3, 31)}, None),
        ({"signed_on": date(2024, 4, 1)}, Reason.OUTSIDE),
        ({"signed_on": date(2023, 12, 31)}, Reason.OUTSIDE),
        ({"signed_on": None}, Reason.UNDATED),
        ({"signed": False, "signed_on": None}, Reason.NOT_SIGNED),
        ({"hold_status": HoldStatus.HELD}, None),
        ({"hold_status": HoldStatus.TERMINATED}, None),
        ({"hold_status": HoldStatus.STRUCK_OFF}, Reason.STRUCK_OFF),
        ({"kind": ProjectKind.EXPANSION, "amount_wan": 10_000}, None),
    ],
)
def test_what_counts_in_a_period_has_exact_borders(changes: dict[str, Any], reason: Reason | None) -> None:
    assert reason_against(a_signing(**changes), FIRST_QUARTER, POLICY) is reason


def test_a_policy_may_leave_out_what_was_terminated_later() -> None:
    policy = Policy("2025-1", (10_000,), count_terminated=False)
    assert reason_against(a_signing(hold_status=HoldStatus.TERMINATED), FIRST_QUARTER, policy) is Reason.TERMINATED


@pytest.mark.parametrize(
    ("version", "tiers"), [("", (10_000,)), ("1", ()), ("1", (20_000, 10_000)), ("1", (10_000, 10_000)), ("1", (0,))]
)
def test_a_policy_without_sense_is_refused(version: str, tiers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"policy|tier"):
        Policy(version, tiers, count_terminated=True)


def test_a_policy_is_data() -> None:
    assert policy_from(policy_as_data(POLICY)) == POLICY
    assert POLICY.tiers_wan == (10_000, 100_000, 300_000)


def test_tiers_count_what_reaches_them() -> None:
    figures = figures_of([10_000, 99_999, 100_000, 299_999, 300_000], POLICY)
    assert (figures.count, figures.total_wan) == (5, 809_998)
    assert [(tier.count, tier.total_wan) for tier in figures.tiers] == [(5, 809_998), (3, 699_999), (1, 300_000)]


def test_a_project_counts_once_however_often_it_is_given() -> None:
    found = report([a_signing(), a_signing()], FIRST_QUARTER, POLICY)
    assert found.figures.count == 1


def test_groups_add_up_to_the_whole() -> None:
    signings = [
        a_signing("甲", chain_id=AUTO.id, amount_wan=30_000, signed_on=date(2024, 1, 9)),
        a_signing("乙", amount_wan=20_000, kind=ProjectKind.EXPANSION),
        a_signing("丙", amount_wan=15_000),
        a_signing("丁", amount_wan=9_999),
    ]
    found = report(signings, FIRST_QUARTER, POLICY)
    for dimension in Dimension:
        parts = groups(found, dimension)
        assert sum(part.figures.count for part in parts) == found.figures.count == 3
        assert sum(part.figures.total_wan for part in parts) == found.figures.total_wan
    assert [part.key for part in groups(found, Dimension.CHAIN)] == [str(DISPLAY.id), str(AUTO.id)]
    assert [part.key for part in groups(found, Dimension.MONTH)] == ["2024-01", "2024-03"]
    assert [part.key for part in groups(found, Dimension.QUARTER)] == ["2024-Q1"]


@pytest.mark.parametrize(
    ("period", "label", "words"),
    [
        (month_of(date(2024, 2, 9)), "2024-02", "2024年2月"),
        (FIRST_QUARTER, "2024-Q1", "2024年第一季度"),
        (quarter_of(date(2024, 12, 31)), "2024-Q4", "2024年第四季度"),
        (year_of(date(2024, 5, 5)), "2024", "2024年"),
        (Period(date(2024, 1, 1), date(2024, 2, 20)), "2024-01-01/2024-02-20", "2024年1月1日至2024年2月20日"),
    ],
)
def test_a_period_is_named_as_officials_name_it(period: Period, label: str, words: str) -> None:
    assert (period.label, period.words) == (label, words)


def test_a_period_does_not_end_before_it_begins() -> None:
    with pytest.raises(PeriodNotAllowed):
        Period(date(2024, 2, 1), date(2024, 1, 31))


def test_a_correction_tells_project_by_project_what_became_of_it() -> None:
    kept, gone, less, late = a_signing("甲"), a_signing("乙"), a_signing("丙"), a_signing("丁")
    before = [kept, gone, less]
    now = [
        kept,
        replace(gone, hold_status=HoldStatus.STRUCK_OFF),
        replace(less, amount_wan=50_000, signed_on=date(2024, 2, 1)),
        late,
    ]
    found = differences(before, report(now, FIRST_QUARTER, POLICY))
    assert {(item.name, item.change, item.before_wan, item.after_wan) for item in found} == {
        ("乙", Change.REMOVED, 120_000, None),
        ("丙", Change.AMENDED, 120_000, 50_000),
        ("丁", Change.ADDED, None, 120_000),
    }
    told = explained(found)
    assert "核减“乙”（乙）12亿元：项目记录不实，已剔除" in told
    assert "“丙”（丙）由12亿元改为5亿元：签约金额已更正，签约日期由2024-03-15更正为2024-02-01" in told
    assert "增加“丁”（丁）12亿元" in told
    assert differences(before, report([kept, gone, less], FIRST_QUARTER, POLICY)) == ()


def signings_of(projects: Sequence[QuarterProject]) -> list[Signing]:
    """The lists' rows as record keeping would know them."""
    return [
        a_signing(
            item.code,
            kind=ProjectKind.EXPANSION if item.kind == "增资" else ProjectKind.NEW,
            amount_wan=item.amount_wan,
            signed_on=item.signed_on,
            signed=item.signed_on is not None,
            hold_status=HoldStatus.STRUCK_OFF if item.struck else HoldStatus.ACTIVE,
            chain_id=an_id(item.chain),
            org_id=an_id(item.unit),
        )
        for item in projects
    ]


def report_of(seed: int) -> Report:
    quarter = synthetic_quarter(FIRST_QUARTER.from_on, seed=seed)
    signings = signings_of([*quarter.projects, *quarter.repeated])
    found = report(signings, FIRST_QUARTER, POLICY)
    assert {signing.code for signing in found.counted} == {item.code for item in quarter.projects if item.counts}
    return found


@pytest.mark.parametrize("seed", range(50))
def test_the_synthetic_quarter_comes_to_the_published_figures(seed: int) -> None:
    found = report_of(seed)
    figures = found.figures
    assert (figures.count, figures.total_wan, figures.tiers[-1].count) == (208, 12_090_000, 10)
    assert headline(found.period, figures, POLICY) == (
        "2024年第一季度，新签约1亿元及以上项目208个，总投资1209亿元，其中30亿元及以上项目10个。"
    )
    assert {reason for _, reason in found.left_out} == {
        Reason.BELOW,
        Reason.OUTSIDE,
        Reason.STRUCK_OFF,
        Reason.NOT_SIGNED,
    }
    amounts = [signing.amount_wan for signing in found.counted]
    assert (min(amounts), amounts.count(300_000)) == (10_000, 1)
    for dimension in Dimension:
        assert sum(part.figures.total_wan for part in groups(found, dimension)) == 12_090_000


def test_the_synthetic_quarters_differ_by_their_seeds() -> None:
    assert synthetic_quarter(FIRST_QUARTER.from_on, seed=1) == synthetic_quarter(FIRST_QUARTER.from_on, seed=1)
    assert len({synthetic_quarter(FIRST_QUARTER.from_on, seed=seed).projects for seed in range(50)}) == 50


@pytest.mark.parametrize("month", [1, 4, 7, 10])
def test_any_quarter_can_be_made(month: int) -> None:
    quarter = synthetic_quarter(date(2025, month, 1), seed=7)
    assert (quarter.first, quarter.last) == (date(2025, month, 1), quarter_of(quarter.first).to_on)
    with pytest.raises(ValueError, match="begins no quarter"):
        synthetic_quarter(date(2025, month, 2), seed=7)
