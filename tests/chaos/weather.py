"""What happens to what a platform stands on: its database, its disk, Kafka, its connections. Nothing of it is killed.

python -m tests.chaos.weather            # everything, on Apache Kafka; as `make chaos` runs it
"""

import argparse
import asyncio
import contextlib
import itertools
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random
from typing import Literal

import asyncpg

from services.operator.embedded.postgres import run_as
from services.operator.parts import DATABASE
from services.operator.platform import PORT_OFFSETS, SERVICES
from tests.chaos.storm import Storm, platform_under_chaos
from tests.support.proxy import Towards
from tests.support.waiting import eventually

PATIENCE = 90.0
MOST_BYTES = 5000
"""The longest that a line lasts before it is cut: within the first, second or third body."""

MOST_BYTES_TO_A_ROBOT = {"server": 900, "client": 150}
"""The same of the robots' line: within the first message, or its answer."""

HELD_SECONDS = 12.0
"""Longer than any lease, and than aiokafka's request time-out."""

DISK_MIB = 96
_BALLAST = "ballast"
_DIRECTIONS: tuple[Towards, ...] = ("server", "client")
_MORNINGS = 6

Weather = Callable[[Storm], Awaitable[None]]


class NoDisk(Exception):
    """No file system of a limited size can be had here; the message says why."""


async def connections_terminated(storm: Storm) -> None:
    """pg_terminate_backend on everything, three times: in the middle of transactions, with all locks and leases."""
    async with administrator(storm) as admin:
        for _ in range(3):
            reached = storm.mark()
            await admin.execute(_TERMINATE)
            await storm.working_again("postgres", reached)


async def postgres_stopped_at_once(storm: Storm) -> None:
    await storm.restart_postgres()


async def kafka_wiped(storm: Storm) -> None:
    """Apache Kafka loses all its data under the running platform: another cluster, no topics."""
    storm.broker_was_wiped()
    await asyncio.to_thread(storm.platform.stop, "kafka")
    shutil.rmtree(storm.platform.data / "kafka" / "log")
    await asyncio.to_thread(storm.platform.start, "kafka")
    await storm.working_again("kafka", storm.mark())


async def lines_cut(storm: Storm, *, times: int = 10) -> None:
    """Each line is cut in mid-body, in both directions: somewhere in a request or an answer, wherever that falls."""
    random = Random(f"{storm.seed}/lines")
    for towards in itertools.islice(itertools.cycle(_DIRECTIONS), times):
        for name in storm.lines.names:
            if name == "robots":
                await _cut_robots(storm, towards, after=random.randrange(MOST_BYTES_TO_A_ROBOT[towards]))
            else:
                await _cut(storm, name, towards, after=random.randrange(MOST_BYTES))
    await storm.working_again("postgres", storm.mark())


async def _cut(storm: Storm, name: str, towards: Towards, *, after: int) -> None:
    order = storm.lines[name].cut(towards=towards, after=after)
    await eventually(order.done.is_set, within=PATIENCE, what=f"{name} is cut towards the {towards}")
    storm.load.check()


async def _cut_robots(storm: Storm, towards: Towards, *, after: int) -> None:
    """There is something to tell in the morning, sooner or later."""
    storm.sending_interrupted()
    order = storm.lines["robots"].cut(towards=towards, after=after)
    for _ in range(_MORNINGS):
        storm.next_morning()
        if await asyncio.to_thread(order.done.wait, PATIENCE / _MORNINGS):
            return
    raise AssertionError(f"no robot was told anything for {_MORNINGS} mornings")


async def lines_refused(storm: Storm) -> None:
    """One server after the other cannot be reached for some seconds."""
    for name in storm.lines.names:
        reached = storm.mark()
        storm.lines[name].refuse()
        if name in ("robots", "postgres"):
            storm.sending_interrupted()
        await storm.pause(3)
        storm.lines.restore()
        await storm.working_again("postgres", reached)


