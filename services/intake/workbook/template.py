"""The template that offices fill in: a sheet of projects, one of organisation, drop-downs and notes."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from services.intake.domain.terms import KIND_NAMES, ORGANISATION_KIND_NAMES, STAGE_NAMES, TIER_NAMES
from services.intake.workbook.headings import Column
from services.intake.workbook.styles import fit, head, put, width_of
from services.intake.workbook.text import Raw

_ROWS = 2000
_LISTS = "选项"
_NOTES = (
    "1. 一行一个项目；带*的列必填。合计行、分节行不会导入。",
    "2. 总投资以列标题中的单位为准；也可在单元格内写明单位，如“3.5亿元”或“35000万元”。须精确到整万元。",
    "3. 计划时间可只写到月，如“2026年3月”，即当月最后一天到期；实际时间须写到日，如“2026-03-15”。",
    "4. 每个计划时间都是时间表上的一个节点，须有责任人：填岗位名称，或任职人员姓名。",
    "5. 已登记项目再次导入时，只更新有变化的内容；计划时间有调整的，须填写调整原因。",
    "6. 已登记项目转入新阶段的，须填写该阶段的时间和凭证编号；意向书、框架协议不算签约。",
    "7. 机构人员表：一行一个岗位；岗位空缺的，姓名填“空缺”，留空则不作变更。总链长、单位负责人、责任人不填产业链。",
    "8. 上级单位、单位类别在该单位的一行填写即可，留空则不作变更。更换任职人员的，同时填写新的任职时间。",
    "9. 单位按名称识别，岗位按单位和岗位名称识别：改写名称会登记为新的单位或岗位，更名请在系统中办理。",
    "10. 不要填写手机号码等个人信息，系统不导入。",
)


ProjectRow = Mapping[Column, Raw]
"""A project as a row of the sheet of projects; columns that say nothing are left out."""
PostRow = Mapping[Column, Raw]
"""A post, or a unit without one, as a row of the sheet of organisation; columns that say nothing are left out."""


@dataclass(frozen=True, slots=True)
class _Field:
    column: Column
    required: bool = False
    heading: str = ""
    note: str = ""
    choices: str = ""

    @property
    def text(self) -> str:
        return f"{'*' if self.required else ''}{self.heading or self.column.value}"


_PROJECTS = (
    _Field(Column.SERIAL),
    _Field(Column.CODE, note="本单位的项目编号；没有可不填，系统编号"),
    _Field(Column.NAME, required=True),
    _Field(Column.CHAIN, required=True, choices="产业链"),
    _Field(Column.ORG, required=True, note="单位全称"),
    _Field(
        Column.RESPONSIBLE,
        note="岗位名称，或任职人员姓名；有计划时间的必填。各节点不同的，写成“签约：甲岗；开工：乙单位/乙岗”",
    ),
    _Field(Column.KIND, choices="项目类型"),
    _Field(Column.TOTAL, required=True, heading="总投资（万元）"),
    _Field(Column.STAGE, required=True, choices="阶段"),
    _Field(Column.SIGNED_ON, note="正式合同的签订日期，写到日"),
    _Field(Column.SIGNED_AMOUNT, heading="签约金额（万元）"),
    _Field(Column.STARTED_ON, note="写到日"),
    _Field(Column.REACHED_ON, note="签约、开工以外的阶段，写到日"),
    _Field(Column.PLAN_SIGNED),
    _Field(Column.PLAN_STARTED),
    _Field(Column.PLAN_COMPLETED),
    _Field(Column.PLAN_PRODUCING),
    _Field(Column.PLAN_FULL_CAPACITY),
    _Field(Column.REPLAN_REASON),
    _Field(Column.SOURCE_DOCUMENT, note="会议、批示或计划文件的名称"),
    _Field(Column.FORMAL_CONTRACT),
    _Field(Column.CONSTRUCTION_CONTRACT),
    _Field(Column.SITE_PHOTOGRAPH, note="照片文件名"),
    _Field(Column.ACCEPTANCE),
    _Field(Column.FIRST_INVOICE),
    _Field(Column.OUTPUT_RATIO, note="产出与设计之比，如2.0"),
    _Field(Column.REMARK),
)
_ORGANISATION = (
    _Field(Column.SERIAL),
    _Field(Column.ORG_NAME, required=True, note="单位全称"),
    _Field(Column.ORG_PARENT),
    _Field(Column.ORG_KIND, choices="单位类别"),
    _Field(Column.POST),
    _Field(Column.TIER, choices="层级"),
    _Field(Column.PERSON, note="岗位空缺的填“空缺”；留空则不作变更"),
    _Field(Column.CHAIN, note="多条产业链用、隔开"),
    _Field(Column.FROM_DAY, note="写到日；不填为导入当天"),
    _Field(Column.REMARK),
)


def template(chains: Sequence[str], rows: Sequence[ProjectRow] = (), posts: Sequence[PostRow] = ()) -> bytes:
    """An xlsx; `chains` are the names offered for 所属产业链.

    `rows`, `posts`: what the sheets of projects and of organisation hold already; the fuller one is opened first.
    """
    book = Workbook()
    book.remove(book.active)
    projects, organisation = book.create_sheet("项目清单"), book.create_sheet("机构人员")
    choices = {
        "产业链": list(chains),
        "阶段": list(STAGE_NAMES.values()),
        "项目类型": list(KIND_NAMES.values()),
        "层级": list(TIER_NAMES.values()),
        "单位类别": list(ORGANISATION_KIND_NAMES.values()),
    }
    ranges = _write_choices(book.create_sheet(_LISTS), choices)
    _write_fields(projects, _PROJECTS, ranges, last=max(_ROWS, len(rows) + _ROWS))
    _write_rows(projects, _PROJECTS, rows)
    _write_fields(organisation, _ORGANISATION, ranges, last=max(_ROWS, len(posts) + _ROWS))
    _write_rows(organisation, _ORGANISATION, posts)
    _write_notes(book.create_sheet("填写说明"))
    book.active = organisation if len(posts) > len(rows) else projects
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write_choices(page: Worksheet, choices: dict[str, list[str]]) -> dict[str, str]:
    """The choices on a hidden sheet (Excel cuts a list inside a validation at 255 characters); their ranges."""
    page.sheet_state = "hidden"
    ranges = {}
    for column, (name, words) in enumerate(choices.items(), 1):
        for row, word in enumerate([name, *words], 1):
            put(page, row, column, word)
        letter = get_column_letter(column)
        ranges[name] = f"{_LISTS}!${letter}$2:${letter}${len(words) + 1}"
    return ranges


def _write_fields(page: Worksheet, fields: Sequence[_Field], ranges: dict[str, str], *, last: int) -> None:
    for at, field in enumerate(fields, 1):
        cell = put(page, 1, at, field.text)
        head(cell)
        if field.note:
            cell.comment = Comment(field.note, "链督")
        if field.choices:
            letter = get_column_letter(at)
            choice = DataValidation("list", formula1=ranges[field.choices], allow_blank=True, showErrorMessage=True)
            choice.add(f"{letter}2:{letter}{last}")
            page.add_data_validation(choice)
    fit(page, [width_of([field.text]) + 4 for field in fields])
    page.freeze_panes = "A2"


def _write_rows(page: Worksheet, fields: Sequence[_Field], rows: Sequence[Mapping[Column, Raw]]) -> None:
    for at, row in enumerate(rows, 2):
        put(page, at, 1, at - 1)
        for column, field in enumerate(fields, 1):
            if value := row.get(field.column):
                put(page, at, column, value)
    for column, field in enumerate(fields, 1):
        if rows:
            width = width_of([field.text, *(row.get(field.column) for row in rows[:200])])
            page.column_dimensions[get_column_letter(column)].width = width + 2


def _write_notes(page: Worksheet) -> None:
    for row, text in enumerate(_NOTES, 1):
        put(page, row, 1, text)
    fit(page, [100])
