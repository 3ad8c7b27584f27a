"""Organisations, people, chains, posts and terms of office."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.organisation import programme
from services.intake.domain.organisation.programme import Chain, Organisation, Person, Post, Term
from services.intake.handlers.standing import require_chains, require_post
from services.intake.handlers.writing import append, lock_register, require_version, today
from services.intake.store.organisation import programme as store
from shared.contracts.event import Event
from shared.contracts.ids import chain_id, organisation_id
from shared.contracts.programme import ChainCategory, OrganisationKind, Tier
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


async def record_organisation(
    name: str, *, parent_id: UUID | None, kind: OrganisationKind | None = None, conn: AsyncConnection, by: By
) -> tuple[Organisation, bool]:
    """Record an organisation, or its new parent or kind; it is known by its name, and what is not given stays.

    The id follows from the first name; a former name leads to the organisation that bore it. The organisation, and
    whether it was new.
    """
    await lock_register(conn=conn)
    known = await store.organisation_called(name.strip(), conn=conn)
    parent_id = parent_id or (known.parent_id if known else None)
    wanted = Organisation(known.id if known else organisation_id(name.strip()), name.strip(), parent_id, kind=kind)
    await lock_heads([wanted.id], conn=conn)
    above = await _above(parent_id, own=wanted.id, conn=conn)
    events = programme.record_organisation(known, wanted, above=above)
    if not events and known:
        return known, False
    return await _save_organisation(known, events, conn=conn, by=by), known is None


@dataclass(frozen=True, slots=True)
class OrganisationChanges:
    """What is to be set anew; `parent_id` only where `moved`, for None sets it apart from all others."""

    name: str | None = None
    from_day: date | None = None
    kind: OrganisationKind | None = None
    moved: bool = False
    parent_id: UUID | None = None


async def revise_organisation(
    organisation_id: UUID, changes: OrganisationChanges, *, expected: int, conn: AsyncConnection, by: By
) -> Organisation:
    """Another name (from a day on; today, where none is given), parent or kind; the id stays.

    Raises:
        AlreadyExists: another organisation has or had the name.
        ParentNotAllowed: the parent stands below it.
    """
    await lock_register(conn=conn)
    await lock_heads([organisation_id], conn=conn)
    present = (await store.organisations(conn=conn, ids=[organisation_id])).get(organisation_id)
    if present is None:
        raise RecordMissing("单位", organisation_id)
    require_version(organisation_id, expected=expected, actual=present.version)
    parent_id = changes.parent_id if changes.moved else present.parent_id
    above = await _above(parent_id, own=organisation_id, conn=conn)
    wanted = replace(present, parent_id=parent_id, kind=changes.kind)
    events = programme.record_organisation(present, wanted, above=above)
    if changes.name and changes.name.strip() != present.name:
        namesake = await store.organisation_called(changes.name.strip(), conn=conn)
        if namesake and namesake.id != organisation_id:
            raise AlreadyExists(f"“{changes.name.strip()}”是{namesake.name}现在或曾用的名称", id=namesake.id)
        after = programme.evolve_organisation(present, events[0]) if events else present
        events += programme.rename(after, changes.name.strip(), from_day=changes.from_day or today(by), today=today(by))
    return await _save_organisation(present, events, conn=conn, by=by) if events else present


async def _above(parent_id: UUID | None, *, own: UUID, conn: AsyncConnection) -> list[Organisation]:
    if parent_id is None or parent_id == own:
        return []
    above = await store.above(parent_id, conn=conn)
    if not above:
        raise UnknownReference("单位", parent_id, field="parent_id")
    return above


async def _save_organisation(
    present: Organisation | None, events: Sequence[Event], *, conn: AsyncConnection, by: By
) -> Organisation:
    for event in events:
        present = programme.evolve_organisation(present, event)
    assert present is not None
    await append([(present.id, events)], conn=conn, by=by)
    await store.save_organisations([present], conn=conn)
    return present


async def record_person(name: str, *, organisation_id: UUID, conn: AsyncConnection, by: By) -> Person:
    """Record a person; people share names, so each call records another one."""
    await require_organisations([organisation_id], conn=conn)
    return await _save_person(None, Person(uuid4(), name.strip(), organisation_id), conn=conn, by=by)


async def revise_person(
    person_id: UUID, *, name: str | None, organisation_id: UUID | None, expected: int, conn: AsyncConnection, by: By
) -> Person:
    """Give a person another name or organisation."""
    await lock_heads([person_id], conn=conn)
    present = (await store.people(conn=conn, ids=[person_id])).get(person_id)
    if present is None:
        raise RecordMissing("人员", person_id)
    require_version(person_id, expected=expected, actual=present.version)
    if organisation_id:
        await require_organisations([organisation_id], conn=conn)
    wanted = replace(present, name=name or present.name, organisation_id=organisation_id or present.organisation_id)
    return await _save_person(present, wanted, conn=conn, by=by)


async def record_chain(code: str, name: str, *, category: ChainCategory, conn: AsyncConnection, by: By) -> Chain:
    """Add a chain: a 未来产业链 is data, not code (S3)."""
    await lock_register(conn=conn)
    await require_new_chain(code, name.strip(), conn=conn)
    return await _save_chain(None, Chain(chain_id(code), code, name.strip(), category), conn=conn, by=by)


async def require_new_chain(code: str, name: str, *, conn: AsyncConnection) -> None:
    """Raises AlreadyExists where a chain has this code, or has or had this name."""
    if present := await store.chain_like(code=code, name=name, conn=conn):
        raise AlreadyExists(f"已有产业链 {present.code}（{present.name}）", id=present.id)


async def revise_chain(
    chain_id: UUID,
    *,
    name: str | None,
    category: ChainCategory | None,
    from_day: date | None = None,
    expected: int,
    conn: AsyncConnection,
    by: By,
) -> Chain:
    """Give a chain another name or category from a day on (优化调整部分产业链, S3): today, where none is given.

    Its code stays, and so does what it was on the days before.
    """
    await lock_register(conn=conn)
    await lock_heads([chain_id], conn=conn)
    present = (await store.chains(conn=conn, ids=[chain_id])).get(chain_id)
    if present is None:
        raise RecordMissing("产业链", chain_id)
    require_version(chain_id, expected=expected, actual=present.version)
    await require_chains([chain_id], conn=conn, by=by)
    wanted = replace(present, name=(name or present.name).strip(), category=category or present.category)
    namesake = await store.chain_like(code="", name=wanted.name, conn=conn)
    if namesake and namesake.id != chain_id:
        raise AlreadyExists(f"已有产业链 {namesake.code}（{namesake.name}）", id=namesake.id)
    return await _save_chain(present, wanted, since=from_day or today(by), conn=conn, by=by)


async def establish_post(
    title: str,
    *,
    tier: Tier,
    organisation_id: UUID,
    chain_ids: Collection[UUID] = (),
    established_on: date | None = None,
    conn: AsyncConnection,
    by: By,
) -> Post:
    """Establish a post (today, where no day is given); it is vacant until somebody assumes it.

    Raises:
        AlreadyExists, ChainNotOpen, FieldMissing, NotYourChain, UnknownReference.
    """
    await lock_register(conn=conn)
    await require_organisations([organisation_id], conn=conn)
    await require_open_chains(chain_ids, conn=conn)
    if existing := await store.post_titled(title.strip(), organisation_id=organisation_id, conn=conn):
        raise AlreadyExists(f"该单位已有岗位“{title.strip()}”", id=existing)
    wanted = Post(
        uuid4(),
        title.strip(),
        tier,
        organisation_id,
        tuple(dict.fromkeys(chain_ids)),
        established_on=established_on or today(by),
    )
    await require_post(wanted, conn=conn, by=by)
    events = programme.establish(wanted)
    return await _save_post(None, wanted.id, events, conn=conn, by=by)


async def assume_post(post_id: UUID, *, person_id: UUID, from_day: date, conn: AsyncConnection, by: By) -> Post:
    """A person takes up a post; the predecessor's term ends the day before."""
    present = await _locked_post(post_id, conn=conn, by=by)
    if person_id not in await store.people(conn=conn, ids=[person_id]):
        raise UnknownReference("人员", person_id, field="person_id")
    events = programme.assume(present, person_id=person_id, from_day=from_day)
    return await _save_post(present, post_id, events, conn=conn, by=by)


