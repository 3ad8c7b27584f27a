"""Operations on projects, many of them decided one after another: each on what those before it left.

The verbs are those of `project` and `timetable`; here they are put together with what their callers look up: who holds
a post, whether a reference exists, whether a name is taken.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

from services.intake.domain.errors import AlreadyExists, NotYourChain, RecordMissing, UnknownReference, VersionRequired
from services.intake.domain.projects import profile as profiles
from services.intake.domain.projects import project as projects
from services.intake.domain.projects import timetable
from services.intake.domain.projects.profile import Profile
from services.intake.domain.projects.project import Changes, NewProject, Project, Step
from services.intake.domain.projects.rules import Rules
from services.intake.domain.projects.timetable import Lines, NewMilestone
from shared.contracts.event import Event
from shared.contracts.project_records import ProjectProfiled
from shared.kit.errors import VersionConflict

Holders = Mapping[UUID, UUID | None]
"""Who holds each post that is named and exists; None: it is vacant."""


@dataclass(frozen=True, slots=True)
class Record:
    """A project to record, with the first lines of its timetable and its particulars (by the names of `Profile`'s
    fields). Without a code it is to be given a number."""

    project: NewProject
    milestones: tuple[NewMilestone, ...] = ()
    particulars: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Revise:
    changes: Changes


@dataclass(frozen=True, slots=True)
class Advance:
    step: Step


@dataclass(frozen=True, slots=True)
class Hold:
    reason: str
    on: date


@dataclass(frozen=True, slots=True)
class Resume:
    on: date


@dataclass(frozen=True, slots=True)
class Terminate:
    reason: str
    on: date


@dataclass(frozen=True, slots=True)
class Plan:
    line: NewMilestone


@dataclass(frozen=True, slots=True)
class ReviseLine:
    milestone_id: UUID
    due_on: date | None
    reason: str
    responsible_post_id: UUID | None


@dataclass(frozen=True, slots=True)
class Meet:
    milestone_id: UUID
    met_on: date


@dataclass(frozen=True, slots=True)
class CancelLine:
    milestone_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Delay:
    milestone_id: UUID
    reason: str
    expected_on: date


Verb = Revise | Advance | Hold | Resume | Terminate | Plan | ReviseLine | Meet | CancelLine | Delay
NEED_VERSION = (Revise, Advance, Hold, Resume, Terminate, ReviseLine)
"""Changes that their caller must have read the project for."""


@dataclass(frozen=True, slots=True)
class Change:
    """A verb on one project, named by its id or its code. `version`: the one its caller read."""

    project: UUID | str
    version: int | None
    verb: Verb


Operation = Record | Change


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation came to: the project after it, and the line that it planned."""

    project: Project
    milestone_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is so outside the projects themselves. `unknown`: chains and organisations that are named and do not exist,
    each with what it is called and the field that names it. `new_id` gives the ids of what is recorded.
    `files`: whose the evidence files are that are named, project by file. `own_chains`: those that the caller may write
    for, where not for all."""

    rules: Rules
    today: date
    holders: Holders
    new_id: Callable[[], UUID]
    unknown: Mapping[UUID, tuple[str, str]] = field(default_factory=dict)
    files: Mapping[UUID, UUID] = field(default_factory=dict)
    own_chains: frozenset[UUID] | None = None


class Books:
    """Projects as the operations taken so far leave them, with the events that made them so."""

    def __init__(self, known: Iterable[Project], surroundings: Surroundings) -> None:
        """`known`: the projects that operations name, with the lines in question, and those whose codes or names would
        be in their way."""
        self._around = surroundings
        self._before = {project.id: project for project in known}
        self._now = dict(self._before)
        self._by_code = {project.code: project.id for project in self._now.values()}
        self._by_name = {_name(project): project.id for project in self._now.values()}
        self.events: dict[UUID, list[Event]] = {}

    def take(self, operation: Operation) -> Done:
        """Decide one operation on what is there; raises a DomainError, and then nothing has changed."""
        if isinstance(operation, Record):
            return Done(self._record(operation))
        project = self._find(operation)
        events, milestone_id = self._decide(project, operation.verb)
        return Done(self._apply(project, events), milestone_id)

    def without_code(self) -> list[UUID]:
        """The new projects that are still to be given a number, in the order of their recording."""
        return [id for id in self.events if not self._now[id].code]

    def give_code(self, project_id: UUID, code: str) -> None:
        events = self.events[project_id]
        events[0] = events[0].model_copy(update={"code": code})
        self._now[project_id] = replace(self._now[project_id], code=code)

    def changed(self) -> list[tuple[Project | None, Project]]:
        """Each project that has new events, before (None: it is new) and after."""
        return [(self._before.get(id), self._now[id]) for id in self.events]

    def now(self, project_id: UUID) -> Project:
        return self._now[project_id]

    def _record(self, operation: Record) -> Project:
        new = operation.project
        self._require_own(new.chain_id)
        named = (id for _, id in profiles.named_by(operation.particulars))
        self._require_references(new.chain_id, new.responsible_org_id, *named)
        self._require_free(new.code, (new.name, new.responsible_org_id), None)
        around = self._around
        events = enter(operation, holders=around.holders, today=around.today, new_id=around.new_id)
        return self._apply(None, events)

    def _find(self, change: Change) -> Project:
        named = change.project
        id = named if isinstance(named, UUID) else self._by_code.get(named)
        project = self._now.get(id) if id else None
        if project is None:
            raise RecordMissing("项目", named)
        self._require_version(project.id, change)
        return project

    def _require_version(self, id: UUID, change: Change) -> None:
        """What the caller read is the project as it was before the first of these operations."""
        before = self._before.get(id)
        actual = before.version if before else 0
        if change.version is not None and change.version != actual:
            raise VersionConflict(id, expected=change.version, actual=actual)
        if before and change.version is None and isinstance(change.verb, NEED_VERSION):
            raise VersionRequired(id)

    def _decide(self, project: Project, verb: Verb) -> tuple[list[Event], UUID | None]:
        self._require_own(project.chain_id)
        today = self._around.today
        match verb:
            case Revise(changes):
                return self._revise(project, changes), None
            case Advance(step):
                require_files(project.id, step, self._around.files)
                return projects.advance(project, step, rules=self._around.rules, today=today), None
            case Hold(reason, on):
                return projects.hold(project, reason=reason, on=on, today=today), None
            case Resume(on):
                return projects.resume(project, on=on, today=today), None
            case Terminate(reason, on):
                return projects.terminate(project, reason=reason, on=on, today=today), None
        projects.require_changeable(project)
        if isinstance(verb, Plan):
            return self._plan(project, verb.line)
        return self._on_line(project, verb), verb.milestone_id

    def _revise(self, project: Project, changes: Changes) -> list[Event]:
        self._require_own(changes.chain_id or project.chain_id)
        self._require_references(changes.chain_id, changes.responsible_org_id)
        name = (changes.name or project.name, changes.responsible_org_id or project.responsible_org_id)
        self._require_free("", name, project.id)
        return projects.revise(project, changes, today=self._around.today)

    def _plan(self, project: Project, line: NewMilestone) -> tuple[list[Event], UUID]:
        milestone_id = self._around.new_id()
        held = with_holder(line, self._around.holders)
        events = timetable.plan(project.id, project.milestones, milestone_id, held, current=project.stage)
        return events, milestone_id

    def _on_line(self, project: Project, verb: ReviseLine | Meet | CancelLine | Delay) -> list[Event]:
        lines = project.milestones
        match verb:
            case Meet(id, met_on):
                return timetable.meet(project.id, lines, id, met_on=met_on, today=self._around.today)
            case CancelLine(id, reason):
                return timetable.cancel(project.id, lines, id, reason=reason)
            case Delay(id, reason, expected_on):
                return timetable.declare_delay(project.id, lines, id, reason=reason, expected_on=expected_on)
            case ReviseLine():
                if verb.due_on:
                    timetable.require_replanning_alone(approved=self._around.rules.replanning_approved)
                return revise_line(project, verb, holders=self._around.holders)

    def _require_own(self, chain_id: UUID) -> None:
        own = self._around.own_chains
        if own is not None and chain_id not in own:
            raise NotYourChain([chain_id])

    def _require_references(self, *ids: UUID | None) -> None:
        for id in ids:
            if id and id in self._around.unknown:
                what, field = self._around.unknown[id]
                raise UnknownReference(what, id, field=field)

    def _require_free(self, code: str, name: tuple[str, UUID], own: UUID | None) -> None:
        """Raises AlreadyExists where another project has this code, or this name at this organisation."""
        for taken in (self._by_code.get(code) if code else None, self._by_name.get(name)):
            if taken and taken != own:
                present = self._now[taken]
                message = f"已有项目 {present.code}（{present.name}）" if present.code else "同一批次中有重复的项目"
                raise AlreadyExists(message, id=taken, code=present.code)

    def _apply(self, project: Project | None, events: Sequence[Event]) -> Project:
        if project is not None and not events:
            return project
        after = projects.fold(project, events)
        if project is not None:
            self._by_name.pop(_name(project), None)
        self._now[after.id] = after
        self._by_name[_name(after)] = after.id
        if after.code:
            self._by_code[after.code] = after.id
        self.events.setdefault(after.id, []).extend(events)
        return after


def enter(recording: Record, *, holders: Holders, today: date, new_id: Callable[[], UUID]) -> list[Event]:
    """A new project's events, with those of its first lines."""
    events = projects.record(new_id(), recording.project, today=today)
    project = projects.fold(None, events)
    if recording.particulars:
        more = profiles.revise(project, Profile(project.id), recording.particulars, today=today)
        project = projects.fold(project, more)
        events += more
    for line in recording.milestones:
        held = with_holder(line, holders)
        more = timetable.plan(project.id, project.milestones, new_id(), held, current=project.stage)
        project = projects.fold(project, more)
        events += more
    return events


