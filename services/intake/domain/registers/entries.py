"""An entry of a register (S6–S8): recorded, revised, withdrawn; where a register reviews, nominated and let in or not.

`nominated → standing | refused`, `standing | nominated → withdrawn`; without review an entry stands from the beginning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.intake.domain.errors import FieldMissing
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.registers.registers import Register, RegisterNotSuited
from services.intake.domain.terms import TIER_NAMES
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.registers import (
    EntryAccepted,
    EntryRecorded,
    EntryRefused,
    EntryRevised,
    EntryWithdrawn,
    FieldValue,
    FrozenEntry,
    RegisterFrozen,
)
from shared.kit.errors import Conflict, Invalid, NotAllowed

NOMINATING = frozenset({Tier.TASK_FORCE, Tier.TASK_FORCE_OFFICE})


class EntryStatus(StrEnum):
    NOMINATED = "nominated"
    STANDING = "standing"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


STATUS_NAMES: Mapping[EntryStatus, str] = {
    EntryStatus.NOMINATED: "待审核",
    EntryStatus.STANDING: "已入库",
    EntryStatus.REFUSED: "未入库",
    EntryStatus.WITHDRAWN: "已撤回",
}
LIVE = (EntryStatus.NOMINATED, EntryStatus.STANDING)
"""What counts as filed; there is one live entry of an identity."""


class EntryNotOpen(Conflict):
    """The entry was withdrawn or refused, or does not wait for a review."""

    def __init__(self, entry: "Entry", what: str) -> None:
        super().__init__(f"该条目{STATUS_NAMES[entry.status]}，不能{what}", entry_id=str(entry.id), status=entry.status)


class OwnNomination(NotAllowed):
    """Nobody reviews what they nominated or revised themselves."""

    def __init__(self, entry_id: UUID) -> None:
        super().__init__("提名人不能审核自己的提名", entry_id=str(entry_id))


class NominatorNotAllowed(Invalid):
    """The post is no 专班 of the chain."""


class FreezeNotAllowed(Conflict):
    """The year's list was frozen before, or nominations wait for their review."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`authors`: who wrote what it says (tokens' subjects). `reason`: of its refusal or withdrawal, or the opinion."""

    id: UUID
    register_key: str
    year: int | None
    chain_id: UUID
    fields: Mapping[str, FieldValue]
    status: EntryStatus
    authors: tuple[str, ...]
    nominating_post_id: UUID | None = None
    reviewed_on: date | None = None
    reviewed_by: str | None = None
    reason: str = ""
    version: int = 0


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What somebody wants recorded; `fields` as given, still to be checked."""

    year: int | None
    chain_id: UUID
    fields: Mapping[str, Any]
    nominating_post_id: UUID | None = None


def record(
    register: Register, new: NewEntry, *, entry_id: UUID, chain: Chain, nominating: Post | None, by: str
) -> list[Event]:
    """Record an entry, or nominate where the register reviews.

    Raises:
        ChainNotAllowed, YearNotAllowed, FieldsRefused, NominatorNotAllowed.
    """
    register.require_chain(chain)
    register.require_year(new.year)
    fields = register.taken(new.fields)
    _require_nominator(register, chain, nominating)
    return [
        EntryRecorded(
            entry_id=entry_id,
            register_key=register.key,
            year=new.year,
            chain_id=chain.id,
            fields=fields,
            nominating_post_id=nominating.id if nominating else None,
            by=by,
        )
    ]


def revise(register: Register, entry: Entry, changes: Mapping[str, Any], *, by: str) -> list[Event]:
    """Set some fields anew (None empties one); nothing where all stand so already."""
    if entry.status not in LIVE:
        raise EntryNotOpen(entry, "修改")
    fields = register.taken({**entry.fields, **changes})
    if fields == entry.fields:
        return []
    return [EntryRevised(entry_id=entry.id, fields=fields, by=by)]


def withdraw(entry: Entry, *, reason: str) -> list[Event]:
    if entry.status not in LIVE:
        raise EntryNotOpen(entry, "撤回")
    _require_text(reason, what="撤回原因")
    return [EntryWithdrawn(entry_id=entry.id, reason=reason)]


def accept(entry: Entry, *, opinion: str, on: date, by: str) -> list[Event]:
    _require_reviewable(entry, by)
    return [EntryAccepted(entry_id=entry.id, reviewed_on=on, opinion=opinion, by=by)]


