"""S8: 引领性项目库: nominated by a chain's 专班, reviewed by somebody else, frozen once a year."""

import io
from typing import Any

import httpx
import openpyxl
import pytest
import pytest_asyncio

from shared.contracts.ids import chain_id
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token

ENTRIES = "/v1/registers/leading_projects/entries"
LIST = "/v1/registers/leading_projects/lists/2026"
REVIEWER = {"authorization": f"Bearer {a_token(Role.REVIEWER, subject='reviewer-1')}"}
CHIEF = {"authorization": f"Bearer {a_token(Role.CHIEF, subject='chief-1')}"}


@pytest_asyncio.fixture
async def task_force(office: Office, bureau: str) -> str:
    body = {"title": "显示专班", "tier": "task_force", "organisation_id": bureau, "chain_ids": [str(DISPLAY)]}
    return str((await office.make("/v1/posts", **body))["id"])


async def nominate(office: Office, project: str, post: str | None, chain: object = DISPLAY) -> httpx.Response:
    fields = {"project": project, "influence": "填补国内空白", "drive": "带动材料、设备十余家"}
    body = {"year": 2026, "chain_id": str(chain), "fields": fields, "nominating_post_id": post}
    return await office.http.post(ENTRIES, json=body)


async def nominated(office: Office, project: str, post: str) -> dict[str, Any]:
    answer = await nominate(office, project, post)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def review(office: Office, entry: dict[str, Any], verb: str, **body: str) -> httpx.Response:
    return await office.http.post(f"{ENTRIES}/{entry['id']}:{verb}", json=body, headers=REVIEWER)


async def test_only_a_task_force_of_the_chain_nominates(office: Office, bureau: str, task_force: str) -> None:
    project = await office.project(bureau)
    officer = await office.post_held_by("张伟", org=bureau)
    for post, chain in ((None, DISPLAY), (officer, DISPLAY), (task_force, chain_id("AUTO"))):
        refused = await nominate(office, project["id"], post, chain)
        assert (refused.status_code, refused.json()["field"]) == (422, "nominating_post_id")
    entry = await nominated(office, project["id"], task_force)
    assert (entry["status"], entry["status_name"]) == ("nominated", "待审核")
    assert (await nominate(office, project["id"], task_force)).status_code == 409


async def test_a_nomination_is_reviewed_by_somebody_else_with_a_reason_where_refused(
    office: Office, bureau: str, task_force: str
) -> None:
    project = await office.project(bureau)
    entry = await nominated(office, project["id"], task_force)
    path = f"{ENTRIES}/{entry['id']}"
    clerk_who_reviews = {"authorization": f"Bearer {a_token(Role.REVIEWER, subject='clerk-1')}"}
    own = await office.http.post(f"{path}:accept", json={}, headers=clerk_who_reviews)
    assert (own.status_code, own.json()["type"]) == (403, "urn:liandu:problem:own-nomination")
    assert (await review(office, entry, "refuse")).status_code == 422
    refused = await review(office, entry, "refuse", reason="投资规模不足")
    assert (refused.json()["status"], refused.json()["reason"]) == ("refused", "投资规模不足")
    again = await nominated(office, project["id"], task_force)
    accepted = await review(office, again, "accept", opinion="带动性强")
    assert (accepted.json()["status"], accepted.json()["reviewed_on"]) == ("standing", "2026-01-05")
    history = (await office.http.get(f"{ENTRIES}/{again['id']}/history")).json()["items"]
    assert "由显示专班提名2026年度引领性项目库条目" in history[0]["text"]
    assert history[1]["text"] == "2026-01-05审核同意入库：带动性强"


async def test_the_list_is_frozen_once_a_year_and_later_edits_do_not_touch_it(
    office: Office, bureau: str, task_force: str
) -> None:
    first = await office.project(bureau, name="显示面板项目", total_investment_wan=120000)
    second = await office.project(bureau, name="显示材料项目", total_investment_wan=30000)
    entry = await nominated(office, first["id"], task_force)
    waiting = await office.http.post(f"{LIST}:freeze", headers=CHIEF)
    assert (waiting.status_code, waiting.json()["waiting"]) == (409, 1)
    await review(office, entry, "accept")

    assert (await office.http.get(f"{LIST}/workbook")).status_code == 404
    before = (await office.http.get(LIST)).json()
    assert (before["frozen"], before["present"]["count"]) == (None, 1)
    frozen = (await office.http.post(f"{LIST}:freeze", headers=CHIEF)).json()["frozen"]
    assert (frozen["frozen_on"], frozen["count"], frozen["total_investment_wan"]) == ("2026-01-05", 1, 120000)

    version = {"if-match": f'"{first["version"]}"'}
    changes = {"name": "显示面板扩产项目", "total_investment_wan": 150000}
    assert (await office.http.patch(f"/v1/projects/{first['id']}", json=changes, headers=version)).status_code == 200
    await review(office, await nominated(office, second["id"], task_force), "accept")
    await office.make(f"{ENTRIES}/{entry['id']}:withdraw", reason="转为外地建设")

    sheet = await office.http.get(f"{LIST}/workbook")
    page = openpyxl.load_workbook(io.BytesIO(sheet.content))["引领性项目库"]
    headings, *rows = ([cell.value for cell in row] for row in page.iter_rows())
    assert headings[:3] == ["所属产业链", "项目编号", "项目名称"]
    assert [row[2:6] for row in rows] == [["显示面板项目", "区商务局", "在谈", 120000]]

    after = (await office.http.get(LIST)).json()
    assert after["frozen"] == frozen
    assert after["frozen"]["entries"][0]["project"]["name"] == "显示面板项目"
    assert [item["project"]["name"] for item in after["present"]["entries"]] == ["显示材料项目"]
    again = await office.http.post(f"{LIST}:freeze", headers=CHIEF)
    assert (again.status_code, again.json()["type"]) == (409, "urn:liandu:problem:freeze-not-allowed")


async def test_a_register_that_is_not_frozen_says_so(office: Office) -> None:
    refused = await office.http.post("/v1/registers/key_technologies/lists/2026:freeze", headers=CHIEF)
    assert (refused.status_code, refused.json()["detail"]) == (409, "技术攻关项目库不定库")


@pytest.mark.parametrize("role", list(Role))
async def test_reviewers_review_and_heads_freeze(office: Office, bureau: str, task_force: str, role: Role) -> None:
    entry = await nominated(office, (await office.project(bureau))["id"], task_force)
    headers = {"authorization": f"Bearer {a_token(role, subject='somebody')}"}
    accepted = await office.http.post(f"{ENTRIES}/{entry['id']}:accept", json={}, headers=headers)
    assert accepted.status_code == (200 if role is Role.REVIEWER else 403)
    frozen = await office.http.post(f"{LIST}:freeze", headers=headers)
    allowed = role in (Role.SUPERVISOR, Role.CHIEF)
    assert frozen.status_code == (409 if allowed else 403)
