"""What a rehearsal shows is in words: whatever somebody may hear, and whatever somebody may have done."""

from services.assessment.api import rehearsals
from services.assessment.domain.acting import ACTIONS
from shared.contracts.supervision import Addressed, CaseEscalated
from shared.contracts.topics import SUPERVISION


def test_all_that_is_told_has_its_words() -> None:
    heard = {event for event in SUPERVISION.events if "addressees" in event.model_fields}
    assert {event.type for event in heard - {CaseEscalated, Addressed}} == rehearsals._TOLD.keys()


def test_all_that_people_do_has_its_words() -> None:
    assert {event.type for event in ACTIONS} <= rehearsals._ACTED.keys()
