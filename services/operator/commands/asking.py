"""Asking the same of every service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import httpx

from services.operator.platform import NoPlatform, Refused, answer_of, client_at, service_urls
from services.operator.words import fail, say


async def all_items(client: httpx.AsyncClient, path: str) -> AsyncIterator[dict[str, Any]]:
    """The items of a list, page by page."""
    after: str | None = None
    while True:
        page = await answer_of(await client.get(path, params={"after": after} if after else None))
        for item in page["items"]:
            yield item
        after = page["next_after"]
        if after is None:
            return


def each_service(service: str | None, work: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Sequence[tuple[str, Any]]:
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
