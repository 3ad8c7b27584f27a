"""Cases: lists, one with its rungs, 签收 and 反馈."""

from datetime import UTC, date, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import access
from services.assessment.api.access import Office, Official, Page, Reader, Supervisor
from services.assessment.api.answers import CaseInFull, CaseShown
from services.assessment.api.bodies import TEXT, Number, Reason
from services.assessment.api.story import story_of
from services.assessment.domain.case import State
from services.assessment.handlers import people
from services.assessment.handlers.known import Knowledge
from services.assessment.store import queries
from shared.kit.web.http import Answer, By, page, reply

_START = (datetime(1, 1, 1, tzinfo=UTC), "")


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
        state: State | None = None,
        rung: int | None = None,
        chain: str | None = None,
        project: UUID | None = None,
    ) -> Response:
        """In the order in which they were opened and numbered. `chain`: code or id."""
        known = await knowledge.read(conn)
        found = await queries.cases(
            conn=conn,
            state=state,
            rung=rung,
            chain=chain,
            project=project,
            after=paging.start(tuple[datetime, str]) or _START,
            limit=paging.limit,
        )
        following = (found[-1].opened_at, found[-1].number) if len(found) == paging.limit else None
        shown = [CaseShown.of(row, known.by_version[row.policy_version]) for row in found]
        return reply(Answer(page(shown, following)))

    @routes.get("/v1/cases/{case_id}")
    async def show_case(case_id: UUID, request: Request, conn: Reader) -> Response:
        """A case with its rungs, acknowledgements and feedback, and what comes next if nothing happens."""
        shown = await _in_full(case_id, conn, knowledge)
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
            shown = await _in_full(case_id, conn, knowledge)
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
            shown = await _in_full(case_id, conn, knowledge)
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
            shown = await _in_full(case_id, conn, knowledge)
            return Answer(shown, version=shown.version)

        return await write(work)

    return routes


async def _in_full(case_id: UUID, conn: AsyncConnection, knowledge: Knowledge) -> CaseInFull:
    known = await knowledge.read(conn)
    row = await queries.case(case_id, conn=conn)
    if row is None:
        raise people.NoSuchCase(case_id)
    rungs, feedback = await story_of(case_id, conn=conn)
    fields = CaseShown.fields_of(row, known.by_version[row.policy_version])
    return CaseInFull(**fields, rungs=rungs, feedback=feedback)
