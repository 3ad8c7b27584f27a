"""Registers through workbooks: template, import with a preview, export → edit → import, the error sheet."""

import asyncio
import io
from typing import Any

import httpx
import openpyxl
import pytest
import pytest_asyncio
from openpyxl.utils import get_column_letter

from shared.contracts.ids import chain_id
from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.support.workbooks import saved, workbook

KEY = "/v1/registers/key_technologies"
HEADING = (
    "年度",
    "所属产业链",
    "攻关项目名称",
    "卡点问题",
    "牵头单位",
    "计划投入（万元）",
    "计划完成时间",
    "责任岗位",
    "关联项目",
)


@pytest_asyncio.fixture
async def project(office: Office, bureau: str) -> dict[str, Any]:
    await office.post_held_by("张伟", org=bureau)
    return await office.project(bureau)


def technologies(*rows: tuple[Any, ...], heading: tuple[str, ...] = HEADING) -> bytes:
    return workbook({"攻关清单": [("2026年技术攻关项目库",), heading, *rows]})


def row(name: str, chain: str = "新型显示", amount: object = 3500, project: object = None) -> tuple[Any, ...]:
    return (2026, chain, name, "依赖进口", "某公司", amount, "2027年6月", "区商务局/项目专员", project)


async def upload(
    office: Office, content: bytes, *, dry_run: bool = False, key: str = KEY, headers: dict[str, str] | None = None
) -> Any:
    params = {"name": "清单.xlsx", "dry_run": str(dry_run).lower()}
    answer = await office.http.post(f"{key}/imports", params=params, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [item["outcome"] for item in answer["rows"]]


async def count(office: Office) -> int:
    return len((await office.http.get(f"{KEY}/entries")).json()["items"])


async def test_a_list_is_previewed_then_taken_and_the_same_list_again_changes_nothing(
    office: Office, project: dict[str, Any]
) -> None:
    content = technologies(row("甲", project=project["code"]), row("乙", chain="汽车产业链"))
    preview = await upload(office, content, dry_run=True)
    assert (outcomes(preview), await count(office)) == (["imported", "imported"], 0)
    assert "entry_id" not in preview["rows"][0]
    taken = await upload(office, content)
    assert (outcomes(taken), await count(office)) == (["imported", "imported"], 2)
    first = (await office.http.get(f"{KEY}/entries/{taken['rows'][0]['entry_id']}")).json()
    assert first["fields"]["project"] == project["id"]
    assert (first["fields"]["finish_on"], first["texts"]["responsible_post"]) == ("2027-06-30", "项目专员")
    assert outcomes(await upload(office, content)) == ["unchanged", "unchanged"]
    assert (await office.http.get(f"/v1/imports/{taken['id']}")).json()["imported"] == 2


async def test_an_export_comes_back_and_only_what_was_edited_changes(office: Office, project: dict[str, Any]) -> None:
    await upload(office, technologies(row("甲", amount="50万元"), row("乙", project=project["code"]), row("丙")))
    exported = await office.http.get(f"{KEY}/workbook", params={"year": 2026})
    assert "%E6%8A%80%E6%9C%AF" in exported.headers["content-disposition"]
    assert outcomes(await upload(office, exported.content)) == ["unchanged"] * 3

    book = openpyxl.load_workbook(io.BytesIO(exported.content))
    page = book["技术攻关项目库"]
    at = {cell.value: cell.column for cell in page[1]}
    page.cell(2, at["计划投入（万元）"]).value = 80000
    page.cell(3, at["*攻关项目名称"]).value = "乙（二期）"
    page.cell(3, at["关联项目"]).value = None
    page.append([2026, "汽车", "丁", "依赖进口", None, "某公司", None, None, None, "2027-01-31"])
    edited = saved(book)
    preview = await upload(office, edited, dry_run=True)
    assert outcomes(preview) == ["changed", "changed", "unchanged", "imported"]
    assert [item.get("changed") for item in preview["rows"][:2]] == [["计划投入"], ["攻关项目名称", "关联项目"]]
    assert preview["rows"][1]["changes"] == [
        {"name": "攻关项目名称", "cell": "C3", "old": "乙", "new": "乙（二期）"},
        {"name": "关联项目", "cell": f"{get_column_letter(at['关联项目'])}3", "old": project["code"], "new": ""},
    ]
    taken = await upload(office, edited)
    assert [item["entry_id"] for item in taken["rows"][:3]] == [item["entry_id"] for item in preview["rows"][:3]]
    items = (await office.http.get(f"{KEY}/entries")).json()["items"]
    assert [(item["fields"]["name"], item["version"]) for item in items] == [
        ("甲", 2),
        ("乙（二期）", 2),
        ("丙", 1),
        ("丁", 1),
    ]


async def test_refused_rows_say_why_in_their_cells_and_good_rows_are_taken(
    office: Office, project: dict[str, Any]
) -> None:
    content = technologies(
        row("甲"),
        row("乙", chain="现代金融"),
        row("丙", chain="新型显视", amount="若干", project="P1999-0001"),
        row("甲"),
        (2026, "新型显示", None, "依赖进口", "某公司", 1000, "待定", "科长", None),
    )
    taken = await upload(office, content)
    assert outcomes(taken) == ["imported", "refused", "refused", "refused", "refused"]
    told = [{item["cell"]: item["reason"] for item in row["reasons"]} for row in taken["rows"]]
    assert "不能申报技术攻关项目库" in told[1]["B4"]
    assert "是否为：新型显示" in told[2]["B5"]
    assert "没有项目“P1999-0001”" in told[2]["I5"]
    assert "不是能识别的金额" in told[2]["F5"]
    assert told[3] == {"C6": "与“攻关清单”第3行是同一条目，请只保留一行"}
    assert {"C7", "G7", "H7"} == set(told[4])

    sheet = await office.http.get(taken["error_sheet"])
    page = openpyxl.load_workbook(io.BytesIO(sheet.content))["攻关清单"]
    assert [page.cell(at, 10).value for at in range(3, 7)] == [4, 5, 6, 7]
    assert "新型显示" in page["B4"].comment.text
    page.delete_rows(5, 2)
    page.delete_rows(3)
    for cell, value in (("B3", "新型显示"), ("F3", "1.2亿元"), ("I3", None)):
        page[cell] = value
    mended = await upload(office, saved(page.parent))
    assert outcomes(mended) == ["imported"]


async def test_an_entry_moves_to_no_other_chain_or_year_and_an_unknown_id_is_refused(
    office: Office, project: dict[str, Any]
) -> None:
    taken = await upload(office, technologies(row("甲")))
    heading = (*HEADING, "系统编号")
    id, unknown = taken["rows"][0]["entry_id"], "00000000-0000-4000-8000-000000000000"
    moved = technologies((*row("甲", chain="汽车"), id), (*row("乙"), unknown), heading=heading)
    answer = await upload(office, moved)
    assert outcomes(answer) == ["refused", "refused"]
    assert answer["rows"][0]["reasons"][0]["reason"] == "不能改产业链，请撤回后重新登记"
    assert "系统编号有误" in answer["rows"][1]["reasons"][0]["reason"]


async def test_nominations_come_by_workbook_with_the_post_that_nominates(
    office: Office, bureau: str, project: dict[str, Any]
) -> None:
    body = {"title": "显示专班", "tier": "task_force", "organisation_id": bureau, "chain_ids": [str(DISPLAY)]}
    await office.make("/v1/posts", **body)
    heading = ("年度", "所属产业链", "项目", "影响力", "带动性", "提名岗位")
    rows = [(2026, "新型显示", project["name"], "大", "强", post) for post in ("项目专员", "显示专班")]
    leading = "/v1/registers/leading_projects"
    answer = await upload(office, workbook({"提名": [heading, *rows]}), key=leading)
    assert outcomes(answer) == ["refused", "imported"]
    assert "不能提名" in answer["rows"][0]["reasons"][0]["reason"]
    exported = await office.http.get(f"{leading}/workbook")
    assert outcomes(await upload(office, exported.content, key=leading)) == ["unchanged"]


@pytest.mark.parametrize(
    "key",
    [
        "key_technologies",
        "policy_supply",
        "pilot_platforms",
        "innovation_platforms",
        "industry_university",
        "investment_plan",
        "investment_targets",
        "leading_projects",
    ],
)
async def test_every_register_has_a_template_that_offers_its_chains(office: Office, bureau: str, key: str) -> None:
    answer = await office.http.get(f"/v1/registers/{key}/template")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    headings = [str(cell.value) for cell in book.worksheets[0][1]]
    assert "*所属产业链" in headings
    columns = {column[0].value: [cell.value for cell in column[1:]] for column in book["选项"].iter_cols()}
    offered = columns.get("_chain", [])  # no future chain is recorded yet
    assert ("现代金融" in offered) == (key not in ("key_technologies", "pilot_platforms"))
    empty = await office.http.post(f"/v1/registers/{key}/imports", content=answer.content)
    assert (empty.status_code, empty.json()["rows"]) == (201, [])


async def test_the_clerk_of_another_chain_has_the_rows_refused_one_by_one(
    office: Office, bureau: str, project: dict[str, Any]
) -> None:
    person = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    post = await office.make(
        "/v1/posts",
        title="汽车专班办公室",
        tier="task_force_office",
        organisation_id=bureau,
        chain_ids=[str(chain_id("AUTO"))],
    )
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    token = f"Bearer {a_token(Role.CLERK, person=person['id'])}"
    answer = await upload(office, technologies(row("甲"), row("乙", chain="汽车")), headers={"authorization": token})
    assert outcomes(answer) == ["refused", "imported"]
    assert answer["rows"][0]["reasons"][0]["reason"] == "您任职的岗位不负责这条产业链"


async def test_only_clerks_import_and_what_is_no_such_list_is_refused(http: httpx.AsyncClient) -> None:
    for role in Role:
        headers = {"authorization": f"Bearer {a_token(role)}"}
        answer = await http.post(f"{KEY}/imports", content=b"not a workbook", headers=headers)
        assert answer.status_code == (415 if role is Role.CLERK else 403)
    other = await http.post(f"{KEY}/imports", content=workbook({"清单": [("项目名称", "总投资"), ("甲", 1)]}))
    assert (other.status_code, "攻关项目名称" in other.json()["detail"]) == (422, True)


async def test_a_file_sent_again_under_its_key_is_one_import_and_only_the_first_of_two_at_once_records(
    office: Office, project: dict[str, Any]
) -> None:
    content = technologies(row("甲"), row("乙"))
    first = await upload(office, content, headers={"idempotency-key": "list-1"})
    assert (await upload(office, content, headers={"idempotency-key": "list-1"}))["id"] == first["id"]
    more = technologies(row("丙"), row("丁"))
    both = await asyncio.gather(upload(office, more), upload(office, more))
    assert sorted(map(outcomes, both)) == [["imported", "imported"], ["unchanged", "unchanged"]]
    assert await count(office) == 4
