"""Corrections: a second person agrees that a record is wrong; history stays, and states follow.

A correction names one record of the project's stream. The state after it is what the stream comes to without the
records that are reversed and with what was replaced; so a correction can itself be reversed.

Of the timetable, only what hands did is read from the stream. What stages, the project's end and corrections did to its
lines is no record of its own: it follows anew from the stages that hold.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from services.intake.domain.errors import DateNotAllowed, FieldMissing, ValueNotAllowed
from services.intake.domain.projects import project as projects
from services.intake.domain.projects import timetable
from services.intake.domain.projects.project import Project, require_amount, require_text
from services.intake.domain.projects.rules import Rules
from services.intake.domain.projects.timetable import Milestone, Milestones
from services.intake.domain.terms import ENDED, STAGE_NAMES, STAGES, HoldStatus, MilestoneStatus
from shared.contracts.event import Event
from shared.contracts.project_records import (
    CorrectionKind,
    CorrectionRefused,
    CorrectionRequested,
    MilestoneReopened,
    ProjectCorrected,
    ProjectReported,
    Replacement,
    Standing,
)
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestoneMet,
    ProjectFullCapacity,
    ProjectHeld,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectSigned,
    ProjectTerminated,
    Stage,
    StageReached,
)
from shared.kit.errors import Conflict, NotAllowed

History = Mapping[int, Event]
"""A project's whole stream, by its places, in order."""

HOLDS = (ProjectHeld, ProjectResumed, ProjectTerminated)


class CorrectionNotAllowed(Conflict):
    """The record cannot be corrected like this, or not before those that rest on it."""


class OwnCorrection(NotAllowed):
    """Whoever asked for a correction does not approve it."""

    def __init__(self) -> None:
        super().__init__("更正须由申请人以外的人审核")


