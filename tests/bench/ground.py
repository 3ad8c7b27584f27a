"""What the benches stand on: PostgreSQL of their own with fsync on, and Apache Kafka, or the embedded broker."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from services.operator.embedded.broker import read_address
from services.operator.embedded.kafka import KafkaUnavailable, fetch_jars
from services.operator.embedded.postgres import EmbeddedPostgres, start, stop
from services.operator.processes import free_port
from shared.kit.database import open_engine
from tests.support import kafka as brokers
from tests.support.postgres import ScratchDatabase

_SETTINGS = {"max_connections": "300", "track_commit_timestamp": "on"}


@dataclass(frozen=True, slots=True)
class Ground:
    """`postgres`: the server's process id. `broker`: as in LIANDU_KAFKA_BOOTSTRAP. `real`: Apache Kafka."""

    folder: Path
    postgres_url: str
    postgres: int
    broker: str
    bootstrap: str
    real: bool

    async def new_topic(self, stem: str = "bench") -> str:
        """A topic of four partitions that nobody uses yet."""
        name = brokers.new_topic_name(stem)
        if self.real:
            await brokers.create_topic(self.bootstrap, name)
        return name

    def room_for(self, facts: int) -> int:
        """The embedded broker keeps five MiB of each partition: more would be gone before it is read."""
        return facts if self.real else min(facts, 20_000)


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one bench: the product's engine, and a plain connection of the same role for what is beside it."""

    scratch: ScratchDatabase
    url: str
    engine: AsyncEngine
    conn: asyncpg.Connection


@asynccontextmanager
async def database(ground: Ground, service: str | None = None, *, pool_size: int = 8) -> AsyncIterator[Database]:
    """A fresh one with the tables of a service, or only the kit's."""
    scratch = ScratchDatabase(ground.postgres_url)
    await scratch.create()
    try:
        url = await (scratch.provision(service) if service else scratch.provision_kit("bench"))
        engine = open_engine(url, application="bench", pool_size=pool_size)
        conn = await asyncpg.connect(url, command_timeout=600)
        try:
            yield Database(scratch, url, engine, conn)
        finally:
            await conn.close()
            await engine.dispose()
    finally:
        await scratch.drop()


@contextmanager
def standing(*, real: bool) -> Iterator[Ground]:
    """Everything up, until the block ends.

    Raises:
        KafkaUnavailable: `real`, and no Java, no Maven or no jars.
    """
    with (
        tempfile.TemporaryDirectory(prefix="liandu-bench-", ignore_cleanup_errors=True) as name,
        _postgres(Path(name)) as (url, pid),
        _broker(Path(name), real=real) as (broker, bootstrap),
    ):
        yield Ground(Path(name), url, pid, broker, bootstrap, real)


def kafka_can_run() -> bool:
    """Whether Java, Maven and the jars are there (the jars are fetched)."""
    try:
        fetch_jars()
    except KafkaUnavailable:
        return False
    return True


@contextmanager
def _postgres(folder: Path) -> Iterator[tuple[str, int]]:
    server = EmbeddedPostgres(
        data=folder / "data",
        port=free_port(),
        password=secrets.token_hex(8),
        log=folder / "postgres.log",
        settings=_SETTINGS,
    )
    process = start(server)
    try:
        yield server.url, process.pid
    finally:
        stop(process)


@contextmanager
def _broker(folder: Path, *, real: bool) -> Iterator[tuple[str, str]]:
    if real:
        with brokers.running_kafka(folder) as bootstrap:
            yield bootstrap, bootstrap
        return
    with brokers.running_mock_cluster(folder) as address_file:
        address = read_address(address_file)
        assert address is not None
        yield f"file:{address_file}", address
