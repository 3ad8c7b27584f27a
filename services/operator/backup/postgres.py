"""pg_dump and pg_restore of a service's schema, on any server of the platform's database."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from services.operator import processes
from services.operator.backup.archive import Dump
from services.operator.embedded import postgres
from services.operator.processes import Program
from shared.kit.database import role_of

_VERSION = re.compile(r"\) (\d+)")
_FEED = 1 << 20


class PostgresRefused(Exception):
    """The server or one of PostgreSQL's programs did not do what was asked; the message has its words."""


@dataclass(frozen=True, slots=True)
class Server:
    """The database, as an administrator."""

    url: str

    @property
    def place(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2] + urlsplit(self.url).path

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection]:
        """Raises: PostgresRefused, for whatever the server has to say."""
        try:
            conn = await asyncpg.connect(self.url, timeout=10, server_settings={"application_name": "liandu-backup"})
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise PostgresRefused(f"no database at {self.place}: {error or type(error).__name__}") from error
        try:
            yield conn
        except asyncpg.PostgresError as error:
            raise PostgresRefused(f"{self.place}: {error}") from error
        finally:
            await conn.close()

    async def dump(self, service: str, *, snapshot: str, to: Path, version: int) -> None:
        """Write the service's schema as the exported snapshot has it. Raises: PostgresRefused."""
        argv = ["--format=custom", "--compress=1", "--no-owner", "--no-privileges", f"--schema={service}"]
        await self._run("pg_dump", [*argv, f"--snapshot={snapshot}", f"--file={to}"], version)

    async def load(self, service: str, dump: IO[bytes], *, version: int) -> None:
        """Read a dump into the service's schema, which is there and empty; all of it or nothing.

        Raises:
            PostgresRefused: nothing was read.
        """
        argv = ["--no-owner", "--no-privileges", f"--schema={service}", f"--role={role_of(service)}"]
        argv += ["--single-transaction", "--exit-on-error"]
        await self._run("pg_restore", argv, version, feed=dump)

    async def _run(self, name: str, arguments: Sequence[str], version: int, *, feed: IO[bytes] | None = None) -> None:
        program = Program(name=name, argv=(_program(name, version), *arguments, *self._target()), env=self._password())
        options = processes.popen_options(program)
        if feed is not None:
            options["stdin"] = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*program.argv, stderr=asyncio.subprocess.PIPE, **options)
        try:
            feeding = asyncio.create_task(_feed(process, feed))
            assert process.stderr is not None
            said = await process.stderr.read()
            await feeding
            code = await process.wait()
        finally:
            if process.returncode is None:
                processes.kill_group(process.pid)
                await process.wait()
        if code != 0:
            raise PostgresRefused(f"{name} failed: {said.decode(errors='replace').strip()[-2000:]}")

    def _target(self) -> Sequence[str]:
        """The database without the password, which every user of the machine could see among the processes."""
        parts = urlsplit(self.url)
        user, _, place = parts.netloc.rpartition("@")
        return ["--dbname", urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{place}"))]

    def _password(self) -> Mapping[str, str]:
        password = urlsplit(self.url).password
        return {"PGPASSWORD": unquote(password)} if password else {}


async def _feed(process: asyncio.subprocess.Process, content: IO[bytes] | None) -> None:
    if content is None or process.stdin is None:
        return
    try:
        while chunk := await asyncio.to_thread(content.read, _FEED):
            process.stdin.write(chunk)
            await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return  # it has ended, and says why


async def major_version(conn: asyncpg.Connection) -> int:
    return int(await conn.fetchval("SELECT current_setting('server_version_num')::int / 10000"))


def _program(name: str, version: int) -> str:
    """The wheel's, or the one of PATH where the server is newer than that. Raises: PostgresRefused."""
    for path in (str(postgres.programs() / name), shutil.which(name)):
        if path is not None and os.access(path, os.X_OK) and _major(path) >= version:
            return path
    raise PostgresRefused(f"the server is PostgreSQL {version}: a {name} of that version or later must be in PATH")


def _major(program: str) -> int:
    found = _VERSION.search(processes.run([program, "--version"]).stdout)
    return int(found[1]) if found else 0


async def described(service: str, *, conn: asyncpg.Connection) -> Dump | None:
    """Where a service's schema stands; None when it is not there, or not migrated to where it can be backed up."""
    if await conn.fetchval("SELECT to_regclass($1)", f"{service}.log_epoch") is None:
        return None
    row = await conn.fetchrow(_DESCRIBED.format(schema=service))
    return Dump(service=service, **dict(row))


_DESCRIBED = """
SELECT (SELECT version_num FROM {schema}.alembic_version) AS revision, (SELECT epoch FROM {schema}.log_epoch) AS epoch,
       (SELECT coalesce(max(position), 0) FROM {schema}.event_log) AS logged,
       (SELECT coalesce(max(position), 0) FROM {schema}.relay_cursor) AS sent,
       (SELECT coalesce(max(position), 0) FROM {schema}.journal) AS consumed
"""
