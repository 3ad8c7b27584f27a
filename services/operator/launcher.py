"""The whole platform on one machine, in the foreground: `make run`.

Everything it needs is made under one data folder: secrets, PostgreSQL, the broker, logs. It starts the parts in order,
keeps them running, and stops them in the opposite order. See processes.py and reaper.py for what happens when the
launcher itself is killed.
"""

import asyncio
import base64
import contextlib
import fcntl
import os
import secrets
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psutil  # type: ignore[import-untyped]

from services.operator import parts, processes, reaper
from services.operator.embedded import postgres
from services.operator.embedded.kafka import KafkaFailed, KafkaUnavailable
from services.operator.embedded.postgres import PostgresFailed
from services.operator.launch import HOST, Launch, ServiceSpec
from services.operator.parts import kafka_bootstrap
from services.operator.platform import PlatformFile, remove_file, wish_file
from services.operator.supervisor import Component, ComponentFailed, Registry, Say, Supervised, Wish, shown_line
from services.operator.topics import TopicsNotCreated, create_topics
from shared.kit.broker import BrokerUnavailable
from shared.kit.clock import SystemClock, set_simulated

_PORTS_PATIENCE = 8.0
"""Seconds to wait for the ports of a platform that was killed a moment ago: its processes are still ending."""


class CannotStart(Exception):
    """Why the platform does not start, for the person who typed the command."""


_REASONS = (ComponentFailed, PostgresFailed, KafkaUnavailable, KafkaFailed, TopicsNotCreated, BrokerUnavailable)


@dataclass(slots=True)
class _Running:
    launch: Launch
    registry: Registry
    say: Say
    stages: list[list[Supervised]] = field(default_factory=list)

    def supervise(self, components: Sequence[Component]) -> list[Supervised]:
        stage = [
            Supervised(
                component,
                log=self.launch.logs / f"{component.name}.log",
                registry=self.registry,
                say=self.say,
                wish=Wish(wish_file(self.launch.data, component.name)),
                verbose=self.launch.verbose,
            )
            for component in components
        ]
        self.stages.append(stage)
        return stage

    async def stop(self) -> None:
        for stage in reversed(self.stages):
            await asyncio.gather(*(supervised.stop() for supervised in stage))

    async def keep(self) -> None:
        """Keep everything running. Never returns by itself."""
        await asyncio.gather(*(supervised.keep() for stage in self.stages for supervised in stage))

    def kill(self) -> None:
        for pid in (supervised.pid for stage in self.stages for supervised in stage):
            if pid is not None:
                processes.kill_group(pid)


def run(launch: Launch, *, say: Say) -> None:
    """Run the platform until SIGINT, SIGTERM or SIGHUP (a second one does not wait for anybody).

    Raises:
        CannotStart: with what to do about it.
    """
    make_folders(launch)
    with _exclusive(launch.data / "lock"):
        for left in wish_file(launch.data, "any").parent.iterdir():
            left.unlink()
        _start_clock(launch)
        _carry_out(_bring_up_and_keep, launch, say=say)


def migrate(launch: Launch, *, say: Say) -> None:
    """Bring the databases up to date and stop again.

    Raises:
        CannotStart: as above.
    """
    make_folders(launch)
    with _exclusive(launch.data / "lock"):
        _carry_out(_migrate_only, launch, say=say)


@contextlib.contextmanager
def embedded_database(launch: Launch) -> Iterator[str]:
    """The superuser's URL of the platform's database, for as long as the block lasts; no platform may run meanwhile.

    Raises:
        CannotStart: as above.
    """
    make_folders(launch)
    with _exclusive(launch.data / "lock"):
        make_secrets(launch.secrets, [spec.name for spec in launch.services])
        server = replace(parts.embedded_postgres(launch), port=processes.free_port())
        try:
            process = postgres.start(server)
        except PostgresFailed as error:
            raise CannotStart(str(error)) from error
        try:
            yield asyncio.run(make_database(server.url))
        finally:
            postgres.stop(process)


def run_kafka(launch: Launch, *, say: Say) -> None:
    """Run Apache Kafka alone until a signal, as `run` does; a platform may run on the same folder.

    Raises:
        CannotStart: as above.
    """
    make_folders(launch)
    with _exclusive(launch.data / "kafka.lock"):
        _carry_out(_kafka_only, launch, say=say)


_Work = Callable[["_Running"], Coroutine[Any, Any, None]]


def _carry_out(work: _Work, launch: Launch, *, say: Say) -> None:
    _wait_for_ports(launch)
    make_secrets(launch.secrets, [spec.name for spec in launch.services])
    with Registry() as registry:
        asyncio.run(_until_stopped(work, _Running(launch, registry, say)))


async def _until_stopped(work: _Work, running: _Running) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: running.kill() if stopped.is_set() else stopped.set())
    working = asyncio.create_task(work(running))
    stopping = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        else:
            running.say("stopping")
    except _REASONS as error:
        raise CannotStart(str(error)) from error
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
        await running.stop()
        _kill_strays()


def _kill_strays() -> None:
    """Helpers (initdb, Maven, a migration) that a stop during the start cut short."""
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if reaper.__file__ not in child.cmdline():
                child.kill()


