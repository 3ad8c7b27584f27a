"""Facts at a rate over the real processes, for an hour or two minutes: what grows, and whether it should.

    python -m tests.bench.soak [--minutes 60] [--rate 100] [--chart FILE.svg] [--embedded]

Projects with ten lines each, and nine lines met for each, every one of which ends at a robot: none may be lost or come
twice.
"""

import argparse
import asyncio
import sys
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil  # type: ignore[import-untyped]
import uvloop

from tests.bench import chart, results
from tests.bench.ground import Ground, kafka_can_run, standing
from tests.bench.harness import cpu_of, quantile, say
from tests.bench.platform import LINES, Clerk, Line, Platform, running_platform
from tests.bench.robot import QuickRobot, running_robot
from tests.support.waiting import eventually

SAMPLES = 120
"""In the whole soak, at most one a second."""
AHEAD = 30
"""Projects recorded before the first fact, so that there is always a line to be met."""

_COMMITTED = """
SELECT data->>'milestone_id' AS milestone, extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) AS at
  FROM intake.event_log WHERE position > $1 AND type = 'cn.liandu.milestone.met.v1'
"""
_SIZES = """
SELECT nspname AS service, sum(pg_table_size(c.oid))::bigint AS tables, sum(pg_indexes_size(c.oid))::bigint AS indexes
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE relkind = 'r' AND nspname IN ('intake', 'assessment', 'notification') GROUP BY nspname
"""
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


