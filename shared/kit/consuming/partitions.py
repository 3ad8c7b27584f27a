"""Who consumes which partition: settled among the processes of a service by locks in its own database.

Each process keeps one connection, its lease. On it, a shared advisory lock says that the process is a member, and an
exclusive one for each partition that it owns. When the process dies, its connection ends and all of that is free at
once. When it is merely stopped (paused, cut off), PostgreSQL ends the connection after `LEASE` seconds of silence.
Whoever takes a partition over raises its epoch; every batch compares that, so a process that wakes late writes nothing.

Partition i belongs to the member of rank i modulo members, ranked by their connections' pids, so that everybody knows
without talking; who has more than that gives it up between two batches.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
from aiokafka import TopicPartition
from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit.database import advisory_key, fetch, transaction

LEASE = 5.0
"""Real seconds of silence after which PostgreSQL takes a stopped process's partitions from it."""

SIGN_OF_LIFE = 1.0

_OWNER = f"{socket.gethostname()}:{os.getpid()}"


class LeaseLost(ConnectionError):
    """The lease's connection is gone, and all ownership with it. Begin anew."""


@dataclass(frozen=True, slots=True)
class Share:
    """A partition as this process owns it: in which epoch, and where to go on. `begun_anew`: the broker's incarnation
    is another than the one the offset belonged to, so that it starts at the beginning."""

    epoch: int
    next_offset: int
    begun_anew: bool


