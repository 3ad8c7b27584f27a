"""A fault that is no record's: waited for, or tried once more, and nobody is parked for it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.consuming.consumer import Consumer
from shared.kit.consuming.facts import Fact
from shared.kit.database import transaction
from tests.support.streams import SOURCE, Alpha, Beta, Ledger, consuming
from tests.support.waiting import eventually


async def test_a_missing_column_is_waited_for_and_parks_nothing(
    alpha: Alpha, beta: Beta, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = uuid4(), uuid4()
    write = Ledger.__call__

    async def newer(self: Ledger, facts: list[object], **given: object) -> None:
        await given["conn"].execute(text("SELECT mended FROM ledger"))  # type: ignore[attr-defined]
        await write(self, facts, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "__call__", newer)
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*await alpha.note(first, *"abc"), *await alpha.note(second, "a"))
        await eventually(lambda: _says(consumer, "EnvironmentFault"))
        assert (await beta.parked(), await beta.put_aside()) == ([], [])
        async with transaction(beta.engine) as conn:
            await conn.execute(text("ALTER TABLE ledger ADD COLUMN mended int"))
        await eventually(lambda: _has(beta, first, [1, 2, 3]))
        await eventually(lambda: _has(beta, second, [1]))

    assert (await beta.parked(), await beta.put_aside()) == ([], [])


async def _has(beta: Beta, aggregate: UUID, numbers: list[int]) -> bool:
    return await beta.lines(aggregate) == numbers


async def _says(consumer: Consumer, reason: str) -> bool:
    return any(reason in each for each in (await consumer.state()).unsettled)


async def test_an_arrival_that_fails_once_by_chance_is_not_parked(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    aggregate = uuid4()
    await alpha.note(aggregate, "poison")
    consumer = beta.consumer(ledger)

    async def only_once(facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime) -> None:
        try:
            await ledger(facts, conn=conn, now=now)
        finally:
            ledger.broken.clear()

    consumer.effects._handler = only_once
    await consumer.catch_up([(SOURCE, aggregate)])

    assert await beta.lines(aggregate) == [1]
    assert await beta.parked() == []
