"""Corrections: a second person agrees that a record is wrong; history stays, and states follow.

A correction names one record of the project's stream. The state after it is what the stream comes to without the
records that are reversed and with what was replaced; so a correction can itself be reversed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from services.intake.domain.errors import DateNotAllowed, FieldMissing, ValueNotAllowed
from services.intake.domain.projects import project as projects
from services.intake.domain.projects import timetable
from services.intake.domain.projects.project import Project, require_amount, require_text
from services.intake.domain.projects.timetable import Milestone
from services.intake.domain.terms import STAGE_NAMES, STAGES, HoldStatus, MilestoneStatus
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
    project: Project, history: History, asked: Asked, *, correction_id: UUID, by: str, today: date
) -> list[Event]:
    """Ask for a correction; it is tried, so that one which cannot be approved is refused at once.

    Raises:
        CorrectionNotAllowed, ValueNotAllowed, DateNotAllowed, AmountNotAllowed, FieldMissing.
    """
    require_text(asked.reason, field="reason", what="更正理由")
    correct(project, history, asked, correction_id=correction_id, requested_by=by, today=today)
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
    project: Project, history: History, asked: Asked, *, correction_id: UUID, requested_by: str, today: date
) -> list[Event]:
    """The correction, and what it does to the timetable.

    Raises:
        CorrectionNotAllowed: there is no such record, it holds no more, or others rest on it.
        ValueNotAllowed, DateNotAllowed, AmountNotAllowed: what should stand instead does not fit.
    """
    target = _target(project, history, asked)
    correction = ProjectCorrected(
        project_id=project.id,
        correction_id=correction_id,
        kind=asked.kind,
        of_sequence=asked.of_sequence,
        of_type=target.type,
        reverses=_reversed(history, asked),
        replacement=asked.replacement,
        reason=asked.reason,
        requested_by=requested_by,
        stands=_standing(project),
    )
    after = _after({**history, max(history) + 1: correction}, today=today)
    _require_sound(after, today=today)
    lines = list(_lines(project, after, correction))
    return [correction.model_copy(update={"stands": _standing(after), "followed_by": len(lines)}), *lines]


def standing(history: History) -> dict[int, Event]:
    """The records that hold, as they hold: without what was reversed, with what was replaced."""
    in_force = _in_force(history)
    gone = {place for correction in in_force.values() for place in correction.reverses}
    found = {place: event for place, event in history.items() if place not in gone}
    for correction in in_force.values():
        if correction.replacement and correction.of_sequence in found:
            found |= _replaced(history, correction.of_sequence, found, correction.replacement)
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
    events = [
        event for event in standing(history).values() if not isinstance(event, ProjectCorrected | MilestoneReopened)
    ]
    project = projects.fold(None, events)
    if any(correction.kind is CorrectionKind.STRIKE_OFF for correction in _in_force(history).values()):
        return replace(project, hold_status=HoldStatus.STRUCK_OFF, hold_status_on=today)
    return project


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
    allowed = {"on"} if isinstance(target, StageReached) else set()
    if isinstance(target, ProjectSigned):
        allowed.add("amount_wan")
    if isinstance(target, ProjectFullCapacity):
        allowed.add("output_ratio")
    if isinstance(target, ProjectRecorded):
        allowed = {"stage", "kind", "signed_on", "started_on"}
    if wrong := sorted(given.keys() - allowed):
        raise ValueNotAllowed(f"该记录没有{'、'.join(wrong)}，不能这样更正", field=f"replacement/{wrong[0]}")
    if replacement.amount_wan is not None:
        require_amount(replacement.amount_wan, field="replacement/amount_wan", what="签约金额")


def _reversed(history: History, asked: Asked) -> tuple[int, ...]:
    """The places that hold no more: the record's, those of what rests on it, and of what each did to the timetable."""
    if asked.kind is not CorrectionKind.REVERSAL:
        return ()
    holding = standing(history)
    target = holding[asked.of_sequence]
    places = [asked.of_sequence]
    match target:
        case StageReached():
            places = [at for at, event in holding.items() if at >= places[0] and isinstance(event, StageReached)]
        case ProjectHeld() | ProjectResumed() | ProjectTerminated():
            _require_last(holding, asked.of_sequence, HOLDS)
        case ProjectReported():
            _require_last(holding, asked.of_sequence, (ProjectReported,))
        case ProjectCorrected():
            _require_last(holding, asked.of_sequence, (ProjectCorrected, StageReached, *HOLDS))
        case MilestoneMet(milestone_id=id):
            _require_by_hand(projects.fold(None, history.values()), id)
        case _:
            raise CorrectionNotAllowed("这类记录不能撤销", of_sequence=asked.of_sequence, of_type=target.type)
    return tuple(sorted({place for at in places for place in (at, *_followers(history, at))}))


