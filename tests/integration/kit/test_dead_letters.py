"""What was put aside: shown to people as it came, and tried again in order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.kit.consuming.arrivals import Arrival, Place
from shared.kit.consuming.consumer import Consumer
from shared.kit.consuming.dead_letters import AlreadyRedriven, DeadLetters, Redriven, router_of
from shared.kit.consuming.effects import lock_marks
from shared.kit.database import transaction
from shared.kit.log.eventlog import LoggedFact, history
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import ServiceSettings
from shared.kit.timers import Timer, Timers, set_timers
from shared.kit.web.http import create_app
from shared.kit.web.security import Authenticator, Role, make_token
from tests.support.clock import START, MovableClock
from tests.support.streams import SECRET, SOURCE, Alpha, Beta, Ledger, forged
from tests.support.waiting import eventually

BY = "值班员 <u1>"


@pytest.fixture
def consumer(beta: Beta, ledger: Ledger) -> Consumer:
    """Not running: the tests hand it what would have arrived."""
    return beta.consumer(ledger)


@pytest.fixture
def letters(beta: Beta, consumer: Consumer) -> DeadLetters:
    return DeadLetters(engine=beta.engine, clock=beta.clock, consumer=consumer)


def arrived(consumer: Consumer, facts: Sequence[LoggedFact]) -> list[Arrival]:
    return [
        consumer.reader.read(
            fact.topic, str(fact.aggregate_id).encode(), fact.envelope(SOURCE).headers(), fact.data.encode()
        )
        for fact in facts
    ]


async def park(alpha: Alpha, consumer: Consumer, aggregate: UUID) -> None:
    """1 done, 2 poison, 3 and 4 waiting."""
    await consumer.taker.take(arrived(consumer, await alpha.note(aggregate, "a", "poison", "c", "d")))


async def open_ids(letters: DeadLetters) -> list[int]:
    return [letter.id for letter in await letters.letters()]


async def test_a_stream_that_is_parked_while_a_batch_waits_for_its_watermark_is_seen_as_parked(
    alpha: Alpha, beta: Beta, consumer: Consumer
) -> None:
    aggregate = uuid4()
    await consumer.taker.take(arrived(consumer, await alpha.note(aggregate, "a")))
    following = arrived(consumer, await alpha.note(aggregate, "b"))

    async def waits() -> bool:
        return bool(await beta.rows("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"))

    async with transaction(beta.engine) as conn:
        await lock_marks([(SOURCE, aggregate)], conn=conn)
        taking = asyncio.create_task(consumer.taker.take(following))
        await eventually(waits)
        parked = "INSERT INTO parked_aggregate (source, aggregate_id, reason, detail, since)"
        values = {"source": SOURCE, "id": aggregate, "now": START}
        await conn.execute(text(f"{parked} VALUES (:source, :id, 'poison', '', :now)"), values)
    await taking

    assert await beta.lines(aggregate) == [1]
    assert await beta.mark(aggregate) == 2
    assert await beta.rows("SELECT kind, seq FROM set_aside") == [("waiting", 2)]


async def test_a_parked_run_is_replayed_in_order_once_the_cause_is_mended(
    alpha: Alpha, beta: Beta, consumer: Consumer, ledger: Ledger, letters: DeadLetters
) -> None:
    sick, other = uuid4(), uuid4()
    await park(alpha, consumer, sick)
    await park(alpha, consumer, other)
    ledger.broken.clear()

    assert await letters.redrive(1, by=BY) == Redriven(id=1, outcome="done", done=3)

    assert await beta.lines(sick) == await beta.journaled(sick) == [1, 2, 3, 4]
    assert await beta.parked() == [(other, "poison")]
    assert await open_ids(letters) == [4, 5, 6]
    assert await beta.rows("SELECT DISTINCT redriven_by FROM set_aside WHERE redriven_at IS NOT NULL") == [(BY,)]
    await consumer.taker.take(arrived(consumer, await alpha.note(sick, "e")))
    assert await beta.lines(sick) == [1, 2, 3, 4, 5]


async def test_a_run_that_fails_again_stays_parked_with_the_new_error(
    alpha: Alpha, beta: Beta, consumer: Consumer, ledger: Ledger, letters: DeadLetters
) -> None:
    sick = uuid4()
    await park(alpha, consumer, sick)
    ledger.broken = {"d"}

    outcome = await letters.redrive(2, by=BY)

    assert outcome == Redriven(id=1, outcome="failed", error="cannot do [4]")
    assert await beta.lines(sick) == await beta.journaled(sick) == [1]
    assert await beta.parked() == [(sick, "poison")]
    assert (await letters.letter(1)).error == "cannot do [4]"
    ledger.broken.clear()
    assert (await letters.redrive(1, by=BY)).outcome == "done"
    assert await beta.lines(sick) == [1, 2, 3, 4]
    with pytest.raises(AlreadyRedriven):
        await letters.redrive(1, by=BY)


async def test_redriving_all_takes_each_run_once_and_stops_for_nobody(
    alpha: Alpha, beta: Beta, consumer: Consumer, ledger: Ledger, letters: DeadLetters
) -> None:
    aggregates = [uuid4() for _ in range(3)]
    for each in aggregates:
        await park(alpha, consumer, each)
    await consumer.taker.take([consumer.reader.read(alpha.topic.name, None, [], b"garbage")])
    ledger.broken.clear()

    outcomes = await letters.redrive_all(by=BY)

    assert [(outcome.outcome, outcome.done) for outcome in outcomes] == [("done", 3)] * 3 + [("failed", 0)]
    assert await beta.parked() == []
    assert len(await open_ids(letters)) == 1


async def test_a_refused_record_is_judged_anew(
    alpha: Alpha, beta: Beta, consumer: Consumer, letters: DeadLetters
) -> None:
    aggregate = uuid4()
    [fact] = await alpha.note(aggregate, "a")
    invented = forged(fact, sequence=3)
    early = consumer.reader.read(fact.topic, invented.key(), invented.headers(), b'{"number": 3}')
    await consumer.taker.take(arrived(consumer, [fact]))
    await consumer.taker.take([early])

    assert await letters.redrive(1, by=BY) == Redriven(
        id=1, outcome="failed", error="the producer's log has no such event"
    )
    assert await beta.lines(aggregate) == [1]

    async with transaction(alpha.engine) as conn:  # as when the record had been refused by mistake
        await alpha.note(aggregate, "b", "c")
        await conn.execute(text("UPDATE event_log SET event_id = :id WHERE seq = 3"), {"id": invented.event_id})
    assert (await letters.redrive(1, by=BY)).outcome == "done"
    assert await beta.lines(aggregate) == [1, 2, 3]


async def test_a_timer_is_set_again_unless_a_newer_one_took_its_place(
    beta: Beta, clock: MovableClock, letters: DeadLetters
) -> None:
    first, second = uuid4(), uuid4()

    async def fails(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime) -> None:
        raise KeyError("no such rule")

    await _set(beta, Timer(first, "remind", START, rule_version="r1"), Timer(second, "remind", START))
    await Timers(engine=beta.engine, clock=clock, fire=fails).fire_due()
    await _set(beta, Timer(second, "remind", START, rule_version="newer"))
    assert [(letter.kind, letter.type) for letter in await letters.letters()] == [("timer", "remind")] * 2

    outcomes = await letters.redrive_all(by=BY)

    assert {outcome.outcome for outcome in outcomes} == {"done"}
    timers = await beta.rows("SELECT subject, rule_version FROM timer ORDER BY rule_version DESC")
    assert timers == [(first, "r1"), (second, "newer")]


async def _set(beta: Beta, *timers: Timer) -> None:
    async with transaction(beta.engine) as conn:
        await set_timers(timers, conn=conn)


@pytest_asyncio.fixture
async def client(beta: Beta, letters: DeadLetters) -> AsyncIterator[httpx.AsyncClient]:
    settings = ServiceSettings(env="test", database_url=SecretStr("postgresql://unused"), kafka_bootstrap="x", port=0)
    app = create_app(
        Service("beta", settings, []),
        Platform("beta", settings, beta.engine, beta.clock),
        routers=[router_of(letters)],
        authenticator=Authenticator(secrets=[SECRET]),
    )
    token = make_token(SECRET, subject="u1", name="值班员", roles=[Role.OPERATOR])
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://beta", headers={"authorization": f"Bearer {token}"}
    ) as client:
        yield client


async def test_operators_see_what_came_in_words(
    alpha: Alpha, consumer: Consumer, ledger: Ledger, client: httpx.AsyncClient
) -> None:
    sick = uuid4()
    await park(alpha, consumer, sick)
    garbage = consumer.reader.read(
        alpha.topic.name, b"\xff", [("ce_type", b"x"), ("odd", b"\xfe")], b"\x00\xff", Place(alpha.topic.name, 2, 77)
    )
    garbage.place = None  # nobody owns that partition here
    await consumer.taker.take([garbage])

    listed = (await client.get("/v1/dead-letters", params={"limit": 2})).json()
    rest = (await client.get("/v1/dead-letters", params={"after": listed["next_after"]})).json()
    shown = (await client.get("/v1/dead-letters/1")).json()
    odd = (await client.get(f"/v1/dead-letters/{rest['items'][-1]['id']}")).json()

    assert [item["kind"] for item in (*listed["items"], *rest["items"])] == ["record", "waiting", "waiting", "record"]
    assert (shown["type"], shown["seq"], shown["waiting"]) == ("cn.liandu.test.noted.v1", 2, 2)
    assert shown["error"] == "ValueError: cannot do [2]"
    assert shown["value"] == {"number": 2, "word": "poison"}
    assert ["ce_sequence", "2"] in shown["headers"]
    assert (odd["key"], odd["value"]) == ({"base64": "/w=="}, {"base64": "AP8="})
    assert odd["headers"] == [["ce_type", "x"], ["odd", {"base64": "/g=="}]]


async def test_operators_redrive_over_http(
    alpha: Alpha, beta: Beta, consumer: Consumer, ledger: Ledger, client: httpx.AsyncClient
) -> None:
    sick = uuid4()
    await park(alpha, consumer, sick)
    ledger.broken.clear()

    first = await client.post("/v1/dead-letters/1:redrive")
    again = await client.post("/v1/dead-letters/1:redrive")
    missing = await client.post("/v1/dead-letters/99:redrive")
    everything = await client.post("/v1/dead-letters:redrive")

    assert first.json() == {"id": 1, "outcome": "done", "done": 3, "error": None}
    assert (again.status_code, missing.status_code) == (409, 404)
    assert everything.json() == []
    assert await beta.rows("SELECT DISTINCT redriven_by FROM set_aside") == [(BY,)]


async def test_only_operators_may(client: httpx.AsyncClient) -> None:
    clerk = make_token(SECRET, subject="u2", name="科员", roles=[Role.CLERK])

    answer = await client.get("/v1/dead-letters", headers={"authorization": f"Bearer {clerk}"})

    assert answer.status_code == 403


async def garble(alpha: Alpha, aggregate: UUID, number: int) -> None:
    """As when the consumer's code is older than the producer's: it cannot read that event, wherever it stands."""
    statement = text(
        'UPDATE event_log SET data = data || \'{"number": "zwei"}\' WHERE aggregate_id = :id AND seq = :seq'
    )
    async with transaction(alpha.engine) as conn:
        await conn.execute(statement, {"id": aggregate, "seq": number})


async def mend(beta: Beta) -> None:
    async with transaction(beta.engine) as conn:
        await conn.execute(
            text("UPDATE set_aside SET value = replace(convert_from(value, 'UTF8'), '\"zwei\"', '2')::bytea")
        )


async def test_an_unreadable_record_that_comes_again_is_replayed_once(
    alpha: Alpha, beta: Beta, consumer: Consumer, letters: DeadLetters
) -> None:
    aggregate = uuid4()
    await alpha.note(aggregate, *"abcd")
    await garble(alpha, aggregate, 2)
    async with transaction(alpha.engine) as conn:
        facts = await history(aggregate, conn=conn)
    await consumer.taker.take(arrived(consumer, facts))
    await consumer.taker.take(arrived(consumer, facts))

    assert [(kind, seq) for kind, seq, _ in await beta.put_aside()] == [("record", 2), ("waiting", 3), ("waiting", 4)]
    await mend(beta)
    assert [each.outcome for each in await letters.redrive_all(by=BY)] == ["done"]
    assert await beta.lines(aggregate) == await beta.journaled(aggregate) == [1, 2, 3, 4]
    assert await beta.parked() == []


async def test_garbage_under_an_old_number_does_not_stand_before_a_later_run(
    alpha: Alpha, beta: Beta, consumer: Consumer, ledger: Ledger, letters: DeadLetters
) -> None:
    aggregate = uuid4()
    facts = await alpha.note(aggregate, *"abc")
    await consumer.taker.take(arrived(consumer, facts))
    [old] = arrived(consumer, facts[:1])
    await consumer.taker.take([consumer.reader.read(old.topic, old.key, old.headers, b"garbage")])
    await consumer.taker.take(arrived(consumer, await alpha.note(aggregate, "poison", "e")))
    ledger.broken.clear()

    assert [each.outcome for each in await letters.redrive_all(by=BY)] == ["done"]
    assert await beta.lines(aggregate) == [1, 2, 3, 4, 5]


async def test_a_number_put_aside_twice_is_replayed_once_and_both_are_closed(
    alpha: Alpha, beta: Beta, consumer: Consumer, ledger: Ledger, letters: DeadLetters
) -> None:
    aggregate = uuid4()
    await park(alpha, consumer, aggregate)
    await put_aside_again(beta, 3)
    ledger.broken.clear()

    assert [each.done for each in await letters.redrive_all(by=BY)] == [4]
    assert await beta.lines(aggregate) == [1, 2, 3, 4]
    assert await open_ids(letters) == []


async def test_a_letter_of_a_stream_that_is_not_parked_is_compared_and_not_applied_again(
    alpha: Alpha, beta: Beta, consumer: Consumer, ledger: Ledger, letters: DeadLetters
) -> None:
    aggregate = uuid4()
    await park(alpha, consumer, aggregate)
    ledger.broken.clear()
    await letters.redrive_all(by=BY)
    await put_aside_again(beta, 2)

    assert [each.outcome for each in await letters.redrive_all(by=BY)] == ["done"]
    assert await beta.lines(aggregate) == [1, 2, 3, 4]
    assert await open_ids(letters) == []


async def put_aside_again(beta: Beta, number: int) -> None:
    """The same record once more."""
    columns = "kind, topic, source, aggregate_id, seq, key, headers, value, error, at"
    async with transaction(beta.engine) as conn:
        copied = f"INSERT INTO set_aside ({columns}) SELECT {columns} FROM set_aside WHERE seq = {number}"
        await conn.execute(text(copied))
