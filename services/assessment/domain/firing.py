"""What each alarm does: reminders, first rungs, further rungs, lights."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.assessment.domain import amending, replying, reporting
from services.assessment.domain import case as cases
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain.case import Case
from services.assessment.domain.light import StartLight, light_id
from services.assessment.domain.obligation import Obligation, subject_of
from services.assessment.domain.rules import Rules
from services.assessment.domain.work import CLIMB, DUE, LIGHT, RAISE, Work
from shared.contracts.supervision import CaseEscalated, ObligationKind

CASE = "case"
LETTER = "letter"


class Due(Protocol):
    """An alarm that is due, as it was set."""

    @property
    def subject(self) -> UUID: ...

    @property
    def kind(self) -> str: ...


@dataclass(slots=True)
class Numbers:
    """Document numbers, gapless within a year: the counters are locked until the transaction ends."""

    year: int
    last: dict[str, int] = field(default_factory=dict)

    def take(self, kind: str, form: str) -> str:
        self.last[kind] += 1
        return form.format(year=self.year, n=self.last[kind])


def numbers_needed(due: Iterable[Due], work: Work) -> set[str]:
    """Of what kinds documents will be numbered."""
    kinds: set[str] = set()
    for alarm in due:
        if alarm.kind == DUE and (obligation := work.obligations.get(alarm.subject)):
            is_new = obligation.case_id not in work.cases
            kinds |= {CASE} if is_new and _misses(obligation, work) else set()
        elif alarm.kind in (CLIMB, RAISE) and (case := work.cases.get(alarm.subject)):
            kinds |= {LETTER} if cases.needs_letter_number(case, work.rules_of(case).policy) else set()
    return kinds


def fire(alarm: Due, work: Work, numbers: Numbers) -> None:
    """Do what this alarm is for, if that is still to be done; the states around it are at hand."""
    _FIRE[alarm.kind](alarm, work, numbers)


def _misses(obligation: Obligation, work: Work) -> bool:
    if obligation.kind is ObligationKind.REPLY or not obligation.allows(obligations.Verb.MISS):
        return False
    rules = work.rules_for(obligation)
    return rules.morning(obligations.miss_day(obligation, rules)) <= work.now


def _due(alarm: Due, work: Work, numbers: Numbers) -> None:
    """Remind, or open the case at its first rung."""
    obligation = work.obligations.get(alarm.subject)
    if obligation is None:
        return
    rules = work.rules_for(obligation)
    wake = obligations.wake_at(obligation, rules, work.now)
    if wake is None:
        return
    if _too_early(wake, work):
        work.watch(obligation, DUE, wake)
        return
    if obligation.kind is ObligationKind.REPLY:
        replying.fall_due(obligation, work)
        return
    project = work.project_of(obligation)
    if reminded := obligations.remind(obligation, project, work.directory, rules, on=work.on):
        work.on_obligation(obligation, reminded)
        return
    if (closed := work.cases.get(obligation.case_id)) is not None:
        # Its head is not held here, as with what a light raises: it is reopened by a timer of its own.
        work.on_obligation(obligation, obligations.miss(obligation))
        work.watch(closed, CLIMB, work.now)
        return
    opened = cases.open_case(
        obligation,
        project,
        work.directory,
        rules,
        number=numbers.take(CASE, rules.policy.case_number),
        now=work.now,
    )
    work.on_obligation(obligation, obligations.miss(obligation))
    work.on_new_case(opened)
    if obligation.kind is ObligationKind.REPORT:
        reporting.follow(obligation, work, obligations.miss_day(obligation, rules))


def _climb(alarm: Due, work: Work, numbers: Numbers) -> None:
    case = work.cases.get(alarm.subject)
    if case is not None and amending.is_missed_again(case, work):
        amending.reopen(case, work)
        return
    wake = cases.climb_at(case, work.rules_of(case)) if case else None
    if case is None or wake is None:
        return
    if _too_early(wake, work):
        work.watch(case, CLIMB, wake)
        return
    _escalate(case, work, numbers, by_light=False)


def _raise(alarm: Due, work: Work, numbers: Numbers) -> None:
    """The project's light raises the case of its start one rung before the day."""
    case = work.cases.get(alarm.subject)
    light = work.lights.get(light_id(case.project_id)) if case else None
    if case is None or light is None or not _may_raise(case, light, work):
        return
    if _too_early(work.now, work):
        work.watch(case, RAISE, work.now)
        return
    _escalate(case, work, numbers, by_light=True)


def _escalate(case: Case, work: Work, numbers: Numbers, *, by_light: bool) -> None:
    rules = work.rules_of(case)
    obligation = work.obligations[case.obligation_id]
    project = work.project_of(obligation)
    letter = cases.needs_letter_number(case, rules.policy)
    events = cases.escalate(
        case,
        subject_of(obligation, project),
        work.directory,
        rules,
        project=project,
        now=work.now,
        document_number=numbers.take(LETTER, rules.policy.letter_number) if letter else None,
        by_light=by_light,
    )
    case = work.on_case(case, events)
    for event in events:
        if type(event) is CaseEscalated:
            replying.owe(event, case, work)


def _light(alarm: Due, work: Work, numbers: Numbers) -> None:
    """Judge the light at the month's end; a red one may raise the case of the start."""
    light = work.lights.get(alarm.subject)
    if light is None or light.state is not lights.State.WATCHING:
        return
    project = work.projects[light.project_id]
    light = work.on_light(light, lights.review(light, project, work.rules_of_project(project), on=work.on))
    case = work.cases.get(obligations.case_id(obligations.id_of(light.milestone_id)))
    # The case is another aggregate, whose head this transaction does not hold: it is raised by a timer of its own.
    if case is not None and _may_raise(case, light, work):
        work.watch(case, RAISE, work.now)


def _may_raise(case: Case, light: StartLight, work: Work) -> bool:
    if case.obligation_id != obligations.id_of(light.milestone_id) or not case.allows(cases.Verb.ESCALATE):
        return False
    if case.rung_on == work.on or (case.held_until is not None and case.held_until > work.now):
        return False
    rules: Rules = work.rules_of(case)
    reds = lights.month_end_reds(light, rules, on=work.on)
    return case.next_at is not None and case.rung < rules.policy.start_light.rung_for(reds)


def _too_early(wake: datetime, work: Work) -> bool:
    return wake > work.now or work.rules.working_morning(work.now) > work.now


_FIRE: Mapping[str, Callable[[Due, Work, Numbers], None]] = {
    DUE: _due,
    CLIMB: _climb,
    RAISE: _raise,
    LIGHT: _light,
}
