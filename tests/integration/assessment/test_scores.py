"""Scores over HTTP, counted from the journal: as they stand, published, corrected."""

from collections.abc import AsyncIterator, Callable
from datetime import date, datetime
from itertools import count
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.event import Event
from shared.contracts.ids import score_id
from shared.contracts.project_records import AnnualPlan, ProjectProfiled, ProjectReported
from shared.contracts.projects import ProjectSigned, ProjectStarted, Stage
from shared.contracts.registers import EntryRecorded
from shared.contracts.scores import ScoreCorrected, ScorePublished
from shared.contracts.topics import EVENT_TYPES
from shared.kit.clock import CHINA
from shared.kit.database import transaction
from shared.kit.web.security import Role
from tests.support.supervised import CHAIN, UNIT, Supervised, met, named, planned, programme, recorded

As = Callable[..., dict[str, str]]
Told = tuple[Any, Event]

_JOURNAL = text("""
INSERT INTO journal (event_id, topic, source, aggregate_id, seq, type, at, consumed_at, data)
VALUES (:event_id, :topic, '/liandu/intake', :aggregate_id, :seq, :type, :at, :at, CAST(:data AS jsonb))
""")
_LOGGED = text("SELECT type, CAST(data AS text) AS data FROM event_log WHERE type LIKE '%.score.%' ORDER BY position")
_seqs = count(1)


class Heard:
    """Facts as the consumer takes them: journalled, then handed over."""

    def __init__(self, supervised: Supervised) -> None:
        self._supervised = supervised

    async def tell(self, *told: Told, on: date) -> None:
        at = datetime(on.year, on.month, on.day, 10, tzinfo=CHINA)
        self._supervised.clock.move(max(at, self._supervised.clock.now()))
        async with transaction(self._supervised.engine) as conn:
            for aggregate_id, event in told:
                seq = next(_seqs)
                row = {"event_id": named(f"event {seq}"), "topic": event.topic, "type": event.type, "seq": seq}
                data = event.model_dump_json()
                await conn.execute(_JOURNAL, {**row, "aggregate_id": aggregate_id, "at": at, "data": data})
        await self._supervised.tell(*told, at=at)


@pytest_asyncio.fixture
async def heard(supervised: Supervised) -> AsyncIterator[Heard]:
    heard = Heard(supervised)
    await heard.tell(*programme(), on=date(2026, 1, 5))
    yield heard


def signed(project: str, on: date, amount: int) -> Told:
    return named(project), ProjectSigned(project_id=named(project), on=on, amount_wan=amount)


def targets(signed_count: int, signed_amount: int) -> Told:
    entry = EntryRecorded(
        entry_id=named("targets"),
        register_key="investment_targets",
        year=2026,
        chain_id=CHAIN,
        fields={"signed_count": signed_count, "signed_amount": signed_amount},
        by="clerk-1",
    )
    return named("targets"), entry


def reported(project: str, completed: int) -> Told:
    event = ProjectReported(
        project_id=named(project),
        month=date(2026, 3, 1),
        completed_in_month_wan=completed,
        completed_to_date_wan=completed,
        funds_in_place_wan=0,
        visual_progress="",
    )
    return named(project), event


def plan_of(project: str, amount: int) -> Told:
    plans = (AnnualPlan(year=2026, amount_wan=amount),)
    return named(project), ProjectProfiled(project_id=named(project), annual_plans=plans)


async def a_quarter(heard: Heard) -> None:
    """Signings 2 of 2 and 4亿 of 4亿 a quarter; one start, due and reached in time; investment 0.5亿 of 4亿 × 25 %."""
    await heard.tell(
        targets(8, 160_000),
        recorded("a", stage=Stage.NEGOTIATING),
        recorded("b", stage=Stage.NEGOTIATING),
        planned("a", "start", date(2026, 3, 20), Stage.STARTED),
        on=date(2026, 1, 6),
    )
    await heard.tell(
        signed("a", date(2026, 2, 2), 20_000),
        signed("b", date(2026, 2, 3), 20_000),
        plan_of("a", 40_000),
        (named("a"), ProjectStarted(project_id=named("a"), on=date(2026, 3, 10))),
        met("a", "start", date(2026, 3, 10)),
        on=date(2026, 3, 10),
    )
    await heard.tell(reported("a", 5_000), on=date(2026, 3, 23))


