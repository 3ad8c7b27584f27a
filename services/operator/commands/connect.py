"""`liandu connect-robots`: groups to try with, for a platform that runs with the simulator."""

import asyncio
from typing import Any

import httpx
import typer

from services.operator.demo.chat import GROUPS, Group
from services.operator.platform import NoPlatform, PlatformFile, Refused, answer_of, client, data_folder
from services.operator.words import fail, say


def connect_robots() -> None:
    """Give the simulator five groups, one for each tier, and let notification send there. May be repeated.

    Real robots are registered over HTTP in the same way: PUT /v1/robots/NAME, POST /v1/routes (see notification).
    """
    try:
        robots = PlatformFile.read(data_folder()).robots
        if robots is None:
            fail("the platform runs without the simulator; start it with `liandu run --robots`")
        asyncio.run(_connect(robots))
    except (NoPlatform, Refused, httpx.TransportError) as reason:
        fail(str(reason) or repr(reason))
    raise typer.Exit


async def _connect(robots: str) -> None:
    async with httpx.AsyncClient(base_url=robots, trust_env=False) as simulator, client("notification") as notification:
        routes = (await answer_of(await notification.get("/v1/routes")))["items"]
        for group in GROUPS:
            made = await answer_of(await simulator.post("/_robots", json={"name": group.name, "title": group.title}))
            body = {"name": group.title, "channel": "dingtalk", "url": made["url"], "secret": made["secret"]}
            await answer_of(await notification.put(f"/v1/robots/{group.name}", json=body))
            await _route(group, routes, notification)
            say(f"  {group.title}: {'、'.join(group.tiers)}")


async def _route(group: Group, routes: list[dict[str, Any]], notification: httpx.AsyncClient) -> None:
    """A route for each of the group's tiers that has none yet."""
    routed = {route["tier"] for route in routes if route["reach"] == "tier"}
    for tier in group.tiers:
        if tier not in routed:
            await answer_of(await notification.post("/v1/routes", json={"robot": group.name, "tier": tier}))
