"""A small HTTP/1.1 client for one kind of call: POST a body, read a short answer, know what went wrong where.

General clients cost several times what the call itself does, and do not say whether the request had left in full when
the connection broke; a robot has no idempotency key, so that is the question here. No redirects, proxies or cookies.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast
from urllib.parse import urlsplit

import httptools

LONGEST_ANSWER = 64 * 1024
_IDLE_SECONDS = 3.0

Resolve = Callable[[str, int], Awaitable[str]]
"""The checked address a host's name leads to."""


class NotSent(Exception):
    """No connection came about, or it broke before the whole request was handed over: it cannot have been taken."""


class Broken(Exception):
    """The connection broke, or the time was up, after the request had gone out: nobody knows whether it was taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are in lower case; a body is kept up to 64 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: str
    host: str
    port: int


class _Reading:
    """An answer as it comes in; httptools calls the `on_…` methods. `keeps`: the connection may be used again."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.on_message_begin()

    def on_message_begin(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.has_headers = self.complete = self.keeps = False

    def on_headers_complete(self) -> None:
        self.has_headers = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body += body[: LONGEST_ANSWER - len(self.body)]

    def on_message_complete(self) -> None:
        self.complete = True
        self.keeps = self.parser.should_keep_alive()


class _Connection(asyncio.Protocol):
    """One connection, one call at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self._answer: asyncio.Future[Answer] | None = None
        self._reading = _Reading()
        self._received = 0

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods only

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        try:
            self._reading.parser.feed_data(data)
        except httptools.HttpParserError:
            return self._fail("the answer is not HTTP")
        if self._reading.complete and self._reading.parser.get_status_code() >= 200:  # 1xx announces an answer
            return self._finish()
        if self._received > 4 * LONGEST_ANSWER:
            self._fail("the answer does not end")
        return None

    def eof_received(self) -> None:
        """An answer without a length ends with the connection."""
        lengths = ("content-length", "transfer-encoding")
        if self._reading.has_headers and not any(name in self._reading.headers for name in lengths):
            self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail("the connection was closed")

    async def call(self, head: bytes, body: bytes) -> Answer:
        """Raises NotSent when the connection had gone before anything was written, Broken when it breaks later."""
        if not self.is_open or self.transport is None:
            raise NotSent("the connection was closed")
        self._reading = _Reading()
        self._received = 0
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(head + body)
        return await self._answer

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def _finish(self) -> None:
        status = self._reading.parser.get_status_code()
        if self._answer and not self._answer.done():
            self._answer.set_result(Answer(status, self._reading.headers, bytes(self._reading.body)))
        if not self._reading.keeps:
            self.close()

    def _fail(self, why: str) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(Broken(why))
        self.close()


class HttpClient:
    """Keeps a few connections open for each origin. `resolve` names the address to connect to, or raises."""

    def __init__(self, resolve: Resolve, *, connect_seconds: float, answer_seconds: float) -> None:
        self._resolve = resolve
        self._connect_seconds = connect_seconds
        self._answer_seconds = answer_seconds
        self._idle: dict[Origin, deque[_Connection]] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """
        Raises:
            NotSent, Broken: as they say. What `resolve` raises passes through.
        """
        origin, path = _split(url)
        connection = self._take_idle(origin) or await self._connect(origin)
        try:
            async with asyncio.timeout(self._answer_seconds):
                answer = await connection.call(_head(origin, path, headers, len(body)), body)
        except TimeoutError as error:
            connection.close()
            raise Broken("no answer in time") from error
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(origin, deque()).append(connection)
        return answer

    def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()

    def _take_idle(self, origin: Origin) -> _Connection | None:
        idle = self._idle.get(origin)
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while idle:
            connection = idle.pop()
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: Origin) -> _Connection:
        secure = origin.scheme == "https"
        try:
            async with asyncio.timeout(self._connect_seconds):
                address = await self._resolve(origin.host, origin.port)
                _, connection = await asyncio.get_running_loop().create_connection(
                    _Connection,
                    address,
                    origin.port,
                    ssl=_tls() if secure else None,
                    server_hostname=origin.host if secure else None,
                )
        except TimeoutError as error:
            raise NotSent("connect timeout") from error
        except OSError as error:  # refused, unreachable, a certificate that does not fit
            raise NotSent(type(error).__name__) from error
        return connection


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _split(url: str) -> tuple[Origin, str]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    return Origin(parts.scheme, parts.hostname or "", parts.port or (443 if secure else 80)), target


def _head(origin: Origin, path: str, headers: Mapping[str, str], length: int) -> bytes:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    default = origin.port == (443 if origin.scheme == "https" else 80)
    lines = [
        f"POST {path} HTTP/1.1",
        f"host: {host}" if default else f"host: {host}:{origin.port}",
        "user-agent: liandu",
        "accept: */*",
        *(f"{name}: {value}" for name, value in headers.items()),
        f"content-length: {length}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode("ascii")