async def league(http: httpx.AsyncClient, as_: As, period: str = "2026-Q1") -> Any:
    answered = await http.get(f"/v1/scores/{period}", headers=as_(Role.CHIEF))
    assert answered.status_code == 200, answered.text
    return answered.json()


async def test_a_chains_score_opens_down_to_the_records_behind_it(
    heard: Heard, http: httpx.AsyncClient, as_: As
) -> None:
    await a_quarter(heard)
    [standing] = (await league(http, as_))["standings"]
    points = {one["key"]: one["points"] for one in standing["indicators"]}
    # No production was due, so that 85 points stand for 100.
    assert points == {
        "signings": "23.529412",
        "starts": "29.411765",
        "investment": "14.705882",
        "production": "0",
        "supervision": "17.647059",
    }
    assert (standing["rank"], standing["total"]) == (1, "85.29")
    answered = await http.get("/v1/scores/2026-Q1/DISPLAY", headers=as_(Role.CLERK))
    opened = answered.json()["now"]
    assert [one["name"] for one in opened["evidence"]["signings"]] == ["A 项目a", "B 项目b"]
    assert opened["evidence"]["investment_completed"] == [
        {
            "kind": "report",
            "id": f"{named('a')}/2026-03",
            "name": "A 项目a（3月月报）",
            "day": "2026-03-31",
            "amount": "5000",
        }
    ]
    count_part = opened["score"]["indicators"][0]["parts"][0]
    assert [(one["role"], one["raw"], one["value"]) for one in count_part["inputs"]] == [
        ("actual", "2", "2"),
        ("target", "8", "2"),
    ]


async def test_a_published_quarter_stays_and_a_late_fact_leads_to_a_numbered_correction(
    heard: Heard, http: httpx.AsyncClient, as_: As, engine: AsyncEngine
) -> None:
    await a_quarter(heard)
    by = as_(Role.SUPERVISOR)
    early = await http.post("/v1/scores/2026-Q1:publish", headers=by)
    assert (early.status_code, early.json()["detail"][:8]) == (409, "2026年第一季")
    await heard.tell(recorded("c", stage=Stage.LEAD), on=date(2026, 4, 2))
    assert (await league(http, as_))["state"] == "closed"
    not_yet = await http.post("/v1/scores/2026-Q1:correct", json={"reason": "迟到"}, headers=by)
    assert "尚未公布" in not_yet.json()["detail"]
    published = await http.post("/v1/scores/2026-Q1:publish", headers=by)
    assert (published.status_code, published.headers["etag"]) == (200, '"1"')
    assert (published.json()["state"], published.json()["standings"][0]["differs"]) == ("published", False)
    again = await http.post("/v1/scores/2026-Q1:publish", headers=by)
    assert (again.status_code, "更正" in again.json()["detail"]) == (409, True)
    nothing = await http.post("/v1/scores/2026-Q1:correct", json={"reason": "看看"}, headers=by)
    assert "没有需要更正的" in nothing.json()["detail"]

    await heard.tell(signed("c", date(2026, 3, 30), 300_000), on=date(2026, 4, 9))
    [standing] = (await league(http, as_))["standings"]
    assert (standing["total"], standing["stated"], standing["differs"]) == (
        "88.29",
        {"number": 0, "rank": 1, "total": "85.29"},
        True,
    )
    stale = await http.post("/v1/scores/2026-Q1:correct", json={"reason": "x"}, headers={**by, "if-match": '"2"'})
    assert stale.status_code == 412
    corrected = await http.post("/v1/scores/2026-Q1:correct", json={"reason": "补报3月签约"}, headers=by)
    assert [(one["number"], one["name"], one["reason"]) for one in corrected.json()["issues"]] == [
        (0, "公布", ""),
        (1, "第1号更正", "补报3月签约"),
    ]
    shown = (await http.get(f"/v1/scores/2026-Q1/{CHAIN}", headers=by)).json()
    assert [(one["number"], one["opened"]["score"]["total"]) for one in shown["stated"]] == [(0, "85.29"), (1, "88.29")]
    assert shown["differs"] is False

    async with transaction(engine) as conn:
        told = [EVENT_TYPES[row.type].model_validate_json(row.data) for row in await conn.execute(_LOGGED)]
    first, second = told
    assert isinstance(first, ScorePublished)
    assert isinstance(second, ScoreCorrected)
    assert first.score_id == second.score_id == score_id("2026-Q1", CHAIN)
    assert (first.score.total, second.before_total, second.score.total, second.number) == ("85.29", "85.29", "88.29", 1)


