"""A whole workbook, to drafts and refused rows. Organisation sheets come before project lists, whatever their order."""

from collections.abc import Iterable, Iterator

from services.intake.workbook.headings import REQUIRED, ListKind
from services.intake.workbook.lists import FoundList, Line, RowKind, find_list
from services.intake.workbook.organisation import read_post
from services.intake.workbook.problems import WorkbookRefused
from services.intake.workbook.projects import read_project, reading_of
from services.intake.workbook.results import ReadRow, ReadWorkbook, Reason
from services.intake.workbook.sheets import open_workbook

NO_LIST = (
    "没有找到可导入的清单：项目清单的表头须有项目名称、所属产业链、责任单位、总投资、当前阶段；"
    "机构名单须有单位名称、岗位、层级、姓名"
)


def read_workbook(content: bytes) -> ReadWorkbook:
    """Read every list of every visible sheet.

    Raises:
        WorkbookRefused: the file cannot be taken at all (see `sheets`), or holds no list that is known.
    """
    book = open_workbook(content)
    lists = [(sheet, find_list(sheet)) for sheet in book.sheets]
    found = [item for _, item in lists if item]
    if not found:
        raise WorkbookRefused(NO_LIST)
    notices = [*book.notices, *(f"工作表“{sheet.name}”没有可识别的表头，未导入" for sheet, item in lists if not item)]
    rows: list[ReadRow] = []
    for item in sorted(found, key=lambda item: item.kind is not ListKind.ORGANISATION):
        kinds = {row: item.row_kind(row) for row in item.rows()}
        entries = (item.line(row) for row, kind in kinds.items() if kind is RowKind.ENTRY)
        rows += _rows(item, entries, epoch_1904=book.epoch_1904)
        notices += _notices(item, aside=[row + 1 for row, kind in kinds.items() if kind is RowKind.ASIDE])
    return ReadWorkbook(tuple(_repeated_refused(rows)), tuple(notices))


def _rows(found: FoundList, entries: Iterable[Line], *, epoch_1904: bool) -> Iterator[ReadRow]:
    reading = reading_of(found, epoch_1904=epoch_1904)
    for line in entries:
        if found.kind is ListKind.PROJECTS:
            yield read_project(line, reading)
        else:
            yield read_post(line, reading.happened)


def _notices(found: FoundList, *, aside: list[int]) -> list[str]:
    notices = []
    missing = [column for column in REQUIRED[found.kind] if column not in found.columns]
    if missing:
        unknown = f"；未识别的列：{'、'.join(found.unknown)}" if found.unknown else ""
        wanted = "、".join(f"“{column.value}”" for column in missing)
        notices.append(f"工作表“{found.sheet.name}”没有{wanted}列，各行均退回{unknown}")
    elif found.unknown:
        notices.append(f"工作表“{found.sheet.name}”的这些列未导入：{'、'.join(found.unknown)}")
    if aside:
        numbers = "、".join(map(str, aside[:10])) + ("等" if len(aside) > 10 else "")
        notices.append(f"工作表“{found.sheet.name}”第{numbers}行是合计、分节或说明，未导入")
    return notices


def _repeated_refused(rows: Iterable[ReadRow]) -> Iterator[ReadRow]:
    """Rows, of which one that repeats a project named above is refused: which of the two holds cannot be known."""
    first: dict[tuple[str, ...], ReadRow] = {}
    for row in rows:
        if row.project is None:
            yield row
            continue
        keys: list[tuple[str, ...]] = [("name", row.project.name, row.project.responsible_org)]
        if row.project.code:
            keys.append(("code", row.project.code))
        earlier = next((first[key] for key in keys if key in first), None)
        if earlier is None:
            first.update(dict.fromkeys(keys, row))
            yield row
        else:
            yield _repeated(row, earlier)


def _repeated(row: ReadRow, earlier: ReadRow) -> ReadRow:
    place = row.places["name"]
    reason = f"与“{earlier.sheet}”第{earlier.row}行是同一项目，请只保留一行"
    return ReadRow(row.sheet, row.row, row.kind, reasons=(Reason(place.cell, place.column, place.value, reason),))
