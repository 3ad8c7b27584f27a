"""推演 over HTTP and in a process of its own, on what the journal and the log have."""

from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.assessment import policies
from services.assessment.domain.moments import CHINA
from services.assessment.policies.document import DEFAULT
from services.assessment.rehearsing import BUSY, carry_out
from shared.contracts.event import Event
from shared.contracts.supervision import CaseOpened
from shared.kit.consuming.consumer import Fact
from shared.kit.database import advisory_key, fetch, transaction
from shared.kit.web.security import Role
from shared.kit.working_days import published
from tests.integration.assessment.conftest import Headers
from tests.integration.assessment.test_world import Live
from tests.support.clock import MovableClock
from tests.support.district import District
from tests.support.supervised import Supervised, programme

As = Callable[..., Headers]
POLICY = policies.read_file(None)
ASKED: dict[str, Any] = {"from_day": "2026-02-02", "to_day": "2026-03-31", "policy": POLICY}
_JOURNAL = """
INSERT INTO journal (event_id, topic, source, aggregate_id, seq, type, at, consumed_at, data)
VALUES (:event_id, :topic, :source, :aggregate_id, :seq, :type, :at, :consumed_at, CAST(:data AS jsonb))
"""


class Journalled(Supervised):
    """As the consumer does it: what is taken stands in the journal."""

    async def tell(self, *told: tuple[UUID, Event], at: datetime | None = None) -> None:
        for aggregate, event in told:
            await self._note(self.fact(aggregate, event, at=at))
        await super().tell(*told, at=at)

    async def _note(self, fact: Fact) -> None:
        row = {name: getattr(fact, name) for name in ("event_id", "topic", "source", "aggregate_id", "seq", "at")}
        data = orjson.dumps(fact.event.model_dump(mode="json")).decode()
        async with transaction(self.engine) as conn:
            noted = {**row, "type": fact.event.type, "consumed_at": self.clock.now(), "data": data}
            await conn.execute(text(_JOURNAL), noted)


@pytest_asyncio.fixture
async def lived(engine: AsyncEngine, clock: MovableClock) -> Journalled:
    """A service that has lived through a quarter of a small district."""
    service = Journalled(engine, clock)
    clock.move(datetime(2026, 1, 5, 8, tzinfo=CHINA))
    happened, _ = District(seed=4, chains=2, projects=20, days=80).year()
    live = Live(service)
    for happening in happened:
        await live.take(happening)
    await live.pass_time(datetime(2026, 4, 1, tzinfo=CHINA))
    return service


async def tried(lived: Supervised, http: httpx.AsyncClient, as_: As, **changes: Any) -> dict[str, Any]:
    asked = await http.post("/v1/rehearsals", json={**ASKED, **changes}, headers=as_(Role.SUPERVISOR))
    assert asked.status_code == 202, asked.text
    assert asked.json()["state_name"] == "等待推演"
    await carry_out(UUID(asked.json()["id"]), database_url=url_of(lived.engine), policy=POLICY)
    shown = await http.get(asked.headers["location"], headers=as_(Role.SUPERVISOR))
    body: dict[str, Any] = shown.json()
    assert (body["state"], body["error"]) == ("done", None), shown.text
    assert body["facts_done"] == body["facts"] > 100
    result: dict[str, Any] = body["result"]
    return result


