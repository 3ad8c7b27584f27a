"""S7: the three lists 在谈, 签约, 在建: derived from stages, as of any day, and as they were known on any day."""

from datetime import date, datetime
from typing import Any

import httpx
import pytest

from shared.contracts.ids import chain_id
from shared.kit.clock import CHINA
from tests.integration.intake.conftest import DISPLAY, Office
from tests.integration.intake.striking import correct, replace, strike_off
from tests.support.clock import MovableClock

LISTS = ("negotiating", "signed", "building")
FIELDS = ("list", "name", "count", "total_wan", "total_yi", "tiers")


def contract(on: str) -> list[dict[str, str]]:
    return [{"kind": "formal_contract", "on": on, "reference": "合同1号"}]


def a_start(on: str) -> list[dict[str, str]]:
    return [{"kind": kind, "on": on, "reference": "材料"} for kind in ("construction_contract", "site_photograph")]


async def the_list(office: Office, name: str, **asked: Any) -> dict[str, Any]:
    answer = await office.http.get(f"/v1/lists/{name}", params=asked)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def names(office: Office, **asked: Any) -> dict[str, list[str]]:
    """The projects of each list, by their names."""
    found = {name: await the_list(office, name, **asked) for name in LISTS}
    return {name: [item["name"] for item in shown["items"]] for name, shown in found.items()}


async def step(office: Office, project: dict[str, Any], target: str, on: str, **body: Any) -> dict[str, Any]:
    answer = await office.advance(project, target, on=on, **body)
    assert answer.status_code == 200, answer.text
    advanced: dict[str, Any] = answer.json()
    return advanced


async def move(clock: MovableClock, day: str) -> None:
    clock.move(datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=CHINA))


async def test_advancing_a_project_moves_it_from_list_to_list(office: Office, bureau: str, clock: MovableClock) -> None:
    project = await office.project(bureau, name="显示面板项目", stage="lead")
    assert await names(office) == {"negotiating": [], "signed": [], "building": []}
    project = await step(office, project, "negotiating", "2026-01-05")
    assert await names(office) == {"negotiating": ["显示面板项目"], "signed": [], "building": []}
    project = await step(office, project, "signed", "2026-01-05", evidence=contract("2026-01-05"))
    assert await names(office) == {"negotiating": [], "signed": ["显示面板项目"], "building": []}
    for target in ("registered", "approved"):
        project = await step(office, project, target, "2026-01-05")
    assert (await names(office))["signed"] == ["显示面板项目"]
    project = await step(office, project, "started", "2026-01-05", evidence=a_start("2026-01-05"))
    assert await names(office) == {"negotiating": [], "signed": [], "building": ["显示面板项目"]}


async def test_a_list_tells_count_total_and_thresholds(office: Office, bureau: str) -> None:
    for name, amount in (("甲", 9_999), ("乙", 10_000), ("丙", 100_000), ("丁", 300_000)):
        await office.project(bureau, name=name, total_investment_wan=amount)
    await office.project(bureau, name="戊", total_investment_wan=500_000, chain_id=str(chain_id("AUTO")))
    shown = await the_list(office, "negotiating", chain="DISPLAY")
    assert (shown["name"], shown["count"], shown["total_wan"], shown["total_yi"]) == ("在谈", 4, 419_999, "41.9999")
    tiers = [(tier["at_least_yi"], tier["count"], tier["total_wan"]) for tier in shown["tiers"]]
    assert tiers == [("1", 3, 410_000), ("10", 2, 400_000), ("30", 1, 300_000)]
    assert (await the_list(office, "negotiating"))["count"] == 5
    assert (await the_list(office, "signed"))["tiers"][0]["count"] == 0
    first = await the_list(office, "negotiating", limit=3)
    second = await the_list(office, "negotiating", limit=3, after=first["next_after"])
    assert [item["name"] for item in (*first["items"], *second["items"])] == ["甲", "乙", "丙", "丁", "戊"]
    assert second["next_after"] is None


