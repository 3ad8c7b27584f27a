"""Roles, schemas and migrations on real PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.database import (
    WrongSchema,
    fetch,
    migrate,
    open_engine,
    provision,
    role_of,
    schema_is_current,
    snapshot,
    transaction,
)
from shared.kit.transient import is_transient
from tests.support.postgres import ScratchDatabase
from tests.support.proxy import Proxy

FIRST = """
from alembic import op
from shared.kit.tables import create_v1

revision, down_revision = "0001", None


def upgrade() -> None:
    create_v1(op)
    op.execute("CREATE TABLE thing (id uuid PRIMARY KEY)")
"""
SECOND = """
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE thing ADD COLUMN name text")
"""
PASSWORD = "pass'word $1"


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "0001_first.py").write_text(FIRST)
    return tmp_path


@pytest_asyncio.fixture
async def services(database: ScratchDatabase) -> AsyncIterator[tuple[str, str]]:
    """Two services' names that no other test uses; their roles go with the test."""
    names = f"a_{database.name}", f"b_{database.name}"
    yield names
    conn = await asyncpg.connect(database.admin_url)
    for name in names:
        if await conn.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role_of(name)):
            await conn.execute(f"DROP OWNED BY {role_of(name)} CASCADE")
            await conn.execute(f"DROP ROLE {role_of(name)}")
    await conn.close()


def url_of(database: ScratchDatabase, service: str) -> str:
    parts = urlsplit(database.admin_url)
    return f"postgresql://{role_of(service)}:pass%27word%20%241@{parts.hostname}:{parts.port}/{database.name}"


async def columns(url: str, table: str) -> list[str]:
    conn = await asyncpg.connect(url)
    rows = await conn.fetch("SELECT column_name FROM information_schema.columns WHERE table_name = $1", table)
    await conn.close()
    return sorted(row["column_name"] for row in rows)


async def test_a_service_gets_a_role_a_schema_and_its_tables(
    database: ScratchDatabase, services: tuple[str, str], migrations: Path
) -> None:
    service, url = services[0], url_of(database, services[0])
    await migrate(service, migrations, url, admin_url=database.admin_url)

    engine = open_engine(url, application="test")
    async with engine.connect() as conn:
        found = await conn.execute(
            text("""
            SELECT current_user, current_schema(), current_setting('search_path'),
                   current_setting('synchronous_commit'), current_setting('lock_timeout'),
                   current_setting('idle_in_transaction_session_timeout'),
                   to_regclass('event_log')::text, to_regclass('alembic_version')::text""")
        )
        assert tuple(found.one()) == (
            role_of(service), service, service, "on", "10s", "30s", "event_log", "alembic_version",
        )  # fmt: skip
        assert await schema_is_current(conn, migrations)
    await engine.dispose()


async def test_a_frozen_process_is_out_of_its_transaction_before_long(database: ScratchDatabase) -> None:
    engine = open_engine(await database.provision_kit("tiny"), application="test", bounded=True)
    async with engine.connect() as conn:
        shown = [
            (await conn.execute(text(f"SHOW {name}"))).scalar_one()
            for name in ("idle_in_transaction_session_timeout", "transaction_timeout")
        ]
    await engine.dispose()
    assert shown == ["5s", "1min"]


async def test_migrating_again_does_only_what_is_new(
    database: ScratchDatabase, services: tuple[str, str], migrations: Path
) -> None:
    service, url = services[0], url_of(database, services[0])
    for _ in range(2):
        await migrate(service, migrations, url, admin_url=database.admin_url)
    assert await columns(url, "thing") == ["id"]

    (migrations / "versions" / "0002_second.py").write_text(SECOND)
    await migrate(service, migrations, url)
    assert await columns(url, "thing") == ["id", "name"]


