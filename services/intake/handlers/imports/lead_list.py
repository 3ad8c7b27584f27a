"""A workbook of leads: its list taken row by row in one transaction, the leads written out to be edited (S13)."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.fields import FieldType
from services.intake.domain.imports import lead_list as columns
from services.intake.domain.imports.lead_list import LeadList
from services.intake.domain.imports.register_list import CHAIN, ID
from services.intake.domain.promotion.promotion import PromotionRecord
from services.intake.handlers.imports.imports import Upload
from services.intake.handlers.imports.register_list import (
    edits_of,
    keep,
    names_of,
    open_chains,
    require_few,
    results_of,
    row_of,
)
from services.intake.handlers.standing import own_chains
from services.intake.handlers.writing import append, today
from services.intake.store.organisation import programme
from services.intake.store.promotion import promotion as store
from services.intake.workbook.lead_lists import LEADS
from services.intake.workbook.register_lists import FieldRows
from shared.contracts.promotion import Lead
from shared.kit.database import advisory_key, fetch
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By

LIST_KEY = "leads"
LOCK = advisory_key("intake", "leads")


async def import_leads(
    upload: Upload, read: FieldRows, *, dry_run: bool, moved_at: datetime, conn: AsyncConnection, by: By
) -> UUID:
    """Take every sound row of a list of leads, and keep the file with what became of each; the import's id."""
    require_few(read)
    if not dry_run:
        # One list at a time: the same list sent twice at once would record each of its leads twice.
        await fetch(conn, "SELECT pg_advisory_xact_lock($1)", LOCK)
    present = await _present(read, lock=not dry_run, conn=conn)
    taking = LeadList(
        await names_of((), conn=conn, by=by),
        present,
        await store.occasions_named(_texts(read, columns.OCCASION), conn=conn),
        await own_chains(conn=conn, by=by),
        today(by),
        by.principal.subject,
        uuid4,
    )
    outcomes = await asyncio.to_thread(taking.take, [row_of(row) for row in read.rows])
    if not dry_run:
        await append([(lead.id, events) for lead, events in taking.decided], conn=conn, by=by)
        await store.save([lead for lead, _ in taking.decided], conn=conn)
    edits = await edits_of(outcomes, present, taking.decided, partial(rows_of, conn=conn))
    results = results_of(LIST_KEY, LEADS, read.rows, outcomes, edits, dry_run=dry_run)
    return await keep(upload, read, results, dry_run=dry_run, moved_at=moved_at, conn=conn, by=by)


async def rows_of(leads: Sequence[PromotionRecord], *, conn: AsyncConnection) -> list[dict[str, Any]]:
    """Leads as rows of their workbook, by the keys of its columns."""
    chains = await programme.chains(conn=conn)
    organisations = await programme.organisations(conn=conn)
    contents = {lead.id: lead.content for lead in leads if isinstance(lead.content, Lead)}
    occasions = await store.records({each.occasion_id for each in contents.values() if each.occasion_id}, conn=conn)
    names: Mapping[UUID | None, str] = {id: getattr(each.content, "name", "") for id, each in occasions.items()}
    return [
        {
            **{key: getattr(lead, key) for key in (columns.NAME, columns.FIRM, columns.USCC, columns.EXPECTED)},
            columns.COUNTRY: lead.country or None,
            columns.ABOUT: lead.about or None,
            CHAIN: chains[lead.chain_id].name,
            columns.ORG: organisations[lead.responsible_org_id].name,
            columns.FOUND_ON: lead.found_on.isoformat(),
            columns.OCCASION: names.get(lead.occasion_id),
            ID: str(id),
        }
        for id, lead in contents.items()
    ]


async def offered(*, conn: AsyncConnection) -> Mapping[FieldType, list[str]]:
    """The names that the workbook offers to choose from."""
    organisations = (await programme.organisations(conn=conn)).values()
    return {
        FieldType.CHAIN: [chain.name for chain in await open_chains(conn=conn)],
        FieldType.ORG: sorted(organisation.name for organisation in organisations),
    }


async def _present(read: FieldRows, *, lock: bool, conn: AsyncConnection) -> list[PromotionRecord]:
    """The leads that the rows may be about, locked where they are to be written."""
    ids = await store.leads_like(ids=_texts(read, ID), names=_texts(read, columns.NAME), conn=conn)
    if lock:
        await lock_heads(ids, conn=conn)
    return list((await store.records(ids, conn=conn)).values())


def _texts(read: FieldRows, key: str) -> set[str]:
    return {row.values[key] for row in read.rows if row.values.get(key)}
