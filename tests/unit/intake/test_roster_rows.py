"""The organisation as rows of a workbook, and those rows read back into the organisation they came from."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from io import BytesIO
from uuid import UUID

from openpyxl import load_workbook

from services.intake.domain.drafts import Verdict
from services.intake.domain.imports.directory import directory_of
from services.intake.domain.imports.roster import Roster, RosterOutcome
from services.intake.domain.organisation.programme import Chain, FormerName, Organisation, Person, Post, Term
from services.intake.handlers.imports.roster_rows import Establishment, rows_of
from services.intake.workbook.headings import Column
from services.intake.workbook.reading import read_workbook
from services.intake.workbook.template import PostRow, template
from shared.contracts.ids import chain_id, organisation_id
from shared.contracts.programme import ChainCategory, OrganisationKind, Tier
from tests.unit.intake.factories import an_id

TODAY = date(2026, 1, 5)
SHIP = Chain(chain_id("SHIP"), "SHIP", "船舶海工", ChainCategory.TRADITIONAL_MANUFACTURING, 1)
AUTO = Chain(chain_id("AUTO"), "AUTO", "汽车", ChainCategory.TRADITIONAL_MANUFACTURING, 1)
FOOD = Chain(chain_id("FOOD"), "FOOD", "食品、饮料", ChainCategory.TRADITIONAL_MANUFACTURING, 1)


def unit(name: str, parent: Organisation | None = None, **more: object) -> Organisation:
    return Organisation(organisation_id(name), name, parent.id if parent else None, 1, **more)  # type: ignore[arg-type]


GOVERNMENT = unit("示例区政府", kind=OrganisationKind.GOVERNMENT)
BUREAU = unit("示例工信局", GOVERNMENT, former=(FormerName("示例经信局", date(2024, 12, 31)),))
STREET = unit("示例街道", GOVERNMENT, kind=OrganisationKind.SUB_DISTRICT)
FORCE = unit("示例专班", GOVERNMENT, kind=OrganisationKind.TASK_FORCE)
SECTION = unit("示例一科", FORCE)
PARK = unit("示例园区", BUREAU, kind=OrganisationKind.PARK)
ZHANG = Person(an_id("张示例"), "张示例", BUREAU.id, 1)
WANG = Person(an_id("王示例"), "王示例", GOVERNMENT.id, 1)


def post(title: str, tier: Tier, of: Organisation, *terms: Term, chains: Sequence[Chain] = ()) -> Post:
    chain_ids = tuple(chain.id for chain in chains)
    return Post(an_id(f"{of.name}{title}"), title, tier, of.id, chain_ids, terms, 2)


POSTS = (
    post("办公室主任", Tier.UNIT_HEAD, BUREAU, Term(ZHANG.id, date(2025, 6, 1))),
    post("专员", Tier.OFFICER, BUREAU, Term(ZHANG.id, date(2025, 7, 1))),
    post("专员", Tier.OFFICER, STREET, Term(WANG.id, date(2025, 1, 1), date(2025, 12, 31))),
    post("总链长", Tier.CHIEF_GENERAL, GOVERNMENT, Term(WANG.id, date(2025, 1, 1))),
    post("链长", Tier.CHIEF, GOVERNMENT, chains=(SHIP, AUTO, FOOD)),
    post("副链长", Tier.DEPUTY_CHIEF, GOVERNMENT),
    post("联络员", Tier.OFFICER, SECTION, Term(ZHANG.id, date(2025, 1, 1), date(2026, 2, 28)), chains=(AUTO,)),
    post("顾问", Tier.OFFICER, SECTION, Term(ZHANG.id, date(1985, 1, 1))),
    post("观察员", Tier.OFFICER, SECTION, Term(WANG.id, date(2026, 3, 1))),
)


def an_establishment(posts: Sequence[Post] = POSTS, organisations: Sequence[Organisation] = ()) -> Establishment:
    units = {one.id: one for one in (*(organisations or (GOVERNMENT, BUREAU, STREET, FORCE, SECTION, PARK)),)}
    people = {person.id: person for person in (ZHANG, WANG)}
    chains = {chain.id: chain for chain in (SHIP, AUTO, FOOD)}
    directory = directory_of(
        chains=chains.values(), organisations=units.values(), posts=posts, people=people.values(), today=TODAY
    )
    return Establishment(units, units.keys() - {FORCE.id}, posts, people, chains, directory, TODAY)


def taken_back(establishment: Establishment, content: bytes) -> list[RosterOutcome]:
    read = read_workbook(content)
    assert not [row for row in read.rows if row.reasons]
    present = Roster(
        directory=establishment.directory,
        organisations=establishment.organisations.values(),
        people=establishment.people.values(),
        posts=establishment.posts,
        today=TODAY,
        new_id=lambda: UUID(int=1),
    )
    return present.take([row.post for row in read.rows if row.post])


def cells(row: PostRow, *columns: Column) -> list[object]:
    return [row.get(column) for column in columns]


def test_units_stand_in_the_order_of_the_tree_and_their_posts_by_tier() -> None:
    rows = rows_of(an_establishment())
    assert [cells(row, Column.ORG_NAME, Column.POST) for row in rows] == [
        ["示例一科", "联络员"],
        ["示例一科", "观察员"],
        ["示例一科", "顾问"],
        ["示例区政府", "总链长"],
        ["示例区政府", "链长"],
        ["示例区政府", "副链长"],
        ["示例工信局", "办公室主任"],
        ["示例工信局", "专员"],
        ["示例园区", None],
        ["示例街道", "专员"],
    ]


def test_a_unit_says_once_of_what_kind_it_is_where_it_stands_and_what_it_was_called() -> None:
    about = (Column.ORG_PARENT, Column.ORG_KIND, Column.REMARK)
    rows = [row for row in rows_of(an_establishment()) if row[Column.ORG_NAME] == BUREAU.name]
    assert [cells(row, *about) for row in rows] == [["示例区政府", None, "曾用名：示例经信局"], [None] * 3]


def test_a_post_says_for_which_chains_who_and_since_when() -> None:
    rows = {(row[Column.ORG_NAME], row.get(Column.POST)): row for row in rows_of(an_establishment())}
    about = (Column.TIER, Column.CHAIN, Column.PERSON, Column.FROM_DAY)
    assert cells(rows["示例区政府", "链长"], *about) == ["链长", "船舶海工、汽车、FOOD", "空缺", None]
    assert cells(rows["示例工信局", "专员"], *about) == ["责任人", "", "张示例", date(2025, 7, 1)]
    assert cells(rows["示例一科", "顾问"], *about) == ["责任人", "", "张示例", None]


def test_a_part_of_the_tree_is_taken_alone_also_below_a_task_force_that_is_no_more() -> None:
    posts = [replace(POSTS[0])]
    assert [row[Column.ORG_NAME] for row in rows_of(an_establishment(posts), under=BUREAU.id)] == [
        "示例工信局",
        "示例园区",
    ]
    assert [row[Column.ORG_NAME] for row in rows_of(an_establishment(posts), under=FORCE.id)] == ["示例一科"]


def test_the_rows_taken_back_are_all_as_they_were() -> None:
    establishment = an_establishment()
    outcomes = taken_back(establishment, template(["船舶海工"], (), rows_of(establishment)))
    assert len(outcomes) == len(POSTS) + 1
    assert {outcome.verdict for outcome in outcomes} == {Verdict.UNCHANGED}


def test_names_that_a_list_reads_tidied_come_back_as_they_were() -> None:
    odd = unit("示例　Ｂ局", kind=OrganisationKind.OTHER)
    establishment = an_establishment([post("＝专员　１", Tier.OFFICER, odd, Term(ZHANG.id, TODAY))], [odd])
    (outcome,) = taken_back(establishment, template([], (), rows_of(establishment)))
    assert outcome.verdict is Verdict.UNCHANGED


def test_the_workbook_opens_at_the_sheet_that_is_filled_and_offers_what_the_template_offers() -> None:
    rows = rows_of(an_establishment())
    filled, blank = (load_workbook(BytesIO(template(["汽车"], (), posts))) for posts in (rows, []))
    assert (filled.active.title, blank.active.title) == ("机构人员", "项目清单")
    for sheet in filled.sheetnames:
        assert [cell.value for cell in filled[sheet][1]] == [cell.value for cell in blank[sheet][1]]
    offered = [
        [(str(item.sqref), item.formula1) for item in book["机构人员"].data_validations.dataValidation]
        for book in (filled, blank)
    ]
    assert [formula for _, formula in offered[0]] == [formula for _, formula in offered[1]]
