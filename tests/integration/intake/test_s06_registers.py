"""S6: yearly registers by category of chain; platforms and 产学研 co-operations with chain, partners and dates."""

import asyncio
from typing import Any

import httpx
import pytest

from shared.contracts.ids import chain_id
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token

REGISTERS = "/v1/registers"
TECHNOLOGY = {
    "name": "8.6代OLED蒸镀技术",
    "problem": "蒸镀掩膜版依赖进口",
    "lead_org": "青岛显示材料有限公司",
    "lead_uscc": "91350100m000100y43",
    "amount": 3500,
    "finish_on": "2027-06-30",
    "partners": [{"name": "青岛大学"}, {"name": "某研究院", "uscc": "91370200163562681G"}],
}


async def chain_of(office: Office, category: str) -> str:
    chains = (await office.http.get("/v1/chains")).json()["items"]
    return next(str(chain["id"]) for chain in chains if chain["category"] == category)


async def entry(
    office: Office, key: str, chain: object, fields: dict[str, Any], year: int | None = 2026
) -> httpx.Response:
    body = {"year": year, "chain_id": str(chain), "fields": fields}
    return await office.http.post(f"{REGISTERS}/{key}/entries", json=body)


async def test_a_manufacturing_chain_lists_its_key_technologies_with_partners(office: Office) -> None:
    answer = await entry(office, "key_technologies", DISPLAY, TECHNOLOGY)
    shown = answer.json()
    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert (shown["status"], shown["year"], shown["chain_name"]) == ("standing", 2026, "新型显示")
    assert shown["fields"]["lead_uscc"] == "91350100M000100Y43"
    assert shown["texts"]["partners"] == "青岛大学、某研究院（91370200163562681G）"
    listed = (await office.http.get(f"{REGISTERS}/key_technologies/entries", params={"year": 2026})).json()
    assert [item["id"] for item in listed["items"]] == [shown["id"]]


async def test_a_service_chain_cannot_file_into_the_key_technologies(office: Office) -> None:
    service = await chain_of(office, "modern_service")
    refused = await entry(office, "key_technologies", service, TECHNOLOGY)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:liandu:problem:chain-not-allowed")
    assert "属于现代服务业产业链，不能申报技术攻关项目库" in refused.json()["detail"]
    assert "只面向传统制造业、新兴制造业产业链" in refused.json()["detail"]


async def test_each_category_has_its_own_register(office: Office, bureau: str) -> None:
    service = await chain_of(office, "modern_service")
    future = (await office.make("/v1/chains", code="QUANTUM", name="量子信息"))["id"]
    policy = {"name": "会展业奖补", "state": "已印发", "lead_org": bureau, "content": "按面积奖补"}
    platform = {"name": "量子器件中试线", "operator": "某研究院", "state": "谋划"}
    for key, fields, allowed in (("policy_supply", policy, service), ("pilot_platforms", platform, future)):
        for chain in (service, future, str(DISPLAY)):
            answer = await entry(office, key, chain, fields)
            assert answer.status_code == (201 if chain == allowed else 422), answer.text


async def test_platforms_and_cooperations_are_kept_for_all_chains_without_a_year(office: Office) -> None:
    service = await chain_of(office, "modern_service")
    platform = {"name": "显示技术创新中心", "level": "省级", "host": "某公司", "since": "2025-11-01"}
    cooperation = {
        "name": "会展数字化",
        "partners": [{"name": "青岛大学"}, {"name": "某会展公司"}],
        "content": "共建实验室",
        "signed_on": "2026-01-04",
    }
    for key, fields in (("innovation_platforms", platform), ("industry_university", cooperation)):
        for chain in (str(DISPLAY), service):
            assert (await entry(office, key, chain, fields, None)).status_code == 201
        refused = await entry(office, key, DISPLAY, {**fields, "name": "另一个"})
        assert (refused.status_code, refused.json()["field"]) == (422, "year")


async def test_all_that_is_wrong_is_said_at_once_with_its_place(office: Office) -> None:
    wrong = {**TECHNOLOGY, "amount": "3500", "lead_uscc": "91350100M000100Y44", "finish_on": None, "colour": "red"}
    wrong |= {"way": "闭门造车", "project": "00000000-0000-4000-8000-00000000000x"}
    refused = (await entry(office, "key_technologies", DISPLAY, wrong)).json()
    told = {error["pointer"]: error["detail"] for error in refused["errors"]}
    assert set(told) == {f"#/fields/{key}" for key in ("amount", "lead_uscc", "finish_on", "colour", "way", "project")}
    assert "校验位" in told["#/fields/lead_uscc"]
    assert told["#/fields/amount"] == "应为整数（万元）"
    assert told["#/fields/finish_on"] == "必填，没有填写"


async def test_what_an_entry_names_must_exist(office: Office) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    refused = await entry(office, "key_technologies", DISPLAY, {**TECHNOLOGY, "project": missing})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == ["#/fields/project"]


