"""Many facts in one request: each item decided on what those before it left, each with an outcome of its own."""

from typing import Any

import httpx
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kit.database import transaction
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token

CONTRACT = {"kind": "formal_contract", "on": "2026-01-05", "reference": "合同〔2026〕1号"}
Item = dict[str, Any]


def recording(org: str, name: str = "显示面板项目", **changes: Any) -> Item:
    sound = {
        "operation": "record_project",
        "name": name,
        "chain_id": str(DISPLAY),
        "responsible_org_id": org,
        "total_investment_wan": 120000,
        "stage": "negotiating",
    }
    return {**sound, **changes}


def signing(**changes: Any) -> Item:
    return {"operation": "advance_project", "target": "signed", "on": "2026-01-05", "evidence": [CONTRACT], **changes}


async def send(office: Office, *items: Item, **more: Any) -> httpx.Response:
    return await office.http.post("/v1/facts:batch", json={"items": items, **more})


async def taken(office: Office, *items: Item) -> list[Item]:
    answer = await send(office, *items)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (len(items), 0)
    outcomes: list[Item] = body["items"]
    return outcomes


async def facts(engine: AsyncEngine) -> int:
    async with transaction(engine) as conn:
        return int((await conn.execute(text("SELECT count(*) FROM event_log"))).scalar_one())


