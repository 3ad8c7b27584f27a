"""招商 (S11, S13): visits, promotion events, agreements, leads and contacts, each recorded and revised whole.

`standing → ended`, for a reason; a lead may instead be `converted`, to the project that it became. An agreement is a
strategic one or a letter of intent: no project is signed by it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.intake.domain import uscc as codes
from services.intake.domain.errors import DateNotAllowed, FieldMissing
from services.intake.domain.requests.requests import UsccNotSound
from shared.contracts.event import Event
from shared.contracts.projects import Stage
from shared.contracts.promotion import (
    Agreement,
    AgreementRecorded,
    AgreementRevised,
    AgreementWithdrawn,
    Contact,
    ContactDisclosed,
    ContactErased,
    ContactRecorded,
    ContactRevised,
    Ended,
    Lead,
    LeadConverted,
    LeadDropped,
    LeadFound,
    LeadRevised,
    Promotion,
    PromotionCancelled,
    PromotionEvent,
    PromotionRecorded,
    PromotionRevised,
    Recorded,
    Revised,
    Visit,
    VisitCancelled,
    VisitRecorded,
    VisitRevised,
)
from shared.kit.errors import Conflict, Invalid

Content = Visit | Promotion | Agreement | Lead | Contact
LEAD_STAGES = (Stage.LEAD, Stage.NEGOTIATING)
"""The stages at which a lead may become a project: what was found or intended is not signed."""


class Kind(StrEnum):
    VISIT = "visit"
    PROMOTION = "promotion"
    AGREEMENT = "agreement"
    LEAD = "lead"
    CONTACT = "contact"


class RecordStatus(StrEnum):
    STANDING = "standing"
    ENDED = "ended"
    CONVERTED = "converted"


@dataclass(frozen=True, slots=True)
class Words:
    """What the kind, and a record of it that is standing, converted or ended, are called."""

    name: str
    standing: str
    ended: str


WORDS: Mapping[Kind, Words] = {
    Kind.VISIT: Words("招商活动", "已登记", "已取消"),
    Kind.PROMOTION: Words("推介会", "已登记", "已取消"),
    Kind.AGREEMENT: Words("协议", "有效", "已撤销"),
    Kind.LEAD: Words("线索", "跟进中", "已放弃"),
    Kind.CONTACT: Words("联系人", "有效", "已删除"),
}
_KINDS: Mapping[type[Content], Kind] = {
    Visit: Kind.VISIT,
    Promotion: Kind.PROMOTION,
    Agreement: Kind.AGREEMENT,
    Lead: Kind.LEAD,
    Contact: Kind.CONTACT,
}
CONTENTS: Mapping[Kind, type[Content]] = {kind: content for content, kind in _KINDS.items()}
_RECORDED: Mapping[Kind, type[Recorded[Any]]] = {
    Kind.VISIT: VisitRecorded,
    Kind.PROMOTION: PromotionRecorded,
    Kind.AGREEMENT: AgreementRecorded,
    Kind.LEAD: LeadFound,
    Kind.CONTACT: ContactRecorded,
}
_REVISED: Mapping[Kind, type[Revised[Any]]] = {
    Kind.VISIT: VisitRevised,
    Kind.PROMOTION: PromotionRevised,
    Kind.AGREEMENT: AgreementRevised,
    Kind.LEAD: LeadRevised,
    Kind.CONTACT: ContactRevised,
}
_ENDED: Mapping[Kind, type[Ended]] = {
    Kind.VISIT: VisitCancelled,
    Kind.PROMOTION: PromotionCancelled,
    Kind.AGREEMENT: AgreementWithdrawn,
    Kind.LEAD: LeadDropped,
    Kind.CONTACT: ContactErased,
}


class RecordNotStanding(Conflict):
    """It was ended, or converted."""

    def __init__(self, record: "PromotionRecord") -> None:
        super().__init__(
            f"该{WORDS[record.kind].name}{status_name(record.kind, record.status)}，不能再变更",
            record_id=str(record.id),
            status=record.status,
            **({"project_id": str(record.project_id)} if record.project_id else {}),
        )


class StageTooFar(Invalid):
    """A lead becomes a project in 线索 or 在谈 only; what follows is the project's own course."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(
            "线索转为项目时只能处于线索或在谈阶段；签约须有正式合同",
            field="stage",
            stage=stage,
            allowed=list(LEAD_STAGES),
        )


@dataclass(frozen=True, slots=True)
class PromotionRecord:
    """A visit, promotion event, agreement, lead or contact. `project_id`: what a lead became."""

    id: UUID
    content: Content
    recorded_by: str
    status: RecordStatus = RecordStatus.STANDING
    reason: str = ""
    project_id: UUID | None = None
    version: int = 0

    @property
    def kind(self) -> Kind:
        return kind_of(self.content)


def kind_of(content: Content) -> Kind:
    return _KINDS[type(content)]


def status_name(kind: Kind, status: RecordStatus) -> str:
    if status is RecordStatus.CONVERTED:
        return "已转为项目"
    return WORDS[kind].standing if status is RecordStatus.STANDING else WORDS[kind].ended


def record(record_id: UUID, content: Content, *, today: date, by: str) -> list[Event]:
    """Record what is sound.

    Raises:
        FieldMissing, DateNotAllowed, UsccNotSound.
    """
    _require_sound(content, today=today)
    return [_RECORDED[kind_of(content)](record_id=record_id, content=content, by=by)]


