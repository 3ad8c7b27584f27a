"""An organisation list (机构、岗位、人员) against the programme as it stands: S2 as offices hand it in.

A row names a unit, perhaps with a post of it, perhaps with who holds the post. It records what is not known yet and
lets people take up posts; a post's tier and chains, once recorded, are not changed by a list. A row is taken whole or
refused whole. Names are compared as lists are read, tidied.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from services.intake.domain.drafts import Refusal, Verdict
from services.intake.domain.errors import NotYourChain
from services.intake.domain.imports.directory import Directory
from services.intake.domain.imports.roster_differences import RosterDifference, of_post, of_unit
from services.intake.domain.organisation import programme
from services.intake.domain.organisation.programme import Organisation, Person, Post
from services.intake.domain.terms import TIER_NAMES
from services.intake.domain.tidy import tidy
from shared.contracts.event import Event
from shared.contracts.ids import organisation_id
from shared.contracts.programme import OrganisationKind, Tier
from shared.kit.errors import DomainError


@dataclass(frozen=True, slots=True)
class PostDraft:
    """A row of an organisation list.

    `chains`: names or codes; none for a post that answers for all chains or for its unit. `person`: empty where the
    row does not say; `vacant`: the row says that nobody holds the post. `from_day`: empty means the day of the import.
    """

    row: str
    organisation: str
    parent: str = ""
    title: str = ""
    tier: Tier | None = None
    person: str = ""
    vacant: bool = False
    chains: tuple[str, ...] = ()
    from_day: date | None = None
    kind: OrganisationKind | None = None


@dataclass(frozen=True, slots=True)
class RosterRefusal:
    """Why a row is refused; `field` is the draft's."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class RosterOutcome:
    """What became of a row; refused: at least one refusal, and nothing of it recorded.

    `differences`: of the unit and the post that were known, what changes.
    """

    row: str
    verdict: Verdict
    refusals: tuple[RosterRefusal, ...] = ()
    differences: tuple[RosterDifference, ...] = ()


class _Refused(Exception):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.refusal = RosterRefusal(field, message)


@dataclass(frozen=True, slots=True)
class _Change:
    """A record as a row leaves it, with the events that made it so."""

    record: Organisation | Person | Post
    events: tuple[Event, ...]


