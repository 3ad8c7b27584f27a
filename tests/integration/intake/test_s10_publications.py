"""S10: published figures stay as they were published; a correction stands beside them, project by project."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.statistics import StatisticsCorrected, StatisticsPublished
from shared.kit.log import eventlog
from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token
from tests.integration.intake.striking import replace, strike_off

PATH = "/v1/statistics/publications"
FIRST_QUARTER = {"from": "2024-01-01", "to": "2024-03-31"}
SUPERVISOR = {"authorization": f"Bearer {a_token(Role.SUPERVISOR, subject='supervisor-1')}"}


async def signed(office: Office, org: str, name: str, amount_wan: int, on: str = "2024-02-01") -> str:
    body = {"total_investment_wan": amount_wan, "stage": "signed", "signed_on": on}
    return str((await office.project(org, name=name, code=name, **body))["id"])


async def publish(http: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await http.post(PATH, json={**FIRST_QUARTER, **changes}, headers=SUPERVISOR)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def correct(http: httpx.AsyncClient, id: str, reason: str = "核查", **headers: str) -> httpx.Response:
    return await http.post(f"{PATH}/{id}:correct", json={"reason": reason}, headers={**SUPERVISOR, **headers})


async def shown(http: httpx.AsyncClient, id: str) -> dict[str, Any]:
    answer = await http.get(f"{PATH}/{id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(http: httpx.AsyncClient, id: str, **asked: Any) -> list[tuple[str, int]]:
    items = (await http.get(f"{PATH}/{id}/projects", params=asked)).json()["items"]
    return [(item["name"], item["amount_wan"]) for item in items]


async def test_published_figures_stay_and_a_correction_stands_beside_them(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    amounts = {"甲": 300_000, "乙": 50_000, "丙": 20_000}
    ids = {name: await signed(office, bureau, name, amount_wan) for name, amount_wan in amounts.items()}
    made = await publish(http)
    assert made["title"] == "2024-Q1 第1号"
    assert made["published"]["text"] == (
        "2024-Q1 第1号：2024年第一季度，新签约1亿元及以上项目3个，总投资37亿元，其中30亿元及以上项目1个。"
    )
    assert made["present"]["differences"] == []
    nothing = await correct(http, made["id"])
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:liandu:problem:nothing-to-correct")

    await strike_off(http, ids["甲"])
    await signed(office, bureau, "丁", 40_000, on="2024-03-31")
    before = await shown(http, made["id"])
    assert before["published"] == made["published"]
    assert before["corrections"] == []
    assert (before["present"]["figures"]["count"], before["present"]["figures"]["total_wan"]) == (3, 110_000)

    after = (await correct(http, made["id"], reason="核查发现甲项目虚报")).json()
    assert after["published"] == made["published"]
    (first,) = after["corrections"]
    assert (first["number"], first["reason"], first["figures"]["total_wan"]) == (1, "核查发现甲项目虚报", 110_000)
    changes = {(item["name"], item["change"], item["before_wan"], item["after_wan"]) for item in first["differences"]}
    assert changes == {("甲", "removed", 300_000, None), ("丁", "added", None, 40_000)}
    assert "核减“甲”（甲）30亿元：项目记录不实，已剔除" in first["text"]
    assert first["text"].startswith("2024-Q1 第1号 更正第1号：更正后，2024年第一季度，新签约1亿元及以上项目3个")

    await strike_off(http, ids["丙"])
    again = (await correct(http, made["id"])).json()
    assert [item["number"] for item in again["corrections"]] == [1, 2]
    assert [item["name"] for item in again["corrections"][1]["differences"]] == ["丙"]
    assert again["corrections"][0] == first
    assert [item["name"] for item in again["present"]["differences"]] == ["丁", "丙", "甲"]

    assert await listed(http, made["id"]) == [("丙", 20_000), ("乙", 50_000), ("甲", 300_000)]
    assert await listed(http, made["id"], correction=2) == [("乙", 50_000), ("丁", 40_000)]
    assert (await http.get(f"{PATH}/{made['id']}/projects", params={"correction": 3})).status_code == 404
    parts = (await http.get(f"{PATH}/{made['id']}/breakdowns", params={"by": "unit"})).json()
    assert [(group["name"], group["figures"]["total_wan"]) for group in parts[0]["groups"]] == [("区商务局", 370_000)]


async def test_a_later_revision_of_the_records_does_not_touch_what_was_published(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    id = await signed(office, bureau, "甲", 30_000)
    made = await publish(http)
    changes = {"name": "甲（更名）", "total_investment_wan": 45_000}
    version = {"if-match": '"1"'}
    assert (await http.patch(f"/v1/projects/{id}", json=changes, headers=version)).status_code == 200
    found = await shown(http, made["id"])
    assert found["published"] == made["published"]
    assert await listed(http, made["id"]) == [("甲", 30_000)]
    (difference,) = found["present"]["differences"]
    assert (difference["change"], difference["before_wan"], difference["after_wan"]) == ("amended", 30_000, 45_000)


async def test_each_period_has_numbers_of_its_own(http: httpx.AsyncClient) -> None:
    february = {"from": "2024-02-01", "to": "2024-02-29"}
    titles = [(await publish(http, **period))["title"] for period in ({}, february, {}, {"to": "2024-12-31"})]
    assert titles == ["2024-Q1 第1号", "2024-02 第1号", "2024-Q1 第2号", "2024 第1号"]
    first = (await http.get(PATH, params={"limit": 3})).json()
    second = (await http.get(PATH, params={"limit": 3, "after": first["next_after"]})).json()
    listed = [item["title"] for item in (*first["items"], *second["items"])]
    assert listed == ["2024 第1号", "2024-Q1 第2号", "2024-Q1 第1号", "2024-02 第1号"]
    assert {key: first["items"][0][key] for key in ("count", "total_wan", "corrections", "published_on")} == {
        "count": 0,
        "total_wan": 0,
        "corrections": 0,
        "published_on": "2026-01-05",
    }


async def test_a_period_that_has_not_ended_is_not_published(http: httpx.AsyncClient) -> None:
    refused = await http.post(PATH, json={"from": "2026-01-01", "to": "2026-01-31"}, headers=SUPERVISOR)
    assert (refused.status_code, refused.json()["what"]) == (422, "截止日期")
    assert (await http.get(PATH)).json()["items"] == []
    assert (await http.get(f"{PATH}/6f1f2a52-8c6e-5d0b-9a57-6c69616e6475")).status_code == 404


async def test_a_correction_needs_a_reason_and_the_version_that_was_read(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    made = await publish(http)
    await signed(office, bureau, "甲", 30_000)
    assert (await correct(http, made["id"], reason=" ")).status_code == 422
    assert (await correct(http, made["id"], **{"if-match": '"7"'})).status_code == 412
    corrected = await correct(http, made["id"], **{"if-match": '"1"'})
    assert (corrected.status_code, corrected.headers["etag"]) == (200, '"2"')


async def test_what_was_published_and_corrected_are_facts(
    http: httpx.AsyncClient, office: Office, bureau: str, engine: AsyncEngine
) -> None:
    project = await signed(office, bureau, "甲", 30_000)
    made = await publish(http)
    await signed(office, bureau, "乙", 10_000)
    await correct(http, made["id"])
    async with engine.connect() as conn:
        facts = await eventlog.history(made["id"], conn=conn)
    published, corrected = facts
    assert (published.type, corrected.type) == (StatisticsPublished.type, StatisticsCorrected.type)
    first = StatisticsPublished.model_validate_json(published.data)
    assert (first.period, first.number, first.count, first.total_wan) == ("2024-Q1", 1, 1, 30_000)
    assert [str(item.project_id) for item in first.signings] == [project]
    second = StatisticsCorrected.model_validate_json(corrected.data)
    assert (second.number, second.count, [item.code for item in second.differences]) == (1, 2, ["乙"])


@pytest.mark.parametrize("role", list(Role))
async def test_only_supervision_publishes_and_everybody_inside_reads(http: httpx.AsyncClient, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    published = await http.post(PATH, json=FIRST_QUARTER, headers=headers)
    assert published.status_code == (201 if role is Role.SUPERVISOR else 403)
    assert (await correct_as(http, headers)).status_code == (404 if role is Role.SUPERVISOR else 403)
    for path in (PATH, "/v1/lists/signed", "/v1/statistics/signings?from=2024-01-01&to=2024-03-31"):
        assert (await http.get(path, headers=headers)).status_code == (403 if role is Role.ENTERPRISE else 200)


async def correct_as(http: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    nobody = "6f1f2a52-8c6e-5d0b-9a57-6c69616e6475"
    return await http.post(f"{PATH}/{nobody}:correct", json={"reason": "核查"}, headers=headers)


async def test_a_corrected_day_moves_a_project_out_of_what_was_published(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    id = await signed(office, bureau, "甲", 30_000, on="2024-03-31")
    made = await publish(http)
    await replace(http, id, signed_on="2024-04-01")
    (difference,) = (await shown(http, made["id"]))["present"]["differences"]
    assert (difference["change"], difference["reason"]) == ("removed", "签约日期不在期内")
