"""Kafka to all effects in assessment itself: obligations, lights, timers, commendations, its own events.

Eight facts of each project's life, of five thousand projects in turn. The floor is that of `consume`, on these records.
"""

from datetime import date, timedelta
from functools import partial
from uuid import UUID, uuid5

from services.assessment.handlers import facts as taking
from services.assessment.handlers.known import Knowledge
from shared.contracts.cloudevents import source_of
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.projects import (
    MilestoneMet,
    MilestonePlanned,
    MilestoneReplanned,
    ProjectKind,
    ProjectRecorded,
    ProjectRegistered,
    Stage,
)
from shared.contracts.topics import PROJECTS, Topic
from tests.bench.consume import FLOOR_TABLES, Record, consumer_of, drained, fill, floor
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, Meter, Options, in_turns
from tests.support.clock import MovableClock
from tests.support.supervised import CHAIN, NAMES, UNIT, Supervised, post, programme

BEARING = 8
PROJECT_COUNT = 6_000
START_DUE, SECOND_DUE, THIRD_DUE = date(2026, 6, 30), date(2026, 9, 30), date(2026, 12, 15)

_EFFECTS = """
SELECT (SELECT count(*) FROM journal) AS journal, (SELECT count(*) FROM event_log) AS events,
       (SELECT count(*) FROM timer) AS timers, (SELECT count(*) FROM obligation) AS obligations,
       (SELECT count(*) FROM set_aside) AS aside
"""


async def measure(ground: Ground, options: Options) -> list[Figure]:
    projects = ground.room_for(options.count(PROJECT_COUNT * BEARING)) // BEARING
    facts = projects * BEARING
    told = Topic(await ground.new_topic(), PROJECTS.producer, PROJECTS.consumers, PROJECTS.retention, PROJECTS.events)
    await fill(ground.bootstrap, told.name, lives(projects), source=source_of("intake"))
    clock = MovableClock(ground.folder / "clock")
    async with database(ground, "assessment") as db:
        await db.conn.execute(FLOOR_TABLES)

        async def ours(meter: Meter) -> None:
            handler = partial(taking.apply, knowledge=await _anew(db, clock))
            consumer = consumer_of(
                told, handler, service="assessment", engine=db.engine, broker=ground.broker, clock=clock
            )
            await drained(consumer, db, facts, meter)
            await _require_effects(db, projects)

        found = await in_turns(
            "assessment", facts, floor=partial(floor, db.conn, ground.bootstrap, told.name, facts), ours=ours,
            runs=options.runs, ground=ground, engine=db.engine,
        )  # fmt: skip
    aim = Aim(at_least=0.5, ratio=True)
    return [found.figure("assessment", "Kafka → all effects in assessment", "events/s", aim=aim)]


async def _anew(db: Database, clock: MovableClock) -> Knowledge:
    """An assessment that has just begun and knows the programme."""
    tables = await db.conn.fetch(
        "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = current_schema()"
        " AND tablename <> 'alembic_version' AND tablename NOT LIKE 'floor%'"
    )
    await db.conn.execute("TRUNCATE " + ", ".join(row["name"] for row in tables))
    service = Supervised(db.engine, clock)
    await service.tell(*programme())
    return service.knowledge


def lives(projects: int) -> list[Record]:
    """Every project's first fact, then every project's second, and so on: a batch holds a thousand projects."""
    ids = [uuid5(NAMES, f"project {number}") for number in range(projects)]
    lives = [_life(each, number) for number, each in enumerate(ids)]
    return [Record(each, seq + 1, life[seq]) for seq in range(BEARING) for each, life in zip(ids, lives, strict=True)]


def _life(project: UUID, number: int) -> list[Event]:
    start, second, third = (uuid5(project, name) for name in ("start", "second", "third"))
    return [
        ProjectRecorded(
            project_id=project, code=f"LD-{number:06}", name=f"示例智能装备产业园{number}号项目", chain_id=CHAIN,
            responsible_org_id=UNIT, kind=ProjectKind.NEW, total_investment_wan=120_000, stage=Stage.SIGNED,
            signed_on=date(2025, 12, 1),
        ),
        _planned(project, start, "开工", START_DUE, Stage.STARTED),
        _planned(project, second, "设备进场", SECOND_DUE),
        _planned(project, third, "竣工验收", THIRD_DUE),
        MilestoneReplanned(
            project_id=project, milestone_id=third, due_on=THIRD_DUE + timedelta(days=14), reason="设备到货推迟"
        ),
        ProjectRegistered(project_id=project, on=date(2026, 1, 4)),
        MilestoneMet(project_id=project, milestone_id=second, met_on=date(2026, 1, 5)),
        MilestoneReplanned(
            project_id=project, milestone_id=start, due_on=START_DUE + timedelta(days=7), reason="用地手续办理中"
        ),
    ]  # fmt: skip


def _planned(project: UUID, milestone: UUID, name: str, due_on: date, stage: Stage | None = None) -> MilestonePlanned:
    return MilestonePlanned(
        project_id=project, milestone_id=milestone, name=name, due_on=due_on,
        responsible_post_id=post(Tier.OFFICER), stage=stage,
    )  # fmt: skip


async def _require_effects(db: Database, projects: int) -> None:
    """Of each project: three obligations, one met and commended, two moved; a light made known; two days and a light
    watched."""
    found = await db.conn.fetchrow(_EFFECTS)
    assert found["journal"] == projects * BEARING
    assert found["obligations"] == projects * 3
    assert found["timers"] == projects * 3
    assert found["events"] >= projects * 8
    assert not found["aside"], "facts were put aside"
