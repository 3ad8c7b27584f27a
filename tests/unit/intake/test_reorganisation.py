"""Chains split, merged and handed over: where projects go, and what follows."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from services.intake.domain.errors import DateNotAllowed
from services.intake.domain.organisation import enterprises
from services.intake.domain.organisation import reorganisation as domain
from services.intake.domain.organisation.enterprises import Anchor, Enterprise
from services.intake.domain.organisation.programme import Chain, Post
from services.intake.domain.organisation.reorganisation import Effective, HandOverNotAllowed, Part, SplitNotAllowed
from shared.contracts.programme import ChainCategory, Tier
from tests.unit.intake.factories import AUTO, BUREAU, DISPLAY, an_id

TODAY = date(2026, 6, 1)
EFFECTIVE = Effective(date(2026, 5, 1), "优化调整", TODAY)
MODULE = Chain(an_id("MODULE"), "MODULE", "显示模组", ChainCategory.EMERGING_MANUFACTURING, 1)
ONE, TWO = an_id("one"), an_id("two")
PRESENT = {ONE: "P-1", TWO: "P-2"}


def going(*parts: Part, closing: bool = False) -> dict[UUID, UUID]:
    return domain.destinations(DISPLAY, parts, present=PRESENT, closing=closing)


def test_projects_go_where_they_are_named_and_the_others_stay_or_go_to_the_rest() -> None:
    assert going(Part(MODULE, (ONE,))) == {ONE: MODULE.id}
    assert going(Part(MODULE, (ONE,)), Part(AUTO, rest=True), closing=True) == {ONE: MODULE.id, TWO: AUTO.id}


def test_a_chain_that_closes_leaves_no_project_behind() -> None:
    with pytest.raises(SplitNotAllowed, match="P-2"):
        going(Part(MODULE, (ONE,)), closing=True)


@pytest.mark.parametrize(
    "parts",
    [
        (Part(MODULE, (an_id("a stranger"),)),),
        (Part(MODULE, (ONE,)), Part(AUTO, (ONE,))),
        (Part(MODULE, rest=True), Part(AUTO, rest=True)),
    ],
)
def test_a_project_goes_to_one_part(parts: tuple[Part, ...]) -> None:
    with pytest.raises(SplitNotAllowed):
        going(*parts)


def test_who_had_the_chain_has_its_successors_and_keeps_it_unless_it_closes() -> None:
    assert domain.followed((DISPLAY.id, AUTO.id), DISPLAY.id, (AUTO.id, MODULE.id), closing=True) == (
        AUTO.id,
        MODULE.id,
    )
    assert domain.followed((DISPLAY.id,), DISPLAY.id, (MODULE.id,), closing=False) == (DISPLAY.id, MODULE.id)


def test_a_chain_is_handed_over_between_posts_of_one_tier() -> None:
    giving = Post(an_id("giving"), "链长甲", Tier.CHIEF, BUREAU.id, (DISPLAY.id, AUTO.id))
    taking = Post(an_id("taking"), "链长乙", Tier.CHIEF, BUREAU.id, (MODULE.id,))
    deputy = Post(an_id("deputy"), "副链长", Tier.DEPUTY_CHIEF, BUREAU.id, (MODULE.id,))
    (left,), (taken,) = domain.hand_over(DISPLAY, giving, taking, EFFECTIVE)
    assert (left.chain_ids, taken.chain_ids) == ((AUTO.id,), (MODULE.id, DISPLAY.id))  # type: ignore[attr-defined]
    for wrong in (deputy, giving):
        with pytest.raises(HandOverNotAllowed):
            domain.hand_over(DISPLAY, giving, wrong, EFFECTIVE)
    with pytest.raises(HandOverNotAllowed):
        domain.hand_over(DISPLAY, taking, giving, EFFECTIVE)


def test_a_general_chief_that_answers_for_all_chains_neither_gives_nor_takes_one() -> None:
    of_two = Post(an_id("giving"), "总链长甲", Tier.CHIEF_GENERAL, BUREAU.id, (DISPLAY.id, AUTO.id))
    of_one = Post(an_id("one"), "总链长乙", Tier.CHIEF_GENERAL, BUREAU.id, (DISPLAY.id,))
    of_all = Post(an_id("all"), "总链长丙", Tier.CHIEF_GENERAL, BUREAU.id)
    for giving, taking in ((of_one, of_two), (of_two, of_all), (of_all, of_two)):
        with pytest.raises(HandOverNotAllowed):
            domain.hand_over(DISPLAY, giving, taking, EFFECTIVE)


def test_a_chain_becomes_part_of_no_chain_that_was_not_there_yet() -> None:
    for opened, sound in ((date(2026, 5, 1), True), (date(2026, 5, 2), False)):
        into = replace(MODULE, opened_from=opened)
        if sound:
            assert domain.merge(DISPLAY, into, EFFECTIVE)
            continue
        with pytest.raises(DateNotAllowed, match="设立日期2026-05-02"):
            domain.merge(DISPLAY, into, EFFECTIVE)


def test_an_anchor_of_the_chain_that_closes_is_anchor_of_its_successors_without_a_day_between() -> None:
    anchor = Anchor(DISPLAY.id, date(2026, 1, 1))
    firm = Enterprise(an_id("firm"), "code", "示例公司", (DISPLAY.id,), 2, (anchor,))
    after = enterprises.fold(firm, domain.follow_enterprise(firm, DISPLAY.id, (AUTO.id,), EFFECTIVE))
    assert after.chain_ids == (AUTO.id,)
    assert [(one.chain_id, one.from_day, one.until_day) for one in after.anchors] == [
        (DISPLAY.id, date(2026, 1, 1), date(2026, 4, 30)),
        (AUTO.id, date(2026, 5, 1), None),
    ]
