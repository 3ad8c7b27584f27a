"""The programme's organisation: organisations, people, chains, posts and their terms of office (S2, S3).

Work is bound to posts; people come and go in terms. Several posts may be 总链长, each with a holder, terms and a
delegate of its own: so it can be seen which of them is vacant.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from uuid import UUID

from services.intake.domain.errors import (
    DateNotAllowed,
    FieldMissing,
    ParentNotAllowed,
    TermNotAllowed,
)
from services.intake.domain.terms import ORGANISATION_KIND_NAMES, TIER_NAMES
from services.intake.domain.tidy import tidy
from shared.contracts.event import Event
from shared.contracts.programme import (
    ChainCategory,
    ChainMerged,
    ChainRecorded,
    ChainSplit,
    LeaveCancelled,
    LeaveEnded,
    LeavePlanned,
    OrganisationKind,
    OrganisationRecorded,
    ParkRecorded,
    PersonRecorded,
    PostAssumed,
    PostChainsAssigned,
    PostEstablished,
    PostTermsCorrected,
    PostVacated,
    TaskForceDissolved,
    TaskForceRecorded,
    TermOfOffice,
    Tier,
)
from shared.kit.errors import Conflict

CHAIN_TIERS = frozenset({Tier.CHIEF, Tier.DEPUTY_CHIEF, Tier.TASK_FORCE, Tier.TASK_FORCE_OFFICE})
"""Tiers that answer for chains of their own."""
_KINDS_THAT_STAY = frozenset({OrganisationKind.TASK_FORCE, OrganisationKind.PARK})


@dataclass(frozen=True, slots=True)
class FormerName:
    """What an organisation was called up to a day, which is included."""

    name: str
    until_day: date


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation; its id follows from its first name, and it is found under its former names too."""

    id: UUID
    name: str
    parent_id: UUID | None = None
    version: int = 0
    kind: OrganisationKind | None = None
    former: tuple[FormerName, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it is known by, the present one last."""
        return (*(former.name for former in self.former), self.name)

    def name_on(self, day: date) -> str:
        return next((former.name for former in self.former if day <= former.until_day), self.name)


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    name: str
    organisation_id: UUID
    version: int = 0


@dataclass(frozen=True, slots=True)
class FormerChain:
    """What a chain was up to a day, which is included."""

    until_day: date
    name: str
    category: ChainCategory


@dataclass(frozen=True, slots=True)
class Chain:
    """An industrial chain; its code stays, its name and category may change (S3).

    `opened_from`: the day from which there is such a chain; none: from the beginning. `closed_from`: from this day on
    it is no more, and its work is with its successors.
    """

    id: UUID
    code: str
    name: str
    category: ChainCategory
    version: int = 0
    since: date | None = None
    opened_from: date | None = None
    closed_from: date | None = None
    successor_ids: tuple[UUID, ...] = ()
    former: tuple[FormerChain, ...] = ()

    def on(self, day: date) -> FormerChain | None:
        """What it was on a day; None where there was no such chain."""
        if (self.opened_from and day < self.opened_from) or (self.closed_from and day >= self.closed_from):
            return None
        present = FormerChain(date.max, self.name, self.category)
        return next((former for former in self.former if day <= former.until_day), present)


@dataclass(frozen=True, slots=True)
class Term:
    """A term of office, both days included; `until_day` None: not ended."""

    person_id: UUID
    from_day: date
    until_day: date | None = None

    def covers(self, day: date) -> bool:
        return self.from_day <= day and (self.until_day is None or day <= self.until_day)


@dataclass(frozen=True, slots=True)
class FormerCharge:
    """The chains that a post answered for up to a day, which is included."""

    until_day: date
    chain_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Post:
    """A post and its terms in order of their days, which never overlap. `former`: in order of their days too."""

    id: UUID
    title: str
    tier: Tier
    organisation_id: UUID
    chain_ids: tuple[UUID, ...] = ()
    terms: tuple[Term, ...] = ()
    version: int = 0
    established_on: date | None = None
    former: tuple[FormerCharge, ...] = ()

    def holder(self, day: date) -> UUID | None:
        """The person who holds the post on a day; None: vacant."""
        term = self.term(day)
        return term.person_id if term else None

    def term(self, day: date) -> Term | None:
        return next((term for term in self.terms if term.covers(day)), None)

    def open_term(self) -> Term | None:
        """The term that has no end yet; it may begin in the future."""
        return self.terms[-1] if self.terms and self.terms[-1].until_day is None else None

    def shown_term(self, day: date) -> Term | None:
        """The term that a list of this day names: the holder's; of a vacant post, that of who is to assume it."""
        return self.term(day) or self.open_term()

    def chains_on(self, day: date) -> tuple[UUID, ...]:
        return next((former.chain_ids for former in self.former if day <= former.until_day), self.chain_ids)

    def existed(self, day: date) -> bool:
        """Whether there was such a post on a day; a term before the day it was recorded shows that there was."""
        known = [self.established_on, self.terms[0].from_day if self.terms else None]
        return day >= min((first for first in known if first), default=date.min)


def record_organisation(
    present: Organisation | None, wanted: Organisation, *, above: Sequence[Organisation] = ()
) -> list[Event]:
    """Record an organisation, its new parent or kind; nothing when it stands so already.

    `above`: the parent and the organisations above it, from below. Its name is changed by `rename` only.

    Raises:
        ParentNotAllowed: the parent is the organisation itself, or stands below it.
        KindNotAllowed: a task force or a park would be something else.
    """
    _require_text(wanted.name, field="name", what="单位名称")
    _require_no_circle(wanted, above)
    kind = wanted.kind or (present.kind if present else None)
    if present and present.kind in _KINDS_THAT_STAY and kind is not present.kind:
        raise KindNotAllowed(f"“{present.name}”已登记为{ORGANISATION_KIND_NAMES[present.kind]}，不能改为其他类别")
    if present and (present.parent_id, present.kind) == (wanted.parent_id, kind):
        return []
    name = present.name if present else wanted.name
    return [OrganisationRecorded(organisation_id=wanted.id, name=name, parent_id=wanted.parent_id, kind=kind)]


def rename(present: Organisation, name: str, *, from_day: date, today: date) -> list[Event]:
    """Call an organisation otherwise from a day on; nothing when it is called so already.

    Raises:
        DateNotAllowed: the day is in the future, or not after the last renaming.
    """
    _require_text(name, field="name", what="单位名称")
    if name == present.name:
        return []
    last = present.former[-1].until_day if present.former else None
    require_effective("更名日期", from_day, after=last, today=today)
    return [
        OrganisationRecorded(
            organisation_id=present.id, name=name, parent_id=present.parent_id, kind=present.kind, since=from_day
        )
    ]


def ids_by_name(organisations: Iterable[Organisation]) -> dict[str, set[UUID]]:
    """Organisations by every name they are or were known by, tidied as lists are read; then two may share one."""
    found: dict[str, set[UUID]] = {}
    for organisation in organisations:
        for name in organisation.names:
            found.setdefault(tidy(name), set()).add(organisation.id)
    return found


def record_person(present: Person | None, wanted: Person) -> list[Event]:
    """Record a person, a new name or a move to another organisation."""
    _require_text(wanted.name, field="name", what="姓名")
    if present and replace(present, version=wanted.version) == wanted:
        return []
    return [PersonRecorded(person_id=wanted.id, name=wanted.name, organisation_id=wanted.organisation_id)]


def record_chain(
    present: Chain | None, wanted: Chain, *, since: date | None = None, today: date = date.max
) -> list[Event]:
    """Record a chain, or its new name or category from a day on; its code stays (S3).

    Raises:
        ChainNotOpen: the chain is closed.
        DateNotAllowed: the day is in the future, or before the last such change.
    """
    _require_text(wanted.code, field="code", what="产业链代码")
    _require_text(wanted.name, field="name", what="产业链名称")
    if present and (present.name, present.category) == (wanted.name, wanted.category):
        return []
    if present:
        require_open_chain(present)
    if since:
        last = present.since - timedelta(days=1) if present and present.since else None
        require_effective("生效日期", since, after=last, today=today)
    return [
        ChainRecorded(chain_id=wanted.id, code=wanted.code, name=wanted.name, category=wanted.category, since=since)
    ]


def require_open_chain(chain: Chain) -> None:
    """Raises ChainNotOpen."""
    if chain.closed_from:
        raise ChainNotOpen(chain)


def require_effective(what: str, from_day: date, *, after: date | None, today: date) -> None:
    """Raises DateNotAllowed where a change would hold from a day in the future, or not after what came before it."""
    if from_day > today:
        message = f"{what}{from_day}不能晚于今天{today}，请在当日或之后办理"
        raise DateNotAllowed(message, what=what, day=from_day, limit=today)
    if after and from_day <= after:
        raise DateNotAllowed(f"{what}{from_day}须晚于上一次变更的{after}", what=what, day=from_day, limit=after)


class KindNotAllowed(Conflict):
    """A task force or a park, which has records as such, stays one."""


class ChainNotOpen(Conflict):
    """The chain was closed: its work is with others."""

    def __init__(self, chain: Chain) -> None:
        super().__init__(
            f"{chain.name}产业链自{chain.closed_from}起已撤并，请改填承接的产业链",
            chain_id=str(chain.id),
            closed_from=str(chain.closed_from),
            successor_ids=[str(id) for id in chain.successor_ids],
        )


def assign_chains(post: Post, chain_ids: Collection[UUID], *, from_day: date, reason: str, today: date) -> list[Event]:
    """Let the post answer for these chains from a day on; nothing when it does already.

    Raises:
        DateNotAllowed: the day is in the future, or before the last such change.
    """
    wanted = tuple(dict.fromkeys(chain_ids))
    if set(wanted) == set(post.chain_ids):
        return []
    _require_text(reason, field="reason", what="调整原因")
    last = post.former[-1].until_day if post.former else None
    require_effective(f"“{post.title}”的分工调整日期", from_day, after=last, today=today)
    return [PostChainsAssigned(post_id=post.id, chain_ids=wanted, from_day=from_day, reason=reason)]


def correct_terms(post: Post, terms: Sequence[Term], *, reason: str) -> list[Event]:
    """What was recorded of the terms was wrong; these are right. What was recorded before stays in the history.

    Raises:
        TermNotAllowed: terms overlap, end before they begin, or go on though another follows.
    """
    _require_text(reason, field="reason", what="更正原因")
    ordered = tuple(sorted(terms, key=lambda term: term.from_day))
    for term in ordered:
        if term.until_day and term.until_day < term.from_day:
            raise TermNotAllowed(f"任期止日{term.until_day}早于起日{term.from_day}")
    for before, after in pairwise(ordered):
        if before.until_day is None or before.until_day >= after.from_day:
            raise TermNotAllowed(f"自{after.from_day}起的任期与前一任期重叠")
    if ordered == post.terms:
        return []
    corrected = tuple(
        TermOfOffice(person_id=term.person_id, from_day=term.from_day, until_day=term.until_day) for term in ordered
    )
    return [PostTermsCorrected(post_id=post.id, terms=corrected, reason=reason)]


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
            on=wanted.established_on,
        )
    ]


