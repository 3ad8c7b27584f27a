"""Reading and writing visits, promotion events, agreements, leads and contacts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, delete, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.promotion.promotion import (
    CONTENTS,
    Kind,
    PromotionRecord,
    RecordStatus,
    chains_of,
    day_of,
    orgs_of,
)
from services.intake.store import search, sets
from services.intake.store.promotion import tables
from shared.contracts.promotion import Agreement, Lead
from shared.kit.database import fetch

RECORD = tables.promotion_record.c
NUMBER = tables.contact_number.c
NAMES = ("name", "title", "firm", "uscc")
"""Where the contents of the kinds say what a record is called, and whom it is about."""
POSITION: ColumnElement[int] = literal_column("promotion_record.position", BigInteger)


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """`from_day`, `until_day`: of the record's own day, both included. `words`: of what it is called, or of the firm's
    name or code."""

    kind: Kind
    chain_id: UUID | None = None
    org_id: UUID | None = None
    status: RecordStatus | None = None
    occasion_id: UUID | None = None
    lead_id: UUID | None = None
    project_id: UUID | None = None
    from_day: date | None = None
    until_day: date | None = None
    words: tuple[str, ...] = ()

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[tuple[ColumnElement[Any], object]] = [
            (RECORD.kind, self.kind),
            (RECORD.status, self.status),
            (RECORD.occasion_id, self.occasion_id),
            (RECORD.lead_id, self.lead_id),
            (RECORD.project_id, self.project_id),
        ]
        conditions = [column == value for column, value in wanted if value is not None]
        conditions += [sets.having(RECORD.chain_ids, self.chain_id)] if self.chain_id else []
        conditions += [sets.having(RECORD.org_ids, self.org_id)] if self.org_id else []
        conditions += [RECORD.day >= self.from_day] if self.from_day else []
        conditions += [RECORD.day <= self.until_day] if self.until_day else []
        return conditions + search.all_in([RECORD.content[key].astext for key in NAMES], self.words)


class Grouping(StrEnum):
    """What figures about leads are told by; OCCASION: the visit (its team) or promotion event that found them."""

    CHAIN = "chain"
    ORGANISATION = "organisation"
    OCCASION = "occasion"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class LeadFigures:
    """`key`: an id or a month (2026-04); None: found on no recorded occasion. `found` counts all of them."""

    key: str | None
    found: int
    converted: int
    dropped: int


async def records(ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, PromotionRecord]:
    """These records, of whichever kind, as far as they exist."""
    query = select(tables.promotion_record).where(sets.one_of(RECORD.id, ids))
    return {row.id: _record(row) for row in await conn.execute(query)} if ids else {}


async def list_records(
    wanted: RecordFilter, *, conn: AsyncConnection, after: int | None = None, limit: int
) -> list[tuple[int, PromotionRecord]]:
    """Records in the order in which they were recorded, each with its place in it."""
    query = select(tables.promotion_record, POSITION.label("position")).where(*wanted.conditions())
    query = query.order_by(POSITION).limit(limit)
    if after is not None:
        query = query.where(after < POSITION)
    return [(row.position, _record(row)) for row in await conn.execute(query)]


async def of_project(project_id: UUID, *, conn: AsyncConnection) -> list[PromotionRecord]:
    """The lead that became a project, and the agreements about either."""
    lead = select(RECORD.id).where((RECORD.project_id == project_id) & (RECORD.kind == Kind.LEAD))
    about = (RECORD.project_id == project_id) | RECORD.lead_id.in_(lead)
    query = select(tables.promotion_record).where(about).order_by(POSITION)
    return [_record(row) for row in await conn.execute(query)]


async def outcomes(
    occasion_ids: Collection[UUID], *, conn: AsyncConnection
) -> dict[UUID, dict[tuple[Kind, RecordStatus], int]]:
    """How many leads, agreements and contacts of each status these visits or promotion events led to."""
    query = select(RECORD.occasion_id, RECORD.kind, RECORD.status, func.count())
    query = query.where(sets.one_of(RECORD.occasion_id, occasion_ids))
    found: dict[UUID, dict[tuple[Kind, RecordStatus], int]] = {id: {} for id in occasion_ids}
    for id, kind, status, count in await conn.execute(query.group_by(RECORD.occasion_id, RECORD.kind, RECORD.status)):
        found[id][Kind(kind), RecordStatus(status)] = count
    return found


KEYS: dict[Grouping, ColumnElement[Any]] = {
    Grouping.CHAIN: RECORD.chain_ids[1],
    Grouping.ORGANISATION: RECORD.org_ids[1],
    Grouping.OCCASION: RECORD.occasion_id,
    Grouping.MONTH: func.to_char(RECORD.day, literal_column("'YYYY-MM'")),
}


async def lead_figures(wanted: RecordFilter, by: Grouping, *, conn: AsyncConnection) -> list[LeadFigures]:
    """How many leads were found, and what became of them."""
    key = KEYS[by]
    converted = func.count().filter(RECORD.status == RecordStatus.CONVERTED)
    dropped = func.count().filter(RECORD.status == RecordStatus.ENDED)
    query = select(key.label("key"), func.count(), converted, dropped).where(*wanted.conditions())
    rows = await conn.execute(query.group_by(key).order_by(key))
    return [LeadFigures(str(row.key) if row.key else None, *row[1:]) for row in rows]


UNKNOWN = """
    SELECT '产业链' AS what, 'chain_id' AS field, id FROM unnest($1::uuid[]) AS id
     WHERE id NOT IN (SELECT id FROM chain)
    UNION ALL
    SELECT '单位', 'org_ids', id FROM unnest($2::uuid[]) AS id WHERE id NOT IN (SELECT id FROM organisation)
    UNION ALL
    SELECT '人员', 'person_ids', id FROM unnest($3::uuid[]) AS id WHERE id NOT IN (SELECT id FROM person)
    UNION ALL
    SELECT '招商活动或推介会', 'occasion_id', id FROM unnest($4::uuid[]) AS id
     WHERE NOT EXISTS (SELECT FROM promotion_record AS of WHERE of.id = $4[1] AND of.kind IN ('visit', 'promotion'))
    UNION ALL
    SELECT '线索', 'lead_id', id FROM unnest($5::uuid[]) AS id
     WHERE NOT EXISTS (SELECT FROM promotion_record AS of WHERE of.id = $5[1] AND of.kind = 'lead')
    UNION ALL
    SELECT '项目', 'project_id', id FROM unnest($6::uuid[]) AS id
     WHERE NOT EXISTS (SELECT FROM project WHERE project.id = $6[1])
