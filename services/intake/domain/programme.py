"""The programme's organisation: organisations, people, chains, posts and their terms of office (S2, S3).

Work is bound to posts; people come and go in terms. Several posts may be 总链长; each post has one holder at a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from services.intake.domain.errors import FieldMissing, ParentNotAllowed, TermNotAllowed
from services.intake.domain.terms import TIER_NAMES
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

CHAIN_TIERS = frozenset({Tier.CHIEF, Tier.DEPUTY_CHIEF, Tier.TASK_FORCE, Tier.TASK_FORCE_OFFICE})
"""Tiers that answer for chains of their own."""


@dataclass(frozen=True, slots=True)
class Organisation:
    id: UUID
    name: str
    parent_id: UUID | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    name: str
    organisation_id: UUID
    version: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    id: UUID
    code: str
    name: str
    category: ChainCategory
    version: int = 0


@dataclass(frozen=True, slots=True)
class Term:
    """A term of office, both days included; `until_day` None: not ended."""

    person_id: UUID
    from_day: date
    until_day: date | None = None

    def covers(self, day: date) -> bool:
        return self.from_day <= day and (self.until_day is None or day <= self.until_day)


@dataclass(frozen=True, slots=True)
class Post:
    """A post and its terms in order of their days, which never overlap."""

    id: UUID
    title: str
    tier: Tier
    organisation_id: UUID
    chain_ids: tuple[UUID, ...] = ()
    terms: tuple[Term, ...] = ()
    version: int = 0

    def holder(self, day: date) -> UUID | None:
        """The person who holds the post on a day; None: vacant."""
        return next((term.person_id for term in self.terms if term.covers(day)), None)


def record_organisation(present: Organisation | None, wanted: Organisation) -> list[Event]:
    """Record an organisation or its new parent; nothing when it stands so already."""
    _require_text(wanted.name, field="name", what="单位名称")
    if wanted.parent_id == wanted.id:
        raise ParentNotAllowed("单位不能隶属于自己")
    if present and present.parent_id == wanted.parent_id:
        return []
    return [OrganisationRecorded(organisation_id=wanted.id, name=wanted.name, parent_id=wanted.parent_id)]


def record_person(present: Person | None, wanted: Person) -> list[Event]:
    """Record a person, a new name or a move to another organisation."""
    _require_text(wanted.name, field="name", what="姓名")
    if present and replace(present, version=wanted.version) == wanted:
        return []
    return [PersonRecorded(person_id=wanted.id, name=wanted.name, organisation_id=wanted.organisation_id)]


def record_chain(present: Chain | None, wanted: Chain) -> list[Event]:
    """Record a chain, or its new name or category; its code stays (S3)."""
    _require_text(wanted.code, field="code", what="产业链代码")
    _require_text(wanted.name, field="name", what="产业链名称")
    if present and replace(present, version=wanted.version) == wanted:
        return []
    return [ChainRecorded(chain_id=wanted.id, code=wanted.code, name=wanted.name, category=wanted.category)]


def establish(wanted: Post) -> list[Event]:
    """Establish a post. A 链长, 副链长, 工作专班 or 专班办公室 answers for at least one chain."""
    _require_text(wanted.title, field="title", what="岗位名称")
    if wanted.tier in CHAIN_TIERS and not wanted.chain_ids:
        raise FieldMissing(f"{TIER_NAMES[wanted.tier]}须指明所负责的产业链", field="chain_ids")
    return [
        PostEstablished(
            post_id=wanted.id,
            title=wanted.title,
            tier=wanted.tier,
            organisation_id=wanted.organisation_id,
            chain_ids=wanted.chain_ids,
        )
    ]


def assume(post: Post, *, person_id: UUID, from_day: date) -> list[Event]:
    """A person takes up the post; the term before, if any, ends the day before.

    Raises:
        TermNotAllowed: the person holds it then already, or the day is not after the last term's beginning or end.
    """
    last = post.terms[-1] if post.terms else None
    if last and last.person_id == person_id and last.covers(from_day):
        raise TermNotAllowed("此人已在该岗位任职", person_id=str(person_id), since=last.from_day.isoformat())
    if last and from_day <= (last.until_day or last.from_day):
        raise TermNotAllowed(f"任职日期{from_day}须晚于上一任期的{last.until_day or last.from_day}")
    return [PostAssumed(post_id=post.id, person_id=person_id, from_day=from_day)]


def vacate(post: Post, *, from_day: date) -> list[Event]:
    """The holder leaves the post, which is vacant from this day on.

    Raises:
        TermNotAllowed: nobody holds it, or the term began on this day or later.
    """
    last = post.terms[-1] if post.terms else None
    if last is None or last.until_day is not None:
        raise TermNotAllowed("该岗位目前空缺，无人可免")
    if from_day <= last.from_day:
        raise TermNotAllowed(f"免职日期{from_day}须晚于任职日期{last.from_day}")
    return [PostVacated(post_id=post.id, person_id=last.person_id, from_day=from_day)]


def evolve_organisation(present: Organisation | None, event: Event) -> Organisation:
    if not isinstance(event, OrganisationRecorded):
        raise _stranger(event)
    return Organisation(event.organisation_id, event.name, event.parent_id, _next(present))


def evolve_person(present: Person | None, event: Event) -> Person:
    if not isinstance(event, PersonRecorded):
        raise _stranger(event)
    return Person(event.person_id, event.name, event.organisation_id, _next(present))


def evolve_chain(present: Chain | None, event: Event) -> Chain:
    if not isinstance(event, ChainRecorded):
        raise _stranger(event)
    return Chain(event.chain_id, event.code, event.name, event.category, _next(present))


def evolve_post(present: Post | None, event: Event) -> Post:
    if isinstance(event, PostEstablished):
        return Post(event.post_id, event.title, event.tier, event.organisation_id, event.chain_ids, (), 1)
    if present is None:
        raise ValueError(f"{event.type} before the post was established")
    match event:
        case PostAssumed(person_id=person_id, from_day=from_day):
            terms = (*_ended(present.terms, from_day), Term(person_id, from_day))
        case PostVacated(from_day=from_day):
            terms = _ended(present.terms, from_day)
        case _:
            raise _stranger(event)
    return replace(present, terms=terms, version=_next(present))


def fold_post(present: Post | None, events: Iterable[Event]) -> Post:
    """The post after these events, of which there is at least one where `present` is None."""
    for event in events:
        present = evolve_post(present, event)
    if present is None:
        raise ValueError("no events and no post")
    return present


def _ended(terms: tuple[Term, ...], before: date) -> tuple[Term, ...]:
    """The terms, the last of which ends at the latest the day before."""
    if not terms or terms[-1].until_day is not None:
        return terms
    return (*terms[:-1], replace(terms[-1], until_day=before - timedelta(days=1)))


def _next(present: Organisation | Person | Chain | Post | None) -> int:
    return present.version + 1 if present else 1


def _stranger(event: Event) -> ValueError:
    return ValueError(f"{event.type} is no event of this record")


def _require_text(text: str, *, field: str, what: str) -> None:
    if not text.strip():
        raise FieldMissing(f"{what}不能为空", field=field)
