"""The consumer's handler: intake's facts become obligations, end cases, change lights. Set-wise for up to 1000."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import commendation
from services.assessment.domain import obligation as obligations
from services.assessment.domain.directory import Directory
from services.assessment.domain.light import light_id
from services.assessment.domain.moments import china_date
from services.assessment.domain.taking import take
from services.assessment.handlers import addressing
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import programme, states
from services.assessment.store import rules as kept
from shared.contracts.programme import PROGRAMME
from shared.contracts.project_records import MilestoneReopened, ProjectCorrected
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
from shared.kit.consuming.consumer import Fact

# By type: the events are pydantic models, which are slow to ask whether they are instances of another class.
Kinds = frozenset[type[ProjectEvent]]
_OF_CASE: Kinds = frozenset((MilestoneMet, MilestoneCancelled, MilestoneReopened))
_OF_MILESTONE = _OF_CASE | {MilestonePlanned, MilestoneReplanned, MilestoneReassigned, ProjectDelayed}
_OF_ALL_MILESTONES: Kinds = frozenset((ProjectHeld, ProjectResumed, ProjectTerminated, ProjectCorrected))
_STAGES: Kinds = frozenset(StageReached.__subclasses__())
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
    told = [(fact, cast(ProjectEvent, fact.event)) for fact in facts if fact.event.topic == PROJECTS]
    if not told:
        return
    desk = Desk.of(known, now, directory)
    await _load([event for _, event in told], desk, conn)
    for fact, event in told:
        take(event, desk, china_date(fact.at))
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


async def _load(events: Iterable[ProjectEvent], desk: Desk, conn: AsyncConnection) -> None:
    project_ids: set[UUID] = set()
    of_all: set[UUID] = set()
    obligation_ids: set[UUID] = set()
    with_case: set[UUID] = set()
    reopened: set[UUID] = set()
    light_ids: set[UUID] = set()
    for event in events:
        kind: Any = type(event)
        project_ids.add(event.project_id)
        if kind in _OF_MILESTONE:
            into = with_case if kind in _OF_CASE else obligation_ids
            into.add(obligations.id_of(cast(MilestoneMet, event).milestone_id))
            if kind is MilestoneReopened:
                reopened.add(obligations.id_of(cast(MilestoneReopened, event).milestone_id))
        elif kind in _OF_ALL_MILESTONES or (kind is ProjectRevised and _moves(cast(ProjectRevised, event))):
            of_all.add(event.project_id)
        if _touches_light(event):
            light_ids.add(light_id(event.project_id))
    with_case.update(await states.live_obligations_of(of_all, conn=conn))
    await desk.lock_and_load(
        obligation_ids=obligation_ids | with_case,
        with_cases_of=with_case,
        light_ids=light_ids,
        commendation_ids=[commendation.commendation_id(one) for one in reopened],
        conn=conn,
    )
    await desk.load_projects(project_ids, conn=conn)


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
