"""People's leave: planned with a delegate, ended on another day, cancelled (S2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import RecordMissing, UnknownReference
from services.intake.domain.organisation import leave as domain
from services.intake.domain.organisation import programme
from services.intake.domain.organisation.leave import Leave
from services.intake.domain.organisation.programme import Person
from services.intake.handlers.standing import require_person
from services.intake.handlers.writing import append, require_version, today
from services.intake.store.organisation import leave as store
from services.intake.store.organisation import programme as programme_store
from shared.contracts.event import Event
from shared.kit.log.eventlog import lock_heads
from shared.kit.web.http import By


@dataclass(frozen=True, slots=True)
class Wanted:
    from_day: date
    until_day: date
    delegate_id: UUID
    post_ids: tuple[UUID, ...] = ()
    reason: str = ""


async def plan_leave(
    person_id: UUID, wanted: Wanted, *, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Leave, int]:
    """Plan a leave. The delegate's head is locked too, so that the two are not sent away for each other at once.

    The leave, and the person's version.
    """
    await lock_heads([person_id, wanted.delegate_id], conn=conn)
    person = await _person(person_id, expected=expected, conn=conn, by=by)
    if wanted.delegate_id not in await programme_store.people(conn=conn, ids=[wanted.delegate_id]):
        raise UnknownReference("人员", wanted.delegate_id, field="delegate_id")
    posts = await programme_store.posts(conn=conn, ids=wanted.post_ids) if wanted.post_ids else {}
    domain.require_posts(person, wanted.post_ids, posts.values(), day=wanted.from_day)
    leaves = await store.leaves_of([person_id, wanted.delegate_id], conn=conn)
    leave = Leave(
        uuid4(), person_id, wanted.from_day, wanted.until_day, wanted.delegate_id, wanted.post_ids, wanted.reason
    )
    events = domain.plan(
        leave,
        of_person=[one for one in leaves if one.person_id == person_id],
        of_delegate=[one for one in leaves if one.person_id == wanted.delegate_id],
    )
    return await _save(person, None, events, conn=conn, by=by)


async def end_leave(
    person_id: UUID, leave_id: UUID, *, until_day: date, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Leave, int]:
    def decide(leave: Leave, others: Sequence[Leave]) -> list[Event]:
        return domain.end(leave, until_day=until_day, others=others)

    return await _change(person_id, leave_id, decide, expected=expected, conn=conn, by=by)


async def cancel_leave(
    person_id: UUID, leave_id: UUID, *, reason: str, expected: int | None, conn: AsyncConnection, by: By
) -> tuple[Leave, int]:
    def decide(leave: Leave, _: Sequence[Leave]) -> list[Event]:
        return domain.cancel(leave, reason=reason, today=today(by))

    return await _change(person_id, leave_id, decide, expected=expected, conn=conn, by=by)


async def _change(
    person_id: UUID,
    leave_id: UUID,
    decide: Callable[[Leave, Sequence[Leave]], list[Event]],
    *,
    expected: int | None,
    conn: AsyncConnection,
    by: By,
) -> tuple[Leave, int]:
    await lock_heads([person_id], conn=conn)
    person = await _person(person_id, expected=expected, conn=conn, by=by)
    leaves = await store.leaves_of([person_id], conn=conn)
    leave = domain.find(leaves, leave_id)
    events = decide(leave, leaves)
    return await _save(person, leave, events, conn=conn, by=by) if events else (leave, person.version)


async def _person(person_id: UUID, *, expected: int | None, conn: AsyncConnection, by: By) -> Person:
    person = (await programme_store.people(conn=conn, ids=[person_id])).get(person_id)
    if person is None:
        raise RecordMissing("人员", person_id)
    require_version(person_id, expected=expected, actual=person.version)
    await require_person(person_id, conn=conn, by=by)
    return person


async def _save(
    person: Person, leave: Leave | None, events: Sequence[Event], *, conn: AsyncConnection, by: By
) -> tuple[Leave, int]:
    for event in events:
        person, leave = programme.evolve_person(person, event), domain.evolve(leave, event)
    assert leave is not None
    await append([(person.id, events)], conn=conn, by=by)
    await programme_store.save_people([person], conn=conn)
    await store.save_leaves([leave], conn=conn)
    return leave, person.version
