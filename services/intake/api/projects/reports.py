"""Monthly reports of projects: pre-filled, checked, submitted by the post that answers for them."""

from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.access import Page, Reader
from services.intake.api.answers import Shown
from services.intake.api.bodies import Body, ChainCode, Text
from services.intake.api.projects.showing import OneProject
from services.intake.domain.projects import reports as domain
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.reports import Figures, Report
from services.intake.handlers.projects import reports as handlers
from services.intake.store.projects import profiles
from services.intake.store.projects import reports as store
from services.intake.store.projects.reports import Due
from shared.kit.web.http import Answer, By, Write, page, reply, writing
from shared.kit.web.security import Role

router = APIRouter(tags=["reports"])
OF_PROJECT = "/v1/projects/{project_id}/reports"
ONE = OF_PROJECT + "/{month}"

Reporter = Annotated[Write, Depends(writing(Role.CLERK, Role.REVIEWER, Role.CHIEF, Role.SUPERVISOR))]
"""Whoever may hold a post: only the holder of the reporting one reports, or 督查室 on its behalf."""

Amount = Annotated[int, Field(ge=0, le=10**11, description="whole 万元")]
MONTH = r"^(20\d\d)-(0[1-9]|1[0-2])$"
MonthText = Annotated[str, Path(pattern=MONTH, description="as 2026-03")]


def month_of(month: MonthText) -> date:
    """The first day of the month in the path."""
    return date.fromisoformat(f"{month}-01")


Month = Annotated[date, Depends(month_of)]


class ReportBody(Body):
    """As it stands at the month's end. `completed_to_date_wan`: left out, it is last month's sum plus this month."""

    completed_in_month_wan: Amount
    completed_to_date_wan: Amount | None = None
    funds_in_place_wan: Amount
    visual_progress: Text

    def figures(self) -> Figures:
        return Figures(**self.model_dump())


class ReportShown(Shown):
    """`annual_plan_wan`: 年度计划投资 of the month's year; `submitted`: false for what is offered to be filled in."""

    project_id: UUID
    month: str
    submitted: bool
    completed_in_month_wan: int
    completed_to_date_wan: int
    funds_in_place_wan: int
    visual_progress: str
    total_investment_wan: int
    annual_plan_wan: int | None
    reporting_post_id: UUID | None
    reported_on: date | None
    reported_by: str | None
    version: int

    @classmethod
    def of(cls, project: Project, month: date, figures: Figures | Report, *, profile: Any) -> Self:
        made = figures if isinstance(figures, Report) else None
        return cls(
            project_id=project.id,
            month=f"{month:%Y-%m}",
            submitted=made is not None,
            completed_in_month_wan=figures.completed_in_month_wan,
            completed_to_date_wan=figures.completed_to_date_wan or 0,
            funds_in_place_wan=figures.funds_in_place_wan,
            visual_progress=figures.visual_progress,
            total_investment_wan=project.total_investment_wan,
            annual_plan_wan=profile.plan_of(month.year),
            reporting_post_id=profile.reporting_post_id,
            reported_on=made and made.reported_on,
            reported_by=made and made.actor,
            version=project.version,
        )


class DueShown(Shown):
    """A project's line in a month's table; `submitted`: false where the figures are only offered."""

    project_id: UUID
    code: str
    name: str
    responsible_org_name: str
    total_investment_wan: int
    annual_plan_wan: int | None
    reporting_post_id: UUID | None
    submitted: bool
    completed_in_month_wan: int
    completed_to_date_wan: int
    funds_in_place_wan: int
    visual_progress: str

    @classmethod
    def of(cls, due: Due) -> Self:
        figures = due.report or domain.prefilled(due.last)
        return cls(
            **{name: getattr(due, name) for name in cls.model_fields if hasattr(due, name)},
            submitted=due.report is not None,
            completed_in_month_wan=figures.completed_in_month_wan,
            completed_to_date_wan=figures.completed_to_date_wan or 0,
            funds_in_place_wan=figures.funds_in_place_wan,
            visual_progress=figures.visual_progress,
        )


@router.get("/v1/reports/{month}")
async def list_month(
    month: Month,
    conn: Reader,
    paging: Page,
    chain: Annotated[ChainCode | None, Query(description="a chain's code")] = None,
    submitted: Annotated[bool | None, Query(description="false: those that have not reported yet")] = None,
    responsible_org_id: UUID | None = None,
) -> dict[str, Any]:
    """The projects that report a month, by code: each with its report, or what is offered to be filled in."""
    after = paging.start(tuple[str])
    found = await store.due(
        month,
        chain=chain,
        submitted=submitted,
        responsible_org_id=responsible_org_id,
        after=after[0] if after else None,
        limit=paging.limit,
        conn=conn,
    )
    shown = [DueShown.of(item) for item in found]
    return page(shown, (found[-1].code,) if len(found) == paging.limit else None)


@router.get(OF_PROJECT)
async def list_reports(project: OneProject, conn: Reader, paging: Page) -> dict[str, Any]:
    """A project's reports, the latest month first."""
    after = paging.start(tuple[date])
    found = await store.of_project(project.id, before=after[0] if after else None, limit=paging.limit, conn=conn)
    profile = await profiles.load(project.id, conn=conn)
    shown = [ReportShown.of(project, item.month, item, profile=profile) for item in found]
    return page(shown, (found[-1].month,) if len(found) == paging.limit else None)


@router.get(ONE, response_model=ReportShown)
async def show_report(project: OneProject, month: Month, conn: Reader) -> Response:
    """A month's report; where there is none yet, it is offered with what was reported last (`submitted` is false)."""
    present = await store.of_project(project.id, conn=conn)
    made = next((item for item in present if item.month == month), None)
    figures = made or domain.prefilled(domain.last_before(month, present))
    profile = await profiles.load(project.id, conn=conn)
    return reply(Answer(ReportShown.of(project, month, figures, profile=profile), version=project.version))


@router.put(ONE, response_model=ReportShown)
async def report_month(project_id: UUID, month: Month, body: ReportBody, write: Reporter) -> Response:
    """Report a month. Sums never go back, nor beyond the total; an earlier month than the latest is corrected first."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        project, made = await handlers.report_month(
            project_id, month, body.figures(), expected=write.expected_version, conn=conn, by=by
        )
        profile = await profiles.load(project_id, conn=conn)
        return Answer(ReportShown.of(project, month, made, profile=profile), version=project.version)

    return await write(work)
