from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

from services.intake.domain.drafts import Verdict
from services.intake.domain.imports.directory import directory_of
from services.intake.domain.imports.roster import PostDraft, Roster, RosterOutcome, RosterRefusal
from services.intake.domain.organisation import programme
from services.intake.domain.organisation.programme import Chain, Organisation, Person, Post, Term
from shared.contracts.ids import chain_id, organisation_id
from shared.contracts.programme import (
    ChainCategory,
    OrganisationKind,
    OrganisationRecorded,
    PostAssumed,
    PostVacated,
    Tier,
)

TODAY = date(2026, 1, 5)
SHIP = Chain(chain_id("SHIP"), "SHIP", "船舶海工", ChainCategory.TRADITIONAL_MANUFACTURING, 1)
BUREAU = Organisation(organisation_id("示例局"), "示例局", None, 1)
ZHANG = Person(UUID(int=1), "张示例", BUREAU.id, 1)
DESK = Post(UUID(int=2), "专员", Tier.OFFICER, BUREAU.id, (), (Term(ZHANG.id, date(2025, 1, 1)),), 2)


def roster(
    *,
    people: Sequence[Person] = (ZHANG,),
    organisations: Sequence[Organisation] = (BUREAU,),
    posts: Sequence[Post] = (DESK,),
    own_chains: Collection[UUID] | None = None,
) -> Roster:
    return Roster(
        directory=directory_of(chains=[SHIP], organisations=(), posts=(), people=(), today=TODAY),
        organisations=organisations,
        people=people,
        posts=posts,
        today=TODAY,
        new_id=uuid4,
        own_chains=own_chains,
    )


def draft(row: int, organisation: str = "示例局", title: str = "", **more: object) -> PostDraft:
    return PostDraft(str(row), organisation, title=title, **more)  # type: ignore[arg-type]


def fields(outcome: RosterOutcome) -> list[str]:
    return [refusal.field for refusal in outcome.refusals]


def test_a_superior_may_stand_further_down() -> None:
    drafts = [draft(1, "示例科", parent="示例所"), draft(2, "示例所", parent="示例局")]
    present = roster()
    outcomes = present.take(drafts)

    assert [outcome.verdict for outcome in outcomes] == [Verdict.RECORDED, Verdict.RECORDED]
    assert list(present.events) == [organisation_id("示例所"), organisation_id("示例科")]


def test_units_that_stand_in_a_circle_or_under_nobody_are_refused() -> None:
    drafts = [
        draft(1, "甲", parent="乙"),
        draft(2, "乙", parent="甲"),
        draft(3, "丙", parent="没有"),
        draft(4, "丁", parent="丁"),
    ]
    outcomes = roster().take(drafts)

    assert [fields(outcome) for outcome in outcomes] == [["parent"]] * 4


def test_two_superiors_in_one_list_are_refused() -> None:
    outcomes = roster().take(
        [draft(1, "示例科", parent="示例局"), draft(2, "示例二"), draft(3, "示例科", parent="示例二")]
    )

    assert [outcome.verdict for outcome in outcomes] == [Verdict.RECORDED, Verdict.RECORDED, Verdict.REFUSED]


def test_a_superior_that_is_left_out_stays() -> None:
    present = roster()
    present.take([draft(1, "示例科", parent="示例局")])

    assert present.take([draft(2, "示例科")])[0].verdict is Verdict.UNCHANGED


def test_a_successor_takes_the_post_and_is_recorded_once() -> None:
    present = roster()
    outcomes = present.take(
        [
            draft(1, title="专员", tier=Tier.OFFICER, person="李示例", from_day=date(2026, 1, 4)),
            draft(2, title="科长", tier=Tier.UNIT_HEAD, person="李示例"),
        ]
    )
    assumed = [event for events in present.events.values() for event in events if isinstance(event, PostAssumed)]

    assert [outcome.verdict for outcome in outcomes] == [Verdict.CHANGED, Verdict.RECORDED]
    assert len({event.person_id for event in assumed}) == 1
    assert [event.from_day for event in assumed] == [date(2026, 1, 4), TODAY]


