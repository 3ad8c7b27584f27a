"""What would be otherwise under another policy or calendar: two worlds live through the same, and are compared."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import zip_longest
from typing import Any, NamedTuple
from uuid import UUID

from services.assessment.domain.moments import china_date
from services.assessment.domain.rules import Rules
from services.assessment.domain.work import Decided
from services.assessment.domain.world import Happening, InForce, Published, World
from shared.contracts.event import Event
from shared.contracts.supervision import (
    Addressee,
    CaseClosed,
    CaseEscalated,
    CaseOpened,
    CaseReopened,
    Document,
    Light,
    LightChanged,
    Subject,
)
from shared.kit.working_days import YearTable

What = tuple[UUID, str, int]


class Telling(NamedTuple):
    """Somebody hears something. `type`: of the fact; `rung`, `document`: of a case's step."""

    on: date
    aggregate_id: UUID
    type: str
    subject: Subject
    addressees: tuple[Addressee, ...]
    rung: int = 0
    document: Document | None = None

    @property
    def what(self) -> What:
        """What is told, whenever and to whom."""
        return self.aggregate_id, self.type, self.rung


class Case(NamedTuple):
    """`rung`: how far it climbed. `closed_on`: None while it is open."""

    id: UUID
    opened_on: date
    subject: Subject
    rung: int
    closed_on: date | None


class Shown(NamedTuple):
    on: date
    light: Light


class Otherwise(NamedTuple):
    """The same thing told twice: as it was, and as it would be."""

    was: Telling
    would: Telling


class LightOtherwise(NamedTuple):
    project_id: UUID
    was: tuple[Shown, ...]
    would: tuple[Shown, ...]


class ActionVoid(NamedTuple):
    """What a person did that would have had no place, and why."""

    on: date
    aggregate_id: UUID
    type: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    cases: int
    told: int
    by_rung: tuple[int, ...]
    """Rungs reached, from the first on."""
    red: int
    """Times that a light turned red."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`from_day` to `to_day`, both included. Tellings that differ in day or in who hears are `told_otherwise`."""

    was: Counts
    would: Counts
    cases_more: tuple[Case, ...]
    cases_fewer: tuple[Case, ...]
    told_more: tuple[Telling, ...]
    told_fewer: tuple[Telling, ...]
    told_otherwise: tuple[Otherwise, ...]
    lights: tuple[LightOtherwise, ...]
    void: tuple[ActionVoid, ...]

    @property
    def is_nothing(self) -> bool:
        parts = (self.cases_more, self.cases_fewer, self.told_more, self.told_fewer)
        return not any((*parts, self.told_otherwise, self.lights, self.void))


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried, from a morning on: rules other than those in force, a year's calendar."""

    from_at: datetime
    rules: Rules | None = None
    table: YearTable | None = None


@dataclass(slots=True)
class Rehearsal:
    """Both worlds side by side: `was` goes by what was in force, `would` by what is tried from its day on.

    What both decide alike is forgotten page by page: a million facts leave no more than their differences.
    """

    was: World
    trial: Trial
    would: World | None = field(default=None, init=False)
    _parts: tuple["_Part", "_Part"] = field(default_factory=lambda: (_Part(), _Part()), init=False)
    _void: int = field(default=0, init=False)

    def live_through(self, happenings: Iterable[Happening]) -> None:
        """Take these, after those that were taken before."""
        for happening in happenings:
            if self.would is None and happening.at >= self.trial.from_at:
                self.would = self._part()
            self.was.happen(happening)
            if self.would is not None and not (isinstance(happening, InForce) and self.trial.rules):
                self.would.happen(happening)
        self._forget()

    def days_until(self, end: datetime) -> Iterator[datetime]:
        """Let time pass to the end, a day at a time."""
        would = self.would = self.would or self._part()
        now = self.was.work.now
        while now < end:
            now = min(now + timedelta(1), end)
            self.was.pass_time(now)
            would.pass_time(now)
            self._forget()
            yield now

    def until(self, end: datetime) -> Difference:
        """Let time pass to the end; what is otherwise."""
        for _ in self.days_until(end):
            pass
        assert self.would is not None
        return _compare(*self._parts, void=tuple(self._gone(self.would)))

    def _part(self) -> World:
        trial = self.trial
        self.was.pass_time(trial.from_at)
        self.was.decided.clear()
        self._void = len(self.was.void)
        would = self.was.fork()
        if trial.rules is not None:
            would.go_by(trial.rules, trial.from_at)
        if trial.table is not None:
            would.happen(Published(trial.from_at, trial.table))
        return would

    def _forget(self) -> None:
        if self.would is not None:
            told: set[What] = set()
            for part, world in zip(self._parts, (self.was, self.would), strict=True):
                told |= part.take(world.decided)
                world.decided.clear()
            _cancel_out(*self._parts, told)
        self.was.decided.clear()

    def _gone(self, would: World) -> Iterator[ActionVoid]:
        """What had its place, and would have none."""
        before = {id(one.action) for one in self.was.void[self._void :]}
        for action, reason in would.void[self._void :]:
            if id(action) not in before:
                event = action.event
                by = getattr(event, "by", "")
                yield ActionVoid(china_date(action.at), _aggregate_of(event), event.type, by, reason)


