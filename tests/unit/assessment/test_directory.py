from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

from services.assessment.domain.directory import Asked, Directory, Found
from shared.contracts.event import Event
from shared.contracts.ids import organisation_id
from shared.contracts.programme import (
    LeaveCancelled,
    LeaveEnded,
    LeavePlanned,
    OrganisationRecorded,
    PostAssumed,
    PostChainsAssigned,
    PostEstablished,
    PostTermsCorrected,
    PostVacated,
    TermOfOffice,
    Tier,
)
from tests.support.supervised import CHAIN, UNIT, named, person, post, programme

TODAY = date(2026, 3, 2)
ASKED = Asked(CHAIN, UNIT, post(Tier.OFFICER))


def taught(told: list[tuple[UUID, Event]]) -> Directory:
    directory = Directory()
    for _, event in told:
        directory.learn(event)
    return directory


def tiers(found: Found) -> list[Tier]:
    return [one.tier for one in found.addressees]


def test_a_vacant_tier_is_skipped_upward_and_said() -> None:
    directory = taught(programme(vacant=[Tier.DEPUTY_CHIEF]))
    found = directory.find(ASKED, to=(Tier.DEPUTY_CHIEF,), on=TODAY)
    assert (tiers(found), found.skipped) == ([Tier.CHIEF], (Tier.DEPUTY_CHIEF,))


def test_several_vacant_tiers_end_at_the_next_that_is_held_once() -> None:
    directory = taught(programme(vacant=[Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD]))
    found = directory.find(ASKED, to=(Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD), on=TODAY)
    assert tiers(found) == [Tier.TASK_FORCE]
    assert set(found.skipped) == {Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD}


def test_a_vacant_copy_falls_away_and_is_said() -> None:
    directory = taught(programme(vacant=[Tier.DEPUTY_CHIEF]))
    found = directory.find(ASKED, to=(Tier.TASK_FORCE,), copy=(Tier.DEPUTY_CHIEF,), on=TODAY)
    assert (tiers(found), found.skipped) == ([Tier.TASK_FORCE], (Tier.DEPUTY_CHIEF,))


def test_with_nobody_at_all_every_tier_is_skipped() -> None:
    found = taught(programme(vacant=list(Tier))).find(ASKED, to=(Tier.OFFICER,), on=TODAY)
    assert found.addressees == ()
    assert found.skipped == tuple(reversed(Tier))


def test_all_holders_of_a_tier_hear_and_other_chains_do_not() -> None:
    directory = taught(programme())
    second, other = named("second"), named("other")
    for post_id, chains in ((second, ()), (other, (named("another chain"),))):
        directory.learn(
            PostEstablished(post_id=post_id, title="z", tier=Tier.CHIEF_GENERAL, organisation_id=UNIT, chain_ids=chains)
        )
        directory.learn(PostAssumed(post_id=post_id, person_id=person(Tier.CHIEF), from_day=TODAY))
    found = directory.find(ASKED, to=(Tier.CHIEF_GENERAL,), on=TODAY)
    assert {one.post_id for one in found.addressees} == {second, post(Tier.CHIEF_GENERAL)}


def test_posts_of_a_tier_stand_as_they_were_set_up_and_those_of_one_list_by_their_numerals() -> None:
    directory, list_at = Directory(), datetime(2026, 1, 5, tzinfo=UTC)
    for title, at in (
        ("总链长丙", list_at),
        ("总链长乙", list_at),
        ("常务总链长", list_at + timedelta(days=1)),
        ("总链长甲", list_at),
        ("总链长丙", list_at + timedelta(days=2)),  # recorded again: it keeps its place
    ):
        tier = Tier.CHIEF_GENERAL
        directory.learn(
            PostEstablished(post_id=named(title), title=title, tier=tier, organisation_id=UNIT, chain_ids=()), at=at
        )
        directory.learn(PostAssumed(post_id=named(title), person_id=person(tier), from_day=TODAY))
    found = directory.find(ASKED, to=(Tier.CHIEF_GENERAL,), on=TODAY)
    order = ("总链长甲", "总链长乙", "总链长丙", "常务总链长")
    assert [one.post_id for one in found.addressees] == [named(title) for title in order]