def test_a_blank_name_says_nothing_and_a_vacancy_does() -> None:
    present = roster()

    assert present.take([draft(1, title="专员", tier=Tier.OFFICER)])[0].verdict is Verdict.UNCHANGED
    assert present.take([draft(1, title="专员", tier=Tier.OFFICER, vacant=True)])[0].verdict is Verdict.CHANGED
    assert present.take([draft(1, title="专员", tier=Tier.OFFICER, vacant=True)])[0].verdict is Verdict.UNCHANGED
    assert [type(event) for event in present.events[DESK.id]] == [PostVacated]


def test_what_is_recorded_of_a_post_is_not_changed_by_a_list() -> None:
    outcomes = roster().take(
        [
            draft(1, title="专员", tier=Tier.UNIT_HEAD),
            draft(2, title="专员", tier=Tier.OFFICER, chains=("船舶海工",)),
            draft(3, title="专员", tier=Tier.OFFICER, person="张示例", from_day=date(2025, 6, 1)),
            draft(4, title="专员", tier=Tier.OFFICER, person="李示例", from_day=date(2024, 6, 1)),
        ]
    )

    assert [fields(outcome) for outcome in outcomes] == [["tier"], ["chains"], ["from_day"], ["from_day"]]


def test_a_refused_row_leaves_nothing_behind() -> None:
    present = roster()
    outcome = present.take([draft(1, "新局", title="链长", tier=Tier.CHIEF, person="王", chains=("飞船",))])[0]

    assert fields(outcome) == ["chains"]
    assert present.events == {}
    assert not [
        event for events in present.events.values() for event in events if isinstance(event, OrganisationRecorded)
    ]


def test_a_name_that_several_people_have_is_refused() -> None:
    namesake = Person(UUID(int=3), "李示例", BUREAU.id, 1)
    other = Person(UUID(int=4), "李示例", BUREAU.id, 1)
    outcome = roster(people=(ZHANG, namesake, other)).take(
        [draft(1, title="专员", tier=Tier.OFFICER, person="李示例")]
    )[0]

    assert fields(outcome) == ["person"]


def test_a_list_says_of_what_kind_a_unit_is_and_a_former_name_leads_to_the_unit() -> None:
    (event,) = programme.rename(BUREAU, "新示例局", from_day=TODAY, today=TODAY)
    renamed = programme.evolve_organisation(BUREAU, event)
    present = roster(organisations=(renamed,))
    outcomes = present.take([draft(1, "示例局", kind=OrganisationKind.GOVERNMENT), draft(2, "示例科", parent="示例局")])
    assert [outcome.verdict for outcome in outcomes] == [Verdict.CHANGED, Verdict.RECORDED]
    (changed, child) = (present.events[BUREAU.id][0], present.events[organisation_id("示例科")][0])
    assert isinstance(changed, OrganisationRecorded)
    assert (changed.name, changed.kind) == ("新示例局", OrganisationKind.GOVERNMENT)
    assert isinstance(child, OrganisationRecorded)
    assert child.parent_id == BUREAU.id


def test_a_park_stays_one_whatever_a_list_says() -> None:
    park = replace(BUREAU, kind=OrganisationKind.PARK)
    (outcome,) = roster(organisations=(park,)).take([draft(1, kind=OrganisationKind.OTHER)])
    assert fields(outcome) == ["kind"]


def test_a_chief_is_set_up_for_chains_that_the_list_names() -> None:
    (outcome,) = roster().take([draft(1, title="链长", tier=Tier.CHIEF)])
    assert outcome.refusals == (RosterRefusal("chains", "链长须写明所负责的产业链"),)


def test_two_kinds_of_one_unit_in_one_list_are_refused() -> None:
    first = draft(1, kind=OrganisationKind.GOVERNMENT)
    outcomes = roster().take([first, draft(2, kind=OrganisationKind.OTHER), draft(3)])
    assert [fields(outcome) for outcome in outcomes] == [[], ["kind"], []]


def told(outcome: RosterOutcome) -> list[tuple[str, str, str, str]]:
    return [(one.field, one.name, one.old, one.new) for one in outcome.differences]


