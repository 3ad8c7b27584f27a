"""What is decided is decided on the present state, also where another transaction had to be waited for."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Lines, NewMilestone
from services.intake.handlers.projects import timetables
from services.intake.store.projects import projects as store
from shared.kit.database import transaction
from shared.kit.web.http import By
from tests.integration.intake.conftest import DISPLAY, Office
from tests.support.waiting import eventually

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


async def test_what_a_lock_was_waited_for_is_read_after_it(
    office: Office, bureau: str, engine: AsyncEngine, by: By
) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    recorded = await office.project(bureau)
    id = UUID(recorded["id"])
    line = NewMilestone("交地", by.now.date(), UUID(post))

    async def second() -> Project:
        async with transaction(engine) as conn:
            return (await store.lock_many([id], Lines(names=[(id, "交地")]), conn=conn))[id]

    async def somebody_waits() -> bool:
        async with engine.connect() as conn:
            return bool((await conn.execute(WAITING)).scalar_one())

    async with transaction(engine) as first:
        await timetables.plan_milestone(id, line, expected=None, conn=first, by=by)
        waiting = asyncio.create_task(second())
        await eventually(somebody_waits)
    project = await waiting

    assert project.version == recorded["version"] + 1
    assert [line.name for line in project.milestones.values()] == ["交地"]


async def test_only_the_lines_in_question_are_loaded(office: Office, bureau: str, engine: AsyncEngine) -> None:
    post = await office.post_held_by("张伟", org=bureau)
    lines = [{"name": name, "due_on": "2026-03-31", "responsible_post_id": post} for name in "甲乙丙"]
    one = await office.project(bureau, milestones=lines)
    other = await office.project(bureau, name="二号", milestones=lines)
    ids = [UUID(one["id"]), UUID(other["id"])]
    cancelled, asked = (UUID(line["id"]) for line in one["milestones"][:2])
    await office.make(f"/v1/projects/{one['id']}/milestones/{cancelled}:cancel", reason="并入乙")

    async def named(lines: Lines | None) -> list[list[str]]:
        async with transaction(engine) as conn:
            found = await store.lock_many(ids, lines, conn=conn)
        return [sorted(line.name for line in found[id].milestones.values()) for id in ids]

    first, second, third = sorted(line["name"] for line in one["milestones"])
    gone = next(line["name"] for line in one["milestones"] if line["id"] == str(cancelled))
    kept = sorted({first, second, third} - {gone})
    assert await named(None) == [[first, second, third]] * 2
    assert await named(Lines()) == [[], []]
    assert await named(Lines(ids=[asked, cancelled])) == [sorted([gone, _name(one, asked)]), []]
    assert await named(Lines(names=[(ids[0], gone), (ids[1], gone), (ids[1], "丁")])) == [[], [gone]]
    assert await named(Lines(open_of=[ids[0]])) == [kept, []]


async def test_projects_are_recorded_side_by_side_each_with_a_number_of_its_own(office: Office, bureau: str) -> None:
    recorded = await asyncio.gather(*(office.project(bureau, name=f"{number}号项目") for number in range(12)))
    assert sorted(project["code"] for project in recorded) == [f"P2026-{number:04}" for number in range(1, 13)]


@pytest.mark.parametrize("codes", [[None] * 3, ["P2026-0001", None, "P2026-0001"]])
async def test_a_name_that_several_give_at_once_is_recorded_once(
    office: Office, bureau: str, codes: list[str | None]
) -> None:
    body = {"name": "一号", "chain_id": str(DISPLAY), "responsible_org_id": bureau, "total_investment_wan": 120000}
    sent = (office.http.post("/v1/projects", json={**body, "code": code}) for code in codes)
    answers = await asyncio.gather(*sent)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


def _name(project: dict[str, list[dict[str, str]]], line_id: UUID) -> str:
    return next(line["name"] for line in project["milestones"] if line["id"] == str(line_id))
