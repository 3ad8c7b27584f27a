"""`liandu run|migrate|kafka|secrets`: the platform, or a part of it, on this machine."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from services.operator import launcher, processes
from services.operator.launch import Launch
from services.operator.platform import DEFAULT_PORT_BASE, SERVICES, data_folder
from services.operator.words import fail, moment, say
from shared.kit.settings import DATABASE_URL_RULE, DATABASE_URL_SCHEME

Kafka = Literal["embedded", "real"]
PortBase = Annotated[int, typer.Option(envvar="PORT_BASE", min=1, max=65_000, help="Ports are counted from here.")]
DieWithParent = Annotated[bool, typer.Option("--die-with-parent", hidden=True)]
"""For make, so that killing it ends what it started."""


def run(
    *,
    port_base: PortBase = DEFAULT_PORT_BASE,
    kafka: Annotated[
        str, typer.Option(envvar="KAFKA", help="`embedded` (from pip alone, in memory) or `real` (needs Java, Maven).")
    ] = "embedded",
    clock: Annotated[
        str, typer.Option(envvar="LIANDU_CLOCK", help="`system`, `simulated` (DATA/clock) or `simulated:FILE`.")
    ] = "system",
    start: Annotated[
        str | None, typer.Option(help="Where new simulated time begins, such as 2026-01-05T09:00+08:00.")
    ] = None,
    robots: Annotated[bool, typer.Option("--robots", help="Start the chat robots' simulator too.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show every log line, not only warnings.")] = False,
    die_with_parent: DieWithParent = False,
) -> None:
    """Start the whole platform and keep it running until Ctrl+C.

    Everything is kept under .liandu (LIANDU_DATA). LIANDU_DATABASE_URL names another PostgreSQL (an admin's URL),
    LIANDU_KAFKA_BOOTSTRAP another Kafka cluster.
    """
    if kafka not in ("embedded", "real"):
        fail(f"KAFKA is {kafka!r}; it must be `embedded` or `real`")
    launch = Launch(
        data=data_folder(),
        port_base=port_base,
        kafka=cast(Kafka, kafka),
        kafka_bootstrap=os.environ.get("LIANDU_KAFKA_BOOTSTRAP"),
        replication_factor=int(os.environ.get("LIANDU_TOPIC_REPLICATION") or 1),
        admin_database_url=_given_database(),
        clock=_clock(clock),
        clock_start=moment(start) if start else None,
        env=os.environ.get("LIANDU_ENV") or ("development" if clock == "system" else "demo"),
        public_url=os.environ.get("LIANDU_PUBLIC_URL"),
        robots=robots,
        verbose=verbose,
    )
    _carry_out(launcher.run, launch, die_with_parent=die_with_parent)


def migrate(*, port_base: PortBase = DEFAULT_PORT_BASE) -> None:
    """Bring the services' roles, schemas and tables up to date, then stop. `run` does this too.

    LIANDU_DATABASE_URL: an admin's URL; without it the embedded PostgreSQL is started for the while.
    """
    launch = Launch(data=data_folder(), port_base=port_base, admin_database_url=_given_database())
    _carry_out(launcher.migrate, launch)


def kafka(
    *,
    port: Annotated[int, typer.Option(envvar="KAFKA_PORT", help="The port of 127.0.0.1 it listens on.")] = 9092,
    die_with_parent: DieWithParent = False,
) -> None:
    """Start Apache Kafka 4.1 alone and keep it running until Ctrl+C (needs Java 17 and Maven)."""
    launch = Launch(data=data_folder(), port_base=0, kafka="real", kafka_port=port, services=(), admin_database_url="")
    _carry_out(launcher.run_kafka, launch, die_with_parent=die_with_parent)


def secrets(folder: Annotated[Path, typer.Argument(help="Where they go; made when it is not there.")]) -> None:
    """Make the secrets that are missing in a folder, as docker-compose.yml reads them.

    The folder is yours alone. The files in it can be read by all: they are mounted into containers of other users.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for file in launcher.make_secrets(folder, SERVICES):
        file.chmod(0o444)
        say(str(file))


def _carry_out(start: Callable[..., None], launch: Launch, *, die_with_parent: bool = False) -> None:
    if die_with_parent:
        processes.end_with_parent()
    try:
        start(launch, say=say)
    except launcher.CannotStart as reason:
        fail(str(reason))


def _given_database() -> str | None:
    url = os.environ.get("LIANDU_DATABASE_URL")
    if url and not url.startswith(DATABASE_URL_SCHEME):
        fail(f"LIANDU_DATABASE_URL {DATABASE_URL_RULE}")
    return url


def _clock(given: str) -> str:
    if given == "simulated":
        return f"simulated:{data_folder() / 'clock'}"
    kind, _, file = given.partition(":")
    if kind == "simulated":
        return f"simulated:{Path(file).absolute()}"
    if given != "system":
        fail(f"LIANDU_CLOCK is {given!r}; it must be `system`, `simulated` or `simulated:FILE`")
    return given
