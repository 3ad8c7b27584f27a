"""The consumer's handler: intake's facts become obligations, end cases, change lights. Set-wise for up to 1000."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import case as cases
from services.assessment.domain import commendation
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain import project as projections
from services.assessment.domain.light import light_id
from services.assessment.domain.moments import china_date
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.handlers import addressing
from services.assessment.handlers.desk import Desk, planned_anew
from services.assessment.handlers.known import Knowledge
from services.assessment.store import programme, states
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
from shared.kit.errors import NotFound

# By type: the events are pydantic models, which are slow to ask whether they are instances of another class.
Kinds = frozenset[type[ProjectEvent]]
_OF_CASE: Kinds = frozenset((MilestoneMet, MilestoneCancelled, MilestoneReopened))
_OF_MILESTONE = _OF_CASE | {MilestonePlanned, MilestoneReplanned, MilestoneReassigned, ProjectDelayed}
_OF_ALL_MILESTONES: Kinds = frozenset((ProjectHeld, ProjectResumed, ProjectTerminated, ProjectCorrected))
_STAGES: Kinds = frozenset(StageReached.__subclasses__())
_OF_LIGHT = _STAGES | _OF_ALL_MILESTONES | {MilestoneReplanned, MilestoneCancelled, MilestoneReopened}


_CORRECTED = "原记录已更正"


class UnknownProject(NotFound):
    """A fact about a project whose recording never came: its stream is broken, so it is parked."""

    def __init__(self, project_id: UUID) -> None:
        super().__init__("没有该项目的登记事实", project_id=str(project_id))


async def apply(facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime, knowledge: Knowledge) -> None:
    """Take up to 1000 facts of any streams, in order for each aggregate; see `shared.kit.consuming.consumer.Handler`.

    Raises:
        UnknownProject: a milestone or stage of a project that was never recorded.
    """
    known = await knowledge.now(conn, now)
    directory = known.directory
    if learned := [fact for fact in facts if fact.event.topic == PROGRAMME]:
        directory = await _learn(learned, conn=conn)
    told = [(fact, cast(ProjectEvent, fact.event)) for fact in facts if fact.event.topic == PROJECTS]
    if not told:
        return
    desk = Desk.of(known, now, directory)
    await _load([event for _, event in told], desk, conn)
    for fact, event in told:
        _take(event, desk, china_date(fact.at))
    await desk.write(conn=conn, traceparent=_common_trace(facts))
    await addressing.note(desk, conn=conn)


async def _learn(facts: Sequence[Fact], *, conn: AsyncConnection) -> Any:
    """A directory of its own: what the transaction learned must vanish with it when it is rolled back."""
    directory = await programme.load(conn=conn)
    for fact in facts:
        directory.learn(fact.event, at=fact.at)
    await programme.save(directory, {fact.aggregate_id for fact in facts}, conn=conn)
    return directory


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
        elif kind in _OF_ALL_MILESTONES or (kind is ProjectRevised and cast(ProjectRevised, event).responsible_org_id):
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


def _touches_light(event: ProjectEvent) -> bool:
    if type(event) is MilestonePlanned:
        return event.stage is Stage.STARTED
    return type(event) in _OF_LIGHT


def _take(event: ProjectEvent, desk: Desk, on: date) -> None:
    before = desk.projects.get(event.project_id)
    project = projections.fold(before, event)
    if project is None:
        raise UnknownProject(event.project_id)
    if project is not before:
        desk.put_project(project)
    if type(event) is ProjectCorrected and before is not None:
        _corrected(event, before, project, desk, on)
    elif (take := _TAKE.get(type(event))) is not None:
        take(event, project, desk, on)


def _revised(event: ProjectRevised, project: Project, desk: Desk, on: date) -> None:
    """Open work follows the project to another unit; a new name or chain shows with the next message by itself."""
    if event.responsible_org_id is None:
        return
    for one in _of(project, desk):
        if events := obligations.reassign(one, one.post_id, project):
            desk.on_obligation(one, events, on=on)


def _corrected(event: ProjectCorrected, before: Project, project: Project, desk: Desk, on: date) -> None:
    """What the correction did to the timetable follows as facts of its own; here is what it did to the project."""
    if project.ended:
        _end(f"项目更正：{event.reason}", project, desk, on)
    elif project.held and not before.held:
        _hold(event.reason, project, desk, on)
    elif before.held and not project.held:
        _resumed(event, project, desk, on)
    _review_start(project, desk, on)


def _reopened(event: MilestoneReopened, project: Project, desk: Desk, on: date) -> None:
    """The record that had met or cancelled it was corrected: it is supervised again, with its case."""
    obligation = desk.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is None or not obligation.allows(obligations.Verb.REOPEN):
        return
    case = desk.cases.get(obligation.case_id)
    again = obligations.reopen(obligation, desk.rules, had_case=case is not None, reason=_CORRECTED)
    obligation = desk.on_obligation(obligation, again, on=on)
    if case is not None:
        rules = desk.rules_of(case)
        desk.on_case(
            case, cases.reopen(case, obligation, project, desk.directory, rules, reason=_CORRECTED, on=on), on=on
        )
    if commendation.commendation_id(obligation.id) in desk.proposed:
        desk.on_commendation(
            commendation.withdraw(obligation, project, desk.directory, desk.rules, reason=_CORRECTED, on=on)
        )
    if project.held:
        _suspend(obligation, "项目停缓建", desk, on)
    light = desk.lights.get(light_id(project.id))
    if light is not None and light.milestone_id == event.milestone_id and not project.is_started:
        _watch_start(project, light.milestone_id, light.planned_on, desk, on)


def _stage_reached(event: StageReached, project: Project, desk: Desk, on: date) -> None:
    _review_start(project, desk, on)


def _review_start(project: Project, desk: Desk, on: date) -> None:
    """The light of a project that has started is out."""
    light = desk.lights.get(light_id(project.id))
    if light is not None and project.is_started and light.allows(lights.Verb.END):
        ended = lights.end(light)
        desk.on_light(ended, lights.review(ended, project, desk.rules, on=on))


def _held(event: ProjectHeld, project: Project, desk: Desk, on: date) -> None:
    _hold(event.reason, project, desk, on)


def _hold(reason: str, project: Project, desk: Desk, on: date) -> None:
    for one in _of(project, desk):
        _suspend(one, reason, desk, on)
    light = desk.lights.get(light_id(project.id))
    if light is not None and light.allows(lights.Verb.SUSPEND):
        desk.on_light(lights.suspend(light, on=on), ())


def _suspend(obligation: Obligation, reason: str, desk: Desk, on: date) -> None:
    if events := obligations.suspend(obligation, reason=reason):
        desk.on_obligation(obligation, events, on=on)
    case = desk.cases.get(obligation.case_id)
    if case is not None and case.allows(cases.Verb.SUSPEND):
        desk.on_case(case, cases.suspend(case, reason=f"项目停缓建：{reason}"), on=on)


def _resumed(_: ProjectResumed | ProjectCorrected, project: Project, desk: Desk, on: date) -> None:
    for one in _of(project, desk):
        if events := obligations.resume(one, desk.rules, on=on):
            desk.on_obligation(one, events, on=on)
        case = desk.cases.get(one.case_id)
        if case is not None and case.allows(cases.Verb.RESUME):
            desk.on_case(case, cases.resume(case, desk.rules_of(case), on=on), on=on)
    light = desk.lights.get(light_id(project.id))
    if light is not None and light.allows(lights.Verb.RESUME):
        desk.on_light(lights.resume(light, on=on), ())


def _terminated(event: ProjectTerminated, project: Project, desk: Desk, on: date) -> None:
    _end(f"项目终止：{event.reason}", project, desk, on)


def _end(reason: str, project: Project, desk: Desk, on: date) -> None:
    for one in _of(project, desk):
        _cancel(one, reason, project, desk, on)
    light = desk.lights.get(light_id(project.id))
    if light is not None and light.allows(lights.Verb.END):
        desk.on_light(lights.end(light), ())


def _planned(event: MilestonePlanned, project: Project, desk: Desk, on: date) -> None:
    if project.ended or obligations.id_of(event.milestone_id) in desk.obligations:
        return
    new = obligations.opened(event, project)
    opened = desk.on_obligation(new, obligations.plan(new, project, desk.rules), on=on)
    if project.held:
        _suspend(opened, "项目停缓建", desk, on)
    if event.stage is Stage.STARTED:
        _watch_start(project, event.milestone_id, event.due_on, desk, on)


def _replanned(event: MilestoneReplanned, project: Project, desk: Desk, on: date) -> None:
    obligation = desk.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is None:
        return
    events = obligations.move(obligation, event.due_on, desk.rules, on=on)
    if not events:
        return
    moved = desk.on_obligation(obligation, events, on=on)
    if moved.due_on != event.due_on:
        return
    desk.put_obligation(planned_anew(moved, event.due_on))
    light = desk.lights.get(light_id(project.id))
    if light is not None and light.milestone_id == event.milestone_id:
        _watch_start(project, event.milestone_id, event.due_on, desk, on)


def _watch_start(project: Project, milestone_id: UUID, planned_on: date, desk: Desk, on: date) -> None:
    light = lights.plan(desk.lights.get(light_id(project.id)), project, milestone_id, planned_on, on=on)
    desk.on_light(light, lights.review(light, project, desk.rules, on=on))


def _reassigned(event: MilestoneReassigned, project: Project, desk: Desk, on: date) -> None:
    obligation = desk.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is not None and (events := obligations.reassign(obligation, event.responsible_post_id, project)):
        desk.on_obligation(obligation, events, on=on)


def _met(event: MilestoneMet, project: Project, desk: Desk, on: date) -> None:
    obligation = desk.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is None or not obligation.allows(obligations.Verb.MEET):
        return
    proposed = commendation.propose(obligation, project, desk.directory, desk.rules, met_on=event.met_on, on=desk.on)
    met = desk.on_obligation(obligation, obligations.meet(obligation, event.met_on, desk.rules), on=on)
    _close(met, "节点已完成", project, desk, on)
    if proposed:
        desk.on_commendation(proposed)


def _cancelled(event: MilestoneCancelled, project: Project, desk: Desk, on: date) -> None:
    obligation = desk.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is not None:
        _cancel(obligation, f"节点取消：{event.reason}", project, desk, on)
    light = desk.lights.get(light_id(project.id))
    if light is not None and light.milestone_id == event.milestone_id and light.allows(lights.Verb.END):
        ended = lights.end(light)
        desk.on_light(ended, lights.review(ended, project, desk.rules, on=on))


def _delayed(event: ProjectDelayed, project: Project, desk: Desk, on: date) -> None:
    obligation = desk.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is not None and obligation.state not in obligations.FINAL:
        desk.put_obligation(obligation._replace(expected_on=event.expected_on, delay_reason=event.reason))


def _cancel(obligation: Obligation, reason: str, project: Project, desk: Desk, on: date) -> None:
    if events := obligations.cancel(obligation, reason=reason):
        cancelled = desk.on_obligation(obligation, events, on=on)
        _close(cancelled, reason, project, desk, on)


def _close(obligation: Obligation, reason: str, project: Project, desk: Desk, on: date) -> None:
    case = desk.cases.get(obligation.case_id)
    if case is None or not case.allows(cases.Verb.CLOSE):
        return
    events = cases.close(case, obligation, project, desk.directory, desk.rules_of(case), reason=reason, on=on)
    desk.on_case(case, events, on=on)


def _of(project: Project, desk: Desk) -> list[Obligation]:
    return [desk.obligations[one] for one in sorted(desk.of_project.get(project.id, ()))]


def _common_trace(facts: Sequence[Fact]) -> str | None:
    """The batch's own facts stand in one trace only when all that caused them do."""
    traces = {fact.traceparent for fact in facts}
    return traces.pop() if len(traces) == 1 else None


_TAKE: Mapping[type[ProjectEvent], Callable[[Any, Project, Desk, date], None]] = {
    **dict.fromkeys(_STAGES, _stage_reached),
    ProjectRevised: _revised,
    ProjectHeld: _held,
    ProjectResumed: _resumed,
    ProjectTerminated: _terminated,
    ProjectDelayed: _delayed,
    MilestonePlanned: _planned,
    MilestoneReplanned: _replanned,
    MilestoneReassigned: _reassigned,
    MilestoneMet: _met,
    MilestoneCancelled: _cancelled,
    MilestoneReopened: _reopened,
}
