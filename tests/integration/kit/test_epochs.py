"""A log that begins a new epoch is compared before it is believed; what contradicts it stops, until it is released."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text

from shared.kit.consuming import auditor as auditing
from shared.kit.consuming.auditor import Auditor
from shared.kit.consuming.consumer import Consumer
from shared.kit.consuming.streams import StoppedStreams, router_of
from shared.kit.database import transaction
from shared.kit.log import audit as log_audit
from shared.kit.log.epoch import begin_epoch
from shared.kit.log.eventlog import LoggedFact
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import ServiceSettings
from shared.kit.web.http import create_app
from shared.kit.web.security import Authenticator, Role, make_token
from tests.support.streams import SECRET, SOURCE, Alpha, Beta, Ledger, consuming
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "EVERY", 0.05)
    monkeypatch.setattr(auditing, "PATIENCE_AT_FIRST", 0.2)
    defaults: dict[str, object] = log_audit.heads_since.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "grace", 0.1)


@pytest.fixture
def consumer(beta: Beta, ledger: Ledger) -> Consumer:
    return beta.consumer(ledger)


@pytest.fixture
def auditor(beta: Beta, consumer: Consumer) -> Auditor:
    return Auditor(consumer=consumer, back_fill=beta.back_fill(), engine=beta.engine)


@pytest_asyncio.fixture
async def client(beta: Beta, consumer: Consumer) -> AsyncIterator[httpx.AsyncClient]:
    """An operator of beta."""
    streams = StoppedStreams(engine=beta.engine, consumer=consumer, logs=beta.back_fill())
    settings = ServiceSettings(
        env="test", database_url=SecretStr("postgresql://nobody@nowhere/x"), kafka_bootstrap="", port=0
    )
    app = create_app(
        Service("beta", settings, []), Platform("beta", settings, beta.engine, beta.clock),
        routers=[router_of(streams)], authenticator=Authenticator(secrets=[SECRET]),
    )  # fmt: skip
    token = make_token(SECRET, subject="u1", name="值班员", roles=[Role.OPERATOR])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://beta", headers={"Authorization": f"Bearer {token}"}
    ) as client:
        yield client


async def restore(alpha: Alpha, *kept: LoggedFact) -> None:
    """Alpha's database as a backup had it that held only these facts, in a new epoch."""
    async with transaction(alpha.engine) as conn:
        keep = {"ids": [fact.event_id for fact in kept]}
        await conn.execute(text("DELETE FROM event_log WHERE NOT event_id = ANY (CAST(:ids AS uuid[]))"), keep)
        await conn.execute(text("TRUNCATE aggregate_head"))
        await conn.execute(
            text("""INSERT INTO aggregate_head SELECT DISTINCT ON (aggregate_id) aggregate_id, topic, seq, event_id
                      FROM event_log ORDER BY aggregate_id, seq DESC""")
        )
        await begin_epoch(conn)


async def taken(beta: Beta, consumer: Consumer, facts: Sequence[LoggedFact]) -> None:
    """These are sent and were taken."""
    await beta.alpha.send(*facts)
    expected = {fact.aggregate_id: fact.seq for fact in facts}

    async def all_of_them() -> bool:
        return [await beta.mark(aggregate) for aggregate in expected] == list(expected.values())

    await eventually(all_of_them)


async def is_watching(alpha: Alpha, consumer: Consumer) -> bool:
    return await consumer.epoch_of(SOURCE) == await alpha.epoch()


