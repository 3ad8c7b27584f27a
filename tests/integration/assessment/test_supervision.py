import copy
from datetime import date, datetime
from uuid import UUID

import pytest

from services.assessment import policies
from services.assessment.domain import taking
from services.assessment.domain.moments import CHINA, china_date
from services.assessment.handlers import calendar, facts, people
from services.assessment.handlers.known import PolicyChanged, PolicyUnreadable
from services.assessment.handlers.watch import Watch, pending
from shared.contracts.examples import examples
from shared.contracts.ids import obligation_id
from shared.contracts.programme import Tier
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestoneReassigned,
    MilestoneReplanned,
    ProjectDelayed,
    ProjectHeld,
    ProjectResumed,
    ProjectRevised,
    ProjectStarted,
    ProjectTerminated,
    Stage,
)
from shared.contracts.supervision import (
    CaseClosed,
    CaseEscalated,
    CaseOpened,
    CaseRescheduled,
    CommendationProposed,
    Light,
    LightChanged,
    ObligationCancelled,
    ObligationMet,
    ObligationMoved,
    ObligationOpened,
    ObligationReassigned,
    ObligationReminded,
    ObligationResumed,
    ObligationSuspended,
)
from shared.contracts.topics import EVENT_TYPES, consumed_by
from shared.kit.consuming.consumer import Fact
from shared.kit.database import transaction
from shared.kit.process.declaration import Platform
from shared.kit.working_days import YearTable, published
from tests.support.supervised import (
    Supervised,
    case_of,
    met,
    named,
    planned,
    post,
    programme,
    recorded,
    vacated,
)

CASE = case_of("m")
OBLIGATION = obligation_id(named("m"))
PROJECT = named("a")
CALENDAR = published()


async def rungs(supervised: Supervised, milestone: str = "m") -> list[CaseEscalated]:
    return await supervised.events(case_of(milestone), kind=CaseEscalated)


async def states(supervised: Supervised) -> dict[str, int]:
    rows = await supervised.rows("SELECT state, count(*) FROM obligation GROUP BY state")
    return {row.state: row.count for row in rows}


async def test_after_a_stop_of_weeks_it_climbs_one_rung_a_working_morning(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 6)))
    await supervised.until("2026-03-09T10:00")
    await supervised.jump("2026-03-28T15:30")  # a Saturday: everything waits for Monday morning
    assert len(await rungs(supervised)) == 1
    await supervised.until("2026-04-30T10:00")
    logged = [fact for fact in await supervised.log(CASE) if fact.type == CaseEscalated.type]
    reached = [
        (rung.rung, china_date(fact.at), china_date(rung.due_at), rung.working_days_late)
        for fact, rung in zip(logged, await rungs(supervised), strict=True)
    ]
    assert reached == [
        (1, date(2026, 3, 9), date(2026, 3, 9), 1),
        (2, date(2026, 3, 30), date(2026, 3, 13), 16),
        (3, date(2026, 3, 31), date(2026, 3, 20), 17),
        (4, date(2026, 4, 1), date(2026, 3, 27), 18),
        (5, date(2026, 4, 3), date(2026, 4, 3), 20),
    ]


async def test_what_arrives_after_its_due_day_is_late_and_starts_in_a_working_morning(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"))
    supervised.clock.move("2026-01-16T16:00+08:00")
    await supervised.tell(planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-19T10:00")
    first = (await rungs(supervised))[0]
    assert china_date(first.due_at) == date(2026, 1, 19)
    assert first.next_at == datetime(2026, 1, 23, 9, tzinfo=CHINA)  # four working days later, as ever
    assert first.working_days_late == CALENDAR.between(date(2026, 1, 9), date(2026, 1, 19))
    assert await supervised.events(kind=ObligationReminded) == []


async def test_a_reminder_comes_three_working_days_before(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 2, 24)))
    await supervised.until("2026-02-23T10:00")
    logged = [fact.at for fact in await supervised.log(OBLIGATION) if fact.type == ObligationReminded.type]
    assert logged == [datetime(2026, 2, 12, 9, tzinfo=CHINA)]


