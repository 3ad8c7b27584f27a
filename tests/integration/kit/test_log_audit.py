"""What auditors are told of a log, on real PostgreSQL and over HTTP."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts import cloudevents
from shared.kit.clock import SystemClock
from shared.kit.database import open_engine
from shared.kit.log import api as log_api
from shared.kit.log.audit import (
    BUCKETS,
    Head,
    HeadsCursor,
    LogReplaced,
    bucket_heads,
    bucket_watermarks,
    head_digests,
    heads_since,
    watermark_digests,
)
from shared.kit.log.cursor import LogCursor
from shared.kit.log.epoch import begin_epoch
from shared.kit.log.eventlog import history
from shared.kit.process.declaration import Platform, Service
from shared.kit.settings import ServiceSettings
from shared.kit.web.http import create_app
from shared.kit.web.security import Role, make_token
from tests.support.log import commit, on_topic, write
from tests.support.postgres import ScratchDatabase

Alpha, Beta = on_topic("liandu.alpha"), on_topic("liandu.beta")
SOURCE = cloudevents.source_of("log")
SECRET = "jwt secret for tests, long enough to be one"


@pytest_asyncio.fixture
async def engine(database: ScratchDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(await database.provision_kit("log"), application="test")
    yield engine
    await engine.dispose()


async def changed(
    engine: AsyncEngine, cursor: HeadsCursor | None, *, grace: float = 0, **kwargs: Any
) -> tuple[dict[UUID, int], HeadsCursor]:
    async with engine.connect() as conn:
        heads, following = await heads_since(conn, cursor, grace=grace, **kwargs)
        return {head.aggregate_id: head.seq for head in heads}, following


async def start(engine: AsyncEngine) -> HeadsCursor:
    return (await changed(engine, None))[1]


async def test_changed_heads_are_told_once_and_what_was_before_is_not(engine: AsyncEngine) -> None:
    before, first, second = uuid4(), uuid4(), uuid4()
    await commit(engine, [before], Alpha)
    cursor = await start(engine)

    await commit(engine, [first, second], Alpha, times=2)
    told, cursor = await changed(engine, cursor)
    assert told == {}, "looked at for the first time"
    await commit(engine, [first], Alpha)
    told, cursor = await changed(engine, cursor)
    assert told == {first: 2, second: 2}
    told, cursor = await changed(engine, cursor)
    assert told == {first: 3}
    told, cursor = await changed(engine, cursor)
    assert told == {}


async def test_facts_that_may_still_be_on_their_way_are_left_for_later(engine: AsyncEngine) -> None:
    aggregate = uuid4()
    cursor = await start(engine)
    await commit(engine, [aggregate], Alpha)
    _, looked = await changed(engine, cursor)

    told, still = await changed(engine, looked, grace=3600)
    assert (told, still) == ({}, looked)
    told, _ = await changed(engine, looked, grace=0)
    assert told == {aggregate: 1}


async def test_a_fact_that_commits_late_is_told_late(engine: AsyncEngine) -> None:
    late, early = uuid4(), uuid4()
    cursor = await start(engine)
    async with engine.begin() as held:
        await write(held, [late], Alpha)
        await commit(engine, [early], Alpha)
        _, cursor = await changed(engine, cursor)
        told, cursor = await changed(engine, cursor)
        assert told == {early: 1}
    _, cursor = await changed(engine, cursor)
    told, cursor = await changed(engine, cursor)
    assert told == {late: 1}


async def test_many_changes_come_in_pages_of_the_topics_asked_for(engine: AsyncEngine) -> None:
    alphas, betas = [uuid4() for _ in range(9)], [uuid4() for _ in range(4)]
    cursor = await start(engine)
    await commit(engine, alphas, Alpha)
    await commit(engine, betas, Beta)
    _, cursor = await changed(engine, cursor)

    told: dict[UUID, int] = {}
    for _ in range(3):
        page, cursor = await changed(engine, cursor, limit=5, topics=["liandu.alpha"])
        assert len(page) <= 5
        told |= page
    assert told == dict.fromkeys(alphas, 1)


async def test_a_cursor_of_a_later_life_of_the_log_is_refused(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        with pytest.raises(LogReplaced):
            await heads_since(conn, HeadsCursor(LogCursor("9000000000:9000000000:")))


async def test_a_cursor_of_an_epoch_that_has_ended_is_refused(engine: AsyncEngine) -> None:
    cursor = await start(engine)
    async with engine.begin() as conn:
        await begin_epoch(conn)

    with pytest.raises(LogReplaced):
        await changed(engine, cursor)


TAKE_ALL = text("""
INSERT INTO watermark (source, aggregate_id, seq, event_id)
SELECT :source, aggregate_id, seq, event_id FROM aggregate_head WHERE topic = :topic
""")


async def test_digests_of_both_sides_agree_exactly_when_the_consumer_has_everything(engine: AsyncEngine) -> None:
    alphas = [uuid4() for _ in range(300)]
    await commit(engine, alphas, Alpha, times=2)
    await commit(engine, [uuid4() for _ in range(50)], Beta)
    async with engine.begin() as conn:
        await conn.execute(TAKE_ALL, {"source": SOURCE, "topic": "liandu.alpha"})
        await conn.execute(TAKE_ALL, {"source": "/liandu/elsewhere", "topic": "liandu.beta"})
        heads = await head_digests(conn, topics=["liandu.alpha"])
        assert len(heads) == BUCKETS
        assert heads == await watermark_digests(conn, source=SOURCE)
        assert heads != await head_digests(conn)

        behind = text("UPDATE watermark SET seq = 1 WHERE aggregate_id = :id")
        await conn.execute(behind, {"id": alphas[0]})
        marks = await watermark_digests(conn, source=SOURCE)
        [bucket] = [number for number in range(BUCKETS) if heads[number] != marks[number]]

        theirs = await bucket_heads(conn, bucket, topics=["liandu.alpha"])
        ours = await bucket_watermarks(conn, [bucket], source=SOURCE)
        assert [head.aggregate_id for head in theirs if ours[head.aggregate_id] != (head.seq, head.event_id)] == [
            alphas[0]
        ]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE watermark SET event_id = gen_random_uuid() WHERE aggregate_id = :id",
        "DELETE FROM watermark WHERE aggregate_id = :id",
    ],
)
async def test_digests_see_another_event_and_a_missing_aggregate(engine: AsyncEngine, change: str) -> None:
    aggregates = [uuid4() for _ in range(20)]
    await commit(engine, aggregates, Alpha)
    async with engine.begin() as conn:
        await conn.execute(TAKE_ALL, {"source": SOURCE, "topic": "liandu.alpha"})
        await conn.execute(text(change), {"id": aggregates[7]})

        differing = zip(await head_digests(conn), await watermark_digests(conn, source=SOURCE), strict=True)
        assert sum(ours != theirs for ours, theirs in differing) == 1


async def test_a_bucket_is_found_by_its_index(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.execute(
            text("""INSERT INTO aggregate_head SELECT gen_random_uuid(), 't', 1, gen_random_uuid()
                      FROM generate_series(1, 5000)""")
        )
        await conn.execute(text("ANALYZE aggregate_head"))
        plan = "EXPLAIN SELECT * FROM aggregate_head WHERE (uuid_hash_extended(aggregate_id, 0) & 1023) = 7"
        assert "aggregate_head_bucket" in "".join((await conn.execute(text(plan))).scalars())
        assert all(isinstance(head, Head) for head in await bucket_heads(conn, 7))


@pytest_asyncio.fixture
async def client(engine: AsyncEngine, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    secret = tmp_path / "jwt"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    settings = ServiceSettings(
        env="test",
        database_url=SecretStr("postgresql://unused/unused"),
        kafka_bootstrap="unused:1",
        port=1,
        jwt_secret_file=secret,
    )
    platform = Platform("log", settings, engine, SystemClock())
    app = create_app(Service("log", settings, [log_api.router]), platform)
    token = make_token(SECRET, subject="consumer", name="consumer", roles=[Role.SERVICE])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://log",
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        yield client


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_over_http_the_cursor_is_handed_back_as_it_came(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    aggregate = uuid4()
    first = await get(client, "/v1/log/heads")
    assert first["heads"] == []
    await commit(engine, [aggregate], Alpha)

    looked = await get(client, "/v1/log/heads", after=first["next_after"])
    again = await get(client, "/v1/log/heads", after=looked["next_after"])

    assert looked["heads"] == again["heads"] == [], "younger than the grace"
    assert again["next_after"] == looked["next_after"] != first["next_after"]


async def test_over_http_buckets_lead_to_heads_and_heads_to_records(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    aggregate = uuid4()
    await commit(engine, [aggregate], Alpha, note="链长", times=3)
    async with engine.connect() as conn:
        facts = await history(aggregate, conn=conn)

    digests = (await get(client, "/v1/log/digests", topic="liandu.alpha"))["digests"]
    [bucket] = [number for number, digest in enumerate(digests) if digest]
    assert digests[bucket].startswith("1:")
    assert (await get(client, "/v1/log/digests", topic="liandu.beta"))["digests"] == [""] * BUCKETS
    [head] = (await get(client, "/v1/log/heads", bucket=bucket, topic=["liandu.alpha", "liandu.beta"]))["heads"]
    assert head == {
        "aggregate_id": str(aggregate), "topic": "liandu.alpha", "seq": 3, "event_id": str(facts[2].event_id),
    }  # fmt: skip

    records = (await get(client, f"/v1/log/aggregates/{aggregate}/events", after=1, limit=10))["records"]
    told = [
        cloudevents.read(record["key"].encode(), [(name, value.encode()) for name, value in record["headers"].items()])
        for record in records
    ]
    assert told == [fact.envelope(SOURCE) for fact in facts[1:]]
    assert [record["value"] for record in records] == [fact.data for fact in facts[1:]]
    assert json.loads(records[0]["value"]) == {"note": "链长"}
    assert (await get(client, f"/v1/log/aggregates/{uuid4()}/events"))["records"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/log/heads?after=nonsense", 400),
        ("/v1/log/heads?after=WyJ4Il0", 400),
        ("/v1/log/heads?bucket=1024", 422),
        ("/v1/log/aggregates/no-uuid/events", 422),
        ("/v1/log/aggregates/5b1c1a4e-9b7e-4b2e-8a53-0d6f3d8f0f5e/events?after=-1", 422),
    ],
)
async def test_over_http_nonsense_is_refused(client: httpx.AsyncClient, path: str, status: int) -> None:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("path", ["/v1/log/heads", "/v1/log/digests", f"/v1/log/aggregates/{UUID(int=1)}/events"])
async def test_over_http_the_log_is_for_services_and_operators(client: httpx.AsyncClient, path: str) -> None:
    token = make_token(SECRET, subject="someone", name="someone", roles=[Role.CLERK, Role.ENTERPRISE])

    assert (await client.get(path, headers={"Authorization": f"Bearer {token}"})).status_code == 403
    assert (await client.get(path, headers={"Authorization": ""})).status_code == 401
