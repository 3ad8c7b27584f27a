"""`liandu outbound`: the switch of everything that notification sends."""

import asyncio
from typing import Annotated, Any

import httpx
import typer

from services.operator.platform import NoPlatform, Refused, answer_of, client
from services.operator.words import fail, say

app = typer.Typer(no_args_is_help=True, help="The switch of everything that is sent.")

Reason = Annotated[str, typer.Option(help="Why, for whoever looks later.")]


@app.command()
def show() -> None:
    """Show whether anything goes out, how much waits, and what would go first."""
    _tell(_ask("GET", "/v1/outbound"))


@app.command()
def pause(*, reason: Reason = "") -> None:
    """Let nothing more leave; what comes in waits."""
    _tell(_ask("POST", "/v1/outbound:pause", {"reason": reason}))


@app.command()
def resume(
    *,
    reason: Reason = "",
    perhaps_seen: Annotated[
        bool, typer.Option("--perhaps-seen", help="Mark what waits 可能重复. After a restore it always is.")
    ] = False,
) -> None:
    """Let messages leave again, in order and within the robots' limits."""
    _tell(_ask("POST", "/v1/outbound:resume", {"reason": reason, "perhaps_seen": perhaps_seen}))


def _tell(state: dict[str, Any]) -> None:
    why = f": {state['reason']} ({state['by']})" if state["reason"] else ""
    say(f"{'paused' if state['paused'] else 'sending'}{why}")
    for robot, count in sorted(state["waiting"].items()):
        say(f"  {robot}: {count} wait")
    for message in state["would_go"]:
        say(f"  {message['number']} {message['title']}")


def _ask(method: str, path: str, body: object = None) -> dict[str, Any]:
    async def ask() -> Any:
        async with client("notification") as notification:
            return await answer_of(await notification.request(method, path, json=body))

    try:
        answer: dict[str, Any] = asyncio.run(ask())
    except (NoPlatform, Refused, httpx.TransportError) as reason:
        fail(str(reason) or repr(reason))
    return answer
