"""What the list of projects, its file and its workbook are narrowed to: the same for each of them."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query

from services.intake.api.bodies import ChainCode, Day
from services.intake.api.search import Sought
from services.intake.domain.errors import FilterNotAllowed
from services.intake.domain.terms import HoldStatus, ProjectList, money
from services.intake.store.projects.filters import ProjectFilter
from shared.contracts.project_records import CapitalSource
from shared.contracts.projects import ProjectKind, Stage

Code = Annotated[ChainCode | None, Query(description="a chain's code")]
Amount = Annotated[int | None, Query(ge=0, le=10**11, description="whole 万元, included")]
DayAsked = Annotated[Day | None, Query(description="the day is included")]


async def project_filter(
    words: Sought,
    stage: Stage | None = None,
    chain: Code = None,
    responsible_org_id: UUID | None = None,
    hold_status: HoldStatus | None = None,
    in_list: Annotated[ProjectList | None, Query(alias="list")] = None,
    kind: ProjectKind | None = None,
    capital_source: CapitalSource | None = None,
    park_id: UUID | None = None,
    lead_org_id: Annotated[UUID | None, Query(description="牵头单位")] = None,
    assisting_org_id: Annotated[UUID | None, Query(description="one of the 配合单位")] = None,
    parent_project_id: Annotated[UUID | None, Query(description="the 增资 of this project")] = None,
    total_investment_from_wan: Amount = None,
    total_investment_to_wan: Amount = None,
    signed_from: DayAsked = None,
    signed_until: DayAsked = None,
    started_from: DayAsked = None,
    started_until: DayAsked = None,
) -> ProjectFilter:
    """`q`: words of the name, the code, the 项目代码, the investor's name or 统一社会信用代码.

    Raises:
        FilterNotAllowed: an end before its beginning, or too many words.
    """
    _require_rising(total_investment_from_wan, total_investment_to_wan)
    _require_in_order("签约", signed_from, signed_until, field="signed_from")
    _require_in_order("开工", started_from, started_until, field="started_from")
    return ProjectFilter(
        words=words,
        stage=stage,
        chain=chain,
        responsible_org_id=responsible_org_id,
        hold_status=hold_status,
        in_list=in_list,
        kind=kind,
        capital_source=capital_source,
        park_id=park_id,
        lead_org_id=lead_org_id,
        assisting_org_id=assisting_org_id,
        parent_project_id=parent_project_id,
        investment_from_wan=total_investment_from_wan,
        investment_to_wan=total_investment_to_wan,
        signed_from=signed_from,
        signed_until=signed_until,
        started_from=started_from,
        started_until=started_until,
    )


Narrowed = Annotated[ProjectFilter, Depends(project_filter)]


def _require_rising(least_wan: int | None, most_wan: int | None) -> None:
    if least_wan is not None and most_wan is not None and least_wan > most_wan:
        message = f"总投资的下限{money(least_wan)}不能大于上限{money(most_wan)}"
        raise FilterNotAllowed(message, field="total_investment_from_wan")


def _require_in_order(what: str, earliest: date | None, latest: date | None, *, field: str) -> None:
    if earliest and latest and earliest > latest:
        raise FilterNotAllowed(f"{what}时间的起始日{earliest}不能晚于截止日{latest}", field=field)
