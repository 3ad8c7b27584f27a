"""`liandu dead-letters`: what services put aside, and setting it going again."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from services.operator.platform import NoPlatform, Refused, answer_of, client_at, service_urls
from services.operator.words import console, fail, say

_LONGEST = 120

app = typer.Typer(no_args_is_help=True, help="Records and timers that could not be processed.")

Service = Annotated[str | None, typer.Option("--service", help="One service; else all that run.")]
OneService = Annotated[str, typer.Option("--service", help="The service that put it aside.")]


@app.command("list")
def list_letters(*, service: Service = None) -> None:
    """Show what waits to be redriven, in each service."""

    async def work(client: httpx.AsyncClient) -> list[dict[str, Any]]:
        return [letter async for letter in _letters(client)]

    table = Table("service", "id", "kind", "type", "aggregate", "seq", "since", "error", box=None, pad_edge=False)
    count = 0
    for name, letters in _each(service, work):
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

    for _, found in _each(service, work):
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
    for name, outcome in _each(service, work):
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


async def _letters(client: httpx.AsyncClient) -> Any:
    after: str | None = None
    while True:
        page = await answer_of(await client.get("/v1/dead-letters", params={"after": after} if after else None))
        for letter in page["items"]:
            yield letter
        after = page["next_after"]
        if after is None:
            return


def _each(service: str | None, work: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Sequence[tuple[str, Any]]:
    """Do it at one service, or at all that run; those that do not are named."""

    async def at_all(urls: dict[str, str]) -> list[tuple[str, Any]]:
        answers = []
        for name, url in urls.items():
            async with client_at(url) as client:
                try:
                    answers.append((name, await work(client)))
                except httpx.TransportError:
                    if service is not None:
                        raise
                    say(f"{name} is not running: left out")
        return answers

    try:
        urls = service_urls()
        if service is not None and service not in urls:
            fail(f"no service {service!r}; there are {', '.join(urls)}")
        return asyncio.run(at_all(urls if service is None else {service: urls[service]}))
    except (NoPlatform, Refused, httpx.TransportError) as reason:
        fail(str(reason) or repr(reason))
