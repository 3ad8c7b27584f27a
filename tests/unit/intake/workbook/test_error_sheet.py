import io

from openpyxl import Workbook, load_workbook

from services.intake.workbook.error_sheet import error_sheet
from services.intake.workbook.reading import read_workbook
from services.intake.workbook.results import RejectedRow
from services.intake.workbook.styles import put
from services.intake.workbook.template import template
from tests.support.workbooks import HEADING, Row, project_list

GOOD: Row = (1, "示例一", "船舶海工", "示例局", "张示例", "新建", 3.5, "签约", "2026年3月")
ABOVE: list[Row] = [["示例清单"], ["单位：亿元"]]


def rejected(content: bytes) -> list[RejectedRow]:
    return [RejectedRow(row.sheet, row.row, row.reasons) for row in read_workbook(content).rows if row.reasons]


def test_refused_rows_stand_as_they_were_with_their_reasons() -> None:
    content = project_list(
        GOOD, (2, "示例二", "船舶海工", "示例局", "张示例", "新建", 35000, "推进中", "x"), above=ABOVE
    )
    page = load_workbook(io.BytesIO(error_sheet(content, rejected(content))))["项目清单"]

    assert page["A1"].value == "示例清单"
    assert [cell.value for cell in page[3]] == [*HEADING, "原行号", "原因"]
    assert [cell.value for cell in page[4]][:10] == [
        2,
        "示例二",
        "船舶海工",
        "示例局",
        "张示例",
        "新建",
        35000,
        "推进中",
        "x",
        5,
    ]
    assert page.max_row == 4
    assert "总投资（亿元）（G5）：" in page["K4"].value
    for bad in ("G4", "H4", "I4"):
        assert page[bad].fill.fgColor.rgb == "00FFC7CE"
        assert page[bad].comment.text
    assert page["F4"].comment is None


def test_text_that_looks_like_a_formula_stays_text() -> None:
    page = Workbook().create_sheet()
    cells = [
        put(page, 1, column, text) for column, text in enumerate(("=cmd|'/c calc'!A1", "+1", "-1+2", "@SUM(A1)"), 1)
    ]

    assert {(cell.data_type, cell.quotePrefix) for cell in cells} == {("s", True)}


def test_control_characters_do_not_spoil_the_sheet() -> None:
    assert put(Workbook().create_sheet(), 1, 1, "示例\x00\x0b二").value == "示例二"


def test_an_error_sheet_can_be_mended_and_imported() -> None:
    content = project_list(
        GOOD, (2, "示例二", "船舶海工", "示例局", "张示例", "新建", 3.5, "推进中", "2026.5"), above=ABOVE
    )
    book = load_workbook(io.BytesIO(error_sheet(content, rejected(content))))
    book["项目清单"]["H4"] = "在谈"
    out = io.BytesIO()
    book.save(out)
    read = read_workbook(out.getvalue())

    assert [row.project.name for row in read.rows if row.project] == ["示例二"]
    assert not any("未导入" in notice and "原因" in notice for notice in read.notices)


def test_refused_again_it_keeps_one_column_of_reasons() -> None:
    content = project_list((2, "示例二", "船舶海工", "示例局", "张示例", "新建", 3.5, "推进中", "2026.5"))
    first = error_sheet(content, rejected(content))
    page = load_workbook(io.BytesIO(error_sheet(first, rejected(first))))["项目清单"]

    assert [cell.value for cell in page[1]] == [*HEADING, "原行号", "原因"]


def test_the_template_is_read_back_with_its_drop_downs() -> None:
    content = template(["船舶海工", "汽车"])
    book = load_workbook(io.BytesIO(content))
    page = book["项目清单"]
    columns = {str(cell.value): cell.column_letter for cell in page[1]}
    filled = {
        "*项目名称": "示例",
        "*所属产业链": "汽车",
        "*责任单位": "示例局",
        "*总投资（万元）": 35000,
        "*当前阶段": "在谈",
    }
    for heading, value in filled.items():
        page[f"{columns[heading]}2"] = value
    out = io.BytesIO()
    book.save(out)
    read = read_workbook(out.getvalue())

    assert len(page.data_validations.dataValidation) == 3
    assert book["选项"].sheet_state == "hidden"
    assert [row.project.total_investment_wan for row in read.rows if row.project] == [35_000]
    assert not [notice for notice in read.notices if "这些列未导入" in notice]
