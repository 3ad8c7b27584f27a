"""A district under supervision, drawn by a seed: its posts, its projects with their delays, and what people do.

The happenings of a year are made by letting a world live through it, for people act on what they see.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from random import Random
from uuid import UUID
from zlib import crc32

from services.assessment import policies
from services.assessment.domain import case as cases
from services.assessment.domain import obligation as obligations
from services.assessment.domain.moments import CHINA
from services.assessment.domain.rules import Rules
from services.assessment.domain.world import Acted, Happening, Heard, Published, World
from services.assessment.policies.document import read_document
from shared.contracts.event import Event
from shared.contracts.programme import (
    ChainCategory,
    ChainRecorded,
    OrganisationRecorded,
    PersonRecorded,
    PostAssumed,
    PostEstablished,
    PostVacated,
    Tier,
)
from shared.contracts.project_records import MilestoneReopened
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestoneMet,
    MilestonePlanned,
    MilestoneReassigned,
    MilestoneReplanned,
    ProjectDelayed,
    ProjectHeld,
    ProjectKind,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectStarted,
    ProjectTerminated,
    Stage,
)
from shared.contracts.supervision import CaseAcknowledged, CaseFeedbackGiven, ObligationConfirmed
from shared.kit.working_days import WorkingCalendar, YearTable, published
from tests.support.supervised import named

BEGAN_ON = date(2026, 1, 5)
_CHAIN_TIERS = {
    Tier.TASK_FORCE_OFFICE: "专班办公室主任",
    Tier.TASK_FORCE: "工作专班组长",
    Tier.DEPUTY_CHIEF: "副链长",
    Tier.CHIEF: "链长",
}
_BUSY = 0.2
"""Of all working days those on which somebody does something to a given project's records, about."""


def default_rules(calendar: WorkingCalendar | None = None, *, began_on: date = BEGAN_ON, reports: bool = True) -> Rules:
    """Those of the default policy; `reports`: whether monthly reports are supervised."""
    data = policies.read_file(None)
    data["report"]["supervised"] = reports
    return Rules.of(read_document(data), calendar or published(), began_on)


@dataclass(slots=True)
class _Line:
    """A milestone as intake has it."""

    id: UUID
    due_on: date
    is_start: bool
    is_over: bool = False


@dataclass(slots=True)
class _Project:
    id: UUID
    lines: list[_Line] = field(default_factory=list)
    is_held: bool = False
    is_over: bool = False


