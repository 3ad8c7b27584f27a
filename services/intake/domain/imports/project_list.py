"""What an import changes: one draft set against the record as it stands. A draft is taken whole or refused whole."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from uuid import UUID

from services.intake.domain.drafts import Field, MilestoneDraft, ProjectDraft, Refusal, RowNames
from services.intake.domain.errors import DateNotAllowed, DayStands, EvidenceMissing, NotYourChain
from services.intake.domain.imports.directory import Directory
from services.intake.domain.organisation.programme import Chain, Organisation, Post
from services.intake.domain.projects import project as projects
from services.intake.domain.projects import timetable
from services.intake.domain.projects.project import Changes, NewProject, Project, Step
from services.intake.domain.projects.rules import Rules
from services.intake.domain.projects.timetable import Milestone, NewMilestone
from services.intake.domain.terms import KIND_NAMES, STAGE_NAMES, STAGES, MilestoneStatus
from services.intake.domain.tidy import tidy
from shared.contracts.event import Event
from shared.contracts.projects import ProjectRecorded, Stage
from shared.kit.errors import DomainError

Names = tuple[str, UUID]
"""A project's name and its responsible organisation: what it is known by where no code is given."""

FIELDS = {
    "name": Field.NAME,
    "total_investment_wan": Field.TOTAL_INVESTMENT,
    "amount_wan": Field.SIGNED_AMOUNT,
    "signed_amount_wan": Field.SIGNED_AMOUNT,
    "output_ratio": Field.OUTPUT_RATIO,
    "evidence": Field.EVIDENCE,
}
DAYS = {"签约日期": Field.SIGNED_ON, "开工日期": Field.STARTED_ON, "材料日期": Field.EVIDENCE}


class Refused(Exception):
    """The draft cannot be taken; `refusals` say why."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class Located:
    """A draft whose names were found. `posts`: one for each milestone, in order."""

    draft: ProjectDraft
    chain: Chain
    organisation: Organisation
    posts: tuple[Post, ...]

    @property
    def names(self) -> Names:
        return self.draft.name.strip(), self.organisation.id


@dataclass(frozen=True, slots=True)
class Taken:
    """A draft that fits: the project before (None: new) and the events, none where nothing changes."""

    before: Project | None
    project_id: UUID
    events: tuple[Event, ...]

    @property
    def code(self) -> str:
        """The project's code; empty for a new one that has not been given its number."""
        return self.before.code if self.before else _recorded(self.events).code

    @property
    def needs_code(self) -> bool:
        return not self.code


