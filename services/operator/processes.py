"""Child processes that never outlive their parent, however it dies."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PORTS = (20_000, 32_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A process to run: what is executed, as whom, and which signal asks it to end."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of this process."""
    cwd: Path | None = None
    user: int | None = None
    """The user id to run as, when this process is root; None: the same user."""
    stop_signal: signal.Signals = signal.SIGTERM


def popen_options(program: Program) -> dict[str, Any]:
    """How a program is started, as keyword arguments of subprocess.Popen (and of asyncio's subprocesses).

    It gets a process group of its own, so that Ctrl+C reaches only this process. On Linux the kernel sends it
    `stop_signal` when the thread that starts it dies: start it from a thread that lives as long as this process.
    """
    return {
        "env": {**os.environ, **program.env},
        "cwd": program.cwd,
        "stdin": subprocess.DEVNULL,
        "user": program.user,
        "group": group_of(program.user),
        "extra_groups": [] if program.user is not None else None,
        "process_group": 0,
        "preexec_fn": _end_with_parent(os.getpid(), program.stop_signal),
    }


def spawn(program: Program, *, log: Path) -> subprocess.Popen[bytes]:
    """Start a program; what it prints is appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(program.argv, stdout=output, stderr=subprocess.STDOUT, **popen_options(program))


def run(argv: Sequence[str], *, user: int | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a helper program to its end; what it printed is in `stdout`."""
    program = Program(name=Path(argv[0]).name, argv=tuple(argv), user=user, cwd=cwd)
    return subprocess.run(
        program.argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **popen_options(program),
    )


def stop(
    process: subprocess.Popen[bytes], *, stop_signal: signal.Signals = signal.SIGTERM, patience: float = 10
) -> int:
    """Ask a process to end and wait; after `patience` seconds its whole group is killed. The exit code."""
    if process.poll() is None:
        process.send_signal(stop_signal)
    try:
        code = process.wait(patience)
    except subprocess.TimeoutExpired:
        kill_group(process.pid)
        code = process.wait()
    return code


def kill_group(pid: int) -> None:
    """Kill a process started by `spawn`, and what it started, at once."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def end_with_parent(stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process `stop_signal` when its parent dies (Linux; elsewhere nothing happens)."""
    _end_with_parent(os.getppid(), stop_signal)()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody uses at this moment.

    It lies below those that the kernel gives to outgoing connections: of these, one may be gone before it is used.
    """
    while True:
        port = random.randrange(*_PORTS)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def group_of(user: int | None) -> int | None:
    """The user's own group: without it a former root would be judged by root's group bits."""
    if user is None:
        return None
    import pwd

    return pwd.getpwuid(user).pw_gid


_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _end_with_parent(parent: int, stop_signal: signal.Signals) -> Callable[[], None]:
    def in_child() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return in_child
