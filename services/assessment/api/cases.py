"""Cases: lists, one with its rungs, 签收 and 反馈."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import access
from services.assessment.api.access import Now, Office, Official, Page, Reader, Supervisor
from services.assessment.api.answers import CaseInFull, CaseShown
from services.assessment.api.bodies import TEXT, Number, Reason, Remark
from services.assessment.api.story import dealings_of, story_of
from services.assessment.domain import dealing
from services.assessment.domain.case import Case
from services.assessment.domain.dealing import MOST_ASSISTING
from services.assessment.domain.extension import Who
from services.assessment.domain.moments import china_date
from services.assessment.handlers import people
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import queries
from shared.contracts.supervision import ObligationKind
from shared.kit.web.http import Answer, By, Write, page, reply

_START = (datetime(1, 1, 1, tzinfo=UTC), "")


class Listed(StrEnum):
    """`closed`: however far it has come. `completed`: closed, and not struck off yet."""

    OPEN = "open"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    COMPLETED = "completed"
    STRUCK_OFF = "struck_off"
    ARCHIVED = "archived"


class Assignment(BaseModel):
    """`lead_organisation_id`: null for the unit that is responsible for the project."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    lead_organisation_id: UUID | None = None
    assisting_organisation_ids: list[UUID] = Field(default=[], max_length=MOST_ASSISTING)
    reason: str = Field(min_length=1, max_length=2000, pattern=TEXT)


class ToPolicy(Reason):
    """`policy_version`: installed, and in force by now or once."""

    policy_version: str = Field(min_length=1, max_length=100, pattern=TEXT)


