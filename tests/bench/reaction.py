"""Commit → robot at two hundred facts a second, over the three real processes and two Kafka hops.

Each fact is a milestone met early; each makes assessment propose a commendation and notification send a message. From
the commit of the fact in intake, as PostgreSQL dates it (before it is on disk), to its arrival at the robot.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle, islice

import asyncpg

from tests.bench import hops
from tests.bench.ground import Ground
from tests.bench.harness import Aim, Cost, Figure, Meter, Options, at_rate, cpu_of, quantile, say
from tests.bench.platform import LINES, Clerk, Line, Platform, running_platform
from tests.bench.robot import QuickRobot, running_robot
from tests.support.waiting import eventually

SECONDS = 15.0
BATCHED, TOGETHER, AT_ONCE = 20_000, 500, 3
"""Facts handed over in batches, how many in one request, and requests at once, each about projects of its own."""
WARM = 200
"""Facts before what is measured, at a quarter of the rate."""

_PLANNED = "SELECT count(*) FROM intake.event_log WHERE type = 'cn.liandu.milestone.planned.v1'"
_OBLIGATIONS = "SELECT count(*) FROM assessment.obligation"
_COMMITTED = """
SELECT CAST(data->>'milestone_id' AS text) AS milestone, extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) AS at
  FROM intake.event_log WHERE type = 'cn.liandu.milestone.met.v1'
"""
_PROPOSED = """
SELECT data->'subject'->>'milestone_id' AS milestone, extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) AS at
  FROM assessment.event_log WHERE type = 'cn.liandu.commendation.proposed.v1'
