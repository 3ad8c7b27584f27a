"""Enterprise requests: every state with every verb, and what common problems refuse."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.intake.domain.errors import DateNotAllowed, FieldMissing
from services.intake.domain.organisation.programme import Post
from services.intake.domain.registers.tasks import Responsible
from services.intake.domain.requests import common_problems, requests
from services.intake.domain.requests.common_problems import (
    NewProblem,
    NoTaskForce,
    NotCommon,
    ProblemNotOpen,
    ProblemStatus,
)
from services.intake.domain.requests.requests import (
    VERBS,
    Assignment,
    NewRequest,
    Request,
    RequestNotSuited,
    RequestStatus,
    RequestVerb,
    UsccNotSound,
)
from services.intake.domain.uscc import check_sign
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.requests import ProblemAnswered, ProblemJoined, Satisfaction
from tests.unit.intake.factories import AUTO, BUREAU, DISPLAY, OFFICER, TODAY, ZHANG, an_id

DUE = TODAY + timedelta(days=10)
TO_OFFICER = Assignment(DUE, Responsible(OFFICER.id, BUREAU.id, ZHANG.id), reason="职责调整")
DECIDE: dict[RequestVerb, Callable[[Request], list[Event]]] = {
    RequestVerb.ASSIGN: lambda request: requests.assign(request, TO_OFFICER, on=TODAY, by="clerk-1"),
    RequestVerb.ANSWER: lambda request: requests.answer(request, answer="可以", on=TODAY, by="clerk-1"),
    RequestVerb.SEND_BACK: lambda request: requests.send_back(request, reason="不行", on=TODAY, by="firm"),
    RequestVerb.CONFIRM: lambda request: requests.confirm(
        request, satisfaction=Satisfaction.SATISFIED, comment="", on=TODAY, by="firm"
    ),
    RequestVerb.WITHDRAW: lambda request: requests.withdraw(request, reason="不用了", on=TODAY, by="firm"),
}
WAY: dict[RequestStatus, tuple[RequestVerb, ...]] = {
    RequestStatus.RAISED: (),
    RequestStatus.ASSIGNED: (RequestVerb.ASSIGN,),
    RequestStatus.ANSWERED: (RequestVerb.ASSIGN, RequestVerb.ANSWER),
    RequestStatus.SENT_BACK: (RequestVerb.ASSIGN, RequestVerb.ANSWER, RequestVerb.SEND_BACK),
    RequestStatus.CLOSED: (RequestVerb.ASSIGN, RequestVerb.ANSWER, RequestVerb.CONFIRM),
    RequestStatus.WITHDRAWN: (RequestVerb.WITHDRAW,),
}


def a_uscc(number: int) -> str:
    first = f"91370211MA{number:07d}"
    return first + check_sign(first)


def a_request(number: int = 1, status: RequestStatus = RequestStatus.RAISED) -> Request:
    new = NewRequest(DISPLAY.id, a_uscc(number), f"第{number}公司", "用地", "缺地")
    request = requests.fold(
        None, requests.raise_request(an_id(f"request{number}"), new, by_enterprise=True, on=TODAY, by="firm")
    )
    for verb in WAY[status]:
        request = requests.fold(request, DECIDE[verb](request))
    return request


def gathered(*members: Request) -> tuple[common_problems.Problem, list[Request]]:
    new = NewProblem(DISPLAY.id, "用地", "", TO_OFFICER)
    events, assigned = common_problems.gather(an_id("problem"), new, members, on=TODAY, by="clerk-1")
    return common_problems.fold(None, events), [requests.fold(each, assigned[each.id]) for each in members]


@pytest.mark.parametrize("verb", list(RequestVerb))
@pytest.mark.parametrize("status", list(RequestStatus))
def test_every_verb_is_taken_in_its_states_and_refused_in_all_others(status: RequestStatus, verb: RequestVerb) -> None:
    request = a_request(status=status)
    assert request.status is status
    if status in VERBS[verb]:
        assert requests.fold(request, DECIDE[verb](request)).version == request.version + 1
    else:
        with pytest.raises(RequestNotSuited):
            DECIDE[verb](request)


def test_nothing_but_the_enterprises_confirmation_closes_a_request() -> None:
    for status in RequestStatus:
        for verb in set(RequestVerb) - {RequestVerb.CONFIRM}:
            request = a_request(status=status)
            if status in VERBS[verb]:
                assert requests.fold(request, DECIDE[verb](request)).status is not RequestStatus.CLOSED


def test_a_request_needs_a_sound_code_and_an_assignment_a_day_that_is_not_past() -> None:
    with pytest.raises(UsccNotSound):
        requests.sound_uscc("913702110000000001")
    with pytest.raises(DateNotAllowed):
        requests.assign(a_request(), replace(TO_OFFICER, due_on=TODAY - timedelta(days=1)), on=TODAY, by="clerk-1")
    with pytest.raises(FieldMissing):
        requests.assign(a_request(), replace(TO_OFFICER, responsible=None), on=TODAY, by="clerk-1")


def test_a_common_problem_is_of_several_enterprises_of_one_chain() -> None:
    with pytest.raises(NotCommon, match="至少两家"):
        gathered(a_request(1), replace(a_request(1), id=an_id("another")))
    with pytest.raises(NotCommon, match="同一条产业链"):
        gathered(a_request(1), replace(a_request(2), chain_id=AUTO.id))


def test_the_answer_to_a_problem_answers_what_is_still_dealt_with_in_it() -> None:
    problem, (first, second) = gathered(a_request(1), a_request(2))
    withdrawn = requests.fold(first, requests.withdraw(first, reason="不用了", on=TODAY, by="firm"))
    events, answered = common_problems.answer(problem, [withdrawn, second], answer="可以", on=TODAY, by="clerk-1")
    assert set(answered) == {second.id}
    assert isinstance(events[0], ProblemAnswered)
    done = common_problems.fold(problem, events)
    with pytest.raises(ProblemNotOpen):
        common_problems.answer(done, [second], answer="可以", on=TODAY, by="clerk-1")


def test_joining_again_needs_a_day_and_opens_an_answered_problem() -> None:
    problem, members = gathered(a_request(1), a_request(2))
    events, answered = common_problems.answer(problem, members, answer="可以", on=TODAY, by="clerk-1")
    problem, first = common_problems.fold(problem, events), requests.fold(members[0], answered[members[0].id])
    back = requests.fold(first, requests.send_back(first, reason="不行", on=TODAY, by="firm"))
    with pytest.raises(FieldMissing):
        common_problems.join(problem, [back], due_on=None, on=TODAY, by="clerk-1")
    joined, _ = common_problems.join(problem, [back], due_on=date(2026, 4, 1), on=TODAY, by="clerk-1")
    assert isinstance(joined[0], ProblemJoined)
    assert common_problems.fold(problem, joined).status is ProblemStatus.OPEN


def test_the_task_force_of_a_chain_is_the_one_that_answers_for_it() -> None:
    task_force = Post(an_id("专班"), "显示专班", Tier.TASK_FORCE, BUREAU.id, (DISPLAY.id,))
    assert common_problems.task_force_of(DISPLAY, [OFFICER, task_force]) is task_force
    for posts in ([OFFICER], [task_force, replace(task_force, id=an_id("又一专班"))]):
        with pytest.raises(NoTaskForce):
            common_problems.task_force_of(DISPLAY, posts)
