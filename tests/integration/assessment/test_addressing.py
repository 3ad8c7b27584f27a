"""What named nobody when it was decided is addressed when somebody is there: posts may come after projects."""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import httpx

from services.assessment.handlers.addressing import address_again
from services.assessment.handlers.watch import Watch, pending
from shared.contracts.programme import PostAssumed, Tier
from shared.contracts.projects import MilestoneReplanned
from shared.contracts.supervision import Addressed, CaseEscalated, CommendationProposed
from shared.kit.database import transaction
from shared.kit.process.declaration import Platform
from shared.kit.web.security import Role
from tests.integration.assessment.conftest import Headers
from tests.support.supervised import (
    Supervised,
    case_of,
    met,
    named,
    person,
    planned,
    post,
    programme,
    recorded,
)

CASE = case_of("m")
PROJECT = named("a")
DUE = date(2026, 1, 15)


async def again(supervised: Supervised) -> int:
    return await address_again(supervised.engine, now=supervised.clock.now(), knowledge=supervised.knowledge)


async def addressed(supervised: Supervised) -> list[Addressed]:
    return await supervised.events(kind=Addressed)


async def waiting(supervised: Supervised) -> int:
    return len(await supervised.rows("SELECT 1 FROM unaddressed"))


async def id_of_last(supervised: Supervised, kind: type[Any]) -> UUID:
    return [fact.event_id for fact in await supervised.log() if fact.type == kind.type][-1]


def assumed(tier: Tier, from_day: date) -> tuple[UUID, PostAssumed]:
    return post(tier), PostAssumed(post_id=post(tier), person_id=person(tier), from_day=from_day)


async def test_a_proposal_made_before_any_post_was_known_goes_to_those_whom_it_would_have_named(
    supervised: Supervised,
) -> None:
    await supervised.tell(recorded("a"), planned("a", "m", date(2026, 3, 2)))
    await supervised.tell(met("a", "m", date(2026, 1, 5)))
    [proposed] = await supervised.events(kind=CommendationProposed)
    assert proposed.addressees == ()
    assert await again(supervised) == 0

    await supervised.tell(*programme())

    assert await again(supervised) == 1
    [told] = await addressed(supervised)
    assert told.event_id == await id_of_last(supervised, CommendationProposed)
    assert {one.tier: one.copy_only for one in told.addressees} == {
        Tier.TASK_FORCE: False,
        Tier.OFFICER: True,
        Tier.TASK_FORCE_OFFICE: True,
    }
    assert await again(supervised) == await waiting(supervised) == 0
    assert await supervised.rows("SELECT version FROM commendation") == [(2,)]


async def test_one_batch_with_posts_behind_projects_names_them_at_once(supervised: Supervised) -> None:
    told = [recorded("a"), planned("a", "m", date(2026, 3, 2)), met("a", "m", date(2026, 1, 5))]
    await supervised.tell(*told, *programme())

    [proposed] = await supervised.events(kind=CommendationProposed)
    assert len(proposed.addressees) == 3
    assert await waiting(supervised) == 0


async def test_a_reminder_and_a_rung_find_their_posts_when_these_come(supervised: Supervised) -> None:
    await supervised.tell(recorded("a"), planned("a", "m", DUE), planned("a", "late", date(2026, 1, 9)))
    await supervised.until("2026-01-12T10:00")
    assert await waiting(supervised) == 3

    await supervised.tell(*programme())

    # The reminder of what is late by now is left: its rung says more.
    assert await again(supervised) == 2
    rung, reminder = await addressed(supervised)
    assert [one.tier for one in reminder.addressees] == [Tier.OFFICER]
    assert [one.tier for one in rung.addressees] == [Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD]
    assert rung.event_id == await id_of_last(supervised, CaseEscalated)
    assert await waiting(supervised) == 0


async def test_a_case_climbs_on_from_the_version_that_its_address_gave_it(supervised: Supervised) -> None:
    await supervised.tell(recorded("a"), planned("a", "m", DUE))
    await supervised.until("2026-01-16T10:00")
    await supervised.tell(*programme())
    await again(supervised)

    await supervised.until("2026-01-22T10:00")

    log = await supervised.log(CASE)
    assert [fact.type for fact in log][-2:] == [Addressed.type, CaseEscalated.type]
    assert await supervised.rows("SELECT version, rung FROM supervision_case") == [(log[-1].seq, 2)]


