"""A policy tried on a million facts: two worlds in memory live through them. The floor reads the same facts and parses
them, and decides nothing.
"""

import time
from collections.abc import Mapping
from copy import deepcopy
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import psutil  # type: ignore[import-untyped]

from services.assessment import policies
from services.assessment.handlers.known import Knowledge
from services.assessment.rehearsing import rehearse
from services.assessment.store import rehearsals as store
from services.assessment.store.happenings import happenings
from services.assessment.store.rehearsals import Asked
from shared.contracts.cloudevents import source_of
from shared.contracts.event import Event
from shared.kit.clock import CHINA
from shared.kit.database import transaction
from tests.bench.assessment import BEARING, lives
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Figure, Options, say
from tests.support.clock import START, MovableClock
from tests.support.supervised import Supervised, programme

FACTS = 1_000_000
FROM, TO = date(2026, 6, 1), date(2026, 7, 31)
_JOURNAL = ("event_id", "topic", "source", "aggregate_id", "seq", "type", "at", "consumed_at", "data")


async def measure(ground: Ground, options: Options) -> list[Figure]:
    async with database(ground, "assessment") as db:
        facts = await _filled(db, options.count(FACTS // BEARING), ground)
        say(f"  rehearsing: {facts:,} facts in the journal")
        floor = await _read(db)
        took, result = await _tried(db)
    assert result["told"]["totals"]["otherwise"] >= facts // BEARING
    held = psutil.Process().memory_info().rss / 2**20
    note = (
        f"{took:.0f} s for {facts:,} facts, {result['would']['told']:,} messages compared; {held:,.0f} MiB at the end"
    )
    return [
        Figure(
            path="rehearsing", what="a policy tried, of the facts it is tried on", value=facts / took, unit="facts/s",
            floor=facts / floor, ratio=floor / took, note=note,
        )
    ]  # fmt: skip


async def _filled(db: Database, projects: int, ground: Ground) -> int:
    """The programme, then the projects' lives, consumed on the days after supervision began."""
    clock = MovableClock(ground.folder / "clock of rehearsing")
    await Supervised(db.engine, clock).tell(*programme())
    told = [(aggregate, 1, event) for aggregate, event in programme()]
    records = ((one.aggregate, one.seq, one.event) for one in lives(projects))
    await _write(db, told, START)
    at, written = START, 0
    while page := list(islice(records, 20_000)):
        at += timedelta(minutes=30)
        await _write(db, page, at)
        written += len(page)
    return written


async def _write(db: Database, page: list[tuple[UUID, int, Event]], at: datetime) -> None:
    source = source_of("intake")
    rows = [
        (uuid4(), event.topic, source, aggregate, seq, event.type, at, at, event.model_dump_json())
        for aggregate, seq, event in page
    ]
    await db.conn.copy_records_to_table("journal", records=rows, columns=_JOURNAL)


async def _read(db: Database) -> float:
    began = time.perf_counter()
    async with transaction(db.engine) as conn:
        async for _ in happenings(datetime(2026, 8, 1, tzinfo=CHINA), conn=conn):
            pass
    return time.perf_counter() - began


async def _tried(db: Database) -> tuple[float, Mapping[str, Any]]:
    policy = dict(deepcopy(policies.read_file(None)))
    policy["reminder"]["days_before"] = 5
    asked = Asked(uuid4(), START, "bench", FROM, TO, policy, None)
    async with transaction(db.engine) as conn:
        await store.ask(asked, conn=conn)
        kept = await store.one(asked.id, conn=conn)
    assert kept is not None
    began = time.perf_counter()
    result = await rehearse(kept, db.engine, Knowledge(policies.read_file(None)))
    assert result is not None
    return time.perf_counter() - began, result
