"""The consumer on real PostgreSQL and the embedded broker: once, in order, whatever arrives."""

from uuid import uuid4

from shared.kit.consumer import Consumer
from tests.support.streams import Alpha, Beta, Ledger, consuming
from tests.support.waiting import eventually


async def test_facts_have_their_effects_once_and_in_order(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    first, second = uuid4(), uuid4()
    facts = [*await alpha.note(first, *"abc"), *await alpha.note(second, *"de")]
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*facts)
        await eventually(lambda: _settled(consumer, 5))

    assert await beta.lines(first) == [1, 2, 3]
    assert await beta.lines(second) == [1, 2]
    assert await beta.journaled(first) == [1, 2, 3]
    assert alpha.line.requests == []


async def _settled(consumer: Consumer, journal: int) -> bool:
    state = await consumer.state()
    return not state.unsettled and state.journal == journal
