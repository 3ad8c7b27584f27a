"""A person's leave (S2): planned with a delegate who acts for them meanwhile, ended on another day, or cancelled.

`planned → cancelled`, before it began; `planned → planned` with another last day.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from services.intake.domain.errors import DateNotAllowed, FieldMissing, RecordMissing
from services.intake.domain.organisation.programme import Person, Post
from shared.contracts.event import Event
from shared.contracts.programme import LeaveCancelled, LeaveEnded, LeavePlanned
from shared.kit.errors import Conflict, Invalid


class LeaveNotAllowed(Conflict):
    """The leave overlaps another one of the person, or its delegate is away too; or it is over."""


class DelegateNotAllowed(Invalid):
    """Nobody is their own delegate."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Both days included. `post_ids`: the posts in which the delegate acts; none: all that the person holds."""

    id: UUID
    person_id: UUID
    from_day: date
    until_day: date
    delegate_id: UUID
    post_ids: tuple[UUID, ...] = ()
    reason: str = ""
    cancelled: bool = False

    def covers(self, day: date) -> bool:
        return not self.cancelled and self.from_day <= day <= self.until_day

    def overlaps(self, other: "Leave") -> bool:
        live = not self.cancelled and not other.cancelled
        return live and self.from_day <= other.until_day and other.from_day <= self.until_day


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers for a post on a day: whoever holds it, their delegate while they are away, or nobody.

    `acting_id`: who is to be turned to. `leave`: the holder's. Where the delegate is away too, nobody acts, visibly.
    """

    holder_id: UUID | None
    since: date | None = None
    leave: Leave | None = None
    delegate_id: UUID | None = None
    acting_id: UUID | None = None


def plan(wanted: Leave, *, of_person: Collection[Leave], of_delegate: Collection[Leave]) -> list[Event]:
    """Plan a leave.

    Raises:
        DelegateNotAllowed: the person themselves.
        DateNotAllowed: it ends before it begins.
        LeaveNotAllowed: it overlaps another leave of the person, or one of the delegate.
    """
    if wanted.delegate_id == wanted.person_id:
        raise DelegateNotAllowed("代理人不能是本人", field="delegate_id")
    _require_order(wanted.from_day, wanted.until_day)
    for other in of_person:
        if other.overlaps(wanted):
            raise LeaveNotAllowed(f"与已登记的{_days(other)}请假重叠", leave_id=str(other.id), field="from_day")
    for other in of_delegate:
        if other.overlaps(wanted):
            raise LeaveNotAllowed(
                f"代理人{_days(other)}也不在岗，请另选代理人", leave_id=str(other.id), field="delegate_id"
            )
    return [
        LeavePlanned(
            person_id=wanted.person_id,
            leave_id=wanted.id,
            from_day=wanted.from_day,
            until_day=wanted.until_day,
            delegate_id=wanted.delegate_id,
            post_ids=wanted.post_ids,
            reason=wanted.reason,
        )
    ]


def end(leave: Leave, *, until_day: date, others: Collection[Leave]) -> list[Event]:
    """Give the leave another last day; nothing when it is that day already. `others`: of the person."""
    _require_live(leave)
    if until_day == leave.until_day:
        return []
    _require_order(leave.from_day, until_day)
    moved = replace(leave, until_day=until_day)
    for other in others:
        if other.id != leave.id and other.overlaps(moved):
            raise LeaveNotAllowed(f"与已登记的{_days(other)}请假重叠", leave_id=str(other.id), field="until_day")
    return [LeaveEnded(person_id=leave.person_id, leave_id=leave.id, until_day=until_day)]


def cancel(leave: Leave, *, reason: str, today: date) -> list[Event]:
    """Call a leave off before it begins; one that began is ended, for somebody acted meanwhile."""
    _require_live(leave)
    if leave.from_day <= today:
        raise LeaveNotAllowed("请假已开始，不能取消，请登记实际返岗日期")
    if not reason.strip():
        raise FieldMissing("取消原因不能为空", field="reason")
    return [LeaveCancelled(person_id=leave.person_id, leave_id=leave.id, reason=reason)]


def evolve(leave: Leave | None, event: Event) -> Leave:
    match event:
        case LeavePlanned():
            return Leave(
                event.leave_id,
                event.person_id,
                event.from_day,
                event.until_day,
                event.delegate_id,
                event.post_ids,
                event.reason,
            )
        case LeaveEnded(until_day=until_day) if leave:
            return replace(leave, until_day=until_day)
        case LeaveCancelled() if leave:
            return replace(leave, cancelled=True)
    raise ValueError(f"{event.type} is no event of a leave")


def answering(post: Post, day: date, leaves: Iterable[Leave]) -> Answering:
    """Who answers for the post on a day. `leaves`: at least those of its holder and of their delegates that day."""
    term = post.term(day)
    if term is None:
        return Answering(None)
    away = {leave.person_id: leave for leave in leaves if leave.covers(day)}
    leave = away.get(term.person_id)
    if leave is None:
        return Answering(term.person_id, term.from_day, acting_id=term.person_id)
    delegate = leave.delegate_id if not leave.post_ids or post.id in leave.post_ids else None
    return Answering(term.person_id, term.from_day, leave, delegate, None if delegate in away else delegate)


def find(leaves: Iterable[Leave], leave_id: UUID) -> Leave:
    """Raises RecordMissing."""
    found = next((leave for leave in leaves if leave.id == leave_id), None)
    if found is None:
        raise RecordMissing("请假", leave_id)
    return found


def require_posts(person: Person, post_ids: Sequence[UUID], held: Iterable[Post], *, day: date) -> None:
    """Raises LeaveNotAllowed where the person does not hold one of these posts on the leave's first day."""
    own = {post.id for post in held if post.holder(day) == person.id}
    for id in post_ids:
        if id not in own:
            raise LeaveNotAllowed(f"{person.name}在{day}不任该岗位", post_id=str(id), field="post_ids")


def _require_live(leave: Leave) -> None:
    if leave.cancelled:
        raise LeaveNotAllowed("该请假已取消")


def _require_order(from_day: date, until_day: date) -> None:
    if until_day < from_day:
        raise DateNotAllowed(f"请假止日{until_day}早于起日{from_day}", what="请假止日", day=until_day, limit=from_day)


def _days(leave: Leave) -> str:
    return f"{leave.from_day}至{leave.until_day}"
