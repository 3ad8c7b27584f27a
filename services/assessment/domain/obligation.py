"""An obligation: what is due by a day, from whatever promised it. A case begins where it is missed."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple, cast
from uuid import UUID, uuid5

from services.assessment.domain import extension as extensions
from services.assessment.domain import moments
from services.assessment.domain.directory import Directory
from services.assessment.domain.extension import Extension
from services.assessment.domain.project import Project
from services.assessment.domain.rules import NotNow, Rules
from shared.contracts.ids import obligation_id
from shared.contracts.projects import MilestonePlanned
from shared.contracts.supervision import (
    NO_CHAIN,
    ExtensionEvent,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    ExtensionReviewed,
    ExtensionWithdrawn,
    ObligationCancelled,
    ObligationConfirmed,
    ObligationDelayed,
    ObligationEvent,
    ObligationKind,
    ObligationMet,
    ObligationMissed,
    ObligationMoved,
    ObligationOpened,
    ObligationReassigned,
    ObligationReminded,
    ObligationReopened,
    ObligationResumed,
    ObligationSuspended,
    Subject,
)

Events = list[ObligationEvent]


class State(StrEnum):
    """`baseline`: due before supervision began, shown and not climbing. `missed`: its case is open."""

    OPEN = "open"
    BASELINE = "baseline"
    MISSED = "missed"
    SUSPENDED = "suspended"
    MET = "met"
    CANCELLED = "cancelled"


class Verb(StrEnum):
    MOVE = "move"
    REASSIGN = "reassign"
    REMIND = "remind"
    MISS = "miss"
    CLEAR = "clear"
    CONFIRM = "confirm"
    MEET = "meet"
    SUSPEND = "suspend"
    RESUME = "resume"
    CANCEL = "cancel"
    REOPEN = "reopen"
    ASK_EXTENSION = "ask_extension"
    EXTEND = "extend"


TABLE: Mapping[State, Mapping[Verb, frozenset[State]]] = {
    State.OPEN: {
        Verb.MOVE: frozenset({State.OPEN, State.BASELINE}),
        Verb.REASSIGN: frozenset({State.OPEN}),
        Verb.REMIND: frozenset({State.OPEN}),
        Verb.MISS: frozenset({State.MISSED}),
        Verb.MEET: frozenset({State.MET}),
        Verb.SUSPEND: frozenset({State.SUSPENDED}),
        Verb.CANCEL: frozenset({State.CANCELLED}),
        Verb.ASK_EXTENSION: frozenset({State.OPEN}),
        Verb.EXTEND: frozenset({State.OPEN}),
    },
    State.BASELINE: {
        Verb.MOVE: frozenset({State.OPEN, State.BASELINE}),
        Verb.REASSIGN: frozenset({State.BASELINE}),
        Verb.CONFIRM: frozenset({State.OPEN}),
        Verb.MEET: frozenset({State.MET}),
        Verb.SUSPEND: frozenset({State.SUSPENDED}),
        Verb.CANCEL: frozenset({State.CANCELLED}),
    },
    State.MISSED: {
        Verb.MOVE: frozenset({State.MISSED}),
        Verb.REASSIGN: frozenset({State.MISSED}),
        Verb.CLEAR: frozenset({State.OPEN, State.BASELINE}),
        Verb.MEET: frozenset({State.MET}),
        Verb.SUSPEND: frozenset({State.SUSPENDED}),
        Verb.CANCEL: frozenset({State.CANCELLED}),
        Verb.EXTEND: frozenset({State.MISSED}),
    },
    State.SUSPENDED: {
        Verb.MOVE: frozenset({State.SUSPENDED}),
        Verb.REASSIGN: frozenset({State.SUSPENDED}),
        Verb.CONFIRM: frozenset({State.SUSPENDED}),
        Verb.MEET: frozenset({State.MET}),
        Verb.RESUME: frozenset({State.OPEN, State.BASELINE, State.MISSED}),
        Verb.CANCEL: frozenset({State.CANCELLED}),
    },
    State.MET: {Verb.REOPEN: frozenset({State.OPEN, State.BASELINE, State.MISSED})},
    State.CANCELLED: {Verb.REOPEN: frozenset({State.OPEN, State.BASELINE, State.MISSED})},
}
FINAL = frozenset({State.MET, State.CANCELLED})
OF_PROJECTS = frozenset({ObligationKind.MILESTONE, ObligationKind.REPORT})
"""What projects owe: their unit answers for it, and a hold of theirs suspends it."""


class Obligation(NamedTuple):
    """`due_on` is supervised; `planned_on` is intake's, which a hold of the project does not move.

    `inner`: what a suspended one goes back to. `supervised_from`: the day a baseline was confirmed.
    `told_late_on`: the day this due day was recorded, where it had passed by then.
    `missed_on`: the day it was missed; None where it was not, or what was recorded in time says so.
    `counted_from`, `counted_days`: the day and the working days after it that holds moved `due_on` to, so that a year's
    calendar, when it comes, can count again.
    `asked_on`: a later day asked for too late. `expected_on`, `delay_reason`: a delay the unit declared itself.
    `extension`: the newest that was asked for, waiting or decided.
    `project_id`: of what it is due, see `Project`; `milestone_id`: of what is due. `org_id`: the unit that answers for
    it; None for the project's.
    """

    id: UUID
    milestone_id: UUID
    project_id: UUID
    name: str
    due_on: date
    planned_on: date
    post_id: UUID
    state: State = State.OPEN
    inner: State | None = None
    suspended_on: date | None = None
    supervised_from: date | None = None
    told_late_on: date | None = None
    reminded: bool = False
    provisional: bool = False
    asked_on: date | None = None
    expected_on: date | None = None
    delay_reason: str = ""
    met_on: date | None = None
    working_days_early: int | None = None
    missed_on: date | None = None
    counted_from: date | None = None
    counted_days: int = 0
    kind: ObligationKind = ObligationKind.MILESTONE
    org_id: UUID | None = None
    extension: Extension | None = None

    @property
    def case_id(self) -> UUID:
        return case_id(self.id)

    @property
    def standing(self) -> State:
        """The state, seen through a suspension."""
        return self.inner if self.inner is not None else self.state

    def allows(self, verb: Verb) -> bool:
        return verb in TABLE[self.state]


@lru_cache(maxsize=8192)
def case_id(of_obligation: UUID) -> UUID:
    """An obligation has at most one case, so its id follows from it: whoever locks one can lock both at once."""
    return uuid5(of_obligation, "case")


@lru_cache(maxsize=8192)
def id_of(milestone_id: UUID) -> UUID:
    """`contracts.ids.obligation_id`, remembered: a batch asks for each several times."""
    return obligation_id(milestone_id)


def subject_of(obligation: Obligation, project: Project) -> Subject:
    return Subject(
        kind=obligation.kind,
        project_id=project.id,
        project_name=project.name,
        chain_id=project.chain_id or NO_CHAIN,
        milestone_id=obligation.milestone_id,
        milestone_name=obligation.name,
        due_on=obligation.due_on,
        responsible_org_id=obligation.org_id or cast(UUID, project.org_id),
        responsible_post_id=obligation.post_id,
    )


def miss_day(obligation: Obligation, rules: Rules) -> date:
    """The working day on which the first rung is due: one after the due day, or after a baseline was confirmed."""
    first = rules.policy.rungs[0].after_days
    day = rules.calendar.add(obligation.due_on, first).day
    if obligation.supervised_from is None:
        return day
    return max(day, rules.calendar.add(obligation.supervised_from, 1).day)


def first_rung_at(obligation: Obligation, rules: Rules, *, on: date) -> datetime:
    """When the first rung of a case that opens on the day `on` was due: that morning, where it could not open before.

    The platform's own outage is no reason: what it missed keeps its true date.
    """
    came_late = obligation.told_late_on is not None or obligation.supervised_from is not None
    day = miss_day(obligation, rules)
    return rules.morning(max(day, on) if came_late else day)


def wake_at(obligation: Obligation, rules: Rules, now: datetime) -> datetime | None:
    """When something happens by itself: the reminder, or the first rung; None when nothing will."""
    if obligation.state is not State.OPEN:
        return None
    if not obligation.reminded and moments.china_date(now) <= obligation.due_on:
        return rules.morning(rules.calendar.add(obligation.due_on, -rules.policy.remind_days_before).day)
    return rules.morning(miss_day(obligation, rules))


def plan(new: Obligation, project: Project, rules: Rules) -> Events:
    """Open the obligation of a milestone; `new`: as `opened` makes it."""
    return [
        ObligationOpened(
            obligation_id=new.id,
            subject=subject_of(new, project),
            baseline=new.due_on < rules.began_on,
            provisional=is_provisional(new.due_on, rules),
        )
    ]


def opened(planned: MilestonePlanned, project: Project) -> Obligation:
    return Obligation(
        id=id_of(planned.milestone_id),
        milestone_id=planned.milestone_id,
        project_id=project.id,
        name=planned.name,
        due_on=planned.due_on,
        planned_on=planned.due_on,
        post_id=planned.responsible_post_id,
    )


def begin(event: ObligationOpened) -> Obligation:
    """The obligation that `ObligationOpened` is of, before it."""
    about = event.subject
    return Obligation(
        id=event.obligation_id,
        milestone_id=about.milestone_id,
        project_id=about.project_id,
        name=about.milestone_name,
        due_on=about.due_on,
        planned_on=about.due_on,
        post_id=about.responsible_post_id,
        kind=about.kind,
        org_id=None if about.kind in OF_PROJECTS else about.responsible_org_id,
    )


def move(obligation: Obligation, due_on: date, rules: Rules, *, on: date) -> Events:
    """Take over a new due day. One asked for after the old one counts as overdue and moves nothing (the ladder).

    `on`: the day it was asked for. What is heard after the case has opened moves the day all the same.
    """
    if not obligation.allows(Verb.MOVE):
        return []
    is_missed = obligation.standing is State.MISSED
    late = on > obligation.due_on and (is_missed or obligation.state is State.OPEN)
    baseline = not (late or is_missed) and obligation.supervised_from is None and due_on < rules.began_on
    moved = ObligationMoved(
        obligation_id=obligation.id,
        due_on=due_on,
        planned_on=None if late or due_on == obligation.planned_on else due_on,
        provisional=is_provisional(due_on, rules),
        baseline=baseline,
        late=late,
    )
    if late or due_on == obligation.due_on:
        return [moved]
    return [moved, *_withdraw(obligation, "期限已调整，如仍需延期请重新申请")]


def delay(obligation: Obligation, expected_on: date, reason: str) -> Events:
    """The unit declares itself that it will be late; the due day stays."""
    if obligation.state in FINAL:
        return []
    return [ObligationDelayed(obligation_id=obligation.id, expected_on=expected_on, reason=reason)]


def reassign(obligation: Obligation, post_id: UUID, org_id: UUID) -> Events:
    if not obligation.allows(Verb.REASSIGN):
        return []
    return [ObligationReassigned(obligation_id=obligation.id, responsible_post_id=post_id, responsible_org_id=org_id)]


def remind(obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, on: date) -> Events:
    if not obligation.allows(Verb.REMIND) or obligation.reminded or on > obligation.due_on:
        return []
    found = directory.find(project.asked(obligation.post_id), to=rules.policy.remind_to, on=on)
    return [
        ObligationReminded(
            obligation_id=obligation.id,
            subject=subject_of(obligation, project),
            addressees=found.addressees,
            working_days_left=rules.calendar.between(on, obligation.due_on),
        )
    ]


def miss(obligation: Obligation) -> Events:
    if not obligation.allows(Verb.MISS):
        return []
    case = obligation.milestone_id if obligation.kind is ObligationKind.REPLY else obligation.case_id
    return [ObligationMissed(obligation_id=obligation.id, case_id=case)]


def was_recorded_before(obligation: Obligation, on: date) -> bool:
    """Whether what was recorded on the day `on` is from before it was missed: by then it was not late."""
    return obligation.missed_on is not None and on < obligation.missed_on and obligation.allows(Verb.CLEAR)


def clear(obligation: Obligation, rules: Rules, *, reason: str) -> Events:
    """It was not late: what says so was recorded before it was missed, and heard after that."""
    if not obligation.allows(Verb.CLEAR):
        return []
    baseline = obligation.supervised_from is None and obligation.due_on < rules.began_on
    return [ObligationReopened(obligation_id=obligation.id, reason=reason, baseline=baseline)]


def confirm(obligation: Obligation, *, by: str) -> Events:
    """督查室 takes a baseline under supervision.

    Raises:
        NotNow: it is no baseline, or no longer one.
    """
    if not obligation.allows(Verb.CONFIRM) or obligation.standing is not State.BASELINE:
        raise NotNow("该事项不是存量事项，无需确认", state=obligation.state, verb=Verb.CONFIRM)
    return [ObligationConfirmed(obligation_id=obligation.id, by=by)]


def meet(obligation: Obligation, met_on: date, rules: Rules) -> Events:
    if not obligation.allows(Verb.MEET):
        return []
    early = rules.calendar.between(met_on, obligation.due_on)
    met = ObligationMet(obligation_id=obligation.id, met_on=met_on, working_days_early=early)
    return [met, *_withdraw(obligation, "事项已完成")]


def suspend(obligation: Obligation, *, reason: str) -> Events:
    if not obligation.allows(Verb.SUSPEND):
        return []
    return [ObligationSuspended(obligation_id=obligation.id, reason=reason)]


def resume(obligation: Obligation, rules: Rules, *, on: date) -> Events:
    """Go on after a hold. What was not yet due keeps the working days it had left."""
    if not obligation.allows(Verb.RESUME):
        return []
    events: Events = [ObligationResumed(obligation_id=obligation.id)]
    stood = rules.calendar.between(obligation.suspended_on or on, on)
    if obligation.inner is State.OPEN and stood > 0:
        counted_from, days = obligation.counted_from or obligation.due_on, obligation.counted_days + stood
        events.append(_counted(obligation, counted_from, days, rules))
        events += _withdraw(obligation, "复工后期限已顺延，如仍需延期请重新申请")
    return events


def cancel(obligation: Obligation, *, reason: str) -> Events:
    if not obligation.allows(Verb.CANCEL):
        return []
    cancelled = ObligationCancelled(obligation_id=obligation.id, reason=reason)
    return [cancelled, *_withdraw(obligation, "事项已取消")]


def reopen(obligation: Obligation, rules: Rules, *, had_case: bool, reason: str) -> Events:
    """Due again, by the same day: the record that had met or cancelled it was wrong."""
    if not obligation.allows(Verb.REOPEN):
        return []
    baseline = not had_case and obligation.supervised_from is None and obligation.due_on < rules.began_on
    return [ObligationReopened(obligation_id=obligation.id, reason=reason, missed=had_case, baseline=baseline)]


def recount(obligation: Obligation, rules: Rules) -> Events:
    """A year's calendar came: a due day that a hold moved is counted again; of others it is said where they were marked
    provisional and no longer are (or the reverse)."""
    if obligation.state is not State.OPEN:
        return []
    moved = ObligationMoved(
        obligation_id=obligation.id,
        due_on=obligation.due_on,
        provisional=is_provisional(obligation.due_on, rules),
    )
    if obligation.counted_from is not None:
        moved = _counted(obligation, obligation.counted_from, obligation.counted_days, rules)
    if moved.due_on != obligation.due_on:
        return [moved, *_withdraw(obligation, "工作日历已更新，期限已重新计算，如仍需延期请重新申请")]
    return [moved] if moved.provisional != obligation.provisional else []


def _counted(obligation: Obligation, counted_from: date, days: int, rules: Rules) -> ObligationMoved:
    """Due so many working days after that day."""
    due = rules.calendar.add(counted_from, days)
    return ObligationMoved(
        obligation_id=obligation.id,
        due_on=due.day,
        provisional=due.provisional,
        counted_from=counted_from,
        counted_days=days,
    )


def evolve(obligation: Obligation, event: ObligationEvent, *, on: date) -> Obligation:
    """The obligation after an event of the day `on`."""
    return _EVOLVE[type(event)](obligation, event, on)


def is_provisional(due_on: date, rules: Rules) -> bool:
    """Whether what follows from this due day is counted in a year that is not published yet."""
    return rules.calendar.add(due_on, rules.policy.rungs[0].after_days).provisional


def _withdraw(obligation: Obligation, reason: str) -> Events:
    return [*extensions.withdraw(obligation.extension, obligation.id, reason=reason)]


def _opened(obligation: Obligation, event: ObligationOpened, on: date) -> Obligation:
    state = State.BASELINE if event.baseline else State.OPEN
    late = _told_late(obligation.due_on, on)
    # Nobody is reminded of a reply: the letter itself named the day, some days ago.
    reminded = obligation.kind is ObligationKind.REPLY
    return obligation._replace(state=state, provisional=event.provisional, told_late_on=late, reminded=reminded)


def _told_late(due_on: date, on: date) -> date | None:
    return on if on > due_on else None


def _moved(obligation: Obligation, event: ObligationMoved, on: date) -> Obligation:
    if event.late:
        return obligation._replace(asked_on=event.due_on)
    obligation = obligation._replace(planned_on=event.planned_on or obligation.planned_on)
    if event.due_on == obligation.due_on:
        return obligation._replace(provisional=event.provisional)
    moved = obligation._replace(
        due_on=event.due_on,
        provisional=event.provisional,
        reminded=False,
        told_late_on=_told_late(event.due_on, on),
        counted_from=event.counted_from,
        counted_days=event.counted_days,
    )
    if obligation.standing is State.MISSED:
        return moved
    target = State.BASELINE if event.baseline else State.OPEN
    if obligation.state is State.SUSPENDED:
        return moved._replace(inner=target, suspended_on=on)
    return moved._replace(state=target)


def _delayed(obligation: Obligation, event: ObligationDelayed, _: date) -> Obligation:
    return obligation._replace(expected_on=event.expected_on, delay_reason=event.reason)


def _confirmed(obligation: Obligation, event: ObligationConfirmed, on: date) -> Obligation:
    if obligation.state is State.SUSPENDED:
        return obligation._replace(inner=State.OPEN, supervised_from=on)
    return obligation._replace(state=State.OPEN, supervised_from=on)


def _suspended(obligation: Obligation, event: ObligationSuspended, on: date) -> Obligation:
    return obligation._replace(state=State.SUSPENDED, inner=obligation.state, suspended_on=on)


def _resumed(obligation: Obligation, event: ObligationResumed, _: date) -> Obligation:
    return obligation._replace(state=obligation.standing, inner=None, suspended_on=None)


def _met(obligation: Obligation, event: ObligationMet, _: date) -> Obligation:
    return obligation._replace(
        state=State.MET,
        inner=None,
        suspended_on=None,
        met_on=event.met_on,
        working_days_early=event.working_days_early,
    )


def _cancelled(obligation: Obligation, event: ObligationCancelled, _: date) -> Obligation:
    return obligation._replace(state=State.CANCELLED, inner=None, suspended_on=None)


def _reopened(obligation: Obligation, event: ObligationReopened, on: date) -> Obligation:
    # Nobody could supervise it while it counted as done: what opens now counts its rungs from here.
    state = State.MISSED if event.missed else State.BASELINE if event.baseline else State.OPEN
    if obligation.state is State.MISSED:
        return obligation._replace(state=state, missed_on=None)
    late = _told_late(obligation.due_on, on)
    return obligation._replace(state=state, told_late_on=late, met_on=None, working_days_early=None)


def _reassigned(obligation: Obligation, event: ObligationReassigned, _: date) -> Obligation:
    org_id = obligation.org_id and event.responsible_org_id
    return obligation._replace(post_id=event.responsible_post_id, org_id=org_id)


def _extension(obligation: Obligation, event: ExtensionEvent, on: date) -> Obligation:
    return obligation._replace(extension=extensions.evolve(obligation.extension, event, on=on))


def _extended(obligation: Obligation, event: ExtensionGranted, on: date) -> Obligation:
    moved = obligation._replace(
        due_on=event.due_on,
        provisional=event.provisional,
        reminded=False,
        told_late_on=_told_late(event.due_on, on),
        counted_from=None,
        counted_days=0,
    )
    return _extension(moved, event, on)


_EVOLVE: Mapping[type[ObligationEvent], Callable[[Obligation, Any, date], Obligation]] = {
    ObligationOpened: _opened,
    ObligationMoved: _moved,
    ObligationDelayed: _delayed,
    ObligationReassigned: _reassigned,
    ObligationReminded: lambda obligation, _, __: obligation._replace(reminded=True),
    ObligationMissed: lambda obligation, _, on: obligation._replace(state=State.MISSED, missed_on=on),
    ObligationConfirmed: _confirmed,
    ObligationMet: _met,
    ObligationSuspended: _suspended,
    ObligationResumed: _resumed,
    ObligationCancelled: _cancelled,
    ObligationReopened: _reopened,
    ExtensionRequested: _extension,
    ExtensionReviewed: _extension,
    ExtensionGranted: _extended,
    ExtensionRefused: _extension,
    ExtensionWithdrawn: _extension,
}
