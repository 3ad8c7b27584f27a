"""Posts and terms of office, organisations and chains."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from services.intake.domain.errors import DateNotAllowed, FieldMissing, ParentNotAllowed, TermNotAllowed
from services.intake.domain.organisation import programme
from services.intake.domain.organisation.programme import Organisation, Post, Term
from shared.contracts.programme import PostAssumed, PostVacated, Tier
from tests.unit.intake.factories import AUTO, BUREAU, DISPLAY, LI, PARK, ZHANG, an_id

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


def test_a_post_answers_on_each_day_for_the_chains_it_had_then() -> None:
    post, today = a_post(), date(2026, 6, 1)
    for day, chains in ((MAY, (DISPLAY.id, AUTO.id)), (date(2026, 5, 20), (AUTO.id,))):
        post = programme.fold_post(
            post, programme.assign_chains(post, chains, from_day=day, reason="分工调整", today=today)
        )
    assert post.chains_on(date(2026, 4, 30)) == (DISPLAY.id,)
    assert post.chains_on(MAY) == (DISPLAY.id, AUTO.id)
    assert post.chains_on(date(2026, 5, 20)) == (AUTO.id,)
    with pytest.raises(DateNotAllowed):
        programme.assign_chains(post, (), from_day=date(2026, 5, 19), reason="分工调整", today=today)
    with pytest.raises(DateNotAllowed):
        programme.assign_chains(post, (), from_day=date(2026, 6, 2), reason="分工调整", today=today)


def test_a_second_change_on_one_day_leaves_nothing_of_the_first() -> None:
    post = a_post()
    for chains in ((), (AUTO.id,)):
        events = programme.assign_chains(post, chains, from_day=MAY, reason="分工调整", today=MAY)
        post = programme.fold_post(post, events)
    assert post.former == (programme.FormerCharge(MAY - timedelta(days=1), (DISPLAY.id,)),)


def test_a_post_was_there_from_its_day_or_from_its_first_term_if_that_was_before() -> None:
    post = replace(a_post(), established_on=MAY)
    assert not post.existed(MAY - timedelta(days=1))
    held = assumed(post, ZHANG.id, date(2026, 1, 1))
    assert held.existed(date(2026, 1, 1))
    assert not held.existed(date(2025, 12, 31))


@pytest.mark.parametrize(
    "terms",
    [
        (Term(ZHANG.id, MAY, MAY - timedelta(days=1)),),
        (Term(ZHANG.id, date(2026, 1, 1)), Term(LI.id, MAY)),
        (Term(ZHANG.id, date(2026, 1, 1), MAY), Term(LI.id, MAY)),
    ],
)
def test_terms_that_overlap_or_end_before_they_begin_are_no_correction(terms: tuple[Term, ...]) -> None:
    with pytest.raises(TermNotAllowed):
        programme.correct_terms(a_post(), terms, reason="录入有误")


def test_corrected_terms_stand_in_order_and_the_same_again_is_nothing() -> None:
    terms = (Term(LI.id, MAY), Term(ZHANG.id, date(2026, 1, 1), date(2026, 3, 31)))
    post = programme.fold_post(a_post(), programme.correct_terms(a_post(), terms, reason="录入有误"))
    assert (post.holder(date(2026, 3, 31)), post.holder(date(2026, 4, 1)), post.holder(MAY)) == (ZHANG.id, None, LI.id)
    assert programme.correct_terms(post, terms, reason="录入有误") == []


def test_an_organisation_moves_below_none_of_its_own() -> None:
    child = replace(PARK, parent_id=BUREAU.id)
    with pytest.raises(ParentNotAllowed, match=f"{BUREAU.name}→{PARK.name}"):
        programme.record_organisation(BUREAU, replace(BUREAU, parent_id=PARK.id), above=(child, BUREAU))


def test_a_renamed_organisation_is_found_by_every_name_it_bore() -> None:
    (event,) = programme.rename(BUREAU, "区投资促进局", from_day=MAY, today=MAY)
    renamed = programme.evolve_organisation(BUREAU, event)
    assert programme.ids_by_name([renamed]) == {BUREAU.name: {BUREAU.id}, "区投资促进局": {BUREAU.id}}
    assert (renamed.name_on(MAY - timedelta(days=1)), renamed.name_on(MAY)) == (BUREAU.name, "区投资促进局")
    assert programme.rename(renamed, "区投资促进局", from_day=MAY, today=MAY) == []


def test_a_name_that_is_put_right_on_its_day_leaves_nothing_behind() -> None:
    unit, chain = BUREAU, DISPLAY
    for name in ("区投资促进据", "区投资促进局"):
        (event,) = programme.rename(unit, name, from_day=MAY, today=MAY)
        unit = programme.evolve_organisation(unit, event)
        (event,) = programme.record_chain(chain, replace(chain, name=name), since=MAY, today=MAY)
        chain = programme.evolve_chain(chain, event)
    assert unit.names == (BUREAU.name, "区投资促进局")
    assert [before.name for before in chain.former] == [DISPLAY.name]


def test_a_chain_is_on_each_day_what_it_was_then() -> None:
    (event,) = programme.record_chain(DISPLAY, replace(DISPLAY, name="光电"), since=MAY, today=MAY)
    chain = programme.evolve_chain(DISPLAY, event)
    before, after = chain.on(MAY - timedelta(days=1)), chain.on(MAY)
    assert before is not None
    assert after is not None
    assert (before.name, after.name) == ("新型显示", "光电")
    closed = replace(chain, opened_from=date(2026, 1, 1), closed_from=date(2026, 6, 1))
    assert closed.on(date(2025, 12, 31)) is None
    assert closed.on(date(2026, 6, 1)) is None
    with pytest.raises(programme.ChainNotOpen):
        programme.record_chain(closed, replace(closed, name="显示"), since=MAY, today=MAY)