async def test_a_project_that_comes_before_its_chain_and_posts_is_addressed_as_they_stand_then(
    supervised: Supervised,
) -> None:
    await supervised.tell(recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-12T10:00")
    await supervised.tell(*programme())
    await supervised.until("2026-01-16T10:00")
    await supervised.tell(vacated(Tier.DEPUTY_CHIEF, date(2026, 1, 20)))
    await supervised.until("2026-01-23T10:00")
    first, second, third = await rungs(supervised)
    assert first.addressees == ()
    assert Tier.UNIT_HEAD in first.skipped
    assert [one.tier for one in second.addressees] == [Tier.TASK_FORCE, Tier.DEPUTY_CHIEF]
    assert ([one.tier for one in third.addressees], third.skipped) == ([Tier.CHIEF], (Tier.DEPUTY_CHIEF,))


async def test_meeting_it_early_proposes_a_commendation(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 2, 6)))
    await supervised.tell(met("a", "m", date(2026, 1, 30)))
    proposed = (await supervised.events(kind=CommendationProposed))[0]
    assert proposed.working_days_early == 5
    assert {one.tier: one.copy_only for one in proposed.addressees} == {
        Tier.TASK_FORCE: False,
        Tier.OFFICER: True,
        Tier.TASK_FORCE_OFFICE: True,
    }
    assert (await supervised.events(OBLIGATION, kind=ObligationMet))[0].working_days_early == 5
    await supervised.until("2026-06-30T10:00")
    assert await supervised.events(kind=CaseOpened) == []


async def test_a_held_project_stands_still_and_goes_on_with_what_was_left(supervised: Supervised) -> None:
    await supervised.tell(
        *programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)), planned("a", "n", date(2026, 1, 23))
    )
    await supervised.until("2026-01-13T10:00")
    held = ProjectHeld(project_id=PROJECT, reason="用地调整", on=date(2026, 1, 13))
    await supervised.tell((PROJECT, held))
    assert await states(supervised) == {"suspended": 2}
    await supervised.until("2026-03-02T10:00")
    assert len(await rungs(supervised)) == 1
    assert await supervised.events(obligation_id(named("n")), kind=ObligationReminded) == []
    await supervised.tell((PROJECT, ProjectResumed(project_id=PROJECT, on=date(2026, 3, 2))))
    await supervised.until("2026-03-05T10:00")
    second = (await rungs(supervised))[1]
    assert CALENDAR.between(date(2026, 3, 2), china_date(second.due_at)) == CALENDAR.between(
        date(2026, 1, 13), date(2026, 1, 16)
    )
    assert [one.suspended for one in await supervised.events(CASE, kind=CaseRescheduled)] == [True, False]
    moved = (await supervised.events(obligation_id(named("n")), kind=ObligationMoved))[0]
    assert moved.due_on == CALENDAR.add(date(2026, 3, 2), CALENDAR.between(date(2026, 1, 13), date(2026, 1, 23))).day
    assert len(await supervised.events(kind=ObligationSuspended)) == 2
    assert len(await supervised.events(kind=ObligationResumed)) == 2


async def test_a_terminated_project_closes_what_is_open(supervised: Supervised) -> None:
    await supervised.tell(
        *programme(),
        recorded("a"),
        planned("a", "m", date(2026, 1, 9), Stage.STARTED),
        planned("a", "n", date(2026, 6, 30)),
    )
    await supervised.until("2026-01-13T10:00")
    ended = ProjectTerminated(project_id=PROJECT, reason="投资方退出", on=date(2026, 1, 13))
    await supervised.tell((PROJECT, ended))
    assert [one.reason for one in await supervised.events(CASE, kind=CaseClosed)] == ["项目终止：投资方退出"]
    assert len(await supervised.events(kind=ObligationCancelled)) == 2
    assert await supervised.rows("SELECT * FROM timer") == []


async def test_a_cancelled_milestone_closes_its_case(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-13T10:00")
    cancelled = MilestoneCancelled(project_id=PROJECT, milestone_id=named("m"), reason="合并办理")
    await supervised.tell((PROJECT, cancelled))
    assert (await supervised.events(CASE, kind=CaseClosed))[0].reason == "节点取消：合并办理"


async def test_replanning_in_time_moves_it_and_too_late_does_not(supervised: Supervised) -> None:
    await supervised.tell(
        *programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)), planned("a", "n", date(2026, 1, 9))
    )
    in_time = MilestoneReplanned(project_id=PROJECT, milestone_id=named("n"), due_on=date(2026, 3, 6), reason="审批")
    await supervised.tell((PROJECT, in_time))
    await supervised.until("2026-01-13T10:00")
    too_late = MilestoneReplanned(project_id=PROJECT, milestone_id=named("m"), due_on=date(2026, 3, 6), reason="审批")
    await supervised.tell((PROJECT, too_late))
    await supervised.until("2026-01-16T10:00")
    assert [one.rung for one in await rungs(supervised)] == [1, 2]
    assert await rungs(supervised, "n") == []
    assert [one.late for one in await supervised.events(OBLIGATION, kind=ObligationMoved)] == [True]
    rows = await supervised.rows("SELECT due_on, asked_on FROM obligation WHERE id = :id", id=OBLIGATION)
    assert tuple(rows[0]) == (date(2026, 1, 9), date(2026, 3, 6))


