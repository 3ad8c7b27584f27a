"""What 招商 records, as files for offices: CSV or xlsx. Mobile numbers leave in none."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from fastapi import Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Today
from services.intake.api.files import AT_ONCE, As, files_router, paged, place, sent
from services.intake.api.promotion.shapes import (
    AgreementShown,
    ContactShown,
    LeadShown,
    Named,
    PromotionShown,
    VisitShown,
    shown,
)
from services.intake.api.search import Sought
from services.intake.domain.promotion.promotion import WORDS, Kind, RecordStatus
from services.intake.store.promotion import promotion as store
from services.intake.store.promotion.promotion import RecordFilter
from services.intake.workbook.tables import Format, Heading, Row

router = files_router()

_STATUS = (Heading("状态", 12), Heading("备注", 24))
HEADINGS: Mapping[Kind, tuple[Heading, ...]] = {
    Kind.VISIT: (
        Heading("招商活动", 30),
        Heading("开始日期", 12),
        Heading("结束日期", 12),
        Heading("地点", 24),
        Heading("组团单位", 40),
        Heading("产业链", 30),
        Heading("会见", 40),
        Heading("发现线索"),
        Heading("转为项目"),
        *_STATUS,
    ),
    Kind.PROMOTION: (
        Heading("推介会", 30),
        Heading("日期", 12),
        Heading("地点", 24),
        Heading("主办单位", 24),
        Heading("产业链", 30),
        Heading("参会企业", 12),
        Heading("签署协议", 12),
        Heading("发现线索"),
        *_STATUS,
    ),
    Kind.AGREEMENT: (
        Heading("协议名称", 30),
        Heading("类型", 14),
        Heading("签约方", 40),
        Heading("签署日期", 12),
        Heading("意向投资（万元）", 16),
        Heading("签署场合", 30),
        Heading("涉及线索", 30),
        Heading("涉及项目", 30),
        *_STATUS,
    ),
    Kind.LEAD: (
        Heading("线索名称", 30),
        Heading("企业", 30),
        Heading("国别", 10),
        Heading("所属产业链", 26),
        Heading("跟进单位", 24),
        Heading("发现日期", 12),
        Heading("来源活动", 30),
        Heading("预计投资（万元）", 16),
        Heading("转为项目", 30),
        *_STATUS,
    ),
    Kind.CONTACT: (Heading("姓名", 12), Heading("企业", 30), Heading("职务", 20), Heading("来源活动", 30), *_STATUS),
}


@router.get("/v1/exports/promotion/{kind}")
async def export_records(
    kind: Kind,
    request: Request,
    today: Today,
    words: Sought,
    made: As = Format.XLSX,
    chain_id: UUID | None = None,
    organisation_id: UUID | None = None,
    status: RecordStatus | None = None,
    from_day: date | None = None,
    until_day: date | None = None,
) -> StreamingResponse:
    """Visits, promotion events, agreements, leads or contacts, in the order in which they were recorded."""
    wanted = RecordFilter(kind, chain_id, organisation_id, status, from_day=from_day, until_day=until_day, words=words)

    async def read(after: int | None, conn: AsyncConnection) -> tuple[list[Row], int | None]:
        found = await store.list_records(wanted, conn=conn, after=after, limit=AT_ONCE)
        told = await shown([record for _, record in found], conn=conn)
        rows: list[Row] = [[*ROWS[type(item)](item), item.status_name, item.reason] for item in told]
        return rows, place(found, lambda row: row[0])

    return await sent(made, HEADINGS[kind], paged(request, read), name=WORDS[kind].name, day=today)


def _visit(item: VisitShown) -> list[Any]:
    places = "、".join(f"{place.country}{place.city}" for place in item.places)
    met = "、".join(met.name for met in item.met)
    of = item.outcomes
    units, chains = _joined(item.organisations), _joined(item.chains)
    return [item.name, item.from_day, item.until_day, places, units, chains, met, of.leads, of.converted]


def _promotion(item: PromotionShown) -> list[Any]:
    where = f"{item.place.country}{item.place.city}{item.venue}"
    chains = _joined(item.chains)
    return [
        item.name,
        item.from_day,
        where,
        item.organiser_name,
        chains,
        item.firms,
        item.agreements,
        item.outcomes.leads,
    ]


def _agreement(item: AgreementShown) -> list[Any]:
    parties = "、".join(party.name for party in item.parties)
    about = [item.occasion_name, item.lead_name, item.project_name]
    return [item.title, item.kind_name, parties, item.signed_on, item.amount_wan, *about]


def _lead(item: LeadShown) -> list[Any]:
    whose = [_joined(item.chains), _joined(item.organisations)]
    found = [item.found_on, item.occasion_name, item.expected_wan, item.project_name]
    return [item.name, item.firm, item.country, *whose, *found]


def _contact(item: ContactShown) -> list[Any]:
    return [item.name, item.firm, item.title, item.occasion_name]


def _joined(named: tuple[Named, ...]) -> str:
    return "、".join(each.name for each in named)


ROWS: Mapping[type, Callable[[Any], list[Any]]] = {
    VisitShown: _visit,
    PromotionShown: _promotion,
    AgreementShown: _agreement,
    LeadShown: _lead,
    ContactShown: _contact,
}
