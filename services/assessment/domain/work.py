"""The work of one transaction, or of a rehearsal, in memory: states, what was decided about them, alarms to set.

Nothing here reads or writes anything: whoever uses it puts the states in, and takes out what changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from services.assessment.domain import case as cases
from services.assessment.domain import commendation as commendations
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain.case import Case
from services.assessment.domain.commendation import Commendation, CommendationEvent
from services.assessment.domain.directory import Directory
from services.assessment.domain.light import StartLight
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from shared.contracts.event import Event
from shared.contracts.supervision import (
    CaseEvent,
    CaseOpened,
    LightChanged,
    LightEvent,
    LightWatched,
    ObligationEvent,
)

Subject = Obligation | Case | StartLight
E = TypeVar("E", bound=Event)

DUE = "due"
CLIMB = "climb"
RAISE = "raise"
LIGHT = "light"
KINDS = (DUE, CLIMB, RAISE, LIGHT)


class Decided(NamedTuple):
    """A fact of supervision, and the instant of the decision. `origin`: of an `Addressed`, what had named nobody."""

    aggregate_id: UUID
    event: Event
    at: datetime
    origin: "Decided | None" = None


class Alarm(NamedTuple):
    """When to look at a subject again. What is due at one instant is looked at in the order of `turn`."""

    subject: UUID
    kind: str
    due_at: datetime
    project_id: UUID
    turn: str


@dataclass(slots=True)
class Work:
    """`on`: the day of `now`. States by id. `rules`: those in force; `by_version`: all that cases began with.

    `alarms`: None where one is to be taken away.
    """

    now: datetime
    on: date
    rules: Rules
    by_version: Mapping[str, Rules]
    directory: Directory
    projects: dict[UUID, Project] = field(default_factory=dict)
    obligations: dict[UUID, Obligation] = field(default_factory=dict)
    cases: dict[UUID, Case] = field(default_factory=dict)
    lights: dict[UUID, StartLight] = field(default_factory=dict)
    commendations: dict[UUID, Commendation] = field(default_factory=dict)
    of_project: dict[UUID, set[UUID]] = field(default_factory=dict)
    facts: list[Decided] = field(default_factory=list)
    alarms: dict[tuple[UUID, str], Alarm | None] = field(default_factory=dict)
    changed: dict[str, dict[UUID, None]] = field(
        default_factory=lambda: {"project": {}, "obligation": {}, "case": {}, "light": {}, "commendation": {}}
    )

    def rules_of(self, case: Case) -> Rules:
        """The policy the case began with, whatever is in force now and whatever became of its project."""
        return self.by_version[case.policy_version].named(case.rule_set)

    def rules_for(self, obligation: Obligation) -> Rules:
        """Of those in force the ones for this: by its chain's category, if known, its project's kind, its own."""
        project = self.projects[obligation.project_id]
        return self.rules.for_(self.directory.category_of(project.chain_id), project.kind, obligation.kind)

    def rules_of_project(self, project: Project) -> Rules:
        """The same for the project as a whole."""
        return self.rules.for_(self.directory.category_of(project.chain_id), project.kind, None)

    def project_of(self, obligation: Obligation) -> Project:
        """What it is due of, as it concerns this one: another unit may answer for it."""
        project = self.projects[obligation.project_id]
        return project._replace(org_id=obligation.org_id) if obligation.org_id else project

    def place(self, obligation: Obligation) -> None:
        """Put an obligation as it stands on the table; nothing has changed."""
        self.obligations[obligation.id] = obligation
        self.of_project.setdefault(obligation.project_id, set()).add(obligation.id)

    def put_project(self, project: Project) -> None:
        self.projects[project.id] = project
        self.changed["project"][project.id] = None

    def put_obligation(self, obligation: Obligation) -> None:
        """Keep an obligation as it is now, without a fact of its own."""
        self.place(obligation)
        self.changed["obligation"][obligation.id] = None

    def put_light(self, light: StartLight) -> None:
        self.lights[light.id] = light
        self.changed["light"][light.id] = None

    def on_obligation(
        self, obligation: Obligation, events: Iterable[ObligationEvent], *, on: date | None = None
    ) -> Obligation:
        """Take these events of an obligation; `on`: the day they happened, today when left out."""
        day = on or self.on
        for event in self._dated(events, day):
            obligation = obligations.evolve(obligation, event, on=day)
            self.facts.append(Decided(obligation.id, event, self.now))
        self.put_obligation(obligation)
        self._watch(obligation, DUE, obligations.wake_at(obligation, self.rules_for(obligation), self.now))
        return obligation

    def on_new_case(self, events: Iterable[CaseEvent]) -> Case:
        opened, *rest = events
        assert isinstance(opened, CaseOpened)
        self.facts.append(Decided(opened.case_id, opened, self.now))
        return self.on_case(cases.begin(opened, at=self.now), rest)

    def on_case(self, case: Case, events: Iterable[CaseEvent], *, on: date | None = None) -> Case:
        day = on or self.on
        for event in self._dated(events, day):
            case = cases.evolve(case, event, self.rules_of(case), on=day)
            self.facts.append(Decided(case.id, event, self.now))
        self.cases[case.id] = case
        self.changed["case"][case.id] = None
        self._watch(case, CLIMB, cases.climb_at(case, self.rules_of(case)))
        if case.state is not cases.State.OPEN:
            self._unwatch(case.id, RAISE)
        return case

    def on_light(self, light: StartLight, events: Iterable[LightChanged]) -> StartLight:
        """Take these events of a light; that it watches something else is told with the first, or by itself."""
        told: list[LightEvent] = [*events]
        before, watch = self.lights.get(light.id), lights.watch_of(light)
        if before is None or lights.watch_of(before) != watch:
            first, *rest = told or [LightWatched(project_id=light.project_id)]
            told = [first.model_copy(update={"watch": watch, "held_ends": light.held_ends}), *rest]
        for event in told:
            light = lights.evolve(light, event)
            self.facts.append(Decided(light.id, event, self.now))
        self.put_light(light)
        self._watch(light, LIGHT, lights.wake_at(light, self.rules, now=self.now))
        return light

    def on_commendation(self, event: CommendationEvent) -> None:
        one = event.commendation_id
        self.commendations[one] = commendations.evolve(self.commendations.get(one), event, at=self.now)
        self.changed["commendation"][one] = None
        self.facts.append(Decided(one, event, self.now))

    def _dated(self, events: Iterable[E], day: date) -> Iterable[E]:
        """With their day, where it is not today's: what is folded again later must know it."""
        return events if day == self.on else [event.model_copy(update={"on": day}) for event in events]

    def watch(self, subject: Subject, kind: str, due_at: datetime) -> None:
        """Look at this subject again at this instant, or in the next working morning when it has passed."""
        self._watch(subject, kind, due_at)

    def _watch(self, subject: Subject, kind: str, due_at: datetime | None) -> None:
        if due_at is None:
            self._unwatch(subject.id, kind)
            return
        alarm_at = due_at if kind == LIGHT else self.rules.alarm(due_at, self.now)
        self.alarms[subject.id, kind] = Alarm(subject.id, kind, alarm_at, subject.project_id, self._turn(subject))

    def _turn(self, subject: Subject) -> str:
        """By the project's code (or the name of what has none), then by what is due: as people sort their lists."""
        name = ""
        if isinstance(subject, Case):
            name = self.obligations[subject.obligation_id].name
        elif isinstance(subject, Obligation):
            name = subject.name
        project = self.projects[subject.project_id]
        return f"{project.code or project.name}\t{name}"

    def _unwatch(self, subject: UUID, kind: str) -> None:
        self.alarms[subject, kind] = None
