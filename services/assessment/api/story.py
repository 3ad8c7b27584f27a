"""What happened to a case, from its own log: rungs with their acknowledgements, feedback."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.api import wording
from services.assessment.api.answers import (
    AcknowledgementShown,
    DealingShown,
    FeedbackShown,
    RungShown,
    SignatureShown,
)
from services.assessment.domain.names import person
from shared.contracts.case_documents import CaseDocumentSigned, CaseTalkHeld
from shared.contracts.supervision import (
    Addressed,
    CaseAcknowledged,
    CaseArchived,
    CaseEscalated,
    CaseFeedbackGiven,
    CaseFeedbackSentBack,
    CaseStruckOff,
)
from shared.contracts.topics import EVENT_TYPES
from shared.kit.log.eventlog import LoggedFact, history

_PAGE = 500


async def story_of(case_id: UUID, *, conn: AsyncConnection) -> tuple[tuple[RungShown, ...], tuple[FeedbackShown, ...]]:
    rungs: dict[int, RungShown] = {}
    rung_of: dict[UUID, int] = {}
    feedback: list[FeedbackShown] = []
    for fact in await _all(case_id, conn):
        if fact.type == CaseEscalated.type:
            escalated = CaseEscalated.model_validate_json(fact.data)
            rungs[escalated.rung] = RungShown.of(escalated, fact.at)
            rung_of[fact.event_id] = escalated.rung
        elif fact.type == Addressed.type:
            named = Addressed.model_validate_json(fact.data)
            if (rung := rung_of.get(named.event_id)) is not None:
                rungs[rung] = rungs[rung].addressed(named)
        elif fact.type == CaseAcknowledged.type:
            said = CaseAcknowledged.model_validate_json(fact.data)
            done = AcknowledgementShown(by=said.by, via=said.via, at=fact.at, holds_until=said.holds_until)
            rungs[said.rung] = rungs[said.rung].model_copy(update={"acknowledgement": done})
        elif fact.type == CaseFeedbackGiven.type:
            given = CaseFeedbackGiven.model_validate_json(fact.data)
            feedback.append(FeedbackShown.of(given, len(feedback) + 1, fact.at))
        elif fact.type == CaseFeedbackSentBack.type:
            back = CaseFeedbackSentBack.model_validate_json(fact.data)
            feedback = [one.sent_back(back, fact.at) if one.number == back.feedback else one for one in feedback]
        elif fact.type == CaseTalkHeld.type:
            held = CaseTalkHeld.model_validate_json(fact.data)
            rungs[held.rung] = rungs[held.rung].model_copy(update={"talk": held.talk})
        elif fact.type == CaseDocumentSigned.type:
            signed = CaseDocumentSigned.model_validate_json(fact.data)
            signature = SignatureShown(by=person(signed.by), on=signed.signed_on)
            rungs[signed.rung] = rungs[signed.rung].model_copy(update={"signature": signature})
    return tuple(rungs.values()), tuple(feedback)


async def dealings_of(case_id: UUID, *, conn: AsyncConnection) -> tuple[DealingShown, ...]:
    """What 督查室 did with the case, in the order in which it did."""
    return tuple([_dealing(fact) for fact in await _all(case_id, conn) if fact.type in wording.DEALINGS])


def _dealing(fact: LoggedFact) -> DealingShown:
    event: Any = EVENT_TYPES[fact.type].model_validate_json(fact.data)
    return DealingShown(
        kind=fact.type.split(".")[-2],
        kind_name=wording.DEALINGS[fact.type],
        by=event.by,
        text=event.remark if isinstance(event, CaseStruckOff | CaseArchived) else event.reason,
        at=fact.at,
    )


async def _all(case_id: UUID, conn: AsyncConnection) -> list[LoggedFact]:
    facts: list[LoggedFact] = []
    while page := await history(case_id, conn=conn, after=facts[-1].seq if facts else 0, limit=_PAGE):
        facts += page
    return facts