def require_files(project_id: UUID, step: Step, owners: Mapping[UUID, UUID]) -> None:
    """Raises UnknownReference where a file that the step rests on is none of the project's."""
    for file_id in step.files:
        if owners.get(file_id) != project_id:
            raise UnknownReference("材料文件", file_id, field="files")


def profiles_of(decided: Iterable[Sequence[Event]]) -> list[Profile]:
    """The particulars that new projects' events give them."""
    profiled = (event for events in decided for event in events if type(event) is ProjectProfiled)
    return [profiles.evolve(Profile(event.project_id), event) for event in profiled]


def revise_line(project: Project, verb: ReviseLine, *, holders: Holders) -> list[Event]:
    """Another due day (with a reason), another post, or both."""
    lines = project.milestones
    timetable.require_open(lines, verb.milestone_id)
    events: list[Event] = []
    if verb.due_on:
        events += timetable.replan(project.id, lines, verb.milestone_id, due_on=verb.due_on, reason=verb.reason)
    if post_id := verb.responsible_post_id:
        person_id = _holder(post_id, holders)
        events += timetable.reassign(project.id, lines, verb.milestone_id, post_id=post_id, person_id=person_id)
    return events


def with_holder(line: NewMilestone, holders: Holders) -> NewMilestone:
    """A line with the person who holds its post.

    Raises:
        UnknownReference: there is no such post.
    """
    if line.responsible_post_id is None:
        return line
    return replace(line, responsible_person_id=_holder(line.responsible_post_id, holders))


