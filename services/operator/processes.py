"""Child processes that never outlive their parent, however it dies."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A process to run: what is executed, as whom, and which signal asks it to end."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment of this process."""
    cwd: Path | None = None
    log: Path | None = None
    """Where standard output and error are appended; None: they are this process's own."""
    user: int | None = None
    """The user id to run as, when this process is root; None: the same user."""
    stop_signal: signal.Signals = signal.SIGTERM


def spawn(program: Program, *, output: int | None = None) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, so that Ctrl+C reaches only this process.

    On Linux the kernel sends it `stop_signal` when the calling thread dies: call from the main thread.
    `output`: a file descriptor (or subprocess.PIPE) for its standard output and error when it has no log file.
    """
    log = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if program.log else None
    try:
        return subprocess.Popen(
            program.argv,
            env={**os.environ, **program.env},
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=log if log is not None else output,
            stderr=subprocess.STDOUT if log is not None or output is not None else None,
            user=program.user,
            group=group_of(program.user),
            extra_groups=[] if program.user is not None else None,
            process_group=0,
            preexec_fn=_end_with_parent(os.getpid(), program.stop_signal),
        )
    finally:
        if log is not None:
            os.close(log)


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
    if process.stdout is not None:
        process.stdout.close()
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
    """A TCP port on 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
