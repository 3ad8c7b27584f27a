from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from services.assessment.domain import extending
from services.assessment.domain import obligation as obligations
from services.assessment.domain.directory import Directory
from services.assessment.domain.extension import Extension, Who
from services.assessment.domain.extension import State as ExtensionState
from services.assessment.domain.moments import CHINA
from services.assessment.domain.obligation import FINAL, TABLE, Obligation, State, Verb
from services.assessment.domain.project import Project
from services.assessment.domain.rules import NotNow, Rules
from shared.contracts.programme import Tier
from shared.contracts.projects import MilestonePlanned
from shared.contracts.supervision import ObligationMoved
from tests.support.supervised import named, planned, post

DUE = date(2026, 3, 9)
TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 10, tzinfo=CHINA)
REVIEWED = Extension(
    1, NOW, Who("钱芳 <q>"), "用地", "过半", DUE, date(2026, 4, 1), 0, ExtensionState.REVIEWED, Who("审 <r>"), TODAY
)

Do = Callable[[Obligation], list[Any]]


def an_obligation(project: Project, due_on: date = DUE) -> Obligation:
    event = planned("a", "m", due_on)[1]
    assert isinstance(event, MilestonePlanned)
    return obligations.opened(event, project)


def after(obligation: Obligation, events: list[Any], on: date = TODAY) -> Obligation:
    for event in events:
        obligation = obligations.evolve(obligation, event, on=on)
    return obligation


def in_state(state: State, project: Project) -> Obligation:
    made = an_obligation(project)._replace(state=state)
    if state is State.SUSPENDED:
        return made._replace(inner=State.BASELINE, suspended_on=TODAY)
    return made._replace(met_on=TODAY) if state is State.MET else made


def verbs(project: Project, directory: Directory, rules: Rules) -> dict[Verb, Do]:
    return {
        Verb.MOVE: lambda one: obligations.move(one, date(2026, 4, 1), rules, on=TODAY),
        Verb.REASSIGN: lambda one: obligations.reassign(one, post(Tier.CHIEF), project.id),
        Verb.REMIND: lambda one: obligations.remind(one, project, directory, rules, on=TODAY),
        Verb.MISS: obligations.miss,
        Verb.CONFIRM: lambda one: obligations.confirm(one, by="督查室"),
        Verb.MEET: lambda one: obligations.meet(one, TODAY, rules),
        Verb.SUSPEND: lambda one: obligations.suspend(one, reason="用地"),
        Verb.RESUME: lambda one: obligations.resume(one, rules, on=TODAY),
        Verb.CLEAR: lambda one: obligations.clear(one, rules, reason="原记录迟到"),
        Verb.CANCEL: lambda one: obligations.cancel(one, reason="调整"),
        Verb.REOPEN: lambda one: obligations.reopen(one, rules, had_case=False, reason="更正"),
        Verb.ASK_EXTENSION: lambda one: [
            *extending.ask(
                one, rules, who=Who("钱芳 <q>"), reason="用地", progress="过半", due_on=date(2026, 4, 1), now=NOW
            )
        ],
        Verb.EXTEND: lambda one: [
            *extending.grant(
                one._replace(extension=REVIEWED), 1, project, directory, rules, who=Who("督 <d>"), remark="", on=TODAY
            )
        ],
    }


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_in_every_state_goes_where_the_table_says(
    state: State, verb: Verb, project: Project, directory: Directory, rules: Rules
) -> None:
    obligation = in_state(state, project)
    do = verbs(project, directory, rules)[verb]
    targets = TABLE[state].get(verb)
    if targets is None and verb in (Verb.CONFIRM, Verb.ASK_EXTENSION, Verb.EXTEND):  # a person is told no aloud
        with pytest.raises(NotNow):
            do(obligation)
    elif targets is None:
        assert do(obligation) == []
    else:
        events = do(obligation)
        assert events
        if verb is Verb.EXTEND:
            obligation = obligation._replace(extension=REVIEWED)
        assert after(obligation, events).state in targets


def test_final_states_are_left_by_a_correction_only() -> None:
    assert all(TABLE[state].keys() == {Verb.REOPEN} for state in FINAL)
    assert TABLE.keys() == set(State)


def test_what_was_due_before_supervision_began_is_a_baseline(project: Project, rules: Rules) -> None:
    for due_on, state in ((date(2026, 1, 4), State.BASELINE), (date(2026, 1, 5), State.OPEN)):
        new = an_obligation(project, due_on)
        opened = after(new, obligations.plan(new, project, rules))
        assert opened.state is state
        wakes = obligations.wake_at(opened, rules, datetime(2026, 1, 5, 9, tzinfo=CHINA))
        assert (wakes is None) is (state is State.BASELINE)


