"""What 督查室 does with a case over HTTP: feedback is sent back."""

from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.contracts.programme import Tier
from shared.contracts.supervision import CaseEscalated, CaseFeedbackSentBack
from shared.kit.web.security import Role
from tests.support.supervised import Supervised, case_of, met, person, planned, post, programme, recorded

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
