"""Enterprises by their 统一社会信用代码, and for which chains they are 链主企业 (S3)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import AlreadyExists, RecordMissing, UnknownReference
from services.intake.domain.organisation import enterprises as domain
from services.intake.domain.organisation.enterprises import Enterprise
from services.intake.domain.organisation.programme import Chain
from services.intake.handlers.organisation.programme import require_open_chains
from services.intake.handlers.standing import require_chains
from services.intake.handlers.writing import append, lock_register, require_version
from services.intake.store.organisation import enterprises as store
from services.intake.store.organisation import programme
from shared.contracts.event import Event
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


async def record_enterprise(
    uscc: str, name: str, *, chain_ids: Sequence[UUID], conn: AsyncConnection, by: By
) -> Enterprise:
    """Record an enterprise under its code.

    Raises:
        CodeNotSound, AlreadyExists, UnknownReference, ChainNotOpen.
    """
    code = domain.sound_code(uscc)
    await lock_register(conn=conn)
    if present := await store.enterprise_of(code, conn=conn):
        raise AlreadyExists(f"该统一社会信用代码已登记为{present.name}", id=present.id)
    await require_open_chains(chain_ids, conn=conn)
    await require_chains(chain_ids, conn=conn, by=by)
    wanted = Enterprise(uuid4(), code, name.strip(), tuple(dict.fromkeys(chain_ids)))
    return await _save(None, wanted.id, domain.record(None, wanted), conn=conn, by=by)


async def revise_enterprise(
    enterprise_id: UUID,
    *,
    name: str | None,
    chain_ids: Sequence[UUID] | None,
    expected: int,
    conn: AsyncConnection,
    by: By,
) -> Enterprise:
    """Another name or other chains; its code stays."""
    await lock_register(conn=conn)
    present = await _locked(enterprise_id, expected=expected, conn=conn)
    chains = present.chain_ids if chain_ids is None else tuple(dict.fromkeys(chain_ids))
    new = set(chains) - set(present.chain_ids)
    await require_open_chains(new, conn=conn)
    await require_chains(set(chains) ^ set(present.chain_ids), conn=conn, by=by)
    wanted = replace(present, name=(name or present.name).strip(), chain_ids=chains)
    return await _save(present, present.id, domain.record(present, wanted), conn=conn, by=by)


async def name_anchor(
    enterprise_id: UUID, *, chain_id: UUID, from_day: date, expected: int | None, conn: AsyncConnection, by: By
) -> Enterprise:
    """Raises AnchorNotAllowed, ChainNotOpen."""

    def decide(enterprise: Enterprise, chain: Chain) -> list[Event]:
        return domain.name_anchor(enterprise, chain, from_day=from_day)

    return await _on_chain(enterprise_id, chain_id, decide, expected=expected, conn=conn, by=by)


async def release_anchor(
    enterprise_id: UUID,
    *,
    chain_id: UUID,
    from_day: date,
    reason: str,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> Enterprise:
    def decide(enterprise: Enterprise, chain: Chain) -> list[Event]:
        return domain.release_anchor(enterprise, chain.id, from_day=from_day, reason=reason)

    return await _on_chain(enterprise_id, chain_id, decide, expected=expected, conn=conn, by=by)


async def _on_chain(
    enterprise_id: UUID,
    chain_id: UUID,
    decide: Callable[[Enterprise, Chain], list[Event]],
    *,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> Enterprise:
    await lock_register(conn=conn)
    present = await _locked(enterprise_id, expected=expected, conn=conn)
    chain = (await programme.chains(conn=conn, ids=[chain_id])).get(chain_id)
    if chain is None:
        raise UnknownReference("产业链", chain_id, field="chain_id")
    await require_chains([chain_id], conn=conn, by=by)
    return await _save(present, present.id, decide(present, chain), conn=conn, by=by)


async def _locked(enterprise_id: UUID, *, expected: int | None, conn: AsyncConnection) -> Enterprise:
    await lock_heads([enterprise_id], conn=conn)
    present = (await store.enterprises([enterprise_id], conn=conn)).get(enterprise_id)
    if present is None:
        raise RecordMissing("企业", enterprise_id)
    require_version(enterprise_id, expected=expected, actual=present.version)
    return present


async def _save(
    present: Enterprise | None, id: UUID, events: Sequence[Event], *, conn: AsyncConnection, by: By
) -> Enterprise:
    after = domain.fold(present, events)
    await append([(id, events)], conn=conn, by=by)
    await store.save_enterprises([after], conn=conn)
    return after
