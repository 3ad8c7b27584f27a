"""The platform's time. Only this module reads a clock; everywhere else `now` is handed in.

One file holds simulated time for all processes, so that one write moves the whole platform. Sleeping is always real and
short: whatever waits longer is a row with a due time, and looks again.
"""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")
_SIMULATED_POLL = 0.02


class Clock(Protocol):
    def now(self) -> datetime:
        """The platform's time, aware, in UTC."""

    async def sleep_until(self, due: datetime | None, *, at_most: float) -> None:
        """Return when `due` has come by this clock, or after `at_most` real seconds."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep_until(self, due: datetime | None, *, at_most: float) -> None:
        wait = at_most if due is None else min(at_most, (due - self.now()).total_seconds())
        await asyncio.sleep(max(0.0, wait))


class SimulatedClock:
    """Time as it stands in a file: one ISO 8601 line with an offset. The file is read again when it was replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._now = self._read()

    def now(self) -> datetime:
        stat = os.stat(self._path)
        if (stamp := (stat.st_mtime_ns, stat.st_ino)) != self._stamp:
            self._now, self._stamp = self._read(), stamp
        return self._now

    async def sleep_until(self, due: datetime | None, *, at_most: float) -> None:
        """As above; with simulated time it wakes at each change of the file within 20 ms, whatever `at_most`."""
        before = self.now()
        waited = 0.0
        while waited < at_most and self.now() == before and (due is None or before < due):
            await asyncio.sleep(min(_SIMULATED_POLL, at_most))
            waited += _SIMULATED_POLL

    def _read(self) -> datetime:
        moment = datetime.fromisoformat(self._path.read_text().strip())
        if moment.tzinfo is None:
            raise ValueError(f"{self._path}: simulated time needs an offset, such as +08:00")
        return moment.astimezone(UTC)


def set_simulated(path: Path, moment: datetime) -> None:
    """Move simulated time for every process that reads `path`; replaced at once, never seen half written."""
    if moment.tzinfo is None:
        raise ValueError("simulated time needs an offset")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(moment.isoformat() + "\n")
    draft.replace(path)


def open_clock(spec: str, *, env: str) -> Clock:
    """`system`, or `simulated:FILE`.

    Raises:
        ValueError: an unknown form, or simulated time outside the environments `demo` and `test`.
    """
    if spec == "system":
        return SystemClock()
    kind, _, file = spec.partition(":")
    if kind != "simulated" or not file:
        raise ValueError(f"LIANDU_CLOCK is {spec!r}; it must be 'system' or 'simulated:FILE'")
    if env not in ("demo", "test"):
        raise ValueError(f"LIANDU_CLOCK=simulated is refused with LIANDU_ENV={env}; it needs 'demo' or 'test'")
    return SimulatedClock(Path(file))
