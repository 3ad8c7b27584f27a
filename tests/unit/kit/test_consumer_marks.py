"""What is done with arrivals, given how far their streams have come: every decision, without a database."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.cloudevents import Envelope
from shared.kit.consuming.arrivals import Arrival, Standing, Stream
from shared.kit.consuming.marks import Mark, Sorted, sort_out

SOURCE = "/liandu/alpha"
AGGREGATE = uuid4()
STREAM: Stream = (SOURCE, AGGREGATE)
NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)


def genuine(seq: int, aggregate: UUID = AGGREGATE) -> UUID:
    """The id of the event that the producer's log has at this number."""
    return uuid5(aggregate, str(seq))


def arrival(
    seq: int,
    *,
    aggregate: UUID = AGGREGATE,
    event_id: UUID | None = None,
    fault: str | None = None,
    standing: Standing = Standing.AS_SENT,
    epoch: str | None = None,
) -> Arrival:
    envelope = Envelope(event_id or genuine(seq, aggregate), SOURCE, "t.v1", NOW, aggregate, seq, epoch=epoch)
    return Arrival("t", envelope.key(), (), b"{}", envelope=envelope, fault=fault, standing=standing)


def mark(seq: int) -> dict[Stream, Mark]:
    return {STREAM: Mark(seq, genuine(seq))} if seq else {}


def seqs(arrivals: list[Arrival]) -> list[int]:
    return [each.sent.sequence for each in arrivals]


def told(found: Sorted) -> dict[str, object]:
    """What a decision comes to, empty parts left out."""
    lists = {name: seqs(getattr(found, name)) for name in ("apply", "waiting", "poison", "refused")}
    rest = {"dropped": dict(found.dropped), "ask": found.ask, "rewound": set(found.rewound), "sound": found.sound}
    return {name: value for name, value in {**lists, **rest}.items() if value}


OTHER = uuid4()
CONFIRMED, AS_SENT = Standing.CONFIRMED, Standing.AS_SENT


@pytest.mark.parametrize(
    ("last", "given_arrival", "expected"),
    [
        pytest.param(0, arrival(1), {"apply": [1]}, id="the first"),
        pytest.param(4, arrival(5), {"apply": [5]}, id="the next"),
        pytest.param(4, arrival(4), {"dropped": {"repeated": 1}}, id="the last again"),
        pytest.param(4, arrival(2), {"dropped": {"repeated": 1}}, id="an old one again"),
        pytest.param(0, arrival(2), {"ask": {STREAM: 0}}, id="a gap at the beginning"),
        pytest.param(4, arrival(7), {"ask": {STREAM: 4}}, id="a gap"),
        pytest.param(4, arrival(7, standing=CONFIRMED), {"dropped": {"left": 1}}, id="a gap in what was fetched"),
        pytest.param(4, arrival(4, event_id=OTHER), {"ask": {STREAM: 4}}, id="another event with the last number"),
        pytest.param(
            4, arrival(4, event_id=OTHER, standing=CONFIRMED), {"rewound": {STREAM}}, id="the same, from the log"
        ),
        pytest.param(4, arrival(5, fault="bad"), {"ask": {STREAM: 4}}, id="the next, damaged"),
        pytest.param(4, arrival(5, fault="bad", standing=CONFIRMED), {"poison": [5]}, id="the same, from the log"),
        pytest.param(4, arrival(3, fault="bad"), {"dropped": {"repeated": 1}}, id="an old number, damaged"),
        pytest.param(
            4, arrival(3, fault="bad", standing=CONFIRMED), {"dropped": {"repeated": 1}}, id="the same, from the log"
        ),
        pytest.param(4, arrival(5, standing=Standing.REFUSED), {"refused": [5]}, id="refused"),
        pytest.param(4, arrival(5, standing=Standing.LEFT), {"dropped": {"left": 1}}, id="left"),
        pytest.param(4, arrival(5, standing=Standing.REPEATED), {"dropped": {"repeated": 1}}, id="confirmed elsewhere"),
    ],
)
def test_one_arrival(last: int, given_arrival: Arrival, expected: dict[str, object]) -> None:
    found = sort_out([given_arrival], mark(last), {})

    assert told(found) == expected
    moved = bool(found.apply or found.poison)
    assert found.moved == ({STREAM: Mark(last + 1, genuine(last + 1))} if moved else {})


