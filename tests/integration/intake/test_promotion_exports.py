"""Requests and what 招商 records, as CSV and xlsx."""

import csv
import io
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token

KINDS = ("visit", "promotion", "agreement", "lead", "contact")


async def as_csv(http: httpx.AsyncClient, path: str, **asked: str) -> list[dict[str, str]]:
    answer = await http.get(f"/v1/exports/{path}", params={"format": "csv", **asked})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_requests_leave_as_a_list_of_their_state(http: httpx.AsyncClient, office: Office, bureau: str) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    request = {"chain_id": str(DISPLAY), "title": "用地", "text": "缺地", "enterprise_name": "甲厂"}
    made = await office.make("/v1/requests", **request, uscc="91350100M000100Y43")
    await office.make(f"/v1/requests/{made['id']}:assign", due_on="2026-01-16", responsible_post_id=post)
    (row,) = await as_csv(http, "requests", chain_id=str(DISPLAY))
    assert (row["统一社会信用代码"], row["责任单位"], row["办理时限"], row["状态"]) == (
        "91350100M000100Y43",
        "区商务局",
        "2026-01-16",
        "办理中",
    )
    assert await as_csv(http, "requests", status="closed") == []


async def test_what_was_recorded_leaves_as_it_was_given_and_without_numbers(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    days = {"from_day": "2026-01-02", "until_day": "2026-01-05"}
    chains = {"chain_ids": [str(DISPLAY)]}
    place = {"country": "中国", "city": "上海"}
    event = await office.make(
        "/v1/promotions", name="推介会", organiser_org_id=bureau, place=place, firms="160余家", **days, **chains
    )
    met = [{"name": "液化空气"}]
    await office.make("/v1/visits", name="赴沪招商", places=[place], org_ids=[bureau], met=met, **days, **chains)
    await office.make(
        "/v1/leads",
        name="工业气体",
        firm="液化空气",
        chain_id=str(DISPLAY),
        responsible_org_id=bureau,
        found_on="2026-01-03",
        occasion_id=event["id"],
    )
    parties = [{"name": "液化空气"}]
    await office.make("/v1/agreements", kind="intent", title="意向", parties=parties, signed_on="2026-01-04")
    await office.make("/v1/contacts", name="李敏", firm="液化空气", mobile="13800005678")
    rows: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        (rows[kind],) = await as_csv(http, f"promotion/{kind}")
    assert (rows["promotion"]["参会企业"], rows["promotion"]["发现线索"]) == ("160余家", "1")
    assert (rows["visit"]["地点"], rows["visit"]["会见"]) == ("中国上海", "液化空气")
    assert (rows["lead"]["来源活动"], rows["lead"]["状态"]) == ("推介会", "跟进中")
    assert rows["agreement"]["类型"] == "投资意向书"
    assert "5678" not in str(rows["contact"])


async def test_an_export_is_a_workbook_too(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/exports/promotion/visit")
    (page,) = load_workbook(io.BytesIO(answer.content)).worksheets
    assert [cell.value for cell in page[1]][:2] == ["招商活动", "开始日期"]


@pytest.mark.parametrize("role", list(Role))
async def test_officials_export_and_enterprises_do_not(http: httpx.AsyncClient, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    for path in ("requests", *(f"promotion/{kind}" for kind in KINDS)):
        answer = await http.get(f"/v1/exports/{path}", headers=headers)
        assert answer.status_code == (403 if role is Role.ENTERPRISE else 200)
