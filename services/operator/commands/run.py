"""`liandu run` and `liandu kafka`: the platform, or Apache Kafka alone, in the foreground."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from services.operator import processes
from services.operator.launch import Launch
from services.operator.platform import DEFAULT_PORT_BASE, data_folder
from services.operator.words import fail, moment, say

Kafka = Literal["embedded", "real"]


def run(
    *,
    port_base: Annotated[
        int, typer.Option(envvar="PORT_BASE", help="Ports are counted from here.")
    ] = DEFAULT_PORT_BASE,
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
    die_with_parent: Annotated[bool, typer.Option("--die-with-parent", hidden=True)] = False,
) -> None:
    """Start the whole platform and keep it running until Ctrl+C.

    Everything is kept under .liandu (LIANDU_DATA). LIANDU_DATABASE_URL names another PostgreSQL (an admin's URL),
    LIANDU_KAFKA_BOOTSTRAP another Kafka cluster.
    """
    from services.operator import launcher

    if die_with_parent:
        processes.end_with_parent()
    if kafka not in ("embedded", "real"):
        fail(f"KAFKA is {kafka!r}; it must be `embedded` or `real`")
    launch = Launch(
        data=data_folder(),
        port_base=port_base,
        kafka=cast(Kafka, kafka),
        kafka_bootstrap=os.environ.get("LIANDU_KAFKA_BOOTSTRAP"),
        replication_factor=int(os.environ.get("LIANDU_TOPIC_REPLICATION") or 1),
        admin_database_url=os.environ.get("LIANDU_DATABASE_URL"),
        clock=_clock(clock),
        clock_start=moment(start) if start else None,
        env=os.environ.get("LIANDU_ENV") or ("development" if clock == "system" else "demo"),
        public_url=os.environ.get("LIANDU_PUBLIC_URL"),
        robots=robots,
        verbose=verbose,
    )
    try:
        code = launcher.run(launch, say=say)
    except launcher.CannotStart as reason:
        fail(str(reason))
    raise typer.Exit(code)


def kafka(
    *,
    port: Annotated[int, typer.Option(envvar="KAFKA_PORT", help="The port of 127.0.0.1 it listens on.")] = 9092,
) -> None:
    """Start Apache Kafka 4.1 alone and keep it running until Ctrl+C (needs Java 17 and Maven)."""
    import asyncio

    from services.operator.embedded.kafka import KafkaFailed, KafkaUnavailable, RealKafka, start
    from services.operator.supervisor import Registry
    from services.operator.topics import create_topics

    data = data_folder()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    node = RealKafka(
        data=data / "kafka", port=port, controller_port=processes.free_port(), log=data / "log" / "kafka.log"
    )
    node.log.parent.mkdir(exist_ok=True, mode=0o700)
    if processes.listens(port):
        fail(f"in use by another program: port {port} (kafka); choose another with KAFKA_PORT")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with Registry() as registry:
        process: subprocess.Popen[bytes] | None = None
        try:
            say("starting Apache Kafka; its jars are fetched at the first start")
            process = start(node)
            registry.add(process.pid)
            asyncio.run(create_topics(node.bootstrap))
            say(f"ready  kafka {node.bootstrap}  (log {node.log})")
            fail(f"Apache Kafka ended with code {process.wait()}; see {node.log}")
        except (KafkaUnavailable, KafkaFailed) as reason:
            fail(str(reason))
        except KeyboardInterrupt:
            say("stopping")
        finally:
            if process is not None:
                processes.stop(process)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _clock(given: str) -> str:
    if given == "simulated":
        return f"simulated:{data_folder() / 'clock'}"
    kind, _, file = given.partition(":")
    if kind == "simulated":
        return f"simulated:{Path(file).absolute()}"
    if given != "system":
        fail(f"LIANDU_CLOCK is {given!r}; it must be `system`, `simulated` or `simulated:FILE`")
    return given
