"""Registers of the programme (S6–S8): what there are, their entries, reviews, and lists that are frozen.

What an entry holds follows from its register's definition, so that another register is data.
"""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake import reference
from services.intake.api.access import Clerk, Page, Reader, Reviewer
from services.intake.api.bodies import OpinionBody, WithdrawBody
from services.intake.api.registers.history import history_page
from services.intake.api.registers.shapes import (
    EntryBody,
    EntryChanges,
    EntryShown,
    FrozenShown,
    PresentShown,
    RegisterShown,
    YearListShown,
    plain_fields,
    total_of,
)
from services.intake.api.search import Sought
from services.intake.domain.errors import RecordMissing
from services.intake.domain.fields import FieldType
from services.intake.domain.registers.entries import Entry, EntryStatus
from services.intake.domain.registers.registers import Register
from services.intake.handlers.registers import registers as handlers
from services.intake.store.organisation import programme
from services.intake.store.registers import registers as store
from services.intake.store.registers.registers import EntryFilter, Frozen
from shared.kit.web.http import Answer, By, Write, page, reply, writing
from shared.kit.web.security import Role

router = APIRouter(tags=["registers"])
ENTRIES = "/v1/registers/{key}/entries"
ONE = ENTRIES + "/{entry_id}"
LIST = "/v1/registers/{key}/lists/{year}"

Head = Annotated[Write, Depends(writing(Role.SUPERVISOR, Role.CHIEF))]
Key = Annotated[str, Path(max_length=40, pattern=r"^[a-z_]+$", description="a register's key")]
YearOf = Annotated[int, Path(ge=2000, le=2100)]


def register_of(key: Key) -> Register:
    """The register of the path; raises RecordMissing."""
    register = reference.registers().get(key)
    if register is None:
        raise RecordMissing("台账", key)
    return register


Of = Annotated[Register, Depends(register_of)]


@router.get("/v1/registers")
async def list_registers(conn: Reader) -> dict[str, Any]:
    """All registers with their definitions; there are few, so it is one page."""
    return page([RegisterShown.of(register) for register in reference.registers().values()], None)


@router.get("/v1/registers/{key}", response_model=RegisterShown)
async def show_register(register: Of, conn: Reader) -> RegisterShown:
    return RegisterShown.of(register)


@router.get(ENTRIES)
async def list_entries(
    register: Of,
    conn: Reader,
    paging: Page,
    words: Sought,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None,
    chain_id: UUID | None = None,
    status: EntryStatus | None = None,
    project_id: UUID | None = None,
) -> dict[str, Any]:
    """Entries in the order in which they were recorded.

    `q`: words of their texts, codes and partners, or of the name or code of the project that they are about.
    """
    wanted = EntryFilter(
        register.key,
        year,
        chain_id,
        None if status is None else (status,),
        project_id,
        words=words,
        texts_in=register.keys_of(FieldType.TEXT, FieldType.USCC),
        partners_in=register.keys_of(FieldType.PARTNERS),
    )
    after = paging.start(tuple[int])
    found = await store.list_entries(wanted, conn=conn, after=after[0] if after else None, limit=paging.limit)
    shown = await entries_shown(register, [entry for _, entry in found], conn=conn)
    return page(shown, (found[-1][0],) if len(found) == paging.limit else None)


@router.post(ENTRIES, status_code=201, response_model=EntryShown)
async def record_entry(register: Of, body: EntryBody, write: Clerk) -> Response:
    """Record an entry; in a register with review (引领性项目库), nominate a project for the chain's 专班."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        entry = await handlers.record_entry(register, body.entry(), conn=conn, by=by)
        return await _answer(register, entry, conn=conn, status=201)

    return await write(work)


@router.get(ONE, response_model=EntryShown)
async def show_entry(register: Of, entry_id: UUID, conn: Reader) -> Response:
    entry = await _entry(register, entry_id, conn=conn)
    # Without the request, so never a 304: the names that it shows change without it.
    return reply(await _answer(register, entry, conn=conn))


@router.patch(ONE, response_model=EntryShown)
async def revise_entry(register: Of, entry_id: UUID, body: EntryChanges, write: Clerk) -> Response:
    """Set fields anew; a nomination that was let in is reviewed again. Needs If-Match."""
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        changes = plain_fields(body.fields)
        entry = await handlers.revise_entry(register, entry_id, changes, expected=expected, conn=conn, by=by)
        return await _answer(register, entry, conn=conn)

    return await write(work)


@router.post(ONE + ":withdraw", response_model=EntryShown)
async def withdraw_entry(register: Of, entry_id: UUID, body: WithdrawBody, write: Clerk) -> Response:
    """Take an entry out of the register, for a reason; it stays on record."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        entry = await handlers.withdraw_entry(
            register, entry_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(register, entry, conn=conn)

    return await write(work)


