"""A producer and a consumer of one topic, each with its own schema; what stands between them, the tests arrange."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.cloudevents import Envelope, source_of
from shared.contracts.event import Event
from shared.contracts.topics import Topic
from shared.kit.broker import BrokerAddress
from shared.kit.clock import Clock, SystemClock
from shared.kit.consuming.back_fill import BackFill
from shared.kit.consuming.consumer import Consumer, Fact
from shared.kit.database import open_engine, transaction
from shared.kit.log import api as log_api
from shared.kit.log.epoch import read_epoch
from shared.kit.log.eventlog import LoggedFact, NewFact, append, history, lock_heads
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import ServiceSettings
from shared.kit.web.http import create_app
from shared.kit.web.security import Authenticator, ServiceTokens
from tests.support.clock import START

SECRET = "a secret that two services of a test share"
SOURCE = source_of("alpha")


class Noted(Event):
    """What happens in the tests' streams. `word` says to the handler what to do with it."""

    type: ClassVar[str] = "cn.liandu.test.noted.v1"
    topic: ClassVar[str]
    number: int
    word: str = ""


class Unheard(Noted):
    """Of a type that the consumer does not know."""

    type: ClassVar[str] = "cn.liandu.test.unheard.v1"


def topic_named(name: str) -> Topic:
    noted = type("NotedThere", (Noted,), {"topic": name, "__annotations__": {"topic": ClassVar[str]}})
    return Topic(name, producer="alpha", consumers=("beta",), retention=timedelta(days=1), events=(noted,))


class Line(httpx.AsyncBaseTransport):
    """The line to the producer's HTTP: counts the requests, and can be cut, or held where a path ends so."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self.cut = False
        self.requests: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.held_at: str | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            raise httpx.ConnectError("the line is cut", request=request)
        self.requests.append(request.url.path)
        if self.held_at is not None and request.url.path.endswith(self.held_at):
            await self.open.wait()
        return await self._inner.handle_async_request(request)


class Alpha:
    """The producing service: a log, its HTTP, and a hand that puts records on the topic (as its relay would)."""

    def __init__(self, engine: AsyncEngine, url: str, topic: Topic, broker: str) -> None:
        self.engine = engine
        self.topic = topic
        self._broker = broker
        self._unheard = type("UnheardThere", (Unheard,), {"topic": topic.name, "__annotations__": {}})
        settings = ServiceSettings(env="test", database_url=SecretStr(url), kafka_bootstrap=broker, port=0)
        platform = Platform("alpha", settings, engine, SystemClock())
        self.app = create_app(
            Service("alpha", settings, []), platform, routers=[log_api.router],
            authenticator=Authenticator(secrets=[SECRET]),
        )  # fmt: skip
        self.line = Line(self.app)

    def hold_line(self, path: str) -> None:
        """Answer nothing to requests whose path ends so, until `line.open` is set."""
        self.line.held_at = path
        self.line.open.clear()

    async def note(self, aggregate: UUID, *words: str, at: datetime = START) -> list[LoggedFact]:
        """Append a fact for each word (its number is its sequence); the facts."""
        async with transaction(self.engine) as conn:
            last = (await lock_heads([aggregate], conn=conn)).get(aggregate, 0)
            kinds = [self._unheard if word == "unheard" else self.topic.events[0] for word in words]
            events = [
                kind(number=last + n, word=word) for n, (kind, word) in enumerate(zip(kinds, words, strict=True), 1)
            ]
            await append([NewFact(aggregate, event, at) for event in events], conn=conn, actor="test")
        async with transaction(self.engine) as conn:
            return await history(aggregate, conn=conn, after=last, limit=len(words))

    async def send(self, *facts: LoggedFact) -> None:
        """Put facts on the topic, in this order, acknowledged."""
        epoch = await self.epoch()
        await self.put(*((fact.envelope(SOURCE, epoch), fact.data.encode()) for fact in facts))

    async def send_together(self, *facts: LoggedFact) -> None:
        """The same in as few batches as Kafka's client makes of them, so that many records come with one answer."""
        epoch, address = await self.epoch(), await BrokerAddress.resolve(self._broker)
        async with AIOKafkaProducer(bootstrap_servers=address.bootstrap, acks="all", linger_ms=50) as producer:
            sent = [
                await producer.send(self.topic.name, key=each.key(), value=data, headers=each.headers())
                for each, data in ((fact.envelope(SOURCE, epoch), fact.data.encode()) for fact in facts)
            ]
            await asyncio.gather(*sent)

    async def epoch(self) -> str:
        """Which life of the log this is."""
        async with transaction(self.engine) as conn:
            return await read_epoch(conn)

    async def put(self, *records: tuple[Envelope, bytes]) -> None:
        await self.put_raw(*((each.key(), each.headers(), value) for each, value in records))

    async def put_raw(
        self, *records: tuple[bytes | None, Sequence[tuple[str, bytes]], bytes | None], partition: int | None = None
    ) -> None:
        """Put anything at all on the topic, as somebody with kcat can."""
        address = await BrokerAddress.resolve(self._broker)
        producer = AIOKafkaProducer(bootstrap_servers=address.bootstrap, acks="all", enable_idempotence=True)
        await producer.start()
        try:
            for key, headers, value in records:
                await producer.send_and_wait(
                    self.topic.name, key=key, value=value, headers=list(headers), partition=partition
                )
        finally:
            await producer.stop()


