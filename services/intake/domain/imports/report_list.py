"""A list of monthly reports, row by row: a project is known by its code, each row decided as a single report is.

The list is exported with what was reported of the month, or with what is offered where nothing was yet. What comes back
as it was offered is no report: that nothing is new in a month is said by 报送情况. The same list again changes nothing.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.intake.domain.drafts import Verdict
from services.intake.domain.errors import NotYourChain
from services.intake.domain.imports.register_list import Row, RowOutcome, RowRefusal, repeated, too_long
from services.intake.domain.projects import reports
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.reports import Figures, Report, figures_of
from services.intake.domain.tidy import tidy
from shared.contracts.event import Event
from shared.contracts.project_records import ProjectReported
from shared.kit.errors import DomainError

MONTH, CODE, NAME, ORG, TOTAL = "month", "code", "name", "responsible_org", "total_investment_wan"
LAST_MONTH, LAST_TO_DATE = "last_month", "last_to_date_wan"
LAST_FUNDS, LAST_PROGRESS = "last_funds_wan", "last_progress"
IN_MONTH, TO_DATE = "completed_in_month_wan", "completed_to_date_wan"
FUNDS, PROGRESS, SUBMITTED = "funds_in_place_wan", "visual_progress", "submitted"
YES, NO = "已报送", "未报送"
FIGURES = (IN_MONTH, TO_DATE, FUNDS, PROGRESS)
"""The columns to fill in, by the names of `Figures`' fields."""
NEEDED: Mapping[str, str] = {
    IN_MONTH: "没有填写本月完成投资",
    FUNDS: "没有填写到位资金",
    PROGRESS: "没有填写形象进度",
}
LONGEST: Mapping[str, int] = {PROGRESS: 2000}
_MONTH = re.compile(r"(20\d\d)\D{1,3}(\d{1,2})(?!\d)")


@dataclass(frozen=True, slots=True)
class Reported:
    """A project that a row may be about. `reports`: the month's, the one before and a later one, as far as there are;
    `post_id`: who answers for its reports, `holder`: who holds that post today."""

    project: Project
    reports: Sequence[Report]
    post_id: UUID | None = None
    holder: UUID | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who hands the list in. `chains`: those that they may write for, None: all; `supervises`: 督查室."""

    person: UUID | None
    supervises: bool
    chains: Collection[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """What a row came to: `before` is the month's report that it replaces."""

    project: Project
    event: ProjectReported
    before: Report | None