def answers_only_for(post: Post, chain_ids: Collection[UUID]) -> bool:
    """Whether the post answers for no chain but these; a 总链长 of no chain in particular answers for all."""
    return set(post.chain_ids) <= set(chain_ids) and (post.tier is not Tier.CHIEF_GENERAL or bool(post.chain_ids))


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
    match event:
        case OrganisationRecorded():
            former = present.former if present else ()
            if present and event.since and event.name != present.name:
                former = _called_before(present, event.since)
            return Organisation(event.organisation_id, event.name, event.parent_id, _next(present), event.kind, former)
        case TaskForceRecorded() | TaskForceDissolved() | ParkRecorded() if present:
            return replace(present, version=_next(present))
    raise _stranger(event)


def evolve_person(present: Person | None, event: Event) -> Person:
    match event:
        case PersonRecorded():
            return Person(event.person_id, event.name, event.organisation_id, _next(present))
        case LeavePlanned() | LeaveEnded() | LeaveCancelled() if present:
            return replace(present, version=_next(present))
    raise _stranger(event)


def evolve_chain(present: Chain | None, event: Event) -> Chain:
    match event:
        case ChainRecorded() if present is None:
            return Chain(event.chain_id, event.code, event.name, event.category, 1, event.since, event.since)
        case ChainRecorded() if present:
            former, since = present.former, event.since
            if since and since != present.since:
                former = (*former, FormerChain(since - timedelta(days=1), present.name, present.category))
            changed = replace(present, name=event.name, category=event.category, former=former)
            return replace(changed, since=since or present.since, version=_next(present))
        case ChainSplit(closed=False) if present:
            return replace(present, version=_next(present))
        case ChainSplit(from_day=from_day, into=into) if present:
            return replace(present, version=_next(present), closed_from=from_day, successor_ids=into)
        case ChainMerged(from_day=from_day, into=into) if present:
            return replace(present, version=_next(present), closed_from=from_day, successor_ids=(into,))
    raise _stranger(event)


