"""Rule sets of a policy in use: a project is supervised by the most precise one, a case keeps the one it began with."""

import copy
from datetime import date
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from services.assessment import policies
from services.assessment.domain.moments import china_date
from services.assessment.handlers import calendar
from services.assessment.handlers.rebuilding import rebuild
from shared.contracts.event import Event
from shared.contracts.programme import ChainCategory, ChainRecorded
from shared.contracts.projects import ProjectKind, ProjectRevised
from shared.contracts.supervision import CaseEscalated, CaseOpened, ObligationReminded
from shared.kit.web.security import Role
from tests.integration.assessment.test_policies import installed, recounted, stricter
from tests.integration.assessment.test_rehearsals import Journalled, url_of
from tests.support.clock import MovableClock
from tests.support.supervised import Supervised, case_of, named, planned, programme, recorded

OTHER = named("现代物流")
DUE = date(2026, 3, 2)
"""A Monday."""


def scoped() -> dict[str, Any]:
    """增资 climbs two days later than others; projects of service chains are reminded five days ahead."""
    body = copy.deepcopy(policies.read_file(None))
    later = copy.deepcopy(body["rungs"])
    for rung in later:
        rung["after_days"] += 2
    sets = [
        {"name": "增资", "for": {"kind": "expansion"}, "rungs": later},
        {
            "name": "服务业",
            "for": {"category": "modern_service", "kind": "new"},
            "reminder": {"days_before": 5, "to": ["officer"]},
        },
    ]
    return {**body, "version": "scoped", "rule_sets": sets}


def other_chain() -> tuple[UUID, Event]:
    return OTHER, ChainRecorded(
        chain_id=OTHER, code="LOGISTICS", name="现代物流", category=ChainCategory.MODERN_SERVICE
    )


async def opened(supervised: Supervised) -> dict[str, tuple[str, date]]:
    events = await supervised.events(kind=CaseOpened)
    first = {one.case_id: one for one in reversed(await supervised.events(kind=CaseEscalated)) if one.rung == 1}
    return {one.subject.project_name: (one.rule_set, china_date(first[one.case_id].due_at)) for one in events}


async def test_each_project_is_supervised_by_the_rule_set_of_its_kind_and_its_chains_category(
    supervised: Supervised,
) -> None:
    supervised.restart(scoped())
    await supervised.tell(
        *programme(),
        other_chain(),
        recorded("a"),
        recorded("b", kind=ProjectKind.EXPANSION),
        recorded("c", chain_id=OTHER),
        planned("a", "m", DUE),
        planned("b", "n", DUE),
        planned("c", "o", DUE),
    )
    await supervised.until("2026-03-12T10:00")
    assert await opened(supervised) == {
        "项目a": ("", date(2026, 3, 3)),
        "项目b": ("增资", date(2026, 3, 5)),
        "项目c": ("服务业", date(2026, 3, 3)),
    }
    left = {one.subject.project_name: one.working_days_left for one in await supervised.events(kind=ObligationReminded)}
    assert left == {"项目a": 3, "项目b": 3, "项目c": 5}


async def test_a_case_keeps_its_rule_set_and_what_is_still_open_follows_the_project(
    supervised: Supervised, http: httpx.AsyncClient, as_: Any
) -> None:
    supervised.restart(scoped())
    await supervised.tell(*programme(), other_chain(), recorded("c", chain_id=OTHER), planned("c", "o", DUE))
    await supervised.until("2026-03-03T10:00")
    await supervised.tell(planned("c", "p", date(2026, 3, 20)))
    moved = ProjectRevised(project_id=named("c"), chain_id=programme()[0][0])
    await supervised.tell((named("c"), moved))
    await supervised.until("2026-03-24T10:00")
    rows = await supervised.rows("SELECT policy_version, rule_set FROM supervision_case ORDER BY opened_at")
    assert [tuple(row) for row in rows] == [("scoped", "服务业"), ("scoped", "")]
    reminded = [
        one for one in await supervised.events(kind=ObligationReminded) if one.subject.milestone_id == named("p")
    ]
    assert [one.working_days_left for one in reminded] == [3]
    shown = (await http.get(f"/v1/cases/{case_of('o')}", headers=as_(Role.CLERK))).json()
    assert (shown["policy_version"], shown["rule_set"]) == ("scoped", "服务业")


async def test_work_of_a_chain_whose_category_comes_late_is_counted_again(supervised: Supervised) -> None:
    supervised.restart(scoped())
    await supervised.tell(*programme(), recorded("c", chain_id=OTHER), planned("c", "o", DUE))
    await calendar.recount(supervised.engine, now=supervised.clock.now(), knowledge=supervised.knowledge)
    await supervised.tell(other_chain())
    now, knowledge = supervised.clock.now(), supervised.knowledge
    assert await calendar.recount(supervised.engine, now=now, knowledge=knowledge) == 1
    assert await calendar.recount(supervised.engine, now=now, knowledge=knowledge) == 0
    await supervised.until("2026-03-02T10:00")
    assert [one.working_days_left for one in await supervised.events(kind=ObligationReminded)] == [5]


async def test_all_state_follows_again_from_what_was_recorded_under_several_versions_and_rule_sets(
    engine: AsyncEngine, clock: MovableClock, http: httpx.AsyncClient, as_: Any
) -> None:
    lived = Journalled(engine, clock)
    lived.restart(scoped())
    await lived.tell(
        *programme(),
        recorded("a"),
        recorded("b", kind=ProjectKind.EXPANSION),
        planned("a", "m", date(2026, 2, 25)),
        planned("b", "n", date(2026, 2, 25)),
        planned("b", "o", date(2026, 3, 9)),
    )
    assert (await installed(http, as_(Role.SUPERVISOR), stricter())).status_code == 201
    await lived.until("2026-03-02T08:00")
    await recounted(lived)
    await lived.until("2026-03-12T10:00")
    body = {"policy_version": "stricter", "reason": "规则已修订"}
    for name in "mn":
        address = f"/v1/cases/{case_of(name)}:move-to-policy"
        assert (await http.post(address, json=body, headers=as_(Role.SUPERVISOR))).status_code == 200
    await lived.until("2026-03-13T10:00")
    assert await rebuild(url_of(engine), now=clock.now(), knowledge=lived.knowledge, check=True) == []
