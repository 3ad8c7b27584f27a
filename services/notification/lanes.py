"""What one process holds and sends: to each robot one message after the other, many robots side by side."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from services.notification import claims, records
from services.notification.domain.outcome import Condition, Fault, Verdict
from services.notification.records import Ended
from services.notification.sender import Sender, TooLate
from services.notification.telling import Outgoing
from shared.contracts.deliveries import Outcome

_REFILL = claims.DEPTH // 2


@dataclass(slots=True)
class Lane:
    """What this process holds for one robot; the first of the queue is being sent while `calling`.

    `closed`: nothing more is claimed until all of it is recorded. `stopped`: what is left goes back to the queue.
    """

    queue: deque[Outgoing] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    calling: bool = False
    unrecorded: int = 0
    closed: bool = False
    stopped: bool = False

    @property
    def is_full(self) -> bool:
        return self.closed or self.stopped or len(self.queue) > _REFILL

    @property
    def is_idle(self) -> bool:
        return not self.queue and self.unrecorded == 0


class Lanes:
    """All lanes of a process. `may_send` is asked before each call and again when it leaves; `over` is told how each
    attempt ended, with None for what never left. `room` is set when more can be claimed, `queued` when something was
    put back; `broken` ends with the error of a lane that died."""

    def __init__(
        self,
        sender: Sender,
        *,
        concurrent_robots: int,
        may_send: Callable[[], bool],
        over: Callable[[Outgoing, Verdict | None], None],
        room: asyncio.Event,
        queued: asyncio.Event,
    ) -> None:
        self._sender = sender
        self._may_send = may_send
        self._over = over
        self._room, self._queued = room, queued
        self._lanes: dict[str, Lane] = {}
        self._slots = asyncio.Semaphore(concurrent_robots)
        self._stopping = False
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def loads(self) -> dict[str, int]:
        return {robot: len(lane.queue) for robot, lane in self._lanes.items()}

    @property
    def full(self) -> list[str]:
        return [robot for robot, lane in self._lanes.items() if lane.is_full]

    def add(self, one: Outgoing) -> None:
        lane = self._lanes.setdefault(one.robot.id, Lane())
        lane.queue.append(one)
        lane.closed = lane.closed or one.robot.condition != Condition()
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._send_all(lane), name=f"notification to {one.robot.id}")
            lane.task.add_done_callback(self._watch)

    def forget(self, recorded: Sequence[Ended]) -> None:
        for one in recorded:
            lane = self._lanes[one.robot]
            lane.unrecorded -= 1
            if lane.is_idle:
                del self._lanes[one.robot]
        self._room.set()
        if any(one.verdict is None for one in recorded):
            self._queued.set()

    def stop(self) -> None:
        """Begin no further call."""
        self._stopping = True

    async def finish(self, *, within: float) -> None:
        """Let what is being sent be answered and put the rest back; after `within` seconds no answer is waited for."""
        self.stop()
        self.broken.cancel()
        tasks = [lane.task for lane in self._lanes.values() if lane.task]
        if tasks:
            await asyncio.wait(tasks, timeout=within)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes.values():
            while lane.queue:
                self._end(lane, records.LOST if lane.calling else None)
                lane.calling = False

    def _watch(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error and not self.broken.done():
            self.broken.set_exception(error)

    async def _send_all(self, lane: Lane) -> None:
        """Send what the lane holds in order; after a failure of the robot's the rest goes back to the queue."""
        while lane.queue:
            verdict = await self._send(lane.queue[0], lane)
            self._end(lane, verdict)
            if verdict and not _goes_on(verdict):
                lane.stopped = True
            if len(lane.queue) == _REFILL:
                self._room.set()

    async def _send(self, one: Outgoing, lane: Lane) -> Verdict | None:
        if lane.stopped or self._stopping:
            return None
        if one.request is None:
            return one.verdict
        async with self._slots:
            if self._stopping or not self._may_send():
                return None
            lane.calling = True
            verdict: Verdict | None = None
            with suppress(TooLate):
                verdict = await self._sender.send(one.request, one.channel, may_send=self._may_send)
            lane.calling = False
        return verdict

    def _end(self, lane: Lane, verdict: Verdict | None) -> None:
        lane.unrecorded += 1
        self._over(lane.queue.popleft(), verdict)


def _goes_on(verdict: Verdict) -> bool:
    """Whether the robot may be sent the next message without waiting."""
    return verdict.outcome is Outcome.SENT or (verdict.outcome is Outcome.GIVE_UP and verdict.fault is Fault.MESSAGE)
