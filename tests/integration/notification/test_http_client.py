"""The client tells what certainly was not taken from what nobody knows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from services.notification.channels.base import Request
from services.notification.channels.dingtalk import DingTalk
from services.notification.domain.outcome import Fault
from services.notification.http_client import Answer, Broken, HttpClient, NotSent
from services.notification.sender import Sender
from services.notification.targets import Targets
from shared.contracts.deliveries import Outcome
from tests.support.waiting import eventually

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def as_it_is(host: str, port: int) -> str:
    return host


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that talks as told; its address, and one entry for each connection it took."""
    taken: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(len(taken))
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/x?y=1", taken
    finally:
        listening.close()


@asynccontextmanager
async def client(answer_seconds: float = 5, connect_seconds: float = 5) -> AsyncIterator[HttpClient]:
    made = HttpClient(as_it_is, connect_seconds=connect_seconds, answer_seconds=answer_seconds)
    try:
        yield made
    finally:
        made.close()


def says(*parts: bytes, again: bool = False) -> Talk:
    """Answer each request with these bytes, then close, or wait for the next request."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(4)
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            if not again:
                return

    return talk


async def asked(talk: Talk, *, times: int = 1, answer_seconds: float = 5) -> tuple[list[Answer], int]:
    async with server(talk) as (url, taken), client(answer_seconds) as made:
        answers = [await made.post(url, {"content-type": "text/plain"}, b"body") for _ in range(times)]
        return answers, len(taken)


async def test_a_connection_serves_many_calls() -> None:
    answers, connections = await asked(says(OK, again=True), times=5)
    assert [answer.body for answer in answers] == [b"ok"] * 5
    assert connections == 1


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    async with server(says(OK)) as (url, taken), client() as made:
        await made.post(url, {}, b"body")
        await eventually(lambda: not any(one.is_open for idle in made._idle.values() for one in idle))
        assert (await made.post(url, {}, b"body")).status == 200
    assert len(taken) == 2


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nok\r\n", b"0\r\n\r\n"), b"ok"),
        ((b"HTTP/1.1 200 OK\r\n\r\n", b"ok"), b"ok"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", OK), b"ok"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n" + OK,), b"ok"),
        ((b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", b"o", b"k"), b"ok"),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), b""),
    ],
)
async def test_answers_come_in_many_forms(parts: tuple[bytes, ...], body: bytes) -> None:
    [answer], _ = await asked(says(*parts))
    assert answer.body == body


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",),
        (b"HTTP/1.1 200",),
        (b"SSH-2.0-OpenSSH\r\n",),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",),
    ],
)
async def test_what_breaks_after_the_request_is_unknown(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(Broken):
        await asked(says(*parts))


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(Broken):
        await asked(says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000))


async def test_no_answer_in_time_is_unknown() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    with pytest.raises(Broken, match="in time"):
        await asked(silent, answer_seconds=0.1)


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with server(says(OK)) as (url, _):
        pass
    async with client() as made:
        with pytest.raises(NotSent):
            await made.post(url, {}, b"body")


async def test_a_server_without_tls_gets_nothing() -> None:
    async with server(says(OK)) as (url, _), client(connect_seconds=0.3) as made:
        with pytest.raises(NotSent):
            await made.post(url.replace("http:", "https:"), {}, b"body")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_name_that_leads_inside_is_refused_when_it_is_connected_to(host: str) -> None:
    """The allow-list holds names; where they lead is known only now, and may change from one moment to the next."""
    async with server(says(OK)) as (url, taken):
        request = Request(url.replace("127.0.0.1", host), {}, b"body", "", ())
        async with Sender(Targets((host,), allow_private=False), answer_seconds=5) as sender:
            verdict = await sender.send(request, DingTalk())
    assert (verdict.outcome, verdict.fault) == (Outcome.GIVE_UP, Fault.ROBOT)
    assert not taken


async def test_a_redirect_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    async with server(says(moved)) as (url, taken):
        request = Request(url, {}, b"body", "", ())
        async with Sender(Targets(("127.0.0.1",), allow_private=True), answer_seconds=5) as sender:
            verdict = await sender.send(request, DingTalk())
    assert "跳转" in verdict.mend
    assert len(taken) == 1


async def test_it_works_alike_on_the_loop_of_production() -> None:
    async def calls() -> None:
        answers, connections = await asked(says(OK, again=True), times=3)
        assert [answer.body for answer in answers] == [b"ok"] * 3
        assert connections == 1
        await test_what_breaks_after_the_request_is_unknown(())
        await test_no_answer_in_time_is_unknown()
        await test_where_nobody_listens_nothing_was_sent()
        await test_a_server_without_tls_gets_nothing()
        await test_answers_come_in_many_forms((b"HTTP/1.1 200 OK\r\n\r\n", b"ok"), b"ok")

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(calls())

    await asyncio.to_thread(run)
