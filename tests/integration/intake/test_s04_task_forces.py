"""S4: 工作专班 of chains and 招商专班 bound to none, which own projects of any chain; each project counts once."""

from typing import Any

import httpx

from shared.contracts.ids import chain_id
from tests.integration.intake.conftest import DISPLAY, Office
from tests.integration.intake.striking import strike_off

AUTO = chain_id("AUTO")
FORCES = "/v1/task-forces"


async def patch(office: Office, path: str, version: int, **body: Any) -> httpx.Response:
    return await office.http.patch(path, json=body, headers={"if-match": f'"{version}"'})


async def test_a_recruiting_task_force_owns_projects_of_any_chain_and_each_counts_once(
    office: Office, bureau: str
) -> None:
    body = {"name": "央企等招商专班", "kind": "investment", "set_up_on": "2026-01-01"}
    bound = await office.http.post(FORCES, json={**body, "chain_ids": [str(DISPLAY)]})
    assert (bound.status_code, bound.json()["field"]) == (422, "chain_ids")
    force = await office.make(FORCES, **body, members=[{"organisation_id": bureau, "role": "牵头单位"}])
    assert (force["kind_name"], force["chains"]) == ("招商专班", [])
    assert force["members"][0]["organisation_name"] == "区商务局"
    await office.project(force["id"])
    await office.project(force["id"], name="整车项目", chain_id=str(AUTO), total_investment_wan=50000)
    await office.project(bureau, name="面板二期", total_investment_wan=30000)

    async def total(**params: str) -> tuple[int, int]:
        shown = (await office.http.get("/v1/lists/negotiating", params=params)).json()
        return shown["count"], shown["total_wan"]

    assert await total(chain="DISPLAY") == (2, 150000)
    assert await total(chain="AUTO") == (1, 50000)
    assert await total() == (3, 200000)
    shown = (await office.http.get(f"{FORCES}/{force['id']}")).json()
    assert [(one["code"], one["projects"], one["total_wan"]) for one in shown["projects_by_chain"]] == [
        ("AUTO", 1, 50000),
        ("DISPLAY", 1, 120000),
    ]
    assert (shown["projects"], shown["total_yi"]) == (2, "17")


async def test_a_task_force_of_a_chain_names_its_chains_and_members_and_changes(office: Office, bureau: str) -> None:
    body = {"name": "新型显示工作专班", "kind": "chain", "set_up_on": "2026-01-01"}
    none = await office.http.post(FORCES, json=body)
    assert (none.status_code, none.json()["field"]) == (422, "chain_ids")
    force = await office.make(FORCES, **body, chain_ids=[str(DISPLAY)], parent_id=bureau)
    assert (await office.http.post(FORCES, json={**body, "chain_ids": [str(DISPLAY)]})).status_code == 409
    person = await office.make("/v1/people", name="张伟", organisation_id=bureau)
    member = {"organisation_id": bureau, "person_id": person["id"], "role": "副组长"}
    twice = await patch(office, f"{FORCES}/{force['id']}", force["version"], members=[member, member])
    assert (twice.status_code, twice.json()["field"]) == (422, "members")
    changed = await patch(office, f"{FORCES}/{force['id']}", force["version"], members=[member])
    assert changed.json()["members"][0]["person_name"] == "张伟"
    of_chain = (await office.http.get(FORCES, params={"chain_id": str(DISPLAY)})).json()["items"]
    assert [one["name"] for one in of_chain] == ["新型显示工作专班"]
    organisation = (await office.http.get(f"/v1/organisations/{force['id']}")).json()
    assert (organisation["kind"], organisation["parent_id"]) == ("task_force", bureau)
    told = (await office.http.get(f"/v1/organisations/{force['id']}/history")).json()["items"]
    assert told[-1]["text"] == "工作专班，2026-01-01成立，产业链：新型显示，成员：区商务局张伟（副组长）"


async def test_a_task_force_is_dissolved_once_its_projects_are_with_others(office: Office, bureau: str) -> None:
    force = await office.make(FORCES, name="央企等招商专班", kind="investment", set_up_on="2026-01-01")
    project = await office.project(force["id"])
    await strike_off(office.http, (await office.project(force["id"], name="虚报项目"))["id"])
    shown = (await office.http.get(f"{FORCES}/{force['id']}")).json()
    assert (shown["projects"], shown["total_wan"]) == (1, 120000)
    path, body = f"{FORCES}/{force['id']}:dissolve", {"from_day": "2026-02-01", "reason": "任务完成"}
    headers = {"if-match": f'"{force["version"]}"'}
    held = await office.http.post(path, json=body, headers=headers)
    assert (held.status_code, held.json()["projects"]) == (409, 1)
    given = {"responsible_org_id": bureau}
    await patch(office, f"/v1/projects/{project['id']}", project["version"], **given)
    done = await office.http.post(path, json=body, headers=headers)
    assert done.json()["dissolved_from"] == "2026-02-01"
    on = [
        len((await office.http.get(FORCES, params={"on": day})).json()["items"])
        for day in ("2025-12-31", "2026-01-31", "2026-02-01")
    ]
    assert on == [0, 1, 0]
    late = {"name": "新项目", "chain_id": str(DISPLAY), "responsible_org_id": force["id"], "total_investment_wan": 1}
    refused = await office.http.post("/v1/projects", json=late)
    assert (refused.status_code, refused.json()["field"]) == (422, "responsible_org_id")


async def test_what_is_another_kind_of_unit_is_no_task_force(office: Office) -> None:
    await office.make("/v1/organisations", name="王台街道", kind="sub_district")
    taken = await office.http.post(FORCES, json={"name": "王台街道", "kind": "investment", "set_up_on": "2026-01-01"})
    assert taken.status_code == 409
