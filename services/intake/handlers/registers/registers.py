"""Entries of registers: recorded or nominated, revised, withdrawn, reviewed; a year's list frozen (S6–S8)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.fields import REFERENCES, FieldsRefused, FieldType, Trouble
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.registers import entries as domain
from services.intake.domain.registers.entries import Entry, EntryStatus, NewEntry
from services.intake.domain.registers.registers import Register
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, require_version, today
from services.intake.store import views
from services.intake.store.organisation import programme
from services.intake.store.registers import registers as store
from services.intake.store.registers.registers import Frozen
from shared.contracts.event import Event
from shared.contracts.ids import freeze_id
from shared.contracts.registers import FieldValue, FrozenEntry, FrozenProject, Partner, RegisterFrozen
from shared.kit.database import advisory_key, fetch
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By

LOCK = advisory_key("intake", "registers")


async def lock_registers(*, conn: AsyncConnection) -> None:
    """Let one transaction at a time change what must stay unique in registers; taken before any head is locked."""
    await fetch(conn, "SELECT pg_advisory_xact_lock($1)", LOCK)


async def post_of(post_id: UUID, *, field: str = "responsible_post_id", conn: AsyncConnection) -> Post:
    """Raises UnknownReference; `field`: where the post was named."""
    post = (await programme.posts(conn=conn, ids=[post_id])).get(post_id)
    if post is None:
        raise UnknownReference("岗位", post_id, field=field)
    return post


async def record_entry(register: Register, new: NewEntry, *, conn: AsyncConnection, by: By) -> Entry:
    """Record an entry; in a register with review, nominate.

    Raises:
        ChainNotAllowed, YearNotAllowed, FieldsRefused, NominatorNotAllowed: by the register's rules.
        UnknownReference, AlreadyExists, NotYourChain.
    """
    await lock_registers(conn=conn)
    await require_chains({new.chain_id}, conn=conn, by=by)
    chain = await _chain(new.chain_id, conn=conn)
    nominating = new.nominating_post_id
    post = await post_of(nominating, field="nominating_post_id", conn=conn) if nominating else None
    subject = by.principal.subject
    events = domain.record(register, new, entry_id=uuid4(), chain=chain, nominating=post, by=subject)
    entry = domain.fold(None, events)
    await _require_sound(register, entry, conn=conn)
    await save_entries(register, [(entry, events)], conn=conn, by=by)
    return entry


async def revise_entry(
    register: Register, entry_id: UUID, changes: Mapping[str, Any], *, expected: int, conn: AsyncConnection, by: By
) -> Entry:
    """Set fields of an entry anew; one that stands so already is left as it is."""
    entry = await _one(register, entry_id, expected=expected, conn=conn)
    await require_chains({entry.chain_id}, conn=conn, by=by)
    events = domain.revise(register, entry, changes, by=by.principal.subject)
    if not events:
        return entry
    after = domain.fold(entry, events)
    await _require_sound(register, after, conn=conn)
    await save_entries(register, [(after, events)], conn=conn, by=by)
    return after


async def withdraw_entry(
    register: Register, entry_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Entry:
    entry = await _one(register, entry_id, expected=expected, conn=conn)
    await require_chains({entry.chain_id}, conn=conn, by=by)
    return await _decide(register, entry, domain.withdraw(entry, reason=reason), conn=conn, by=by)


async def accept_entry(
    register: Register, entry_id: UUID, *, opinion: str, expected: int | None, conn: AsyncConnection, by: By
) -> Entry:
    """Let a nomination in; raises OwnNomination."""
    entry = await _one(register, entry_id, expected=expected, conn=conn)
    events = domain.accept(entry, opinion=opinion, on=today(by), by=by.principal.subject)
    return await _decide(register, entry, events, conn=conn, by=by)


async def refuse_entry(
    register: Register, entry_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Entry:
    """Keep a nomination out; raises OwnNomination."""
    entry = await _one(register, entry_id, expected=expected, conn=conn)
    events = domain.refuse(entry, reason=reason, on=today(by), by=by.principal.subject)
    return await _decide(register, entry, events, conn=conn, by=by)


async def freeze_list(register: Register, year: int, *, conn: AsyncConnection, by: By) -> Frozen:
    """Decide a year's list: what stands in the register now, with its projects as they are (S8)."""
    await lock_registers(conn=conn)
    id = freeze_id(register.key, year)
    await lock_heads([id], conn=conn)
    live = [entry for _, entry in await store.list_entries(store.live_of(register.key, year=year), conn=conn)]
    events = domain.freeze(
        register,
        year,
        freeze_id=id,
        frozen_before=await store.frozen(register.key, year, conn=conn) is not None,
        waiting=sum(entry.status is EntryStatus.NOMINATED for entry in live),
        entries=await frozen_entries(register, live, conn=conn),
        on=today(by),
    )
    (event,) = events
    assert isinstance(event, RegisterFrozen)
    await append([(id, events)], conn=conn, by=by)
    frozen = Frozen(event, by.actor)
    await store.save_frozen(frozen, conn=conn)
    return frozen