async def vacate_post(post_id: UUID, *, from_day: date, conn: AsyncConnection, by: By) -> Post:
    """The holder leaves; what the post answers for stays with the post."""
    present = await _locked_post(post_id, conn=conn, by=by)
    return await _save_post(present, post_id, programme.vacate(present, from_day=from_day), conn=conn, by=by)


async def correct_terms(
    post_id: UUID, terms: Sequence[Term], *, reason: str, expected: int, conn: AsyncConnection, by: By
) -> Post:
    """What was recorded of a post's terms was wrong; these are right. The history keeps both."""
    present = await _locked_post(post_id, conn=conn, by=by)
    require_version(post_id, expected=expected, actual=present.version)
    people = {term.person_id for term in terms}
    for missing in people - set(await store.people(conn=conn, ids=people)):
        raise UnknownReference("人员", missing, field="terms")
    events = programme.correct_terms(present, terms, reason=reason)
    if not events:
        return present
    after = programme.fold_post(present, events)
    await append([(post_id, events)], conn=conn, by=by)
    await store.replace_terms(after, conn=conn)
    return after


async def _locked_post(post_id: UUID, *, conn: AsyncConnection, by: By) -> Post:
    await lock_heads([post_id], conn=conn)
    post = (await store.posts(conn=conn, ids=[post_id])).get(post_id)
    if post is None:
        raise RecordMissing("岗位", post_id)
    await require_post(post, conn=conn, by=by)
    return post


async def _save_person(present: Person | None, wanted: Person, *, conn: AsyncConnection, by: By) -> Person:
    events = programme.record_person(present, wanted)
    if not events:
        return wanted
    after = programme.evolve_person(present, events[0])
    await append([(after.id, events)], conn=conn, by=by)
    await store.save_people([after], conn=conn)
    return after


async def _save_chain(
    present: Chain | None, wanted: Chain, *, since: date | None = None, conn: AsyncConnection, by: By
) -> Chain:
    events = programme.record_chain(present, wanted, since=since, today=today(by))
    if not events:
        return wanted
    after = programme.evolve_chain(present, events[0])
    await append([(after.id, events)], conn=conn, by=by)
    await store.save_chains([after], conn=conn)
    return after


async def _save_post(
    present: Post | None, post_id: UUID, events: list[Event], *, conn: AsyncConnection, by: By
) -> Post:
    after = programme.fold_post(present, events)
    await append([(post_id, events)], conn=conn, by=by)
    await store.save_posts([after], conn=conn)
    return after


async def require_organisations(ids: Collection[UUID], *, conn: AsyncConnection) -> None:
    for missing in set(ids) - set(await store.organisations(conn=conn, ids=ids)):
        raise UnknownReference("单位", missing, field="organisation_id")


async def require_open_chains(ids: Collection[UUID], *, conn: AsyncConnection) -> None:
    found = await store.chains(conn=conn, ids=ids)
    for missing in set(ids) - set(found):
        raise UnknownReference("产业链", missing, field="chain_ids")
    for chain in found.values():
        programme.require_open_chain(chain)
