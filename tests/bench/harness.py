"""What the benches share: figures beside their floors and aims, runs in turns, what an event costs, progress."""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import psutil  # type: ignore[import-untyped]
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.bench.ground import Ground
from tests.bench.profile import Profile, Shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`scale`: all counts times this. `rate`: facts a second where a rate is kept, `together` of them in one
    request. `hold`: real seconds for which a transaction is held open."""

    runs: int = 3
    scale: float = 1.0
    rate: float = 200.0
    together: int = 1
    hold: float = 60.0

    def count(self, usual: int) -> int:
        return max(1, int(usual * self.scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A bound on the ratio to the floor (`ratio`), or on the figure itself. Exactly one of the bounds is given."""

    at_least: float | None = None
    at_most: float | None = None
    ratio: bool = False

    def is_met(self, figure: "Figure") -> bool | None:
        measured = figure.ratio if self.ratio else figure.value
        if measured is None:
            return None
        return measured >= self.at_least if self.at_least is not None else measured <= (self.at_most or 0)

    def text(self, unit: str) -> str:
        bound = self.at_least if self.at_least is not None else self.at_most
        sign = "≥" if self.at_least is not None else "≤"
        return f"{sign} {bound:g} of the floor" if self.ratio else f"{sign} {bound:,g} {unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one event costs. Travels to other machines better than a rate.

    `statements`: those sent to PostgreSQL, without BEGIN and COMMIT; None where other processes send them.
    `cpu_us`: of the product's processes (where one process measures and works: of both); `postgres_us`: of PostgreSQL.
    """

    statements: float | None
    transactions: float
    wal_bytes: float
    cpu_us: float
    postgres_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table. `value` and `floor` in `unit`; `ratio`: the median of those of adjacent runs."""

    path: str
    what: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    aim: Aim | None = None
    cost: Cost | None = None
    floor_cost: Cost | None = None
    profile: Shares | None = None
    """Of the product's processor time, where it goes."""
    note: str = ""
    runs: tuple[tuple[float, float], ...] = ()
    """Floor and product of each pair of runs."""

    def told(self) -> dict[str, Any]:
        """As it stands in the results' file."""
        return {
            "path": self.path,
            "what": self.what,
            "value": self.value,
            "unit": self.unit,
            "floor": self.floor,
            "ratio": self.ratio,
            "aim": self.aim.text(self.unit) if self.aim else None,
            "met": self.aim.is_met(self) if self.aim else None,
            "cost": asdict(self.cost) if self.cost else None,
            "floor_cost": asdict(self.floor_cost) if self.floor_cost else None,
            "profile": self.profile,
            "note": self.note,
            "runs": self.runs,
        }


@dataclass(frozen=True, slots=True)
class InTurns:
    """Rates of floor and product, measured one after the other so that both meet the same moods of the machine."""

    pairs: tuple[tuple[float, float], ...]
    cost: Cost
    floor_cost: Cost
    profile: Shares | None = None

    @property
    def floor(self) -> float:
        return statistics.median(floor for floor, _ in self.pairs)

    @property
    def value(self) -> float:
        return statistics.median(ours for _, ours in self.pairs)

    @property
    def ratio(self) -> float:
        return statistics.median(ours / floor for floor, ours in self.pairs)

    def figure(self, path: str, what: str, unit: str, *, aim: Aim | None, note: str = "") -> Figure:
        return Figure(
            path=path, what=what, unit=unit, value=self.value, floor=self.floor, ratio=self.ratio, aim=aim,
            cost=self.cost, floor_cost=self.floor_cost, profile=self.profile, note=note, runs=self.pairs,
        )  # fmt: skip


T = TypeVar("T")
Work = Callable[["Meter"], Awaitable[None]]
"""Does a piece of work once, what counts of it inside `meter.running()`."""


async def in_turns(
    name: str, count: int, *, floor: Work, ours: Work, runs: int, ground: Ground, engine: AsyncEngine | None
) -> InTurns:
    """Floor, product, floor, product: `count` events each time. `engine`: the product's, whose statements count."""
    bare, mine, profile = Meter(ground), Meter(ground, engine), Profile()
    pairs = []
    for number in range(1, runs + 1):
        await floor(bare)
        with profile.running():
            await ours(mine)
        pairs.append((count / bare.took, count / mine.took))
        say(f"  {name} {number}/{runs}: {_told(*pairs[-1])}")
    return InTurns(tuple(pairs), mine.cost(runs * count), bare.cost(runs * count), profile.shares())


