"""The broker as its clients find it: where it is, which life of it this is, and producers whose calls all end.

One code path for every broker: Apache Kafka, and the embedded one, which has a new port and empty topics at each start
and therefore says in a file where it is and which incarnation it is.
"""

import asyncio
import contextlib
import json
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.record import default_records
from prometheus_client import Gauge

log = structlog.get_logger(__name__)

CALL_LIMIT = 10.0
"""Real seconds that a call to the broker may take (start, stop, metadata): aiokafka's own calls may never return."""

STARTED_WITHIN = 1.0
"""Real seconds for which a start that was given up is let go on to its own end."""

MAX_BATCH_BYTES = 256 * 1024
REQUEST_TIMEOUT_MS = 10_000

_C_EXTENSION = Gauge(
    "liandu_kafka_c_extension", "1 when aiokafka runs on its C extension; without it, it is six times slower"
)


class BrokerUnavailable(Exception):
    """The broker cannot be reached, or did not answer in time. Temporary: ask again, with the address read anew."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is (`bootstrap`, as aiokafka takes it), and which life of it.

    What `incarnation` says is one thing only: offsets and acknowledgements of another incarnation mean nothing here.
    """

    spec: str
    bootstrap: str
    incarnation: str

    @classmethod
    async def resolve(cls, spec: str) -> Self:
        """The address that `LIANDU_KAFKA_BOOTSTRAP` leads to now.

        `host:port,…`: these, and the cluster's id as its incarnation. `file:PATH`: what the JSON file at PATH says,
        `{"bootstrap": "host:port", "incarnation": "…"}`; resolve again after each failure.

        Raises:
            BrokerUnavailable: nobody answers there, or the file is not there (yet).
        """
        if path := _address_file(spec):
            return cls(spec, *_read(path))
        return cls(spec, spec, await _cluster_id(spec))

    def is_current(self) -> bool:
        """False when the address file names another life of the broker by now. Cheap: one small file, or nothing."""
        path = _address_file(self.spec)
        if path is None:
            return True
        try:
            return _read(path) == (self.bootstrap, self.incarnation)
        except BrokerUnavailable:
            return False


def _address_file(spec: str) -> Path | None:
    kind, separator, path = spec.partition(":")
    return Path(path) if kind == "file" and separator else None


def _read(path: Path) -> tuple[str, str]:
    try:
        said = json.loads(path.read_text())
        return str(said["bootstrap"]), str(said["incarnation"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokerUnavailable(f"{path} names no broker: {error}") from error


async def _cluster_id(bootstrap: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        async with asyncio.timeout(CALL_LIMIT):
            await admin.start()
            return str((await admin.describe_cluster())["cluster_id"])
    except (KafkaError, OSError, TimeoutError, AssertionError) as error:
        raise BrokerUnavailable(f"no Kafka cluster answers at {bootstrap}: {error!r}") from error
    finally:
        await _within_limit(admin.close())


async def open_producer(address: BrokerAddress, *, client_id: str) -> AIOKafkaProducer:
    """A started producer: idempotent, acks=all, no linger (batches are handed over whole).

    Replace it after its first failure (an idempotent producer that missed a number stays broken) and close it with
    `close_producer`. Record timestamps are left to the broker and the client's real clock: domain time is `ce_time`.

    Raises:
        BrokerUnavailable: it did not start within `CALL_LIMIT`.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=address.bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=MAX_BATCH_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        async with asyncio.timeout(CALL_LIMIT):
            await start_client(producer.start())
    except (KafkaError, OSError, TimeoutError, AssertionError) as error:
        await close_producer(producer)
        raise BrokerUnavailable(f"no producer could be started at {address.bootstrap}: {error!r}") from error
    except BaseException:
        await close_producer(producer)
        raise
    return producer


async def start_client(starting: Coroutine[Any, Any, None]) -> None:
    """Start a client of aiokafka 0.14, which loses the connection it has just opened when its start is cancelled.

    So a start that is given up may end by itself first, for as long as `STARTED_WITHIN`.
    """
    task = asyncio.ensure_future(starting)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=STARTED_WITHIN)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Close a producer at once, whatever state it is in; what it had not sent is dropped.

    An idempotent producer retries for ever, and stop() waits for that: so there must be nothing left to wait for. This
    reaches into aiokafka 0.14, which offers no other way out.
    """
    if (sending := producer._sender.sender_task) is not None:
        # The sender may stumble over what is taken away. aiokafka's callback for that assumes a transaction and fails
        # itself; ours only takes note.
        sending.remove_done_callback(producer._sender._fail_all)
        sending.add_done_callback(lambda done: done.cancelled() or done.exception())
    _drop_unsent(producer._message_accumulator)
    await _within_limit(producer.client.close())
    await _within_limit(producer.stop())


def _drop_unsent(accumulator: MessageAccumulator) -> None:
    queued = [batch for batches in accumulator._batches.values() for batch in batches]
    accumulator._batches.clear()
    for batch in (*queued, *accumulator._pending_batches):
        batch.failure(ProducerClosed())
    for batch in queued:
        batch._drain_waiter.exception()
    accumulator._exception = ProducerClosed()


async def _within_limit(closing: object) -> None:
    """Closing something that is being given up: its errors say nothing any more."""
    with contextlib.suppress(KafkaError, OSError, TimeoutError, KeyError, AssertionError):
        async with asyncio.timeout(CALL_LIMIT):
            await closing  # type: ignore[misc]


def check_c_extension() -> bool:
    """Whether aiokafka runs on its C extension; it falls back to pure Python without a word, so this gives one."""
    in_use = str(default_records.DefaultRecordBatchBuilder.__module__).startswith("aiokafka.record._crecords")
    _C_EXTENSION.set(in_use)
    if not in_use:
        log.warning("kafka client without its C extension: six times slower", package="aiokafka")
    return in_use