async def test_a_past_day_shows_what_had_happened_by_then_whenever_it_was_recorded(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    entered = await office.project(
        bureau, name="老项目", stage="started", signed_on="2025-03-01", started_on="2025-06-01"
    )
    undated = await office.project(bureau, name="日期不详", stage="building")
    project = await office.project(bureau, name="新项目")
    await move(clock, "2026-03-20")
    await step(office, project, "signed", "2026-02-10", evidence=contract("2026-02-10"))

    async def on(day: str) -> dict[str, list[str]]:
        return {name: sorted(found) for name, found in (await names(office, on=day)).items() if found}

    assert await on("2025-02-28") == {}
    assert await on("2025-03-01") == {"signed": ["老项目"]}
    assert await on("2025-06-01") == {"building": ["老项目"]}
    assert await on("2026-01-05") == {"negotiating": ["新项目"], "building": ["日期不详", "老项目"]}
    assert await on("2026-02-09") == {"negotiating": ["新项目"], "building": ["日期不详", "老项目"]}
    assert await on("2026-02-10") == {"signed": ["新项目"], "building": ["日期不详", "老项目"]}
    shown = (await the_list(office, "signed", on="2025-05-31"))["items"][0]
    assert (shown["stage"], shown["stage_name"], shown["list"]) == ("signed", "签约", "signed")
    assert {entered["id"], undated["id"]} >= {
        item["id"] for item in (await the_list(office, "building", on="2026-01-05"))["items"]
    }


async def test_what_was_known_on_a_day_stays_what_it_was(office: Office, bureau: str, clock: MovableClock) -> None:
    moved = await office.project(bureau, name="补录签约", total_investment_wan=50_000)
    revised = await office.project(bureau, name="后来增资", total_investment_wan=80_000)
    await office.project(bureau, name="不变", total_investment_wan=20_000)
    told = {name: await the_list(office, name) for name in LISTS}

    await move(clock, "2026-02-20")
    await step(office, moved, "signed", "2026-01-05", evidence=contract("2026-01-05"))
    changes = {"total_investment_wan": 95_000, "chain_id": str(chain_id("AUTO"))}
    version = {"if-match": f'"{revised["version"]}"'}
    assert (await office.http.patch(f"/v1/projects/{revised['id']}", json=changes, headers=version)).status_code == 200
    await office.project(bureau, name="后来登记", total_investment_wan=30_000)

    for name in LISTS:
        then = await the_list(office, name, on="2026-01-05", known_on="2026-01-05")
        assert {field: then[field] for field in FIELDS} == {field: told[name][field] for field in FIELDS}
        assert [item["chain_id"] for item in then["items"]] == [item["chain_id"] for item in told[name]["items"]]
    assert (await names(office, on="2026-01-05"))["signed"] == ["补录签约"]
    assert (await the_list(office, "negotiating", on="2026-01-05"))["total_wan"] == 115_000
    then = await the_list(office, "negotiating", on="2026-02-20", known_on="2026-02-19")
    assert (then["count"], then["known_on"]) == (3, "2026-02-19")


async def test_a_project_stands_with_the_chain_it_belonged_to_on_the_day(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    project = await office.project(bureau, name="转链项目")
    await move(clock, "2026-03-02")
    version = {"if-match": f'"{project["version"]}"'}
    changes = {"chain_id": str(chain_id("AUTO"))}
    moved = await office.http.patch(f"/v1/projects/{project['id']}", json=changes, headers=version)
    assert moved.status_code == 200, moved.text
    assert (await the_list(office, "negotiating", chain="AUTO"))["count"] == 1
    assert (await the_list(office, "negotiating", chain="AUTO", on="2026-03-01"))["count"] == 0
    (then,) = (await the_list(office, "negotiating", chain="DISPLAY", on="2026-03-01"))["items"]
    assert then["chain_id"] == str(DISPLAY)


async def test_a_terminated_project_leaves_its_list_on_the_day_it_ended(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    project = await office.project(bureau, name="终止项目")
    await move(clock, "2026-02-20")
    version = {"if-match": f'"{project["version"]}"'}
    body = {"reason": "投资方撤回", "on": "2026-02-10"}
    assert (
        await office.http.post(f"/v1/projects/{project['id']}:terminate", json=body, headers=version)
    ).status_code == 200
    assert (await names(office))["negotiating"] == []
    assert (await names(office, on="2026-02-10"))["negotiating"] == []
    assert (await names(office, on="2026-02-09"))["negotiating"] == ["终止项目"]
    assert (await names(office, on="2026-02-20", known_on="2026-02-19"))["negotiating"] == ["终止项目"]


async def test_what_was_struck_off_stands_in_no_list_of_any_day_but_was_known_before(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    false = await office.project(bureau, name="虚报项目", stage="signed", signed_on="2025-12-01")
    await move(clock, "2026-02-20")
    await strike_off(office.http, false["id"])
    assert (await names(office, on="2026-01-05"))["signed"] == []
    assert (await names(office, on="2026-01-05", known_on="2026-01-05"))["signed"] == ["虚报项目"]


async def test_a_signing_that_did_not_happen_leaves_the_past_as_it_is_known_now(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    project = await office.project(bureau, name="误记签约")
    await step(office, project, "signed", "2026-01-05", evidence=contract("2026-01-05"))
    await move(clock, "2026-02-20")
    body = {"kind": "reversal", "sequence": 2, "reason": "合同未生效"}
    await correct(office.http, project["id"], body)
    assert await names(office, on="2026-01-05") == {"negotiating": ["误记签约"], "signed": [], "building": []}
    assert (await names(office, on="2026-01-05", known_on="2026-01-05"))["signed"] == ["误记签约"]


async def test_a_stage_that_was_entered_wrongly_is_right_on_past_days_too(
    office: Office, bureau: str, clock: MovableClock
) -> None:
    project = await office.project(bureau, name="误记线索", stage="lead")
    await move(clock, "2026-02-20")
    await replace(office.http, project["id"], stage="signed")
    project = (await office.http.get(f"/v1/projects/{project['id']}")).json()
    await move(clock, "2026-03-20")
    for target in ("registered", "approved"):
        project = await step(office, project, target, "2026-03-10")
    await step(office, project, "started", "2026-03-10", evidence=a_start("2026-03-10"))
    for day in ("2026-01-05", "2026-03-09"):
        assert (await names(office, on=day))["signed"] == ["误记线索"]
    assert (await names(office, on="2026-03-10"))["building"] == ["误记线索"]
    assert (await names(office, on="2026-02-19", known_on="2026-02-19"))["signed"] == []


@pytest.mark.parametrize("asked", [{"on": "2026-01-06"}, {"known_on": "2026-01-06"}])
async def test_a_day_that_is_yet_to_come_is_refused(http: httpx.AsyncClient, asked: dict[str, str]) -> None:
    refused = await http.get("/v1/lists/signed", params=asked)
    assert refused.status_code == 422
    assert date.fromisoformat(refused.json()["limit"]) == date(2026, 1, 5)
