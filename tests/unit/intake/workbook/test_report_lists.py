"""The workbook of monthly reports is read back as it was written."""

import io
from typing import Any

import openpyxl
import pytest

from services.intake.domain.imports import report_list as columns
from services.intake.workbook.register_lists import FieldRow, read_fields
from services.intake.workbook.register_sheet import register_sheet
from services.intake.workbook.report_lists import REPORTS, read_back
from tests.support.workbooks import saved, workbook

ROW: dict[str, Any] = {
    columns.MONTH: "2026年02月",
    columns.CODE: "P2026-0001",
    columns.NAME: "显示面板项目",
    columns.ORG: "区商务局",
    columns.TOTAL: 120000,
    columns.LAST_MONTH: "2026年01月",
    columns.LAST_TO_DATE: 80,
    columns.LAST_FUNDS: 0,
    columns.LAST_PROGRESS: "桩基施工",
    columns.IN_MONTH: 60,
    columns.TO_DATE: 140,
    columns.FUNDS: 0,
    columns.PROGRESS: "=主体封顶\n二期进场",
    columns.SUBMITTED: columns.NO,
}


def read(content: bytes) -> FieldRow:
    (row,) = read_fields(content, REPORTS).rows
    return row


def test_what_is_written_is_read_back() -> None:
    row = read(register_sheet("项目月报", REPORTS, [ROW], {}))
    assert (row.values, row.reasons) == (ROW, ())


@pytest.mark.parametrize("written", [0, "0", "0万元", "0.00", 0.0])
def test_nothing_completed_is_a_number_however_it_is_written(written: Any) -> None:
    book = openpyxl.load_workbook(io.BytesIO(register_sheet("项目月报", REPORTS, [ROW], {})))
    book["项目月报"].cell(2, 10, written)
    assert read(saved(book)).values[columns.IN_MONTH] == 0


def test_a_list_of_an_offices_own_is_read_by_its_headings() -> None:
    heading = ("序号", "项目编号", "当月完成投资", "累计完成投资", "到位资金", "形象进度")
    row = read(workbook({"一月": [("单位：万元",), heading, (1, "A-1", 3000, 28000, "1亿元", "主体封顶")]}))
    figures = {key: row.values[key] for key in columns.FIGURES}
    assert figures == dict(zip(columns.FIGURES, (3000, 28000, 10000, "主体封顶"), strict=True))


def test_a_small_amount_without_its_unit_is_refused_as_everywhere() -> None:
    book = openpyxl.load_workbook(io.BytesIO(register_sheet("项目月报", REPORTS, [ROW], {})))
    book["项目月报"].cell(2, 10, 60)
    (reason,) = read(saved(book)).reasons
    assert (reason.cell, "请在单元格内写明单位" in reason.reason) == ("J2", True)


@pytest.mark.parametrize(("text", "back"), [("主体封顶", "主体封顶"), ("—", ""), ("无", "")])
def test_a_dash_says_nothing(text: str, back: str) -> None:
    assert read_back(text) == back
