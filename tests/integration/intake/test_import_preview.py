"""What an import would change is said before it changes anything: field by field, from what to what."""

import httpx

from tests.integration.intake.test_imports import GOOD, SECOND, changed, counts, projects, send, whole


async def test_a_preview_says_field_by_field_what_would_change_and_changes_nothing(http: httpx.AsyncClient) -> None:
    await send(http, whole(GOOD, SECOND))
    before = await projects(http)
    edited = changed(GOOD, 所属产业链="汽车", **{"总投资（亿元）": 4})
    bad = changed(SECOND, 序号=4, 项目名称="示例四", 所属产业链="飞船")
    new = changed(SECOND, 序号=3, 项目名称="示例三")
    body = await send(http, whole(edited, SECOND, new, bad), dry_run=True)

    assert counts(body) == (1, 1, 1, 1)
    assert body["summary"] == "预览（未导入）：新增1行、变更1行、未变4行、退回1行"
    rows = {row["row"]: row for row in body["rows"] if row["kind"] == "project"}
    assert [row["outcome"] for row in rows.values()] == ["changed", "unchanged", "imported", "refused"]
    assert rows[2]["changes"] == [
        {"name": "所属产业链", "cell": "C2", "old": "船舶海工", "new": "汽车"},
        {"name": "总投资", "cell": "G2", "old": "35000万元", "new": "40000万元"},
    ]
    assert not [number for number, row in rows.items() if "changes" in row and number != 2]
    assert await projects(http) == before

    taken = await send(http, whole(edited, SECOND, new, bad))
    assert taken["summary"] == "导入结果：新增1行、变更1行、未变4行、退回1行"
    assert [row["changes"] for row in taken["rows"] if row.get("changes")] == [rows[2]["changes"]]


async def test_a_preview_shows_the_line_of_the_timetable_that_moves_or_comes_anew(http: httpx.AsyncClient) -> None:
    await send(http, whole(GOOD, SECOND))
    heading = (
        "项目名称",
        "所属产业链",
        "责任单位",
        "责任人",
        "总投资（亿元）",
        "当前阶段",
        "计划开工时间",
        "计划竣工时间",
    )
    row = ("示例一", "船舶海工", "示例工信局", "张示例", 3.5, "签约", "2026-04-30", "2026-12-31")
    told = await send(http, whole((*row, "用地延期"), staff=[], heading=(*heading, "调整原因")), dry_run=True)

    (found,) = [row for row in told["rows"] if row["kind"] == "project"]
    assert found["changes"] == [
        {"name": "节点“开工”", "cell": "G2", "old": "2026-03-31", "new": "2026-04-30"},
        {"name": "节点“竣工”", "cell": "H2", "old": "", "new": "2026-12-31"},
        {"name": "节点“竣工”责任岗位", "cell": "D2", "old": "", "new": "示例专员"},
    ]
