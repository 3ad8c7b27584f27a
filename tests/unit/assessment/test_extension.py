from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from services.assessment.domain import case as cases
from services.assessment.domain import extending
from services.assessment.domain import obligation as obligations
from services.assessment.domain.directory import Directory
from services.assessment.domain.extending import (
    ExtensionTooLate,
    ExtensionWaits,
    NoSuchExtension,
    SamePerson,
    TooManyExtensions,
)
from services.assessment.domain.extension import MOST_GRANTED, TABLE, WAITING, Extension, State, Verb, Who, withdraw
from services.assessment.domain.moments import CHINA
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.domain.rules import NotNow, Rules
from shared.contracts.programme import Tier
from shared.contracts.projects import MilestonePlanned
from shared.contracts.supervision import CaseOpened, ExtensionWithdrawn
from shared.kit.errors import Invalid, NotAllowed
from tests.support.supervised import named, planned

DUE = date(2026, 3, 9)
LATER = date(2026, 4, 10)
TODAY = date(2026, 3, 6)
NOW = datetime(2026, 3, 6, 15, tzinfo=CHINA)
ASKER, REVIEWER, SUPERVISOR = Who("钱芳 <qian>", named("钱芳")), Who("吴磊 <wu>"), Who("督查室 <du>")

Do = Callable[[Obligation], list[Any]]


@pytest.fixture
def open_one(project: Project) -> Obligation:
    event = planned("a", "m", DUE)[1]
    assert isinstance(event, MilestonePlanned)
    return obligations.opened(event, project)


def after(obligation: Obligation, events: list[Any], on: date = TODAY) -> Obligation:
    for event in events:
        obligation = obligations.evolve(obligation, event, on=on)
    return obligation


def ask(obligation: Obligation, rules: Rules, **changes: Any) -> list[Any]:
    asked: dict[str, Any] = {"who": ASKER, "reason": "许可延后", "progress": "桩基完成", "due_on": LATER, "now": NOW}
    return [*extending.ask(obligation, rules, **{**asked, **changes})]


def of(obligation: Obligation) -> Extension:
    assert obligation.extension is not None
    return obligation.extension


def in_state(state: State, obligation: Obligation, rules: Rules) -> Obligation:
    asked = after(obligation, ask(obligation, rules))
    reviewed: dict[str, Any] = (
        {"reviewed": REVIEWER, "reviewed_on": TODAY} if state in (State.REVIEWED, State.GRANTED) else {}
    )
    decided: dict[str, Any] = {} if state in WAITING else {"decided_on": TODAY}
    return asked._replace(extension=of(asked)._replace(state=state, **reviewed, **decided))


@pytest.fixture
def verbs(project: Project, directory: Directory, rules: Rules) -> dict[Verb, Do]:
    world = project, directory
    return {
        Verb.REVIEW: lambda one: [*extending.review(one, 1, who=REVIEWER, remark="属实")],
        Verb.GRANT: lambda one: [*extending.grant(one, 1, *world, rules, who=SUPERVISOR, remark="同意", on=TODAY)],
        Verb.REFUSE: lambda one: [
            *extending.refuse(
                one, 1, *world, who=SUPERVISOR, reason="理由不足", may_review=True, may_approve=True, on=TODAY
            )
        ],
        Verb.WITHDRAW: lambda one: [*withdraw(one.extension, one.id, reason="事项已完成")],
    }


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("verb", list(Verb))
def test_every_verb_in_every_state_goes_where_the_table_says(
    state: State, verb: Verb, verbs: dict[Verb, Do], open_one: Obligation, rules: Rules
) -> None:
    obligation = in_state(state, open_one, rules)
    target = TABLE[state].get(verb)
    if target is None and verb is Verb.WITHDRAW:
        assert verbs[verb](obligation) == []
    elif target is None:
        with pytest.raises(NotNow):
            verbs[verb](obligation)
    else:
        assert of(after(obligation, verbs[verb](obligation))).state is target


