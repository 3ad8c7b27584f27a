"""Who answers: posts, their holders by day, chains and organisations, folded from the programme's facts.

Facts of different aggregates come in any order: a post may be known before its chain or its organisation.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.assessment.domain.policy import LADDER
from shared.contracts.event import Event
from shared.contracts.programme import (
    ChainRecorded,
    LeaveCancelled,
    LeaveEnded,
    LeavePlanned,
    OrganisationRecorded,
    PersonRecorded,
    PostAssumed,
    PostChainsAssigned,
    PostEstablished,
    PostTermsCorrected,
    PostVacated,
    Tier,
)
from shared.contracts.supervision import Addressee

_MOST_FOUND = 10_000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NUMERALS = ("甲乙丙丁戊己庚辛壬癸", "一二三四五六七八九十")
_ORDINALS = {numeral: chr(place) for row in _NUMERALS for place, numeral in enumerate(row, 1)}
_CHAIN_TIERS = frozenset(LADDER) - {Tier.OFFICER, Tier.UNIT_HEAD}
_OF_ONE_CHAIN = _CHAIN_TIERS - {Tier.CHIEF_GENERAL}


@dataclass(frozen=True, slots=True)
class Post:
    """`chain_ids` empty: a 总链长 answers for every chain, a unit_head or officer for their unit, all others for none.

    `established_at`: when it was first recorded; not known of those that were recorded before this was kept.
    """

    id: UUID
    title: str
    tier: Tier
    organisation_id: UUID
    chain_ids: tuple[UUID, ...] = ()
    established_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Organisation:
    id: UUID
    name: str
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    name: str
    organisation_id: UUID


@dataclass(frozen=True, slots=True)
class Chain:
    id: UUID
    code: str
    name: str
    category: str


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """From this day on the person holds the post; nobody: it is vacant."""

    from_day: date
    person_id: UUID | None = field(compare=False)


@dataclass(frozen=True, slots=True)
class Leave:
    """A person is away, both days included, and another acts for them. `post_ids`: in these posts; none: in all."""

    id: UUID
    person_id: UUID
    from_day: date
    until_day: date
    delegate_id: UUID
    post_ids: tuple[UUID, ...] = ()
    cancelled: bool = False

    def covers(self, day: date) -> bool:
        return not self.cancelled and self.from_day <= day <= self.until_day


class Answering(NamedTuple):
    """Who answers for a post on a day. `leave`: the holder's. `delegate_id`: who stands in, if they are there."""

    holder_id: UUID | None
    leave: Leave | None = None
    delegate_id: UUID | None = None


class Asked(NamedTuple):
    """Whom a matter concerns: its chain, its responsible organisation, its responsible post."""

    chain_id: UUID | None
    organisation_id: UUID | None
    post_id: UUID


@dataclass(frozen=True, slots=True)
class Found:
    """Who is to hear, and the tiers that were passed over because nobody holds their posts."""

    addressees: tuple[Addressee, ...]
    skipped: tuple[Tier, ...]


