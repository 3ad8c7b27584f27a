"""A project's life: its stages, holds and master data. Verbs give the events; `evolve` folds them into the state.

`today` is the Asia/Shanghai date of the decision. Lifecycle: domain rules of 链长制 practice; the three lists S7.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from services.intake.domain.errors import (
    AmountNotAllowed,
    AmountStands,
    DateNotAllowed,
    DayStands,
    FieldMissing,
    HoldNotAllowed,
    ProjectNotActive,
)
from services.intake.domain.projects import timetable
from services.intake.domain.projects.rules import Rules
from services.intake.domain.projects.timetable import Milestone
from services.intake.domain.terms import ENDED, HOLD_NAMES, STAGE_NAMES, STAGES, EvidenceKind, HoldStatus
from shared.contracts.event import Event
from shared.contracts.project_records import ProjectCorrected, ProjectRecordEvent, Standing
from shared.contracts.projects import (
    Evidence,
    ProjectApproved,
    ProjectBuilding,
    ProjectCompleted,
    ProjectFullCapacity,
    ProjectHeld,
    ProjectKind,
    ProjectNegotiating,
    ProjectProducing,
    ProjectRecorded,
    ProjectRegistered,
    ProjectResumed,
    ProjectRevised,
    ProjectSigned,
    ProjectStarted,
    ProjectTerminated,
    Stage,
    StageReached,
)

T = TypeVar("T")

PLAIN_STAGES: Mapping[Stage, type[StageReached]] = {
    event.stage: event
    for event in (
        ProjectNegotiating,
        ProjectRegistered,
        ProjectApproved,
        ProjectStarted,
        ProjectBuilding,
        ProjectCompleted,
        ProjectProducing,
    )
}
"""Stages whose event carries nothing beyond day and evidence."""

UNDER_WAY = frozenset(STAGES[: STAGES.index(Stage.PRODUCING)])
"""Stages in which a project can be held or terminated: until it produces."""

HOLD_VERBS: Mapping[tuple[HoldStatus, str], HoldStatus] = {
    (HoldStatus.ACTIVE, "hold"): HoldStatus.HELD,
    (HoldStatus.ACTIVE, "terminate"): HoldStatus.TERMINATED,
    (HoldStatus.HELD, "resume"): HoldStatus.ACTIVE,
    (HoldStatus.HELD, "terminate"): HoldStatus.TERMINATED,
}
"""The state machine beside the stages; what is not listed is refused."""

HOLD_VERB_NAMES = {"hold": "停缓建", "resume": "复工", "terminate": "终止"}


@dataclass(frozen=True, slots=True)
class Project:
    """A project as its events leave it. `reached`: the known days of its stages; `entered_stage`: where it stood when
    it was recorded, by all that is known now. Money in whole 万元.

    `chain_since`: the day from which it belongs to its chain, where it belonged to another one before.
    """

    id: UUID
    code: str
    name: str
    chain_id: UUID
    responsible_org_id: UUID
    kind: ProjectKind
    total_investment_wan: int
    entered_stage: Stage
    stage: Stage
    reached: Mapping[Stage, date] = field(default_factory=dict)
    signed_amount_wan: int | None = None
    output_ratio: Decimal | None = None
    hold_status: HoldStatus = HoldStatus.ACTIVE
    hold_status_on: date | None = None
    milestones: Mapping[UUID, Milestone] = field(default_factory=dict)
    version: int = 0
    chain_since: date | None = None

    @property
    def last_day(self) -> date | None:
        """The latest known day of a stage."""
        return max(self.reached.values(), default=None)


@dataclass(frozen=True, slots=True)
class NewProject:
    """A project to enter the books, at any stage. `signed_amount_wan`: of one that was signed before."""

    code: str
    name: str
    chain_id: UUID
    responsible_org_id: UUID
    kind: ProjectKind
    total_investment_wan: int
    stage: Stage
    signed_on: date | None = None
    started_on: date | None = None
    signed_amount_wan: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step to a stage, as it is reported. `amount_wan`: the contract's, for signing; by default the total."""

    target: Stage
    on: date
    evidence: tuple[Evidence, ...] = ()
    amount_wan: int | None = None
    output_ratio: Decimal | None = None
    files: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """Master data to be revised; None leaves it as it is. A day, and the signed amount, can be filled in
    where nobody had written it down.

    `chain_since`: the day from which it belongs to another chain; today, where it is not said.
    """

    name: str | None = None
    chain_id: UUID | None = None
    responsible_org_id: UUID | None = None
    total_investment_wan: int | None = None
    signed_on: date | None = None
    started_on: date | None = None
    signed_amount_wan: int | None = None
    chain_since: date | None = None


