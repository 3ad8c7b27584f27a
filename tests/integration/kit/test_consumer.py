"""The consumer on real PostgreSQL and the embedded broker: once, in order, whatever arrives."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import codec as codecs
from confluent_kafka import Producer
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.consuming import session
from shared.kit.consuming.arrivals import Arrival
from shared.kit.consuming.consumer import Consumer, Fact
from shared.kit.consuming.dead_letters import DeadLetters
from shared.kit.consuming.taking import ATTEMPTS, Taken
from shared.kit.database import open_engine, transaction
from shared.kit.log.eventlog import LoggedFact
from shared.kit.timers import Timer, Timers, set_timers
from tests.support.clock import START, MovableClock
from tests.support.postgres import ScratchDatabase
from tests.support.streams import SOURCE, Alpha, Beta, Ledger, consuming, forged
from tests.support.waiting import eventually


async def everything_taken(consumer: Consumer) -> bool:
    return not (await consumer.state()).unsettled


async def test_facts_have_their_effects_once_and_in_order(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    first, second = uuid4(), uuid4()
    facts = [*await alpha.note(first, *"abc"), *await alpha.note(second, *"de")]
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*facts)
        await eventually(lambda: everything_taken(consumer))
        state = await consumer.state()

    assert await beta.lines(first) == await beta.journaled(first) == [1, 2, 3]
    assert await beta.lines(second) == [1, 2]
    assert (state.journal, state.lag, state.partitions, state.members) == (5, 0, 4, 1)
    assert alpha.line.requests == []


async def test_what_was_taken_is_dropped_when_it_comes_again(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    aggregate = uuid4()
    facts = await alpha.note(aggregate, *"abc")
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*facts, *facts)
        await eventually(lambda: everything_taken(consumer))
        await alpha.send(facts[0], facts[2], *await alpha.note(aggregate, "d"))
        await eventually(lambda: everything_taken(consumer))

    assert await beta.lines(aggregate) == [1, 2, 3, 4]
    assert alpha.line.requests == []


async def test_a_restarted_consumer_goes_on_where_it_stopped(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    aggregate = uuid4()
    facts = await alpha.note(aggregate, *"abcdef")
    for part in (facts[:3], facts[3:]):
        consumer = beta.consumer(ledger)
        async with consuming(consumer):
            await alpha.send(*part)
            await eventually(partial(everything_taken, consumer))

    assert await beta.lines(aggregate) == [1, 2, 3, 4, 5, 6]
    assert sum(ledger.sizes) == 6


class Away(Ledger):
    """Fails as often as it is told with the batch in which this aggregate stands."""

    aggregate: UUID | None = None
    times = 0

    async def __call__(self, facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime) -> None:
        await super().__call__(facts, conn=conn, now=now)
        if self.times and any(fact.aggregate_id == self.aggregate for fact in facts):
            self.times -= 1
            raise OSError("the database is away")


@pytest.mark.parametrize("times", [0, ATTEMPTS + 1])
async def test_where_many_wait_two_batches_are_taken_at_once_each_for_itself(
    alpha: Alpha, beta: Beta, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(session, "MOST_AT_ONCE", 20)
    monkeypatch.setattr("shared.kit.consuming.consumer.MANY", 10)
    aggregates = [uuid4() for _ in range(60)]
    facts = [fact for each in aggregates for fact in await alpha.note(each, *"abcd")]
    away = Away()
    away.aggregate, away.times = aggregates[0], times
    consumer = beta.consumer(away)
    in_hand, most, take = 0, 0, consumer.taker.take

    async def counted(arrivals: Sequence[Arrival], **given: Any) -> Taken:
        nonlocal in_hand, most
        in_hand, most = in_hand + 1, max(most, in_hand + 1)
        try:
            return await take(arrivals, **given)
        finally:
            in_hand -= 1

    monkeypatch.setattr(consumer.taker, "take", counted)
    await alpha.send_together(*facts)
    async with consuming(consumer):
        await eventually(lambda: everything_taken(consumer))

    assert (most, away.times) == (2, 0)
    for each in aggregates:
        assert await beta.lines(each) == await beta.journaled(each) == [1, 2, 3, 4]


async def test_a_gap_is_filled_from_the_producers_log(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    aggregate, other = uuid4(), uuid4()
    facts, [elsewhere] = await alpha.note(aggregate, *"abcdefg"), await alpha.note(other, "a")
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(facts[0], facts[3], elsewhere, facts[1], facts[6])
        await eventually(lambda: everything_taken(consumer))

    assert await beta.lines(aggregate) == await beta.journaled(aggregate) == [1, 2, 3, 4, 5, 6, 7]
    assert await beta.lines(other) == [1]
    assert await beta.put_aside() == []


async def test_a_gap_whose_producer_is_away_holds_up_nobody_else(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    aggregate, other = uuid4(), uuid4()
    facts, elsewhere = await alpha.note(aggregate, *"abcd"), await alpha.note(other, *"ab")
    alpha.line.cut = True
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(facts[0], facts[2], *elsewhere, facts[3])
        await eventually(lambda: _lines(beta, other, [1, 2]))
        await eventually(lambda: consumer.left)

    assert await beta.lines(aggregate) in ([], [1])
    assert consumer.left == {(SOURCE, aggregate)}
    assert await beta.parked() == await beta.put_aside() == []


async def test_a_type_that_is_not_known_counts_and_is_not_handled(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    aggregate = uuid4()
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*await alpha.note(aggregate, "a", "unheard", "b"))
        await eventually(lambda: everything_taken(consumer))

    assert await beta.lines(aggregate) == [1, 3]
    assert await beta.journaled(aggregate) == [1, 2, 3]


async def test_the_poison_record_of_a_batch_is_parked_alone_and_what_follows_it_waits(
    alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    sound = [uuid4() for _ in range(30)]
    sick = uuid4()
    facts = [fact for each in sound for fact in await alpha.note(each, *"ab")]
    facts[20:20] = await alpha.note(sick, "a", "poison", "c", "d")
    consumer = beta.consumer(ledger)
    await alpha.send(*facts)
    async with consuming(consumer):
        await eventually(lambda: everything_taken(consumer))
        await alpha.send(*await alpha.note(sick, "e"), *await alpha.note(sound[0], "c"))
        await eventually(lambda: everything_taken(consumer))
        state = await consumer.state()

    assert await beta.lines(sick) == await beta.journaled(sick) == [1]
    assert await beta.lines(sound[0]) == [1, 2, 3]
    assert [await beta.lines(each) for each in sound[1:]] == [[1, 2]] * 29
    assert await beta.put_aside() == [
        ("record", 2, "ValueError: cannot do [2]"),
        *(("waiting", seq, "waits behind a record of its aggregate that failed") for seq in (3, 4, 5)),
    ]
    assert await beta.parked() == [(sick, "poison")]
    assert (state.parked, state.problems, state.unsettled) == (1, ("1 aggregates parked",), ())
    assert await beta.mark(sick) == 5
    kept = await beta.rows("SELECT partition, record_offset FROM set_aside WHERE kind = 'record'")
    assert None not in kept[0]


async def test_what_is_no_event_of_ours_is_put_aside_and_parks_nothing(
    alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    aggregate = uuid4()
    [fact] = await alpha.note(aggregate, "a")
    key, headers = str(aggregate).encode(), fact.envelope(SOURCE).headers()
    without_sequence = [header for header in headers if header[0] != "ce_sequence"]
    elsewhere = [(name, b"/liandu/gamma" if name == "ce_source" else value) for name, value in headers]
    endless = [(name, b"9" * 30 if name == "ce_sequence" else value) for name, value in headers]
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.put_raw(
            (None, [], b""),
            (b"\xff\x00", [("nul\x00", b"\x00\xff")], b"\x00 no json \xff"),
            (None, headers, b"{}"),
            (key, without_sequence, b"{}"),
            (key, elsewhere, b"{}"),
            (key, endless, b"{}"),
        )
        await alpha.send(fact)
        await eventually(lambda: everything_taken(consumer))

    assert Counter(error.split(":")[0] for _, _, error in await beta.put_aside()) == {
        "headers missing": 3,
        "the record has no key; it must be the aggregate's id": 1,
        f"no log has a sequence of {'9' * 30}": 1,
        f"{alpha.topic.name} is not written by '/liandu/gamma'": 1,
    }
    assert await beta.lines(aggregate) == [1]
    assert await beta.parked() == []


async def test_forged_records_are_refused_and_the_genuine_ones_go_on(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    aggregate = uuid4()
    facts = await alpha.note(aggregate, *"abc")
    value = facts[2].data.encode()
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*facts[:2])
        await eventually(lambda: everything_taken(consumer))
        await alpha.put(
            (forged(facts[1]), value),  # a number that was taken, by another event
            (forged(facts[2], sequence=900), value),  # beyond what the producer has
            (forged(facts[2]), b"no json"),  # the next number, by another event, broken
            (facts[2].envelope(SOURCE), b"no json"),  # the genuine one, damaged
        )
        await alpha.send(facts[2])
        await eventually(lambda: everything_taken(consumer))

    assert await beta.lines(aggregate) == [1, 2, 3]
    assert sorted(error for _, _, error in await beta.put_aside()) == [
        f"the producer's event 2 is {facts[1].event_id}",
        f"the producer's event 3 is {facts[2].event_id}",
        "the producer's log has no such event",
    ]
    assert await beta.parked() == []


async def test_a_forged_record_that_came_first_stops_its_stream_when_the_genuine_one_comes(
    alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    """What nobody could tell then: the key, source and number were right, and the producer had not written its own."""
    aggregate, other = uuid4(), uuid4()
    [genuine] = await alpha.note(aggregate, "a")
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.put((forged(genuine, epoch=await alpha.epoch()), genuine.data.encode()))
        await eventually(lambda: everything_taken(consumer))
        await alpha.send(genuine, *await alpha.note(other, "a"))
        await eventually(lambda: everything_taken(consumer))
        state = await consumer.state()

    assert await beta.parked() == [(aggregate, "rewound")]
    assert state.problems == ("1 streams stopped: their producer's log contradicts what was taken",)
    assert await beta.lines(other) == [1]


async def test_a_forged_record_in_one_batch_with_its_genuine_one_is_refused(
    alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    aggregate = uuid4()
    [genuine] = await alpha.note(aggregate, "a")
    consumer, sent = beta.consumer(ledger), forged(genuine)
    invented = consumer.reader.read(alpha.topic.name, sent.key(), sent.headers(), b'{"number": 66}')

    await consumer.taker.take([invented, _arrived(consumer, alpha, genuine)])

    assert await beta.lines(aggregate) == [1]
    assert await beta.put_aside() == [("record", None, f"the producer's event 1 is {genuine.event_id}")]


async def test_a_producer_that_was_restored_to_the_past_stops_its_stream(
    alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    aggregate, other = uuid4(), uuid4()
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*await alpha.note(aggregate, *"abcd"))
        await eventually(lambda: everything_taken(consumer))
        await _restore_to(alpha, aggregate, 2)
        await alpha.send(*await alpha.note(aggregate, *"xyz"), *await alpha.note(other, "a"))
        await eventually(lambda: everything_taken(consumer))

        assert consumer.audit_wanted.is_set()
    assert await beta.parked() == [(aggregate, "rewound")]
    assert await beta.lines(aggregate) == [1, 2, 3, 4]
    assert await beta.lines(other) == [1]
    assert await beta.put_aside() == []


@pytest.mark.parametrize("taken_before", [0, 2])
async def test_two_processes_that_take_the_same_facts_at_once_give_them_one_effect(
    alpha: Alpha, beta: Beta, ledger: Ledger, taken_before: int
) -> None:
    """As when Kafka brings what the auditor of another process fetches: a stream known already, and one that is new."""
    aggregate = uuid4()
    first, second = beta.consumer(ledger), beta.consumer(Ledger())
    arrivals = [_arrived(first, alpha, fact) for fact in await alpha.note(aggregate, *"abcde")]
    await first.taker.take(arrivals[:taken_before])
    ledger.hold = asyncio.Event()

    taking = asyncio.create_task(first.taker.take(arrivals))
    await ledger.held.wait()
    taking_too = asyncio.create_task(second.taker.take(arrivals))
    await eventually(lambda: _somebody_waits(beta))
    ledger.hold.set()
    await asyncio.gather(taking, taking_too)

    assert await beta.lines(aggregate) == await beta.journaled(aggregate) == [1, 2, 3, 4, 5]


async def _somebody_waits(beta: Beta) -> bool:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return await beta.rows(waiting) == [(1,)]


async def test_the_timers_of_a_parked_aggregate_are_held_until_it_was_redriven(
    alpha: Alpha, beta: Beta, ledger: Ledger, clock: MovableClock
) -> None:
    sick, sound = uuid4(), uuid4()
    consumer = beta.consumer(ledger)
    fired: list[UUID | None] = []

    async def fire(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        fired.extend(timer.origin for timer in due)

    timers = Timers(engine=beta.engine, clock=clock, fire=fire)
    async with transaction(beta.engine) as conn:
        await set_timers([Timer(uuid4(), "climb", START, origin=each) for each in (sick, sound)], conn=conn)
    facts = [*await alpha.note(sick, "poison"), *await alpha.note(sound, "a")]
    await consumer.taker.take([_arrived(consumer, alpha, fact) for fact in facts])

    await timers.fire_due()
    assert fired == [sound]
    ledger.broken.clear()
    await DeadLetters(engine=beta.engine, clock=clock, consumer=consumer).redrive(1, by="somebody")
    await timers.fire_due()
    assert fired == [sound, sick]


async def test_a_fault_that_passes_is_waited_out_and_parks_nothing(
    alpha: Alpha, beta: Beta, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    aggregate = uuid4()
    deadlock = text("DO $$ BEGIN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$")
    left = iter(range(12))
    write = Ledger.__call__

    async def unlucky(self: Ledger, facts: list[object], **given: object) -> None:
        await write(self, facts, **given)  # type: ignore[arg-type]
        if next(left, None) is not None:
            await given["conn"].execute(deadlock)  # type: ignore[attr-defined]

    monkeypatch.setattr(Ledger, "__call__", unlucky)
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*await alpha.note(aggregate, *"abc"))
        await eventually(lambda: _lines(beta, aggregate, [1, 2, 3]))
        await eventually(lambda: everything_taken(consumer))

    assert await beta.put_aside() == []


async def test_the_database_may_go_away_and_come_back(
    database: ScratchDatabase, alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    aggregate = uuid4()
    engine = open_engine(database.url_for("beta"), application="interrupted")
    consumer = beta.consumer(ledger, engine=engine)
    async with consuming(consumer):
        await alpha.send(*await alpha.note(aggregate, *"abc"))
        await eventually(lambda: _lines(beta, aggregate, [1, 2, 3]))
        for number in (4, 5, 6):
            await _end_connections(database, "interrupted")
            await alpha.send(*await alpha.note(aggregate, "x"))
            await eventually(partial(_lines, beta, aggregate, [*range(1, number + 1)]))
    await engine.dispose()


async def test_a_batch_takes_as_many_statements_as_a_single_fact(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    consumer = beta.consumer(ledger)
    few = [fact for _ in range(2) for fact in await alpha.note(uuid4(), "a")]
    many = [fact for _ in range(400) for fact in await alpha.note(uuid4(), "a")]
    statements: list[str] = []
    event.listen(beta.engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    counts = []
    for facts in (few, many):
        statements.clear()
        await consumer.taker.take([_arrived(consumer, alpha, fact) for fact in facts])
        counts.append(len(statements))

    assert counts[0] == counts[1] < 8
    assert ledger.sizes == [2, 400]


def _arrived(consumer: Consumer, alpha: Alpha, fact: LoggedFact) -> Arrival:
    sent = fact.envelope(SOURCE)
    return consumer.reader.read(alpha.topic.name, sent.key(), sent.headers(), fact.data.encode())


async def _lines(beta: Beta, aggregate: object, expected: list[int]) -> bool:
    return await beta.lines(aggregate) == expected  # type: ignore[arg-type]


async def _restore_to(alpha: Alpha, aggregate: object, seq: int) -> None:
    """The producer's database as a backup had it: without what came after."""
    async with transaction(alpha.engine) as conn:
        await conn.execute(
            text("DELETE FROM event_log WHERE aggregate_id = :id AND seq > :seq"), {"id": aggregate, "seq": seq}
        )
        await conn.execute(
            text(
                "UPDATE aggregate_head h SET seq = :seq, event_id = (SELECT event_id FROM event_log l"
                " WHERE l.aggregate_id = h.aggregate_id AND l.seq = :seq) WHERE aggregate_id = :id"
            ),
            {"id": aggregate, "seq": seq},
        )


