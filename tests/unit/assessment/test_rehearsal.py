"""A rehearsal tells what would be otherwise, and nothing else."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from services.assessment.domain.moments import CHINA
from services.assessment.domain.policy import Policy
from services.assessment.domain.rehearsal import Difference, Rehearsal, Trial
from services.assessment.domain.rules import Rules
from services.assessment.domain.world import Happening, World
from shared.contracts.programme import Tier
from shared.contracts.supervision import CaseEscalated, ObligationReminded
from shared.kit.working_days import YearTable
from tests.support.district import District, default_rules

FROM = datetime(2026, 3, 2, 0, 0, tzinfo=CHINA)
END = datetime(2026, 7, 1, 0, 0, tzinfo=CHINA)
RULES = default_rules(reports=False)


@pytest.fixture(scope="module")
def happened() -> list[Happening]:
    return District(seed=5, chains=5, projects=120, days=170).year()[0]


def with_policy(**changes: object) -> Rules:
    policy: Policy = replace(RULES.policy, version="tried", **changes)  # type: ignore[arg-type]
    return Rules(policy, RULES.calendar, RULES.began_on)


def tried(happened: list[Happening], rules: Rules | None = None, table: YearTable | None = None) -> Difference:
    rehearsal = Rehearsal(World.under(RULES), Trial(FROM, rules, table))
    rehearsal.live_through(happened)
    return rehearsal.until(END)


def test_under_the_unchanged_policy_nothing_is_otherwise(happened: list[Happening]) -> None:
    found = tried(happened, with_policy())
    assert found.is_nothing
    assert found.was == found.would
    assert found.was.cases > 30


def test_an_earlier_reminder_moves_reminders_and_nothing_else(happened: list[Happening]) -> None:
    found = tried(happened, with_policy(remind_days_before=5))
    assert {one.was.type for one in found.told_otherwise} == {ObligationReminded.type}
    earlier = [RULES.calendar.between(one.would.on, one.was.on) for one in found.told_otherwise]
    assert set(earlier) <= {1, 2}
    assert 2 in earlier
    assert found.would.cases == found.was.cases
    assert not [*found.lights, *found.void]


def test_a_slower_ladder_leaves_cases_lower_and_what_people_did_on_rungs_that_were_never_reached(
    happened: list[Happening],
) -> None:
    slower = tuple(replace(rung, after_days=rung.after_days * 3) for rung in RULES.policy.rungs)
    found = tried(happened, with_policy(rungs=slower))
    assert found.cases_fewer
    assert not found.cases_more
    assert sum(found.would.by_rung) < sum(found.was.by_rung)
    assert {one.reason for one in found.void} <= {"没有该督办件或事项", "督办件已办结", "本级督办已签收"}
    assert found.void


def test_other_recipients_are_told_as_such(happened: list[Happening]) -> None:
    first, *rest = RULES.policy.rungs
    rungs = (replace(first, to=(Tier.TASK_FORCE,)), *rest)
    found = tried(happened, with_policy(rungs=rungs))
    escalated = [one for one in found.told_otherwise if one.would.type == CaseEscalated.type]
    assert escalated
    assert {one.would.rung for one in escalated} == {1}
    assert all(one.was.on == one.would.on and one.was.addressees != one.would.addressees for one in escalated)
    assert found.was.cases == found.would.cases


def test_another_calendar_moves_what_falls_about_its_holidays(happened: list[Happening]) -> None:
    known = RULES.calendar.table(2026)
    assert known is not None
    longer = YearTable(2026, known.holidays | {date(2026, 4, 13), date(2026, 4, 14)}, known.make_up_days, "假定")
    found = tried(happened, table=longer)
    by_itself = [one for one in found.told_otherwise if one.was.type in (ObligationReminded.type, CaseEscalated.type)]
    off = {date(2026, 4, 13), date(2026, 4, 14)}
    assert off <= {one.was.on for one in by_itself}
    assert not off & {one.would.on for one in by_itself}


def test_light_boundaries_change_lights_and_the_cases_that_they_raise(happened: list[Happening]) -> None:
    stricter = replace(RULES.policy.start_light, red_from_months=2)
    found = tried(happened, with_policy(start_light=stricter))
    assert found.lights
    assert found.would.red > found.was.red
