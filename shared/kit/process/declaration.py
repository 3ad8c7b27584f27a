"""What a service declares of itself, and what its loops and routes are given."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit.clock import Clock
from shared.kit.consuming.facts import Handler
from shared.kit.errors import DomainError
from shared.kit.settings import ServiceSettings
from shared.kit.timers import Fire


@dataclass(frozen=True, slots=True)
class Platform:
    """What a service's own loops and routes are given (routes find it at `request.app.state.platform`)."""

    name: str
    settings: ServiceSettings
    engine: AsyncEngine
    clock: Clock


@dataclass(frozen=True, slots=True)
class Pending:
    """What a service's own work (besides log, consumer and timers) still has to do: for stepping simulated time."""

    reasons: tuple[str, ...] = ()
    """Work that is due now and not done, in English, e.g. "3 messages due"."""
    next_due_at: datetime | None = None


async def nothing_pending(conn: AsyncConnection, now: datetime) -> Pending:
    return Pending()


Measure = Callable[[AsyncConnection, datetime], Awaitable[None]]
"""Sets the gauges that a service shows besides those of every service; see `shared.kit.process.measures`."""


async def nothing_measured(conn: AsyncConnection, now: datetime) -> None:
    """For a service that shows no more."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service as its `__main__` declares it."""

    name: str
    settings: ServiceSettings
    routers: Sequence[APIRouter]
    handler: Handler | None = None
    fire: Fire | None = None
    loops: Sequence[Callable[[Platform], Awaitable[None]]] = ()
    pending: Callable[[AsyncConnection, datetime], Awaitable[Pending]] = nothing_pending
    """All that it reads on its connection is of one instant."""
    measure: Measure = nothing_measured
    """All that it reads on its connection is of one instant; it must be cheap however much there is (see Measure)."""
    statuses: Mapping[type[DomainError], int] = field(default_factory=dict)
    """HTTP statuses of the service's own domain errors; the kit's bases have theirs (404, 403, 422, 409, 412)."""
    migrations: Path | None = None
    """The folder of its chain: then the process waits until the schema is up to date (`serve_or_migrate` sets it)."""
