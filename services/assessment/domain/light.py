"""Lights: a project's by the rule set `start`, an obligation's by `ticket`. The boundaries are policy data."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID, uuid5

from services.assessment.domain import moments
from services.assessment.domain.policy import Policy, StartRule
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.supervision import Light, LightChanged, LightEvent, LightWatch
from shared.kit.working_days import WorkingCalendar

START = "start"
TICKET = "ticket"


class State(StrEnum):
    """`suspended`: the project is held, its months do not count. `ended`: started, terminated or no longer planned."""

    WATCHING = "watching"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Verb(StrEnum):
    PLAN = "plan"
    REVIEW = "review"
    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"


TABLE: dict[State, dict[Verb, State]] = {
    State.WATCHING: {
        Verb.PLAN: State.WATCHING,
        Verb.REVIEW: State.WATCHING,
        Verb.SUSPEND: State.SUSPENDED,
        Verb.END: State.ENDED,
    },
    State.SUSPENDED: {Verb.PLAN: State.SUSPENDED, Verb.RESUME: State.WATCHING, Verb.END: State.ENDED},
    State.ENDED: {Verb.PLAN: State.WATCHING, Verb.SUSPEND: State.ENDED, Verb.RESUME: State.ENDED},
}


class StartLight(NamedTuple):
    """A project's light by its planned start. `excused`: how many month-ends, from the planned month's on, fell into a
    hold and do not count. `held_ends`: all that did, for the start may be planned anew."""

    id: UUID
    project_id: UUID
    milestone_id: UUID
    planned_on: date
    state: State = State.WATCHING
    light: Light = Light.GREEN
    shown: bool = False
    excused: int = 0
    suspended_on: date | None = None
    changed_on: date | None = None
    inputs: dict[str, str] | None = None
    policy_version: str = ""
    held_ends: tuple[date, ...] = ()

    def allows(self, verb: Verb) -> bool:
        return verb in TABLE[self.state]


@dataclass(frozen=True, slots=True)
class Ticket:
    """An obligation's light with what it rests on."""

    light: Light
    rule: str
    policy_version: str
    inputs: dict[str, str]


@lru_cache(maxsize=8192)
def light_id(project_id: UUID) -> UUID:
    return uuid5(project_id, "light")


def missed_month_ends(planned_on: date, last_end: date, excused: int) -> int:
    """Month-ends passed without a start, the planned month's own included, the excused ones left out."""
    return max(0, moments.months_apart(planned_on, last_end) + 1 - excused)


def judge(missed: int, rule: StartRule) -> Light:
    if missed >= rule.red_from_months:
        return Light.RED
    return Light.YELLOW if missed >= rule.yellow_from_months else Light.GREEN


def month_end_reds(light: StartLight, rules: Rules, *, on: date) -> int:
    """Month-ends running at which the light was red, up to the last one before `on`."""
    if light.state is not State.WATCHING:
        return 0
    missed = missed_month_ends(light.planned_on, moments.last_month_end(on), light.excused)
    return max(0, missed - rules.policy.start_light.red_from_months + 1)


def plan(light: StartLight | None, project: Project, milestone_id: UUID, planned_on: date, *, on: date) -> StartLight:
    """Watch this milestone for the project's start; a light that watched another one follows."""
    if light is None:
        light = StartLight(light_id(project.id), project.id, milestone_id, planned_on)
    state = State.WATCHING if light.state is State.ENDED else light.state
    excused = sum(end >= planned_on for end in light.held_ends)
    planned = light._replace(milestone_id=milestone_id, planned_on=planned_on, state=state, excused=excused)
    if project.held and planned.allows(Verb.SUSPEND):
        return suspend(planned, on=light.suspended_on or on)
    return end(planned) if project.is_started or project.ended else planned


