"""Monthly reports through workbooks: out with what is offered, filled in, previewed, taken back, the error sheet."""

import io
from datetime import UTC, datetime
from typing import Any

import httpx
import openpyxl
import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token
from tests.support.clock import MovableClock
from tests.support.workbooks import saved, workbook

REPORTS = "/v1/reports"
BOOK = f"{REPORTS}/workbook"
HEADING = ("项目编号", "本月完成投资（万元）", "累计完成投资（万元）", "到位资金（万元）", "形象进度")


@pytest_asyncio.fixture
async def project(office: Office, bureau: str, clock: MovableClock) -> dict[str, Any]:
    """One that is being built and has reported January."""
    made = await office.project(bureau, stage="building")
    clock.move(datetime(2026, 3, 2, 1, tzinfo=UTC))
    body = {"completed_in_month_wan": 5000, "completed_to_date_wan": 25000}
    await put(office, made, "2026-01", **body, funds_in_place_wan=6000, visual_progress="桩基施工")
    return made


async def put(office: Office, project: dict[str, Any], month: str, **body: Any) -> None:
    answer = await office.http.put(f"/v1/projects/{project['id']}/reports/{month}", json=body)
    assert answer.status_code == 200, answer.text


async def export(office: Office, month: str = "2026-02", **params: Any) -> openpyxl.Workbook:
    answer = await office.http.get(BOOK, params={"month": month, **params})
    assert answer.status_code == 200, answer.text
    return openpyxl.load_workbook(io.BytesIO(answer.content))


def lines(book: openpyxl.Workbook) -> list[dict[str, Any]]:
    heading, *rows = book["项目月报"].iter_rows(values_only=True)
    return [dict(zip((str(text).strip("*") for text in heading), row, strict=True)) for row in rows]


def fill(book: openpyxl.Workbook, row: int, **cells: Any) -> bytes:
    """The workbook with these cells of a row, by the beginning of their columns' names."""
    sheet = book["项目月报"]
    columns = {str(cell.value).strip("*").partition("（")[0]: cell.column for cell in sheet[1]}
    for name, value in cells.items():
        sheet.cell(row, columns[name]).value = value
    return saved(book)


async def send(
    office: Office, content: bytes, *, month: str = "2026-02", dry_run: bool = False, token: str | None = None
) -> httpx.Response:
    return await office.http.post(
        f"{REPORTS}/imports",
        params={"month": month, "name": "月报.xlsx", "dry_run": str(dry_run).lower()},
        content=content,
        headers={"authorization": f"Bearer {token}"} if token else {},
    )


async def upload(office: Office, content: bytes, **given: Any) -> dict[str, Any]:
    answer = await send(office, content, **given)
    assert answer.status_code == 201, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [item["outcome"] for item in answer["rows"]]


async def months(office: Office, project: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await office.http.get(f"/v1/projects/{project['id']}/reports")).json()["items"]
    return found


async def test_a_month_is_written_out_as_it_is_offered_or_was_reported(
    office: Office, project: dict[str, Any], bureau: str
) -> None:
    other = await office.project(bureau, name="驱动芯片项目", stage="started", total_investment_wan=90)
    await office.project(bureau, name="在谈项目")
    first, second = lines(await export(office))
    assert first == {
        "月份": "2026年02月",
        "项目编号": project["code"],
        "项目名称": "显示面板项目",
        "责任单位": "区商务局",
        "总投资（万元）": 120000,
        "上期月份": "2026年01月",
        "上期累计完成投资（万元）": 25000,
        "上期到位资金（万元）": 6000,
        "上期形象进度": "桩基施工",
        "本月完成投资（万元）": 0,
        "累计完成投资（万元）": 25000,
        "到位资金（万元）": 6000,
        "形象进度": "桩基施工",
        "报送情况": "未报送",
    }
    assert (second["项目编号"], second["总投资（万元）"], second["上期月份"]) == (other["code"], "90万元", None)
    january = lines(await export(office, "2026-01"))
    assert [line["报送情况"] for line in january] == ["已报送", "未报送"]
    assert (january[0]["本月完成投资（万元）"], january[0]["上期月份"]) == (5000, None)


