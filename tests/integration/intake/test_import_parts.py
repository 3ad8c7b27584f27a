"""Imports that are taken part by part: carried on after an interruption, in nobody's way, and without deadlocks."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake import importer
from services.intake.domain.imports.roster import PostDraft
from services.intake.domain.projects.timetable import NewMilestone
from services.intake.handlers.imports import imports
from services.intake.handlers.imports.roster import import_roster
from services.intake.handlers.projects.timetables import plan_milestone
from services.intake.handlers.writing import lock_register
from services.intake.store import imports as store
from services.intake.workbook import isolation
from shared.contracts.programme import Tier
from shared.kit.database import transaction
from shared.kit.process.declaration import Platform
from shared.kit.web.http import By
from tests.integration.intake.conftest import Office
from tests.integration.intake.test_imports import GOOD, SECOND, changed, counts, projects, send, whole
from tests.support.waiting import eventually

FIVE = [changed(GOOD, 序号=number, 项目名称=f"示例{number}") for number in range(5)]


@pytest.fixture
def two_rows_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "ROWS_A_PART", 2)


@pytest.mark.usefixtures("two_rows_a_part")
async def test_a_list_of_several_parts_is_reported_as_one(http: httpx.AsyncClient, engine: AsyncEngine) -> None:
    body = await send(http, whole(*FIVE, changed(SECOND, 所属产业链="飞船")))

    assert counts(body) == (5, 0, 0, 1)
    assert counts(body, "organisation") == (3, 0, 0, 0)
    assert (body["status"], body["done"], body["total"]) == ("done", 9, 9)
    assert [row["row"] for row in body["rows"] if row["kind"] == "project"] == [2, 3, 4, 5, 6, 7]
    async with transaction(engine) as conn:
        parts = (await conn.execute(text("SELECT first FROM workbook_import_part ORDER BY first"))).scalars().all()
    assert parts == [0, 3, 5, 7]
    assert (await http.get(f"/v1/imports/{body['id']}")).json() == body


@pytest.mark.usefixtures("two_rows_a_part")
async def test_an_interrupted_import_is_carried_on_where_it_was(
    http: httpx.AsyncClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taken = imports.take_part, 0

    async def killed_in_the_third(*given: Any, **named: Any) -> None:
        nonlocal taken
        taken += 1
        await take(*given, **named)
        if taken == 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(importer, "take_part", killed_in_the_third)
    with pytest.raises(asyncio.CancelledError):
        await send(http, whole(*FIVE))
    (interrupted,) = (await http.get("/v1/imports")).json()["items"]
    assert (interrupted["status"], interrupted["done"], interrupted["total"]) == ("running", 5, 8)

    monkeypatch.setattr(importer, "ABANDONED_AFTER", timedelta(0))
    loop = asyncio.create_task(importer.finish_abandoned(platform))
    await eventually(lambda: is_done(http, interrupted["id"]))
    loop.cancel()

    body = (await http.get(f"/v1/imports/{interrupted['id']}")).json()
    assert counts(body) == (5, 0, 0, 0)
    assert sorted(project["name"] for project in await projects(http)) == [f"示例{number}" for number in range(5)]
    assert {project["version"] for project in await projects(http)} == {2}


@pytest.mark.usefixtures("two_rows_a_part")
async def test_two_that_carry_out_the_same_import_take_each_row_once(
    http: httpx.AsyncClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = whole(*FIVE)
    read = await isolation.read_workbook(content)
    answer = await hold_back(http, content, monkeypatch)
    import_id = UUID(answer.json()["id"])
    await asyncio.gather(*(importer.carry_out(import_id, read, platform=platform) for _ in range(3)))

    body = (await http.get(f"/v1/imports/{import_id}")).json()
    assert counts(body) == (5, 0, 0, 0)
    assert len(body["rows"]) == 8


async def hold_back(http: httpx.AsyncClient, content: bytes, monkeypatch: pytest.MonkeyPatch) -> httpx.Response:
    """Accepted, and carried out by nobody yet."""
    with monkeypatch.context() as patch:
        patch.setattr("services.intake.api.imports.carry_out_behind", lambda *given, **named: None)
        return await http.post("/v1/imports", content=content, headers={"prefer": "respond-async"})


async def test_a_caller_need_not_wait_and_is_shown_the_progress(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, platform: Platform
) -> None:
    content = whole(GOOD, SECOND)
    answer = await hold_back(http, content, monkeypatch)
    shown = (await http.get(answer.headers["location"])).json()

    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    assert (shown["status"], shown["done"], shown["total"], shown["rows"]) == ("running", 0, 5, [])
    importer.carry_out_behind(UUID(shown["id"]), await isolation.read_workbook(content), platform=platform)
    await eventually(lambda: is_done(http, shown["id"]))
    assert counts((await http.get(answer.headers["location"])).json()) == (2, 0, 0, 0)


async def is_done(http: httpx.AsyncClient, import_id: str) -> bool:
    return bool((await http.get(f"/v1/imports/{import_id}")).json()["status"] == "done")


async def test_an_import_that_meets_a_fault_of_ours_is_given_up_and_can_be_sent_again(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault of ours")

    key, content = {"idempotency-key": "import-1"}, whole(GOOD)
    with monkeypatch.context() as patch:
        patch.setattr(importer, "take_part", fail)
        first = await http.post("/v1/imports", content=content, headers=key)
    again = await http.post("/v1/imports", content=content, headers=key)

    assert first.status_code == 500
    assert (again.status_code, again.json()["type"]) == (409, "urn:liandu:problem:import-failed")
    assert counts(await send(http, content)) == (1, 0, 0, 0)


async def test_a_dry_run_waits_for_nobody(http: httpx.AsyncClient, engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await lock_register(conn=conn)
        body = await send(http, whole(*FIVE), dry_run=True)

    assert counts(body) == (5, 0, 0, 0)
    assert counts(body, "organisation") == (3, 0, 0, 0)


async def test_a_line_that_names_a_post_does_not_wait_for_whoever_writes_the_post(
    office: Office, engine: AsyncEngine, by: By
) -> None:
    org = await office.make("/v1/organisations", name="区商务局")
    post = await office.post_held_by("张伟", org=org["id"])
    project = await office.project(org["id"])
    line = NewMilestone("交地", date(2026, 3, 31), UUID(post))
    successor = PostDraft("机构!2", "区商务局", title="项目专员", tier=Tier.OFFICER, person="李芳")
    async with transaction(engine) as list_of_the_office, transaction(engine) as clerks_edit:
        await import_roster([successor], conn=list_of_the_office, by=by)
        planned, _ = await plan_milestone(UUID(project["id"]), line, expected=None, conn=clerks_edit, by=by)
        await import_roster([PostDraft("机构!3", "区商务局")], conn=list_of_the_office, by=by)

    assert planned.version == 2


async def test_lists_and_edits_at_once_all_get_through(http: httpx.AsyncClient, office: Office) -> None:
    await send(http, whole(*FIVE))
    found = await projects(http)
    posts = {post["title"]: post["id"] for post in (await http.get("/v1/posts")).json()["items"]}
    later = [changed(row, 计划开工时间="2026年5月") for row in FIVE]

    async def edit(project: dict[str, Any], number: int) -> None:
        body = {"name": f"节点{number}", "due_on": "2026-03-31", "responsible_post_id": posts["示例专员"]}
        await office.make(f"/v1/projects/{project['id']}/milestones", **body)

    lists = [send(http, whole(*(later if number % 2 else FIVE))) for number in range(4)]
    edits = [edit(project, number) for project in found for number in range(4)]
    bodies, *_ = await asyncio.gather(asyncio.gather(*lists), *edits)

    assert all(sum(counts(body)) == 5 for body in bodies)
    shown = [(await http.get(f"/v1/projects/{project['id']}")).json() for project in found]
    assert [len(project["milestones"]) for project in shown] == [5] * 5


async def test_what_is_under_way_unsettles_the_platform(
    http: httpx.AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hold_back(http, whole(GOOD), monkeypatch)
    async with transaction(engine) as conn:
        assert await store.running(conn=conn) == 1
