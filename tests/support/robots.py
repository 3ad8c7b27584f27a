"""A robot to test against: a real HTTP server on loopback that answers as its script says and keeps what it heard."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

OK = {"errcode": 0, "errmsg": "ok"}


@dataclass(frozen=True, slots=True)
class Answer:
    """`body`: an object sent as JSON, or raw bytes. `cut`: close the connection instead of answering."""

    body: object = field(default_factory=lambda: dict(OK))
    status: int = 200
    cut: bool = False
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """One request as it came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """What people read: the markdown of a message or a card, or a webhook's text."""
        for kind in ("actionCard", "markdown"):
            if kind in self.payload:
                return str(self.payload[kind]["text"])
        data = self.payload["data"]
        return f"{data['title']}\n{data['text']}"


class FakeRobot:
    """Answers `OK` unless a script says otherwise; `gate` holds every answer back while it is cleared."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.answers: deque[Answer] = deque()
        self.always: Answer = Answer()
        self.on_heard: Callable[[Heard], None] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.port = 0

    def url(self, token: str = "token-of-the-robot") -> str:
        return f"http://127.0.0.1:{self.port}/robot/send?access_token={token}"

    @property
    def texts(self) -> list[str]:
        return [heard.text for heard in self.heard]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _head(reader):
                await self._answer(await _request(head, reader), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        self.heard.append(heard)
        if self.on_heard:
            self.on_heard(heard)
        await self.gate.wait()
        answer = self.answers.popleft() if self.answers else self.always
        if answer.cut:
            raise ConnectionError
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
        writer.write(f"HTTP/1.1 {answer.status} X\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode() + body)
        await writer.drain()


async def _head(reader: asyncio.StreamReader) -> str:
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


async def _request(head: str, reader: asyncio.StreamReader) -> Heard:
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(first.split()[1])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Heard(parts.path, query, headers, body)


@asynccontextmanager
async def listening(robot: FakeRobot | None = None) -> AsyncIterator[FakeRobot]:
    """A robot at a free port."""
    robot = robot or FakeRobot()
    server = await asyncio.start_server(robot.serve, "127.0.0.1", robot.port)
    robot.port = server.sockets[0].getsockname()[1]
    try:
        yield robot
    finally:
        robot.gate.set()
        server.close()