async def test_a_schema_behind_the_code_is_not_current(
    database: ScratchDatabase, services: tuple[str, str], migrations: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    service, url = services[0], url_of(database, services[0])
    newer = tmp_path_factory.mktemp("newer")
    (newer / "versions").mkdir()
    (newer / "versions" / "0001_first.py").write_text(FIRST)
    (newer / "versions" / "0002_second.py").write_text(SECOND)
    await provision(database.admin_url, service, PASSWORD)
    engine = open_engine(url, application="test")
    async with engine.connect() as conn:
        assert not await schema_is_current(conn, migrations)
    await migrate(service, migrations, url)
    async with engine.connect() as conn:
        assert await schema_is_current(conn, migrations)
        assert not await schema_is_current(conn, newer)
    await engine.dispose()


async def test_a_failing_revision_leaves_nothing_behind(
    database: ScratchDatabase, services: tuple[str, str], migrations: Path
) -> None:
    service, url = services[0], url_of(database, services[0])
    (migrations / "versions" / "0002_second.py").write_text(SECOND + '    op.execute("SELECT 1 / 0")\n')
    with pytest.raises(DBAPIError):
        await migrate(service, migrations, url, admin_url=database.admin_url)

    assert await columns(url, "thing") == []


async def test_several_may_provision_and_migrate_at_once(
    database: ScratchDatabase, services: tuple[str, str], migrations: Path
) -> None:
    await asyncio.gather(
        *(
            migrate(service, migrations, url_of(database, service), admin_url=database.admin_url)
            for service in services * 4
        )
    )
    for service in services:
        assert await columns(url_of(database, service), "thing") == ["id"]


async def test_a_service_sees_nothing_of_another(
    database: ScratchDatabase, services: tuple[str, str], migrations: Path
) -> None:
    for service in services:
        await migrate(service, migrations, url_of(database, service), admin_url=database.admin_url)
    conn = await asyncpg.connect(url_of(database, services[1]))
    for statement in (
        f"SELECT * FROM {services[0]}.event_log",
        f"CREATE TABLE {services[0]}.mine ()",
        "CREATE TABLE public.mine ()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(statement)
    await conn.close()


async def test_a_new_password_counts_from_the_next_login(database: ScratchDatabase, services: tuple[str, str]) -> None:
    service = services[0]
    await provision(database.admin_url, service, "the old one")
    await provision(database.admin_url, service, PASSWORD)

    conn = await asyncpg.connect(url_of(database, service))
    assert await conn.fetchval("SELECT current_schema()") == service
    await conn.close()
    admin = await asyncpg.connect(database.admin_url)
    kept = await admin.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = $1", role_of(service))
    await admin.close()
    assert kept.startswith("SCRAM-SHA-256$4096:")


async def test_an_admin_who_is_no_superuser_can_provision(
    database: ScratchDatabase, services: tuple[str, str], migrations: Path
) -> None:
    admin = f"admin_{database.name}"
    conn = await asyncpg.connect(database.admin_url)
    await conn.execute(f"CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD 'x'")
    await conn.execute(f"GRANT CREATE ON DATABASE {database.name} TO {admin}")
    parts = urlsplit(database.admin_url)
    admin_url = f"postgresql://{admin}:x@{parts.hostname}:{parts.port}/{database.name}"
    try:
        for _ in range(2):
            await migrate(services[0], migrations, url_of(database, services[0]), admin_url=admin_url)
        assert await columns(url_of(database, services[0]), "thing") == ["id"]
    finally:
        await conn.execute(f"DROP OWNED BY {role_of(services[0])} CASCADE")
        await conn.execute(f"DROP ROLE {role_of(services[0])}")
        await conn.execute(f"DROP OWNED BY {admin} CASCADE")
        await conn.execute(f"DROP ROLE {admin}")
        await conn.close()


async def test_what_cannot_be_right_is_refused(
    database: ScratchDatabase, services: tuple[str, str], migrations: Path
) -> None:
    with pytest.raises(ValueError, match="cannot name a schema"):
        await provision(database.admin_url, 'x"; DROP SCHEMA public', PASSWORD)
    with pytest.raises(ValueError, match="no password"):
        await migrate(services[0], migrations, "postgresql://somebody@localhost/x", admin_url=database.admin_url)
    await provision(database.admin_url, services[0], PASSWORD)
    with pytest.raises(WrongSchema, match="provision the role first"):
        await migrate(services[1], migrations, url_of(database, services[0]))


async def test_a_snapshot_is_of_one_instant_and_only_for_reading(database: ScratchDatabase) -> None:
    engine = open_engine(await database.provision_kit("intake"), application="test")
    count = text("SELECT count(*) FROM aggregate_head")
    write = text("INSERT INTO aggregate_head SELECT gen_random_uuid(), 'a-topic', 1, gen_random_uuid()")
    try:
        async with snapshot(engine) as conn:
            assert (await conn.execute(count)).scalar_one() == 0
            async with transaction(engine) as other:
                await other.execute(write)
            assert (await conn.execute(count)).scalar_one() == 0
            with pytest.raises(DBAPIError, match="read-only"):
                await conn.execute(write)
        async with transaction(engine) as conn:
            await conn.execute(write)
            assert (await conn.execute(count)).scalar_one() == 2
    finally:
        await engine.dispose()


HEADS = "SELECT count(*) AS heads FROM aggregate_head"
NEW_HEAD = "INSERT INTO aggregate_head SELECT gen_random_uuid(), $1, 1, gen_random_uuid()"


async def test_what_goes_to_the_driver_belongs_to_the_transaction(database: ScratchDatabase) -> None:
    engine = open_engine(await database.provision_kit("intake"), application="test")
    heard: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: heard.append(given[2]))
    try:
        async with engine.connect() as conn:
            await fetch(conn, NEW_HEAD, "a-topic")
            assert (await conn.execute(text(HEADS))).scalar_one() == 1
            await conn.rollback()
        async with engine.connect() as conn:
            assert [row["heads"] for row in await fetch(conn, HEADS)] == [0]
            assert conn.in_transaction()
        assert heard == [NEW_HEAD, HEADS, HEADS]
        async with snapshot(engine) as conn:
            with pytest.raises(DBAPIError, match="read-only"):
                await fetch(conn, NEW_HEAD, "a-topic")
    finally:
        await engine.dispose()


async def test_what_goes_wrong_at_the_driver_is_told_as_everywhere(database: ScratchDatabase) -> None:
    engine = open_engine(await database.provision_kit("intake"), application="test", pool_size=1)
    try:
        with pytest.raises(DBAPIError) as refused:
            async with transaction(engine) as conn:
                await fetch(conn, NEW_HEAD, None)
        assert getattr(refused.value.orig, "sqlstate", None) == "23502"
        with pytest.raises(DBAPIError) as lost:
            async with transaction(engine) as conn:
                await fetch(conn, "SELECT pg_terminate_backend(pg_backend_pid())")
        assert is_transient(lost.value)
        async with transaction(engine) as conn:
            assert [row["heads"] for row in await fetch(conn, HEADS)] == [0]
    finally:
        await engine.dispose()


@pytest.mark.parametrize("ways", [("text", "text"), ("text", "fetch"), ("fetch", "text"), ("fetch", "fetch")], ids=str)
async def test_who_shares_a_connection_that_another_has_lost_waits_like_that_one(
    database: ScratchDatabase, ways: tuple[str, str]
) -> None:
    async def use(way: str, conn: AsyncConnection, statement: str) -> None:
        await (conn.execute(text(statement)) if way == "text" else fetch(conn, statement))

    engine = open_engine(await database.provision_kit("intake"), application="test")
    try:
        async with engine.connect() as conn:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            with pytest.raises(DBAPIError):
                await use(ways[0], conn, "SELECT pg_terminate_backend(pg_backend_pid())")
            with pytest.raises(Exception) as behind:
                await use(ways[1], conn, "SELECT 1")
        assert is_transient(behind.value), repr(behind.value)
    finally:
        await engine.dispose()


@pytest.mark.parametrize("way", ["text", "fetch"])
@pytest.mark.parametrize("ended", ["given up", "too slow"])
async def test_a_connection_whose_transaction_never_began_is_used_no_more(
    database: ScratchDatabase, way: str, ended: str
) -> None:
    url = urlsplit(await database.provision_kit("intake"))
    with Proxy(url.port or 5432) as line:
        through = url._replace(netloc=url.netloc.replace(f":{url.port}", f":{line.port}")).geturl()
        slow = 0.3 if ended == "too slow" else 60
        engine = open_engine(through, application="test", pool_size=1, command_timeout=slow)
        try:
            async with transaction(engine) as conn:
                await conn.execute(text(HEADS))
            line.hold()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3 if ended == "given up" else 60), engine.connect() as conn:
                    await (conn.execute(text(HEADS)) if way == "text" else fetch(conn, HEADS))
            line.restore()
            for ways in (snapshot, transaction):
                async with ways(engine) as conn:
                    assert (await conn.execute(text(HEADS))).scalar_one() == 0
        finally:
            await engine.dispose()
