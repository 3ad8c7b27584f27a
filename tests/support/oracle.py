"""What a district hears in a year, foretold day by day: a plain loop that shares no code with what it checks.

Written from the rules of the field and the service's README. On each working morning every line of every timetable is
asked what is to be said of it. There are no timers: a case carries a count of the mornings that its ladder has waited,
and a morning on which it stands still is not counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from services.assessment.domain.world import Acted, Happening, Heard, Published
from shared.contracts.ids import obligation_id
from shared.contracts.programme import PostAssumed, PostEstablished, PostVacated, Tier
from shared.contracts.project_records import MilestoneReopened
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestoneMet,
    MilestonePlanned,
    MilestoneReassigned,
    MilestoneReplanned,
    ProjectHeld,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectStarted,
    ProjectTerminated,
    Stage,
)
from shared.contracts.supervision import CaseAcknowledged, CaseFeedbackGiven, ObligationConfirmed
from shared.kit.working_days import WorkingCalendar

_CHINA = ZoneInfo("Asia/Shanghai")
_MORNING = time(9)
_DAY = timedelta(days=1)
_UPWARD = (
    Tier.OFFICER,
    Tier.UNIT_HEAD,
    Tier.TASK_FORCE_OFFICE,
    Tier.TASK_FORCE,
    Tier.DEPUTY_CHIEF,
    Tier.CHIEF,
    Tier.CHIEF_GENERAL,
)
_AFTER = {1: 1, 2: 5, 3: 10, 4: 15, 5: 20}
_TO: dict[int, tuple[Tier, ...]] = {
    1: (Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD),
    2: (Tier.TASK_FORCE,),
    3: (Tier.DEPUTY_CHIEF,),
    4: (Tier.CHIEF,),
    5: (Tier.CHIEF_GENERAL,),
}
_COPY: dict[int, tuple[Tier, ...]] = {2: (Tier.DEPUTY_CHIEF,)}
_COMMENDED = (Tier.TASK_FORCE,), (Tier.OFFICER, Tier.TASK_FORCE_OFFICE)
_TOP = 5


class Message(NamedTuple):
    """`to` and `copy`: titles of posts, sorted. `skipped`: vacant tiers that were passed over. `late`: working days."""

    day: date
    project: str
    line: str
    kind: str
    to: tuple[str, ...]
    copy: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    number: str = ""
    letter: str = ""
    late: int = 0


@dataclass
class _Post:
    title: str
    tier: Tier
    unit: UUID
    chains: tuple[UUID, ...]
    terms: dict[date, UUID | None] = field(default_factory=dict)

    def holder(self, on: date) -> UUID | None:
        begun = [day for day in self.terms if day <= on]
        return self.terms[max(begun)] if begun else None


@dataclass
class _Line:
    """One line of a timetable. `rung` 0: no case. `waited`: the mornings that its ladder has counted.

    `is_withdrawn`: its case was closed because it was not late. `counted`: the day and the working days after it that
    holds moved the due day to.
    `lived`: all the mornings of its clock; on those up to `paused_to` nothing may climb, for a commitment or a 签收.
    `held_back`: one kept a rung waiting.
    """

    id: UUID
    name: str
    project: "_Project"
    post: UUID
    due_on: date
    planned_on: date
    is_baseline: bool
    told_late: bool
    is_over: bool = False
    confirmed_on: date | None = None
    is_reminded: bool = False
    is_commended: bool = False
    number: str = ""
    overdue_from: date = date.min
    opened_on: date = date.min
    is_withdrawn: bool = False
    counted: tuple[date, int] | None = None
    rung: int = 0
    climbed_on: date = date.min
    waited: int = 0
    lived: int = 0
    paused_to: int = 0
    is_stopped: bool = False
    held_back: bool = False
    is_acknowledged: bool = False

    @property
    def in_case(self) -> bool:
        return self.rung > 0 and not self.is_withdrawn

    def wait(self) -> None:
        """A morning of its ladder's clock. A rung that was held back is due on the first morning after that."""
        self.waited += 1
        self.lived += 1
        self.is_stopped = self.lived <= self.paused_to
        if self.is_stopped:
            self.held_back = self._has_waited()
        elif self.held_back:
            self.waited, self.held_back = _AFTER[self.rung + 1], False

    def wait_more(self, mornings: int) -> None:
        """So many mornings that were counted were none of its clock, as is known now."""
        self.waited -= mornings
        self.lived -= mornings

    def acknowledge(self, today: date) -> None:
        """Three working days more, and nothing before the third."""
        if self.rung < _TOP and not self.is_acknowledged:
            is_late = self._has_waited() and self.climbed_on == today  # the next would be reached tomorrow
            self.waited = (_AFTER[self.rung + 1] - 1 if is_late else self.waited) - 3
            self.pause(2)
        self.is_acknowledged = True

    def pause(self, mornings: int) -> None:
        self.paused_to = max(self.paused_to, self.lived + mornings)

    def is_next_due(self) -> bool:
        return self._has_waited() and not self.is_stopped

    def climb(self, today: date) -> None:
        self.rung += 1
        self.climbed_on, self.is_acknowledged, self.paused_to, self.held_back = today, False, 0, False

    def begin_again(self, today: date, waited: int) -> None:
        """It stands at its rung as if that had been reached today: the next is due tomorrow, or later."""
        most = waited if self.rung == _TOP else _AFTER[self.rung + 1] - 1
        self.climbed_on, self.waited, self.paused_to = today, min(waited, most), 0
        self.is_withdrawn = self.is_acknowledged = self.is_stopped = self.held_back = False

    def count_from(self, waited: int) -> None:
        """Only so many mornings lie after the day that counts: the next rung is not due before."""
        if self.rung < _TOP and _AFTER[self.rung + 1] - waited > self._left():
            self.waited, self.paused_to, self.held_back = waited, 0, False

    def forget_pauses(self) -> None:
        """What was left until the next rung is left, whatever it came from."""
        if self.rung < _TOP:
            self.waited, self.paused_to, self.held_back = _AFTER[self.rung + 1] - self._left(), 0, False

    def _left(self) -> int:
        """Mornings until the next rung."""
        ahead, mornings = replace(self), 1
        ahead.wait()
        while not ahead.is_next_due():
            ahead.wait()
            mornings += 1
        return mornings

    def _has_waited(self) -> bool:
        return self.rung < _TOP and self.waited >= _AFTER[self.rung + 1]


