import io
import zipfile
from collections.abc import Callable

import pytest
from openpyxl import Workbook

from services.intake.workbook import sheets
from services.intake.workbook.problems import UnknownFormat, WorkbookRefused, WorkbookTooLarge
from services.intake.workbook.sheets import open_workbook
from tests.support.workbooks import project_list, saved, workbook

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def repacked(change: Callable[[zipfile.ZipFile], None], *, drop: str = "") -> bytes:
    """A sound workbook with something done to its zip."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(project_list())) as sound,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for entry in sound.infolist():
            if entry.filename != drop:
                target.writestr(entry, sound.read(entry))
        change(target)
    return out.getvalue()


def bomb(*, megabytes: int) -> bytes:
    """A sheet of some megabytes of blanks, which compress to nearly nothing."""

    def add(target: zipfile.ZipFile) -> None:
        with target.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as entry:
            for _ in range(megabytes):
                entry.write(b" " * (1 << 20))

    return repacked(add, drop="xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    "content", [b"", b"hello", "名称,总投资\n".encode(), b"%PDF-1.7", b"<html>", b"PK\x05\x06" + bytes(18)]
)
def test_something_else_is_not_a_workbook(content: bytes) -> None:
    with pytest.raises(UnknownFormat):
        open_workbook(content)


def test_another_zip_is_not_a_workbook() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    with pytest.raises(UnknownFormat):
        open_workbook(out.getvalue())


def test_a_binary_workbook_is_asked_to_be_saved_as_xlsx() -> None:
    with pytest.raises(UnknownFormat, match="xlsb"):
        open_workbook(repacked(lambda target: target.writestr("xl/workbook.bin", b""), drop="xl/workbook.xml"))


def test_an_encrypted_workbook_is_named_as_such() -> None:
    with pytest.raises(WorkbookRefused, match="密码"):
        open_workbook(OLE + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(512))


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.99])
def test_half_a_workbook_is_damaged(keep: float) -> None:
    sound = project_list()
    with pytest.raises(WorkbookRefused, match="损坏"):
        open_workbook(sound[: int(len(sound) * keep)])


def test_half_an_old_workbook_is_damaged() -> None:
    with pytest.raises(WorkbookRefused, match="损坏"):
        open_workbook(OLE + bytes(600))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bomb(megabytes=40)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("it was unpacked"))

    assert len(content) < 1 << 20
    with pytest.raises(WorkbookTooLarge, match="解压后过大"):
        open_workbook(content)


def test_many_entries_that_are_large_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_UNPACKED", 10_000)
    with pytest.raises(WorkbookTooLarge, match="解压后过大"):
        open_workbook(project_list())


def test_a_directory_that_lies_about_a_size_gives_no_more_than_it_says() -> None:
    content = bytearray(bomb(megabytes=8))
    at = content.rfind(b"xl/worksheets/sheet1.xml") - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    content[at + 24 : at + 28] = (1000).to_bytes(4, "little")

    with pytest.raises(WorkbookRefused, match="损坏"):
        open_workbook(bytes(content))


def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = repacked(lambda target: target.writestr("xl/workbook.xml", "<x/>"))
    with pytest.raises(WorkbookRefused, match="损坏"):
        open_workbook(content)


def test_macros_and_pictures_are_left_out_and_told() -> None:
    def add(target: zipfile.ZipFile) -> None:
        target.writestr("xl/vbaProject.bin", b"macro")
        target.writestr("xl/media/image1.png", bytes(1000))

    read = open_workbook(repacked(add))

    assert read.notices == ["文件含有宏，宏未执行，也未导入"]
    assert [sheet.name for sheet in read.sheets] == ["项目清单"]


def test_too_many_bytes_rows_or_columns_are_refused() -> None:
    with pytest.raises(WorkbookTooLarge, match="20MB"):
        open_workbook(b"PK\x03\x04" + bytes(sheets.MAX_BYTES))
    with pytest.raises(WorkbookTooLarge, match="列"):
        open_workbook(workbook({"a": [["x"] * (sheets.MAX_COLUMNS + 1)]}))


def test_a_stray_cell_far_below_counts_as_rows() -> None:
    book = Workbook()
    page = book.active
    assert page is not None
    page["A1"], page["A50001"] = "x", "x"
    with pytest.raises(WorkbookTooLarge, match="50000行"):
        open_workbook(saved(book))


def test_the_rows_of_all_sheets_count_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 5)
    with pytest.raises(WorkbookTooLarge, match="5行"):
        open_workbook(workbook({"a": [["x"]] * 3, "b": [["x"]] * 3}))


def test_signs_that_no_record_can_hold_are_left_out_and_lines_stay() -> None:
    (sheet,) = open_workbook(workbook({"清单": [("甲_x0000__x0007_乙", "一\n二", "_x0000_")]})).sheets
    assert sheet.rows == [["甲乙", "一\n二", None]]
