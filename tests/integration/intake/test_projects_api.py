"""Projects over HTTP: what works, and each bad input as a clear problem that changes nothing."""

import asyncio
from typing import Any

import pytest

from shared.kit.web.http import cursor
from tests.integration.intake.conftest import DISPLAY, Office

CONTRACT = {"kind": "formal_contract", "on": "2026-01-05", "reference": "合同〔2026〕1号"}
INTENT = {"kind": "letter_of_intent", "on": "2026-01-05", "reference": "意向书-1"}
BUILDING_CONTRACT = {"kind": "construction_contract", "on": "2026-01-05", "reference": "施-1"}
PHOTOGRAPH = {"kind": "site_photograph", "on": "2026-01-05", "reference": "现场.jpg"}


def problem(answer: Any) -> str:
    return str(answer.json()["type"]).removeprefix("urn:liandu:problem:")


async def stages(office: Office, project: dict[str, Any]) -> str:
    return str((await office.http.get(f"/v1/projects/{project['id']}")).json()["stage"])


async def test_a_project_goes_from_talks_to_construction_and_its_history_tells_it(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    lines = [
        {"name": "签订合同", "due_on": "2026-02-28", "responsible_post_id": post, "stage": "signed"},
        {"name": "交地", "due_on": "2026-03-31", "responsible_post_id": post},
    ]
    project = await office.project(bureau, milestones=lines)
    assert (project["code"], project["list"], project["version"]) == ("P2026-0001", "negotiating", 3)
    steps: list[tuple[str, dict[str, Any]]] = [
        ("signed", {"evidence": [CONTRACT], "amount_wan": 110000}),
        ("registered", {}),
        ("approved", {}),
        ("started", {"evidence": [BUILDING_CONTRACT, PHOTOGRAPH]}),
    ]
    for target, body in steps:
        answer = await office.advance(project, target, **body)
        assert answer.status_code == 200, answer.text
        project = answer.json()
    assert (project["stage_name"], project["list"], project["signed_amount_wan"]) == ("开工", "building", 110000)
    assert {line["name"]: line["status"] for line in project["milestones"]} == {"签订合同": "met", "交地": "open"}
    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    assert [fact["seq"] for fact in history] == list(range(1, 9))
    assert history[0]["actor"] == "王办事员 <clerk-1>"
    assert history[0]["text"] == (
        "登记新建项目“显示面板项目”（P2026-0001），产业链：新型显示，责任单位：区商务局，总投资12亿元，阶段：在谈"
    )
    assert history[3]["text"] == "2026-01-05签约，签约金额11亿元，依据：正式合同（合同〔2026〕1号）"
    assert history[4]["text"] == "节点“签订合同”于2026-01-05完成"


async def test_a_letter_of_intent_is_no_signing(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    answer = await office.advance(project, "signed", evidence=[INTENT])
    assert (answer.status_code, problem(answer)) == (422, "evidence-missing")
    assert answer.json()["needed"] == ["formal_contract"]
    assert "意向书、框架协议不算签约" in answer.json()["detail"]
    assert await stages(office, project) == "negotiating"


async def test_a_skipped_stage_is_refused_with_those_that_may_come(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    answer = await office.advance(project, "started", evidence=[BUILDING_CONTRACT, PHOTOGRAPH])
    assert (answer.status_code, problem(answer)) == (409, "stage-not-allowed")
    assert answer.json()["allowed"] == ["signed"]


async def test_an_unknown_stage_is_refused_with_its_place_in_the_body(office: Office, bureau: str) -> None:
    answer = await office.advance(await office.project(bureau), "dreamt")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/target"


async def test_of_two_writers_with_one_etag_the_second_is_refused(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    first, second = await asyncio.gather(*(office.advance(project, "signed", evidence=[CONTRACT]) for _ in range(2)))
    assert sorted([first.status_code, second.status_code]) == [200, 412]
    refused = first if first.status_code == 412 else second
    assert problem(refused) == "version-conflict"
    assert (refused.json()["expected"], refused.json()["actual"]) == (1, 2)


async def test_a_change_without_if_match_is_refused(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    path = f"/v1/projects/{project['id']}"
    answers = [
        await office.http.patch(path, json={"name": "二期"}),
        await office.http.post(f"{path}/transitions", json={"target": "signed", "on": "2026-01-05"}),
        await office.http.post(f"{path}:hold", json={"reason": "等批复", "on": "2026-01-05"}),
    ]
    assert [answer.status_code for answer in answers] == [428, 428, 428]


async def test_an_unchanged_project_is_not_sent_again(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    path = f"/v1/projects/{project['id']}"
    read = await office.http.get(path)
    again = await office.http.get(path, headers={"if-none-match": read.headers["etag"]})
    assert (read.headers["etag"], again.status_code) == ('"1"', 304)


async def test_a_repeated_key_gives_the_first_answer_and_another_body_is_refused(office: Office, bureau: str) -> None:
    body = {
        "name": "显示面板项目",
        "chain_id": str(DISPLAY),
        "responsible_org_id": bureau,
        "total_investment_wan": 120000,
    }
    key = {"idempotency-key": "form-1"}
    first = await office.http.post("/v1/projects", json=body, headers=key)
    again = await office.http.post("/v1/projects", json=body, headers=key)
    other = await office.http.post("/v1/projects", json={**body, "total_investment_wan": 1}, headers=key)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert first.headers["location"] == f"/v1/projects/{first.json()['id']}"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"total_investment_wan": 0}, "/total_investment_wan"),
        ({"total_investment_wan": 1.5}, "/total_investment_wan"),
        ({"total_investment_wan": "12亿"}, "/total_investment_wan"),
        ({"name": "  "}, "/name"),
        ({"name": "a\u0000b"}, "/name"),
        ({"stage": "在谈"}, "/stage"),
        ({"chain_id": "DISPLAY"}, "/chain_id"),
        ({"signed_on": "2026-02-30"}, "/signed_on"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_malformed_fields_are_named(office: Office, bureau: str, changes: dict[str, Any], pointer: str) -> None:
    sound = {"name": "项目", "chain_id": str(DISPLAY), "responsible_org_id": bureau, "total_investment_wan": 1}
    answer = await office.http.post("/v1/projects", json={**sound, **changes})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#{pointer}"


async def test_malformed_json_is_a_problem(office: Office) -> None:
    answer = await office.http.post("/v1/projects", content=b'{"name": ', headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_same_name_at_the_same_organisation_is_recorded_once(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    sound = {"name": "显示面板项目", "chain_id": str(DISPLAY), "responsible_org_id": bureau}
    answer = await office.http.post("/v1/projects", json={**sound, "total_investment_wan": 1})
    assert (answer.status_code, answer.json()["id"]) == (409, project["id"])
    coded = await office.http.post(
        "/v1/projects", json={**sound, "name": "另一个", "code": project["code"], "total_investment_wan": 1}
    )
    assert coded.status_code == 409


async def test_projects_recorded_at_once_get_numbers_without_gaps(office: Office, bureau: str) -> None:
    await office.project(bureau, name="占号", code="P2026-0002")
    made = await asyncio.gather(*(office.project(bureau, name=f"项目{n}") for n in range(4)))
    assert sorted(project["code"] for project in made) == ["P2026-0001", "P2026-0003", "P2026-0004", "P2026-0005"]


async def test_a_revision_changes_what_it_names(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    other = await office.make("/v1/organisations", name="新型显示产业园")
    answer = await office.http.patch(
        f"/v1/projects/{project['id']}",
        json={"responsible_org_id": other["id"], "total_investment_wan": 125000},
        headers={"if-match": '"1"'},
    )
    revised = answer.json()
    assert (revised["responsible_org_name"], revised["total_investment_yi"]) == ("新型显示产业园", "12.5")
    assert (revised["name"], revised["version"]) == ("显示面板项目", 2)


async def test_a_held_project_moves_nowhere_until_it_is_resumed(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    path = f"/v1/projects/{project['id']}"
    held = await office.http.post(
        f"{path}:hold", json={"reason": "等批复", "on": "2026-01-05"}, headers={"if-match": '"1"'}
    )
    assert (held.json()["hold_status"], held.json()["stage"]) == ("held", "negotiating")
    refused = await office.advance(held.json(), "signed", evidence=[CONTRACT])
    assert (refused.status_code, problem(refused)) == (409, "project-not-active")
    resumed = await office.http.post(f"{path}:resume", json={"on": "2026-01-05"}, headers={"if-match": '"2"'})
    assert (await office.advance(resumed.json(), "signed", evidence=[CONTRACT])).status_code == 200


async def test_the_three_lists_follow_the_stage_and_add_up(office: Office, bureau: str) -> None:
    first = await office.project(bureau)
    second = await office.project(bureau, name="二号", total_investment_wan=5000)
    gone = await office.project(bureau, name="三号")
    await office.http.post(
        f"/v1/projects/{gone['id']}:terminate",
        json={"reason": "解约", "on": "2026-01-05"},
        headers={"if-match": '"1"'},
    )
    before = (await office.http.get("/v1/lists/negotiating")).json()
    assert (before["count"], before["total_wan"], before["total_yi"]) == (2, 125000, "12.5")
    await office.advance(first, "signed", evidence=[CONTRACT])
    talks = (await office.http.get("/v1/lists/negotiating", params={"chain": "DISPLAY"})).json()
    signed = (await office.http.get("/v1/lists/signed")).json()
    assert [item["id"] for item in talks["items"]] == [second["id"]]
    assert ([item["id"] for item in signed["items"]], signed["name"]) == ([first["id"]], "签约")
    assert (await office.http.get("/v1/lists/building")).json()["count"] == 0
    assert (await office.http.get("/v1/lists/finished")).status_code == 422


async def test_projects_are_filtered_and_paged_by_code(office: Office, bureau: str) -> None:
    for number in range(3):
        await office.project(bureau, name=f"项目{number}")
    await office.project(bureau, name="线索", stage="lead")
    first = (await office.http.get("/v1/projects", params={"stage": "negotiating", "limit": 2})).json()
    rest = await office.http.get(
        "/v1/projects", params={"stage": "negotiating", "limit": 2, "after": first["next_after"]}
    )
    assert [item["code"] for item in first["items"]] == ["P2026-0001", "P2026-0002"]
    assert [item["code"] for item in rest.json()["items"]] == ["P2026-0003"]
    for after in ("nonsense", cursor([1]), cursor(["a\x00b"])):
        foreign = await office.http.get("/v1/projects", params={"after": after})
        assert foreign.status_code in (400, 422), foreign.text


async def test_a_line_without_due_day_or_post_is_refused(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    post = await office.post_held_by("张伟", org=bureau)
    path = f"/v1/projects/{project['id']}/milestones"
    for body, field in (
        ({"name": "交地", "responsible_post_id": post}, "due_on"),
        ({"name": "交地", "due_on": "2026-03-31"}, "responsible_post_id"),
        ({"name": "交地", "due_on": "2026-03-31", "responsible_post_id": project["id"]}, "responsible_post_id"),
    ):
        answer = await office.http.post(path, json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_a_line_is_replanned_reassigned_delayed_and_met(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    other = await office.post_held_by("李娜", org=bureau, title="副科长")
    project = await office.project(bureau)
    path = f"/v1/projects/{project['id']}"
    line = await office.make(f"{path}/milestones", name="交地", due_on="2026-03-31", responsible_post_id=post)
    one = f"{path}/milestones/{line['id']}"
    unexplained = await office.http.patch(one, json={"due_on": "2026-04-30"}, headers={"if-match": '"2"'})
    assert (unexplained.status_code, unexplained.json()["field"]) == (422, "reason")
    change = {"due_on": "2026-04-30", "reason": "等批复", "responsible_post_id": other}
    changed = await office.http.patch(one, json=change, headers={"if-match": '"2"'})
    assert (changed.json()["due_on"], changed.json()["responsible_post_id"]) == ("2026-04-30", other)
    assert changed.headers["etag"] == '"4"'
    delayed = await office.make(f"{path}/delays", milestone_id=line["id"], reason="雨季", expected_on="2026-05-15")
    assert (delayed["milestones"][0]["due_on"], delayed["milestones"][0]["expected_on"]) == ("2026-04-30", "2026-05-15")
    met = await office.make(f"{one}:meet", met_on="2026-01-05")
    assert (met["status"], met["met_on"]) == ("met", "2026-01-05")
    again = await office.http.post(f"{one}:cancel", json={"reason": "并入"})
    assert (again.status_code, problem(again)) == (409, "milestone-not-open")


async def test_what_is_not_there_is_not_found(office: Office) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    for path in (f"/v1/projects/{missing}", f"/v1/projects/{missing}/history", f"/v1/posts/{missing}"):
        answer = await office.http.get(path)
        assert (answer.status_code, problem(answer)) == (404, "record-missing")
