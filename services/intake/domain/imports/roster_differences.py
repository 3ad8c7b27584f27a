"""What an organisation list changes of a unit and of a post, field by field, in the words that officials read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from services.intake.domain.organisation.programme import Organisation, Person, Post
from services.intake.domain.terms import ORGANISATION_KIND_NAMES
from shared.contracts.programme import OrganisationKind

VACANT = "空缺"


@dataclass(frozen=True, slots=True)
class RosterDifference:
    """A field of the row's draft that changes, `name` as officials call it, from `old` to `new` (empty: nothing)."""

    field: str
    name: str
    old: str
    new: str


def of_unit(
    before: Organisation, after: Organisation, organisations: Mapping[UUID, Organisation]
) -> Iterator[RosterDifference]:
    """`organisations`: at least the two superiors."""
    if before.parent_id != after.parent_id:
        old, new = (organisations[id].name if id else "" for id in (before.parent_id, after.parent_id))
        yield RosterDifference("parent", "上级单位", old, new)
    if before.kind is not after.kind:
        yield RosterDifference("kind", "单位类别", _kind(before.kind), _kind(after.kind))


def of_post(before: Post, after: Post, people: Mapping[UUID, Person], *, today: date) -> Iterator[RosterDifference]:
    """Who holds it, from when on, or from when on nobody does. `people`: at least those who hold or held it."""
    if before.terms == after.terms:
        return
    held, taken = before.shown_term(today), after.open_term()
    old = people[held.person_id].name if held else VACANT
    if taken is None:
        last_day = after.terms[-1].until_day
        yield RosterDifference("person", "姓名", old, VACANT)
        yield RosterDifference("from_day", "空缺起始时间", "", str(last_day + timedelta(days=1)) if last_day else "")
        return
    yield RosterDifference("person", "姓名", old, people[taken.person_id].name)
    yield RosterDifference("from_day", "任职时间", str(held.from_day) if held else "", str(taken.from_day))


def _kind(kind: OrganisationKind | None) -> str:
    return ORGANISATION_KIND_NAMES[kind] if kind else ""
