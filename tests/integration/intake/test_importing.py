"""Lists taken in whole: many rows in one transaction, repeated without effect, refused row by row."""

import asyncio
from datetime import date
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.intake.domain.drafts import Field, MilestoneDraft, Outcome, ProjectDraft, Verdict
from services.intake.domain.projects import project as projects
from services.intake.handlers.imports.project_list import import_projects
from services.intake.handlers.organisation.programme import (
    assume_post,
    establish_post,
    record_organisation,
    record_person,
)
from services.intake.store.projects import projects as store
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.projects import Evidence, Stage
from shared.contracts.topics import EVENT_TYPES
from shared.kit.database import transaction
from shared.kit.log import eventlog
from shared.kit.log.eventlog import LoggedFact
from shared.kit.web.http import By


def a_draft(name: str = "显示面板项目", **changes: Any) -> ProjectDraft:
    sound: dict[str, Any] = {
        "row": f"在谈!{name}",
        "name": name,
        "chain": "新型显示",
        "responsible_org": "区商务局",
        "total_investment_wan": 120000,
        "stage": Stage.NEGOTIATING,
        "responsible_post": "张伟",
        "milestones": (MilestoneDraft("签订合同", date(2026, 4, 30), Stage.SIGNED),),
    }
    return ProjectDraft(**{**sound, **changes})


async def run(engine: AsyncEngine, by: By, *drafts: ProjectDraft, create_missing: bool = False) -> list[Outcome]:
    async with transaction(engine) as conn:
        return await import_projects(drafts, conn=conn, by=by, create_missing=create_missing)


async def an_office(engine: AsyncEngine, by: By) -> None:
    async with transaction(engine) as conn:
        org, _ = await record_organisation("区商务局", parent_id=None, conn=conn, by=by)
        post = await establish_post("项目专员", tier=Tier.OFFICER, organisation_id=org.id, conn=conn, by=by)
        person = await record_person("张伟", organisation_id=org.id, conn=conn, by=by)
        await assume_post(post.id, person_id=person.id, from_day=date(2026, 1, 1), conn=conn, by=by)


def read(fact: LoggedFact) -> Event:
    return EVENT_TYPES[fact.type].model_validate_json(fact.data)


async def facts(engine: AsyncEngine) -> int:
    async with transaction(engine) as conn:
        return int((await conn.execute(text("SELECT count(*) FROM event_log"))).scalar_one())


async def test_a_list_is_recorded_and_the_same_list_again_changes_nothing(engine: AsyncEngine, by: By) -> None:
    await an_office(engine, by)
    drafts = [a_draft(), a_draft("二号", total_investment_wan=5000)]
    first = await run(engine, by, *drafts)
    before = await facts(engine)
    again = await run(engine, by, *drafts)
    assert [outcome.verdict for outcome in first] == [Verdict.RECORDED] * 2
    assert [outcome.code for outcome in first] == ["P2026-0001", "P2026-0002"]
    assert [outcome.verdict for outcome in again] == [Verdict.UNCHANGED] * 2
    assert [outcome.project_id for outcome in again] == [outcome.project_id for outcome in first]
    assert await facts(engine) == before


async def test_bad_rows_are_refused_and_good_ones_taken(engine: AsyncEngine, by: By) -> None:
    await an_office(engine, by)
    outcomes = await run(
        engine,
        by,
        a_draft(),
        a_draft("二号", chain="没有的链"),
        a_draft("三号", responsible_org="商务局"),
        a_draft("四号", responsible_post="王五"),
        a_draft(total_investment_wan=1),
    )
    assert [outcome.verdict for outcome in outcomes] == [Verdict.RECORDED] + [Verdict.REFUSED] * 4
    assert [outcome.refusals[0].field for outcome in outcomes[1:]] == [
        Field.CHAIN,
        Field.RESPONSIBLE_ORG,
        Field.RESPONSIBLE_POST,
        Field.NAME,
    ]
    assert "区商务局" in outcomes[2].refusals[0].message
    assert "与 在谈!显示面板项目 行重复" in outcomes[4].refusals[0].message


