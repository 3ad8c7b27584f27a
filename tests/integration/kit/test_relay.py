"""The relay on real PostgreSQL, the embedded broker and Apache Kafka."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY
from sqlalchemy import Connection, Row, event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.operator import processes
from services.operator.embedded import kafka as apache
from services.operator.embedded.broker import read_address
from shared.contracts import cloudevents
from shared.kit.database import open_engine
from shared.kit.log import relay as relays
from shared.kit.log.cursor import LogCursor
from shared.kit.log.epoch import read_epoch
from shared.kit.log.eventlog import CreatedMeanwhile, LoggedFact, history
from shared.kit.log.publisher import Sending
from shared.kit.log.relay import LeadershipLost, Relay, RestoredDump, UnsafeDatabase, reset_after_restore
from tests.support import kafka as brokers
from tests.support.log import (
    Happened,
    commit,
    first_arrivals,
    gapless,
    on_topic,
    read_topic,
    relay_of,
    running,
    write,
)
from tests.support.postgres import ScratchDatabase
from tests.support.waiting import eventually


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision_kit("log"), application="test", pool_size=20)
    yield engine
    await engine.dispose()


@dataclass(frozen=True)
class Place:
    """A fresh topic on a broker."""

    broker: str
    bootstrap: str
    topic: str

    async def arrivals(self) -> dict[UUID, list[int]]:
        return first_arrivals(await read_topic(self.bootstrap, self.topic))

    async def eventually_holds(self, heads: dict[UUID, int]) -> None:
        async def everything() -> bool:
            arrivals = await self.arrivals()
            assert arrivals == gapless(heads)
            return True

        await eventually(everything)


@pytest.fixture
def place(embedded_kafka_file: Path, embedded_kafka: str) -> Place:
    return Place(f"file:{embedded_kafka_file}", embedded_kafka, brokers.new_topic_name())


@pytest_asyncio.fixture(params=["embedded", "kafka"])
async def any_place(request: pytest.FixtureRequest) -> Place:
    if request.param == "embedded":
        return request.getfixturevalue("place")  # type: ignore[no-any-return]
    bootstrap = request.getfixturevalue("kafka")
    return Place(bootstrap, bootstrap, await brokers.create_topic(bootstrap))


class PositionCursor(LogCursor):
    """The cursor that everybody writes first: whatever has a higher position than the last one read."""

    async def look(self, conn: AsyncConnection) -> Self:
        hi = (await conn.execute(text("SELECT coalesce(max(position), 0) FROM event_log"))).scalar_one()
        return replace(self, target="1:1:", hi=hi) if hi > self.position else self

    async def read(self, conn: AsyncConnection, *, after: int, limit: int) -> Sequence[LoggedFact]:
        page = text("""
            SELECT position, event_id, topic, aggregate_id, seq, type, at, actor, traceparent,
                   CAST(data AS text) AS data
              FROM event_log WHERE position > :after ORDER BY position LIMIT :limit""")
        return [LoggedFact(*row) for row in await conn.execute(page, {"after": after, "limit": limit})]


class RelayByPosition(Relay):
    cursor_type = PositionCursor


async def _overtaken_commit(engine: AsyncEngine, place: Place, relay: Relay) -> tuple[UUID, dict[UUID, list[int]]]:
    """One transaction draws its position first and commits last; what has arrived once a later fact has."""
    late, early, after = uuid4(), uuid4(), uuid4()
    happened = on_topic(place.topic)

    async def has(aggregate: UUID) -> bool:
        return aggregate in await place.arrivals()

    async with running(relay):
        async with engine.begin() as held:
            await write(held, [late], happened)
            await commit(engine, [early], happened)
            await eventually(lambda: has(early))
        await commit(engine, [after], happened)
        await eventually(lambda: has(after))
        await eventually(lambda: _settled(relay))
    return late, await place.arrivals()


async def _settled(relay: Relay) -> bool:
    return not (await relay.state()).unsent


async def test_a_fact_that_commits_after_later_ones_is_sent(engine: AsyncEngine, any_place: Place) -> None:
    late, arrivals = await _overtaken_commit(engine, any_place, relay_of(engine, any_place.broker))

    assert arrivals[late] == [1]


async def test_a_cursor_by_position_would_lose_it(engine: AsyncEngine, place: Place) -> None:
    late, arrivals = await _overtaken_commit(engine, place, relay_of(engine, place.broker, kind=RelayByPosition))

    assert late not in arrivals
    assert len(arrivals) == 2


async def test_everything_committed_arrives_in_order_whatever_else_goes_on(
    engine: AsyncEngine, any_place: Place
) -> None:
    aggregates = [uuid4() for _ in range(12)]
    happened = on_topic(any_place.topic)
    held_open = asyncio.Event()

    async def writer(number: int) -> None:
        dice = random.Random(number)
        for _ in range(25):
            chosen = dice.sample(aggregates, dice.randint(1, 4))
            with suppress(CreatedMeanwhile):
                await _some_transaction(engine, chosen, happened, dice)

    async def holder() -> None:
        """A transaction that is open all the while, and has written."""
        async with engine.begin() as conn:
            await write(conn, [uuid4()], happened, note="held")
            await held_open.wait()

    async with running(relay_of(engine, any_place.broker, slice_size=7)), asyncio.TaskGroup() as tasks:
        tasks.create_task(holder())
        await asyncio.gather(*(writer(number) for number in range(8)))
        heads = await _heads(engine)
        await any_place.eventually_holds(heads)
        held_open.set()

        async def the_held_one_too() -> bool:
            return len(await any_place.arrivals()) == len(heads) + 1

        await eventually(the_held_one_too)


async def _some_transaction(
    engine: AsyncEngine, aggregates: list[UUID], happened: type[Happened], dice: random.Random
) -> None:
    async with engine.connect() as conn:
        transaction = await conn.begin()
        await write(conn, aggregates, happened, times=dice.randint(1, 3))
        if dice.random() < 0.3:
            savepoint = await conn.begin_nested()
            await write(conn, aggregates[:1], happened, note="taken back")
            await savepoint.rollback()
        if dice.random() < 0.3:
            async with conn.begin_nested():
                await write(conn, aggregates[:1], happened, note="in a savepoint")
        await (transaction.rollback() if dice.random() < 0.25 else transaction.commit())


async def _heads(engine: AsyncEngine) -> dict[UUID, int]:
    async with engine.connect() as conn:
        rows = await conn.execute(text("SELECT aggregate_id, seq FROM aggregate_head"))
        return {row.aggregate_id: row.seq for row in rows}


async def test_a_record_is_the_fact_as_a_cloud_event(engine: AsyncEngine, any_place: Place) -> None:
    aggregate = uuid4()
    await commit(engine, [aggregate], on_topic(any_place.topic), note="链长 “约谈”")
    async with engine.connect() as conn:
        [fact] = await history(aggregate, conn=conn)
        epoch = await read_epoch(conn)

    async with running(relay_of(engine, any_place.broker)):
        await any_place.eventually_holds({aggregate: 1})

    [record] = await read_topic(any_place.bootstrap, any_place.topic)
    assert record.envelope == fact.envelope(cloudevents.source_of("log"), epoch)
    assert record.value.decode() == fact.data == '{"note": "链长 “约谈”"}'


async def test_an_aggregate_stays_in_the_partition_any_client_would_choose(engine: AsyncEngine, place: Place) -> None:
    aggregates = [uuid4() for _ in range(40)]
    await commit(engine, aggregates, on_topic(place.topic), times=2)
    async with running(relay_of(engine, place.broker, slice_size=9)):
        await place.eventually_holds(dict.fromkeys(aggregates, 2))
    ours = {record.envelope.aggregate_id: record.partition for record in await read_topic(place.bootstrap, place.topic)}

    producer = AIOKafkaProducer(bootstrap_servers=place.bootstrap)
    await producer.start()
    sent = {key: await producer.send_and_wait(place.topic, b"{}", key=str(key).encode()) for key in aggregates}
    await producer.stop()

    assert ours == {key: record.partition for key, record in sent.items()}
    assert len(set(ours.values())) > 1


async def test_facts_larger_than_a_batch_go_in_several(engine: AsyncEngine, place: Place) -> None:
    aggregates = [uuid4(), uuid4()]
    await commit(engine, aggregates, on_topic(place.topic), note="x" * 60_000, times=15)
    await commit(engine, aggregates, on_topic(place.topic), note="x" * 500_000)

    async with running(relay_of(engine, place.broker)):
        await place.eventually_holds(dict.fromkeys(aggregates, 16))


class Gated(Relay):
    """A relay that stops dead, as if its process were paused, with a slice on its way and not acknowledged."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.gate = asyncio.Event()
        self.paused = asyncio.Event()

    async def _acknowledged(self, sending: Sending) -> None:
        self.paused.set()
        await self.gate.wait()
        await super()._acknowledged(sending)