@dataclass(frozen=True, slots=True)
class Context:
    """What deciding takes besides the draft.

    new_id: gives the ids of what is recorded for the first time.
    own: the chains that the caller may write for; None: all.
    """

    directory: Directory
    rules: Rules
    today: date
    new_id: Callable[[], UUID]
    own: Collection[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The projects that the drafts may be about."""

    by_code: Mapping[str, Project]
    by_names: Mapping[Names, Project]

    def find(self, located: Located) -> Project | None:
        """The project a draft is about; raises Refused where code and names point at different ones."""
        code, namesake = located.draft.code, self.by_names.get(located.names)
        if not code:
            return namesake
        present = self.by_code.get(code)
        if namesake and (present is None or namesake.id != present.id):
            message = f"该责任单位已有同名项目，项目代码为{namesake.code}"
            raise Refused(Refusal(Field.CODE, message))
        return present


def locate(draft: ProjectDraft, directory: Directory) -> Located:
    """Look up everything a draft names.

    Raises:
        Refused: with one refusal for each name that is not known, and each line without due day or post (S9).
    """
    chain, organisation = directory.find_chain(draft.chain), directory.find_organisation(draft.responsible_org)
    refusals = [found for found in (chain, organisation) if isinstance(found, Refusal)]
    refusals += [_no_due_day(line) for line in draft.milestones if line.due_on is None]
    refusals += _repeated(draft)
    posts: list[Post] = []
    if isinstance(organisation, Organisation):
        wanted = [line.responsible_post or draft.responsible_post for line in draft.milestones]
        found = {text: directory.find_post(text, organisation) for text in wanted}
        refusals += [item for item in found.values() if isinstance(item, Refusal)]
        posts = [post for text in wanted if isinstance(post := found[text], Post)]
    if refusals or isinstance(chain, Refusal) or isinstance(organisation, Refusal):
        raise Refused(*refusals)
    return Located(draft, chain, organisation, tuple(posts))


def unknown(names: RowNames, directory: Directory) -> list[Refusal]:
    """A refusal for each of these that is given and leads nowhere."""
    chain = directory.find_chain(names.chain) if names.chain else None
    organisation = directory.find_organisation(names.responsible_org) if names.responsible_org else None
    post = None
    if isinstance(organisation, Organisation) and names.responsible_post is not None:
        post = directory.find_post(names.responsible_post, organisation)
    return [found for found in (chain, organisation, post) if isinstance(found, Refusal)]


def reconcile(located: Located, known: Known, context: Context) -> Taken:
    """What recording a draft changes.

    A new project's events carry the draft's code, which may be empty: the caller gives it a number (`with_code`).

    Raises:
        Refused: a rule says no; nothing of the draft is taken.
    """
    before = known.find(located)
    try:
        events = _events(located, before, context)
    except DomainError as error:
        raise Refused(Refusal(_field_of(error), error.message)) from error
    if events:
        _require_own(located, before, context)
    project_id = before.id if before else _recorded(events).project_id
    return Taken(before, project_id, tuple(events))


def _require_own(located: Located, before: Project | None, context: Context) -> None:
    """Refuse to write for a chain that the caller's posts are not of, the one that the project leaves included."""
    concerned = {located.chain.id, before.chain_id if before else located.chain.id}
    if context.own is not None and (others := concerned - set(context.own)):
        raise Refused(Refusal(Field.CHAIN, NotYourChain(others).message))


def with_code(taken: Taken, code: str) -> Taken:
    """A new project's events under the number it was given."""
    recorded = _recorded(taken.events).model_copy(update={"code": code})
    return Taken(taken.before, taken.project_id, (recorded, *taken.events[1:]))


def _recorded(events: Sequence[Event]) -> ProjectRecorded:
    first = events[0]
    if not isinstance(first, ProjectRecorded):
        raise TypeError(f"a new project begins with its recording, not with {first.type}")
    return first


def _events(located: Located, before: Project | None, context: Context) -> list[Event]:
    events = _record(located, context) if before is None else _change(located, before, context)
    project = projects.fold(before, events)
    for line, post in zip(located.draft.milestones, located.posts, strict=True):
        more = _line_events(project, located.draft, line, post, context)
        project = projects.fold(project, more)
        events += more
    return events


def _record(located: Located, context: Context) -> list[Event]:
    draft = located.draft
    new = NewProject(
        code=draft.code or "",
        name=draft.name.strip(),
        chain_id=located.chain.id,
        responsible_org_id=located.organisation.id,
        kind=draft.kind,
        total_investment_wan=draft.total_investment_wan,
        stage=draft.stage,
        signed_on=draft.signed_on,
        started_on=draft.started_on,
        signed_amount_wan=draft.signed_amount_wan if projects.is_signed(draft.stage) else None,
    )
    return projects.record(context.new_id(), new, today=context.today)


def _change(located: Located, before: Project, context: Context) -> list[Event]:
    draft = located.draft
    if draft.kind is not before.kind:
        raise Refused(Refusal(Field.KIND, f"项目类别已登记为{KIND_NAMES[before.kind]}，不能由导入更改"))
    step_to = draft.stage if draft.stage is not before.stage else None  # its day comes with the step
    if step_to:
        context.rules.routes[before.kind].require_next(before.stage, step_to)
    changes = Changes(
        name=_name(draft, before),
        chain_id=located.chain.id,
        responsible_org_id=located.organisation.id,
        total_investment_wan=draft.total_investment_wan,
        signed_on=draft.signed_on if Stage.SIGNED is not step_to else None,
        started_on=draft.started_on if Stage.STARTED is not step_to else None,
        signed_amount_wan=draft.signed_amount_wan if projects.is_signed(before.stage) else None,
    )
    events = [] if _stands(before, changes) else projects.revise(before, changes, today=context.today)
    if step_to is None:
        _require_same_ratio(draft, before)
        return events
    step = _step(draft)
    return events + projects.advance(projects.fold(before, events), step, rules=context.rules, today=context.today)


def _name(draft: ProjectDraft, before: Project) -> str:
    """The draft's name; the record's, where they differ only as lists are read: in blanks and full-width letters."""
    name = draft.name.strip()
    return before.name if name == tidy(before.name) else name


def _stands(before: Project, changes: Changes) -> bool:
    """Whether all of it stands so already: then the list of a project that has ended is the same as any other."""
    days = ((Stage.SIGNED, changes.signed_on), (Stage.STARTED, changes.started_on))
    return (
        changes.name == before.name
        and changes.chain_id == before.chain_id
        and changes.responsible_org_id == before.responsible_org_id
        and changes.total_investment_wan == before.total_investment_wan
        and changes.signed_amount_wan in (None, before.signed_amount_wan)
        and all(day is None or day == before.reached.get(stage) for stage, day in days)
    )


def _require_same_ratio(draft: ProjectDraft, before: Project) -> None:
    """Refuse another figure for what came with 达产: only a correction changes it, and it must not pass unseen."""
    ratio = _ratio(draft.output_ratio) if draft.output_ratio else None
    if ratio is not None and before.output_ratio is not None and ratio != before.output_ratio:
        raise Refused(Refusal(Field.OUTPUT_RATIO, f"达产倍数已登记为{before.output_ratio}，不能由导入更改，请申请更正"))


def _step(draft: ProjectDraft) -> Step:
    own_day = {Stage.SIGNED: draft.signed_on, Stage.STARTED: draft.started_on}.get(draft.stage)
    on = own_day or draft.reached_on
    if on is None:
        field = {Stage.SIGNED: Field.SIGNED_ON, Stage.STARTED: Field.STARTED_ON}.get(draft.stage, Field.REACHED_ON)
        raise Refused(Refusal(field, f"阶段转为“{STAGE_NAMES[draft.stage]}”须填写日期"))
    ratio = _ratio(draft.output_ratio) if draft.output_ratio else None
    return Step(draft.stage, on, draft.evidence, draft.signed_amount_wan, ratio)


def _ratio(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise Refused(Refusal(Field.OUTPUT_RATIO, f"产出与设计之比“{text}”不是数字")) from error


def _line_events(
    project: Project, draft: ProjectDraft, line: MilestoneDraft, post: Post, context: Context
) -> list[Event]:
    try:
        if standing := _standing(project, line):
            return list(_line_changes(project, draft, line, post, standing, context))
        return _new_line(project, line, post, context)
    except DomainError as error:
        raise Refused(Refusal(Field.MILESTONE, error.message, line.name)) from error


def _standing(project: Project, line: MilestoneDraft) -> Milestone | None:
    """The line this one is about; a cancelled one only where it is the very same, so that no import revives it."""
    standing = timetable.named(project.milestones, line.name)
    same = (item for item in project.milestones.values() if (item.name, item.due_on) == (line.name, line.due_on))
    return standing or next(same, None)


def _line_changes(
    project: Project, draft: ProjectDraft, line: MilestoneDraft, post: Post, standing: Milestone, context: Context
) -> Iterator[Event]:
    if line.due_on is not None and line.due_on != standing.due_on:
        if standing.status is MilestoneStatus.OPEN and not draft.replan_reason.strip():
            message = f"节点“{line.name}”的时限由{standing.due_on}改为{line.due_on}，须填写调整原因"
            raise Refused(Refusal(Field.REPLAN_REASON, message, line.name))
        timetable.require_replanning_alone(approved=context.rules.replanning_approved)
        yield from timetable.replan(
            project.id, project.milestones, standing.id, due_on=line.due_on, reason=draft.replan_reason
        )
    if standing.status is MilestoneStatus.OPEN and post.id != standing.responsible_post_id:
        person_id = context.directory.holder_of(post)
        yield from timetable.reassign(project.id, project.milestones, standing.id, post_id=post.id, person_id=person_id)


def _new_line(project: Project, line: MilestoneDraft, post: Post, context: Context) -> list[Event]:
    new = NewMilestone(
        name=line.name,
        due_on=line.due_on,
        responsible_post_id=post.id,
        responsible_person_id=context.directory.holder_of(post),
        stage=line.stage,
        source=line.source,
        source_document=line.source_document,
    )
    if line.stage is None or STAGES.index(line.stage) > STAGES.index(project.stage):
        return timetable.plan(project.id, project.milestones, context.new_id(), new, current=project.stage)
    met_on = project.reached.get(line.stage)
    if met_on is None:
        return []  # reached long ago on a day nobody wrote down: there is nothing left to supervise
    return timetable.plan_reached(project.id, project.milestones, context.new_id(), new, on=met_on)


def _repeated(draft: ProjectDraft) -> list[Refusal]:
    names = Counter(line.name for line in draft.milestones)
    return [Refusal(Field.MILESTONE, f"节点“{name}”重复", name) for name, times in names.items() if times > 1]


def _no_due_day(line: MilestoneDraft) -> Refusal:
    return Refusal(Field.MILESTONE, f"节点“{line.name}”没有完成时限", line.name)


def _field_of(error: DomainError) -> Field:
    """The column a rule's refusal belongs to."""
    if isinstance(error, EvidenceMissing):
        return Field.EVIDENCE
    if isinstance(error, DateNotAllowed):
        return DAYS.get(str(error.details["what"]), Field.REACHED_ON)
    if isinstance(error, DayStands):
        return {Stage.SIGNED: Field.SIGNED_ON}.get(Stage(str(error.details["stage"])), Field.STARTED_ON)
    return FIELDS.get(str(error.details.get("field")), Field.STAGE)