async def test_another_post_and_another_unit_take_over_open_work(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    to_chief = MilestoneReassigned(
        project_id=PROJECT, milestone_id=named("m"), responsible_post_id=post(Tier.CHIEF), responsible_person_id=None
    )
    revised = ProjectRevised(project_id=PROJECT, name="新名称", responsible_org_id=named("another unit"))
    await supervised.tell((PROJECT, to_chief), (PROJECT, revised))
    reassigned = await supervised.events(OBLIGATION, kind=ObligationReassigned)
    assert [one.responsible_org_id for one in reassigned][-1] == named("another unit")
    await supervised.until("2026-01-12T10:00")
    first = (await rungs(supervised))[0]
    assert (first.subject.project_name, first.subject.responsible_post_id) == ("新名称", post(Tier.CHIEF))
    assert first.skipped[0] is Tier.UNIT_HEAD


async def test_a_declared_delay_informs_and_moves_nothing(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    delayed = ProjectDelayed(
        project_id=PROJECT, milestone_id=named("m"), reason="设备未到", expected_on=date(2026, 2, 6)
    )
    await supervised.tell((PROJECT, delayed))
    await supervised.until("2026-01-12T10:00")
    assert len(await rungs(supervised)) == 1
    rows = await supervised.rows("SELECT expected_on, delay_reason, due_on FROM obligation")
    assert tuple(rows[0]) == (date(2026, 2, 6), "设备未到", date(2026, 1, 9))


async def test_the_light_changes_at_month_ends_and_starting_turns_it_green(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 20), Stage.STARTED))
    await supervised.until("2026-04-10T10:00")
    started = ProjectStarted(project_id=PROJECT, on=date(2026, 4, 10))
    await supervised.tell((PROJECT, started), met("a", "m", date(2026, 4, 10)))
    changes = await supervised.events(kind=LightChanged)
    assert [(one.before, one.light, one.on) for one in changes] == [
        (None, Light.GREEN, date(2026, 1, 5)),
        (Light.GREEN, Light.YELLOW, date(2026, 2, 2)),
        (Light.YELLOW, Light.RED, date(2026, 4, 1)),
        (Light.RED, Light.GREEN, date(2026, 4, 10)),
    ]
    assert await supervised.rows("SELECT * FROM timer WHERE kind <> 'due'") == []


async def test_a_red_light_raises_the_case_of_the_start_before_the_day(supervised: Supervised) -> None:
    """A baseline that is confirmed late: the case is young while the light has long been red."""
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2025, 9, 30), Stage.STARTED))
    await supervised.until("2026-01-28T10:00")
    async with transaction(supervised.engine) as conn:
        await people.confirm(
            OBLIGATION, conn=conn, now=supervised.clock.now(), by="督查室", knowledge=supervised.knowledge
        )
    await supervised.until("2026-02-28T12:00")
    logged = [fact.at for fact in await supervised.log(CASE) if fact.type == CaseEscalated.type]
    told = [
        (one.rung, china_date(at), one.raised_by_light, one.document_number)
        for one, at in zip(await rungs(supervised), logged, strict=True)
    ]
    assert told[:3] == [
        (1, date(2026, 1, 29), False, None),
        (2, date(2026, 2, 2), True, "督办函〔2026〕1号"),
        (3, CALENDAR.add(date(2026, 1, 29), 9).day, False, None),
    ]
    second = (await rungs(supervised))[1]
    assert china_date(second.due_at) == CALENDAR.add(date(2026, 1, 29), 4).day


