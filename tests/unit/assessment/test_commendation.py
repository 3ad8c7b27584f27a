from collections.abc import Callable
from datetime import date

import pytest

from services.assessment.domain import commendation, commending
from services.assessment.domain import obligation as obligations
from services.assessment.domain.commendation import ALLOWED, Commendation, CommendationState, Verb
from services.assessment.domain.directory import Directory
from services.assessment.domain.extension import Who
from services.assessment.domain.obligation import Obligation, State
from services.assessment.domain.project import Project
from services.assessment.domain.rules import NotNow, Rules
from services.assessment.domain.work import Work
from shared.contracts.programme import Tier
from shared.contracts.projects import MilestonePlanned
from shared.contracts.supervision import CommendationProposed
from shared.kit.errors import Invalid
from tests.support.supervised import person, planned

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


OFFICE = Who("王处 <ducha>")


@pytest.fixture
def work(obligation: Obligation, project: Project, directory: Directory, rules: Rules) -> Work:
    """The proposal waits for a decision."""
    now = rules.morning(EARLY)
    work = Work(now, EARLY, rules, {rules.policy.version: rules}, directory, projects={project.id: project})
    work.place(obligation)
    proposed = proposal(obligation, project, directory, rules)
    assert proposed is not None
    work.on_commendation(proposed)
    return work


def commended(work: Work) -> Commendation:
    (one,) = work.commendations.values()
    return one


def take_back(one: Commendation, work: Work) -> None:
    obligation = work.obligations[one.obligation_id]
    project = work.project_of(obligation)
    event = commendation.take_back(one, obligation, project, work.directory, work.rules, reason="已更正", on=work.on)
    if event is None:
        raise NotNow("", state=one.state, verb=Verb.WITHDRAW)
    work.on_commendation(event)


DO: dict[Verb, Callable[[Commendation, Work], None]] = {
    Verb.APPROVE: lambda one, work: commending.approve(one, work, who=OFFICE, remark="属实"),
    Verb.DECLINE: lambda one, work: commending.decline(one, work, who=OFFICE, reason="工期偏松"),
    Verb.WITHDRAW: take_back,
    Verb.STRIKE_OFF: take_back,
}
BECOMES = {
    (CommendationState.PROPOSED, Verb.APPROVE): CommendationState.APPROVED,
    (CommendationState.PROPOSED, Verb.DECLINE): CommendationState.DECLINED,
    (CommendationState.PROPOSED, Verb.WITHDRAW): CommendationState.WITHDRAWN,
    (CommendationState.APPROVED, Verb.STRIKE_OFF): CommendationState.STRUCK_OFF,
}
SAME_CALL = {(CommendationState.PROPOSED, Verb.STRIKE_OFF), (CommendationState.APPROVED, Verb.WITHDRAW)}
"""A correction takes back whatever stands: which of the two verbs it is, the state decides."""


def test_the_table_holds_the_pairs_that_lead_somewhere() -> None:
    assert {(state, verb) for state, verbs in ALLOWED.items() for verb in verbs} == BECOMES.keys()


@pytest.mark.parametrize("state", CommendationState)
@pytest.mark.parametrize("verb", Verb)
def test_every_state_meets_every_verb(state: CommendationState, verb: Verb, work: Work) -> None:
    if (state, verb) in SAME_CALL:
        assert not commended(work)._replace(state=state).allows(verb)
        return
    one = commended(work)._replace(state=state)
    work.commendations[one.id] = one
    if (state, verb) in BECOMES:
        DO[verb](one, work)
        assert commended(work).state is BECOMES[state, verb]
    else:
        with pytest.raises(NotNow):
            DO[verb](one, work)
        assert commended(work) == one


def test_an_approval_says_who_agreed_on_which_day_and_stays_on_record_when_it_is_struck_off(work: Work) -> None:
    DO[Verb.APPROVE](commended(work), work)
    approved = commended(work)
    assert (approved.decided_on, approved.decided_by, approved.decision) == (EARLY, OFFICE.by, "属实")
    take_back(approved, work)
    assert commended(work) == approved._replace(state=CommendationState.STRUCK_OFF)


def test_nobody_approves_their_own(work: Work) -> None:
    own = Who("责任人 <zr>", person(Tier.OFFICER))
    with pytest.raises(commending.OwnCommendation):
        commending.approve(commended(work), work, who=own, remark="")


def test_who_declines_gives_a_reason(work: Work) -> None:
    with pytest.raises(Invalid):
        commending.decline(commended(work), work, who=OFFICE, reason=" ")


def test_what_is_proposed_again_waits_for_a_new_decision(
    work: Work, obligation: Obligation, project: Project, directory: Directory, rules: Rules
) -> None:
    first = commended(work)
    DO[Verb.DECLINE](first, work)
    proposed = proposal(obligation, project, directory, rules)
    assert proposed is not None
    work.on_commendation(proposed)
    assert commended(work) == first
