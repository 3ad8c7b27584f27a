from datetime import date

from services.assessment.domain.moments import china_date
from shared.contracts.ids import obligation_id
from shared.contracts.programme import Tier
from shared.contracts.projects import Stage
from shared.contracts.supervision import (
    CaseClosed,
    CaseEscalated,
    CaseOpened,
    Document,
    ObligationMissed,
    ObligationOpened,
    ObligationReminded,
)
from shared.kit.working_days import published
from tests.support.supervised import Supervised, case_of, met, named, planned, post, programme, recorded

CALENDAR = published()


async def test_a_missed_milestone_climbs_from_the_responsible_person_to_the_top(supervised: Supervised) -> None:
    due = date(2026, 2, 6)
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", due))
    await supervised.until("2026-04-30T12:00")

    reminded = await supervised.events(obligation_id(named("m")), kind=ObligationReminded)
    assert [one.addressees[0].post_id for one in reminded] == [post(Tier.OFFICER)]
    rungs = await supervised.events(case_of("m"), kind=CaseEscalated)
    assert [one.rung for one in rungs] == [1, 2, 3, 4, 5]
    assert [one.document for one in rungs] == list(Document)[1:]
    assert [china_date(one.due_at) for one in rungs] == [CALENDAR.add(due, days).day for days in (1, 5, 10, 15, 20)]
    assert [one.working_days_late for one in rungs] == [1, 5, 10, 15, 20]
    assert [{heard.tier for heard in one.addressees} for one in rungs] == [
        {Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD},
        {Tier.TASK_FORCE, Tier.DEPUTY_CHIEF},
        {Tier.DEPUTY_CHIEF},
        {Tier.CHIEF},
        {Tier.CHIEF_GENERAL},
    ]
    logged = [fact.at for fact in await supervised.log(case_of("m")) if fact.type == CaseEscalated.type]
    assert logged == [one.due_at for one in rungs]
    assert rungs[1].document_number == "督办函〔2026〕1号"
    assert rungs[0].number == "督〔2026〕1号"


async def test_the_first_rung_opens_the_case_with_what_it_is_about(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-12T09:00")
    opened, missed = (
        (await supervised.events(case_of("m"), kind=CaseOpened))[0],
        await supervised.events(obligation_id(named("m"))),
    )
    assert [type(event) for event in missed] == [ObligationOpened, ObligationReminded, ObligationMissed]
    assert (opened.number, opened.subject.project_name) == ("督〔2026〕1号", "项目a")
    assert opened.policy_version == "default-2026.2"


async def test_meeting_it_late_closes_the_case(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9), Stage.STARTED))
    await supervised.until("2026-01-20T10:00")
    await supervised.tell(met("a", "m", date(2026, 1, 20)))
    await supervised.until("2026-03-30T10:00")
    closed = (await supervised.events(case_of("m"), kind=CaseClosed))[0]
    assert (closed.closed_on, closed.number) == (date(2026, 1, 20), "督〔2026〕1号")
    assert {one.tier for one in closed.addressees if not one.copy_only} == {
        Tier.OFFICER,
        Tier.UNIT_HEAD,
        Tier.TASK_FORCE_OFFICE,
        Tier.TASK_FORCE,
    }
    assert [one.rung for one in await supervised.events(case_of("m"), kind=CaseEscalated)] == [1, 2]
