"""The auditor: what Kafka lost comes over HTTP, once, and a producer that went back in time is noticed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from services.operator.embedded import broker as embedded
from shared.kit.consuming import auditor as auditing
from shared.kit.consuming import back_fill
from shared.kit.consuming.auditor import Auditor, AuditorState
from shared.kit.consuming.consumer import Consumer
from shared.kit.database import transaction
from shared.kit.log import audit as log_audit
from shared.kit.log.eventlog import NewFact, append
from tests.support import kafka as brokers
from tests.support.clock import START
from tests.support.streams import SOURCE, Alpha, Beta, Ledger, consuming, topic_named
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work with shorter waits."""
    monkeypatch.setattr(auditing, "EVERY", 0.05)
    monkeypatch.setattr(auditing, "PATIENCE_AT_FIRST", 0.2)
    defaults: dict[str, object] = log_audit.heads_since.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "grace", 0.1)


@pytest.fixture
def consumer(beta: Beta, ledger: Ledger) -> Consumer:
    return beta.consumer(ledger)


@pytest.fixture
def auditor(beta: Beta, consumer: Consumer) -> Auditor:
    return _auditor_of(beta, consumer)


def _auditor_of(beta: Beta, consumer: Consumer) -> Auditor:
    return Auditor(consumer=consumer, back_fill=beta.back_fill(), engine=beta.engine)


