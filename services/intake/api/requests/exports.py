"""Enterprise requests and common problems as files for offices: CSV or xlsx."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import READERS, Today
from services.intake.api.files import AT_ONCE, As, files_router, paged, place, sent
from services.intake.api.requests.common_problems import ProblemShown, problems_shown
from services.intake.api.requests.requests import RequestShown, requests_shown
from services.intake.api.search import Sought
from services.intake.domain.requests.common_problems import ProblemStatus
from services.intake.domain.requests.requests import RequestStatus
from services.intake.store.requests import requests as store
from services.intake.store.requests.requests import ProblemFilter, RequestFilter
from services.intake.workbook.tables import Format, Heading, Row
from shared.kit.web.security import Principal, require

Caller = Annotated[Principal, Depends(require(*READERS))]
router = files_router()

REQUESTS = (
    Heading("诉求标题", 30),
    Heading("诉求内容", 50),
    Heading("企业名称", 30),
    Heading("统一社会信用代码", 22),
    Heading("所属产业链", 26),
    Heading("提出日期", 12),
    Heading("责任单位", 24),
    Heading("责任岗位", 20),
    Heading("办理时限", 12),
    Heading("状态", 16),
    Heading("是否超期", 10),
    Heading("答复内容", 50),
    Heading("答复日期", 12),
    Heading("满意度", 12),
)
PROBLEMS = (
    Heading("共性问题", 30),
    Heading("问题内容", 50),
    Heading("所属产业链", 26),
    Heading("诉求件数"),
    Heading("提出日期", 12),
    Heading("责任单位", 24),
    Heading("责任岗位", 20),
    Heading("办理时限", 12),
    Heading("状态", 12),
    Heading("是否超期", 10),
    Heading("答复内容", 50),
    Heading("答复日期", 12),
)


@router.get("/v1/exports/requests")
async def export_requests(
    request: Request,
    caller: Caller,
    today: Today,
    words: Sought,
    made: As = Format.XLSX,
    chain_id: UUID | None = None,
    status: RequestStatus | None = None,
    organisation_id: UUID | None = None,
    due_until: Annotated[date | None, Query(description="to be answered, and due on this day or before")] = None,
) -> StreamingResponse:
    """Enterprise requests in the order in which they were raised."""
    wanted = RequestFilter(chain_id, status, org_id=organisation_id, due_until=due_until, words=words)

    async def read(after: int | None, conn: AsyncConnection) -> tuple[list[Row], int | None]:
        found = await store.list_requests(wanted, conn=conn, after=after, limit=AT_ONCE)
        told = await requests_shown([each for _, each in found], caller=caller, today=today, conn=conn)
        return [_request(item) for item in told], place(found, lambda row: row[0])

    return await sent(made, REQUESTS, paged(request, read), name="企业诉求", day=today)


@router.get("/v1/exports/common-problems")
async def export_problems(
    request: Request,
    today: Today,
    made: As = Format.XLSX,
    chain_id: UUID | None = None,
    status: ProblemStatus | None = None,
) -> StreamingResponse:
    """Common problems in the order in which they were gathered."""
    wanted = ProblemFilter(chain_id, status)

    async def read(after: int | None, conn: AsyncConnection) -> tuple[list[Row], int | None]:
        found = await store.list_problems(wanted, conn=conn, after=after, limit=AT_ONCE)
        told = await problems_shown([each for _, each in found], today=today, conn=conn)
        return [_problem(item) for item in told], place(found, lambda row: row[0])

    return await sent(made, PROBLEMS, paged(request, read), name="共性问题", day=today)


def _request(item: RequestShown) -> Row:
    return [
        item.title,
        item.text,
        item.enterprise_name,
        item.uscc,
        item.chain_name,
        item.raised_on,
        item.responsible_org_name,
        item.responsible_post_title,
        item.due_on,
        item.status_name,
        "超期" if item.late else "",
        item.answer,
        item.answered_on,
        item.satisfaction_name,
    ]


def _problem(item: ProblemShown) -> Row:
    return [
        item.title,
        item.text,
        item.chain_name,
        sum(item.requests.values()),
        item.gathered_on,
        item.responsible_org_name,
        item.responsible_post_title,
        item.due_on,
        item.status_name,
        "超期" if item.late else "",
        item.answer,
        item.answered_on,
    ]