class _Part:
    """What a world decided, in the ways in which it is compared. `told`: what the other has not told alike yet."""

    def __init__(self) -> None:
        self.cases: dict[UUID, Case] = {}
        self.told: dict[What, list[Telling]] = defaultdict(list)
        self.lights: dict[UUID, list[Shown]] = defaultdict(list)
        self._rungs: Counter[int] = Counter()
        self._told = self._red = 0

    def take(self, decided: Sequence[Decided]) -> set[What]:
        """Take what was decided since; what is told in it."""
        told: set[What] = set()
        for one in decided:
            event = one.event
            if isinstance(event, LightChanged):
                self.lights[event.project_id].append(Shown(event.on, event.light))
                self._red += event.light is Light.RED
            elif isinstance(event, CaseOpened):
                self.cases[event.case_id] = Case(event.case_id, china_date(one.at), event.subject, 0, None)
            elif isinstance(event, CaseEscalated | CaseClosed | CaseReopened):
                self._rungs.update([event.rung] if isinstance(event, CaseEscalated) else ())
                if case := self.cases.get(event.case_id):
                    self.cases[event.case_id] = _moved(case, event)
        for telling in tellings(decided):
            self.told[telling.what].append(telling)
            told.add(telling.what)
            self._told += 1
        return told

    @property
    def counts(self) -> Counts:
        rungs = tuple(self._rungs[rung] for rung in range(1, max(self._rungs, default=0) + 1))
        return Counts(cases=len(self.cases), told=self._told, by_rung=rungs, red=self._red)


def _cancel_out(was: _Part, would: _Part, told: Iterable[What]) -> None:
    """Take away of these what both tell alike: the same, on the same day, to the same."""
    for what in told:
        ours, others = was.told.get(what), would.told.get(what)
        if not ours or not others:
            continue
        left: list[Telling] = []
        for one in ours:
            alike = [other for other in others if (other.on, other.addressees) == (one.on, one.addressees)]
            if alike:
                others.remove(alike[0])
            else:
                left.append(one)
        for part, tellings_left in ((was, left), (would, others)):
            if tellings_left:
                part.told[what] = tellings_left
            else:
                del part.told[what]


def tellings(decided: Sequence[Decided]) -> Iterator[Telling]:
    """Who hears what and when."""
    for one in decided:
        addressees: tuple[Addressee, ...] = getattr(one.event, "addressees", ())
        if addressees:
            yield _telling(one.origin or one, addressees, china_date(one.at))


def _moved(case: Case, event: CaseEscalated | CaseClosed | CaseReopened) -> Case:
    match event:
        case CaseEscalated():
            return case._replace(rung=event.rung)
        case CaseClosed():
            return case._replace(closed_on=event.closed_on)
        case CaseReopened():
            return case._replace(closed_on=None)


def _telling(one: Decided, addressees: tuple[Addressee, ...], on: date) -> Telling:
    event: Any = one.event
    rung, document = getattr(event, "rung", 0), getattr(event, "document", None)
    return Telling(on, one.aggregate_id, event.type, event.subject, addressees, rung, document)


def _compare(was: _Part, would: _Part, *, void: tuple[ActionVoid, ...]) -> Difference:
    more: list[Telling] = []
    fewer: list[Telling] = []
    otherwise: list[Otherwise] = []
    for what in {**was.told, **would.told}:
        for one, other in zip_longest(was.told.get(what, ()), would.told.get(what, ())):
            if one is None:
                more.append(other)
            elif other is None:
                fewer.append(one)
            elif (one.on, one.addressees) != (other.on, other.addressees):
                otherwise.append(Otherwise(one, other))
    return Difference(
        was=was.counts,
        would=would.counts,
        cases_more=tuple(one for id, one in would.cases.items() if id not in was.cases),
        cases_fewer=tuple(one for id, one in was.cases.items() if id not in would.cases),
        told_more=tuple(sorted(more, key=_by_day)),
        told_fewer=tuple(sorted(fewer, key=_by_day)),
        told_otherwise=tuple(sorted(otherwise, key=lambda one: _by_day(one.would))),
        lights=tuple(
            LightOtherwise(project, tuple(was.lights.get(project, ())), tuple(would.lights.get(project, ())))
            for project in {**was.lights, **would.lights}
            if was.lights.get(project) != would.lights.get(project)
        ),
        void=void,
    )


def _by_day(telling: Telling) -> tuple[date, UUID, str, int]:
    return telling.on, *telling.what


def _aggregate_of(event: Event) -> UUID:
    """The case or the obligation that a person acted on."""
    found: UUID = getattr(event, "case_id", None) or event.obligation_id  # type: ignore[attr-defined]
    return found
