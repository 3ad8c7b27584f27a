"""What people do: acknowledge and answer cases, confirm a baseline, begin supervision. One transaction each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.assessment.domain import case as cases
from services.assessment.domain import obligation as obligations
from services.assessment.domain import replying
from services.assessment.domain.case import Case
from services.assessment.domain.directory import Directory
from services.assessment.domain.extension import Who
from services.assessment.domain.obligation import Obligation
from services.assessment.domain.project import Project
from services.assessment.domain.rules import Rules
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import queries, states
from services.assessment.store import rules as kept
from shared.kit.database import transaction
from shared.kit.errors import Conflict, Invalid, NotAllowed, NotFound, VersionConflict
from shared.kit.log.eventlog import lock_heads

PAGE = 500


class NoSuchCase(NotFound):
    def __init__(self, case_id: UUID) -> None:
        super().__init__("没有该督办件", case_id=str(case_id))


class NoSuchObligation(NotFound):
    def __init__(self, obligation_id: UUID) -> None:
        super().__init__("没有该督办事项", obligation_id=str(obligation_id))


class NotYourPost(NotAllowed):
    """Only whoever holds the responsible post, or one the case was addressed to, answers; or 督查室 on behalf."""

    def __init__(self, case_id: UUID) -> None:
        super().__init__("您不在该督办件的责任岗位或主送岗位上", case_id=str(case_id))


class SupervisionIsUnderWay(Conflict):
    """The day cannot move: some milestones that would become a baseline are supervised already."""

    def __init__(self, on: date, affected: int) -> None:
        super().__init__(
            f"已有{affected}项在该日之前到期并纳入督办，不能再改变督办起始日", on=on.isoformat(), affected=affected
        )


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts. `person`: in the programme. `on_behalf`: 督查室 acts for whoever it concerns. `via`: how."""

    name: str
    via: str
    person: UUID | None = None
    on_behalf: bool = False


