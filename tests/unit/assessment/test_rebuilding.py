"""What is folded again from journal and log is what stands: by `evolve` alone."""

from collections import Counter
from datetime import date, datetime, time
from uuid import UUID, uuid5

import pytest

from services.assessment.domain.moments import CHINA
from services.assessment.domain.rebuilding import Folded, Logged, RulesAt, alarms, fold
from services.assessment.domain.rules import Rules
from services.assessment.domain.work import Work
from services.assessment.domain.world import Happening, Heard, Published, World
from shared.kit.working_days import YearTable
from tests.support.district import District, default_rules

SPRING = YearTable(2027, frozenset(date(2027, 2, day) for day in range(5, 12)), frozenset({date(2027, 2, 20)}), "假定")
DISTRICTS = (
    District(seed=11, chains=4, projects=80, days=240),
    District(seed=12, chains=3, projects=60, days=150, silence=(date(2026, 3, 2), date(2026, 3, 10))),
    District(seed=13, chains=3, projects=40, begins=date(2026, 12, 1), days=120, notice=(date(2026, 12, 18), SPRING)),
)


def folded(district: District) -> tuple[Folded, World]:
    happened, world = district.year()
    world.pass_time(datetime.combine(world.work.on, time(23), CHINA))
    return fold((one for one in happened if isinstance(one, Heard)), _log(world), _rules_at(happened, district)), world


def _log(world: World) -> list[Logged]:
    seqs: Counter[UUID] = Counter()
    logged: list[Logged] = []
    for one in world.decided:
        seqs[one.aggregate_id] += 1
        seq = seqs[one.aggregate_id]
        logged.append(Logged(uuid5(one.aggregate_id, str(seq)), one.aggregate_id, seq, one.at, one.event))
    return logged


def _rules_at(happened: list[Happening], district: District) -> RulesAt:
    notices = [one for one in happened if isinstance(one, Published)]

    def rules_at(_: str, at: datetime) -> Rules:
        calendar = district.calendar
        for notice in notices:
            calendar = calendar.with_year(notice.table) if notice.at <= at else calendar
        return default_rules(calendar, began_on=district.begins)

    return rules_at


@pytest.mark.parametrize("district", DISTRICTS, ids=lambda district: f"seed {district.seed}")
def test_states_are_the_same(district: District) -> None:
    found, world = folded(district)
    work = world.work
    assert found.projects == work.projects
    assert found.obligations == work.obligations
    assert found.cases == work.cases
    assert found.lights == work.lights
    assert found.commendations == work.commendations
    assert found.directory.terms == work.directory.terms


@pytest.mark.parametrize("district", DISTRICTS, ids=lambda district: f"seed {district.seed}")
def test_alarms_are_the_same(district: District) -> None:
    found, world = folded(district)
    live = world.work
    work = Work(live.now, live.on, live.rules, live.by_version, found.directory)
    work.projects, work.lights = found.projects, found.lights
    for one in found.obligations.values():
        work.place(one)
    work.cases = found.cases
    again = {(one.subject, one.kind): one.due_at for one in alarms(found, work)}
    assert again == world.alarms()
