from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from services.operator.robots.protocols.base import Incoming
from services.operator.robots.robot import Fault, Protocol
from services.operator.robots.simulator import Definition, Simulator

START = datetime(2026, 1, 5, 1, tzinfo=UTC)
TEXT = Incoming({}, {}, orjson.dumps({"msgtype": "text", "text": {"content": "你好"}}))


class Time:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def simulator(time: Time) -> Simulator:
    simulator = Simulator(now=time)
    simulator.define(Definition("office", "专班办公室", signed=False))
    return simulator


def send(simulator: Simulator, incoming: Incoming = TEXT) -> str:
    robot = simulator.robots["office"]
    return simulator.receive(robot, incoming, simulator.scripted("office")).answer.code


def test_the_twenty_first_in_a_minute_is_too_fast_and_ten_minutes_follow(simulator: Simulator, time: Time) -> None:
    assert [send(simulator) for _ in range(22)] == ["0"] * 20 + ["130101", "410100"]
    time.now += timedelta(minutes=9, seconds=59)
    assert send(simulator) == "410100"
    time.now += timedelta(seconds=1)
    assert send(simulator) == "0"


def test_the_window_slides(simulator: Simulator, time: Time) -> None:
    for _ in range(20):
        assert send(simulator) == "0"
        time.now += timedelta(seconds=3)

    assert send(simulator) == "0"
    assert send(simulator) == "130101"


def test_refused_messages_do_not_count_against_the_limit(simulator: Simulator) -> None:
    bad = Incoming({}, {}, b"{}")

    assert {send(simulator, bad) for _ in range(30)} == {"400105"}
    assert send(simulator) == "0"


def test_each_robot_has_its_own_limit(simulator: Simulator) -> None:
    other = simulator.define(Definition("other", "工作专班", signed=False))
    for _ in range(21):
        send(simulator)

    assert simulator.receive(other, TEXT, None).answer.code == "0"


def test_a_script_is_played_once_in_order(simulator: Simulator) -> None:
    simulator.script("office", [Fault(errcode=-1), Fault(status=502), Fault(errcode=310000)])

    assert [send(simulator) for _ in range(4)] == ["-1", "http 502", "310000", "0"]
    assert [receipt.accepted for receipt in simulator.receipts] == [False, False, False, True]


def test_what_was_cut_before_is_not_in_the_group_and_what_was_cut_after_is(simulator: Simulator) -> None:
    simulator.script("office", [Fault(cut="before"), Fault(cut="after")])
    send(simulator), send(simulator)

    assert [(receipt.accepted, receipt.cut) for receipt in simulator.receipts] == [(False, "before"), (True, "after")]


def test_receipts_come_in_order_by_robot_and_page(simulator: Simulator) -> None:
    other = simulator.define(Definition("other", "工作专班", signed=False))
    for _ in range(3):
        send(simulator)
        simulator.receive(other, TEXT, None)
    found = simulator.after(1, robot="office", accepted=None, limit=10)

    assert [receipt.number for receipt in found] == [3, 5]
    assert [receipt.number for receipt in simulator.after(0, robot=None, accepted=True, limit=2)] == [1, 2]


def test_a_robot_keeps_token_and_secret_when_it_is_changed(simulator: Simulator) -> None:
    first = simulator.define(Definition("w", "甲", Protocol.WEBHOOK))
    second = simulator.define(Definition("w", "乙", Protocol.WEBHOOK))

    assert (first.token, first.secret) == (second.token, second.secret)
    assert second.title == "乙"
    assert second.limit == 0


def test_the_journal_brings_robots_and_receipts_back(tmp_path: Path, time: Time) -> None:
    journal = tmp_path / "robots.jsonl"
    simulator = Simulator(now=time, journal=journal)
    simulator.define(Definition("office", "专班办公室", signed=False))
    card = {"title": "督办", "text": "x", "singleTitle": "签收", "singleURL": "https://a/1"}
    send(simulator, Incoming({}, {}, orjson.dumps({"msgtype": "actionCard", "actionCard": card})))
    send(simulator, Incoming({}, {}, b"\xff"))
    with journal.open("ab") as file:
        file.write(b'{"receipt": {"number')

    again = Simulator(now=time, journal=journal)
    assert again.robots == simulator.robots
    assert list(again.receipts) == list(simulator.receipts)
    send(again)
    assert [receipt.number for receipt in Simulator(now=time, journal=journal).receipts] == [1, 2, 3]
    assert journal.stat().st_mode & 0o077 == 0