@pytest.mark.parametrize("state", list(obligations.State))
def test_it_is_asked_for_while_the_obligation_is_open_and_said_why_not_otherwise(
    state: obligations.State, open_one: Obligation, rules: Rules
) -> None:
    obligation = open_one._replace(state=state)
    if state is obligations.State.OPEN:
        assert of(after(obligation, ask(obligation, rules))).state is State.REQUESTED
        return
    with pytest.raises(NotNow) as refused:
        ask(obligation, rules)
    late = state in (obligations.State.MISSED, obligations.State.BASELINE)
    assert isinstance(refused.value, ExtensionTooLate) is late


def test_it_is_asked_for_on_the_due_day_at_the_latest(open_one: Obligation, rules: Rules) -> None:
    assert ask(open_one, rules, now=datetime(2026, 3, 9, 23, 59, tzinfo=CHINA))
    with pytest.raises(ExtensionTooLate) as refused:
        ask(open_one, rules, now=datetime(2026, 3, 10, 0, 1, tzinfo=CHINA))
    assert "按逾期处理" in refused.value.message


@pytest.mark.parametrize(
    "wrong",
    [{"reason": " "}, {"progress": ""}, {"due_on": DUE}, {"due_on": date(2026, 3, 1)}, {"due_on": date(2026, 6, 30)}],
    ids=["no reason", "no progress", "the same day", "an earlier day", "too far"],
)
def test_it_needs_a_reason_the_progress_and_a_later_day_in_sight(
    wrong: dict[str, Any], open_one: Obligation, rules: Rules
) -> None:
    with pytest.raises(Invalid):
        ask(open_one, rules, **wrong)


def test_one_waits_at_a_time_and_so_many_are_granted(open_one: Obligation, verbs: dict[Verb, Do], rules: Rules) -> None:
    obligation = after(open_one, ask(open_one, rules))
    with pytest.raises(ExtensionWaits):
        ask(obligation, rules)
    many = obligation._replace(extension=of(obligation)._replace(state=State.GRANTED, granted_before=MOST_GRANTED - 1))
    with pytest.raises(TooManyExtensions):
        ask(many, rules)
    refused = after(obligation, verbs[Verb.REFUSE](obligation))
    assert of(after(refused, ask(refused, rules))).number == 2


def test_three_people_take_part(open_one: Obligation, project: Project, directory: Directory, rules: Rules) -> None:
    asked = after(open_one, ask(open_one, rules))
    other_login = Who("钱芳 <qian-2>", ASKER.person_id)
    for who in (ASKER, other_login, Who("钱 <qian>")):
        with pytest.raises(SamePerson):
            extending.review(asked, 1, who=who, remark="")
    reviewed = after(asked, [*extending.review(asked, 1, who=REVIEWER, remark="")])
    for who in (ASKER, REVIEWER):
        with pytest.raises(SamePerson):
            extending.grant(reviewed, 1, project, directory, rules, who=who, remark="", on=TODAY)


@pytest.mark.parametrize(("reviews", "state"), [(True, State.REVIEWED), (False, State.REQUESTED)])
def test_each_step_is_refused_by_whom_it_belongs_to(
    reviews: bool, state: State, open_one: Obligation, project: Project, directory: Directory, rules: Rules
) -> None:
    obligation = in_state(state, open_one, rules)
    with pytest.raises(NotAllowed):
        extending.refuse(
            obligation,
            1,
            project,
            directory,
            who=SUPERVISOR,
            reason="不足",
            may_review=reviews,
            may_approve=not reviews,
            on=TODAY,
        )


@pytest.mark.parametrize("number", [0, 2])
def test_what_was_never_asked_for_is_not_found(number: int, open_one: Obligation, rules: Rules) -> None:
    asked = after(open_one, ask(open_one, rules))
    with pytest.raises(NoSuchExtension):
        extending.review(asked, number, who=REVIEWER, remark="")
    with pytest.raises(NoSuchExtension):
        extending.review(open_one, 1, who=REVIEWER, remark="")