async def test_what_a_topic_has_of_a_lost_life_is_left_out_and_the_number_goes_to_whoever_has_it_now(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    """Everything was restored from one backup; Kafka was not."""
    aggregate = uuid4()
    facts = await alpha.note(aggregate, *"abcd")
    await alpha.send(*facts)
    await restore(alpha, *facts[:2])
    async with transaction(beta.engine) as conn:
        await conn.execute(text("UPDATE producer_epoch SET epoch = ''"))
    async with consuming(consumer, auditor):
        await eventually(lambda: is_watching(alpha, consumer))
        await alpha.send(*await alpha.note(aggregate, "x"))

        await eventually(lambda: _lines_are(beta, aggregate, [1, 2, 3]))

    assert await beta.rows("SELECT data ->> 'word' FROM journal ORDER BY position") == [("a",), ("b",), ("x",)]
    assert await beta.parked() == await beta.put_aside() == []


async def test_a_producer_restored_to_the_past_is_noticed_though_nothing_comes_and_other_streams_go_on(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor
) -> None:
    beyond, level, gone = uuid4(), uuid4(), uuid4()
    first, second = await alpha.note(beyond, *"ab")
    kept, lost = await alpha.note(level, "a"), await alpha.note(gone, "a")
    async with consuming(consumer, auditor):
        await taken(beta, consumer, [first, second, *kept, *lost])
        await eventually(lambda: is_watching(alpha, consumer))

        await restore(alpha, first, *kept)

        await eventually(beta.parked)
        await eventually(lambda: is_watching(alpha, consumer))
        await alpha.send(*await alpha.note(level, "b"), *await alpha.note(beyond, "y"))
        await eventually(lambda: _lines_are(beta, level, [1, 2]))
        problems = (await consumer.state()).problems

    assert await beta.parked() == sorted([(beyond, "rewound"), (gone, "rewound")])
    assert await beta.lines(beyond) == [1, 2]
    assert problems == ("2 streams stopped: their producer's log contradicts what was taken",)


async def test_a_record_of_an_epoch_that_is_not_known_yet_is_taken_on_its_producers_word_alone(
    alpha: Alpha, beta: Beta, consumer: Consumer
) -> None:
    """The number that was taken is given again before the auditor looks."""
    sound, reused = uuid4(), uuid4()
    facts = [*await alpha.note(sound, "a"), *await alpha.note(reused, *"ab")]
    async with consuming(consumer):
        await taken(beta, consumer, facts)
        await restore(alpha, facts[0], facts[1])

        again = await alpha.note(reused, *"xy")
        await taken(beta, consumer, await alpha.note(sound, "b"))
        await alpha.send(again[1])
        await eventually(beta.parked)

    assert await beta.parked() == [(reused, "rewound")]
    assert await beta.lines(reused) == [1, 2]
    assert alpha.line.requests


async def stopped(alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor) -> tuple[UUID, UUID]:
    """A stream of which 1 and 2 were taken, and the log has 1, another 2, and 3; one that the log has lost whole."""
    parted, gone = uuid4(), uuid4()
    first, second = await alpha.note(parted, *"ab")
    await taken(beta, consumer, [first, second, *await alpha.note(gone, "a")])
    await restore(alpha, first)
    await alpha.note(parted, *"xy")
    await auditor.look()
    assert await beta.parked() == sorted([(parted, "rewound"), (gone, "rewound")])
    return parted, gone


async def test_an_operator_sees_where_both_sides_part_and_lets_the_stream_go_on_from_there(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor, client: httpx.AsyncClient
) -> None:
    async with consuming(consumer):
        parted, gone = await stopped(alpha, beta, consumer, auditor)

        listed = (await client.get("/v1/stopped-streams")).json()["items"]
        assert {(each["service"], each["aggregate_id"], each["taken"]) for each in listed} == {
            ("alpha", str(parted), 2), ("alpha", str(gone), 1),
        }  # fmt: skip
        shown = (await client.get(f"/v1/stopped-streams/alpha/{parted}")).json()
        assert shown["agreed"] == 1
        assert [each["data"]["word"] for each in shown["lost"]] == ["b"]
        assert [(each["seq"], each["data"]["word"]) for each in shown["instead"]] == [(2, "x"), (3, "y")]

        released = await client.post(f"/v1/stopped-streams/alpha/{parted}:release")
        assert released.json() == {"service": "alpha", "aggregate_id": str(parted), "agreed": 1}
        assert await beta.lines(parted) == [1, 2, 2, 3]
        await alpha.send(*await alpha.note(parted, "z"))
        await eventually(lambda: _lines_are(beta, parted, [1, 2, 2, 3, 4]))

        assert (await client.post("/v1/stopped-streams:release", params={"service": "alpha"})).json() == [
            {"service": "alpha", "aggregate_id": str(gone), "agreed": 0}
        ]
        consumer.audit_wanted.set()
        await auditor.look()

    assert await beta.parked() == []
    assert await beta.mark(gone) is None


async def test_nothing_is_released_that_is_not_stopped_or_whose_producer_does_not_answer(
    alpha: Alpha, beta: Beta, consumer: Consumer, auditor: Auditor, client: httpx.AsyncClient
) -> None:
    async with consuming(consumer):
        parted, gone = await stopped(alpha, beta, consumer, auditor)
        assert (await client.post(f"/v1/stopped-streams/alpha/{uuid4()}:release")).status_code == 404
        assert (await client.get(f"/v1/stopped-streams/gamma/{parted}")).status_code == 404
        alpha.line.cut = True
        for path in (f"/v1/stopped-streams/alpha/{parted}:release", "/v1/stopped-streams:release"):
            assert (await client.post(path)).status_code == 503
        async with transaction(beta.engine) as conn:
            await conn.execute(text("INSERT INTO parked_aggregate SELECT source, aggregate_id, 'poison', '', since"
                                    " FROM parked_aggregate WHERE aggregate_id = :id"), {"id": gone})  # fmt: skip
        assert (await client.post(f"/v1/stopped-streams/alpha/{gone}:release")).status_code == 409

    assert len(await beta.parked()) == 3


async def _lines_are(beta: Beta, aggregate: UUID, expected: list[int]) -> bool:
    return await beta.lines(aggregate) == expected
