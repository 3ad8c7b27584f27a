"""A consumer and a producer that never met: the first meeting takes a moment, only the comparison takes its time."""

from dataclasses import replace
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text
from structlog.testing import capture_logs

from shared.contracts.cloudevents import source_of
from shared.kit.consuming.auditor import Auditor
from shared.kit.consuming.back_fill import BackFill
from shared.kit.consuming.consumer import Consumer
from shared.kit.database import transaction
from shared.kit.web.security import ServiceTokens
from tests.support.streams import SECRET, SOURCE, Alpha, Beta, Ledger, Line, consuming, forged, topic_named
from tests.support.waiting import eventually


@pytest_asyncio.fixture
async def beta(beta: Beta) -> Beta:
    """A consumer that has never met alpha."""
    async with transaction(beta.engine) as conn:
        await conn.execute(text("DELETE FROM producer_epoch"))
    return beta


@pytest.fixture
def logs(beta: Beta) -> BackFill:
    """One for consumer and auditor, as in a process of a service."""
    return beta.back_fill()


@pytest.fixture
def consumer(beta: Beta, ledger: Ledger, logs: BackFill, monkeypatch: pytest.MonkeyPatch) -> Consumer:
    monkeypatch.setattr(beta, "back_fill", lambda: logs)
    return beta.consumer(ledger)


@pytest.fixture
def auditor(beta: Beta, consumer: Consumer, logs: BackFill) -> Auditor:
    return Auditor(consumer=consumer, back_fill=logs, engine=beta.engine)


async def test_the_first_records_meet_their_producer_and_the_rest_is_taken_on_the_topics_word(
    alpha: Alpha, beta: Beta, consumer: Consumer
) -> None:
    aggregates = [uuid4() for _ in range(20)]
    async with consuming(consumer):
        await alpha.send(*[fact for each in aggregates for fact in await alpha.note(each, *"ab")])
        await eventually(lambda: _lines_are(beta, {each: [1, 2] for each in aggregates}))

    assert await consumer.epoch_of(SOURCE) == await alpha.epoch()
    assert alpha.line.requests == ["/v1/log/heads"]


async def test_nothing_is_taken_on_a_topics_word_before_its_producer_was_met(
    alpha: Alpha, beta: Beta, consumer: Consumer
) -> None:
    aggregate = uuid4()
    alpha.line.cut = True
    async with consuming(consumer):
        await alpha.send(*await alpha.note(aggregate, *"ab"))
        await eventually(lambda: consumer.left == {(SOURCE, aggregate)})

    assert await beta.lines(aggregate) == []
    assert await consumer.epoch_of(SOURCE) is None


