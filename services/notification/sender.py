"""HTTP to robots: no redirects, no proxies, only to addresses that were checked when the connection was made."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import httpcore

from services.notification.channels.base import Channel, Request
from services.notification.domain.outcome import Fault, Verdict
from services.notification.targets import TargetRefused, Targets
from shared.contracts.deliveries import Outcome

_CONNECT_SECONDS = 5.0
_IDLE_SECONDS = 3.0
_LONGEST_ANSWER = 64 * 1024

_NOT_ALLOWED = "机器人地址指向不允许的网络，请核对地址"


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves a name once, checks every address it led to, and connects to one of those."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await _resolve(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name took too long to resolve") from error
        for address in addresses:
            self._targets.check_address(address)
        return await self._plain.connect_tcp(addresses[0], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._plain.sleep(seconds)


async def _resolve(host: str, port: int) -> list[str]:
    """Addresses of a host, IPv4 first: offices' IPv6 is often announced and rarely works."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise httpcore.ConnectError("the name does not resolve") from error
    return [str(info[4][0]) for info in sorted(found, key=lambda info: info[0] != socket.AF_INET)]


class Sender:
    """One pool of connections for all robots. A context: `async with Sender(…) as sender`."""

    def __init__(self, targets: Targets, *, answer_seconds: float, connections: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=GuardedNetwork(targets),
        )
        self._timeout = {
            "connect": _CONNECT_SECONDS,
            "pool": _CONNECT_SECONDS,
            "write": answer_seconds,
            "read": answer_seconds,
        }
        self._longest = answer_seconds

    async def __aenter__(self) -> "Sender":
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def send(self, request: Request, channel: Channel) -> Verdict:
        """Send once and judge the answer. Never raises; what broke after the body had gone out is *unknown*."""
        try:
            async with asyncio.timeout(self._longest + _CONNECT_SECONDS * 2):
                status, headers, body = await self._exchange(request)
        except TargetRefused:
            return Verdict(Outcome.GIVE_UP, "address", "the address is not allowed", Fault.ROBOT, _NOT_ALLOWED)
        except _NOTHING_LEFT as error:
            return Verdict(Outcome.RETRY, _name(error), _words(error), Fault.LINE)
        except Exception as error:
            return Verdict(Outcome.UNKNOWN, _name(error), _words(error), Fault.LINE)
        return channel.read(status, headers, body)

    async def _exchange(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        headers = [("user-agent", "liandu"), *request.headers.items()]
        async with self._pool.stream(
            "POST", request.url, headers=headers, content=request.body, extensions={"timeout": self._timeout}
        ) as response:
            body = b""
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > _LONGEST_ANSWER:
                    break
        return response.status, {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers}, body


# The request cannot have been taken: no connection came about, or its bytes could not all be handed over.
_NOTHING_LEFT = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.WriteError,
    httpcore.WriteTimeout,
    httpcore.UnsupportedProtocol,
    httpcore.LocalProtocolError,
    httpcore.ConnectionNotAvailable,
)


def _name(error: Exception) -> str:
    return {"ConnectError": "connect", "ConnectTimeout": "connect timeout", "ReadTimeout": "read timeout"}.get(
        type(error).__name__, type(error).__name__
    )


def _words(error: Exception) -> str:
    """The kind of error only: a library's text may hold the address, and with it the robot's token."""
    return type(error).__name__
