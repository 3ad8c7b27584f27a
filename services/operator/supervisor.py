"""Keeps processes running: starts them, waits until they are ready, starts them again when they end, stops them."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, Self

from services.operator import processes, reaper
from services.operator.processes import Program

_READY_POLL = 0.05
_FIRST_TRIES = 3
_BACK_OFF = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY_AFTER = 5.0
_STOP_PATIENCE = 10.0
_HOLD_POLL = 0.1
_LOG_LIMIT = 20 * 1024 * 1024
_SHOWN_LEVELS = ("warning", "error", "critical")

Say = Callable[[str], None]


class ComponentFailed(Exception):
    """A component did not come up; the message holds the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A process of the platform and how to tell that it is ready. The callables may block; they run in threads."""

    name: str
    program: Callable[[], Program]
    is_ready: Callable[[], bool]
    prepare: Callable[[], None] = lambda: None
    """Before every start."""
    speaks: bool = False
    """Its warnings (JSON lines with a level) and whatever is no JSON reach the terminal."""
    patience: float = 90.0
    """Seconds from start to readiness, before it counts as failed."""


class Registry:
    """Tells the reaper which process groups to end if this process is killed."""

    def __init__(self) -> None:
        self._reaper = subprocess.Popen(
            [sys.executable, "-S", reaper.__file__], stdin=subprocess.PIPE, start_new_session=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._reaper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._reaper.stdin.close()
        self._reaper.wait()

    def add(self, pid: int) -> None:
        self._tell(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        self._tell(f"-{pid}\n")

    def _tell(self, line: str) -> None:
        assert self._reaper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._reaper.stdin.write(line.encode())
            self._reaper.stdin.flush()


class LogFile:
    """An appended file that is moved to `.1` when it has grown to 20 MiB, and the last lines of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last: deque[str] = deque(maxlen=20)
        self._file: BinaryIO = path.open("ab")

    def write(self, line: bytes) -> None:
        self._file.write(line)
        self._file.flush()
        self.last.append(line.decode(errors="replace").rstrip())
        if self._file.tell() > _LOG_LIMIT:
            self._file.close()
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
            self._file = self.path.open("ab")

    def close(self) -> None:
        self._file.close()


