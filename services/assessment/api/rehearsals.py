"""推演: what would be otherwise under another policy or calendar. Asked for, carried out behind, shown."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Self
from uuid import UUID, uuid4

from fastapi import APIRouter, Body, Depends, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import wording
from services.assessment.api.access import Keeper, Office, Page
from services.assessment.domain.directory import Directory
from services.assessment.domain.rehearsal import Case, Counts, Difference, LightOtherwise, Otherwise, Shown, Telling
from services.assessment.policies.document import read_data
from services.assessment.policies.yaml_text import LONGEST
from services.assessment.store import rehearsals as store
from services.assessment.store.rehearsals import Asked, Kept, State
from shared.contracts.supervision import Addressee, CaseEscalated
from shared.kit.errors import Conflict, NotFound
from shared.kit.web.http import Answer, By, page, reading, reply
from shared.kit.web.security import Role
from shared.kit.working_days import YearTable

MOST_SHOWN = 1000
"""Lines of one kind in an answer; the totals are of all."""

LONGEST_YEARS = 5
_STATES = {
    State.WAITING: "等待推演",
    State.RUNNING: "正在推演",
    State.DONE: "已完成",
    State.FAILED: "未能完成",
    State.CANCELLED: "已取消",
}
_SOONEST = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
_Judge = Annotated[AsyncConnection, Depends(reading(Role.REVIEWER, Role.SUPERVISOR, Role.CHIEF, Role.OPERATOR))]
_TOLD = {  # besides rungs, which go by their document
    "cn.liandu.obligation.reminded.v1": "到期前提醒",
    "cn.liandu.case.closed.v1": "办结",
    "cn.liandu.case.reopened.v1": "恢复督办",
    "cn.liandu.commendation.proposed.v1": "拟表扬",
    "cn.liandu.commendation.withdrawn.v1": "撤回拟表扬",
    "cn.liandu.commendation.approved.v1": "表扬",
    "cn.liandu.commendation.struck_off.v1": "撤销表扬",
    "cn.liandu.case.feedback_sent_back.v1": "退办",
    "cn.liandu.obligation.extension_granted.v1": "同意延期",
    "cn.liandu.obligation.extension_refused.v1": "不同意延期",
}
_ACTED = {
    **wording.DEALINGS,
    "cn.liandu.case.feedback_sent_back.v1": "退办",
    "cn.liandu.case.talk_held.v1": "登记约谈",
    "cn.liandu.case.document_signed.v1": "签发文书",
    "cn.liandu.obligation.extension_requested.v1": "申请延期",
    "cn.liandu.obligation.extension_reviewed.v1": "审核延期",
    "cn.liandu.obligation.extension_granted.v1": "同意延期",
    "cn.liandu.obligation.extension_refused.v1": "不同意延期",
    "cn.liandu.case.acknowledged.v1": "签收",
    "cn.liandu.case.feedback_given.v1": "反馈",
    "cn.liandu.obligation.confirmed.v1": "确认存量",
    "cn.liandu.commendation.approved.v1": "同意表扬",
    "cn.liandu.commendation.declined.v1": "不同意表扬",
}


class NoSuchRehearsal(NotFound):
    def __init__(self, rehearsal_id: UUID) -> None:
        super().__init__("没有该次推演", rehearsal_id=str(rehearsal_id))


class HasEnded(Conflict):
    def __init__(self, state: State) -> None:
        super().__init__(f"该次推演{_STATES[state]}，不能取消", state=state)


class Notice(BaseModel):
    """A year's notice as it might be; see `POST /v1/calendar/{year}`."""

    model_config = ConfigDict(extra="forbid")

    year: int
    holidays: list[date] = Field(min_length=1, max_length=200)
    make_up_days: list[date] = Field(default=[], max_length=100)
    source: str = Field(default="推演", max_length=300)

    def table(self) -> YearTable:
        return YearTable(self.year, frozenset(self.holidays), frozenset(self.make_up_days), self.source)


