"""`liandu case`: what becomes of a project's cases if nobody does anything."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.markup import escape

from services.operator.platform import NoPlatform, Refused, answer_of, client
from services.operator.words import fail, say

app = typer.Typer(no_args_is_help=True, help="Cases: what becomes of them.")


@app.command()
def preview(
    project: Annotated[str, typer.Argument(help="The project's code or id.")],
    *,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day; else 60 days from now.")
    ] = None,
) -> None:
    """Tell who hears what on which day about a project if nobody does anything. Nothing is sent."""
    try:
        shown = asyncio.run(_forecast(project, until))
    except (NoPlatform, Refused) as reason:
        fail(str(reason))
    except httpx.TransportError as reason:
        fail(f"the platform does not answer: {reason!r}")
    say(escape(f"{shown['project']}：如无进展，至{shown['until']}将有"))
    steps = [(step["on"], step["sentence"]) for step in (*shown["steps"], *shown["lights"])]
    for _, sentence in sorted(steps):
        say(f"  {escape(sentence)}")
    if not steps:
        say("  （无）")


async def _forecast(project: str, until: datetime | None) -> dict[str, Any]:
    asked = {"until": f"{until:%Y-%m-%d}"} if until else {}
    async with client("assessment") as assessment:
        answer = await assessment.get(f"/v1/projects/{quote(project, safe='')}/forecast", params=asked)
        shown: dict[str, Any] = await answer_of(answer)
        return shown
