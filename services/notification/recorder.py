"""Writes down, many at a time, what attempts came to; waits for the database as long as it has to."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notification import records
from services.notification.domain.outcome import Verdict
from services.notification.records import Ended
from services.notification.store import attempts
from services.notification.telling import Outgoing
from shared.kit.clock import Clock
from shared.kit.database import transaction
from shared.kit.patience import Patience
from shared.kit.telemetry import log

_AT_ONCE = 500


class Recorder:
    """Records for the attempts of `owner`."""

    def __init__(self, engine: AsyncEngine, *, clock: Clock, owner: int) -> None:
        self._engine = engine
        self._clock = clock
        self._owner = owner
        self._patience = Patience("recorder")
        self._over: asyncio.Queue[Ended | None] = asyncio.Queue()

    def add(self, one: Outgoing, verdict: Verdict | None) -> None:
        self._over.put_nowait(records.ended(one, verdict, at=self._clock.now()))

    def close(self) -> None:
        """Let `run` end once all that was added is recorded."""
        self._over.put_nowait(None)

    async def run(self, recorded: Callable[[list[Ended]], None]) -> None:
        """Until closed. `recorded` is told what is written down, or was given up by others."""
        is_last = False
        while not is_last and (first := await self._over.get()) is not None:
            over = [first]
            while len(over) < _AT_ONCE and not self._over.empty() and not is_last:
                following = self._over.get_nowait()
                is_last = following is None
                if following is not None:
                    over.append(following)
            await self._persist(partial(self._record, over))
            recorded(over)
        await self._persist(self._release)

    async def _record(self, over: list[Ended], conn: AsyncConnection) -> None:
        count = await records.record(over, owner=self._owner, now=self._clock.now(), conn=conn)
        if count < len(over):
            log.warning("outcomes came too late: another process had given them up", count=len(over) - count)

    async def _release(self, conn: AsyncConnection) -> None:
        """What is on its way even now never left: of its claim nobody knew that it was committed."""
        await attempts.release(self._owner, conn=conn)

    async def _persist(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        while True:
            try:
                async with transaction(self._engine) as conn:
                    await work(conn)
                return self._patience.over()
            except Exception as error:
                await self._patience.bear(error)
