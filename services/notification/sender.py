"""HTTP to robots: only to addresses that were checked when the connection was made; what broke where is told apart."""

import asyncio
import ipaddress
import socket
from types import TracebackType

from services.notification.channels.base import Channel, Request
from services.notification.domain.outcome import Fault, Verdict
from services.notification.http_client import Broken, HttpClient, NotSent
from services.notification.targets import TargetRefused, Targets
from shared.contracts.deliveries import Outcome

_CONNECT_SECONDS = 5.0
_NOT_ALLOWED = "机器人地址指向不允许的网络，请核对地址"


class Sender:
    """One client for all robots. A context: `async with Sender(…) as sender`. `answer_seconds` are real."""

    def __init__(self, targets: Targets, *, answer_seconds: float) -> None:
        self._targets = targets
        self._client = HttpClient(self._resolve, connect_seconds=_CONNECT_SECONDS, answer_seconds=answer_seconds)

    async def __aenter__(self) -> "Sender":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    async def send(self, request: Request, channel: Channel) -> Verdict:
        """Send once and judge the answer. Never raises; what broke after the request had gone out is *unknown*.

        The words of an error are its kind only: a library's text may hold the address, and with it the robot's token.
        """
        try:
            answer = await self._client.post(request.url, request.headers, request.body)
        except TargetRefused:
            return Verdict(Outcome.GIVE_UP, "address", "the address is not allowed", Fault.ROBOT, _NOT_ALLOWED)
        except NotSent as error:
            return Verdict(Outcome.RETRY, "connect", str(error), Fault.LINE)
        except Broken as error:
            return Verdict(Outcome.UNKNOWN, "broken", str(error), Fault.LINE)
        except Exception as error:
            return Verdict(Outcome.UNKNOWN, "error", type(error).__name__, Fault.LINE)
        return channel.read(answer.status, answer.headers, answer.body)

    async def _resolve(self, host: str, port: int) -> str:
        """The address to connect to: every address the name leads to is checked, so that none can be slipped in.

        IPv4 comes first: offices' IPv6 is often announced and rarely works.
        """
        addresses = await _addresses(host, port)
        for address in addresses:
            self._targets.check_address(address)
        return addresses[0]


async def _addresses(host: str, port: int) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise NotSent("the name does not resolve") from error
    return [str(info[4][0]) for info in sorted(found, key=lambda info: info[0] != socket.AF_INET)]
