"""Lists and statistics as files: CSV that Excel reads, xlsx in which text stays text."""

import csv
import io
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook

from shared.kit.web.security import Role
from tests.integration.intake.conftest import Office, a_token

FIRST_QUARTER = {"from": "2024-01-01", "to": "2024-03-31"}
FORMULA = "=HYPERLINK(1)"


async def signed(office: Office, org: str, name: str, amount_wan: int, on: str = "2024-02-01") -> dict[str, Any]:
    body = {"total_investment_wan": amount_wan, "stage": "signed", "signed_on": on}
    return await office.project(org, name=name, code=name, **body)


async def export(http: httpx.AsyncClient, path: str, **asked: Any) -> httpx.Response:
    answer = await http.get(f"/v1/exports/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return answer


async def as_csv(http: httpx.AsyncClient, path: str, **asked: Any) -> list[list[str]]:
    answer = await export(http, path, format="csv", **asked)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def as_xlsx(http: httpx.AsyncClient, path: str, **asked: Any) -> list[list[Any]]:
    answer = await export(http, path, **asked)
    page = load_workbook(io.BytesIO(answer.content)).worksheets[0]
    assert not any(cell.data_type == "f" for row in page.iter_rows() for cell in row)
    return [list(row) for row in page.iter_rows(values_only=True)]


async def test_projects_come_as_csv_and_as_xlsx(http: httpx.AsyncClient, office: Office, bureau: str) -> None:
    await signed(office, bureau, FORMULA, 30_000)
    await office.project(bureau, name="乙", code="乙")
    heading, *rows = await as_csv(http, "projects")
    assert heading[:3] == ["项目编号", "项目名称", "所属产业链"]
    assert [row[1] for row in rows] == [f"'{FORMULA}", "乙"]
    assert rows[0][4:10] == ["新建", "30000", "签约", "2024-02-01", "", ""]
    head, *cells = await as_xlsx(http, "projects", stage="signed")
    assert (head, [row[1] for row in cells]) == (heading, [FORMULA])
    assert (cells[0][5], cells[0][7].date().isoformat()) == (30_000, "2024-02-01")


async def test_the_three_lists_come_as_of_any_day(http: httpx.AsyncClient, office: Office, bureau: str) -> None:
    await signed(office, bureau, "甲", 30_000)
    assert [row[1] for row in await as_csv(http, "lists/signed")] == ["项目名称", "甲"]
    assert len(await as_csv(http, "lists/signed", on="2024-01-31")) == 1
    assert len(await as_csv(http, "lists/signed", known_on="2026-01-04")) == 1
    assert (await http.get("/v1/exports/lists/signed", params={"on": "2026-01-06"})).status_code == 422


async def test_statistics_come_with_their_parts_and_the_projects_behind_them(
    http: httpx.AsyncClient, office: Office, bureau: str
) -> None:
    await signed(office, bureau, "甲", 300_000)
    await signed(office, bureau, "乙", 9_999)
    _, *figures = await as_csv(http, "statistics", **FIRST_QUARTER)
    assert figures[0] == ["合计", "", "1", "300000", "1", "1"]
    assert ["产业链", "新型显示", "1", "300000", "1", "1"] in figures
    assert [row[1] for row in await as_csv(http, "signings", **FIRST_QUARTER)] == ["项目名称", "甲"]
    left_out = await as_xlsx(http, "signings", **FIRST_QUARTER, counted=False)
    assert [(row[1], row[-1]) for row in left_out] == [("项目名称", "未计入原因"), ("乙", "未达到统计起点")]


async def test_published_figures_come_with_their_list(http: httpx.AsyncClient, office: Office, bureau: str) -> None:
    await signed(office, bureau, "甲", 300_000)
    headers = {"authorization": f"Bearer {a_token(Role.SUPERVISOR)}"}
    made = await http.post("/v1/statistics/publications", json=FIRST_QUARTER, headers=headers)
    id = made.json()["id"]
    assert [row[1] for row in await as_csv(http, f"publications/{id}")] == ["项目名称", "甲"]
    assert (await http.get(f"/v1/exports/publications/{id}", params={"correction": 1})).status_code == 404


@pytest.mark.parametrize("path", ["projects", "lists/signed", "statistics", "signings"])
async def test_a_stranger_gets_no_file(http: httpx.AsyncClient, path: str) -> None:
    for token, status in ((a_token(Role.ENTERPRISE), 403), ("none", 401), (a_token(Role.CHIEF), 200)):
        headers = {"authorization": f"Bearer {token}"}
        answer = await http.get(f"/v1/exports/{path}", params=FIRST_QUARTER, headers=headers)
        assert answer.status_code == status
