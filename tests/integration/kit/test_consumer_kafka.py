"""The consumer on Apache Kafka: what its own tools see, what people write with them, and what it can lose."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import aiokafka.producer.message_accumulator
import aiokafka.producer.producer
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.record import default_records

from services.operator import processes
from services.operator.embedded import kafka as apache
from services.operator.processes import free_port
from shared.kit.consuming import auditor as auditing
from shared.kit.consuming.auditor import Auditor
from shared.kit.consuming.consumer import Consumer
from tests.support import kafka as brokers
from tests.support.streams import Alpha, Beta, Ledger, consuming
from tests.support.waiting import eventually

GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


@pytest.fixture
def broker(kafka: str) -> str:
    return kafka


@pytest_asyncio.fixture
async def topic(kafka: str) -> str:
    return await brokers.create_topic(kafka)


async def everything_taken(consumer: Consumer) -> bool:
    return not (await consumer.state()).unsettled


async def test_facts_have_their_effects_once_and_kafkas_own_tool_shows_the_lag(
    kafka: str, alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    aggregates = [uuid4() for _ in range(30)]
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*[fact for each in aggregates for fact in await alpha.note(each, *"ab")])
        await eventually(lambda: everything_taken(consumer))
        await eventually(lambda: _no_lag(kafka, alpha))
    assert [await beta.lines(each) for each in aggregates] == [[1, 2]] * 30

    await alpha.send(*[fact for each in aggregates[:7] for fact in await alpha.note(each, "c")])
    assert sum(await _lags(kafka, alpha)) == 7


async def _no_lag(kafka: str, alpha: Alpha) -> bool:
    """Offsets are told to Kafka once a second."""
    return sum(await _lags(kafka, alpha)) == 0


async def _lags(kafka: str, alpha: Alpha) -> list[int]:
    told = await brokers.run_kafka_tool(GROUPS, "--bootstrap-server", kafka, "--describe", "--group", "liandu-beta")
    lines = [line.split() for line in told.splitlines()]
    return [int(line[5]) for line in lines if len(line) > 5 and line[1] == alpha.topic.name]


async def test_a_copy_of_what_is_put_aside_stands_in_the_dead_letter_topic(
    kafka: str, alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    sick = uuid4()
    consumer = beta.consumer(ledger)
    await brokers.create_topic(kafka, "liandu.beta.dead-letters", partitions=1)
    async with consuming(consumer):
        await alpha.send(*await alpha.note(sick, "a", "poison", "c"))
        copy = await eventually(lambda: _first(kafka, "liandu.beta.dead-letters"))

    headers = dict(copy.headers)
    assert (copy.key.decode(), headers["ce_sequence"]) == (str(sick), b"2")
    assert headers["liandu_error"] == b"ValueError: cannot do [2]"
    assert headers["liandu_topic"].decode() == alpha.topic.name
    assert int(headers["liandu_offset"]) == 1


async def _first(kafka: str, topic: str) -> ConsumerRecord[bytes, bytes] | None:
    reader = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    await reader.start()
    try:
        found = await reader.getmany(timeout_ms=1000)
        return next((record for records in found.values() for record in records), None)
    finally:
        await reader.stop()


async def test_a_record_whose_headers_are_no_text_is_stepped_over(
    alpha: Alpha, beta: Beta, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kcat writes any bytes as a header's name; the client can read neither such a record nor what came with it."""

    class Unreadable(str):
        def encode(self, *_: object) -> bytes:
            return b"\xff\xfe"

    aggregate = uuid4()
    facts = await alpha.note(aggregate, *"abcde")
    records = [
        (str(aggregate).encode(), fact.envelope("/liandu/alpha").headers(), fact.data.encode()) for fact in facts
    ]
    odd = (str(aggregate).encode(), [(Unreadable("x"), b"1")], b"{}")
    python_builder = default_records._DefaultRecordBatchBuilderPy
    for module in (aiokafka.producer.message_accumulator, aiokafka.producer.producer):
        monkeypatch.setattr(module, "DefaultRecordBatchBuilder", python_builder)
    await alpha.put_raw(*records[:2], odd, records[2], odd, odd, *records[3:])
    monkeypatch.undo()

    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await eventually(lambda: everything_taken(consumer))

    assert await beta.lines(aggregate) == [1, 2, 3, 4, 5]
    assert [error.split(":")[0] for _, _, error in await beta.put_aside()] == ["the record cannot be read"] * 3
    assert await beta.rows("SELECT record_offset FROM set_aside ORDER BY id") == [(2,), (4,), (5,)]


