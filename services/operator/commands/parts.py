"""`liandu stop|start`: a part of the running platform."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from services.operator.platform import NoPlatform, PlatformFile, data_folder, wish_file
from services.operator.supervisor import Wish
from services.operator.words import fail

_PATIENCE = 120.0
"""Real seconds that a part may take."""

Part = Annotated[str, typer.Argument(help="Such as intake, assessment, notification, robots, broker, postgres.")]


def stop(part: Part) -> None:
    """Stop one part of the running platform and keep it stopped until `liandu start`."""
    wish = _wish(part)
    if wish.word() != "stopped":
        wish.ask("stop")
    _wait_until(lambda: wish.word() == "stopped", f"{part} does not stop")


def start(part: Part) -> None:
    """Start a part again that `liandu stop` stopped, and wait until it is ready."""
    wish = _wish(part)
    if wish.word() is not None:
        wish.ask("start")
    _wait_until(lambda: wish.word() is None, f"{part} does not become ready; see {data_folder() / 'log' / part}.log")


def _wish(part: str) -> Wish:
    try:
        parts = PlatformFile.read(data_folder()).parts
    except NoPlatform as reason:
        fail(str(reason))
    if part not in parts:
        fail(f"no part {part!r}; there are {', '.join(parts)}")
    return Wish(wish_file(data_folder(), part))


def _wait_until(done: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > until:
            fail(otherwise)
        time.sleep(0.05)
