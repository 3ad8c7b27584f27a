"""How figures are judged and told: ratios of adjacent runs, aims, the table."""

from typing import Any

import pytest

from tests.bench.harness import Aim, Cost, Figure, InTurns, quantile
from tests.bench.profile import Profile
from tests.bench.table import as_page, as_text

NOTHING = Cost(statements=None, transactions=0, wal_bytes=0, cpu_us=0, postgres_us=0)


def figure(**changes: Any) -> Figure:
    return Figure(**{"path": "p", "what": "a path", "value": 600.0, "unit": "events/s", **changes})


def run_of(*figures: Figure) -> dict[str, Any]:
    return {
        "at": "2026-03-02T09:00:00+00:00",
        "commit": "abc",
        "uncommitted": False,
        "machine": {"processor": "Some CPU", "cores": 2, "memory_gib": 8, "system": "Linux"},
        "versions": {"python": "3.11", "postgresql": "18"},
        "broker": "Apache Kafka 4.1",
        "load_at_start": 0.1,
        "figures": [each.told() for each in figures],
        "failed": [],
    }


def test_the_ratio_is_the_median_of_adjacent_pairs() -> None:
    found = InTurns(((100, 50), (10, 9), (200, 80)), NOTHING, NOTHING)
    assert found.ratio == 0.5
    assert (found.floor, found.value) == (100, 50)


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (Aim(at_least=0.5, ratio=True), True),
        (Aim(at_least=0.7, ratio=True), False),
        (Aim(at_least=500), True),
        (Aim(at_least=1500), False),
        (Aim(at_most=600), True),
        (Aim(at_most=80), False),
        (Aim(at_most=1.1, ratio=True), True),
    ],
)
def test_an_aim_bounds_the_ratio_or_the_figure(aim: Aim, met: bool) -> None:
    assert aim.is_met(figure(ratio=0.6, floor=1000)) is met


def test_a_ratio_that_was_not_measured_meets_nothing() -> None:
    assert Aim(at_least=0.5, ratio=True).is_met(figure()) is None


def test_the_table_shows_what_falls_short_and_where_it_was_measured() -> None:
    run = run_of(figure(ratio=0.4, floor=1500, aim=Aim(at_least=0.45, ratio=True), cost=NOTHING, note="a remark"))
    page = as_page(run)
    assert "| a path | 600 events/s | 1,500 | 0.40 | ≥ 0.45 of the floor | no |" in page
    assert "2 cores (Some CPU)" in page
    assert "- a path: a remark" in page
    assert "a remark" in as_text(run)


def test_the_quantile_is_a_value_that_was_seen() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert quantile(values, 0.5) == 51
    assert quantile(values, 0.99) == 100
    assert quantile([7.0], 0.99) == 7


def test_the_page_tells_where_the_time_goes() -> None:
    page = as_page(run_of(figure(profile={"asyncpg": 0.6, "domain": 0.38, "other": 0.02})))
    assert "- a path: asyncpg 60%, domain 38%\n" in page


def test_samples_are_told_by_part() -> None:
    profile = Profile()
    with profile.running():
        while not profile.shares():
            sum(range(1000))
    assert set(profile.shares()) == {"the bench"}
