"""延期: asked for by whoever holds the responsible post, reviewed, approved or refused. One transaction each."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.domain import extending
from services.assessment.domain.extension import Who
from services.assessment.domain.obligation import Obligation
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.handlers.people import NoSuchObligation, holders, require_version
from shared.kit.errors import NotAllowed


class NotTheResponsiblePost(NotAllowed):
    """Only whoever holds the responsible post asks for another day."""

    def __init__(self, obligation_id: UUID) -> None:
        super().__init__("延期须由责任岗位的任职人申请", obligation_id=str(obligation_id))


async def ask(
    obligation_id: UUID,
    *,
    reason: str,
    progress: str,
    due_on: date,
    conn: AsyncConnection,
    now: datetime,
    who: Who,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """Ask for a later day; the obligation's new version.

    Raises:
        NoSuchObligation, VersionConflict, NotTheResponsiblePost, and what `extending.ask` raises.
    """
    desk, obligation = await _at_hand(obligation_id, conn=conn, now=now, knowledge=knowledge, expected=expected_version)
    if who.person_id is None or who.person_id not in holders([obligation.post_id], desk):
        raise NotTheResponsiblePost(obligation_id)
    events = extending.ask(obligation, desk.rules, who=who, reason=reason, progress=progress, due_on=due_on, now=now)
    desk.on_obligation(obligation, events)
    return await _written(obligation_id, desk, who, conn)


async def review(
    obligation_id: UUID,
    number: int,
    *,
    remark: str,
    conn: AsyncConnection,
    now: datetime,
    who: Who,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """The first step; the obligation's new version.

    Raises:
        NoSuchObligation, VersionConflict, and what `extending.review` raises.
    """
    desk, obligation = await _at_hand(obligation_id, conn=conn, now=now, knowledge=knowledge, expected=expected_version)
    desk.on_obligation(obligation, extending.review(obligation, number, who=who, remark=remark))
    return await _written(obligation_id, desk, who, conn)


async def grant(
    obligation_id: UUID,
    number: int,
    *,
    remark: str,
    conn: AsyncConnection,
    now: datetime,
    who: Who,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """The second step: the due day moves, and the climb of a case that has opened meanwhile; the new version.

    Raises:
        NoSuchObligation, VersionConflict, and what `extending.grant` raises.
    """
    desk, obligation = await _at_hand(obligation_id, conn=conn, now=now, knowledge=knowledge, expected=expected_version)
    extending.approve(obligation, number, desk, who=who, remark=remark)
    return await _written(obligation_id, desk, who, conn)


async def refuse(
    obligation_id: UUID,
    number: int,
    *,
    reason: str,
    may_review: bool,
    may_approve: bool,
    conn: AsyncConnection,
    now: datetime,
    who: Who,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """Refuse at the step that it has reached; the obligation's new version.

    Raises:
        NoSuchObligation, VersionConflict, and what `extending.refuse` raises.
    """
    desk, obligation = await _at_hand(obligation_id, conn=conn, now=now, knowledge=knowledge, expected=expected_version)
    events = extending.refuse(
        obligation,
        number,
        desk.project_of(obligation),
        desk.directory,
        who=who,
        reason=reason,
        may_review=may_review,
        may_approve=may_approve,
        on=desk.on,
    )
    desk.on_obligation(obligation, events)
    return await _written(obligation_id, desk, who, conn)


async def _at_hand(
    obligation_id: UUID, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge, expected: int | None
) -> tuple[Desk, Obligation]:
    desk = Desk.of(await knowledge.now(conn, now), now)
    await desk.lock_and_load(obligation_ids=[obligation_id], with_cases_of=[obligation_id], conn=conn)
    obligation = desk.obligations.get(obligation_id)
    if obligation is None:
        raise NoSuchObligation(obligation_id)
    require_version(obligation_id, expected, desk)
    await desk.load_around(conn=conn)
    return desk, obligation


async def _written(obligation_id: UUID, desk: Desk, who: Who, conn: AsyncConnection) -> int:
    await desk.write(conn=conn, actor=who.by)
    return desk.version(obligation_id)
