"""Reading records: nothing that anybody can write makes it raise."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID, uuid4

import orjson
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.cloudevents import Envelope
from shared.contracts.event import Event
from shared.contracts.topics import Topic
from shared.kit.consuming.arrivals import Reader, Standing
from shared.kit.consuming.set_aside import dump_headers, load_headers


class Said(Event):
    type: ClassVar[str] = "cn.liandu.test.said.v1"
    topic: ClassVar[str] = "t"
    words: str


READER = Reader([Topic("t", "alpha", ("beta",), timedelta(days=1), (Said,))])
SENT = Envelope(uuid4(), "/liandu/alpha", Said.type, datetime(2026, 1, 5, tzinfo=UTC), uuid4(), 3, "00-a-b-01")

names = st.sampled_from([name for name, _ in SENT.headers()]) | st.text()
headers = st.lists(st.tuples(names, st.binary() | st.sampled_from([value for _, value in SENT.headers()])))


def test_an_event_becomes_a_fact() -> None:
    arrival = READER.read("t", SENT.key(), SENT.headers(), b'{"words": "x", "new": 1}')

    fact = arrival.fact()
    assert (arrival.standing, arrival.fault, arrival.counts) == (Standing.AS_SENT, None, True)
    assert (fact.source, fact.aggregate_id, fact.seq) == (SENT.source, SENT.aggregate_id, 3)
    assert (fact.event_id, fact.at, fact.traceparent) == (SENT.event_id, SENT.time, "00-a-b-01")
    assert fact.event == Said(words="x")


def test_a_fault_says_where_and_not_what() -> None:
    arrival = READER.read("t", SENT.key(), SENT.headers(), b'{"words": {"secret": 13800138000}}')

    assert arrival.counts
    assert arrival.fault == "the value is no cn.liandu.test.said.v1: words: Input should be a valid string"


def test_an_event_of_another_topic_is_refused() -> None:
    arrival = READER.read("elsewhere", SENT.key(), SENT.headers(), b'{"words": "x"}')

    assert (arrival.standing, arrival.envelope) == (Standing.REFUSED, None)


@given(st.none() | st.binary() | st.just(SENT.key()), headers, st.none() | st.binary())
def test_whatever_stands_in_a_record_it_is_read(
    key: bytes | None, given_headers: list[tuple[str, bytes]], value: bytes | None
) -> None:
    arrival = READER.read("t", key, given_headers, value)

    assert arrival.standing is Standing.REFUSED or isinstance(arrival.stream[1], UUID)
    assert arrival.standing is not Standing.REFUSED or arrival.fault


@given(headers)
def test_headers_come_back_from_the_table_as_they_came(given_headers: list[tuple[str, bytes]]) -> None:
    stored = dump_headers(given_headers)

    assert "\\u0000" not in stored
    assert [value for _, value in load_headers(orjson.loads(stored))] == [value for _, value in given_headers]
