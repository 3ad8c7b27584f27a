"""The file that a backup is, and the keys in it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.operator.backup import archive, restoring
from services.operator.backup.archive import Archive, Dump, Manifest, Unusable
from services.operator.launch import PLATFORM

INTAKE = [spec for spec in PLATFORM if spec.name == "intake"]
KEY = "k" * 40


def written(folder: Path, *, revision: str = "0001", **secrets: str) -> Path:
    """An archive of intake alone."""
    dump = Dump(service="intake", revision=revision, epoch="e", logged=7, sent=7, consumed=0)
    manifest = Manifest(made_at=datetime(2026, 1, 5, 1, tzinfo=UTC), clock=None, postgres="18", dumps=(dump,))
    contents = {archive.dump_file("intake"): "a dump" * 100}
    contents |= {archive.secret_file(name): text for name, text in secrets.items()}
    files = {}
    for number, (name, text) in enumerate(contents.items()):
        files[name] = folder / f"part{number}"
        files[name].write_text(text)
    archive.write(folder / "backup.tar", manifest, files)
    return folder / "backup.tar"


def test_an_archive_is_read_as_it_was_written(tmp_path: Path) -> None:
    source = Archive.open(written(tmp_path, vault_key=KEY))

    source.check()

    assert source.services == ["intake"]
    assert source.dump("intake").logged == 7
    assert source.secrets() == {"vault_key": KEY}
    with source.reading("intake.dump") as content:
        assert content.read() == b"a dump" * 100
    assert [path.name for path in tmp_path.iterdir()] == ["backup.tar"]


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"a dumpa", b"a dumbb", 1))

    with pytest.raises(Unusable, match=r"the hash of intake\.dump"):
        Archive.open(path).check()


@pytest.mark.parametrize("content", [b"", b"something else", b"\0" * 10240])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)

    with pytest.raises(Unusable, match="is no backup"):
        Archive.open(path)


def test_a_schema_of_later_code_and_a_service_that_is_not_in_it_are_refused(tmp_path: Path) -> None:
    with pytest.raises(restoring.Refused, match="revision 9000, which this version does not know"):
        restoring.check(Archive.open(written(tmp_path, revision="9000")), INTAKE)
    with pytest.raises(restoring.Refused, match="has no assessment"):
        restoring.check(Archive.open(written(tmp_path)), PLATFORM[1:2])


def test_keys_are_put_where_there_are_none_and_old_ones_behind_those_in_use(tmp_path: Path) -> None:
    source = Archive.open(written(tmp_path, jwt_secret=KEY, link_secret=KEY, vault_key=KEY))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "jwt_secret").write_text("own\n")
    (secrets / "vault_key").write_text("own\n")

    assert restoring.keep_secrets(source, secrets) == ["link_secret"]
    assert restoring.keep_old_secrets(source, secrets) == ["vault_key"]
    assert restoring.keep_old_secrets(source, secrets) == []

    found = {path.name: path.read_text().split() for path in secrets.iterdir()}
    assert found == {"jwt_secret": ["own"], "link_secret": [KEY], "vault_key": ["own", KEY]}