async def frozen_entries(
    register: Register, entries: Sequence[Entry], *, conn: AsyncConnection
) -> tuple[FrozenEntry, ...]:
    """Entries with the names around them and their projects, as they are now."""
    texts = await texts_of(register, entries, conn=conn)
    chains = await programme.chains(conn=conn, ids={entry.chain_id for entry in entries})
    known = await store.projects(_projects(entries), conn=conn)
    return tuple(
        FrozenEntry(
            entry_id=entry.id,
            chain_id=entry.chain_id,
            chain_name=chains[entry.chain_id].name,
            fields=dict(entry.fields),
            texts=texts[entry.id],
            project=_frozen_project(known[UUID(str(entry.fields["project"]))]) if "project" in entry.fields else None,
        )
        for entry in entries
    )


async def texts_of(
    register: Register, entries: Sequence[Entry], *, conn: AsyncConnection
) -> dict[UUID, dict[str, str]]:
    """What officials read in the fields of each entry, by the fields' keys; records by their names, projects by their
    codes and names."""
    named = {id for entry in entries for _, id in register.references(entry.fields)}
    names = await views.names(named, conn=conn) if named else {}
    projects = await store.projects(_projects(entries), conn=conn)
    names.update({id: f"{row['code']} {row['name']}" for id, row in projects.items()})
    return {
        entry.id: {key: _text(register.by_key[key].type, value, names) for key, value in entry.fields.items()}
        for entry in entries
    }


def _text(kind: FieldType, value: FieldValue, names: Mapping[UUID, str]) -> str:
    if kind in REFERENCES:
        return names.get(UUID(str(value)), "未知")
    if isinstance(value, tuple):
        return partners_text(value)
    return str(value)


def partners_text(partners: Sequence[Partner]) -> str:
    """Partners as one text: `青岛大学、甲厂（91…）`."""
    return "、".join(item.name + (f"（{item.uscc}）" if item.uscc else "") for item in partners)


def _projects(entries: Iterable[Entry]) -> set[UUID]:
    return {UUID(str(entry.fields["project"])) for entry in entries if "project" in entry.fields}


def _frozen_project(row: Any) -> FrozenProject:
    return FrozenProject(project_id=row["id"], **{key: value for key, value in row.items() if key != "id"})


async def _one(register: Register, entry_id: UUID, *, expected: int | None, conn: AsyncConnection) -> Entry:
    await lock_registers(conn=conn)
    await lock_heads([entry_id], conn=conn)
    entry = (await store.entries([entry_id], conn=conn)).get(entry_id)
    if entry is None or entry.register_key != register.key:
        raise RecordMissing("条目", entry_id)
    require_version(entry_id, expected=expected, actual=entry.version)
    return entry


async def _decide(register: Register, entry: Entry, events: Sequence[Event], *, conn: AsyncConnection, by: By) -> Entry:
    after = domain.fold(entry, events)
    await save_entries(register, [(after, events)], conn=conn, by=by)
    return after


async def save_entries(
    register: Register, decided: Iterable[tuple[Entry, Sequence[Event]]], *, conn: AsyncConnection, by: By
) -> None:
    """Write entries with the events that led to them."""
    found = list(decided)
    await append([(entry.id, events) for entry, events in found], conn=conn, by=by)
    identities = {entry.id: register.identity_of(entry.fields) for entry, _ in found}
    await store.save_entries([entry for entry, _ in found], identities, conn=conn)


async def _require_sound(register: Register, entry: Entry, *, conn: AsyncConnection) -> None:
    """What an entry names exists, and no other live entry is the same."""
    named: dict[FieldType, set[UUID]] = {}
    for rule, id in register.references(entry.fields):
        named.setdefault(rule.type, set()).add(id)
    if named and (missing := await store.unknown(named, conn=conn)):
        raise FieldsRefused(list(_missing(register, entry, missing)))
    other = await store.live_like(entry, register.identity_of(entry.fields), conn=conn)
    if other is not None and other != entry.id:
        raise AlreadyExists(_already(register, entry), id=other)


def _missing(register: Register, entry: Entry, missing: Collection[tuple[FieldType, UUID]]) -> Iterable[Trouble]:
    for rule, id in register.references(entry.fields):
        if (rule.type, id) in missing:
            yield Trouble(rule.key, rule.name, "unknown_reference", f"所填的{REFERENCES[rule.type]}不存在")


def _already(register: Register, entry: Entry) -> str:
    if not register.identity:
        return f"该产业链{f'{entry.year}年度' if entry.year else ''}的{register.name}已填报"
    names = "、".join(register.by_key[key].name for key in register.identity)
    return f"{register.name}中该产业链已有相同{names}的条目"


async def _chain(chain_id: UUID, *, conn: AsyncConnection) -> Chain:
    chain = (await programme.chains(conn=conn, ids=[chain_id])).get(chain_id)
    if chain is None:
        raise UnknownReference("产业链", chain_id, field="chain_id")
    return chain
