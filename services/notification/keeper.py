"""The lock by which a sender is known to live, and what becomes of attempts whose sender does not.

An attempt on its way bears the number of an advisory lock that its sender holds on a connection of its own. Whoever
gets that lock knows that the sender is dead, frozen (PostgreSQL ends a connection that was silent for `LEASE_SECONDS`)
or cut off from the database. One that is certainly dead (`witness`) is buried at once: its attempts are recorded as
*unknown*. The others may learn it late. They let nothing leave once they were last sure of their lock `SURE_SECONDS`
ago, and ask in the very step that writes the request (`sender`); whoever found the lock free waits `SILENT_SECONDS`,
in which that step is over, too. All of this in real time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notification import records, witness
from services.notification.store import attempts
from shared.kit.clock import Clock
from shared.kit.database import transaction
from shared.kit.telemetry import log

LEASE_SECONDS = 3.0
SURE_SECONDS = 2.0
SILENT_SECONDS = 3.0

_SIGN_OF_LIFE = 0.5
_ANSWER_SECONDS = 4.0
_LOOK_EVERY = 0.5
_BURIED_AT_ONCE = 500

_LOCK = text("SELECT pg_try_advisory_lock(:key)")
_UNLOCK = text("SELECT pg_advisory_unlock(:key)")
_ALIVE = text("SELECT true")


class Keeper:
    """Holds the lock `owner` on a connection that is used for nothing but locks."""

    def __init__(self, conn: AsyncConnection, owner: int) -> None:
        self._conn = conn
        self._turn = asyncio.Lock()
        self.owner = owner
        self._sure_at = asyncio.get_running_loop().time()

    @classmethod
    @asynccontextmanager
    async def open(cls, engine: AsyncEngine) -> "AsyncIterator[Keeper]":
        """A new lock, on a connection that is never given back to the pool."""
        async with engine.connect() as conn:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            try:
                await conn.execute(text(f"SET idle_session_timeout = '{LEASE_SECONDS:g}s'"))
                with witness.number() as owner:
                    keeper = cls(conn, owner)
                    assert await keeper.lock(owner)
                    yield keeper
            finally:
                await conn.invalidate()

    @property
    def is_sure(self) -> bool:
        """Whether the lock was held so lately that what this process claimed cannot have been given up."""
        return asyncio.get_running_loop().time() - self._sure_at < SURE_SECONDS

    async def keep(self) -> None:
        """Be sure of the lock again and again, for as long as it is held.

        Raises:
            TimeoutError, DBAPIError: the connection, and with it the lock, may be gone.
        """
        while True:
            asked_at = asyncio.get_running_loop().time()
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._ask(_ALIVE)
            self._sure_at = asked_at
            await asyncio.sleep(_SIGN_OF_LIFE)

    async def lock(self, owner: int) -> bool:
        """Whether this connection holds the lock now; taken as often as this is asked."""
        return await self._ask(_LOCK, key=owner)

    async def unlock(self, owner: int) -> None:
        await self._ask(_UNLOCK, key=owner)

    async def _ask(self, statement: TextClause, **values: object) -> bool:
        async with self._turn:
            answer: bool = (await self._conn.execute(statement, values)).scalar_one()
            return answer


class Undertaker:
    """Records as unknown what senders left behind that died between the claim and the ledger."""

    def __init__(
        self, engine: AsyncEngine, keeper: Keeper, *, clock: Clock, queued: asyncio.Event, silent_seconds: float
    ) -> None:
        self._engine = engine
        self._keeper = keeper
        self._clock = clock
        self._queued = queued
        self._silent_seconds = silent_seconds
        self._gone: dict[int, float] = {}
        """Whose lock was free, and since when it is ours."""

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_EVERY)

    async def look(self) -> None:
        async with transaction(self._engine) as conn:
            owners = await attempts.other_owners(me=self._keeper.owner, conn=conn)
        for owner in owners:
            if owner not in self._gone and await self._keeper.lock(owner):
                self._gone[owner] = asyncio.get_running_loop().time()
        for owner in [owner for owner in self._gone if self._is_silent(owner)]:
            await self._bury(owner)
            await self._keeper.unlock(owner)
            del self._gone[owner]

    def _is_silent(self, owner: int) -> bool:
        waited = asyncio.get_running_loop().time() - self._gone[owner]
        return waited >= self._silent_seconds or witness.is_dead(owner)

    async def _bury(self, owner: int) -> None:
        lost = _BURIED_AT_ONCE
        while lost == _BURIED_AT_ONCE:
            async with transaction(self._engine) as conn:
                lost = await records.record_lost(owner, now=self._clock.now(), limit=_BURIED_AT_ONCE, conn=conn)
            log.warning("a sender died before it recorded its outcomes", unknown=lost)
        self._queued.set()