async def _end_connections(database: ScratchDatabase, application: str) -> None:
    """As a restart of PostgreSQL does to a process."""
    conn = await asyncpg.connect(database.admin_url)
    await conn.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = $1 AND datname = current_database()",
        application,
    )
    await conn.close()


def _send_in_one_batch(alpha: Alpha, broker: str, facts: Sequence[LoggedFact], compression: str) -> None:
    settings = {"bootstrap.servers": broker, "compression.type": compression, "linger.ms": 200}
    producer = Producer(settings)
    for fact in facts:
        envelope = fact.envelope(SOURCE)
        producer.produce(
            alpha.topic.name,
            key=envelope.key(),
            value=fact.data.encode(),
            headers=list(envelope.headers()),
            partition=0,
        )
    assert producer.flush(10) == 0


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_batches_are_read(
    alpha: Alpha, beta: Beta, ledger: Ledger, embedded_kafka: str, compression: str
) -> None:
    aggregate = uuid4()
    facts = await alpha.note(aggregate, *["a" * 500] * 30)
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(facts[0])
        await asyncio.to_thread(_send_in_one_batch, alpha, embedded_kafka, facts, compression)
        await eventually(lambda: _all_journaled(beta, aggregate, 30))

    assert await beta.put_aside() == []


async def test_a_batch_in_a_codec_that_is_not_installed_stops_nothing(
    alpha: Alpha, beta: Beta, ledger: Ledger, embedded_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codecs, "has_zstd", lambda: False)
    lost, sound = uuid4(), uuid4()
    facts = await alpha.note(lost, *["a" * 500] * 30)
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(facts[0])
        await asyncio.to_thread(_send_in_one_batch, alpha, embedded_kafka, facts, "zstd")
        await alpha.send(*await alpha.note(sound, "a", "b"))
        await eventually(lambda: _all_journaled(beta, sound, 2))
        await eventually(lambda: everything_taken(consumer))

        assert consumer.audit_wanted.is_set()
        await consumer.catch_up({(SOURCE, lost)})
    assert await beta.lines(lost) == [*range(1, 31)]
    [(_, _, error)] = await beta.put_aside()
    assert "cannot be read: UnsupportedCodecError" in error


async def _all_journaled(beta: Beta, aggregate: UUID, count: int) -> bool:
    return await beta.journaled(aggregate) == [*range(1, count + 1)]
