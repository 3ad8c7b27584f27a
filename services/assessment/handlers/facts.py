"""The consumer's handler: intake's facts become obligations, end cases, change lights. Set-wise for up to 1000."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import commendation, tasks
from services.assessment.domain import obligation as obligations
from services.assessment.domain.directory import Directory
from services.assessment.domain.light import light_id
from services.assessment.domain.moments import china_date
from services.assessment.domain.project import id_in
from services.assessment.domain.reporting import reports_around
from services.assessment.domain.taking import take
from services.assessment.handlers import addressing
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import programme, states
from services.assessment.store import rules as kept
from shared.contracts.event import Event
from shared.contracts.programme import PROGRAMME
from shared.contracts.project_records import MilestoneReopened, ProjectCorrected, ProjectProfiled, ProjectReported
from shared.contracts.projects import (
    PROJECTS,
    MilestoneCancelled,
    MilestoneMet,
    MilestonePlanned,
    MilestoneReassigned,
    MilestoneReplanned,
    ProjectDelayed,
    ProjectEvent,
    ProjectHeld,
    ProjectResumed,
    ProjectRevised,
    ProjectTerminated,
    Stage,
    StageReached,
)
from shared.contracts.registers import TaskPlanned
from shared.kit.consuming.consumer import Fact

# By type: the events are pydantic models, which are slow to ask whether they are instances of another class.
Kinds = frozenset[type[ProjectEvent]]
_OF_CASE: Kinds = frozenset((MilestoneReplanned, MilestoneMet, MilestoneCancelled, MilestoneReopened))
_OF_MILESTONE = _OF_CASE | {MilestonePlanned, MilestoneReassigned, ProjectDelayed}
_OF_ALL_MILESTONES: Kinds = frozenset((ProjectHeld, ProjectResumed, ProjectTerminated, ProjectCorrected))
_STAGES: Kinds = frozenset(StageReached.__subclasses__())
_OF_REPORTS = _STAGES | {ProjectHeld, ProjectResumed, ProjectCorrected, ProjectProfiled, ProjectReported}
_OF_OTHERS = frozenset(tasks.FACTS)
_OF_LIGHT = _STAGES | _OF_ALL_MILESTONES | {MilestoneReplanned, MilestoneCancelled, MilestoneReopened}


async def apply(facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime, knowledge: Knowledge) -> None:
    """Take up to 1000 facts of any streams, in order for each aggregate; see `shared.kit.consuming.consumer.Handler`.

    Raises:
        UnknownProject: a milestone or stage of a project that was never recorded.
    """
    known = await knowledge.now(conn, now)
    directory = known.directory
    if learned := [fact for fact in facts if fact.event.topic == PROGRAMME]:
        directory = await _learn(learned, conn=conn)
        if known.current.is_by_category and _recategorised(known.directory, directory):
            await kept.count_again(conn=conn)
    told = [fact for fact in facts if fact.event.topic == PROJECTS or type(fact.event) in _OF_OTHERS]
    if not told:
        return
    desk = Desk.of(known, now, directory)
    await _load(told, desk, conn)
    for fact in told:
        take(fact.event, desk, china_date(fact.at))
    await desk.write(conn=conn, traceparent=_common_trace(facts))
    await addressing.note(desk, conn=conn)


async def _learn(facts: Sequence[Fact], *, conn: AsyncConnection) -> Any:
    """A directory of its own: what the transaction learned must vanish with it when it is rolled back."""
    directory = await programme.load(conn=conn)
    for fact in facts:
        directory.learn(fact.event, at=fact.at)
    await programme.save(directory, {fact.aggregate_id for fact in facts}, conn=conn)
    return directory


def _recategorised(before: Directory, after: Directory) -> bool:
    """Whether a chain's category became known, or another: work of its projects may be due by other rules."""
    return any(before.category_of(chain.id) != chain.category for chain in after.chains.values())


@dataclass(slots=True)
class _Needed:
    """What a batch touches. `of_all`: projects of which everything live is needed; `beside`: of which only reports
    and replies are; `of_others`: what stands in a project's place, of which everything is."""

    projects: set[UUID] = field(default_factory=set)
    of_all: set[UUID] = field(default_factory=set)
    of_others: set[UUID] = field(default_factory=set)
    beside: set[UUID] = field(default_factory=set)
    obligations: set[UUID] = field(default_factory=set)
    with_case: set[UUID] = field(default_factory=set)
    reopened: set[UUID] = field(default_factory=set)
    corrected: set[UUID] = field(default_factory=set)
    lights: set[UUID] = field(default_factory=set)


async def _load(facts: Iterable[Fact], desk: Desk, conn: AsyncConnection) -> None:
    needed = _Needed()
    for fact in facts:
        if fact.event.topic == PROJECTS:
            _note(cast(ProjectEvent, fact.event), china_date(fact.at), needed)
        else:
            _note_other(fact.event, needed)
    needed.with_case.update(await states.live_obligations_of(needed.of_all, conn=conn))
    needed.with_case.update(await states.obligations_of(needed.of_others, conn=conn))
    needed.with_case.update(await states.reports_and_replies_of(needed.beside, conn=conn))
    commended = await states.commended_of(needed.corrected, conn=conn)
    await desk.lock_and_load(
        obligation_ids=needed.obligations | needed.with_case | set(commended),
        with_cases_of=needed.with_case,
        light_ids=needed.lights,
        commendation_ids=[commendation.commendation_id(one) for one in needed.reopened.union(commended)],
        conn=conn,
    )
    await desk.load_projects(needed.projects | needed.of_others, conn=conn)


def _note(event: ProjectEvent, on: date, needed: _Needed) -> None:
    kind: Any = type(event)
    needed.projects.add(event.project_id)
    if kind in _OF_MILESTONE:
        into = needed.with_case if kind in _OF_CASE else needed.obligations
        into.add(obligations.id_of(cast(MilestoneMet, event).milestone_id))
        if kind is MilestoneReopened:
            needed.reopened.add(obligations.id_of(cast(MilestoneReopened, event).milestone_id))
    elif kind in _OF_ALL_MILESTONES or (kind is ProjectRevised and _moves(cast(ProjectRevised, event))):
        needed.of_all.add(event.project_id)
    if kind is ProjectCorrected:
        needed.corrected.add(event.project_id)
    if kind is ProjectReported:
        needed.with_case.update(reports_around(event.project_id, cast(ProjectReported, event).month))
    if kind in _OF_REPORTS:
        needed.obligations.update(reports_around(event.project_id, on))
    if kind in _OF_REPORTS or kind in _OF_CASE:
        needed.beside.add(event.project_id)
    if _touches_light(event):
        needed.lights.add(light_id(event.project_id))


def _note_other(event: Event, needed: _Needed) -> None:
    needed.of_others.add(id_in(event))
    if type(event) is TaskPlanned:
        needed.obligations.add(obligations.id_of(event.task_id))


def _moves(event: ProjectRevised) -> bool:
    """To another unit, or another chain, by whose rules open work is due."""
    return event.responsible_org_id is not None or event.chain_id is not None


def _touches_light(event: ProjectEvent) -> bool:
    if type(event) is MilestonePlanned:
        return event.stage is Stage.STARTED
    return type(event) in _OF_LIGHT


def _common_trace(facts: Sequence[Fact]) -> str | None:
    """The batch's own facts stand in one trace only when all that caused them do."""
    traces = {fact.traceparent for fact in facts}
    return traces.pop() if len(traces) == 1 else None