@dataclass(slots=True)
class Directory:
    """Mutable only by `learn`; a directory that is shared between transactions is never taught."""

    organisations: dict[UUID, Organisation] = field(default_factory=dict)
    people: dict[UUID, Person] = field(default_factory=dict)
    chains: dict[UUID, Chain] = field(default_factory=dict)
    posts: dict[UUID, Post] = field(default_factory=dict)
    terms: dict[UUID, list[Term]] = field(default_factory=dict)
    leaves: dict[UUID, dict[UUID, Leave]] = field(default_factory=dict)
    _by_tier: dict[Tier, list[Post]] | None = field(default=None, repr=False)
    _found: dict[tuple[Asked, tuple[Tier, ...], tuple[Tier, ...], date], Found] = field(
        default_factory=dict, repr=False
    )

    def copy(self) -> "Directory":
        """One that can be taught without this one."""
        terms = {post: list(terms) for post, terms in self.terms.items()}
        leaves = {person: dict(leaves) for person, leaves in self.leaves.items()}
        return Directory(
            dict(self.organisations), dict(self.people), dict(self.chains), dict(self.posts), terms, leaves
        )

    def category_of(self, chain_id: UUID | None) -> str | None:
        """None for a chain that is not known yet, and for none."""
        chain = self.chains.get(chain_id) if chain_id else None
        return chain.category if chain else None

    def learn(self, event: Event, *, at: datetime | None = None) -> None:
        """Fold one fact of the programme, recorded at `at`; others are ignored."""
        match event:
            case OrganisationRecorded():
                organisation = Organisation(event.organisation_id, event.name, event.parent_id)
                self.organisations[event.organisation_id] = organisation
            case PersonRecorded():
                self.people[event.person_id] = Person(event.person_id, event.name, event.organisation_id)
            case ChainRecorded():
                self.chains[event.chain_id] = Chain(event.chain_id, event.code, event.name, event.category)
            case PostEstablished():
                known = self.posts.get(event.post_id)
                since = known.established_at if known else at
                self.posts[event.post_id] = Post(
                    event.post_id, event.title, event.tier, event.organisation_id, event.chain_ids, since
                )
            case PostChainsAssigned() if event.post_id in self.posts:
                self.posts[event.post_id] = replace(self.posts[event.post_id], chain_ids=event.chain_ids)
            case PostTermsCorrected():
                self.terms[event.post_id] = list(_corrected(event, self.terms.get(event.post_id, ())))
            case PostAssumed():
                self._begin_term(event.post_id, Term(event.from_day, event.person_id))
            case PostVacated():
                if self.holder(event.post_id, event.from_day) == event.person_id:
                    self._begin_term(event.post_id, Term(event.from_day, None))
            case LeavePlanned() | LeaveEnded() | LeaveCancelled():
                self._learn_leave(event)
        self._by_tier = None
        self._found.clear()

    def holder(self, post_id: UUID, on: date) -> UUID | None:
        """The person who holds the post on that day; None when it is vacant or not known."""
        terms = self.terms.get(post_id, [])
        index = bisect_right(terms, Term(on, None))
        return terms[index - 1].person_id if index else None

    def answering(self, post_id: UUID, on: date) -> Answering:
        """Who answers for the post on that day; its holder, and who stands in while they are away (S2)."""
        holder_id = self.holder(post_id, on)
        leave = self._leave(holder_id, on) if holder_id else None
        if leave is None or (leave.post_ids and post_id not in leave.post_ids):
            return Answering(holder_id, leave)
        is_there = self._leave(leave.delegate_id, on) is None
        return Answering(holder_id, leave, leave.delegate_id if is_there else None)

    def acting(self, post_id: UUID, on: date) -> set[UUID]:
        """The people who may act for the post on that day."""
        answering = self.answering(post_id, on)
        return {person for person in (answering.holder_id, answering.delegate_id) if person}

    def _leave(self, person_id: UUID, on: date) -> Leave | None:
        return next((leave for leave in self.leaves.get(person_id, {}).values() if leave.covers(on)), None)

    def _learn_leave(self, event: LeavePlanned | LeaveEnded | LeaveCancelled) -> None:
        of_person = self.leaves.setdefault(event.person_id, {})
        known = of_person.get(event.leave_id)
        match event:
            case LeavePlanned():
                of_person[event.leave_id] = Leave(
                    event.leave_id, event.person_id, event.from_day, event.until_day, event.delegate_id, event.post_ids
                )
            case LeaveEnded() if known:
                of_person[event.leave_id] = replace(known, until_day=event.until_day)
            case LeaveCancelled() if known:
                of_person[event.leave_id] = replace(known, cancelled=True)

    def find(self, asked: Asked, *, to: tuple[Tier, ...], copy: tuple[Tier, ...] = (), on: date) -> Found:
        """The holders' posts of these tiers. A vacant tier among `to` is skipped upward; a vacant copy falls away."""
        key = (asked, to, copy, on)
        if key not in self._found:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            self._found[key] = self._find(asked, to, copy, on)
        return self._found[key]

    def heads_of(self, organisation_id: UUID, on: date) -> list[UUID]:
        """The posts of the unit's head, or of the nearest unit above that has one, that are held that day."""
        return [post_id for post_id in self.heads(organisation_id) if self.holder(post_id, on)]

    def heads(self, organisation_id: UUID) -> list[UUID]:
        """The same, held or vacant."""
        return [post.id for post in self._unit_heads(self._tier(Tier.UNIT_HEAD), organisation_id)]

    def _find(self, asked: Asked, to: tuple[Tier, ...], copy: tuple[Tier, ...], on: date) -> Found:
        heard: dict[UUID, Addressee] = {}
        skipped: dict[Tier, None] = {}
        for tier in to:
            for candidate in LADDER[LADDER.index(tier) :]:
                if posts := self._held(candidate, asked, on):
                    heard.update((post.id, Addressee(post_id=post.id, tier=post.tier)) for post in posts)
                    break
                if _concerns(candidate, asked):
                    skipped[candidate] = None
        for tier in copy:
            posts = self._held(tier, asked, on)
            if not posts and _concerns(tier, asked):
                skipped[tier] = None
            for post in posts:
                heard.setdefault(post.id, Addressee(post_id=post.id, tier=post.tier, copy_only=True))
        return Found(tuple(heard.values()), tuple(skipped))

    def _held(self, tier: Tier, asked: Asked, on: date) -> list[Post]:
        return [post for post in self._responsible(tier, asked) if self.holder(post.id, on)]

    def _responsible(self, tier: Tier, asked: Asked) -> Iterable[Post]:
        if tier is Tier.OFFICER:
            post = self.posts.get(asked.post_id)
            return [post] if post else []
        of_tier = self._tier(tier)
        if tier in _CHAIN_TIERS:
            return [post for post in of_tier if _answers(post, asked.chain_id)]
        return self._unit_heads(of_tier, asked.organisation_id)

    def _unit_heads(self, heads: list[Post], organisation_id: UUID | None) -> list[Post]:
        """Of the unit itself, or of the nearest unit above that has such a post at all."""
        seen: set[UUID] = set()
        while organisation_id and organisation_id not in seen:
            seen.add(organisation_id)
            if found := [post for post in heads if post.organisation_id == organisation_id]:
                return found
            organisation = self.organisations.get(organisation_id)
            organisation_id = organisation.parent_id if organisation else None
        return []

    def _tier(self, tier: Tier) -> list[Post]:
        if self._by_tier is None:
            self._by_tier = {}
            for post in sorted(self.posts.values(), key=_protocol):
                self._by_tier.setdefault(post.tier, []).append(post)
        return self._by_tier.get(tier, [])

    def _begin_term(self, post_id: UUID, term: Term) -> None:
        terms = [one for one in self.terms.get(post_id, []) if one.from_day != term.from_day]
        insort(terms, term)
        self.terms[post_id] = terms


def _concerns(tier: Tier, asked: Asked) -> bool:
    """What belongs to no chain has no 链长: nobody is passed over."""
    return asked.chain_id is not None or tier not in _OF_ONE_CHAIN


def _answers(post: Post, chain_id: UUID | None) -> bool:
    return chain_id in post.chain_ids or (post.tier is Tier.CHIEF_GENERAL and not post.chain_ids)


def _corrected(event: PostTermsCorrected, known: Iterable[Term]) -> Iterable[Term]:
    """Who holds the post from each day on that begins a term or ends one, and on each that was thought to do so."""
    days = {term.from_day for term in event.terms} | {term.from_day for term in known}
    days |= {term.until_day + timedelta(days=1) for term in event.terms if term.until_day}
    for day in sorted(days):
        holders = (term.person_id for term in event.terms if term.from_day <= day <= (term.until_day or date.max))
        yield Term(day, next(holders, None))


def _protocol(post: Post) -> tuple[datetime, str, UUID]:
    """Posts of one tier stand as they were set up; those of one list by title, with 甲乙丙 and 一二三 as numbers."""
    title = "".join(_ORDINALS.get(character, character) for character in post.title)
    return post.established_at or _LONG_AGO, title, post.id
