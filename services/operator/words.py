"""What commands say, and how they end."""

import contextlib
import sys
from datetime import datetime
from typing import NoReturn

import typer
from rich.console import Console

console = Console(highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """One line, at once; a reader that has gone away is no error."""
    with contextlib.suppress(BrokenPipeError, OSError):
        print(text, flush=True)


def fail(reason: str, *, code: int = 1) -> NoReturn:
    """End the command with a reason on standard error."""
    print(f"liandu: {reason}", file=sys.stderr, flush=True)
    raise typer.Exit(code)


def moment(text: str) -> datetime:
    """A moment as a person writes it: ISO 8601; without an offset it is China's time."""
    from shared.kit.clock import CHINA

    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is no ISO 8601 time, such as 2026-03-02T09:00+08:00")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=CHINA)
