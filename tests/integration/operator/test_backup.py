"""Dumps and restores on a real server: all as of one instant, and what fails leaves what was there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.operator import processes
from services.operator.backup import archive, making
from services.operator.backup.archive import Archive
from services.operator.backup.postgres import PostgresRefused, Server
from services.operator.backup.restoring import Refused, Restore
from services.operator.embedded import postgres
from services.operator.launch import PLATFORM, Launch
from tests.support.postgres import ScratchDatabase

BOTH = PLATFORM[:2]


class Busy(Server):
    """A server on which something is written between two dumps."""

    async def dump(self, service: str, **more: Any) -> None:
        await super().dump(service, **more)
        async with self.connected() as conn:
            await conn.execute("UPDATE assessment.log_epoch SET epoch = 'of a later instant'")


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """As if run on this database: the roles' passwords are those of the tests' databases."""
    secrets = tmp_path / "data" / "secrets"
    secrets.mkdir(parents=True)
    for name in ("intake", "assessment"):
        (secrets / f"{name}_password").write_text("test")
    return Launch(data=tmp_path / "data", port_base=1, services=BOTH)


async def rows(server: Server, sql: str) -> Sequence[Any]:
    async with server.connected() as conn:
        return [tuple(row) for row in await conn.fetch(sql)]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def made(server: Server, path: Path) -> Archive:
    await making.make(path, [spec.name for spec in BOTH], server=server, secrets={}, clock=None, say=lambda _: None)
    return Archive.open(path)


async def test_all_schemas_are_dumped_as_of_one_instant(database: ScratchDatabase, tmp_path: Path) -> None:
    for spec in BOTH:
        await database.provision(spec.name)

    source = await made(Busy(database.admin_url), tmp_path / "backup.tar")

    source.check()
    assert source.dump("intake").logged > 0
    with source.reading(archive.dump_file("assessment")) as content:
        (tmp_path / "dump").write_bytes(content.read())
    shown = processes.run([str(postgres.programs() / "pg_restore"), "--file=-", str(tmp_path / "dump")])
    assert f"t\t{source.dump('assessment').epoch}\n" in shown.stdout
    assert source.dump("assessment").epoch != "of a later instant"


async def test_a_schema_that_is_not_there_is_not_backed_up(database: ScratchDatabase, tmp_path: Path) -> None:
    await database.provision("intake")

    with pytest.raises(PostgresRefused, match="assessment is not there or not up to date"):
        await made(Server(database.admin_url), tmp_path / "backup.tar")
    assert names(tmp_path) == []


async def test_a_restore_that_fails_leaves_what_was_there(
    database: ScratchDatabase, tmp_path: Path, launch: Launch
) -> None:
    server = Server(database.admin_url)
    for spec in BOTH:
        await database.provision(spec.name)
    source = await made(server, tmp_path / "backup.tar")
    broken = tmp_path / "no dump"
    broken.write_bytes(b"no dump")
    with source.reading("intake.dump") as content:
        (tmp_path / "intake").write_bytes(content.read())
    files = {"intake.dump": tmp_path / "intake", "assessment.dump": broken}
    archive.write(tmp_path / "broken.tar", source.manifest, files)
    async with server.connected() as conn:
        await conn.execute("UPDATE intake.log_epoch SET epoch = 'as it was'")

    restore = Restore(launch, server, BOTH, lambda _: None)
    with pytest.raises(Refused, match="--force"):
        await restore.from_archive(Archive.open(tmp_path / "broken.tar"), force=False)
    with pytest.raises(PostgresRefused, match="pg_restore failed"):
        await restore.from_archive(Archive.open(tmp_path / "broken.tar"), force=True)

    assert await rows(server, "SELECT epoch FROM intake.log_epoch") == [("as it was",)]
    schemas = await rows(server, "SELECT nspname FROM pg_namespace WHERE nspname ~ 'intake|assessment' ORDER BY 1")
    assert schemas == [("assessment",), ("intake",)]


async def test_what_a_killed_restore_had_set_aside_survives_the_next_one_that_fails(
    database: ScratchDatabase, tmp_path: Path, launch: Launch
) -> None:
    server = Server(database.admin_url)
    for spec in BOTH:
        await database.provision(spec.name)
    source = await made(server, tmp_path / "backup.tar")
    (tmp_path / "no dump").write_bytes(b"no dump")
    archive.write(tmp_path / "broken.tar", source.manifest, {"intake.dump": tmp_path / "no dump"})
    async with server.connected() as conn:
        await conn.execute("ALTER SCHEMA intake RENAME TO intake_before_restore")
        await conn.execute("CREATE SCHEMA intake; COMMENT ON SCHEMA intake IS 'liandu: being restored'")

    with pytest.raises(PostgresRefused, match="pg_restore failed"):
        await Restore(launch, server, BOTH, lambda _: None).from_archive(
            Archive.open(tmp_path / "broken.tar"), force=True
        )

    assert await rows(server, "SELECT count(*) > 0 FROM intake.event_log") == [(True,)]


async def test_a_service_that_runs_is_not_restored(database: ScratchDatabase, tmp_path: Path, launch: Launch) -> None:
    server = Server(database.admin_url)
    url = await database.provision("intake")
    await database.provision("assessment")
    source = await made(server, tmp_path / "backup.tar")

    running = await asyncpg.connect(url)
    with pytest.raises(Refused, match="intake is running: stop it first"):
        await Restore(launch, server, BOTH, lambda _: None).from_archive(source, force=True)
    await running.close()