def test_a_unit_without_a_head_is_answered_for_by_the_unit_above() -> None:
    directory = taught(programme())
    bureau = organisation_id("科室")
    directory.learn(OrganisationRecorded(organisation_id=bureau, name="科室", parent_id=UNIT))
    found = directory.find(Asked(CHAIN, bureau, post(Tier.OFFICER)), to=(Tier.UNIT_HEAD,), on=TODAY)
    assert [one.post_id for one in found.addressees] == [post(Tier.UNIT_HEAD)]


def test_units_that_name_each_other_as_parent_do_not_hang() -> None:
    directory = taught(programme())
    one, other = named("one"), named("other")
    directory.learn(OrganisationRecorded(organisation_id=one, name="甲", parent_id=other))
    directory.learn(OrganisationRecorded(organisation_id=other, name="乙", parent_id=one))
    found = directory.find(Asked(CHAIN, one, post(Tier.OFFICER)), to=(Tier.UNIT_HEAD,), on=TODAY)
    assert Tier.UNIT_HEAD in found.skipped


def test_a_term_begins_and_ends_on_its_day() -> None:
    directory = taught(programme())
    mine, first, second = post(Tier.CHIEF), person(Tier.CHIEF), named("successor")
    directory.learn(PostAssumed(post_id=mine, person_id=second, from_day=date(2026, 3, 10)))
    assert directory.holder(mine, date(2026, 3, 9)) == first
    assert directory.holder(mine, date(2026, 3, 10)) == second
    directory.learn(PostVacated(post_id=mine, person_id=second, from_day=date(2026, 4, 1)))
    assert directory.holder(mine, date(2026, 4, 1)) is None
    assert directory.holder(mine, date(2024, 12, 31)) is None


def test_leaving_a_post_that_somebody_else_holds_leaves_it_held() -> None:
    directory = taught(programme())
    mine, successor = post(Tier.CHIEF), named("successor")
    directory.learn(PostAssumed(post_id=mine, person_id=successor, from_day=TODAY))
    directory.learn(PostVacated(post_id=mine, person_id=person(Tier.CHIEF), from_day=TODAY))
    assert directory.holder(mine, TODAY) == successor


def test_the_order_of_different_aggregates_does_not_matter() -> None:
    blocks: dict[UUID, list[tuple[UUID, Event]]] = {}
    for aggregate, event in programme():
        blocks.setdefault(aggregate, []).append((aggregate, event))
    reference = taught(programme())
    for order in list(permutations(list(blocks)[:4])):
        rest = [key for key in blocks if key not in order]
        told = [entry for key in (*rest, *order) for entry in blocks[key]]
        found = taught(told).find(ASKED, to=(Tier.TASK_FORCE, Tier.UNIT_HEAD), on=TODAY)
        assert found == reference.find(ASKED, to=(Tier.TASK_FORCE, Tier.UNIT_HEAD), on=TODAY)


def test_a_chain_handed_to_another_post_is_answered_for_by_that_one_only() -> None:
    directory = taught(programme())
    giving, taking = post(Tier.CHIEF), named("taking")
    directory.learn(
        PostEstablished(
            post_id=taking, title="z", tier=Tier.CHIEF, organisation_id=UNIT, chain_ids=(named("another chain"),)
        )
    )
    directory.learn(PostAssumed(post_id=taking, person_id=named("somebody"), from_day=TODAY))
    for post_id, chains in ((giving, ()), (taking, (named("another chain"), CHAIN))):
        directory.learn(PostChainsAssigned(post_id=post_id, chain_ids=chains, from_day=TODAY, reason="分工调整"))
    found = directory.find(ASKED, to=(Tier.CHIEF,), on=TODAY)
    assert [one.post_id for one in found.addressees] == [taking]


def test_a_general_chief_without_chains_of_his_own_answers_for_all_and_otherwise_for_those_only() -> None:
    directory = taught(programme())
    told = []
    for chains in ((named("another chain"),), ()):
        directory.learn(
            PostChainsAssigned(post_id=post(Tier.CHIEF_GENERAL), chain_ids=chains, from_day=TODAY, reason="分工调整")
        )
        told.append(tiers(directory.find(ASKED, to=(Tier.CHIEF_GENERAL,), on=TODAY)))
    assert told == [[], [Tier.CHIEF_GENERAL]]


