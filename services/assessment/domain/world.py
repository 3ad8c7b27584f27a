"""All of supervision in memory: facts come, people act, time passes, alarms fire; by the very code that decides live.

A world knows nothing of where its facts come from, and writes nothing: what it decides is in `decided`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from typing import NamedTuple, cast
from uuid import UUID

from services.assessment.domain import acting, addressing, firing, taking
from services.assessment.domain.addressing import NOBODY, TOLD, Told
from services.assessment.domain.directory import Directory
from services.assessment.domain.firing import CASE, LETTER, Numbers
from services.assessment.domain.moments import china_date
from services.assessment.domain.recounting import recount
from services.assessment.domain.rules import Rules
from services.assessment.domain.work import KINDS, Alarm, Decided, Work
from shared.contracts.event import Event
from shared.contracts.programme import PROGRAMME
from shared.contracts.supervision import Addressed, SupervisionEvent
from shared.kit.errors import DomainError
from shared.kit.working_days import YearTable

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_UNHEARD = "unheard"
_NOTHING = UUID(int=0)
_LAST = "\U0010ffff"
_TOLD = frozenset(TOLD)


class Heard(NamedTuple):
    """A fact of another service. `at`: when assessment took it; `happened_at`: the fact's own time."""

    at: datetime
    happened_at: datetime
    event: Event


class Acted(NamedTuple):
    """What a person did, as the log has it."""

    at: datetime
    event: SupervisionEvent


class Published(NamedTuple):
    """A year's calendar was imported."""

    at: datetime
    table: YearTable


class InForce(NamedTuple):
    """Another version of the policy is in force from this instant on."""

    at: datetime
    version: str


Happening = Heard | Acted | Published | InForce


class Void(NamedTuple):
    """What a person did, and why it has no place in this world."""

    action: Acted
    reason: str


class _Waiting(NamedTuple):
    """An alarm that is set; in the order in which they fire."""

    due_at: datetime
    turn: str
    subject: UUID
    kind: str


