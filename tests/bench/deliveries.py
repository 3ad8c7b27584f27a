"""Messages out with their ledger, limits off, to robots that answer at once from another process.

The floor: the same number of requests through the same `Sender`, as many at a time, without claims and ledger.
"""

import asyncio
import json
from datetime import timedelta
from functools import partial
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notification.channels.base import Request
from services.notification.channels.dingtalk import DingTalk
from services.notification.dispatcher import Dispatcher
from services.notification.domain.routing import Listener
from services.notification.handlers import facts, robots
from services.notification.handlers.robots import RobotRecord
from services.notification.sender import Sender
from services.notification.store import messages
from services.notification.store.messages import NewMessage
from services.notification.targets import Keyring, Targets
from services.notification.telling import Links, Teller
from shared.contracts.deliveries import Outcome
from shared.contracts.programme import Tier
from shared.kit.clock import SystemClock
from shared.kit.database import transaction
from shared.kit.vault import Vault
from tests.bench.ground import Database, Ground, database
from tests.bench.harness import Aim, Figure, Meter, Options, in_turns, while_running
from tests.bench.robot import QuickRobot, running_robot
from tests.support.supervision import escalated, fact, post, programme
from tests.support.waiting import eventually

MESSAGES = 9_000
ROBOTS = 60
KEYS = Keyring(Vault(["a vault key for measuring, long enough to be one"]))
TARGETS = Targets(("127.0.0.1",), allow_private=True)
LINKS = Links("https://liandu.example", ("a link secret for measuring, long enough",), timedelta(days=30))
_QUEUED = "SELECT count(*) FROM message WHERE state = 'queued'"
_SENT = text("SELECT count(*) FROM attempt WHERE outcome = 'sent'")


async def measure(ground: Ground, options: Options) -> list[Figure]:
    count = max(ROBOTS, options.count(MESSAGES) // ROBOTS * ROBOTS)
    async with database(ground, "notification") as db:
        with running_robot(ground.folder) as robot:
            await _prepare(db.engine, robot)
            found = await in_turns(
                "deliveries", count, floor=partial(floor, robot, count), ours=partial(delivered, db, count),
                runs=options.runs, ground=ground, engine=db.engine,
            )  # fmt: skip
        async with db.engine.connect() as conn:
            assert (await conn.execute(_SENT)).scalar_one() == options.runs * count
    note = "the floor sends the same requests through the same client, without claims and ledger"
    aim = Aim(at_least=1500)
    return [found.figure("deliveries", "messages out with their ledger", "messages/s", aim=aim, note=note)]


async def _prepare(engine: AsyncEngine, robot: QuickRobot) -> None:
    now = SystemClock().now()
    async with transaction(engine) as conn:
        await facts.apply([fact(event, at=now) for event in programme()], conn=conn, now=now)
        for number in range(ROBOTS):
            record = RobotRecord(f"robot-{number}", f"robot-{number}", "dingtalk", robot.target(number), 0)
            await robots.register(record, expected=None, targets=TARGETS, keys=KEYS, conn=conn)


async def _queue(db: Database, count: int) -> None:
    event, now = escalated(), SystemClock().now()
    data = event.model_dump_json()
    listeners = (Listener(post(Tier.TASK_FORCE), Tier.TASK_FORCE),)
    new = [
        NewMessage(uuid4(), uuid4(), event.type, data, now, listeners, f"robot-{n % ROBOTS}", case_id=event.case_id)
        for n in range(count)
    ]
    async with transaction(db.engine) as conn:
        await messages.insert(new, now=now, conn=conn)
    await db.conn.execute("VACUUM ANALYZE message")


async def delivered(db: Database, count: int, meter: Meter) -> None:
    """From the dispatcher's start until the last outcome is committed."""
    await _queue(db, count)
    dispatcher = Dispatcher(
        db.engine,
        clock=SystemClock(),
        teller=Teller(KEYS, LINKS),
        sender=lambda: Sender(TARGETS, answer_seconds=10),
        concurrent_robots=64,
    )

    async def nothing_waits() -> bool:
        return not await db.conn.fetchval(_QUEUED)

    async with meter.running(), while_running(dispatcher.run):
        await eventually(nothing_waits, within=600)


async def floor(robot: QuickRobot, count: int, meter: Meter) -> None:
    """As many requests of the same size and nothing else."""
    body = json.dumps({"msgtype": "actionCard", "text": "x" * 1500}).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    channel = DingTalk()

    async def one_robot(sender: Sender, number: int) -> None:
        for _ in range(count // ROBOTS):
            verdict = await sender.send(Request(robot.target(number).url, headers, body, "", ()), channel)
            assert verdict.outcome is Outcome.SENT

    async with Sender(TARGETS, answer_seconds=10) as sender, meter.running():
        await asyncio.gather(*(one_robot(sender, number) for number in range(ROBOTS)))
