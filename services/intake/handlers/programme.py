"""Organisations, people, chains, posts and terms of office."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain import programme
from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.programme import Chain, Organisation, Person, Post
from services.intake.handlers.writing import append, lock_register, require_version
from services.intake.store import programme as store
from shared.contracts.event import Event
from shared.contracts.ids import chain_id, organisation_id
from shared.contracts.programme import ChainCategory, Tier
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


async def record_organisation(
    name: str, *, parent_id: UUID | None, conn: AsyncConnection, by: By
) -> tuple[Organisation, bool]:
    """Record an organisation, or its new parent; the id follows from the name, so repeating it changes nothing.

    The organisation, and whether it was new.
    """
    await lock_register(conn=conn)
    wanted = Organisation(organisation_id(name.strip()), name.strip(), parent_id)
    await lock_heads([wanted.id], conn=conn)
    present = (await store.organisations(conn=conn, ids=[wanted.id])).get(wanted.id)
    if parent_id and parent_id != wanted.id:
        await _require_organisations([parent_id], conn=conn)
    events = programme.record_organisation(present, wanted)
    if not events and present:
        return present, False
    after = programme.evolve_organisation(present, events[0])
    await append([(after.id, events)], conn=conn, by=by)
    await store.save_organisations([after], conn=conn)
    return after, present is None


async def record_person(name: str, *, organisation_id: UUID, conn: AsyncConnection, by: By) -> Person:
    """Record a person; people share names, so each call records another one."""
    await _require_organisations([organisation_id], conn=conn)
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
        await _require_organisations([organisation_id], conn=conn)
    wanted = replace(present, name=name or present.name, organisation_id=organisation_id or present.organisation_id)
    return await _save_person(present, wanted, conn=conn, by=by)


async def record_chain(code: str, name: str, *, category: ChainCategory, conn: AsyncConnection, by: By) -> Chain:
    """Add a chain: a 未来产业链 is data, not code (S3)."""
    await lock_register(conn=conn)
    if present := await store.chain_like(code=code, name=name.strip(), conn=conn):
        raise AlreadyExists(f"已有产业链 {present.code}（{present.name}）", id=present.id)
    return await _save_chain(None, Chain(chain_id(code), code, name.strip(), category), conn=conn, by=by)


async def revise_chain(
    chain_id: UUID,
    *,
    name: str | None,
    category: ChainCategory | None,
    expected: int,
    conn: AsyncConnection,
    by: By,
) -> Chain:
    """Give a chain another name or category (优化调整部分产业链, S3); its code stays."""
    await lock_register(conn=conn)
    await lock_heads([chain_id], conn=conn)
    present = (await store.chains(conn=conn, ids=[chain_id])).get(chain_id)
    if present is None:
        raise RecordMissing("产业链", chain_id)
    require_version(chain_id, expected=expected, actual=present.version)
    wanted = replace(present, name=(name or present.name).strip(), category=category or present.category)
    namesake = await store.chain_like(code="", name=wanted.name, conn=conn)
    if namesake and namesake.id != chain_id:
        raise AlreadyExists(f"已有产业链 {namesake.code}（{namesake.name}）", id=namesake.id)
    return await _save_chain(present, wanted, conn=conn, by=by)


async def establish_post(
    title: str,
    *,
    tier: Tier,
    organisation_id: UUID,
    chain_ids: Collection[UUID] = (),
    conn: AsyncConnection,
    by: By,
) -> Post:
    """Establish a post; it is vacant until somebody assumes it."""
    await lock_register(conn=conn)
    await _require_organisations([organisation_id], conn=conn)
    await _require_chains(chain_ids, conn=conn)
    if existing := await store.post_titled(title.strip(), organisation_id=organisation_id, conn=conn):
        raise AlreadyExists(f"该单位已有岗位“{title.strip()}”", id=existing)
    wanted = Post(uuid4(), title.strip(), tier, organisation_id, tuple(dict.fromkeys(chain_ids)))
    events = programme.establish(wanted)
    return await _save_post(None, wanted.id, events, conn=conn, by=by)


async def assume_post(post_id: UUID, *, person_id: UUID, from_day: date, conn: AsyncConnection, by: By) -> Post:
    """A person takes up a post; the predecessor's term ends the day before."""
    present = await _locked_post(post_id, conn=conn)
    if person_id not in await store.people(conn=conn, ids=[person_id]):
        raise UnknownReference("人员", person_id, field="person_id")
    events = programme.assume(present, person_id=person_id, from_day=from_day)
    return await _save_post(present, post_id, events, conn=conn, by=by)


async def vacate_post(post_id: UUID, *, from_day: date, conn: AsyncConnection, by: By) -> Post:
    """The holder leaves; what the post answers for stays with the post."""
    present = await _locked_post(post_id, conn=conn)
    return await _save_post(present, post_id, programme.vacate(present, from_day=from_day), conn=conn, by=by)


async def _locked_post(post_id: UUID, *, conn: AsyncConnection) -> Post:
    await lock_heads([post_id], conn=conn)
    post = (await store.posts(conn=conn, ids=[post_id])).get(post_id)
    if post is None:
        raise RecordMissing("岗位", post_id)
    return post


async def _save_person(present: Person | None, wanted: Person, *, conn: AsyncConnection, by: By) -> Person:
    events = programme.record_person(present, wanted)
    if not events:
        return wanted
    after = programme.evolve_person(present, events[0])
    await append([(after.id, events)], conn=conn, by=by)
    await store.save_people([after], conn=conn)
    return after


async def _save_chain(present: Chain | None, wanted: Chain, *, conn: AsyncConnection, by: By) -> Chain:
    events = programme.record_chain(present, wanted)
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


async def _require_organisations(ids: Collection[UUID], *, conn: AsyncConnection) -> None:
    for missing in set(ids) - set(await store.organisations(conn=conn, ids=ids)):
        raise UnknownReference("单位", missing, field="organisation_id")


async def _require_chains(ids: Collection[UUID], *, conn: AsyncConnection) -> None:
    for missing in set(ids) - set(await store.chains(conn=conn, ids=ids)):
        raise UnknownReference("产业链", missing, field="chain_ids")
