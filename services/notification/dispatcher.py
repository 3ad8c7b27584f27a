"""The loop that sends: claim, commit, send, record.

Each process holds an advisory lock while it lives, and its attempts on their way bear its number: when the lock can be
had, the process is dead and nobody knows what became of them. To one robot only one process sends at a time, one
message after the other, so that a chat keeps its order; many robots are served side by side.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notification import claims, records
from services.notification.domain.outcome import Condition, Fault, Verdict
from services.notification.records import Ended
from services.notification.sender import Sender
from services.notification.store import attempts, messages
from services.notification.telling import Outgoing, Teller
from shared.contracts.deliveries import Outcome
from shared.kit.clock import Clock
from shared.kit.database import advisory_key, transaction
from shared.kit.telemetry import log
from shared.kit.transient import Backoff, is_transient

_GATHER = 0.005
_SHORTEST_REST = 0.005
_LONGEST_REST = 0.25
_LOOK_FOR_THE_DEAD = 1.0
_RECORDED_AT_ONCE = 500
_LAST_WORDS_SECONDS = 1.5
_REFILL = claims.DEPTH // 2

_LOCK = text("SELECT pg_try_advisory_lock(:key)")
_UNLOCK = text("SELECT pg_advisory_unlock(:key)")


@dataclass(slots=True)
class Lane:
    """What this process holds for one robot.

    `closed`: nothing more is claimed until all of it is recorded. `stopped`: what is left goes back to the queue.
    """

    queue: deque[Outgoing] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    sending: bool = False
    unrecorded: int = 0
    closed: bool = False
    stopped: bool = False

    @property
    def load(self) -> int:
        return len(self.queue) + self.sending

    @property
    def is_full(self) -> bool:
        return self.closed or self.stopped or self.load > _REFILL

    @property
    def is_idle(self) -> bool:
        return self.load == 0 and self.unrecorded == 0


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
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._teller = teller
        self._open_sender = sender
        self._concurrent = concurrent_robots
        self._queued = messages.queued(engine)

    async def run(self) -> None:
        """Send until cancelled. Sessions end when the database goes away, and begin anew when it is back.

        Cancelled, it finishes the messages that are just being sent and puts the others back.
        """
        backoff = Backoff()
        while True:
            try:
                async with self._keeper() as (keeper, owner), self._open_sender() as sender:
                    backoff = Backoff()
                    await _Session(self, keeper, owner, sender).run()
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("sending paused: the database is away", error=type(error).__name__)
                await backoff.pause()

    @asynccontextmanager
    async def _keeper(self) -> AsyncIterator[tuple[AsyncConnection, int]]:
        """A connection that holds this session's lock, and the lock's number. It is never given back to the pool."""
        async with self._engine.connect() as conn:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            owner = advisory_key("notification", "sender", uuid4().hex)
            assert (await conn.execute(_LOCK, {"key": owner})).scalar_one()
            try:
                yield conn, owner
            finally:
                await conn.invalidate()


class _Session:
    """One life under one lock."""

    def __init__(self, of: Dispatcher, keeper: AsyncConnection, owner: int, sender: Sender) -> None:
        self._engine, self._clock, self._teller, self._queued = of._engine, of._clock, of._teller, of._queued
        self._keeper, self._owner, self._sender = keeper, owner, sender
        self._lanes: dict[str, Lane] = {}
        self._resting: dict[str, datetime] = {}
        self._over: asyncio.Queue[Ended | None] = asyncio.Queue()
        self._slots = asyncio.Semaphore(of._concurrent)
        self._room = asyncio.Event()
        self._stopping = False
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        recorder = asyncio.create_task(self._record_all(), name="notification recorder")
        loops = [
            asyncio.create_task(self._claim_all(), name="notification claimer"),
            asyncio.create_task(self._bury_the_dead(), name="notification undertaker"),
        ]
        try:
            done, _ = await asyncio.wait([recorder, *loops, self._broken], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            finishing = asyncio.create_task(self._finish(recorder, loops), name="notification last words")
            while not finishing.done():  # bounded by its own time limits, whoever cancels again
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(finishing)

    async def _finish(self, recorder: asyncio.Task[None], loops: list[asyncio.Task[None]]) -> None:
        """Let what is being sent be answered, put the rest back, record both: within a few seconds of real time."""
        self._stopping = True
        self._broken.cancel()
        for task in loops:
            task.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        lanes = [lane.task for lane in self._lanes.values() if lane.task]
        if lanes and not recorder.done():
            await asyncio.wait(lanes, timeout=_LAST_WORDS_SECONDS)
        for task in lanes:
            task.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self._over.put_nowait(None)
        await asyncio.wait([recorder], timeout=_LAST_WORDS_SECONDS)
        recorder.cancel()
        await asyncio.gather(recorder, return_exceptions=True)

    async def _claim_all(self) -> None:
        """What was just queued is claimed at once; where there is room again, a little later and more at a time."""
        rest = _SHORTEST_REST
        while True:
            self._queued.clear()
            self._room.clear()
            claimed = await self._claim()
            woke = await self._rest(_SHORTEST_REST if claimed else rest)
            if self._room.is_set() and not self._queued.is_set():
                await self._until(self._queued.wait(), at_most=_GATHER)
            rest = _SHORTEST_REST if claimed or woke else min(_LONGEST_REST, rest * 2)

    async def _claim(self) -> bool:
        now = self._clock.now()
        self._resting = {robot: until for robot, until in self._resting.items() if until > now}
        full = [robot for robot, lane in self._lanes.items() if lane.is_full]
        loads = {robot: lane.load for robot, lane in self._lanes.items()}
        async with transaction(self._engine) as conn:
            claimed = await claims.claim(
                self._teller,
                owner=self._owner,
                loads=loads,
                except_for=[*full, *self._resting],
                now=now,
                conn=conn,
            )
        self._resting.update(claimed.resting)
        for one in claimed.outgoing:
            self._enqueue(one)
        return bool(claimed.outgoing)

    def _enqueue(self, one: Outgoing) -> None:
        lane = self._lanes.setdefault(one.robot.id, Lane())
        lane.queue.append(one)
        lane.closed = lane.closed or one.robot.condition != Condition()
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._send_all(lane), name=f"notification to {one.robot.id}")
            lane.task.add_done_callback(self._watch)

    def _watch(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error and not self._broken.done():
            self._broken.set_exception(error)

    async def _rest(self, longest: float) -> bool:
        """Until something was queued, there is room, simulated time moved or the rest is over; whether it was cut."""
        await self._until(
            self._queued.wait(), self._room.wait(), self._clock.sleep_until(None, at_most=longest), at_most=None
        )
        return self._queued.is_set() or self._room.is_set()

    @staticmethod
    async def _until(*waits: Coroutine[Any, Any, object], at_most: float | None) -> None:
        tasks = [asyncio.create_task(wait) for wait in waits]
        try:
            done, _ = await asyncio.wait(tasks, timeout=at_most, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _send_all(self, lane: Lane) -> None:
        """Send what the lane holds in order; after a failure of the robot's the rest goes back to the queue."""
        while lane.queue:
            one = lane.queue.popleft()
            verdict = None if lane.stopped or self._stopping else await self._send(one, lane)
            lane.unrecorded += 1
            self._over.put_nowait(records.ended(one, verdict, at=self._clock.now()))
            if verdict and not _goes_on(verdict):
                lane.stopped = True
            if lane.load == _REFILL:
                self._room.set()

    async def _send(self, one: Outgoing, lane: Lane) -> Verdict:
        if one.request is None:
            assert one.verdict
            return one.verdict
        lane.sending = True
        try:
            async with self._slots:
                return await self._sender.send(one.request, one.channel)
        finally:
            lane.sending = False

    async def _record_all(self) -> None:
        while (first := await self._over.get()) is not None:
            over, is_last = [first], False
            while len(over) < _RECORDED_AT_ONCE and not self._over.empty():
                following = self._over.get_nowait()
                if following is None:
                    is_last = True
                    break
                over.append(following)
            await self._record(over)
            if is_last:
                return

    async def _record(self, over: list[Ended]) -> None:
        backoff = Backoff()
        while True:
            try:
                async with transaction(self._engine) as conn:
                    recorded = await records.record(over, owner=self._owner, now=self._clock.now(), conn=conn)
                break
            except Exception as error:
                if not is_transient(error):
                    raise
                await backoff.pause()
        if recorded < len(over):
            log.warning("outcomes came too late: another process had given them up", count=len(over) - recorded)
        self._forget(over)

    def _forget(self, over: list[Ended]) -> None:
        for one in over:
            lane = self._lanes[one.robot]
            lane.unrecorded -= 1
            if lane.is_idle:
                del self._lanes[one.robot]
        self._room.set()

    async def _bury_the_dead(self) -> None:
        """Record as unknown what processes left behind that died between the claim and the ledger."""
        while True:
            async with transaction(self._engine) as conn:
                owners = await attempts.other_owners(me=self._owner, conn=conn)
            for owner in owners:
                if (await self._keeper.execute(_LOCK, {"key": owner})).scalar_one():
                    await self._bury(owner)
                    await self._keeper.execute(_UNLOCK, {"key": owner})
            await self._keeper.execute(text("SELECT 1"))
            await asyncio.sleep(_LOOK_FOR_THE_DEAD)

    async def _bury(self, owner: int) -> None:
        lost = _RECORDED_AT_ONCE
        while lost == _RECORDED_AT_ONCE:
            async with transaction(self._engine) as conn:
                lost = await records.record_lost(owner, now=self._clock.now(), limit=_RECORDED_AT_ONCE, conn=conn)
            log.warning("a sender died before it recorded its outcomes", unknown=lost)
        self._room.set()


def _goes_on(verdict: Verdict) -> bool:
    """Whether the robot may be sent the next message without waiting."""
    return verdict.outcome is Outcome.SENT or (verdict.outcome is Outcome.GIVE_UP and verdict.fault is Fault.MESSAGE)
