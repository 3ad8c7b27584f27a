from datetime import date, datetime

import pytest

from services.assessment.domain import light as lights
from services.assessment.domain.light import TABLE, StartLight, State, Verb
from services.assessment.domain.moments import CHINA
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.projects import Stage
from shared.contracts.supervision import Light
from tests.support.supervised import named

PLANNED = date(2026, 3, 18)


def a_light(project: Project, **changes: object) -> StartLight:
    light = lights.plan(None, project, named("m"), PLANNED, on=date(2026, 3, 2))
    return light._replace(**changes)  # type: ignore[arg-type]


def seen(light: StartLight, project: Project, rules: Rules, on: date) -> StartLight:
    for event in lights.review(light, project, rules, on=on):
        light = lights.evolve(light, event)
    return light


@pytest.mark.parametrize(
    ("on", "light"),
    [
        (date(2026, 3, 31), Light.GREEN),
        (date(2026, 4, 1), Light.YELLOW),
        (date(2026, 5, 31), Light.YELLOW),
        (date(2026, 6, 1), Light.RED),
        (date(2027, 1, 4), Light.RED),
    ],
)
def test_yellow_after_the_planned_month_and_red_after_three(
    on: date, light: Light, project: Project, rules: Rules
) -> None:
    assert seen(a_light(project), project, rules, on).light is light


def test_only_news_is_told_and_it_says_why(project: Project, rules: Rules) -> None:
    light = a_light(project)
    first = lights.review(light, project, rules, on=date(2026, 3, 2))
    assert [(one.light, one.before) for one in first] == [(Light.GREEN, None)]
    light = lights.evolve(light, first[0])
    assert lights.review(light, project, rules, on=date(2026, 3, 30)) == []
    yellow = lights.review(light, project, rules, on=date(2026, 4, 1))[0]
    assert (yellow.light, yellow.before, yellow.rule) == (Light.YELLOW, Light.GREEN, "start")
    assert yellow.inputs == {
        "planned_month": "2026-03",
        "month_end": "2026-03-31",
        "month_ends_missed": "1",
        "month_ends_excused": "0",
        "stage": "signed",
    }
    assert yellow.policy_version == "default-2026.2"


def test_starting_ends_it_in_green(project: Project, rules: Rules) -> None:
    red = seen(a_light(project), project, rules, date(2026, 7, 1))
    started = project._replace(stage=Stage.STARTED)
    ended = seen(lights.end(red), started, rules, date(2026, 7, 10))
    assert (ended.light, ended.state) == (Light.GREEN, State.ENDED)
    assert lights.wake_at(ended, rules, now=datetime(2026, 7, 10, 14, tzinfo=CHINA)) is None


def test_month_ends_of_a_hold_do_not_count(project: Project, rules: Rules) -> None:
    light = lights.suspend(seen(a_light(project), project, rules, date(2026, 4, 1)), on=date(2026, 4, 10))
    assert lights.review(light, project, rules, on=date(2026, 9, 1)) == []
    resumed = lights.resume(light, on=date(2026, 8, 5))  # the ends of April to July
    assert resumed.excused == 4
    assert seen(resumed, project, rules, date(2026, 9, 1)).light is Light.YELLOW
    assert seen(resumed, project, rules, date(2026, 10, 9)).light is Light.RED


def test_a_hold_before_the_planned_month_excuses_nothing(project: Project, rules: Rules) -> None:
    light = lights.suspend(a_light(project), on=date(2026, 1, 10))
    assert lights.resume(light, on=date(2026, 3, 1)).excused == 0


def test_it_is_looked_at_on_the_first_working_morning_after_a_month(project: Project, rules: Rules) -> None:
    light = a_light(project)
    looks = {
        "2026-01-05 08:00": "2026-04-01 09:00",
        "2026-09-03 14:00": "2026-10-08 09:00",
        "2026-10-04 14:00": "2026-10-08 09:00",  # the month begins with holidays
        "2026-10-08 08:00": "2026-10-08 09:00",
        "2026-10-08 09:00": "2026-11-02 09:00",
    }
    for now, look in looks.items():
        found = lights.wake_at(light, rules, now=datetime.fromisoformat(f"{now}+08:00"))
        assert found == datetime.fromisoformat(f"{look}+08:00")


