"""Tables as CSV and xlsx, a run of rows at a time."""

import io
import os
import tempfile
from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook

from services.intake.workbook.tables import Format, Heading, Row, table_writer

HEADINGS = (Heading("名称", 20), Heading("金额"), Heading("日期"))
ROWS: list[Row] = [("甲", 1, date(2026, 3, 2)), ("=1+1", None, None), ("+86", 2, None), ("@x", 3, None)]


def made(form: Format, *runs: list[Row]) -> bytes:
    writer = table_writer(form, HEADINGS, name="表")
    content = b"".join([*(writer.write(rows) for rows in runs), *writer.end()])
    writer.close()
    return content


@pytest.mark.parametrize("form", list(Format))
def test_runs_of_rows_make_one_table(form: Format) -> None:
    split, whole = made(form, ROWS[:1], [], ROWS[1:]), made(form, ROWS)
    if form is Format.CSV:
        assert split == whole
    else:
        pages = [load_workbook(io.BytesIO(content)).worksheets[0] for content in (split, whole)]
        assert list(pages[0].values) == list(pages[1].values)


def test_csv_has_a_byte_order_mark_and_no_formulas() -> None:
    assert (
        made(Format.CSV, ROWS).decode() == "\ufeff名称,金额,日期\r\n甲,1,2026-03-02\r\n'=1+1,,\r\n'+86,2,\r\n'@x,3,\r\n"
    )


def test_xlsx_keeps_text_as_text() -> None:
    page = load_workbook(io.BytesIO(made(Format.XLSX, ROWS))).worksheets[0]
    assert [(cell.value, cell.data_type) for cell in page["A"]] == [
        ("名称", "s"),
        ("甲", "s"),
        ("=1+1", "s"),
        ("+86", "s"),
        ("@x", "s"),
    ]
    assert page["C2"].value.date() == date(2026, 3, 2)


def test_a_table_that_is_given_up_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    writer = table_writer(Format.XLSX, HEADINGS, name="表")
    writer.write(ROWS)
    writer.close()
    assert os.listdir(tmp_path) == []