@dataclass
class Ledger:
    """A handler that writes a line for each fact, without any uniqueness, so that a doubled effect shows."""

    broken: set[str] = field(default_factory=lambda: {"poison"})
    sizes: list[int] = field(default_factory=list)
    hold: asyncio.Event | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime) -> None:
        self.sizes.append(len(facts))
        events = [fact.event for fact in facts if isinstance(fact.event, Noted)]
        assert len(events) == len(facts)
        columns = {"ids": [fact.aggregate_id for fact in facts], "numbers": [event.number for event in events]}
        await conn.execute(_WRITE_LINES, columns)
        if self.hold is not None:
            self.held.set()
            await self.hold.wait()
        if bad := [event.number for event in events if event.word in self.broken]:
            raise ValueError(f"cannot do {bad}")


_WRITE_LINES = text("""
INSERT INTO ledger (aggregate_id, number)
SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS bigint[]))
""")


class Beta:
    """The consuming service's database, and what is told of it."""

    def __init__(self, engine: AsyncEngine, alpha: Alpha, clock: Clock) -> None:
        self.engine = engine
        self.alpha = alpha
        self.clock = clock

    def back_fill(self) -> BackFill:
        auth = ServiceTokens(SECRET, service="beta")
        return BackFill(topics=[self.alpha.topic], urls={"alpha": "http://alpha"}, auth=auth, transport=self.alpha.line)

    def consumer(self, ledger: Ledger, *, engine: AsyncEngine | None = None) -> Consumer:
        return Consumer(
            service="beta",
            topics=[self.alpha.topic],
            handler=ledger,
            engine=engine or self.engine,
            broker=self.alpha._broker,
            clock=self.clock,
            back_fill=self.back_fill(),
        )

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with transaction(self.engine) as conn:
            return [tuple(row) for row in await conn.execute(text(sql))]

    async def lines(self, aggregate: UUID) -> list[int]:
        """The numbers that had their effect, in the order in which they had it."""
        return [
            n for (n,) in await self.rows(f"SELECT number FROM ledger WHERE aggregate_id = '{aggregate}' ORDER BY id")
        ]

    async def journaled(self, aggregate: UUID) -> list[int]:
        found = await self.rows(f"SELECT seq FROM journal WHERE aggregate_id = '{aggregate}' ORDER BY position")
        return [seq for (seq,) in found]

    async def mark(self, aggregate: UUID) -> int | None:
        found = await self.rows(f"SELECT seq FROM watermark WHERE aggregate_id = '{aggregate}'")
        return found[0][0] if found else None

    async def put_aside(self) -> list[tuple[Any, ...]]:
        return await self.rows("SELECT kind, seq, error FROM set_aside WHERE redriven_at IS NULL ORDER BY id")

    async def parked(self) -> list[tuple[Any, ...]]:
        return await self.rows("SELECT aggregate_id, reason FROM parked_aggregate ORDER BY aggregate_id")


async def make_alpha(database: Any, broker: str, topic: str) -> Alpha:
    url = await database.provision_kit("alpha")
    return Alpha(open_engine(url, application="alpha"), url, topic_named(topic), broker)


async def make_beta(database: Any, alpha: Alpha, clock: Clock) -> Beta:
    """A consumer that has compared itself with alpha's log before."""
    engine = open_engine(await database.provision_kit("beta"), application="beta")
    async with transaction(engine) as conn:
        await conn.execute(
            text("CREATE TABLE ledger (id bigint GENERATED ALWAYS AS IDENTITY, aggregate_id uuid, number bigint)")
        )
        believed = text("INSERT INTO producer_epoch (source, epoch) VALUES (:source, :epoch)")
        await conn.execute(believed, {"source": SOURCE, "epoch": await alpha.epoch()})
    return Beta(engine, alpha, clock)


@asynccontextmanager
async def consuming(*parts: Any) -> AsyncIterator[None]:
    """These (consumers, auditors: whatever has `run`) at work; when one dies of something, the test fails with it."""
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        died = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in died:
            raise AssertionError("a part ended by itself") from (None if task.cancelled() else task.exception())


def forged(fact: LoggedFact, **changes: Any) -> Envelope:
    """An envelope like the fact's, with another id and these changes."""
    return fact.envelope(SOURCE)._replace(event_id=uuid4(), **changes)
