"""The file that a backup is: a tar with a manifest, a custom-format dump of each schema, and the secrets."""

import contextlib
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

SUFFIX = ".liandu.tar"
_MANIFEST = "manifest.json"
_CHUNK = 1 << 20


class Unusable(Exception):
    """The file is no backup, or is damaged; the message says where."""


class Dump(BaseModel):
    """One service's schema. `revision`: of its migrations; `epoch`: of its log. Positions: of the last fact logged, of
    the last sent, of the last consumed."""

    model_config = ConfigDict(frozen=True)

    service: str
    revision: str
    epoch: str
    logged: int
    sent: int
    consumed: int


class Kept(BaseModel):
    """One file of the archive."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str


class Manifest(BaseModel):
    """`made_at`: real time; `clock`: the platform's, where it is simulated. `postgres`: the server's version."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    made_at: datetime
    clock: datetime | None
    postgres: str
    dumps: tuple[Dump, ...]
    files: tuple[Kept, ...] = ()


def dump_file(service: str) -> str:
    return f"{service}.dump"


def secret_file(name: str) -> str:
    return f"secrets/{name}"


def write(target: Path, manifest: Manifest, files: Mapping[str, Path]) -> Manifest:
    """Write an archive that is there whole or not at all, for this user only. `files`: by their names in it.

    The manifest, with the files' sizes and hashes.
    """
    kept = tuple(Kept(name=name, size=path.stat().st_size, sha256=_sha256(path)) for name, path in files.items())
    manifest = manifest.model_copy(update={"files": kept})
    draft = target.with_name(f".{target.name}.partial")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            _write_tar(out, manifest, files)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return manifest


def _write_tar(out: IO[bytes], manifest: Manifest, files: Mapping[str, Path]) -> None:
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        body = manifest.model_dump_json(indent=2).encode() + b"\n"
        tar.addfile(_member(_MANIFEST, len(body)), io.BytesIO(body))
        for name, path in files.items():
            with path.open("rb") as content:
                tar.addfile(_member(name, path.stat().st_size), content)
            path.unlink()  # the disk need not hold everything twice


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup that was opened; `check` it before its files are used."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> Self:
        """Raises: Unusable."""
        try:
            with tarfile.open(path) as tar, _content(tar, _MANIFEST) as content:
                return cls(path, Manifest.model_validate_json(content.read()))
        except (OSError, tarfile.TarError, KeyError) as error:
            raise Unusable(f"{path} is no backup of this platform: {error}") from error
        except ValidationError as error:
            raise Unusable(f"{path}: its manifest cannot be read: {error.errors()[0]['msg']}") from error

    @property
    def services(self) -> Sequence[str]:
        return [dump.service for dump in self.manifest.dumps]

    def dump(self, service: str) -> Dump:
        return next(dump for dump in self.manifest.dumps if dump.service == service)

    def check(self) -> None:
        """Read everything once. Raises: Unusable, when a file is missing or is not what it was."""
        for kept in self.manifest.files:
            try:
                with self.reading(kept.name) as content:
                    found = _digest(content)
            except (OSError, tarfile.TarError, KeyError) as error:
                raise Unusable(f"{self.path}: {kept.name} cannot be read: {error}") from error
            if found != kept.sha256:
                raise Unusable(f"{self.path} is damaged: the hash of {kept.name} is not the one in its manifest")

    @contextlib.contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        """One of its files. Raises: KeyError, when there is none of this name."""
        with tarfile.open(self.path) as tar, _content(tar, name) as content:
            yield content

    def secrets(self) -> dict[str, str]:
        """The secrets in it by name; none when it was made without."""
        found = {}
        for kept in self.manifest.files:
            folder, _, name = kept.name.rpartition("/")
            if secret_file(name) == f"{folder}/{name}":
                with self.reading(kept.name) as content:
                    found[name] = content.read().decode()
        return found


def _content(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    content = tar.extractfile(name)
    if content is None:
        raise KeyError(name)
    return content


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return _digest(content)


def _digest(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
