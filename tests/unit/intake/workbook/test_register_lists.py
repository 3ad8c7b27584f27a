"""Lists of registers in workbooks: read by a definition, written by it, and the way back."""

import io
from typing import Any

import openpyxl
import pytest

from services.intake import reference
from services.intake.domain.fields import FieldType
from services.intake.workbook.error_sheet import error_sheet
from services.intake.workbook.problems import WorkbookRefused
from services.intake.workbook.register_lists import FieldRows, find_fields, layout_of, read_fields
from services.intake.workbook.register_sheet import register_sheet
from services.intake.workbook.results import RejectedRow
from tests.support.workbooks import saved, workbook

LAYOUT = layout_of(reference.registers()["key_technologies"])
FIRST = ("序号", "年度", "产业链", "攻关项目名称", "卡点问题", "牵头单位")
HEADINGS = (*FIRST, "计划投入（万元）", "计划完成时间", "参与单位")
PARTNERS = "青岛大学、甲厂（91350100M000100Y43）"
SOUND = (1, 2026, "新型显示", "蒸镀技术", "依赖进口", "某公司", 3500, "2027年6月", PARTNERS)


def read(*rows: tuple[Any, ...]) -> FieldRows:
    return read_fields(workbook({"清单": rows}), LAYOUT)


def test_a_row_is_read_by_the_registers_fields() -> None:
    (row,) = read(HEADINGS, SOUND).rows
    assert row.reasons == ()
    assert row.values == {
        "_year": 2026,
        "_chain": "新型显示",
        "name": "蒸镀技术",
        "problem": "依赖进口",
        "lead_org": "某公司",
        "amount": 3500,
        "finish_on": "2027-06-30",
        "partners": [{"name": "青岛大学", "uscc": None}, {"name": "甲厂", "uscc": "91350100M000100Y43"}],
    }
    assert row.places["amount"].cell == "G2"


def test_titles_above_totals_notes_and_empty_rows_are_passed_over() -> None:
    read_rows = read(
        ("2026年技术攻关项目库",),
        ("单位：万元",),
        (*HEADINGS[:6], "计划投入", *HEADINGS[7:]),
        SOUND,
        (None,) * 9,
        ("合计", None, None, None, None, None, 3500),
        ("备注：以上为初稿",),
        HEADINGS,
    )
    assert [(row.row, row.values["amount"]) for row in read_rows.rows] == [(4, 3500)]


def test_money_in_several_units_comes_to_wan_and_a_doubtful_number_is_refused() -> None:
    def amount(value: Any) -> Any:
        (row,) = read(HEADINGS, (*SOUND[:6], value, *SOUND[7:])).rows
        return row.values.get("amount", row.reasons and row.reasons[0].reason)

    assert [amount(value) for value in ("3.5亿元", "３５００", 0, None)] == [35000, 3500, 0, None]
    assert "疑似应为亿元" in amount(3.5)
    assert "约数" in amount("约3500万元")


def test_each_cell_that_cannot_be_read_is_named() -> None:
    wrong = (1, "去年", "新型显示", "蒸镀技术", "#REF!", "某公司", "若干", "6月30日", "甲厂（91350100M000100Y44）")
    (row,) = read(HEADINGS, wrong).rows
    assert {reason.cell for reason in row.reasons} == {"B2", "E2", "G2", "H2", "I2"}
    assert row.values["name"] == "蒸镀技术"


def test_a_heading_of_two_rows_and_unknown_columns_are_told() -> None:
    upper = ("年度", "产业链", "攻关项目", None, "牵头单位", "计划完成时间", "领导批示")
    lower = (None, None, "攻关项目名称", "卡点问题", None, None, None)
    found = read(upper, lower, (2026, "DISPLAY", "蒸镀", "进口", "某公司", "2027-06-30", "同意"))
    assert [row.values["problem"] for row in found.rows] == ["进口"]
    assert any("领导批示" in notice for notice in found.notices)


def test_a_workbook_without_such_a_list_is_refused() -> None:
    with pytest.raises(WorkbookRefused, match="攻关项目名称"):
        read(("项目名称", "总投资"), ("甲", 1))


@pytest.mark.parametrize("register", reference.registers().values(), ids=lambda register: register.key)
def test_what_is_written_is_read_back_as_it_was(register: Any) -> None:
    layout = layout_of(register)
    samples: dict[FieldType, Any] = {
        FieldType.TEXT: "=第一行\n第二行",
        FieldType.INT: 7,
        FieldType.INT_WAN: 50,
        FieldType.DATE: "2026-03-15",
        FieldType.USCC: "91350100M000100Y43",
        FieldType.CHAIN: "新型显示",
        FieldType.ORG: "区商务局",
        FieldType.POST: "区商务局/项目专员",
        FieldType.PROJECT: "P2026-0001",
        FieldType.PARTNERS: "甲厂（91350100M000100Y43）、乙校",
    }
    row = {rule.key: rule.choices[0] if rule.choices else samples[rule.type] for rule in layout}
    (back,) = read_fields(register_sheet(register.name, layout, [row], {}), layout).rows
    assert back.reasons == ()
    partners = [{"name": "甲厂", "uscc": "91350100M000100Y43"}, {"name": "乙校", "uscc": None}]
    expected = {rule.key: partners if rule.type is FieldType.PARTNERS else row[rule.key] for rule in layout}
    assert back.values == expected


def test_the_template_has_drop_downs_notes_and_marks_what_is_needed() -> None:
    content = register_sheet("技术攻关项目库", LAYOUT, [], {FieldType.CHAIN: ["新型显示", "汽车"]})
    book = openpyxl.load_workbook(io.BytesIO(content))
    page = book["技术攻关项目库"]
    headings = [cell.value for cell in page[1]]
    assert headings[:3] == ["*年度", "*所属产业链", "*攻关项目名称"]
    assert "计划投入（万元）" in headings
    assert page["D1"].comment.text == "哪个环节受制于人，现由谁供应"
    offered = {str(choice.sqref).split(":")[0]: choice.formula1 for choice in page.data_validations.dataValidation}
    assert offered == {"B2": "选项!$A$2:$A$3", "E2": "选项!$B$2:$B$5"}
    assert book["选项"].sheet_state == "hidden"


def test_the_error_sheet_has_the_refused_rows_marked_and_is_imported_again() -> None:
    wrong = (*SOUND[:6], "若干", *SOUND[7:])
    content = workbook({"清单": [("技术攻关项目库",), HEADINGS, SOUND, wrong]})
    rows = read_fields(content, LAYOUT).rows
    rejected = [RejectedRow(row.sheet, row.row, row.reasons) for row in rows if row.reasons]
    sheet = error_sheet(content, rejected, find=lambda sheet: find_fields(sheet, LAYOUT))
    page = openpyxl.load_workbook(io.BytesIO(sheet))["清单"]
    assert [cell.value for cell in page[2]][-2:] == ["原行号", "原因"]
    assert (page["G3"].value, page["J3"].value) == ("若干", 4)
    assert "不是能识别的金额" in page["G3"].comment.text
    page["G3"] = 4000
    mended = read_fields(saved(page.parent), LAYOUT)
    assert ([row.values["amount"] for row in mended.rows], mended.notices) == ([4000], ())
