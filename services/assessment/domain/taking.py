"""What each of intake's facts does to supervision: it opens, moves and ends obligations, cases and lights."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from services.assessment.domain import amending, commendation, owing, reporting, tasks
from services.assessment.domain import case as cases
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain import project as projections
from services.assessment.domain.light import light_id
from services.assessment.domain.names import day
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.domain.work import Work
from shared.contracts.event import Event
from shared.contracts.project_records import MilestoneReopened, ProjectCorrected, ProjectProfiled, ProjectReported
from shared.contracts.projects import (
    PROJECTS,
    MilestoneCancelled,
    MilestoneMet,
    MilestonePlanned,
    MilestoneReassigned,
    MilestoneReplanned,
    ProjectDelayed,
    ProjectHeld,
    ProjectResumed,
    ProjectRevised,
    ProjectTerminated,
    Stage,
    StageReached,
)
from shared.kit.errors import NotFound

_CORRECTED = "原记录已更正"
_NO_REPORTS = "项目不在建或已停缓建，不再报送月报"


class UnknownProject(NotFound):
    """A fact about a project whose recording never came: its stream is broken, so it is parked."""

    def __init__(self, project_id: UUID) -> None:
        super().__init__("没有该项目的登记事实", project_id=str(project_id))


def take(event: Event, work: Work, on: date) -> None:
    """Take one fact of the day `on`.

    Raises:
        UnknownProject: a milestone or stage of a project that was never recorded.
    """
    about = projections.id_in(event)
    before = work.projects.get(about)
    project = projections.fold(before, event)
    if project is None:
        if event.topic == PROJECTS:
            raise UnknownProject(about)
        return  # planned before anybody listened to registers and requests
    if project is not before:
        work.put_project(project)
    owed_reports, owes_reports = before is not None and reporting.owes(before), reporting.owes(project)
    if owed_reports and not owes_reports:
        reporting.stop(project, work, on, reason=_NO_REPORTS)
    if type(event) is ProjectCorrected and before is not None:
        _corrected(event, before, project, work, on)
    elif (follow := _TAKE.get(type(event))) is not None:
        follow(event, project, work, on)
    if owes_reports and not owed_reports:
        reporting.begin(project, work, on)


def _revised(event: ProjectRevised, project: Project, work: Work, on: date) -> None:
    """Open work follows the project to another unit, and is due by the rules of another chain; a new name shows with
    the next message by itself."""
    for one in _of(project, work):
        org_id = event.responsible_org_id
        events = obligations.reassign(one, one.post_id, org_id) if org_id else []
        if events or (event.chain_id and one.state not in obligations.FINAL):
            work.on_obligation(one, events, on=on)


def _corrected(event: ProjectCorrected, before: Project, project: Project, work: Work, on: date) -> None:
    """What the correction did to the timetable follows as facts of its own; here is what it did to the project."""
    if project.ended:
        _end(f"项目更正：{event.reason}", project, work, on)
        if event.stands.hold_status == projections.STRUCK_OFF:
            for one in _of(project, work):
                _take_back(one, project, work, reason=f"项目更正：{event.reason}")
    elif project.held and not before.held:
        _hold(event.reason, project, work, on)
    elif before.held and not project.held:
        _resumed(event, project, work, on)
    _review_start(project, work, on)


def _reopened(event: MilestoneReopened, project: Project, work: Work, on: date) -> None:
    """The record that had met or cancelled it was corrected: it is supervised again, with its case."""
    obligation = work.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is None or not obligation.allows(obligations.Verb.REOPEN):
        return
    case = work.cases.get(obligation.case_id) if obligation.missed_on else None
    again = obligations.reopen(obligation, work.rules_for(obligation), had_case=case is not None, reason=_CORRECTED)
    obligation = work.on_obligation(obligation, again, on=on)
    if case is not None:
        rules = work.rules_of(case)
        given: Any = {"reason": _CORRECTED, "on": on, "today": work.on}
        work.on_case(case, cases.reopen(case, obligation, project, work.directory, rules, **given), on=on)
    _take_back(obligation, project, work, reason=_CORRECTED)
    if project.held:
        _suspend(obligation, "项目停缓建", work, on)
    light = work.lights.get(light_id(project.id))
    if light is not None and light.milestone_id == event.milestone_id and not project.is_started:
        _watch_start(project, light.milestone_id, light.planned_on, work, on)


def _take_back(obligation: Obligation, project: Project, work: Work, *, reason: str) -> None:
    """The record that a commendation rests on does not hold."""
    one = work.commendations.get(commendation.commendation_id(obligation.id))
    event = one and commendation.take_back(
        one, obligation, project, work.directory, work.rules, reason=reason, on=work.on
    )
    if event:
        work.on_commendation(event)


def _stage_reached(event: StageReached, project: Project, work: Work, on: date) -> None:
    _review_start(project, work, on)


def _review_start(project: Project, work: Work, on: date) -> None:
    """The light of a project that has started is out."""
    light = work.lights.get(light_id(project.id))
    if light is not None and project.is_started and light.allows(lights.Verb.END):
        ended = lights.end(light)
        work.on_light(ended, lights.review(ended, project, work.rules_of_project(project), on=on))


def _held(event: ProjectHeld, project: Project, work: Work, on: date) -> None:
    _hold(event.reason, project, work, on)


def _hold(reason: str, project: Project, work: Work, on: date) -> None:
    for one in _of(project, work):
        _suspend(one, reason, work, on)
    light = work.lights.get(light_id(project.id))
    if light is not None and light.allows(lights.Verb.SUSPEND):
        work.on_light(lights.suspend(light, on=on), ())


def _suspend(obligation: Obligation, reason: str, work: Work, on: date) -> None:
    obligation = amending.put_right(obligation, "项目已停缓建", work, on)
    if events := obligations.suspend(obligation, reason=reason):
        work.on_obligation(obligation, events, on=on)
    case = work.cases.get(obligation.case_id)
    if case is not None and case.allows(cases.Verb.SUSPEND):
        work.on_case(case, cases.suspend(case, reason=f"项目停缓建：{reason}"), on=on)


def _resumed(_: ProjectResumed | ProjectCorrected, project: Project, work: Work, on: date) -> None:
    for one in _of(project, work):
        if events := obligations.resume(one, work.rules_for(one), on=on):
            work.on_obligation(one, events, on=on)
        case = work.cases.get(one.case_id)
        if case is not None and case.allows(cases.Verb.RESUME):
            work.on_case(case, cases.resume(case, work.rules_of(case), on=on), on=on)
    light = work.lights.get(light_id(project.id))
    if light is not None and light.allows(lights.Verb.RESUME):
        work.on_light(lights.resume(light, on=on), ())


def _terminated(event: ProjectTerminated, project: Project, work: Work, on: date) -> None:
    _end(f"项目终止：{event.reason}", project, work, on)


def _end(reason: str, project: Project, work: Work, on: date) -> None:
    for one in _of(project, work):
        owing.cancel(one, reason, work, on)
    light = work.lights.get(light_id(project.id))
    if light is not None and light.allows(lights.Verb.END):
        work.on_light(lights.end(light), ())


def _planned(event: MilestonePlanned, project: Project, work: Work, on: date) -> None:
    if project.ended or obligations.id_of(event.milestone_id) in work.obligations:
        return
    new = obligations.opened(event, project)
    opened = owing.begin(new, work, on)
    if project.held:
        _suspend(opened, "项目停缓建", work, on)
    if event.stage is Stage.STARTED:
        _watch_start(project, event.milestone_id, event.due_on, work, on)


def _replanned(event: MilestoneReplanned, project: Project, work: Work, on: date) -> None:
    obligation = work.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is None or not owing.move(obligation, event.due_on, work, on):
        return
    light = work.lights.get(light_id(project.id))
    if light is not None and light.milestone_id == event.milestone_id:
        _watch_start(project, event.milestone_id, event.due_on, work, on)


def _watch_start(project: Project, milestone_id: UUID, planned_on: date, work: Work, on: date) -> None:
    light = lights.plan(work.lights.get(light_id(project.id)), project, milestone_id, planned_on, on=on)
    work.on_light(light, lights.review(light, project, work.rules_of_project(project), on=on))


def _reassigned(event: MilestoneReassigned, project: Project, work: Work, on: date) -> None:
    obligation = work.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is not None and project.org_id is not None:
        owing.reassign(obligation, event.responsible_post_id, project.org_id, work, on)


def _profiled(event: ProjectProfiled, project: Project, work: Work, on: date) -> None:
    reporting.reassign(project, work, on)


def _reported(event: ProjectReported, project: Project, work: Work, on: date) -> None:
    reporting.hand_in(event, project, work, on)


def _met(event: MilestoneMet, project: Project, work: Work, on: date) -> None:
    if obligation := work.obligations.get(obligations.id_of(event.milestone_id)):
        owing.meet(obligation, event.met_on, _how_met(obligation, event.met_on), work, on)


def _how_met(obligation: Obligation, met_on: date) -> str:
    return "节点已完成" if met_on > obligation.due_on else f"节点已于{day(met_on)}按期完成"


def _cancelled(event: MilestoneCancelled, project: Project, work: Work, on: date) -> None:
    obligation = work.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is not None:
        owing.cancel(obligation, f"节点取消：{event.reason}", work, on)
    light = work.lights.get(light_id(project.id))
    if light is not None and light.milestone_id == event.milestone_id and light.allows(lights.Verb.END):
        ended = lights.end(light)
        work.on_light(ended, lights.review(ended, project, work.rules_of_project(project), on=on))


def _delayed(event: ProjectDelayed, project: Project, work: Work, on: date) -> None:
    obligation = work.obligations.get(obligations.id_of(event.milestone_id))
    if obligation is not None and (events := obligations.delay(obligation, event.expected_on, event.reason)):
        work.on_obligation(obligation, events, on=on)


def _of(project: Project, work: Work) -> list[Obligation]:
    return [work.obligations[one] for one in sorted(work.of_project.get(project.id, ()))]


_TAKE: Mapping[type[Event], Callable[[Any, Project, Work, date], None]] = {
    **dict.fromkeys(StageReached.__subclasses__(), _stage_reached),
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
    ProjectProfiled: _profiled,
    ProjectReported: _reported,
    **tasks.TAKE,
}