def record(project_id: UUID, new: NewProject, *, today: date) -> list[Event]:
    """Enter a project. A day of signing or starting must fit the stage it is entered at."""
    require_text(new.name, field="name", what="项目名称")
    require_amount(new.total_investment_wan, field="total_investment_wan", what="总投资")
    _require_day_of(Stage.SIGNED, new.signed_on, stage=new.stage, today=today)
    _require_day_of(Stage.STARTED, new.started_on, stage=new.stage, today=today)
    if new.signed_on and new.started_on and new.started_on < new.signed_on:
        _refuse_day("开工日期", new.started_on, new.signed_on, f"不能早于签约日期{new.signed_on}")
    _require_signed_amount(new.signed_amount_wan, stage=new.stage)
    return [
        ProjectRecorded(
            project_id=project_id,
            code=new.code,
            name=new.name,
            chain_id=new.chain_id,
            responsible_org_id=new.responsible_org_id,
            kind=new.kind,
            total_investment_wan=new.total_investment_wan,
            stage=new.stage,
            signed_on=new.signed_on,
            started_on=new.started_on,
            signed_amount_wan=new.signed_amount_wan,
        )
    ]


def revise(project: Project, changes: Changes, *, today: date) -> list[Event]:
    """Change master data; nothing when all of it stands so already.

    Raises:
        DayStands, AmountStands: a day of signing or starting, or the signed amount, is known already, and another one.
    """
    _require_not_terminated(project)
    if changes.name is not None:
        require_text(changes.name, field="name", what="项目名称")
    if changes.total_investment_wan is not None:
        require_amount(changes.total_investment_wan, field="total_investment_wan", what="总投资")
    revised = ProjectRevised(
        project_id=project.id,
        name=_changed(project.name, changes.name),
        chain_id=_changed(project.chain_id, changes.chain_id),
        responsible_org_id=_changed(project.responsible_org_id, changes.responsible_org_id),
        total_investment_wan=_changed(project.total_investment_wan, changes.total_investment_wan),
        signed_on=_filled_in(project, Stage.SIGNED, changes.signed_on, today=today),
        started_on=_filled_in(project, Stage.STARTED, changes.started_on, today=today),
        signed_amount_wan=_filled_in_amount(project, changes.signed_amount_wan),
        chain_since=_chain_since(project, changes, today=today),
    )
    return [revised] if revised != ProjectRevised(project_id=project.id) else []


def advance(project: Project, step: Step, *, rules: Rules, today: date) -> list[Event]:
    """Move a project on to a stage, and with it whatever of its timetable the stage settles.

    Raises:
        StageNotAllowed: the stage does not follow, on this kind's route.
        EvidenceMissing: the stage rests on more than was given; an intent is no signing (domain lifecycle).
        DateNotAllowed: the day is in the future, or before that of an earlier stage.
        ProjectNotActive: the project is held or terminated.
    """
    _require_active(project)
    rules.routes[project.kind].require_next(project.stage, step.target)
    _require_stage_day(project, step, today=today)
    _require_evidence(step, rules=rules, today=today)
    reached = _stage_event(project, step, rules=rules)
    return [reached, *timetable.settle(project.id, project.milestones, reached=step.target, on=step.on)]


def hold(project: Project, *, reason: str, on: date, today: date) -> list[Event]:
    """停缓建: the stage stays."""
    _require_hold_verb(project, "hold", on=on, today=today)
    require_text(reason, field="reason", what="停缓建原因")
    return [ProjectHeld(project_id=project.id, reason=reason, on=on)]


def resume(project: Project, *, on: date, today: date) -> list[Event]:
    """复工 after a hold; not a new start."""
    _require_hold_verb(project, "resume", on=on, today=today)
    return [ProjectResumed(project_id=project.id, on=on)]


def terminate(project: Project, *, reason: str, on: date, today: date) -> list[Event]:
    """终止: for good; what is open of its timetable is cancelled with it."""
    _require_hold_verb(project, "terminate", on=on, today=today)
    require_text(reason, field="reason", what="终止原因")
    ended = ProjectTerminated(project_id=project.id, reason=reason, on=on)
    return [ended, *timetable.cancel_open(project.id, project.milestones, reason=because_terminated(reason))]


def because_terminated(reason: str) -> str:
    """Why the lines of a project that ended were cancelled."""
    return f"项目终止：{reason}"


def require_changeable(project: Project) -> None:
    """Raises ProjectNotActive where the timetable of a terminated project would be changed."""
    _require_not_terminated(project)


def require_text(text: str, *, field: str, what: str) -> None:
    if not text.strip():
        raise FieldMissing(f"{what}不能为空", field=field)


def require_amount(amount_wan: int, *, field: str, what: str) -> None:
    if amount_wan <= 0:
        raise AmountNotAllowed(f"{what}须为大于零的整数（万元）", field=field, value=amount_wan)


