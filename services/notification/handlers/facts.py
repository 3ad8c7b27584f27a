"""What notification does with the facts of others: it learns who is who, and queues what is to be said."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notification.domain.rendering import TOLD, Told
from services.notification.domain.routing import Hearing, Listener, Routes
from services.notification.handlers import routing
from services.notification.store import directory, messages, robots
from services.notification.store.messages import NewMessage
from shared.contracts.event import Event
from shared.contracts.programme import (
    ChainRecorded,
    OrganisationRecorded,
    PersonRecorded,
    PostAssumed,
    PostEstablished,
    PostTermsCorrected,
    PostVacated,
)
from shared.contracts.supervision import (
    Addressed,
    Addressee,
    CaseClosed,
    CaseEscalated,
    CaseEvent,
    CaseReopened,
    CommendationApproved,
    CommendationStruckOff,
    CommendationWithdrawn,
)
from shared.kit.consuming.consumer import Fact

_NEWS_OF_OLD = (CaseClosed, CaseReopened, CommendationApproved, CommendationStruckOff, CommendationWithdrawn)
"""What concerns only those who heard of it before, or who are named in it."""

E = TypeVar("E", bound=Event)
Audience = Sequence[Addressee | Listener]


async def apply(facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime) -> None:
    """The consumer's handler: set by set, whatever the number of facts."""
    await _learn([fact.event for fact in facts], conn=conn)
    await _queue([fact for fact in facts if isinstance(fact.event, TOLD)], conn=conn, now=now)
    if addressed := _of(Addressed, [fact.event for fact in facts]):
        await routing.address(addressed, now=now, conn=conn)


async def _learn(events: Sequence[Event], *, conn: AsyncConnection) -> None:
    await directory.record_organisations(_of(OrganisationRecorded, events), conn=conn)
    await directory.record_persons(_of(PersonRecorded, events), conn=conn)
    await directory.record_chains(_of(ChainRecorded, events), conn=conn)
    await directory.record_posts(_of(PostEstablished, events), conn=conn)
    terms = [event for event in events if isinstance(event, PostAssumed | PostVacated | PostTermsCorrected)]
    await directory.record_tenures(terms, conn=conn)


def _of(kind: type[E], events: Sequence[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


async def _queue(facts: Sequence[Fact], *, conn: AsyncConnection, now: datetime) -> None:
    if not facts:
        return
    routes = await robots.routing(conn=conn, hold=True)
    heard = _Heard(await _heard_before(facts, conn=conn))
    new = [message for fact in facts for message in _messages(fact, routes, heard)]
    await messages.insert(new, now=now, conn=conn)


async def _heard_before(facts: Sequence[Fact], *, conn: AsyncConnection) -> Mapping[UUID, Audience]:
    """Who heard of the cases that close without saying who is to know."""
    cases = {fact.event.case_id for fact in facts if isinstance(fact.event, CaseClosed) and not fact.event.addressees}
    return await messages.heard_of(sorted(cases), conn=conn) if cases else {}


class _Heard:
    """Who heard of each case: before this batch, and in it."""

    def __init__(self, before: Mapping[UUID, Audience]) -> None:
        self._heard: dict[UUID, list[Addressee | Listener]] = {case: list(known) for case, known in before.items()}

    def addressees(self, event: Told) -> Audience:
        if isinstance(event, CaseClosed):
            return event.addressees or self._heard.get(event.case_id, [])
        if isinstance(event, CaseEscalated):
            self._heard.setdefault(event.case_id, []).extend(event.addressees)
        return event.addressees


def _messages(fact: Fact, routes: Routes, heard: _Heard) -> Iterator[NewMessage]:
    event = fact.event
    assert isinstance(event, TOLD)
    subject = event.subject
    hearings = routes.address(heard.addressees(event), chain_id=subject.chain_id)
    if not hearings and not isinstance(event, _NEWS_OF_OLD):
        # Nobody is there to hear it: it stands among the undelivered, until somebody is.
        hearings = [Hearing(None, ())]
    for hearing in hearings:
        yield NewMessage(
            id=uuid4(),
            cause_id=fact.event_id,
            kind=event.type,
            event=event.model_dump_json(),
            decided_at=fact.at,
            listeners=hearing.listeners,
            robot=hearing.robot,
            project_id=subject.project_id,
            chain_id=subject.chain_id,
            case_id=event.case_id if isinstance(event, CaseEvent) else None,
            rung=event.rung if isinstance(event, CaseEscalated) else None,
            traceparent=fact.traceparent,
        )
