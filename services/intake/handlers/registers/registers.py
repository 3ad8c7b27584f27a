"""Entries of registers: recorded or nominated, revised, withdrawn, reviewed; a year's list frozen (S6–S8)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Revision:
    """Fields to be set anew, of an entry in the version that was read (None: whichever it is)."""

    entry_id: UUID
    changes: Mapping[str, Any]
    expected: int | None = None


async def record_entries(register: Register, news: Sequence[NewEntry], *, conn: AsyncConnection, by: By) -> list[Entry]:
    """Record entries, all or none, in a constant number of statements.

    Raises:
        ChainNotAllowed, YearNotAllowed, FieldsRefused, NominatorNotAllowed: by the register's rules.
        UnknownReference, AlreadyExists, NotYourChain.
    """
    await lock_registers(conn=conn)
    await require_chains({new.chain_id for new in news}, conn=conn, by=by)
    chains = await _chains({new.chain_id for new in news}, conn=conn)
    posts = await _nominating({new.nominating_post_id for new in news if new.nominating_post_id}, conn=conn)
    decided = [
        domain.record(
            register,
            new,
            entry_id=uuid4(),
            chain=chains[new.chain_id],
            nominating=posts[new.nominating_post_id] if new.nominating_post_id else None,
            by=by.principal.subject,
        )
        for new in news
    ]
    entries = [domain.fold(None, events) for events in decided]
    await _require_sound(register, entries, conn=conn)
    await save_entries(register, zip(entries, decided, strict=True), conn=conn, by=by)
    return entries


async def revise_entries(
    register: Register, revisions: Sequence[Revision], *, conn: AsyncConnection, by: By
) -> list[Entry]:
    """Set fields of entries anew, all or none; an entry that stands so already is left as it is."""
    await lock_registers(conn=conn)
    found = await _locked(register, [revision.entry_id for revision in revisions], conn=conn)
    for revision in revisions:
        require_version(revision.entry_id, expected=revision.expected, actual=found[revision.entry_id].version)
    await require_chains({entry.chain_id for entry in found.values()}, conn=conn, by=by)
    decided = [
        domain.revise(register, found[revision.entry_id], revision.changes, by=by.principal.subject)
        for revision in revisions
    ]
    entries = [
        domain.fold(found[revision.entry_id], events) for revision, events in zip(revisions, decided, strict=True)
    ]
    changed = [(entry, events) for entry, events in zip(entries, decided, strict=True) if events]
    await _require_sound(register, [entry for entry, _ in changed], conn=conn)
    await save_entries(register, changed, conn=conn, by=by)
    return entries


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
    entry = (await _locked(register, [entry_id], conn=conn))[entry_id]
    require_version(entry_id, expected=expected, actual=entry.version)
    return entry


async def _locked(register: Register, ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Entry]:
    await lock_heads(ids, conn=conn)
    found = await store.entries(ids, conn=conn)
    for id in ids:
        if id not in found or found[id].register_key != register.key:
            raise RecordMissing("条目", id)
    return found


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


async def _require_sound(register: Register, entries: Sequence[Entry], *, conn: AsyncConnection) -> None:
    """What entries name exists, and no other live entry is the same."""
    if not entries:
        return
    named: dict[FieldType, set[UUID]] = {}
    for entry in entries:
        for rule, id in register.references(entry.fields):
            named.setdefault(rule.type, set()).add(id)
    if named and (missing := await store.unknown(named, conn=conn)):
        raise FieldsRefused(list(_missing(register, entries, missing)))
    wanted = {(entry.chain_id, entry.year, register.identity_of(entry.fields)): entry for entry in entries}
    if len(wanted) < len(entries):
        raise AlreadyExists("同一批次中有重复的条目")
    live = await store.live_like(register.key, list(wanted), conn=conn)
    for identity, id in live.items():
        if wanted[identity].id != id:
            raise AlreadyExists(_already(register, wanted[identity]), id=id)


def _missing(
    register: Register, entries: Iterable[Entry], missing: Collection[tuple[FieldType, UUID]]
) -> Iterable[Trouble]:
    for entry in entries:
        for rule, id in register.references(entry.fields):
            if (rule.type, id) in missing:
                detail = f"所填的{REFERENCES[rule.type]}不存在"
                yield Trouble(rule.key, rule.name, "unknown_reference", detail)


def _already(register: Register, entry: Entry) -> str:
    if not register.identity:
        return f"该产业链{f'{entry.year}年度' if entry.year else ''}的{register.name}已填报"
    names = "、".join(register.by_key[key].name for key in register.identity)
    return f"{register.name}中该产业链已有相同{names}的条目"


async def _chains(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Chain]:
    found = await programme.chains(conn=conn, ids=ids)
    for missing in set(ids) - set(found):
        raise UnknownReference("产业链", missing, field="chain_id")
    return found


async def _nominating(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, Post]:
    found = await programme.posts(conn=conn, ids=ids) if ids else {}
    for missing in set(ids) - set(found):
        raise UnknownReference("岗位", missing, field="nominating_post_id")
    return found
