"""Messages: what became of each, its whole story by its number, and sending again what did not arrive."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.api.access import MessageReader, Number, Operator, Page
from services.notification.domain.messages import STATE_NAMES, State
from services.notification.domain.rendering import TIER_NAMES, title_of
from services.notification.handlers import redrive as handlers
from services.notification.store import attempts, views
from services.notification.store.attempts import Attempt
from services.notification.store.messages import TEST, Message
from services.notification.telling import told
from shared.contracts.deliveries import Outcome
from shared.contracts.programme import Tier
from shared.kit.errors import NotFound
from shared.kit.web.http import Answer, By, Paging, page

router = APIRouter(tags=["messages"])

NOBODY = "没有在岗的接收人：相关岗位空缺或尚未登记；有人任职后自动发出"
OUTCOME_NAMES = {
    Outcome.SENT: "已送达",
    Outcome.RETRY: "稍后重试",
    Outcome.COOL_DOWN: "机器人限流",
    Outcome.GIVE_UP: "不再发送，待处理",
    Outcome.UNKNOWN: "结果不明",
}


class ListenerShown(BaseModel):
    post_id: UUID
    tier: Tier
    tier_name: str
    copy_only: bool


class MessageShown(BaseModel):
    """`cause_id`: the fact it tells of. `sending`: an attempt is on its way. `reason`: what it waits for or lacks."""

    number: int
    id: UUID
    title: str
    kind: str
    state: State
    state_name: str
    sending: bool
    reason: str
    robot: str | None
    listeners: list[ListenerShown]
    project_id: UUID | None
    case_id: UUID | None
    rung: int | None
    cause_id: UUID
    attempts: int
    not_before: datetime
    decided_at: datetime
    created_at: datetime
    settled_at: datetime | None


class AttemptShown(BaseModel):
    """A line of the ledger. `text`: as it was sent, without secrets, live links and telephone numbers; `sha256` is of
    the exact bytes; `code` and `answer` are the robot's own."""

    attempt: int
    robot: str
    channel: str
    outcome: Outcome
    outcome_name: str
    code: str
    answer: str
    reason: str
    claimed_at: datetime
    done_at: datetime
    not_before: datetime | None
    sha256: str
    text: str


class StoryShown(MessageShown):
    fact: dict[str, Any]
    story: list[AttemptShown]


class RedriveBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    robot: Annotated[str, Field(max_length=63)]


class Redriven(BaseModel):
    count: int


@router.get("/v1/messages")
async def list_messages(
    conn: MessageReader,
    paging: Page,
    state: Annotated[list[State] | None, Query()] = None,
    robot: Annotated[str | None, Query(max_length=63)] = None,
    case: UUID | None = None,
    project: UUID | None = None,
) -> dict[str, Any]:
    """Messages, the newest first."""
    found = await views.page(
        states=state,
        robot=robot,
        case=case,
        project=project,
        after=_after(paging),
        limit=paging.limit,
        conn=conn,
    )
    return _page(found, paging.limit)


@router.get("/v1/undelivered")
async def list_undelivered(
    conn: MessageReader, paging: Page, robot: Annotated[str | None, Query(max_length=63)] = None
) -> dict[str, Any]:
    """What has not arrived and needs an eye, the oldest first: given up, without a route, waiting for a robot that is
    off, or tried in vain so far."""
    found = await views.troubled(robot=robot, after=_after(paging), limit=paging.limit, conn=conn)
    return _page(found, paging.limit)


@router.get("/v1/messages/{number}")
async def show_message(number: Number, conn: MessageReader) -> StoryShown:
    """The whole story of a message: the fact behind it and every attempt."""
    message = await views.find(number, conn=conn)
    if message is None:
        raise NotFound("没有这个编号的消息", number=number)
    lines = [_line(attempt) for attempt in await attempts.story(message.id, conn=conn)]
    return StoryShown(**dict(shown(message)), fact=message.event, story=lines)


@router.post("/v1/messages/{number}:redrive", status_code=202, response_model=MessageShown)
async def redrive_message(number: Number, write: Operator) -> Response:
    """Send an undelivered message again, under its number. What got through is refused."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        await handlers.redrive(number, by=by.actor, now=by.now, conn=conn)
        message = await views.find(number, conn=conn)
        assert message
        return Answer(shown(message), status=202)

    return await write(work)


@router.post("/v1/messages:redrive", status_code=202, response_model=Redriven)
async def redrive_robot(body: RedriveBody, write: Operator) -> Response:
    """Send everything of a robot that is undelivered again, in order; how many messages."""

    async def work(conn: AsyncConnection, by: By) -> Answer:
        count = await handlers.redrive_all(body.robot, by=by.actor, now=by.now, conn=conn)
        return Answer(Redriven(count=count), status=202)

    return await write(work)


def _after(paging: Paging) -> int | None:
    start = paging.start(tuple[int])
    return start[0] if start else None


def _page(found: list[Message], limit: int) -> dict[str, Any]:
    return page([shown(message) for message in found], [found[-1].number] if len(found) == limit else None)


def shown(message: Message) -> MessageShown:
    event = told(message)
    return MessageShown(
        number=message.number,
        id=message.id,
        title=title_of(event) if event else "【测试】消息通道测试" if message.kind == TEST else message.kind,
        kind=message.kind,
        state=message.state,
        state_name="发送中" if message.sending else STATE_NAMES[message.state],
        sending=message.sending,
        reason=message.reason or (NOBODY if _names_nobody(message) else ""),
        robot=message.robot,
        listeners=[
            ListenerShown(post_id=one.post_id, tier=one.tier, tier_name=TIER_NAMES[one.tier], copy_only=one.copy_only)
            for one in message.listeners
        ],
        project_id=message.project_id,
        case_id=message.case_id,
        rung=message.rung,
        cause_id=message.cause_id,
        attempts=message.attempts,
        not_before=message.not_before,
        decided_at=message.decided_at,
        created_at=message.created_at,
        settled_at=message.settled_at,
    )


def _names_nobody(message: Message) -> bool:
    return message.state is State.UNROUTABLE and not message.listeners


def _line(attempt: Attempt) -> AttemptShown:
    return AttemptShown(
        attempt=attempt.attempt,
        robot=attempt.robot,
        channel=attempt.channel,
        outcome=attempt.outcome,
        outcome_name=OUTCOME_NAMES[attempt.outcome],
        code=attempt.code,
        answer=attempt.answer,
        reason=attempt.reason,
        claimed_at=attempt.claimed_at,
        done_at=attempt.done_at,
        not_before=attempt.not_before,
        sha256=attempt.body_sha256.hex(),
        text=attempt.body_text,
    )
