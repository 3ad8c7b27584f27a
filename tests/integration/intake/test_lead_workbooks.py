"""Leads through workbooks: template, import with a preview, export → edit → import, the error sheet."""

import io
from typing import Any

import openpyxl
import pytest
import pytest_asyncio

from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.support.workbooks import saved, workbook

LEADS = "/v1/leads"
HEADING = ("线索名称", "企业", "国别", "所属产业链", "跟进单位", "发现日期", "来源活动", "预计投资（万元）")


@pytest_asyncio.fixture
async def visit(office: Office, bureau: str) -> dict[str, Any]:
    return await office.make(
        "/v1/visits",
        name="赴欧洲招商",
        from_day="2026-01-02",
        until_day="2026-01-05",
        places=[{"country": "法国"}],
        org_ids=[bureau],
    )


def row(name: str, **changes: Any) -> tuple[Any, ...]:
    sound: dict[str, Any] = {
        "firm": "液化空气",
        "country": "法国",
        "chain": "新型显示产业链",
        "org": "区商务局",
        "on": "2026年1月3日",
        "occasion": "赴欧洲招商",
        "amount": "3亿元",
    }
    return (name, *{**sound, **changes}.values())


def leads(*rows: tuple[Any, ...]) -> bytes:
    return workbook({"线索": [("2026年招商线索",), HEADING, *rows]})


async def upload(office: Office, content: bytes, *, dry_run: bool = False) -> dict[str, Any]:
    params = {"name": "线索.xlsx", "dry_run": str(dry_run).lower()}
    answer = await office.http.post(f"{LEADS}/imports", params=params, content=content)
    assert answer.status_code == 201, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [item["outcome"] for item in answer["rows"]]


@pytest.mark.usefixtures("visit")
async def test_a_list_is_previewed_then_taken_and_the_same_list_again_changes_nothing(office: Office) -> None:
    content = leads(row("工业气体"), row("特种气体", amount=None, occasion=None))
    assert outcomes(await upload(office, content, dry_run=True)) == ["imported", "imported"]
    assert (await office.http.get(LEADS)).json()["items"] == []
    assert outcomes(await upload(office, content)) == ["imported", "imported"]
    first, second = (await office.http.get(LEADS)).json()["items"]
    assert (first["occasion_name"], first["expected_wan"], first["found_on"]) == ("赴欧洲招商", 30000, "2026-01-03")
    assert (first["chain_id"], second["expected_wan"], second["occasion_id"]) == (str(DISPLAY), None, None)
    assert outcomes(await upload(office, content)) == ["unchanged", "unchanged"]


@pytest.mark.usefixtures("visit")
async def test_an_export_comes_back_and_only_what_was_edited_changes(office: Office) -> None:
    await upload(office, leads(row("工业气体"), row("特种气体")))
    exported = await office.http.get(f"{LEADS}/workbook")
    assert outcomes(await upload(office, exported.content)) == ["unchanged", "unchanged"]
    book = openpyxl.load_workbook(io.BytesIO(exported.content))
    sheet = book["招商线索"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    sheet.cell(3, columns["*线索名称"], "特种气体二期")
    sheet.cell(3, columns["预计投资（万元）"], "5亿元")
    taken = await upload(office, saved(book))
    assert outcomes(taken) == ["unchanged", "changed"]
    assert taken["rows"][1]["changed"] == ["线索名称", "预计投资"]
    assert taken["rows"][1]["changes"] == [
        {"name": "线索名称", "cell": "A3", "old": "特种气体", "new": "特种气体二期"},
        {"name": "预计投资", "cell": "I3", "old": "30000万元", "new": "50000万元"},
    ]
    lead = (await office.http.get(f"{LEADS}/{taken['rows'][1]['entry_id']}")).json()
    assert (lead["name"], lead["expected_wan"], lead["version"]) == ("特种气体二期", 50000, 2)


@pytest.mark.usefixtures("visit")
async def test_more_leads_than_a_workbook_takes_are_refused_not_cut_off(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload(office, leads(row("工业气体"), row("特种气体")))
    monkeypatch.setattr("services.intake.api.promotion.workbook.MOST_ROWS", 1)
    refused = await office.http.get(f"{LEADS}/workbook")
    assert (refused.status_code, refused.json()["detail"]) == (422, "一次最多导出1条线索供修改，请按产业链分别导出")


@pytest.mark.usefixtures("visit")
async def test_a_bad_row_is_refused_with_its_cell_and_stops_no_good_one(office: Office) -> None:
    bad = [
        row("无此产业链", chain="不存在"),
        row("无此活动", occasion="赴美洲招商"),
        row("没有单位", org=None),
        row("明天的", on="2026-01-06"),
        row("工业气体"),
    ]
    taken = await upload(office, leads(row("工业气体"), *bad))
    assert outcomes(taken) == ["imported", *["refused"] * 5]
    cells = [each["reasons"][0]["cell"] for each in taken["rows"][1:]]
    assert cells == ["D4", "G5", "E6", "F7", "A8"]
    sheet = await office.http.get(f"/v1/imports/{taken['id']}/error-sheet")
    assert sheet.status_code == 200
    assert "没有招商活动或推介会“赴美洲招商”，请先登记" in str(
        [[cell.value for cell in line] for line in openpyxl.load_workbook(io.BytesIO(sheet.content)).active]
    )


@pytest.mark.usefixtures("visit")
async def test_a_lead_that_is_a_project_by_now_comes_back_unchanged_and_is_not_changed(office: Office) -> None:
    content = leads(row("工业气体"))
    (lead,) = (await upload(office, content))["rows"]
    await office.make(f"{LEADS}/{lead['entry_id']}:convert")
    assert outcomes(await upload(office, content)) == ["unchanged"]
    assert outcomes(await upload(office, leads(row("工业气体", amount="4亿元")))) == ["refused"]


async def test_a_files_name_is_kept_without_signs_that_no_record_can_hold(office: Office) -> None:
    params = {"name": "C:\\清单\\线\x00索.xlsx", "dry_run": "true"}
    answer = await office.http.post(f"{LEADS}/imports", params=params, content=leads(row("工业气体")))
    assert (answer.status_code, answer.json()["file_name"]) == (201, "线索.xlsx")


async def test_the_template_offers_chains_and_units(office: Office, bureau: str) -> None:
    template = await office.http.get(f"{LEADS}/template")
    book = openpyxl.load_workbook(io.BytesIO(template.content))
    assert [cell.value for cell in book["招商线索"][1]][:2] == ["*线索名称", "*企业"]
    offered = {cell.value for line in book["选项"] for cell in line}
    assert {"新型显示", "区商务局"} <= offered


@pytest.mark.parametrize("role", list(Role))
async def test_clerks_import_and_officials_export(office: Office, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    params = {"name": "线索.xlsx"}
    sent = await office.http.post(f"{LEADS}/imports", params=params, content=leads(row("甲")), headers=headers)
    assert sent.status_code == (201 if role is Role.CLERK else 403)
    for path in ("template", "workbook"):
        answer = await office.http.get(f"{LEADS}/{path}", headers=headers)
        assert answer.status_code == (403 if role is Role.ENTERPRISE else 200)