class Roster:
    """The programme while a list is taken: what is known, and what the list adds to it, in order.

    `directory` is asked for chains only. `own_chains`: those that the caller may write for; None: all.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        organisations: Iterable[Organisation],
        people: Iterable[Person],
        posts: Iterable[Post],
        today: date,
        new_id: Callable[[], UUID],
        own_chains: Collection[UUID] | None = None,
    ) -> None:
        self._directory = directory
        self._organisations = {record.id: record for record in organisations}
        self._ids = programme.ids_by_name(self._organisations.values())
        self._people = {record.id: record for record in people}
        self._namesakes: dict[tuple[UUID, str], list[Person]] = {}
        self._posts = {(record.organisation_id, record.title): record for record in posts}
        self._titles: dict[tuple[UUID, str], set[str]] = {}
        self._parents_given: dict[UUID, UUID] = {}
        self._kinds_given: dict[UUID, OrganisationKind] = {}
        self._today = today
        self._new_id = new_id
        self._own_chains = own_chains
        self.changed: dict[UUID, Organisation | Person | Post] = {}
        self.events: dict[UUID, list[Event]] = {}
        for person in self._people.values():
            self._namesakes.setdefault((person.organisation_id, tidy(person.name)), []).append(person)
        for unit, title in self._posts:
            self._titles.setdefault((unit, tidy(title)), set()).add(title)

    @property
    def organisations(self) -> Collection[Organisation]:
        return self._organisations.values()

    @property
    def people(self) -> Collection[Person]:
        return self._people.values()

    @property
    def posts(self) -> Collection[Post]:
        return self._posts.values()

    def take(self, drafts: Sequence[PostDraft]) -> list[RosterOutcome]:
        """Every row in turn; those whose 上级单位 stands further down wait for it."""
        outcomes: dict[str, RosterOutcome] = {}
        waiting = list(drafts)
        while ready := [draft for draft in waiting if self._parent_known(draft)]:
            outcomes.update((draft.row, self._outcome(draft)) for draft in ready)
            waiting = [draft for draft in waiting if draft.row not in outcomes]
        for draft in waiting:
            refusal = RosterRefusal("parent", f"上级单位“{draft.parent}”未登记，本表中也没有")
            outcomes[draft.row] = RosterOutcome(draft.row, Verdict.REFUSED, (refusal,))
        return [outcomes[draft.row] for draft in drafts]

    def _parent_known(self, draft: PostDraft) -> bool:
        return not draft.parent or self._id(draft.parent) in self._organisations

    def _id(self, name: str) -> UUID:
        """Of the organisation that bears or bore the name; otherwise the one that it would have."""
        return next(iter(self._ids.get(tidy(name), ())), None) or organisation_id(name)

    def _post(self, unit: UUID, title: str) -> Post | None:
        recorded = next(iter(self._titles.get((unit, tidy(title)), ())), title)
        return self._posts.get((unit, recorded))

    def _outcome(self, draft: PostDraft) -> RosterOutcome:
        unit = self._id(draft.organisation)
        known, post = self._organisations.get(unit), self._post(unit, draft.title)
        present: object = post if draft.title else known
        try:
            self._require_unmistakable(draft, unit)
            changes = self._decide(draft, unit)
        except _Refused as refused:
            return RosterOutcome(draft.row, Verdict.REFUSED, (refused.refusal,))
        if draft.parent:
            self._parents_given[unit] = self._id(draft.parent)
        if draft.kind:
            self._kinds_given[unit] = draft.kind
        for change in changes:
            self._apply(change)
        verdict = Verdict.RECORDED if present is None else Verdict.CHANGED if changes else Verdict.UNCHANGED
        return RosterOutcome(draft.row, verdict, differences=self._differences(known, post, changes))

    def _require_unmistakable(self, draft: PostDraft, unit: UUID) -> None:
        """Refuse a name that two records share once blanks and full-width signs are tidied: which is meant?"""
        for field, name in (("organisation", draft.organisation), ("parent", draft.parent)):
            if len(self._ids.get(tidy(name), ())) > 1:
                raise _Refused(field, f"有几个单位的名称与“{name}”只差空格或全半角，请在系统中办理")
        if len(self._titles.get((unit, tidy(draft.title)), ())) > 1:
            raise _Refused(
                "title", f"{draft.organisation}有几个岗位的名称与“{draft.title}”只差空格或全半角，请在系统中办理"
            )

    def _differences(
        self, unit: Organisation | None, post: Post | None, changes: Sequence[_Change]
    ) -> tuple[RosterDifference, ...]:
        """Asked once the changes are applied, so that everybody they name is known."""
        found: list[RosterDifference] = []
        for change in changes:
            match change.record:
                case Organisation() as after if unit:
                    found += of_unit(unit, after, self._organisations)
                case Post() as after if post:
                    found += of_post(post, after, self._people, today=self._today)
        return tuple(found)

    def _apply(self, change: _Change) -> None:
        match change.record:
            case Organisation() as unit:
                self._organisations[unit.id] = unit
            case Person() as person:
                self._people[person.id] = person
                self._namesakes.setdefault((person.organisation_id, tidy(person.name)), []).append(person)
            case Post() as post:
                self._posts[post.organisation_id, post.title] = post
                self._titles.setdefault((post.organisation_id, tidy(post.title)), set()).add(post.title)
        self.changed[change.record.id] = change.record
        self.events.setdefault(change.record.id, []).extend(change.events)

    def _decide(self, draft: PostDraft, unit: UUID) -> list[_Change]:
        changes = self._unit(draft, unit)
        if not draft.title:
            return changes
        present = self._post(unit, draft.title)
        post, events = (self._same(present, draft), []) if present else self._establish(draft, unit)
        if draft.person:
            person, more = self._hold(post, draft)
            changes += [person] if person else []
            events += more
        elif draft.vacant:
            events += self._leave(post, draft)
        if not events:
            return changes
        if self._own_chains is not None and not programme.answers_only_for(post, self._own_chains):
            raise _Refused("chains", NotYourChain(post.chain_ids).message)
        return [*changes, _Change(programme.fold_post(present, events), tuple(events))]

    def _unit(self, draft: PostDraft, id: UUID) -> list[_Change]:
        present = self._organisations.get(id)
        parent = self._id(draft.parent) if draft.parent else present.parent_id if present else None
        if draft.parent and self._parents_given.get(id, parent) != parent:
            raise _Refused("parent", f"本表中“{draft.organisation}”有两个上级单位")
        if draft.kind and self._kinds_given.get(id, draft.kind) is not draft.kind:
            raise _Refused("kind", f"本表中“{draft.organisation}”有两个单位类别")
        wanted = Organisation(id, draft.organisation, parent, kind=draft.kind)
        above = list(self._above(parent))
        try:
            events = programme.record_organisation(present, wanted, above=above)
        except DomainError as error:
            field = "kind" if isinstance(error, programme.KindNotAllowed) else "parent"
            raise _Refused(field, error.message) from error
        return [_Change(programme.evolve_organisation(present, event), (event,)) for event in events]

    def _above(self, id: UUID | None) -> Iterator[Organisation]:
        """The organisation and those above it, from below; known ones stand in no circle."""
        while id and (organisation := self._organisations.get(id)):
            yield organisation
            id = organisation.parent_id

    def _same(self, post: Post, draft: PostDraft) -> Post:
        if draft.tier is not post.tier:
            raise _Refused("tier", f"该岗位的层级已登记为{TIER_NAMES[post.tier]}，不能由导入更改")
        if set(self._chain_ids(draft)) != set(post.chain_ids):
            raise _Refused("chains", "与该岗位已登记的产业链不一致，不能由导入更改")
        return post

    def _establish(self, draft: PostDraft, unit: UUID) -> tuple[Post, list[Event]]:
        if draft.tier is None:
            raise _Refused("tier", "没有填写层级")
        if draft.tier in programme.CHAIN_TIERS and not draft.chains:
            raise _Refused("chains", f"{TIER_NAMES[draft.tier]}须写明所负责的产业链")
        wanted = Post(self._new_id(), draft.title, draft.tier, unit, self._chain_ids(draft), established_on=self._today)
        events = _or_refuse("title", lambda: programme.establish(wanted))
        return programme.fold_post(None, events), events

    def _chain_ids(self, draft: PostDraft) -> tuple[UUID, ...]:
        found = [self._directory.find_chain(text) for text in draft.chains]
        if unknown := next((item for item in found if isinstance(item, Refusal)), None):
            raise _Refused("chains", unknown.message)
        return tuple(chain.id for chain in found if not isinstance(chain, Refusal))

    def _hold(self, post: Post, draft: PostDraft) -> tuple[_Change | None, list[Event]]:
        """What lets the person hold the post, with the person where they are not known yet."""
        standing = [term for term in (post.term(self._today), post.open_term()) if term]
        known = [term.from_day for term in standing if tidy(self._people[term.person_id].name) == tidy(draft.person)]
        if known:
            if draft.from_day and draft.from_day not in known:
                raise _Refused("from_day", f"任职时间已登记为{known[0]}，更正须另行办理")
            return None, []
        person, new = self._person(draft, post.organisation_id)
        from_day = draft.from_day or self._today
        return new, _or_refuse("from_day", lambda: programme.assume(post, person_id=person.id, from_day=from_day))

    def _leave(self, post: Post, draft: PostDraft) -> list[Event]:
        """What leaves the post vacant; the day on which the term began says nothing of when it ends."""
        held, last = post.term(self._today), post.open_term()
        if held and held.until_day:
            if draft.from_day == held.until_day + timedelta(days=1):
                return []
            raise _Refused("person", f"该岗位的任期已登记至{held.until_day}，改为空缺须先更正任期")
        if last is None or (draft.from_day is None and held is None):
            return []
        from_day = draft.from_day if draft.from_day != last.from_day else None
        return _or_refuse("person", lambda: programme.vacate(post, from_day=from_day or self._today))

    def _person(self, draft: PostDraft, unit: UUID) -> tuple[Person, _Change | None]:
        known = self._namesakes.get((unit, tidy(draft.person)), [])
        if len(known) > 1:
            raise _Refused("person", f"{draft.organisation}有{len(known)}位“{draft.person}”，请在系统中办理任职")
        if known:
            return known[0], None
        (event,) = programme.record_person(None, Person(self._new_id(), draft.person, unit))
        person = programme.evolve_person(None, event)
        return person, _Change(person, (event,))


def _or_refuse(field: str, decide: Callable[[], list[Event]]) -> list[Event]:
    try:
        return decide()
    except DomainError as error:
        raise _Refused(field, error.message) from error