def url_of(engine: AsyncEngine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


async def test_the_policy_in_force_gives_no_difference(lived: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    result = await tried(lived, http, as_)
    assert (result["is_nothing"], result["summary"]) == (True, "没有差别")
    opened = [fact for fact in await lived.log() if fact.type == CaseOpened.type]
    assert result["was"] == result["would"]
    assert 0 < result["was"]["cases"] <= len(opened)


async def test_another_ladder_says_who_would_have_heard_what_and_when(
    lived: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    policy = deepcopy(POLICY)
    policy["rungs"][0]["to"] = ["task_force"]
    policy["rungs"][1]["after_days"] = 8
    result = await tried(lived, http, as_, policy=policy)
    assert result["told"]["totals"]["otherwise"] == len(result["told"]["otherwise"]) > 0
    first = next(one for one in result["told"]["otherwise"] if one["what"] == "催办（第1级）")
    assert first["to"] != first["was"]["to"]
    letter = next(one for one in result["told"]["otherwise"] if one["what"] == "督办函（第2级）" and "on" in one["was"])
    assert letter["on"] > letter["was"]["on"]
    assert not result["lights"]["total"]


async def test_a_calendar_is_tried(lived: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    known = published().table(2026)
    assert known is not None
    notice = {
        "year": 2026,
        "holidays": [day.isoformat() for day in sorted(known.holidays | {date(2026, 3, 9), date(2026, 3, 10)})],
        "make_up_days": [day.isoformat() for day in sorted(known.make_up_days)],
    }
    result = await tried(lived, http, as_, policy=None, calendar=notice)
    by_itself = [one for one in result["told"]["otherwise"] if one["what"] == "到期前提醒" or "级）" in one["what"]]
    assert by_itself
    assert not [one for one in by_itself if one["on"] in ("2026-03-09", "2026-03-10")]


async def test_what_cannot_be_tried_is_refused_with_the_place(http: httpx.AsyncClient, as_: As) -> None:
    bad = deepcopy(POLICY)
    bad["rungs"][1]["after_days"] = 1
    for changes in ({"policy": bad}, {"policy": None}, {"to_day": "2026-01-01"}, {"to_day": "2040-01-01"}):
        answer = await http.post("/v1/rehearsals", json={**ASKED, **changes}, headers=as_(Role.SUPERVISOR))
        assert answer.status_code == 422, answer.text
    answer = await http.post("/v1/rehearsals", json={**ASKED, "policy": bad}, headers=as_(Role.SUPERVISOR))
    assert answer.json()["place"] == "rungs[2].after_days"


async def test_a_file_is_tried_as_it_stands_and_refused_with_its_line(http: httpx.AsyncClient, as_: As) -> None:
    text = DEFAULT.read_text(encoding="utf-8")
    asked = await http.post("/v1/rehearsals", json={**ASKED, "policy": text}, headers=as_(Role.SUPERVISOR))
    assert asked.status_code == 202, asked.text
    bad = text.replace("days_before: 3", "days_before: 三")
    refused = await http.post("/v1/rehearsals", json={**ASKED, "policy": bad}, headers=as_(Role.SUPERVISOR))
    line = text[: text.index("days_before: 3")].count("\n") + 1
    assert (refused.status_code, [fault["line"] for fault in refused.json()["faults"]]) == (422, [line])


async def test_one_is_carried_out_at_a_time(supervised: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    await supervised.tell(*programme())
    asked = (await http.post("/v1/rehearsals", json=ASKED, headers=as_(Role.SUPERVISOR))).json()
    async with supervised.engine.connect() as other:
        await fetch(other, "SELECT pg_advisory_xact_lock($1)", advisory_key("assessment", "rehearsal"))
        code = await carry_out(UUID(asked["id"]), database_url=url_of(supervised.engine), policy=POLICY)
        assert code == BUSY
    shown = (await http.get(f"/v1/rehearsals/{asked['id']}", headers=as_(Role.SUPERVISOR))).json()
    assert shown["state"] == "waiting"
    assert await carry_out(UUID(asked["id"]), database_url=url_of(supervised.engine), policy=POLICY) == 0
    shown = (await http.get(f"/v1/rehearsals/{asked['id']}", headers=as_(Role.SUPERVISOR))).json()
    assert shown["state"] == "done"


async def test_what_is_no_longer_wanted_is_not_carried_out(
    supervised: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    await supervised.tell(*programme())
    asked = (await http.post("/v1/rehearsals", json=ASKED, headers=as_(Role.SUPERVISOR))).json()
    address = f"/v1/rehearsals/{asked['id']}"
    cancelled = await http.post(f"{address}:cancel", headers=as_(Role.SUPERVISOR))
    assert (cancelled.status_code, cancelled.json()["state_name"]) == (200, "已取消")
    await carry_out(UUID(asked["id"]), database_url=url_of(supervised.engine), policy=POLICY)
    assert (await http.get(address, headers=as_(Role.SUPERVISOR))).json()["state"] == "cancelled"
    again = await http.post(f"{address}:cancel", headers=as_(Role.SUPERVISOR))
    assert again.status_code == 409
    listed = (await http.get("/v1/rehearsals", headers=as_(Role.SUPERVISOR))).json()["items"]
    assert [one["id"] for one in listed] == [asked["id"]]
