"""Posts and terms of office, organisations and chains."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from services.intake.domain import programme
from services.intake.domain.errors import FieldMissing, ParentNotAllowed, TermNotAllowed
from services.intake.domain.programme import Organisation, Post
from shared.contracts.programme import PostAssumed, PostVacated, Tier
from tests.unit.intake.factories import BUREAU, DISPLAY, LI, PARK, ZHANG, an_id

MAY = date(2026, 5, 1)


def a_post(tier: Tier = Tier.CHIEF, chains: tuple[UUID, ...] = (DISPLAY.id,)) -> Post:
    return programme.fold_post(None, programme.establish(Post(an_id("post"), "链长", tier, BUREAU.id, chains)))


def assumed(post: Post, person: UUID, day: date) -> Post:
    return programme.fold_post(post, programme.assume(post, person_id=person, from_day=day))


def test_a_new_post_is_vacant() -> None:
    assert a_post().holder(MAY) is None


def test_a_successor_ends_the_predecessors_term_the_day_before() -> None:
    post = assumed(assumed(a_post(), ZHANG.id, date(2026, 1, 1)), LI.id, MAY)
    assert post.holder(date(2025, 12, 31)) is None
    assert post.holder(MAY - timedelta(days=1)) == ZHANG.id
    assert post.holder(MAY) == LI.id
    assert post.version == 3


def test_a_vacated_post_has_no_holder_from_that_day_until_somebody_assumes_it() -> None:
    post = assumed(a_post(), ZHANG.id, date(2026, 1, 1))
    (event,) = programme.vacate(post, from_day=MAY)
    assert event == PostVacated(post_id=post.id, person_id=ZHANG.id, from_day=MAY)
    post = assumed(programme.fold_post(post, [event]), LI.id, date(2026, 6, 1))
    days = [date(2026, 4, 30), MAY, date(2026, 5, 31), date(2026, 6, 1)]
    assert [post.holder(day) for day in days] == [ZHANG.id, None, None, LI.id]


def test_a_post_may_be_assumed_again_on_the_day_it_was_vacated() -> None:
    post = assumed(a_post(), ZHANG.id, date(2026, 1, 1))
    post = programme.fold_post(post, programme.vacate(post, from_day=MAY))
    assert assumed(post, LI.id, MAY).holder(MAY) == LI.id


def test_terms_do_not_overlap_and_nobody_succeeds_themselves() -> None:
    post = assumed(a_post(), ZHANG.id, MAY)
    with pytest.raises(TermNotAllowed, match="已在该岗位任职"):
        programme.assume(post, person_id=ZHANG.id, from_day=date(2026, 6, 1))
    with pytest.raises(TermNotAllowed, match="须晚于"):
        programme.assume(post, person_id=LI.id, from_day=MAY)


def test_only_a_held_post_is_vacated_and_not_before_it_was_assumed() -> None:
    with pytest.raises(TermNotAllowed, match="空缺"):
        programme.vacate(a_post(), from_day=MAY)
    with pytest.raises(TermNotAllowed, match="须晚于任职日期"):
        programme.vacate(assumed(a_post(), ZHANG.id, MAY), from_day=MAY)


@pytest.mark.parametrize("tier", list(Tier))
def test_posts_of_a_chain_name_their_chains(tier: Tier) -> None:
    if tier in programme.CHAIN_TIERS:
        with pytest.raises(FieldMissing):
            a_post(tier, ())
    else:
        assert a_post(tier, ()).chain_ids == ()


def test_a_post_begins_with_its_establishment() -> None:
    with pytest.raises(ValueError, match="before the post was established"):
        programme.fold_post(None, [PostAssumed(post_id=an_id("post"), person_id=ZHANG.id, from_day=MAY)])


def test_recording_the_same_again_changes_nothing() -> None:
    assert programme.record_organisation(BUREAU, BUREAU) == []
    assert programme.record_chain(DISPLAY, DISPLAY) == []
    assert programme.record_person(ZHANG, ZHANG) == []


def test_an_organisation_gets_another_parent_but_never_itself() -> None:
    (event,) = programme.record_organisation(BUREAU, replace(BUREAU, parent_id=PARK.id))
    assert programme.evolve_organisation(BUREAU, event) == Organisation(BUREAU.id, BUREAU.name, PARK.id, 2)
    with pytest.raises(ParentNotAllowed):
        programme.record_organisation(BUREAU, replace(BUREAU, parent_id=BUREAU.id))


def test_a_renamed_chain_keeps_its_code() -> None:
    (event,) = programme.record_chain(DISPLAY, replace(DISPLAY, name="新型显示与光电"))
    renamed = programme.evolve_chain(DISPLAY, event)
    assert (renamed.id, renamed.code, renamed.version) == (DISPLAY.id, DISPLAY.code, 2)