def test_what_changes_of_a_unit_and_its_post_is_told_from_what_to_what() -> None:
    moved = draft(2, title="专员", tier=Tier.OFFICER, parent="示例区政府")
    government = Organisation(organisation_id("示例区政府"), "示例区政府", None, 1)
    drafts = [
        draft(1, "示例区政府"),
        replace(moved, kind=OrganisationKind.GOVERNMENT, person="李示例"),
        draft(3, title="专员", tier=Tier.OFFICER, person="李示例", from_day=TODAY),
        draft(4, title="科长", tier=Tier.UNIT_HEAD, person="张示例"),
    ]
    outcomes = roster(organisations=(BUREAU, government)).take(drafts)
    verdicts = [outcome.verdict for outcome in outcomes]
    assert verdicts == [Verdict.UNCHANGED, Verdict.CHANGED, Verdict.UNCHANGED, Verdict.RECORDED]
    assert [told(outcome) for outcome in outcomes] == [
        [],
        [
            ("parent", "上级单位", "", "示例区政府"),
            ("kind", "单位类别", "", "党政部门"),
            ("person", "姓名", "张示例", "李示例"),
            ("from_day", "任职时间", "2025-01-01", "2026-01-05"),
        ],
        [],
        [],
    ]


def test_a_vacancy_begins_today_where_the_list_leaves_the_day_on_which_the_term_began() -> None:
    (outcome,) = roster().take(
        [draft(1, title="专员", tier=Tier.OFFICER, vacant=True, from_day=DESK.terms[0].from_day)]
    )
    assert told(outcome) == [
        ("person", "姓名", "张示例", "空缺"),
        ("from_day", "空缺起始时间", "", "2026-01-05"),
    ]


def test_a_term_that_is_to_end_is_the_same_in_a_list_and_ends_no_sooner_by_one() -> None:
    ending = replace(DESK, terms=(replace(DESK.terms[0], until_day=date(2026, 1, 31)),))

    desk = draft(1, title="专员", tier=Tier.OFFICER)
    same = replace(desk, person="张示例", from_day=date(2025, 1, 1))
    sooner, then = replace(desk, vacant=True), replace(desk, vacant=True, from_day=date(2026, 2, 1))
    assert [fields(roster(posts=[ending]).take([one])[0]) for one in (same, sooner, then)] == [[], ["person"], []]


def test_somebody_who_is_to_assume_a_vacant_post_is_no_other_in_a_list() -> None:
    coming = replace(DESK, terms=(Term(ZHANG.id, date(2026, 2, 1)),))
    present = roster(posts=[coming])
    drafts = [
        draft(1, title="专员", tier=Tier.OFFICER, person="张示例", from_day=date(2026, 2, 1)),
        draft(2, title="专员", tier=Tier.OFFICER, vacant=True),
    ]
    assert [outcome.verdict for outcome in present.take(drafts)] == [Verdict.UNCHANGED] * 2


def test_names_are_the_same_however_their_digits_and_blanks_were_recorded() -> None:
    unit = Organisation(organisation_id("示例　１局"), "示例　１局", None, 1)
    person = Person(UUID(int=5), "张　示例", unit.id, 1)
    post = Post(UUID(int=6), "专员Ａ", Tier.OFFICER, unit.id, (), (Term(person.id, date(2025, 1, 1)),), 2)
    present = roster(organisations=[unit], people=[person], posts=[post])
    (outcome,) = present.take([draft(1, "示例 1局", title="专员A", tier=Tier.OFFICER, person="张示例")])
    assert outcome.verdict is Verdict.UNCHANGED


def test_a_name_that_two_units_or_two_posts_share_but_for_blanks_is_refused() -> None:
    spaced = Organisation(organisation_id("示 例局"), "示 例局", None, 1)
    (outcome,) = roster(organisations=(BUREAU, spaced)).take([draft(1)])
    assert fields(outcome) == ["organisation"]
    other = replace(DESK, id=UUID(int=7), title="专 员")
    (outcome,) = roster(posts=[DESK, other]).take([draft(1, title="专员", tier=Tier.OFFICER)])
    assert fields(outcome) == ["title"]


def test_the_clerk_of_one_chain_sets_up_no_post_of_another_and_none_that_answers_for_all() -> None:
    own = draft(1, title="链长", tier=Tier.CHIEF, chains=("SHIP",))
    over_all = draft(2, title="总链长", tier=Tier.CHIEF_GENERAL)
    officer = draft(3, title="联络员", tier=Tier.OFFICER)

    def refused(own_chains: Collection[UUID]) -> list[str]:
        return [one.row for one in roster(own_chains=own_chains).take([own, over_all, officer]) if one.refusals]

    assert refused([SHIP.id]) == ["2"]
    assert refused([chain_id("AUTO")]) == ["1", "2"]
