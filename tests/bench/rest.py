"""A million timers at rest against a thousand: what resting costs, and how late those fire that do fall due.

Both stand in databases of their own, and are looked at in turns. What fires is a transaction that writes one state.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any
from uuid import uuid4

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.clock import SystemClock
from shared.kit.timers import Timer, Timers
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, Meter, Options, cpu_of, quantile, say, while_running
from tests.support.waiting import eventually

MANY, FEW = 1_000_000, 1_000
ROUNDS = 3
REST = 4.0
"""Real seconds of each look at rest."""
DUE, APART = 120, timedelta(milliseconds=20)
"""How many fall due in one look, and how far from each other."""

_FILL = """
INSERT INTO timer SELECT gen_random_uuid(), 'climb', clock_timestamp() + interval '1 day', NULL, '', ''
  FROM generate_series(1, $1)
"""
_SET = "INSERT INTO timer SELECT unnest($1::uuid[]), 'climb', unnest($2::timestamptz[]), NULL, '', ''"
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'bench'"
_WRITE = text("UPDATE state SET fired = fired + 1 WHERE id = 1")
_FIRED = "liandu.bench.fired"


async def measure(ground: Ground, options: Options) -> list[Figure]:
    async with _resting(ground, options.count(MANY)) as many, _resting(ground, FEW) as few:
        for number in range(1, ROUNDS + 1):
            for side in (few, many):
                await side.rest()
                await side.fire()
            say(f"  rest {number}/{ROUNDS}: {few.told()}; {many.told()}")
        return _figures(few, many)


@dataclass(slots=True)
class _Side:
    """The runner's timers in one database."""

    name: str
    db: Database
    meter: Meter
    cpu: list[float] = field(default_factory=list)
    """Milliseconds for each second at rest, of each round."""
    late: list[float] = field(default_factory=list)
    """Milliseconds from a timer's due time until its effects were committed."""

    async def rest(self) -> None:
        """Real seconds in which nothing is due."""
        async with self._running(), self.meter.running():
            before = await self._cpu()
            await asyncio.sleep(REST)
            self.cpu.append((await self._cpu() - before) / REST * 1000)

    async def _cpu(self) -> float:
        """Seconds of this process and of its connections' backends: what vacuums and writes pages after the filling
        is not theirs."""
        backends = await self.db.conn.fetch(_BACKENDS)
        return time.process_time() + sum(cpu_of(row["pid"]) for row in backends)

    async def fire(self) -> None:
        """Timers fall due one after the other while the others rest."""
        begin = SystemClock().now() + timedelta(seconds=0.5)
        moments = [begin + number * APART for number in range(DUE)]
        await self.db.conn.execute(_SET, [uuid4() for _ in moments], moments)
        wanted = len(self.late) + DUE
        async with self._running():
            await eventually(lambda: len(self.late) >= wanted, within=120)

    def told(self) -> str:
        return f"{self.name} {self.cpu[-1]:.2f} ms CPU and {self.statements:.1f} statements a second"

    @property
    def statements(self) -> float:
        return self.meter.statements / (len(self.cpu) * REST)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        timers = Timers(engine=self.db.engine, clock=SystemClock(), fire=self._fire)
        async with while_running(timers.run):
            yield

    async def _fire(self, due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        await conn.execute(_WRITE)
        (await conn.get_raw_connection()).info[_FIRED] = [timer.due_at for timer in due]

    def committed(self, connection: Any, entry: Any) -> None:
        """A connection is back in its pool: what its transaction fired is visible."""
        now = SystemClock().now()
        self.late += [(now - due_at).total_seconds() * 1000 for due_at in entry.info.pop(_FIRED, ())]


@asynccontextmanager
async def _resting(ground: Ground, count: int) -> AsyncIterator[_Side]:
    async with database(ground) as db:
        await db.conn.execute("CREATE TABLE state (id int PRIMARY KEY, fired bigint); INSERT INTO state VALUES (1, 0)")
        await db.conn.execute(_FILL, count)
        await db.conn.execute("VACUUM ANALYZE timer")
        side = _Side(f"{count:,}", db, Meter(ground, db.engine))
        event.listen(db.engine.sync_engine, "checkin", side.committed)
        yield side


def _figures(few: _Side, many: _Side) -> list[Figure]:
    late = quantile(many.late, 0.99)
    ratio = median(ours / bare for ours, bare in zip(many.cpu, few.cpu, strict=True))
    return [
        Figure(
            path="rest", what=f"{many.name} timers at rest, CPU a second", unit="ms", value=median(many.cpu),
            floor=median(few.cpu), ratio=ratio, aim=Aim(at_most=1.25, ratio=True),
            note=f"the floor is {few.name} timers; the process and its backends, {len(many.cpu) * REST:.0f} s each",
        ),
        Figure(
            path="rest", what=f"{many.name} timers at rest, statements a second", unit="", value=many.statements,
            floor=few.statements, ratio=many.statements / few.statements, aim=Aim(at_most=1.2, ratio=True),
        ),
        Figure(
            path="rest", what=f"lateness p99 among {many.name} timers", unit="ms", value=late,
            floor=quantile(few.late, 0.99), ratio=late / quantile(few.late, 0.99), aim=Aim(at_most=250),
            note=f"from due to committed, {len(many.late)} timers; p50 {quantile(many.late, 0.5):.1f} ms",
        ),
    ]  # fmt: skip
