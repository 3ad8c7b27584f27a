"""Routes: which robot hears a post, a tier, a chain, and everybody else."""

from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.api.access import Operator, OperatorReader
from services.notification.domain.routing import Reach, Route
from services.notification.handlers import routing as handlers
from services.notification.store import robots
from shared.contracts.programme import Tier
from shared.contracts.supervision import Addressee
from shared.kit.errors import NotFound
from shared.kit.web.http import Answer, By, Write, page, reply

router = APIRouter(tags=["routes"])


class RouteBody(BaseModel):
    """Nothing but a robot makes the default route. A post stands alone; a tier may be narrowed by a chain.

    `mention`: the robot may @ the holder by mobile number, which shows the number to the group.
    """

    model_config = ConfigDict(extra="forbid")

    robot: Annotated[str, Field(max_length=63)]
    post_id: UUID | None = None
    tier: Tier | None = None
    chain_id: UUID | None = None
    mention: bool = False

    def route(self, route_id: UUID) -> Route:
        return Route(route_id, self.robot, self.post_id, self.tier, self.chain_id, self.mention)


class RouteShown(BaseModel):
    id: UUID
    robot: str
    reach: Reach
    post_id: UUID | None
    tier: Tier | None
    chain_id: UUID | None
    mention: bool
    version: int


class StepShown(BaseModel):
    """A kind of route that was looked for; the one chosen is the most specific that was found."""

    reach: Reach
    route: RouteShown | None
    chosen: bool


@router.post("/v1/routes", status_code=201, response_model=RouteShown)
async def add_route(body: RouteBody, write: Operator) -> Response:
    """Add a route. Messages that found none are routed again at once."""
    return await _write(body.route(uuid4()), write)


@router.put("/v1/routes/{route_id}", response_model=RouteShown)
async def set_route(route_id: UUID, body: RouteBody, write: Operator) -> Response:
    """Set a route under an id of the caller's. If-Match is honoured."""
    return await _write(body.route(route_id), write)


async def _write(route: Route, write: Write) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        version = await handlers.set_route(route, expected=write.expected_version, now=by.now, conn=conn)
        status, location = (201, f"/v1/routes/{route.id}") if version == 1 else (200, None)
        return Answer(_shown(route, version), status=status, version=version, location=location)

    return await write(work)


@router.get("/v1/routes")
async def list_routes(conn: OperatorReader) -> dict[str, Any]:
    """All routes."""
    return page([_shown(route, version) for route, version in await robots.routes(conn=conn)], None)


@router.get("/v1/routes:explain")
async def explain_route(
    conn: OperatorReader,
    tier: Tier,
    post_id: UUID | None = None,
    chain_id: Annotated[UUID | None, Query(description="the chain of the matter")] = None,
) -> dict[str, Any]:
    """Which robot would hear a post of a tier in a matter of a chain, and which routes were asked in which order."""
    known = {route.id: (route, version) for route, version in await robots.routes(conn=conn)}
    routes = await robots.routing(conn=conn)
    steps = routes.explain(Addressee(post_id=post_id or uuid4(), tier=tier), chain_id=chain_id)
    shown = [
        StepShown(reach=step.reach, route=_shown(*known[step.route.id]) if step.route else None, chosen=step.chosen)
        for step in steps
    ]
    robot = next((step.route.robot for step in steps if step.route and step.chosen), None)
    return {"robot": robot, "steps": shown}


@router.get("/v1/routes/{route_id}", response_model=RouteShown)
async def show_route(route_id: UUID, conn: OperatorReader) -> Response:
    """A route; the ETag is its version."""
    found = await robots.find_route(route_id, conn=conn)
    if found is None:
        raise NotFound("没有这条通道", route=str(route_id))
    return reply(Answer(_shown(*found), version=found[1]))


@router.delete("/v1/routes/{route_id}", status_code=204)
async def remove_route(route_id: UUID, write: Operator) -> Response:
    """Remove a route; what is queued already still goes where it was routed."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        await handlers.remove_route(route_id, expected=write.expected_version, conn=conn)
        return Answer(None, status=204)

    return await write(work)


def _shown(route: Route, version: int) -> RouteShown:
    return RouteShown(
        id=route.id,
        robot=route.robot,
        reach=route.reach,
        post_id=route.post_id,
        tier=route.tier,
        chain_id=route.chain_id,
        mention=route.mention,
        version=version,
    )
