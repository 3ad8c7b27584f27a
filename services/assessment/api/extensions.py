"""延期: asked for, reviewed, approved or refused; the queue of what waits."""

from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import access
from services.assessment.api.access import (
    Office,
    Official,
    Page,
    Reader,
    Reviewer,
    ReviewerOrSupervisor,
    Supervisor,
)
from services.assessment.api.answers import ExtensionShown
from services.assessment.api.bodies import TEXT, Number, Reason, Remark
from services.assessment.handlers import extensions, people
from services.assessment.store import queries
from shared.kit.web.http import Answer, By, page, reply
from shared.kit.web.security import Role

_START = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0), 0)
_MOST = 500


class Listed(StrEnum):
    """`waiting`: asked for and not decided, at either step."""

    WAITING = "waiting"
    REQUESTED = "requested"
    REVIEWED = "reviewed"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Asking(BaseModel):
    """Why, how far it has come, and until when it will be done."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reason: str = Field(min_length=1, max_length=2000, pattern=TEXT)
    progress: str = Field(min_length=1, max_length=2000, pattern=TEXT)
    due_on: date


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["extensions"])
    knowledge = office.knowledge

    @routes.get("/v1/extensions")
    async def list_extensions(
        conn: Reader, paging: Page, state: Listed | None = None, chain: str | None = None
    ) -> Response:
        """The oldest first. `state=waiting`: the queue. `chain`: code or id."""
        found = await queries.extensions(
            conn=conn,
            state=state,
            obligation=None,
            chain=chain,
            after=paging.start(tuple[datetime, UUID, int]) or _START,
            limit=paging.limit,
        )
        last = found[-1] if len(found) == paging.limit else None
        following = (last.asked_at, last.obligation_id, last.number) if last else None
        return reply(Answer(page([ExtensionShown.of(row) for row in found], following)))

    @routes.get("/v1/obligations/{obligation_id}/extensions")
    async def list_of_obligation(obligation_id: UUID, conn: Reader) -> Response:
        """All that were asked for, the oldest first."""
        if await queries.obligation(obligation_id, conn=conn) is None:
            raise people.NoSuchObligation(obligation_id)
        return reply(Answer({"items": await _of(obligation_id, conn)}))

    @routes.post("/v1/obligations/{obligation_id}/extensions", status_code=201)
    async def ask_for_extension(obligation_id: UUID, body: Asking, write: Official) -> Response:
        """Whoever holds the responsible post asks for a later day, on the due day at the latest."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            version = await extensions.ask(
                obligation_id,
                reason=body.reason,
                progress=body.progress,
                due_on=body.due_on,
                conn=conn,
                now=by.now,
                who=access.who(by),
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            return Answer((await _of(obligation_id, conn))[-1], status=201, version=version)

        return await write(work)

    @routes.post("/v1/obligations/{obligation_id}/extensions/{number}:review")
    async def review_extension(
        obligation_id: UUID, number: Number, write: Reviewer, body: Remark | None = None
    ) -> Response:
        """The first step: the reviewer, who is not the one who asked, finds it sound."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            version = await extensions.review(
                obligation_id,
                number,
                remark=body.remark if body else "",
                conn=conn,
                now=by.now,
                who=access.who(by),
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            return Answer((await _of(obligation_id, conn))[-1], version=version)

        return await write(work)

    @routes.post("/v1/obligations/{obligation_id}/extensions/{number}:approve")
    async def approve_extension(
        obligation_id: UUID, number: Number, write: Supervisor, body: Remark | None = None
    ) -> Response:
        """The second step: the supervisor, a third person, moves the due day."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            version = await extensions.grant(
                obligation_id,
                number,
                remark=body.remark if body else "",
                conn=conn,
                now=by.now,
                who=access.who(by),
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            return Answer((await _of(obligation_id, conn))[-1], version=version)

        return await write(work)

    @routes.post("/v1/obligations/{obligation_id}/extensions/{number}:refuse")
    async def refuse_extension(
        obligation_id: UUID, number: Number, body: Reason, write: ReviewerOrSupervisor
    ) -> Response:
        """Refused at the step that it has reached: unreviewed by the reviewer, reviewed by the supervisor."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            version = await extensions.refuse(
                obligation_id,
                number,
                reason=body.reason,
                may_review=Role.REVIEWER in by.principal.roles,
                may_approve=Role.SUPERVISOR in by.principal.roles,
                conn=conn,
                now=by.now,
                who=access.who(by),
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            return Answer((await _of(obligation_id, conn))[-1], version=version)

        return await write(work)

    return routes


async def _of(obligation_id: UUID, conn: AsyncConnection) -> list[ExtensionShown]:
    found = await queries.extensions(
        conn=conn, state=None, obligation=obligation_id, chain=None, after=_START, limit=_MOST
    )
    return [ExtensionShown.of(row) for row in found]