async def lines_held(storm: Storm) -> None:
    """One line after the other passes nothing on and closes nothing, for longer than leases and time-outs last."""
    for name in storm.lines.names:
        reached = storm.mark()
        storm.lines[name].hold()
        if name in ("robots", "postgres"):
            storm.sending_interrupted()
        await storm.pause(HELD_SECONDS)
        storm.lines.restore()
        await storm.working_again("postgres", reached)


async def disk_full_for_tables(storm: Storm) -> None:
    """No table can grow: statements fail with SQLSTATE 53100, the server goes on."""
    with small_disk() as disk:
        async with administrator(storm) as admin:
            await admin.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'tables'}'")
            await _move_tables(admin, "small")
            await _fill_and_mend(storm, disk)
            await _move_tables(admin, "pg_default")
            await admin.execute("DROP TABLESPACE small")


async def disk_full_for_wal(storm: Storm) -> None:
    """The write-ahead log cannot grow: PostgreSQL panics, again and again, until there is room."""
    wal = storm.platform.data / "postgres" / "pg_wal"
    with small_disk() as disk:
        await _with_postgres_stopped(storm, lambda: _move_folder(wal, disk / "wal"))
        using = asyncio.create_task(_use_up_segments(storm))
        await _fill_and_mend(storm, disk)
        await using
        await _with_postgres_stopped(storm, lambda: _move_back(wal, disk / "wal"))


async def _fill_and_mend(storm: Storm, disk: Path) -> None:
    fill(disk)
    storm.sending_interrupted()
    await eventually(lambda: _refuses(storm), within=PATIENCE, what="the disk is full for the services")
    await storm.pause(5)
    reached = storm.mark()
    (disk / _BALLAST).unlink()
    await storm.working_again("postgres", reached)


async def _use_up_segments(storm: Storm) -> None:
    """Those that the log has room in already, until the server ends with the next one."""
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        async with administrator(storm) as admin:
            while True:
                await admin.execute("SELECT pg_logical_emit_message(false, 'weather', 'rain'), pg_switch_wal()")
                await asyncio.sleep(0.1)


async def _refuses(storm: Storm) -> bool:
    """Whether clerks have had to ask again since: what they record needs room."""
    before = storm.load.repeated
    await storm.pause(1)
    return storm.load.repeated > before + 3


async def _with_postgres_stopped(storm: Storm, work: Callable[[], None]) -> None:
    reached = storm.mark()
    storm.sending_interrupted()
    await asyncio.to_thread(storm.platform.stop, "postgres")
    await asyncio.to_thread(work)
    await asyncio.to_thread(storm.platform.start, "postgres")
    await storm.working_again("postgres", reached)


def _move_folder(folder: Path, to: Path) -> None:
    shutil.copytree(folder, to, dirs_exist_ok=True)
    _give(to)
    shutil.rmtree(folder)
    folder.symlink_to(to)


def _move_back(folder: Path, held: Path) -> None:
    folder.unlink()
    shutil.copytree(held, folder)
    _give(folder)


def _give(folder: Path) -> None:
    """To the user that PostgreSQL runs as."""
    if (user := run_as()) is not None:
        for each in (folder, *folder.rglob("*")):
            os.chown(each, user, -1)


async def _move_tables(admin: asyncpg.Connection, there: str) -> None:
    """One by one: all at once would deadlock with the load."""
    for [name] in await admin.fetch(_TABLES_AND_INDEXES, SERVICES):
        await admin.execute(f"{name} SET TABLESPACE {there}")


