"""A server that misbehaves on purpose: it answers with the bytes, and at the moments, that a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

TOKEN = "planted-access-token"

Talk = Callable[["Conversation"], Awaitable[None]]


class Conversation:
    """One connection as the robot sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heads: list[str]) -> None:
        self._reader, self._writer, self._heads = reader, writer, heads

    async def hear(self) -> None:
        head = await self._reader.readuntil(b"\r\n\r\n")
        await self._reader.readexactly(4)
        self._heads.append(head.decode())

    async def say(self, *parts: bytes) -> None:
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(0)

    async def until_closed(self) -> None:
        await self._reader.read()

    def close(self) -> None:
        self._writer.close()


class Robot:
    """A server that talks as told. `heads`: of the requests that came in whole; `connections`: all that were made."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.heads: list[str] = []
        self.connections: list[Conversation] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/x?access_token={TOKEN}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = Conversation(reader, writer, self.heads)
        self.connections.append(conversation)
        try:
            await self._talk(conversation)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def robot(talk: Talk) -> AsyncIterator[Robot]:
    made = Robot(talk)
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()


def says(*parts: bytes) -> Talk:
    """Answer each request with these bytes and wait for the next."""

    async def talk(conversation: Conversation) -> None:
        while True:
            await conversation.hear()
            await conversation.say(*parts)

    return talk


def says_once(*parts: bytes) -> Talk:
    """Answer with these bytes, then close."""

    async def talk(conversation: Conversation) -> None:
        await conversation.hear()
        await conversation.say(*parts)

    return talk