def evolve(project: Project | None, event: Event) -> Project:
    """The state after one more event; `version` counts them.

    Raises:
        ValueError: an event of another kind of aggregate, or one before the project was recorded.
    """
    if isinstance(event, ProjectRecorded):
        return _recorded(event)
    if project is None:
        raise ValueError(f"{event.type} before the project was recorded")
    return replace(project, version=project.version + 1, **_changes(project, event))


def fold(project: Project | None, events: Iterable[Event]) -> Project:
    """The state after these events, of which there is at least one where `project` is None."""
    for event in events:
        project = evolve(project, event)
    if project is None:
        raise ValueError("no events and no project")
    return project


def _recorded(event: ProjectRecorded) -> Project:
    days = {Stage.SIGNED: event.signed_on, Stage.STARTED: event.started_on}
    return Project(
        id=event.project_id,
        code=event.code,
        name=event.name,
        chain_id=event.chain_id,
        responsible_org_id=event.responsible_org_id,
        kind=event.kind,
        total_investment_wan=event.total_investment_wan,
        entered_stage=event.stage,
        stage=event.stage,
        reached={stage: day for stage, day in days.items() if day},
        signed_amount_wan=event.signed_amount_wan if is_signed(event.stage) else None,
        version=1,
    )


def _changes(project: Project, event: Event) -> dict[str, Any]:
    """The fields that an event sets, as it leaves them."""
    if type(event) in timetable.EVENTS:
        return {"milestones": timetable.evolve(project.milestones, event)}
    match event:
        case StageReached():
            return _at_stage(project, event)
        case ProjectRevised():
            return _revised(project, event)
        case ProjectHeld(on=on):
            return {"hold_status": HoldStatus.HELD, "hold_status_on": on}
        case ProjectResumed(on=on):
            return {"hold_status": HoldStatus.ACTIVE, "hold_status_on": on}
        case ProjectTerminated(on=on):
            return {"hold_status": HoldStatus.TERMINATED, "hold_status_on": on}
        case ProjectRecordEvent():
            return {}
        case ProjectCorrected(stands=stands):
            return _standing(project, stands)
    raise ValueError(f"{event.type} is no event of a project")


def _revised(project: Project, event: ProjectRevised) -> dict[str, Any]:
    filled_in = {Stage.SIGNED: event.signed_on, Stage.STARTED: event.started_on}
    reached = {**project.reached, **{stage: day for stage, day in filled_in.items() if day}}
    plain = event.model_dump(
        include={"name", "chain_id", "responsible_org_id", "total_investment_wan", "chain_since", "signed_amount_wan"},
        exclude_none=True,
    )
    return {"reached": reached, **plain}


def _standing(project: Project, stands: Standing) -> dict[str, Any]:
    return {
        "kind": stands.kind,
        "entered_stage": stands.entered_stage or project.entered_stage,
        "stage": stands.stage,
        "reached": stands.reached,
        "signed_amount_wan": stands.signed_amount_wan,
        "output_ratio": None if stands.output_ratio is None else Decimal(stands.output_ratio),
        "hold_status": HoldStatus(stands.hold_status),
        "hold_status_on": stands.hold_status_on,
    }


def _at_stage(project: Project, event: StageReached) -> dict[str, Any]:
    moved = {"stage": event.stage, "reached": {**project.reached, event.stage: event.on}}
    match event:
        case ProjectSigned(amount_wan=amount_wan):
            return {**moved, "signed_amount_wan": amount_wan}
        case ProjectFullCapacity(output_ratio=ratio):
            return {**moved, "output_ratio": Decimal(ratio)}
    return moved


def _stage_event(project: Project, step: Step, *, rules: Rules) -> Event:
    rests: dict[str, Any] = {"on": step.on, "evidence": step.evidence, "files": step.files}
    if step.target is Stage.SIGNED:
        amount_wan = project.total_investment_wan if step.amount_wan is None else step.amount_wan
        require_amount(amount_wan, field="amount_wan", what="签约金额")
        return ProjectSigned(project_id=project.id, amount_wan=amount_wan, **rests)
    if step.target is Stage.FULL_CAPACITY:
        ratio = f"{rules.require_output(step.output_ratio):f}"
        return ProjectFullCapacity(project_id=project.id, output_ratio=ratio, **rests)
    return PLAIN_STAGES[step.target](project_id=project.id, **rests)


def _require_active(project: Project) -> None:
    if project.hold_status is not HoldStatus.ACTIVE:
        raise ProjectNotActive(project.hold_status)


def _require_not_terminated(project: Project) -> None:
    if project.hold_status in ENDED:
        raise ProjectNotActive(project.hold_status)


