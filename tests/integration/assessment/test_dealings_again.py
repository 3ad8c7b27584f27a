"""What people do with obligations and cases is on record with all it was decided from: a world that lives through the
record decides the same, and all state folds again from it."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from services.assessment.domain.acting import ACTIONS
from services.assessment.domain.commendation import commendation_id
from services.assessment.domain.world import World
from services.assessment.handlers.rebuilding import rebuild
from services.assessment.store.happenings import happenings
from shared.contracts.ids import obligation_id
from shared.contracts.programme import LeavePlanned, OrganisationRecorded, Tier
from shared.contracts.projects import MilestoneCancelled
from shared.contracts.supervision import CaseMovedToPolicy, ObligationConfirmed
from shared.contracts.topics import SUPERVISION
from shared.kit.database import transaction
from shared.kit.web.security import Role
from tests.integration.assessment.test_rehearsals import Journalled, url_of
from tests.integration.assessment.test_world import told
from tests.support.clock import MovableClock
from tests.support.supervised import case_of, met, named, person, planned, programme, recorded

As = Callable[..., dict[str, str]]
Do = Callable[[str, Any, dict[str, str]], Any]
HELPER = named("区自然资源局")


@pytest_asyncio.fixture
async def journalled(engine: AsyncEngine, clock: MovableClock) -> Journalled:
    return Journalled(engine, clock)


@pytest_asyncio.fixture
async def do(journalled: Journalled, http: httpx.AsyncClient) -> Do:
    async def post(path: str, body: Any, headers: dict[str, str]) -> None:
        journalled.clock.move(journalled.clock.now() + timedelta(minutes=1))
        answer = await http.post(path, json=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text

    return post


def test_whatever_bears_a_persons_name_is_done_again() -> None:
    by_people = {event for event in SUPERVISION.events if "by" in event.model_fields}
    assert by_people <= ACTIONS


async def test_what_people_did_is_decided_again_and_folded_again(journalled: Journalled, do: Do, as_: As) -> None:
    await lived(journalled, do, as_)
    now = journalled.clock.now()
    assert await rebuild(url_of(journalled.engine), now=now, knowledge=journalled.knowledge, check=True) == []
    async with transaction(journalled.engine) as conn:
        world = World.under((await journalled.knowledge.read(conn)).current)
        async for page in happenings(now + timedelta(days=1), conn=conn):
            for happening in page:
                world.happen(happening)
    world.pass_time(now)
    assert not world.void
    said: dict[UUID, list[Any]] = defaultdict(list)
    logged: dict[UUID, list[Any]] = defaultdict(list)
    for decided in world.decided:
        said[decided.aggregate_id].append(told(decided.event))
    for fact, event in zip(await journalled.log(), await journalled.events(), strict=True):
        logged[fact.aggregate_id].append(told(event))
    assert logged == said
    elsewhere = (ObligationConfirmed, CaseMovedToPolicy)  # test_world; test_rule_sets
    assert {type(event) for event in await journalled.events()} >= {
        event for event in ACTIONS if event.__module__.endswith(".supervision") and event not in elsewhere
    }


async def lived(service: Journalled, do: Do, as_: As) -> None:
    """One obligation is extended after its due day; one case goes all the way, another is restored and settled."""
    office, holder = as_(Role.SUPERVISOR), as_(Role.CLERK, person(Tier.OFFICER))
    extended, case, other = obligation_id(named("e")), case_of("m"), case_of("n")
    early, no = (commendation_id(obligation_id(named(one))) for one in ("早", "不"))
    await service.tell(*programme(), (HELPER, OrganisationRecorded(organisation_id=HELPER, name="区自然资源局")))
    await service.tell(recorded("a"), recorded("b"), recorded("c"))
    await service.tell(
        planned("a", "m", date(2026, 1, 9)), planned("b", "n", date(2026, 1, 9)), planned("c", "e", date(2026, 1, 9))
    )
    await service.tell(recorded("d"), planned("d", "早", date(2026, 3, 6)), planned("d", "不", date(2026, 3, 6)))
    await service.tell(met("d", "早", date(2026, 1, 5)), met("d", "不", date(2026, 1, 5)))
    await do(f"/v1/commendations/{early}:approve", {"remark": "属实"}, office)
    await do(f"/v1/commendations/{no}:decline", {"reason": "工期偏松"}, office)
    await service.until("2026-01-07T10:00")
    path = f"/v1/obligations/{extended}/extensions"
    await do(path, {"reason": "许可", "progress": "过半", "due_on": "2026-02-27"}, holder)
    await do(f"{path}/1:refuse", {"reason": "太久"}, as_(Role.REVIEWER))
    await do(path, {"reason": "许可", "progress": "过半", "due_on": "2026-01-30"}, holder)
    await do(f"{path}/2:review", {"remark": "属实"}, as_(Role.REVIEWER))
    await service.until("2026-01-13T10:00")
    await do(f"{path}/2:approve", {"remark": "同意"}, office)
    away = LeavePlanned(
        person_id=person(Tier.OFFICER),
        leave_id=named("假"),
        from_day=date(2026, 1, 13),
        until_day=date(2026, 1, 16),
        delegate_id=named("代理人"),
    )
    await service.tell((person(Tier.OFFICER), away))
    await do(f"/v1/cases/{case}:acknowledge", None, as_(Role.CLERK, named("代理人")))
    await do(
        f"/v1/cases/{case}:feedback", {"text": "在办", "commitment_on": "2026-01-28"}, as_(Role.CLERK, named("代理人"))
    )
    units = {"assisting_organisation_ids": [str(HELPER)], "reason": "用地"}
    await do(f"/v1/cases/{case}:assign", units, office)
    await service.until("2026-01-20T15:00")
    await do(f"/v1/cases/{case}/feedback/1:send-back", {"reason": "无措施"}, office)
    await service.until("2026-01-23T10:00")
    await service.tell(met("a", "m", date(2026, 1, 22)))
    await do(f"/v1/cases/{case}:strike-off", {"remark": "已开工"}, office)
    await do(f"/v1/cases/{case}:archive", None, office)
    await service.tell((named("b"), MilestoneCancelled(project_id=named("b"), milestone_id=named("n"), reason="调整")))
    await do(f"/v1/cases/{other}:restore", {"reason": "未办实"}, office)
    await service.until("2026-02-10T10:00")
    await do(f"/v1/cases/{other}:settle", {"reason": "已解决"}, office)
    assert service.clock.now() > datetime.fromisoformat("2026-02-10T10:00+08:00")
