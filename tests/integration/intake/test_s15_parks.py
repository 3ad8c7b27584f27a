"""S15: 专业园区 as records with chains and projects; a park answers for projects as the organisation that it is."""

from shared.contracts.ids import chain_id
from tests.integration.intake.conftest import DISPLAY, Office

AUTO = chain_id("AUTO")
PARKS = "/v1/parks"


async def test_a_park_has_chains_and_answers_for_projects(office: Office, bureau: str) -> None:
    area = await office.make("/v1/organisations", name="开发区管委", kind="development_zone")
    park = await office.make(
        PARKS, name="新型显示产业园", chain_ids=[str(DISPLAY)], address="示例路1号", parent_id=area["id"]
    )
    assert [one["name"] for one in park["chains"]] == ["新型显示"]
    await office.project(park["id"])
    shown = (await office.http.get(f"{PARKS}/{park['id']}")).json()
    assert (shown["projects"], shown["total_wan"], shown["address"]) == (1, 120000, "示例路1号")
    mine = (await office.http.get("/v1/projects", params={"responsible_org_id": park["id"]})).json()["items"]
    assert [one["responsible_org_name"] for one in mine] == ["新型显示产业园"]
    organisation = (await office.http.get(f"/v1/organisations/{park['id']}")).json()
    assert (organisation["kind"], organisation["parent_id"]) == ("park", area["id"])


async def test_parks_are_listed_by_chain_and_change(office: Office) -> None:
    for name, chain in (("甲园", DISPLAY), ("乙园", AUTO), ("丙园", DISPLAY)):
        await office.make(PARKS, name=name, chain_ids=[str(chain)])
    assert (await office.http.post(PARKS, json={"name": "甲园"})).status_code == 409
    found = (await office.http.get(PARKS, params={"chain_id": str(DISPLAY), "limit": 1})).json()
    rest = (await office.http.get(PARKS, params={"chain_id": str(DISPLAY), "after": found["next_after"]})).json()
    names = [one["name"] for one in (*found["items"], *rest["items"])]
    assert sorted(names) == ["丙园", "甲园"]
    first = found["items"][0]
    headers = {"if-match": f'"{first["version"]}"'}
    body = {"chain_ids": [str(DISPLAY), str(AUTO)]}
    changed = await office.http.patch(f"{PARKS}/{first['id']}", json=body, headers=headers)
    assert len(changed.json()["chains"]) == 2
    assert (await office.http.patch(f"{PARKS}/{first['id']}", json=body, headers=headers)).status_code == 412
    missing = "00000000-0000-4000-8000-000000000000"
    assert (await office.http.get(f"{PARKS}/{missing}")).status_code == 404
    unknown = await office.http.post(PARKS, json={"name": "丁园", "chain_ids": [missing]})
    assert unknown.status_code == 422


async def test_an_organisation_that_was_recorded_before_becomes_a_park(office: Office) -> None:
    unit = await office.make("/v1/organisations", name="中德生态园")
    park = await office.make(PARKS, name="中德生态园", chain_ids=[str(AUTO)])
    assert park["id"] == unit["id"]
    told = (await office.http.get(f"/v1/organisations/{unit['id']}/history")).json()["items"]
    assert [fact["text"] for fact in told] == [
        "登记为“中德生态园”",
        "登记为“中德生态园”，类别：专业园区",
        "专业园区，产业链：汽车，地址：未填",
    ]