class Partitions:
    """The partitions that this process owns, for as long as its lease lives."""

    def __init__(self, lease: "_Lease", *, engine: AsyncEngine, service: str, pid: int) -> None:
        self._lease = lease
        self._engine = engine
        self._service = service
        self._pid = pid
        self.owned: dict[TopicPartition, Share] = {}
        self.ours: frozenset[TopicPartition] = frozenset()
        """What this process should own, as the members are now."""
        self.members = 1

    def check(self) -> None:
        """Raises: LeaseLost."""
        self._lease.check()

    async def share_out(self, partitions: Sequence[TopicPartition], *, incarnation: str) -> bool:
        """Give up what is others' now and take what is ours and free; whether anything changed.

        `partitions`: all there are. To be called between two batches: what is given up must be at rest.

        Raises:
            LeaseLost: the connection is gone.
        """
        ranks = [row.pid for row in await self._lease.execute(_MEMBERS, key=_member_key(self._service))]
        if self._pid not in ranks:
            raise LeaseLost("this process is no member any more")
        self.members, rank = len(ranks), ranks.index(self._pid)
        self.ours = frozenset(sorted(partitions)[rank :: self.members])
        surplus = sorted(self.owned.keys() - self.ours)
        await self._give_up(surplus)
        gained = await self._take(sorted(self.ours - self.owned.keys()), incarnation)
        return bool(surplus or gained)

    async def go_on_from(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note where partitions go on whose records the broker has not; only those still owned."""
        mine = sorted(offsets.keys() & self.owned.keys())
        async with transaction(self._engine) as conn:
            await fetch(
                conn,
                MOVE_OFFSETS,
                [each.topic for each in mine],
                [each.partition for each in mine],
                [self.owned[each].epoch for each in mine],
                [offsets[each] for each in mine],
            )

    async def _give_up(self, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            del self.owned[partition]
        if partitions:
            await self._lease.execute(_UNLOCK, keys=self._keys(partitions))

    async def _take(self, partitions: Sequence[TopicPartition], incarnation: str) -> bool:
        if not partitions:
            return False
        keys = dict(zip(self._keys(partitions), partitions, strict=True))
        locked = [row.key for row in await self._lease.execute(_TRY_LOCK, keys=list(keys)) if row.locked]
        free = sorted(keys[key] for key in locked)
        if not free:
            return False
        begun = await self._begin_epochs(free, incarnation)
        self.owned.update(begun)
        if busy := [each for each in free if each not in begun]:
            await self._lease.execute(_UNLOCK, keys=self._keys(busy))
        return bool(begun)

    async def _begin_epochs(
        self, partitions: Sequence[TopicPartition], incarnation: str
    ) -> Mapping[TopicPartition, Share]:
        """In the database, too: from here on the former owner's batches are refused.

        A partition with a batch under way is left for the next time: its owner may be stopped in the middle of it, and
        must not keep us from the others.
        """
        columns = {"topics": [each.topic for each in partitions], "partitions": [each.partition for each in partitions]}
        async with transaction(self._engine) as conn:
            await conn.execute(_LIMIT_IDLENESS)
            at_rest = {
                (row.topic, row.partition): row.incarnation for row in await conn.execute(_LOCK_AT_REST, columns)
            }
            known = {(row.topic, row.partition) for row in await conn.execute(_KNOWN, columns)}
            free = [each for each in partitions if each in at_rest or each not in known]
            columns = {"topics": [each.topic for each in free], "partitions": [each.partition for each in free]}
            rows = await conn.execute(_BEGIN, {**columns, "incarnation": incarnation, "owner": _OWNER})
            return {TopicPartition(row.topic, row.partition): _share(row, at_rest, incarnation) for row in rows}

    def _keys(self, partitions: Sequence[TopicPartition]) -> list[int]:
        return [advisory_key(self._service, "partition", each.topic, str(each.partition)) for each in partitions]


@asynccontextmanager
async def holding_lease(engine: AsyncEngine, *, service: str) -> AsyncIterator[Partitions]:
    """Be a member of the service's consumers for the length of the block; leave at once at its end.

    The connection is its own, beside the pool.
    """
    async with engine.connect() as pooled:
        conn = await pooled.execution_options(isolation_level="AUTOCOMMIT")
        driver = cast(asyncpg.Connection, (await conn.get_raw_connection()).driver_connection)
        await conn.run_sync(lambda connection: connection.detach())
        await conn.execute(text(f"SET idle_session_timeout = '{LEASE:g}s'"))
        pid = (await conn.execute(_JOIN, {"key": _member_key(service)})).scalar_one()
        lease = _Lease(conn)
        alive = asyncio.create_task(lease.keep_alive())
        try:
            yield Partitions(lease, engine=engine, service=service, pid=pid)
        finally:
            alive.cancel()
            await asyncio.gather(alive, return_exceptions=True)
            # Not closed with good manners: that would wait for a server that may not answer any more.
            driver.terminate()


class _Lease:
    """One connection, asked by one at a time."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn
        self._turn = asyncio.Lock()
        self._lost: Exception | None = None

    def check(self) -> None:
        if self._lost is not None:
            raise LeaseLost(str(self._lost)) from self._lost

    async def execute(self, statement: TextClause, **parameters: object) -> Sequence[Row[Any]]:
        self.check()
        async with self._turn:
            try:
                return (await self._conn.execute(statement, parameters)).all()
            except (SQLAlchemyError, OSError) as error:
                self._lost = error
                raise LeaseLost(str(error)) from error

    async def keep_alive(self) -> None:
        """Show signs of life while batches are long, and notice when the connection is gone."""
        with suppress(LeaseLost):
            while True:
                await asyncio.sleep(SIGN_OF_LIFE)
                await self.execute(_ALIVE)


def _share(row: Row[Any], known: Mapping[tuple[str, int], str], incarnation: str) -> Share:
    before = known.get((row.topic, row.partition), incarnation)
    return Share(row.epoch, row.next_offset, begun_anew=before != incarnation)


def _member_key(service: str) -> int:
    return advisory_key(service, "consumer")


_LIMITED = f"SELECT set_config('idle_in_transaction_session_timeout', '{LEASE:g}s', true)"
_LIMIT_IDLENESS = text(_LIMITED)


def move_offsets_of(topics: str, partitions: str, epochs: str, offsets: str) -> str:
    """Moves those whose epoch is still the one given, a row for each: the others have another owner.

    From here on the transaction may be idle for no longer than a lease: its process may have been stopped in the middle
    of it, and whoever takes the partitions over waits for these rows. Given are the names of the parameters.
    """
    return f"""
    UPDATE consumer_partition AS mine SET next_offset = batch.next_offset
    FROM unnest({topics}::text[], {partitions}::integer[], {epochs}::bigint[], {offsets}::bigint[])
         AS batch (topic, partition, epoch, next_offset), ({_LIMITED}) AS limited
    WHERE mine.topic = batch.topic AND mine.partition = batch.partition AND mine.epoch = batch.epoch
    RETURNING 1"""  # noqa: S608


MOVE_OFFSETS = move_offsets_of("$1", "$2", "$3", "$4")

_ALIVE = text("SELECT 1")

_JOIN = text("SELECT pg_backend_pid() AS pid FROM pg_advisory_lock_shared(:key)")

_MEMBERS = text("""
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND mode = 'ShareLock'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (CAST(classid AS bigint) << 32 | CAST(objid AS bigint)) = :key
ORDER BY pid
""")

_UNLOCK = text("SELECT pg_advisory_unlock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")

_TRY_LOCK = text("SELECT key, pg_try_advisory_lock(key) AS locked FROM unnest(CAST(:keys AS bigint[])) AS key")

_KNOWN = text("""
SELECT topic, partition, incarnation FROM consumer_partition
JOIN unnest(CAST(:topics AS text[]), CAST(:partitions AS integer[])) AS mine (topic, partition) USING (topic, partition)
""")

_LOCK_AT_REST = text(f"{_KNOWN.text} FOR UPDATE OF consumer_partition SKIP LOCKED")

_BEGIN = text("""
INSERT INTO consumer_partition AS known (topic, partition, epoch, next_offset, incarnation, owner)
SELECT topic, partition, 1, 0, :incarnation, :owner
FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS integer[])) AS mine (topic, partition)
ON CONFLICT (topic, partition) DO UPDATE SET
    epoch = known.epoch + 1,
    next_offset = CASE WHEN known.incarnation = excluded.incarnation THEN known.next_offset ELSE 0 END,
    incarnation = excluded.incarnation,
    owner = excluded.owner
RETURNING topic, partition, epoch, next_offset
""")