class Wish:
    """A file by which another process asks that a component be stopped and started: what it holds is a word.

    `stop` (asked) → `stopped` (done, and kept so) → `start` (asked) → no file (ready again).
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def ask(self, word: Literal["stop", "start"]) -> None:
        draft = self._file.with_name(f".{self._file.name}")
        draft.write_text(word)
        draft.replace(self._file)

    def word(self) -> str | None:
        try:
            return self._file.read_text()
        except FileNotFoundError:
            return None

    def is_held(self) -> bool:
        return self.word() in ("stop", "stopped")

    def confirm_stopped(self) -> None:
        if self.word() == "stop":
            self._file.write_text("stopped")

    def confirm_started(self) -> None:
        if self.word() == "start":
            self._file.unlink()


class Supervised:
    """One component: at most one process of it at a time."""

    def __init__(
        self,
        component: Component,
        *,
        log: Path,
        registry: Registry,
        say: Say,
        wish: "Wish",
        verbose: bool = False,
    ) -> None:
        self.component = component
        self._wish = wish
        self._log = LogFile(log)
        self._registry = registry
        self._say = say
        self._verbose = verbose
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._stop_signal = 15
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it is ready; a start that fails at once is tried again, twice.

        Raises:
            ComponentFailed: it ended or was not ready in time.
        """
        for attempt in range(_FIRST_TRIES):
            await self._launch()
            if await self._becomes_ready():
                return
            await self._end(patience=2)
            await asyncio.sleep(_BACK_OFF[attempt])
        said = "\n".join(f"    {line}" for line in self._log.last)
        raise ComponentFailed(f"{self.component.name} does not start; {self._log.path} ends:\n{said}")

    async def keep(self) -> None:
        """Start it again whenever it ends, and keep it stopped while it is held, until `stop`. Never returns."""
        failures = 0
        while True:
            began = time.monotonic()
            code = await self._ended_or_held()
            if self._stopping:
                await asyncio.Event().wait()
            if self._wish.is_held():
                await self._rest_while_held()
                failures = 0
            else:
                failures = 0 if time.monotonic() - began > _STEADY_AFTER else failures + 1
                wait = _BACK_OFF[min(failures, len(_BACK_OFF) - 1)]
                self._say(f"{self.component.name} ended ({_how(code)}); starting it again in {wait:g} s")
                await asyncio.sleep(wait)
            await self._start_again()

    async def _ended_or_held(self) -> int | None:
        ended = asyncio.ensure_future(self._ended())
        try:
            while not ended.done() and not self._wish.is_held():
                await asyncio.wait({ended}, timeout=_HOLD_POLL)
            return ended.result() if ended.done() else None
        finally:
            ended.cancel()

    async def _rest_while_held(self) -> None:
        await self._end(patience=_STOP_PATIENCE)
        self._say(f"{self.component.name} is stopped, as asked")
        self._wish.confirm_stopped()
        while True:
            await asyncio.sleep(_HOLD_POLL)
            if not self._wish.is_held():
                return

    async def _start_again(self) -> None:
        try:
            await self._launch()
        except Exception as error:
            self._say(f"{self.component.name} cannot be started: {error}")
            return
        if await self._becomes_ready():
            self._say(f"{self.component.name} is back")
            self._wish.confirm_started()

    async def stop(self, *, patience: float = _STOP_PATIENCE) -> None:
        """End it: asked first, killed after `patience` seconds."""
        self._stopping = True
        await self._end(patience=patience)
        self._log.close()

    async def _launch(self) -> None:
        await asyncio.to_thread(self.component.prepare)
        if self._stopping:
            raise asyncio.CancelledError
        program = self.component.program()
        self._stop_signal = program.stop_signal
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            **processes.popen_options(program),
        )
        self._process = process
        self._registry.add(process.pid)
        self._reader = asyncio.create_task(self._read(process))

    async def _becomes_ready(self) -> bool:
        until = time.monotonic() + self.component.patience
        while self.pid is not None and time.monotonic() < until:
            if await asyncio.to_thread(self.component.is_ready):
                return True
            await asyncio.sleep(_READY_POLL)
        return False

    async def _ended(self) -> int | None:
        if self._process is None:
            return None
        code = await self._process.wait()
        self._registry.remove(self._process.pid)
        return code

    async def _end(self, *, patience: float) -> None:
        if self._process is None:
            return
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self._stop_signal)
            try:
                await asyncio.wait_for(self._process.wait(), patience)
            except TimeoutError:
                self._say(f"{self.component.name} did not stop within {patience:g} s; killed")
                processes.kill_group(self._process.pid)
        await self._ended()
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=1)
            self._reader.cancel()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        rest = b""
        while chunk := await process.stdout.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)
        if rest:
            self._take(rest)

    def _take(self, line: bytes) -> None:
        self._log.write(line + b"\n")
        if (shown := shown_line(line, all_levels=self._verbose)) and (self.component.speaks or self._verbose):
            self._say(f"{self.component.name}: {shown}")


def shown_line(line: bytes, *, all_levels: bool) -> str | None:
    """How a line of a service's log looks on the terminal; None when it is not for the terminal."""
    text = line.decode(errors="replace").rstrip()
    try:
        entry = json.loads(text)
    except ValueError:
        return text or None
    if not isinstance(entry, dict):
        return text
    level = str(entry.pop("level", "info"))
    if level not in _SHOWN_LEVELS and not all_levels:
        return None
    event = entry.pop("event", "")
    trace = entry.pop("exception", None)
    dropped = ("timestamp", "service", "logger", "version")
    rest = " ".join(f"{key}={value}" for key, value in entry.items() if key not in dropped)
    return f"{level} {event} {rest}".rstrip() + (f"\n{trace}" if trace else "")


def _how(code: int | None) -> str:
    if code is None:
        return "not started"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
