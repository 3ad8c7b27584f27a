"""The lock by which a sender is known to live, and what becomes of attempts whose sender does not.

An attempt on its way bears the number of an advisory lock that its process holds on a connection of its own. Whoever
gets that lock knows that the process is dead, or cut off from the database. One that is cut off, or was paused, learns
it late: it starts to send nothing more when it was last sure of its lock `LEASE_SECONDS` ago, and whoever found the
lock free waits until such a process has fallen silent before it records *unknown*. All of this in real time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notification import records
from services.notification.store import attempts
from shared.kit.clock import Clock
from shared.kit.database import advisory_key, transaction
from shared.kit.telemetry import log

LEASE_SECONDS = 6.0
MOURNING_SECONDS = LEASE_SECONDS + 6.0
"""A call that began within the lease has handed over its request, or failed to connect, before this is over."""

_CHECK_EVERY = 1.0
_CHECK_SECONDS = 4.0
_BURIED_AT_ONCE = 500

_LOCK = text("SELECT pg_try_advisory_lock(:key)")
_UNLOCK = text("SELECT pg_advisory_unlock(:key)")
_ALIVE = text("SELECT 1")


class Keeper:
    """Holds the lock `owner` on a connection that is used for nothing but locks."""

    def __init__(self, conn: AsyncConnection, owner: int) -> None:
        self._conn = conn
        self.owner = owner
        self._sure_at = asyncio.get_running_loop().time()

    @classmethod
    @asynccontextmanager
    async def open(cls, engine: AsyncEngine) -> "AsyncIterator[Keeper]":
        """A new lock, on a connection that is never given back to the pool."""
        async with engine.connect() as conn:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            keeper = cls(conn, advisory_key("notification", "sender", uuid4().hex))
            assert await keeper.lock(keeper.owner)
            try:
                yield keeper
            finally:
                await conn.invalidate()

    @property
    def is_sure(self) -> bool:
        """Whether the lock was held so lately that what this process claimed cannot have been given up."""
        return asyncio.get_running_loop().time() - self._sure_at < LEASE_SECONDS

    async def check(self) -> None:
        """Be sure of the lock again.

        Raises:
            TimeoutError, DBAPIError: the connection, and with it the lock, may be gone.
        """
        asked_at = asyncio.get_running_loop().time()
        async with asyncio.timeout(_CHECK_SECONDS):
            await self._conn.execute(_ALIVE)
        self._sure_at = asked_at

    async def lock(self, owner: int) -> bool:
        """Whether this connection holds the lock now; taken as often as this is asked."""
        held: bool = (await self._conn.execute(_LOCK, {"key": owner})).scalar_one()
        return held

    async def unlock(self, owner: int) -> None:
        await self._conn.execute(_UNLOCK, {"key": owner})


class Undertaker:
    """Records as unknown what senders left behind that died between the claim and the ledger."""

    def __init__(
        self, engine: AsyncEngine, keeper: Keeper, *, clock: Clock, room: asyncio.Event, mourning_seconds: float
    ) -> None:
        self._engine = engine
        self._keeper = keeper
        self._clock = clock
        self._room = room
        self._mourning_seconds = mourning_seconds
        self._died: dict[int, float] = {}

    async def run(self) -> None:
        while True:
            await self._keeper.check()
            await self._look()
            await asyncio.sleep(_CHECK_EVERY)

    async def _look(self) -> None:
        async with transaction(self._engine) as conn:
            owners = await attempts.other_owners(me=self._keeper.owner, conn=conn)
        now = asyncio.get_running_loop().time()
        for owner in owners:
            if owner not in self._died and await self._keeper.lock(owner):
                self._died[owner] = now
        for owner in [owner for owner, since in self._died.items() if now - since >= self._mourning_seconds]:
            await self._bury(owner)
            await self._keeper.unlock(owner)
            del self._died[owner]

    async def _bury(self, owner: int) -> None:
        lost = _BURIED_AT_ONCE
        while lost == _BURIED_AT_ONCE:
            async with transaction(self._engine) as conn:
                lost = await records.record_lost(owner, now=self._clock.now(), limit=_BURIED_AT_ONCE, conn=conn)
            log.warning("a sender died before it recorded its outcomes", unknown=lost)
        self._room.set()
