"""The yearly filing of registers: called for, filed, given another day or post, called off (S6)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import RecordMissing, UnknownReference
from services.intake.domain.organisation.leave import answering
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.registers import filings as domain
from services.intake.domain.registers.filings import Call, Filing, NobodyAnswers, NotYourPost
from services.intake.domain.registers.registers import Register
from services.intake.domain.registers.tasks import Responsible
from services.intake.handlers.registers.registers import lock_registers, post_of
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, require_version, today
from services.intake.store.organisation import leave, programme
from services.intake.store.registers import filings as store
from services.intake.store.registers import registers
from shared.contracts.event import Event
from shared.contracts.ids import filing_id
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By
from shared.kit.web.security import Role


@dataclass(frozen=True, slots=True)
class Called:
    """The filings of a call, in the chains' order; `new`: how many of them were not called for before."""

    filings: Sequence[Filing]
    new: int


async def call_filings(
    register: Register, call: Call, *, chain_ids: Collection[UUID], conn: AsyncConnection, by: By
) -> Called:
    """Call on chains (none named: all that the register is for) to file; those called on before are left as they are.

    Raises:
        RegisterNotSuited, ChainNotAllowed, YearNotAllowed, NobodyAnswers, UnknownReference, NotYourChain.
    """
    register.require_filing()
    await lock_registers(conn=conn)
    chains = await _chains(register, chain_ids, conn=conn)
    await require_chains({chain.id for chain in chains}, conn=conn, by=by)
    ids = {chain.id: filing_id(register.key, call.year, chain.id) for chain in chains}
    await lock_heads(list(ids.values()), conn=conn)
    present = await store.filings(list(ids.values()), conn=conn)
    wanted = [chain for chain in chains if ids[chain.id] not in present]
    posts = await _answering(register, call, wanted, conn=conn)
    decided = [domain.call(register, chain, call, Responsible.of(posts[chain.id], today(by))) for chain in wanted]
    new = {filing.id: filing for filing in (domain.fold(None, events) for events in decided)}
    await append(zip(new, decided, strict=True), conn=conn, by=by)
    await store.save_filings(list(new.values()), conn=conn)
    found = {**present, **new}
    return Called([found[ids[chain.id]] for chain in chains], len(new))


async def file_register(
    register: Register, id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Filing:
    """State, for the responsible post, that the register is complete. 督查室 may do so on its behalf.

    Raises:
        NotYourPost: the caller neither holds the post nor acts for its holder.
        FieldMissing: it has no entries, and no reason is given.
    """
    filing = await _locked(register, id, expected=expected, conn=conn)
    await _require_post(filing.task.responsible_post_id, conn=conn, by=by)
    wanted = registers.live_of(register.key, year=filing.year, chain_id=filing.chain_id)
    entries = await registers.count_entries(wanted, conn=conn)
    return await _save(filing, domain.file(filing, entries=entries, reason=reason, on=today(by)), conn=conn, by=by)


async def revise_filing(
    register: Register,
    id: UUID,
    *,
    due_on: date | None,
    reason: str,
    post_id: UUID | None,
    expected: int,
    conn: AsyncConnection,
    by: By,
) -> Filing:
    """Another due day (with a reason), another post, or both. Raises NotYourChain."""
    filing = await _locked(register, id, expected=expected, conn=conn)
    await require_chains({filing.chain_id}, conn=conn, by=by)
    responsible = Responsible.of(await post_of(post_id, conn=conn), today(by)) if post_id else None
    events = domain.revise(filing, due_on=due_on, reason=reason, responsible=responsible)
    return await _save(filing, events, conn=conn, by=by)


async def call_off_filing(
    register: Register, id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> Filing:
    """The chain need not file, for a reason. Raises NotYourChain."""
    filing = await _locked(register, id, expected=expected, conn=conn)
    await require_chains({filing.chain_id}, conn=conn, by=by)
    return await _save(filing, domain.call_off(filing, reason=reason), conn=conn, by=by)


async def _chains(register: Register, chain_ids: Collection[UUID], *, conn: AsyncConnection) -> list[Chain]:
    """The chains named, or all that the register is for; by code."""
    found = await programme.chains(conn=conn, ids=chain_ids or None)
    for missing in set(chain_ids) - set(found):
        raise UnknownReference("产业链", missing, field="chain_ids")
    chains = sorted(found.values(), key=lambda chain: chain.code)
    if chain_ids:
        for chain in chains:
            register.require_chain(chain)
    return [chain for chain in chains if chain.category in register.categories and chain.closed_from is None]


async def _answering(
    register: Register, call: Call, chains: Sequence[Chain], *, conn: AsyncConnection
) -> dict[UUID, Post]:
    if call.post_id:
        return dict.fromkeys((chain.id for chain in chains), await post_of(call.post_id, conn=conn))
    posts = list((await programme.posts(conn=conn)).values()) if chains else []
    found = {chain.id: post for chain in chains if (post := domain.answering(register, chain, posts))}
    if len(found) < len(chains):
        without = [chain for chain in chains if chain.id not in found]
        raise NobodyAnswers(register, register.require_filing().tier, without)
    return found


async def _require_post(post_id: UUID, *, conn: AsyncConnection, by: By) -> None:
    if Role.SUPERVISOR in by.principal.roles:
        return
    post = await post_of(post_id, conn=conn)
    answer = answering(post, today(by), await leave.leaves_on(today(by), conn=conn))
    if by.principal.person is None or by.principal.person not in (answer.holder_id, answer.acting_id):
        raise NotYourPost(post_id)


async def _locked(register: Register, id: UUID, *, expected: int | None, conn: AsyncConnection) -> Filing:
    await lock_heads([id], conn=conn)
    filing = (await store.filings([id], conn=conn)).get(id)
    if filing is None or filing.register_key != register.key:
        raise RecordMissing("申报", id)
    require_version(id, expected=expected, actual=filing.version)
    return filing


async def _save(filing: Filing, events: Sequence[Event], *, conn: AsyncConnection, by: By) -> Filing:
    if not events:
        return filing
    after = domain.fold(filing, events)
    await append([(filing.id, events)], conn=conn, by=by)
    await store.save_filings([after], conn=conn)
    return after
