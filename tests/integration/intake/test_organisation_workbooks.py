"""The organisation leaves as the workbook that an import takes, and comes back: only what was edited changes (S2)."""

import csv
import io
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.ids import chain_id
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.integration.intake.test_imports import counts, facts, send
from tests.support.workbooks import saved

LISTS = ("organisations", "people", "posts")


async def exported(http: httpx.AsyncClient, **params: Any) -> Workbook:
    answer = await http.get("/v1/organisations/workbook", params=params)
    assert answer.status_code == 200, answer.text
    return load_workbook(io.BytesIO(answer.content))


def page_of(book: Workbook) -> Worksheet:
    page: Worksheet = book["机构人员"]
    return page


def told(book: Workbook) -> list[dict[str, Any]]:
    heading, *rows = page_of(book).iter_rows(values_only=True)
    names = [str(name).strip("*") for name in heading]
    return [dict(zip(names, row, strict=True)) for row in rows]


def edit(book: Workbook, unit: str, post: str | None, **values: object) -> int:
    """Write into the row of a post, and say which row that is."""
    rows = told(book)
    number = next(at for at, row in enumerate(rows, 2) if (row["单位名称"], row["岗位"]) == (unit, post))
    columns = list(rows[0])
    for name, value in values.items():
        page_of(book).cell(number, columns.index(name) + 1).value = value
    return number


@pytest.fixture
async def programme(http: httpx.AsyncClient, office: Office) -> dict[str, str]:
    """Units with and without posts, one renamed, one dissolved; a person with two posts; two posts of one title."""
    units: dict[str, str] = {}
    for name, above, kind in (
        ("示例区政府", None, "government"),
        ("示例经信局", "示例区政府", "government"),
        ("示例街道", "示例区政府", "sub_district"),
        ("示例科　１室", "示例经信局", None),
    ):
        made = await office.make("/v1/organisations", name=name, parent_id=units.get(above or ""), kind=kind)
        units[name] = made["id"]
    await rename(http, units["示例经信局"], "示例工信局")
    post = await office.post_held_by("张示例", org=units["示例经信局"])
    second = await office.make("/v1/posts", title="局长", tier="unit_head", organisation_id=units["示例经信局"])
    holder = (await http.get(f"/v1/posts/{post}")).json()["holder"]
    await office.make(f"/v1/posts/{second['id']}:assume", person_id=holder["person_id"], from_day="2025-03-01")
    await office.post_held_by("李示例", org=units["示例街道"])
    chains = [str(DISPLAY), str(chain_id("AUTO"))]
    chief = {"title": "示例链长", "tier": "chief", "organisation_id": units["示例区政府"], "chain_ids": chains}
    await office.make("/v1/posts", **chief)
    above = units["示例区政府"]
    force = await office.make(
        "/v1/task-forces", name="示例专班", kind="investment", set_up_on="2025-01-01", parent_id=above
    )
    dissolved = await http.post(
        f"/v1/task-forces/{force['id']}:dissolve",
        json={"from_day": "2026-01-01", "reason": "任务完成"},
        headers={"if-match": f'"{force["version"]}"'},
    )
    assert dissolved.status_code == 200, dissolved.text
    return units


async def rename(http: httpx.AsyncClient, unit: str, name: str) -> None:
    version = (await http.get(f"/v1/organisations/{unit}")).headers["etag"]
    body = {"name": name, "from_day": "2026-01-01"}
    answer = await http.patch(f"/v1/organisations/{unit}", json=body, headers={"if-match": version})
    assert answer.status_code == 200, answer.text


async def test_the_workbook_says_who_is_where_since_when(http: httpx.AsyncClient, programme: dict[str, str]) -> None:
    rows = told(await exported(http))
    about = ("单位名称", "上级单位", "岗位", "层级", "姓名", "所属产业链", "备注")
    assert [[row[name] for name in about] for row in rows] == [
        ["示例区政府", None, "示例链长", "链长", "空缺", "新型显示、汽车", None],
        ["示例工信局", "示例区政府", "局长", "单位负责人", "张示例", None, "曾用名：示例经信局"],
        ["示例工信局", None, "项目专员", "责任人", "张示例", None, None],
        ["示例科　１室", "示例工信局", None, None, None, None, None],
        ["示例街道", "示例区政府", "项目专员", "责任人", "李示例", None, None],
    ]
    assert [str(row["任职时间"])[:10] for row in rows if row["任职时间"]] == ["2025-03-01", "2026-01-01", "2026-01-01"]
    part = await exported(http, under=programme["示例经信局"])
    assert {row["单位名称"] for row in told(part)} == {"示例工信局", "示例科　１室"}
    unknown = await http.get("/v1/organisations/workbook", params={"under": str(DISPLAY)})
    assert unknown.status_code == 404


async def test_sent_back_as_it_is_the_workbook_changes_nothing(
    http: httpx.AsyncClient, engine: AsyncEngine, programme: dict[str, str]
) -> None:
    before = await facts(engine)
    body = await send(http, saved(await exported(http)))
    assert counts(body, "organisation") == (0, 0, 5, 0)
    assert await facts(engine) == before


