"""PostgreSQL: one engine, one schema, one role and one chain of migrations for each service.

READ COMMITTED, on the primary. The role's search_path is its own schema, so that SQL here names no schema, and no other
role has rights there: what a service's tables hold, only that service can read.
"""

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util.concurrency import greenlet_spawn

_SERVICE_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_SHARED_ENVIRONMENT = Path(__file__).with_name("migrations")
_SCRAM_ITERATIONS = 4096

ROLE_SETTINGS = {
    "synchronous_commit": "on",
    "default_transaction_isolation": "'read committed'",
    "idle_in_transaction_session_timeout": "'30s'",
    "lock_timeout": "'10s'",
    "timezone": "'UTC'",
    # A client that vanished gives back its locks (and with them its leadership) within 25 s.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Statements here are short: a wrong estimate over a large table would cost more in compiling than it could save.
    "jit": "off",
}
MIGRATION_LOCK_TIMEOUT = "5s"

# A frozen process keeps its connections, and what it has locked. It may also stand between a statement's preparation
# and its execution, which the server does not call idle.
_BOUNDS = {"idle_in_transaction_session_timeout": "5s", "transaction_timeout": "60s"}

# Two provisioners in different databases of one server meet at the role, which no advisory lock covers.
_RACES = ("duplicate key", "already exists", "tuple concurrently")


def open_engine(
    url: str,
    *,
    application: str,
    pool_size: int = 8,
    command_timeout: float | None = 60,
    bounded: bool = False,
) -> AsyncEngine:
    """An engine on asyncpg for `postgresql://role:password@host:port/database` (shape of LIANDU_DATABASE_URL).

    `command_timeout`: real seconds for one statement, None for no limit. `bounded`: a transaction ends after
    5 s of silence and after 60 s in all, so that a process that is frozen keeps nobody out.
    """
    return create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://", 1),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=False,
        hide_parameters=True,  # values stay out of errors and so out of logs: names, robot URLs
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        connect_args={
            "server_settings": {
                "application_name": application,
                "timezone": "UTC",
                **(_BOUNDS if bounded else {}),
            },
            "timeout": 5,
            "command_timeout": command_timeout,
        },
    )


def transaction(engine: AsyncEngine) -> AbstractAsyncContextManager[AsyncConnection]:
    """One transaction: committed at the end of the block, rolled back when it raises."""
    return engine.begin()


async def fetch(conn: AsyncConnection, statement: str, *arguments: object) -> list[Any]:
    """Run one statement (parameters `$1`, …) in the connection's transaction, on the driver itself; its rows.

    For statements that every request runs: SQLAlchemy's way through them takes three times the CPU. Errors are raised
    as SQLAlchemy raises them (whoever is cancelled here gives up the connection as well: nobody knows whether its
    transaction began), and who listens for statements hears of these too.
    """
    if not conn.in_transaction():
        await conn.begin()
    connection = conn.sync_connection
    assert connection is not None, "the connection is open"
    adapted: Any = connection.connection.dbapi_connection
    if connection.engine._has_events:
        for listener in connection.dispatch.before_cursor_execute:
            listener(connection, None, statement, arguments, None, False)
    try:
        if adapted._transaction is None:  # SQLAlchemy begins with the first statement that passes through it
            await adapted._start_transaction()
        rows: list[Any] = await adapted._connection.fetch(statement, *arguments)
        return rows
    except BaseException as error:
        await greenlet_spawn(_raise_as_sqlalchemy, connection, adapted, error, statement)
        raise


async def plan_each_time(conn: AsyncConnection) -> None:
    """Have what this transaction runs planned for its arguments each time.

    For statements over whole tables: after five runs PostgreSQL keeps one plan for whatever arguments, and where its
    guess at how many rows they come to is far off, that plan takes ten times as long.
    """
    await fetch(conn, "SET LOCAL plan_cache_mode = force_custom_plan")


def _raise_as_sqlalchemy(connection: Connection, adapted: Any, error: BaseException, statement: str) -> None:
    """Raise the error as SQLAlchemy does, which also gives up a connection that is lost."""
    try:
        adapted._handle_exception(error)
    except BaseException as translated:
        connection._handle_dbapi_exception(translated, statement, None, None, None)


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """To read as of one instant: what several statements see fits together. Nothing can be written."""
    async with engine.connect() as conn:
        await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        yield conn


def role_of(service: str) -> str:
    return f"liandu_{service}"


