"""The work of one transaction in memory: states are loaded set-wise, folded here, and written set-wise at the end."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import case as cases
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain.case import Case
from services.assessment.domain.directory import Directory
from services.assessment.domain.light import StartLight
from services.assessment.domain.moments import china_date
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from services.assessment.handlers.known import Known
from services.assessment.store import states
from services.assessment.store.states import Kept
from shared.contracts.supervision import (
    CaseEvent,
    CaseOpened,
    CommendationProposed,
    CommendationWithdrawn,
    LightChanged,
    ObligationEvent,
)
from shared.kit.log.eventlog import NewFact, append, lock_heads
from shared.kit.timers import Timer, cancel_timers, set_timers

T = TypeVar("T")
Subject = Obligation | Case | StartLight

ACTOR = "督导引擎 <assessment>"

DUE = "due"
CLIMB = "climb"
RAISE = "raise"
LIGHT = "light"


@dataclass(slots=True)
class Desk:
    """`on`: the day of `now`. States by id; what `changed` is written by `write`, with its facts and timers."""

    known: Known
    now: datetime
    on: date
    rules: Rules
    directory: Directory
    projects: dict[UUID, Project] = field(default_factory=dict)
    obligations: dict[UUID, Obligation] = field(default_factory=dict)
    cases: dict[UUID, Case] = field(default_factory=dict)
    lights: dict[UUID, StartLight] = field(default_factory=dict)
    commendations: dict[UUID, CommendationProposed | CommendationWithdrawn] = field(default_factory=dict)
    proposed: set[UUID] = field(default_factory=set)
    """Of the commendations at hand those that are proposed."""
    facts: list[NewFact] = field(default_factory=list)
    of_project: dict[UUID, set[UUID]] = field(default_factory=dict)
    _versions: dict[UUID, int] = field(default_factory=dict)
    _changed: dict[str, dict[UUID, None]] = field(
        default_factory=lambda: {"project": {}, "obligation": {}, "case": {}, "light": {}}
    )
    _timers: dict[tuple[UUID, str], Timer | None] = field(default_factory=dict)

    @classmethod
    def of(cls, known: Known, now: datetime, directory: Directory | None = None) -> "Desk":
        return cls(known, now, china_date(now), known.current, directory or known.directory)

    def rules_of(self, case: Case) -> Rules:
        """The policy the case began with, whatever is in force now."""
        return self.known.by_version[case.policy_version]

    async def load_projects(self, ids: Collection[UUID], *, conn: AsyncConnection) -> None:
        self.projects.update(await states.projects(ids, conn=conn))

    async def load_obligations(self, ids: Collection[UUID], *, conn: AsyncConnection) -> None:
        for kept in (await states.obligations(ids, conn=conn)).values():
            self._versions[kept.state.id] = kept.version
            self._place(kept.state)

    async def load_cases(self, ids: Collection[UUID], *, conn: AsyncConnection) -> None:
        self._keep(self.cases, await states.cases(ids, conn=conn))

    async def load_lights(self, ids: Collection[UUID], *, conn: AsyncConnection) -> None:
        self._keep(self.lights, await states.lights(ids, conn=conn))

    async def lock_and_load(
        self,
        *,
        obligation_ids: Collection[UUID],
        with_cases_of: Collection[UUID] = (),
        light_ids: Collection[UUID] = (),
        commendation_ids: Collection[UUID] = (),
        conn: AsyncConnection,
    ) -> None:
        """Lock these obligations, the cases of some of them, these lights and commendations, then read them."""
        case_ids = [obligations.case_id(one) for one in with_cases_of]
        heads = await lock_heads([*obligation_ids, *case_ids, *light_ids, *commendation_ids], conn=conn)
        self.proposed |= await states.proposed_commendations(commendation_ids, conn=conn)
        await self.load_obligations(obligation_ids, conn=conn)
        await self.load_cases(case_ids, conn=conn)
        await self.load_lights(light_ids, conn=conn)
        # A case that a timer opened while we waited for its obligation: nobody can hold it and wait for us.
        if late := self.cases.keys() - heads.keys():
            await lock_heads(late, conn=conn)
            await self.load_cases(late, conn=conn)

    async def load_around(self, *, conn: AsyncConnection) -> None:
        """What the obligations, cases and lights at hand are about: the cases' obligations, and all their projects."""
        of_cases = {case.obligation_id for case in self.cases.values()}
        await self.load_obligations(of_cases - self.obligations.keys(), conn=conn)
        at_hand: tuple[Subject, ...] = (*self.obligations.values(), *self.cases.values(), *self.lights.values())
        await self.load_projects({one.project_id for one in at_hand} - self.projects.keys(), conn=conn)

    def put_project(self, project: Project) -> None:
        self.projects[project.id] = project
        self._changed["project"][project.id] = None

    def put_obligation(self, obligation: Obligation) -> None:
        """Keep an obligation as it is now, without a fact of its own."""
        self._place(obligation)
        self._changed["obligation"][obligation.id] = None

    def put_light(self, light: StartLight) -> None:
        self.lights[light.id] = light
        self._changed["light"][light.id] = None

    def on_obligation(
        self, obligation: Obligation, events: Iterable[ObligationEvent], *, on: date | None = None
    ) -> Obligation:
        """Take these events of an obligation; `on`: the day they happened, today when left out."""
        day = on or self.on
        for event in events:
            obligation = obligations.evolve(obligation, event, on=day)
            self.facts.append(NewFact(obligation.id, event, self.now))
        self.put_obligation(obligation)
        self._watch(obligation, DUE, obligations.wake_at(obligation, self.rules, self.now))
        return obligation

    def on_new_case(self, events: Iterable[CaseEvent]) -> Case:
        opened, *rest = events
        assert isinstance(opened, CaseOpened)
        self.facts.append(NewFact(opened.case_id, opened, self.now))
        return self.on_case(cases.begin(opened, at=self.now), rest)

    def on_case(self, case: Case, events: Iterable[CaseEvent], *, on: date | None = None) -> Case:
        day = on or self.on
        for event in events:
            case = cases.evolve(case, event, self.rules_of(case), on=day)
            self.facts.append(NewFact(case.id, event, self.now))
        self.cases[case.id] = case
        self._changed["case"][case.id] = None
        self._watch(case, CLIMB, cases.climb_at(case, self.rules_of(case)))
        if case.state is not cases.State.OPEN:
            self._unwatch(case.id, RAISE)
        return case

    def on_light(self, light: StartLight, events: Iterable[LightChanged]) -> StartLight:
        for event in events:
            light = lights.evolve(light, event)
            self.facts.append(NewFact(light.id, event, self.now))
        self.put_light(light)
        self._watch(light, LIGHT, lights.wake_at(light, self.rules, on=self.on))
        return light

    def on_commendation(self, event: CommendationProposed | CommendationWithdrawn) -> None:
        self.commendations[event.commendation_id] = event
        if isinstance(event, CommendationProposed):
            self.proposed.add(event.commendation_id)
        else:
            self.proposed.discard(event.commendation_id)
        self.facts.append(NewFact(event.commendation_id, event, self.now))

    def watch(self, subject: Subject, kind: str, due_at: datetime) -> None:
        """Look at this subject again at this instant, or in the next working morning when it has passed."""
        self._watch(subject, kind, due_at)

    async def write(self, *, conn: AsyncConnection, actor: str = ACTOR, traceparent: str | None = None) -> None:
        """Write facts, states and timers: a constant number of statements."""
        stored = frozenset(self._versions)
        self._versions.update(await append(self.facts, conn=conn, actor=actor, traceparent=traceparent))
        await states.save_projects((self.projects[one] for one in self._changed["project"]), conn=conn)
        await states.save_obligations(self._changed_of("obligation", self.obligations, stored), conn=conn)
        await states.save_cases(self._changed_of("case", self.cases, stored), conn=conn)
        await states.save_lights(self._changed_of("light", self.lights, stored), conn=conn)
        commendations = [Kept(one, self._versions[id]) for id, one in self.commendations.items()]
        await states.save_commendations(commendations, conn=conn, now=self.now)
        await self._write_timers(conn)

    def version(self, aggregate_id: UUID) -> int:
        return self._versions[aggregate_id]

    async def _write_timers(self, conn: AsyncConnection) -> None:
        for kind in (DUE, CLIMB, RAISE, LIGHT):
            gone = [subject for (subject, of), timer in self._timers.items() if of == kind and timer is None]
            await cancel_timers(gone, conn=conn, kind=kind)
        await set_timers([timer for timer in self._timers.values() if timer], conn=conn)

    def _watch(self, subject: Subject, kind: str, due_at: datetime | None) -> None:
        if due_at is None:
            self._unwatch(subject.id, kind)
            return
        self._timers[subject.id, kind] = Timer(
            subject.id,
            kind,
            due_at if kind == LIGHT else self.rules.alarm(due_at, self.now),
            subject.project_id,
            self.rules.policy.version,
            self.known.calendar.version,
            self._turn(subject),
        )

    def _turn(self, subject: Subject) -> str:
        """By the project's code, then by the milestone: so numbers are given out as people sort their lists."""
        name = ""
        if isinstance(subject, Case):
            name = self.obligations[subject.obligation_id].name
        elif isinstance(subject, Obligation):
            name = subject.name
        return f"{self.projects[subject.project_id].code}\t{name}"

    def _unwatch(self, subject: UUID, kind: str) -> None:
        if subject in self._versions or (subject, kind) in self._timers:  # what is new has no timer yet
            self._timers[subject, kind] = None

    def _place(self, obligation: Obligation) -> None:
        self.obligations[obligation.id] = obligation
        self.of_project.setdefault(obligation.project_id, set()).add(obligation.id)

    def _keep(self, into: dict[UUID, T], found: dict[UUID, Kept[T]]) -> None:
        for one, kept in found.items():
            into[one] = kept.state
            self._versions[one] = kept.version

    def _changed_of(self, kind: str, of: dict[UUID, T], stored: Collection[UUID]) -> Iterable[Kept[T]]:
        return (Kept(of[one], self._versions[one], one not in stored) for one in self._changed[kind])


def planned_anew(obligation: Obligation, due_on: date) -> Obligation:
    """Intake planned this day: a hold of the project, later, moves `due_on` and not this one."""
    return obligation._replace(planned_on=due_on)