@dataclass
class _Project:
    code: str
    chain: UUID
    unit: UUID
    lines: list[_Line] = field(default_factory=list)
    held_since: date | None = None
    holds: list[tuple[date, date]] = field(default_factory=list)
    is_started: bool = False
    start: _Line | None = None
    start_planned_on: date = date.max


class _Untold(NamedTuple):
    """A message that found nobody. `told`: as it was said."""

    line: _Line
    rung: int
    told: Message


@dataclass
class Oracle:
    """Foretells what a district hears from the day on which supervision began, for so many days."""

    calendar: WorkingCalendar
    began_on: date
    days: int

    def __post_init__(self) -> None:
        self.said: list[Message] = []
        self._today = self.began_on
        self._mornings: list[date] = []
        self._posts: dict[UUID, _Post] = {}
        self._projects: dict[UUID, _Project] = {}
        self._lines: dict[UUID, _Line] = {}
        self._by_obligation: dict[UUID, _Line] = {}
        self._by_case: dict[UUID, _Line] = {}
        self._untold: list[_Untold] = []
        self._numbers: dict[tuple[int, str], int] = {}

    def foretell(self, happenings: Iterable[Happening]) -> list[Message]:
        """All messages, in the order in which they are said."""
        ahead = list(happenings)
        for n in range(self.days):
            self._today = self.began_on + timedelta(n)
            while ahead and ahead[0].at < datetime.combine(self._today, _MORNING, _CHINA):
                self._take(ahead.pop(0))
            if self.calendar.is_working(self._today):
                self._morning()
            while ahead and ahead[0].at.astimezone(_CHINA).date() == self._today:
                self._take(ahead.pop(0))
        return self.said

    def _morning(self) -> None:
        is_first_of_month = self._mornings[-1:] != [] and self._mornings[-1].month != self._today.month
        self._mornings.append(self._today)
        lines = sorted(self._lines.values(), key=lambda one: (one.project.code, one.name))
        waiting = [one for one in lines if not one.is_over and one.project.held_since is None]
        for line in waiting:
            self._ask(line)
        if is_first_of_month:
            for line in waiting:
                self._raise(line)
        self._tell_untold()

    def _ask(self, line: _Line) -> None:
        """What is to be said of this line this morning?"""
        if line.is_baseline:
            return
        if line.in_case:
            line.wait()
            if line.is_next_due():
                self._climb(line, f"rung {line.rung + 1}")
        elif self._today > line.due_on and line.confirmed_on != self._today:
            self._open(line)
        elif not line.is_reminded and self._today >= self._before(line.due_on, 3):
            line.is_reminded = True
            self._say(line, "reminder", ((Tier.OFFICER,), ()))

    def _open(self, line: _Line) -> None:
        """What could not open in time counts from here; what was only heard late keeps its days."""
        came_late = line.told_late or line.confirmed_on is not None
        waited = 1 if came_late else self._between(line.due_on, self._today)
        line.overdue_from = line.due_on
        line.opened_on = self._today
        if line.rung:
            line.begin_again(self._today, waited)
            self._say(line, "reopened", _who_heard(line.rung), number=line.number)
            return
        line.waited, line.number = waited, self._number("督〔{}〕{}号")
        self._climb(line, "rung 1")

    def _climb(self, line: _Line, kind: str) -> None:
        line.climb(self._today)
        letter = self._number("督办函〔{}〕{}号") if line.rung == 2 else ""
        late = self._between(line.overdue_from, self._today)
        whom = _TO[line.rung], _COPY.get(line.rung, ())
        self._say(line, kind, whom, number=line.number, letter=letter, late=late, rung=line.rung)

    def _raise(self, line: _Line) -> None:
        """A red light at the month's end raises the case of the start by one rung."""
        project = line.project
        if project.start is not line or project.is_started or not (line.in_case and line.rung < _TOP):
            return
        if line.climbed_on == self._today or line.is_stopped:
            return
        reds = sum(1 for _ in self._missed_month_ends(project)) - 2
        if reds > 0 and line.rung < (2 if reds == 1 else 3):
            self._climb(line, f"rung {line.rung + 1} raised by the light")

    def _missed_month_ends(self, project: _Project) -> Iterator[date]:
        """Month-ends without a start, from the planned month's on, but for those in a hold."""
        day = project.start_planned_on
        while (end := _month_end(day)) < self._today:
            if not any(since <= end < until for since, until in project.holds):
                yield end
            day = end + _DAY

    def _take(self, happening: Happening) -> None:
        match happening:
            case Heard(happened_at=at, event=event):
                self._hear(event, at.astimezone(_CHINA).date())
            case Acted(event=event):
                self._act(event)
            case Published(table=table):
                self.calendar = self.calendar.with_year(table)
                self._count_again()

    def _count_again(self) -> None:
        """What holds moved is due by the days of the year as it is known now."""
        for line in self._lines.values():
            if line.counted is None or line.is_over or line.in_case or line.project.held_since:
                continue
            due_on = self._after(*line.counted)
            if due_on != line.due_on:
                line.due_on, line.is_reminded, line.told_late = due_on, False, self._today > due_on

    def _act(self, event: Any) -> None:
        match event:
            case ObligationConfirmed():
                line = self._by_obligation[event.obligation_id]
                line.is_baseline, line.confirmed_on = False, self._today
            case CaseAcknowledged():
                self._by_case[event.case_id].acknowledge(self._today)
            case CaseFeedbackGiven():
                line = self._by_case[event.case_id]
                line.pause(self._between(self._today, event.commitment_on))

    def _hear(self, event: Any, on: date) -> None:
        match event:
            case PostEstablished():
                post = _Post(event.title, event.tier, event.organisation_id, event.chain_ids)
                self._posts[event.post_id] = post
            case PostAssumed():
                self._posts[event.post_id].terms[event.from_day] = event.person_id
                self._tell_untold()
            case PostVacated():
                if self._posts[event.post_id].holder(event.from_day) == event.person_id:
                    self._posts[event.post_id].terms[event.from_day] = None
                self._tell_untold()
            case ProjectRecorded():
                project = _Project(event.code, event.chain_id, event.responsible_org_id)
                self._projects[event.project_id] = project
            case _ if hasattr(event, "project_id"):
                self._hear_of(self._projects[event.project_id], event, on)

    def _hear_of(self, project: _Project, event: Any, on: date) -> None:
        match event:
            case ProjectRevised():
                project.unit = event.responsible_org_id or project.unit
            case ProjectHeld():
                self._hold(project, on)
            case ProjectResumed():
                self._resume(project, on)
            case ProjectStarted():
                project.is_started = True
            case ProjectTerminated():
                for line in sorted(project.lines, key=attrgetter("id")):
                    self._finish(line, on)
            case MilestonePlanned():
                self._plan(project, event, on)
            case MilestoneReplanned() | MilestoneReassigned() | MilestoneMet():
                self._hear_of_line(self._lines[event.milestone_id], event, on)
            case MilestoneCancelled():
                self._finish(self._lines[event.milestone_id], on)
            case MilestoneReopened():
                self._reopen(self._lines[event.milestone_id], on)

    def _hear_of_line(self, line: _Line, event: Any, on: date) -> None:
        match event:
            case MilestoneReplanned():
                self._replan(line, event.due_on, on)
            case MilestoneReassigned():
                line.post = event.responsible_post_id
            case MilestoneMet():
                self._meet(line, event.met_on, on)

    def _plan(self, project: _Project, event: MilestonePlanned, on: date) -> None:
        line = _Line(
            event.milestone_id,
            event.name,
            project,
            event.responsible_post_id,
            event.due_on,
            event.due_on,
            is_baseline=event.due_on < self.began_on,
            told_late=on > event.due_on,
        )
        project.lines.append(line)
        obligation = obligation_id(line.id)
        self._lines[line.id] = self._by_obligation[obligation] = self._by_case[uuid5(obligation, "case")] = line
        if event.stage is Stage.STARTED:
            project.start, project.start_planned_on = line, event.due_on

    def _replan(self, line: _Line, due_on: date, on: date) -> None:
        """One recorded after the due day counts as overdue and moves nothing."""
        if on > line.due_on and not line.is_baseline:
            return
        mornings_late = self._lived_since(due_on)
        if not mornings_late:
            self._put_right(line, on)
        if line.in_case and due_on != line.due_on:
            line.overdue_from = due_on
            line.count_from(mornings_late)
        if due_on != line.due_on:
            line.due_on, line.is_reminded, line.told_late = due_on, False, on > due_on
            line.is_baseline = due_on < self.began_on and line.confirmed_on is None and not line.in_case
            line.counted = None
        line.planned_on = due_on
        if line.project.start is line:
            line.project.start_planned_on = due_on

    def _meet(self, line: _Line, met_on: date, on: date) -> None:
        self._put_right(line, on)
        early = met_on <= line.planned_on and self._between(met_on, line.planned_on) >= 5
        is_commended = early and not (line.is_baseline or line.in_case or line.confirmed_on)
        self._finish(line, on)
        if is_commended:
            line.is_commended = True
            self._say(line, "commendation", _COMMENDED)

    def _finish(self, line: _Line, on: date) -> None:
        if line.is_over:
            return
        self._put_right(line, on)
        line.is_over = True
        if line.in_case:
            line.wait_more(self._lived_since(on))
            self._say(line, "closed", _who_heard(line.rung), number=line.number)

    def _put_right(self, line: _Line, on: date) -> None:
        """What was recorded before its case opened says that it was not late: whoever heard of it hears that."""
        if line.in_case and not line.is_over and on < line.opened_on:
            line.is_withdrawn = True
            self._say(line, "closed", _who_heard(line.rung), number=line.number)

    def _reopen(self, line: _Line, on: date) -> None:
        """Nobody could supervise it meanwhile: the mornings were none of its clock."""
        line.is_over = False
        line.told_late = on > line.due_on
        if line.in_case:
            line.forget_pauses()
            self._live_again(line, on)
            self._say(line, "reopened", _who_heard(line.rung), number=line.number)
        else:
            line.is_baseline = line.due_on < self.began_on and line.confirmed_on is None
        if line.is_commended:
            line.is_commended = False
            self._say(line, "commendation withdrawn", _COMMENDED)

    def _hold(self, project: _Project, on: date) -> None:
        project.held_since = on
        for line in sorted(project.lines, key=attrgetter("id")):
            self._put_right(line, on)
            if line.in_case and not line.is_over:
                line.wait_more(self._lived_since(on))

    def _resume(self, project: _Project, on: date) -> None:
        """What was not yet due keeps the working days that it had left."""
        since = project.held_since or on
        project.held_since = None
        project.holds.append((since, on))
        stood = self._between(since, on)
        for line in project.lines:
            if line.in_case and not line.is_over:
                self._live_again(line, on)
            elif stood and not (line.is_over or line.is_baseline):
                start, days = line.counted or (line.due_on, 0)
                line.counted = start, days + stood
                line.due_on, line.is_reminded = self._after(start, days + stood), False
                line.told_late = on > line.due_on

    def _lived_since(self, day: date) -> int:
        """Mornings after this day that have been lived through: what happened is heard later, after a silence."""
        return sum(1 for one in self._mornings[-30:] if one > day)

    def _live_again(self, line: _Line, since: date) -> None:
        for _ in range(self._lived_since(since)):
            line.wait()

    def _tell_untold(self) -> None:
        """What found nobody is for whoever holds the posts by now, while the case stands on that rung."""
        untold, self._untold = self._untold, []
        for one in untold:
            if one.line.rung != one.rung or one.line.is_over or one.line.is_withdrawn:
                continue
            to, copy, skipped = self._whom(one.line, _TO[one.rung], _COPY.get(one.rung, ()))
            if one.line.project.held_since or not (to or copy):
                self._untold.append(one)
                continue
            self.said.append(
                Message(
                    self._today, one.told.project, one.told.line, f"told at last: {one.told.kind}", to, copy, skipped
                )
            )

    def _say(
        self,
        line: _Line,
        kind: str,
        whom: tuple[Sequence[Tier], Sequence[Tier]],
        *,
        number: str = "",
        letter: str = "",
        late: int = 0,
        rung: int = 0,
    ) -> None:
        to, copy, skipped = self._whom(line, *whom)
        told = Message(
            self._today,
            line.project.code,
            line.name,
            kind,
            to,
            copy,
            skipped if rung else (),
            number,
            letter,
            late,
        )
        self.said.append(told)
        if rung and not (to or copy):
            self._untold.append(_Untold(line, rung, told))

    def _whom(
        self, line: _Line, to: Sequence[Tier], copy: Sequence[Tier]
    ) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """The holders of today; a vacant tier is skipped upward, a vacant copy falls away."""
        told: set[str] = set()
        skipped: list[str] = []
        for tier in to:
            for candidate in _UPWARD[_UPWARD.index(tier) :]:
                if held := self._held(candidate, line):
                    told |= held
                    break
                skipped.append(candidate)
        copied: set[str] = set()
        for tier in copy:
            held = self._held(tier, line)
            copied |= held
            if not held:
                skipped.append(tier)
        return tuple(sorted(told)), tuple(sorted(copied - told)), tuple(sorted(set(skipped)))

    def _held(self, tier: Tier, line: _Line) -> set[str]:
        return {post.title for id, post in self._posts.items() if self._answers(id, post, tier, line)}

    def _answers(self, id: UUID, post: _Post, tier: Tier, line: _Line) -> bool:
        if post.tier is not tier or post.holder(self._today) is None:
            return False
        if tier is Tier.OFFICER:
            return id == line.post
        if tier is Tier.UNIT_HEAD:
            return post.unit == line.project.unit
        return line.project.chain in post.chains or (tier is Tier.CHIEF_GENERAL and not post.chains)

    def _number(self, form: str) -> str:
        key = self._today.year, form
        self._numbers[key] = self._numbers.get(key, 0) + 1
        return form.format(self._today.year, self._numbers[key])

    def _between(self, start: date, end: date) -> int:
        """Working days after `start`, up to and including `end`."""
        return sum(1 for n in range(1, (end - start).days + 1) if self.calendar.is_working(start + timedelta(n)))

    def _after(self, day: date, working_days: int) -> date:
        while working_days:
            day += _DAY
            working_days -= self.calendar.is_working(day)
        return day

    def _before(self, day: date, working_days: int) -> date:
        while working_days:
            day -= _DAY
            working_days -= self.calendar.is_working(day)
        return day


def _who_heard(rung: int) -> tuple[tuple[Tier, ...], tuple[Tier, ...]]:
    """All whom a rung was for, and the responsible person."""
    reached = range(1, rung + 1)
    to = (*(tier for one in reached for tier in _TO[one]), Tier.OFFICER)
    return to, tuple(tier for one in reached for tier in _COPY.get(one, ()))


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(4)).replace(day=1) - _DAY
