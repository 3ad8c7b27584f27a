"""Support that a project was given (S12), and 要素保障: what it needs, who sees to it, until when."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.intake.domain.errors import DateNotAllowed, FieldMissing
from services.intake.domain.projects.project import Project, require_changeable, require_text
from shared.contracts.event import Event
from shared.contracts.project_records import (
    NeedKind,
    ProjectNeedMet,
    ProjectNeedRaised,
    ProjectNeedReassigned,
    ProjectNeedWithdrawn,
    ProjectSupported,
    SupportKind,
)
from shared.kit.errors import Conflict


class NeedNotOpen(Conflict):
    """The need was met or withdrawn already."""


class NeedStatus(StrEnum):
    OPEN = "open"
    MET = "met"
    WITHDRAWN = "withdrawn"


NEED_STATUS_NAMES: Mapping[NeedStatus, str] = {
    NeedStatus.OPEN: "待解决",
    NeedStatus.MET: "已解决",
    NeedStatus.WITHDRAWN: "已撤回",
}


@dataclass(frozen=True, slots=True)
class Support:
    id: UUID
    project_id: UUID
    kind: SupportKind
    given_on: date
    org_ids: tuple[UUID, ...]
    text: str


@dataclass(frozen=True, slots=True)
class NewNeed:
    """A need to be raised; without due day or responsible post it is refused (S9)."""

    kind: NeedKind
    text: str
    raised_on: date
    due_on: date | None
    responsible_post_id: UUID | None


@dataclass(frozen=True, slots=True)
class Need:
    """A need as its events leave it. `outcome`: how it was met, or why it was withdrawn."""

    id: UUID
    project_id: UUID
    kind: NeedKind
    text: str
    raised_on: date
    due_on: date
    responsible_post_id: UUID
    responsible_person_id: UUID | None
    status: NeedStatus = NeedStatus.OPEN
    met_on: date | None = None
    outcome: str = ""


def give(project: Project, support: Support, *, today: date) -> list[Event]:
    """Record support that was given; it may have been given before the project was a project."""
    require_changeable(project)
    require_text(support.text, field="text", what="支持内容")
    _require_not_future("支持日期", support.given_on, today=today)
    if not support.org_ids:
        raise FieldMissing("没有填写给予支持的单位", field="org_ids")
    return [
        ProjectSupported(
            project_id=project.id,
            support_id=support.id,
            kind=support.kind,
            on=support.given_on,
            org_ids=support.org_ids,
            text=support.text,
        )
    ]


def raise_need(
    project: Project, new: NewNeed, *, need_id: UUID, responsible_person_id: UUID | None, today: date
) -> list[Event]:
    """Raises FieldMissing (no due day, no post), DateNotAllowed, ProjectNotActive."""
    require_changeable(project)
    require_text(new.text, field="text", what="需求内容")
    if new.due_on is None:
        raise FieldMissing("要素保障需求没有解决时限", field="due_on")
    if new.responsible_post_id is None:
        raise FieldMissing("要素保障需求没有责任岗位", field="responsible_post_id")
    _require_not_future("提出日期", new.raised_on, today=today)
    if new.due_on < new.raised_on:
        message = f"解决时限{new.due_on}不能早于提出日期{new.raised_on}"
        raise DateNotAllowed(message, what="解决时限", day=new.due_on, limit=new.raised_on)
    return [
        ProjectNeedRaised(
            project_id=project.id,
            need_id=need_id,
            kind=new.kind,
            text=new.text,
            raised_on=new.raised_on,
            due_on=new.due_on,
            responsible_post_id=new.responsible_post_id,
            responsible_person_id=responsible_person_id,
        )
    ]


def reassign(need: Need, *, post_id: UUID, person_id: UUID | None) -> list[Event]:
    """Give an open need to another post, until the same day."""
    _require_open(need)
    return [
        ProjectNeedReassigned(
            project_id=need.project_id, need_id=need.id, responsible_post_id=post_id, responsible_person_id=person_id
        )
    ]


def meet(need: Need, *, on: date, text: str, today: date) -> list[Event]:
    _require_open(need)
    _require_not_future("解决日期", on, today=today)
    if on < need.raised_on:
        message = f"解决日期{on}不能早于提出日期{need.raised_on}"
        raise DateNotAllowed(message, what="解决日期", day=on, limit=need.raised_on)
    return [ProjectNeedMet(project_id=need.project_id, need_id=need.id, met_on=on, text=text)]


def withdraw(need: Need, *, reason: str) -> list[Event]:
    _require_open(need)
    require_text(reason, field="reason", what="撤回原因")
    return [ProjectNeedWithdrawn(project_id=need.project_id, need_id=need.id, reason=reason)]


def raised(event: ProjectNeedRaised) -> Need:
    return Need(
        id=event.need_id,
        project_id=event.project_id,
        kind=event.kind,
        text=event.text,
        raised_on=event.raised_on,
        due_on=event.due_on,
        responsible_post_id=event.responsible_post_id,
        responsible_person_id=event.responsible_person_id,
    )


def evolve(need: Need, event: Event) -> Need:
    """Raises ValueError: an event that is none of a need's."""
    match event:
        case ProjectNeedReassigned(responsible_post_id=post_id, responsible_person_id=person_id):
            return replace(need, responsible_post_id=post_id, responsible_person_id=person_id)
        case ProjectNeedMet(met_on=on, text=text):
            return replace(need, status=NeedStatus.MET, met_on=on, outcome=text)
        case ProjectNeedWithdrawn(reason=reason):
            return replace(need, status=NeedStatus.WITHDRAWN, outcome=reason)
    raise ValueError(f"{event.type} is no event of a need")


def _require_open(need: Need) -> None:
    if need.status is not NeedStatus.OPEN:
        raise NeedNotOpen(
            f"该需求{NEED_STATUS_NAMES[need.status]}，不能再变更", need_id=str(need.id), status=need.status
        )


def _require_not_future(what: str, day: date, *, today: date) -> None:
    if day > today:
        raise DateNotAllowed(f"{what}{day}不能晚于今天{today}", what=what, day=day, limit=today)
