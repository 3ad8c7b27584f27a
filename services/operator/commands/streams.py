"""`liandu streams`: streams that stopped because their producer's log contradicts what was taken from them."""

import json
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from services.operator.commands.asking import all_items, each_service
from services.operator.platform import answer_of
from services.operator.words import console, fail, say

_PATH = "/v1/stopped-streams"

app = typer.Typer(no_args_is_help=True, help="Streams stopped because their producer's log contradicts what was taken.")

Aggregate = Annotated[str, typer.Argument(help="The aggregate's id, from `list`.")]
Service = Annotated[str | None, typer.Option("--service", help="The consumer that stopped them; else all that run.")]
OneService = Annotated[str, typer.Option("--service", help="The consumer that stopped it.")]
Producer = Annotated[str, typer.Option("--of", help="The service that produces the stream.")]


@app.command("list")
def list_streams(*, service: Service = None) -> None:
    """Show what is stopped, in each service."""

    async def work(client: httpx.AsyncClient) -> list[dict[str, Any]]:
        return [stream async for stream in all_items(client, _PATH)]

    table = Table(box=None, pad_edge=False)
    for column in ("service", "stream of", "aggregate", "taken", "since"):
        table.add_column(column, no_wrap=True)
    table.add_column("why")
    count = 0
    for name, streams in each_service(service, work):
        for stream in streams:
            shown = (stream["service"], stream["aggregate_id"], str(stream["taken"]), stream["since"][:19])
            table.add_row(name, *shown, stream["detail"])
            count += 1
    if count:
        console.print(table)
    say(f"{count} stopped")


@app.command()
def show(aggregate: Aggregate, *, of: Producer, service: OneService) -> None:
    """Show what was taken that the producer's log does not have (`lost`), and what that has instead."""

    async def work(client: httpx.AsyncClient) -> Any:
        return await answer_of(await client.get(f"{_PATH}/{of}/{aggregate}"))

    for _, found in each_service(service, work):
        print(json.dumps(found, indent=2, ensure_ascii=False))


@app.command()
def release(
    aggregate: Annotated[str | None, typer.Argument(help="The aggregate's id; without one, all that stopped.")] = None,
    *,
    of: Annotated[str | None, typer.Option("--of", help="Only streams of this producer.")] = None,
    service: Service = None,
) -> None:
    """Let streams go on from the last event that both sides have; what was taken after it stays done.

    See docs/backup.md before releasing after a restore.
    """
    if aggregate is not None and (of is None or service is None):
        fail("an aggregate's stream is one producer's in one consumer: say --of and --service too")

    async def work(client: httpx.AsyncClient) -> Any:
        if aggregate is None:
            return await answer_of(await client.post(f"{_PATH}:release", params={"service": of} if of else None))
        return [await answer_of(await client.post(f"{_PATH}/{of}/{aggregate}:release"))]

    count = 0
    for name, released in each_service(service, work):
        for stream in released:
            say(f"{name}: {stream['service']} {stream['aggregate_id']} goes on after {stream['agreed']}")
            count += 1
    say(f"{count} released")
