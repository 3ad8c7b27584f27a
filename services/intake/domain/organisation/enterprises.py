"""Enterprises, known by their 统一社会信用代码, and for which chains they are 链主企业, from when to when (S2, S3)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from services.intake.domain import uscc
from services.intake.domain.errors import FieldMissing
from services.intake.domain.organisation.programme import Chain, require_open_chain
from shared.contracts.event import Event
from shared.contracts.programme import AnchorNamed, AnchorReleased, EnterpriseRecorded
from shared.kit.errors import Conflict, Invalid


class CodeNotSound(Invalid):
    """No 统一社会信用代码."""


class AnchorNotAllowed(Conflict):
    """It is 链主企业 of the chain already, or not at all."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Both days included; no `until_day`: it is so still."""

    chain_id: UUID
    from_day: date
    until_day: date | None = None

    def covers(self, day: date) -> bool:
        return self.from_day <= day and (self.until_day is None or day <= self.until_day)


@dataclass(frozen=True, slots=True)
class Enterprise:
    id: UUID
    uscc: str
    name: str
    chain_ids: tuple[UUID, ...] = ()
    version: int = 0
    anchors: tuple[Anchor, ...] = ()


def sound_code(text: str) -> str:
    """The code in its normal form.

    Raises:
        CodeNotSound: with what is wrong, in Chinese.
    """
    code = uscc.normal(text)
    if trouble := uscc.trouble(code):
        raise CodeNotSound(trouble, field="uscc", value=code)
    return code


def record(present: Enterprise | None, wanted: Enterprise) -> list[Event]:
    """Record an enterprise, or its new name or chains; nothing when it stands so already."""
    if not wanted.name.strip():
        raise FieldMissing("企业名称不能为空", field="name")
    if present and (present.name, present.chain_ids) == (wanted.name, wanted.chain_ids):
        return []
    open_anchors = {anchor.chain_id for anchor in (present.anchors if present else ()) if anchor.until_day is None}
    if left := open_anchors - set(wanted.chain_ids):
        raise AnchorNotAllowed(
            "该企业仍是所去掉的产业链的链主企业，请先解除", chain_ids=sorted(map(str, left)), field="chain_ids"
        )
    return [EnterpriseRecorded(enterprise_id=wanted.id, uscc=wanted.uscc, name=wanted.name, chain_ids=wanted.chain_ids)]


def name_anchor(enterprise: Enterprise, chain: Chain, *, from_day: date) -> list[Event]:
    """Name it 链主企业 of a chain from a day on; with that it belongs to the chain.

    Raises:
        AnchorNotAllowed: it is so already.
        ChainNotOpen.
    """
    require_open_chain(chain)
    own = [anchor for anchor in enterprise.anchors if anchor.chain_id == chain.id]
    if any(anchor.until_day is None or from_day <= anchor.until_day for anchor in own):
        raise AnchorNotAllowed(f"该企业已是{chain.name}产业链的链主企业", chain_id=str(chain.id))
    named = AnchorNamed(enterprise_id=enterprise.id, chain_id=chain.id, from_day=from_day)
    if chain.id in enterprise.chain_ids:
        return [named]
    wanted = replace(enterprise, chain_ids=(*enterprise.chain_ids, chain.id))
    return [*record(enterprise, wanted), named]


def release_anchor(enterprise: Enterprise, chain_id: UUID, *, from_day: date, reason: str) -> list[Event]:
    """It is 链主企业 of the chain no more from a day on.

    Raises:
        AnchorNotAllowed: it is not, or became so on this day or later.
    """
    present = next(
        (anchor for anchor in enterprise.anchors if anchor.chain_id == chain_id and anchor.until_day is None), None
    )
    if present is None:
        raise AnchorNotAllowed("该企业不是这条产业链的链主企业", chain_id=str(chain_id))
    if from_day <= present.from_day:
        raise AnchorNotAllowed(
            f"{enterprise.name}的解除日期须晚于确定日期{present.from_day}", chain_id=str(chain_id), field="from_day"
        )
    if not reason.strip():
        raise FieldMissing("解除原因不能为空", field="reason")
    return [AnchorReleased(enterprise_id=enterprise.id, chain_id=chain_id, from_day=from_day, reason=reason)]


def fold(enterprise: Enterprise | None, events: Iterable[Event]) -> Enterprise:
    """The enterprise after these events, of which there is at least one where `enterprise` is None."""
    for event in events:
        enterprise = _evolved(enterprise, event)
    if enterprise is None:
        raise ValueError("no events and no enterprise")
    return enterprise


def _evolved(present: Enterprise | None, event: Event) -> Enterprise:
    if isinstance(event, EnterpriseRecorded) and present is None:
        return Enterprise(event.enterprise_id, event.uscc, event.name, event.chain_ids, 1)
    if present is None:
        raise ValueError(f"{event.type} before the enterprise was recorded")
    after = replace(present, version=present.version + 1)
    match event:
        case EnterpriseRecorded():
            return replace(after, name=event.name, chain_ids=event.chain_ids)
        case AnchorNamed():
            return replace(after, anchors=(*present.anchors, Anchor(event.chain_id, event.from_day)))
        case AnchorReleased():
            return replace(after, anchors=tuple(_released(present.anchors, event)))
    raise ValueError(f"{event.type} is no event of an enterprise")


def _released(anchors: Sequence[Anchor], event: AnchorReleased) -> Iterable[Anchor]:
    for anchor in anchors:
        ended = anchor.chain_id == event.chain_id and anchor.until_day is None
        yield replace(anchor, until_day=event.from_day - timedelta(days=1)) if ended else anchor
