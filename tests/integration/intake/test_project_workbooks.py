"""Projects leave as the workbook that an import takes, and come back: only what was edited changes."""

import io
from collections.abc import Mapping
from typing import Any

import httpx
from openpyxl import load_workbook
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kit.web.security import Role
from tests.integration.intake.conftest import DISPLAY, Office, a_token
from tests.integration.intake.test_imports import GOOD, SECOND, changed, counts, facts, send, whole
from tests.support.workbooks import saved


async def exported(http: httpx.AsyncClient, **params: Any) -> Workbook:
    answer = await http.get("/v1/projects/workbook", params=params)
    assert answer.status_code == 200, answer.text
    return load_workbook(io.BytesIO(answer.content))


def page_of(book: Workbook) -> Worksheet:
    page: Worksheet = book["项目清单"]
    return page


def heading(book: Workbook) -> dict[str, int]:
    return {str(cell.value).strip("*"): number for number, cell in enumerate(page_of(book)[1], 1)}


def edit(book: Workbook, row: int, **values: object) -> None:
    columns = heading(book)
    for name, value in values.items():
        page_of(book).cell(row, columns[name]).value = value


def row(book: Workbook, number: int) -> Mapping[str, object]:
    return {name: page_of(book).cell(number, at).value for name, at in heading(book).items()}


async def test_the_workbook_sent_back_as_it_is_changes_nothing(http: httpx.AsyncClient, engine: AsyncEngine) -> None:
    small = changed(SECOND, 项目名称="示例三", **{"总投资（亿元）": "50万元"})
    await send(http, whole(GOOD, SECOND, small))
    before = await facts(engine)
    book = await exported(http)
    body = await send(http, saved(book))

    assert counts(body) == (0, 0, 3, 0)
    assert await facts(engine) == before
    assert row(book, 4)["总投资（万元）"] == "50万元"


async def test_only_the_edited_cells_of_an_exported_workbook_change_anything(http: httpx.AsyncClient) -> None:
    await send(http, whole(GOOD, SECOND, changed(SECOND, 项目名称="示例三")))
    book = await exported(http)
    edit(book, 2, 计划开工时间="2026-04-30", 调整原因="用地延期", 计划投产时间="2027-06-30")
    edit(book, 3, **{"总投资（万元）": 30_000})

    preview = await send(http, saved(book), dry_run=True)
    assert counts(preview) == (0, 2, 1, 0)
    told = [
        [(item["name"], item["old"], item["new"]) for item in found.get("changes", ())] for found in preview["rows"]
    ]
    assert told == [
        [
            ("节点“开工”", "2026-03-31", "2026-04-30"),
            ("节点“投产”", "", "2027-06-30"),
            ("节点“投产”责任岗位", "", "示例专员"),
        ],
        [("总投资", "20000万元", "30000万元")],
        [],
    ]
    body = await send(http, saved(book))
    assert counts(body) == (0, 2, 1, 0)
    assert [found.get("changes") for found in body["rows"]] == [found.get("changes") for found in preview["rows"]]
    assert counts(await send(http, saved(await exported(http)))) == (0, 0, 3, 0)


async def test_it_has_the_templates_headings_drop_downs_and_notes(http: httpx.AsyncClient) -> None:
    await send(http, whole(GOOD))
    book = await exported(http)
    blank = load_workbook(io.BytesIO((await http.get("/v1/imports/template")).content))

    assert book.sheetnames == blank.sheetnames
    assert heading(book) == heading(blank)
    validations = [
        [item.formula1 for item in page_of(found).data_validations.dataValidation] for found in (book, blank)
    ]
    assert validations[0] == validations[1]
    notes = [[cell.comment and cell.comment.text for cell in page_of(found)[1]] for found in (book, blank)]
    assert notes[0] == notes[1]


async def test_it_is_narrowed_down_as_the_list_of_projects_is(http: httpx.AsyncClient) -> None:
    await send(http, whole(GOOD, SECOND))

    book = await exported(http, stage="negotiating", chain="AUTO")
    assert [row(book, 2)["项目名称"], page_of(book).max_row] == ["示例二", 2]
    assert page_of(await exported(http, stage="producing")).max_row == 1


