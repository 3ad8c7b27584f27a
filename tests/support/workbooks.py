"""Small workbooks made in memory, as offices make them."""

import io
from collections.abc import Iterable, Sequence

from openpyxl import Workbook

HEADING = (
    "序号",
    "项目名称",
    "所属产业链",
    "责任单位",
    "责任人",
    "项目类型",
    "总投资（亿元）",
    "当前阶段",
    "计划开工时间",
)
Row = Sequence[object]


def workbook(sheets: dict[str, Iterable[Row]], *, merged: dict[str, Sequence[str]] | None = None) -> bytes:
    """An xlsx of these rows; `merged` ranges such as A1:C1 by sheet."""
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(list(row))
        for span in (merged or {}).get(name, ()):
            page.merge_cells(span)
    return saved(book)


def project_list(*rows: Row, heading: Row = HEADING, above: Iterable[Row] = ()) -> bytes:
    """An xlsx with one sheet, 项目清单, under a heading."""
    return workbook({"项目清单": [*above, heading, *rows]})


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
