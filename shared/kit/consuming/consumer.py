"""The batch consumer: partitions owned and fenced in PostgreSQL, effects once, whatever Kafka repeats or loses.

A batch is one transaction: the epoch is checked and the offset moved, watermarks decide what is new, the journal notes
it, the handler does its work (`effects`). Where many records wait, two batches of different partitions are taken at the
same time. What fails is halved until the poison stands alone, and is compared with its producer's log (`taking`). Which
process reads which partition is settled in the database (`partitions`); Kafka only hears the offsets, so that its own
tools show the lag.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.topics import Topic
from shared.kit import telemetry
from shared.kit.broker import BrokerAddress, BrokerUnavailable
from shared.kit.clock import Clock
from shared.kit.consuming.arrivals import Arrival, Reader, Stream
from shared.kit.consuming.copies import Copies
from shared.kit.consuming.effects import Effects, Fenced, in_order, read_marks
from shared.kit.consuming.facts import Fact, Handler
from shared.kit.consuming.inflow import connected
from shared.kit.consuming.partitions import holding_lease
from shared.kit.consuming.session import Session, in_session
from shared.kit.consuming.set_aside import describe
from shared.kit.consuming.taking import MOST_AT_ONCE, ProducersLogs, Taken, Taker
from shared.kit.database import transaction
from shared.kit.patience import Patience

__all__ = ["Consumer", "ConsumerState", "Fact", "Handler"]

log = telemetry.log

MANY = MOST_AT_ONCE // 2
"""Records in one batch from which on there is likely to be another one."""

_BATCH = telemetry.histogram(
    "liandu_consumer_batch_seconds",
    "From a batch's arrival to its commit",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
_CONSUMING = telemetry.gauge("liandu_consumer_consuming", "1 while this process reads from the broker", ["service"])
_INTERRUPTED = telemetry.counter("liandu_consumer_interruptions_total", "Times that consuming began anew")


@dataclass(frozen=True, slots=True)
class Horizon:
    """Where the records of each partition ended at one moment, in one incarnation of the broker."""

    incarnation: str
    ends: Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """How a service's consuming stands, as this process sees it.

    `unsettled`: why not everything that was sent has been taken yet. `problems`: what a person should look at (for
    /readyz and operators). `journal`: the position of the last fact consumed.
    """

    unsettled: tuple[str, ...]
    problems: tuple[str, ...]
    journal: int
    lag: int | None
    partitions: int
    members: int
    parked: int
    rewound: int
    put_aside: int


class Consumer:
    """Consumes a service's topics for as long as the process lives; any number of processes share the partitions."""

    def __init__(
        self,
        *,
        service: str,
        topics: Sequence[Topic],
        handler: Handler,
        engine: AsyncEngine,
        broker: str,
        clock: Clock,
        back_fill: ProducersLogs,
    ) -> None:
        """`broker` has the shape of LIANDU_KAFKA_BOOTSTRAP."""
        self._service = service
        self._topics = [topic.name for topic in topics]
        self._engine = engine
        self._broker = broker
        self.reader = Reader(topics)
        self.effects = Effects(engine=engine, clock=clock, handler=handler)
        self.taker = Taker(effects=self.effects, logs=back_fill)
        self._copies = Copies(service=service, broker=broker)
        self._session: Session | None = None
        self._lacking: str | None = "not started"
        _CONSUMING.labels(service).set_function(lambda: self._session is not None and self._lacking is None)
        self.left: set[Stream] = set()
        """Streams whose producer could not be asked: the auditor brings them up to date, and takes them out."""
        self.fetching: set[Stream] = set()
        """Streams that are being brought up to date at the moment."""
        self._incarnation: str | None = None
        self._recalling = asyncio.Lock()
        self._recalled = False
        self.audit_wanted = asyncio.Event()
        """Set when records may have been lost: the broker is a new incarnation, or lacks what was not read yet, or has
        what cannot be read."""

    async def run(self) -> None:
        """Run until cancelled. Broker, database and lease are waited out, also where somebody has to mend them."""
        copying = asyncio.create_task(self._copies.run())
        patience = Patience("consumer", first=0.02, longest=2, passing=(BrokerUnavailable, Fenced))
        try:
            while True:
                try:
                    await self._consume(patience)
                except Exception as error:
                    self._lacking = describe(error)
                    _INTERRUPTED.inc()
                    await patience.bear(error)
        finally:
            copying.cancel()
            await asyncio.gather(copying, return_exceptions=True)

    async def epoch_of(self, source: str) -> str | None:
        """The life of a producer's log that is believed; None when none is yet."""
        await self._recall_epochs()
        return self.effects.log_epochs.get(source)

    def doubt(self, source: str) -> None:
        """Take nothing of this source from a topic without its producer's word, until `believe`."""
        self.effects.log_epochs.pop(source, None)

    async def believe(self, source: str, epoch: str) -> None:
        """Take as the producer's what a topic has of this life of its log: everything taken so far stands in it."""
        async with transaction(self._engine) as conn:
            await conn.execute(_BELIEVE, {"source": source, "epoch": epoch})
        self.effects.log_epochs[source] = epoch

    async def _recall_epochs(self) -> None:
        """Once: what another process of the service believes later, this one must find out for itself."""
        async with self._recalling:
            if not self._recalled:
                async with transaction(self._engine) as conn:
                    self.effects.log_epochs |= {row.source: row.epoch for row in await conn.execute(_BELIEVED)}
                self._recalled = True

    async def _consume(self, patience: Patience) -> None:
        await self._recall_epochs()
        address = await BrokerAddress.resolve(self._broker)
        group = f"liandu-{self._service}"
        async with (
            holding_lease(self._engine, service=self._service) as partitions,
            connected(address, group=group, reader=self.reader) as inflow,
            in_session(inflow, partitions, self._topics) as session,
        ):
            self._session = session
            self._compare_on_another(address)
            try:
                while True:
                    if await session.look_round():
                        self.audit_wanted.set()
                    if await self._take_some(session):
                        patience.over()
                    self._lacking = None
            finally:
                self._session = None

    def _compare_on_another(self, address: BrokerAddress) -> None:
        """What the broker before had and nobody had read is gone with it, whichever partitions this process gets."""
        if self._incarnation not in (None, address.incarnation):
            self.audit_wanted.set()
        self._incarnation = address.incarnation

    async def _take_some(self, session: Session) -> bool:
        first = await session.fetch()
        if first is None:
            self.audit_wanted.set()
        if not first:
            return False
        taking = [self._take(first, session)]
        if len(first) >= MANY:
            taking.append(self._take_besides(first, session))
        # Each to its end, whatever becomes of the other: what one of them took stays taken.
        for outcome in await asyncio.gather(*taking, return_exceptions=True):
            if outcome is not None:
                raise outcome
        if session.inflow.stepped_over:
            session.inflow.stepped_over = False
            self.audit_wanted.set()
        return True

    async def _take_besides(self, first: Sequence[Arrival], session: Session) -> None:
        """While PostgreSQL works on the first batch, read and take another of other partitions, where one waits."""
        second = await session.fetch(besides=first)
        if second is None:
            self.audit_wanted.set()
        elif second:
            await self._take(second, session)

    async def _take(self, arrivals: Sequence[Arrival], session: Session) -> None:
        with _BATCH.time():
            taken = await self.taker.take(arrivals, epochs=session.epochs)
        session.inflow.taken(arrivals)
        self._note(taken)

    async def catch_up(self, streams: Collection[Stream]) -> Taken:
        """Bring streams up to their producers' logs over HTTP; those whose producer does not answer are left."""
        self.fetching.update(streams)
        self.left.difference_update(streams)
        try:
            taken = await self.taker.catch_up(await self._last_taken(streams))
            self._note(taken)
        except BaseException:
            self.left.update(streams)
            raise
        finally:
            self.fetching.difference_update(streams)
        return taken

    async def _last_taken(self, streams: Collection[Stream]) -> dict[Stream, int]:
        async with transaction(self._engine) as conn:
            marks = await read_marks(in_order(streams), conn=conn)
        return {stream: marks[stream].seq if stream in marks else 0 for stream in streams}

    def _note(self, taken: Taken) -> None:
        self.left |= taken.left
        self._copies.offer(taken.put_aside)
        if taken.rewound:
            self.audit_wanted.set()

    async def horizon(self) -> Horizon | None:
        """What Kafka holds at present; None while there is no connection."""
        if (session := self._session) is None:
            return None
        try:
            return Horizon(session.incarnation, await session.ends())
        except BrokerUnavailable:
            return None

    async def has_passed(self, horizon: Horizon) -> bool:
        """Whether everything that Kafka held then was taken since, by whichever process (or cannot be any more)."""
        async with transaction(self._engine) as conn:
            rows = {TopicPartition(row.topic, row.partition): row for row in await conn.execute(_PARTITIONS)}
        for partition, end in horizon.ends.items():
            row = rows.get(partition)
            if end > 0 and (row is None or (row.incarnation == horizon.incarnation and row.next_offset < end)):
                return False
        return True

    async def state(self) -> ConsumerState:
        async with transaction(self._engine) as conn:
            kept = (await conn.execute(_KEPT)).one()
        session, lag = self._session, None
        unsettled, problems = [], []
        if session is None or self._lacking is not None:
            unsettled.append(f"not consuming: {self._lacking}")
        else:
            try:
                lag = sum((await session.lag()).values())
            except BrokerUnavailable as error:
                unsettled.append(str(error))
        if lag:
            unsettled.append(f"{lag} records to take")
        if session is not None and session.sharing():
            unsettled.append("partitions are changing hands")
        if kept.rewound:
            problems.append(f"{kept.rewound} streams stopped: their producer's log contradicts what was taken")
        if session is not None and session.missing and not self._broker.startswith("file:"):
            problems.append(f"the broker lacks {', '.join(session.missing)}: run `liandu topics create`")
        if kept.parked:
            problems.append(f"{kept.parked} aggregates parked")
        return ConsumerState(
            unsettled=tuple(unsettled),
            problems=tuple(problems),
            journal=kept.journal,
            lag=lag,
            partitions=len(session.epochs) if session else 0,
            members=session.members if session else 0,
            parked=kept.parked,
            rewound=kept.rewound,
            put_aside=kept.put_aside,
        )


_BELIEVED = text("SELECT source, epoch FROM producer_epoch")

_BELIEVE = text("""
INSERT INTO producer_epoch (source, epoch) VALUES (:source, :epoch)
ON CONFLICT (source) DO UPDATE SET epoch = excluded.epoch
""")

_PARTITIONS = text("SELECT topic, partition, next_offset, incarnation FROM consumer_partition")

_KEPT = text("""
SELECT (SELECT coalesce(max(position), 0) FROM journal) AS journal,
       (SELECT count(*) FROM parked_aggregate WHERE reason = 'poison') AS parked,
       (SELECT count(*) FROM parked_aggregate WHERE reason = 'rewound') AS rewound,
       (SELECT count(*) FROM set_aside WHERE redriven_at IS NULL) AS put_aside
""")
