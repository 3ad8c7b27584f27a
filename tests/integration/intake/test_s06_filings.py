"""S6: a yearly register is called for with a due day and filed by its responsible post; one not filed shows as late."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.ids import chain_id, filing_id
from shared.contracts.registers import REGISTERS, FilingCalled, FilingFiled, TaskMet, TaskPlanned
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log import eventlog
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.support.clock import MovableClock

FILINGS = "/v1/registers/key_technologies/filings"
SUPERVISOR = {"authorization": f"Bearer {a_token(Role.SUPERVISOR, subject='supervisor-1')}"}


@dataclass
class Desk:
    """新型显示's 专班办公室: its post, whoever holds it, and their token."""

    post: str
    person: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {a_token(Role.CLERK, person=self.person)}"}


@pytest_asyncio.fixture
async def desk(office: Office, bureau: str) -> Desk:
    body = {"title": "显示专班办公室", "tier": "task_force_office", "organisation_id": bureau}
    post = await office.make("/v1/posts", **body, chain_ids=[str(DISPLAY)])
    person = await office.make("/v1/people", name="张伟", organisation_id=bureau)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    return Desk(post["id"], person["id"])


async def called(office: Office, **body: Any) -> dict[str, Any]:
    return await office.make(FILINGS, year=2026, chain_ids=[str(DISPLAY)], **body)


async def entry(office: Office, name: str) -> str:
    fields = {"name": name, "problem": "依赖进口", "lead_org": "某公司", "finish_on": "2027-06-30"}
    body = {"year": 2026, "chain_id": str(DISPLAY), "fields": fields}
    return str((await office.make("/v1/registers/key_technologies/entries", **body))["id"])


async def test_a_register_is_called_for_with_a_due_day_a_post_and_a_source(office: Office, desk: Desk) -> None:
    made = await called(office, source="conference", source_document="3月18日会议纪要")
    (filing,) = made["items"]
    assert (made["new"], filing["id"]) == (1, str(filing_id("key_technologies", 2026, DISPLAY)))
    task = filing["task"]
    assert (task["due_on"], task["responsible_post_id"]) == ("2026-03-31", desk.post)
    assert (task["responsible_person_id"], task["source"]) == (desk.person, "conference")
    again = await called(office)
    assert (again["new"], again["items"][0]["version"]) == (0, filing["version"])


async def test_all_chains_of_its_categories_are_called_on_and_one_without_a_post_is_named(
    office: Office, bureau: str, desk: Desk
) -> None:
    refused = await office.http.post(FILINGS, json={"year": 2026})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:liandu:problem:nobody-answers")
    assert "汽车" in refused.json()["detail"]
    assert "新型显示" not in refused.json()["detail"]
    assert str(chain_id("FINANCE")) not in refused.json()["chain_ids"]
    made = await office.make(FILINGS, year=2026, responsible_post_id=desk.post, due_on="2026-04-10")
    assert made["new"] == 10
    assert {filing["task"]["due_on"] for filing in made["items"]} == {"2026-04-10"}
    service = await office.http.post(FILINGS, json={"year": 2026, "chain_ids": [str(chain_id("FINANCE"))]})
    assert service.json()["type"] == "urn:liandu:problem:chain-not-allowed"
    standing = await office.http.post("/v1/registers/innovation_platforms/filings", json={"year": 2026})
    assert standing.status_code == 409


