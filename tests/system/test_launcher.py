"""`make run` as a person meets it, with one tiny service in place of the three."""

import asyncio
import json
import os
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from services.operator.embedded import broker
from services.operator.platform import PlatformFile
from tests.support.ports import free_port_base
from tests.support.waiting import eventually


class TinyPlatform:
    """A launcher in its own process."""

    def __init__(self, data: Path, port_base: int) -> None:
        self.data = data
        self.port_base = port_base
        self.said: list[str] = []

    async def start(self, *, kafka: str = "embedded") -> "TinyPlatform":
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.tiny_platform",
            str(self.data),
            str(self.port_base),
            kafka,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return self

    async def ready(self) -> "TinyPlatform":
        assert await self._read_until("ready "), "\n".join(self.said)
        return self

    async def ends(self) -> int:
        await self._read_until(None)
        return await self.process.wait()

    async def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return await self.ends()

    def processes(self) -> list[psutil.Process]:
        """Everything below the launcher, and the launcher."""
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def one(self, part: str) -> psutil.Process:
        [found] = [
            p
            for p in psutil.Process(self.process.pid).children()
            if part in " ".join(p.cmdline()) and "reaper" not in p.cmdline()[-1]
        ]
        return found

    async def get(self, path: str) -> Any:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port_base + 1}", trust_env=False) as client:
            return (await client.get(path)).json()

    async def starts(self) -> int:
        """How often the service was started, by its own database."""
        count: int = (await self.get("/starts"))["starts"]
        return count

    async def _read_until(self, prefix: str | None) -> bool:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(line.decode().rstrip())
            if prefix is not None and self.said[-1].startswith(prefix):
                return True
        return False


