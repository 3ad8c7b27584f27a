"""What 督查室 does with a case over HTTP: 退办, 交办, 销号, 归档, 恢复督办; and who stands in for whom."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from shared.contracts.event import Event
from shared.contracts.programme import (
    LeaveEnded,
    LeavePlanned,
    OrganisationRecorded,
    PersonRecorded,
    PostAssumed,
    PostEstablished,
    Tier,
)
from shared.contracts.project_records import MilestoneReopened
from shared.contracts.projects import MilestoneCancelled
from shared.contracts.supervision import CaseEscalated, CaseFeedbackSentBack
from shared.kit.web.security import Role
from tests.support.supervised import (
    UNIT,
    Supervised,
    case_of,
    met,
    named,
    person,
    planned,
    post,
    programme,
    recorded,
    vacated,
)

As = Callable[..., dict[str, str]]
CASE = case_of("m")
PATH = f"/v1/cases/{CASE}"
ANSWER = {"text": "施工许可预计月底取得", "commitment_on": "2026-01-30"}


@pytest_asyncio.fixture
async def with_a_case(supervised: Supervised) -> Supervised:
    """Due Friday 9 January 2026; on Monday morning the case stands at its first rung."""
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-12T09:30")
    return supervised


@pytest.fixture
def supervisor(as_: As) -> dict[str, str]:
    return as_(Role.SUPERVISOR)


async def do(http: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str], status: int = 200) -> Any:
    answer = await http.post(f"{PATH}{path}", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_feedback_is_sent_back_and_the_climb_goes_on(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As, supervisor: dict[str, str]
) -> None:
    given = await do(http, ":feedback", ANSWER, as_(Role.CLERK, person(Tier.UNIT_HEAD)))
    [feedback] = given["feedback"]
    assert (feedback["number"], feedback["state"], feedback["post_id"]) == (1, "accepted", str(post(Tier.UNIT_HEAD)))
    await with_a_case.until("2026-01-20T15:00")
    assert len(await with_a_case.events(CASE, kind=CaseEscalated)) == 1
    await do(http, "/feedback/1:send-back", {"reason": "未说明整改措施"}, as_(Role.CLERK), 403)
    await do(http, "/feedback/1:send-back", {"reason": " "}, supervisor, 422)
    await do(http, "/feedback/2:send-back", {"reason": "没有的"}, supervisor, 404)
    stale = {**supervisor, "if-match": '"1"'}
    await do(http, "/feedback/1:send-back", {"reason": "未说明整改措施"}, stale, 412)
    back = await do(http, "/feedback/1:send-back", {"reason": "未说明整改措施"}, supervisor)
    assert back["feedback"][0]["state_name"] == "已退办"
    assert back["feedback"][0]["sending_back"]["reason"] == "未说明整改措施"
    assert back["next_step"].startswith("若无进展，将于2026年1月21日09:00升级至第2级")
    await do(http, "/feedback/1:send-back", {"reason": "再退"}, supervisor, 409)
    [told] = await with_a_case.events(CASE, kind=CaseFeedbackSentBack)
    assert [one.post_id for one in told.addressees] == [post(Tier.UNIT_HEAD)]
    await with_a_case.until("2026-01-21T09:00")
    assert len(await with_a_case.events(CASE, kind=CaseEscalated)) == 2


async def test_a_second_feedback_has_a_number_of_its_own_and_survives_the_first(
    with_a_case: Supervised, http: httpx.AsyncClient, supervisor: dict[str, str]
) -> None:
    await do(http, ":feedback", ANSWER, supervisor)
    await do(http, ":feedback", {**ANSWER, "commitment_on": "2026-01-22"}, supervisor)
    await do(http, ":acknowledge", None, supervisor)
    shown = await do(http, "/feedback/1:send-back", {"reason": "过长"}, supervisor)
    assert [(one["number"], one["state"]) for one in shown["feedback"]] == [(1, "sent_back"), (2, "accepted")]
    assert shown["next_step"].startswith("若无进展，将于2026年1月23日09:00")
    await with_a_case.tell(met("a", "m", date(2026, 1, 13)))
    refused = await do(http, "/feedback/2:send-back", {"reason": "已办结"}, supervisor, 409)
    assert refused["type"] == "urn:liandu:problem:case-is-closed"


def unit(name: str) -> list[tuple[UUID, Event]]:
    """Another unit, whose head has the same name."""
    head = named(f"head of {name}")
    return [
        (named(name), OrganisationRecorded(organisation_id=named(name), name=name)),
        (
            head,
            PostEstablished(
                post_id=head, title=f"{name}局长", tier=Tier.UNIT_HEAD, organisation_id=named(name), chain_ids=()
            ),
        ),
        (
            named(f"person of {name}"),
            PersonRecorded(person_id=named(f"person of {name}"), name=name, organisation_id=UNIT),
        ),
        (head, PostAssumed(post_id=head, person_id=named(f"person of {name}"), from_day=date(2025, 1, 1))),
    ]


async def test_units_are_named_to_lead_and_to_assist_and_hear_from_then_on(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As, supervisor: dict[str, str]
) -> None:
    await with_a_case.tell(*unit("自然资源局"), *unit("行政审批局"))
    body = {
        "lead_organisation_id": str(named("行政审批局")),
        "assisting_organisation_ids": [str(named("自然资源局"))],
        "reason": "用地手续须两家办理",
    }
    helper = as_(Role.CLERK, named("person of 自然资源局"))
    await do(http, ":feedback", ANSWER, helper, 403)
    await do(http, ":assign", body, as_(Role.CLERK), 403)
    shown = await do(http, ":assign", body, supervisor)
    assert (shown["lead"]["name"], [one["name"] for one in shown["assisting"]]) == ("行政审批局", ["自然资源局"])
    assert [(one["kind"], one["text"]) for one in shown["dealings"]] == [("assigned", "用地手续须两家办理")]
    await do(http, ":assign", body, supervisor, 409)
    await do(http, ":assign", {**body, "assisting_organisation_ids": [str(named("无此单位"))]}, supervisor, 422)
    await do(http, ":acknowledge", None, helper, 403)
    given = await do(http, ":feedback", ANSWER, helper)
    assert given["feedback"][0]["post_id"] == str(named("head of 自然资源局"))
    await do(http, ":acknowledge", None, as_(Role.CLERK, named("person of 行政审批局")))
    await do(http, ":acknowledge", None, as_(Role.CLERK, person(Tier.UNIT_HEAD)), 403)
    await with_a_case.until("2026-02-02T09:00")
    letter = (await with_a_case.events(CASE, kind=CaseEscalated))[-1]
    assert [one.copy_only for one in letter.addressees if one.post_id == named("head of 自然资源局")] == [True]
    listed = (await http.get("/v1/cases", headers=supervisor)).json()["items"]
    assert listed[0]["lead"]["head"]["holder"] == "行政审批局"


async def states(http: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, int]:
    """How many cases each filter gives."""
    found = {}
    for state in ("open", "closed", "completed", "struck_off", "archived"):
        answer = await http.get(f"/v1/cases?state={state}", headers=headers)
        found[state] = len(answer.json()["items"])
    return found


async def test_a_closed_case_is_struck_off_by_another_and_archived_and_then_nothing_changes(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As, supervisor: dict[str, str]
) -> None:
    await do(http, ":strike-off", {"remark": "已开工"}, supervisor, 409)
    await with_a_case.tell(met("a", "m", date(2026, 1, 13)))
    assert await states(http, supervisor) == {"open": 0, "closed": 1, "completed": 1, "struck_off": 0, "archived": 0}
    await do(http, ":archive", None, supervisor, 409)
    await do(http, ":strike-off", {"remark": ""}, supervisor, 422)
    own = await do(http, ":strike-off", {"remark": "已开工"}, as_(Role.SUPERVISOR, person(Tier.OFFICER)), 403)
    assert own["type"] == "urn:liandu:problem:own-case"
    struck = await do(http, ":strike-off", {"remark": "现场核实，已开工"}, supervisor)
    assert (struck["state"], struck["ending"], struck["state_name"]) == ("closed", "struck_off", "已销号")
    assert struck["next_step"] == "督办件已销号，待归档"
    assert await states(http, supervisor) == {"open": 0, "closed": 1, "completed": 0, "struck_off": 1, "archived": 0}
    archived = await do(http, ":archive", {"remark": "案卷齐全"}, supervisor)
    assert [(one["kind_name"], one["text"]) for one in archived["dealings"]] == [
        ("销号", "现场核实，已开工"),
        ("归档", "案卷齐全"),
    ]
    assert await states(http, supervisor) == {"open": 0, "closed": 1, "completed": 0, "struck_off": 0, "archived": 1}
    for path, body in (
        (":archive", None),
        (":strike-off", {"remark": "再销"}),
        (":restore", {"reason": "未办实"}),
        (":assign", {"reason": "再交办"}),
        (":feedback", ANSWER),
        (":acknowledge", None),
        (":settle", {"reason": "再办结"}),
    ):
        refused = await do(http, path, body, supervisor, 409)
        assert refused["type"] == "urn:liandu:problem:case-is-archived"


async def test_a_correction_opens_even_what_was_archived(
    with_a_case: Supervised, http: httpx.AsyncClient, supervisor: dict[str, str]
) -> None:
    await with_a_case.tell(met("a", "m", date(2026, 1, 13)))
    await do(http, ":strike-off", {"remark": "已开工"}, supervisor)
    await do(http, ":archive", None, supervisor)
    reopened = MilestoneReopened(project_id=named("a"), milestone_id=named("m"), correction_id=named("c"))
    await with_a_case.tell((named("a"), reopened))
    shown = (await http.get(PATH, headers=supervisor)).json()
    assert (shown["state"], shown["ending"]) == ("open", None)


async def test_what_counts_as_met_is_corrected_and_not_restored(
    with_a_case: Supervised, http: httpx.AsyncClient, supervisor: dict[str, str]
) -> None:
    await do(http, ":restore", {"reason": "未办实"}, supervisor, 409)
    await with_a_case.tell(met("a", "m", date(2026, 1, 13)))
    refused = await do(http, ":restore", {"reason": "未办实"}, supervisor, 409)
    assert "请在项目库申请更正" in refused["detail"]


async def test_a_case_whose_milestone_was_cancelled_is_restored_climbs_on_and_is_settled(
    with_a_case: Supervised, http: httpx.AsyncClient, supervisor: dict[str, str]
) -> None:
    await do(http, ":settle", {"reason": "已解决"}, supervisor, 409)
    cancelled = MilestoneCancelled(project_id=named("a"), milestone_id=named("m"), reason="调整")
    await with_a_case.tell((named("a"), cancelled))
    shown = await do(http, ":restore", {"reason": "用地问题仍须督办"}, supervisor)
    assert (shown["state"], shown["rung"], shown["dealings"][0]["kind_name"]) == ("open", 1, "恢复督办")
    assert shown["next_step"].startswith("若无进展，将于2026年1月16日09:00升级至第2级")
    await with_a_case.until("2026-01-16T09:00")
    assert len(await with_a_case.events(CASE, kind=CaseEscalated)) == 2
    settled = await do(http, ":settle", {"reason": "用地问题已解决"}, supervisor)
    assert (settled["state"], settled["ending"], settled["close_reason"]) == ("closed", "completed", "用地问题已解决")
    obligation = (await http.get(f"/v1/obligations/{settled['obligation_id']}", headers=supervisor)).json()
    assert obligation["state"] == "cancelled"
    await do(http, ":strike-off", {"remark": "属实"}, supervisor)


async def test_a_delegate_answers_during_leave_and_is_shown_with_the_holder(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    stand_in = as_(Role.CLERK, named("代理人"))
    await do(http, ":acknowledge", None, stand_in, 403)
    away = LeavePlanned(
        person_id=person(Tier.OFFICER),
        leave_id=named("假"),
        from_day=date(2026, 1, 12),
        until_day=date(2026, 1, 16),
        delegate_id=named("代理人"),
    )
    recorded_person = PersonRecorded(person_id=named("代理人"), name="代某", organisation_id=UNIT)
    await with_a_case.tell((named("代理人"), recorded_person), (person(Tier.OFFICER), away))
    shown = await do(http, ":acknowledge", None, stand_in)
    assert shown["responsible"]["holder"] == "某officer"
    assert (shown["responsible"]["delegate"], shown["responsible"]["vacant"]) == ("代某", False)
    assert shown["responsible"]["note"] == "请假至2026年1月16日，由代某代理"
    assert {one["post_id"] for one in shown["rungs"][0]["addressees"]} == {
        str(post(Tier.TASK_FORCE_OFFICE)),
        str(post(Tier.UNIT_HEAD)),
    }
    obligation = (await http.get(f"/v1/obligations/{shown['obligation_id']}", headers=stand_in)).json()
    assert obligation["responsible"] == shown["responsible"]
    await with_a_case.tell(
        (
            person(Tier.OFFICER),
            LeaveEnded(person_id=person(Tier.OFFICER), leave_id=named("假"), until_day=date(2026, 1, 12)),
        )
    )
    await with_a_case.until("2026-01-13T10:00")
    await do(http, ":feedback", ANSWER, stand_in, 403)


async def test_a_vacant_post_is_called_vacant(
    with_a_case: Supervised, http: httpx.AsyncClient, supervisor: dict[str, str]
) -> None:
    await with_a_case.tell(vacated(Tier.OFFICER, date(2026, 1, 12)))
    shown = (await http.get(PATH, headers=supervisor)).json()
    assert (shown["responsible"]["vacant"], shown["responsible"]["note"]) == (True, "岗位空缺")
