"""Restoring a backup: nothing is touched before everything was checked, and what fails is undone."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from services.operator import parts, processes
from services.operator.backup import archive
from services.operator.backup.archive import Archive
from services.operator.backup.postgres import PostgresRefused, Server, major_version
from services.operator.launch import Launch, ServiceSpec
from services.operator.launcher import write_private
from services.operator.processes import Program
from services.operator.supervisor import Say
from shared.kit.database import knows_revision, provision, role_of

_KEPT_BESIDE = ("link_secret", "vault_key")
"""Secrets of which a file may hold several, a line each: the first is used for what is new, all for what is old."""


class Refused(Exception):
    """Why nothing was restored, for the person who typed the command."""


@dataclass(frozen=True, slots=True)
class Restore:
    """What is restored, and where to."""

    launch: Launch
    server: Server
    services: Sequence[ServiceSpec]
    say: Say

    async def from_archive(self, source: Archive, *, force: bool) -> None:
        """Replace the services' schemas by those of the archive.

        Raises:
            Refused: a service runs, or has data and `force` was not given; nothing was touched.
            PostgresRefused: it went wrong, and what was there before is there again.
        """
        async with self.server.connected() as conn:
            await self.require_stopped(conn)
            present = [spec.name for spec in self.services if await _has_data(spec.name, conn)]
            if present and not force:
                raise Refused(f"there is data of {', '.join(present)} already: --force replaces it")
            await self._replace(source, conn)
        await self.begin_anew()

    async def begin_anew(self) -> None:
        """Bring the schemas up to date, and begin new epochs of their logs.

        Raises:
            Refused: a service's own program refused; it can be done again with `--already-restored`.
        """
        for spec in self.services:
            self.say(f"{spec.name}: bringing it up to date, a new epoch of its log begins")
            await _carry_out(parts.migration(self.launch, spec, self.server.url))
            await _carry_out(parts.beginning_anew(self.launch, spec, self.server.url))
        async with self.server.connected() as conn:
            await conn.execute("ANALYZE")

    async def require_stopped(self, conn: asyncpg.Connection) -> None:
        """Raises: Refused, when a process of one of the services is connected."""
        roles = {role_of(spec.name): spec.name for spec in self.services}
        rows = await conn.fetch(_CONNECTED, list(roles))
        if running := sorted(roles[row["usename"]] for row in rows):
            stops = " && ".join(f"liandu stop {name}" for name in running)
            raise Refused(f"{', '.join(running)} is running: stop it first ({stops}, or stop the platform)")

    async def _replace(self, source: Archive, conn: asyncpg.Connection) -> None:
        """What was there is set aside meanwhile, and dropped when everything is in its place."""
        begun: list[str] = []
        try:
            for spec in self.services:
                begun.append(spec.name)
                await _set_aside(spec.name, conn)
                await self._load(spec, source, conn)
        except BaseException:
            for name in begun:
                await _put_back(name, conn)
            raise
        async with conn.transaction():
            for name in begun:
                await conn.execute(f"DROP SCHEMA IF EXISTS {_aside(name)} CASCADE")
                await conn.execute(f"COMMENT ON SCHEMA {name} IS NULL")

    async def _load(self, spec: ServiceSpec, source: Archive, conn: asyncpg.Connection) -> None:
        dump, version = source.dump(spec.name), await major_version(conn)
        self.say(f"{spec.name}: restoring, up to position {dump.logged} of its log")
        await provision(self.server.url, spec.name, self.launch.secret(f"{spec.name}_password"))
        await conn.execute(f"COMMENT ON SCHEMA {spec.name} IS '{_HALF_RESTORED}'")
        with source.reading(archive.dump_file(spec.name)) as content:
            await self.server.load(spec.name, content, version=version)


def check(source: Archive, services: Sequence[ServiceSpec]) -> None:
    """Raises:
    Refused: a service is not in the archive, or in a shape that only later code knows.
    Unusable: the archive is damaged.
    """
    if missing := [spec.name for spec in services if spec.name not in source.services]:
        raise Refused(f"{source.path} has no {', '.join(missing)}; it has {', '.join(source.services)}")
    for spec in services:
        revision = source.dump(spec.name).revision
        if not knows_revision(parts.migrations(spec), revision):
            raise Refused(f"{source.path}: {spec.name} stands at revision {revision}, which this version does not know")
    source.check()


def keep_secrets(source: Archive, folder: Path) -> list[str]:
    """Put the archive's secrets where there are none; the names of those that were."""
    missing = {name: text for name, text in source.secrets().items() if not (folder / name).exists()}
    for name, text in missing.items():
        write_private(folder / name, text)
    return sorted(missing)


def keep_old_secrets(source: Archive, folder: Path) -> list[str]:
    """Add the archive's keys behind those that are used here, so that what they sealed can be read; whose."""
    added = []
    for name, text in source.secrets().items():
        present = (folder / name).read_text()
        lacking = [line for line in text.split() if line not in present.split()]
        if name in _KEPT_BESIDE and lacking:
            write_private(folder / name, "\n".join([*present.split(), *lacking]) + "\n")
            added.append(name)
    return sorted(added)


async def _carry_out(program: Program) -> None:
    process = await asyncio.create_subprocess_exec(
        *program.argv,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        **processes.popen_options(program),
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        last = "\n".join(f"    {line}" for line in said.decode(errors="replace").splitlines()[-20:])
        raise Refused(f"{program.name} failed:\n{last}\nwhen that is mended: liandu restore --already-restored")


async def _has_data(schema: str, conn: asyncpg.Connection) -> bool:
    """Also such as a restore that was killed has left aside."""
    return bool(await conn.fetchval(_HAS_TABLES, [schema, _aside(schema)]))


async def _set_aside(schema: str, conn: asyncpg.Connection) -> None:
    """Make room for a schema. What a restore that was killed has left there is not worth keeping: what it had set
    aside is."""
    if await _is_half_restored(schema, conn):
        await conn.execute(f"DROP SCHEMA {schema} CASCADE")
    elif await _exists(schema, conn):
        await conn.execute(f"DROP SCHEMA IF EXISTS {_aside(schema)} CASCADE")
        await conn.execute(f"ALTER SCHEMA {schema} RENAME TO {_aside(schema)}")


async def _put_back(schema: str, conn: asyncpg.Connection) -> None:
    if await _is_half_restored(schema, conn):
        await conn.execute(f"DROP SCHEMA {schema} CASCADE")
    if await _exists(_aside(schema), conn) and not await _exists(schema, conn):
        await conn.execute(f"ALTER SCHEMA {_aside(schema)} RENAME TO {schema}")


async def _is_half_restored(schema: str, conn: asyncpg.Connection) -> bool:
    """It is there, and says so itself or is empty."""
    if not await _exists(schema, conn):
        return False
    return await conn.fetchval(_COMMENT, schema) == _HALF_RESTORED or not await conn.fetchval(_HAS_TABLES, [schema])


async def _exists(schema: str, conn: asyncpg.Connection) -> bool:
    return bool(await conn.fetchval("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema))


def _aside(schema: str) -> str:
    return f"{schema}_before_restore"


_HALF_RESTORED = "liandu: being restored"

_HAS_TABLES = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = ANY ($1::text[]))"

_COMMENT = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = $1"

_CONNECTED = """
SELECT DISTINCT usename FROM pg_stat_activity WHERE usename = ANY ($1::text[]) AND datname = current_database()
"""

__all__ = ["PostgresRefused", "Refused", "Restore", "check", "keep_old_secrets", "keep_secrets"]