async def acknowledge(
    case_id: UUID,
    *,
    conn: AsyncConnection,
    now: datetime,
    acting: Acting,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """签收 by somebody who logged in; the case's new version.

    Raises:
        NoSuchCase, NotYourPost, VersionConflict, and what `case.acknowledge` raises.
    """
    desk, case = await _case_at_hand(case_id, conn=conn, now=now, knowledge=knowledge, expected=expected_version)
    _require_concerned(case, acting, desk)
    return await _acknowledge(case, desk, acting, conn)


async def acknowledge_by_link(
    case_id: UUID, *, conn: AsyncConnection, now: datetime, acting: Acting, knowledge: Knowledge
) -> int:
    """签收 by whoever pressed a signed link: the link is the right to, and to nothing else."""
    desk, case = await _case_at_hand(case_id, conn=conn, now=now, knowledge=knowledge)
    return await _acknowledge(case, desk, acting, conn)


async def give_feedback(
    case_id: UUID,
    *,
    text: str,
    commitment_on: date,
    conn: AsyncConnection,
    now: datetime,
    acting: Acting,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """反馈 with a commitment date; the case's new version.

    Raises:
        NoSuchCase, NotYourPost, VersionConflict, and what `case.give_feedback` raises.
    """
    desk, case = await _case_at_hand(case_id, conn=conn, now=now, knowledge=knowledge, expected=expected_version)
    post_id = _require_concerned(case, acting, desk, also=cases.assisting_heads(case, desk.directory, desk.on))
    events = cases.give_feedback(
        case,
        desk.rules_of(case),
        by=acting.name,
        text=text,
        commitment_on=commitment_on,
        now=now,
        post_id=post_id,
        person_id=acting.person,
    )
    replying.answer(desk.on_case(case, events), desk)
    await desk.write(conn=conn, actor=acting.name)
    return desk.version(case.id)


async def send_back(
    case_id: UUID,
    feedback: int,
    *,
    reason: str,
    conn: AsyncConnection,
    now: datetime,
    who: Who,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """退办 by 督查室; the case's new version.

    Raises:
        NoSuchCase, VersionConflict, and what `case.send_back` raises.
    """
    desk, case = await _case_at_hand(case_id, conn=conn, now=now, knowledge=knowledge, expected=expected_version)
    obligation = desk.obligations[case.obligation_id]
    project = desk.project_of(obligation)
    events = cases.send_back(
        case,
        feedback,
        obligation,
        project,
        desk.directory,
        desk.rules_of(case),
        by=who.by,
        reason=reason,
        now=now,
        person_id=who.person_id,
    )
    desk.on_case(case, events)
    await desk.write(conn=conn, actor=who.by)
    return desk.version(case.id)


async def deal(
    case_id: UUID,
    do: Callable[[Case, Desk], None],
    *,
    conn: AsyncConnection,
    now: datetime,
    actor: str,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """Do one of `dealing`'s verbs; the case's new version.

    Raises:
        NoSuchCase, VersionConflict, and what the verb raises.
    """
    desk = Desk.of(await knowledge.now(conn, now), now)
    obligation_id = await queries.obligation_of(case_id, conn=conn)
    if obligation_id is None:
        raise NoSuchCase(case_id)
    await desk.lock_and_load(obligation_ids=[obligation_id], with_cases_of=[obligation_id], conn=conn)
    require_version(case_id, expected_version, desk)
    await desk.load_around(conn=conn)
    do(desk.cases[case_id], desk)
    await desk.write(conn=conn, actor=actor)
    return desk.version(case_id)


async def confirm(
    obligation_id: UUID,
    *,
    conn: AsyncConnection,
    now: datetime,
    by: str,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """督查室 takes one baseline obligation under supervision; its new version.

    Raises:
        NoSuchObligation, VersionConflict, NotNow.
    """
    desk = Desk.of(await knowledge.now(conn, now), now)
    await desk.lock_and_load(obligation_ids=[obligation_id], conn=conn)
    obligation = desk.obligations.get(obligation_id)
    if obligation is None:
        raise NoSuchObligation(obligation_id)
    require_version(obligation_id, expected_version, desk)
    await desk.load_around(conn=conn)
    desk.on_obligation(obligation, obligations.confirm(obligation, by=by))
    await desk.write(conn=conn, actor=by)
    return desk.version(obligation_id)


async def confirm_all(
    engine: AsyncEngine, *, now: datetime, by: str, knowledge: Knowledge, chain: str | None = None
) -> int:
    """督查室 takes the whole baseline (or that of one chain) under supervision, a page in each transaction.

    How many it was. Interrupted, what was confirmed stays so; the same again confirms the rest.

    Raises:
        UnknownChain: there is no such chain.
    """
    confirmed = 0
    while True:
        async with transaction(engine) as conn:
            page = await _confirm_page(conn=conn, now=now, by=by, knowledge=knowledge, chain=chain)
        if page is None:
            return confirmed
        confirmed += page


async def _confirm_page(
    *, conn: AsyncConnection, now: datetime, by: str, knowledge: Knowledge, chain: str | None
) -> int | None:
    """How many of a page were still to be confirmed; None when there is no page left."""
    desk = Desk.of(await knowledge.now(conn, now), now)
    waiting = await queries.baseline(chain, limit=PAGE, conn=conn)
    if not waiting:
        return None
    await desk.lock_and_load(obligation_ids=waiting, conn=conn)
    await desk.load_around(conn=conn)
    baseline = [one for one in desk.obligations.values() if one.standing is obligations.State.BASELINE]
    for obligation in baseline:
        desk.on_obligation(obligation, obligations.confirm(obligation, by=by))
    await desk.write(conn=conn, actor=by)
    return len(baseline)


async def begin_on(on: date, *, conn: AsyncConnection, now: datetime, by: str, knowledge: Knowledge) -> None:
    """Go live on this day: what is due before it is a baseline.

    Raises:
        SupervisionIsUnderWay: obligations that are supervised already are due before that day.
        Invalid: the calendar does not reach that day.
    """
    known = await knowledge.alone(conn, now)
    known.calendar.is_working(on)
    if affected := await queries.supervised_before(on, conn=conn):
        raise SupervisionIsUnderWay(on, affected)
    await kept.begin_on(on, by, conn=conn)


def responsible_posts(
    case: Case, obligation: Obligation, project: Project, directory: Directory, rules: Rules, *, on: date
) -> set[UUID]:
    """The posts that answer for the case: the responsible one, and those its rungs up to now are addressed to."""
    reached = rules.policy.rungs[: case.rung]
    tiers = tuple(t for rung in reached for t in rung.to)
    found = cases.whom(case, obligation.post_id, project, directory, to=tiers, on=on)
    return {obligation.post_id, *(one.post_id for one in found.addressees if not one.copy_only)}


async def _acknowledge(case: Case, desk: Desk, acting: Acting, conn: AsyncConnection) -> int:
    events = cases.acknowledge(case, desk.rules_of(case), by=acting.name, via=acting.via, now=desk.now)
    desk.on_case(case, events)
    await desk.write(conn=conn, actor=acting.name)
    return desk.version(case.id)


async def _case_at_hand(
    case_id: UUID, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge, expected: int | None = None
) -> tuple[Desk, Case]:
    desk = Desk.of(await knowledge.now(conn, now), now)
    replies = await states.replies_owed_in(case_id, conn=conn)
    await lock_heads([case_id, *replies], conn=conn)
    await desk.load_cases([case_id], conn=conn)
    case = desk.cases.get(case_id)
    if case is None:
        raise NoSuchCase(case_id)
    require_version(case_id, expected, desk)
    await desk.load_obligations(replies, conn=conn)
    await desk.load_around(conn=conn)
    return desk, case


def require_version(aggregate_id: UUID, expected: int | None, desk: Desk) -> None:
    """Raises VersionConflict where the caller has read another version than the one at hand."""
    actual = desk.version(aggregate_id)
    if expected is not None and expected != actual:
        raise VersionConflict(aggregate_id, expected=expected, actual=actual)


def _require_concerned(case: Case, acting: Acting, desk: Desk, *, also: Iterable[UUID] = ()) -> UUID | None:
    """The post for which somebody acts, the responsible one before others; None for 督查室 on behalf.

    `also`: further posts that it concerns.

    Raises:
        NotYourPost: they may act for none of the posts that it concerns.
    """
    if acting.on_behalf:
        return None
    obligation = desk.obligations[case.obligation_id]
    project = desk.project_of(obligation)
    posts = responsible_posts(case, obligation, project, desk.directory, desk.rules_of(case), on=desk.on)
    posts |= set(also)
    own = [post for post in posts if acting.person is not None and acting.person in holders([post], desk)]
    if not own:
        raise NotYourPost(case.id)
    return min(own, key=lambda post: (post != obligation.post_id, post))


def holders(posts: Iterable[UUID], desk: Desk) -> set[UUID]:
    """Who may act today for one of these posts."""
    return {person for post in posts for person in desk.directory.acting(post, desk.on)}


def stated(name: str) -> str:
    """The name somebody typed into a page, as it may stand in the history.

    Raises:
        Invalid: empty, longer than 50 characters, or with control characters.
    """
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > 50 or not cleaned.isprintable():
        raise Invalid("请填写姓名（不超过50字）", place="name")
    return cleaned