class CorrectionStatus(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"


STATUS_NAMES: Mapping[CorrectionStatus, str] = {
    CorrectionStatus.REQUESTED: "待审核",
    CorrectionStatus.APPROVED: "已同意",
    CorrectionStatus.REFUSED: "未同意",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks for: `of_sequence` is the record's place in the project's stream."""

    kind: CorrectionKind
    of_sequence: int
    reason: str
    replacement: Replacement | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A correction with who asked and who decided. `requester`: the subject that called; `*_by`: as history has it."""

    id: UUID
    project_id: UUID
    kind: CorrectionKind
    of_sequence: int
    of_type: str
    reason: str
    replacement: Replacement | None
    requested_on: date
    requested_by: str
    requester: str
    requester_person: UUID | None
    status: CorrectionStatus = CorrectionStatus.REQUESTED
    decided_on: date | None = None
    decided_by: str | None = None
    opinion: str = ""

    @property
    def asked(self) -> Asked:
        return Asked(self.kind, self.of_sequence, self.reason, self.replacement)


def request(
    project: Project, history: History, asked: Asked, *, correction_id: UUID, by: str, rules: Rules, today: date
) -> list[Event]:
    """Ask for a correction; it is tried, so that one which cannot be approved is refused at once.

    Raises:
        CorrectionNotAllowed, ValueNotAllowed, DateNotAllowed, AmountNotAllowed, FieldMissing.
    """
    require_text(asked.reason, field="reason", what="更正理由")
    correct(project, history, asked, correction_id=correction_id, requested_by=by, rules=rules, today=today)
    return [
        CorrectionRequested(
            project_id=project.id,
            correction_id=correction_id,
            kind=asked.kind,
            of_sequence=asked.of_sequence,
            of_type=history[asked.of_sequence].type,
            reason=asked.reason,
            replacement=asked.replacement,
        )
    ]


def require_other(correction: Correction, *, subject: str, person: UUID | None) -> None:
    """Raises OwnCorrection where the caller asked for it, CorrectionNotAllowed where it is decided already."""
    if correction.status is not CorrectionStatus.REQUESTED:
        raise CorrectionNotAllowed(f"该更正申请{STATUS_NAMES[correction.status]}", status=correction.status)
    if subject == correction.requester or (person is not None and person == correction.requester_person):
        raise OwnCorrection()


def refuse(correction: Correction, *, reason: str) -> list[Event]:
    require_text(reason, field="reason", what="不同意的理由")
    return [CorrectionRefused(project_id=correction.project_id, correction_id=correction.id, reason=reason)]


def correct(
    project: Project,
    history: History,
    asked: Asked,
    *,
    correction_id: UUID,
    requested_by: str,
    rules: Rules,
    today: date,
) -> list[Event]:
    """The correction, and what it does to the timetable.

    Raises:
        CorrectionNotAllowed: there is no such record, it holds no more, or others rest on it.
        ValueNotAllowed, DateNotAllowed, AmountNotAllowed: what should stand instead does not fit.
    """
    target = _target(project, history, asked)
    if asked.replacement and asked.replacement.output_ratio is not None:
        rules.require_output(Decimal(asked.replacement.output_ratio))
    correction = ProjectCorrected(
        project_id=project.id,
        correction_id=correction_id,
        kind=asked.kind,
        of_sequence=asked.of_sequence,
        of_type=target.type,
        reverses=_reversed(project, history, asked),
        replacement=asked.replacement,
        reason=asked.reason,
        requested_by=requested_by,
        stands=_standing(project),
    )
    corrected = {**history, max(history) + 1: correction}
    after = _after(corrected, today=today)
    _require_order(standing(corrected))
    _require_sound(after, today=today)
    _require_effect(after, asked.replacement)
    lines = list(_lines(project, after, correction))
    return [correction.model_copy(update={"stands": _standing(after), "followed_by": len(lines)}), *lines]


def standing(history: History) -> dict[int, Event]:
    """The records that hold, as they hold: without what was reversed, with what was replaced."""
    in_force = _in_force(history)
    gone = {place for correction in in_force.values() for place in correction.reverses}
    found = {place: event for place, event in history.items() if place not in gone}
    for correction in in_force.values():
        if correction.replacement and correction.of_sequence in found:
            record = found[correction.of_sequence]
            found[correction.of_sequence] = _instead(record, correction.replacement)
    return found


def _in_force(history: History) -> dict[int, ProjectCorrected]:
    """The corrections that no later one reversed, in order."""
    gone: set[int] = set()
    found: dict[int, ProjectCorrected] = {}
    for place, event in sorted(history.items(), reverse=True):
        if isinstance(event, ProjectCorrected) and place not in gone:
            gone.update(event.reverses)
            found[place] = event
    return dict(sorted(found.items()))


def _after(history: History, *, today: date) -> Project:
    """The project as the records that hold leave it."""
    following = _following(history)
    records = (
        event
        for place, event in standing(history).items()
        if place not in following and not isinstance(event, ProjectCorrected)
    )
    project = projects.fold(None, records)
    if any(correction.kind is CorrectionKind.STRIKE_OFF for correction in _in_force(history).values()):
        project = replace(project, hold_status=HoldStatus.STRUCK_OFF, hold_status_on=today)
    return replace(project, milestones={id: _settled(line, project) for id, line in project.milestones.items()})


def _following(history: History) -> set[int]:
    """The places of what stages, the project's end and corrections did to the timetable."""
    found: set[int] = set()
    project: Project | None = None
    for place, event in history.items():
        if isinstance(event, ProjectCorrected):
            found.update(range(place + 1, place + 1 + event.followed_by))
        elif project and _follows(project, event):
            found.add(place)
        project = projects.evolve(project, event)
    return found


def _follows(project: Project, event: Event) -> bool:
    """No hand meets a line that names a stage, or cancels one that a stage or the end of the project settles."""
    match event:
        case MilestoneMet(milestone_id=id):
            return project.milestones[id].stage is not None
        case MilestoneCancelled(milestone_id=id):
            return _passed(project.milestones[id], project) or project.hold_status in ENDED
    return False


def _settled(line: Milestone, project: Project) -> Milestone:
    """A line as the stages and the end of its project leave it, where no hand met or cancelled it."""
    if line.status is not MilestoneStatus.OPEN:
        return line
    if met_on := line.stage and project.reached.get(line.stage):
        return replace(line, status=MilestoneStatus.MET, met_on=met_on)
    if _passed(line, project) or project.hold_status in ENDED:
        return replace(line, status=MilestoneStatus.CANCELLED)
    return line


def _passed(line: Milestone, project: Project) -> bool:
    return line.stage is not None and STAGES.index(line.stage) <= STAGES.index(project.stage)


def _target(project: Project, history: History, asked: Asked) -> Event:
    target = standing(history).get(asked.of_sequence)
    if target is None:
        known = asked.of_sequence in history
        message = "该记录已被撤销，不再有效" if known else f"该项目没有第{asked.of_sequence}条记录"
        raise CorrectionNotAllowed(message, of_sequence=asked.of_sequence)
    if project.hold_status is HoldStatus.STRUCK_OFF and not isinstance(target, ProjectCorrected):
        raise CorrectionNotAllowed("项目已剔除，只能撤销该剔除", of_sequence=asked.of_sequence)
    _require_kind(target, asked)
    return target


def _require_kind(target: Event, asked: Asked) -> None:
    if asked.kind is CorrectionKind.STRIKE_OFF and not isinstance(target, ProjectRecorded):
        raise CorrectionNotAllowed("剔除项目须指明其登记记录（第1条）", of_sequence=asked.of_sequence)
    if asked.kind is CorrectionKind.REVERSAL and isinstance(target, ProjectRecorded):
        raise CorrectionNotAllowed("登记记录不能撤销；虚假项目请办理剔除", of_sequence=asked.of_sequence)
    if asked.kind is CorrectionKind.REPLACEMENT:
        _require_replaceable(target, asked.replacement)
    elif asked.replacement is not None:
        raise ValueNotAllowed("只有更正记录内容时填写应为的内容", field="replacement")


def _require_replaceable(target: Event, replacement: Replacement | None) -> None:
    given = replacement.model_dump(exclude_none=True) if replacement else {}
    if not given or replacement is None:
        raise FieldMissing("没有填写记录应为的内容", field="replacement")
    if wrong := sorted(given.keys() - _replaceable(target)):
        raise ValueNotAllowed(f"该记录没有{'、'.join(wrong)}，不能这样更正", field=f"replacement/{wrong[0]}")
    if replacement.amount_wan is not None:
        require_amount(replacement.amount_wan, field="replacement/amount_wan", what="签约金额")


def _replaceable(target: Event) -> set[str]:
    match target:
        case ProjectRecorded():
            return {"stage", "kind", "signed_on", "started_on", "amount_wan"}
        case ProjectRevised():
            names = {"signed_on": "signed_on", "started_on": "started_on", "signed_amount_wan": "amount_wan"}
            return {shown for name, shown in names.items() if getattr(target, name)}
        case ProjectSigned():
            return {"on", "amount_wan"}
        case ProjectFullCapacity():
            return {"on", "output_ratio"}
    return {"on"} if isinstance(target, StageReached) else set()


def _reversed(project: Project, history: History, asked: Asked) -> tuple[int, ...]:
    """The places that hold no more: the record's, those of what rests on it, and of what each did to the timetable."""
    if asked.kind is not CorrectionKind.REVERSAL:
        return ()
    holding, place = standing(history), asked.of_sequence
    target, places = holding[place], [place]
    match target:
        case StageReached():
            places = [at for at, event in holding.items() if at >= place and isinstance(event, StageReached)]
        case ProjectHeld() | ProjectResumed() | ProjectTerminated():
            _require_last(holding, place, (StageReached, *HOLDS))
        case ProjectReported():
            _require_last(holding, place, (ProjectReported,))
        case ProjectCorrected():
            of = (ProjectReported,) if isinstance(_origin(history, target), ProjectReported) else ()
            _require_last(holding, place, (ProjectCorrected, StageReached, *HOLDS, *of))
        case MilestoneMet(milestone_id=id):
            _require_by_hand(project, history, place, id)
        case _:
            raise CorrectionNotAllowed("这类记录不能撤销", of_sequence=place, of_type=target.type)
    following = _following(history)
    return tuple(sorted({found for at in places for found in (at, *_behind(at, following))}))


def _require_last(holding: History, place: int, kinds: tuple[type[Event], ...]) -> None:
    later = [at for at, event in holding.items() if at > place and isinstance(event, kinds)]
    if later:
        raise CorrectionNotAllowed(f"须先撤销其后的第{later[-1]}条记录", of_sequence=place, first=later[-1])


def _origin(history: History, correction: ProjectCorrected) -> Event:
    """The record that a correction, or those that it takes back, began with."""
    of = history[correction.of_sequence]
    return _origin(history, of) if isinstance(of, ProjectCorrected) else of


def _require_by_hand(project: Project, history: History, place: int, milestone_id: UUID) -> None:
    if stage := project.milestones[milestone_id].stage:
        raise CorrectionNotAllowed(f"该节点由“{STAGE_NAMES[stage]}”阶段完成，请更正阶段记录")
    if place in _following(history):
        cause = max(at for at, event in history.items() if at < place and isinstance(event, ProjectCorrected))
        raise CorrectionNotAllowed(f"该记录随第{cause}条更正产生，请更正该条记录")


def _behind(place: int, following: Collection[int]) -> range:
    """What a record did to the timetable stands right behind it."""
    at = place + 1
    while at in following:
        at += 1
    return range(place + 1, at)


def _instead(record: Event, replacement: Replacement) -> Event:
    """The record as it should have been; the signed amount has another name where it did not come with the signing."""
    given = {name: value for name, value in replacement if value is not None}
    if "signed_amount_wan" in type(record).model_fields and "amount_wan" in given:
        given["signed_amount_wan"] = given.pop("amount_wan")
    return record.model_copy(update=given)


def _require_order(holding: History) -> None:
    """A project was not entered at a stage that it reached only later."""
    stages = [event.stage for event in holding.values() if isinstance(event, ProjectRecorded | StageReached)]
    for before, behind in pairwise(stages):
        if STAGES.index(before) >= STAGES.index(behind):
            raise CorrectionNotAllowed(f"登记时的阶段“{STAGE_NAMES[before]}”不早于其后登记的“{STAGE_NAMES[behind]}”")


def _require_effect(project: Project, replacement: Replacement | None) -> None:
    """What the recording gives is the project's, unless a later record gave it another."""
    if replacement is None:
        return
    for stage, day in ((Stage.SIGNED, replacement.signed_on), (Stage.STARTED, replacement.started_on)):
        if day and project.reached.get(stage) != day:
            raise CorrectionNotAllowed(f"{STAGE_NAMES[stage]}日期由其后的记录登记，请更正该条记录")
    if replacement.amount_wan and project.signed_amount_wan != replacement.amount_wan:
        raise CorrectionNotAllowed("签约金额由其后的记录登记，请更正该条记录")


def _require_sound(project: Project, *, today: date) -> None:
    """The days of the stages follow each other, none is in the future, and none is of a stage that was not reached."""
    days = sorted(project.reached.items(), key=lambda item: STAGES.index(item[0]))
    for stage, day in days:
        if STAGES.index(stage) > STAGES.index(project.stage):
            raise CorrectionNotAllowed(f"项目处于“{STAGE_NAMES[project.stage]}”，不应有{STAGE_NAMES[stage]}日期")
        _require_until(stage, day, today, f"不能晚于今天{today}")
    for (stage, day), (_, behind) in pairwise(days):
        _require_until(stage, day, behind, f"不能晚于后一阶段的日期{behind}")


def _require_until(stage: Stage, day: date, limit: date, rule: str) -> None:
    if day > limit:
        what = f"{STAGE_NAMES[stage]}日期"
        raise DateNotAllowed(f"{what}{day}{rule}", what=what, day=day, limit=limit)


def _standing(project: Project) -> Standing:
    return Standing(
        kind=project.kind,
        entered_stage=project.entered_stage,
        stage=project.stage,
        reached=dict(project.reached),
        signed_amount_wan=project.signed_amount_wan,
        output_ratio=None if project.output_ratio is None else f"{project.output_ratio:f}",
        hold_status=project.hold_status,
        hold_status_on=project.hold_status_on,
    )


def _lines(before: Project, after: Project, corrected: ProjectCorrected) -> Iterator[Event]:
    """What the correction does to the timetable, line by line."""
    lines = before.milestones
    for id, line in after.milestones.items():
        for event in _changed(lines, id, line, corrected):
            yield event
            lines = timetable.evolve(lines, event)


def _changed(lines: Milestones, id: UUID, line: Milestone, corrected: ProjectCorrected) -> Iterator[Event]:
    was, of = lines[id], {"project_id": corrected.project_id, "milestone_id": id}
    if (line.status, line.met_on) == (was.status, was.met_on) or not _may_change(lines, was):
        return
    if was.status is not MilestoneStatus.OPEN:
        yield MilestoneReopened(**of, correction_id=corrected.correction_id)
    if line.status is MilestoneStatus.CANCELLED:
        why = "项目剔除" if corrected.kind is CorrectionKind.STRIKE_OFF else "更正"
        yield MilestoneCancelled(**of, reason=f"{why}：{corrected.reason}")
    if line.met_on:
        yield MilestoneMet(**of, met_on=line.met_on)


def _may_change(lines: Milestones, line: Milestone) -> bool:
    """A line that was cancelled stays so where another one has taken its name since."""
    return line.status is not MilestoneStatus.CANCELLED or timetable.named(lines, line.name) is None


def reports(history: History) -> Sequence[tuple[int, ProjectReported]]:
    """The reports that hold, with their places: of each month the last one."""
    found = {}
    for place, event in standing(history).items():
        if isinstance(event, ProjectReported):
            found[event.month] = place, event
    return list(found.values())
