"""Moving simulated time so that everything due on the way happens at its own moment.

One jump would give all rungs of a case the same date. So time goes to the next moment at which any service has
something due, waits until the whole platform is settled, and goes on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

_POLL = 0.02
_LONGEST_POLL = 0.25


class NotSettled(Exception):
    """A service still holds something after the patience ran out; the message says which and what."""


@dataclass(frozen=True, slots=True)
class State:
    """A service's answer to GET /v1/platform/state."""

    service: str
    now: datetime
    next_due_at: datetime | None
    unsettled: tuple[str, ...]
    vector: Mapping[str, int]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> "State":
        due = answer["next_due_at"]
        return cls(
            service=answer["service"],
            now=datetime.fromisoformat(answer["now"]),
            next_due_at=datetime.fromisoformat(due) if due else None,
            unsettled=tuple(answer["unsettled"]),
            vector=answer["vector"],
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """All services asked at about the same time. `silent`: those that do not answer; they are left out."""

    states: Mapping[str, State]
    silent: frozenset[str]

    @property
    def vectors(self) -> dict[str, dict[str, int]]:
        return {name: dict(state.vector) for name, state in self.states.items()}

    def holding(self, now: datetime) -> list[str]:
        """Who is not done at `now`, and with what."""
        reasons = []
        for name, state in self.states.items():
            if state.now != now:
                reasons.append(f"{name}: its clock stands at {state.now.isoformat()}")
            reasons += [f"{name}: {reason}" for reason in state.unsettled]
        return reasons

    def next_due(self, after: datetime) -> datetime | None:
        dues = [state.next_due_at for state in self.states.values() if state.next_due_at is not None]
        return min((due for due in dues if due > after), default=None)


class Services:
    """Asks all services how they stand."""

    def __init__(self, clients: Mapping[str, httpx.AsyncClient]) -> None:
        self._clients = clients

    async def read(self) -> Reading:
        answers = await asyncio.gather(*(self._ask(client) for client in self._clients.values()))
        states = dict(zip(self._clients, answers, strict=True))
        return Reading(
            states={name: state for name, state in states.items() if state is not None},
            silent=frozenset(name for name, state in states.items() if state is None),
        )

    async def _ask(self, client: httpx.AsyncClient) -> State | None:
        """None: nobody listens. A service that answers with an error is there, and holds everything up until it can."""
        try:
            response = await client.get("/v1/platform/state")
        except httpx.TransportError:
            return None
        response.raise_for_status()
        return State.of(response.json())


async def settle(read: Callable[[], Awaitable[Reading]], *, now: datetime, patience: float) -> Reading:
    """Wait until nobody has anything left to do at `now`: no reasons, and the same vectors twice running.

    Raises:
        NotSettled: not within `patience` real seconds without any progress.
    """
    before: Reading | None = None
    until, wait = time.monotonic() + patience, _POLL
    while True:
        reading = await read()
        holding = reading.holding(now)
        unchanged = before is not None and before.vectors == reading.vectors and before.silent == reading.silent
        if not holding and unchanged:
            return reading
        if not unchanged:
            until, wait = time.monotonic() + patience, _POLL
        if time.monotonic() > until:
            raise NotSettled("not settled: " + "; ".join(holding or ["its numbers keep changing"]))
        before = reading
        await asyncio.sleep(wait)
        wait = min(wait * 1.5, _LONGEST_POLL)


@dataclass(frozen=True, slots=True)
class Step:
    """One moment the platform has passed. `due`: None for the last step, where nothing more was due."""

    now: datetime
    reading: Reading


async def advance(
    to: datetime,
    *,
    read: Callable[[], Awaitable[Reading]],
    set_time: Callable[[datetime], None],
    start: datetime,
    passed: Callable[[Step], None],
    patience: float = 60,
) -> int:
    """Move time from `start` to `to` through every due moment; how many steps it took.

    Raises:
        NotSettled: see `settle`; time then stands at the moment that is not done.
        ValueError: `to` lies in the past.
    """
    if to < start:
        raise ValueError(f"time only moves forward: it is {start.isoformat()} already")
    now, steps = start, 0
    reading = await settle(read, now=now, patience=patience)
    while now < to:
        due = reading.next_due(now)
        now = to if due is None else min(due, to)
        set_time(now)
        reading = await settle(read, now=now, patience=patience)
        steps += 1
        passed(Step(now, reading))
    return steps


def duration(text: str) -> timedelta:
    """`3d`, `12h`, `90m` or sums such as `1d12h`. Raises ValueError."""
    units = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
    total, number = timedelta(), ""
    for character in text:
        if character.isdigit():
            number += character
        elif character in units and number:
            total += timedelta(**{units[character]: int(number)})
            number = ""
        else:
            raise ValueError(f"{text!r} is no duration, such as 3d, 12h or 90m")
    if number or not total:
        raise ValueError(f"{text!r} is no duration, such as 3d, 12h or 90m")
    return total
