"""The monthly report: investment completed, funds in place, 形象进度; never backwards, never beyond the total.

Money in whole 万元, as it stands at the month's end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from uuid import UUID

from services.intake.domain.errors import AmountNotAllowed, DateNotAllowed
from services.intake.domain.projects.project import Project, require_changeable, require_text
from services.intake.domain.terms import STAGE_NAMES, STAGES
from shared.contracts.event import Event
from shared.contracts.project_records import ProjectReported
from shared.contracts.projects import Stage
from shared.kit.errors import Conflict, NotAllowed


class ReportNotAllowed(Conflict):
    """The project's months are reported in order, from its signing on."""


class NotYourReport(NotAllowed):
    """The caller does not hold the post that answers for the project's reports."""

    def __init__(self, post_id: UUID) -> None:
        super().__init__("月报由报送岗位的任职人员报送，您不在该岗位任职", post_id=str(post_id))


@dataclass(frozen=True, slots=True)
class Report:
    """A month's report as it stands; `month` is its first day, `post_id` who answers for it."""

    project_id: UUID
    month: date
    completed_in_month_wan: int
    completed_to_date_wan: int
    funds_in_place_wan: int
    visual_progress: str
    post_id: UUID | None
    reported_on: date
    actor: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a month's report says. `completed_to_date_wan`: None: the month before plus this month."""

    completed_in_month_wan: int
    completed_to_date_wan: int | None
    funds_in_place_wan: int
    visual_progress: str


def figures_of(said: Report | ProjectReported) -> Figures:
    """What a report says, whoever made it when."""
    return Figures(**{field.name: getattr(said, field.name) for field in fields(Figures)})


def prefilled(last: Report | None) -> Figures:
    """A month's report as it is offered: nothing new since the month before."""
    if last is None:
        return Figures(0, 0, 0, "")
    return Figures(0, last.completed_to_date_wan, last.funds_in_place_wan, last.visual_progress)


def report(
    project: Project, month: date, figures: Figures, *, last: Report | None, post_id: UUID | None, today: date
) -> list[Event]:
    """A month's report. `last`: of the latest month that was reported; the same month again replaces its report.

    Raises:
        AmountNotAllowed: a figure went backwards, exceeds the total, or month and sum do not fit together.
        ReportNotAllowed: the project is not signed yet, or a later month was reported already.
        DateNotAllowed: the month has not begun.
    """
    require_changeable(project)
    _require_month(project, month, last=last, today=today)
    require_text(figures.visual_progress, field="visual_progress", what="形象进度")
    before = last.completed_to_date_wan if last else None
    to_date = _to_date(figures, before)
    _require_forward("累计完成投资", to_date, before, field="completed_to_date_wan")
    _require_forward(
        "到位资金", figures.funds_in_place_wan, last.funds_in_place_wan if last else None, field="funds_in_place_wan"
    )
    total = project.total_investment_wan
    _require_within("累计完成投资", to_date, total, field="completed_to_date_wan")
    _require_within("到位资金", figures.funds_in_place_wan, total, field="funds_in_place_wan")
    return [
        ProjectReported(
            project_id=project.id,
            month=month,
            completed_in_month_wan=figures.completed_in_month_wan,
            completed_to_date_wan=to_date,
            funds_in_place_wan=figures.funds_in_place_wan,
            visual_progress=figures.visual_progress.strip(),
            post_id=post_id,
        )
    ]


def require_reporter(post_id: UUID | None, *, holder: UUID | None, person: UUID | None, supervises: bool) -> None:
    """Only who holds the reporting post reports, or 督查室 on its behalf; without a post, whoever writes for the chain.

    Raises:
        NotYourReport: somebody else holds the post, or nobody does.
    """
    if post_id is None or supervises:
        return
    if holder is None or person != holder:
        raise NotYourReport(post_id)


def last_before(month: date, reports: Sequence[Report]) -> Report | None:
    """The latest report of a month before this one."""
    return max((item for item in reports if item.month < month), key=lambda item: item.month, default=None)


def require_latest(month: date, reports: Sequence[Report]) -> None:
    """Raises ReportNotAllowed where a later month was reported: its sums rest on this one's."""
    later = [item.month for item in reports if item.month > month]
    if later:
        raise ReportNotAllowed(f"{max(later):%Y年%m月}已报送，其后月份的累计数以此为准；更正须先撤销其后的月报")


def _to_date(figures: Figures, before: int | None) -> int:
    """The sum; the first report may bring one that is more than its month."""
    in_month = figures.completed_in_month_wan
    if figures.completed_to_date_wan is None:
        return (before or 0) + in_month
    to_date = figures.completed_to_date_wan
    expected = in_month + before if before is not None else max(to_date, in_month)
    if (before is not None and before <= to_date != expected) or to_date < in_month:
        message = f"累计完成{to_date}万元与上月累计{before or 0}万元加当月{in_month}万元不符"
        raise AmountNotAllowed(message, field="completed_to_date_wan", value=to_date)
    return to_date


def _require_month(project: Project, month: date, *, last: Report | None, today: date) -> None:
    if month > today:
        raise DateNotAllowed(f"{month:%Y年%m月}尚未开始", what="月份", day=month, limit=today)
    if STAGES.index(project.stage) < STAGES.index(Stage.SIGNED):
        raise ReportNotAllowed(f"项目处于“{STAGE_NAMES[project.stage]}”，签约后才报送月报")


def _require_forward(what: str, amount_wan: int, before: int | None, *, field: str) -> None:
    if before is not None and amount_wan < before:
        message = f"{what}{amount_wan}万元比上次报送的{before}万元减少；如上次有误，请先更正"
        raise AmountNotAllowed(message, field=field, value=amount_wan)


def _require_within(what: str, amount_wan: int, total_wan: int, *, field: str) -> None:
    if amount_wan > total_wan:
        message = f"{what}{amount_wan}万元超过总投资{total_wan}万元；如总投资有调整，请先修改总投资"
        raise AmountNotAllowed(message, field=field, value=amount_wan)
