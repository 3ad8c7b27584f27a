"""What intake corrects, supervision follows: wrongly closed work climbs on, what is false is supervised no more."""

from datetime import date
from uuid import UUID

from shared.contracts.event import Event
from shared.contracts.ids import obligation_id
from shared.contracts.project_records import CorrectionKind, MilestoneReopened, ProjectCorrected, Standing
from shared.contracts.projects import ProjectHeld, ProjectKind, ProjectStarted, ProjectTerminated, Stage
from shared.contracts.supervision import (
    CaseClosed,
    CaseEscalated,
    CaseReopened,
    CommendationProposed,
    CommendationWithdrawn,
    Light,
    LightChanged,
    ObligationReopened,
    ObligationSuspended,
)
from shared.kit.clock import CHINA
from tests.support.supervised import Supervised, case_of, met, named, planned, programme, recorded

PROJECT, CASE, OBLIGATION = named("a"), case_of("m"), obligation_id(named("m"))


def corrected(stage: Stage = Stage.SIGNED, *, hold_status: str = "active", followed_by: int = 0) -> tuple[UUID, Event]:
    event = ProjectCorrected(
        project_id=PROJECT,
        correction_id=named("correction"),
        kind=CorrectionKind.STRIKE_OFF if hold_status == "struck_off" else CorrectionKind.REVERSAL,
        of_sequence=3,
        of_type="cn.liandu.project.started.v1",
        reverses=(3,),
        reason="登记有误",
        requested_by="王办事员",
        stands=Standing(kind=ProjectKind.NEW, stage=stage, reached={}, hold_status=hold_status),
        followed_by=followed_by,
    )
    return PROJECT, event


def reopened(milestone: str = "m") -> tuple[UUID, Event]:
    event = MilestoneReopened(project_id=PROJECT, milestone_id=named(milestone), correction_id=named("correction"))
    return PROJECT, event


async def state(supervised: Supervised, table: str = "obligation") -> str:
    [row] = await supervised.rows(f"SELECT state FROM {table}")
    return str(row.state)


async def test_a_case_that_was_closed_by_a_wrong_record_climbs_on_with_the_days_that_were_left(
    supervised: Supervised,
) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 6)))
    await supervised.until("2026-03-16T10:00")
    await supervised.tell(met("a", "m", date(2026, 3, 16)))
    heard = await supervised.events(CASE, kind=CaseClosed)
    await supervised.until("2026-03-18T10:00")
    await supervised.tell(corrected(followed_by=1), reopened())
    (again,) = await supervised.events(CASE, kind=CaseReopened)
    assert again.next_at is not None
    assert (again.rung, again.next_at.astimezone(CHINA).date()) == (2, date(2026, 3, 24))
    assert (again.number, again.addressees) == (heard[0].number, heard[0].addressees)
    milestone, reply = await supervised.rows("SELECT kind, state FROM obligation ORDER BY kind")
    assert [(milestone.kind, milestone.state), (reply.kind, reply.state)] == [
        ("milestone", "missed"),
        ("reply", "cancelled"),
    ]
    await supervised.until("2026-03-24T10:00")
    rungs = [(fact.rung, fact.number) for fact in await supervised.events(CASE, kind=CaseEscalated)]
    assert rungs == [(1, again.number), (2, again.number), (3, again.number)]


async def test_what_had_no_case_is_due_as_before_and_late_only_from_now_on(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 6)))
    await supervised.tell(met("a", "m", date(2026, 3, 5)))
    await supervised.until("2026-04-01T10:00")
    await supervised.tell(corrected(followed_by=1), reopened())
    (again,) = await supervised.events(OBLIGATION, kind=ObligationReopened)
    assert (again.missed, again.baseline, await state(supervised)) == (False, False, "open")
    await supervised.until("2026-04-03T10:00")
    first, *more = await supervised.events(CASE, kind=CaseEscalated)
    assert (first.rung, first.due_at.astimezone(CHINA).date(), more) == (1, date(2026, 4, 1), [])


async def test_a_proposal_that_rested_on_a_wrong_record_is_withdrawn_and_may_come_again(
    supervised: Supervised,
) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 6, 30)))
    await supervised.tell(met("a", "m", date(2026, 1, 5)))
    assert await state(supervised, "commendation") == "proposed"
    await supervised.tell(corrected(followed_by=1), reopened())
    (gone,) = await supervised.events(kind=CommendationWithdrawn)
    (proposed,) = await supervised.events(kind=CommendationProposed)
    assert (gone.commendation_id, gone.addressees) == (proposed.commendation_id, proposed.addressees)
    assert await state(supervised, "commendation") == "withdrawn"
    await supervised.tell(met("a", "m", date(2026, 1, 5)))
    assert len(await supervised.events(kind=CommendationProposed)) == 2
    assert await state(supervised, "commendation") == "proposed"


async def test_a_start_that_was_none_puts_the_light_on_again(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 20), Stage.STARTED))
    started = ProjectStarted(project_id=PROJECT, on=date(2026, 1, 12), evidence=())
    await supervised.tell((PROJECT, started), met("a", "m", date(2026, 1, 12)))
    await supervised.until("2026-01-20T10:00")
    assert await state(supervised, "light") == "ended"
    await supervised.tell(corrected(Stage.SIGNED, followed_by=1), reopened())
    assert await state(supervised, "light") == "watching"
    await supervised.until("2026-04-10T10:00")
    shown = [change.light for change in await supervised.events(kind=LightChanged)]
    assert shown[-1] is Light.RED


async def test_a_termination_that_was_none_leaves_no_work_unsupervised(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 6)))
    await supervised.until("2026-03-09T10:00")
    await supervised.tell((PROJECT, ProjectTerminated(project_id=PROJECT, reason="资金不到位", on=date(2026, 3, 9))))
    assert (await state(supervised), await state(supervised, "supervision_case")) == ("cancelled", "closed")
    await supervised.tell(corrected(followed_by=1), reopened(), planned("a", "new", date(2026, 9, 30)))
    assert await state(supervised, "supervision_case") == "open"
    rows = await supervised.rows("SELECT state FROM obligation ORDER BY due_on")
    assert [row.state for row in rows] == ["missed", "open"]


async def test_a_hold_stands_or_falls_with_its_record(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 31)))
    await supervised.tell((PROJECT, ProjectHeld(project_id=PROJECT, reason="等批复", on=date(2026, 1, 5))))
    await supervised.tell(corrected())
    assert await state(supervised) == "open"
    await supervised.tell(corrected(hold_status="held"))
    assert await state(supervised) == "suspended"
    assert len(await supervised.events(OBLIGATION, kind=ObligationSuspended)) == 2


async def test_nobody_is_supervised_for_a_project_that_was_struck_off(supervised: Supervised) -> None:
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 3, 6)))
    await supervised.until("2026-03-09T10:00")
    await supervised.tell(corrected(hold_status="struck_off"))
    assert (await state(supervised), await state(supervised, "supervision_case")) == ("cancelled", "closed")
    (closed,) = await supervised.events(CASE, kind=CaseClosed)
    assert closed.reason == "项目更正：登记有误"
    await supervised.until("2026-04-30T10:00")
    assert len(await supervised.events(CASE, kind=CaseEscalated)) == 1