def _gated(engine: AsyncEngine, place: Place) -> Gated:
    relay = relay_of(engine, place.broker, kind=Gated)
    assert isinstance(relay, Gated)
    return relay


async def test_a_relay_paused_while_another_took_over_wakes_late_and_steps_down(
    engine: AsyncEngine, place: Place
) -> None:
    aggregate, happened = uuid4(), on_topic(place.topic)
    sleeper, other = _gated(engine, place), relay_of(engine, place.broker)
    async with running(sleeper):
        await commit(engine, [aggregate], happened)
        await sleeper.paused.wait()
        await _end_leaders_session(engine)
        async with running(other):
            await commit(engine, [aggregate], happened, times=4)
            await place.eventually_holds({aggregate: 5})
            saved = await eventually(lambda: _saved_position(engine, 5))

            failures = _failures("database")
            sleeper.gate.set()
            await eventually(lambda: _failures("database") > failures)

            assert await _saved_position(engine, 5) == saved
            await commit(engine, [aggregate], happened)
            await place.eventually_holds({aggregate: 6})


async def test_a_leader_whose_cursor_was_moved_by_another_does_not_move_it_back(
    engine: AsyncEngine, place: Place
) -> None:
    aggregate, happened = uuid4(), on_topic(place.topic)
    sleeper = _gated(engine, place)
    async with running(sleeper):
        await commit(engine, [aggregate], happened)
        await sleeper.paused.wait()
        async with engine.begin() as conn:
            moved = "UPDATE relay_cursor SET revision = revision + 100, position = 77 RETURNING revision"
            revision = (await conn.execute(text(moved))).scalar_one()
        failures = _failures("database")
        sleeper.gate.set()

        await eventually(lambda: _failures("database") == failures + 1)
        await commit(engine, [aggregate], happened)
        await place.eventually_holds({aggregate: 2})
        await eventually(lambda: _saved_position(engine, 2))
        assert (await _cursor(engine)).revision > revision


