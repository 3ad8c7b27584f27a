"""The relay: from a service's log to Kafka, everything, in order for each aggregate, at least once."""

import asyncio
import contextlib
from collections import Counter as Tally
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit.broker import check_c_extension
from shared.kit.clock import Clock
from shared.kit.database import advisory_key
from shared.kit.log import eventlog
from shared.kit.log.cursor import BEFORE_ALL, LogCursor
from shared.kit.log.epoch import begin_epoch, read_epoch
from shared.kit.log.eventlog import LoggedFact
from shared.kit.log.publisher import NotPublished, Publisher, Sending
from shared.kit.patience import Patience
from shared.kit.transient import Backoff

log = structlog.get_logger(__name__)

SLICE = 1000
CHECKPOINT_EVERY = 1.0
CANDIDATE_POLL = 0.25
LEASE = 5.0
"""Real seconds of silence after which PostgreSQL takes the leadership from a process that stands still."""
SIGN_OF_LIFE = 1.0
SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.25

_RELAYED = Counter("liandu_relay_events_total", "Events that the broker acknowledged", ["topic"])
_FAILURES = Counter("liandu_relay_failures_total", "Interruptions of the relay", ["part"])
_LEADING = Gauge("liandu_relay_leading", "1 in the process whose relay leads")

_CURSOR = "kafka"

_T = TypeVar("_T")

_ALIVE = text("SELECT 1")

_TRY_LOCK = text("SELECT pg_try_advisory_lock(:key)")

_PRECONDITIONS = text("""
SELECT pg_is_in_recovery() AS standby,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('default_transaction_isolation') AS isolation,
       (SELECT seqcache FROM pg_sequence
         WHERE seqrelid = CAST(pg_get_serial_sequence('event_log', 'position') AS regclass)) AS sequence_cache
""")

_FUTURE_XIDS = text("""
SELECT EXISTS (SELECT FROM event_log WHERE xid >= pg_snapshot_xmax(pg_current_snapshot()))
    OR EXISTS (SELECT FROM relay_cursor
                WHERE pg_snapshot_xmax(coalesce(target, last)) > pg_snapshot_xmax(pg_current_snapshot()))
""")

_FIRST_CURSOR = text("""
INSERT INTO relay_cursor (name, revision, last, position)
VALUES (:name, 0, CAST(CAST(:last AS text) AS pg_snapshot), 0)
    ON CONFLICT (name) DO NOTHING
""")

_TAKE_CURSOR = text("""
UPDATE relay_cursor SET revision = revision + 1 WHERE name = :name
RETURNING revision, CAST(last AS text) AS last, CAST(target AS text) AS target, coalesce(hi, 0) AS hi, position,
          incarnation
""")

_READ_CURSOR = text("""
SELECT CAST(last AS text) AS last, CAST(target AS text) AS target, coalesce(hi, 0) AS hi, position
  FROM relay_cursor WHERE name = :name
""")

_MOVE_CURSOR = text("""
UPDATE relay_cursor
   SET revision = revision + 1,
       last = CAST(CAST(:last AS text) AS pg_snapshot), target = CAST(CAST(:target AS text) AS pg_snapshot),
       hi = :hi, position = :position, incarnation = :incarnation
 WHERE name = :name AND revision = :revision
""")

_LOG_HEAD = text("SELECT coalesce(max(position), 0) FROM event_log")

_FORGET_XIDS = text("""
UPDATE event_log AS fact
   SET xid = CASE WHEN EXISTS (
                 SELECT FROM relay_cursor AS c
                  WHERE c.name = :name
                    AND (pg_visible_in_snapshot(fact.xid, c.last)
                         OR fact.position <= c.position AND pg_visible_in_snapshot(fact.xid, c.target)))
             THEN CAST('0' AS xid8) ELSE CAST('1' AS xid8) END
""")