"""


@dataclass(frozen=True, slots=True)
class References:
    chains: Collection[UUID] = ()
    orgs: Collection[UUID] = ()
    people: Collection[UUID] = ()
    occasion: UUID | None = None
    lead: UUID | None = None
    project: UUID | None = None


async def unknown(named: References, *, conn: AsyncConnection) -> list[tuple[str, str, UUID]]:
    """Those of these records that do not exist: what they would be in Chinese, the field, the id."""
    single = ([id] if id else [] for id in (named.occasion, named.lead, named.project))
    rows = await fetch(conn, UNKNOWN, list(named.chains), list(named.orgs), list(named.people), *single)
    return [(row["what"], row["field"], row["id"]) for row in rows]


LEADS_LIKE = """
    SELECT id FROM promotion_record
     WHERE kind = 'lead' AND (id::text = ANY ($1::text[]) OR content ->> 'name' = ANY ($2::text[])) ORDER BY position
"""


async def leads_like(*, ids: Collection[str], names: Collection[str], conn: AsyncConnection) -> list[UUID]:
    """The leads of these ids or names, in the order in which they were recorded."""
    texts = [id.strip().lower() for id in ids]
    return [row["id"] for row in await fetch(conn, LEADS_LIKE, texts, list(names))]


OCCASIONS_NAMED = """
    SELECT id, content ->> 'name' AS name FROM promotion_record
     WHERE kind IN ('visit', 'promotion') AND status = 'standing' AND content ->> 'name' = ANY ($1::text[])
"""


async def occasions_named(names: Collection[str], *, conn: AsyncConnection) -> dict[str, tuple[UUID, ...]]:
    """The visits and promotion events of these names."""
    found: dict[str, tuple[UUID, ...]] = {}
    for row in await fetch(conn, OCCASIONS_NAMED, list(names)):
        found[row["name"]] = (*found.get(row["name"], ()), row["id"])
    return found


async def numbers(contact_ids: Collection[UUID], *, conn: AsyncConnection) -> dict[UUID, str]:
    """The mobile numbers of these contacts, as far as there are any."""
    query = select(NUMBER.contact_id, NUMBER.mobile).where(sets.one_of(NUMBER.contact_id, contact_ids))
    return {row.contact_id: row.mobile for row in await conn.execute(query)}


async def save_number(contact_id: UUID, mobile: str | None, *, conn: AsyncConnection) -> None:
    """Keep a number, or delete it."""
    if mobile:
        await sets.upsert(tables.contact_number, [{"contact_id": contact_id, "mobile": mobile}], conn=conn)
    else:
        await conn.execute(delete(tables.contact_number).where(NUMBER.contact_id == contact_id))


async def save(records: Sequence[PromotionRecord], *, conn: AsyncConnection) -> None:
    await sets.upsert(tables.promotion_record, [_row(record) for record in records], conn=conn)


def _row(record: PromotionRecord) -> dict[str, Any]:
    content = record.content
    named = content.project_id if isinstance(content, Agreement) else None
    return {
        "id": record.id,
        "version": record.version,
        "kind": record.kind,
        "day": day_of(content),
        "chain_ids": list(chains_of(content)),
        "org_ids": list(orgs_of(content)),
        "occasion_id": getattr(content, "occasion_id", None),
        "lead_id": content.lead_id if isinstance(content, Agreement) else None,
        "project_id": record.project_id if isinstance(content, Lead) else named,
        "status": record.status,
        "reason": record.reason,
        "recorded_by": record.recorded_by,
        "content": content.model_dump(mode="json"),
    }


def _record(row: Row[Any]) -> PromotionRecord:
    kind = Kind(row.kind)
    return PromotionRecord(
        id=row.id,
        content=CONTENTS[kind].model_validate(row.content),
        recorded_by=row.recorded_by,
        status=RecordStatus(row.status),
        reason=row.reason,
        project_id=row.project_id if kind is Kind.LEAD else None,
        version=row.version,
    )