async def _end_leaders_session(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        ended = await conn.execute(
            text("""
            SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database AS d ON d.oid = database
             WHERE locktype = 'advisory' AND granted AND d.datname = current_database()""")
        )
        assert ended.scalars().all() == [True]


async def _cursor(engine: AsyncEngine) -> Row[Any]:
    async with engine.connect() as conn:
        return (await conn.execute(text("SELECT revision, position FROM relay_cursor"))).one()


async def _saved_position(engine: AsyncEngine, position: int) -> int:
    """The cursor's revision, once it stands at `position`; else 0."""
    cursor = await _cursor(engine)
    return int(cursor.revision) if cursor.position == position else 0


def _failures(part: str) -> float:
    return REGISTRY.get_sample_value("liandu_relay_failures_total", {"part": part}) or 0.0


async def test_of_two_relays_one_leads_and_the_other_follows_it(engine: AsyncEngine, place: Place) -> None:
    aggregate, happened = uuid4(), on_topic(place.topic)
    second = relay_of(engine, place.broker)
    async with running(relay_of(engine, place.broker)):
        await commit(engine, [aggregate], happened)
        await place.eventually_holds({aggregate: 1})
        first_leader = await eventually(lambda: _leaders(engine))
        waiting = asyncio.create_task(second.run())
        await eventually(lambda: _connections(engine, "pg_try_advisory_lock"))
        assert await _leaders(engine) == first_leader
    try:
        await commit(engine, [aggregate], happened)
        await place.eventually_holds({aggregate: 2})
        assert len(await _leaders(engine)) == 1
        assert await _leaders(engine) != first_leader
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


async def test_a_leader_that_stands_still_loses_the_leadership_to_the_server_and_another_takes_over(
    engine: AsyncEngine, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "LEASE", 0.5)
    frozen, successor = (relay_of(engine, place.broker) for _ in range(2))
    async with frozen._leadership(), running(successor):  # and not a word from the first
        await eventually(lambda: successor._leading)


async def test_a_leader_that_waits_for_the_broker_shows_signs_of_life(
    engine: AsyncEngine, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relays, "SIGN_OF_LIFE", 0.01)
    said: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: said.append(args[2]))

    async def answer() -> str:
        await eventually(lambda: said.count("SELECT 1") > 2)
        return "acknowledged"

    async with relay_of(engine, place.broker)._leadership() as conn:
        assert await relays._showing_life(conn, answer()) == "acknowledged"
        shown = await conn.exec_driver_sql("SHOW idle_session_timeout")
        assert shown.scalar_one() == "5s"