def test_it_wakes_three_working_days_before_and_one_after(project: Project, rules: Rules) -> None:
    obligation = an_obligation(project, date(2026, 2, 24))  # the first working day after the Spring Festival
    now = datetime(2026, 2, 2, 9, tzinfo=CHINA)
    assert obligations.wake_at(obligation, rules, now) == datetime(2026, 2, 12, 9, tzinfo=CHINA)
    reminded = obligation._replace(reminded=True)
    assert obligations.wake_at(reminded, rules, now) == datetime(2026, 2, 25, 9, tzinfo=CHINA)


def test_a_request_after_the_due_day_counts_as_overdue(project: Project, rules: Rules) -> None:
    obligation = an_obligation(project)
    in_time = after(obligation, obligations.move(obligation, date(2026, 4, 1), rules, on=DUE))
    assert in_time.due_on == date(2026, 4, 1)
    events = obligations.move(obligation, date(2026, 4, 1), rules, on=date(2026, 3, 10))
    assert isinstance(events[0], ObligationMoved)
    assert events[0].late
    late = after(obligation, events)
    assert (late.due_on, late.asked_on, late.state) == (DUE, date(2026, 4, 1), State.OPEN)
    missed = obligation._replace(state=State.MISSED)
    assert after(missed, obligations.move(missed, date(2026, 4, 1), rules, on=date(2026, 3, 10))).due_on == DUE
    heard_late = after(missed, obligations.move(missed, date(2026, 4, 1), rules, on=DUE))
    assert (heard_late.due_on, heard_late.state) == (date(2026, 4, 1), State.MISSED)


def test_moving_it_reminds_again(project: Project, rules: Rules) -> None:
    obligation = an_obligation(project)._replace(reminded=True)
    assert not after(obligation, obligations.move(obligation, date(2026, 4, 1), rules, on=TODAY)).reminded


def test_a_baseline_moved_into_the_future_is_supervised(project: Project, rules: Rules) -> None:
    baseline = an_obligation(project, date(2025, 6, 30))._replace(state=State.BASELINE)
    assert after(baseline, obligations.move(baseline, date(2026, 6, 30), rules, on=TODAY)).state is State.OPEN
    assert after(baseline, obligations.move(baseline, date(2025, 9, 30), rules, on=TODAY)).state is State.BASELINE


def test_a_confirmed_baseline_climbs_from_the_next_working_day(project: Project, rules: Rules) -> None:
    baseline = an_obligation(project, date(2025, 6, 30))._replace(state=State.BASELINE)
    confirmed = after(baseline, obligations.confirm(baseline, by="督查室"), on=date(2026, 2, 13))
    assert obligations.miss_day(confirmed, rules) == date(2026, 2, 14)  # a Saturday, 调休


def test_a_hold_keeps_the_working_days_that_were_left(project: Project, rules: Rules) -> None:
    obligation = an_obligation(project)  # five working days left on 2 March
    held = after(obligation, obligations.suspend(obligation, reason="用地"), on=TODAY)
    assert obligations.wake_at(held, rules, datetime(2026, 3, 2, 9, tzinfo=CHINA)) is None
    resumed_on = date(2026, 4, 20)
    resumed = after(held, obligations.resume(held, rules, on=resumed_on), on=resumed_on)
    assert rules.calendar.between(resumed_on, resumed.due_on) == rules.calendar.between(TODAY, DUE)
    assert (resumed.state, resumed.planned_on) == (State.OPEN, DUE)


@pytest.mark.parametrize("inner", [State.BASELINE, State.MISSED])
def test_a_hold_moves_nothing_that_was_late_before(inner: State, project: Project, rules: Rules) -> None:
    held = an_obligation(project)._replace(state=State.SUSPENDED, inner=inner, suspended_on=TODAY)
    resumed = after(held, obligations.resume(held, rules, on=date(2026, 4, 20)))
    assert (resumed.state, resumed.due_on, resumed.inner) == (inner, DUE, None)


def test_meeting_it_counts_working_days(project: Project, rules: Rules) -> None:
    for met_on, early in ((date(2026, 3, 2), 5), (DUE, 0), (date(2026, 3, 11), -2)):
        event = obligations.meet(an_obligation(project), met_on, rules)[0]
        assert getattr(event, "working_days_early") == early  # noqa: B009


def test_the_reminder_goes_to_the_responsible_person_once(project: Project, directory: Directory, rules: Rules) -> None:
    obligation = an_obligation(project)
    events: list[Any] = obligations.remind(obligation, project, directory, rules, on=date(2026, 3, 4))
    assert [one.post_id for one in events[0].addressees] == [post(Tier.OFFICER)]
    assert events[0].working_days_left == 3
    assert obligations.remind(after(obligation, events), project, directory, rules, on=DUE) == []
    assert obligations.remind(obligation, project, directory, rules, on=date(2026, 3, 10)) == []


def test_ids_follow_from_the_milestone(project: Project) -> None:
    one, other = an_obligation(project), an_obligation(project)
    assert (one.id, one.case_id) == (other.id, other.case_id)
    assert one.milestone_id == named("m")
