"""One connection to the broker for reading: partitions assigned by hand, every call with a limit."""

import asyncio
import contextlib
import gzip
import traceback
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError, UnsupportedCodecError

from shared.kit import telemetry
from shared.kit.broker import CALL_LIMIT, REQUEST_TIMEOUT_MS, BrokerAddress, BrokerUnavailable, start_client
from shared.kit.consuming.arrivals import Arrival, Place, Reader, Standing

FETCH_WAIT_MS = 100
"""How long the broker may hold an empty answer: also how long a partition just taken over may wait for its turn."""

CLOSE_LIMIT = 2.0

_LAG = telemetry.gauge("liandu_consumer_lag_records", "Records not yet taken", ["topic", "partition"])

_FAILURES = (KafkaError, OSError, TimeoutError, AssertionError)
_NOT_THE_BROKERS = (UnsupportedCodecError, CorruptRecordException, gzip.BadGzipFile)
"""Failures that come with what was written, and stay with it."""


class OutOfRange(Exception):
    """The broker no longer has, or does not have yet, the records that these partitions stand at."""

    def __init__(self, partitions: Collection[TopicPartition]) -> None:
        super().__init__(", ".join(f"{each.topic}/{each.partition}" for each in sorted(partitions)))
        self.partitions = partitions


class _Unreadable(Exception):
    """A batch of records that the client cannot take apart: it loses everything it had fetched with it.

    Headers that are no UTF-8, a codec that is not installed, bytes that do not decompress: anybody may write that.
    """

    def __init__(self, error: BaseException) -> None:
        super().__init__(repr(error))
        self.end = _end_of_batch(error)
        """The offset after the batch, as it says itself."""