async def test_only_the_responsible_post_files_and_the_number_of_entries_is_counted(
    office: Office, bureau: str, desk: Desk
) -> None:
    (filing,) = (await called(office))["items"]
    await entry(office, "甲")
    await entry(office, "乙")
    gone = await entry(office, "丙")
    await office.make(f"/v1/registers/key_technologies/entries/{gone}:withdraw", reason="重复")
    path = f"{FILINGS}/{filing['id']}"

    stranger = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    for headers in ({}, {"authorization": f"Bearer {a_token(Role.CLERK, person=stranger['id'])}"}):
        refused = await office.http.post(f"{path}:file", json={}, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:liandu:problem:not-your-post")
    filed = (await office.http.post(f"{path}:file", json={}, headers=desk.headers)).json()
    assert (filed["status"], filed["entries"], filed["filed_on"]) == ("filed", 2, "2026-01-05")
    assert (filed["task"]["status"], filed["task"]["met_on"]) == ("met", "2026-01-05")
    assert (await office.http.post(f"{path}:file", json={}, headers=desk.headers)).status_code == 409


async def test_nothing_to_file_is_said_with_a_reason(office: Office, desk: Desk) -> None:
    (filing,) = (await called(office))["items"]
    path = f"{FILINGS}/{filing['id']}"
    refused = await office.http.post(f"{path}:file", json={"reason": " "}, headers=desk.headers)
    assert (refused.status_code, refused.json()["field"]) == (422, "reason")
    filed = await office.http.post(f"{path}:file", json={"reason": "本年没有新的攻关需求"}, headers=SUPERVISOR)
    assert (filed.json()["entries"], filed.json()["reason"]) == (0, "本年没有新的攻关需求")


async def test_what_is_not_filed_by_its_day_is_on_the_list_of_what_is_late(
    office: Office, desk: Desk, clock: MovableClock
) -> None:
    (filing,) = (await called(office))["items"]

    async def late() -> list[tuple[str, bool]]:
        params = {"status": "open", "kind": "filing", "post_id": desk.post, "due_until": "2026-12-31"}
        items = (await office.http.get("/v1/tasks", params=params)).json()["items"]
        return [(item["id"], item["late"]) for item in items]

    assert await late() == [(filing["id"], False)]
    clock.move("2026-04-01T09:00+08:00")
    assert await late() == [(filing["id"], True)]


async def test_a_filing_gets_another_day_with_a_reason_another_post_or_is_called_off(
    office: Office, bureau: str, desk: Desk
) -> None:
    (filing,) = (await called(office))["items"]
    path = f"{FILINGS}/{filing['id']}"
    other = await office.post_held_by("李娜", org=bureau)

    async def patch(version: int, **body: Any) -> httpx.Response:
        return await office.http.patch(path, json=body, headers={"if-match": f'"{version}"'})

    assert (await patch(2, due_on="2026-04-30")).json()["field"] == "reason"
    moved = await patch(2, due_on="2026-04-30", reason="等待上级指南", responsible_post_id=other)
    assert (moved.json()["task"]["due_on"], moved.json()["task"]["responsible_post_id"]) == ("2026-04-30", other)
    assert (await patch(2, due_on="2026-05-30", reason="再等")).status_code == 412
    off = await office.make(f"{path}:call-off", reason="产业链调整")
    assert (off["status"], off["task"]["status"]) == ("called_off", "cancelled")
    history = (await office.http.get(f"{path}/history")).json()["items"]
    assert [fact["text"] for fact in history] == [
        "要求新型显示产业链申报2026年度技术攻关项目库",
        "确定时限：“2026年度技术攻关项目库申报”，2026-03-31前完成，责任岗位：显示专班办公室，来源：工作计划",
        "“2026年度技术攻关项目库申报”时限调整为2026-04-30：等待上级指南",
        "“2026年度技术攻关项目库申报”责任岗位改为项目专员",
        "取消申报：产业链调整",
        "“2026年度技术攻关项目库申报”取消：产业链调整",
    ]
    listed = (await office.http.get(FILINGS, params={"year": 2026, "status": "called_off"})).json()["items"]
    assert [item["id"] for item in listed] == [filing["id"]]


async def test_the_clerk_of_one_chain_moves_and_calls_off_no_filing_of_another(
    office: Office, bureau: str, desk: Desk
) -> None:
    (filing,) = (await called(office))["items"]
    path = f"{FILINGS}/{filing['id']}"
    body = {"title": "汽车专班办公室", "tier": "task_force_office", "organisation_id": bureau}
    post = await office.make("/v1/posts", **body, chain_ids=[str(chain_id("AUTO"))])
    person = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    headers = {"authorization": f"Bearer {a_token(Role.CLERK, person=person['id'])}", "if-match": '"2"'}
    changes = {"due_on": "2026-12-31", "reason": "等待上级指南"}
    refused = [
        await office.http.patch(path, json=changes, headers=headers),
        await office.http.post(f"{path}:call-off", json={"reason": "产业链调整"}, headers=headers),
    ]
    assert [(answer.status_code, answer.json()["type"]) for answer in refused] == [
        (403, "urn:liandu:problem:not-your-chain")
    ] * 2
    own = {**headers, **desk.headers}
    assert (await office.http.patch(path, json=changes, headers=own)).status_code == 200


async def test_what_is_due_is_published_for_supervision(office: Office, desk: Desk, engine: AsyncEngine) -> None:
    (filing,) = (await called(office))["items"]
    await office.http.post(f"{FILINGS}/{filing['id']}:file", json={"reason": "没有"}, headers=desk.headers)
    async with engine.connect() as conn:
        facts = await eventlog.history(UUID(filing["id"]), conn=conn)
    assert [EVENT_TYPES[fact.type] for fact in facts] == [FilingCalled, TaskPlanned, FilingFiled, TaskMet]
    assert {fact.topic for fact in facts} == {REGISTERS}
    planned = TaskPlanned.model_validate_json(facts[1].data)
    assert (planned.kind, planned.due_on, str(planned.responsible_post_id)) == ("filing", date(2026, 3, 31), desk.post)
    assert planned.chain_id == DISPLAY


async def test_the_delegate_files_while_the_holder_is_away(office: Office, bureau: str, desk: Desk) -> None:
    (filing,) = (await called(office))["items"]
    delegate = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    headers = {"authorization": f"Bearer {a_token(Role.CLERK, person=delegate['id'])}"}
    path = f"{FILINGS}/{filing['id']}:file"
    body = {"reason": "本年没有新的攻关需求"}
    assert (await office.http.post(path, json=body, headers=headers)).status_code == 403
    away = {"from_day": "2026-01-05", "until_day": "2026-01-09", "delegate_id": delegate["id"], "reason": "出差"}
    await office.make(f"/v1/people/{desk.person}/leaves", **away)
    assert (await office.http.post(path, json=body, headers=headers)).status_code == 200
