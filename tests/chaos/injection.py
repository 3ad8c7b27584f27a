"""What runs inside the services of a platform under chaos: named points where they stop dead, and sabotage.

A point does nothing until the harness puts an order for it into this service's folder (`orders.Orders`); each order is
carried out once, by whichever process comes by first. Sabotage is chosen when a process starts.
"""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.consuming import effects
from shared.kit.consuming.arrivals import Arrival, Standing
from shared.kit.consuming.effects import Effects
from shared.kit.consuming.marks import Mark, Sorted
from shared.kit.log.cursor import LogCursor
from shared.kit.log.relay import Relay
from shared.kit.timers import Timers
from shared.kit.web.http import Write

POINTS = (
    "http.before_commit",
    "http.after_commit",
    "relay.before_send",
    "relay.after_send",
    "consumer.before_transaction",
    "consumer.before_commit",
    "consumer.after_commit",
    "timers.before_commit",
    "timers.after_commit",
    "sender.before_claim_commit",
    "sender.after_claim",
    "sender.after_answer",
    "sender.after_ledger",
)
SABOTAGE = "sabotage"
_HOLD_POLL = 0.01


def install(folder: Path, argv: Sequence[str]) -> None:
    """Prepare this process, if it is one that serves (`python -m services.<name>`); leave every other alone."""
    if len(argv) != 3 or argv[1] != "-m" or not argv[2].startswith("services."):
        return
    service = argv[2].removeprefix("services.")
    points = Points(folder / service)
    _wrap_kit(points)
    if service == "notification":
        _wrap_notification(points)
    sabotage = folder / service / SABOTAGE
    if sabotage.exists():
        SABOTAGES[sabotage.read_text()]()


