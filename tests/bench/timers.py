"""A hundred thousand deadlines due in one minute, on the real ladder: each opens its case, then climbs it.

The floor: claim 500 due rows, write their states, an event and the next timer each, in one transaction.
"""

import time
from datetime import date
from functools import partial
from uuid import UUID, uuid5

import asyncpg

from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.projects import MilestonePlanned, ProjectKind, ProjectRecorded, Stage
from tests.bench.consume import BODY
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, Meter, Options, in_turns, say
from tests.support.clock import MovableClock
from tests.support.supervised import CHAIN, NAMES, UNIT, Supervised, post, programme

DEADLINES = 100_000
LINES = 10
DUE_ON = date(2026, 1, 6)
MORNINGS = (
    "2026-01-07T09:00+08:00",
    "2026-01-13T09:00+08:00",
    "2026-01-20T09:00+08:00",
)
"""When all of them reach rung 1, 2 and 3. No more: a rung takes as long as most of the other paths."""

_TABLES = """
CREATE TABLE floor_state (id uuid PRIMARY KEY, version bigint, state jsonb);
CREATE TABLE floor_timer (id uuid PRIMARY KEY, due_at timestamptz);
CREATE INDEX ON floor_timer (due_at);
CREATE TABLE floor_log (pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid, seq bigint, typ text, data jsonb,
                        UNIQUE (id, seq));
"""
_STATES = "INSERT INTO floor_state SELECT gen_random_uuid(), 1, $1::text::jsonb FROM generate_series(1, $2)"
_DUE = "INSERT INTO floor_timer SELECT id, clock_timestamp() FROM floor_state"
_FLOOR = (
    "DELETE FROM floor_timer WHERE id IN (SELECT id FROM floor_timer WHERE due_at <= now() ORDER BY due_at LIMIT 500"
    " FOR UPDATE SKIP LOCKED) RETURNING id",
    "UPDATE floor_state SET version = version + 1 WHERE id = ANY ($1)",
    "INSERT INTO floor_log (id, seq, typ, data) SELECT id, 2000000, 'c', $2::text::jsonb FROM unnest($1::uuid[]) AS id",
    "INSERT INTO floor_timer SELECT id, now() + interval '1 day' FROM unnest($1::uuid[]) AS id",
)
_BODY = BODY.model_dump_json()
_AT_RUNG = "SELECT count(*) FROM supervision_case WHERE rung = $1"


async def measure(ground: Ground, options: Options) -> list[Figure]:
    runs = min(options.runs, len(MORNINGS) - 1)
    deadlines = max(LINES, options.count(DEADLINES) // LINES * LINES)
    clock = MovableClock(ground.folder / "ladder-clock")
    async with database(ground, "assessment") as db:
        await db.conn.execute(_TABLES)
        await db.conn.execute(_STATES, _BODY, deadlines)
        service = Supervised(db.engine, clock)
        await _plan(service, deadlines)
        ladder = _Ladder(db, service, clock, deadlines)
        bare = partial(floor, db.conn)
        opened = await in_turns(
            "timers, opening", deadlines, floor=bare, ours=ladder.climb, runs=1, ground=ground, engine=db.engine
        )
        climbed = await in_turns(
            "timers, climbing", deadlines, floor=bare, ours=ladder.climb, runs=runs, ground=ground, engine=db.engine
        )
    slowest = deadlines / min(ours for _, ours in climbed.pairs)
    note = f"{deadlines:,} due at once, rungs 2 to {runs + 1}, the slowest in {slowest:.1f} s"
    aim = Aim(at_least=0.25, ratio=True)
    return [
        opened.figure("timers", "due deadlines, each opening a case", "timers/s", aim=None),
        climbed.figure("timers", "due deadlines, each climbing a case", "timers/s", aim=aim, note=note),
    ]


class _Ladder:
    """All cases climb together, a rung at a time."""

    def __init__(self, db: Database, service: Supervised, clock: MovableClock, deadlines: int) -> None:
        self._db, self._service, self._clock, self._deadlines = db, service, clock, deadlines
        self._rungs = iter(range(1, len(MORNINGS) + 1))

    async def climb(self, meter: Meter) -> None:
        """All to the next rung."""
        rung = next(self._rungs)
        self._clock.move(MORNINGS[rung - 1])
        async with meter.running():
            assert await self._service.timers.fire_due()
        assert await self._db.conn.fetchval(_AT_RUNG, rung) == self._deadlines


async def _plan(service: Supervised, deadlines: int) -> None:
    """Projects with ten lines each, all due on one day; what they are reminded of is past already."""
    await service.tell(*programme())
    since = time.perf_counter()
    for start in range(0, deadlines // LINES, 100):
        numbers = range(start, min(start + 100, deadlines // LINES))
        await service.tell(*(told for number in numbers for told in _project(number)))
    say(f"  timers: {deadlines:,} deadlines planned in {time.perf_counter() - since:.0f} s")


def _project(number: int) -> list[tuple[UUID, Event]]:
    project = uuid5(NAMES, f"project {number}")
    recorded = ProjectRecorded(
        project_id=project, code=f"LD-{number:06}", name=f"示例智能装备产业园{number}号项目", chain_id=CHAIN,
        responsible_org_id=UNIT, kind=ProjectKind.NEW, total_investment_wan=120_000, stage=Stage.SIGNED,
    )  # fmt: skip
    lines = [
        MilestonePlanned(
            project_id=project, milestone_id=uuid5(project, str(line)), name=f"节点{line}", due_on=DUE_ON,
            responsible_post_id=post(Tier.OFFICER),
        )
        for line in range(LINES)
    ]  # fmt: skip
    return [(project, event) for event in (recorded, *lines)]


async def floor(conn: asyncpg.Connection, meter: Meter) -> None:
    """The bare statements."""
    await conn.execute("TRUNCATE floor_timer, floor_log")
    await conn.execute(_DUE)
    async with meter.running():
        while await _floor_batch(conn):
            pass


async def _floor_batch(conn: asyncpg.Connection) -> bool:
    async with conn.transaction():
        due = [row["id"] for row in await conn.fetch(_FLOOR[0])]
        if due:
            await conn.execute(_FLOOR[1], due)
            await conn.execute(_FLOOR[2], due, _BODY)
            await conn.execute(_FLOOR[3], due)
    return bool(due)
