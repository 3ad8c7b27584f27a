"""PostgreSQL for tests: a fresh database for each test, in the shape the platform gives its services."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from services.operator.embedded.postgres import EmbeddedPostgres, start, stop
from services.operator.processes import free_port
from shared.kit import tables
from shared.kit.database import ROLE_SETTINGS, migrate, role_of

_PASSWORD = "test"
_SERVICES = Path(__file__).parents[2] / "services"
_FASTER_THAN_SAFE = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "max_connections": "300"}


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[str]:
    """A private server for one test session; the superuser's URL. `durable`: with fsync, as benchmarks must have it.

    Its folder is its own: what lies below pytest's base folder is closed to PostgreSQL's user by the next session.
    """
    with tempfile.TemporaryDirectory(prefix="liandu-postgres-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedPostgres(
            data=Path(folder) / "data",
            port=free_port(),
            password=secrets.token_hex(8),
            log=Path(folder) / "postgres.log",
            settings={"max_connections": "300"} if durable else _FASTER_THAN_SAFE,
        )
        process = start(server)
        try:
            yield server.url
        finally:
            stop(process)


class ScratchDatabase:
    """A database of one test."""

    def __init__(self, server_url: str) -> None:
        self.name = f"t{secrets.token_hex(6)}"
        self._server_url = server_url
        self._urls: dict[str, str] = {}

    @property
    def admin_url(self) -> str:
        """The superuser's URL to this database (LIANDU_ADMIN_DATABASE_URL)."""
        return _at(self._server_url, database=self.name)

    def url_for(self, service: str) -> str:
        """The URL of the role that `provision` or `provision_kit` made (LIANDU_DATABASE_URL)."""
        return self._urls[service]

    async def provision(self, service: str) -> str:
        """The service's own role and schema, migrated by its own chain; the role's URL."""
        url = _at(self._server_url, database=self.name, user=role_of(service), password=_PASSWORD)
        await migrate(service, _SERVICES / service / "store" / "migrations", url, admin_url=self.admin_url)
        self._urls[service] = url
        return url

    async def provision_kit(self, name: str) -> str:
        """A role and a schema `name` with the kit's tables and nothing else; the role's URL.

        The role is this database's alone, so that it can have any name.
        """
        role = f"{name}_{self.name}"
        conn = await asyncpg.connect(self.admin_url)
        try:
            async with conn.transaction():
                await conn.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{_PASSWORD}'")
                await conn.execute(f"CREATE SCHEMA {name} AUTHORIZATION {role}")
                for setting, value in {**ROLE_SETTINGS, "search_path": name}.items():
                    await conn.execute(f"ALTER ROLE {role} IN DATABASE {self.name} SET {setting} = {value}")
                await conn.execute(f"SET LOCAL ROLE {role}")
                await conn.execute(f"SET LOCAL search_path = {name}")
                await conn.execute(";".join(_kit_ddl()))
        finally:
            await conn.close()
        self._urls[name] = _at(self._server_url, database=self.name, user=role, password=_PASSWORD)
        return self._urls[name]

    async def create(self) -> None:
        await self._on_server(f"CREATE DATABASE {self.name}")

    async def drop(self) -> None:
        """Drop the database whoever is connected, and its roles."""
        await self._on_server(f"DROP DATABASE {self.name} WITH (FORCE)")
        for url in self._urls.values():
            role = urlsplit(url).username
            if role and role.endswith(self.name):
                await self._on_server(f"DROP ROLE {role}")

    async def _on_server(self, statement: str) -> None:
        conn = await asyncpg.connect(self._server_url)
        try:
            await conn.execute(statement)
        finally:
            await conn.close()


class _Collected:
    """Stands in for alembic's operations: keeps the statements."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sqltext: str) -> None:
        self.statements.append(sqltext)


def _kit_ddl() -> list[str]:
    collected = _Collected()
    tables.create_v1(collected)
    tables.create_timer_v2(collected)
    tables.create_log_v2(collected)
    return collected.statements


def _at(url: str, *, database: str, user: str | None = None, password: str | None = None) -> str:
    parts = urlsplit(url)
    credentials = f"{user}:{password}" if user else parts.netloc.rpartition("@")[0]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{credentials}@{host}", path=f"/{database}"))