def advisory_key(*names: str) -> int:
    """The key of an advisory lock, from what it protects: a signed 64-bit number, the same in every process.

    Services share a database, and advisory locks have no schema: the first name is the service's.
    """
    digest = hashlib.blake2b("\0".join(("liandu", *names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


async def provision(admin_url: str, service: str, password: str) -> None:
    """Create the service's role and schema in the database of `admin_url`, or bring them up to date.

    May be repeated, and run by several at once. The role logs in with `password` and owns the schema `service`; it has
    no rights on other schemas. The admin needs CREATEROLE and CREATE on the database, not more.

    Raises:
        ValueError: the service's name is not a plain lower-case identifier.
    """
    if not _SERVICE_NAME.fullmatch(service):
        raise ValueError(f"{service!r} cannot name a schema; use lower-case letters, digits and underscores")
    engine = open_engine(admin_url, application="liandu-provision", pool_size=1)
    try:
        for attempt in range(20):
            try:
                async with engine.begin() as conn:
                    await _provision(conn, service, password)
                return
            except DBAPIError as error:
                if attempt == 19 or not any(race in str(error.orig) for race in _RACES):
                    raise
            await asyncio.sleep(0.02 * (attempt + 1))
    finally:
        await engine.dispose()


async def _provision(conn: AsyncConnection, service: str, password: str) -> None:
    role = role_of(service)
    await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": advisory_key("provision")})
    database = (await conn.execute(text("SELECT quote_ident(current_database())"))).scalar_one()
    known = (await conn.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})).first()
    statements = [
        f"{'ALTER' if known else 'CREATE'} ROLE {role} LOGIN PASSWORD '{_scram_verifier(password)}'",
        *(f"ALTER ROLE {role} IN DATABASE {database} SET {name} = {value}" for name, value in ROLE_SETTINGS.items()),
        f"ALTER ROLE {role} IN DATABASE {database} SET search_path = {service}",
    ]
    if not await _is_superuser(conn):
        statements.append(f"GRANT {role} TO CURRENT_USER")
    statements += [
        f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {role}",
        f"REVOKE ALL ON SCHEMA {service} FROM PUBLIC",
    ]
    for statement in statements:
        await conn.exec_driver_sql(statement)


async def _is_superuser(conn: AsyncConnection) -> bool:
    row = await conn.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
    return bool(row.scalar_one())


def _scram_verifier(password: str) -> str:
    """What PostgreSQL keeps of a password (RFC 5803), so that the password itself stands in no statement and no log."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


class WrongSchema(RuntimeError):
    """The URL leads to another schema than the service's: its role was not provisioned, or it is somebody else's."""


async def migrate(service: str, migrations_dir: Path, url: str, *, admin_url: str | None = None) -> None:
    """Bring the service's schema up to date: every revision under `migrations_dir`/versions, in one transaction.

    With `admin_url` (LIANDU_ADMIN_DATABASE_URL) the role and the schema are provisioned first, with the password that
    `url` holds. Several may run at once: the second waits for the first and finds nothing left to do. A revision that
    cannot get a table's lock within 5 s gives up, rather than make everybody queue behind it.

    Raises:
        WrongSchema: `url` does not lead to the service's own schema.
        ValueError: `admin_url` is given and `url` holds no password.
    """
    if admin_url is not None:
        await provision(admin_url, service, _password_of(url))
    engine = open_engine(url, application=f"liandu-{service}-migrate", pool_size=1, command_timeout=None)
    try:
        async with _turn_of_alembic(), engine.begin() as conn:
            await _take_migration_lock(conn, service)
            await conn.run_sync(_upgrade, migrations_dir)
    finally:
        await engine.dispose()


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


def _turn_of_alembic() -> asyncio.Lock:
    """Alembic keeps the migration at hand in module globals: one at a time, its turn taken before any other lock."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _password_of(url: str) -> str:
    password = make_url(url).password
    if not password:
        raise ValueError("LIANDU_DATABASE_URL holds no password to give the service's role")
    return str(password)


async def _take_migration_lock(conn: AsyncConnection, service: str) -> None:
    schema = (await conn.execute(text("SELECT current_schema()"))).scalar_one()
    if schema != service:
        raise WrongSchema(f"migrations of {service} would go into the schema {schema}; provision the role first")
    await conn.execute(text("SET LOCAL lock_timeout = 0"))
    await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": advisory_key(service, "migrate")})
    await conn.execute(text(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK_TIMEOUT}'"))


def alembic_config(migrations_dir: Path) -> Config:
    """Alembic's configuration of one service: the kit's shared environment, the service's own versions."""
    config = Config()
    config.set_main_option("script_location", str(_SHARED_ENVIRONMENT))
    config.set_main_option("version_locations", str(migrations_dir / "versions"))
    config.set_main_option("path_separator", "newline")
    return config


def _upgrade(connection: Connection, migrations_dir: Path) -> None:
    config = alembic_config(migrations_dir)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def schema_is_current(conn: AsyncConnection, migrations_dir: Path) -> bool:
    """Whether the schema stands at the newest revision this code knows (for /readyz)."""

    def applied(connection: Connection) -> frozenset[str]:
        return frozenset(MigrationContext.configure(connection).get_current_heads())

    return await conn.run_sync(applied) == _newest(migrations_dir)


def knows_revision(migrations_dir: Path, revision: str) -> bool:
    """Whether this code's chain has the revision: otherwise later code wrote that schema."""
    chain = ScriptDirectory.from_config(alembic_config(migrations_dir)).walk_revisions()
    return revision in {each.revision for each in chain}


@cache
def _newest(migrations_dir: Path) -> frozenset[str]:
    return frozenset(ScriptDirectory.from_config(alembic_config(migrations_dir)).get_heads())
