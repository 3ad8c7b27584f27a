"""A TCP line that can be cut in mid-body, held and refused: between whoever dials `port` and the server behind it."""

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

Towards = Literal["server", "client"]

_CHUNK = 65536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Cut:
    """An order to cut whichever connection carries the byte that comes after `left` more in its direction."""

    towards: Towards
    left: int
    done: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Passes bytes on from a port of 127.0.0.1 to another, in a thread of its own, until told otherwise.

    Used as a context. A connection that is cut is reset on both sides, without a goodbye.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.passed: dict[Towards, int] = {"server": 0, "client": 0}
        """Bytes so far."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._cuts: list[Cut] = []
        self._open: set[_Connection] = set()
        self._refusing = False
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"line to {target}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def cut(self, *, towards: Towards, after: int) -> Cut:
        """Cut a connection when `after` bytes more have passed in this direction; `done` tells that it happened."""
        order = Cut(towards, after)
        self._loop.call_soon_threadsafe(self._cuts.append, order)
        return order

    def cut_all(self) -> None:
        """Cut every connection there is now."""
        self._loop.call_soon_threadsafe(self._reset_all)

    def refuse(self) -> None:
        """Cut everything, and let nobody in until `restore`."""
        self._refusing = True
        self.cut_all()

    def hold(self) -> None:
        """Pass nothing on, and close nothing, until `restore`: as a network does that swallows packets."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def restore(self) -> None:
        self._refusing = False
        self._loop.call_soon_threadsafe(self._flowing.set)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        server = await asyncio.start_server(self._connect, sock=self._listener)
        await self._ending.wait()
        server.close()
        self._reset_all()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._refusing:
                raise ConnectionRefusedError
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection((writer, back))
        self._open.add(connection)
        try:
            await asyncio.gather(
                self._pump(reader, back, "server", connection), self._pump(there, writer, "client", connection)
            )
        finally:
            self._open.discard(connection)
            for end in connection.ends:
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, towards: Towards, connection: "_Connection"
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                passing, orders = self._toll(len(data), towards)
                writer.write(data[:passing])
                if orders:
                    connection.reset()
                    for order in orders:
                        order.done.set()
                    return
                await writer.drain()
            writer.write_eof()
        except OSError:
            connection.reset()  # one end broke off without a goodbye, and so hears the other

    def _toll(self, length: int, towards: Towards) -> tuple[int, list[Cut]]:
        """How much of it passes, and which cuts come then."""
        due = [order for order in self._cuts if order.towards == towards and order.left < length]
        passing = min((order.left for order in due), default=length)
        for order in self._cuts:
            if order.towards == towards:
                order.left -= passing
        carried_out = [order for order in due if order.left <= 0]
        for order in carried_out:
            self._cuts.remove(order)
        self.passed[towards] += passing
        return passing, carried_out

    def _reset_all(self) -> None:
        for connection in list(self._open):
            connection.reset()


@dataclass(frozen=True, slots=True, eq=False)
class _Connection:
    """Both ends of one connection, from the proxy's side."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]

    def reset(self) -> None:
        for end in self.ends:
            if (wire := end.get_extra_info("socket")) is not None:
                with contextlib.suppress(OSError):
                    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            end.transport.abort()
