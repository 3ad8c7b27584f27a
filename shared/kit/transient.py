"""Which failures pass by themselves, and which last until somebody mends what the work stands on.

All else is the fault of the work in hand: repeating it helps nobody.
"""

import asyncio

from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_CLASSES = ("08", "53", "57")
"""SQLSTATE classes: connection, insufficient resources, operator intervention (shutdown, crash, cancel)."""
_STATES = ("40001", "40P01", "55P03", "25P03", "25P04")
"""Serialization failure, deadlock, lock time-out, session ended while idle in its transaction or by its length."""

_EXHAUSTED = "53"

_ENVIRONMENT = ("0A", "28", "3D", "3F", "42", "58", "F0", "XX")
"""SQLSTATE classes: what the server cannot do (a plan that a migration overtook), authorisation, no such database, no
such schema, tables, columns and rights, system error, configuration, internal error (a damaged index)."""
_READ_ONLY = "25006"
"""The server we write to is no primary (any more)."""


class EnvironmentFault(Exception):
    """The database is not as the code needs it: a column, a right, a disk. No record is to blame and every one would
    fail, so whoever gets this waits, with the work as it stands, until that is mended."""


_PASSING = (
    EnvironmentFault,
    OSError,  # no route, no such host, several addresses that all failed, too slow
    PoolTimeout,
    PendingRollbackError,  # whoever shares the connection has found it lost before
)


def is_environment(error: BaseException) -> bool:
    """Whether the fault lies in what all work stands on, so that other work would fail just the same."""
    state = sqlstate(error)
    return state.startswith(_ENVIRONMENT) or state == _READ_ONLY


def is_transient(error: BaseException) -> bool:
    """Whether the same work may well succeed when it is simply done again (the database gone, a deadlock, …)."""
    if isinstance(error, _PASSING):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = sqlstate(error)
    return state.startswith(_CLASSES) or state in _STATES


def is_waited_out(error: BaseException) -> bool:
    """Whether a loop waits and does the same work again: the failure passes by itself, or somebody mends it."""
    return is_transient(error) or is_environment(error)


def needs_mending(error: BaseException) -> bool:
    """Whether it lasts until somebody looks after the database: the environment's faults, and a disk that is full."""
    return isinstance(error, EnvironmentFault) or is_environment(error) or sqlstate(error).startswith(_EXHAUSTED)


def in_words(error: BaseException) -> str:
    """A failure as people are told it: the database's own words with their SQLSTATE, without the statement."""
    if isinstance(error, EnvironmentFault) and error.__cause__ is not None:
        error = error.__cause__
    said = str(getattr(error, "orig", None) or error) or repr(error)
    state = sqlstate(error)
    return f"{said} (SQLSTATE {state})" if state else f"{type(error).__name__}: {said}"


def sqlstate(error: BaseException) -> str:
    """What PostgreSQL said it was, of SQLAlchemy's errors and of the driver's own; empty for all others."""
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")


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
