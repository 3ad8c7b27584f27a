"""延期 over HTTP: asked for, reviewed, approved or refused, withdrawn; what follows for timers, cases and proposals."""

from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.contracts.ids import obligation_id
from shared.contracts.programme import Tier
from shared.contracts.supervision import (
    CaseEscalated,
    CaseExtended,
    ExtensionGranted,
    ExtensionRequested,
    ObligationReminded,
)
from shared.kit.web.security import Role
from tests.support.supervised import Supervised, case_of, met, named, person, planned, programme, recorded

As = Callable[..., dict[str, str]]
OBLIGATION = obligation_id(named("m"))
PATH = f"/v1/obligations/{OBLIGATION}/extensions"
ASKED = {"reason": "施工许可审批延后", "progress": "桩基已完成", "due_on": "2026-02-06"}


@pytest_asyncio.fixture
async def due_soon(supervised: Supervised) -> Supervised:
    """Due Friday 9 January 2026; now it is the Tuesday before, and the reminder has gone out."""
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-06T10:00")
    return supervised


@pytest.fixture
def holder(as_: As) -> dict[str, str]:
    return as_(Role.CLERK, person(Tier.OFFICER))


async def post(http: httpx.AsyncClient, path: str, body: Any, headers: dict[str, str], status: int = 200) -> Any:
    answer = await http.post(path, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def queue(http: httpx.AsyncClient, headers: dict[str, str], state: str = "waiting") -> list[Any]:
    answer = await http.get(f"/v1/extensions?state={state}", headers=headers)
    assert answer.status_code == 200, answer.text
    items: list[Any] = answer.json()["items"]
    return items


async def test_asked_for_in_time_it_is_reviewed_and_approved_and_the_timers_follow(
    due_soon: Supervised, http: httpx.AsyncClient, as_: As, holder: dict[str, str]
) -> None:
    asked = await post(http, PATH, ASKED, holder, 201)
    assert (asked["number"], asked["state_name"], asked["due_before"]) == (1, "待审核", "2026-01-09")
    assert [one["obligation_id"] for one in await queue(http, holder)] == [str(OBLIGATION)]
    reviewed = await post(http, f"{PATH}/1:review", {"remark": "属实"}, as_(Role.REVIEWER))
    assert (reviewed["state"], reviewed["review"]) == ("reviewed", "属实")
    granted = await post(http, f"{PATH}/1:approve", {"remark": "同意"}, as_(Role.SUPERVISOR))
    assert (granted["state_name"], granted["due_now"], granted["decision"]) == ("已批准", "2026-02-06", "同意")
    assert await queue(http, holder) == []
    assert len(await queue(http, holder, "granted")) == 1
    shown = (await http.get(f"/v1/obligations/{OBLIGATION}", headers=holder)).json()
    assert (shown["due_on"], shown["planned_on"], shown["state"]) == ("2026-02-06", "2026-01-09", "open")
    assert (shown["extension"], shown["extension_name"]) == ("granted", "已批准")
    await due_soon.until("2026-02-09T10:00")
    reminders = await due_soon.events(OBLIGATION, kind=ObligationReminded)
    assert [one.subject.due_on for one in reminders] == [date(2026, 1, 9), date(2026, 2, 6)]
    [rung] = await due_soon.events(case_of("m"), kind=CaseEscalated)
    assert (rung.working_days_late, rung.subject.due_on) == (1, date(2026, 2, 6))


async def test_too_late_it_is_refused_with_that_sentence_and_recorded_nowhere(
    due_soon: Supervised, http: httpx.AsyncClient, holder: dict[str, str]
) -> None:
    await due_soon.until("2026-01-10T10:00")
    refused = await post(http, PATH, ASKED, holder, 409)
    assert refused["type"] == "urn:liandu:problem:extension-too-late"
    assert "按逾期处理" in refused["detail"]
    await due_soon.until("2026-01-12T10:00")
    await post(http, PATH, ASKED, holder, 409)
    assert await due_soon.events(OBLIGATION, kind=ExtensionRequested) == []
    assert await due_soon.rows("SELECT * FROM extension") == []


async def test_only_the_responsible_post_asks_and_each_step_is_another_person(
    due_soon: Supervised, http: httpx.AsyncClient, as_: As, holder: dict[str, str]
) -> None:
    for stranger in (as_(Role.CLERK), as_(Role.CLERK, person(Tier.UNIT_HEAD)), as_(Role.SUPERVISOR)):
        await post(http, PATH, ASKED, stranger, 403)
    await post(http, PATH, ASKED, holder, 201)
    await post(http, PATH, ASKED, holder, 409)
    await post(http, f"{PATH}/1:review", {}, holder, 403)
    await post(http, f"{PATH}/1:approve", {}, as_(Role.SUPERVISOR), 409)
    await post(http, f"{PATH}/1:review", {}, as_(Role.REVIEWER, person(Tier.OFFICER)), 403)
    await post(http, f"{PATH}/1:review", None, as_(Role.REVIEWER, person(Tier.TASK_FORCE)))
    await post(http, f"{PATH}/1:review", {}, as_(Role.REVIEWER), 409)
    same = await post(http, f"{PATH}/1:approve", {}, as_(Role.SUPERVISOR, person(Tier.TASK_FORCE)), 403)
    assert same["type"] == "urn:liandu:problem:same-person"
    await post(http, f"{PATH}/2:approve", {}, as_(Role.SUPERVISOR), 404)
    await post(http, f"{PATH}/1:approve", {}, {**as_(Role.SUPERVISOR), "if-match": '"1"'}, 412)
    await post(http, f"/v1/obligations/{named('x')}/extensions", ASKED, holder, 404)


async def test_refused_at_either_step_it_may_be_asked_for_again(
    due_soon: Supervised, http: httpx.AsyncClient, as_: As, holder: dict[str, str]
) -> None:
    await post(http, PATH, ASKED, holder, 201)
    await post(http, f"{PATH}/1:refuse", {"reason": ""}, as_(Role.REVIEWER), 422)
    await post(http, f"{PATH}/1:refuse", {"reason": "先说明进展"}, as_(Role.SUPERVISOR), 403)
    first = await post(http, f"{PATH}/1:refuse", {"reason": "先说明进展"}, as_(Role.REVIEWER))
    assert (first["state_name"], first["decision"], first["due_now"]) == ("已驳回", "先说明进展", "2026-01-09")
    second = await post(http, PATH, ASKED, holder, 201)
    assert second["number"] == 2
    await post(http, f"{PATH}/2:review", {}, as_(Role.REVIEWER))
    await post(http, f"{PATH}/2:refuse", {"reason": "不足"}, as_(Role.REVIEWER), 403)
    await post(http, f"{PATH}/2:refuse", {"reason": "不足"}, as_(Role.SUPERVISOR))
    everything = (await http.get(PATH, headers=holder)).json()["items"]
    assert [(one["number"], one["state"]) for one in everything] == [(1, "refused"), (2, "refused")]
    paged = (await http.get("/v1/extensions?limit=1&chain=DISPLAY", headers=holder)).json()
    following = (await http.get(f"/v1/extensions?limit=1&after={paged['next_after']}", headers=holder)).json()
    assert [one["number"] for one in (*paged["items"], *following["items"])] == [1, 2]


async def test_what_waits_is_withdrawn_when_it_is_met_and_counted_against_the_plan(
    due_soon: Supervised, http: httpx.AsyncClient, as_: As, holder: dict[str, str]
) -> None:
    await post(http, PATH, ASKED, holder, 201)
    await post(http, f"{PATH}/1:review", {}, as_(Role.REVIEWER))
    await post(http, f"{PATH}/1:approve", {}, as_(Role.SUPERVISOR))
    await post(http, PATH, {**ASKED, "due_on": "2026-03-31"}, holder, 201)
    await due_soon.tell(met("a", "m", date(2026, 1, 8)))
    [one] = await queue(http, holder, "withdrawn")
    assert (one["number"], one["decision"]) == (2, "事项已完成")
    proposals = (await http.get("/v1/commendations", headers=holder)).json()["items"]
    assert proposals == []  # a day before the plan, a month before the extended day


async def test_granted_after_the_due_day_the_case_goes_on_by_the_new_day(
    due_soon: Supervised, http: httpx.AsyncClient, as_: As, holder: dict[str, str]
) -> None:
    await post(http, PATH, ASKED, holder, 201)
    await due_soon.until("2026-01-12T10:00")
    assert len(await due_soon.events(case_of("m"), kind=CaseEscalated)) == 1  # nothing stood still
    await post(http, f"{PATH}/1:review", {}, as_(Role.REVIEWER))
    granted = await post(http, f"{PATH}/1:approve", {}, as_(Role.SUPERVISOR))
    assert granted["due_now"] == "2026-02-06"
    assert len(await due_soon.events(OBLIGATION, kind=ExtensionGranted)) == 1
    [extended] = await due_soon.events(case_of("m"), kind=CaseExtended)
    assert extended.due_on == date(2026, 2, 6)
    shown = (await http.get(f"/v1/cases/{case_of('m')}", headers=holder)).json()
    assert shown["due_on"] == "2026-02-06"
    assert shown["next_step"].startswith("若无进展，将于2026年2月13日09:00升级至第2级")
    await due_soon.until("2026-02-13T08:59")
    assert len(await due_soon.events(case_of("m"), kind=CaseEscalated)) == 1
    await due_soon.until("2026-02-13T09:00")
    letter = (await due_soon.events(case_of("m"), kind=CaseEscalated))[-1]
    assert (letter.rung, letter.working_days_late) == (2, 5)