def test_month_end_reds_are_counted_running(project: Project, rules: Rules) -> None:
    light = a_light(project)
    counted = [lights.month_end_reds(light, rules, on=day) for day in (date(2026, 5, 6), date(2026, 6, 1))]
    assert counted == [0, 1]
    assert lights.month_end_reds(light, rules, on=date(2026, 7, 1)) == 2
    assert lights.month_end_reds(lights.suspend(light, on=date(2026, 5, 6)), rules, on=date(2026, 7, 1)) == 0


def test_planning_another_day_starts_it_again(project: Project, rules: Rules) -> None:
    red = seen(a_light(project), project, rules, date(2026, 7, 1))
    moved = lights.plan(red, project, named("m"), date(2026, 9, 1), on=date(2026, 7, 2))
    assert seen(moved, project, rules, date(2026, 7, 2)).light is Light.GREEN


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_in_every_state_goes_where_the_table_says(
    state: State, verb: Verb, project: Project, rules: Rules
) -> None:
    suspended_on = date(2026, 4, 1) if state is State.SUSPENDED else None
    light = a_light(project, state=state, shown=True, suspended_on=suspended_on)
    on = date(2026, 6, 1)
    done = {
        Verb.PLAN: lambda: lights.plan(light, project, named("m"), PLANNED, on=on),
        Verb.REVIEW: lambda: seen(light, project, rules, on),
        Verb.SUSPEND: lambda: lights.suspend(light, on=on),
        Verb.RESUME: lambda: lights.resume(light, on=on),
        Verb.END: lambda: lights.end(light),
    }[verb]()
    target = TABLE[state].get(verb)
    assert done == light if target is None else done.state is target


@pytest.mark.parametrize(
    ("today", "light"),
    [
        (date(2026, 2, 5), Light.GREEN),  # four working days left on 11 February
        (date(2026, 2, 6), Light.YELLOW),
        (date(2026, 2, 11), Light.YELLOW),
        (date(2026, 2, 12), Light.RED),
    ],
)
def test_a_ticket_is_yellow_with_three_working_days_left_and_red_when_overdue(
    today: date, light: Light, rules: Rules
) -> None:
    ticket = lights.ticket(date(2026, 2, 11), today, rules.policy, rules.calendar)
    assert ticket.light is light
    assert (ticket.rule, ticket.policy_version) == ("ticket", "default-2026.2")
    assert ticket.inputs["due_on"] == "2026-02-11"


def test_month_ends_in_a_hold_stay_excused_when_the_start_is_planned_anew(project: Project) -> None:
    light = lights.suspend(a_light(project), on=date(2026, 3, 20))
    light = lights.resume(light, on=date(2026, 6, 2))
    assert light.excused == 3
    april = lights.plan(light, project, named("m"), date(2026, 4, 10), on=date(2026, 6, 3))
    assert (april.excused, april.held_ends) == (2, (date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)))
    assert lights.plan(april, project, named("m"), PLANNED, on=date(2026, 6, 4)).excused == 3


def test_a_light_that_is_over_notes_holds_for_the_start_may_be_planned_anew(project: Project) -> None:
    over = lights.suspend(lights.end(a_light(project)), on=date(2026, 4, 15))
    assert over.state is State.ENDED
    over = lights.resume(over, on=date(2026, 5, 6))
    assert (over.state, over.suspended_on) == (State.ENDED, None)
    again = lights.plan(over, project, named("m"), PLANNED, on=date(2026, 6, 1))
    assert (again.state, again.excused) == (State.WATCHING, 1)


def test_a_start_that_is_planned_anew_in_a_hold_is_held_since_the_hold_began(project: Project) -> None:
    over = lights.suspend(lights.end(a_light(project)), on=date(2026, 4, 15))
    again = lights.plan(over, project._replace(held=True), named("m"), PLANNED, on=date(2026, 5, 8))
    assert (again.state, again.suspended_on) == (State.SUSPENDED, date(2026, 4, 15))
    assert lights.resume(again, on=date(2026, 5, 9)).excused == 1
