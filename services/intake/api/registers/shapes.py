"""What callers send and get about registers."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StrictInt, StrictStr

from services.intake.api.answers import Shown
from services.intake.api.bodies import Body, PartnerBody
from services.intake.domain.fields import FieldType
from services.intake.domain.registers.entries import STATUS_NAMES, Entry, EntryStatus, NewEntry
from services.intake.domain.registers.registers import Register
from services.intake.domain.terms import CATEGORY_NAMES, TIER_NAMES
from services.intake.store.registers.registers import Frozen
from shared.contracts.programme import ChainCategory, Tier
from shared.contracts.registers import FieldValue, FrozenEntry

Year = Annotated[int, Field(ge=2000, le=2100)]


GivenFields = Annotated[
    dict[
        Annotated[str, Field(max_length=40, pattern=r"^[a-z_]+$")],
        StrictInt | StrictStr | Annotated[list[PartnerBody], Field(max_length=50)] | None,
    ],
    Field(max_length=50, description="by the keys of the register's fields; see GET /v1/registers/{key}"),
]


def plain_fields(given: GivenFields) -> dict[str, object]:
    return {
        key: [partner.model_dump() for partner in value] if isinstance(value, list) else value
        for key, value in given.items()
    }


class EntryBody(Body):
    """`year`: where the register is yearly. `nominating_post_id`: the chain's 专班, where the register reviews."""

    year: Year | None = None
    chain_id: UUID
    fields: GivenFields
    nominating_post_id: UUID | None = None

    def entry(self) -> NewEntry:
        return NewEntry(self.year, self.chain_id, plain_fields(self.fields), self.nominating_post_id)


class EntryChanges(Body):
    """Only the fields to be set anew; null empties one."""

    fields: GivenFields


class FieldShown(Shown):
    key: str
    name: str
    type: FieldType
    required: bool
    unit: str
    choices: tuple[str, ...]
    note: str


class FilingRuleShown(Shown):
    """`due`: the day of the year, as MM-DD."""

    due: str
    tier: Tier
    tier_name: str


class RegisterShown(Shown):
    """A register's definition. `identity`: the fields that tell entries of one chain and year apart."""

    key: str
    name: str
    about: str
    yearly: bool
    categories: tuple[ChainCategory, ...]
    category_names: tuple[str, ...]
    identity: tuple[str, ...]
    review: bool
    freeze: bool
    filing: FilingRuleShown | None
    fields: tuple[FieldShown, ...]

    @classmethod
    def of(cls, register: Register) -> Self:
        categories = tuple(category for category in ChainCategory if category in register.categories)
        rule = register.filing
        return cls(
            key=register.key,
            name=register.name,
            about=register.about,
            yearly=register.yearly,
            categories=categories,
            category_names=tuple(CATEGORY_NAMES[category] for category in categories),
            identity=register.identity,
            review=register.review,
            freeze=register.freeze,
            filing=FilingRuleShown(due="{:02}-{:02}".format(*rule.due), tier=rule.tier, tier_name=TIER_NAMES[rule.tier])
            if rule
            else None,
            fields=tuple(FieldShown.model_validate(item) for item in register.fields),
        )


class EntryShown(Shown):
    """`fields` for programs, `texts` for people. `reason`: of the refusal or withdrawal, or the review's opinion."""

    id: UUID
    register_key: str
    year: int | None
    chain_id: UUID
    chain_name: str
    fields: dict[str, FieldValue]
    texts: dict[str, str]
    status: EntryStatus
    status_name: str
    nominating_post_id: UUID | None
    reviewed_on: date | None
    reason: str
    version: int

    @classmethod
    def of(cls, entry: Entry, *, chain_name: str, texts: Mapping[str, str]) -> Self:
        return cls(
            id=entry.id,
            register_key=entry.register_key,
            year=entry.year,
            chain_id=entry.chain_id,
            chain_name=chain_name,
            fields=dict(entry.fields),
            texts=dict(texts),
            status=entry.status,
            status_name=STATUS_NAMES[entry.status],
            nominating_post_id=entry.nominating_post_id,
            reviewed_on=entry.reviewed_on,
            reason=entry.reason,
            version=entry.version,
        )


class FrozenShown(Shown):
    """A year's list as it was decided; later facts do not touch it. Money in whole 万元."""

    frozen_on: date
    by: str
    count: int
    total_investment_wan: int
    entries: tuple[FrozenEntry, ...]

    @classmethod
    def of(cls, frozen: Frozen) -> Self:
        entries = frozen.event.entries
        return cls(
            frozen_on=frozen.event.frozen_on,
            by=frozen.actor,
            count=len(entries),
            total_investment_wan=total_of(entries),
            entries=entries,
        )


class PresentShown(Shown):
    """What stands in the register now, with its projects as they are now."""

    count: int
    total_investment_wan: int
    entries: tuple[FrozenEntry, ...]


class YearListShown(Shown):
    """`frozen`: null before the freeze."""

    register_key: str
    name: str
    year: int
    frozen: FrozenShown | None
    present: PresentShown


def total_of(entries: tuple[FrozenEntry, ...]) -> int:
    """The total investment of the projects of these entries, each once, in whole 万元."""
    projects = {entry.project.project_id: entry.project for entry in entries if entry.project}
    return sum(project.total_investment_wan for project in projects.values())
