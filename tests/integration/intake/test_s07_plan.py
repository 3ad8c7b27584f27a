"""S7: 年度招商项目计划清单: each chain's yearly targets and its planned projects."""

from typing import Any

import httpx

from shared.contracts.ids import chain_id
from tests.integration.intake.conftest import DISPLAY, Office

TARGETS = {
    "signed_count": 12,
    "signed_amount": 600000,
    "started_count": 10,
    "producing_count": 2,
    "source": "年度工作要点",
}


async def entry(office: Office, key: str, chain: object, fields: dict[str, Any], year: int = 2026) -> httpx.Response:
    body = {"year": year, "chain_id": str(chain), "fields": fields}
    return await office.http.post(f"/v1/registers/{key}/entries", json=body)


async def plan(office: Office, year: int = 2026) -> tuple[dict[str, Any], dict[str, Any]]:
    """The year's plan, and its chains by their codes."""
    shown = (await office.http.get(f"/v1/plans/{year}")).json()
    return shown, {chain["chain_code"]: chain for chain in shown["chains"]}


async def test_a_chain_has_one_set_of_targets_a_year_which_may_be_revised(office: Office) -> None:
    made = await entry(office, "investment_targets", DISPLAY, TARGETS)
    assert made.status_code == 201
    again = await entry(office, "investment_targets", DISPLAY, TARGETS)
    assert (again.status_code, again.json()["detail"]) == (409, "该产业链2026年度的年度招商目标已填报")
    assert (await entry(office, "investment_targets", DISPLAY, TARGETS, year=2027)).status_code == 201
    path = f"/v1/registers/investment_targets/entries/{made.json()['id']}"
    revised = await office.http.patch(path, json={"fields": {"signed_count": 14}}, headers={"if-match": '"1"'})
    assert revised.json()["fields"]["signed_count"] == 14


async def test_targets_need_counts_and_their_source(office: Office) -> None:
    refused = await entry(office, "investment_targets", DISPLAY, {"signed_count": -1})
    told = {error["pointer"].rsplit("/", 1)[1]: error["detail"] for error in refused.json()["errors"]}
    assert set(told) == {"signed_count", "signed_amount", "started_count", "producing_count", "source"}
    assert told["signed_count"] == "不能为负数"


async def test_the_plan_of_a_year_shows_targets_and_planned_projects_by_chain(office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    project = await office.project(bureau)
    auto = chain_id("AUTO")
    await entry(office, "investment_targets", DISPLAY, TARGETS)
    await entry(office, "investment_targets", auto, {**TARGETS, "signed_count": 8, "producing_amount": 50000})
    planned = {"name": "驱动芯片", "amount": 50000, "responsible_org": bureau, "responsible_post": post}
    await entry(office, "investment_plan", DISPLAY, planned)
    await entry(office, "investment_plan", DISPLAY, {**planned, "name": "偏光片", "project": project["id"]})
    made = await office.make(
        "/v1/registers/investment_plan/filings", year=2026, chain_ids=[str(DISPLAY)], responsible_post_id=post
    )
    assert made["items"][0]["task"]["due_on"] == "2026-02-28"

    shown, chains = await plan(office)
    assert len(chains) == 17
    assert chains["DISPLAY"]["targets"] == {name: value for name, value in TARGETS.items() if name != "source"}
    assert chains["DISPLAY"]["planned"] == {"count": 2, "amount_wan": 100000, "begun": 1}
    assert (chains["DISPLAY"]["plan_filing"], chains["DISPLAY"]["targets_filing"]) == ("called", None)
    assert (chains["AUTO"]["targets"]["producing_amount"], chains["AUTO"]["planned"]["count"]) == (50000, 0)
    assert chains["SHIP"]["targets"] is None
    assert (shown["targets"]["signed_count"], shown["targets"]["signed_amount"]) == (20, 1200000)
    assert shown["planned"] == {"count": 2, "amount_wan": 100000, "begun": 1}
    assert (await plan(office, 2027))[0]["planned"]["count"] == 0
