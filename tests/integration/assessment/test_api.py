from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.assessment.handlers import people
from shared.contracts.ids import obligation_id, rung_id
from shared.contracts.programme import Tier
from shared.contracts.projects import Stage
from shared.contracts.supervision import CaseAcknowledged, CaseEscalated, ObligationConfirmed
from shared.kit.web.links import Link, sign_link
from shared.kit.web.security import Role
from tests.integration.assessment.conftest import LINK_SECRET
from tests.support.supervised import Supervised, case_of, met, named, person, planned, post, programme, recorded

As = Callable[..., dict[str, str]]
CASE = case_of("m")


@pytest_asyncio.fixture
async def with_a_case(supervised: Supervised) -> Supervised:
    """Due Friday 9 January 2026; on Monday morning the case stands at its first rung."""
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-12T09:30")
    return supervised


async def get(http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> Any:
    answer = await http.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_case_is_shown_with_its_rungs_and_what_comes_next(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    shown = await get(http, f"/v1/cases/{CASE}", as_(Role.CLERK))
    assert shown["number"] == "督〔2026〕1号"
    assert shown["next_step"] == "若无进展，将于2026年1月16日09:00升级至第2级（督办函，报工作专班）"
    assert [one["document_name"] for one in shown["rungs"]] == ["催办"]
    assert shown["matter"]["chain_name"] == "新型显示"
    listed = await get(http, "/v1/cases?chain=DISPLAY&state=open", as_(Role.CHIEF))
    assert [one["id"] for one in listed["items"]] == [str(CASE)]
    assert listed["next_after"] is None


async def test_the_holder_acknowledges_and_the_climb_stands_still(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    holder = as_(Role.CLERK, person(Tier.OFFICER))
    answer = await http.post(f"/v1/cases/{CASE}:acknowledge", headers=holder)
    assert answer.status_code == 200
    assert answer.json()["next_step"].startswith("若无进展，将于2026年1月21日09:00")
    assert answer.headers["etag"] == '"3"'
    again = await http.post(f"/v1/cases/{CASE}:acknowledge", headers=holder)
    assert (again.status_code, again.json()["detail"]) == (409, "本级督办已签收")


async def test_a_stranger_may_not_and_the_supervisor_may_on_behalf(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    for headers in (as_(Role.CLERK), as_(Role.CLERK, person(Tier.CHIEF))):
        answer = await http.post(f"/v1/cases/{CASE}:acknowledge", headers=headers)
        assert answer.status_code == 403
    answer = await http.post(f"/v1/cases/{CASE}:acknowledge", headers=as_(Role.SUPERVISOR))
    assert answer.status_code == 200
    said = (await with_a_case.events(CASE, kind=CaseAcknowledged))[0]
    assert (said.by, said.via) == ("某人 <supervisor-1>", "登录（督查室代办）")
    unknown = await http.post(f"/v1/cases/{named('nothing')}:acknowledge", headers=as_(Role.SUPERVISOR))
    assert unknown.status_code == 404


async def test_feedback_holds_until_the_commitment_and_a_closed_case_refuses_it(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    holder = as_(Role.CLERK, person(Tier.UNIT_HEAD))
    body = {"text": "施工许可预计下周取得", "commitment_on": "2026-01-30"}
    answer = await http.post(f"/v1/cases/{CASE}:feedback", json=body, headers=holder)
    assert answer.status_code == 200
    assert answer.json()["next_step"].startswith("若无进展，将于2026年2月2日09:00升级至第2级")
    early = await http.post(f"/v1/cases/{CASE}:feedback", json={**body, "commitment_on": "2026-01-02"}, headers=holder)
    assert early.status_code == 422
    stale = await http.post(f"/v1/cases/{CASE}:feedback", json=body, headers={**holder, "if-match": '"1"'})
    assert stale.status_code == 412
    await with_a_case.until("2026-02-02T08:59")
    assert len(await with_a_case.events(CASE, kind=CaseEscalated)) == 1
    await with_a_case.until("2026-02-02T09:00")
    assert len(await with_a_case.events(CASE, kind=CaseEscalated)) == 2
    await with_a_case.tell(met("a", "m", date(2026, 2, 2)))
    closed = await http.post(f"/v1/cases/{CASE}:feedback", json=body, headers=holder)
    assert (closed.status_code, closed.json()["type"]) == (409, "urn:liandu:problem:case-is-closed")


async def test_the_baseline_waits_until_it_is_confirmed(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(*programme(), recorded("a"), recorded("b", name="甲"))
    for name in ("one", "two", "three"):
        await supervised.tell(planned("a", name, date(2025, 6, 30)))
    await supervised.until("2026-01-09T10:00")
    listed = await get(http, "/v1/obligations?baseline=true&limit=2", as_(Role.CLERK))
    assert [one["state_name"] for one in listed["items"]] == ["存量（待确认）"] * 2
    assert listed["items"][0]["light"]["light"] == "red"
    more = await get(http, f"/v1/obligations?baseline=true&limit=2&after={listed['next_after']}", as_(Role.CLERK))
    assert len(more["items"]) == 1
    path = f"/v1/obligations/{obligation_id(named('one'))}:confirm"
    assert (await http.post(path, headers=as_(Role.CLERK))).status_code == 403
    assert (await http.post(path, headers=as_(Role.SUPERVISOR))).status_code == 200
    assert (await http.post(path, headers=as_(Role.SUPERVISOR))).status_code == 409
    everything = await http.post("/v1/baseline:confirm", headers=as_(Role.SUPERVISOR))
    assert everything.json() == {"confirmed": 2}
    await supervised.until("2026-01-12T09:00")  # one working day after Friday
    cases = await get(http, "/v1/cases", as_(Role.CLERK))
    assert {one["number"] for one in cases["items"]} == {f"督〔2026〕{n}号" for n in (1, 2, 3)}
    climbs = {datetime.fromisoformat(one["next_at"]) for one in cases["items"]}
    assert climbs == {datetime(2026, 1, 16, 1, tzinfo=UTC)}


async def test_the_baseline_is_confirmed_a_page_in_each_transaction(
    supervised: Supervised, http: httpx.AsyncClient, as_: As, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "PAGE", 2)
    await supervised.tell(*programme(), recorded("a"), *[planned("a", name, date(2025, 6, 30)) for name in "vwxyz"])
    headers = {**as_(Role.SUPERVISOR), "idempotency-key": "once"}
    for _ in range(2):
        answer = await http.post("/v1/baseline:confirm", headers=headers)
        assert answer.json() == {"confirmed": 5}
    pages = await supervised.rows(
        "SELECT count(*) AS size FROM event_log WHERE type = :type GROUP BY xid ORDER BY min(position)",
        type=ObligationConfirmed.type,
    )
    assert [page.size for page in pages] == [2, 2, 1]


async def test_cases_are_listed_as_they_are_numbered(supervised: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    names = [f"m{n:02}" for n in range(12)]
    await supervised.tell(*programme(), recorded("a"), *[planned("a", name, date(2026, 1, 9)) for name in names])
    await supervised.until("2026-01-12T09:00")
    first = await get(http, "/v1/cases?limit=7", as_(Role.CLERK))
    second = await get(http, f"/v1/cases?limit=7&after={first['next_after']}", as_(Role.CLERK))
    numbers = [one["number"] for one in (*first["items"], *second["items"])]
    assert numbers == [f"督〔2026〕{n}号" for n in range(1, 13)]


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/obligations", "/v1/lights", "/v1/commendations"])
async def test_a_chain_that_does_not_exist_is_refused_and_one_that_has_nothing_is_empty(
    supervised: Supervised, http: httpx.AsyncClient, as_: As, path: str
) -> None:
    await supervised.tell(*programme())
    refused = await http.get(f"{path}?chain=NOPE", headers=as_(Role.CHIEF))
    assert (refused.status_code, refused.json()["detail"]) == (422, "没有该产业链")
    assert (await get(http, f"{path}?chain=DISPLAY", as_(Role.CHIEF)))["items"] == []
    confirmed = await http.post("/v1/baseline:confirm", json={"chain": "NOPE"}, headers=as_(Role.SUPERVISOR))
    assert (confirmed.status_code, confirmed.json()["place"]) == (422, "chain")


async def test_supervision_can_begin_on_another_day_until_something_is_supervised(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(*programme(), recorded("a"))
    shown = await get(http, "/v1/supervision", as_(Role.CLERK))
    assert (shown["began_on"], shown["began_by"]) == ("2026-01-05", "first run")
    answer = await http.post("/v1/supervision:begin", json={"on": "2026-03-02"}, headers=as_(Role.SUPERVISOR))
    assert answer.json()["began_on"] == "2026-03-02"
    await supervised.tell(planned("a", "m", date(2026, 2, 27)), planned("a", "n", date(2026, 3, 2)))
    assert (await get(http, "/v1/supervision", as_(Role.CLERK)))["baseline"] == 1
    later = await http.post("/v1/supervision:begin", json={"on": "2026-03-03"}, headers=as_(Role.SUPERVISOR))
    assert (later.status_code, later.json()["affected"]) == (409, 1)


async def test_lights_are_shown_with_their_rule_and_inputs(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 20), Stage.STARTED))
    await supervised.tell(recorded("b", code="B"))
    await supervised.until("2026-04-01T10:00")
    red = await get(http, "/v1/lights?light=red", as_(Role.CHIEF))
    assert [one["project_code"] for one in red["items"]] == ["A"]
    shown = await get(http, f"/v1/projects/{named('a')}/light", as_(Role.CHIEF))
    assert shown["light"]["inputs"]["month_ends_missed"] == "3"
    assert "计3个月末未开工；按督办规则default-2026.2，满1个为黄灯，满3个为红灯，故为红灯" in shown["light"]["sentence"]
    assert shown["light"]["policy_version"] == "default-2026.2"
    assert [(one["matter"]["kind_name"], one["light"]["light_name"]) for one in shown["obligations"]] == [
        ("项目节点", "红灯"),
        ("督办函回复", "红灯"),
    ]
    green = await get(http, "/v1/lights?light=green", as_(Role.CHIEF))
    assert [one["project_code"] for one in green["items"]] == ["B"]
    assert (await http.get(f"/v1/projects/{named('c')}/light", headers=as_(Role.CHIEF))).status_code == 404


async def test_commendations_are_proposed_and_listed(supervised: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 31)))
    await supervised.tell(met("a", "m", date(2026, 1, 5)))
    items = (await get(http, "/v1/commendations", as_(Role.SUPERVISOR)))["items"]
    assert [(one["state"], one["state_name"], one["working_days_early"]) for one in items] == [
        ("proposed", "待审批", 57)
    ]
    assert items[0]["sentence"] == (
        "计划2026年3月31日完成，实际2026年1月5日完成，提前57个工作日；"
        "按督办规则default-2026.2，提前满5个工作日的建议表扬"
    )


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/obligations", "/v1/lights", "/v1/commendations", "/v1/calendar"])
async def test_nothing_is_shown_without_a_token(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 401


def link(
    clock_now: datetime,
    *,
    hours: int = 24,
    rung: int | None = None,
    secret: str = LINK_SECRET,
    purpose: str = "acknowledge",
) -> str:
    subjects = (CASE,) if rung is None else (CASE, rung_id(CASE, rung))
    token = sign_link(Link(purpose, subjects, "17", clock_now + timedelta(hours=hours)), secrets=[secret])
    return f"/links/{token}"


async def test_a_link_asks_first_and_a_press_acknowledges_once(
    with_a_case: Supervised, http: httpx.AsyncClient
) -> None:
    address = link(with_a_case.clock.now(), rung=1)
    for _ in range(2):  # a preview looks, and looks again
        page = await http.get(address)
        assert page.status_code == 200
        assert "确认签收" in page.text
        assert "督〔2026〕1号" in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert await with_a_case.events(CASE, kind=CaseAcknowledged) == []
    pressed = await http.post(address, data={"name": " 王<b>五 "})
    assert pressed.status_code == 200
    assert "已签收" in pressed.text
    assert "<b>" not in pressed.text
    again = await http.post(address, data={"name": "赵六"})
    assert (again.status_code, "已签收" in again.text, "赵六" in again.text) == (200, True, False)
    said = await with_a_case.events(CASE, kind=CaseAcknowledged)
    assert [one.via for one in said] == ["链接：消息17，自称王<b>五"]


async def test_the_page_shows_who_signed_by_name_and_not_by_login(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await http.post(f"/v1/cases/{CASE}:acknowledge", headers=as_(Role.SUPERVISOR))
    page = await http.get(link(with_a_case.clock.now(), rung=1))
    assert "由 某人（督查室代办） 签收" in page.text
    assert "supervisor-1" not in page.text


async def test_a_press_without_a_name_asks_again(with_a_case: Supervised, http: httpx.AsyncClient) -> None:
    answer = await http.post(link(with_a_case.clock.now()), data={"name": "  "})
    assert (answer.status_code, "请填写姓名" in answer.text) == (422, True)
    assert await with_a_case.events(CASE, kind=CaseAcknowledged) == []


async def test_links_that_are_forged_expired_or_foreign_say_so(
    with_a_case: Supervised, http: httpx.AsyncClient
) -> None:
    now = with_a_case.clock.now()
    forged = link(now, secret="x" * 32)
    foreign = link(now, purpose="extend")
    expired = link(now, hours=-1)
    for address, status in ((forged, 403), (foreign, 403), (expired, 410), ("/links/nonsense", 403)):
        for answer in (await http.get(address), await http.post(address, data={"name": "王五"})):
            assert answer.status_code == status
            assert "链接" in answer.text
            assert answer.headers["content-type"].startswith("text/html")
    assert await with_a_case.events(CASE, kind=CaseAcknowledged) == []


async def test_a_link_of_a_lower_rung_acknowledges_nothing_higher(
    with_a_case: Supervised, http: httpx.AsyncClient
) -> None:
    address = link(with_a_case.clock.now(), hours=24 * 90, rung=1)
    await with_a_case.until("2026-01-16T09:00")
    page = await http.post(address, data={"name": "王五"})
    assert "已升级至督办函" in page.text
    assert await with_a_case.events(CASE, kind=CaseAcknowledged) == []


async def test_a_closed_case_needs_no_press(with_a_case: Supervised, http: httpx.AsyncClient) -> None:
    await with_a_case.tell(met("a", "m", date(2026, 1, 12)))
    page = await http.post(link(with_a_case.clock.now()), data={"name": "王五"})
    assert "已办结" in page.text


async def test_whoever_a_rung_was_addressed_to_may_act_but_not_a_copy(
    with_a_case: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await with_a_case.until("2026-01-16T10:00")
    shown = await get(http, f"/v1/cases/{CASE}", as_(Role.CLERK))
    assert [one["post_id"] for one in shown["rungs"][1]["addressees"]] == [
        str(post(Tier.TASK_FORCE)),
        str(post(Tier.DEPUTY_CHIEF)),
    ]
    copied = await http.post(f"/v1/cases/{CASE}:acknowledge", headers=as_(Role.CHIEF, person(Tier.DEPUTY_CHIEF)))
    assert copied.status_code == 403
    addressed = await http.post(f"/v1/cases/{CASE}:acknowledge", headers=as_(Role.CLERK, person(Tier.TASK_FORCE)))
    assert addressed.status_code == 200
