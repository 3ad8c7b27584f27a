"""The loops that every service has as far as it needs them: relay, consumer, timers, auditor, housekeeping."""

from collections.abc import Awaitable, Callable, Container, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from shared.kit import log_api, telemetry
from shared.kit.database import transaction
from shared.kit.http import prune_idempotency_keys
from shared.kit.relay import Relay
from shared.kit.timers import Timers
from shared.kit.transient import Backoff, is_transient

if TYPE_CHECKING:
    from shared.kit.service import Platform, Service

CONNECTIONS = 4
"""Beyond those that requests share: the relay's own, and one each for consumer, timers and auditor at work."""


@dataclass(slots=True)
class State:
    """What the parts tell of themselves, at one moment of the platform's time."""

    now: datetime
    reasons: list[str] = field(default_factory=list)
    next_due_at: datetime | None = None
    vector: dict[str, int] = field(default_factory=dict)

    def due(self, moment: datetime | None) -> None:
        if moment is not None and (self.next_due_at is None or moment < self.next_due_at):
            self.next_due_at = moment


class Parts:
    """The loops of a service, wired."""

    def __init__(self, service: "Service", platform: "Platform") -> None:
        self._service = service
        self._platform = platform
        engine, clock = platform.engine, platform.clock
        self._relay = Relay(engine, platform.settings.kafka_bootstrap, clock=clock, service=service.name)
        self._timers = Timers(engine=engine, clock=clock, fire=service.fire) if service.fire else None

    @property
    def routers(self) -> list[APIRouter]:
        return [log_api.router]

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Each runs until cancelled; one that ends by itself takes the process with it."""
        loops = {"relay": self._relay.run, "idempotency keys": self._lasting(prune_idempotency_keys)}
        if self._timers is not None:
            loops["timers"] = self._timers.run
        for loop in self._service.loops:
            loops[_name_of(loop, loops)] = self._lasting(loop)
        return loops

    def _lasting(self, loop: Callable[["Platform"], Awaitable[None]]) -> Callable[[], Coroutine[Any, Any, None]]:
        """Begins the loop anew whenever the database or a deadlock interrupted it."""

        async def lasting() -> None:
            backoff = Backoff(first=0.1, longest=5)
            while True:
                try:
                    return await loop(self._platform)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    telemetry.log.warning("loop interrupted", loop=_name_of(loop), error=str(error) or repr(error))
                await backoff.pause()

        return lasting

    async def describe(self, state: State) -> None:
        relay = await self._relay.state()
        state.vector["log"] = relay.log_head
        if relay.unsent:
            state.reasons.append("facts not yet sent")
        if self._timers is not None:
            timers = await self._timers.state()
            state.due(timers.next_due_at)
            if timers.due:
                state.reasons.append(f"{timers.due} timers due")
        async with transaction(self._platform.engine) as conn:
            pending = await self._service.pending(conn, state.now)
        state.due(pending.next_due_at)
        state.reasons += pending.reasons


def _name_of(loop: Callable[..., object], taken: Container[str] = ()) -> str:
    name = str(getattr(loop, "__name__", type(loop).__name__))
    return next(each for each in chain([name], (f"{name} {number}" for number in count(2))) if each not in taken)
