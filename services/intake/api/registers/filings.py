"""The yearly filing of registers: what is called for, until when, by whom, and what was filed (S6)."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader, Today
from services.intake.api.answers import Shown
from services.intake.api.bodies import PRINTABLE, Body, Text, WithdrawBody
from services.intake.api.registers.history import history_page
from services.intake.api.registers.registers import Of
from services.intake.api.registers.shapes import Year
from services.intake.api.registers.tasks import TaskShown, tasks_shown
from services.intake.domain.errors import RecordMissing
from services.intake.domain.registers.filings import STATUS_NAMES, Call, Filing, FilingStatus
from services.intake.domain.registers.registers import Register
from services.intake.handlers.registers import filings as handlers
from services.intake.handlers.writing import today as day_of
from services.intake.store.organisation import programme
from services.intake.store.registers import filings as store
from services.intake.store.registers.filings import FilingFilter
from shared.contracts.projects import Source
from shared.kit.web.http import Answer, By, Write, page, reply, writing
from shared.kit.web.security import Role

router = APIRouter(tags=["registers"])
FILINGS = "/v1/registers/{key}/filings"
ONE = FILINGS + "/{filing_id}"

Caller = Annotated[Write, Depends(writing(Role.CLERK, Role.SUPERVISOR))]
Official = Annotated[Write, Depends(writing(Role.CLERK, Role.REVIEWER, Role.CHIEF, Role.SUPERVISOR))]
"""Whoever may hold a post: only the holder of the responsible one files, or 督查室 on its behalf."""


class CallBody(Body):
    """`chain_ids`: none: all chains that the register is for. `due_on`, `responsible_post_id`: where not given, the
    register's own day of the year and each chain's post of the register's tier."""

    year: Year
    chain_ids: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()
    due_on: date | None = None
    responsible_post_id: UUID | None = None
    source: Source = Source.PLAN
    source_document: Annotated[str, Field(max_length=200, pattern=PRINTABLE)] = ""

    def call(self) -> Call:
        return Call(self.year, self.due_on, self.responsible_post_id, self.source, self.source_document)


class FileBody(Body):
    """`reason`: needed where the register has no entries (零申报)."""

    reason: Annotated[str, Field(max_length=2000, pattern=PRINTABLE)] = ""


class FilingChanges(Body):
    """Another due day (then with a reason), another post, or both."""

    due_on: date | None = None
    reason: Text | None = None
    responsible_post_id: UUID | None = None


class FilingShown(Shown):
    """`entries`: how many the register had when it was filed. `task`: what is due, with its responsible post."""

    id: UUID
    register_key: str
    year: int
    chain_id: UUID
    chain_name: str
    status: FilingStatus
    status_name: str
    filed_on: date | None
    entries: int | None
    reason: str
    task: TaskShown
    version: int


class CalledShown(Shown):
    new: int
    items: tuple[FilingShown, ...]


@router.get(FILINGS)
async def list_filings(
    register: Of,
    conn: Reader,
    paging: Page,
    today: Today,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    chain_id: UUID | None = None,
    status: FilingStatus | None = None,
) -> dict[str, Any]:
    """Filings of a register, the latest year first, by chain."""
    wanted = FilingFilter(register.key, year, chain_id, status)
    found = await store.list_filings(wanted, conn=conn, after=paging.start(tuple[int, str]), limit=paging.limit)
    shown = await _shown([filing for _, filing in found], today=today, conn=conn)
    last = (found[-1][1].year, found[-1][0]) if len(found) == paging.limit else None
    return page(shown, last)


@router.post(FILINGS, status_code=201, response_model=CalledShown)
async def call_filings(register: Of, body: CallBody, write: Caller) -> Response:
    """Call on chains to file a register for a year; those called on before are left as they are."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        called = await handlers.call_filings(register, body.call(), chain_ids=body.chain_ids, conn=conn, by=by)
        items = await _shown(called.filings, today=day_of(by), conn=conn)
        return Answer(CalledShown(new=called.new, items=tuple(items)), status=201)

    return await write(work)


@router.get(ONE, response_model=FilingShown)
async def show_filing(register: Of, filing_id: UUID, conn: Reader, today: Today) -> Response:
    filing = await _filing(register, filing_id, conn=conn)
    return reply(await _answer(filing, today=today, conn=conn))


@router.patch(ONE, response_model=FilingShown)
async def revise_filing(register: Of, filing_id: UUID, body: FilingChanges, write: Caller) -> Response:
    """Another due day (with a reason), another post, or both. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        filing = await handlers.revise_filing(
            register,
            filing_id,
            due_on=body.due_on,
            reason=body.reason or "",
            post_id=body.responsible_post_id,
            expected=expected,
            conn=conn,
            by=by,
        )
        return await _answer(filing, today=day_of(by), conn=conn)

    return await write(work)


@router.post(ONE + ":file", response_model=FilingShown)
async def file_register(register: Of, filing_id: UUID, body: FileBody, write: Official) -> Response:
    """State that the register is complete; how many entries it has is counted. None needs a reason."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        filing = await handlers.file_register(
            register, filing_id, reason=body.reason.strip(), expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(filing, today=day_of(by), conn=conn)

    return await write(work)


@router.post(ONE + ":call-off", response_model=FilingShown)
async def call_off_filing(register: Of, filing_id: UUID, body: WithdrawBody, write: Caller) -> Response:
    """The chain need not file, for a reason."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        filing = await handlers.call_off_filing(
            register, filing_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(filing, today=day_of(by), conn=conn)

    return await write(work)


@router.get(ONE + "/history")
async def show_history(register: Of, filing_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of a filing, in order."""
    filing = await _filing(register, filing_id, conn=conn)
    after = paging.start(tuple[int])
    return await history_page(
        filing_id, tasks=filing.tasks.values(), conn=conn, after=after[0] if after else 0, limit=paging.limit
    )


async def _filing(register: Register, filing_id: UUID, *, conn: AsyncConnection) -> Filing:
    filing = (await store.filings([filing_id], conn=conn)).get(filing_id)
    if filing is None or filing.register_key != register.key:
        raise RecordMissing("申报", filing_id)
    return filing


async def _answer(filing: Filing, *, today: date, conn: AsyncConnection) -> Answer:
    (shown,) = await _shown([filing], today=today, conn=conn)
    return Answer(shown, version=shown.version)


async def _shown(filings: Sequence[Filing], *, today: date, conn: AsyncConnection) -> list[FilingShown]:
    chains = await programme.chains(conn=conn, ids={filing.chain_id for filing in filings})
    tasks = await tasks_shown((filing.task for filing in filings), today=today, conn=conn)
    return [
        FilingShown(
            id=filing.id,
            register_key=filing.register_key,
            year=filing.year,
            chain_id=filing.chain_id,
            chain_name=chains[filing.chain_id].name,
            status=filing.status,
            status_name=STATUS_NAMES[filing.status],
            filed_on=filing.filed_on,
            entries=filing.entries,
            reason=filing.reason,
            task=task,
            version=filing.version,
        )
        for filing, task in zip(filings, tasks, strict=True)
    ]
