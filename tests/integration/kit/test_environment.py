"""A database that somebody has to mend: no part of a process ends for it, each says what it waits for, none loses."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.kit.clock import SystemClock
from shared.kit.consuming import auditor as auditing
from shared.kit.consuming.auditor import Auditor
from shared.kit.consuming.dead_letters import DeadLetters, Redriven, router_of
from shared.kit.consuming.facts import Fact
from shared.kit.database import transaction
from shared.kit.log.relay import Relay
from shared.kit.patience import faults
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import ServiceSettings
from shared.kit.transient import EnvironmentFault
from shared.kit.web.http import create_app
from shared.kit.web.security import Authenticator, Role, make_token
from tests.support.streams import SECRET, Alpha, Beta, Ledger, consuming
from tests.support.waiting import eventually

BY = "值班员 <u1>"


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "EVERY", 0.05)
    monkeypatch.setattr(auditing, "PATIENCE_AT_FIRST", 0.2)


async def change(engine: AsyncEngine, statement: str) -> None:
    async with transaction(engine) as conn:
        await conn.execute(text(statement))


async def lines_are(beta: Beta, aggregate: UUID, count: int) -> bool:
    return await beta.lines(aggregate) == [*range(1, count + 1)]


def waits(part: str, words: str) -> bool:
    return words in faults().get(part, "")


async def test_the_relay_waits_for_its_cursors_table_and_goes_on(
    alpha: Alpha, beta: Beta, broker: str, ledger: Ledger
) -> None:
    aggregate = uuid4()
    relay = Relay(alpha.engine, broker, clock=SystemClock(), service="alpha")
    async with consuming(relay, beta.consumer(ledger)):
        await alpha.note(aggregate, "a")
        await eventually(lambda: lines_are(beta, aggregate, 1))

        await change(alpha.engine, "ALTER TABLE relay_cursor RENAME TO taken_away")
        await alpha.note(aggregate, "b")
        await eventually(lambda: waits("relay", '"relay_cursor" does not exist (SQLSTATE 42P01)'))
        await alpha.note(aggregate, "c")
        await change(alpha.engine, "ALTER TABLE taken_away RENAME TO relay_cursor")

        await eventually(lambda: lines_are(beta, aggregate, 3))
        await eventually(lambda: "relay" not in faults())


@pytest.mark.parametrize("table", ["consumer_partition", "watermark", "journal"])
async def test_the_consumer_waits_for_its_own_tables(
    alpha: Alpha, beta: Beta, broker: str, ledger: Ledger, table: str
) -> None:
    aggregate = uuid4()
    await change(beta.engine, f"ALTER TABLE {table} RENAME TO taken_away")
    consumer = beta.consumer(ledger)
    async with consuming(consumer):
        await alpha.send(*await alpha.note(aggregate, *"ab"))
        await eventually(lambda: waits("consumer", f'"{table}" does not exist'))

        await change(beta.engine, f"ALTER TABLE taken_away RENAME TO {table}")

        await eventually(lambda: lines_are(beta, aggregate, 2))
        await eventually(lambda: "consumer" not in faults())
    assert (await beta.parked(), await beta.put_aside()) == ([], [])


async def test_the_auditor_waits_for_the_watermarks(alpha: Alpha, beta: Beta, ledger: Ledger) -> None:
    aggregate = uuid4()
    auditor = Auditor(consumer=beta.consumer(ledger), back_fill=beta.back_fill(), engine=beta.engine)
    await alpha.note(aggregate, *"ab")
    await change(beta.engine, "ALTER TABLE watermark RENAME TO taken_away")
    async with consuming(auditor):
        await eventually(lambda: waits("auditor", '"watermark" does not exist'))

        await change(beta.engine, "ALTER TABLE taken_away RENAME TO watermark")

        await eventually(lambda: lines_are(beta, aggregate, 2))
        await eventually(lambda: "auditor" not in faults())


async def test_a_full_disk_is_waited_for_named_and_parks_nothing(
    alpha: Alpha, beta: Beta, broker: str, ledger: Ledger
) -> None:
    """As PostgreSQL reports it; tests/chaos fills a real one."""
    aggregate = uuid4()
    await change(
        beta.engine,
        """
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$""",
    )
    await change(
        beta.engine, "CREATE TRIGGER full_disk BEFORE INSERT ON journal FOR EACH STATEMENT EXECUTE FUNCTION full_disk()"
    )
    async with consuming(beta.consumer(ledger)):
        await alpha.send(*await alpha.note(aggregate, *"ab"))
        await eventually(lambda: waits("consumer", "No space left on device (SQLSTATE 53100)"))

        await change(beta.engine, "DROP TRIGGER full_disk ON journal")

        await eventually(lambda: lines_are(beta, aggregate, 2))
    assert (await beta.parked(), await beta.put_aside()) == ([], [])


class Outdated:
    """A handler that needs a column which a migration has yet to make."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def __call__(self, facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime) -> None:
        await conn.execute(text("SELECT mended FROM ledger"))
        await self._ledger(facts, conn=conn, now=now)


async def test_a_letter_is_left_as_it_is_when_the_database_is_at_fault(
    alpha: Alpha, beta: Beta, ledger: Ledger
) -> None:
    consumer, sick = beta.consumer(ledger), uuid4()
    facts = await alpha.note(sick, "poison", "b")
    await consumer.taker.take(
        [
            consumer.reader.read(
                fact.topic, str(sick).encode(), fact.envelope("/liandu/alpha").headers(), fact.data.encode()
            )
            for fact in facts
        ]
    )
    before = await beta.rows("SELECT * FROM set_aside ORDER BY id")
    ledger.broken.clear()
    consumer.effects._handler = Outdated(ledger)
    letters = DeadLetters(engine=beta.engine, clock=beta.clock, consumer=consumer)

    with pytest.raises(EnvironmentFault, match="mended"):
        await letters.redrive(1, by=BY)
    [outcome] = await letters.redrive_all(by=BY)
    answer = await redrive_over_http(beta, letters)

    assert (outcome.outcome, "SQLSTATE 42703" in str(outcome.error)) == ("failed", True)
    assert (answer.status_code, answer.json()["title"]) == (503, "Database fault")
    assert "SQLSTATE 42703" in answer.json()["reason"]
    assert await beta.rows("SELECT * FROM set_aside ORDER BY id") == before
    await change(beta.engine, "ALTER TABLE ledger ADD COLUMN mended int")
    assert await letters.redrive(1, by=BY) == Redriven(id=1, outcome="done", done=2)
    assert await lines_are(beta, sick, 2)


async def redrive_over_http(beta: Beta, letters: DeadLetters) -> httpx.Response:
    settings = ServiceSettings(
        env="test", database_url="postgresql://unused", kafka_bootstrap="unused:1", port=0
    )  # fmt: skip
    app = create_app(
        Service("beta", settings, []),
        Platform("beta", settings, beta.engine, beta.clock),
        routers=[router_of(letters)],
        authenticator=Authenticator(secrets=[SECRET]),
    )
    token = make_token(SECRET, subject="u1", roles=[Role.OPERATOR])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://beta") as client:
        return await client.post("/v1/dead-letters/1:redrive", headers={"authorization": f"Bearer {token}"})


async def test_what_is_no_fault_of_the_database_still_ends_the_relay(alpha: Alpha, broker: str) -> None:
    relay = Relay(alpha.engine, broker, clock=SystemClock(), service="alpha")
    await change(alpha.engine, "ALTER TABLE relay_cursor ADD CHECK (name <> 'kafka')")

    with pytest.raises(DBAPIError, match="violates check constraint"):
        await relay.run()