@contextmanager
def small_disk(mib: int = DISK_MIB) -> Iterator[Path]:
    """A file system of that size with two empty folders that PostgreSQL may write to, `tables` and `wal`.

    Raises:
        NoDisk: mounting is not permitted here.
    """
    with tempfile.TemporaryDirectory(prefix="liandu-disk-") as folder:
        Path(folder).chmod(0o755)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "liandu-small", folder],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode != 0:
            raise NoDisk(f"a small tmpfs cannot be mounted: {mounted.stderr.strip()}")
        try:
            for name in ("tables", "wal"):
                (Path(folder) / name).mkdir(mode=0o700)
                _give(Path(folder) / name)
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> None:
    """Leave no byte free."""
    with (disk / _BALLAST).open("wb", buffering=0) as ballast:
        for size in (1 << 20, 1 << 12):
            try:
                while ballast.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue


@asynccontextmanager
async def administrator(storm: Storm) -> AsyncIterator[asyncpg.Connection]:
    """PostgreSQL's superuser on the platform's database, not over a line."""
    password = (storm.platform.data / "secrets" / "postgres_password").read_text().strip()
    host, port = "127.0.0.1", storm.platform.port_base + PORT_OFFSETS["postgres"]
    conn = await asyncpg.connect(host=host, port=port, user="postgres", password=password, database=DATABASE)
    try:
        yield conn
    finally:
        await conn.close()


_TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""

_TABLES_AND_INDEXES = """
SELECT format('ALTER %s %s', CASE relkind WHEN 'r' THEN 'TABLE' ELSE 'INDEX' END, CAST(CAST(oid AS regclass) AS text))
FROM pg_class WHERE relkind IN ('r', 'i') AND CAST(CAST(relnamespace AS regnamespace) AS text) = ANY ($1)
"""

WEATHERS: tuple[Weather, ...] = (
    connections_terminated,
    postgres_stopped_at_once,
    lines_cut,
    lines_refused,
    lines_held,
    disk_full_for_tables,
    disk_full_for_wal,
    kafka_wiped,
)


def died(storm: Storm) -> list[str]:
    """What the launcher has said about services that ended: no weather is a reason to."""
    return [line for line in storm.platform.said if any(line.startswith(f"{name} ended") for name in SERVICES)]


async def run(*, seed: str, kafka: Literal["real", "embedded"], port_base: int | None, only: str | None) -> int:
    folder = (Path(".liandu/chaos") / f"{time.strftime('%m%d-%H%M%S')}-{seed}-weather").absolute()
    folder.mkdir(parents=True)
    say(f"seed {seed}; logs in {folder}")
    async with platform_under_chaos(kafka=kafka, seed=seed, data=folder, port_base=port_base, with_lines=True) as storm:
        await storm.begin("天气", pause=0.1)
        for weather in WEATHERS:
            name = weather.__name__.replace("_", " ")
            if (only and only not in name) or (weather is kafka_wiped and kafka != "real"):
                continue
            began = time.monotonic()
            try:
                await weather(storm)
                say(f"{name:25} over after {time.monotonic() - began:.0f} s")
            except NoDisk as reason:
                say(f"{name:25} not here: {reason}")
        say(f"{storm.load.accepted} facts accepted; settling")
        verdict = await storm.verdict(days=5)
        for what, count in verdict.counts.items():
            say(f"{what:20} {count}")
        for part, times in sorted(storm.takeovers.items()):
            say(f"working again        {part}: {', '.join(f'{each:.1f}' for each in times)} s")
        for wrong in (*verdict.findings, *died(storm)):
            say(f"  {wrong}")
        is_red = bool(verdict.findings or died(storm))
    say(f"{'RED' if is_red else 'GREEN'}; seed {seed}; logs in {folder}")
    return 1 if is_red else 0


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.weather", description=__doc__)
    parser.add_argument("--seed", default=secrets.token_hex(3), help="of everything random; printed at the end")
    parser.add_argument("--kafka", choices=("real", "embedded"), default="real")
    parser.add_argument("--only", help="only what has this word in its name")
    parser.add_argument("--port-base", type=int)
    options = parser.parse_args()
    return asyncio.run(run(seed=options.seed, kafka=options.kafka, port_base=options.port_base, only=options.only))


if __name__ == "__main__":
    sys.exit(main())