async def test_the_relays_outlive_the_loss_of_the_leaders_connection_again_and_again(
    engine: AsyncEngine, place: Place
) -> None:
    aggregate, happened = uuid4(), on_topic(place.topic)
    async with running(relay_of(engine, place.broker)), running(relay_of(engine, place.broker)):
        for seq in range(1, 4):
            await commit(engine, [aggregate], happened)
            await place.eventually_holds({aggregate: seq})
            await _end_leaders_session(engine)
            await eventually(lambda: _leaders(engine))


async def _leaders(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as conn:
        locks = await conn.execute(
            text("""
            SELECT pid FROM pg_locks JOIN pg_database AS d ON d.oid = database
             WHERE locktype = 'advisory' AND granted AND d.datname = current_database()""")
        )
        return list(locks.scalars())


async def _connections(engine: AsyncEngine, statement: str) -> int:
    async with engine.connect() as conn:
        counted = text("""
            SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%' || :part || '%'""")
        return int((await conn.execute(counted, {"part": statement})).scalar_one())


class Crash(Exception):
    """The process ends here."""


async def test_a_crash_between_the_brokers_answer_and_the_cursor_repeats_and_loses_nothing(
    engine: AsyncEngine, place: Place
) -> None:
    class Crashing(Relay):
        async def _checkpoint(self, conn: AsyncConnection) -> None:
            if self._unsaved:
                raise Crash

    aggregates = [uuid4() for _ in range(5)]
    await commit(engine, aggregates, on_topic(place.topic), times=4)
    with pytest.raises(Crash):
        await relay_of(engine, place.broker, kind=Crashing, slice_size=6).run()

    async with running(relay_of(engine, place.broker, slice_size=6)):
        await place.eventually_holds(dict.fromkeys(aggregates, 4))
    assert len(await read_topic(place.bootstrap, place.topic)) == 20 + 6


async def test_a_restarted_relay_goes_on_inside_the_batch_it_was_in(engine: AsyncEngine, place: Place) -> None:
    class Stopping(Relay):
        rounds = 0

        async def _acknowledged(self, sending: Sending) -> None:
            await super()._acknowledged(sending)
            self.rounds += 1
            if self.rounds == 3:
                raise Crash

    aggregates = [uuid4() for _ in range(10)]
    await commit(engine, aggregates, on_topic(place.topic), times=4)
    with pytest.raises(Crash):
        await relay_of(engine, place.broker, kind=Stopping, slice_size=10).run()
    async with running(relay_of(engine, place.broker, slice_size=10)):
        await place.eventually_holds(dict.fromkeys(aggregates, 4))

    # The first slice was checkpointed at once, the next ones not within its second.
    assert 40 < len(await read_topic(place.bootstrap, place.topic)) <= 60


async def test_a_broker_that_comes_back_as_a_new_incarnation_gets_what_it_has_not_acknowledged(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    first, second = uuid4(), uuid4()
    topic = brokers.new_topic_name()
    happened = on_topic(topic)
    address = f"file:{tmp_path / 'broker.json'}"
    relay = relay_of(engine, address)
    with brokers.running_mock_cluster(tmp_path) as address_file:
        task = asyncio.create_task(relay.run())
        place = Place(address, _address(address_file), topic)
        await commit(engine, [first], happened)
        await place.eventually_holds({first: 1})
    await commit(engine, [second], happened, times=3)
    assert (await relay.state()).unsent
    (tmp_path / "broker.json").unlink(missing_ok=True)
    with brokers.running_mock_cluster(tmp_path) as address_file:
        place = Place(address, _address(address_file), topic)
        await place.eventually_holds({second: 3})
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _address(address_file: Path) -> str:
    address = read_address(address_file)
    assert address is not None
    return address


async def test_a_killed_kafka_that_comes_back_has_everything(engine: AsyncEngine, kafka: str, tmp_path: Path) -> None:
    node = apache.RealKafka(
        data=tmp_path / "kafka",
        port=processes.free_port(),
        controller_port=processes.free_port(),
        log=tmp_path / "kafka.log",
    )
    aggregates = [uuid4() for _ in range(6)]
    process = await asyncio.to_thread(apache.start, node)
    try:
        topic = await brokers.create_topic(node.bootstrap)
        place = Place(node.bootstrap, node.bootstrap, topic)
        async with running(relay_of(engine, place.broker, slice_size=5)) as relay:
            await commit(engine, aggregates, on_topic(topic), times=2)
            await place.eventually_holds(dict.fromkeys(aggregates, 2))
            process.kill()
            await asyncio.to_thread(process.wait)
            await commit(engine, aggregates, on_topic(topic), times=3)
            assert (await relay.state()).unsent
            process = await asyncio.to_thread(apache.start, node)
            await eventually(lambda: _settled(relay), within=60)
            await place.eventually_holds(dict.fromkeys(aggregates, 5))
    finally:
        await asyncio.to_thread(processes.stop, process)


async def test_at_rest_the_relay_only_looks_four_times_a_second_and_writes_nothing(
    engine: AsyncEngine, place: Place
) -> None:
    statements: list[tuple[float, str]] = []
    async with running(relay_of(engine, place.broker)) as relay:
        await commit(engine, [uuid4()], on_topic(place.topic))
        await eventually(lambda: _settled(relay))
        await eventually(lambda: _saved_position(engine, 1))

        def note(conn: Connection, cursor: object, statement: str, *_: object) -> None:
            statements.append((asyncio.get_running_loop().time(), statement))

        event.listen(engine.sync_engine, "before_cursor_execute", note)
        await eventually(lambda: len(statements) >= 12)
        event.remove(engine.sync_engine, "before_cursor_execute", note)

    assert {statement.split()[0] for _, statement in statements} == {"WITH"}
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(statements)]
    assert min(pauses[-4:]) >= 0.24


async def test_what_this_process_commits_makes_nobody_look_for_more(engine: AsyncEngine, place: Place) -> None:
    pauses: list[float] = []

    class Noting(Relay):
        async def _rest(self, pause: float) -> bool:
            pauses.append(pause)
            return await super()._rest(pause)

    aggregate = uuid4()
    async with running(relay_of(engine, place.broker, kind=Noting)):
        await eventually(lambda: relays.LONGEST_PAUSE in pauses)
        await commit(engine, [aggregate], on_topic(place.topic))
        await place.eventually_holds({aggregate: 1})
        looked = len(pauses)
        await eventually(lambda: len(pauses) > looked)

    assert relays.SHORTEST_PAUSE not in pauses[1:]


async def test_while_busy_the_cursor_is_saved_at_most_once_a_second(engine: AsyncEngine, place: Place) -> None:
    happened, aggregate = on_topic(place.topic), uuid4()
    async with running(relay_of(engine, place.broker)):
        since = asyncio.get_running_loop().time()
        for seq in range(1, 30):
            await commit(engine, [aggregate], happened)
            if seq % 10 == 0:
                await place.eventually_holds({aggregate: seq})
        await place.eventually_holds({aggregate: 29})
        await eventually(lambda: _saved_position(engine, 29))
        took = asyncio.get_running_loop().time() - since
        # One for taking the lead, one at once, and one a second.
        assert (await _cursor(engine)).revision <= 3 + took


async def test_the_state_says_unsent_from_the_commit_to_the_acknowledgement(engine: AsyncEngine, place: Place) -> None:
    relay, happened = _gated(engine, place), on_topic(place.topic)
    bystander = relay_of(engine, place.broker)
    async with running(relay):
        async with engine.begin() as conn:
            await write(conn, [uuid4()], happened)
            state = await relay.state()
            assert (state.unsent, state.log_head) == (False, 0)
        await relay.paused.wait()
        state = await relay.state()
        assert (state.unsent, state.log_head) == (True, 1)
        assert (await bystander.state()).unsent
        relay.gate.set()
        await eventually(lambda: _settled(relay))
        await eventually(lambda: _settled(bystander))


async def _age_xids(engine: AsyncEngine, by: int) -> None:
    """Make the database look as if restored from a server `by` transactions ahead."""
    shifted = "CAST(CAST(CAST(CAST(xid AS text) AS bigint) + :by AS text) AS xid8)"
    async with engine.begin() as conn:
        await conn.execute(text(f"UPDATE event_log SET xid = {shifted}"), {"by": by})
        cursor = (
            await conn.execute(text("SELECT CAST(pg_snapshot_xmax(last) AS text) FROM relay_cursor"))
        ).scalar_one()
        await conn.execute(
            text("UPDATE relay_cursor SET last = CAST(CAST(:last AS text) AS pg_snapshot)"),
            {"last": f"{int(cursor) + by}:{int(cursor) + by}:"},
        )


async def test_a_restored_dump_is_not_relayed_until_its_transaction_ids_are_reset(
    engine: AsyncEngine, place: Place
) -> None:
    sent, unsent, happened = uuid4(), uuid4(), on_topic(place.topic)
    async with running(relay_of(engine, place.broker)):
        await commit(engine, [sent], happened, times=2)
        await place.eventually_holds({sent: 2})
        await eventually(lambda: _saved_position(engine, 2))
    await commit(engine, [sent, unsent], happened)
    await _age_xids(engine, by=1_000_000)

    with pytest.raises(RestoredDump, match="restored from a dump"):
        await relay_of(engine, place.broker).run()
    async with engine.begin() as conn:
        before = await read_epoch(conn)
        assert await reset_after_restore(conn, service="log") == 4
        assert await read_epoch(conn) != before

    async with running(relay_of(engine, place.broker)):
        await commit(engine, [unsent], happened)
        await place.eventually_holds({sent: 3, unsent: 2})
    assert len(await read_topic(place.bootstrap, place.topic)) == 5, "what the dump knew as sent is not sent again"


async def test_transaction_ids_are_not_reset_under_a_running_relay(engine: AsyncEngine, place: Place) -> None:
    async with running(relay_of(engine, place.broker)):
        await eventually(lambda: _leaders(engine))
        with pytest.raises(LeadershipLost, match="stop the service first"):
            async with engine.begin() as conn:
                await reset_after_restore(conn, service="log")


@pytest.mark.parametrize(
    ("sabotage", "said"),
    [
        ("ALTER TABLE event_log ALTER COLUMN position SET CACHE 10", "caches 10"),
        ("ALTER ROLE CURRENT_USER IN DATABASE {database} SET synchronous_commit = off", "synchronous_commit is off"),
        (
            "ALTER ROLE CURRENT_USER IN DATABASE {database} SET default_transaction_isolation = 'repeatable read'",
            "repeatable read",
        ),
    ],
)
async def test_a_database_on_which_facts_could_be_lost_is_refused(
    engine: AsyncEngine, database: ScratchDatabase, place: Place, sabotage: str, said: str
) -> None:
    async with engine.begin() as conn:
        await conn.execute(text(sabotage.format(database=database.name)))
    await engine.dispose()

    with pytest.raises(UnsafeDatabase, match=said):
        await relay_of(engine, place.broker).run()


async def test_a_commit_in_this_process_is_sent_without_waiting_for_the_next_look(
    engine: AsyncEngine, place: Place
) -> None:
    looks: list[str] = []

    def note(conn: Connection, cursor: object, statement: str, *_: object) -> None:
        looks.append(statement)

    class Patient(Relay):
        async def _rest(self, pause: float) -> bool:
            return await super()._rest(3600)

    relay = relay_of(engine, place.broker, kind=Patient)
    async with running(relay):
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        await eventually(lambda: any("fresh" in statement for statement in looks))
        aggregate = uuid4()
        await commit(engine, [aggregate], on_topic(place.topic))
        await place.eventually_holds({aggregate: 1})
        event.remove(engine.sync_engine, "before_cursor_execute", note)
