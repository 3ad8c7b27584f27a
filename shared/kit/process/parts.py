"""The loops that every service has as far as it needs them: relay, consumer, timers, auditor, housekeeping."""

from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, count
from typing import Any

from fastapi import APIRouter

from shared.contracts.topics import TOPICS, Topic
from shared.kit.consuming import dead_letters, streams
from shared.kit.consuming.auditor import Auditor
from shared.kit.consuming.back_fill import BackFill
from shared.kit.consuming.consumer import Consumer
from shared.kit.consuming.facts import Handler
from shared.kit.database import snapshot
from shared.kit.log import api as log_api
from shared.kit.log.relay import Relay
from shared.kit.patience import Patience, faults
from shared.kit.process.declaration import Platform, Service
from shared.kit.process.measures import Measures
from shared.kit.settings import ServiceSettings, read_secrets
from shared.kit.timers import Timers
from shared.kit.web.http import prune_idempotency_keys
from shared.kit.web.security import ServiceTokens

CONNECTIONS = 7
"""Beyond those that requests share: the relay's own, the consumer's lease, the auditor's; two each for the consumer's
batches and for timers."""


@dataclass(slots=True)
class State:
    """What the parts tell of themselves, at one moment of the platform's time."""

    now: datetime
    reasons: list[str] = field(default_factory=list)
    next_due_at: datetime | None = None
    vector: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """What waits for a person and therefore unsettles nothing: parked aggregates, a producer that is away."""

    def due(self, moment: datetime | None) -> None:
        if moment is not None and (self.next_due_at is None or moment < self.next_due_at):
            self.next_due_at = moment


class Parts:
    """The loops of a service, wired."""

    def __init__(self, service: Service, platform: Platform) -> None:
        self._service = service
        self._platform = platform
        engine, clock = platform.engine, platform.clock
        self._relay = Relay(engine, platform.settings.kafka_bootstrap, clock=clock, service=service.name)
        self._measures = Measures(engine=engine, clock=clock, relay=self._relay, own=service.measure)
        self._timers = Timers(engine=engine, clock=clock, fire=service.fire) if service.fire else None
        self._consuming = Consuming(service.handler, platform) if service.handler else None
        consumer = self._consuming.consumer if self._consuming else None
        self._dead_letters = dead_letters.DeadLetters(engine=engine, clock=clock, consumer=consumer)
        logs = self._consuming.back_fill if self._consuming else None
        self._stopped = streams.StoppedStreams(engine=engine, consumer=consumer, logs=logs)

    @property
    def routers(self) -> list[APIRouter]:
        return [log_api.router, dead_letters.router_of(self._dead_letters), streams.router_of(self._stopped)]

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """Each runs until cancelled; one that ends by itself takes the process with it."""
        loops = {"relay": self._relay.run, "idempotency keys": self._lasting(prune_idempotency_keys)}
        loops["measures"] = self._measures.run
        if self._timers is not None:
            loops["timers"] = self._timers.run
        if self._consuming is not None:
            loops |= {"consumer": self._consuming.consumer.run, "auditor": self._consuming.auditor.run}
        for loop in self._service.loops:
            loops[_name_of(loop, loops)] = self._lasting(loop)
        return loops

    async def close(self) -> None:
        if self._consuming is not None:
            await self._consuming.back_fill.close()

    def _lasting(self, loop: Callable[[Platform], Awaitable[None]]) -> Callable[[], Coroutine[Any, Any, None]]:
        """Begins the loop anew whenever the database or a deadlock interrupted it."""

        async def lasting() -> None:
            patience = Patience(_name_of(loop), first=0.1, longest=5)
            while True:
                try:
                    return await loop(self._platform)
                except Exception as error:
                    await patience.bear(error)

        return lasting

    async def describe(self, state: State) -> None:
        """In the order in which work travels, so that none slips through between two looks: in, due, own, out."""
        state.problems += [f"{part} waits: {words}" for part, words in faults().items()]
        if self._consuming is not None:
            await self._consuming.describe(state)
        if self._timers is not None:
            timers = await self._timers.state()
            state.due(timers.next_due_at)
            if timers.due:
                state.reasons.append(f"{timers.due} timers due")
        async with snapshot(self._platform.engine) as conn:
            pending = await self._service.pending(conn, state.now)
        state.due(pending.next_due_at)
        state.reasons += pending.reasons
        relay = await self._relay.state()
        state.vector["log"] = relay.log_head
        if relay.unsent:
            state.reasons.append("facts not yet sent")


class Consuming:
    """How a service that consumes gets its facts: from Kafka, and from their producers' logs what Kafka did not bring.

    What it reads is what the topic registry names it a consumer of.
    """

    def __init__(self, handler: Handler, platform: Platform) -> None:
        """Raises ValueError when a producer's address or the secret for calling it is missing from the settings."""
        settings, engine = platform.settings, platform.engine
        read = [topic for topic in TOPICS if platform.name in topic.consumers]
        self.back_fill = BackFill(topics=read, urls=_addresses(read, settings), auth=_tokens(settings, platform.name))
        self.consumer = Consumer(
            service=platform.name,
            topics=read,
            handler=handler,
            engine=engine,
            broker=settings.kafka_bootstrap,
            clock=platform.clock,
            back_fill=self.back_fill,
        )
        self.auditor = Auditor(consumer=self.consumer, back_fill=self.back_fill, engine=engine)

    async def describe(self, state: State) -> None:
        consumer, auditor = await self.consumer.state(), await self.auditor.state()
        state.vector["journal"] = consumer.journal
        state.reasons += (*consumer.unsettled, *auditor.unsettled)
        state.problems += (*consumer.problems, *auditor.problems)


def _addresses(read: Iterable[Topic], settings: ServiceSettings) -> dict[str, str]:
    """The producers' addresses, as far as the settings name them (LIANDU_<PRODUCER>_URL)."""
    given = {topic.producer: getattr(settings, f"{topic.producer}_url", None) for topic in read}
    return {producer: url for producer, url in given.items() if url}


def _tokens(settings: ServiceSettings, service: str) -> ServiceTokens:
    if settings.jwt_secret_file is None:
        raise ValueError("services call each other with tokens of their own: set LIANDU_JWT_SECRET_FILE")
    return ServiceTokens(read_secrets(settings.jwt_secret_file)[0], service=service)


def _name_of(loop: Callable[..., object], taken: Container[str] = ()) -> str:
    name = str(getattr(loop, "__name__", type(loop).__name__))
    if name == "run":
        name = type(getattr(loop, "__self__", loop)).__name__
    return next(each for each in chain([name], (f"{name} {number}" for number in count(2))) if each not in taken)
