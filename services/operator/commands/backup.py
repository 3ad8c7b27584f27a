"""`liandu backup` and `liandu restore`: the platform's data in one file, and back (docs/backup.md)."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.operator import launcher, parts
from services.operator.backup import archive, making, restoring
from services.operator.backup.archive import Archive, Unusable
from services.operator.backup.postgres import PostgresRefused, Server
from services.operator.backup.restoring import Refused, Restore
from services.operator.launch import PLATFORM, Launch, ServiceSpec
from services.operator.platform import DEFAULT_PORT_BASE, NoPlatform, PlatformFile, data_folder
from services.operator.words import console, fail, say
from shared.kit.clock import CHINA, SimulatedClock, SystemClock, set_simulated

Services = Annotated[
    list[str] | None, typer.Option("--service", help="Only this service; may be repeated. Else all of them.")
]

_WRONG = (Refused, Unusable, PostgresRefused, launcher.CannotStart, OSError)


def backup(
    target: Annotated[
        Path | None, typer.Argument(metavar="[FILE or DIR]", help="Where to; else DATA/backups.", show_default=False)
    ] = None,
    *,
    service: Services = None,
    without_secrets: Annotated[
        bool,
        typer.Option("--without-secrets", help="Leave the keys out: keep them apart then."),
    ] = False,
) -> None:
    """Back up the platform into one file, as of one instant; it may run meanwhile.

    Without a running platform the embedded PostgreSQL is started for the while. LIANDU_DATABASE_URL names another
    server (an admin's URL).
    """
    specs = _chosen(service)
    try:
        _require_data()
        path = _target(target)
        with _database() as (launch, server):
            secrets = {} if without_secrets else _secrets(launch)
            work = making.make(
                path, [spec.name for spec in specs], server=server, secrets=secrets, clock=_clock(launch), say=say
            )
            with console.status("backing up …"):
                made = asyncio.run(work)
    except _WRONG as reason:
        fail(str(reason))
    say(f"{made.path}  {made.path.stat().st_size / 1e6:,.1f} MB")
    if secrets:
        say(f"It holds the platform's keys ({', '.join(secrets)}): keep it where nobody else can read it.")
    else:
        say("It holds no keys: keep the vault's apart, without it robots' addresses cannot be read.")


def restore(
    file: Annotated[Path | None, typer.Argument(dir_okay=False, help="A backup.", show_default=False)] = None,
    *,
    service: Services = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the data that is there.")] = False,
    already_restored: Annotated[
        bool,
        typer.Option("--already-restored", help="The database was restored by other means: do what must follow."),
    ] = False,
) -> None:
    """Restore a backup into an empty data folder, or with --force over what is there. The services must be stopped.

    Nothing is sent to anybody afterwards until `liandu outbound resume`. One service restored alone goes back in time
    while the others do not: see docs/backup.md first.
    """
    if (file is None) != already_restored:
        fail("name a backup, or say --already-restored")
    try:
        specs = _restore_archive(file, service, force=force) if file else _follow_restore(_chosen(service))
    except _WRONG as reason:
        fail(str(reason))
    _say_what_is_next([spec.name for spec in specs])


def _restore_archive(file: Path, service: Sequence[str] | None, *, force: bool) -> Sequence[ServiceSpec]:
    source = Archive.open(file)
    specs = _chosen(service or source.services)
    say(f"{file}: of {_local(source.manifest.made_at)}, checking")
    restoring.check(source, specs)
    launch = _launch()
    launcher.make_folders(launch)
    if kept := restoring.keep_secrets(source, launch.secrets):
        say(f"keys taken from the backup: {', '.join(kept)}")
    elif "notification" in [spec.name for spec in specs] and not launch.secret_file("vault_key").exists():
        raise Refused(f"the backup holds no keys: put the vault's at {launch.secret_file('vault_key')} first")
    with _database() as (launch, server), console.status("restoring …"):
        asyncio.run(Restore(launch, server, specs, say).from_archive(source, force=force))
    if added := restoring.keep_old_secrets(source, launch.secrets):
        say(f"keys of the backup added to those in use: {', '.join(added)}")
    _set_clock(launch, source.manifest.clock)
    return specs


def _follow_restore(specs: Sequence[ServiceSpec]) -> Sequence[ServiceSpec]:
    with _database() as (launch, server), console.status("beginning anew …"):
        asyncio.run(_begin_anew(Restore(launch, server, specs, say)))
    return specs


async def _begin_anew(restore: Restore) -> None:
    async with restore.server.connected() as conn:
        await restore.require_stopped(conn)
    await restore.begin_anew()


def _say_what_is_next(services: Sequence[str]) -> None:
    say(f"restored: {', '.join(services)}. Start the platform (or `liandu start …`): it catches up by itself.")
    if "notification" in services:
        say("Nothing is sent until `liandu outbound resume`; what waits is then marked 可能重复.")
    if len(services) < len(PLATFORM):
        say("The others were not: whoever was told more than is known now stops; see `liandu streams list`.")


def _chosen(names: Sequence[str] | None) -> Sequence[ServiceSpec]:
    known = {spec.name: spec for spec in PLATFORM}
    if strangers := [name for name in names or () if name not in known]:
        fail(f"no service {strangers[0]!r}; there are {', '.join(known)}")
    return [spec for spec in PLATFORM if not names or spec.name in names]


@contextmanager
def _database() -> Iterator[tuple[Launch, Server]]:
    """The platform's database: the one that is given, that of the running platform, or the embedded one started."""
    launch = _launch()
    if launch.admin_database_url is not None:
        launcher.make_folders(launch)
        launcher.make_secrets(launch.secrets, [spec.name for spec in launch.services])
        yield launch, Server(launch.admin_database_url)
        return
    running = _running()
    if running is None:
        with launcher.embedded_database(launch) as url:
            yield launch, Server(url)
        return
    if "postgres" not in running.parts:
        raise Refused("the platform runs on a PostgreSQL of its own: name it in LIANDU_DATABASE_URL (an admin's URL)")
    server = f"postgresql://{running.database}"
    yield launch, Server(parts.database_url(server, user="postgres", password=launch.secret("postgres_password")))


def _launch() -> Launch:
    given = os.environ.get("LIANDU_DATABASE_URL")
    port_base = int(os.environ.get("PORT_BASE") or DEFAULT_PORT_BASE)
    return Launch(data=data_folder(), port_base=port_base, admin_database_url=given)


def _running() -> PlatformFile | None:
    """The platform that runs on the data folder. One that was killed has left its file behind."""
    try:
        file = PlatformFile.read(data_folder())
        os.kill(file.pid, 0)
    except (NoPlatform, ProcessLookupError):
        return None
    return file


def _require_data() -> None:
    """Raises: Refused, rather than make a folder with nothing in it."""
    launch = _launch()
    if launch.admin_database_url is None and _running() is None and not (launch.data / "postgres").exists():
        raise Refused(f"there is no data in {launch.data}; LIANDU_DATA names another folder")


def _target(given: Path | None) -> Path:
    """The archive's path. Raises: Refused, when there is a file already."""
    folder = data_folder() / "backups" if given is None else given
    name = f"liandu-{SystemClock().now().astimezone(CHINA):%Y%m%dT%H%M%S}{archive.SUFFIX}"
    path = folder / name if given is None or folder.is_dir() else folder
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        raise Refused(f"{path} exists")
    return path.absolute()


def _secrets(launch: Launch) -> dict[str, Path]:
    files = {name: launch.secret_file(name) for name in making.SECRETS}
    return {name: path for name, path in files.items() if path.exists()}


def _clock_file(launch: Launch) -> Path:
    running = _running()
    kind, _, file = (running.clock if running else "").partition(":")
    return Path(file) if kind == "simulated" else launch.data / "clock"


def _clock(launch: Launch) -> datetime | None:
    file = _clock_file(launch)
    return SimulatedClock(file).now() if file.exists() else None


def _set_clock(launch: Launch, moment: datetime | None) -> None:
    """Simulated time begins where it stood; a clock that is there already goes on as it does."""
    file = _clock_file(launch)
    if moment is not None and not file.exists():
        set_simulated(file, moment)
        say(f"simulated time stands at {_local(moment)}")


def _local(moment: datetime) -> str:
    return moment.astimezone(CHINA).isoformat(sep=" ", timespec="minutes")
