"""What registers there are, as data (S6–S8): who files them, until when, and what an entry of each must hold.

An entry belongs to a chain and, in a yearly register, to a year. A register may be for some categories of chain only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.intake.domain.fields import REFERENCES, FieldRule, FieldType, field_from, read_fields
from services.intake.domain.organisation.programme import Chain, require_open_chain
from services.intake.domain.terms import CATEGORY_NAMES
from shared.contracts.programme import ChainCategory, Tier
from shared.contracts.registers import FieldValue
from shared.kit.errors import Conflict, Invalid

YEARS = range(2000, 2101)
PROJECT = "project"
"""The key of the field that names an entry's project, in whatever register: lists, plans and freezes look there."""


class ChainNotAllowed(Invalid):
    """The register is not for chains of this category (S6)."""

    def __init__(self, register: "Register", chain: Chain) -> None:
        wanted = "、".join(CATEGORY_NAMES[category] for category in ChainCategory if category in register.categories)
        super().__init__(
            f"“{chain.name}”属于{CATEGORY_NAMES[chain.category]}产业链，不能申报{register.name}；"
            f"{register.name}只面向{wanted}产业链",
            register=register.key,
            chain_id=str(chain.id),
            category=chain.category,
            allowed=sorted(register.categories),
            field="chain_id",
        )


class YearNotAllowed(Invalid):
    """A yearly register needs a year, one that is not yearly takes none."""


class RegisterNotSuited(Conflict):
    """The register has no such thing: no filing, no review, no freeze."""


@dataclass(frozen=True, slots=True)
class FilingRule:
    """When in the year a register is due, and the tier of the post that answers for it."""

    due: tuple[int, int]
    tier: Tier

    def due_on(self, year: int) -> date:
        return date(year, *self.due)


@dataclass(frozen=True, slots=True)
class Register:
    """`categories`: of the chains that file it, all where it names none. `identity`: the fields that tell entries of
    one chain and year apart; none: there is one entry. `review`: entries are nominations until a reviewer lets them in.
    `freeze`: a year's list is decided once and kept as it then stands."""

    key: str
    name: str
    yearly: bool
    fields: tuple[FieldRule, ...]
    identity: tuple[str, ...]
    about: str = ""
    categories: frozenset[ChainCategory] = frozenset(ChainCategory)
    filing: FilingRule | None = None
    review: bool = False
    freeze: bool = False
    by_key: Mapping[str, FieldRule] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rules = {rule.key: rule for rule in self.fields}
        object.__setattr__(self, "by_key", rules)
        if len(rules) < len(self.fields) or len({rule.name for rule in self.fields}) < len(self.fields):
            raise ValueError(f"register {self.key}: two fields have one key or one name")
        if not all(key in rules and rules[key].required for key in self.identity):
            raise ValueError(f"register {self.key}: its identity must be of required fields")
        if any((rule.type is FieldType.PROJECT) != (rule.key == PROJECT) for rule in self.fields):
            raise ValueError(f"register {self.key}: the field of a project, and only that, has the key {PROJECT}")
        if (self.filing or self.freeze) and not self.yearly:
            raise ValueError(f"register {self.key}: only a yearly register is filed or frozen")
        if not self.categories:
            raise ValueError(f"register {self.key}: no chain could file it")

    def keys_of(self, *types: FieldType) -> tuple[str, ...]:
        """The keys of the fields of these types."""
        return tuple(rule.key for rule in self.fields if rule.type in types)

    def require_chain(self, chain: Chain) -> None:
        """Raises ChainNotAllowed, ChainNotOpen."""
        require_open_chain(chain)
        if chain.category not in self.categories:
            raise ChainNotAllowed(self, chain)

    def require_year(self, year: int | None) -> None:
        """Raises YearNotAllowed."""
        if self.yearly and year is None:
            raise YearNotAllowed(f"{self.name}按年度建立，须填写年度", field="year")
        if not self.yearly and year is not None:
            raise YearNotAllowed(f"{self.name}不分年度，不填年度", field="year")
        if year is not None and year not in YEARS:
            raise YearNotAllowed(f"年度{year}不合理", field="year")

    def require_filing(self) -> FilingRule:
        """Raises RegisterNotSuited."""
        if self.filing is None:
            raise RegisterNotSuited(f"{self.name}不按年度申报", register=self.key)
        return self.filing

    def identity_of(self, fields: Mapping[str, FieldValue]) -> str:
        """What is the same for two entries that are one, within a chain and year."""
        return "\n".join(str(fields[key]).strip() for key in self.identity)

    def taken(self, given: Mapping[str, Any]) -> dict[str, FieldValue]:
        """The fields as they are kept, in the register's order; empty ones are left out.

        Raises:
            FieldsRefused: with every reason at once.
        """
        return read_fields(self.fields, given, owner=self.name)

    def references(self, fields: Mapping[str, FieldValue]) -> Iterator[tuple[FieldRule, UUID]]:
        """The records that these fields name."""
        for rule in self.fields:
            if rule.type in REFERENCES and rule.key in fields:
                yield rule, UUID(str(fields[rule.key]))


def registers_from(data: Sequence[Mapping[str, Any]]) -> dict[str, Register]:
    """Registers by their keys, from their data file's shape.

    Raises:
        ValueError, KeyError, TypeError: what is missing, unknown or contradicts itself.
    """
    registers = [_register(item) for item in data]
    by_key = {register.key: register for register in registers}
    if len(by_key) < len(registers) or len({register.name for register in registers}) < len(registers):
        raise ValueError("two registers have one key or one name")
    return by_key


def _register(data: Mapping[str, Any]) -> Register:
    rest = {key: value for key, value in data.items() if key not in ("fields", "identity", "categories", "filing")}
    categories = frozenset(map(ChainCategory, data["categories"])) if "categories" in data else frozenset(ChainCategory)
    return Register(
        **rest,
        fields=tuple(field_from(item) for item in data["fields"]),
        identity=tuple(data["identity"]),
        categories=categories,
        filing=_filing(data["filing"]) if "filing" in data else None,
    )


def _filing(data: Mapping[str, Any]) -> FilingRule:
    if data.keys() != {"due", "tier"}:
        raise ValueError(f"a filing has a due day and a tier, not {sorted(data)}")
    day = date.fromisoformat(f"2025-{data['due']}")  # a year without 29 February: the day must exist in each
    return FilingRule((day.month, day.day), Tier(data["tier"]))