def posts_named(operations: Iterable[Operation]) -> set[UUID]:
    """The posts that these operations name."""
    found: set[UUID | None] = set()
    for operation in operations:
        match operation:
            case Record(milestones=lines):
                found |= {line.responsible_post_id for line in lines}
            case Change(verb=Plan(line)):
                found.add(line.responsible_post_id)
            case Change(verb=ReviseLine(responsible_post_id=post_id)):
                found.add(post_id)
    return {post_id for post_id in found if post_id}


def lines_in_question(changes: Iterable[Change], ids: Mapping[str, UUID]) -> Lines:
    """The lines that these changes are decided on. `ids`: of the projects, recorded already, that go by their codes."""
    lines: set[UUID] = set()
    names: set[tuple[UUID, str]] = set()
    open_of: set[UUID] = set()
    for change in changes:
        project_id = change.project if isinstance(change.project, UUID) else ids.get(change.project)
        if project_id is None:  # nobody knows it, or it is recorded by the operations before
            continue
        match change.verb:
            case Plan(line):
                names.add((project_id, line.name))
            case Advance() | Terminate():
                open_of.add(project_id)
            case ReviseLine(milestone_id=id) | Meet(milestone_id=id) | CancelLine(milestone_id=id):
                lines.add(id)
            case Delay(milestone_id=id):
                lines.add(id)
    return Lines(lines, names, open_of)


def _holder(post_id: UUID, holders: Holders) -> UUID | None:
    if post_id not in holders:
        raise UnknownReference("责任岗位", post_id, field="responsible_post_id")
    return holders[post_id]


def _name(project: Project) -> tuple[str, UUID]:
    return project.name, project.responsible_org_id
