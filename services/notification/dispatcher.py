"""The loop that sends: claim, commit, send, record.

Each process holds an advisory lock while it lives, and its attempts on their way bear its number (`keeper`). To one
robot only one process sends at a time, one message after the other, so that a chat keeps its order (`lanes`).
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from services.notification import claims
from services.notification.claims import Claimed
from services.notification.keeper import SILENT_SECONDS, Keeper, Undertaker
from services.notification.lanes import Lanes
from services.notification.recorder import Recorder
from services.notification.sender import Sender
from services.notification.store import signal
from services.notification.telling import Teller
from shared.kit.clock import Clock
from shared.kit.database import transaction
from shared.kit.patience import Patience
from shared.kit.transient import is_waited_out

_GATHER = 0.005
_SHORTEST_REST = 0.005
_LONGEST_REST = 0.25
_LAST_WORDS_SECONDS = 1.5
_NOTHING = Claimed([], {}, all_that_is_due=True)


class Dispatcher:
    """`sender` is opened anew for each session: `lambda: Sender(…)`."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        clock: Clock,
        teller: Teller,
        sender: Callable[[], Sender],
        concurrent_robots: int,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._teller = teller
        self._open_sender = sender
        self._concurrent_robots = concurrent_robots
        self._silent_seconds = silent_seconds
        self._queued = signal.queued(engine)

    async def run(self) -> None:
        """Send until cancelled. Sessions end when the database fails, and begin anew when it is in order again.

        Cancelled, it finishes the messages that are just being sent and puts the others back.
        """
        patience = Patience("sending")
        while True:
            try:
                async with Keeper.open(self._engine) as keeper, self._open_sender() as sender:
                    await self._session(keeper, sender).run()
            except Exception as error:
                await patience.bear(error)

    def _session(self, keeper: Keeper, sender: Sender) -> "_Session":
        return _Session(
            self._engine,
            keeper,
            sender,
            clock=self._clock,
            teller=self._teller,
            queued=self._queued,
            concurrent_robots=self._concurrent_robots,
            silent_seconds=self._silent_seconds,
        )


class _Session:
    """One life under one lock."""

    def __init__(
        self,
        engine: AsyncEngine,
        keeper: Keeper,
        sender: Sender,
        *,
        clock: Clock,
        teller: Teller,
        queued: asyncio.Event,
        concurrent_robots: int,
        silent_seconds: float,
    ) -> None:
        self._engine, self._keeper, self._clock, self._teller = engine, keeper, clock, teller
        self._queued = queued
        self._room = asyncio.Event()
        self._resting: dict[str, datetime] = {}
        self._recorder = Recorder(engine, clock=clock, owner=keeper.owner)
        self._lanes = Lanes(
            sender,
            concurrent_robots=concurrent_robots,
            may_send=lambda: keeper.is_sure,
            over=self._recorder.add,
            room=self._room,
            queued=queued,
        )
        self._undertaker = Undertaker(engine, keeper, clock=clock, queued=queued, silent_seconds=silent_seconds)

    async def run(self) -> None:
        """Until cancelled, or until the database goes away: then what is over is recorded when it is back."""
        recording = asyncio.create_task(self._recorder.run(self._lanes.forget), name="notification recorder")
        loops = [
            asyncio.create_task(self._claim_all(), name="notification claimer"),
            asyncio.create_task(self._keeper.keep(), name="notification keeper"),
            asyncio.create_task(self._undertaker.run(), name="notification undertaker"),
        ]
        try:
            done, _ = await asyncio.wait([recording, *loops, self._lanes.broken], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except Exception as error:
            if is_waited_out(error):
                await self._stop_sending(loops)
                await asyncio.wait([recording])
            raise
        finally:
            await _whoever_cancels(self._finish(recording, loops))

    async def _finish(self, recording: asyncio.Task[None], loops: list[asyncio.Task[None]]) -> None:
        """Within a few seconds of real time."""
        await self._stop_sending(loops)
        await asyncio.wait([recording], timeout=_LAST_WORDS_SECONDS)
        recording.cancel()
        await asyncio.gather(recording, return_exceptions=True)

    async def _stop_sending(self, loops: list[asyncio.Task[None]]) -> None:
        self._lanes.stop()
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await self._lanes.finish(within=_LAST_WORDS_SECONDS)
        self._recorder.close()

    async def _claim_all(self) -> None:
        """What was just queued is claimed at once; where there is room again, a little later and more at a time.

        What others queue nobody announces: while it comes, it is looked for more often.
        """
        rest, woken = _SHORTEST_REST, False
        while True:
            self._queued.clear()
            self._room.clear()
            claimed = await self._claim()
            if not woken:
                rest = _SHORTEST_REST if claimed.outgoing else min(_LONGEST_REST, rest * 2)
            woken = await self._rest(rest, for_room=not claimed.all_that_is_due)
            if self._room.is_set() and not self._queued.is_set():
                await _first_of(self._queued.wait(), at_most=_GATHER)

    async def _claim(self) -> Claimed:
        if not self._keeper.is_sure:
            return _NOTHING
        now = self._clock.now()
        self._resting = {robot: until for robot, until in self._resting.items() if until > now}
        loads, except_for = self._lanes.loads, [*self._lanes.full, *self._resting]
        async with transaction(self._engine) as conn:
            claimed = await claims.claim(
                self._teller, owner=self._keeper.owner, loads=loads, except_for=except_for, now=now, conn=conn
            )
        self._resting.update(claimed.resting)
        for one in claimed.outgoing:
            self._lanes.add(one)
        return claimed

    async def _rest(self, longest: float, *, for_room: bool) -> bool:
        """Until something was queued, there is room (if asked), simulated time moved or the rest is over; whether it
        was cut."""
        awaited = [self._queued, self._room] if for_room else [self._queued]
        sleep = self._clock.sleep_until(None, at_most=longest)
        await _first_of(sleep, *(event.wait() for event in awaited), at_most=None)
        return any(event.is_set() for event in awaited)


async def _first_of(*waits: Coroutine[Any, Any, object], at_most: float | None) -> None:
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, timeout=at_most, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


async def _whoever_cancels(work: Coroutine[Any, Any, None]) -> None:
    """Do this to its end, for it is short; only then a cancellation goes on."""
    task = asyncio.create_task(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