@dataclass(slots=True)
class ReportList:
    """The taking of a month's list. `present`: projects by code; `read`: a text as it comes back from a cell, empty
    where offices write that for nothing; `decided`: what is to be written."""

    month: date
    present: Mapping[str, Reported]
    caller: Caller
    today: date
    read: Callable[[str], str] = str
    decided: list[Decided] = field(default_factory=list)
    _taken: dict[UUID, str] = field(default_factory=dict)

    def take(self, rows: Iterable[Row]) -> list[RowOutcome]:
        return [self._take(row) for row in rows]

    def _take(self, row: Row) -> RowOutcome:
        refusals = too_long(row, LONGEST)
        self._require_month(row, refusals)
        about = self._known(row, refusals)
        if about is None or refusals or row.unreadable:
            return RowOutcome(row.key, Verdict.REFUSED, refusals=tuple(refusals))
        self._taken[about.project.id] = row.key
        before = next((report for report in about.reports if report.month == self.month), None)
        last = reports.last_before(self.month, about.reports)
        if self._stands(row.values, before, last):
            return RowOutcome(row.key, Verdict.UNCHANGED, about.project.id)
        if lacking := [RowRefusal(key, why) for key, why in NEEDED.items() if row.values.get(key) is None]:
            return RowOutcome(row.key, Verdict.REFUSED, refusals=tuple(lacking))
        try:
            decided = self._decide(about, _figures(row.values, before, last), before, last)
        except DomainError as error:
            refusal = RowRefusal(_column(error, row.values), error.message)
            return RowOutcome(row.key, Verdict.REFUSED, refusals=(refusal,))
        return self._outcome(row, decided)

    def _stands(self, values: Mapping[str, Any], before: Report | None, last: Report | None) -> bool:
        """Whether a row says nothing but what is reported already, or only offers what it was exported with."""
        if before and self._says(values, figures_of(before)):
            return True
        if values.get(SUBMITTED) == YES or (before and values.get(SUBMITTED) != NO):
            return False
        return self._says(values, reports.prefilled(last)) or all(values.get(key) is None for key in FIGURES)

    def _says(self, values: Mapping[str, Any], figures: Figures) -> bool:
        """Whether the cells hold these figures; a sum that is left empty says nothing else."""
        return (
            values.get(IN_MONTH) == figures.completed_in_month_wan
            and values.get(TO_DATE) in (None, figures.completed_to_date_wan)
            and values.get(FUNDS) == figures.funds_in_place_wan
            and _text(values.get(PROGRESS) or "") == _text(self.read(figures.visual_progress))
        )

    def _outcome(self, row: Row, decided: Decided) -> RowOutcome:
        project_id = decided.project.id
        if decided.before and figures_of(decided.before) == figures_of(decided.event):
            return RowOutcome(row.key, Verdict.UNCHANGED, project_id)
        if decided.before and row.values.get(SUBMITTED) == NO:
            why = f"该项目{month_name(self.month)}已报送；如要改报，请改为“{YES}”，撤销月报另行办理更正"
            return RowOutcome(row.key, Verdict.REFUSED, refusals=(RowRefusal(SUBMITTED, why),))
        self.decided.append(decided)
        return RowOutcome(row.key, Verdict.CHANGED if decided.before else Verdict.RECORDED, project_id)

    def _decide(self, about: Reported, figures: Figures, before: Report | None, last: Report | None) -> Decided:
        """As the report of a single project is decided."""
        project, caller = about.project, self.caller
        if caller.chains is not None and project.chain_id not in caller.chains:
            raise NotYourChain([project.chain_id])
        reports.require_reporter(about.post_id, holder=about.holder, person=caller.person, supervises=caller.supervises)
        reports.require_latest(self.month, about.reports)
        events: list[Event] = reports.report(
            project, self.month, figures, last=last, post_id=about.post_id, today=self.today
        )
        (event,) = events
        assert isinstance(event, ProjectReported)
        return Decided(project, event, before)

    def _require_month(self, row: Row, refusals: list[RowRefusal]) -> None:
        """A list of another month must not pass for one of this."""
        if (text := row.values.get(MONTH)) and month_in(text) != self.month:
            refusals.append(RowRefusal(MONTH, f"本次导入的是{month_name(self.month)}月报，与所填月份不一致"))

    def _known(self, row: Row, refusals: list[RowRefusal]) -> Reported | None:
        code, name = row.values.get(CODE), row.values.get(NAME)
        if not code:
            if CODE not in row.unreadable:
                refusals.append(RowRefusal(CODE, "没有填写项目编号"))
            return None
        about = self.present.get(code)
        if about is None:
            refusals.append(RowRefusal(CODE, f"没有编号为“{code}”的项目"))
            return None
        if name and tidy(name) != tidy(about.project.name):
            refusals.append(RowRefusal(NAME, f"与项目编号不符：{code}是“{about.project.name}”"))
        if above := self._taken.get(about.project.id):
            refusals.append(RowRefusal(CODE, repeated(above, "项目")))
        return about


def month_name(month: date) -> str:
    """As 2026年01月."""
    return f"{month:%Y年%m月}"


def month_in(text: str) -> date | None:
    """The month that a cell names, its first day; None where it names none."""
    found = _MONTH.match(text)
    return date(int(found[1]), int(found[2]), 1) if found and 1 <= int(found[2]) <= 12 else None


def _text(text: str) -> str:
    """As it is compared: a workbook does not keep how lines end."""
    return "\n".join(line.strip() for line in text.splitlines()).strip()


def _figures(values: Mapping[str, Any], before: Report | None, last: Report | None) -> Figures:
    """What a row reports. A sum that was left as it was exported, beside another month's amount, follows the amount;
    that of a project's first report may hold more than its month, and is taken as it says."""
    to_date, offered = values.get(TO_DATE), reports.prefilled(last)
    known = figures_of(before) if before else offered
    edited = values[IN_MONTH] != known.completed_in_month_wan
    left = to_date == offered.completed_to_date_wan or (edited and to_date == known.completed_to_date_wan)
    if left and (before is None or last is not None):
        to_date = None
    return Figures(values[IN_MONTH], to_date, values[FUNDS], values[PROGRESS])


def _column(error: DomainError, values: Mapping[str, Any]) -> str:
    """A sum that was worked out is refused at the month's amount."""
    found = str(error.details.get("field", CODE))
    return IN_MONTH if found == TO_DATE and values.get(TO_DATE) is None else found
