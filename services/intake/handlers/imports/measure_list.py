"""A workbook of measures: its list taken row by row in one transaction, the measures written out to be edited (S1)."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.fields import FieldType
from services.intake.domain.imports import measure_list as columns
from services.intake.domain.imports.measure_list import Key, MeasureList
from services.intake.domain.registers.measures import ASPECT_NAMES, Measure
from services.intake.domain.terms import SOURCE_NAMES
from services.intake.handlers.imports.imports import Upload
from services.intake.handlers.imports.register_list import (
    edits_of,
    keep,
    names_of,
    post_name,
    require_few,
    results_of,
    row_of,
)
from services.intake.handlers.registers.registers import lock_registers
from services.intake.handlers.writing import append, today
from services.intake.store.organisation import programme
from services.intake.store.registers import measures as store
from services.intake.workbook.register_lists import MEASURES, FieldRows
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By

LIST_KEY = "measures"


async def import_measures(
    upload: Upload, read: FieldRows, *, dry_run: bool, moved_at: datetime, conn: AsyncConnection, by: By
) -> UUID:
    """Take every sound row of a list of measures, and keep the file with what became of each; the import's id."""
    require_few(read)
    if not dry_run:
        await lock_registers(conn=conn)
    present = await _present(read, lock=not dry_run, conn=conn)
    taking = MeasureList(await names_of((), conn=conn, by=by), present, today(by), uuid4)
    outcomes = await asyncio.to_thread(taking.take, [row_of(row) for row in read.rows])
    if not dry_run:
        await append([(measure.id, events) for measure, events in taking.decided], conn=conn, by=by)
        await store.save_measures([measure for measure, _ in taking.decided], conn=conn)
    edits = await edits_of(outcomes, present.values(), taking.decided, partial(rows_of, conn=conn))
    results = results_of(LIST_KEY, MEASURES, read.rows, outcomes, edits, dry_run=dry_run)
    return await keep(upload, read, results, dry_run=dry_run, moved_at=moved_at, conn=conn, by=by)


async def rows_of(measures: Sequence[Measure], *, conn: AsyncConnection) -> list[dict[str, Any]]:
    """Measures as rows of their workbook, by the keys of its columns."""
    organisations = await programme.organisations(conn=conn)
    posts = await programme.posts(conn=conn, ids={measure.task.responsible_post_id for measure in measures})
    return [
        {
            columns.NUMBER: measure.number,
            columns.ASPECT: ASPECT_NAMES[measure.aspect],
            columns.TEXT: measure.text,
            columns.ORG: organisations[measure.task.responsible_org_id].name,
            columns.POST: post_name(posts[measure.task.responsible_post_id], organisations),
            columns.DUE_ON: measure.task.due_on.isoformat(),
            columns.SOURCE: SOURCE_NAMES[measure.source],
            columns.DOCUMENT: measure.source_document,
        }
        for measure in measures
    ]


async def offered(*, conn: AsyncConnection) -> Mapping[FieldType, list[str]]:
    """The names that the workbook offers to choose from."""
    organisations = await programme.organisations(conn=conn)
    posts = (await programme.posts(conn=conn)).values()
    return {
        FieldType.ORG: sorted(organisation.name for organisation in organisations.values()),
        FieldType.POST: sorted(post_name(post, organisations) for post in posts),
    }


async def _present(read: FieldRows, *, lock: bool, conn: AsyncConnection) -> dict[Key, Measure]:
    """The measures that the rows may be about, locked where they are to be written."""
    named = {
        (row.values[columns.DOCUMENT].strip(), row.values[columns.NUMBER])
        for row in read.rows
        if row.values.get(columns.DOCUMENT) and row.values.get(columns.NUMBER) in columns.NUMBERS
    }
    ids = await store.numbered(named, conn=conn)
    if lock:
        await lock_heads(list(ids.values()), conn=conn)
    found = await store.measures(list(ids.values()), conn=conn)
    return {key: found[id] for key, id in ids.items()}
