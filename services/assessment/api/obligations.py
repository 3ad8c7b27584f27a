"""Obligations and the baseline."""

from datetime import date
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api.access import Now, Office, Page, Reader, Supervisor
from services.assessment.api.answers import ObligationShown
from services.assessment.domain.moments import china_date
from services.assessment.domain.obligation import State
from services.assessment.handlers import people
from services.assessment.store import queries
from shared.contracts.supervision import ObligationKind
from shared.kit.process.declaration import Platform
from shared.kit.web.http import Answer, By, page, reply

_START = (date.min, UUID(int=0))


class BaselineConfirmation(BaseModel):
    """`chain`: the code or id of the chain whose baseline is confirmed; all of it when left out."""

    model_config = ConfigDict(extra="forbid")

    chain: str | None = None


def router(office: Office) -> APIRouter:
    routes = APIRouter(tags=["obligations"])
    knowledge = office.knowledge

    @routes.get("/v1/obligations")
    async def list_obligations(
        conn: Reader,
        now: Now,
        paging: Page,
        state: State | None = None,
        kind: ObligationKind | None = None,
        chain: str | None = None,
        project: UUID | None = None,
        baseline: bool | None = None,
    ) -> Response:
        """By due day. `chain`: code or id. `project`: or the measure, filing, request or problem.
        `baseline`: only (or never) those that wait for confirmation."""
        known = await knowledge.read(conn)
        found = await queries.obligations(
            conn=conn,
            state=state,
            baseline=baseline,
            kind=kind,
            chain=chain,
            project=project,
            after=paging.start(tuple[date, UUID]) or _START,
            limit=paging.limit,
        )
        following = (found[-1].due_on, found[-1].id) if len(found) == paging.limit else None
        shown = [ObligationShown.of(row, known, china_date(now)) for row in found]
        return reply(Answer(page(shown, following)))

    @routes.get("/v1/obligations/{obligation_id}")
    async def show_obligation(obligation_id: UUID, conn: Reader, now: Now) -> Response:
        known = await knowledge.read(conn)
        row = await queries.obligation(obligation_id, conn=conn)
        if row is None:
            raise people.NoSuchObligation(obligation_id)
        return reply(Answer(ObligationShown.of(row, known, china_date(now)), version=row.version))

    @routes.post("/v1/obligations/{obligation_id}:confirm")
    async def confirm_obligation(obligation_id: UUID, write: Supervisor) -> Response:
        """督查室 takes one baseline obligation under supervision: it climbs from the next working day on."""

        async def work(conn: AsyncConnection, by: By) -> Answer:
            version = await people.confirm(
                obligation_id,
                conn=conn,
                now=by.now,
                by=by.actor,
                knowledge=knowledge,
                expected_version=write.expected_version,
            )
            return Answer({"id": obligation_id, "version": version}, version=version)

        return await write(work)

    @routes.post("/v1/baseline:confirm")
    async def confirm_baseline(
        write: Supervisor, request: Request, body: BaselineConfirmation | None = None
    ) -> Response:
        """督查室 takes the whole baseline, or one chain's, under supervision, some hundreds in each transaction."""
        chain = body.chain if body else None
        platform: Platform = request.app.state.platform

        async def work(conn: AsyncConnection, by: By) -> Answer:
            confirmed = await people.confirm_all(
                platform.engine, now=by.now, by=by.actor, knowledge=knowledge, chain=chain
            )
            return Answer({"confirmed": confirmed})

        return await write(work)

    return routes
