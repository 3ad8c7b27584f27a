"""Leave and delegates: who answers for a post while its holder is away."""

from datetime import date

import pytest

from services.intake.domain.errors import DateNotAllowed, FieldMissing
from services.intake.domain.organisation import leave as domain
from services.intake.domain.organisation.leave import DelegateNotAllowed, Leave, LeaveNotAllowed
from services.intake.domain.organisation.programme import Post, Term
from shared.contracts.programme import Tier
from tests.unit.intake.factories import BUREAU, DISPLAY, LI, ZHANG, an_id

FIRST, LAST = date(2026, 5, 6), date(2026, 5, 12)
AWAY = Leave(an_id("leave"), ZHANG.id, FIRST, LAST, LI.id)
CHIEF = Post(an_id("chief"), "链长", Tier.CHIEF, BUREAU.id, (DISPLAY.id,), (Term(ZHANG.id, date(2026, 1, 1)),))


@pytest.mark.parametrize(
    ("day", "acting"),
    [
        (date(2025, 12, 31), None),
        (date(2026, 5, 5), ZHANG.id),
        (FIRST, LI.id),
        (LAST, LI.id),
        (date(2026, 5, 13), ZHANG.id),
    ],
)
def test_a_delegate_acts_from_the_first_day_to_the_last(day: date, acting: object) -> None:
    assert domain.answering(CHIEF, day, [AWAY]).acting_id == acting


def test_where_the_delegate_is_away_too_nobody_acts_and_both_are_seen() -> None:
    answer = domain.answering(CHIEF, FIRST, [AWAY, Leave(an_id("other"), LI.id, FIRST, FIRST, BUREAU.id)])
    assert (answer.holder_id, answer.delegate_id, answer.acting_id) == (ZHANG.id, LI.id, None)


def test_a_delegate_for_some_posts_does_not_act_in_others() -> None:
    elsewhere = Leave(an_id("leave"), ZHANG.id, FIRST, LAST, LI.id, (an_id("another post"),))
    answer = domain.answering(CHIEF, FIRST, [elsewhere])
    assert (answer.leave, answer.delegate_id, answer.acting_id) == (elsewhere, None, None)


def test_nobody_stands_in_for_themselves_and_a_leave_ends_after_it_begins() -> None:
    with pytest.raises(DelegateNotAllowed):
        domain.plan(Leave(AWAY.id, LI.id, FIRST, LAST, LI.id), of_person=(), of_delegate=())
    with pytest.raises(DateNotAllowed):
        domain.plan(Leave(AWAY.id, ZHANG.id, LAST, FIRST, LI.id), of_person=(), of_delegate=())


def test_leave_of_one_person_does_not_overlap_nor_begins_while_the_delegate_is_away() -> None:
    again = Leave(an_id("again"), ZHANG.id, LAST, LAST, LI.id)
    with pytest.raises(LeaveNotAllowed):
        domain.plan(again, of_person=[AWAY], of_delegate=())
    absent = Leave(an_id("absent"), LI.id, LAST, LAST, BUREAU.id)
    with pytest.raises(LeaveNotAllowed):
        domain.plan(again, of_person=(), of_delegate=[absent])
    (event,) = domain.cancel(AWAY, reason="改期", today=date(2026, 5, 5))
    assert domain.plan(again, of_person=[domain.evolve(AWAY, event)], of_delegate=())


def test_a_leave_that_began_is_ended_not_cancelled() -> None:
    with pytest.raises(LeaveNotAllowed):
        domain.cancel(AWAY, reason="改期", today=FIRST)
    with pytest.raises(FieldMissing):
        domain.cancel(AWAY, reason=" ", today=date(2026, 5, 5))
    (event,) = domain.end(AWAY, until_day=FIRST, others=[AWAY])
    assert domain.evolve(AWAY, event).until_day == FIRST
    assert domain.end(AWAY, until_day=LAST, others=[AWAY]) == []