@dataclass(slots=True)
class Soak:
    """`samples`: one dictionary of numbers for each moment, `at` in seconds from the start."""

    platform: Platform
    clerk: Clerk
    robot: QuickRobot
    conn: asyncpg.Connection
    rate: float
    seconds: float
    samples: list[dict[str, float]] = field(default_factory=list)
    facts: int = 0
    refused: int = 0
    repeats: int = 0
    _lines: deque[Line] = field(default_factory=deque)
    _names: dict[str, str] = field(default_factory=dict)
    _unheard: set[str] = field(default_factory=set)
    _under_way: dict[str, float] = field(default_factory=dict)
    """When what is not heard of yet was committed."""
    _position: int = 0
    _read: int = 0

    async def run(self) -> None:
        self._plan(await self.clerk.projects(AHEAD))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sample_until_over())
            group.create_task(self._record())
        await eventually(self._all_heard, within=120, poll=0.5)

    async def _all_heard(self) -> bool:
        await self._latencies()
        return not self._under_way

    async def _record(self) -> None:
        """Facts, each begun at its moment."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        under_way: set[asyncio.Task[None]] = set()
        number = begun = 0
        while (now := loop.time()) < begin + self.seconds:
            if now < begin + begun / self.rate:
                await asyncio.sleep(begin + begun / self.rate - now)
            project = number % LINES == 0 or not self._lines
            task = asyncio.create_task(self._one(self._project() if project else self._met(self._lines.popleft())))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            number, begun = number + 1, begun + (1 + LINES if project else 1)
        await asyncio.gather(*under_way)

    async def _one(self, work: Coroutine[Any, Any, int]) -> None:
        try:
            done = await work  # not `+= await`: that adds to what there was before
            self.facts += done
        except (RuntimeError, OSError, TimeoutError) as error:
            self.refused += 1
            say(f"  refused: {error!r}")

    async def _project(self) -> int:
        self._plan(await self.clerk.project())
        return 1 + LINES

    async def _met(self, line: Line) -> int:
        await self.clerk.meet(line)
        return 1

    def _plan(self, lines: list[Line]) -> None:
        self._lines.extend(lines)
        self._names.update((line.name, line.milestone) for line in lines)
        self._unheard.update(line.milestone for line in lines)

    async def _sample_until_over(self) -> None:
        loop = asyncio.get_running_loop()
        begin, every = loop.time(), max(1.0, self.seconds / SAMPLES)
        while (at := loop.time() - begin) < self.seconds:
            sample = {"at": at, **await self._sample()}
            self.samples.append(sample)
            if len(self.samples) % 10 == 1:
                say("  " + _told(sample))
            await asyncio.sleep(every)

    async def _sample(self) -> dict[str, float]:
        sizes = {row["service"]: row for row in await self.conn.fetch(_SIZES)}
        latencies = await self._latencies()
        return {
            **{f"{name} MiB": _rss(process) for name, process in self.platform.processes.items()},
            **{f"{name} CPU s": cpu_of(process.pid) for name, process in self.platform.processes.items()},
            **{f"{name} tables MiB": row["tables"] / 2**20 for name, row in sizes.items()},
            **{f"{name} indexes MiB": row["indexes"] / 2**20 for name, row in sizes.items()},
            "connections": await self.conn.fetchval(_CONNECTIONS),
            "under way": len(self._under_way),
            "facts": self.facts,
            "refused": self.refused,
            **({"p50 ms": quantile(latencies, 0.5), "p99 ms": quantile(latencies, 0.99)} if latencies else {}),
        }

    async def _latencies(self) -> list[float]:
        """Milliseconds from commit to robot of the messages that came since the last sample."""
        heard, self._read = self.robot.heard(after=self._read)
        head = await self.conn.fetchval("SELECT coalesce(max(position), 0) FROM intake.event_log")
        for row in await self.conn.fetch(_COMMITTED, self._position):
            if row["milestone"] in self._unheard:
                self._under_way[row["milestone"]] = float(row["at"])
        # Positions are not committed in order: look again at what may have been under way.
        self._position = max(0, head - 1000)
        found = []
        for at, name in heard:
            if (milestone := self._names.pop(name, None)) is None:
                self.repeats += 1
                continue
            self._unheard.remove(milestone)
            found.append((at - self._under_way.pop(milestone)) * 1000)
        return found


def _rss(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 2**20)


def _told(sample: dict[str, float]) -> str:
    memory = "/".join(f"{sample[f'{name} MiB']:.0f}" for name in ("intake", "assessment", "notification"))
    return (
        f"{sample['at']:6.0f} s  {sample['facts']:9,.0f} facts  {memory} MiB  {sample['connections']:.0f} connections"
        f"  {sample['under way']:.0f} under way"
        f"  p50 {sample.get('p50 ms', 0):.0f} ms  p99 {sample.get('p99 ms', 0):.0f} ms"
    )


async def soak(ground: Ground, *, rate: float, seconds: float) -> dict[str, Any]:
    with running_robot(ground.folder) as robot:
        async with running_platform(ground) as platform, Clerk.at_work(platform) as clerk:
            await clerk.staff(robot)
            conn = await asyncpg.connect(platform.database)
            try:
                soaked = Soak(platform, clerk, robot, conn, rate, seconds)
                await soaked.run()
            finally:
                await conn.close()
    return {
        "rate": rate,
        "seconds": seconds,
        "facts": soaked.facts,
        "refused": soaked.refused,
        "repeats": soaked.repeats,
        "samples": soaked.samples,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=100, help="facts a second")
    parser.add_argument("--chart", type=Path, help="where the chart is written as SVG")
    parser.add_argument("--embedded", action="store_true", help="the embedded broker, even where Apache Kafka can run")
    asked = parser.parse_args()
    run = results.Run("soak", results.surroundings())
    with standing(real=not asked.embedded and kafka_can_run()) as ground:
        run.describe(ground)
        run.told |= uvloop.run(soak(ground, rate=asked.rate, seconds=asked.minutes * 60))
    verdicts = chart.verdicts(run.told["samples"])
    run.told["verdicts"] = [verdict.told() for verdict in verdicts]
    say("\n" + chart.as_text(run.told["samples"], verdicts) + f"\n\n{run.write()}")
    if asked.chart:
        asked.chart.write_text(chart.as_svg(run.told))
    sound = not (run.told["refused"] or run.told["repeats"])
    say(f"every message came, {run.told['repeats']} twice; {run.told['refused']} requests refused")
    return 0 if sound and all(verdict.flat for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