async def test_an_entry_is_recorded_once_revised_and_withdrawn_and_its_history_tells(
    office: Office, bureau: str
) -> None:
    project = await office.project(bureau)
    made = (await entry(office, "key_technologies", DISPLAY, {**TECHNOLOGY, "project": project["id"]})).json()
    again = await entry(office, "key_technologies", DISPLAY, TECHNOLOGY)
    assert (again.status_code, again.json()["id"]) == (409, made["id"])
    assert (await entry(office, "key_technologies", DISPLAY, TECHNOLOGY, 2027)).status_code == 201

    path = f"{REGISTERS}/key_technologies/entries/{made['id']}"
    changes = {"fields": {"amount": 4000, "partners": None}}
    assert (await office.http.patch(path, json=changes)).status_code == 428
    revised = await office.http.patch(path, json=changes, headers={"if-match": '"1"'})
    assert (revised.json()["fields"]["amount"], "partners" in revised.json()["fields"]) == (4000, False)
    same = await office.http.patch(path, json=changes, headers={"if-match": '"2"'})
    assert same.headers["etag"] == '"2"'
    withdrawn = await office.make(f"{path}:withdraw", reason="与另一条重复")
    assert (withdrawn["status"], withdrawn["reason"]) == ("withdrawn", "与另一条重复")
    assert (await office.http.patch(path, json=changes, headers={"if-match": '"3"'})).status_code == 409

    history = (await office.http.get(f"{path}/history")).json()["items"]
    assert [fact["seq"] for fact in history] == [1, 2, 3]
    assert "登记2026年度技术攻关项目库条目，产业链：新型显示，攻关项目名称：8.6代OLED蒸镀技术" in history[0]["text"]
    assert project["code"] in history[0]["text"]
    assert history[2]["text"] == "撤回：与另一条重复"
    assert (await entry(office, "key_technologies", DISPLAY, TECHNOLOGY)).status_code == 201


async def test_entries_are_found_by_year_chain_state_and_project_page_by_page(office: Office, bureau: str) -> None:
    project = await office.project(bureau)
    for number in range(5):
        extra = {"project": project["id"]} if number == 3 else {}
        await entry(office, "key_technologies", DISPLAY, {**TECHNOLOGY, "name": f"技术{number}", **extra})
    path = f"{REGISTERS}/key_technologies/entries"

    async def names(**params: Any) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            answer = await office.http.get(path, params={**params, "limit": 2, **({"after": after} if after else {})})
            found += [item["fields"]["name"] for item in answer.json()["items"]]
            after = answer.json()["next_after"]
            if after is None:
                return found

    assert await names(year=2026, chain_id=str(DISPLAY)) == [f"技术{number}" for number in range(5)]
    assert await names(project_id=project["id"]) == ["技术3"]
    assert await names(status="withdrawn") == []
    assert await names(year=2027) == []


async def test_the_clerk_of_one_chain_does_not_write_for_another(office: Office, bureau: str) -> None:
    person = await office.make("/v1/people", name="张伟", organisation_id=bureau)
    auto = str(chain_id("AUTO"))
    post = await office.make(
        "/v1/posts", title="汽车专班办公室", tier="task_force_office", organisation_id=bureau, chain_ids=[auto]
    )
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    headers = {"authorization": f"Bearer {a_token(Role.CLERK, person=person['id'])}"}
    path = f"{REGISTERS}/key_technologies/entries"
    body = {"year": 2026, "fields": TECHNOLOGY}
    foreign = await office.http.post(path, json={**body, "chain_id": str(DISPLAY)}, headers=headers)
    own = await office.http.post(path, json={**body, "chain_id": auto}, headers=headers)
    assert (foreign.status_code, foreign.json()["type"]) == (403, "urn:liandu:problem:not-your-chain")
    assert own.status_code == 201


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_write_and_officials_read(http: httpx.AsyncClient, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    body = {"year": 2026, "chain_id": str(DISPLAY), "fields": TECHNOLOGY}
    path = f"{REGISTERS}/key_technologies/entries"
    written = await http.post(path, json=body, headers=headers)
    assert written.status_code == (201 if role is Role.CLERK else 403)
    for read in (REGISTERS, f"{REGISTERS}/key_technologies", path):
        assert (await http.get(read, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)


async def test_registers_say_what_they_ask_for(office: Office) -> None:
    registers = {item["key"]: item for item in (await office.http.get(REGISTERS)).json()["items"]}
    assert registers["key_technologies"]["category_names"] == ["传统制造业", "新兴制造业"]
    assert registers["key_technologies"]["filing"]["due"] == "03-31"
    assert registers["innovation_platforms"]["filing"] is None
    assert (await office.http.get(f"{REGISTERS}/no_such")).status_code == 404
    assert (await entry(office, "no_such", DISPLAY, {})).status_code == 404


async def test_the_same_entry_recorded_by_several_at_once_stands_once(office: Office) -> None:
    answers = await asyncio.gather(*(entry(office, "key_technologies", DISPLAY, TECHNOLOGY) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    listed = (await office.http.get(f"{REGISTERS}/key_technologies/entries")).json()["items"]
    assert len(listed) == 1


async def test_a_request_sent_again_under_its_key_records_nothing_more(office: Office) -> None:
    body = {"year": 2026, "chain_id": str(DISPLAY), "fields": TECHNOLOGY}
    path, headers = f"{REGISTERS}/key_technologies/entries", {"idempotency-key": "entry-1"}
    first = await office.http.post(path, json=body, headers=headers)
    again = await office.http.post(path, json=body, headers=headers)
    assert (again.status_code, again.json(), again.headers["etag"]) == (201, first.json(), '"1"')
