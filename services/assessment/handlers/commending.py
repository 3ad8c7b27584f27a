"""督查室 decides on proposals for commendation. One transaction each."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain.commendation import Commendation
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.handlers.people import require_version
from services.assessment.store import queries
from shared.kit.errors import NotFound


class NoSuchCommendation(NotFound):
    def __init__(self, commendation_id: UUID) -> None:
        super().__init__("没有该表扬建议", commendation_id=str(commendation_id))


async def decide(
    commendation_id: UUID,
    do: Callable[[Commendation, Desk], None],
    *,
    conn: AsyncConnection,
    now: datetime,
    actor: str,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """Do one of `commending`'s verbs; the commendation's new version.

    Raises:
        NoSuchCommendation, VersionConflict, and what the verb raises.
    """
    desk = Desk.of(await knowledge.now(conn, now), now)
    row = await queries.commendation(commendation_id, conn=conn)
    if row is None:
        raise NoSuchCommendation(commendation_id)
    await desk.lock_and_load(obligation_ids=[row.obligation_id], commendation_ids=[commendation_id], conn=conn)
    require_version(commendation_id, expected_version, desk)
    await desk.load_around(conn=conn)
    do(desk.commendations[commendation_id], desk)
    await desk.write(conn=conn, actor=actor)
    return desk.version(commendation_id)