def evolve_post(present: Post | None, event: Event) -> Post:
    if isinstance(event, PostEstablished):
        return Post(event.post_id, event.title, event.tier, event.organisation_id, event.chain_ids, (), 1, event.on)
    if present is None:
        raise ValueError(f"{event.type} before the post was established")
    match event:
        case PostAssumed(person_id=person_id, from_day=from_day):
            changed = replace(present, terms=(*_ended(present.terms, from_day), Term(person_id, from_day)))
        case PostVacated(from_day=from_day):
            changed = replace(present, terms=_ended(present.terms, from_day))
        case PostTermsCorrected(terms=terms):
            corrected = (Term(term.person_id, term.from_day, term.until_day) for term in terms)
            changed = replace(present, terms=tuple(corrected))
        case PostChainsAssigned():
            changed = _charged(present, event)
        case _:
            raise _stranger(event)
    return replace(changed, version=_next(present))


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


def _called_before(organisation: Organisation, since: date) -> tuple[FormerName, ...]:
    """A name that is put right on the day on which it was given leaves nothing behind."""
    until = since - timedelta(days=1)
    if organisation.former and organisation.former[-1].until_day == until:
        return organisation.former
    return (*organisation.former, FormerName(organisation.name, until))


def _charged(post: Post, event: PostChainsAssigned) -> Post:
    """A second change on one day leaves nothing behind: at no day's end the post answered for what lay between."""
    until = event.from_day - timedelta(days=1)
    former = post.former
    if not former or former[-1].until_day < until:
        former = (*former, FormerCharge(until, post.chain_ids))
    return replace(post, chain_ids=event.chain_ids, former=former)


def _require_no_circle(wanted: Organisation, above: Sequence[Organisation]) -> None:
    if wanted.parent_id == wanted.id:
        raise ParentNotAllowed("单位不能隶属于自己", field="parent_id")
    if any(organisation.id == wanted.id for organisation in above):
        below = [organisation.name for organisation in above[: [one.id for one in above].index(wanted.id)]]
        path = "→".join((wanted.name, *reversed(below)))
        raise ParentNotAllowed(f"上级单位“{below[0]}”是本单位的下级（{path}），不能互为上级", field="parent_id")


def _next(present: Organisation | Person | Chain | Post | None) -> int:
    return present.version + 1 if present else 1


def _stranger(event: Event) -> ValueError:
    return ValueError(f"{event.type} is no event of this record")


def _require_text(text: str, *, field: str, what: str) -> None:
    if not text.strip():
        raise FieldMissing(f"{what}不能为空", field=field)