class Points:
    """The orders of one service: a file named like the point, renamed when its order is carried out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._passed: dict[str, int] = {}

    async def passing(self, point: str) -> None:
        if order := self._take(point):
            if order["action"] == "hold":
                while (self._folder / f"{point}.used").exists():  # noqa: ASYNC110  # another process says so
                    await asyncio.sleep(_HOLD_POLL)
            else:
                _strike(order["action"])

    def passing_now(self, point: str) -> None:
        """For code that cannot wait: no `hold`."""
        if order := self._take(point):
            _strike(order["action"])

    def _take(self, point: str) -> dict[str, Any] | None:
        file = self._folder / point
        try:
            order: dict[str, Any] = json.loads(file.read_text())
        except FileNotFoundError:
            self._passed.pop(point, None)
            return None
        self._passed[point] = self._passed.get(point, 0) + 1
        if self._passed[point] < order["hits"]:
            return None
        try:
            file.rename(file.with_name(f"{point}.used"))
        except FileNotFoundError:
            return None
        return order


def _strike(action: str) -> None:
    os.kill(os.getpid(), {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[action])


Method = Callable[..., Awaitable[Any]]


def _around(
    owner: type, name: str, *, before: Callable[..., Awaitable[None]] | None = None,
    after: Callable[..., Awaitable[None]] | None = None,
) -> None:  # fmt: skip
    """Have a method pass points: `before` is given its arguments, `after` its result."""
    method: Method = getattr(owner, name)

    async def passing(*arguments: Any, **more: Any) -> Any:
        if before is not None:
            await before(*arguments, **more)
        result = await method(*arguments, **more)
        if after is not None:
            await after(result)
        return result

    setattr(owner, name, passing)


def _wrap_kit(points: Points) -> None:
    async def at(point: str, really: object = True) -> None:
        if really:
            await points.passing(point)

    _wrap_writes(points)
    _around(Relay, "_hand_over", before=lambda *_: at("relay.before_send"))
    _around(Relay, "_acknowledged", after=lambda _: at("relay.after_send"))
    _around(
        Effects,
        "apply",
        before=lambda _, arrivals, **__: at("consumer.before_transaction", _of_projects(arrivals)),
        after=lambda done: at("consumer.after_commit", done.counts["applied"]),
    )
    _around(Effects, "_handle", after=lambda _: at("consumer.before_commit"))
    _around(Timers, "_claim", after=lambda claim: at("timers.before_commit", claim.due))
    _around(Timers, "_fire_together", after=lambda fired: at("timers.after_commit", fired))


def _of_projects(arrivals: Sequence[Arrival]) -> bool:
    return any(arrival.place is not None and arrival.topic == "liandu.projects" for arrival in arrivals)


def _wrap_writes(points: Points) -> None:
    call = Write.__call__

    async def passing(self: Write, work: Any, **more: Any) -> Any:
        async def held(conn: AsyncConnection, by: Any) -> Any:
            answer = await work(conn, by)
            await points.passing("http.before_commit")
            return answer

        response = await call(self, held, **more)
        await points.passing("http.after_commit")
        return response

    Write.__call__ = passing  # type: ignore[method-assign]


def _wrap_notification(points: Points) -> None:
    from services.notification import claims
    from services.notification.lanes import Lanes
    from services.notification.recorder import Recorder
    from services.notification.sender import Sender

    claim, add = claims.claim, Lanes.add

    async def claiming(*arguments: Any, **more: Any) -> Any:
        claimed = await claim(*arguments, **more)
        if claimed.outgoing:
            await points.passing("sender.before_claim_commit")
        return claimed

    def adding(self: Lanes, one: Any) -> None:
        points.passing_now("sender.after_claim")
        add(self, one)

    claims.claim = claiming
    Lanes.add = adding  # type: ignore[method-assign]
    _around(Sender, "send", after=lambda _: points.passing("sender.after_answer"))
    _around(Recorder, "_persist", after=lambda _: points.passing("sender.after_ledger"))


def _cursor_by_id() -> None:
    """Read on from the highest position seen."""
    look = text("SELECT min(position) AS lo, max(position) AS hi FROM event_log WHERE position > :position")
    read = text("""
        SELECT position, event_id, topic, aggregate_id, seq, type, at, actor, traceparent, CAST(data AS text) AS data
          FROM event_log WHERE position > :after AND position <= :hi ORDER BY position LIMIT :limit""")

    class ById(LogCursor):
        async def look(self, conn: AsyncConnection) -> "ById":
            found = (await conn.execute(look, {"position": self.position})).one()
            if found.hi is None:
                return self
            return ById(self.last, self.last, found.hi, found.lo - 1)

        async def read(self, conn: AsyncConnection, *, after: int, limit: int) -> Any:
            return (await conn.execute(read, {"after": after, "hi": self.hi, "limit": limit})).all()

    Relay.cursor_type = ById


def _cursor_before_send() -> None:
    """Move and save the cursor as soon as facts are read, before they are sent."""
    read = Relay._read

    async def reading(self: Relay, conn: AsyncConnection, *, after: int) -> Any:
        facts = await read(self, conn, after=after)
        if facts:
            self._cursor = self._cursor.moved_to(facts[-1].position)
            self._unsaved, self._saved_at = True, 0.0
            await self._checkpoint(conn)
        return facts

    Relay._read = reading  # type: ignore[method-assign]


def _no_epoch() -> None:
    """Move offsets without asking whose partition it is by now."""
    asks = "AND mine.epoch = batch.epoch"
    assert asks in effects._WRITE
    _spoil("_WRITE", effects._WRITE.replace(asks, ""))


def _no_watermark() -> None:
    """Apply what arrives, whether it was taken before or not."""

    def everything(arrivals: Sequence[Arrival], *_: Any) -> Sorted:
        found = Sorted()
        for arrival in arrivals:
            if arrival.standing in (Standing.AS_SENT, Standing.CONFIRMED):
                found.apply.append(arrival)
                found.moved[arrival.stream] = Mark(arrival.sent.sequence, arrival.sent.event_id)
        return found

    _spoil("sort_out", everything)


def _spoil(name: str, value: object) -> None:
    assert name in vars(effects), f"nothing there is called {name} any more"
    vars(effects)[name] = value


SABOTAGES: dict[str, Callable[[], None]] = {
    "cursor by id": _cursor_by_id,
    "cursor before send": _cursor_before_send,
    "no epoch": _no_epoch,
    "no watermark": _no_watermark,
}
