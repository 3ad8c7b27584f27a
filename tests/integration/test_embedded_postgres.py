"""The embedded PostgreSQL keeps its data through every kind of end."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]
import pytest

from services.operator.embedded import postgres
from services.operator.embedded.postgres import EmbeddedPostgres
from services.operator.processes import free_port
from tests.support.waiting import eventually


@pytest.fixture
def server(tmp_path: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(
        data=tmp_path / "data" / "postgres", port=free_port(), password="a b/c@d", log=tmp_path / "postgres.log"
    )


async def _run(server: EmbeddedPostgres, statement: str) -> object:
    conn = await asyncpg.connect(server.url)
    try:
        return await conn.fetchval(statement)
    finally:
        await conn.close()


async def test_a_restart_keeps_what_was_written(server: EmbeddedPostgres) -> None:
    process = postgres.start(server)
    await _run(server, "CREATE TABLE kept AS SELECT 1 AS n")
    postgres.stop(process)

    process = postgres.start(server)
    assert await _run(server, "SELECT n FROM kept") == 1
    postgres.stop(process)


async def test_a_killed_server_recovers_what_was_committed(server: EmbeddedPostgres) -> None:
    process = postgres.start(server)
    await _run(server, "CREATE TABLE kept AS SELECT 1 AS n")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (server.data / "postmaster.pid").exists()

    process = postgres.start(server)
    assert await _run(server, "SELECT n FROM kept") == 1
    postgres.stop(process)


async def test_a_pid_file_that_names_a_living_stranger_does_not_stop_it(server: EmbeddedPostgres) -> None:
    """As after the restart of a container, where the old number belongs to somebody else."""
    process = postgres.start(server)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    pid_file = server.data / "postmaster.pid"
    stranger = await asyncio.create_subprocess_exec("sleep", "60", user=postgres.run_as())
    pid_file.write_text("\n".join([str(stranger.pid), *pid_file.read_text().splitlines()[1:]]) + "\n")

    process = postgres.start(server)

    assert await _run(server, "SELECT 1") == 1
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()
    postgres.stop(process)


async def test_a_server_that_an_earlier_start_left_behind_is_ended_first(server: EmbeddedPostgres) -> None:
    left_behind = postgres.start(server)

    process = postgres.start(server)

    assert await eventually(lambda: left_behind.poll() is not None)
    assert await _run(server, "SELECT 1") == 1
    postgres.stop(process)


async def test_an_initdb_that_was_cut_short_leaves_nothing_that_counts(server: EmbeddedPostgres) -> None:
    half = server.data.parent / ".postgres-half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    process = postgres.start(server)

    assert await _run(server, "SELECT 1") == 1
    postgres.stop(process)


async def test_it_listens_on_loopback_with_passwords_and_trusts_no_socket(server: EmbeddedPostgres) -> None:
    process = postgres.start(server)
    listening = [c.laddr for c in psutil.Process(process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert [(address.ip, address.port) for address in listening] == [("127.0.0.1", server.port)]
    assert await _run(server, "SHOW unix_socket_directories") == ""
    assert await _run(server, "SHOW fsync") == "on"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url.replace("a%20b", "wrong"))
    postgres.stop(process)


def test_the_cluster_is_nobody_elses_to_read(server: EmbeddedPostgres) -> None:
    server.data.parent.mkdir(mode=0o700)
    process = postgres.start(server)
    postgres.stop(process)

    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.data.parent.stat().st_mode) in (0o700, 0o701)