_BEGIN_ANEW = text("""
UPDATE relay_cursor
   SET revision = revision + 1, last = CAST(CAST(:last AS text) AS pg_snapshot), target = NULL, hi = NULL
 WHERE name = :name
""")


class LeadershipLost(Exception):
    """Another relay has moved the cursor: this one was paused for too long, and steps down."""


class UnsafeDatabase(RuntimeError):
    """The log cannot be read safely on this database; the text says which setting is wrong."""


class RestoredDump(RuntimeError):
    """The log was restored from a dump: its transaction ids are of another server's life, and mean nothing here."""

    def __init__(self) -> None:
        super().__init__(
            "the event log holds transaction ids of the future: this database was restored from a dump by other means"
            " than `liandu restore`. Begin a new epoch of its log: `liandu restore --already-restored` (docs/backup.md)"
        )


@dataclass(frozen=True, slots=True)
class RelayState:
    """For stepping simulated time. `unsent`: a committed fact is not yet acknowledged; `log_head`: highest position."""

    unsent: bool
    log_head: int


class Relay:
    """Sends what the log holds and the broker does not have.

    Every process of a service runs one; one leads, by a session advisory lock on a connection of its own (out of the
    engine's pool, for good). All its statements run on that connection: when it is lost, so is the lock, and the next
    statement ends the leadership; PostgreSQL ends the connection of a process that stands still for `LEASE` seconds.
    The cursor moves only after the broker acknowledged, by compare-and-set, at most once a second: a relay that was
    paused and wakes after another took over can still send what it held in its hands, and then steps down. So records
    may come twice and, after a change of leaders, late; consumers go by the sequence.

    A broker that lost its data (a new incarnation) is not sent the past again: the cursor stands, and each consumer's
    auditor finds what it misses and fetches it over HTTP.
    """

    cursor_type: type[LogCursor] = LogCursor

    def __init__(
        self, engine: AsyncEngine, broker: str, *, clock: Clock, service: str, slice_size: int = SLICE
    ) -> None:
        """`broker` has the shape of LIANDU_KAFKA_BOOTSTRAP. `slice_size`: facts in one round of sending."""
        self._engine = engine
        self._clock = clock
        self._service = service
        self._slice_size = slice_size
        self._publisher = Publisher(broker, service=service)
        self._appended = eventlog.appended(engine)
        self._patience = Patience("relay", passing=(LeadershipLost,))
        self._leading = False
        self._cursor = self.cursor_type(BEFORE_ALL)
        self._revision = 0
        self._unsaved = False
        self._saved_at = 0.0
        self._unsent_since: datetime | None = None

    @property
    def unsent_seconds(self) -> float:
        """Age of the oldest fact that is being sent, in the platform's time; 0 where all is sent, or another leads."""
        since = self._unsent_since
        return 0.0 if since is None else max(0.0, (self._clock.now() - since).total_seconds())

    async def run(self) -> None:
        """Relay until cancelled; outlives the loss of the database, of the broker and of the leadership, and waits for
        a database that somebody has to mend.

        Raises:
            UnsafeDatabase: see there.
            RestoredDump: see there. Nothing is sent until a person has looked at it.
        """
        check_c_extension()
        try:
            while True:
                try:
                    async with self._leadership() as conn:
                        await self._lead(conn)
                except Exception as error:
                    _FAILURES.labels("database").inc()
                    await self._patience.bear(error)
        finally:
            await self._publisher.close()

    async def state(self) -> RelayState:
        """Whether anything is unsent, as of now. Exact in the process that leads; elsewhere up to a second behind."""
        async with self._engine.connect() as conn:
            cursor = self._cursor if self._leading else await self._saved_cursor(conn)
            unsent = not cursor.at_rest or not (await cursor.look(conn)).at_rest
            return RelayState(unsent=unsent, log_head=(await conn.execute(_LOG_HEAD)).scalar_one())

    @asynccontextmanager
    async def _leadership(self) -> AsyncIterator[AsyncConnection]:
        conn = await self._engine.connect()
        try:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            await conn.execute(text(f"SET idle_session_timeout = '{LEASE:g}s'"))
            await self._win(conn)
            yield conn
        finally:
            self._leading = False
            self._unsent_since = None
            _LEADING.set(0)
            # The lock belongs to the session: back in the pool, the connection would keep it.
            with contextlib.suppress(Exception):
                await conn.invalidate()
            await conn.close()

    async def _win(self, conn: AsyncConnection) -> None:
        """Try until nobody else leads. A blocking lock would hold a snapshot, and with it the vacuum, all the while."""
        key = {"key": advisory_key(self._service, "relay")}
        while True:
            if (await conn.execute(_TRY_LOCK, key)).scalar_one():
                return
            await asyncio.sleep(CANDIDATE_POLL)

    async def _lead(self, conn: AsyncConnection) -> None:
        await _require_safe_database(conn)
        await self._take_cursor(conn)
        log.info("relay leads", service=self._service, position=self._cursor.position)
        _LEADING.set(1)
        pause, woken = SHORTEST_PAUSE, False
        while True:
            self._appended.clear()
            if self._cursor.at_rest:
                self._cursor = await self._cursor.look(conn)
            if not self._cursor.at_rest:
                await self._relay_batch(conn)
                # Others' facts nobody announces: while they come, they are looked for more often.
                pause = pause if woken else SHORTEST_PAUSE
            else:
                await self._checkpoint(conn)
                pause = pause if woken else min(pause * 2, LONGEST_PAUSE)
            self._unsent_since = None
            self._patience.over()
            woken = await self._rest(pause)

    async def _take_cursor(self, conn: AsyncConnection) -> None:
        await conn.execute(_FIRST_CURSOR, {"name": _CURSOR, "last": BEFORE_ALL})
        taken = (await conn.execute(_TAKE_CURSOR, {"name": _CURSOR})).one()
        self._cursor = self.cursor_type(taken.last, taken.target, taken.hi, taken.position)
        self._revision = taken.revision
        self._publisher.epoch = await read_epoch(conn)
        self._unsaved = False
        self._leading = True

    async def _rest(self, pause: float) -> bool:
        """Wait for `pause` seconds, or until a transaction of this process has appended (then true)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._appended.wait()
        return self._appended.is_set()

    async def _relay_batch(self, conn: AsyncConnection) -> None:
        """Send the batch under way to its end, again from the first failed fact as often as it takes."""
        backoff = Backoff(first=0.05)
        while not self._cursor.at_rest:
            try:
                await self._relay_slices(conn, backoff)
                self._cursor = self._cursor.finished()
                self._unsaved = True
                await self._checkpoint(conn)
            except NotPublished as failure:
                _FAILURES.labels("broker").inc()
                log.warning("relay could not send", service=self._service, reason=str(failure))
                self._cursor = self._cursor.moved_to(failure.position - 1)
                await backoff.pause()

    async def _relay_slices(self, conn: AsyncConnection, backoff: Backoff) -> None:
        facts = await self._read(conn, after=self._cursor.position)
        while facts:
            self._unsent_since = facts[0].at
            sending = await _showing_life(conn, self._hand_over(facts))
            # The next slice is read while this one is on its way.
            following = await self._read(conn, after=facts[-1].position)
            await _showing_life(conn, self._acknowledged(sending))
            self._moved(facts)
            backoff.reset()
            if following:
                await self._checkpoint(conn)
            facts = following

    async def _read(self, conn: AsyncConnection, *, after: int) -> Sequence[LoggedFact]:
        if after >= self._cursor.hi:
            return ()
        return await self._cursor.read(conn, after=after, limit=self._slice_size)

    async def _hand_over(self, facts: Sequence[LoggedFact]) -> Sending:
        return await self._publisher.hand_over(facts)

    async def _acknowledged(self, sending: Sending) -> None:
        await self._publisher.acknowledged(sending)

    def _moved(self, facts: Sequence[LoggedFact]) -> None:
        self._cursor = self._cursor.moved_to(facts[-1].position)
        self._unsaved = True
        for topic, count in Tally(fact.topic for fact in facts).items():
            _RELAYED.labels(topic).inc(count)

    async def _checkpoint(self, conn: AsyncConnection) -> None:
        """Save the cursor, if it moved and was not saved for a second: a row updated more often bloats while any
        transaction is held open.

        Raises:
            LeadershipLost: somebody else has saved it since.
        """
        now = asyncio.get_running_loop().time()
        if not self._unsaved or now - self._saved_at < CHECKPOINT_EVERY:
            return
        cursor = self._cursor
        moved = await conn.execute(
            _MOVE_CURSOR,
            {
                "name": _CURSOR,
                "revision": self._revision,
                "last": cursor.last,
                "target": cursor.target,
                "hi": None if cursor.at_rest else cursor.hi,
                "position": cursor.position,
                "incarnation": self._publisher.incarnation,
            },
        )
        if moved.rowcount != 1:
            raise LeadershipLost(f"the cursor has left revision {self._revision}")
        self._revision += 1
        self._unsaved = False
        self._saved_at = now

    async def _saved_cursor(self, conn: AsyncConnection) -> LogCursor:
        saved = (await conn.execute(_READ_CURSOR, {"name": _CURSOR})).one_or_none()
        if saved is None:
            return self.cursor_type(BEFORE_ALL)
        return self.cursor_type(saved.last, saved.target, saved.hi, saved.position)


async def _showing_life(conn: AsyncConnection, work: Coroutine[Any, Any, _T]) -> _T:
    """Do work that does not use the connection and may take longer than the lease, such as waiting for a broker."""
    task = asyncio.create_task(work)
    try:
        while not (await asyncio.wait([task], timeout=SIGN_OF_LIFE))[0]:
            await conn.execute(_ALIVE)
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _require_safe_database(conn: AsyncConnection) -> None:
    found = (await conn.execute(_PRECONDITIONS)).one()
    wrong = {
        "it is a standby": found.standby,
        f"synchronous_commit is {found.synchronous_commit}": found.synchronous_commit == "off",
        f"default_transaction_isolation is {found.isolation}": found.isolation != "read committed",
        f"the sequence of positions caches {found.sequence_cache}": found.sequence_cache != 1,
    }
    if reasons := [reason for reason, is_wrong in wrong.items() if is_wrong]:
        raise UnsafeDatabase(f"facts could be lost on this database: {', '.join(reasons)}")
    if (await conn.execute(_FUTURE_XIDS)).scalar_one():
        raise RestoredDump


async def reset_after_restore(conn: AsyncConnection, *, service: str) -> int:
    """Make a log that was restored from a dump readable on its new server, and begin a new epoch of it (`log.epoch`);
    how many facts it holds.

    Transaction ids of the old server are forgotten, and with them nothing else: a fact that the cursor of the dump
    says was sent gets xid 0, visible in every snapshot; one that it does not gets xid 1 and is sent anew, in order of
    position. Rewrites the whole table, in the transaction of `conn`. What the broker or a consumer has lost besides is
    for the auditors; consumers that were told what the log does not hold any more stop those streams.

    Raises:
        LeadershipLost: a relay of the service is running; stop the service first.
    """
    lock = text("SELECT pg_try_advisory_xact_lock(:key)")
    if not (await conn.execute(lock, {"key": advisory_key(service, "relay")})).scalar_one():
        raise LeadershipLost("a relay leads on this database; stop the service first")
    forgotten = await conn.execute(_FORGET_XIDS, {"name": _CURSOR})
    await conn.execute(_BEGIN_ANEW, {"name": _CURSOR, "last": BEFORE_ALL})
    await begin_epoch(conn)
    return forgotten.rowcount
