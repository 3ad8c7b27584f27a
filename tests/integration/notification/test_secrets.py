"""What robots, officials and links must not have told: it is nowhere."""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import quote

import pytest

from services.notification.store.attempts import Attempt
from tests.integration.notification.conftest import LINK_SECRET, ROBOT_SECRET, TOKEN, Desk, one_route
from tests.support.robots import Answer, FakeRobot, Heard
from tests.support.supervision import escalated

CUT = Answer(cut=True)


def all_it_was_told(heard: Heard) -> object:
    words = json.dumps([heard.query, heard.headers, heard.payload], ensure_ascii=False) + f" {TOKEN} {ROBOT_SECRET}"
    return {"errcode": -1, "errmsg": words}


def the_token_where_words_are_cut(heard: Heard) -> object:
    return {"errcode": -1, "errmsg": "x" * (500 - len(TOKEN) // 2) + heard.query["access_token"]}


def the_token_in_a_page(heard: Heard) -> object:
    return f"<html>{'x' * (194 - len(TOKEN) // 2)}{heard.query['access_token']}".encode()


def the_link_as_another_encoder_writes_it(heard: Heard) -> object:
    return json.dumps([TOKEN, heard.payload["actionCard"]["singleURL"]]).replace("/", "\\/").encode()


def the_request_line(heard: Heard) -> object:
    return f"bad request: {heard.path}?sign={quote(heard.query['sign'], safe='')} {TOKEN}".encode()


@pytest.mark.parametrize(
    "says",
    [
        all_it_was_told,
        the_token_where_words_are_cut,
        the_token_in_a_page,
        the_link_as_another_encoder_writes_it,
        the_request_line,
    ],
)
async def test_no_secret_is_left_anywhere(
    desk: Desk, robot: FakeRobot, caplog: pytest.LogCaptureFixture, says: Callable[[Heard], object]
) -> None:
    """A robot that echoes what it was told, one that is refused, one that breaks: nothing of it stays in clear."""
    caplog.set_level(logging.INFO)
    await one_route(desk, robot)
    robot.on_heard = lambda heard: robot.answers.append(Answer(says(heard)))
    async with desk.sending():
        await desk.hear(escalated())
        await desk.settled()
        robot.on_heard = None
        robot.answers.append(CUT)
        desk.clock.move(timedelta(seconds=5))
        await desk.settled()
    [heard, _] = robot.heard
    live = heard.payload["actionCard"]["singleURL"]
    sign = heard.query["sign"]
    planted = [TOKEN, TOKEN[: len(TOKEN) // 2], ROBOT_SECRET, LINK_SECRET, live, live.rpartition("/")[2]]
    planted += [sign, quote(sign, safe="")]
    [message] = await desk.all()
    story: Sequence[Attempt] = await desk.story(message)
    assert "已隐去" in story[0].answer
    rows = [row for table in await tables(desk) for row in await desk.execute(f"SELECT one::text FROM {table} AS one")]
    everything = "\n".join([*(row[0] for row in rows), caplog.text])
    assert [secret for secret in planted if secret in everything] == []


async def tables(desk: Desk) -> list[str]:
    rows = await desk.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'notification'")
    return [row.tablename for row in rows]