class RehearsalBody(BaseModel):
    """`from_day`: the first day on which what is tried is in force; `to_day`: the last that is compared, at most five
    years later. `policy`: a whole policy document, as its
    YAML (a refusal names the lines) or its JSON; `calendar`: a year's notice; at least one."""

    model_config = ConfigDict(extra="forbid")

    from_day: date = Field(ge=date(2004, 1, 1), le=date(2069, 12, 31))
    to_day: date = Field(ge=date(2004, 1, 1), le=date(2069, 12, 31))
    policy: Annotated[str, Field(max_length=LONGEST)] | dict[str, Any] | None = None
    calendar: Notice | None = None

    @model_validator(mode="after")
    def is_whole(self) -> Self:
        if self.policy is None and self.calendar is None:
            raise ValueError("请给出要推演的督办规则或放假安排")
        if not 0 <= (self.to_day - self.from_day).days <= LONGEST_YEARS * 366:
            raise ValueError(f"截止日期不能早于起始日期，且相距不超过{LONGEST_YEARS}年")
        return self


class RehearsalShown(BaseModel):
    """`facts_done` of `facts`: how far it is. `result`: when it is done; see docs."""

    id: UUID
    state: State
    state_name: str
    from_day: date
    to_day: date
    asked_at: datetime
    asked_by: str
    facts: int | None
    facts_done: int | None
    ended_at: datetime | None
    error: str | None
    result: Mapping[str, Any] | None

    @classmethod
    def of(cls, kept: Kept) -> Self:
        names = set(cls.model_fields) - {"state_name", "asked_by"}
        fields = {name: getattr(kept, name) for name in names}
        return cls(**fields, state_name=_STATES[kept.state], asked_by=wording.signed(kept.asked_by, ""))


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["rehearsals"])

    @routes.post("/v1/rehearsals", status_code=202)
    async def ask(body: Annotated[RehearsalBody, Body()], write: Keeper) -> Response:
        """Try a policy or a calendar on what happened; it goes on behind, ask for the rehearsal again."""
        policy = None if body.policy is None else read_data(body.policy)[1]
        calendar = body.calendar.model_dump(mode="json") if body.calendar and body.calendar.table() else None

        async def work(conn: AsyncConnection, by: By) -> Answer:
            asked = Asked(uuid4(), by.now, by.actor, body.from_day, body.to_day, policy, calendar)
            await store.ask(asked, conn=conn)
            kept = await store.one(asked.id, conn=conn)
            assert kept is not None
            return Answer(RehearsalShown.of(kept), status=202, location=f"/v1/rehearsals/{asked.id}")

        answer = await write(work)
        office.rehearse()
        return answer

    @routes.get("/v1/rehearsals")
    async def list_rehearsals(conn: _Judge, paging: Page) -> Response:
        """The latest first, without what they found."""
        before = paging.start(tuple[datetime, UUID]) or _SOONEST
        kept = await store.page(before=before, limit=paging.limit, conn=conn)
        following = (kept[-1].asked_at, kept[-1].id) if len(kept) == paging.limit else None
        return reply(Answer(page([RehearsalShown.of(one) for one in kept], following)))

    @routes.get("/v1/rehearsals/{rehearsal_id}")
    async def show(rehearsal_id: UUID, conn: _Judge) -> Response:
        """How far it is; when it is done, what would be otherwise."""
        kept = await store.one(rehearsal_id, conn=conn)
        if kept is None:
            raise NoSuchRehearsal(rehearsal_id)
        return reply(Answer(RehearsalShown.of(kept)))

    @routes.post("/v1/rehearsals/{rehearsal_id}:cancel")
    async def cancel(rehearsal_id: UUID, write: Keeper) -> Response:
        """No longer wanted: it ends within seconds."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            kept = await store.one(rehearsal_id, conn=conn)
            if kept is None:
                raise NoSuchRehearsal(rehearsal_id)
            if not await store.end(rehearsal_id, State.CANCELLED, at=by.now, conn=conn):
                raise HasEnded(kept.state)
            ended = await store.one(rehearsal_id, conn=conn)
            assert ended is not None
            return Answer(RehearsalShown.of(ended))

        return await write(work)

    return routes


def found(difference: Difference, directory: Directory) -> dict[str, Any]:
    """What a rehearsal found, as it is kept and shown: counts of both, then line by line, each list with its total."""
    cases = _cases(difference)
    told = {
        "more": [_telling(one, directory) for one in difference.told_more[:MOST_SHOWN]],
        "fewer": [_telling(one, directory) for one in difference.told_fewer[:MOST_SHOWN]],
        "otherwise": [_otherwise(one, directory) for one in difference.told_otherwise[:MOST_SHOWN]],
        "totals": {
            "more": len(difference.told_more),
            "fewer": len(difference.told_fewer),
            "otherwise": len(difference.told_otherwise),
        },
    }
    return {
        "is_nothing": difference.is_nothing,
        "summary": _summary(difference),
        "was": _counts(difference.was),
        "would": _counts(difference.would),
        "cases": cases,
        "told": told,
        "lights": {
            "changed": [_lights(one) for one in difference.lights[:MOST_SHOWN]],
            "total": len(difference.lights),
        },
        "void": {
            "actions": [
                {
                    "on": one.on.isoformat(),
                    "what": _ACTED[one.type],
                    "by": wording.signed(one.by, ""),
                    "reason": one.reason,
                    "aggregate_id": str(one.aggregate_id),
                }
                for one in difference.void[:MOST_SHOWN]
            ],
            "total": len(difference.void),
        },
    }


def _summary(difference: Difference) -> str:
    if difference.is_nothing:
        return "没有差别"
    parts = [
        _more_or_less("督办件", "件", len(difference.cases_more), len(difference.cases_fewer)),
        _more_or_less("消息", "条", len(difference.told_more), len(difference.told_fewer)),
        f"{len(difference.told_otherwise)}条消息的日期或对象不同" if difference.told_otherwise else "",
        f"{len(difference.lights)}个项目的亮灯不同" if difference.lights else "",
        f"{len(difference.void)}项已办理的操作不再适用" if difference.void else "",
    ]
    return "；".join(part for part in parts if part)


def _more_or_less(what: str, unit: str, more: int, fewer: int) -> str:
    parts = [f"多{more}{unit}" if more else "", f"少{fewer}{unit}" if fewer else ""]
    said = "、".join(part for part in parts if part)
    return f"{what}{said}" if said else ""


def _counts(counts: Counts) -> dict[str, Any]:
    return {"cases": counts.cases, "told": counts.told, "by_rung": list(counts.by_rung), "red": counts.red}


def _cases(difference: Difference) -> dict[str, Any]:
    more, fewer = difference.cases_more, difference.cases_fewer
    return {
        "more": [_case(one) for one in more[:MOST_SHOWN]],
        "fewer": [_case(one) for one in fewer[:MOST_SHOWN]],
        "totals": {"more": len(more), "fewer": len(fewer)},
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "case_id": str(case.id),
        "opened_on": case.opened_on.isoformat(),
        "project": case.subject.project_name,
        "milestone": case.subject.milestone_name,
        "due_on": case.subject.due_on.isoformat(),
        "rung": case.rung,
        "closed_on": case.closed_on and case.closed_on.isoformat(),
    }


def _telling(told: Telling, directory: Directory) -> dict[str, Any]:
    return {
        "on": told.on.isoformat(),
        "what": what(told),
        "project": told.subject.project_name,
        "milestone": told.subject.milestone_name,
        "due_on": told.subject.due_on.isoformat(),
        "to": titles((one for one in told.addressees if not one.copy_only), directory),
        "copy": titles((one for one in told.addressees if one.copy_only), directory),
    }


def _otherwise(one: Otherwise, directory: Directory) -> dict[str, Any]:
    was, would = _telling(one.was, directory), _telling(one.would, directory)
    changes = ("on", "to", "copy", "due_on")
    return {**would, "was": {name: was[name] for name in changes if was[name] != would[name]}}


def what(told: Telling) -> str:
    if told.type == CaseEscalated.type and told.document is not None:
        return f"{wording.DOCUMENTS[told.document]}（第{told.rung}级）"
    return _TOLD[told.type]


def titles(addressees: Any, directory: Directory) -> list[str]:
    return [_title(one, directory) for one in addressees]


def _title(addressee: Addressee, directory: Directory) -> str:
    post = directory.posts.get(addressee.post_id)
    return post.title if post else wording.TIERS[addressee.tier]


def _lights(one: LightOtherwise) -> dict[str, Any]:
    return {"project_id": str(one.project_id), "was": _shown(one.was), "would": _shown(one.would)}


def _shown(lights: Sequence[Shown]) -> list[dict[str, str]]:
    return [{"on": one.on.isoformat(), "light": one.light, "light_name": wording.LIGHTS[one.light]} for one in lights]
