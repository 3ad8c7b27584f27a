"""What did not arrive is sent again on an operator's word; what got through never is."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.messages import Verb, move
from services.notification.handlers import robots as robot_handlers
from services.notification.store import messages
from shared.kit.errors import NotFound


async def redrive(number: int, *, by: str, now: datetime, conn: AsyncConnection) -> None:
    """Queue an undelivered message again, under its number; marked 可能重复 if an earlier attempt may have shown it.

    Raises:
        NotFound: there is no such message, or its robot is gone.
        VerbNotAllowed: it is not undelivered.
    """
    message = await messages.lock(number, conn=conn)
    if message is None:
        raise NotFound("没有这个编号的消息", number=number)
    move(message.state, Verb.REDRIVE)
    await robot_handlers.require(message.robot or "", conn=conn, lock=True)
    await messages.redrive([message.id], reason=_reason(by), now=now, conn=conn)


async def redrive_all(robot_id: str, *, by: str, now: datetime, conn: AsyncConnection) -> int:
    """Queue everything of a robot that is undelivered; how many messages.

    Raises:
        NotFound: there is no such robot.
    """
    await robot_handlers.require(robot_id, conn=conn, lock=True)
    ids = await messages.undelivered_of(robot_id, conn=conn)
    return await messages.redrive(ids, reason=_reason(by), now=now, conn=conn)


def _reason(by: str) -> str:
    return f"由{by}补发"
