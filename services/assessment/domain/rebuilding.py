"""All state folded again from what was written down: `evolve` only, nothing is decided and nobody hears anything.

Projects and the directory follow from the journal; obligations, cases, lights and commendations from the own log.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, cast
from uuid import UUID

from services.assessment.domain import case as cases
from services.assessment.domain import commendation as commendations
from services.assessment.domain import light as lights
from services.assessment.domain import obligation as obligations
from services.assessment.domain import project as projections
from services.assessment.domain.addressing import TOLD, Told
from services.assessment.domain.case import Case
from services.assessment.domain.commendation import Commendation, CommendationEvent
from services.assessment.domain.directory import Directory
from services.assessment.domain.light import StartLight
from services.assessment.domain.moments import china_date, first_of_next_month
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from services.assessment.domain.work import LIGHT, Alarm, Work
from services.assessment.domain.world import Heard
from shared.contracts.event import Event
from shared.contracts.programme import PROGRAMME
from shared.contracts.supervision import (
    Addressed,
    CaseEvent,
    CaseOpened,
    LightEvent,
    ObligationEvent,
    ObligationOpened,
)

RulesAt = Callable[[str, datetime], Rules]
"""The rules of a policy's version with the calendar that was known at an instant."""

_TOLD = frozenset(TOLD)


class Logged(NamedTuple):
    """A fact of the own log."""

    event_id: UUID
    aggregate_id: UUID
    seq: int
    at: datetime
    event: Event


@dataclass(slots=True)
class Folded:
    """States by id; `versions`: the last sequence of each aggregate. `extended`: obligations as they stood with each of
    their extensions but the last. `unheard`: what named nobody, and nobody since."""

    rules_at: RulesAt
    directory: Directory = field(default_factory=Directory)
    projects: dict[UUID, Project] = field(default_factory=dict)
    obligations: dict[UUID, Obligation] = field(default_factory=dict)
    cases: dict[UUID, Case] = field(default_factory=dict)
    lights: dict[UUID, StartLight] = field(default_factory=dict)
    commendations: dict[UUID, Commendation] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)
    extended: dict[tuple[UUID, int], Obligation] = field(default_factory=dict)
    unheard: dict[UUID, Logged] = field(default_factory=dict)

    def hear(self, heard: Heard) -> None:
        """Fold one fact of the journal."""
        if heard.event.topic == PROGRAMME:
            self.directory.learn(heard.event, at=heard.happened_at)
            return
        project_id = projections.id_in(heard.event)
        if (project := projections.fold(self.projects.get(project_id), heard.event)) is not None:
            self.projects[project_id] = project

    def take(self, one: Logged) -> None:
        """Fold one fact of the own log; those of an aggregate come in order."""
        self.versions[one.aggregate_id] = one.seq
        event = one.event
        on = getattr(event, "on", None) or china_date(one.at)
        if isinstance(event, ObligationEvent):
            self._of_obligation(event, on)
        elif isinstance(event, CaseEvent):
            self._of_case(event, on, one.at)
        elif isinstance(event, LightEvent):
            light = self.lights.get(one.aggregate_id)
            self.lights[one.aggregate_id] = lights.begin(event) if light is None else lights.evolve(light, event)
        elif isinstance(event, CommendationEvent):
            before = self.commendations.get(one.aggregate_id)
            self.commendations[one.aggregate_id] = commendations.evolve(before, event, at=one.at)
        self._note_hearing(one)

    def _of_obligation(self, event: ObligationEvent, on: date) -> None:
        before = self.obligations.get(event.obligation_id)
        if before is None:
            before = obligations.begin(cast(ObligationOpened, event))
        after = obligations.evolve(before, event, on=on)
        if before.extension and after.extension and before.extension.number != after.extension.number:
            self.extended[before.id, before.extension.number] = before
        self.obligations[after.id] = after

    def _of_case(self, event: CaseEvent, on: date, at: datetime) -> None:
        if isinstance(event, CaseOpened):
            self.cases[event.case_id] = cases.begin(event, at=at)
        elif (case := self.cases.get(event.case_id)) is not None:
            rules = self.rules_at(case.policy_version, at).named(case.rule_set)
            self.cases[case.id] = cases.evolve(case, event, rules, on=on)

    def _note_hearing(self, one: Logged) -> None:
        if type(one.event) in _TOLD and not cast(Told, one.event).addressees:
            self.unheard[one.event_id] = one
        elif isinstance(one.event, Addressed):
            self.unheard.pop(one.event.event_id, None)


def alarms(folded: Folded, work: Work) -> Iterator[Alarm]:
    """The alarms that these states call for at the instant of `work`, which has them at hand.

    One is not among them: a light that has just been looked at, and is about to raise a case, does so a month later.
    """
    for obligation in folded.obligations.values():
        work.on_obligation(obligation, ())
    for case in folded.cases.values():
        work.on_case(case, ())
    for light in folded.lights.values():
        if light.state is lights.State.WATCHING:
            work.watch(light, LIGHT, _next_look(light, work))
    return (alarm for alarm in work.alarms.values() if alarm is not None)


def _next_look(light: StartLight, work: Work) -> datetime:
    """This month's look, where it is still to come."""
    first = work.on.replace(day=1)
    look = work.rules.morning(work.rules.calendar.add(first, 0).day)
    if look > work.now and first > light.planned_on:
        return look
    following = first_of_next_month(max(work.on, light.planned_on))
    return work.rules.morning(work.rules.calendar.add(following, 0).day)


def fold(heard: Iterable[Heard], logged: Iterable[Logged], rules_at: RulesAt) -> Folded:
    """Everything, from both."""
    folded = Folded(rules_at)
    for one in heard:
        folded.hear(one)
    for fact in logged:
        folded.take(fact)
    return folded