def test_corrected_terms_hold_for_every_day_and_what_stood_before_is_forgotten() -> None:
    first, second, post_id = named("first"), named("second"), named("a post")
    directory = Directory()
    directory.learn(PostAssumed(post_id=post_id, person_id=first, from_day=date(2026, 1, 1)))
    directory.learn(PostAssumed(post_id=post_id, person_id=second, from_day=date(2026, 2, 1)))
    terms = (
        TermOfOffice(person_id=first, from_day=date(2026, 1, 10), until_day=date(2026, 2, 14)),
        TermOfOffice(person_id=second, from_day=date(2026, 2, 20)),
    )
    directory.learn(PostTermsCorrected(post_id=post_id, terms=terms, reason="日期有误"))
    days = {date(2026, 1, 5): None, date(2026, 1, 10): first, date(2026, 2, 1): first, date(2026, 2, 14): first}
    days |= {date(2026, 2, 15): None, date(2026, 2, 20): second, TODAY: second}
    assert {day: directory.holder(post_id, day) for day in days} == days


def leave(from_day: date, until_day: date, **changes: object) -> LeavePlanned:
    away: dict[str, Any] = {"person_id": person(Tier.OFFICER), "leave_id": named("假"), "delegate_id": named("代理人")}
    return LeavePlanned(**{**away, "from_day": from_day, "until_day": until_day, **changes})


def test_while_the_holder_is_away_the_delegate_acts_too() -> None:
    directory = taught(programme())
    directory.learn(leave(date(2026, 3, 2), date(2026, 3, 6)))
    both = {person(Tier.OFFICER), named("代理人")}
    for day, acting in ((1, 1), (2, 2), (6, 2), (7, 1)):
        found = directory.acting(post(Tier.OFFICER), date(2026, 3, day))
        assert len(found) == acting
        assert found <= both
    answering = directory.answering(post(Tier.OFFICER), TODAY)
    assert (answering.holder_id, answering.delegate_id) == (person(Tier.OFFICER), named("代理人"))
    assert tiers(directory.find(ASKED, to=(Tier.OFFICER,), on=TODAY)) == [Tier.OFFICER]


def test_a_leave_that_ended_early_or_was_called_off_gives_nobody_anything() -> None:
    of = {"person_id": person(Tier.OFFICER), "leave_id": named("假")}
    for end in (LeaveEnded(**of, until_day=date(2026, 3, 1)), LeaveCancelled(**of)):
        directory = taught(programme())
        directory.learn(leave(date(2026, 2, 27), date(2026, 3, 6)))
        directory.learn(end)
        assert directory.acting(post(Tier.OFFICER), TODAY) == {person(Tier.OFFICER)}


def test_a_delegate_for_other_posts_or_who_is_away_too_does_not_act() -> None:
    directory = taught(programme())
    directory.learn(leave(date(2026, 3, 2), date(2026, 3, 6), post_ids=(post(Tier.CHIEF),)))
    assert directory.answering(post(Tier.OFFICER), TODAY).delegate_id is None
    directory.learn(leave(date(2026, 3, 2), date(2026, 3, 6)))
    away = leave(TODAY, TODAY, person_id=named("代理人"), leave_id=named("另一假"), delegate_id=named("丙"))
    directory.learn(away)
    answering = directory.answering(post(Tier.OFFICER), TODAY)
    assert answering.leave is not None
    assert answering.delegate_id is None


def test_a_vacant_post_has_nobody_who_acts() -> None:
    directory = taught(programme(vacant=[Tier.OFFICER]))
    assert directory.answering(post(Tier.OFFICER), TODAY).holder_id is None
    assert directory.acting(post(Tier.OFFICER), TODAY) == set()


def test_a_copy_learns_of_leave_without_the_other() -> None:
    directory = taught(programme())
    directory.learn(leave(TODAY, TODAY))
    copy = directory.copy()
    copy.learn(LeaveCancelled(person_id=person(Tier.OFFICER), leave_id=named("假")))
    assert directory.answering(post(Tier.OFFICER), TODAY).leave
    assert copy.answering(post(Tier.OFFICER), TODAY).leave is None