@router.post(ONE + ":accept", response_model=EntryShown)
async def accept_entry(register: Of, entry_id: UUID, body: OpinionBody, write: Reviewer) -> Response:
    """Let a nomination in. Who nominated or revised it does not review it."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        entry = await handlers.accept_entry(
            register, entry_id, opinion=body.opinion, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(register, entry, conn=conn)

    return await write(work)


@router.post(ONE + ":refuse", response_model=EntryShown)
async def refuse_entry(register: Of, entry_id: UUID, body: WithdrawBody, write: Reviewer) -> Response:
    """Keep a nomination out, for a reason."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        entry = await handlers.refuse_entry(
            register, entry_id, reason=body.reason, expected=write.expected_version, conn=conn, by=by
        )
        return await _answer(register, entry, conn=conn)

    return await write(work)


@router.get(ONE + "/history")
async def show_history(register: Of, entry_id: UUID, conn: Reader, paging: Page) -> dict[str, Any]:
    """Every fact of an entry, in order."""
    await _entry(register, entry_id, conn=conn)
    after = paging.start(tuple[int])
    return await history_page(
        entry_id, register=register, conn=conn, after=after[0] if after else 0, limit=paging.limit
    )


@router.get(LIST, response_model=YearListShown)
async def show_list(register: Of, year: YearOf, conn: Reader) -> Response:
    """A year's list as it was frozen, and beside it what stands in the register now."""
    frozen = await store.frozen(register.key, year, conn=conn)
    return reply(Answer(await _year_list(register, year, frozen, conn=conn)))


@router.post(LIST + ":freeze", status_code=201, response_model=YearListShown)
async def freeze_list(register: Of, year: YearOf, write: Head) -> Response:
    """Decide a year's list as it stands, once; later facts do not touch it (S8)."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        frozen = await handlers.freeze_list(register, year, conn=conn, by=by)
        shown = await _year_list(register, year, frozen, conn=conn)
        return Answer(shown, status=201, location=f"/v1/registers/{register.key}/lists/{year}")

    return await write(work)


async def entries_shown(register: Register, entries: Sequence[Entry], *, conn: AsyncConnection) -> list[EntryShown]:
    texts = await handlers.texts_of(register, entries, conn=conn)
    chains = await programme.chains(conn=conn, ids={entry.chain_id for entry in entries})
    return [EntryShown.of(entry, chain_name=chains[entry.chain_id].name, texts=texts[entry.id]) for entry in entries]


async def _answer(register: Register, entry: Entry, *, conn: AsyncConnection, status: int = 200) -> Answer:
    (shown,) = await entries_shown(register, [entry], conn=conn)
    location = f"/v1/registers/{register.key}/entries/{entry.id}"
    return Answer(shown, status=status, version=entry.version, location=location)


async def _entry(register: Register, entry_id: UUID, *, conn: AsyncConnection) -> Entry:
    entry = (await store.entries([entry_id], conn=conn)).get(entry_id)
    if entry is None or entry.register_key != register.key:
        raise RecordMissing("条目", entry_id)
    return entry


async def _year_list(register: Register, year: int, frozen: Frozen | None, *, conn: AsyncConnection) -> YearListShown:
    register.require_year(year)
    wanted = EntryFilter(register.key, year=year, statuses=(EntryStatus.STANDING,))
    standing = [entry for _, entry in await store.list_entries(wanted, conn=conn)]
    present = await handlers.frozen_entries(register, standing, conn=conn)
    return YearListShown(
        register_key=register.key,
        name=register.name,
        year=year,
        frozen=FrozenShown.of(frozen) if frozen else None,
        present=PresentShown(count=len(present), total_investment_wan=total_of(present), entries=present),
    )