async def test_posts_of_other_units_and_several_for_one_timetable_come_back(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    other = str((await office.make("/v1/organisations", name="区工信局"))["id"])
    own, theirs = (
        await office.post_held_by("李四", org=bureau),
        await office.post_held_by("张三", org=other),
    )
    lines = [
        {"name": "开工", "due_on": "2026-06-30", "responsible_post_id": own, "source": "plan", "stage": "started"},
        {"name": "竣工", "due_on": "2027-06-30", "responsible_post_id": theirs, "source": "plan", "stage": "completed"},
        {"name": "用地交付", "due_on": "2026-03-31", "responsible_post_id": own, "source": "plan"},
    ]
    project = await office.project(bureau, milestones=lines)
    book = await exported(http)

    assert row(book, 2)["责任人"] == "开工：项目专员；竣工：区工信局/项目专员"
    assert counts(await send(http, saved(book))) == (0, 0, 1, 0)
    edit(book, 2, 责任人="项目专员")
    body = await send(http, saved(book))
    assert counts(body) == (0, 1, 0, 0)
    after = (await http.get(f"/v1/projects/{project['id']}")).json()
    assert {line["responsible_post_id"] for line in after["milestones"]} == {own}


async def test_a_project_that_has_ended_comes_back_unchanged_and_takes_no_change(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    project = await office.project(bureau, name="显示　面板 １期")
    ended = await http.post(
        f"/v1/projects/{project['id']}:terminate",
        json={"reason": "投资方退出", "on": "2026-01-05"},
        headers={"if-match": f'"{project["version"]}"'},
    )
    assert ended.status_code == 200, ended.text
    book = await exported(http)

    assert counts(await send(http, saved(book))) == (0, 0, 1, 0)
    edit(book, 2, **{"总投资（万元）": 130_000})
    assert counts(await send(http, saved(book))) == (0, 0, 0, 1)


async def test_a_project_that_moves_on_in_the_workbook_must_say_when(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    project = await office.project(bureau)
    signed = await office.advance(
        project,
        "signed",
        amount_wan=100_000,
        evidence=[{"kind": "formal_contract", "on": "2026-01-05", "reference": "合同〔2026〕1号"}],
    )
    assert signed.status_code == 200, signed.text
    book = await exported(http)
    assert row(book, 2)["签约金额（万元）"] == 100_000

    edit(book, 2, **{"签约金额（万元）": 90_000})
    (told,) = (await send(http, saved(book)))["rows"]
    assert [(item["column"], item["reason"]) for item in told["reasons"]] == [
        ("签约金额（万元）", "签约金额已登记为100000万元，与90000万元不一致；更正须另行办理")
    ]
    edit(book, 2, **{"签约金额（万元）": 100_000, "当前阶段": "注册"})
    (told,) = (await send(http, saved(book)))["rows"]
    assert [item["column"] for item in told["reasons"]] == ["进入当前阶段时间"]


async def test_whoever_reads_projects_exports_them_and_an_enterprise_does_not(http: httpx.AsyncClient) -> None:
    for role in Role:
        answer = await http.get("/v1/projects/workbook", headers={"authorization": f"Bearer {a_token(role)}"})
        assert answer.status_code == (403 if role is Role.ENTERPRISE else 200), role


async def test_the_clerk_of_one_chain_imports_no_other_chains_projects(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    await send(http, whole(GOOD))
    post = await office.make(
        "/v1/posts", title="显示专班", tier="task_force", organisation_id=bureau, chain_ids=[str(DISPLAY)]
    )
    person = await office.make("/v1/people", name="赵六", organisation_id=bureau)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    own = changed(SECOND, 所属产业链="新型显示", 责任人="示例专员")
    theirs = changed(GOOD, **{"总投资（亿元）": 4})
    mine = {"authorization": f"Bearer {a_token(Role.CLERK, subject='clerk-6', person=person['id'])}"}
    http.headers.update(mine)

    for dry_run in (True, False):
        body = await send(http, whole(theirs, own, staff=[]), dry_run=dry_run)
        assert counts(body) == (1, 0, 0, 1)
        (told,) = [found for found in body["rows"] if found["outcome"] == "refused"]
        assert [item["reason"] for item in told["reasons"]] == ["您任职的岗位不负责这条产业链"]
    assert counts(await send(http, whole(GOOD, own, staff=[]))) == (0, 0, 2, 0)