"""


async def measure(ground: Ground, options: Options) -> list[Figure]:
    rate = options.rate
    count = options.count(int(rate * SECONDS))
    with running_robot(ground.folder) as robot:
        bare = await hops.floor(ground, robot, rate=rate, count=max(1, count // 3))
        say(f"  reaction: the bare hops take p50 {quantile(bare, 0.5):.1f} ms, p99 {quantile(bare, 0.99):.1f} ms")
        async with running_platform(ground) as platform, Clerk.at_work(platform) as clerk:
            await clerk.staff(robot)
            lines = await clerk.projects(-(-(count + WARM) // LINES))
            say(f"  reaction: {len(lines):,} lines planned, {count:,} facts at {rate:g}/s")
            await _told(clerk, robot, lines[:WARM], rate=rate / 4, together=options.together)
            meter, measured = Meter(ground, pids=lambda: platform.pids), lines[WARM : WARM + count]
            before = _cpu(platform)
            async with meter.running():
                kept = await _told(clerk, robot, measured, rate=rate, together=options.together)
            each = _each(platform, before, count)
            steps = await _steps(platform, robot, measured)
            in_batches = await _in_batches(platform, clerk, ground.room_for(options.count(BATCHED)))
    note = f"{count:,} facts at {rate:g}/s, {options.together} a request ({kept:.0f}/s taken); {_shares(each)}"
    return [*_figures(steps, bare, meter.cost(count), note), in_batches]


def _shares(each: Mapping[str, float]) -> str:
    return "CPU of a fact: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in each.items())


def _each(platform: Platform, before: Mapping[str, float], count: int) -> dict[str, float]:
    """Milliseconds of processor time that a fact has cost each service since."""
    return {name: (cpu - before[name]) / count * 1000 for name, cpu in _cpu(platform).items()}


def _cpu(platform: Platform) -> dict[str, float]:
    return {name: cpu_of(process.pid) for name, process in platform.processes.items()}


async def _in_batches(platform: Platform, clerk: Clerk, count: int) -> Figure:
    """From the first request to the effects of the last fact in assessment."""
    recorded = [await clerk.batch([clerk.recording() for _ in range(TOGETHER)]) for _ in range(AT_ONCE)]
    projects = [done["project_id"] for batch in recorded for done in batch]
    items = (clerk.planning(project) for project in islice(cycle(projects), count))
    batches = iter([list(islice(items, TOGETHER)) for _ in range(-(-count // TOGETHER))])
    conn = await asyncpg.connect(platform.database)

    async def client() -> None:
        for batch in batches:
            await clerk.batch(batch)

    async def all_are_taken() -> bool:
        return bool(await conn.fetchval(_OBLIGATIONS) == wanted)

    try:
        wanted = await conn.fetchval(_PLANNED)
        await eventually(all_are_taken, within=60)
        wanted += count
        before, since = _cpu(platform), time.perf_counter()
        await asyncio.gather(*(client() for _ in range(AT_ONCE)))
        answered = time.perf_counter() - since
        await eventually(all_are_taken, within=300, poll=0.05)
        took = time.perf_counter() - since
        each = _each(platform, before, count)
    finally:
        await conn.close()
    say(f"  reaction: {count / answered:,.0f} facts/s taken in batches, {count / took:,.0f}/s to all effects")
    note = f"{count:,} lines planned, {TOGETHER} a request, answered at {count / answered:,.0f}/s; {_shares(each)}"
    return Figure(
        path="reaction", what="HTTP batches → all effects in assessment", unit="facts/s", value=count / took,
        aim=Aim(at_least=4000), note=note,
    )  # fmt: skip


async def _told(clerk: Clerk, robot: QuickRobot, lines: Sequence[Line], *, rate: float, together: int) -> float:
    """Meet these lines, and wait until the robots have heard of all; the rate at which intake took them."""
    requests = [lines[start : start + together] for start in range(0, len(lines), together)]
    kept = together * await at_rate(requests, lambda request: clerk.meet(*request), rate=rate / together)
    wanted = {line.name for line in lines}
    await eventually(partial(_all_heard, robot, wanted), within=120, poll=0.2)
    return kept


def _all_heard(robot: QuickRobot, wanted: set[str]) -> bool:
    heard, _ = robot.heard()
    return wanted <= {name for _, name in heard}


async def _steps(platform: Platform, robot: QuickRobot, lines: Sequence[Line]) -> Mapping[str, list[float]]:
    """Milliseconds from the commit in intake: to the commit in assessment, and to the robot."""
    conn = await asyncpg.connect(platform.database)
    try:
        committed = {row["milestone"]: float(row["at"]) for row in await conn.fetch(_COMMITTED)}
        proposed = {row["milestone"]: float(row["at"]) for row in await conn.fetch(_PROPOSED)}
    finally:
        await conn.close()
    heard, _ = robot.heard()
    at = {name: moment for moment, name in reversed(heard)}
    assert len(at) == len(heard), "a message came twice"
    return {
        "assessment": [(proposed[line.milestone] - committed[line.milestone]) * 1000 for line in lines],
        "robot": [(at[line.name] - committed[line.milestone]) * 1000 for line in lines],
    }


def _figures(steps: Mapping[str, list[float]], bare: list[float], cost: Cost, note: str) -> list[Figure]:
    robot, half_way = steps["robot"], steps["assessment"]
    note += (
        f"; to the commit in assessment p50 {quantile(half_way, 0.5):.1f} ms, p99 {quantile(half_way, 0.99):.1f} ms;"
        f" slowest to the robot {max(robot):.0f} ms"
    )
    return [
        _latency("p50", 0.5, robot, bare, aim=15, cost=cost, note=note),
        _latency("p99", 0.99, robot, bare, aim=80),
    ]


def _latency(
    name: str, q: float, ours: list[float], bare: list[float], *, aim: float, cost: Cost | None = None, note: str = ""
) -> Figure:
    value, least = quantile(ours, q), quantile(bare, q)
    return Figure(
        path="reaction", what=f"commit → robot, {name}", unit="ms", value=value, floor=least, ratio=value / least,
        aim=Aim(at_most=aim), cost=cost, note=note,
    )  # fmt: skip
