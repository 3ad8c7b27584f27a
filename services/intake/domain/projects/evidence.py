"""Evidence files: what a file is, by its content and never by its name; how it is named when it is given out.

Nothing in a file is executed or rendered here: its first bytes, and of an archive its table of contents, are looked at.
"""

import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from pathlib import PurePath
from uuid import UUID

from services.intake.domain.errors import DateNotAllowed
from services.intake.domain.projects.project import Project, require_changeable, require_text
from services.intake.domain.terms import EvidenceKind
from shared.contracts.event import Event
from shared.contracts.project_records import EvidenceFiled
from shared.kit.errors import Conflict, Invalid

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OFD = "application/ofd"
ENDINGS: Mapping[str, tuple[str, ...]] = {
    PDF: (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    DOCX: (".docx",),
    XLSX: (".xlsx",),
    OFD: (".ofd",),
}
"""The types that are kept, with the endings that go with them; the first is given where the name has another."""

_SIGNATURES = (
    (b"%PDF-", PDF),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
)
_PARTS = (("word/document.xml", DOCX), ("xl/workbook.xml", XLSX), ("OFD.xml", OFD))
_END = struct.Struct("<4s4H2LH")
"""A ZIP archive's last record."""
_MOST_PARTS = 10_000


class FileTooLarge(Invalid):
    """`limit` in bytes."""

    def __init__(self, size: int, *, limit: int) -> None:
        super().__init__(f"文件{size}字节，超过上限{limit}字节", size=size, limit=limit)


class FileTypeNotAllowed(Invalid):
    """The content is of no type that is kept."""

    def __init__(self, message: str) -> None:
        allowed = [endings[0].removeprefix(".") for endings in ENDINGS.values()]
        super().__init__(f"{message}；可上传{'、'.join(allowed)}", allowed=allowed)


class TooManyFiles(Conflict):
    def __init__(self, limit: int) -> None:
        super().__init__(f"每个项目至多保存{limit}个材料文件", limit=limit)


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file's metadata; the content is kept once under its SHA-256. `size` in bytes; `dated_on`: its own day."""

    id: UUID
    project_id: UUID
    sha256: bytes
    name: str
    media_type: str
    size: int
    kind: EvidenceKind
    dated_on: date
    filed_at: datetime
    actor: str


def file_evidence(project: Project, file: EvidenceFile, *, present: int, most: int, today: date) -> list[Event]:
    """Keep a file as evidence. `present`: how many the project has, of at most `most`."""
    require_changeable(project)
    require_text(file.name, field="name", what="文件名")
    if (day := file.dated_on) > today:
        raise DateNotAllowed(f"材料日期{day}不能晚于今天{today}", what="材料日期", day=day, limit=today)
    if present >= most:
        raise TooManyFiles(most)
    return [
        EvidenceFiled(
            project_id=project.id,
            file_id=file.id,
            sha256=file.sha256.hex(),
            name=file.name,
            media_type=file.media_type,
            size=file.size,
            kind=file.kind,
            on=file.dated_on,
        )
    ]


def media_type_of(content: bytes, *, limit: int) -> str:
    """What the content is. Takes long for a large archive: not for an event loop.

    Raises:
        FileTooLarge, FileTypeNotAllowed.
    """
    if len(content) > limit:
        raise FileTooLarge(len(content), limit=limit)
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return media_type
    if content.startswith(b"PK\x03\x04"):
        return _archive(content)
    raise FileTypeNotAllowed("按内容判断，这不是可接受的文件类型")


def name_for(name: str, media_type: str) -> str:
    """The file's name with an ending that says what it is."""
    plain = "".join(sign for sign in PurePath(name.replace("\\", "/")).name if sign.isprintable()).strip() or "材料"
    endings = ENDINGS[media_type]
    return plain if plain.lower().endswith(endings) else f"{plain[:200]}{endings[0]}"


def _archive(content: bytes) -> str:
    names = _names_in(content)
    if any(PurePath(name).name.lower() == "vbaproject.bin" for name in names):
        raise FileTypeNotAllowed("文件含有宏")
    for part, media_type in _PARTS:
        if part in names:
            return media_type
    raise FileTypeNotAllowed("按内容判断，这是压缩包")


def _names_in(content: bytes) -> frozenset[str]:
    at = content.rfind(b"PK\x05\x06", max(0, len(content) - 65_600))
    if at < 0 or len(content) - at < _END.size or _END.unpack_from(content, at)[4] > _MOST_PARTS:
        raise FileTypeNotAllowed("文件已损坏")
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return frozenset(archive.namelist())
    except (zipfile.BadZipFile, ValueError, struct.error) as error:
        raise FileTypeNotAllowed("文件已损坏") from error
