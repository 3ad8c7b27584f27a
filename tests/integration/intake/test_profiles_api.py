"""A project's particulars over HTTP: codes checked, currencies kept, a 增资 linked to what it adds to."""

from typing import Any

import httpx
import pytest

from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token

USCC = "91370211MA3C0X0X01"
CODE = "2601-370211-04-01-123456"
ORIGINAL = {"currency": "USD", "amount": "50000000", "rate": "7.00", "rate_on": "2026-01-05"}


async def revise(office: Office, project: dict[str, Any], **changes: Any) -> httpx.Response:
    path = f"/v1/projects/{project['id']}"
    version = (await office.http.get(path)).json()["version"]
    return await office.http.patch(f"{path}/profile", json=changes, headers={"if-match": f'"{version}"'})


async def test_particulars_are_recorded_with_the_project_revised_and_told_in_its_history(
    office: Office, bureau: str
) -> None:
    park = (await office.make("/v1/organisations", name="新型显示产业园"))["id"]
    post = await office.post_held_by("张伟", org=bureau)
    project = await office.project(
        bureau,
        total_investment_wan=35000,
        profile={"national_code": CODE.lower(), "capital_source": "foreign", "original": ORIGINAL, "park_id": park},
    )
    assert project["version"] == 2
    shown = (await office.http.get(f"/v1/projects/{project['id']}/profile")).json()
    assert (shown["national_code"], shown["park_name"], shown["converted_wan"]) == (CODE, "新型显示产业园", 35000)
    assert (shown["original"]["amount"], shown["capital_source_name"], shown["notices"]) == ("50000000", "外资", [])

    plans = [{"year": 2026, "amount_wan": 12000}]
    changes = {"investor_name": "示例铝业", "investor_uscc": USCC, "annual_plans": plans, "reporting_post_id": post}
    revised = await revise(office, project, **changes, assisting_org_ids=[park], fixed_asset_investment_wan=28000)
    assert revised.status_code == 200, revised.text
    assert (revised.headers["etag"], revised.json()["assisting_org_names"]) == ('"3"', ["新型显示产业园"])
    emptied = (await revise(office, project, park_id=None, assisting_org_ids=[])).json()
    assert (emptied["park_id"], emptied["assisting_org_ids"], emptied["investor_uscc"]) == (None, [], USCC)
    assert (await revise(office, project, park_id=None)).headers["etag"] == '"4"'

    texts = [fact["text"] for fact in (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]]
    assert texts[1] == (
        f"项目代码：{CODE}，资金来源：外资，原币金额：USD 50000000（2026-01-05汇率7.00），所在园区：新型显示产业园"
    )
    assert "年度计划投资：2026年1.2亿元" in texts[2]
    assert texts[3] == "清空所在园区，清空配合单位"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"national_code": "2601-370211-04-01-1234"}, "national_code", "24位"),
        ({"national_code": "1313-370211-04-01-123456"}, "national_code", "不是年份"),
        ({"investor_uscc": "91370211MA3C0X0X02"}, "investor_uscc", "校验位"),
        ({"original": ORIGINAL}, "original", "外资"),
        ({"fixed_asset_investment_wan": 120001}, "fixed_asset_investment_wan", "总投资"),
        ({"annual_plans": [{"year": 2026, "amount_wan": 1}, {"year": 2026, "amount_wan": 2}]}, "annual_plans", "两次"),
        ({"park_id": "00000000-0000-4000-8000-000000000001"}, "park_id", "园区"),
    ],
)
async def test_what_does_not_hold_is_refused_with_its_field(
    office: Office, bureau: str, changes: dict[str, Any], field: str, words: str
) -> None:
    project = await office.project(bureau)
    refused = await revise(office, project, **changes)
    assert (refused.status_code, refused.json()["field"]) == (422, field), refused.text
    assert words in refused.json()["detail"]
    body = {"name": "另一项目", "chain_id": project["chain_id"], "responsible_org_id": bureau}
    at_once = await office.http.post("/v1/projects", json={**body, "total_investment_wan": 120000, "profile": changes})
    assert (at_once.status_code, at_once.json()["field"]) == (422, field)


async def test_an_increment_names_what_it_adds_to_and_no_circle_arises(office: Office, bureau: str) -> None:
    parent = await office.project(bureau, name="一期", kind="expansion")
    added = await office.project(bureau, name="二期", kind="expansion", profile={"parent_project_id": parent["id"]})
    increments = (await office.http.get(f"/v1/projects/{parent['id']}/profile")).json()["increments"]
    assert [(item["name"], item["total_investment_wan"]) for item in increments] == [("二期", 120000)]
    history = (await office.http.get(f"/v1/projects/{added['id']}/history")).json()["items"]
    assert history[1]["text"] == f"原项目：{parent['code']} 一期"
    circle = await revise(office, parent, parent_project_id=added["id"])
    assert (circle.status_code, circle.json()["pointer"]) == (422, "#/parent_project_id")
    new = await office.project(bureau, name="新建项目", profile={"investor_name": "某公司"})
    refused = await revise(office, new, parent_project_id=parent["id"])
    assert refused.json()["detail"] == "只有增资项目有原项目，新建项目不填"


async def test_a_batch_records_particulars_too(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    item = {
        "operation": "record_project",
        "name": "批量项目",
        "chain_id": project["chain_id"],
        "responsible_org_id": bureau,
        "total_investment_wan": 20000,
        "profile": {"investor_uscc": USCC},
    }
    (outcome,) = (await office.make("/v1/facts:batch", items=[item]))["items"]
    assert outcome["version"] == 2
    shown = (await office.http.get(f"/v1/projects/{outcome['project_id']}/profile")).json()
    assert shown["investor_uscc"] == USCC
    stranger = {"park_id": "00000000-0000-4000-8000-000000000001"}
    refused = await office.http.post("/v1/facts:batch", json={"items": [{**item, "profile": stranger}]})
    assert refused.json()["errors"][0]["field"] == "park_id"


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_revise_particulars(office: Office, bureau: str, role: Role) -> None:
    project = await office.project(bureau)
    headers = {"authorization": f"Bearer {a_token(role)}", "if-match": '"1"'}
    path = f"/v1/projects/{project['id']}/profile"
    answer = await office.http.patch(path, json={"investor_name": "某公司"}, headers=headers)
    assert answer.status_code == (200 if role is Role.CLERK else 403)
    assert (await office.http.get(path, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)