async def test_a_months_list_is_narrowed_down_and_refused_where_it_is_too_long(
    office: Office, project: dict[str, Any], bureau: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    park = (await office.make("/v1/organisations", name="新型显示产业园"))["id"]
    other = await office.project(park, name="驱动芯片项目", stage="building")
    assert [line["项目编号"] for line in lines(await export(office, responsible_org_id=park))] == [other["code"]]
    assert [line["项目编号"] for line in lines(await export(office, responsible_org_id=bureau))] == [project["code"]]
    table = await office.http.get(f"{REPORTS}/2026-02", params={"responsible_org_id": park})
    assert [item["code"] for item in table.json()["items"]] == [other["code"]]
    assert lines(await export(office, chain="AUTO")) == []
    monkeypatch.setattr("services.intake.handlers.imports.report_list.MOST_ROWS", 1)
    refused = await office.http.get(BOOK, params={"month": "2026-02"})
    words = "一次最多导出1个项目的月报供填报，请按产业链或责任单位分别导出"
    assert (refused.status_code, refused.json()["detail"]) == (422, words)
    assert (await office.http.get(BOOK, params={"month": "2026-13"})).status_code == 422
    assert (await office.http.get(BOOK)).status_code == 422


async def test_only_what_was_filled_in_is_reported_and_the_preview_says_so_first(
    office: Office, project: dict[str, Any], bureau: str
) -> None:
    untouched = await office.project(bureau, name="驱动芯片项目", stage="building")
    book = await export(office)
    assert outcomes(await upload(office, saved(book))) == ["unchanged", "unchanged"]
    content = fill(book, 2, 本月完成投资=3000, 形象进度="主体封顶")
    preview = await upload(office, content, dry_run=True)
    assert preview["summary"] == "预览（未导入）：新增1行、变更0行、未变1行、退回0行"
    assert preview["rows"][0]["changes"] == [
        {"name": "本月完成投资", "cell": "J2", "old": "", "new": "3000万元"},
        {"name": "累计完成投资", "cell": "K2", "old": "", "new": "28000万元"},
        {"name": "到位资金", "cell": "L2", "old": "", "new": "6000万元"},
        {"name": "形象进度", "cell": "M2", "old": "", "new": "主体封顶"},
    ]
    assert [item["month"] for item in await months(office, project)] == ["2026-01"]
    assert outcomes(await upload(office, content)) == ["imported", "unchanged"]
    february, _ = await months(office, project)
    assert (february["completed_to_date_wan"], february["reported_by"]) == (28000, "王办事员 <clerk-1>")
    assert await months(office, untouched) == []
    assert outcomes(await upload(office, content)) == ["unchanged", "unchanged"]
    history = (await office.http.get(f"/v1/projects/{project['id']}/history")).json()["items"]
    assert "2026年02月月报：当月完成投资3000万元" in str(history)


async def test_a_report_is_edited_and_the_preview_says_from_what_to_what(
    office: Office, project: dict[str, Any]
) -> None:
    body = {"completed_in_month_wan": 3000, "funds_in_place_wan": 6000, "visual_progress": "主体封顶"}
    await put(office, project, "2026-02", **body)
    book = await export(office)
    assert outcomes(await upload(office, saved(book))) == ["unchanged"]
    content = fill(book, 2, 本月完成投资=3500)
    changes = [
        {"name": "本月完成投资", "cell": "J2", "old": "3000万元", "new": "3500万元"},
        {"name": "累计完成投资", "cell": "K2", "old": "28000万元", "new": "28500万元"},
    ]
    for dry_run in (True, False):
        taken = await upload(office, content, dry_run=dry_run)
        assert (outcomes(taken), taken["rows"][0]["changes"]) == (["changed"], changes)
    assert [item["completed_to_date_wan"] for item in await months(office, project)] == [28500, 25000]


async def test_a_bad_row_stops_no_good_one_and_the_error_sheet_comes_back_mended(
    office: Office, project: dict[str, Any], bureau: str
) -> None:
    sound = await office.project(bureau, name="驱动芯片项目", stage="building")
    book = await export(office)
    fill(book, 2, 到位资金=5000)
    taken = await upload(office, fill(book, 3, 本月完成投资=800, 到位资金=900, 形象进度="土方开挖"))
    assert outcomes(taken) == ["refused", "imported"]
    (reason,) = taken["rows"][0]["reasons"]
    assert (reason["cell"], reason["value"]) == ("L2", "5000")
    assert reason["reason"] == "到位资金5000万元比上次报送的6000万元减少；如上次有误，请先更正"
    assert [item["month"] for item in await months(office, sound)] == ["2026-02"]
    answer = await office.http.get(taken["error_sheet"])
    assert answer.status_code == 200, answer.text
    errors = openpyxl.load_workbook(io.BytesIO(answer.content))
    sheet = errors["项目月报"]
    assert (sheet["L2"].comment.text, sheet["L2"].fill.fgColor.rgb) == (reason["reason"], "00FFC7CE")
    assert [row["项目编号"] for row in lines(errors)] == [project["code"]]
    assert outcomes(await upload(office, fill(errors, 2, 到位资金=7000))) == ["imported"]


async def test_an_offices_own_list_is_taken_by_its_codes(office: Office, project: dict[str, Any], bureau: str) -> None:
    talks = await office.project(bureau, name="在谈项目")
    rows = [
        (project["code"], 3000, None, 6000, "主体封顶"),
        (talks["code"], 100, 100, 100, "无进展"),
        ("P2026-9999", 100, 100, 100, "土方开挖"),
        (None, 100, 100, 100, "土方开挖"),
    ]
    taken = await upload(office, workbook({"二月": [HEADING, *rows]}))
    assert outcomes(taken) == ["imported", *["refused"] * 3]
    told = [(row["reasons"][0]["cell"], row["reasons"][0]["reason"]) for row in taken["rows"][1:]]
    assert told == [
        ("A3", "项目处于“在谈”，签约后才报送月报"),
        ("A4", "没有编号为“P2026-9999”的项目"),
        ("A5", "没有填写项目编号"),
    ]
    ahead = await upload(
        office, workbook({"四月": [HEADING, (project["code"], 1000, None, 6000, "竣工")]}), month="2026-04"
    )
    assert ahead["rows"][0]["reasons"][0]["reason"] == "2026年04月尚未开始"


async def test_a_list_of_another_month_is_refused(office: Office, project: dict[str, Any]) -> None:
    refused = await upload(office, fill(await export(office), 2, 本月完成投资=3000), month="2026-03")
    assert outcomes(refused) == ["refused"]
    assert refused["rows"][0]["reasons"][0]["reason"] == "本次导入的是2026年03月月报，与所填月份不一致"
    assert [item["month"] for item in await months(office, project)] == ["2026-01"]


async def test_the_holder_of_the_post_hands_in_their_own_rows_and_the_supervisor_any(
    office: Office, project: dict[str, Any], bureau: str
) -> None:
    post = await office.make("/v1/posts", title="统计员", tier="officer", organisation_id=bureau)
    person = await office.make("/v1/people", name="李娜", organisation_id=bureau)
    await office.make(f"/v1/posts/{post['id']}:assume", person_id=person["id"], from_day="2026-01-01")
    named = await office.http.patch(
        f"/v1/projects/{project['id']}/profile", json={"reporting_post_id": post["id"]}, headers={"if-match": '"2"'}
    )
    assert named.status_code == 200, named.text
    book = await export(office)
    content = fill(book, 2, 本月完成投资=3000)
    refused = await upload(office, content)
    assert refused["rows"][0]["reasons"][0]["reason"] == "月报由报送岗位的任职人员报送，您不在该岗位任职"
    assert (await send(office, content, token=a_token(Role.OPERATOR))).status_code == 403
    holder = a_token(Role.CLERK, subject="li", person=person["id"])
    assert outcomes(await upload(office, content, token=holder)) == ["imported"]
    again = fill(book, 2, 本月完成投资=3100, 报送情况="已报送")
    assert outcomes(await upload(office, again, token=a_token(Role.SUPERVISOR, subject="s"))) == ["changed"]
    (february, _) = await months(office, project)
    assert (february["completed_to_date_wan"], february["reporting_post_id"]) == (28100, post["id"])


async def test_a_list_takes_as_many_statements_however_long_it_is(
    office: Office, project: dict[str, Any], bureau: str, engine: AsyncEngine
) -> None:
    codes = [project["code"]]
    codes += [(await office.project(bureau, name=f"项目{number}", stage="building"))["code"] for number in range(5)]
    counted: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: counted.append(given[2]))
    rows = [(code, 1000, None, 6000, "土方开挖") for code in codes]
    found = []
    for some in (rows[:2], rows[2:]):
        counted.clear()
        assert set(outcomes(await upload(office, workbook({"二月": [HEADING, *some]})))) == {"imported"}
        found.append(len(counted))
    assert found[0] == found[1]


@pytest.mark.parametrize("role", list(Role))
async def test_whoever_may_report_imports_and_officials_export(
    office: Office, project: dict[str, Any], role: Role
) -> None:
    token = a_token(role)
    content = workbook({"二月": [HEADING, (project["code"], 3000, None, 6000, "主体封顶")]})
    may = role in (Role.CLERK, Role.REVIEWER, Role.CHIEF, Role.SUPERVISOR)
    assert (await send(office, content, token=token)).status_code == (201 if may else 403)
    headers = {"authorization": f"Bearer {token}"}
    answer = await office.http.get(BOOK, params={"month": "2026-02"}, headers=headers)
    assert answer.status_code == (403 if role is Role.ENTERPRISE else 200)
