"""The workbook of a register: its template, and its entries as they are, to be edited and imported again."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from services.intake.domain.fields import FieldRule, FieldType
from services.intake.domain.imports.register_list import ID
from services.intake.workbook.register_lists import Layout
from services.intake.workbook.styles import fit, head, put, width_of

_LISTS = "选项"
_ROWS = 2000
_DOUBTFUL_WAN = 100
"""Below this a bare number of 万元 would be refused on the way back (perhaps of 亿元): it is written with its unit."""
_NOTES = (
    "1. 一行一条；带*的列必填。合计行、分节行不会导入。",
    "2. 金额以列标题中的单位为准，也可在单元格内写明单位，如“3.5亿元”；须精确到整万元。",
    "3. 日期写到日，如“2026-03-15”；计划时间可只写到月，如“2026年3月”，即当月最后一天。",
    "4. 单位填全称；岗位填“单位/岗位名称”；项目填项目编号。多家单位用、隔开，可在括号内注明统一社会信用代码。",
    "5. 再次导入时，只更新有改动的内容；“系统编号”列请勿改动，新增的条目留空。",
)


def register_sheet(
    title: str, layout: Layout, rows: Sequence[Mapping[str, Any]], offered: Mapping[FieldType, Sequence[str]]
) -> bytes:
    """An xlsx with these rows (none: a template). `offered`: the names to choose from for chains, units and posts.

    Values are those of the layout's keys: texts, numbers, days, partners as one text.
    """
    book = Workbook()
    page = book.active
    page.title = title[:31]
    choices = _choices(layout, offered)
    ranges = _write_choices(book.create_sheet(_LISTS), choices)
    _write_head(page, layout, ranges, last=max(_ROWS, len(rows) + _ROWS))
    _write_rows(page, layout, rows)
    _write_notes(book.create_sheet("填写说明"), layout)
    return _saved(book)


def plain_sheet(title: str, layout: Layout, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """An xlsx to be read and printed, not to be filled in."""
    book = Workbook()
    page = book.active
    page.title = title[:31]
    _write_head(page, layout, {}, last=1)
    _write_rows(page, layout, rows)
    return _saved(book)


def _write_rows(page: Worksheet, layout: Layout, rows: Sequence[Mapping[str, Any]]) -> None:
    for at, row in enumerate(rows, 2):
        for column, rule in enumerate(layout, 1):
            cell = put(page, at, column, _shown(rule, row.get(rule.key)))
            cell.alignment = Alignment(vertical="top", wrap_text=True)
    fit(page, [width_of([_heading(rule), *(row.get(rule.key) for row in rows[:200])]) + 2 for rule in layout])


def _saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _shown(rule: FieldRule, value: Any) -> Any:
    if value is None:
        return None
    if rule.type is FieldType.DATE:
        return date.fromisoformat(value)
    if rule.type is FieldType.INT_WAN and 0 < value < _DOUBTFUL_WAN:
        return f"{value}万元"
    return value


def _heading(rule: FieldRule) -> str:
    return f"{'*' if rule.required else ''}{rule.name}{rule.unit and f'（{rule.unit}）'}"


def _choices(layout: Layout, offered: Mapping[FieldType, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The words to choose from, by the columns' keys, where there are any."""
    choices = {rule.key: rule.choices or offered.get(rule.type, ()) for rule in layout}
    return {key: words for key, words in choices.items() if words}


def _write_choices(page: Worksheet, choices: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The choices on a hidden sheet (Excel cuts a list inside a validation at 255 characters); their ranges."""
    page.sheet_state = "hidden"
    ranges = {}
    for column, (key, words) in enumerate(choices.items(), 1):
        for row, word in enumerate([key, *words], 1):
            put(page, row, column, word)
        letter = get_column_letter(column)
        ranges[key] = f"{_LISTS}!${letter}$2:${letter}${len(words) + 1}"
    return ranges


def _write_head(page: Worksheet, layout: Layout, ranges: Mapping[str, str], *, last: int) -> None:
    for at, rule in enumerate(layout, 1):
        head(put(page, 1, at, _heading(rule)))
        if rule.note:
            page.cell(1, at).comment = Comment(rule.note, "链督")
        letter = get_column_letter(at)
        if rule.key in ranges:
            choice = DataValidation("list", formula1=ranges[rule.key], allow_blank=True, showErrorMessage=True)
            choice.add(f"{letter}2:{letter}{last}")
            page.add_data_validation(choice)
        if rule.key == ID:
            page.column_dimensions[letter].hidden = True
    page.freeze_panes = "A2"


def _write_notes(page: Worksheet, layout: Layout) -> None:
    for row, text in enumerate(_NOTES, 1):
        put(page, row, 1, text)
    noted = [rule for rule in layout if rule.note]
    for row, rule in enumerate(noted, len(_NOTES) + 2):
        put(page, row, 1, f"{rule.name}：{rule.note}")
    fit(page, [100])
