"""Workbooks over HTTP: what becomes of each row, on real PostgreSQL."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.operator.samples.workbook import sample_workbook
from shared.kit.database import transaction
from shared.kit.web.security import Role
from tests.integration.intake.conftest import a_token
from tests.support.clock import MovableClock
from tests.support.workbooks import HEADING, Row, project_list, workbook

ORGANISATION = ("单位名称", "上级单位", "岗位", "层级", "姓名", "所属产业链", "任职时间")
STAFF: list[Row] = [
    ("示例工信局", "示例区政府", "示例专员", "责任人", "张示例", None, "2025-06-01"),
    ("示例区政府", None, "示例总链长", "总链长", "王示例", None, "2025-01-01"),
    ("示例区政府", None, "示例链长", "链长", "空缺", "船舶海工、汽车", None),
]
GOOD: Row = (1, "示例一", "船舶海工", "示例工信局", "张示例", "新建", 3.5, "签约", "2026年3月")
SECOND: Row = (2, "示例二", "汽车产业链", "示例工信局", "示例专员", "新建", "20000万元", "在谈", "2026-06-30")


def changed(row: Row, **changes: object) -> Row:
    return tuple({**dict(zip(HEADING, row, strict=True)), **changes}.values())


def whole(*rows: Row, staff: Sequence[Row] = STAFF, heading: Row = HEADING) -> bytes:
    return workbook({"项目清单": [heading, *rows], "机构人员": [ORGANISATION, *staff]})


async def send(http: httpx.AsyncClient, content: bytes, **params: Any) -> dict[str, Any]:
    answer = await http.post("/v1/imports", files={"file": ("示例清单.xlsx", content)}, params=params)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def counts(body: dict[str, Any], kind: str = "project") -> tuple[int, ...]:
    return tuple(body["by_kind"][kind][outcome] for outcome in ("imported", "changed", "unchanged", "refused"))


async def projects(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await http.get("/v1/projects")).json()["items"]
    return items


async def test_a_workbook_becomes_organisation_projects_and_timetables(http: httpx.AsyncClient) -> None:
    body = await send(http, whole(GOOD, SECOND))

    assert counts(body, "organisation") == (3, 0, 0, 0)
    assert counts(body) == (2, 0, 0, 0)
    assert body["error_sheet"] is None
    first, second = await projects(http)
    assert (first["name"], first["total_investment_wan"], second["chain_name"]) == ("示例一", 35_000, "汽车")
    shown = (await http.get(f"/v1/projects/{first['id']}")).json()
    assert [(line["name"], line["due_on"]) for line in shown["milestones"]] == [("开工", "2026-03-31")]
    posts = (await http.get("/v1/posts")).json()["items"]
    assert {post["title"]: post["holder"] and post["holder"]["person_name"] for post in posts} == {
        "示例专员": "张示例",
        "示例总链长": "王示例",
        "示例链长": None,
    }


async def test_the_same_workbook_again_changes_nothing(http: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await send(http, whole(GOOD, SECOND))
    before = await facts(engine)
    body = await send(http, whole(GOOD, SECOND))

    assert counts(body) == (0, 0, 2, 0)
    assert counts(body, "organisation") == (0, 0, 3, 0)
    assert await facts(engine) == before


async def test_refused_rows_are_named_cell_by_cell_and_lose_no_good_row(http: httpx.AsyncClient) -> None:
    bad = changed(SECOND, 项目名称="示例三", 所属产业链="飞船", 责任人="李四")
    worse = changed(SECOND, 项目名称="示例四", 当前阶段="推进中", **{"总投资（亿元）": 20000})
    body = await send(http, whole(GOOD, bad, worse))

    assert counts(body) == (1, 0, 0, 2)
    by_row = {row["row"]: row for row in body["rows"] if row["kind"] == "project"}
    assert by_row[2]["outcome"] == "imported"
    assert by_row[2]["code"]
    assert [(reason["cell"], reason["value"]) for reason in by_row[3]["reasons"]] == [("C3", "飞船"), ("E3", "李四")]
    assert [reason["cell"] for reason in by_row[4]["reasons"]] == ["G4", "H4"]
    assert [project["name"] for project in await projects(http)] == ["示例一"]


async def test_a_row_with_an_unreadable_cell_has_its_names_looked_up_too(http: httpx.AsyncClient) -> None:
    bad = changed(SECOND, 所属产业链="飞船", 责任人="李四", 当前阶段="推进中")
    nobody = changed(SECOND, 项目名称="示例三", 责任人=None, 计划开工时间="3月")
    body = await send(http, whole(GOOD, bad, nobody))

    cells = [[reason["cell"] for reason in row["reasons"]] for row in body["rows"] if row["outcome"] == "refused"]
    assert cells == [["H3", "C3", "E3"], ["I4", "E4"]]


async def test_the_error_sheet_can_be_mended_and_sent_again(http: httpx.AsyncClient) -> None:
    body = await send(http, whole(GOOD, changed(SECOND, 所属产业链="飞船")))
    answer = await http.get(body["error_sheet"])

    assert answer.status_code == 200
    assert "%E7%A4%BA%E4%BE%8B%E6%B8%85%E5%8D%95-" in answer.headers["content-disposition"]
    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["项目清单"]
    page = book["项目清单"]
    assert page["C2"].comment.text.startswith("没有产业链“飞船”")
    page["C2"] = "汽车"
    out = io.BytesIO()
    book.save(out)
    assert counts(await send(http, out.getvalue())) == (1, 0, 0, 0)
    assert (await http.get(f"/v1/imports/{body['id']}")).json()["rows"] == body["rows"]


async def test_no_error_sheet_where_nothing_was_refused(http: httpx.AsyncClient) -> None:
    body = await send(http, whole(GOOD))

    assert (await http.get(f"/v1/imports/{body['id']}/error-sheet")).status_code == 404
    assert (await http.get("/v1/imports/00000000-0000-0000-0000-000000000000")).status_code == 404


async def test_a_dry_run_tells_and_takes_nothing(http: httpx.AsyncClient, engine: AsyncEngine) -> None:
    before = await facts(engine)
    body = await send(http, whole(GOOD, changed(SECOND, 当前阶段="推进中")), dry_run=True)

    assert body["dry_run"]
    assert counts(body) == (1, 0, 0, 1)
    assert not [row for row in body["rows"] if "code" in row or "project_id" in row]
    assert await facts(engine) == before
    assert await projects(http) == []
    assert (await http.get(body["error_sheet"])).status_code == 200
    assert [project["code"] for project in await projects_after(http)] == ["P2026-0001"]


async def projects_after(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    await send(http, whole(GOOD))
    return await projects(http)


async def test_a_repeated_key_gives_the_first_answer_and_takes_no_other_file(http: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "import-1"}
    first = await http.post("/v1/imports", files={"file": ("a.xlsx", whole(GOOD))}, headers=headers)
    other = await http.post("/v1/imports", files={"file": ("a.xlsx", whole(SECOND))}, headers=headers)

    assert first.status_code == 201
    assert other.status_code == 422
    assert len(await projects(http)) == 1


async def test_the_same_request_under_the_same_key_is_done_once(http: httpx.AsyncClient) -> None:
    headers, content = {"idempotency-key": "import-2"}, whole(GOOD)
    answers = [await http.post("/v1/imports", content=content, headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert len((await http.get("/v1/imports")).json()["items"]) == 1


async def test_a_later_list_moves_projects_on(http: httpx.AsyncClient, clock: MovableClock) -> None:
    heading = [*HEADING, "开工时间", "施工合同编号", "现场照片"]
    expansion = changed(GOOD, 项目类型="增资")
    await send(http, whole((*expansion, None, None, None), heading=heading))
    clock.move("2026-03-20T09:00+08:00")
    started = changed(expansion, 当前阶段="开工")
    bare = await send(http, project_list((*started, "2026-03-18", None, None), heading=heading))
    full = await send(http, project_list((*started, "2026-03-18", "示施1号", "示例.jpg"), heading=heading))

    (row,) = bare["rows"]
    assert row["reasons"][0]["cell"] == "K2"
    assert "施工合同" in row["reasons"][0]["reason"]
    assert counts(full) == (0, 1, 0, 0)
    (project,) = await projects(http)
    assert (project["stage"], project["started_on"]) == ("started", "2026-03-18")
    shown = (await http.get(f"/v1/projects/{project['id']}")).json()
    assert shown["milestones"][0]["met_on"] == "2026-03-18"


async def test_a_list_that_skips_a_stage_is_refused_in_the_stage_column(http: httpx.AsyncClient) -> None:
    await send(http, whole(GOOD))
    heading = [*HEADING, "投产时间"]
    body = await send(http, project_list((*changed(GOOD, 当前阶段="投产"), "2026-01-04"), heading=heading))

    (reason,) = body["rows"][0]["reasons"]
    assert (reason["cell"], reason["value"]) == ("H2", "投产")
    assert "下一步可转为：注册" in reason["reason"]


async def test_moving_a_due_day_needs_a_reason_in_its_own_column(http: httpx.AsyncClient) -> None:
    heading = [*HEADING, "调整原因"]
    await send(http, whole((*GOOD, None), heading=heading))
    later = changed(GOOD, 计划开工时间="2026年5月")
    silent = await send(http, project_list((*later, None), heading=heading))
    bare = await send(http, project_list(later))
    told = await send(http, project_list((*later, "用地手续"), heading=heading))

    assert "请增加“调整原因”列填写" in bare["rows"][0]["reasons"][0]["reason"]
    assert silent["rows"][0]["reasons"][0]["cell"] == "J2"
    assert "请增加" not in silent["rows"][0]["reasons"][0]["reason"]
    assert counts(told) == (0, 1, 0, 0)


async def test_organisation_rows_take_people_in_and_out_of_posts(http: httpx.AsyncClient, clock: MovableClock) -> None:
    await send(http, whole(GOOD))
    clock.move("2026-02-02T09:00+08:00")
    staff: list[Row] = [
        ("示例工信局", None, "示例专员", "责任人", "李示例", None, "2026-02-01"),
        ("示例区政府", None, "示例总链长", "总链长", "空缺", None, None),
        ("示例区政府", None, "示例链长", "副链长", "赵示例", "船舶海工、汽车", None),
        ("示例街道", "没有的单位", "示例干事", "责任人", "钱示例", None, None),
        ("示例街道", None, "示例干事", "责任人", "钱示例", None, None),
    ]
    body = await send(http, workbook({"机构": [ORGANISATION, *staff]}))
    posts = {post["title"]: post for post in (await http.get("/v1/posts")).json()["items"]}

    assert [row["outcome"] for row in body["rows"]] == ["changed", "changed", "refused", "refused", "imported"]
    assert body["rows"][2]["reasons"][0]["cell"] == "D4"
    assert body["rows"][3]["reasons"][0]["cell"] == "B5"
    assert posts["示例专员"]["holder"]["person_name"] == "李示例"
    assert posts["示例总链长"]["vacant"]
    (project,) = await projects(http)
    shown = (await http.get(f"/v1/projects/{project['id']}")).json()
    assert shown["milestones"][0]["responsible_post_id"] == posts["示例专员"]["id"]


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"hello", 415, "不是 Excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + "EncryptedPackage".encode("utf-16-le"), 422, "密码"),
        (whole(GOOD)[:3000], 422, "损坏"),
        (workbook({"封面": [["x"]]}), 422, "没有找到可导入的清单"),
    ],
)
async def test_a_file_that_cannot_be_taken_is_a_clear_problem(
    http: httpx.AsyncClient, content: bytes, status: int, words: str
) -> None:
    answer = await http.post("/v1/imports", content=content)

    assert answer.status_code == status
    assert words in answer.json()["detail"]


async def test_a_csv_is_to_be_saved_as_xlsx(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/imports", files={"file": ("清单.CSV", "项目名称,总投资".encode())})

    assert answer.status_code == 415
    assert "请另存为 xlsx 后导入" in answer.json()["detail"]


async def test_a_zip_bomb_and_a_huge_upload_are_refused(http: httpx.AsyncClient) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", bytes(64 << 20))
    bomb = await http.post("/v1/imports", content=out.getvalue())
    huge = await http.post("/v1/imports", content=b"PK\x03\x04" + bytes(21 << 20))
    endless = await http.post("/v1/imports", content=_chunks(200))

    assert (bomb.status_code, huge.status_code, endless.status_code) == (413, 413, 413)
    assert "解压后过大" in bomb.json()["detail"]


async def _chunks(megabytes: int) -> Any:
    for _ in range(megabytes):
        yield bytes(1 << 20)


async def test_a_file_larger_than_other_bodies_is_taken(http: httpx.AsyncClient) -> None:
    rows = [changed(GOOD, 序号=n, 项目名称=f"示例{n}", 责任人=f"{'备' * 100}{n * 7919}") for n in range(3)]
    content = whole(*rows)
    padded = io.BytesIO(content)
    with zipfile.ZipFile(padded, "a") as archive:
        archive.writestr("xl/media/picture.png", bytes(range(256)) * 12_000)
    answer = await http.post("/v1/imports", content=padded.getvalue())

    assert len(padded.getvalue()) > 2 << 20
    assert answer.status_code == 201


async def test_no_file_is_a_clear_problem(http: httpx.AsyncClient) -> None:
    empty = await http.post("/v1/imports", content=b"")
    misnamed = await http.post("/v1/imports", files={"document": ("a.xlsx", whole(GOOD))})

    assert (empty.status_code, misnamed.status_code) == (422, 422)
    assert "file" in misnamed.json()["detail"]


@pytest.mark.parametrize(("role", "status"), [(Role.CHIEF, 403), (Role.ENTERPRISE, 403), (Role.OPERATOR, 201)])
async def test_only_those_who_keep_records_import(http: httpx.AsyncClient, role: Role, status: int) -> None:
    headers = {"authorization": f"Bearer {a_token(role)}"}

    assert (await http.post("/v1/imports", content=whole(GOOD), headers=headers)).status_code == status


async def test_the_template_offers_the_chains(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/imports/template")
    book = load_workbook(io.BytesIO(answer.content))

    offered = [cell.value for cell in book["选项"]["A"] if cell.value]
    assert offered[0] == "产业链"
    assert len(offered) == 18


async def test_the_latest_import_stands_first(http: httpx.AsyncClient, clock: MovableClock) -> None:
    first = await send(http, whole(GOOD))
    clock.move("2026-01-06T09:00+08:00")
    second = await send(http, whole(SECOND))
    items = (await http.get("/v1/imports")).json()["items"]
    one = (await http.get("/v1/imports", params={"limit": 1})).json()
    rest = (await http.get("/v1/imports", params={"limit": 1, "after": one["next_after"]})).json()

    assert [item["id"] for item in items] == [second["id"], first["id"]]
    assert [item["id"] for item in one["items"] + rest["items"]] == [second["id"], first["id"]]
    assert date.fromisoformat(items[0]["at"][:10]) == date(2026, 1, 6)


async def test_the_sample_workbook_is_taken_but_for_its_wrong_rows(http: httpx.AsyncClient) -> None:
    sample = sample_workbook(date(2026, 1, 5))
    body = await send(http, sample.content)
    refused = [[reason["cell"] for reason in row["reasons"]] for row in body["rows"] if row["outcome"] == "refused"]

    assert counts(body) == (sample.projects, 0, 0, sample.wrong)
    assert counts(body, "organisation") == (len(sample.programme.offices), 0, 0, 0)
    assert not [notice for notice in body["notices"] if "没有填写" in notice]
    assert refused == [["G41"], ["C42"], ["J43"], ["K44"], ["E45"], ["D46"], ["G47"], ["E48"]]


async def facts(engine: AsyncEngine) -> int:
    async with transaction(engine) as conn:
        return int((await conn.execute(text("SELECT count(*) FROM event_log"))).scalar_one())
