"""S10: newly signed projects of a period: count, total and thresholds, each project once, exact at every border."""

from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.statistics.periods import Period
from services.intake.store import statistics as store
from services.operator.samples.quarter import Quarter, quarter_workbook, repeated_workbook, synthetic_quarter
from shared.contracts.ids import chain_id
from shared.kit.database import fetch
from tests.integration.intake.conftest import DISPLAY, Office
from tests.integration.intake.striking import strike_off

FIRST_QUARTER = {"from": "2024-01-01", "to": "2024-03-31"}
AUTO = str(chain_id("AUTO"))


async def statistics(http: httpx.AsyncClient, **asked: Any) -> dict[str, Any]:
    answer = await http.get("/v1/statistics/signings", params={**FIRST_QUARTER, **asked})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def names(http: httpx.AsyncClient, **asked: Any) -> list[str]:
    answer = await http.get("/v1/statistics/signings/projects", params={**FIRST_QUARTER, **asked})
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def signed(office: Office, org: str, name: str, amount_wan: int, on: str | None, **more: Any) -> dict[str, Any]:
    body = {"total_investment_wan": amount_wan, "stage": "signed", "signed_on": on, **more}
    return await office.project(org, name=name, **body)


async def send(http: httpx.AsyncClient, name: str, content: bytes) -> dict[str, Any]:
    answer = await http.post("/v1/imports", files={"file": (name, content)})
    assert answer.status_code == 201, answer.text
    counts: dict[str, Any] = answer.json()["by_kind"]["project"]
    return counts


