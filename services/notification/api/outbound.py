"""The switch of everything outbound, and the dry run: what would go if it were on."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.api.access import Operator, OperatorReader, Wired
from services.notification.api.messages import MessageShown, shown
from services.notification.handlers import robots as handlers
from services.notification.store import robots, views
from services.notification.store.robots import Outbound
from shared.kit.web.http import Answer, By, Write

router = APIRouter(tags=["outbound"])


class SwitchBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=500)] = ""


class ResumeBody(SwitchBody):
    """`perhaps_seen`: what waits may have been shown before, and is marked 可能重复."""

    perhaps_seen: bool = False


class OutboundShown(BaseModel):
    """`waiting`: how many messages are queued for each robot; `would_go`: those that are due now, in order.

    `restored`: paused by a restore from a backup; what waits will be marked 可能重复 when it is resumed.
    """

    paused: bool
    reason: str
    by: str
    since: datetime | None
    restored: bool
    waiting: dict[str, int]
    would_go: list[MessageShown]


@router.get("/v1/outbound")
async def show_outbound(
    conn: OperatorReader, platform: Wired, limit: Annotated[int, Query(ge=0, le=500)] = 50
) -> OutboundShown:
    """Whether anything goes out, and what would (the dry run): the first `limit` messages that are due."""
    return await _shown(await robots.outbound(conn=conn), conn=conn, now=platform.clock.now(), limit=limit)


@router.post("/v1/outbound:pause", response_model=OutboundShown)
async def pause_outbound(body: SwitchBody, write: Operator) -> Response:
    """Let nothing more leave; what is on its way arrives, what comes in waits."""
    return await _switch(write, paused=True, reason=body.reason)


@router.post("/v1/outbound:resume", response_model=OutboundShown)
async def resume_outbound(body: ResumeBody, write: Operator) -> Response:
    """Let messages leave again, in order and within the robots' limits."""
    return await _switch(write, paused=False, reason=body.reason, perhaps_seen=body.perhaps_seen)


async def _switch(write: Write, *, paused: bool, reason: str, perhaps_seen: bool = False) -> Response:
    async def work(conn: AsyncConnection, by: By) -> Answer:
        state = await handlers.switch_outbound(
            paused=paused, reason=reason, by=by.actor, now=by.now, conn=conn, perhaps_seen=perhaps_seen
        )
        return Answer(await _shown(state, conn=conn, now=by.now, limit=50))

    return await write(work)


async def _shown(state: Outbound, *, conn: AsyncConnection, now: datetime, limit: int) -> OutboundShown:
    due = await views.waiting(now=now, limit=limit, conn=conn)
    return OutboundShown(
        paused=state.paused,
        reason=state.reason,
        by=state.by,
        since=state.since,
        restored=state.restored,
        waiting=await views.counts(conn=conn),
        would_go=[shown(message) for message in due],
    )
