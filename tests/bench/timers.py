"""How fast due timers fire, as a ratio to what the same statements do without any of the logic; and what rest costs.

    python -m tests.bench.timers [TIMERS]

Starts its own PostgreSQL, durable. The floor, measured in the same run: claim 500 due rows, write their states, an own
event and the next timer each, in one transaction. Ours does that through `Timers`, with heads locked. Also: the time of
one look at the table with a thousand timers at rest, and with a million.
"""

import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit.clock import SystemClock
from shared.kit.database import open_engine
from shared.kit.log.eventlog import NewFact, append
from shared.kit.process.service import collect_seldom
from shared.kit.timers import Timer, Timers, set_timers
from tests.bench.consume import BODY, VALUE
from tests.support.postgres import ScratchDatabase, running_postgres

RUNS = 3
LOOKS = 200
RESULTS = Path(".liandu/bench/timers.json")

TABLES = """
CREATE TABLE floor_timer (id uuid PRIMARY KEY, due_at timestamptz);
CREATE INDEX ON floor_timer (due_at);
CREATE TABLE floor_log (pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid, seq bigint, typ text, data jsonb,
                        UNIQUE (id, seq));
CREATE TABLE state (id uuid PRIMARY KEY, version bigint, state jsonb);
"""

STATES = "INSERT INTO state SELECT gen_random_uuid(), 1, $1::text::jsonb FROM generate_series(1, $2)"
HEADS = "INSERT INTO aggregate_head SELECT id, 'liandu.bench', 1, gen_random_uuid() FROM state"
DUE = "INSERT INTO timer SELECT id, 'climb', clock_timestamp(), NULL, '', '' FROM state"
FLOOR_DUE = "INSERT INTO floor_timer SELECT id, clock_timestamp() FROM state"
AT_REST = """
INSERT INTO timer SELECT gen_random_uuid(), 'climb', clock_timestamp() + interval '1 day', NULL, '', ''
  FROM generate_series(1, $1)
"""

FLOOR = (
    "DELETE FROM floor_timer WHERE id IN (SELECT id FROM floor_timer WHERE due_at <= now() ORDER BY due_at LIMIT 500"
    " FOR UPDATE SKIP LOCKED) RETURNING id",
    "UPDATE state SET version = version + 1 WHERE id = ANY ($1)",
    "INSERT INTO floor_log (id, seq, typ, data) SELECT id, 2000000, 'c', $2::text::jsonb FROM unnest($1::uuid[]) AS id",
    "INSERT INTO floor_timer SELECT id, now() + interval '1 day' FROM unnest($1::uuid[]) AS id",
)

CLIMB = text("UPDATE state SET version = version + 1 WHERE id = ANY (CAST(:ids AS uuid[]))")


async def climb(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
    """What a service does, at its least: states, own facts, the next timers."""
    await conn.execute(CLIMB, {"ids": [timer.subject for timer in due]})
    await append([NewFact(timer.subject, BODY, now) for timer in due], conn=conn, actor="bench")
    await set_timers([Timer(timer.subject, "climb", now + timedelta(days=1)) for timer in due], conn=conn)


async def floor(conn: asyncpg.Connection) -> float:
    """Seconds for the bare statements."""
    await conn.execute("TRUNCATE floor_timer, floor_log")
    await conn.execute(FLOOR_DUE)
    since = time.perf_counter()
    while True:
        async with conn.transaction():
            due = [row["id"] for row in await conn.fetch(FLOOR[0])]
            if not due:
                return time.perf_counter() - since
            await conn.execute(FLOOR[1], due)
            await conn.execute(FLOOR[2], due, VALUE.decode())
            await conn.execute(FLOOR[3], due)


async def fired(conn: asyncpg.Connection, timers: Timers) -> float:
    """Seconds until nothing is due."""
    await conn.execute("TRUNCATE timer, event_log, aggregate_head")
    await conn.execute(HEADS)
    await conn.execute(DUE)
    since = time.perf_counter()
    assert await timers.fire_due()
    return time.perf_counter() - since


async def a_look(conn: asyncpg.Connection, timers: Timers, at_rest: int) -> float:
    """Milliseconds of one look while nothing is due."""
    await conn.execute("TRUNCATE timer")
    await conn.execute(AT_REST, at_rest, timeout=300)
    await conn.execute("VACUUM ANALYZE timer", timeout=300)
    since = time.perf_counter()
    for _ in range(LOOKS):
        await timers.fire_due()
        await timers.state()
    return (time.perf_counter() - since) / LOOKS * 1000


async def measure(postgres_url: str, count: int) -> dict[str, float]:
    database = ScratchDatabase(postgres_url)
    await database.create()
    url = await database.provision_kit("bench")
    engine: AsyncEngine = open_engine(url, application="bench")
    conn = await asyncpg.connect(url)
    await conn.execute(TABLES)
    await conn.execute(STATES, VALUE.decode(), count)
    timers = Timers(engine=engine, clock=SystemClock(), fire=climb)
    bare, ours = [], []
    for _ in range(RUNS):
        bare.append(await floor(conn))
        ours.append(await fired(conn, timers))
    looks = [await a_look(conn, timers, at_rest) for at_rest in (1_000, 1_000_000)]
    await conn.close()
    await engine.dispose()
    await database.drop()
    return {
        "floor_per_s": count / min(bare),
        "timers_per_s": count / min(ours),
        "ratio": min(bare) / min(ours),
        "look_with_a_thousand_ms": looks[0],
        "look_with_a_million_ms": looks[1],
    }


def main() -> None:
    collect_seldom()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with running_postgres(durable=True) as postgres_url:
        found = uvloop.run(measure(postgres_url, count))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"timers": count, **found}) + "\n")
    said = f"timers {found['timers_per_s']:,.0f}/s, floor {found['floor_per_s']:,.0f}/s, ratio {found['ratio']:.2f}"
    rest = [f"{found[f'look_with_a_{size}_ms']:.2f} ms with a {size}" for size in ("thousand", "million")]
    print(f"{said} (aim 0.25); a look at rest: {', '.join(rest)}")  # noqa: T201


if __name__ == "__main__":
    main()
