"""Imports carried out part by part, one transaction each: by the request that brought the file, or in its background.

Each part's rows and what became of them are committed together, so that an import that was interrupted goes on where
it was; a loop takes up what nobody has moved on for a while. Two that carry out the same import do no harm: the
import's row is locked, and whoever comes second goes on behind the first.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

from services.intake.handlers.imports.imports import Rehearsal, end_import, take_part
from services.intake.store import imports as store
from services.intake.store.imports import Standing, Status
from services.intake.workbook import isolation
from services.intake.workbook.results import ReadWorkbook
from shared.kit import telemetry
from shared.kit.clock import SystemClock
from shared.kit.database import transaction
from shared.kit.process.declaration import Platform
from shared.kit.transient import Backoff, is_environment, is_transient
from shared.kit.web.http import By
from shared.kit.web.security import Principal

ABANDONED_AFTER = timedelta(seconds=30)
_LOOK_EVERY = 10.0
_ATTEMPTS = 8
_REAL = SystemClock()
_under_way: set[asyncio.Task[None]] = set()


async def carry_out(import_id: UUID, read: ReadWorkbook, *, platform: Platform) -> None:
    """Take what is left of an import, part by part, to its end.

    Raises:
        Exception: what stands in the way; the import is given up (`failed`), unless waiting may mend it.
    """
    rehearsal, backoff, attempts = Rehearsal(read), Backoff(first=0.05, longest=2), 0
    while True:
        try:
            if not await _step(import_id, read, rehearsal, platform=platform):
                return
            attempts = 0
            backoff.reset()
        except Exception as error:
            if not (is_transient(error) or is_environment(error)):
                await _give_up(import_id, platform=platform)
                raise
            attempts += 1
            if attempts == _ATTEMPTS:
                raise
            await backoff.pause()


def carry_out_behind(import_id: UUID, read: ReadWorkbook, *, platform: Platform) -> None:
    """Begin to carry out an import while its caller goes on."""
    task = asyncio.create_task(carry_out(import_id, read, platform=platform), name=f"import {import_id}")
    _under_way.add(task)
    task.add_done_callback(_ended)


async def finish_abandoned(platform: Platform) -> None:
    """A loop: carry on with imports whose process ended under them."""
    while True:
        async with transaction(platform.engine) as conn:
            abandoned = await store.abandoned(before=_REAL.now() - ABANDONED_AFTER, conn=conn)
        for import_id in abandoned:
            await _carry_on(import_id, platform=platform)
        await _REAL.sleep_until(None, at_most=_LOOK_EVERY)


async def _carry_on(import_id: UUID, *, platform: Platform) -> None:
    async with transaction(platform.engine) as conn:
        content = await store.content_of(import_id, conn=conn)
    telemetry.log.info("an import is carried on", import_id=str(import_id))
    try:
        await carry_out(import_id, await isolation.read_workbook(content or b""), platform=platform)
    except Exception as error:
        if is_transient(error):
            raise
        telemetry.log.error("an import failed", import_id=str(import_id), exc_info=error)


async def _step(import_id: UUID, read: ReadWorkbook, rehearsal: Rehearsal, *, platform: Platform) -> bool:
    """One part of an import, in one transaction; whether anything is left."""
    async with transaction(platform.engine) as conn:
        standing = await store.lock(import_id, conn=conn)
        if standing.status is not Status.RUNNING:
            return False
        if standing.total != len(read.rows):
            raise ValueError(
                f"import {import_id} was accepted with {standing.total} rows and reads as {len(read.rows)}"
            )
        if standing.done == standing.total:
            await end_import(read, standing, conn=conn)
            return False
        by, moved_at = _by(standing, platform), _REAL.now()
        if standing.dry_run:
            await rehearsal.take_part(standing, moved_at=moved_at, conn=conn, by=by)
        else:
            await take_part(read, standing, moved_at=moved_at, conn=conn, by=by)
        return True


def _by(standing: Standing, platform: Platform) -> By:
    """Whoever brought the file, at the present moment."""
    name = standing.actor.removesuffix(f" <{standing.subject}>")
    principal = Principal(standing.subject, name, frozenset(), standing.person)
    return By(principal, platform.clock.now(), standing.traceparent)


async def _give_up(import_id: UUID, *, platform: Platform) -> None:
    async with transaction(platform.engine) as conn:
        await store.end(import_id, Status.FAILED, conn=conn)


def _ended(task: asyncio.Task[None]) -> None:
    _under_way.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        telemetry.log.error("an import failed", part=task.get_name(), exc_info=error)
