"""`liandu topics`: the registry, and its topics on a broker."""

import asyncio
from typing import Annotated

import typer
from rich.table import Column, Table

from services.operator.platform import NoPlatform, PlatformFile, data_folder
from services.operator.words import console, fail, say

app = typer.Typer(no_args_is_help=True, help="The topics: who writes, who reads, for how long.")


@app.command("list")
def list_topics() -> None:
    """Show the registry: every topic with its producer, consumers, partitions and retention."""
    from services.operator.topics import all_topics

    table = Table(
        Column("topic", no_wrap=True), "producer", "consumers", "partitions", "retention", box=None, pad_edge=False
    )
    for plan in all_topics():
        days = f"{plan.retention.days} days"
        table.add_row(plan.name, plan.producer, ", ".join(plan.consumers), str(plan.partitions), days)
    console.print(table)


@app.command()
def create(
    *,
    bootstrap: Annotated[
        str | None, typer.Option(envvar="LIANDU_KAFKA_BOOTSTRAP", help="The cluster; else the running platform's.")
    ] = None,
    replication: Annotated[int, typer.Option(envvar="LIANDU_TOPIC_REPLICATION", help="Copies of each partition.")] = 1,
) -> None:
    """Create the topics that are missing on a cluster; those that exist are left as they are."""
    from services.operator.topics import TopicsNotCreated, create_topics
    from shared.kit.broker import BrokerUnavailable

    try:
        address = bootstrap or PlatformFile.read(data_folder()).kafka_bootstrap
        created = asyncio.run(create_topics(address, replication_factor=replication))
    except (NoPlatform, BrokerUnavailable, TopicsNotCreated) as reason:
        fail(str(reason))
    if created.unsupported:
        say("the embedded broker makes topics at their first use; nothing to create")
        return
    for name in created.new:
        say(f"created  {name}")
    for name in created.known:
        say(f"exists   {name}")