class TestOnAKafkaOfItsOwn:
    @pytest.fixture
    def node(self, kafka: str, tmp_path: Path) -> apache.RealKafka:
        """`kafka` is asked for so that what it needs is there, or the test is skipped."""
        return apache.RealKafka(
            data=tmp_path / "kafka", port=free_port(), controller_port=free_port(), log=tmp_path / "kafka.log"
        )

    @pytest_asyncio.fixture
    async def broker(self, node: apache.RealKafka) -> str:
        return node.bootstrap

    @pytest.fixture
    def topic(self) -> str:
        return "liandu.lost"

    async def test_data_that_was_wiped_is_fetched_and_the_new_cluster_is_read_from_its_beginning(
        self, node: apache.RealKafka, alpha: Alpha, beta: Beta, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(auditing, "EVERY", 0.05)
        aggregates = [uuid4() for _ in range(10)]
        consumer = beta.consumer(ledger)
        auditor = Auditor(consumer=consumer, back_fill=beta.back_fill(), engine=beta.engine)
        process = apache.start(node)
        try:
            await brokers.create_topic(node.bootstrap, alpha.topic.name)
            async with consuming(consumer, auditor):
                await alpha.send(*[fact for each in aggregates for fact in await alpha.note(each, *"ab")])
                await eventually(lambda: _counted(beta, 20))
                lost = [fact for each in aggregates[:5] for fact in await alpha.note(each, *"cd")]
                assert len(lost) == 10

                processes.stop(process)
                shutil.rmtree(node.data)
                process = apache.start(node)
                await eventually(lambda: _lacks_topics(consumer), within=60)
                await brokers.create_topic(node.bootstrap, alpha.topic.name)
                for each in aggregates[5:]:  # more than had been read before: the old offsets would look right
                    await alpha.send(*await alpha.note(each, *"cdefgh"))

                await eventually(lambda: _counted(beta, 20 + 10 + 30), within=60)
        finally:
            processes.stop(process)
        assert [await beta.lines(each) for each in aggregates[5:]] == [[*range(1, 9)]] * 5
        assert await beta.rows("SELECT count(*), count(DISTINCT (aggregate_id, number)) FROM ledger") == [(60, 60)]

    async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
        self, node: apache.RealKafka, alpha: Alpha, beta: Beta, ledger: Ledger
    ) -> None:
        first, second = uuid4(), uuid4()
        consumer = beta.consumer(ledger)
        process = apache.start(node)
        try:
            await brokers.create_topic(node.bootstrap, alpha.topic.name, partitions=1)
            async with consuming(consumer):
                await alpha.send(*await alpha.note(first, *"abc"))
                await eventually(lambda: _counted(beta, 3))
                await brokers.delete_topic(node.bootstrap, alpha.topic.name)
                await eventually(_made_anew(node, alpha))
                await alpha.send(*await alpha.note(second, "a"))

                await eventually(lambda: _counted(beta, 4), within=60)
                assert consumer.audit_wanted.is_set()
        finally:
            processes.stop(process)


def _made_anew(node: apache.RealKafka, alpha: Alpha) -> Callable[[], Awaitable[bool]]:
    async def made() -> bool:
        await brokers.create_topic(node.bootstrap, alpha.topic.name, partitions=1)
        return True

    return made


async def _counted(beta: Beta, expected: int) -> bool:
    [(count,)] = await beta.rows("SELECT count(*) FROM ledger")
    assert count == expected
    return True


async def _lacks_topics(consumer: Consumer) -> bool:
    return "the broker lacks liandu.lost: run `liandu topics create`" in (await consumer.state()).problems
