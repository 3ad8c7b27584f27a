"""The line that tests cut: it passes everything on, and breaks where it is told to."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.proxy import RESET_ON_CLOSE, Proxy
from tests.support.waiting import eventually

LENGTH = 300_000


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Proxy]:
    """To a server that sends back what it is sent."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    with Proxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


async def echoed(line: Proxy, length: int) -> bytes:
    """What came back of so many bytes before the connection ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    found = b""
    try:
        writer.write(b"x" * length)
        writer.write_eof()
        while data := await reader.read(65536):
            found += data
    except OSError:
        pass
    writer.transport.abort()
    return found


async def test_everything_passes(line: Proxy) -> None:
    assert len(await echoed(line, LENGTH)) == LENGTH
    assert line.passed == {"server": LENGTH, "client": LENGTH}


@pytest.mark.parametrize("towards", ["server", "client"])
async def test_a_connection_is_cut_at_the_byte_and_the_next_one_holds(line: Proxy, towards: str) -> None:
    order = line.cut(towards=towards, after=1234)  # type: ignore[arg-type]

    assert len(await echoed(line, LENGTH)) <= 1234

    await eventually(order.done.is_set)
    assert line.passed[towards] == 1234  # type: ignore[index]
    assert len(await echoed(line, LENGTH)) == LENGTH


async def test_a_line_that_refuses_lets_nobody_in_until_it_is_restored(line: Proxy) -> None:
    line.refuse()
    assert await echoed(line, 10) == b""

    line.restore()

    assert await echoed(line, 10) == b"x" * 10


async def test_a_line_that_holds_passes_nothing_on_until_it_is_restored(line: Proxy) -> None:
    line.hold()
    asking = asyncio.create_task(echoed(line, 10))
    await eventually(lambda: line._open)
    assert not asking.done()

    line.restore()

    assert await asking == b"x" * 10


async def test_who_waits_for_an_answer_hears_that_the_server_broke_off() -> None:
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        wire = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        writer.transport.abort()

    server = await asyncio.start_server(break_off, "127.0.0.1", 0)
    with Proxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.transport.abort()
    server.close()
