"""A row of an organisation sheet (机构、岗位、人员), to a draft: a unit, perhaps its post and who holds it."""

import re
from collections.abc import Callable
from datetime import date

from services.intake.domain.imports.roster import PostDraft
from services.intake.domain.terms import ORGANISATION_KIND_NAMES, TIER_NAMES
from services.intake.workbook.entries import Entry, words
from services.intake.workbook.headings import Column
from services.intake.workbook.lists import Line
from services.intake.workbook.problems import Unreadable
from services.intake.workbook.results import ReadRow, row_key
from services.intake.workbook.text import Raw, compact
from shared.contracts.programme import OrganisationKind, Tier

_TIERS = {word: tier for tier, word in TIER_NAMES.items()} | {
    "单位主要负责人": Tier.UNIT_HEAD,
    "主要负责人": Tier.UNIT_HEAD,
    "产业专班": Tier.TASK_FORCE,
    "专班": Tier.TASK_FORCE,
}
_KINDS = {compact(word): kind for kind, word in ORGANISATION_KIND_NAMES.items()}
_VACANT = frozenset({"空缺", "缺", "暂缺", "待定"})
_ALL_CHAINS = frozenset({"全部", "所有", "各产业链", "全部产业链"})
_BETWEEN = re.compile(r"[、,，;；/\n]+")

PLACES = {
    "organisation": Column.ORG_NAME,
    "parent": Column.ORG_PARENT,
    "kind": Column.ORG_KIND,
    "title": Column.POST,
    "tier": Column.TIER,
    "person": Column.PERSON,
    "chains": Column.CHAIN,
    "from_day": Column.FROM_DAY,
}


def read_post(line: Line, happened: Callable[[Raw], date]) -> ReadRow:
    """A draft, or every reason why there is none."""
    entry = Entry(line)
    entry.need(Column.ORG_NAME)
    organisation = entry.take(Column.ORG_NAME, words)
    title = entry.take(Column.POST, words) or ""
    tier = entry.take(Column.TIER, tier_of)
    person = entry.take(Column.PERSON, words) or ""
    chains = entry.take(Column.CHAIN, chains_of) or ()
    parent = entry.take(Column.ORG_PARENT, words) or ""
    kind = entry.take(Column.ORG_KIND, kind_of)
    from_day = entry.take(Column.FROM_DAY, happened)
    _check(entry, title=title, tier=tier, person=person)
    if entry.reasons or organisation is None:
        return ReadRow(line.sheet, line.number, "organisation", reasons=tuple(entry.reasons))
    for key, column in PLACES.items():
        entry.locate(key, column)
    vacant = person in _VACANT
    draft = PostDraft(
        row_key(line.sheet, line.number),
        organisation,
        parent,
        title,
        tier,
        "" if vacant else person,
        vacant,
        chains,
        from_day,
        kind,
    )
    return ReadRow(line.sheet, line.number, "organisation", post=draft, places=entry.places)


def tier_of(value: Raw) -> Tier:
    tier = _TIERS.get(compact(value))
    if tier is None:
        raise Unreadable(f"层级不能识别，可填：{'、'.join(TIER_NAMES.values())}")
    return tier


def kind_of(value: Raw) -> OrganisationKind:
    kind = _KINDS.get(compact(value))
    if kind is None:
        raise Unreadable(f"单位类别不能识别，可填：{'、'.join(ORGANISATION_KIND_NAMES.values())}")
    return kind


def chains_of(value: Raw) -> tuple[str, ...]:
    """Chains named in one cell, separated by 、 or ， or the like; none for 全部."""
    found = tuple(dict.fromkeys(words(part) for part in _BETWEEN.split(str(value)) if part.strip()))
    return () if set(found) & _ALL_CHAINS else found


def _check(entry: Entry, *, title: str, tier: Tier | None, person: str) -> None:
    if title and not entry.line.filled(Column.TIER):
        entry.need(Column.TIER)
    if not title and (person or tier):
        entry.refuse(Column.POST, "填写了层级或姓名，但没有填写岗位")
