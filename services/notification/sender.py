"""HTTP to robots: only to addresses that were checked when the connection was made; what broke where is told apart.

A robot has no idempotency key, so the question is whether the request had left. aiohttp repeats a call by itself when a
kept connection turns out to be closed, but never a POST; and an `UploadTracker` says whether the body was handed over.
"""

import socket
from collections.abc import Callable, Sequence
from types import TracebackType

from aiohttp import (
    BytesPayload,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    ThreadedResolver,
    UploadTracker,
)
from aiohttp.abc import AbstractStreamWriter, ResolveResult
from yarl import URL

from services.notification.channels.base import Channel, Request
from services.notification.domain.outcome import Fault, Verdict
from services.notification.targets import TargetRefused, Targets
from shared.contracts.deliveries import Outcome

LONGEST_ANSWER = 64 * 1024
_IDLE_SECONDS = 3.0
_NOT_ALLOWED = "机器人地址指向不允许的网络，请核对地址"

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, Sequence[object]]


class _CheckedResolver(ThreadedResolver):
    """Refuses a name of whose addresses any is not allowed, so that none can be slipped in among others."""

    def __init__(self, targets: Targets) -> None:
        super().__init__()
        self._targets = targets

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        for one in found:
            self._targets.check_address(one["host"])
        return found


class TooLate(Exception):
    """When the request was about to leave, its sender was not sure of it any more. Nothing has left."""


class _Body(BytesPayload):
    """Leaves if it may, asked in the same step of the event loop that hands headers and body to the connection: a
    connection can take seconds to make, and a process can be frozen for hours."""

    def __init__(self, body: bytes, may_send: Callable[[], bool]) -> None:
        super().__init__(body)
        self._may_send = may_send
        self.is_too_late = False

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self.is_too_late = not self._may_send()
        if self.is_too_late:
            raise TooLate
        await super().write_with_length(writer, content_length)


class Sender:
    """One client for all robots. A context: `async with Sender(…) as sender`. Seconds are real.

    `answer_seconds`: how long the robot may be silent; the whole call takes at most that and `connect_seconds`.
    """

    def __init__(self, targets: Targets, *, answer_seconds: float, connect_seconds: float = 5) -> None:
        self._targets = targets
        self._timeout = ClientTimeout(
            total=connect_seconds + answer_seconds, connect=connect_seconds, sock_read=answer_seconds
        )

    async def __aenter__(self) -> "Sender":
        connector = TCPConnector(
            resolver=_CheckedResolver(self._targets),
            socket_factory=self._open_socket,
            use_dns_cache=False,
            keepalive_timeout=_IDLE_SECONDS,
            limit=0,
        )
        self._session = ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=DummyCookieJar(),
            headers={"user-agent": "liandu"},
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, request: Request, channel: Channel, *, may_send: Callable[[], bool] = lambda: True) -> Verdict:
        """Send once and judge the answer; what broke after the request had gone out is *unknown*.

        The words of an error are its kind only: a library's text may hold the address, and with it the robot's token.

        Raises:
            TooLate: `may_send` said no, at the last moment at which it could be asked.
        """
        upload, body = UploadTracker(), _Body(request.body, may_send)
        try:
            async with self._session.post(
                URL(request.url, encoded=request.url.isascii()),  # what is signed must arrive as it is
                headers=request.headers,
                data=body,
                allow_redirects=False,
                upload_tracker=upload,
            ) as response:
                answer = await _start_of(response)
        except Exception as error:
            if body.is_too_late:
                raise TooLate from None
            return _failed(error, upload)
        return channel.read(response.status, response.headers, answer)

    def _open_socket(self, info: AddressInfo) -> socket.socket:
        """For every connection, also to an address that is written in figures, which no resolver sees."""
        family, kind, protocol, _, address = info
        self._targets.check_address(str(address[0]))
        return socket.socket(family, kind, protocol)


async def _start_of(response: ClientResponse) -> bytes:
    """The answer up to 64 KiB; with more to come the connection is closed, not kept."""
    start = bytearray()
    async for chunk in response.content.iter_any():
        start += chunk
        if len(start) > LONGEST_ANSWER:
            response.close()
            break
    return bytes(start[:LONGEST_ANSWER])


def _failed(error: Exception, upload: UploadTracker) -> Verdict:
    if _may_have_left(upload):
        return Verdict(Outcome.UNKNOWN, "broken", type(error).__name__, Fault.LINE)
    if isinstance(error, TargetRefused | ValueError):  # a ValueError is an address that makes no request
        return Verdict(Outcome.GIVE_UP, "address", "the address is not allowed", Fault.ROBOT, _NOT_ALLOWED)
    if isinstance(error, ClientConnectorDNSError):
        return Verdict(Outcome.RETRY, "connect", "the name does not resolve", Fault.LINE)
    cause = error.os_error if isinstance(error, ClientConnectorError) else error
    return Verdict(Outcome.RETRY, "connect", type(cause).__name__, Fault.LINE)


def _may_have_left(upload: UploadTracker) -> bool:
    """Whether the body was handed to a connection; a channel's 20,000 bytes go in one piece, or not at all."""
    over = upload.upload_complete
    return upload.attempts > 0 and (not over.done() or over.exception() is None)
