"""Waiting for conditions instead of sleeping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

_PATIENCE = 120.0
_POLL = 0.02


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], *, within: float = _PATIENCE, poll: float = _POLL, what: str = ""
) -> T: ...


@overload
async def eventually(
    condition: Callable[[], T], *, within: float = _PATIENCE, poll: float = _POLL, what: str = ""
) -> T: ...


async def eventually(
    condition: Callable[[], T | Awaitable[T]], *, within: float = _PATIENCE, poll: float = _POLL, what: str = ""
) -> T:
    """Ask `condition` (plain or async) until it answers something true, and return that.

    An AssertionError inside the condition counts as "not yet". After `within` seconds the test fails with the last
    answer or assertion.
    """
    until = time.monotonic() + within
    while True:
        failed: AssertionError | None = None
        answer: T | None = None
        try:
            asked = condition()
            answer = await asked if isinstance(asked, Awaitable) else asked
        except AssertionError as error:
            failed = error
        if answer and failed is None:
            return answer
        if time.monotonic() > until:
            label = what or getattr(condition, "__name__", "the condition")
            raise AssertionError(f"{label} was not met within {within:g} s; last answer: {answer!r}") from failed
        await asyncio.sleep(poll)
