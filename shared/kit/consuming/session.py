"""Consuming between two interruptions: the partitions owned and the connection they are read through, kept in step."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import TopicPartition

from shared.kit import telemetry
from shared.kit.broker import BrokerAddress, BrokerUnavailable
from shared.kit.consuming.arrivals import Arrival
from shared.kit.consuming.inflow import FETCH_WAIT_MS, Inflow, OutOfRange, partitions_of
from shared.kit.consuming.partitions import Partitions
from shared.kit.consuming.taking import MOST_AT_ONCE

log = telemetry.log

LOOK_ROUND = 0.25
"""Real seconds between two looks at members, partitions and the broker's address."""
TOPICS_EVERY = 10.0
MISSING_TOPICS_EVERY = 0.5
INCARNATION_EVERY = 5.0
COMMIT_EVERY = 1.0
LAST_COMMIT_LIMIT = 1.0

_OWNED = telemetry.gauge("liandu_consumer_partitions_owned", "Partitions that this process owns")
_MEMBERS = telemetry.gauge("liandu_consumer_members", "Processes that share the service's partitions")


class Session:
    """What a consumer has at hand while broker, database and ownership last."""

    def __init__(self, inflow: Inflow, partitions: Partitions, topics: Sequence[str]) -> None:
        self.inflow = inflow
        self._partitions = partitions
        self._topics = topics
        self._known: list[TopicPartition] = []
        self._others: frozenset[TopicPartition] = frozenset()
        self._look_at = self._topics_at = 0.0
        self._replaced = False

    @property
    def epochs(self) -> Mapping[TopicPartition, int]:
        return {partition: share.epoch for partition, share in self._partitions.owned.items()}

    @property
    def incarnation(self) -> str:
        return self.inflow.address.incarnation

    @property
    def members(self) -> int:
        return self._partitions.members

    async def look_round(self) -> bool:
        """Follow members, partitions and the broker, a few times a second; whether the auditor should compare all.

        Raises:
            BrokerUnavailable: it has moved, or does not answer.
            LeaseLost: this process owns nothing any more.
        """
        now = asyncio.get_running_loop().time()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_ROUND
        if self._replaced or not self.inflow.address.is_current():
            raise BrokerUnavailable("the broker is another one by now")
        if now >= self._topics_at:
            self._known = await self.inflow.partitions(self._topics)
            self._topics_at = now + (MISSING_TOPICS_EVERY if self.missing else TOPICS_EVERY)
        changed = await self._partitions.share_out(self._known, incarnation=self.incarnation)
        self._others = frozenset(self._known) - self._partitions.ours
        return changed and self._assign()

    def _assign(self) -> bool:
        """Read what is owned: what was read before from where it stands, the rest from where its last owner stopped."""
        owned, before = self._partitions.owned, self.inflow.positions
        self.inflow.assign({each: before.get(each, share.next_offset) for each, share in owned.items()})
        _OWNED.set(len(owned))
        _MEMBERS.set(self.members)
        log.info("partitions", owned=[f"{each.topic}/{each.partition}" for each in sorted(owned)], members=self.members)
        return any(share.begun_anew for partition, share in owned.items() if partition not in before)

    async def fetch(self, *, besides: Sequence[Arrival] = ()) -> list[Arrival] | None:
        """The next records; None when records were lost, in which case it goes on from the oldest that there are.

        `besides`: a batch that is being taken: what has arrived already, of other partitions than its own.
        """
        try:
            if not besides:
                return await self.inflow.fetch(at_most=MOST_AT_ONCE, wait=FETCH_WAIT_MS / 1000)
            others = self.inflow.positions.keys() - partitions_of(besides)
            return await self.inflow.fetch(at_most=MOST_AT_ONCE, wait=0, only=others) if others else []
        except OutOfRange as error:
            if (await BrokerAddress.resolve(self.inflow.address.spec)).incarnation != self.incarnation:
                raise BrokerUnavailable("the broker is another one by now") from error
            log.warning("the broker has not the records to go on with", partitions=str(error))
            oldest = await self.inflow.beginnings(error.partitions)
            await self._partitions.go_on_from(oldest)
            self.inflow.assign({**self.inflow.positions, **oldest})
            return None

    async def ends(self) -> dict[TopicPartition, int]:
        """Where the records of all partitions end at present, whoever owns them. Raises: BrokerUnavailable."""
        return await self.inflow.ends(await self.inflow.partitions(self._topics))

    async def lag(self) -> dict[TopicPartition, int]:
        """Records not yet taken, of all partitions but those that are others'. Raises: BrokerUnavailable."""
        ends = await self.ends()
        return {
            each: end - self.inflow.positions.get(each, 0) for each, end in ends.items() if each not in self._others
        }

    def sharing(self) -> bool:
        """Whether partitions are changing hands."""
        return self._partitions.owned.keys() != self._partitions.ours

    @property
    def missing(self) -> list[str]:
        """Topics that this broker does not have, as after its data was lost."""
        return sorted(set(self._topics) - {each.topic for each in self._known})

    async def watch_incarnation(self) -> None:
        """Notice another broker under the same address: then offsets mean nothing, though they may look right."""
        while not self.inflow.address.spec.startswith("file:"):
            await asyncio.sleep(INCARNATION_EVERY)
            with contextlib.suppress(BrokerUnavailable):
                now = await BrokerAddress.resolve(self.inflow.address.spec)
                self._replaced = now.incarnation != self.incarnation

    async def report_offsets(self) -> None:
        """Commit offsets under the group's id, best effort, for Kafka's own tools."""
        reported: dict[TopicPartition, int] = {}
        while True:
            await asyncio.sleep(COMMIT_EVERY)
            self.inflow.show_lag()
            news = dict(self.inflow.positions.items() - reported.items())
            with contextlib.suppress(BrokerUnavailable):
                await self.inflow.commit(news)
                reported.update(news)


@asynccontextmanager
async def in_session(inflow: Inflow, partitions: Partitions, topics: Sequence[str]) -> AsyncIterator[Session]:
    session = Session(inflow, partitions, topics)
    beside = [asyncio.create_task(session.watch_incarnation()), asyncio.create_task(session.report_offsets())]
    try:
        yield session
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        with contextlib.suppress(BrokerUnavailable):
            await inflow.commit(inflow.positions, within=LAST_COMMIT_LIMIT)