def _told(floor: float, ours: float) -> str:
    return f"{ours:,.0f}/s, floor {floor:,.0f}/s, ratio {ours / floor:.2f}"


class Meter:
    """Adds up what passes while `running`, over all its blocks."""

    def __init__(
        self, ground: Ground, engine: AsyncEngine | None = None, *, pids: Callable[[], list[int]] | None = None
    ) -> None:
        """`engine`: whose statements are counted. `pids`: the product's processes when they are not this one."""
        self._ground, self._pids = ground, pids
        self._counts_statements, self._counting = engine is not None, False
        self.statements, self.transactions, self.wal_bytes = 0, 0, 0
        self.cpu, self.postgres = 0.0, 0.0
        self.took = 0.0
        """Seconds of the last block."""
        if engine is not None:
            event.listen(engine.sync_engine, "before_cursor_execute", self._statement)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        conn = await asyncpg.connect(self._ground.postgres_url)
        try:
            before = await self._look(conn)
            self._counting, since = True, time.perf_counter()
            yield
            self._counting, self.took = False, time.perf_counter() - since
            after = await self._look(conn)
        finally:
            await conn.close()
        moved = [now - then for then, now in zip(before, after, strict=True)]
        self.transactions += int(moved[0])
        self.wal_bytes += int(moved[1])
        self.cpu += moved[2]
        self.postgres += moved[3]

    def cost(self, events: int) -> Cost:
        return Cost(
            statements=self.statements / events if self._counts_statements else None,
            transactions=self.transactions / events,
            wal_bytes=self.wal_bytes / events,
            cpu_us=self.cpu / events * 1e6,
            postgres_us=self.postgres / events * 1e6,
        )

    def _statement(self, *_: object) -> None:
        self.statements += self._counting

    async def _look(self, conn: asyncpg.Connection) -> tuple[float, float, float, float]:
        row = await conn.fetchrow(
            "SELECT sum(xact_commit)::bigint AS commits, pg_current_wal_insert_lsn() - '0/0' AS wal"
            "  FROM pg_stat_database"
        )
        mine = sum(map(cpu_of, self._pids())) if self._pids else time.process_time()
        return float(row["commits"]), float(row["wal"]), mine, cpu_of(self._ground.postgres, with_children=True)


def cpu_of(pid: int, *, with_children: bool = False) -> float:
    """CPU seconds of a process so far, with those of its children, dead ones too, where asked for."""
    total = _own_cpu(pid)
    if with_children:
        process = psutil.Process(pid)
        times = process.cpu_times()
        total += times.children_user + times.children_system
        total += sum(_own_cpu(child.pid) for child in process.children())
    return float(total)


def _own_cpu(pid: int) -> float:
    """From the scheduler's account, in nanoseconds, where the kernel keeps one; otherwise in its ticks of 10 ms."""
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except OSError:
        pass
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@asynccontextmanager
async def while_running(loop: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """One of the product's loops runs while the block lasts; what kills it ends the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(loop())
        yield
        task.cancel()


async def at_rate(items: Sequence[T], work: Callable[[T], Awaitable[None]], *, rate: float) -> float:
    """Begin `work` for each item at its moment, whether those before are done or not; the rate that was kept."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with asyncio.TaskGroup() as group:
        for number, item in enumerate(items):
            await asyncio.sleep(max(0.0, begin + number / rate - loop.time()))
            group.create_task(_one(work, item))
    return len(items) / (loop.time() - begin)


async def _one(work: Callable[[T], Awaitable[None]], item: T) -> None:
    await work(item)


def quantile(values: list[float], q: float) -> float:
    """The value that a share `q` of the sorted values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


def say(line: str) -> None:
    """Progress, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def logs_as_in_production() -> Iterator[None]:
    """Every log line is made, as in production, and written to a file that costs nothing."""
    import logging
    import os

    import structlog

    from shared.kit import telemetry

    with open(os.devnull, "w") as nowhere:
        sys.stderr, stderr = nowhere, sys.stderr
        telemetry.configure_logging("bench")
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        try:
            yield
        finally:
            sys.stderr = stderr
            structlog.reset_defaults()
