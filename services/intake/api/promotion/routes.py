"""What the routes of visits, promotion events, agreements, leads and contacts have in common."""

from typing import Any
from uuid import UUID

from fastapi import Response
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.promotion.shapes import shown
from services.intake.api.promotion.wording import SENTENCES
from services.intake.api.subject_history import history_page
from services.intake.domain.errors import RecordMissing
from services.intake.domain.promotion.promotion import WORDS, Content, Kind, PromotionRecord
from services.intake.handlers import promotion as handlers
from services.intake.store.promotion import promotion as store
from services.intake.store.promotion.promotion import RecordFilter
from shared.kit.web.http import Answer, By, Paging, Write, page, reply

PATHS = {
    Kind.VISIT: "/v1/visits",
    Kind.PROMOTION: "/v1/promotions",
    Kind.AGREEMENT: "/v1/agreements",
    Kind.LEAD: "/v1/leads",
    Kind.CONTACT: "/v1/contacts",
}


async def list_page(wanted: RecordFilter, *, paging: Paging, conn: AsyncConnection) -> dict[str, Any]:
    """A page of records, in the order in which they were recorded."""
    after = paging.start(tuple[int])
    found = await store.list_records(wanted, conn=conn, after=after[0] if after else None, limit=paging.limit)
    items = await shown([record for _, record in found], conn=conn)
    return page(items, (found[-1][0],) if len(found) == paging.limit else None)


async def one(kind: Kind, record_id: UUID, *, conn: AsyncConnection) -> PromotionRecord:
    """Raises RecordMissing."""
    record = (await store.records([record_id], conn=conn)).get(record_id)
    if record is None or record.kind is not kind:
        raise RecordMissing(WORDS[kind].name, record_id)
    return record


async def show(kind: Kind, record_id: UUID, *, conn: AsyncConnection) -> Response:
    return reply(await answer(await one(kind, record_id, conn=conn), conn=conn))


async def record(content: Content, write: Write, *, mobile: str | None = None) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        made = await handlers.record(content, mobile=mobile, conn=conn, by=by)
        return await answer(made, conn=conn, status=201)

    return await write(work)


async def revise(record_id: UUID, content: Content, write: Write, *, mobile: str | None = None) -> Response:
    expected = write.require_version()

    async def work(conn: AsyncConnection, by: By) -> Answer:
        revised = await handlers.revise(record_id, content, mobile=mobile, expected=expected, conn=conn, by=by)
        return await answer(revised, conn=conn)

    return await write(work)


async def end(kind: Kind, record_id: UUID, reason: str, write: Write) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        ended = await handlers.end(kind, record_id, reason=reason, expected=write.expected_version, conn=conn, by=by)
        return await answer(ended, conn=conn)

    return await write(work)


async def history(kind: Kind, record_id: UUID, *, paging: Paging, conn: AsyncConnection) -> dict[str, Any]:
    """Every fact of a record, in order: when, who, what."""
    await one(kind, record_id, conn=conn)
    return await history_page(record_id, SENTENCES, paging=paging, conn=conn)


async def answer(record: PromotionRecord, *, conn: AsyncConnection, status: int = 200) -> Answer:
    (body,) = await shown([record], conn=conn)
    return Answer(body, status=status, version=record.version, location=f"{PATHS[record.kind]}/{record.id}")
