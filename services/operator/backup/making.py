"""Making a backup: every schema as of one instant, while the platform runs."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from services.operator.backup import archive
from services.operator.backup.archive import Dump, Manifest
from services.operator.backup.postgres import PostgresRefused, Server, described, major_version
from services.operator.supervisor import Say
from shared.kit.clock import SystemClock

SECRETS = ("jwt_secret", "link_secret", "vault_key")
"""What a restored platform needs beside its tables: to take tokens, to honour links, to read robots' addresses.
Passwords of the database are not among them: a restore gives the roles those of its own."""


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    manifest: Manifest


async def make(
    target: Path,
    services: Sequence[str],
    *,
    server: Server,
    secrets: Mapping[str, Path],
    clock: datetime | None,
    say: Say,
) -> Made:
    """Write the archive `target`. `secrets`: files by name; `clock`: the platform's time where it is simulated.

    The instant is one snapshot that all dumps share: a consumer never stands further in it than its producer.

    Raises:
        PostgresRefused: a schema is not there or not up to date, or PostgreSQL refused; nothing was written.
    """
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        files = {archive.dump_file(service): Path(folder) / archive.dump_file(service) for service in services}
        async with server.connected() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            made_at = SystemClock().now()
            version = await major_version(conn)
            snapshot = str(await conn.fetchval("SELECT pg_export_snapshot()"))
            dumps = [_required(await described(service, conn=conn), service) for service in services]
            for dump in dumps:
                path = files[archive.dump_file(dump.service)]
                await server.dump(dump.service, snapshot=snapshot, to=path, version=version)
                say(f"{dump.service}: up to position {dump.logged} of its log, {path.stat().st_size / 1e6:,.1f} MB")
            manifest = Manifest(
                made_at=made_at, clock=clock, postgres=str(conn.get_server_version().major), dumps=tuple(dumps)
            )
        for name, path in secrets.items():
            copy = files[archive.secret_file(name)] = Path(folder) / name
            copy.write_bytes(path.read_bytes())
        return Made(target, archive.write(target, manifest, files))


def _required(dump: Dump | None, service: str) -> Dump:
    if dump is None:
        raise PostgresRefused(f"the schema {service} is not there or not up to date: run `liandu migrate` first")
    return dump