async def test_numbers_have_no_gaps_and_begin_anew_each_year(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"))
    await supervised.tell(*[planned("a", f"m{n}", date(2026, 12, 24 + n)) for n in range(8)])
    await supervised.until("2027-01-29T10:00")
    opened = [one.number for one in await supervised.events(kind=CaseOpened)]
    letters = [
        one.document_number for one in await supervised.events(kind=CaseEscalated) if one.document_number is not None
    ]
    for form, numbers in (("督〔{}〕{}号", opened), ("督办函〔{}〕{}号", letters)):
        in_2026 = sum("2026" in number for number in numbers)
        wanted = [form.format(2026, n + 1) for n in range(in_2026)]
        assert sorted(numbers) == wanted + [form.format(2027, n + 1) for n in range(8 - in_2026)]
        assert 0 < in_2026 < 8


async def test_what_opens_on_one_morning_is_numbered_by_the_projects_codes(supervised: Supervised) -> None:
    codes = [f"P{n:02}" for n in range(12)]
    await supervised.tell(*programme(), *[recorded(code) for code in codes])
    await supervised.tell(
        *[planned(code, f"{name}{code}", date(2026, 1, 9)) for code in reversed(codes) for name in ("b", "a")]
    )
    await supervised.until("2026-01-16T10:00")
    for kind, numbered in ((CaseOpened, "number"), (CaseEscalated, "document_number")):
        told = [one for one in await supervised.events(kind=kind) if getattr(one, numbered)]
        told.sort(key=lambda one: int(getattr(one, numbered).split("〕")[1].rstrip("号")))
        named_so = [one.subject.milestone_name for one in told]
        assert named_so == [f"节点{name}{code}" for code in codes for name in ("a", "b")]


async def test_the_order_of_numbers_holds_over_several_transactions(supervised: Supervised) -> None:
    codes = [f"p{n:03}" for n in range(510)]
    await supervised.tell(*programme(), *[recorded(code) for code in codes])
    await supervised.tell(*[planned(code, code, date(2026, 1, 9)) for code in reversed(codes)])
    await supervised.until("2026-01-12T09:00")
    opened = await supervised.events(kind=CaseOpened)
    told = sorted(opened, key=lambda one: int(one.number.split("〕")[1].rstrip("号")))
    assert [one.subject.milestone_name for one in told] == [f"节点{code}" for code in codes]


async def test_what_lies_in_an_unpublished_year_is_marked_and_counted_again(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2027, 1, 8)))
    await supervised.tell(planned("a", "n", date(2026, 12, 25)))
    assert (await supervised.events(OBLIGATION, kind=ObligationOpened))[0].provisional
    await supervised.until("2026-12-31T10:00")
    table = YearTable(
        2027, frozenset({date(2027, 1, 1), date(2027, 1, 4), date(2027, 1, 5), date(2027, 1, 6)}), frozenset(), "国办"
    )
    async with transaction(supervised.engine) as conn:
        now, knowledge = supervised.clock.now(), supervised.knowledge
        await calendar.import_year(table, conn=conn, now=now, by="督查室", knowledge=knowledge)
        assert (await pending(conn, supervised.clock.now())).reasons
    counted = await calendar.recount(supervised.engine, now=supervised.clock.now(), knowledge=supervised.knowledge)
    assert counted == 2
    assert not (await supervised.events(OBLIGATION, kind=ObligationMoved))[0].provisional
    rescheduled = (await supervised.events(case_of("n"), kind=CaseRescheduled))[0]
    assert china_date(rescheduled.next_at) == date(2027, 1, 7)  # five working days after 25 December
    async with transaction(supervised.engine) as conn:
        assert not (await pending(conn, supervised.clock.now())).reasons
    versions = await supervised.rows("SELECT DISTINCT calendar_version FROM timer")
    assert [row.calendar_version for row in versions] == [CALENDAR.with_year(table).version]
    assert await calendar.recount(supervised.engine, now=supervised.clock.now(), knowledge=supervised.knowledge) == 0


async def test_a_calendar_that_comes_on_a_holiday_leaves_the_months_look_at_lights_where_it_was(
    supervised: Supervised,
) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 2, 10), Stage.STARTED))
    await supervised.until("2026-05-02T10:00")
    known = CALENDAR.table(2026)
    assert known is not None
    table = YearTable(2026, known.holidays | {date(2026, 5, 6)}, known.make_up_days, "另行通知")
    async with transaction(supervised.engine) as conn:
        now, knowledge = supervised.clock.now(), supervised.knowledge
        await calendar.import_year(table, conn=conn, now=now, by="督查室", knowledge=knowledge)
    await calendar.recount(supervised.engine, now=now, knowledge=knowledge)
    await supervised.until("2026-05-29T10:00")
    changes = await supervised.events(kind=LightChanged)
    assert (changes[-1].light, changes[-1].on) == (Light.RED, date(2026, 5, 7))


