"""Which failures pass by themselves. All else is the fault of the work in hand: repeating it helps nobody."""

import asyncio

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_CLASSES = ("08", "53", "57")
"""SQLSTATE classes: connection, insufficient resources, operator intervention (shutdown, crash, cancel)."""
_STATES = ("40001", "40P01", "55P03", "25P03")
"""Serialization failure, deadlock, lock time-out, session ended while idle in its transaction."""


def is_transient(error: BaseException) -> bool:
    """Whether the same work may well succeed when it is simply done again (the database gone, a deadlock, …)."""
    if isinstance(error, OSError | PoolTimeout):  # no route, no such host, several addresses that all failed, too slow
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    return state.startswith(_CLASSES) or state in _STATES


class Backoff:
    """Growing real-time pauses between attempts, from `first` to `longest` seconds."""

    def __init__(self, *, first: float = 0.01, longest: float = 1.0) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    async def pause(self) -> None:
        await asyncio.sleep(self._next)
        self._next = min(self._next * 2, self._longest)

    def reset(self) -> None:
        self._next = self._first
