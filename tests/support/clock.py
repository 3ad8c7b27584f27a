"""Simulated time that a test moves."""

from datetime import datetime, timedelta
from pathlib import Path

from shared.kit.clock import CHINA, SimulatedClock, set_simulated

START = datetime(2026, 1, 5, 9, tzinfo=CHINA)
"""Where tests begin: a Monday, a working day."""


class MovableClock(SimulatedClock):
    """The platform's clock on a file of its own; `spec` is what other processes are given as LIANDU_CLOCK."""

    def __init__(self, path: Path, *, start: datetime = START) -> None:
        set_simulated(path, start)
        super().__init__(path)
        self.path = path

    @property
    def spec(self) -> str:
        return f"simulated:{self.path}"

    def move(self, to: datetime | timedelta | str) -> datetime:
        """Move to a moment (aware, or ISO 8601 text with an offset), or on by a duration; the new time."""
        if isinstance(to, str):
            to = datetime.fromisoformat(to)
        moment = self.now() + to if isinstance(to, timedelta) else to
        set_simulated(self.path, moment)
        return moment
