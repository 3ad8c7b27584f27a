"""`liandu dead-letters`: what services put aside, and setting it going again."""

import json
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from services.operator.commands.asking import all_items, each_service
from services.operator.platform import answer_of
from services.operator.words import console, fail, say

_LONGEST = 120

app = typer.Typer(no_args_is_help=True, help="Records and timers that could not be processed.")

Service = Annotated[str | None, typer.Option("--service", help="One service; else all that run.")]
OneService = Annotated[str, typer.Option("--service", help="The service that put it aside.")]


@app.command("list")
def list_letters(*, service: Service = None) -> None:
    """Show what waits to be redriven, in each service."""

    async def work(client: httpx.AsyncClient) -> list[dict[str, Any]]:
        return [letter async for letter in all_items(client, "/v1/dead-letters")]

    table = Table("service", "id", "kind", "type", "aggregate", "seq", "since", "error", box=None, pad_edge=False)
    count = 0
    for name, letters in each_service(service, work):
        for letter in letters:
            shown = (letter[key] for key in ("id", "kind", "type", "aggregate_id", "seq", "at"))
            table.add_row(name, *("" if value is None else str(value) for value in shown), _first_line(letter["error"]))
            count += 1
    if count:
        console.print(table)
    say(f"{count} put aside")


@app.command()
def show(letter: Annotated[str, typer.Argument(help="Its id, from `list`.")], *, service: OneService) -> None:
    """Show one with its headers, its content and the error that stopped it."""

    async def work(client: httpx.AsyncClient) -> Any:
        return await answer_of(await client.get(f"/v1/dead-letters/{letter}"))

    for _, found in each_service(service, work):
        print(json.dumps(found, indent=2, ensure_ascii=False))


@app.command()
def redrive(
    letter: Annotated[str | None, typer.Argument(help="Its id; without one, everything that waits.")] = None,
    *,
    service: Service = None,
) -> None:
    """Process again what was put aside, each aggregate in its order."""
    if letter is not None and service is None:
        fail("an id is a service's own: say --service too")
    path = f"/v1/dead-letters/{letter}:redrive" if letter else "/v1/dead-letters:redrive"

    async def work(client: httpx.AsyncClient) -> Any:
        return await answer_of(await client.post(path))

    failed = 0
    for name, outcome in each_service(service, work):
        for redriven in outcome if isinstance(outcome, list) else [outcome]:
            done = redriven["outcome"] == "done"
            failed += not done
            said = f"done, {redriven['done']} put right" if done else f"fails again: {_first_line(redriven['error'])}"
            say(f"{name} {redriven['id']}: {said}")
    if failed:
        fail(f"{failed} still put aside")


def _first_line(words: str | None) -> str:
    line = (words or "").partition("\n")[0]
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