@dataclass
class District:
    """`silence`: intake is stopped on these days; what happens then is heard when it is back. `dense`: how much more
    than in an ordinary year is recorded of projects, and how many more holds, replannings and corrections that is.

    `notice`: a year's calendar, and the day on which it is imported. `reports`: whether monthly reports are supervised;
    nobody ever hands one in.
    """

    seed: int = 1
    chains: int = 17
    projects: int = 600
    begins: date = BEGAN_ON
    days: int = 365
    silence: tuple[date, date] | None = None
    notice: tuple[date, YearTable] | None = None
    reports: bool = False
    dense: int = 1
    calendar: WorkingCalendar = field(default_factory=published)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._known: list[_Project] = []
        self._units = max(1, self.chains // 2)

    def year(self) -> tuple[list[Happening], World]:
        """All that happens, in order, and the world that lived through it."""
        world = World.under(default_rules(self.calendar, began_on=self.begins, reports=self.reports))
        happened: list[Happening] = []
        for happening in self._happenings(world):
            world.happen(happening)
            happened.append(happening)
        world.pass_time(datetime.combine(self.begins + timedelta(self.days), time(), CHINA))
        return happened, world

    def _happenings(self, world: World) -> Iterator[Happening]:
        waiting: list[Heard] = []
        yield from self._beginning()
        for n in range(self.days):
            day = self.begins + timedelta(n)
            if not self.calendar.is_working(day):
                continue
            if self.silence is None or not self.silence[0] <= day <= self.silence[1]:
                back = _at(day, 8)
                yield from (one._replace(at=back) for one in waiting)
                waiting.clear()
                yield from self._records(day)
            else:
                waiting += self._records(day)
            yield from self._people(day, world)
            if self.notice and self.notice[0] == day:
                yield Published(_at(day, 18), self.notice[1])

    def _beginning(self) -> Iterator[Heard]:
        """The programme, then the projects that the office brings: a few milestones each, some long late."""
        events = [*self._programme(), *(event for n in range(self.projects) for event in self._new_project(n))]
        for event in events:
            yield Heard(_at(self.begins, 8), _at(self.begins, 8), event)

    def _programme(self) -> Iterator[Event]:
        for n in range(self._units):
            yield OrganisationRecorded(organisation_id=_unit(n), name=f"第{n + 1}单位")
            yield from self._held_post(f"unit {n} head", f"第{n + 1}单位主要负责人", Tier.UNIT_HEAD, _unit(n), ())
            yield from self._held_post(f"unit {n} officer", f"第{n + 1}单位项目专员", Tier.OFFICER, _unit(n), ())
        for n in range(self.chains):
            category = list(ChainCategory)[n % len(ChainCategory)]
            yield ChainRecorded(chain_id=_chain(n), code=f"C{n + 1:02}", name=f"第{n + 1}链", category=category)
            for tier, title in _CHAIN_TIERS.items():
                yield from self._held_post(f"{tier} {n}", f"第{n + 1}链{title}", tier, _unit(0), (_chain(n),))
        yield from self._held_post("general", "总链长", Tier.CHIEF_GENERAL, _unit(0), ())

    def _held_post(self, name: str, title: str, tier: Tier, unit: UUID, chains: tuple[UUID, ...]) -> Iterator[Event]:
        person, post = named(f"person {name}"), named(f"post {name}")
        yield PersonRecorded(person_id=person, name=title, organisation_id=unit)
        yield PostEstablished(post_id=post, title=title, tier=tier, organisation_id=unit, chain_ids=chains)
        if tier is Tier.OFFICER or self._random.random() > 0.08:
            yield PostAssumed(post_id=post, person_id=person, from_day=date(2025, 1, 1))

    def _new_project(self, n: int) -> Iterator[Event]:
        draw, project = self._random, _Project(named(f"project {n}"))
        self._known.append(project)
        unit = draw.randrange(self._units)
        yield ProjectRecorded(
            project_id=project.id,
            code=f"P{n + 1:04}",
            name=f"第{n + 1}号项目",
            chain_id=_chain(draw.randrange(self.chains)),
            responsible_org_id=_unit(unit),
            kind=draw.choice(list(ProjectKind)),
            total_investment_wan=draw.randrange(1_000, 500_000),
            stage=Stage.SIGNED,
        )
        for at in range(draw.randint(1, 3)):
            due_on = self.begins + timedelta(draw.randint(-60, self.days - 30))
            line = _Line(named(f"line {n} {at}"), due_on, is_start=at == 0)
            project.lines.append(line)
            yield MilestonePlanned(
                project_id=project.id,
                milestone_id=line.id,
                name="开工" if line.is_start else f"节点{at}",
                due_on=due_on,
                responsible_post_id=named(f"post unit {unit} officer"),
                stage=Stage.STARTED if line.is_start else None,
            )

    def _records(self, day: date) -> list[Heard]:
        """What intake records on this day: most lines are met about their day, some late, some never."""
        heard: list[Heard] = []
        for project in self._known:
            if project.is_over or self._random.random() > _BUSY * self.dense:
                continue
            at = _at(day, 14) + timedelta(seconds=self._random.randrange(7200))
            heard += [Heard(at, at, event) for event in self._record(project, day)]
        return [*sorted(heard, key=attrgetter("at")), *self._moves_of_posts(day)]

    def _moves_of_posts(self, day: date) -> Iterator[Heard]:
        if self._random.random() < 0.03:
            n, tier = self._random.randrange(self.chains), self._random.choice(list(_CHAIN_TIERS))
            post, person = named(f"post {tier} {n}"), named(f"person {tier} {n}")
            kind = self._random.choice((PostVacated, PostAssumed))
            at = _at(day, 17)
            yield Heard(at, at, kind(post_id=post, person_id=person, from_day=day + timedelta(1)))

    def _record(self, project: _Project, day: date) -> Iterator[Event]:
        draw, chance = self._random, self._random.random()
        if project.is_held:
            if chance < 0.1:
                project.is_held = False
                yield ProjectResumed(project_id=project.id, on=day)
            return
        open_lines = [line for line in project.lines if not line.is_over]
        if chance < 0.004:
            project.is_over = True
            yield ProjectTerminated(project_id=project.id, reason="投资方退出", on=day)
        elif chance < 0.004 + 0.01 * self.dense:
            project.is_held = True
            yield ProjectHeld(project_id=project.id, reason="等待上级批复", on=day)
        elif chance < 0.01 + 0.01 * self.dense:
            yield ProjectRevised(project_id=project.id, responsible_org_id=_unit(draw.randrange(self._units)))
        elif open_lines:
            yield from self._to_line(project, draw.choice(open_lines), day)
        elif chance > 1 - 0.01 * self.dense:
            line = draw.choice(project.lines)
            line.is_over = False
            correction = named(f"correction {line.id} {day}")
            yield MilestoneReopened(project_id=project.id, milestone_id=line.id, correction_id=correction)

    def _to_line(self, project: _Project, line: _Line, day: date) -> Iterator[Event]:
        draw, left = self._random, (line.due_on - day).days
        ids = {"project_id": project.id, "milestone_id": line.id}
        chance = draw.random()
        if left < 20 and chance < (0.35 if left > -15 else 0.12):
            line.is_over = True
            yield MilestoneMet(**ids, met_on=day)
            if line.is_start:
                yield ProjectStarted(project_id=project.id, on=day, evidence=())
        elif chance > 1 - 0.015 * self.dense:
            line.due_on = day + timedelta(draw.randint(-5, 60))
            yield MilestoneReplanned(**ids, due_on=line.due_on, reason="计划调整")
        elif chance > 0.99 - 0.015 * self.dense:
            line.is_over = True
            yield MilestoneCancelled(**ids, reason="不再需要")
        elif chance > 0.975 - 0.015 * self.dense:
            yield ProjectDelayed(**ids, expected_on=day + timedelta(30), reason="用地未落实")
        elif chance > 0.965 - 0.015 * self.dense:
            officer = named(f"post unit {draw.randrange(self._units)} officer")
            yield MilestoneReassigned(**ids, responsible_post_id=officer)

    def _people(self, day: date, world: World) -> Iterator[Acted]:
        """What they do with a case is drawn for the case and the day alone: what else there is changes nothing."""
        at = _at(day, 10)
        for case in [one for one in world.work.cases.values() if one.state is cases.State.OPEN]:
            chance = self._chance(day, case.id)
            if chance < 0.05 and not case.acknowledged:
                yield Acted(at, CaseAcknowledged(case_id=case.id, rung=case.rung, by="某人 <clerk-1>", via="http"))
            elif chance > 0.98:
                until = day + timedelta(1 + int(20 * self._chance(day, case.id, "until")))
                yield Acted(at, _feedback(case.id, until))
        baseline = [one for one in world.work.obligations.values() if one.standing is obligations.State.BASELINE]
        if baseline and self._chance(day) < 0.2:
            confirmed = min(baseline, key=lambda one: self._chance(one.id))
            yield Acted(at, ObligationConfirmed(obligation_id=confirmed.id, by="督查室 <supervisor-1>"))

    def _chance(self, *of: object) -> float:
        """Between 0 and 1, by the seed and what it is for."""
        return crc32(" ".join(map(str, (self.seed, *of))).encode()) / 2**32


def aggregate_of(event: Event) -> UUID:
    """The aggregate that a fact of intake is about."""
    names = ("project_id", "post_id", "person_id", "chain_id", "organisation_id")
    found: UUID = next(getattr(event, name) for name in names if name in type(event).model_fields)
    return found


def _feedback(case_id: UUID, until: date) -> CaseFeedbackGiven:
    holds = _at(until, 9)  # decided again when it is taken
    return CaseFeedbackGiven(
        case_id=case_id, by="某人 <clerk-1>", text="正在办理", commitment_on=until, holds_until=holds, next_at=None
    )


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), CHINA)


def _chain(n: int) -> UUID:
    return named(f"chain {n}")


def _unit(n: int) -> UUID:
    return named(f"unit {n}")