class Inflow:
    """Reads the partitions it was assigned, from where it was told."""

    def __init__(self, kafka: AIOKafkaConsumer, address: BrokerAddress, reader: Reader) -> None:
        self.address = address
        self._kafka = kafka
        self._reader = reader
        self._suspicious = False
        self.positions: dict[TopicPartition, int] = {}
        """The next record to take of each partition that is assigned."""
        self.stepped_over = False
        """Whether records were left unread that may have been facts. For whoever asks the producers to take back."""

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """The partitions of those topics that exist. Raises: BrokerUnavailable."""
        async with _limited("metadata"):
            cluster = await self._kafka._client.fetch_all_metadata()
        return [TopicPartition(topic, each) for topic in topics for each in cluster.partitions_for_topic(topic) or ()]

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions and no others, each from its position; what was fetched before is dropped."""
        self.positions = dict(positions)
        _LAG.clear()
        if not positions:
            self._kafka.unsubscribe()
            return
        self._kafka.assign(list(positions))
        for partition, offset in positions.items():
            self._kafka.seek(partition, offset)

    def read_again(self) -> None:
        """From the positions: what was fetched and not taken comes again."""
        self.assign(self.positions)

    def taken(self, arrivals: Sequence[Arrival]) -> None:
        """Move the positions past these."""
        for arrival in arrivals:
            if (place := arrival.place) is not None:
                self.positions[TopicPartition(place.topic, place.partition)] = place.offset + 1

    async def fetch(self, *, at_most: int, wait: float, only: Collection[TopicPartition] = ()) -> list[Arrival]:
        """What has arrived, in order for each partition; empty after `wait` seconds without any.

        `only`: of these partitions; none: of all that are assigned.

        Raises:
            OutOfRange: a position is none of the broker's.
            BrokerUnavailable: it failed otherwise. In either case assign anew.
        """
        if not self.positions:
            await asyncio.sleep(wait)
            return []
        if self._suspicious:
            return [] if only else await self._fetch_one_by_one(at_most)
        try:
            found = await self._getmany(*only, at_most=at_most, wait=wait)
        except _Unreadable:
            self._suspicious = True
            self.read_again()
            return []
        return [self._read(record) for partition in sorted(found) for record in found[partition]]

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets that the next records will get. Raises: BrokerUnavailable."""
        async with _limited("end offsets"):
            return dict(await self._kafka.end_offsets(list(partitions))) if partitions else {}

    async def beginnings(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets of the oldest records there are. Raises: BrokerUnavailable."""
        async with _limited("beginning offsets"):
            return dict(await self._kafka.beginning_offsets(list(partitions)))

    async def commit(self, offsets: Mapping[TopicPartition, int], *, within: float = CALL_LIMIT) -> None:
        """Tell Kafka how far we are, for its own tools. Nothing here depends on it. Raises: BrokerUnavailable."""
        mine = {partition: offset for partition, offset in offsets.items() if partition in self.positions}
        if mine:
            async with _limited("commit", seconds=within):
                await self._kafka.commit(mine)

    def show_lag(self) -> None:
        """As far as the broker has told with the records; for the metrics."""
        for partition, position in self.positions.items():
            if (end := self._kafka.highwater(partition)) is not None:
                _LAG.labels(partition.topic, partition.partition).set(max(0, end - position))

    async def _getmany(
        self, *partitions: TopicPartition, at_most: int, wait: float
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes | None, bytes | None]]]:
        try:
            async with _limited("records"):
                found = await self._kafka.getmany(*partitions, timeout_ms=int(wait * 1000), max_records=at_most)
        except BrokerUnavailable as error:
            if isinstance(error.__cause__, OffsetOutOfRangeError):
                raise OutOfRange(list(error.__cause__.args[0])) from error
            if isinstance(error.__cause__, _NOT_THE_BROKERS):
                raise _Unreadable(error.__cause__) from error
            raise
        except Exception as error:
            raise _Unreadable(error) from error
        return dict(found)

    async def _fetch_one_by_one(self, at_most: int) -> list[Arrival]:
        """Up to the batch that cannot be read, and that one put in words: only so can it be stepped over."""
        arrivals: list[Arrival] = []
        for partition in sorted(self.positions):
            while len(arrivals) < at_most:
                try:
                    found = await self._getmany(partition, at_most=1, wait=2 * FETCH_WAIT_MS / 1000)
                except _Unreadable as error:
                    self._suspicious = False
                    return [*arrivals, await self._step_over(partition, error)]
                if not found:
                    break
                arrivals += [self._read(record) for record in found[partition]]
        self._suspicious = len(arrivals) == at_most
        return arrivals

    async def _step_over(self, partition: TopicPartition, error: _Unreadable) -> Arrival:
        async with _limited("position"):
            first = await self._kafka.position(partition)
        end, highwater = error.end or 0, self._kafka.highwater(partition) or 0
        if not first < end <= highwater:
            end = first + 1
        self._kafka.seek(partition, end)
        self.stepped_over = True
        what = "the record" if end == first + 1 else f"the records {first} to {end - 1}"
        fault = f"{what} cannot be read: {error}"
        place = Place(partition.topic, partition.partition, end - 1)
        return Arrival(place.topic, None, (), None, place, fault=fault, standing=Standing.REFUSED)

    def _read(self, record: ConsumerRecord[bytes | None, bytes | None]) -> Arrival:
        place = Place(record.topic, record.partition, record.offset)
        return self._reader.read(record.topic, record.key, record.headers, record.value, place)


def partitions_of(arrivals: Sequence[Arrival]) -> set[TopicPartition]:
    """Where these stand in Kafka."""
    return {TopicPartition(each.place.topic, each.place.partition) for each in arrivals if each.place}


def _end_of_batch(error: BaseException) -> int | None:
    """aiokafka 0.14 does not tell which batch it failed at; the frame that it failed in has it."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if (batch := frame.f_locals.get("next_batch")) is not None:
            return int(batch.next_offset)
    return None


@asynccontextmanager
async def connected(address: BrokerAddress, *, group: str, reader: Reader) -> AsyncIterator[Inflow]:
    """An inflow for the length of the block.

    Raises:
        BrokerUnavailable: it did not start within the limit.
    """
    kafka = AIOKafkaConsumer(
        bootstrap_servers=address.bootstrap,
        client_id=group,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        async with _limited("start"):
            await start_client(kafka.start())
        yield Inflow(kafka, address, reader)
    finally:
        await _close(kafka)


async def _close(kafka: AIOKafkaConsumer) -> None:
    """Whatever state it is in: stop() may wait for a broker that is gone."""
    for closing in (kafka.stop, kafka._client.close):
        with contextlib.suppress(BrokerUnavailable):
            async with _limited("close", seconds=CLOSE_LIMIT):
                await closing()


@asynccontextmanager
async def _limited(what: str, *, seconds: float = CALL_LIMIT) -> AsyncIterator[None]:
    """A call to aiokafka: it ends in time, and in success or `BrokerUnavailable`."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except _FAILURES as error:
        raise BrokerUnavailable(f"{what}: {error!r}") from error
    except asyncio.CancelledError as error:
        # aiokafka cancels its own futures when a connection breaks; that does not mean us.
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise BrokerUnavailable(f"{what}: given up by the client") from error
