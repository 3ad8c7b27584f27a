from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

from services.intake.domain.drafts import Verdict
from services.intake.domain.imports.directory import directory_of
from services.intake.domain.imports.roster import PostDraft, Roster, RosterOutcome
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
    own_chains: Collection[UUID] | None = None,
) -> Roster:
    return Roster(
        directory=directory_of(chains=[SHIP], organisations=(), posts=(), people=(), today=TODAY),
        organisations=organisations,
        people=people,
        posts=[DESK],
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


def test_the_clerk_of_one_chain_sets_up_no_post_of_another_and_none_that_answers_for_all() -> None:
    own = draft(1, title="链长", tier=Tier.CHIEF, chains=("SHIP",))
    over_all = draft(2, title="总链长", tier=Tier.CHIEF_GENERAL)
    officer = draft(3, title="联络员", tier=Tier.OFFICER)

    def refused(own_chains: Collection[UUID]) -> list[str]:
        return [one.row for one in roster(own_chains=own_chains).take([own, over_all, officer]) if one.refusals]

    assert refused([SHIP.id]) == ["2"]
    assert refused([chain_id("AUTO")]) == ["1", "2"]