async def test_what_was_never_sent_is_fetched_at_the_start(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    whole, cut_short = uuid4(), uuid4()
    facts = [*await alpha.note(whole, *"abc"), *await alpha.note(cut_short, *"abcd")]
    await alpha.send(*facts[3:5])
    async with consuming(consumer, auditor):
        await eventually(lambda: _lines_are(beta, {whole: 3, cut_short: 4}))

    assert await beta.journaled(cut_short) == [1, 2, 3, 4]
    assert await beta.put_aside() == []


async def test_the_last_fact_of_a_stream_is_missed_though_no_later_one_tells(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    aggregate = uuid4()
    async with consuming(consumer, auditor):
        await alpha.send(*await alpha.note(aggregate, *"ab"))
        await eventually(lambda: _lines_are(beta, {aggregate: 2}))
        await eventually(lambda: _watching(auditor))

        await alpha.note(aggregate, *"cd")  # and nobody sends it

        await eventually(lambda: _lines_are(beta, {aggregate: 4}))
        await eventually(lambda: _is(auditor, AuditorState((), ())))


async def test_a_lost_fact_is_found_in_one_look_behind_many_of_other_topics(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(back_fill, "PAGE", 10)
    monkeypatch.setattr(auditing, "PATIENCE_AT_FIRST", 0.0)
    foreign, lost = topic_named("t.other").events[0], uuid4()
    await auditor.look()
    async with transaction(alpha.engine) as conn:
        await append([NewFact(uuid4(), foreign(number=1), START) for _ in range(55)], conn=conn, actor="test")
    await alpha.note(lost, "a")

    async def ripe() -> bool:
        alpha.line.requests.clear()
        await auditor.look()
        return len(alpha.line.requests) > 1

    await eventually(ripe)

    assert alpha.line.requests.count("/v1/log/heads") == 7
    assert await beta.lines(lost) == [1]


async def test_what_is_still_in_kafka_is_left_to_kafka(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    facts = [fact for _ in range(50) for fact in await alpha.note(uuid4(), "a")]
    await alpha.send(*facts)
    async with consuming(consumer):
        await eventually(lambda: consumer.horizon())
        await auditor.look()

    assert (await beta.rows("SELECT count(*) FROM ledger")) == [(50,)]
    assert [path for path in alpha.line.requests if path.endswith("/events")] == []


async def test_two_auditors_and_kafka_bring_the_same_fact_and_it_counts_once(
    alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    consumers = [beta.consumer(ledger) for _ in range(2)]
    aggregates = [uuid4() for _ in range(20)]
    facts = [fact for each in aggregates for fact in await alpha.note(each, *"abcde")]
    async with consuming(*consumers, *(_auditor_of(beta, each) for each in consumers)):
        await alpha.send(*facts)
        await eventually(lambda: _lines_are(beta, dict.fromkeys(aggregates, 5)))
        for each in consumers:
            each.audit_wanted.set()
        await eventually(lambda: not any(each.audit_wanted.is_set() for each in consumers))

    assert await beta.rows("SELECT count(*), count(DISTINCT (aggregate_id, number)) FROM ledger") == [(100, 100)]
    assert await beta.rows("SELECT count(*), count(DISTINCT event_id) FROM journal") == [(100, 100)]


async def test_a_stream_left_by_the_consumer_is_brought_up_when_its_producer_answers_again(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    aggregate = uuid4()
    facts = await alpha.note(aggregate, *"abcd")
    async with consuming(consumer, auditor):
        await eventually(lambda: _watching(auditor))
        alpha.line.cut = True
        await alpha.send(facts[0], facts[2], facts[3])
        await eventually(lambda: consumer.left)
        await eventually(lambda: _is_away(auditor))

        alpha.line.cut = False

        await eventually(lambda: _lines_are(beta, {aggregate: 4}))
        await eventually(lambda: _is(auditor, AuditorState((), ())))
    assert consumer.left == set()


async def test_nothing_is_settled_while_what_was_left_is_being_fetched(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    aggregate = uuid4()
    async with consuming(consumer, auditor):
        await eventually(lambda: _is(auditor, AuditorState((), ())))
        alpha.line.cut = True
        facts = await alpha.note(aggregate, *"abcd")
        await alpha.send(facts[0], facts[2], facts[3])
        await eventually(lambda: consumer.left)
        alpha.hold_line("/events")
        alpha.line.cut = False
        await eventually(lambda: consumer.fetching)

        assert consumer.left == set()
        assert f"1 streams of {SOURCE} to be fetched" in _all_said(await auditor.state())
        alpha.line.open.set()

        await eventually(lambda: _lines_are(beta, {aggregate: 4}))
        await eventually(lambda: _is(auditor, AuditorState((), ())))


async def test_nothing_is_settled_before_everything_was_compared(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    comparing = AuditorState((f"comparing with {SOURCE}",), ())
    lost = uuid4()
    assert await auditor.state() == comparing
    await auditor.look()
    assert await auditor.state() == AuditorState((), ())

    await alpha.note(lost, *"abc")
    consumer.audit_wanted.set()
    assert await auditor.state() == comparing
    alpha.hold_line("/digests")
    looking = asyncio.create_task(auditor.look())
    await eventually(lambda: not consumer.audit_wanted.is_set())
    assert await auditor.state() == comparing
    alpha.line.open.set()
    await looking

    assert await auditor.state() == AuditorState((), ())
    assert await beta.lines(lost) == [1, 2, 3]


async def test_a_producer_that_is_away_unsettles_nothing_though_it_was_never_compared_with(
    alpha: Alpha, consumer: Consumer, auditor: Auditor
) -> None:
    alpha.line.cut = True
    await auditor.look()
    consumer.audit_wanted.set()

    assert await _is_away(auditor)


async def test_a_poison_fact_that_was_fetched_is_parked_like_any_other(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    sick, sound = uuid4(), uuid4()
    await alpha.note(sick, "a", "poison", "c")
    await alpha.note(sound, *"abc")
    async with consuming(consumer, auditor):
        await eventually(lambda: _lines_are(beta, {sound: 3}))
        await eventually(beta.parked)
        await eventually(lambda: _is(auditor, AuditorState((), ())))

    assert await beta.parked() == [(sick, "poison")]
    assert [(kind, seq) for kind, seq, _ in await beta.put_aside()] == [("record", 2), ("waiting", 3)]


async def test_a_producer_restored_to_the_past_is_noticed_and_released_when_it_is_mended(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    aggregate, vanished = uuid4(), uuid4()
    async with consuming(consumer):
        await alpha.send(*await alpha.note(aggregate, *"abc"), *await alpha.note(vanished, "a"))
        await eventually(lambda: _lines_are(beta, {aggregate: 3, vanished: 1}))
        async with transaction(alpha.engine) as conn:
            await conn.execute(text("CREATE TABLE saved_log AS TABLE event_log"))
            await conn.execute(text("CREATE TABLE saved_head AS TABLE aggregate_head"))
            await conn.execute(text("TRUNCATE event_log, aggregate_head"))
        await alpha.note(aggregate, *"xy")

        await auditor.look()

        assert await beta.parked() == sorted([(aggregate, "rewound"), (vanished, "rewound")])
        assert (await consumer.state()).problems == (
            "2 streams stopped: their producer's log contradicts what was taken",
        )
        await alpha.note(aggregate, *"zuvw")
        consumer.audit_wanted.set()
        await auditor.look()
        assert await beta.lines(aggregate) == [1, 2, 3]

        async with transaction(alpha.engine) as conn:
            await conn.execute(text("TRUNCATE event_log, aggregate_head"))
            await conn.execute(text("INSERT INTO event_log OVERRIDING SYSTEM VALUE TABLE saved_log"))
            await conn.execute(text("INSERT INTO aggregate_head TABLE saved_head"))
        await alpha.note(aggregate, "d")
        consumer.audit_wanted.set()
        await auditor.look()

    assert await beta.parked() == []
    assert await beta.lines(aggregate) == [1, 2, 3, 4]


class LostBroker:
    """An embedded broker of the test's own, that can lose everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.running = brokers.running_mock_cluster(folder)
        self.address_file = self.running.__enter__()

    def start_anew(self) -> None:
        self.running.__exit__(None, None, None)
        self.address_file.unlink(missing_ok=True)
        self.running = brokers.running_mock_cluster(self._folder)
        self.running.__enter__()


@pytest_asyncio.fixture
async def lost_broker(tmp_path: Path) -> AsyncIterator[LostBroker]:
    lost = LostBroker(tmp_path)
    yield lost
    lost.running.__exit__(None, None, None)


class TestOnABrokerThatIsLost:
    @pytest.fixture
    def broker(self, lost_broker: LostBroker) -> str:
        return f"file:{lost_broker.address_file}"

    async def test_everything_is_compared_though_this_process_reads_no_partition(
        self, lost_broker: LostBroker, consumer: Consumer
    ) -> None:
        async with consuming(consumer):
            await eventually(lambda: _settled(consumer))
            assert not consumer.audit_wanted.is_set()

            lost_broker.start_anew()

            await eventually(consumer.audit_wanted.is_set)

    async def test_everything_it_lost_is_fetched_and_it_goes_on_with_the_new_one(
        self, lost_broker: LostBroker, alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
    ) -> None:
        aggregates = [uuid4() for _ in range(10)]
        async with consuming(consumer, auditor):
            await alpha.send(*[fact for each in aggregates for fact in await alpha.note(each, *"ab")])
            await eventually(lambda: _lines_are(beta, dict.fromkeys(aggregates, 2)))
            for each in aggregates[:5]:
                await alpha.note(each, *"cd")  # lost with the broker, before anybody could read them

            lost_broker.start_anew()

            await alpha.send(*await alpha.note(aggregates[9], "c"))
            await eventually(lambda: _lines_are(beta, {**dict.fromkeys(aggregates[:5], 4), aggregates[9]: 3}))
            await eventually(lambda: _settled(consumer))
        offsets = await beta.rows("SELECT sum(next_offset), count(DISTINCT incarnation) FROM consumer_partition")
        assert offsets == [(1, 1)]
        assert embedded.read_address(lost_broker.address_file)


async def _settled(consumer: Consumer) -> bool:
    return not (await consumer.state()).unsettled


async def _lines_are(beta: Beta, expected: dict[object, int]) -> bool:
    for aggregate, count in expected.items():
        assert await beta.lines(aggregate) == [*range(1, count + 1)]  # type: ignore[arg-type]
    return True


async def _watching(auditor: Auditor) -> bool:
    return all(watch.after is not None for watch in auditor._watches)


async def _is(auditor: Auditor, expected: AuditorState) -> bool:
    return await auditor.state() == expected


def _all_said(state: AuditorState) -> tuple[str, ...]:
    return state.unsettled + state.problems


async def _is_away(auditor: Auditor) -> bool:
    state = await auditor.state()
    return state.unsettled == () and any(SOURCE in problem for problem in state.problems)


async def test_what_a_producer_that_is_just_starting_has_not_sent_yet_is_left_to_kafka(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "PATIENCE_AT_FIRST", 30.0)
    facts = await alpha.note(uuid4(), *"ab")
    async with consuming(consumer, auditor):
        await eventually(lambda: alpha.line.requests.count("/v1/log/digests") > 2)

        await alpha.send(*facts)

        await eventually(lambda: _is(auditor, AuditorState((), ())))
    assert await beta.lines(facts[0].aggregate_id) == [1, 2]
    assert [path for path in alpha.line.requests if path.endswith("/events")] == []