def _require_last(holding: History, place: int, kinds: tuple[type[Event], ...]) -> None:
    later = [at for at, event in holding.items() if at > place and isinstance(event, kinds)]
    if later:
        raise CorrectionNotAllowed(f"须先撤销其后的第{later[-1]}条记录", of_sequence=place, first=later[-1])


def _require_by_hand(project: Project, milestone_id: UUID) -> None:
    line = project.milestones[milestone_id]
    if line.stage:
        raise CorrectionNotAllowed(f"该节点由“{STAGE_NAMES[line.stage]}”阶段完成，请更正阶段记录")


def _followers(history: History, place: int) -> list[int]:
    """What a record did to the timetable stands right behind it."""
    cause, at = history[place], place + 1
    if isinstance(cause, ProjectCorrected):
        return list(range(at, at + cause.followed_by))
    while at in history and _follows(cause, history[at]):
        at += 1
    return list(range(place + 1, at))


def _follows(cause: Event, event: Event) -> bool:
    match cause, event:
        case StageReached(), MilestoneMet(met_on=on):
            return bool(on == cause.on)
        case StageReached(), MilestoneCancelled(reason=reason):
            return bool(reason == timetable.SKIPPED)
        case ProjectTerminated(), MilestoneCancelled(reason=reason):
            return bool(reason == projects.because_terminated(cause.reason))
    return False


def _replaced(history: History, place: int, holding: History, replacement: Replacement) -> dict[int, Event]:
    """The record as it should have been, and with another day the lines that it met."""
    found = {place: holding[place].model_copy(update=_given(replacement))}
    if replacement.on:
        for at in _followers(history, place):
            if isinstance(event := holding.get(at), MilestoneMet):
                found[at] = event.model_copy(update={"met_on": replacement.on})
    return found


def _given(replacement: Replacement) -> dict[str, Any]:
    return {name: value for name, value in replacement if value is not None}


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
        stage=project.stage,
        reached=dict(project.reached),
        signed_amount_wan=project.signed_amount_wan,
        output_ratio=None if project.output_ratio is None else f"{project.output_ratio:f}",
        hold_status=project.hold_status,
        hold_status_on=project.hold_status_on,
    )


def _lines(before: Project, after: Project, corrected: ProjectCorrected) -> Iterator[Event]:
    """What the correction does to the timetable, line by line."""
    if corrected.kind is CorrectionKind.STRIKE_OFF:
        yield from timetable.cancel_open(before.id, before.milestones, reason=f"项目剔除：{corrected.reason}")
        return
    for id, line in after.milestones.items():
        was = before.milestones[id]
        if (line.status, line.met_on) == (was.status, was.met_on) or not _may_change(before, was):
            continue
        if was.status is not MilestoneStatus.OPEN:
            yield MilestoneReopened(project_id=before.id, milestone_id=id, correction_id=corrected.correction_id)
        if line.status is MilestoneStatus.CANCELLED:
            yield MilestoneCancelled(project_id=before.id, milestone_id=id, reason=f"更正：{corrected.reason}")
        if line.met_on:
            yield MilestoneMet(project_id=before.id, milestone_id=id, met_on=line.met_on)


def _may_change(before: Project, line: Milestone) -> bool:
    """A line that was cancelled stays so where another one has taken its name since."""
    return line.status is not MilestoneStatus.CANCELLED or timetable.named(before.milestones, line.name) is None


def reports(history: History) -> Sequence[tuple[int, ProjectReported]]:
    """The monthly reports that hold, with their places."""
    return [(at, event) for at, event in standing(history).items() if isinstance(event, ProjectReported)]
