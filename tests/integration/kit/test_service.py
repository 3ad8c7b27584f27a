"""A service's process: it waits for what it needs, works, stops when told, and dies rather than limp."""

import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from services.operator import processes
from services.operator.processes import Program, free_port
from shared.kit.database import migrate
from shared.kit.web.security import Role, make_token
from tests.support.clock import MovableClock
from tests.support.postgres import ScratchDatabase
from tests.support.waiting import eventually

SECRET = "jwt secret for tests, long enough to be one"
REVISION = """
from alembic import op
from shared.kit import tables

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    tables.create_v1(op)
    tables.create_log_v2(op)
    tables.create_timer_v2(op)
"""


@dataclass
class Tiny:
    """The tiny service on this machine, at one port."""

    folder: Path
    env: dict[str, str]
    processes: list[Popen[bytes]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.env['LIANDU_PORT']}"

    def start(self, *arguments: str, **env: str) -> Popen[bytes]:
        argv = (sys.executable, "-m", "tests.support.tiny_service", str(self.folder / "migrations"), *arguments)
        program = Program(name="tiny", argv=argv, env=self.env | env, cwd=Path(__file__).parents[3])
        self.processes.append(processes.spawn(program, log=self.folder / "tiny.log"))
        return self.processes[-1]

    def client(self, *roles: Role) -> httpx.AsyncClient:
        token = make_token(SECRET, subject="tests", roles=roles)
        return httpx.AsyncClient(base_url=self.url, headers={"authorization": f"Bearer {token}"})

    def log(self) -> str:
        return (self.folder / "tiny.log").read_text()

    async def ready(self) -> None:
        await eventually(self.answers("/readyz"), what="readiness")

    def answers(self, path: str, status: int = 200) -> Callable[[], Awaitable[bool]]:
        async def answered() -> bool:
            assert self.processes[-1].poll() is None, self.log()
            async with self.client() as client:
                try:
                    return (await client.get(path)).status_code == status
                except httpx.TransportError:
                    return False

        return answered


@pytest.fixture
def tiny(tmp_path: Path, database: ScratchDatabase, embedded_kafka_file: Path, clock: MovableClock) -> Iterator[Tiny]:
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_kit.py").write_text(REVISION)
    (tmp_path / "jwt").write_text(SECRET)
    server = urlsplit(database.admin_url)
    env = {
        "LIANDU_ENV": "test",
        "LIANDU_CLOCK": clock.spec,
        "LIANDU_DATABASE_URL": f"postgresql://liandu_tiny:tiny@{server.hostname}:{server.port}/{database.name}",
        "LIANDU_KAFKA_BOOTSTRAP": f"file:{embedded_kafka_file}",
        "LIANDU_PORT": str(free_port()),
        "LIANDU_JWT_SECRET_FILE": str(tmp_path / "jwt"),
    }
    tiny = Tiny(tmp_path, env, [])
    yield tiny
    for process in tiny.processes:
        processes.stop(process)


@pytest_asyncio.fixture
async def migrated(tiny: Tiny, database: ScratchDatabase) -> Tiny:
    url = tiny.env["LIANDU_DATABASE_URL"]
    await migrate("tiny", tiny.folder / "migrations", url, admin_url=database.admin_url)
    return tiny


async def state_of(tiny: Tiny) -> dict[str, Any]:
    async with tiny.client(Role.OPERATOR) as client:
        return dict((await client.get("/v1/platform/state")).raise_for_status().json())


async def test_a_service_waits_for_its_schema_and_says_so(tiny: Tiny, database: ScratchDatabase) -> None:
    serving = tiny.start()
    await eventually(tiny.answers("/healthz"))
    async with tiny.client(Role.CLERK) as client:
        assert "waiting for the database" in (await client.get("/readyz")).json()["checks"]["loops"]
        assert (await client.post("/v1/things")).status_code == 503
    assert tiny.start("migrate", LIANDU_ADMIN_DATABASE_URL=database.admin_url).wait() == 0, tiny.log()
    tiny.processes.reverse()
    await tiny.ready()
    assert serving.poll() is None
    assert '"event":"waiting to start"' in tiny.log()


async def test_a_fact_goes_from_a_request_to_kafka_and_timers_fire(
    migrated: Tiny, clock: MovableClock, embedded_kafka: str
) -> None:
    migrated.start()
    await migrated.ready()
    async with migrated.client(Role.CLERK) as client:
        due = "2026-01-06T09:00:00+08:00"
        answer = (await client.post("/v1/things", params={"due": due})).raise_for_status().json()

    async def settled() -> bool:
        state = await state_of(migrated)
        assert state["service"] == "tiny"
        return not state["unsettled"] and bool(state["vector"]["log"] == 1)

    await eventually(settled)
    assert (await state_of(migrated))["next_due_at"] == "2026-01-06T01:00:00Z"
    clock.move(due)

    async def fired() -> bool:
        return bool((await state_of(migrated))["vector"]["log"] == 2)

    await eventually(fired)
    await eventually(settled_with(migrated, log=2))
    assert (await state_of(migrated))["next_due_at"] is None
    assert await sequences(embedded_kafka, answer["id"]) == ["1", "2"]


def settled_with(tiny: Tiny, *, log: int) -> Callable[[], Awaitable[bool]]:
    async def settled() -> bool:
        state = await state_of(tiny)
        return not state["unsettled"] and bool(state["vector"]["log"] == log)

    return settled


