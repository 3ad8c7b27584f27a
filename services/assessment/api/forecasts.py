"""预演: who hears what on which day, if nobody does anything."""

from datetime import date, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from services.assessment.api import wording
from services.assessment.api.access import Now, Office, Reader
from services.assessment.api.answers import Shown
from services.assessment.api.rehearsals import titles, what
from services.assessment.domain.directory import Directory
from services.assessment.domain.moments import china_date
from services.assessment.domain.rehearsal import Telling
from services.assessment.handlers.forecasting import forecast
from shared.contracts.supervision import LightChanged
from shared.kit.errors import Invalid
from shared.kit.web.http import Answer, reply
from shared.kit.working_days import WorkingCalendar

USUAL = 60
FURTHEST = 400


class StepShown(Shown):
    """`provisional`: the day lies in a year whose holidays are not published yet."""

    on: date
    what: str
    milestone: str
    due_on: date
    to: tuple[str, ...]
    copy_to: tuple[str, ...]
    provisional: bool
    sentence: str

    @classmethod
    def of(cls, told: Telling, directory: Directory, calendar: WorkingCalendar) -> "StepShown":
        to = tuple(titles((one for one in told.addressees if not one.copy_only), directory))
        copy = tuple(titles((one for one in told.addressees if one.copy_only), directory))
        copied = f"，抄送{'、'.join(copy)}" if copy else ""
        provisional = calendar.is_provisional(told.on)
        marked = "（放假安排尚未公布，暂定）" if provisional else ""
        return cls(
            on=told.on,
            what=what(told),
            milestone=told.subject.milestone_name,
            due_on=told.subject.due_on,
            to=to,
            copy_to=copy,
            provisional=provisional,
            sentence=f"{wording.day(told.on)}{marked}：“{told.subject.milestone_name}”"
            f"（{wording.day(told.subject.due_on)}到期）{what(told)}，主送{'、'.join(to)}{copied}",
        )


class LightStep(Shown):
    on: date
    light: str
    light_name: str
    sentence: str

    @classmethod
    def of(cls, changed: LightChanged) -> "LightStep":
        name = wording.LIGHTS[changed.light]
        missed = changed.inputs["month_ends_missed"]
        sentence = f"{wording.day(changed.on)}：已过{missed}个月末仍未开工，开工灯转为{name}"
        return cls(on=changed.on, light=changed.light, light_name=name, sentence=sentence)


class ForecastShown(Shown):
    """If nobody does anything until then; by today's rules, posts and calendar."""

    project_id: UUID
    project: str
    from_day: date
    until: date
    steps: tuple[StepShown, ...]
    lights: tuple[LightStep, ...]


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["forecasts"])

    @routes.get("/v1/projects/{project}/forecast")
    async def show_forecast(
        project: Annotated[str, Path(max_length=60)],
        conn: Reader,
        now: Now,
        until: Annotated[date | None, Query()] = None,
    ) -> Response:
        """Who hears what on which day if nobody does anything. `project`: id or code; `until`: at most 400 days ahead,
        60 when left out."""
        today = china_date(now)
        last = until or today + timedelta(USUAL)
        if not 0 <= (last - today).days <= FURTHEST:
            raise Invalid(f"截止日期应在今天至{FURTHEST}天之内", place="until", value=last.isoformat())
        found = await forecast(project, last, conn=conn, now=now, knowledge=office.knowledge)
        directory, calendar = found.desk.directory, found.desk.known.calendar
        shown = ForecastShown(
            project_id=found.project.id,
            project=found.project.name,
            from_day=today,
            until=last,
            steps=tuple(StepShown.of(one, directory, calendar) for one in found.told),
            lights=tuple(LightStep.of(one) for one in found.lights),
        )
        return reply(Answer(shown))

    return routes