@pytest.mark.parametrize(
    ("given_arrival", "expected"),
    [
        pytest.param(arrival(5, epoch="now"), {"apply": [5]}, id="the next of the life that is believed"),
        pytest.param(arrival(5, epoch="before"), {"ask": {STREAM: 4}}, id="the next of another"),
        pytest.param(arrival(5), {"ask": {STREAM: 4}}, id="the next of nobody knows which"),
        pytest.param(arrival(5, epoch="before", standing=CONFIRMED), {"apply": [5]}, id="confirmed"),
        pytest.param(arrival(5, epoch="before", standing=Standing.LOST), {"dropped": {"lost": 1}}, id="lost"),
        pytest.param(arrival(4, epoch="before"), {"dropped": {"repeated": 1}}, id="taken before"),
        pytest.param(arrival(4, epoch="now", event_id=OTHER), {"ask": {STREAM: 4}}, id="the number given again"),
    ],
)
def test_what_a_topic_has_of_another_life_of_the_log_needs_the_producers_word(
    given_arrival: Arrival, expected: dict[str, object]
) -> None:
    assert told(sort_out([given_arrival], mark(4), {}, {SOURCE: "now"})) == expected


def test_what_follows_a_poison_record_waits_and_its_numbers_are_taken() -> None:
    run = [
        arrival(1),
        arrival(2, fault="bad", standing=CONFIRMED),
        arrival(3),
        arrival(4, fault="also", standing=CONFIRMED),
    ]
    other = arrival(1, aggregate=OTHER)

    found = sort_out([*run, other], {}, {})

    assert told(found) == {"apply": [1, 1], "poison": [2], "waiting": [3, 4]}
    assert found.moved[STREAM] == Mark(4, genuine(4))


def test_a_parked_stream_waits_but_its_repetitions_and_gaps_are_seen_all_the_same() -> None:
    found = sort_out([arrival(4), arrival(5)], mark(4), {STREAM: {"poison"}})
    assert told(found) == {"waiting": [5], "dropped": {"repeated": 1}}

    assert told(sort_out([arrival(7)], mark(4), {STREAM: {"poison"}})) == {"ask": {STREAM: 4}}


def test_a_stopped_stream_takes_nothing_until_its_log_has_again_what_was_taken() -> None:
    stopped: dict[Stream, set[str]] = {STREAM: {"rewound"}}
    log = [arrival(seq, standing=CONFIRMED) for seq in (4, 5)]

    assert told(sort_out([arrival(5), arrival(6)], mark(4), stopped)) == {"dropped": {"stopped": 2}}  # type: ignore[arg-type]
    assert told(sort_out(log, mark(4), stopped)) == {"apply": [5], "dropped": {"repeated": 1}, "sound": {STREAM}}  # type: ignore[arg-type]


def test_the_question_names_what_was_taken_before_the_run() -> None:
    found = sort_out([arrival(5), arrival(6), arrival(9)], mark(4), {})

    assert found.ask == {STREAM: 4}


@given(st.data())
def test_whatever_comes_in_whatever_order_each_number_is_taken_once_and_in_order(data: st.DataObject) -> None:
    """Runs of arrivals with repetitions, gaps and disorder; the producer is asked whenever `sort_out` says so."""
    aggregates = [uuid5(AGGREGATE, name) for name in "xyz"]
    sent = data.draw(st.lists(st.tuples(st.sampled_from(aggregates), st.integers(1, 12)), max_size=40))
    cuts = data.draw(st.lists(st.integers(0, len(sent)), max_size=4).map(sorted))
    marks: dict[Stream, Mark] = {}
    applied: list[tuple[UUID, int]] = []

    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        run = [arrival(seq, aggregate=aggregate) for aggregate, seq in sent[start:end]]
        found = sort_out(run, marks, {})
        if found.ask:
            log = [
                arrival(seq, aggregate=aggregate, standing=CONFIRMED)
                for (_, aggregate), last in found.ask.items()
                for seq in range(last + 1, 13)
            ]
            judged = [replace(each, standing=Standing.REPEATED) if each.stream in found.ask else each for each in run]
            found = sort_out([*log, *judged], marks, {})
            assert not found.ask
        marks |= found.moved
        applied += [(each.sent.aggregate_id, each.sent.sequence) for each in found.apply]

    assert all(count == 1 for count in Counter(applied).values())
    for aggregate in aggregates:
        numbers = [seq for each, seq in applied if each == aggregate]
        assert numbers == [*range(1, len(numbers) + 1)]
        assert max([seq for each, seq in sent if each == aggregate], default=0) <= len(numbers)