@pytest.fixture
def home() -> Iterator[Path]:
    """Not one of pytest's folders: the next session closes them to PostgreSQL's user."""
    with tempfile.TemporaryDirectory(prefix="liandu-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "liandu"


@asynccontextmanager
async def running(home: Path, *, port_base: int | None = None, kafka: str = "embedded") -> AsyncIterator[TinyPlatform]:
    platform = await TinyPlatform(home, port_base or free_port_base()).start(kafka=kafka)
    try:
        yield await platform.ready()
    finally:
        if platform.process.returncode is None:
            await platform.stop(signal.SIGTERM)


async def test_a_stop_and_a_start_keep_everything(home: Path) -> None:
    async with running(home) as platform:
        everything = platform.processes()
        assert await platform.starts() == 1
        assert await platform.stop(signal.SIGINT) == 0
        assert platform.said[-1] == "stopping"
        assert not [process for process in everything if process.is_running()]
        assert not (home / "platform.json").exists()

    async with running(home) as platform:
        assert await platform.starts() == 2


async def test_a_killed_launcher_leaves_no_process_behind_and_the_next_start_works(home: Path) -> None:
    base = free_port_base()
    async with running(home, port_base=base) as platform:
        everything = platform.processes()
        assert {"postgres", "broker", "counted_service", "reaper"} <= {_kind(process) for process in everything}
        platform.process.kill()
        await platform.ends()
        await eventually(lambda: not [process for process in everything if _lives(process)])

    async with running(home, port_base=base) as platform:
        assert await platform.starts() == 2


async def test_a_start_right_after_a_kill_waits_for_the_old_processes(home: Path) -> None:
    base = free_port_base()
    async with running(home, port_base=base) as platform:
        platform.process.kill()
        await platform.process.wait()
        async with running(home, port_base=base) as again:
            assert await again.starts() == 2
        await platform.ends()


@pytest.mark.parametrize("part", ["postgres", "embedded.broker", "counted_service"])
async def test_what_is_killed_is_started_again(home: Path, part: str) -> None:
    async with running(home) as platform:
        before = platform.one(part)
        address = broker.read_address(home / "broker.json")
        before.kill()

        assert await platform._read_until(f"{_name(part)} is back"), platform.said

        assert platform.one(part).pid != before.pid
        assert await platform.starts() >= 1
        if part == "embedded.broker":
            assert broker.read_address(home / "broker.json") != address


async def test_a_part_can_be_stopped_and_started_while_the_rest_runs(home: Path) -> None:
    async with running(home) as platform:
        assert await _liandu(home, "stop", "tiny") == ""
        assert await _liandu(home, "stop", "tiny") == ""
        assert not [process for process in platform.processes() if _kind(process) == "counted_service"]
        assert platform.one("postgres").is_running()

        assert await _liandu(home, "start", "tiny") == ""

        assert await platform.starts() == 2
        assert "there are postgres, broker, tiny" in await _liandu(home, "stop", "robots")


async def _liandu(home: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.operator",
        *arguments,
        env={**os.environ, "LIANDU_DATA": str(home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return said.decode()


async def test_a_second_start_on_the_same_folder_is_refused(home: Path) -> None:
    async with running(home) as platform:
        second = await TinyPlatform(home, free_port_base()).start()

        assert await second.ends() == 1
        assert "runs on" in second.said[-1]
        assert str(platform.process.pid) in second.said[-1]
        assert await platform.starts() == 1


async def test_a_busy_port_is_named(home: Path) -> None:
    base = free_port_base()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 1))
        taken.listen()
        platform = await TinyPlatform(home, base).start()

        assert await platform.ends() == 1

    assert f"port {base + 1} (tiny)" in platform.said[-1]
    assert "PORT_BASE" in platform.said[-1]


async def test_a_service_that_cannot_start_is_said_with_the_end_of_its_log(home: Path) -> None:
    async with running(home) as platform:
        await platform.stop()
    (home / "secrets" / "tiny_password").write_text("")  # its URL has no password now

    platform = await TinyPlatform(home, free_port_base()).start()

    assert await platform.ends() == 1
    assert "migrations of tiny failed" in "\n".join(platform.said)
    assert "password authentication failed" in platform.said[-1]


async def test_secrets_are_the_users_alone_and_the_platform_file_names_them(home: Path) -> None:
    async with running(home):
        written = PlatformFile.read(home)
        env = json.dumps((home / "platform.json").read_text())

    secrets = list((home / "secrets").iterdir())
    assert Path(written.jwt_secret_file) in secrets
    assert {stat.S_IMODE(file.stat().st_mode) for file in secrets} == {0o600}
    assert stat.S_IMODE((home / "secrets").stat().st_mode) == 0o700
    assert not [file for file in secrets if file.read_text().strip() in env]


async def test_a_service_is_given_its_role_its_addresses_and_its_secrets(home: Path) -> None:
    async with running(home) as platform:
        env = await platform.get("/env")

        assert env["LIANDU_DATABASE_URL"].startswith("postgresql://liandu_tiny:")
        assert "LIANDU_ADMIN_DATABASE_URL" not in env
        assert env["LIANDU_KAFKA_BOOTSTRAP"] == f"file:{home / 'broker.json'}"
        assert env["LIANDU_TINY_URL"] == f"http://127.0.0.1:{platform.port_base + 1}"
        assert env["LIANDU_JWT_SECRET_FILE"] == str(home / "secrets" / "jwt_secret")


async def test_apache_kafka_takes_the_embedded_brokers_place(home: Path, kafka_jars: None) -> None:
    async with running(home, kafka="real") as platform:
        env = await platform.get("/env")
        assert env["LIANDU_KAFKA_BOOTSTRAP"] == f"127.0.0.1:{platform.port_base + 9}"
        everything = platform.processes()
        platform.process.kill()
        await platform.ends()
        await eventually(lambda: not [process for process in everything if _lives(process)])


def _kind(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    return next((kind for kind in ("reaper", "broker", "counted_service", "postgres") if kind in line), line)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _name(part: str) -> str:
    return {"embedded.broker": "broker", "counted_service": "tiny"}.get(part, part)