@dataclass(slots=True)
class World:
    """`decided`: everything, in order, until somebody takes it out. Facts have no id here: one that refers to another
    has it as `origin`."""

    work: Work
    decided: list[Decided] = field(default_factory=list)
    void: list[Void] = field(default_factory=list)
    _alarms: list[_Waiting] = field(default_factory=list)
    _set: dict[tuple[UUID, str], _Waiting] = field(default_factory=dict)
    _numbers: Numbers = field(default_factory=lambda: _numbers_of(0))
    _unheard: list[Decided] = field(default_factory=list)

    @classmethod
    def under(cls, rules: Rules, others: Mapping[str, Rules] | None = None) -> "World":
        """An empty world. `others`: policies that it may be told to go by later."""
        by_version = {**(others or {}), rules.policy.version: rules}
        return cls(Work(_BEGINNING, china_date(rules.morning(rules.began_on)), rules, by_version, Directory()))

    @classmethod
    def standing(cls, work: Work, alarms: Iterable[Alarm]) -> "World":
        """One that goes on from states as they are, with the alarms that are set."""
        world = cls(work)
        world._move_to(work.now)
        for alarm in alarms:
            world._wait(_Waiting(alarm.due_at, alarm.turn, alarm.subject, alarm.kind))
        return world

    def fork(self) -> "World":
        """Another one that has come to the same point, and goes its own way from here."""
        mine = self.work
        work = replace(
            mine,
            directory=mine.directory.copy(),
            projects=dict(mine.projects),
            obligations=dict(mine.obligations),
            cases=dict(mine.cases),
            lights=dict(mine.lights),
            commendations=dict(mine.commendations),
            of_project={project: set(ids) for project, ids in mine.of_project.items()},
            facts=[],
            alarms={},
        )
        numbers = Numbers(self._numbers.year, dict(self._numbers.last))
        so_far = list(self.decided), list(self.void)
        return World(work, *so_far, list(self._alarms), dict(self._set), numbers, list(self._unheard))

    def go_by(self, rules: Rules, at: datetime) -> None:
        """Another policy is in force from now on; cases keep the one they began with."""
        self.pass_time(at)
        work = self.work
        work.rules = replace(rules, calendar=work.rules.calendar)
        work.by_version = {**work.by_version, rules.policy.version: work.rules}
        self._recount()

    def happen(self, happening: Happening) -> None:
        """Let time pass until then, and take it.

        Raises:
            UnknownProject: a fact of a project that was never recorded.
        """
        self.pass_time(happening.at)
        match happening:
            case Heard():
                self._hear(happening)
            case Acted():
                self._act(happening)
            case Published():
                self._publish(happening.table)
            case InForce():
                self.go_by(self.work.by_version[happening.version], happening.at)
        self._settle()

    def pass_time(self, until: datetime) -> None:
        """Fire what is due up to this instant, each at its own."""
        while self._alarms and self._alarms[0].due_at <= until:
            due = self._due()
            if due:
                self._move_to(due[0].due_at)
                self._fire(due)
        self._move_to(until)

    def alarms(self) -> dict[tuple[UUID, str], datetime]:
        """When each subject is looked at again, by kind."""
        return {(one.subject, one.kind): one.due_at for one in self._set.values() if one.kind in KINDS}

    def _due(self) -> list[_Waiting]:
        """What is due at the next instant. An alarm that was set anew, or taken away, counts no more."""
        at, due = self._alarms[0].due_at, []
        while self._alarms and self._alarms[0].due_at == at:
            one = heappop(self._alarms)
            if self._set.get((one.subject, one.kind)) is one:
                del self._set[one.subject, one.kind]
                due.append(one)
        return due

    def _move_to(self, now: datetime) -> None:
        work = self.work
        if now > work.now:
            work.now, work.on = now, china_date(now)
        if self._numbers.year != work.on.year:
            self._numbers = _numbers_of(work.on.year)

    def _fire(self, due: Sequence[_Waiting]) -> None:
        for one in due:
            if one.kind == _UNHEARD:
                self._address_again()
            else:
                firing.fire(one, self.work, self._numbers)
        self._settle()

    def _hear(self, heard: Heard) -> None:
        if heard.event.topic == PROGRAMME:
            self.work.directory.learn(heard.event, at=heard.happened_at)
            self._address_again()
        else:
            taking.take(heard.event, self.work, china_date(heard.happened_at))

    def _act(self, acted: Acted) -> None:
        try:
            acting.act(acted.event, self.work)
        except DomainError as refusal:
            self.void.append(Void(acted, refusal.message))

    def _publish(self, table: YearTable) -> None:
        work = self.work
        calendar = work.rules.calendar.with_year(table)
        work.by_version = {version: replace(rules, calendar=calendar) for version, rules in work.by_version.items()}
        work.rules = work.by_version[work.rules.policy.version]
        self._recount()

    def _recount(self) -> None:
        for kind in KINDS:
            waiting = {one.subject: one.due_at for one in sorted(self._set.values()) if one.kind == kind}
            recount(kind, waiting, self.work)
            self._settle()

    def _settle(self) -> None:
        """Keep what was decided, set the alarms, note what nobody heard."""
        work = self.work
        for decided in work.facts:
            if type(decided.event) in _TOLD and not cast(Told, decided.event).addressees:
                self._unheard.append(decided)
                self._look_again()
            self.decided.append(decided)
        for key, alarm in work.alarms.items():
            self._set.pop(key, None)
            if alarm is not None:
                self._wait(_Waiting(alarm.due_at, alarm.turn, alarm.subject, alarm.kind))
        work.facts.clear()
        work.alarms.clear()
        for changed in work.changed.values():
            changed.clear()

    def _wait(self, one: _Waiting) -> None:
        self._set[one.subject, one.kind] = one
        heappush(self._alarms, one)
        if len(self._alarms) > 4 * len(self._set) + 1000:
            self._alarms = list(self._set.values())
            heapify(self._alarms)

    def _look_again(self) -> None:
        """On the next working morning, after all else of that instant."""
        at = self.work.rules.next_morning(self.work.on)
        if (_NOTHING, _UNHEARD) not in self._set:
            self._wait(_Waiting(at, _LAST, _NOTHING, _UNHEARD))

    def _address_again(self) -> None:
        """Who is to hear what nobody was there to hear; see `addressing`."""
        unheard, self._unheard = self._unheard, []
        for one in unheard:
            event = cast(Told, one.event)
            found = addressing.whom(event, addressing.about(event, self.work), self.work.directory, on=self.work.on)
            if found is NOBODY or (found and not found.addressees):
                self._unheard.append(one)
            elif found:
                told = Addressed(event_id=_NOTHING, addressees=found.addressees, skipped=found.skipped)
                self.work.facts.append(Decided(one.aggregate_id, told, self.work.now, one))
        if self._unheard:
            self._look_again()


def _numbers_of(year: int) -> Numbers:
    return Numbers(year, {CASE: 0, LETTER: 0})
