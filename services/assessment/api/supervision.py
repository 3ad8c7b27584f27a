"""Going live, the policy in force, the working calendar."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api.access import Keeper, Now, Office, Reader, Supervisor
from services.assessment.api.answers import CalendarShown, SupervisionShown, YearInFull, YearShown
from services.assessment.domain.moments import china_date
from services.assessment.handlers import calendar, people, policies
from services.assessment.handlers.known import Knowledge
from services.assessment.store import queries
from shared.kit.web.http import Answer, By, reply
from shared.kit.working_days import FIRST_DAY, LAST_DAY, WorkingCalendar, YearTable, published

Year = Annotated[int, Path(ge=FIRST_DAY.year, le=LAST_DAY.year)]


class Beginning(BaseModel):
    model_config = ConfigDict(extra="forbid")

    on: date


class Notice(BaseModel):
    """A year's notice: days off (weekends may be left out) and weekend days worked (调休)."""

    model_config = ConfigDict(extra="forbid")

    holidays: list[date] = Field(min_length=1, max_length=200)
    make_up_days: list[date] = Field(default=[], max_length=100)
    source: str = Field(min_length=1, max_length=300)


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["supervision"])
    knowledge = office.knowledge

    @routes.get("/v1/supervision")
    async def show_supervision(conn: Reader) -> Response:
        return reply(Answer(await _supervision(conn, knowledge)))

    @routes.post("/v1/supervision:begin")
    async def begin_supervision(body: Beginning, write: Supervisor) -> Response:
        """Go live on this day: what is due before it is a baseline. Without this it is the day of the first run."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            await people.begin_on(body.on, conn=conn, now=by.now, by=by.actor, knowledge=knowledge)
            return Answer(await _supervision(conn, knowledge))

        return await write(work)

    @routes.get("/v1/policy")
    async def show_policy(conn: Reader, now: Now) -> Response:
        """The policy that new cases begin with, as data."""
        known = await knowledge.read(conn)
        return reply(Answer((await policies.installed(known.version_on(china_date(now)), conn=conn)).body))

    @routes.get("/v1/calendar")
    async def show_calendar(conn: Reader, now: Now) -> Response:
        """Which years are published; what is counted in the others is provisional."""
        known = (await knowledge.read(conn)).calendar
        this_year = china_date(now).year
        years = sorted(known.published_years | {this_year, this_year + 1})
        shown = CalendarShown(
            version=known.version,
            years=tuple(_year(year, known) for year in years),
            provisional=tuple(year for year in years if year not in known.published_years),
        )
        return reply(Answer(shown))

    @routes.get("/v1/calendar/{year}")
    async def show_year(year: Year, conn: Reader) -> Response:
        return reply(Answer(_in_full(year, (await knowledge.read(conn)).calendar)))

    @routes.post("/v1/calendar/{year}")
    async def import_year(year: Year, body: Notice, write: Keeper) -> Response:
        """Import a year's notice. What was counted without it is counted again within seconds."""
        table = YearTable(year, frozenset(body.holidays), frozenset(body.make_up_days), body.source)

        async def work(conn: AsyncConnection, by: By) -> Answer:
            await calendar.import_year(table, conn=conn, now=by.now, by=by.actor, knowledge=knowledge)
            return Answer(_in_full(year, published().with_year(table)))

        return await write(work)

    return routes


async def _supervision(conn: AsyncConnection, knowledge: Knowledge) -> SupervisionShown:
    known = await knowledge.read(conn)
    return SupervisionShown(
        began_on=known.began_on,
        began_by=known.began_by,
        baseline=await queries.count_baseline(conn=conn),
        policy_version=known.current.policy.version,
        calendar_version=known.calendar.version,
    )


def _year(year: int, known: WorkingCalendar) -> YearShown:
    table = known.table(year)
    return YearShown(year=year, published=table is not None, source=table.source if table else None)


def _in_full(year: int, known: WorkingCalendar) -> YearInFull:
    table = known.table(year)
    return YearInFull(
        year=year,
        published=table is not None,
        source=table.source if table else None,
        holidays=tuple(sorted(table.holidays)) if table else (),
        make_up_days=tuple(sorted(table.make_up_days)) if table else (),
    )