async def test_only_the_edited_cells_change_anything_and_the_preview_says_so_first(
    http: httpx.AsyncClient, engine: AsyncEngine, programme: dict[str, str]
) -> None:
    book, before = await exported(http), await facts(engine)
    first = edit(book, "示例街道", "项目专员", 姓名="赵示例", 任职时间="2026-01-03")
    second = edit(book, "示例工信局", "局长", 上级单位="示例街道")
    refused = edit(book, "示例区政府", "示例链长", 层级="副链长")
    preview = await send(http, saved(book), dry_run=True)
    assert await facts(engine) == before
    assert counts(preview, "organisation") == (0, 2, 2, 1)
    assert preview["summary"] == "预览（未导入）：新增0行、变更2行、未变2行、退回1行"
    rows = {row["row"]: row for row in preview["rows"]}
    assert rows[first]["changes"] == [
        {"name": "姓名", "cell": f"G{first}", "old": "李示例", "new": "赵示例"},
        {"name": "任职时间", "cell": f"I{first}", "old": "2026-01-01", "new": "2026-01-03"},
    ]
    assert rows[second]["changes"] == [
        {"name": "上级单位", "cell": f"C{second}", "old": "示例区政府", "new": "示例街道"}
    ]
    (reason,) = rows[refused]["reasons"]
    assert (reason["cell"], reason["reason"]) == (f"F{refused}", "该岗位的层级已登记为链长，不能由导入更改")

    taken = await send(http, saved(book))
    assert [row.get("changes") for row in taken["rows"]] == [row.get("changes") for row in preview["rows"]]
    moved = (await http.get(f"/v1/organisations/{programme['示例经信局']}")).json()
    assert moved["parent_id"] == programme["示例街道"]
    holders = {row["姓名"] for row in told(await exported(http)) if row["岗位"] == "项目专员"}
    assert holders == {"张示例", "赵示例"}
    assert counts(await send(http, saved(await exported(http))), "organisation") == (0, 0, 5, 0)


async def test_a_post_is_vacated_filled_and_added_in_the_workbook(
    http: httpx.AsyncClient, programme: dict[str, str]
) -> None:
    book = await exported(http)
    vacated = edit(book, "示例工信局", "项目专员", 姓名="空缺")
    filled = edit(book, "示例区政府", "示例链长", 姓名="钱示例", 任职时间="2026-01-05")
    edit(book, "示例科　１室", None, 岗位="室主任", 层级="单位负责人", 单位类别="事业单位、院校")
    body = await send(http, saved(book), dry_run=True)
    assert counts(body, "organisation") == (1, 2, 2, 0)
    changes = {
        row["row"]: [(one["name"], one["old"], one["new"]) for one in row["changes"]]
        for row in body["rows"]
        if "changes" in row
    }
    assert changes.pop(vacated) == [("姓名", "张示例", "空缺"), ("空缺起始时间", "", "2026-01-05")]
    assert changes.pop(filled) == [("姓名", "空缺", "钱示例"), ("任职时间", "", "2026-01-05")]
    assert list(changes.values()) == [[("单位类别", "", "事业单位、院校")]]

    assert counts(await send(http, saved(book)), "organisation") == (1, 2, 2, 0)
    assert counts(await send(http, saved(await exported(http))), "organisation") == (0, 0, 5, 0)


async def test_it_is_the_template_filled_in(http: httpx.AsyncClient, programme: dict[str, str]) -> None:
    book = await exported(http)
    blank = load_workbook(io.BytesIO((await http.get("/v1/imports/template")).content))
    assert (book.sheetnames, book.active) == (blank.sheetnames, book["机构人员"])
    for name in ("机构人员", "项目清单", "填写说明"):
        assert [cell.value for cell in book[name][1]] == [cell.value for cell in blank[name][1]]
    offered = [[item.formula1 for item in page_of(one).data_validations.dataValidation] for one in (book, blank)]
    assert offered[0] == offered[1] != []
    notes = [[cell.comment and cell.comment.text for cell in page_of(one)[1]] for one in (book, blank)]
    assert notes[0] == notes[1]


async def as_csv(http: httpx.AsyncClient, name: str, **asked: Any) -> list[dict[str, str]]:
    answer = await http.get(f"/v1/exports/{name}", params={"format": "csv", **asked})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_the_lists_of_units_people_and_posts_leave_as_files(
    http: httpx.AsyncClient, programme: dict[str, str]
) -> None:
    units = {row["单位名称"]: row for row in await as_csv(http, "organisations")}
    assert units["示例工信局"] == {
        "单位名称": "示例工信局",
        "上级单位": "示例区政府",
        "单位类别": "党政部门",
        "曾用名": "示例经信局（至2025-12-31）",
    }
    assert [row["单位名称"] for row in await as_csv(http, "organisations", kind="sub_district")] == ["示例街道"]
    assert await as_csv(http, "people", organisation_id=programme["示例经信局"]) == [
        {"姓名": "张示例", "所在单位": "示例工信局", "现任岗位": "局长、项目专员"}
    ]
    (chief,) = await as_csv(http, "posts", vacant=True)
    assert [chief[name] for name in ("岗位", "层级", "产业链", "任职人员", "任职时间", "是否空缺")] == [
        "示例链长",
        "链长",
        "新型显示、汽车",
        "",
        "",
        "空缺",
    ]
    held = await as_csv(http, "posts", organisation_id=programme["示例经信局"], on="2025-06-01")
    assert [(row["岗位"], row["任职人员"]) for row in held] == [("局长", "张示例"), ("项目专员", "")]


@pytest.mark.parametrize("role", list(Role))
async def test_officials_export_the_organisation_and_enterprises_do_not(http: httpx.AsyncClient, role: Role) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}
    for path in ("organisations/workbook", *(f"exports/{name}" for name in LISTS)):
        answer = await http.get(f"/v1/{path}", headers=headers)
        assert answer.status_code == (403 if role is Role.ENTERPRISE else 200), path
