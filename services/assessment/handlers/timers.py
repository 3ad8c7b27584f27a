"""The timers' handler: reminders, first rungs, further rungs, lights. Set-wise for up to 500 timers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import case as cases
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain.case import Case
from services.assessment.domain.light import StartLight, light_id
from services.assessment.domain.obligation import Obligation, subject_of
from services.assessment.domain.rules import Rules
from services.assessment.handlers import addressing
from services.assessment.handlers.desk import CLIMB, DUE, LIGHT, RAISE, Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import rules as kept
from shared.kit.timers import Timer

CASE = "case"
LETTER = "letter"


@dataclass(slots=True)
class Numbers:
    """Document numbers, gapless within a year: the counters are locked until the transaction ends."""

    year: int
    last: dict[str, int] = field(default_factory=dict)

    def take(self, kind: str, form: str) -> str:
        self.last[kind] += 1
        return form.format(year=self.year, n=self.last[kind])


async def fire(due: Sequence[Timer], *, conn: AsyncConnection, now: datetime, knowledge: Knowledge) -> None:
    """Do what these timers are for; see `shared.kit.timers.Fire`. Numbers are given out in the order of the calls."""
    async with knowledge.numbering:
        desk = Desk.of(await knowledge.now(conn, now, wait=False), now)
        await _load(due, desk, conn)
        numbers = await _numbers_for(due, desk, conn)
    for timer in due:
        _FIRE[timer.kind](timer, desk, numbers)
    if numbers.last:
        await kept.save_counters(numbers.last, numbers.year, conn=conn)
    await desk.write(conn=conn)
    await addressing.note(desk, conn=conn)


async def _load(due: Sequence[Timer], desk: Desk, conn: AsyncConnection) -> None:
    """Only the subjects are locked, by the runner; what is read beside them is only read."""
    subjects: dict[str, set[UUID]] = {kind: set() for kind in (DUE, CLIMB, RAISE, LIGHT)}
    for timer in due:
        subjects[timer.kind].add(timer.subject)
    await desk.load_lights(subjects[LIGHT], conn=conn)
    watched = [obligations.id_of(light.milestone_id) for light in desk.lights.values()]
    case_ids = subjects[CLIMB] | subjects[RAISE] | {obligations.case_id(one) for one in watched}
    await desk.load_cases(case_ids, conn=conn)
    await desk.load_obligations(subjects[DUE], conn=conn)
    raised = {light_id(desk.cases[one].project_id) for one in subjects[RAISE] if one in desk.cases}
    await desk.load_lights(raised - desk.lights.keys(), conn=conn)
    await desk.load_around(conn=conn)


async def _numbers_for(due: Sequence[Timer], desk: Desk, conn: AsyncConnection) -> Numbers:
    """Lock only the counters that are needed: they are what several processes would queue for."""
    kinds: set[str] = set()
    for timer in due:
        if timer.kind == DUE and (obligation := desk.obligations.get(timer.subject)):
            kinds |= {CASE} if _misses(obligation, desk) else set()
        elif timer.kind in (CLIMB, RAISE) and (case := desk.cases.get(timer.subject)):
            kinds |= {LETTER} if cases.needs_letter_number(case, desk.rules_of(case).policy) else set()
    numbers = Numbers(desk.on.year)
    if kinds:
        numbers.last = await kept.lock_counters(kinds, numbers.year, conn=conn)
    return numbers


def _misses(obligation: Obligation, desk: Desk) -> bool:
    if not obligation.allows(obligations.Verb.MISS):
        return False
    return desk.rules.morning(obligations.miss_day(obligation, desk.rules)) <= desk.now


def _due(timer: Timer, desk: Desk, numbers: Numbers) -> None:
    """Remind, or open the case at its first rung."""
    obligation = desk.obligations.get(timer.subject)
    wake = obligations.wake_at(obligation, desk.rules, desk.now) if obligation else None
    if obligation is None or wake is None:
        return
    if _too_early(wake, desk):
        desk.watch(obligation, DUE, wake)
        return
    project = desk.projects[obligation.project_id]
    if reminded := obligations.remind(obligation, project, desk.directory, desk.rules, on=desk.on):
        desk.on_obligation(obligation, reminded)
        return
    opened = cases.open_case(
        obligation,
        project,
        desk.directory,
        desk.rules,
        number=numbers.take(CASE, desk.rules.policy.case_number),
        now=desk.now,
    )
    desk.on_obligation(obligation, obligations.miss(obligation))
    desk.on_new_case(opened)


def _climb(timer: Timer, desk: Desk, numbers: Numbers) -> None:
    case = desk.cases.get(timer.subject)
    wake = cases.climb_at(case, desk.rules_of(case)) if case else None
    if case is None or wake is None:
        return
    if _too_early(wake, desk):
        desk.watch(case, CLIMB, wake)
        return
    _escalate(case, desk, numbers, by_light=False)


def _raise(timer: Timer, desk: Desk, numbers: Numbers) -> None:
    """The project's light raises the case of its start one rung before the day."""
    case = desk.cases.get(timer.subject)
    light = desk.lights.get(light_id(case.project_id)) if case else None
    if case is None or light is None or not _may_raise(case, light, desk):
        return
    if _too_early(desk.now, desk):
        desk.watch(case, RAISE, desk.now)
        return
    _escalate(case, desk, numbers, by_light=True)


def _escalate(case: Case, desk: Desk, numbers: Numbers, *, by_light: bool) -> None:
    rules = desk.rules_of(case)
    obligation, project = desk.obligations[case.obligation_id], desk.projects[case.project_id]
    letter = cases.needs_letter_number(case, rules.policy)
    events = cases.escalate(
        case,
        subject_of(obligation, project),
        desk.directory,
        rules,
        project=project,
        now=desk.now,
        document_number=numbers.take(LETTER, rules.policy.letter_number) if letter else None,
        by_light=by_light,
    )
    desk.on_case(case, events)


def _light(timer: Timer, desk: Desk, numbers: Numbers) -> None:
    """Judge the light at the month's end; a red one may raise the case of the start."""
    light = desk.lights.get(timer.subject)
    if light is None or light.state is not lights.State.WATCHING:
        return
    light = desk.on_light(light, lights.review(light, desk.projects[light.project_id], desk.rules, on=desk.on))
    case = desk.cases.get(obligations.case_id(obligations.id_of(light.milestone_id)))
    # The case is another aggregate, whose head this transaction does not hold: it is raised by a timer of its own.
    if case is not None and _may_raise(case, light, desk):
        desk.watch(case, RAISE, desk.now)


def _may_raise(case: Case, light: StartLight, desk: Desk) -> bool:
    if case.obligation_id != obligations.id_of(light.milestone_id) or not case.allows(cases.Verb.ESCALATE):
        return False
    if case.rung_on == desk.on or (case.held_until is not None and case.held_until > desk.now):
        return False
    rules: Rules = desk.rules_of(case)
    reds = lights.month_end_reds(light, rules, on=desk.on)
    return case.next_at is not None and case.rung < rules.policy.start_light.rung_for(reds)


def _too_early(wake: datetime, desk: Desk) -> bool:
    return wake > desk.now or desk.rules.working_morning(desk.now) > desk.now


_FIRE: Mapping[str, Callable[[Timer, Desk, Numbers], None]] = {
    DUE: _due,
    CLIMB: _climb,
    RAISE: _raise,
    LIGHT: _light,
}
