"""notification as a process would run it, on a real database, against real HTTP robots, with time that tests move."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notification.channels.base import Target
from services.notification.claims import pending
from services.notification.dispatcher import Dispatcher
from services.notification.domain.messages import State
from services.notification.domain.routing import Route
from services.notification.handlers import facts, robots, routing
from services.notification.handlers.robots import RobotRecord
from services.notification.sender import Sender
from services.notification.store import attempts, views
from services.notification.store.attempts import Attempt
from services.notification.store.messages import Message
from services.notification.store.robots import Robot
from services.notification.store.robots import find as find_robot
from services.notification.targets import Keyring, Targets
from services.notification.telling import Links, Teller
from services.operator.processes import free_port
from shared.contracts.deliveries import Outcome
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.kit.database import open_engine, snapshot, transaction
from shared.kit.process.declaration import Pending
from shared.kit.vault import Vault
from tests.support.clock import MovableClock
from tests.support.postgres import ScratchDatabase
from tests.support.robots import FakeRobot, listening
from tests.support.supervision import fact, programme
from tests.support.waiting import eventually

LINK_SECRET = "planted-link-secret-0123456789abcdef"
ROBOT_SECRET = "SECplantedrobotsecret"
TOKEN = "planted-access-token"
VAULT_KEY = "planted-vault-key-0123456789abcdef"
KEYS = Keyring(Vault([VAULT_KEY]))
LOCAL = Targets(("127.0.0.1",), allow_private=True)


class Desk:
    """What a test does with notification."""

    def __init__(self, url: str, engine: AsyncEngine, clock: MovableClock, *, admin_url: str) -> None:
        self.url = url
        self.admin_url = admin_url
        self.engine = engine
        self.clock = clock

    async def learn(self) -> None:
        await self.hear(*programme())

    async def hear(self, *events: Event) -> None:
        """Hand facts to the consumer's handler, in one batch."""
        now = self.clock.now()
        async with transaction(self.engine) as conn:
            await facts.apply([fact(event, at=now) for event in events], conn=conn, now=now)

    async def register(
        self, robot_id: str, robot: FakeRobot, *, per_minute: int | None = 0, token: str = TOKEN
    ) -> None:
        record = RobotRecord(robot_id, robot_id, "dingtalk", Target(robot.url(token), ROBOT_SECRET), per_minute)
        async with transaction(self.engine) as conn:
            await robots.register(record, expected=None, targets=LOCAL, keys=KEYS, conn=conn)

    async def route(
        self,
        robot_id: str,
        *,
        post: UUID | None = None,
        tier: Tier | None = None,
        chain: UUID | None = None,
        mention: bool = False,
    ) -> UUID:
        route = Route(uuid4(), robot_id, post, tier, chain, mention)
        async with transaction(self.engine) as conn:
            await routing.set_route(route, expected=None, now=self.clock.now(), conn=conn)
        return route.id

    def dispatcher(self, engine: AsyncEngine | None = None, *, answer_seconds: float = 10) -> Dispatcher:
        links = Links("https://liandu.example", (LINK_SECRET,), timedelta(days=30))
        return Dispatcher(
            engine or self.engine,
            clock=self.clock,
            teller=Teller(KEYS, links),
            sender=lambda: Sender(LOCAL, answer_seconds=answer_seconds),
            concurrent_robots=16,
            silent_seconds=0,
        )

    @asynccontextmanager
    async def sending(self, **options: Any) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.dispatcher(**options).run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def read(self, ask: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
        async with self.engine.connect() as conn:
            return await ask(conn)

    async def all(self) -> list[Message]:
        def ask(conn: AsyncConnection) -> Awaitable[list[Message]]:
            return views.page(states=None, robot=None, case=None, project=None, after=None, limit=1000, conn=conn)

        found: list[Message] = await self.read(ask)
        return found[::-1]

    async def states(self) -> list[State]:
        return [message.state for message in await self.all()]

    async def story(self, message: Message) -> list[Attempt]:
        found: list[Attempt] = await self.read(lambda conn: attempts.story(message.id, conn=conn))
        return found

    async def robot(self, robot_id: str) -> Robot:
        found: Robot = await self.read(lambda conn: find_robot(robot_id, conn=conn))
        return found

    async def pending(self) -> Pending:
        async with snapshot(self.engine) as conn:
            return await pending(conn, self.clock.now())

    async def flights(self) -> int:
        count: int = await self.read(lambda conn: attempts.flying(conn=conn))
        return count

    async def execute(self, statement: str, **values: Any) -> list[Any]:
        async with transaction(self.engine) as conn:
            result = await conn.execute(text(statement), values)
            return list(result.all()) if result.returns_rows else []

    async def settled(self) -> Pending:
        """Wait until nothing is due or on its way."""

        async def quiet() -> Pending | None:
            found = await self.pending()
            return None if found.reasons else found

        found = await eventually(quiet, what="nothing due and nothing on its way")
        assert found
        return found

    async def all_in(self, state: State) -> None:
        async def reached() -> bool:
            states = await self.states()
            assert all(one is state for one in states), states
            return bool(states)

        await eventually(reached, what=f"all messages {state}")


async def outcomes(desk: Desk, which: int = 0) -> list[Outcome]:
    return [attempt.outcome for attempt in await desk.story((await desk.all())[which])]


async def one_route(desk: Desk, robot: FakeRobot, *, per_minute: int | None = 0) -> None:
    await desk.learn()
    await desk.register("display", robot, per_minute=per_minute)
    await desk.route("display")


@pytest_asyncio.fixture
async def desk(database: ScratchDatabase, clock: MovableClock) -> AsyncIterator[Desk]:
    url = await database.provision("notification")
    engine = open_engine(url, application="test-notification")
    yield Desk(url, engine, clock, admin_url=database.admin_url)
    await engine.dispose()


@pytest_asyncio.fixture
async def robot() -> AsyncIterator[FakeRobot]:
    async with listening() as one:
        yield one


@contextmanager
def running(desk: Desk, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The service itself, as a process; without a broker and its neighbours, which sending does not need."""
    secrets = {"VAULT_KEY": VAULT_KEY, "LINK_SECRET": LINK_SECRET, "JWT_SECRET": "planted-jwt-secret-0123456789abcdef"}
    env = {
        "LIANDU_ENV": "test",
        "LIANDU_CLOCK": desk.clock.spec,
        "LIANDU_DATABASE_URL": desk.url,
        "LIANDU_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "LIANDU_PORT": str(free_port()),
        "LIANDU_PUBLIC_URL": "https://liandu.example",
        "LIANDU_INTAKE_URL": f"http://127.0.0.1:{free_port()}",
        "LIANDU_ASSESSMENT_URL": f"http://127.0.0.1:{free_port()}",
    }
    for name, value in secrets.items():
        (folder / name).write_text(value)
        env[f"LIANDU_{name}_FILE"] = str(folder / name)
    command = [sys.executable, "-m", "services.notification"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=os.environ | env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