class Findings(BaseModel):
    """What was found when the matter was looked at."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    remark: str = Field(min_length=1, max_length=2000, pattern=TEXT)


class Feedback(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field(min_length=1, max_length=2000, pattern=TEXT)
    commitment_on: date


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["cases"])
    knowledge = office.knowledge

    @routes.get("/v1/cases")
    async def list_cases(
        conn: Reader,
        paging: Page,
        now: Now,
        state: Listed | None = None,
        rung: int | None = None,
        kind: ObligationKind | None = None,
        chain: str | None = None,
        project: UUID | None = None,
    ) -> Response:
        """In the order in which they were opened and numbered. `chain`: code or id. `state=closed`: with whatever
        ending."""
        known = await knowledge.read(conn)
        found = await queries.cases(
            conn=conn,
            state=state,
            rung=rung,
            kind=kind,
            chain=chain,
            project=project,
            after=paging.start(tuple[datetime, str]) or _START,
            limit=paging.limit,
        )
        following = (found[-1].opened_at, found[-1].number) if len(found) == paging.limit else None
        shown = [CaseShown.of(row, known, china_date(now)) for row in found]
        return reply(Answer(page(shown, following)))

    @routes.get("/v1/cases/{case_id}")
    async def show_case(case_id: UUID, request: Request, conn: Reader, now: Now) -> Response:
        """A case with its rungs, acknowledgements and feedback, and what comes next if nothing happens."""
        shown = await _in_full(case_id, conn, knowledge, now)
        return reply(Answer(shown, version=shown.version), request)

    @routes.post("/v1/cases/{case_id}:acknowledge")
    async def acknowledge(case_id: UUID, write: Official) -> Response:
        """签收: whoever holds the responsible post or one the case was addressed to; 督查室 on their behalf."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            await people.acknowledge(
                case_id,
                conn=conn,
                now=by.now,
                acting=access.acting(by),
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            shown = await _in_full(case_id, conn, knowledge, by.now)
            return Answer(shown, version=shown.version)

        return await write(work)

    @routes.post("/v1/cases/{case_id}:feedback")
    async def give_feedback(case_id: UUID, body: Feedback, write: Official) -> Response:
        """反馈 with a commitment date: the climb stands still until that day."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            await people.give_feedback(
                case_id,
                text=body.text,
                commitment_on=body.commitment_on,
                conn=conn,
                now=by.now,
                acting=access.acting(by),
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            shown = await _in_full(case_id, conn, knowledge, by.now)
            return Answer(shown, version=shown.version)

        return await write(work)

    @routes.post("/v1/cases/{case_id}/feedback/{number}:send-back")
    async def send_back(case_id: UUID, number: Number, body: Reason, write: Supervisor) -> Response:
        """退办: the feedback is not accepted; the hold that it gave ends, and whoever gave it is told."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            await people.send_back(
                case_id,
                number,
                reason=body.reason,
                conn=conn,
                now=by.now,
                who=access.who(by),
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            shown = await _in_full(case_id, conn, knowledge, by.now)
            return Answer(shown, version=shown.version)

        return await write(work)

    async def deal(case_id: UUID, write: Write, do: Callable[[Case, Desk, Who], None]) -> Response:
        async def work(conn: AsyncConnection, by: By) -> Answer:
            who = access.who(by)
            await people.deal(
                case_id,
                lambda case, desk: do(case, desk, who),
                conn=conn,
                now=by.now,
                actor=by.actor,
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            shown = await _in_full(case_id, conn, knowledge, by.now)
            return Answer(shown, version=shown.version)

        return await write(work)

    @routes.post("/v1/cases/{case_id}:assign")
    async def assign(case_id: UUID, body: Assignment, write: Supervisor) -> Response:
        """交办: who leads and who assists. The heads of those who assist hear of later rungs, and may give feedback."""

        def do(case: Case, desk: Desk, who: Who) -> None:
            dealing.assign(
                case,
                desk,
                lead_org_id=body.lead_organisation_id,
                assisting_org_ids=body.assisting_organisation_ids,
                who=who,
                reason=body.reason,
            )

        return await deal(case_id, write, do)

    @routes.post("/v1/cases/{case_id}:strike-off")
    async def strike_off(case_id: UUID, body: Findings, write: Supervisor) -> Response:
        """销号 of a closed case, by another person than who answers for it."""
        return await deal(
            case_id, write, lambda case, desk, who: dealing.strike_off(case, desk, who=who, remark=body.remark)
        )

    @routes.post("/v1/cases/{case_id}:archive")
    async def archive(case_id: UUID, write: Supervisor, body: Remark | None = None) -> Response:
        """归档 of a case that was struck off: nobody changes anything any more."""
        remark = body.remark if body else ""
        return await deal(case_id, write, lambda case, desk, who: dealing.archive(case, desk, who=who, remark=remark))

    @routes.post("/v1/cases/{case_id}:restore")
    async def restore(case_id: UUID, body: Reason, write: Supervisor) -> Response:
        """恢复督办 of what was closed though it was not done. What counts as met is corrected in record-keeping."""
        return await deal(
            case_id, write, lambda case, desk, who: dealing.restore(case, desk, who=who, reason=body.reason)
        )

    @routes.post("/v1/cases/{case_id}:settle")
    async def settle(case_id: UUID, body: Reason, write: Supervisor) -> Response:
        """办结 of a case that was restored; every other ends when its milestone is met."""
        return await deal(
            case_id, write, lambda case, desk, who: dealing.settle(case, desk, who=who, reason=body.reason)
        )

    @routes.post("/v1/cases/{case_id}:move-to-policy")
    async def move_to_policy(case_id: UUID, body: ToPolicy, write: Supervisor) -> Response:
        """Let the case go by another version of the policy than it began with. Rungs that were reached stay."""
        return await deal(
            case_id,
            write,
            lambda case, desk, who: dealing.move_to_policy(
                case, desk, body.policy_version, who=who, reason=body.reason
            ),
        )

    return routes


async def _in_full(case_id: UUID, conn: AsyncConnection, knowledge: Knowledge, now: datetime) -> CaseInFull:
    known = await knowledge.read(conn)
    row = await queries.case(case_id, conn=conn)
    if row is None:
        raise people.NoSuchCase(case_id)
    rungs, feedback = await story_of(case_id, conn=conn)
    fields = CaseShown.fields_of(row, known, china_date(now))
    dealings = await dealings_of(case_id, conn=conn)
    return CaseInFull(**fields, rungs=rungs, feedback=feedback, dealings=dealings)