async def test_a_case_keeps_the_policy_it_began_with(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-12T10:00")
    stricter = copy.deepcopy(dict(policies.read_file(None)))
    stricter["version"] = "stricter"
    stricter["rungs"][1]["after_days"] = 2
    supervised.restart(stricter)
    await supervised.tell(planned("a", "n", date(2026, 1, 13)))
    await supervised.until("2026-01-23T10:00")
    assert [china_date(one.due_at).day for one in (await rungs(supervised))[:2]] == [12, 16]
    assert [china_date(one.due_at).day for one in (await rungs(supervised, "n"))[:2]] == [14, 15]
    assert [one.policy_version for one in await supervised.events(kind=CaseOpened)] == ["default-2026.2", "stricter"]


async def test_a_policy_changed_under_its_version_is_refused(supervised: Supervised) -> None:
    await supervised.tell(recorded("a"))
    changed = copy.deepcopy(dict(policies.read_file(None)))
    changed["rungs"][1]["after_days"] = 2
    supervised.restart(changed)
    with pytest.raises(PolicyChanged):
        await supervised.tell(recorded("b"))


async def test_an_installed_policy_of_another_shape_is_refused_by_its_version(supervised: Supervised) -> None:
    await supervised.tell(recorded("a"))
    old = '{"version": "old", "rung": []}'
    await supervised.rows(
        "INSERT INTO policy (version, body, since, in_force_from, installed_by)"
        f" VALUES ('old', '{old}', now(), now(), 'test') RETURNING 1"
    )
    with pytest.raises(PolicyUnreadable, match=r"installed policy old: .*旧格式"):
        await supervised.tell(recorded("b"))


async def test_a_parked_project_holds_its_timers(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    parking = {"source": "/liandu/intake", "id": PROJECT, "since": supervised.clock.now()}
    await supervised.rows(
        "INSERT INTO parked_aggregate (source, aggregate_id, since, reason, detail)"
        " VALUES (:source, :id, :since, 'poison', '') RETURNING 1",
        **parking,
    )
    await supervised.jump("2026-01-12T10:00")
    assert await rungs(supervised) == []
    await supervised.rows("DELETE FROM parked_aggregate RETURNING 1")
    await supervised.timers.fire_due()
    assert [one.rung for one in await rungs(supervised)] == [1]


async def test_what_lost_its_timer_is_found_and_goes_on(supervised: Supervised, platform: Platform) -> None:
    await supervised.tell(
        *programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)), planned("a", "n", date(2026, 3, 6))
    )
    await supervised.until("2026-01-13T10:00")
    before = await supervised.rows("DELETE FROM timer RETURNING subject, kind, due_at")
    assert await Watch(supervised.knowledge).look(platform, supervised.clock.now()) == 2
    after = await supervised.rows("SELECT subject, kind, due_at FROM timer")
    assert {tuple(row) for row in after} == {tuple(row) for row in before}
    assert await Watch(supervised.knowledge).look(platform, supervised.clock.now()) == 0


async def test_facts_that_do_not_fit_the_state_change_nothing(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.tell(met("a", "m", date(2026, 1, 8)))
    before = len(await supervised.log())
    again = planned("a", "m", date(2026, 2, 9))
    late = MilestoneReplanned(project_id=PROJECT, milestone_id=named("m"), due_on=date(2026, 3, 6), reason="-")
    unknown = MilestoneReplanned(project_id=PROJECT, milestone_id=named("x"), due_on=date(2026, 3, 6), reason="-")
    await supervised.tell(again, met("a", "m", date(2026, 1, 9)), (PROJECT, late), (PROJECT, unknown))
    await supervised.tell((PROJECT, ProjectResumed(project_id=PROJECT, on=date(2026, 1, 8))))
    assert len(await supervised.log()) == before
    with pytest.raises(taking.UnknownProject):
        await supervised.tell(planned("nowhere", "y", date(2026, 2, 9)))


async def test_the_golden_examples_of_all_it_reads_are_taken(supervised: Supervised) -> None:
    at = supervised.clock.now()
    read = [(one, EVENT_TYPES[one.type].model_validate_json(one.value)) for one in examples(*consumed_by("assessment"))]
    told = [Fact(one.topic, "/liandu/x", UUID(one.key.decode()), 1, named(one.type), at, event) for one, event in read]
    async with transaction(supervised.engine) as conn:
        await facts.apply(told, conn=conn, now=at, knowledge=supervised.knowledge)
    assert await supervised.rows("SELECT * FROM project")
    assert await supervised.rows("SELECT * FROM chain")


async def test_a_batch_of_a_thousand_facts_is_the_same_as_one_by_one(supervised: Supervised) -> None:
    told = [*programme(), recorded("a")]
    told += [planned("a", f"m{n}", date(2026, 1, 6 + n % 20)) for n in range(300)]
    told += [met("a", f"m{n}", date(2026, 1, 6)) for n in range(0, 300, 3)]
    await supervised.tell(*told)
    assert await states(supervised) == {"open": 200, "met": 100}
    versions = await supervised.rows(
        "SELECT count(*) AS n FROM obligation JOIN aggregate_head head ON head.aggregate_id = obligation.id"
        " WHERE head.seq = obligation.version"
    )
    assert versions[0].n == 300
