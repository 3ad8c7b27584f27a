"""What tasks of measures and filings, requests of enterprises and common problems do to supervision.

A request, or a problem, is to be answered once more for each assignment that follows an answer: every round is an
obligation of its own, numbered within it.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid5

from services.assessment.domain import obligation as obligations
from services.assessment.domain import owing
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.domain.work import Work
from shared.contracts.event import Event
from shared.contracts.registers import TaskCancelled, TaskKind, TaskMet, TaskPlanned, TaskReassigned, TaskReplanned
from shared.contracts.requests import (
    ProblemAnswered,
    ProblemGathered,
    ProblemJoined,
    ProblemReassigned,
    RequestAnswered,
    RequestAssigned,
    RequestRaised,
    RequestWithdrawn,
)
from shared.contracts.supervision import ObligationKind

DONE = "任务已完成"
ANSWERED = "已答复"
NAMES = {ObligationKind.REQUEST: "答复企业诉求", ObligationKind.PROBLEM: "答复共性问题"}
_KINDS = {
    TaskKind.MEASURE: ObligationKind.MEASURE,
    TaskKind.STEP: ObligationKind.STEP,
    TaskKind.FILING: ObligationKind.FILING,
}
Assigned = RequestAssigned | ProblemGathered


def round_of(subject_id: UUID, number: int) -> UUID:
    """What is due in a request's or a problem's round, counted from 1: the `milestone_id` of its obligation."""
    return uuid5(subject_id, f"round:{number}")


def _planned(event: TaskPlanned, of: Project, work: Work, on: date) -> None:
    id, due_on = obligations.id_of(event.task_id), event.due_on
    if id in work.obligations:
        return
    owed = Obligation(id, event.task_id, of.id, event.name, due_on, due_on, event.responsible_post_id)
    owing.begin(owed._replace(kind=_KINDS[event.kind], org_id=event.responsible_org_id), work, on)


def _replanned(event: TaskReplanned, of: Project, work: Work, on: date) -> None:
    if task := _task(event.task_id, work):
        owing.move(task, event.due_on, work, on)


def _reassigned(event: TaskReassigned, of: Project, work: Work, on: date) -> None:
    if task := _task(event.task_id, work):
        owing.reassign(task, event.responsible_post_id, event.responsible_org_id, work, on)


def _met(event: TaskMet, of: Project, work: Work, on: date) -> None:
    if task := _task(event.task_id, work):
        owing.meet(task, event.met_on, DONE, work, on)


def _cancelled(event: TaskCancelled, of: Project, work: Work, on: date) -> None:
    if task := _task(event.task_id, work):
        owing.cancel(task, f"任务取消：{event.reason}", work, on)


def _task(task_id: UUID, work: Work) -> Obligation | None:
    return work.obligations.get(obligations.id_of(task_id))


def _assigned(event: RequestAssigned, of: Project, work: Work, on: date) -> None:
    """Of a common problem the problem is what is due, whichever requests it answers."""
    round = _round(of, work)
    if event.problem_id is None:
        _owe(event, ObligationKind.REQUEST, round, of, work, on)
    elif round is not None:
        owing.cancel(round, "并入共性问题办理", work, on)


def _answered(event: RequestAnswered | ProblemAnswered, of: Project, work: Work, on: date) -> None:
    if round := _round(of, work):
        owing.meet(round, event.answered_on, ANSWERED, work, on)


def _withdrawn(event: RequestWithdrawn, of: Project, work: Work, on: date) -> None:
    if round := _round(of, work):
        owing.cancel(round, f"企业撤回诉求：{event.reason}", work, on)


def _gathered(event: ProblemGathered, of: Project, work: Work, on: date) -> None:
    _owe(event, ObligationKind.PROBLEM, None, of, work, on)


def _joined(event: ProblemJoined, of: Project, work: Work, on: date) -> None:
    """Where it was answered already, it is to be answered again, by those who answered for it last."""
    if round := _round(of, work):
        owing.move(round, event.due_on, work, on)
        return
    if last := _last(of, work):
        owing.begin(_next(last, of, work)._replace(due_on=event.due_on, planned_on=event.due_on), work, on)


def _given(event: ProblemReassigned, of: Project, work: Work, on: date) -> None:
    if round := _round(of, work):
        owing.reassign(round, event.responsible_post_id, event.responsible_org_id, work, on)


def _owe(event: Assigned, kind: ObligationKind, round: Obligation | None, of: Project, work: Work, on: date) -> None:
    post_id, org_id, due_on = event.responsible_post_id, event.responsible_org_id, event.due_on
    if round is not None:
        if (post_id, org_id) != (round.post_id, round.org_id):
            round = owing.reassign(round, post_id, org_id, work, on)
        if due_on != round.due_on:
            owing.move(round, due_on, work, on)
        return
    due_id = round_of(of.id, len(_rounds(of, work)) + 1)
    owed = Obligation(obligations.id_of(due_id), due_id, of.id, NAMES[kind], due_on, due_on, post_id)
    owing.begin(owed._replace(kind=kind, org_id=org_id), work, on)


def _next(last: Obligation, of: Project, work: Work) -> Obligation:
    due_id = round_of(of.id, len(_rounds(of, work)) + 1)
    fresh = Obligation(obligations.id_of(due_id), due_id, of.id, last.name, last.due_on, last.due_on, last.post_id)
    return fresh._replace(kind=last.kind, org_id=last.org_id)


def _rounds(of: Project, work: Work) -> list[Obligation]:
    """In their order."""
    at_hand = work.of_project.get(of.id, ())
    by_number = (obligations.id_of(round_of(of.id, number)) for number in range(1, len(at_hand) + 1))
    return [work.obligations[id] for id in by_number]


def _last(of: Project, work: Work) -> Obligation | None:
    rounds = _rounds(of, work)
    return rounds[-1] if rounds else None


def _round(of: Project, work: Work) -> Obligation | None:
    """The one that is still to be answered."""
    last = _last(of, work)
    return last if last is not None and last.state not in obligations.FINAL else None


TAKE: Mapping[type[Event], Callable[[Any, Project, Work, date], None]] = {
    TaskPlanned: _planned,
    TaskReplanned: _replanned,
    TaskReassigned: _reassigned,
    TaskMet: _met,
    TaskCancelled: _cancelled,
    RequestAssigned: _assigned,
    RequestAnswered: _answered,
    RequestWithdrawn: _withdrawn,
    ProblemGathered: _gathered,
    ProblemJoined: _joined,
    ProblemReassigned: _given,
    ProblemAnswered: _answered,
}
"""What each fact does; the obligations of what it is about are at hand, with their cases."""

FACTS: tuple[type[Event], ...] = (RequestRaised, *TAKE)
"""What is heard of registers and requests; others of these topics are not about what is due."""
