"""Monthly reports: a project under construction owes one by the policy's day of each month.

There is always one that is still to come: the next is owed as soon as the last is handed in, or late. What is held,
ended, or no longer under construction owes no further one.
"""

from datetime import date
from uuid import UUID, uuid5

from services.assessment.domain import obligation as obligations
from services.assessment.domain import owing
from services.assessment.domain.moments import first_of_next_month
from services.assessment.domain.obligation import Obligation, State
from services.assessment.domain.project import Project
from services.assessment.domain.work import Work
from shared.contracts.project_records import ProjectReported
from shared.contracts.supervision import ObligationKind

HANDED_IN = "月报已报送"
_AGAIN = "项目恢复月报"
_AHEAD = 3


def report_id(project_id: UUID, month: date) -> UUID:
    """The id of the obligation of a month's report."""
    return obligations.id_of(_due_id(project_id, month))


def reports_around(project_id: UUID, on: date) -> list[UUID]:
    """The obligations that may be the one to come on a day, where the project owed reports before."""
    months = [on.replace(day=1)]
    while len(months) < _AHEAD:
        months.append(first_of_next_month(months[-1]))
    return [report_id(project_id, month) for month in months]


def owes(project: Project) -> bool:
    return project.is_under_construction and not project.held and not project.ended and project.reported_by is not None


def begin(project: Project, work: Work, on: date) -> None:
    """It owes reports from the day `on`: the first whose day is still to come, and not before supervision began."""
    since = max(on, work.rules.began_on)
    month = since.replace(day=1)
    if since > _due_on(month, project, work):
        month = first_of_next_month(month)
    while (known := work.obligations.get(report_id(project.id, month))) and known.state is State.MET:
        month = first_of_next_month(month)
    if known is None:
        _owe(month, project, work, on)
    elif known.state is State.CANCELLED:
        again = obligations.reopen(known, work.rules_for(known), had_case=False, reason=_AGAIN)
        work.on_obligation(known, again, on=on)


def stop(project: Project, work: Work, on: date, *, reason: str) -> None:
    """Nothing further is owed; what is late stays late."""
    for one in _open(project, work):
        owing.cancel(one, reason, work, on)


def hand_in(event: ProjectReported, project: Project, work: Work, on: date) -> None:
    report = work.obligations.get(report_id(project.id, event.month))
    if report is None:
        # Nobody asked for it: the policy did not, when it began to be under construction.
        if owes(project) and not _open(project, work):
            begin(project, work, max(on, first_of_next_month(event.month)))
        return
    was_to_come = report.state is State.OPEN
    if owing.meet(report, on, HANDED_IN, work, on) and was_to_come:
        follow(report, work, on)


def follow(report: Obligation, work: Work, on: date) -> None:
    """The next month's, after this one."""
    project = work.projects[report.project_id]
    if owes(project):
        _owe(first_of_next_month(report.planned_on), project, work, on)


def reassign(project: Project, work: Work, on: date) -> None:
    """Another post answers for the reports."""
    for one in _open(project, work):
        if project.reported_by not in (None, one.post_id) and project.org_id:
            owing.reassign(one, project.reported_by or one.post_id, project.org_id, work, on)


def _owe(month: date, project: Project, work: Work, on: date) -> None:
    rules = work.rules.for_(work.directory.category_of(project.chain_id), project.kind, ObligationKind.REPORT)
    if not rules.policy.reports_are_supervised or project.reported_by is None:
        return
    due_id, due_on = _due_id(project.id, month), month.replace(day=rules.policy.report_day)
    id, name = obligations.id_of(due_id), f"{month.year}年{month.month}月月报"
    if id not in work.obligations:
        owed = Obligation(id, due_id, project.id, name, due_on, due_on, project.reported_by)
        owing.begin(owed._replace(kind=ObligationKind.REPORT), work, on)


def _open(project: Project, work: Work) -> list[Obligation]:
    of = (work.obligations[one] for one in sorted(work.of_project.get(project.id, ())))
    return [one for one in of if one.kind is ObligationKind.REPORT and one.state is State.OPEN]


def _due_on(month: date, project: Project, work: Work) -> date:
    rules = work.rules.for_(work.directory.category_of(project.chain_id), project.kind, ObligationKind.REPORT)
    return month.replace(day=rules.policy.report_day)


def _due_id(project_id: UUID, month: date) -> UUID:
    return uuid5(project_id, f"report:{month:%Y-%m}")