async def test_what_was_left_is_taken_as_soon_as_the_producer_answers_and_before_everything_is_compared(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    early, late = uuid4(), uuid4()
    alpha.line.cut = True
    async with consuming(consumer, auditor):
        await alpha.send(*await alpha.note(early, *"ab"))
        await eventually(lambda: consumer.left == {(SOURCE, early)})
        alpha.hold_line("/digests")

        alpha.line.cut = False

        await eventually(lambda: _lines_are(beta, {early: [1, 2]}))
        await alpha.send(*await alpha.note(late, *"ab"))
        await eventually(lambda: _lines_are(beta, {late: [1, 2]}))
        alpha.line.open.set()


async def test_what_a_topic_has_of_another_life_is_not_taken_at_the_first_meeting(
    alpha: Alpha, beta: Beta, consumer: Consumer
) -> None:
    aggregate, gone = uuid4(), uuid4()
    [fact] = await alpha.note(aggregate, "a")
    async with consuming(consumer):
        await alpha.put((forged(fact, aggregate_id=gone, epoch="a life before"), fact.data.encode()))
        await alpha.send(fact)
        await eventually(lambda: _lines_are(beta, {aggregate: [1]}))

    assert await beta.journaled(gone) == []
    assert await consumer.epoch_of(SOURCE) == await alpha.epoch()


async def test_who_has_taken_something_meets_nobody_for_the_first_time(
    alpha: Alpha, beta: Beta, consumer: Consumer
) -> None:
    """What was taken must be compared first: it may be of another life."""
    aggregate = uuid4()
    facts = await alpha.note(aggregate, *"ab")
    async with transaction(beta.engine) as conn:
        mark = {"source": SOURCE, "aggregate": aggregate, "event": facts[0].event_id}
        await conn.execute(text("INSERT INTO watermark VALUES (:source, :aggregate, 1, :event)"), mark)
    async with consuming(consumer):
        await alpha.send(*facts)
        await eventually(lambda: _lines_are(beta, {aggregate: [2]}))

    assert await consumer.epoch_of(SOURCE) is None


async def test_services_that_start_together_warn_of_nothing(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    aggregates = [uuid4() for _ in range(3)]
    alpha.line.cut = True
    with capture_logs() as said:
        async with consuming(consumer, auditor):
            await alpha.send(*[fact for each in aggregates for fact in await alpha.note(each, "a")])
            await eventually(lambda: len(consumer.left) == 3)
            alpha.line.cut = False
            await eventually(lambda: _lines_are(beta, {each: [1] for each in aggregates}))

    assert [each["event"] for each in said if each["log_level"] == "warning"] == []


async def test_a_first_comparison_is_no_warning(alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor) -> None:
    aggregate = uuid4()
    facts = await alpha.note(aggregate, "a")
    async with transaction(beta.engine) as conn:
        mark = {"source": SOURCE, "aggregate": aggregate, "event": facts[0].event_id}
        await conn.execute(text("INSERT INTO watermark VALUES (:source, :aggregate, 1, :event)"), mark)

    with capture_logs() as said:
        await auditor.look()

    assert await consumer.epoch_of(SOURCE) == await alpha.epoch()
    assert [each["event"] for each in said if each["log_level"] == "warning"] == []


async def test_a_new_life_of_a_log_that_was_believed_is_a_warning(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    facts = await alpha.note(uuid4(), "a")
    async with transaction(beta.engine) as conn:
        mark = {"source": SOURCE, "aggregate": facts[0].aggregate_id, "event": facts[0].event_id}
        await conn.execute(text("INSERT INTO watermark VALUES (:source, :aggregate, 1, :event)"), mark)
        await conn.execute(text("INSERT INTO producer_epoch VALUES (:source, 'a life before')"), {"source": SOURCE})

    with capture_logs() as said:
        await auditor.look()

    warnings = [each["event"] for each in said if each["log_level"] == "warning"]
    assert warnings == ["a producer's log began a new epoch: comparing"]


async def test_a_producer_that_does_not_answer_keeps_nobody_from_meeting_another(
    alpha: Alpha, beta: Beta, consumer: Consumer
) -> None:
    class Lines(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return await (hung if request.url.host == "a-first" else alpha.line).handle_async_request(request)

    hung = Line(alpha.app)
    hung.held_at = "/heads"
    hung.open.clear()
    back_fill = BackFill(
        topics=[alpha.topic, replace(topic_named("t.other"), producer="a-first")],
        urls={"alpha": "http://alpha", "a-first": "http://a-first"},
        auth=ServiceTokens(SECRET, service="beta"),
        transport=Lines(),
    )
    async with consuming(Auditor(consumer=consumer, back_fill=back_fill, engine=beta.engine)):
        await eventually(lambda: hung.requests)

        await eventually(lambda: _has_met(consumer))

        assert await consumer.epoch_of(source_of("a-first")) is None


async def _has_met(consumer: Consumer) -> bool:
    return await consumer.epoch_of(SOURCE) is not None


async def _lines_are(beta: Beta, expected: dict[UUID, list[int]]) -> bool:
    return {aggregate: await beta.lines(aggregate) for aggregate in expected} == expected
