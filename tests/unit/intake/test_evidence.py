"""What a file is, by its content."""

import zipfile
from io import BytesIO

import pytest

from services.intake.domain.projects.evidence import (
    DOCX,
    OFD,
    PDF,
    XLSX,
    FileTooLarge,
    FileTypeNotAllowed,
    media_type_of,
    name_for,
)

LIMIT = 1 << 20


def an_archive(*names: str) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "x")  # of no particular time: tests are named by their content
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"%PDF-1.7 ...", PDF),
        (b"\xff\xd8\xff\xe0 ...", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n ...", "image/png"),
        (an_archive("[Content_Types].xml", "word/document.xml"), DOCX),
        (an_archive("xl/workbook.xml"), XLSX),
        (an_archive("OFD.xml"), OFD),
    ],
)
def test_a_type_is_known_by_its_content(content: bytes, media_type: str) -> None:
    assert media_type_of(content, limit=LIMIT) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ\x90\x00 an executable",
        b"<html><script>alert(1)</script></html>",
        b"#!/bin/sh\nrm -rf /",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old document",
        an_archive("run.exe"),
        an_archive("word/document.xml", "word/vbaProject.bin"),
        an_archive("xl/workbook.xml")[:40],
        b"PK\x03\x04" + b"\0" * 100,
        b"PK\x03\x04" + b"\0" * 30 + b"PK\x05\x06",
    ],
)
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(FileTypeNotAllowed):
        media_type_of(content, limit=LIMIT)


def test_an_archive_of_very_many_parts_is_not_read() -> None:
    sound = bytearray(an_archive("xl/workbook.xml"))
    at = sound.rfind(b"PK\x05\x06")
    sound[at + 8 : at + 12] = b"\xff\xff\xff\xff"
    with pytest.raises(FileTypeNotAllowed, match="损坏"):
        media_type_of(bytes(sound), limit=LIMIT)


def test_a_large_file_is_refused_with_the_limit() -> None:
    with pytest.raises(FileTooLarge) as refused:
        media_type_of(b"%PDF-" + b"x" * 20, limit=20)
    assert refused.value.details == {"size": 25, "limit": 20}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("合同.pdf", "合同.pdf"),
        ("合同.PDF", "合同.PDF"),
        ("合同.exe", "合同.exe.pdf"),
        ("..\\..\\etc/合同.pdf", "合同.pdf"),
        ("合\r\n同.pdf", "合同.pdf"),
        ("", "材料.pdf"),
    ],
)
def test_a_name_says_what_the_content_is(name: str, kept: str) -> None:
    assert name_for(name, PDF) == kept