async def sequences(bootstrap: str, key: str) -> list[str]:
    consumer = AIOKafkaConsumer("liandu.tiny", bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[str] = []
    try:
        while len(found) < 2:
            record = await consumer.getone()
            if record.key == key.encode():
                found.append(dict(record.headers)["ce_sequence"].decode())
    finally:
        await consumer.stop()
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_told_to_stop_ends_in_order(number: signal.Signals, migrated: Tiny) -> None:
    serving = migrated.start()
    await migrated.ready()
    serving.send_signal(number)
    assert serving.wait(30) == 0, migrated.log()
    assert '"event":"stopped"' in migrated.log()
    assert "did not end in time" not in migrated.log()
    assert "Traceback" not in migrated.log()


async def test_a_service_that_is_still_waiting_can_be_stopped(tiny: Tiny) -> None:
    serving = tiny.start()
    await eventually(tiny.answers("/healthz"))
    serving.send_signal(signal.SIGTERM)
    assert serving.wait(30) == 0, tiny.log()


@pytest.mark.parametrize(("fate", "said"), [("ends", "a part of the process ended"), ("fails", "the loop is broken")])
async def test_a_service_dies_with_any_of_its_loops(fate: str, said: str, migrated: Tiny) -> None:
    assert migrated.start(TINY_LOOP=fate).wait(30) == 1
    assert said in migrated.log()
    assert '"part":"doomed"' in migrated.log()


async def test_a_service_outlives_its_databases_connections(migrated: Tiny, database: ScratchDatabase) -> None:
    serving = migrated.start()
    await migrated.ready()
    admin = await asyncpg.connect(database.admin_url)
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'liandu-tiny'")
    await admin.close()
    async with migrated.client(Role.CLERK) as client:
        while not (response := await client.post("/v1/things")).is_success:
            assert response.status_code == 503, response.text
    await eventually(settled_with(migrated, log=1))
    assert serving.poll() is None


async def test_own_pending_work_keeps_a_service_unsettled(migrated: Tiny) -> None:
    migrated.start(TINY_PENDING="3 messages due")
    await migrated.ready()
    assert "3 messages due" in (await state_of(migrated))["unsettled"]


async def test_the_platforms_state_is_for_services_and_operators(migrated: Tiny) -> None:
    migrated.start()
    await migrated.ready()
    async with migrated.client(Role.CLERK) as client:
        assert (await client.get("/v1/platform/state")).status_code == 403


async def test_an_address_that_is_taken_ends_the_process(migrated: Tiny) -> None:
    migrated.start()
    await migrated.ready()
    assert migrated.start().wait(30) not in (0, None)


async def test_a_service_without_any_way_to_log_in_does_not_start(tiny: Tiny) -> None:
    del tiny.env["LIANDU_JWT_SECRET_FILE"]
    assert tiny.start().wait(30) == 1
    assert "LIANDU_JWT_SECRET_FILE" in tiny.log()


async def test_readiness_names_what_has_to_be_mended_and_the_process_lives_through_it(
    migrated: Tiny, database: ScratchDatabase
) -> None:
    serving = migrated.start()
    await migrated.ready()
    admin = await asyncpg.connect(database.admin_url)
    await admin.execute("ALTER TABLE tiny.relay_cursor RENAME TO taken_away")
    async with migrated.client(Role.OPERATOR, Role.CLERK) as client:
        (await client.post("/v1/things")).raise_for_status()
        await eventually(migrated.answers("/readyz", 503))
        assert "relay waits: " in (said := (await client.get("/readyz")).json()["checks"]["loops"])
        assert '"relay_cursor" does not exist (SQLSTATE 42P01)' in said
        assert 'liandu_waiting_for_repair{part="relay"} 1.0' in (await client.get("/metrics")).text

        await admin.execute("ALTER TABLE tiny.taken_away RENAME TO relay_cursor")

        await migrated.ready()
        assert 'liandu_waiting_for_repair{part="relay"} 0.0' in (await client.get("/metrics")).text
    await admin.close()
    await eventually(settled_with(migrated, log=1))
    assert (await state_of(migrated))["problems"] == []
    assert serving.poll() is None


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("DATABASE_URL", "mysql://a:hidden@b/c", "must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("JWT_SECRET_FILE", "/nowhere/jwt", "Path does not point to a file"),
        ("PORT", "many", "Input should be a valid integer"),
    ],
)
async def test_a_setting_that_cannot_be_is_named_in_one_line(setting: str, value: str, said: str, tiny: Tiny) -> None:
    assert tiny.start(**{f"LIANDU_{setting}": value}).wait(30) == 1
    [line] = tiny.log().splitlines()
    assert line.startswith(f"tiny does not start: LIANDU_{setting}: {said}")
    assert "hidden" not in line


async def test_migrating_with_a_wrong_password_says_so_in_one_line(migrated: Tiny) -> None:
    url = migrated.env["LIANDU_DATABASE_URL"].replace(":tiny@", ":wrong@")
    assert migrated.start("migrate", LIANDU_DATABASE_URL=url).wait(30) == 1
    [line] = migrated.log().splitlines()
    assert line.startswith("tiny does not migrate: no database at 127.0.0.1:")
    assert 'password authentication failed for user "liandu_tiny"' in line
    assert line.endswith("Start it, or correct LIANDU_DATABASE_URL")


async def test_migrating_says_at_once_what_it_waits_for(tiny: Tiny) -> None:
    url = f"postgresql://liandu_tiny:tiny@127.0.0.1:{free_port()}/away"
    migrating = tiny.start("migrate", LIANDU_DATABASE_URL=url)

    await eventually(lambda: "waiting for the database" in tiny.log())

    assert "Connect call failed" in tiny.log()
    assert migrating.poll() is None
