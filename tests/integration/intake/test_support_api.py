"""Support and 要素保障 over HTTP: given jointly, kept as history; needs have an owner and a due day."""

from typing import Any
from uuid import uuid4

import pytest

from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token
from tests.support.clock import MovableClock

NEED = {"kind": "land", "text": "新增用地30亩", "raised_on": "2026-01-05", "due_on": "2026-03-31"}


async def test_support_is_given_jointly_and_told_in_the_history(office: Office, bureau: str) -> None:
    zone = (await office.make("/v1/organisations", name="自贸片区"))["id"]
    project = await office.project(bureau)
    path = f"/v1/projects/{project['id']}/support"
    body = {"kind": "raw_material_import", "on": "2025-07-12", "org_ids": [bureau, zone], "text": "协调进口铝锭通关"}
    given = await office.make(path, **body)
    await office.make(path, **{**body, "kind": "policy", "on": "2025-06-01", "text": "落实增资奖励"})
    assert (given["kind_name"], given["org_names"]) == ("原材料进口", ["区商务局", "自贸片区"])
    first = (await office.http.get(path, params={"limit": 1})).json()
    assert [item["kind_name"] for item in first["items"]] == ["政策扶持"]
    rest = (await office.http.get(path, params={"limit": 1, "after": first["next_after"]})).json()
    assert rest["items"] == [given]
    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    assert history[1]["text"] == "2025-07-12区商务局、自贸片区给予支持（原材料进口）：协调进口铝锭通关"
    refused = await office.http.post(path, json={**body, "org_ids": [project["id"]]})
    assert (refused.status_code, refused.json()["field"]) == (422, "org_ids")


async def test_a_need_has_an_owner_and_a_due_day_and_is_met(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    project = await office.project(bureau)
    path = f"/v1/projects/{project['id']}/needs"
    for missing in ("due_on", "responsible_post_id"):
        body: dict[str, Any] = {**NEED, "responsible_post_id": post, missing: None}
        refused = await office.http.post(path, json=body)
        assert (refused.status_code, refused.json()["field"]) == (422, missing)
    need = await office.make(path, **NEED, responsible_post_id=post)
    assert (need["responsible_post_title"], need["status_name"], need["late"]) == ("项目专员", "待解决", False)
    assert need["responsible_person_id"] is not None
    one = f"{path}/{need['id']}"
    early = await office.http.post(f"{one}:meet", json={"met_on": "2026-01-04"})
    assert (early.status_code, early.json()["what"]) == (422, "解决日期")
    met = await office.make(f"{one}:meet", met_on="2026-01-05", text="土地已摘牌")
    assert (met["status"], met["outcome"]) == ("met", "土地已摘牌")
    assert (await office.http.post(f"{one}:withdraw", json={"reason": "不需要"})).status_code == 409
    other = await office.make(path, **{**NEED, "kind": "energy"}, responsible_post_id=post)
    await office.make(f"{path}/{other['id']}:withdraw", reason="改用现有容量")
    assert (await office.http.get("/v1/needs", params={"status": "open"})).json()["items"] == []
    assert len((await office.http.get(path)).json()["items"]) == 2
    texts = [fact["text"] for fact in (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]]
    assert texts[1] == "2026-01-05提出用地保障需求：新增用地30亩，2026-03-31前解决，责任岗位：项目专员"
    assert texts[2:] == [
        "要素保障需求于2026-01-05解决：土地已摘牌",
        "2026-01-05提出用能保障需求：新增用地30亩，2026-03-31前解决，责任岗位：项目专员",
        "要素保障需求撤回：改用现有容量",
    ]


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_record_support_and_needs(office: Office, bureau: str, role: Role) -> None:
    project = await office.project(bureau)
    headers = {"authorization": f"Bearer {a_token(role)}"}
    path = f"/v1/projects/{project['id']}/support"
    body = {"kind": "policy", "on": "2026-01-05", "org_ids": [bureau], "text": "落实增资奖励"}
    given = await office.http.post(path, json=body, headers=headers)
    assert given.status_code == (201 if role is Role.CLERK else 403)
    need = await office.http.post(path.replace("support", "needs"), json=NEED, headers=headers)
    assert need.status_code == (422 if role is Role.CLERK else 403)
    assert (await office.http.get(path, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)


async def test_a_need_is_late_after_its_day_until_its_project_ends(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    project = await office.project(bureau)
    need = await office.make(f"/v1/projects/{project['id']}/needs", **NEED, responsible_post_id=post)
    clock.move("2026-04-01T09:00+08:00")

    async def is_late() -> bool:
        (found,) = (await office.http.get("/v1/needs")).json()["items"]
        assert found["id"] == need["id"]
        return bool(found["late"])

    assert await is_late()
    ended = await office.http.post(
        f"/v1/projects/{project['id']}:terminate",
        json={"reason": "投资方撤资", "on": "2026-04-01"},
        headers={"if-match": '"2"'},
    )
    assert ended.status_code == 200, ended.text
    assert not await is_late()


@pytest.mark.parametrize("what", ["support", "needs", "files", "reports", "corrections", "replannings", "profile"])
async def test_what_stands_beside_an_unknown_project_is_not_found_rather_than_empty(office: Office, what: str) -> None:
    answer = await office.http.get(f"/v1/projects/{uuid4()}/{what}")
    assert (answer.status_code, answer.json()["what"]) == (404, "项目")