def _require_hold_verb(project: Project, verb: str, *, on: date, today: date) -> None:
    if (project.hold_status, verb) not in HOLD_VERBS or project.stage not in UNDER_WAY:
        state = f"{STAGE_NAMES[project.stage]}、{HOLD_NAMES[project.hold_status]}"
        message = f"项目{state}，不能办理{HOLD_VERB_NAMES[verb]}"
        raise HoldNotAllowed(message, hold_status=project.hold_status, stage=project.stage)
    what = f"{HOLD_VERB_NAMES[verb]}日期"
    _require_not_future(what, on, today=today)
    earliest = max(filter(None, (project.last_day, project.hold_status_on)), default=None)
    if earliest and on < earliest:
        _refuse_day(what, on, earliest, f"不能早于前一事项的日期{earliest}")


def _require_stage_day(project: Project, step: Step, *, today: date) -> None:
    what = f"{STAGE_NAMES[step.target]}日期"
    _require_not_future(what, step.on, today=today)
    if project.last_day and step.on < project.last_day:
        _refuse_day(what, step.on, project.last_day, f"不能早于前一阶段的日期{project.last_day}")


def _require_day_of(reached: Stage, day: date | None, *, stage: Stage, today: date) -> None:
    if day is None:
        return
    what = f"{STAGE_NAMES[reached]}日期"
    _require_not_future(what, day, today=today)
    if STAGES.index(stage) < STAGES.index(reached):
        _refuse_day(what, day, today, f"与阶段“{STAGE_NAMES[stage]}”不符：尚未{STAGE_NAMES[reached]}")


def _filled_in(project: Project, reached: Stage, day: date | None, *, today: date) -> date | None:
    """The day, where it is new: it fits between the known days of the stages before and behind."""
    known = project.reached.get(reached)
    if day is None or day == known:
        return None
    if known:
        raise DayStands(reached, known=known, given=day)
    _require_day_of(reached, day, stage=project.stage, today=today)
    what, place = f"{STAGE_NAMES[reached]}日期", STAGES.index(reached)
    before = max((on for stage, on in project.reached.items() if STAGES.index(stage) < place), default=day)
    behind = min((on for stage, on in project.reached.items() if STAGES.index(stage) > place), default=day)
    if day < before:
        _refuse_day(what, day, before, f"不能早于前一阶段的日期{before}")
    if day > behind:
        _refuse_day(what, day, behind, f"不能晚于后一阶段的日期{behind}")
    return day


def is_signed(stage: Stage) -> bool:
    """Whether a project at this stage has been signed."""
    return STAGES.index(stage) >= STAGES.index(Stage.SIGNED)


def _require_signed_amount(amount_wan: int | None, *, stage: Stage) -> None:
    if amount_wan is None:
        return
    require_amount(amount_wan, field="signed_amount_wan", what="签约金额")
    if not is_signed(stage):
        raise AmountNotAllowed(
            f"项目处于“{STAGE_NAMES[stage]}”，尚未签约，不填签约金额", field="signed_amount_wan", value=amount_wan
        )


def _filled_in_amount(project: Project, amount_wan: int | None) -> int | None:
    """The signed amount, where it is new."""
    known = project.signed_amount_wan
    if amount_wan is None or amount_wan == known:
        return None
    if known is not None:
        raise AmountStands(known=known, given=amount_wan)
    _require_signed_amount(amount_wan, stage=project.stage)
    return amount_wan


def _require_evidence(step: Step, *, rules: Rules, today: date) -> None:
    for item in step.evidence:
        require_text(item.reference, field="evidence", what="材料名称或文号")
        _require_not_future("材料日期", item.on, today=today)
    rules.need(step.target).require(step.target, [item.kind for item in step.evidence])
    contracts = [item for item in step.evidence if item.kind == EvidenceKind.FORMAL_CONTRACT]
    if step.target is Stage.SIGNED and contracts and step.on not in {item.on for item in contracts}:
        _refuse_day("签约日期", step.on, contracts[0].on, f"须与正式合同的日期{contracts[0].on}一致")


def _require_not_future(what: str, day: date, *, today: date) -> None:
    if day > today:
        _refuse_day(what, day, today, f"不能晚于今天{today}")


def _refuse_day(what: str, day: date, limit: date, rule: str) -> None:
    raise DateNotAllowed(f"{what}{day}{rule}", what=what, day=day, limit=limit)


def _changed(present: T, wanted: T | None) -> T | None:
    return None if wanted == present else wanted


def _chain_since(project: Project, changes: Changes, *, today: date) -> date | None:
    """The day from which a project belongs to another chain: never before it came to the present one."""
    if _changed(project.chain_id, changes.chain_id) is None:
        return None
    return max(changes.chain_since or today, project.chain_since or date.min)
