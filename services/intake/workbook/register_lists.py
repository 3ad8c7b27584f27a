"""Lists of registers and measures in workbooks: columns by a definition's fields, values to plain data.

What a cell names (a chain, a unit, a post, a project) stays text here; record keeping looks it up.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.intake.domain import uscc
from services.intake.domain.fields import FieldRule, FieldType
from services.intake.domain.imports import measure_list as measure_import
from services.intake.domain.imports import report_list as report_import
from services.intake.domain.imports.register_list import CHAIN, ID, POST, YEAR
from services.intake.domain.registers.registers import Register
from services.intake.workbook.dates import day
from services.intake.workbook.headings import Column, Heading, label_of
from services.intake.workbook.lists import (
    HEADING_WITHIN,
    NOTE,
    SECTION,
    TOTAL,
    cell_ref,
    headings_in,
    merged_down,
    units_above,
    value_at,
)
from services.intake.workbook.money import Unit, unit_of, wan
from services.intake.workbook.problems import Unreadable, WorkbookRefused
from services.intake.workbook.results import Place, Reason
from services.intake.workbook.sheets import Sheet, open_workbook
from services.intake.workbook.text import Raw, compact, is_nothing, name, shown

Layout = tuple[FieldRule, ...]
"""The columns of a list, in order."""

_ALIASES: Mapping[str, tuple[str, ...]] = {
    CHAIN: ("产业链", "产业链名称", "链条", "重点产业链"),
    YEAR: ("年份", "申报年度"),
    measure_import.NUMBER: ("序号", "措施编号"),
    measure_import.TEXT: ("措施", "措施名称", "主要措施"),
    measure_import.DUE_ON: ("完成时间", "完成日期", "时限"),
    measure_import.POST: ("责任人",),
    report_import.IN_MONTH: ("当月完成投资",),
}
_PASSED_OVER = {"序号", "序", Column.REJECTED_ROW.value, Column.REJECTED_REASON.value}
_PARTNERS = re.compile(r"[、;；\n]+")
_PARTNER = re.compile(r"(?P<name>.+?)(?:[(（](?P<code>[0-9A-Za-z]{10,20})[)）])?")
_ZERO = re.compile(r"0+(?:\.0+)?(?:亿元?|万元?|元)?")
_COUNT = re.compile(r"(\d{1,11})(?:\.0+)?[个家项条]?")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A row as it was read: `values` of the columns that the sheet has, by key, None where a cell is empty; `reasons`
    for cells that cannot be read, which have no value. `places`: every column's cell."""

    sheet: str
    row: int
    values: dict[str, Any] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldRows:
    rows: tuple[FieldRow, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundFields:
    """A list that was found by its headings. `columns`: those that an error sheet added, to be passed over."""

    sheet: Sheet
    heading_rows: range
    fields: Mapping[str, Heading]
    down: Mapping[tuple[int, int], int]
    columns: Mapping[Column, tuple[Heading, ...]]
    units: frozenset[Unit]
    unknown: tuple[str, ...]

    def value(self, row: int, heading: Heading) -> Raw:
        origin = self.down.get((row, heading.index), row)
        return value_at(self.sheet, origin, heading.index)

    def is_entry(self, row: int) -> bool:
        """Whether a row is an entry: not empty, no total, no section, no note, no heading again."""
        texts = {at: compact(value) for at, value in enumerate(self.sheet.rows[row]) if not is_nothing(value)}
        filled = [heading for heading in self.fields.values() if heading.index in texts]
        if not filled:
            return False
        first = min(heading.index for heading in self.fields.values())
        if any(TOTAL.fullmatch(text) for at, text in texts.items() if at <= first + 1):
            return False
        if len(texts) == 1:
            (text,) = texts.values()
            return not (NOTE.fullmatch(text) or SECTION.fullmatch(text))
        return sum(texts[heading.index] in map(compact, heading.parts) for heading in filled) < 3


MEASURES: Layout = (
    FieldRule(measure_import.NUMBER, "编号", FieldType.INT, required=True),
    FieldRule(measure_import.ASPECT, "方面", FieldType.CHOICE, required=True, choices=measure_import.ASPECTS),
    FieldRule(measure_import.TEXT, "措施内容", FieldType.TEXT, required=True),
    FieldRule(measure_import.ORG, "责任单位", FieldType.ORG),
    FieldRule(measure_import.POST, "责任岗位", FieldType.POST, required=True, note="单位/岗位名称"),
    FieldRule(measure_import.DUE_ON, "完成时限", FieldType.DATE, required=True),
    FieldRule(measure_import.REASON, "调整原因", FieldType.TEXT, note="已登记的措施调整完成时限的，须填写"),
    FieldRule(measure_import.SOURCE, "来源", FieldType.CHOICE, choices=measure_import.SOURCES),
    FieldRule(measure_import.DOCUMENT, "出处文件", FieldType.TEXT, required=True, note="如《运行机制》"),
)
"""The columns of a list of measures (S1)."""


def layout_of(register: Register) -> Layout:
    """The columns of a register's list."""
    return (
        *((FieldRule(YEAR, "年度", FieldType.INT, required=True),) if register.yearly else ()),
        FieldRule(CHAIN, "所属产业链", FieldType.CHAIN, required=True),
        *register.fields,
        *(
            (FieldRule(POST, "提名岗位", FieldType.POST, required=True, note="产业链专班的岗位"),)
            if register.review
            else ()
        ),
        FieldRule(ID, "系统编号", FieldType.TEXT, note="导出时填写，请勿改动；新增的条目留空"),
    )


def read_fields(content: bytes, layout: Layout) -> FieldRows:
    """Read every visible sheet that has a list of this layout.

    Raises:
        WorkbookRefused: the file cannot be taken at all, or holds no such list.
    """
    book = open_workbook(content)
    found = [item for sheet in book.sheets if (item := find_fields(sheet, layout))]
    if not found:
        wanted = "、".join(rule.name for rule in layout if rule.required)
        raise WorkbookRefused(f"没有找到可导入的清单：表头须有{wanted}")
    rows = [row for item in found for row in _rows(item, layout, epoch_1904=book.epoch_1904)]
    return FieldRows(tuple(rows), (*book.notices, *(notice for item in found for notice in _notices(item, layout))))


def find_fields(sheet: Sheet, layout: Layout) -> FoundFields | None:
    """The sheet's list, by the words of its heading; None where there is none of this layout."""
    candidates = [
        (len(fields), -depth, fields, rows)
        for top in range(min(HEADING_WITHIN, len(sheet.rows)))
        for depth in (1, 2)
        if (fields := _fields(sheet, rows := range(top, top + depth), layout))
    ]
    if not candidates:
        return None
    _, _, fields, rows = max(candidates, key=lambda candidate: candidate[:2])
    known = {heading.index for heading in fields.values()}
    others = [item for item in headings_in(sheet, rows) if item.text and item.index not in known]
    added = {
        column: tuple(item for item in others if item.text == column.value)
        for column in (Column.REJECTED_ROW, Column.REJECTED_REASON)
    }
    unknown = tuple(item.text for item in others if item.text not in _PASSED_OVER)
    return FoundFields(
        sheet, rows, fields, merged_down(sheet, rows.stop), added, units_above(sheet, rows.start), unknown
    )


def _fields(sheet: Sheet, rows: range, layout: Layout) -> dict[str, Heading]:
    """The columns by the headings in these rows; empty where they head no such list."""
    if rows.stop > len(sheet.rows):
        return {}
    words = {word: rule.key for rule in layout for word in (compact(rule.name), *_ALIASES.get(rule.key, ()))}
    found: dict[str, Heading] = {}
    for heading in headings_in(sheet, rows):
        labels = [label for part in heading.parts if (label := label_of(part))]
        spoken = ("".join(labels), *reversed(labels))
        key = next((words[label] for label in spoken if label in words), None)
        if key is not None:
            found.setdefault(key, heading)
    required = [rule.key for rule in layout if rule.required]
    enough = 2 * sum(key in found for key in required) >= len(required) and len(found) >= min(3, len(layout))
    return found if enough else {}


def _rows(found: FoundFields, layout: Layout, *, epoch_1904: bool) -> Iterator[FieldRow]:
    readers = {rule.key: _reader(rule, found, epoch_1904=epoch_1904) for rule in layout if rule.key in found.fields}
    for row in range(found.heading_rows.stop, len(found.sheet.rows)):
        if found.is_entry(row):
            yield _row(found, row, layout, readers)


def _row(found: FoundFields, row: int, layout: Layout, readers: Mapping[str, Callable[[Raw], Any]]) -> FieldRow:
    values: dict[str, Any] = {}
    reasons: list[Reason] = []
    places: dict[str, Place] = {}
    for rule in layout:
        heading = found.fields.get(rule.key)
        if heading is None:
            continue
        value = found.value(row, heading)
        place = Place(cell_ref(row, heading.index), heading.text, shown(value))
        places[rule.key] = place
        try:
            values[rule.key] = None if is_nothing(value) else readers[rule.key](value)
        except Unreadable as error:
            reasons.append(Reason(place.cell, place.column, place.value, str(error)))
    return FieldRow(found.sheet.name, row + 1, values, tuple(reasons), places)


def _notices(found: FoundFields, layout: Layout) -> Iterator[str]:
    missing = [f"“{rule.name}”" for rule in layout if rule.required and rule.key not in found.fields]
    if missing:
        yield f"工作表“{found.sheet.name}”没有{'、'.join(missing)}列"
    if found.unknown:
        yield f"工作表“{found.sheet.name}”的这些列未导入：{'、'.join(found.unknown)}"


def _reader(rule: FieldRule, found: FoundFields, *, epoch_1904: bool) -> Callable[[Raw], Any]:
    if rule.type is FieldType.INT_WAN:
        stated = unit_of(found.fields[rule.key].text, found.units)
        return lambda value: 0 if _ZERO.fullmatch(compact(value)) else wan(value, stated=stated)
    if rule.type is FieldType.DATE:
        return lambda value: day(value, deadline=_is_deadline(rule), epoch_1904=epoch_1904).isoformat()
    if rule.type is FieldType.CHOICE:
        return lambda value: _choice(value, rule.choices)
    return _READERS.get(rule.type, _named)


def _is_deadline(rule: FieldRule) -> bool:
    """Whether a period may stand for its last day."""
    return "计划" in rule.name or "时限" in rule.name


def _text(value: Raw) -> str:
    """Several lines stay several lines."""
    text = shown(value).replace("\r\n", "\n").strip()
    if text.startswith("#") and text.rstrip("!?").isupper():
        raise Unreadable(f"公式出错（{text}），请改为文字")
    return text


def _named(value: Raw) -> str:
    return name(_text(value))


def _int(value: Raw) -> int:
    if isinstance(value, bool | date) or (found := _COUNT.fullmatch(compact(value))) is None:
        raise Unreadable("这里应填整数")
    return int(found[1])


def _uscc(value: Raw) -> str:
    code = uscc.normal(compact(value))
    if trouble := uscc.trouble(code):
        raise Unreadable(trouble)
    return code


def _choice(value: Raw, choices: Sequence[str]) -> str:
    for choice in choices:
        if compact(choice) == compact(value):
            return choice
    raise Unreadable(f"只能填：{'、'.join(choices)}")


def _partners(value: Raw) -> list[dict[str, str | None]]:
    """Units separated by 、 or the like, each perhaps with its 统一社会信用代码 in brackets."""
    found = [_PARTNER.fullmatch(name(part)) for part in _PARTNERS.split(_text(value)) if part.strip()]
    partners: list[dict[str, str | None]] = [
        {"name": part["name"].strip(), "uscc": uscc.normal(part["code"]) if part["code"] else None}
        for part in found
        if part
    ]
    for partner in partners:
        if partner["uscc"] and (trouble := uscc.trouble(partner["uscc"])):
            raise Unreadable(f"“{partner['name']}”的{trouble}")
    return partners


_READERS: Mapping[FieldType, Callable[[Raw], Any]] = {
    FieldType.TEXT: _text,
    FieldType.INT: _int,
    FieldType.USCC: _uscc,
    FieldType.PARTNERS: _partners,
}