async def test_items_of_one_project_are_taken_in_their_order(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    line = {"name": "交地", "due_on": "2026-03-31", "responsible_post_id": post}
    outcomes = await taken(
        office,
        recording(bureau, code="A-1", milestones=[line]),
        signing(project_code="A-1"),
        {"operation": "plan_milestone", "project_code": "A-1", **line, "name": "开工典礼"},
        {"operation": "revise_project", "project_code": "A-1", "name": "显示面板一期"},
        {"operation": "hold_project", "project_code": "A-1", "reason": "等批复", "on": "2026-01-05"},
    )

    assert [outcome["version"] for outcome in outcomes] == [2, 3, 4, 5, 6]
    assert {outcome["code"] for outcome in outcomes} == {"A-1"}
    project_id = outcomes[0]["project_id"]
    history = (await office.http.get(f"/v1/projects/{project_id}/history")).json()["items"]
    assert [(fact["seq"], fact["type"].split(".")[3]) for fact in history] == list(
        enumerate(["recorded", "planned", "signed", "planned", "revised", "held"], start=1)
    )
    assert {fact["actor"] for fact in history} == {"王办事员 <clerk-1>"}
    shown = (await office.http.get(f"/v1/projects/{project_id}")).json()
    assert (shown["version"], shown["stage"], shown["hold_status"]) == (6, "signed", "held")
    assert outcomes[2]["milestone_id"] in {line["id"] for line in shown["milestones"]}


async def test_lines_are_met_delayed_replanned_and_cancelled(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    other = await office.post_held_by("李芳", org=bureau, title="副专员")
    lines = [{"name": name, "due_on": "2026-03-31", "responsible_post_id": post} for name in "甲乙丙丁"]
    project = await office.project(bureau, milestones=lines)
    ids = {line["name"]: line["id"] for line in project["milestones"]}
    on = {"project_id": project["id"], "version": project["version"]}
    await taken(
        office,
        {"operation": "meet_milestone", **on, "milestone_id": ids["甲"], "met_on": "2026-01-05"},
        {"operation": "declare_delay", **on, "milestone_id": ids["乙"], "reason": "雨季", "expected_on": "2026-05-01"},
        {"operation": "revise_milestone", **on, "milestone_id": ids["丙"], "due_on": "2026-06-30", "reason": "批复晚"},
        {"operation": "revise_milestone", **on, "milestone_id": ids["丙"], "responsible_post_id": other},
        {"operation": "cancel_milestone", **on, "milestone_id": ids["丁"], "reason": "并入乙"},
    )

    shown = (await office.http.get(f"/v1/projects/{project['id']}")).json()
    found = {line["name"]: line for line in shown["milestones"]}
    assert {name: line["status"] for name, line in found.items()} == dict(
        zip("甲乙丙丁", ["met", "open", "open", "cancelled"], strict=True)
    )
    assert (found["乙"]["expected_on"], found["丙"]["due_on"]) == ("2026-05-01", "2026-06-30")
    assert found["丙"]["responsible_post_id"] == other
    assert shown["version"] == project["version"] + 5


async def test_one_refused_item_refuses_an_atomic_batch_with_its_place(
    office: Office, bureau: str, engine: AsyncEngine
) -> None:
    before = await facts(engine)
    answer = await send(
        office,
        recording(bureau, code="A-1"),
        signing(project_code="A-1", evidence=[]),
        recording(bureau, name="二号", total_investment_wan=0),
        {"operation": "resume_project", "project_code": "没有", "on": "2026-01-05"},
    )

    assert answer.status_code == 422
    body = answer.json()
    assert body["type"] == "urn:liandu:problem:batch-refused"
    assert body["detail"] == "本批4项中有3项未通过，均未登记"
    found = [(error["pointer"], error["status"], error["type"].rpartition(":")[2]) for error in body["errors"]]
    assert found == [
        ("#/items/1", 422, "evidence-missing"),
        ("#/items/2", 422, "invalid-request"),
        ("#/items/3", 404, "record-missing"),
    ]
    assert "意向书、框架协议不算签约" in body["errors"][0]["detail"]
    assert body["errors"][1]["errors"][0]["pointer"] == "#/items/2/total_investment_wan"
    assert await facts(engine) == before
    assert (await office.http.get("/v1/projects")).json()["items"] == []


async def test_where_items_stand_for_themselves_the_sound_ones_are_recorded(office: Office, bureau: str) -> None:
    answer = await send(
        office,
        recording(bureau),
        recording(bureau),
        recording(bureau, name="二号", colour="red"),
        {"operation": "dream", "project_code": "A-1"},
        recording(bureau, name="三号"),
        atomic=False,
    )

    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 3)
    assert [item.get("code") for item in body["items"]] == ["P2026-0001", None, None, None, "P2026-0002"]
    again, coloured, dreamt = (item["problem"] for item in body["items"][1:4])
    assert (again["status"], again["detail"]) == (409, "同一批次中有重复的项目")
    assert coloured["errors"] == [
        {"in": "body", "pointer": "#/items/2/colour", "code": "extra_forbidden", "detail": "没有这一项"}
    ]
    assert (dreamt["pointer"], dreamt["status"]) == ("#/items/3", 422)
    names = [project["name"] for project in (await office.http.get("/v1/projects")).json()["items"]]
    assert names == ["显示面板项目", "三号"]


async def test_a_change_that_follows_a_refused_recording_is_refused_too(office: Office, bureau: str) -> None:
    items = [recording(bureau, code="A-1", chain_id=bureau), signing(project_code="A-1")]
    body = (await send(office, *items, atomic=False)).json()

    assert [item["problem"]["type"].rpartition(":")[2] for item in body["items"]] == [
        "unknown-reference",
        "record-missing",
    ]


async def test_the_version_is_the_one_read_before_the_batch(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    mine = {"project_id": project["id"]}
    revising = {"operation": "revise_project", **mine, "name": "一期"}
    missing = await send(office, revising)
    stale = await send(office, {**revising, "version": 7})
    outcomes = await taken(office, {**revising, "version": 1}, signing(**mine, version=1))

    assert missing.json()["errors"][0]["status"] == 428
    assert (stale.json()["errors"][0]["status"], stale.json()["errors"][0]["actual"]) == (412, 1)
    assert [outcome["version"] for outcome in outcomes] == [2, 3]


async def test_names_stay_unique_within_a_batch_and_beside_it(office: Office, bureau: str) -> None:
    project = await office.project(bureau, code="A-1")
    second = await office.project(bureau, name="二号")
    rename = {"operation": "revise_project", "version": 1}
    swapped = await send(
        office,
        {**rename, "project_id": project["id"], "name": "一期"},
        {**rename, "project_id": second["id"], "name": project["name"]},
        recording(bureau, name="一期"),
        recording(bureau, name="新的", code="A-1"),
        atomic=False,
    )

    outcomes = [item["outcome"] for item in swapped.json()["items"]]
    assert outcomes == ["accepted", "accepted", "refused", "refused"]
    assert "已有项目 A-1（一期）" in swapped.json()["items"][2]["problem"]["detail"]


async def test_a_repeated_batch_is_answered_alike_and_recorded_once(office: Office, bureau: str) -> None:
    body = {"items": [recording(bureau), recording(bureau, name="二号")]}
    key = {"idempotency-key": "batch-1"}
    first, again = [await office.http.post("/v1/facts:batch", json=body, headers=key) for _ in range(2)]
    other = await office.http.post("/v1/facts:batch", json={**body, "atomic": False}, headers=key)

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422
    assert len((await office.http.get("/v1/projects")).json()["items"]) == 2


async def test_a_thousand_items_take_as_many_statements_as_two(
    office: Office, bureau: str, engine: AsyncEngine
) -> None:
    executed: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: executed.append(given[2]))
    await taken(office, recording(bureau, name="甲"), recording(bureau, name="乙"))
    few = len(executed)
    executed.clear()
    outcomes = await taken(office, *(recording(bureau, name=f"项目{number}") for number in range(1000)))

    assert len({outcome["code"] for outcome in outcomes}) == 1000
    assert len(executed) == few


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_has_up_to_a_thousand_items(office: Office, bureau: str, count: int) -> None:
    answer = await send(office, *[recording(bureau)] * count)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/items"


async def test_an_item_names_its_project_once(office: Office, bureau: str) -> None:
    project = await office.project(bureau, code="A-1")
    neither = {"operation": "resume_project", "on": "2026-01-05"}
    both = {**neither, "project_id": project["id"], "project_code": "A-1"}
    answer = await send(office, neither, both)

    details = [error["errors"][0]["detail"] for error in answer.json()["errors"]]
    assert details == ["须填写 project_id 或 project_code 其中之一"] * 2


@pytest.mark.parametrize(
    ("role", "status"), [(Role.SERVICE, 200), (Role.CLERK, 200), (Role.REVIEWER, 403), (Role.OPERATOR, 403)]
)
async def test_clerks_and_services_hand_over_facts(office: Office, bureau: str, role: Role, status: int) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    answer = await office.http.post("/v1/facts:batch", json={"items": [recording(bureau)]}, headers=headers)

    assert answer.status_code == status


async def test_the_openapi_document_tells_the_operations_apart(office: Office) -> None:
    document = (await office.http.get("/openapi.json")).json()
    items = document["components"]["schemas"]["Batch"]["properties"]["items"]

    assert items["maxItems"] == 1000
    assert len(items["items"]["discriminator"]["mapping"]) == 11
    assert document["paths"]["/v1/facts:batch"]["post"]["security"] == [{"bearer": ["clerk", "service"]}]