async def _bring_up_and_keep(running: _Running) -> None:
    launch, say = running.launch, running.say
    began = time.monotonic()
    await _start(running, parts.ground(launch))
    if launch.kafka_bootstrap is not None:
        await create_topics(launch.kafka_bootstrap, replication_factor=launch.replication_factor)
    admin_url = await _migrate_all(running)
    services = parts.services(launch, admin_url)
    await _start(running, services)
    try:
        names = tuple(supervised.component.name for stage in running.stages for supervised in stage)
        _platform_file(launch, admin_url, parts=names).write(launch.data)
        say(f"up after {time.monotonic() - began:.0f} s; logs in {launch.logs}; Ctrl+C stops everything")
        say("ready  " + "  ".join(f"{service.name} {launch.url(service.name)}" for service in services))
        await running.keep()
    finally:
        remove_file(launch.data)


async def _migrate_only(running: _Running) -> None:
    await _start(running, parts.database(running.launch))
    await _migrate_all(running)
    running.say("done")


async def _kafka_only(running: _Running) -> None:
    address = kafka_bootstrap(running.launch)
    await _start(running, parts.broker_or_kafka(running.launch))
    running.say(f"ready  kafka {address}")
    await running.keep()


async def _start(running: _Running, components: Sequence[Component]) -> None:
    if not components:
        return
    running.say("starting " + ", ".join(component.name for component in components))
    await _together(supervised.start() for supervised in running.supervise(components))


async def _migrate_all(running: _Running) -> str:
    """The admin's URL of the database, with every service's schema up to date."""
    launch = running.launch
    admin_url = launch.admin_database_url or await make_database(parts.embedded_postgres(launch).url)
    running.say("bringing the databases up to date")
    await _together(_migrate(running, spec, admin_url) for spec in launch.services)
    return admin_url


async def _together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at once; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def make_database(server_url: str) -> str:
    """The platform's database on the embedded server, made when it is not there: its URL for the superuser."""
    conn = await asyncpg.connect(server_url, timeout=10)
    try:
        if not await conn.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", parts.DATABASE):
            await conn.execute(f"CREATE DATABASE {parts.DATABASE}")
    finally:
        await conn.close()
    return parts.on_database(server_url, parts.DATABASE)


async def _migrate(running: _Running, spec: ServiceSpec, admin_url: str) -> None:
    program = parts.migration(running.launch, spec, admin_url)
    process = await asyncio.create_subprocess_exec(
        *program.argv,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        **processes.popen_options(program),
    )
    running.registry.add(process.pid)
    last: deque[str] = deque(maxlen=20)
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if not line.startswith(b"{"):
                last.append(f"    {line.decode(errors='replace').rstrip()}")
            elif shown := shown_line(line, all_levels=False):
                running.say(f"{spec.name}: {shown}")
        await process.wait()
    except asyncio.CancelledError:
        processes.kill_group(process.pid)
        await process.wait()
        raise
    finally:
        running.registry.remove(process.pid)
    if process.returncode != 0:
        raise ComponentFailed("\n".join([f"the migrations of {spec.name} failed:", *last]))


def make_folders(launch: Launch) -> None:
    """The data folder and what lies in it, for this user only."""
    launch.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in (launch.logs, launch.secrets, wish_file(launch.data, "any").parent):
        folder.mkdir(exist_ok=True, mode=0o700)


@contextlib.contextmanager
def _exclusive(file: Path) -> Iterator[None]:
    """One launcher at a time; the kernel gives the lock back however this process ends."""
    with file.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"one runs on {file.parent} already (process {lock.read().strip()}); stop it first, "
                "or give this one its own folder and ports: LIANDU_DATA=… PORT_BASE=…"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _wait_for_ports(launch: Launch) -> None:
    """All ports free, or CannotStart with those that are not. A platform that was killed may take a moment to go."""
    was_killed = (launch.data / "platform.json").exists()
    until = time.monotonic() + (_PORTS_PATIENCE if was_killed else 0)
    remove_file(launch.data)
    while busy := {name: port for name, port in launch.ports.items() if not _is_free(port)}:
        if time.monotonic() >= until:
            taken = ", ".join(f"{port} ({name})" for name, port in busy.items())
            raise CannotStart(
                f"in use by another program: port {taken}; stop it, or choose other ports, such as PORT_BASE=9100"
            )
        time.sleep(0.1)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def make_secrets(folder: Path, services: Sequence[str]) -> list[Path]:
    """Make the secrets that are not in `folder` yet, readable by this user only; all of them."""
    passwords = [f"{name}_password" for name in ("postgres", *services)]
    makers: dict[str, Callable[[], str]] = {
        **dict.fromkeys(["jwt_secret", "link_secret", *passwords], lambda: secrets.token_urlsafe(32)),
        "vault_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    for name, make in makers.items():
        if not (folder / name).exists():
            write_private(folder / name, make() + "\n")
    return [folder / name for name in makers]


def write_private(path: Path, text: str) -> None:
    """A file that only this user can read, written whole or not at all."""
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


def _start_clock(launch: Launch) -> None:
    file = launch.clock_file
    if file is None or file.exists():
        return
    set_simulated(file, launch.clock_start or SystemClock().now())


def _platform_file(launch: Launch, admin_url: str, *, parts: tuple[str, ...]) -> PlatformFile:
    database = urlsplit(admin_url)
    return PlatformFile(
        pid=os.getpid(),
        parts=parts,
        services={spec.name: launch.url(spec.name) for spec in launch.services},
        robots=launch.url("robots") if launch.robots else None,
        clock=launch.clock,
        jwt_secret_file=str(launch.secret_file("jwt_secret")),
        kafka_bootstrap=kafka_bootstrap(launch),
        database=f"{database.hostname}:{database.port or 5432}{database.path}",
    )
