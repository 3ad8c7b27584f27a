"""The forms (.docx templates): the office's own where it has one, the built-in one otherwise."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from shared.contracts.supervision import Document
from shared.kit.errors import Conflict

BUILT_IN = Path(__file__).parent / "templates"
NAMES = {
    Document.URGE: "催办单",
    Document.LETTER: "督办函",
    Document.TALK: "约谈记录",
    Document.TALK_CHIEF: "约谈记录",
    Document.CIRCULAR: "通报",
}
BULLETIN = "汇总通报"
_LARGEST = 5 * 1024 * 1024


class FormRefused(Conflict):
    """The office's own form cannot be filled in. Nothing is made from another one in its place: it would look signed
    off by whoever drew the form."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"文书模板“{name}.docx”不能使用：{reason}。请修正该模板，或将其移出模板文件夹以使用内置模板",
            form=f"{name}.docx",
            reason=reason,
        )


@dataclass(frozen=True, slots=True)
class Form:
    """A template as it is now. `digest`: which one that was, for ever."""

    name: str
    body: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Forms:
    """`own`: the office's folder. Read each time: whoever replaces a form there need not restart anything."""

    own: Path | None = None

    def find(self, document: Document) -> Form:
        """The form of this kind of document.

        Raises:
            FormRefused: the office has one that cannot be read.
        """
        return self.named(NAMES[document])

    def named(self, name: str) -> Form:
        """The same by its name, without `.docx`."""
        if self.own is not None and (path := self.own / f"{name}.docx").exists():
            return Form(name, _read(path, name))
        return Form(name, (BUILT_IN / f"{name}.docx").read_bytes())


def _read(path: Path, name: str) -> bytes:
    try:
        if path.stat().st_size > _LARGEST:
            raise FormRefused(name, "文件超过5MB")
        return path.read_bytes()
    except OSError as error:
        raise FormRefused(name, "文件无法读取") from error
