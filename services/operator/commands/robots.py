"""`liandu robots`: the chat robots' simulator, in the foreground."""

import os
from pathlib import Path
from typing import Annotated

import typer

from services.operator.platform import DEFAULT_PORT_BASE, PORT_OFFSETS
from services.operator.words import console, fail, say

_JOURNAL = "robots.jsonl"


def robots(
    *,
    port: Annotated[int, typer.Option(help="Where to listen, on this machine only.")] = DEFAULT_PORT_BASE
    + PORT_OFFSETS["robots"],
    data: Annotated[
        Path | None, typer.Option(help="A file to keep robots and receipts in; else robots.jsonl in LIANDU_DATA.")
    ] = None,
) -> None:
    """Run chat robots that can be seen: what the platform sends appears here and on a page.

    Time is the platform's (LIANDU_CLOCK), as for signatures and rate limits. Without --data and LIANDU_DATA everything
    is forgotten at the end.
    """
    import uvicorn

    from services.operator.robots.app import create_app
    from services.operator.robots.server import config
    from services.operator.robots.simulator import Simulator
    from services.operator.robots.terminal import TerminalChat
    from shared.kit.clock import open_clock

    try:
        clock = open_clock(os.environ.get("LIANDU_CLOCK", "system"), env=os.environ.get("LIANDU_ENV", "development"))
    except (ValueError, OSError) as reason:
        fail(str(reason))
    simulator = Simulator(now=clock.now, journal=_journal(data), heard=TerminalChat(console))
    host = "127.0.0.1"
    say(f"robots: http://{host}:{port}/")
    uvicorn.Server(config(create_app(simulator, now=clock.now), host=host, port=port)).run()


def _journal(given: Path | None) -> Path | None:
    folder = os.environ.get("LIANDU_DATA")
    journal = given or (Path(folder) / _JOURNAL if folder else None)
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
    return journal