def test_granted_it_moves_the_due_day_and_not_the_plan_and_reminds_again(
    open_one: Obligation, verbs: dict[Verb, Do], rules: Rules
) -> None:
    reviewed = in_state(State.REVIEWED, open_one._replace(reminded=True), rules)
    granted = verbs[Verb.GRANT](reviewed)
    assert [one.tier for one in granted[0].addressees] == [Tier.OFFICER, Tier.UNIT_HEAD]
    moved = after(reviewed, granted)
    assert (moved.due_on, moved.planned_on, moved.reminded) == (LATER, DUE, False)
    wakes = obligations.wake_at(moved, rules, NOW)
    assert wakes == rules.morning(rules.calendar.add(LATER, -3).day)


def test_while_it_waits_nothing_stands_still(open_one: Obligation, rules: Rules) -> None:
    asked = after(open_one, ask(open_one, rules))
    assert obligations.wake_at(asked, rules, NOW) == obligations.wake_at(open_one, rules, NOW)


def test_a_day_that_has_passed_is_granted_no_more(
    open_one: Obligation, project: Project, directory: Directory, rules: Rules
) -> None:
    reviewed = in_state(State.REVIEWED, open_one, rules)
    with pytest.raises(NotNow):
        extending.grant(reviewed, 1, project, directory, rules, who=SUPERVISOR, remark="", on=date(2026, 4, 11))


def test_while_the_project_is_held_nothing_is_granted(
    open_one: Obligation, project: Project, directory: Directory, rules: Rules
) -> None:
    reviewed = in_state(State.REVIEWED, open_one, rules)
    held = after(reviewed, obligations.suspend(reviewed, reason="用地"))
    with pytest.raises(NotNow):
        extending.grant(held, 1, project, directory, rules, who=SUPERVISOR, remark="", on=TODAY)


@pytest.mark.parametrize("end", ["met", "cancelled", "moved", "resumed"])
def test_it_is_withdrawn_when_nothing_is_left_to_be_decided(end: str, open_one: Obligation, rules: Rules) -> None:
    asked = after(open_one, ask(open_one, rules))
    events: list[Any] = []
    match end:
        case "met":
            events = obligations.meet(asked, TODAY, rules)
        case "cancelled":
            events = obligations.cancel(asked, reason="调整")
        case "moved":
            events = obligations.move(asked, date(2026, 5, 6), rules, on=TODAY)
        case "resumed":
            held = after(asked, obligations.suspend(asked, reason="用地"))
            events = obligations.resume(held, rules, on=date(2026, 3, 20))
    assert isinstance(events[-1], ExtensionWithdrawn)
    assert of(after(asked, events)).state is State.WITHDRAWN


def test_a_move_that_is_late_or_none_leaves_it_waiting(open_one: Obligation, rules: Rules) -> None:
    asked = after(open_one, ask(open_one, rules))
    for events in (
        obligations.move(asked, DUE, rules, on=TODAY),
        obligations.move(asked, LATER, rules, on=date(2026, 3, 10)),
    ):
        assert of(after(asked, events)).state is State.REQUESTED


@pytest.mark.parametrize("granted_on", [date(2026, 3, 10), date(2026, 3, 20)], ids=["urged", "with a letter"])
def test_granted_after_its_case_opened_the_ladder_counts_from_the_new_day(
    granted_on: date, open_one: Obligation, project: Project, directory: Directory, rules: Rules
) -> None:
    opened, *rest = cases.open_case(
        open_one, project, directory, rules, number="督〔2026〕1号", now=rules.morning(date(2026, 3, 10))
    )
    assert isinstance(opened, CaseOpened)
    case = cases.begin(opened, at=rules.morning(date(2026, 3, 10)))
    for event in rest:
        case = cases.evolve(case, event, rules, on=date(2026, 3, 10))
    [extended] = cases.extend(case, LATER, rules)
    case = cases.evolve(case, extended, rules, on=granted_on)
    assert case.due_on == LATER
    assert case.held_until == rules.next_morning(LATER)
    assert cases.climb_at(case, rules) == rules.morning(rules.calendar.add(LATER, 5).day)
    assert cases.recount(case, rules, rules.morning(granted_on)) == []
