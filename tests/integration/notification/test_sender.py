"""Sending tells what certainly was not taken from what nobody knows, and goes where it may only."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from services.notification.channels.base import Request
from services.notification.channels.dingtalk import DingTalk
from services.notification.channels.webhook import Webhook
from services.notification.domain.outcome import Fault, Verdict
from services.notification.sender import LONGEST_ANSWER, Sender, TooLate
from services.notification.targets import Targets
from shared.contracts.deliveries import Outcome
from tests.support.talk import TOKEN, Conversation, Talk, robot, says, says_once
from tests.support.waiting import eventually

LOCAL = Targets(("127.0.0.1",), allow_private=True)
OUTSIDE_ONLY = Targets((), allow_private=False)
SENT = b'{"errcode":0}'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n" + SENT
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def request(url: str) -> Request:
    return Request(url, {"content-type": "text/plain"}, b"body", "", ())


async def asked(talk: Talk, **seconds: float) -> Verdict:
    async with robot(talk) as one, Sender(LOCAL, **{"answer_seconds": 5, **seconds}) as sender:
        return await sender.send(request(one.url), DingTalk())


async def test_a_connection_serves_many_calls() -> None:
    async with robot(says(OK)) as one, Sender(LOCAL, answer_seconds=5) as sender:
        verdicts = [await sender.send(request(one.url), DingTalk()) for _ in range(5)]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.SENT] * 5
    assert len(one.connections) == 1


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    async with robot(says_once(OK)) as one, Sender(LOCAL, answer_seconds=5) as sender:
        for _ in range(3):
            assert (await sender.send(request(one.url), DingTalk())).outcome is Outcome.SENT
            await eventually(lambda: not any(proto.is_connected() for proto in kept(sender)))
    assert len(one.heads) == 3


async def test_what_may_not_be_sent_any_more_when_the_connection_is_made_does_not_leave() -> None:
    async with robot(says(OK)) as one, Sender(LOCAL, answer_seconds=5) as sender:
        for may in (False, True, False, True):
            if may:
                assert (await sender.send(request(one.url), DingTalk())).outcome is Outcome.SENT
            else:
                with pytest.raises(TooLate):
                    await sender.send(request(one.url), DingTalk(), may_send=lambda: False)
    assert len(one.heads) == 2


def kept(sender: Sender) -> list[Any]:
    assert sender._session.connector
    return [proto for conns in sender._session.connector._conns.values() for proto, _ in conns]


async def test_a_kept_connection_that_breaks_in_use_is_unknown_and_nothing_is_sent_again() -> None:
    """RFC 9112 lets a client repeat a call on its own only where a repeat does no harm."""

    async def answers_the_first_only(conversation: Conversation) -> None:
        await conversation.hear()
        await conversation.say(OK)
        await conversation.hear()

    async with robot(answers_the_first_only) as one, Sender(LOCAL, answer_seconds=5) as sender:
        outcomes = [(await sender.send(request(one.url), DingTalk())).outcome for _ in range(2)]
    assert outcomes == [Outcome.SENT, Outcome.UNKNOWN]
    assert (len(one.heads), len(one.connections)) == (2, 1)


async def test_a_connection_that_closes_before_anything_went_out_is_retried() -> None:
    """The connection is taken as open, and is lost before the body could be handed to it."""
    async with robot(says(OK)) as one, Sender(LOCAL, answer_seconds=5) as sender:
        await sender.send(request(one.url), DingTalk())
        [proto] = kept(sender)
        sending = asyncio.create_task(sender.send(request(one.url), DingTalk()))
        await eventually(lambda: not kept(sender), poll=0)
        proto.transport.abort()
        verdict = await sending
    assert (verdict.outcome, verdict.fault) == (Outcome.RETRY, Fault.LINE)
    assert len(one.heads) == 1


@pytest.mark.parametrize(
    "parts",
    [
        (CHUNKED, b"d\r\n" + SENT + b"\r\n", b"0\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", SENT),
        (b"HTTP/1.1 100 Continue\r\n\r\n", OK),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK,),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\n", SENT[:1], SENT[1:]),
    ],
)
async def test_answers_come_in_many_forms(parts: tuple[bytes, ...]) -> None:
    assert (await asked(says_once(*parts))).outcome is Outcome.SENT


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n" + SENT,),
        (b"HTTP/1.1 200",),
        (b"SSH-2.0-OpenSSH\r\n",),
        (CHUNKED + b"d\r\n" + SENT + b"\r\n",),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 13\r\n\r\n" + SENT,),
    ],
)
async def test_what_breaks_after_the_request_is_unknown(parts: tuple[bytes, ...]) -> None:
    verdict = await asked(says_once(*parts))
    assert (verdict.outcome, verdict.fault) == (Outcome.UNKNOWN, Fault.LINE)
    assert TOKEN not in verdict.text


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    """What was read decides: nothing of a robot whose code is in the body, all of a machine that answers with 200."""

    async def endless(conversation: Conversation) -> None:
        await conversation.hear()
        await conversation.say(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await conversation.say(b"x" * LONGEST_ANSWER)

    async with robot(endless) as one, Sender(LOCAL, answer_seconds=5) as sender:
        assert (await sender.send(request(one.url), DingTalk())).outcome is Outcome.RETRY
        assert (await sender.send(request(one.url), Webhook())).outcome is Outcome.SENT
        assert not kept(sender)


async def silent(conversation: Conversation) -> None:
    await conversation.until_closed()


async def test_no_answer_in_time_is_unknown() -> None:
    assert (await asked(silent, answer_seconds=0.1)).outcome is Outcome.UNKNOWN


async def test_an_answer_that_only_trickles_is_unknown() -> None:
    async def trickling(conversation: Conversation) -> None:
        await conversation.hear()
        await conversation.say(CHUNKED)
        while True:
            await conversation.say(b"1\r\nx\r\n")
            await asyncio.sleep(0.01)

    verdict = await asked(trickling, answer_seconds=0.3, connect_seconds=1)
    assert (verdict.outcome, verdict.code) == (Outcome.UNKNOWN, "broken")


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with robot(silent) as one:
        pass
    async with Sender(LOCAL, answer_seconds=5) as sender:
        verdict = await sender.send(request(one.url), DingTalk())
    assert (verdict.outcome, verdict.fault, verdict.text) == (Outcome.RETRY, Fault.LINE, "ConnectionRefusedError")


async def test_a_name_that_leads_nowhere_is_retried() -> None:
    async with Sender(LOCAL, answer_seconds=5) as sender:
        verdict = await sender.send(request(f"http://nobody.invalid/{TOKEN}"), DingTalk())
    assert (verdict.outcome, verdict.text) == (Outcome.RETRY, "the name does not resolve")


async def test_a_server_without_tls_gets_nothing() -> None:
    async def deaf(conversation: Conversation) -> None:
        await conversation.until_closed()

    async with robot(deaf) as one, Sender(LOCAL, answer_seconds=5, connect_seconds=0.3) as sender:
        verdict = await sender.send(request(one.url.replace("http:", "https:")), DingTalk())
    assert (verdict.outcome, verdict.fault) == (Outcome.RETRY, Fault.LINE)
    assert not one.heads


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]", "[::1]"])
async def test_what_leads_inside_is_refused_when_it_is_connected_to(host: str) -> None:
    """The allow-list holds names; where they lead is known only now, and may change from one moment to the next."""
    async with robot(says(OK)) as one, Sender(OUTSIDE_ONLY, answer_seconds=5) as sender:
        verdict = await sender.send(request(one.url.replace("127.0.0.1", host)), DingTalk())
    assert (verdict.outcome, verdict.fault) == (Outcome.GIVE_UP, Fault.ROBOT)
    assert not one.connections


async def test_a_name_with_one_address_inside_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        addresses = ("93.184.215.14", "169.254.169.254")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    async with Sender(OUTSIDE_ONLY, answer_seconds=5) as sender:
        verdict = await sender.send(request("http://rebound.example/x"), DingTalk())
    assert (verdict.outcome, verdict.code) == (Outcome.GIVE_UP, "address")


async def test_a_redirect_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    assert "跳转" in (await asked(says(moved))).mend


async def test_the_environment_sets_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with robot(silent) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await asked(says(OK))).outcome is Outcome.SENT
    assert not proxy.connections


async def test_no_cookie_is_kept() -> None:
    sets = b"HTTP/1.1 200 OK\r\nset-cookie: who=robot\r\ncontent-length: 13\r\n\r\n" + SENT
    async with robot(says(sets)) as one, Sender(LOCAL, answer_seconds=5) as sender:
        for _ in range(2):
            await sender.send(request(one.url), DingTalk())
    assert not any("cookie:" in head.lower() for head in one.heads)


async def test_what_is_signed_arrives_as_it_is() -> None:
    path = "/robot/send?access_token=a%2Fb&sign=x%2By%3D&z=1"
    async with robot(says(OK)) as one, Sender(LOCAL, answer_seconds=5) as sender:
        await sender.send(request(f"http://127.0.0.1:{one.port}{path}"), DingTalk())
    assert one.heads[0].startswith(f"POST {path} HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "test",
    [
        test_a_connection_serves_many_calls,
        test_a_connection_that_was_closed_meanwhile_is_not_used_again,
        test_a_kept_connection_that_breaks_in_use_is_unknown_and_nothing_is_sent_again,
        test_a_connection_that_closes_before_anything_went_out_is_retried,
        test_an_answer_without_end_is_not_read_to_its_end,
        test_no_answer_in_time_is_unknown,
        test_an_answer_that_only_trickles_is_unknown,
        test_where_nobody_listens_nothing_was_sent,
        test_a_server_without_tls_gets_nothing,
        lambda: test_what_breaks_after_the_request_is_unknown(()),
        lambda: test_answers_come_in_many_forms((b"HTTP/1.1 200 OK\r\n\r\n", SENT)),
        lambda: test_what_leads_inside_is_refused_when_it_is_connected_to("localhost"),
        lambda: test_what_leads_inside_is_refused_when_it_is_connected_to("127.0.0.1"),
    ],
)
async def test_it_works_alike_on_the_loop_of_production(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test())

    await asyncio.to_thread(run)
