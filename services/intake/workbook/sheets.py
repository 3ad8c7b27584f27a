"""A workbook's sheets as plain rows of values, and the guards that stand before the reading.

An xlsx is a zip: the sizes that its entries declare are checked before anything is unpacked, then what a list needs
is unpacked under the same limits and repacked without compression. So the reader sees exactly the bytes that were
counted, whatever the original's directory claims, and no macro, picture, link or embedded object reaches it.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import python_calamine as calamine

from services.intake.workbook.problems import UnknownFormat, WorkbookRefused, WorkbookTooLarge
from services.intake.workbook.text import Raw

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 50_000
MAX_COLUMNS = 200
MAX_UNPACKED = 256 * 1024 * 1024
MAX_RATIO = 200
_RATIO_FROM = 4 * 1024 * 1024
"""Below this size a high ratio does no harm: a sheet of empty styled cells compresses well."""
MAX_ENTRIES = 5_000

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_NEEDED = re.compile(r"\[Content_Types\]\.xml|_rels/\.rels|xl/[^/]+\.xml|xl/_rels/[^/]+|xl/worksheets/(?:_rels/)?[^/]+")
_ERROR_CELL = re.compile(rb'(<c\b[^>]*?\bt=)"e"')
_DATE_1904 = re.compile(rb'<workbookPr\b[^>]*\bdate1904="(?:1|true)"')

_UNPRINTABLE = dict.fromkeys((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F))
"""Signs that a cell may hold (`_x0000_`) and no record may: PostgreSQL takes no NUL, and one would stop a list."""

_ENCRYPTED = "文件设有打开密码，请取消密码后再导入"
_DAMAGED = "文件已损坏或不完整，请在 Excel 或 WPS 中打开并另存为 xlsx 后重试"
_NOT_EXCEL = "不是 Excel 工作簿；请上传 xlsx 或 xls 文件"
_BOMB = "文件解压后过大，疑似异常文件，已拒绝"

Span = tuple[int, int, int, int]
"""A merged range: first row, first column, last row, last column; from 0."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Values from A1 on; `merged` as the office merged them."""

    name: str
    rows: list[list[Raw]]
    merged: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Workbook:
    """The visible sheets; `notices` tell the clerk what was left out."""

    sheets: list[Sheet]
    epoch_1904: bool = False
    notices: list[str] = field(default_factory=list)


def open_workbook(content: bytes) -> Workbook:
    """Read every visible sheet.

    Raises:
        UnknownFormat: neither xlsx (xlsm) nor xls (et).
        WorkbookTooLarge: beyond a limit of this module.
        WorkbookRefused: encrypted or damaged.
    """
    if len(content) > MAX_BYTES:
        raise WorkbookTooLarge(f"文件超过{MAX_BYTES // 1024 // 1024}MB，请拆分后导入")
    if content.startswith(_ZIP):
        return _read(*_verified(content))
    if content.startswith(_OLE):
        if _ENCRYPTED_PACKAGE in content:
            raise WorkbookRefused(_ENCRYPTED)
        return _read(content, False, [])
    raise UnknownFormat(_NOT_EXCEL)


def _verified(content: bytes) -> tuple[bytes, bool, list[str]]:
    """The xlsx repacked from counted bytes, whether it counts from 1904, and notices."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_directory(entries)
            return _repacked(archive, entries)
    except WorkbookRefused:
        raise
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise WorkbookRefused(_DAMAGED) from error


def _check_directory(entries: list[zipfile.ZipInfo]) -> None:
    names = {entry.filename for entry in entries}
    if "xl/workbook.xml" not in names:
        raise UnknownFormat(
            "是二进制工作簿（xlsb），请另存为 xlsx 后导入" if "xl/workbook.bin" in names else _NOT_EXCEL
        )
    if len(entries) > MAX_ENTRIES or len(names) != len(entries):
        raise WorkbookRefused(_DAMAGED)
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise WorkbookTooLarge(_BOMB)
    if any(entry.file_size > max(_RATIO_FROM, MAX_RATIO * entry.compress_size) for entry in entries):
        raise WorkbookTooLarge(_BOMB)
    if any(entry.flag_bits & 1 for entry in entries):
        raise WorkbookRefused(_ENCRYPTED)


def _repacked(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> tuple[bytes, bool, list[str]]:
    notices = []
    if any(entry.filename.startswith("xl/vbaProject") for entry in entries):
        notices.append("文件含有宏，宏未执行，也未导入")
    left, epoch_1904, out = MAX_UNPACKED, False, io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as repacked:
        for entry in entries:
            if not _NEEDED.fullmatch(entry.filename):
                continue
            data = _unpack(archive, entry, left)
            left -= len(data)
            if entry.filename == "xl/workbook.xml":
                epoch_1904 = bool(_DATE_1904.search(data))
            if entry.filename.startswith("xl/worksheets/"):
                data = _ERROR_CELL.sub(rb'\1"str"', data)  # the reader would make #REF! look like an empty cell
            repacked.writestr(entry.filename, data)
    return out.getvalue(), epoch_1904, notices


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    with archive.open(entry) as packed:
        data = packed.read(limit + 1)
    if len(data) > limit:
        raise WorkbookTooLarge(_BOMB)
    return data


def _read(content: bytes, epoch_1904: bool, notices: list[str]) -> Workbook:
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = list(_visible_sheets(book, notices))
    except calamine.PasswordError as error:
        raise WorkbookRefused(_ENCRYPTED) from error
    except WorkbookRefused:
        raise
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise WorkbookRefused(_DAMAGED) from error
    return Workbook(sheets, epoch_1904, notices)


def _visible_sheets(book: calamine.CalamineWorkbook, notices: list[str]) -> Iterator[Sheet]:
    rows_left = MAX_ROWS
    for number, about in enumerate(book.sheets_metadata):
        if about.typ is not calamine.SheetTypeEnum.WorkSheet:
            continue
        if about.visible is not calamine.SheetVisibleEnum.Visible:
            notices.append(f"工作表“{about.name}”是隐藏的，未导入")
            continue
        sheet = book.get_sheet_by_index(number)
        if sheet.end is None:
            continue
        rows_left -= sheet.end[0] + 1
        if rows_left < 0:
            raise WorkbookTooLarge(f"工作簿超过{MAX_ROWS}行，请拆分，或删除表格下方多余的内容后导入")
        yield _plain(sheet)


def _plain(sheet: calamine.CalamineSheet) -> Sheet:
    if sheet.end is not None and sheet.end[1] >= MAX_COLUMNS:
        raise WorkbookTooLarge(f"工作表“{sheet.name}”超过{MAX_COLUMNS}列，请删除多余的列后导入")
    rows = sheet.to_python(skip_empty_area=False)
    plain: list[list[Raw]] = [[_value(value) for value in row] for row in rows]
    merged = tuple((top, left, bottom, right) for (top, left), (bottom, right) in sheet.merged_cell_ranges or ())
    return Sheet(sheet.name, plain, merged)


def _value(value: Raw) -> Raw:
    if isinstance(value, str) and not value.isprintable():
        value = value.translate(_UNPRINTABLE)
    return None if value == "" else value