async def test_a_rung_that_the_case_has_left_is_not_told_any_more(supervised: Supervised) -> None:
    await supervised.tell(recorded("a"), planned("a", "m", DUE))
    await supervised.until("2026-01-22T10:00")
    rungs = await supervised.events(kind=CaseEscalated)
    assert [(one.rung, one.addressees) for one in rungs] == [(1, ()), (2, ())]

    await supervised.tell(*programme())
    await again(supervised)

    [told] = await addressed(supervised)
    assert told.event_id == await id_of_last(supervised, CaseEscalated)
    assert [one.tier for one in told.addressees] == [Tier.TASK_FORCE, Tier.DEPUTY_CHIEF]
    assert await waiting(supervised) == 0


async def test_a_reminder_of_a_day_that_was_moved_is_left_to_the_next_one(supervised: Supervised) -> None:
    await supervised.tell(recorded("a"), planned("a", "m", DUE))
    await supervised.until("2026-01-12T10:00")
    moved = MilestoneReplanned(project_id=PROJECT, milestone_id=named("m"), due_on=date(2026, 3, 2), reason="选址调整")
    await supervised.tell((PROJECT, moved), *programme())

    assert await again(supervised) == 0
    assert await waiting(supervised) == 0


async def test_a_vacancy_stays_remembered_and_is_looked_at_once_for_each_directory(supervised: Supervised) -> None:
    await supervised.tell(*programme(vacant=list(Tier)), recorded("a"), planned("a", "m", date(2026, 3, 2)))
    await supervised.tell(met("a", "m", date(2026, 1, 5)))
    assert await again(supervised) == 0
    assert await waiting(supervised) == 1

    await supervised.tell(assumed(Tier.CHIEF, date(2026, 1, 1)))

    assert await again(supervised) == 1
    [told] = await addressed(supervised)
    assert [one.tier for one in told.addressees] == [Tier.CHIEF]
    assert told.skipped == (Tier.TASK_FORCE, Tier.DEPUTY_CHIEF, Tier.OFFICER, Tier.TASK_FORCE_OFFICE)


async def test_a_term_that_begins_later_is_noticed_on_its_day_in_working_hours(supervised: Supervised) -> None:
    await supervised.tell(*programme(vacant=list(Tier)), assumed(Tier.TASK_FORCE, date(2026, 1, 7)))
    await supervised.tell(recorded("a"), planned("a", "m", date(2026, 3, 2)), met("a", "m", date(2026, 1, 5)))
    await supervised.jump("2026-01-07T08:59")
    assert await again(supervised) == 0

    await supervised.jump("2026-01-07T09:00")

    assert await again(supervised) == 1


async def test_two_processes_that_look_at_the_same_time_tell_it_once(supervised: Supervised) -> None:
    names = [f"m{number}" for number in range(20)]
    await supervised.tell(recorded("a"), *(planned("a", name, date(2026, 3, 2)) for name in names))
    await supervised.tell(*(met("a", name, date(2026, 1, 5)) for name in names))
    await supervised.tell(*programme())

    assert sum(await asyncio.gather(*(again(supervised) for _ in range(3)))) == 20
    assert len(await addressed(supervised)) == 20


async def test_a_platform_is_not_settled_before_the_new_directory_was_looked_at(
    supervised: Supervised, platform: Platform
) -> None:
    await supervised.tell(recorded("a"), planned("a", "m", date(2026, 3, 2)), met("a", "m", date(2026, 1, 5)))
    watch = Watch(supervised.knowledge)

    async def reasons() -> tuple[str, ...]:
        async with transaction(supervised.engine) as conn:
            return (await pending(conn, supervised.clock.now())).reasons

    assert await reasons() == ()
    await supervised.tell(*programme())
    assert await reasons() == ("who is to hear is being looked up again in a new directory",)
    await watch._round(platform)
    assert await reasons() == ()
    assert len(await addressed(supervised)) == 1


async def test_whoever_asks_for_the_case_sees_who_heard_of_the_rung_in_the_end(
    supervised: Supervised, http: httpx.AsyncClient, as_: Any
) -> None:
    await supervised.tell(recorded("a"), planned("a", "m", DUE))
    await supervised.until("2026-01-16T10:00")
    headers: Headers = as_(Role.SUPERVISOR)
    before = (await http.get(f"/v1/cases/{CASE}", headers=headers)).json()["rungs"][0]
    assert before["addressees"] == []
    assert before["skipped"] != []

    await supervised.tell(*programme())
    await again(supervised)

    shown = (await http.get(f"/v1/cases/{CASE}", headers=headers)).json()["rungs"][0]
    assert [one["tier"] for one in shown["addressees"]] == [Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD]
    assert shown["skipped"] == []
