from datetime import date

import pytest

from services.assessment.domain import commendation
from services.assessment.domain import obligation as obligations
from services.assessment.domain.directory import Directory
from services.assessment.domain.obligation import Obligation, State
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.projects import MilestonePlanned
from shared.contracts.supervision import CommendationProposed
from tests.support.supervised import planned

DUE = date(2026, 3, 9)
EARLY = date(2026, 3, 2)  # five working days


@pytest.fixture
def obligation(project: Project) -> Obligation:
    event = planned("a", "m", DUE)[1]
    assert isinstance(event, MilestonePlanned)
    return obligations.opened(event, project)


def proposal(
    obligation: Obligation, project: Project, directory: Directory, rules: Rules, met_on: date = EARLY
) -> CommendationProposed | None:
    return commendation.propose(obligation, project, directory, rules, met_on=met_on, on=met_on)


def test_it_is_proposed_from_five_working_days_early_on(
    obligation: Obligation, project: Project, directory: Directory, rules: Rules
) -> None:
    proposed = proposal(obligation, project, directory, rules)
    assert proposed is not None
    assert proposed.working_days_early == 5
    assert proposal(obligation, project, directory, rules, date(2026, 3, 3)) is None


def test_a_hold_that_moved_the_day_makes_nobody_early(
    obligation: Obligation, project: Project, directory: Directory, rules: Rules
) -> None:
    moved = obligation._replace(due_on=date(2026, 6, 9))
    assert proposal(moved, project, directory, rules, date(2026, 3, 9)) is None


@pytest.mark.parametrize("state", [State.BASELINE, State.MISSED])
def test_neither_a_baseline_nor_a_case_is_commended(
    state: State, obligation: Obligation, project: Project, directory: Directory, rules: Rules
) -> None:
    assert proposal(obligation._replace(state=state), project, directory, rules) is None
