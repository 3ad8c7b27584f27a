"""Duplicates over HTTP: shown with their reasons when a project is recorded and afterwards, never merged."""

from typing import Any

from tests.integration.intake.conftest import Office

USCC = "91370211MA3C0X0X01"
CODE = "2601-370211-04-01-123456"


async def test_what_may_be_the_same_is_shown_with_its_reasons_and_left_alone(office: Office, bureau: str) -> None:
    park = (await office.make("/v1/organisations", name="新型显示产业园"))["id"]
    parent = await office.project(bureau, name="一期", kind="expansion")
    profile: dict[str, Any] = {"investor_uscc": USCC, "parent_project_id": parent["id"]}
    first = await office.project(bureau, name="示例显示（二期）项目", kind="expansion", profile=profile)
    assert first["possible_duplicates"] == []
    same = await office.project(
        park, name="示例显示 二期", kind="expansion", profile={**profile, "national_code": CODE}
    )
    (found,) = same["possible_duplicates"]
    assert (found["id"], found["reasons"]) == (first["id"], ["investor", "name", "parent"])
    assert found["reason_names"] == ["投资方统一社会信用代码相同", "名称相同或只差通用字样", "原项目相同"]
    other = await office.project(bureau, name="另一项目", profile={"national_code": CODE})
    assert [item["reasons"] for item in other["possible_duplicates"]] == [["national_code"]]

    shown = (await office.http.get(f"/v1/projects/{first['id']}/duplicates")).json()["items"]
    assert [(item["code"], item["responsible_org_name"]) for item in shown] == [(same["code"], "新型显示产业园")]
    assert (await office.http.get(f"/v1/projects/{parent['id']}/duplicates")).json()["items"] == []
    listed = (await office.http.get("/v1/projects")).json()["items"]
    assert len(listed) == 4
    missing = await office.http.get("/v1/projects/00000000-0000-4000-8000-000000000001/duplicates")
    assert missing.status_code == 404
