"""What named nobody when it was decided is addressed when somebody is there to hear it.

Posts, terms and chains are other streams than projects: they may come after what is decided about them. And a post may
be vacant. So such facts are remembered, and looked at again when the directory changes, and on each new working day.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.assessment.domain.addressing import NOBODY, TOLD, Told, about, whom
from services.assessment.domain.directory import Found
from services.assessment.domain.work import Decided
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge
from services.assessment.store import unaddressed
from services.assessment.store.unaddressed import Place, Unheard
from shared.contracts.supervision import Addressed, CaseEscalated, CommendationProposed, ObligationReminded
from shared.contracts.topics import EVENT_TYPES
from shared.kit.database import transaction
from shared.kit.log.eventlog import lock_heads

PAGE = 500
_TOLD = frozenset(TOLD)


async def note(desk: Desk, *, conn: AsyncConnection) -> None:
    """Remember what this desk has written that somebody should hear of, and that names nobody."""
    behind: Counter[UUID] = Counter()
    unheard: list[tuple[Place, str]] = []
    for fact in reversed(desk.facts):
        event = cast(Told, fact.event)
        if type(event) in _TOLD and not event.addressees:
            place = Place(fact.aggregate_id, desk.version(fact.aggregate_id) - behind[fact.aggregate_id])
            unheard.append((place, event.type))
        behind[fact.aggregate_id] += 1
    if unheard:
        await unaddressed.note(unheard, revision=desk.known.directory_revision, on=desk.on, conn=conn)


async def address_again(engine: AsyncEngine, *, now: datetime, knowledge: Knowledge) -> int:
    """Look again at what is remembered, where that is due; how many facts have found somebody.

    Type by type: a transaction never holds two kinds of aggregates.
    """
    async with transaction(engine) as conn:
        desk = Desk.of(await knowledge.read(conn), now)
        revision, before = desk.known.directory_revision, _before(desk)
        types = await unaddressed.types_due(revision=revision, before=before, conn=conn)
    return sum([await _address_type(type_name, engine, now, knowledge) for type_name in types])


def _before(desk: Desk) -> date:
    """Today, from the hour of a working day on at which the ladder begins: nobody is woken."""
    if desk.rules.calendar.is_working(desk.on) and desk.now >= desk.rules.morning(desk.on):
        return desk.on
    return date.min


async def _address_type(type_name: str, engine: AsyncEngine, now: datetime, knowledge: Knowledge) -> int:
    told = 0
    while True:
        async with transaction(engine) as conn:
            desk = Desk.of(await knowledge.now(conn, now), now)
            revision, before = desk.known.directory_revision, _before(desk)
            due = await unaddressed.due(type_name, revision=revision, before=before, limit=PAGE, conn=conn)
            if due:
                await lock_heads(due, conn=conn)
                told += await _address(await unaddressed.of(due, type_name, conn=conn), type_name, desk, conn)
        if len(due) < PAGE:
            return told


async def _address(unheard: Sequence[Unheard], type_name: str, desk: Desk, conn: AsyncConnection) -> int:
    events = {one.place: cast(Told, EVENT_TYPES[type_name].model_validate_json(one.data)) for one in unheard}
    await _load(list(events.values()), desk, conn)
    still: list[Place] = []
    for one in unheard:
        event = events[one.place]
        found = whom(event, about(event, desk), desk.directory, on=desk.on)
        if found is NOBODY or (found and not found.addressees):
            still.append(one.place)
        elif found:
            _tell(one, event, found, desk)
    await desk.write(conn=conn)
    proposals = {fact.aggregate_id: desk.version(fact.aggregate_id) for fact in desk.facts}
    await unaddressed.move_commendations(proposals, conn=conn)
    await unaddressed.looked_at(still, revision=desk.known.directory_revision, on=desk.on, conn=conn)
    await unaddressed.done([one.place for one in unheard if one.place not in still], conn=conn)
    return len(desk.facts)


async def _load(events: Sequence[Told], desk: Desk, conn: AsyncConnection) -> None:
    await desk.load_cases({one.case_id for one in events if isinstance(one, CaseEscalated)}, conn=conn)
    ids = {one.obligation_id for one in events if isinstance(one, ObligationReminded | CommendationProposed)}
    await desk.load_obligations(ids, conn=conn)
    await desk.load_around(conn=conn)


def _tell(one: Unheard, event: Told, found: Found, desk: Desk) -> None:
    addressed = Addressed(event_id=one.event_id, addressees=found.addressees, skipped=found.skipped)
    desk.facts.append(Decided(one.place.aggregate_id, addressed, desk.now))
    if isinstance(event, ObligationReminded):
        desk.put_obligation(desk.obligations[event.obligation_id])
    elif isinstance(event, CaseEscalated):
        desk.on_case(desk.cases[event.case_id], ())