async def test_the_next_months_list_moves_projects_on(engine: AsyncEngine, by: By) -> None:
    await an_office(engine, by)
    (recorded,) = await run(engine, by, a_draft())
    contract = (Evidence(kind="formal_contract", on=date(2026, 1, 4), reference="合同-1"),)
    signed = a_draft(stage=Stage.SIGNED, signed_on=date(2026, 1, 4), evidence=contract, total_investment_wan=130000)
    (outcome,) = await run(engine, by, signed)
    assert (outcome.verdict, outcome.project_id) == (Verdict.CHANGED, recorded.project_id)
    assert recorded.project_id
    async with transaction(engine) as conn:
        project = (await store.load_many([recorded.project_id], conn=conn))[recorded.project_id]
    assert (project.stage, project.total_investment_wan, project.version) == (Stage.SIGNED, 130000, 5)
    assert [line.met_on for line in project.milestones.values()] == [date(2026, 1, 4)]


async def test_units_and_officers_are_recorded_where_the_import_may(engine: AsyncEngine, by: By) -> None:
    draft = a_draft(responsible_org="区工信局", responsible_post="王芳")
    assert (await run(engine, by, draft))[0].verdict is Verdict.REFUSED
    bad = a_draft("二号", responsible_org="不该有的单位", total_investment_wan=0)
    outcomes = await run(engine, by, draft, bad, create_missing=True)
    assert [outcome.verdict for outcome in outcomes] == [Verdict.RECORDED, Verdict.REFUSED]
    assert (await run(engine, by, draft))[0].verdict is Verdict.UNCHANGED
    async with transaction(engine) as conn:
        names = (await conn.execute(text("SELECT name FROM organisation"))).scalars().all()
    assert names == ["区工信局"]


async def test_the_log_replayed_gives_the_state_that_is_stored(engine: AsyncEngine, by: By) -> None:
    await an_office(engine, by)
    await run(engine, by, a_draft(), a_draft("二号", stage=Stage.SIGNED, signed_on=date(2026, 1, 4)))
    contract = (Evidence(kind="formal_contract", on=date(2026, 1, 4), reference="合同-1"),)
    later = (MilestoneDraft("签订合同", date(2026, 5, 31), Stage.SIGNED), MilestoneDraft("交地", date(2026, 6, 30)))
    await run(engine, by, a_draft(milestones=later, replan_reason="等批复", total_investment_wan=130000))
    await run(engine, by, a_draft(stage=Stage.SIGNED, signed_on=date(2026, 1, 4), evidence=contract))
    async with transaction(engine) as conn:
        ids = await store.find(codes=["P2026-0001", "P2026-0002"], names=[], conn=conn)
        stored = await store.load_many(ids, conn=conn)
        replayed = {id: [read(fact) for fact in await eventlog.history(id, conn=conn)] for id in ids}
    assert len(stored) == 2
    assert {id: projects.fold(None, events) for id, events in replayed.items()} == stored


async def test_two_imports_of_one_list_at_once_record_it_once(engine: AsyncEngine, by: By) -> None:
    await an_office(engine, by)
    drafts = [a_draft(f"项目{number}") for number in range(5)]
    outcomes = await asyncio.gather(*(run(engine, by, *drafts) for _ in range(3)))
    verdicts = [{outcome.verdict for outcome in taken} for taken in outcomes]
    assert verdicts.count({Verdict.RECORDED}) == 1
    assert verdicts.count({Verdict.UNCHANGED}) == 2


async def test_a_list_of_hundreds_takes_as_many_statements_as_one_of_two(engine: AsyncEngine, by: By) -> None:
    await an_office(engine, by)
    executed: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *given: executed.append(given[2]))
    await run(engine, by, a_draft("甲"), a_draft("乙"))
    few = len(executed)
    executed.clear()
    outcomes = await run(engine, by, *(a_draft(f"项目{number}") for number in range(600)))
    assert {outcome.verdict for outcome in outcomes} == {Verdict.RECORDED}
    assert len(executed) == few