def refuse(entry: Entry, *, reason: str, on: date, by: str) -> list[Event]:
    _require_reviewable(entry, by)
    _require_text(reason, what="不予入库的原因")
    return [EntryRefused(entry_id=entry.id, reviewed_on=on, reason=reason, by=by)]


def freeze(
    register: Register,
    year: int,
    *,
    freeze_id: UUID,
    frozen_before: bool,
    waiting: int,
    entries: tuple[FrozenEntry, ...],
    on: date,
) -> list[Event]:
    """Decide a year's list as it stands (S8). `waiting`: nominations that nobody has reviewed yet.

    Raises:
        FreezeNotAllowed, RegisterNotSuited, YearNotAllowed.
    """
    if not register.freeze:
        raise RegisterNotSuited(f"{register.name}不定库", register=register.key)
    register.require_year(year)
    if frozen_before:
        raise FreezeNotAllowed(f"{year}年度{register.name}已定库，不能重复定库", year=year)
    if waiting:
        raise FreezeNotAllowed(f"还有{waiting}项提名没有审核，请先审核再定库", waiting=waiting)
    if not entries:
        raise FreezeNotAllowed(f"{year}年度{register.name}还没有入库项目", year=year)
    return [RegisterFrozen(freeze_id=freeze_id, register_key=register.key, year=year, frozen_on=on, entries=entries)]


def evolve(entry: Entry | None, event: Event) -> Entry:
    if isinstance(event, EntryRecorded):
        nominated = event.nominating_post_id is not None
        return Entry(
            id=event.entry_id,
            register_key=event.register_key,
            year=event.year,
            chain_id=event.chain_id,
            fields=event.fields,
            status=EntryStatus.NOMINATED if nominated else EntryStatus.STANDING,
            authors=(event.by,),
            nominating_post_id=event.nominating_post_id,
            version=1,
        )
    if entry is None:
        raise ValueError(f"{event.type} before the entry was recorded")
    return replace(_evolved(entry, event), version=entry.version + 1)


def fold(entry: Entry | None, events: Iterable[Event]) -> Entry:
    """The entry after these events, of which there is at least one where `entry` is None."""
    for event in events:
        entry = evolve(entry, event)
    if entry is None:
        raise ValueError("no events and no entry")
    return entry


def _evolved(entry: Entry, event: Event) -> Entry:
    match event:
        case EntryRevised(fields=fields, by=by):
            status = EntryStatus.NOMINATED if entry.nominating_post_id else EntryStatus.STANDING
            authors = tuple(dict.fromkeys((*entry.authors, by)))
            return replace(
                entry, fields=fields, status=status, authors=authors, reviewed_on=None, reviewed_by=None, reason=""
            )
        case EntryWithdrawn(reason=reason):
            return replace(entry, status=EntryStatus.WITHDRAWN, reason=reason)
        case EntryAccepted(reviewed_on=on, opinion=opinion, by=by):
            return replace(entry, status=EntryStatus.STANDING, reviewed_on=on, reviewed_by=by, reason=opinion)
        case EntryRefused(reviewed_on=on, reason=reason, by=by):
            return replace(entry, status=EntryStatus.REFUSED, reviewed_on=on, reviewed_by=by, reason=reason)
    raise ValueError(f"{event.type} is no event of an entry")


def _require_nominator(register: Register, chain: Chain, post: Post | None) -> None:
    if not register.review:
        if post is not None:
            raise NominatorNotAllowed(f"{register.name}不经提名", field="nominating_post_id")
        return
    if post is None:
        raise FieldMissing(f"{register.name}须由产业链专班提名，请填写提名岗位", field="nominating_post_id")
    if post.tier not in NOMINATING or chain.id not in post.chain_ids:
        tiers = "或".join(TIER_NAMES[tier] for tier in Tier if tier in NOMINATING)
        raise NominatorNotAllowed(
            f"“{post.title}”不是{chain.name}产业链的{tiers}，不能提名", field="nominating_post_id"
        )


def _require_reviewable(entry: Entry, by: str) -> None:
    if entry.status is not EntryStatus.NOMINATED:
        raise EntryNotOpen(entry, "审核")
    if by in entry.authors:
        raise OwnNomination(entry.id)


def _require_text(text: str, *, what: str) -> None:
    if not text.strip():
        raise FieldMissing(f"{what}不能为空", field="reason")