async def test_amounts_and_days_count_exactly_from_their_borders_on(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    await signed(office, bureau, "恰一亿", 10_000, "2024-01-01")
    await signed(office, bureau, "恰三十亿", 300_000, "2024-03-31")
    await signed(office, bureau, "差一万元", 9_999, "2024-02-01")
    await signed(office, bureau, "四月一日", 50_000, "2024-04-01")
    await signed(office, bureau, "上年末日", 50_000, "2023-12-31")
    await signed(office, bureau, "日期不详", 50_000, None)
    shown = await statistics(http)
    assert await names(http) == ["恰一亿", "恰三十亿"]
    assert (shown["figures"]["count"], shown["figures"]["total_wan"], shown["figures"]["total_yi"]) == (
        2,
        310_000,
        "31",
    )
    assert [(tier["at_least_yi"], tier["count"]) for tier in shown["figures"]["tiers"]] == [
        ("1", 2),
        ("10", 1),
        ("30", 1),
    ]
    assert shown["left_out"] == [{"reason": "below", "name": "未达到统计起点", "count": 1, "total_wan": 9_999}]
    assert shown["undated"] == 1
    assert (await statistics(http, chain_id=str(DISPLAY), responsible_org_id=bureau))["undated"] == 1
    assert (await statistics(http, chain_id=AUTO))["undated"] == 0
    assert shown["headline"] == "2024年第一季度，新签约1亿元及以上项目2个，总投资31亿元，其中30亿元及以上项目1个。"
    assert await names(http, **{"from": "2024-04-01", "to": "2024-04-30"}) == ["四月一日"]


async def test_the_contracts_amount_counts_also_where_the_signing_was_before_the_books(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    given = await signed(office, bureau, "合同九亿", 100_000, "2024-02-01", signed_amount_wan=90_000)
    later = await signed(office, bureau, "补录八亿", 100_000, "2024-02-02")
    assert (await statistics(http))["figures"]["total_wan"] == 190_000
    filled_in = await http.patch(
        f"/v1/projects/{later['id']}",
        json={"signed_amount_wan": 80_000},
        headers={"if-match": f'"{later["version"]}"'},
    )
    assert filled_in.status_code == 200, filled_in.text
    assert (await statistics(http))["figures"]["total_wan"] == 170_000
    other = await http.patch(
        f"/v1/projects/{given['id']}",
        json={"signed_amount_wan": 80_000},
        headers={"if-match": f'"{given["version"]}"'},
    )
    assert (other.status_code, other.json()["field"]) == (409, "signed_amount_wan")


async def test_an_intent_or_a_framework_agreement_is_no_signing(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    project = await office.project(bureau, name="液化空气项目", total_investment_wan=200_000)
    for kind in ("letter_of_intent", "framework_agreement"):
        evidence = [{"kind": kind, "on": "2024-02-01", "reference": "意向书"}]
        refused = await office.advance(project, "signed", on="2024-02-01", evidence=evidence)
        assert refused.status_code == 422
    assert (await statistics(http))["figures"]["count"] == 0


async def test_an_increment_counts_alone_and_its_parent_not_again(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    parent = await signed(office, bureau, "安迈铝业", 600_000, "2019-05-06")
    added = await office.project(bureau, name="安迈铝业增资", kind="expansion", total_investment_wan=40_000)
    version = {"if-match": f'"{added["version"]}"'}
    changes = {"parent_project_id": parent["id"]}
    linked = await http.patch(f"/v1/projects/{added['id']}/profile", json=changes, headers=version)
    assert linked.status_code == 200, linked.text
    added = (await http.get(f"/v1/projects/{added['id']}")).json()
    evidence = [{"kind": "formal_contract", "on": "2024-03-20", "reference": "增资协议"}]
    done = await office.advance(added, "signed", on="2024-03-20", evidence=evidence, amount_wan=35_000)
    assert done.status_code == 200, done.text
    shown = await statistics(http, by="kind")
    assert (shown["figures"]["count"], shown["figures"]["total_wan"]) == (1, 35_000)
    (kind,) = shown["breakdowns"][0]["groups"]
    assert (kind["key"], kind["name"]) == ("expansion", "增资")


def told(group: dict[str, Any]) -> tuple[str, int, int]:
    return group["name"], group["figures"]["count"], group["figures"]["total_wan"]


async def test_figures_break_down_by_every_dimension_and_add_up(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    force = str((await office.make("/v1/organisations", name="央企招商专班"))["id"])
    await signed(office, bureau, "甲", 30_000, "2024-01-09")
    await signed(office, force, "乙", 120_000, "2024-02-09", chain_id=AUTO)
    await signed(office, force, "丙", 20_000, "2024-02-29")
    dimensions = ["chain", "unit", "park", "capital", "kind", "month", "quarter", "year"]
    shown = await statistics(http, by=dimensions)
    assert [part["by"] for part in shown["breakdowns"]] == dimensions
    for part in shown["breakdowns"]:
        assert sum(group["figures"]["count"] for group in part["groups"]) == 3
        assert sum(group["figures"]["total_wan"] for group in part["groups"]) == 170_000
    found = {
        part["by"]: [
            (group["name"], group["figures"]["count"], group["figures"]["total_wan"]) for group in part["groups"]
        ]
        for part in shown["breakdowns"]
    }
    assert found["chain"] == [("汽车", 1, 120_000), ("新型显示", 2, 50_000)]
    assert found["unit"] == [("央企招商专班", 2, 140_000), ("区商务局", 1, 30_000)]
    assert found["month"] == [("2024年1月", 1, 30_000), ("2024年2月", 2, 140_000)]
    assert found["quarter"] == [("2024年第一季度", 3, 170_000)]
    assert (await statistics(http, chain_id=AUTO))["figures"]["total_wan"] == 120_000
    assert (await statistics(http, responsible_org_id=force))["figures"]["count"] == 2
    assert (await http.get("/v1/statistics/signings", params={**FIRST_QUARTER, "by": "colour"})).status_code == 422


async def test_figures_break_down_by_park_and_by_where_the_capital_comes_from(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    park = await office.make("/v1/parks", name="新型显示产业园", chain_ids=[str(DISPLAY)])
    inside = await signed(office, bureau, "园内外资", 30_000, "2024-01-09")
    await signed(office, bureau, "园外", 10_000, "2024-02-09")
    version = {"if-match": f'"{inside["version"]}"'}
    particulars = {"park_id": park["id"], "capital_source": "foreign"}
    revised = await http.patch(f"/v1/projects/{inside['id']}/profile", json=particulars, headers=version)
    assert revised.status_code == 200, revised.text
    parks, capital = (await statistics(http, by=["park", "capital"]))["breakdowns"]
    assert [told(group) for group in parks["groups"]] == [("新型显示产业园", 1, 30_000), ("不在园区", 1, 10_000)]
    assert [told(group) for group in capital["groups"]] == [("外资", 1, 30_000), ("未填报", 1, 10_000)]
    assert (await statistics(http, park_id=park["id"]))["figures"]["total_wan"] == 30_000


async def test_a_project_that_moves_later_stays_with_the_chain_it_was_signed_in(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    project = await signed(office, bureau, "甲", 30_000, "2024-01-09")
    version = {"if-match": f'"{project["version"]}"'}
    moved = await http.patch(f"/v1/projects/{project['id']}", json={"chain_id": AUTO}, headers=version)
    assert moved.status_code == 200, moved.text
    shown = await statistics(http, by="chain")
    assert [group["key"] for group in shown["breakdowns"][0]["groups"]] == [str(DISPLAY)]


async def test_a_period_that_ends_before_it_begins_is_refused(http: httpx.AsyncClient) -> None:
    refused = await http.get("/v1/statistics/signings", params={"from": "2024-03-31", "to": "2024-01-01"})
    assert (refused.status_code, refused.json()["field"]) == (422, "to")
    assert (await http.get("/v1/statistics/signings")).status_code == 422


async def test_each_period_is_planned_for_its_own_days(engine: AsyncEngine) -> None:
    quarter = Period(date(2024, 1, 1), date(2024, 3, 31))
    async with engine.connect() as conn:
        for _ in range(8):
            await store.signings(quarter, conn=conn)
            await store.undated(conn=conn)
        plans = await fetch(conn, "SELECT statement, generic_plans FROM pg_prepared_statements")
    assert {plan["statement"]: plan["generic_plans"] for plan in plans}.items() >= {
        store.SIGNINGS: 0,
        store.UNDATED: 0,
    }.items()


async def take_in(http: httpx.AsyncClient, quarter: Quarter) -> None:
    counts = await send(http, "合成季度.xlsx", quarter_workbook(quarter))
    assert counts == {"imported": len(quarter.projects), "changed": 0, "unchanged": 0, "refused": 0}
    again = await send(http, "重点项目.xlsx", repeated_workbook(quarter))
    assert again == {"imported": 0, "changed": 0, "unchanged": len(quarter.repeated), "refused": 0}


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_synthetic_quarter_comes_to_208_projects_and_1209_yi(http: httpx.AsyncClient, seed: int) -> None:
    quarter = synthetic_quarter(date(2024, 1, 1), seed=seed)
    await take_in(http, quarter)
    assert (await statistics(http))["figures"]["count"] == 208 + len(quarter.struck)
    items = (await http.get("/v1/projects", params={"limit": 500})).json()["items"]
    ids = {item["code"]: item["id"] for item in items}
    for code in quarter.struck:
        await strike_off(http, ids[code])
    shown = await statistics(http, by=["chain", "unit", "month"])
    figures = shown["figures"]
    assert (figures["count"], figures["total_wan"], figures["total_yi"]) == (208, 12_090_000, "1209")
    assert [(tier["at_least_yi"], tier["count"]) for tier in figures["tiers"]][-1] == ("30", 10)
    assert shown["headline"] == "2024年第一季度，新签约1亿元及以上项目208个，总投资1209亿元，其中30亿元及以上项目10个。"
    for part in shown["breakdowns"]:
        assert sum(group["figures"]["total_wan"] for group in part["groups"]) == 12_090_000
    left_out = {item["reason"]: item["count"] for item in shown["left_out"]}
    assert left_out == {"below": 3, "struck_off": 2}