async def test_without_targets_signings_are_not_applicable_and_say_so(
    heard: Heard, http: httpx.AsyncClient, as_: As
) -> None:
    await heard.tell(recorded("a", stage=Stage.NEGOTIATING), on=date(2026, 2, 2))
    await heard.tell(signed("a", date(2026, 2, 2), 20_000), on=date(2026, 2, 3))
    [standing] = (await league(http, as_))["standings"]
    assert (standing["rank"], standing["total"]) == (None, None)
    assert standing["indicators"][0]["why_not"] == "《年度招商项目计划清单》中没有该链2026年的目标"


async def test_units_are_compared_by_the_same_rules(heard: Heard, http: httpx.AsyncClient, as_: As) -> None:
    await a_quarter(heard)
    league_of_units = (await http.get("/v1/unit-scores/2026-Q1", headers=as_(Role.CHIEF))).json()
    [unit] = league_of_units["standings"]
    # Without targets signings are not applicable, and no production was due: 52.5 of 65.
    assert (unit["unit_name"], unit["rank"], unit["total"]) == ("区工业和信息化局", 1, "80.77")
    opened = (await http.get(f"/v1/unit-scores/2026-Q1/{UNIT}", headers=as_(Role.CHIEF))).json()
    assert [one["name"] for one in opened["evidence"]["starts_reached"]] == ["A 项目a"]
    assert (await http.get(f"/v1/unit-scores/2026-Q1/{CHAIN}", headers=as_(Role.CHIEF))).status_code == 404


async def test_other_rules_are_tried_and_nothing_is_kept(heard: Heard, http: httpx.AsyncClient, as_: As) -> None:
    await a_quarter(heard)
    rules = (await http.get("/v1/scoring", headers=as_(Role.CLERK))).json()
    assert rules["version"] == "scoring-2026.1"
    other = rules["document"].replace("scoring-2026.1", "scoring-2027.1").replace("aim: 80%", "aim: 100%")
    other = other.replace("weight: 15\n    cap: 15", "weight: 30\n    cap: none", 1)
    tried = await http.post("/v1/scores/2026-Q1:try", json={"document": other}, headers=as_(Role.SUPERVISOR))
    assert tried.status_code == 200, tried.text
    [standing] = tried.json()["standings"]
    # 72.5 of the 85 that are applicable; 100 points are spread over them now, 115 by the rules tried.
    assert (standing["total"], standing["tried_total"]) == ("85.29", "98.09")
    assert tried.json()["tried_version"] == "scoring-2027.1"
    assert (await league(http, as_))["table_version"] == "scoring-2026.1"
    wrong = other.replace("count: starts_due", "count: remarks")
    refused = await http.post("/v1/scores/2026-Q1:try", json={"document": wrong}, headers=as_(Role.SUPERVISOR))
    assert (refused.status_code, refused.json()["place"]) == (422, "indicators[2].ratio.target.count")


@pytest.mark.parametrize(
    ("path", "status"),
    [("2026-Q5", 422), ("2026-Q3", 422), ("2025-Q4", 422), ("2026-Q1/NOBODY", 404)],
)
async def test_what_has_no_score_is_refused(
    path: str, status: int, heard: Heard, http: httpx.AsyncClient, as_: As
) -> None:
    answered = await http.get(f"/v1/scores/{path}", headers=as_(Role.CHIEF))
    assert answered.status_code == status, answered.text


async def test_only_supervisors_publish(heard: Heard, http: httpx.AsyncClient, as_: As) -> None:
    for role in (Role.CLERK, Role.REVIEWER, Role.CHIEF, Role.OPERATOR):
        assert (await http.post("/v1/scores/2026-Q1:publish", headers=as_(role))).status_code == 403
