"""The `liandu` command. Of the commands, only the one that was asked for is imported: most are quick to load."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

_COMMANDS = {
    "run": "run.run",
    "stop": "parts.stop",
    "start": "parts.start",
    "migrate": "run.migrate",
    "kafka": "run.kafka",
    "secrets": "run.secrets",
    "backup": "backup.backup",
    "restore": "backup.restore",
    "demo": "demo.demo",
    "token": "token.token",
    "robots": "robots.robots",
    "connect-robots": "connect.connect_robots",
    "import": "imports.import_workbook",
    "sample-workbook": "imports.sample_workbook",
    "sample-quarter": "imports.sample_quarter",
}
"""A function of a module of services.operator.commands, by the command's name."""

_GROUPS = {
    "topics": "topics",
    "clock": "clock",
    "dead-letters": "dead_letters",
    "streams": "streams",
    "outbound": "outbound",
    "policy": "policy",
    "case": "case",
}
"""A module of the same package, whose `app` holds the group's commands."""


def command_line(asked: str | None = None) -> typer.Typer:
    """The whole of it, or what it takes for one command or group."""
    made = typer.Typer(
        name="liandu",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,
        help="Liandu 链督: run the platform on one machine and operate it.",
        callback=_nothing,  # with one command only, it would otherwise have no name
    )
    known = asked in _COMMANDS or asked in _GROUPS
    for name, place in _COMMANDS.items():
        if name == asked or not known:
            module, _, function = place.partition(".")
            made.command(name)(getattr(_imported(module), function))
    for name, module in _GROUPS.items():
        if name == asked or not known:
            made.add_typer(_imported(module).app, name=name)
    return made


def _imported(module: str) -> Any:
    return import_module(f"services.operator.commands.{module}")


def _nothing() -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    words = sys.argv[1:] if arguments is None else arguments
    command_line(words[0] if words else None)(words, prog_name="liandu")


if __name__ == "__main__":
    main()