def review(light: StartLight, project: Project, rules: Rules, *, on: date) -> list[LightChanged]:
    """What the light is on this day, if that is news: judged at the last month's end."""
    if light.state is State.SUSPENDED and light.shown:
        return []
    last_end = moments.last_month_end(on)
    missed = missed_month_ends(light.planned_on, last_end, light.excused)
    is_over = light.state is State.ENDED
    now = Light.GREEN if is_over else judge(missed, rules.policy.start_light)
    if light.shown and now is light.light:
        return []
    return [
        LightChanged(
            project_id=project.id,
            light=now,
            before=light.light if light.shown else None,
            rule=START,
            policy_version=rules.policy.version,
            inputs={
                "planned_month": light.planned_on.strftime("%Y-%m"),
                "month_end": last_end.isoformat(),
                "month_ends_missed": str(0 if is_over else missed),
                "month_ends_excused": str(light.excused),
                "stage": project.stage.value if project.stage else "",
                **_rule_set(rules.policy),
            },
            on=on,
        )
    ]


def wake_at(light: StartLight, rules: Rules, *, now: datetime) -> datetime | None:
    """The next look: a month's first working morning, this one's while it is ahead, once the planned month is over."""
    if light.state is not State.WATCHING:
        return None
    on = moments.china_date(now)
    look = _look_of(max(on.replace(day=1), moments.first_of_next_month(light.planned_on)), rules)
    return look if look > now else _look_of(moments.first_of_next_month(on), rules)


def _look_of(first_of_month: date, rules: Rules) -> datetime:
    return rules.morning(rules.calendar.add(first_of_month, 0).day)


def suspend(light: StartLight, *, on: date) -> StartLight:
    """The project is held. One that is over notes it, for the start may be planned anew."""
    if not light.allows(Verb.SUSPEND):
        return light
    return light._replace(state=TABLE[light.state][Verb.SUSPEND], suspended_on=on)


def resume(light: StartLight, *, on: date) -> StartLight:
    """Go on after a hold: the month-ends that lay in it, from the planned month's on, are excused."""
    if not light.allows(Verb.RESUME):
        return light
    ends = _month_ends(light.suspended_on or on, on)
    return light._replace(
        state=TABLE[light.state][Verb.RESUME],
        suspended_on=None,
        excused=light.excused + sum(end >= light.planned_on for end in ends),
        held_ends=(*light.held_ends, *(end for end in ends if end not in light.held_ends)),
    )


def _month_ends(since: date, until: date) -> list[date]:
    """Those from `since` on, and before `until`."""
    ends = [moments.month_end(since)]
    while ends[-1] < until:
        ends.append(moments.month_end(moments.first_of_next_month(ends[-1])))
    return ends[:-1]


def end(light: StartLight) -> StartLight:
    return light._replace(state=State.ENDED) if light.allows(Verb.END) else light


def watch_of(light: StartLight) -> LightWatch:
    """What it watches, as it is told."""
    return LightWatch(
        milestone_id=light.milestone_id,
        planned_on=light.planned_on,
        state=light.state,
        excused=light.excused,
        suspended_on=light.suspended_on,
    )


def begin(event: LightEvent) -> StartLight:
    """The light that the first event of one makes."""
    assert event.watch is not None
    watch = event.watch
    return evolve(StartLight(light_id(event.project_id), event.project_id, watch.milestone_id, watch.planned_on), event)


def evolve(light: StartLight, event: LightEvent) -> StartLight:
    if event.watch is not None:
        watch = event.watch.model_dump()
        light = light._replace(**{**watch, "state": State(watch["state"])}, held_ends=event.held_ends)
    return _changed(light, event) if isinstance(event, LightChanged) else light


def _changed(light: StartLight, event: LightChanged) -> StartLight:
    return light._replace(
        light=event.light,
        shown=True,
        changed_on=event.on,
        inputs=event.inputs,
        policy_version=event.policy_version,
    )


def ticket(due_on: date, today: date, policy: Policy, calendar: WorkingCalendar) -> Ticket:
    """An obligation's light on a day: overdue red, up to the policy's working days left yellow, more green."""
    left = calendar.between(today, due_on)
    light = Light.GREEN
    if today > due_on:
        light = Light.RED
    elif left <= policy.ticket_yellow_up_to_days:
        light = Light.YELLOW
    days = {"due_on": due_on.isoformat(), "on": today.isoformat(), "working_days_left": str(left)}
    inputs = {**days, **_rule_set(policy)}
    return Ticket(light, TICKET, policy.version, inputs)


def _rule_set(policy: Policy) -> dict[str, str]:
    """Of the policy's version the rule set that the light goes by; nothing where it is what holds for all."""
    return {"rule_set": policy.rule_set} if policy.rule_set else {}
