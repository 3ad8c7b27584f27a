"""How many messages a second one process claims, sends and records, as a ratio to sending alone.

    python -m tests.bench.deliveries [MESSAGES]

PostgreSQL of its own, fsync on; 60 robots without a limit, which answer at once from another process. The floor,
measured in the same run: the same requests through the same `Sender`, 60 at a time, without claims and ledger.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import uvloop
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notification.channels.base import Request, Target
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
from shared.kit.database import open_engine, transaction
from shared.kit.process.service import collect_seldom
from shared.kit.vault import Vault
from tests.support.postgres import ScratchDatabase, running_postgres
from tests.support.supervision import escalated, fact, post, programme
from tests.support.waiting import eventually

ROBOTS = 60
RUNS = 3
RESULTS = Path(".liandu/bench/deliveries.json")
KEYS = Keyring(Vault(["a vault key for measuring, long enough to be one"]))
TARGETS = Targets(("127.0.0.1",), allow_private=True)
LINKS = Links("https://liandu.example", ("a link secret for measuring, long enough",), timedelta(days=30))
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n{"errcode":0,"errmsg":"ok"}'
QUEUED = text("SELECT count(*) FROM message WHERE state = 'queued'")
SENT = text("SELECT count(*) FROM attempt WHERE outcome = 'sent'")


class QuickRobot(asyncio.Protocol):
    """Answers each request whose body has come in; what it says is not looked at."""

    def __init__(self) -> None:
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        while found:
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(rest) < length:
                return
            self._transport.write(ANSWER)  # type: ignore[attr-defined]
            self._unread = rest[length:]
            head, found, rest = self._unread.partition(b"\r\n\r\n")


async def be_a_robot() -> None:
    server = await asyncio.get_running_loop().create_server(QuickRobot, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


@contextmanager
def running_robot() -> Iterator[int]:
    """A robot in a process of its own; its port."""
    with subprocess.Popen([sys.executable, "-m", __spec__.name, "robot"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def target(port: int, robot: int) -> Target:
    return Target(f"http://127.0.0.1:{port}/robot/send?access_token=robot-{robot}", "a secret for signing")


async def prepare(engine: AsyncEngine, port: int) -> None:
    now = SystemClock().now()
    async with transaction(engine) as conn:
        await facts.apply([fact(event, at=now) for event in programme()], conn=conn, now=now)
        for robot in range(ROBOTS):
            record = RobotRecord(f"robot-{robot}", f"robot-{robot}", "dingtalk", target(port, robot), 0)
            await robots.register(record, expected=None, targets=TARGETS, keys=KEYS, conn=conn)


async def queue(engine: AsyncEngine, count: int) -> None:
    event, now = escalated(), SystemClock().now()
    data = event.model_dump_json()
    listeners = (Listener(post(Tier.TASK_FORCE), Tier.TASK_FORCE),)
    new = [
        NewMessage(uuid4(), uuid4(), event.type, data, now, listeners, f"robot-{n % ROBOTS}", case_id=event.case_id)
        for n in range(count)
    ]
    async with transaction(engine) as conn:
        await messages.insert(new, now=now, conn=conn)
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")
        await conn.execute(text("VACUUM ANALYZE message"))


async def delivered(engine: AsyncEngine) -> float:
    """Seconds from the dispatcher's start until the last outcome is committed."""
    dispatcher = Dispatcher(
        engine,
        clock=SystemClock(),
        teller=Teller(KEYS, LINKS),
        sender=lambda: Sender(TARGETS, answer_seconds=10),
        concurrent_robots=64,
    )
    since = time.perf_counter()
    task = asyncio.create_task(dispatcher.run())
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="AUTOCOMMIT")

        async def nothing_waits() -> bool:
            return not (await conn.execute(QUEUED)).scalar_one()

        await eventually(nothing_waits, within=600)
    took = time.perf_counter() - since
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return took


async def floor(port: int, count: int) -> float:
    """Seconds to send as many requests of the same size and nothing else."""
    body = json.dumps({"msgtype": "actionCard", "text": "x" * 1500}).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    channel = DingTalk()

    async def one_robot(sender: Sender, robot: int) -> None:
        for _ in range(count // ROBOTS):
            verdict = await sender.send(Request(target(port, robot).url, headers, body, "", ()), channel)
            assert verdict.outcome is Outcome.SENT

    async with Sender(TARGETS, answer_seconds=10) as sender:
        since = time.perf_counter()
        await asyncio.gather(*(one_robot(sender, robot) for robot in range(ROBOTS)))
        return time.perf_counter() - since


async def measure(postgres_url: str, port: int, count: int) -> dict[str, float]:
    database = ScratchDatabase(postgres_url)
    await database.create()
    engine = open_engine(await database.provision("notification"), application="bench")
    await prepare(engine, port)
    bare, ours = [], []
    for _ in range(RUNS):
        bare.append(await floor(port, count))
        await queue(engine, count)
        ours.append(await delivered(engine))
    async with engine.connect() as conn:
        assert (await conn.execute(SENT)).scalar_one() == RUNS * count
    await engine.dispose()
    await database.drop()
    return {"floor_per_s": count / min(bare), "delivered_per_s": count / min(ours), "ratio": min(bare) / min(ours)}


def main() -> None:
    collect_seldom()
    if sys.argv[1:] == ["robot"]:
        uvloop.run(be_a_robot())
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12_000
    with running_postgres(durable=True) as postgres_url, running_robot() as port:
        found = uvloop.run(measure(postgres_url, port, count))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"messages": count, **found}) + "\n")
    said = f"delivered {found['delivered_per_s']:,.0f}/s, sending alone {found['floor_per_s']:,.0f}/s"
    print(f"{said}, ratio {found['ratio']:.2f} (aim 1,500/s)")  # noqa: T201


if __name__ == "__main__":
    main()