def revise(record: PromotionRecord, content: Content, *, renumbered: bool = False, today: date, by: str) -> list[Event]:
    """All of it as it now stands; nothing where it stands so already. `renumbered`: with another mobile number, which
    no content says."""
    _require_standing(record)
    if content == record.content and not renumbered:
        return []
    _require_sound(content, today=today)
    return [_REVISED[record.kind](record_id=record.id, content=content, by=by)]


def end(record: PromotionRecord, *, reason: str, on: date, by: str) -> list[Event]:
    """Call it off, withdraw it, drop it."""
    _require_standing(record)
    if not reason.strip():
        raise FieldMissing("原因不能为空", field="reason")
    return [_ENDED[record.kind](record_id=record.id, reason=reason, ended_on=on, by=by)]


def require_lead_stage(stage: Stage) -> None:
    """Raises StageTooFar."""
    if stage not in LEAD_STAGES:
        raise StageTooFar(stage)


def convert(lead: PromotionRecord, *, project_id: UUID, stage: Stage, on: date, by: str) -> list[Event]:
    """The lead is the project now. Raises RecordNotStanding, StageTooFar."""
    _require_standing(lead)
    require_lead_stage(stage)
    return [LeadConverted(record_id=lead.id, project_id=project_id, stage=stage, converted_on=on, by=by)]


def disclose(contact: PromotionRecord, *, purpose: str, by: str) -> list[Event]:
    """Somebody needs the mobile number: for what is kept."""
    _require_standing(contact)
    if not purpose.strip():
        raise FieldMissing("查看手机号码须说明用途", field="purpose")
    if not isinstance(contact.content, Contact) or not contact.content.mobile:
        raise FieldMissing("该联系人没有登记手机号码", field="mobile")
    return [ContactDisclosed(record_id=contact.id, purpose=purpose, by=by)]


def fold(record: PromotionRecord | None, events: Iterable[Event]) -> PromotionRecord:
    """The record after these events, of which there is at least one where `record` is None."""
    for event in events:
        record = _evolved(record, event)
    if record is None:
        raise ValueError("no events and no record")
    return record


def chains_of(content: Content) -> tuple[UUID, ...]:
    match content:
        case Lead(chain_id=chain_id):
            return (chain_id,)
        case Contact(chain_id=chain_id):
            return (chain_id,) if chain_id else ()
    return content.chain_ids


def orgs_of(content: Content) -> tuple[UUID, ...]:
    """The units that take part, the leading one first."""
    match content:
        case Lead(responsible_org_id=org_id):
            return (org_id,)
        case Promotion(organiser_org_id=org_id, org_ids=others):
            return tuple(dict.fromkeys((org_id, *others)))
        case Contact():
            return ()
    return content.org_ids


def day_of(content: Content) -> date | None:
    match content:
        case Visit() | Promotion():
            return content.from_day
        case Agreement():
            return content.signed_on
        case Lead():
            return content.found_on
    return None


def _evolved(record: PromotionRecord | None, event: Event) -> PromotionRecord:
    if isinstance(event, Recorded):
        return PromotionRecord(event.record_id, event.content, event.by, version=1)
    if record is None or not isinstance(event, PromotionEvent):
        raise ValueError(f"{event.type} is no event of a record that there is")
    after = replace(record, version=record.version + 1)
    match event:
        case Revised(content=content):
            return replace(after, content=content)
        case Ended(reason=reason):
            return replace(after, status=RecordStatus.ENDED, reason=reason)
        case LeadConverted(project_id=project_id):
            return replace(after, status=RecordStatus.CONVERTED, project_id=project_id)
        case ContactDisclosed():
            return after
    raise ValueError(f"{event.type} is no event of this record")


def _require_standing(record: PromotionRecord) -> None:
    if record.status is not RecordStatus.STANDING:
        raise RecordNotStanding(record)


def _require_sound(content: Content, *, today: date) -> None:
    match content:
        case Visit():
            _require_some(content.org_ids, field="org_ids", what="招商团队的单位")
            _require_some(content.places, field="places", what="出访地点")
            _require_in_order(content.from_day, content.until_day)
        case Promotion():
            _require_some(content.chain_ids, field="chain_ids", what="推介的产业链")
            _require_in_order(content.from_day, content.until_day)
        case Agreement():
            _require_some(content.parties, field="parties", what="签约方")
            _require_past(content.signed_on, what="签署日期", today=today)
        case Lead():
            _require_past(content.found_on, what="发现日期", today=today)
    for code in _usccs(content):
        if reason := codes.trouble(code):
            raise UsccNotSound(reason, code)


def _usccs(content: Content) -> Iterator[str]:
    match content:
        case Visit(met=firms) | Agreement(parties=firms):
            yield from (firm.uscc for firm in firms if firm.uscc)
        case Lead(uscc=code) if code:
            yield code


def _require_some(values: tuple[object, ...], *, field: str, what: str) -> None:
    if not values:
        raise FieldMissing(f"{what}不能为空", field=field)


def _require_in_order(from_day: date, until_day: date) -> None:
    if until_day < from_day:
        message = f"结束日期{until_day}不能早于开始日期{from_day}"
        raise DateNotAllowed(message, what="结束日期", day=until_day, limit=from_day)


def _require_past(day: date, *, what: str, today: date) -> None:
    if day > today:
        raise DateNotAllowed(f"{what}{day}不能晚于今天{today}", what=what, day=day, limit=today)
