"""The organisation as rows of the workbook that an import takes: to be edited and sent back.

A row is a post, or a unit that has none. The superior and the kind stand in the first row of each unit alone, so that
one cell is edited and no other row contradicts it; former names stand under 备注, which an import passes over.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.domain.errors import RecordMissing
from services.intake.domain.imports.directory import Directory
from services.intake.domain.imports.roster_differences import VACANT
from services.intake.domain.organisation.programme import Chain, Organisation, Person, Post
from services.intake.domain.terms import ORGANISATION_KIND_NAMES, TIER_NAMES
from services.intake.handlers.imports.project_list import directory_on
from services.intake.store.organisation import groups
from services.intake.store.organisation import programme as store
from services.intake.workbook.dates import is_readable
from services.intake.workbook.headings import Column
from services.intake.workbook.organisation import chains_of
from services.intake.workbook.template import PostRow
from shared.contracts.programme import Tier
from shared.kit.errors import Invalid

MOST_ROWS = 20_000
_TIERS = list(Tier)


class TooManyPosts(Invalid):
    """More posts and units than one workbook is made of; they are to be narrowed down."""


@dataclass(frozen=True, slots=True)
class Establishment:
    """Who and what there is on a day. `live`: the units that there still are; `posts`: of any unit."""

    organisations: Mapping[UUID, Organisation]
    live: Collection[UUID]
    posts: Collection[Post]
    people: Mapping[UUID, Person]
    chains: Mapping[UUID, Chain]
    directory: Directory
    today: date


async def workbook_rows(*, under: UUID | None, today: date, conn: AsyncConnection) -> list[PostRow]:
    """All units with their posts from the top of the tree down, or one unit with those below it.

    Raises:
        RecordMissing: there is no unit `under`.
        TooManyPosts.
    """
    establishment = await _establishment(today, conn=conn)
    if under and under not in establishment.organisations:
        raise RecordMissing("单位", under)
    rows = rows_of(establishment, under=under)
    if len(rows) > MOST_ROWS:
        raise TooManyPosts(f"一次最多导出{MOST_ROWS}行供修改，请按上级单位分别导出")
    return rows


async def _establishment(today: date, *, conn: AsyncConnection) -> Establishment:
    organisations = await store.organisations(conn=conn)
    dissolved = await groups.dissolved(on=today, conn=conn)
    return Establishment(
        organisations=organisations,
        live=organisations.keys() - dissolved,
        posts=(await store.posts(conn=conn)).values(),
        people=await store.people(conn=conn),
        chains=await store.chains(conn=conn),
        directory=await directory_on(today, conn=conn),
        today=today,
    )


def rows_of(establishment: Establishment, *, under: UUID | None = None) -> list[PostRow]:
    """The rows, each unit's together: superiors first, those of one superior by name; posts by tier, then by title."""
    posts: dict[UUID, list[Post]] = {}
    for post in establishment.posts:
        posts.setdefault(post.organisation_id, []).append(post)
    return [
        row
        for unit in _from_the_top(establishment, under)
        for row in _rows_of_unit(unit, sorted(posts.get(unit.id, ()), key=_by_tier), establishment)
    ]


def _from_the_top(establishment: Establishment, under: UUID | None) -> Iterator[Organisation]:
    """Live units in the tree's order; those whose superior is no more stand at the top, or below it where asked for."""
    children: dict[UUID | None, list[Organisation]] = {}
    units = sorted((establishment.organisations[id] for id in establishment.live), key=lambda unit: unit.name)
    for unit in units:
        known = unit.parent_id in establishment.live or unit.parent_id == under
        children.setdefault(unit.parent_id if known else None, []).append(unit)
    waiting = list(reversed(children.get(under, [])))
    if under and under in establishment.live:
        waiting = [establishment.organisations[under]]
    while waiting:
        unit = waiting.pop()
        yield unit
        waiting += reversed(children.get(unit.id, []))


def _by_tier(post: Post) -> tuple[int, str]:
    return _TIERS.index(post.tier), post.title


def _rows_of_unit(unit: Organisation, posts: Sequence[Post], establishment: Establishment) -> Iterator[PostRow]:
    superior = establishment.organisations[unit.parent_id].name if unit.parent_id else None
    former = "、".join(dict.fromkeys(former.name for former in unit.former if former.name != unit.name))
    own: PostRow = {
        Column.ORG_NAME: unit.name,
        Column.ORG_PARENT: superior,
        Column.ORG_KIND: ORGANISATION_KIND_NAMES[unit.kind] if unit.kind else None,
        Column.REMARK: f"曾用名：{former}" if former else None,
    }
    if not posts:
        yield own
    for number, post in enumerate(posts):
        about = own if number == 0 else {Column.ORG_NAME: unit.name}
        yield {**about, **_post(post, establishment)}


def _post(post: Post, establishment: Establishment) -> PostRow:
    term = post.shown_term(establishment.today)
    return {
        Column.POST: post.title,
        Column.TIER: TIER_NAMES[post.tier],
        Column.PERSON: establishment.people[term.person_id].name if term else VACANT,
        Column.CHAIN: "、".join(_chain(establishment.chains[id], establishment.directory) for id in post.chain_ids),
        Column.FROM_DAY: term.from_day if term and is_readable(term.from_day) else None,
    }


def _chain(chain: Chain, directory: Directory) -> str:
    """What leads to the chain in a cell of several: its name, or its code where the name would be read otherwise."""
    read = chains_of(chain.name)
    return chain.name if len(read) == 1 and directory.find_chain(read[0]) == chain else chain.code
