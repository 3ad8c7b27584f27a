"""The fields of a register's entries, as data: their types, and how a value of each is checked."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.intake.domain import uscc
from shared.contracts.registers import FieldValue, Partner
from shared.kit.errors import Invalid

LONGEST_TEXT = 2000
LARGEST_INT = 10**11
MOST_PARTNERS = 50
YEARS = range(1950, 2101)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class FieldType(StrEnum):
    """`int_wan`: whole 万元; `uscc`: a 统一社会信用代码; chain, org, post, project: a record's id."""

    TEXT = "text"
    INT = "int"
    INT_WAN = "int_wan"
    DATE = "date"
    USCC = "uscc"
    CHOICE = "choice"
    CHAIN = "chain"
    ORG = "org"
    POST = "post"
    PROJECT = "project"
    PARTNERS = "partners"


REFERENCES: Mapping[FieldType, str] = {
    FieldType.CHAIN: "产业链",
    FieldType.ORG: "单位",
    FieldType.POST: "岗位",
    FieldType.PROJECT: "项目",
}
NUMBERS = frozenset({FieldType.INT, FieldType.INT_WAN})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a field cannot be taken; `name` is the field's for people."""

    key: str
    name: str
    code: str
    detail: str


class FieldsRefused(Invalid):
    """Fields of an entry that cannot be taken; `errors` has each with its `pointer` and the reason in Chinese."""

    def __init__(self, troubles: Sequence[Trouble]) -> None:
        self.troubles = tuple(troubles)
        first = troubles[0]
        errors = [
            {"in": "body", "pointer": f"#/fields/{item.key}", "code": item.code, "detail": item.detail}
            for item in troubles
        ]
        super().__init__(f"{first.name}：{first.detail}", errors=errors)


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of an entry. `unit`: of a number, for people; `note`: what to fill in."""

    key: str
    name: str
    type: FieldType
    required: bool = False
    unit: str = ""
    choices: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not (self.key.isidentifier() and self.key.islower() and self.name):
            raise ValueError(f"a field has no proper key or name: {self.key!r}")
        if bool(self.choices) != (self.type is FieldType.CHOICE):
            raise ValueError(f"field {self.key}: a choice, and only a choice, has choices")
        if self.unit and self.type not in NUMBERS:
            raise ValueError(f"field {self.key}: only a number has a unit")


def field_from(data: Mapping[str, Any]) -> FieldRule:
    """Raises ValueError, TypeError or KeyError where it is none."""
    return FieldRule(**{**data, "type": FieldType(data["type"]), "choices": tuple(data.get("choices", ()))})


def read_fields(rules: Sequence[FieldRule], given: Mapping[str, Any], *, owner: str) -> dict[str, FieldValue]:
    """The fields as they are kept, in the rules' order; empty ones are left out. `owner`: whose fields, for people.

    Raises:
        FieldsRefused: with every reason at once.
    """
    known = {rule.key for rule in rules}
    troubles = [Trouble(key, key, "extra_forbidden", f"{owner}没有这一项") for key in given if key not in known]
    taken: dict[str, FieldValue] = {}
    for rule in rules:
        value = given.get(rule.key)
        if value is None or value in ("", [], ()):
            if rule.required:
                troubles.append(Trouble(rule.key, rule.name, "missing", "必填，没有填写"))
            continue
        try:
            taken[rule.key] = READERS[rule.type](rule, value)
        except ValueError as error:
            troubles.append(Trouble(rule.key, rule.name, "value_error", str(error)))
    if troubles:
        raise FieldsRefused(troubles)
    return taken


def _text(_: FieldRule, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("应为文本")
    text = value.strip()
    if not text:
        raise ValueError("没有填写")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"文字过长，最多{LONGEST_TEXT}字")
    if _CONTROL.search(text):
        raise ValueError("含有不能显示的字符")
    return text


def _int(rule: FieldRule, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"应为整数{rule.unit and f'（{rule.unit}）'}")
    if not 0 <= value <= LARGEST_INT:
        raise ValueError("不能为负数" if value < 0 else "数值过大，请核对单位")
    return value


def _date(_: FieldRule, value: Any) -> str:
    try:
        day = value if isinstance(value, date) else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("应为日期，如 2026-03-02") from None
    if day.year not in YEARS:
        raise ValueError(f"年份{day.year}不合理")
    return day.isoformat()


def _uscc(_: FieldRule, value: Any) -> str:
    code = uscc.normal(value) if isinstance(value, str) else ""
    if trouble := uscc.trouble(code):
        raise ValueError(trouble)
    return code


def _choice(rule: FieldRule, value: Any) -> str:
    if value not in rule.choices:
        raise ValueError(f"只能填：{'、'.join(rule.choices)}")
    return str(value)


def _reference(_: FieldRule, value: Any) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise ValueError("应为 UUID") from None


def _partners(_: FieldRule, value: Any) -> tuple[Partner, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping | Partner) for item in value):
        raise ValueError("应为单位列表")
    if len(value) > MOST_PARTNERS:
        raise ValueError(f"最多{MOST_PARTNERS}家单位")
    partners = tuple(_partner(item) for item in value)
    if len({partner.name for partner in partners}) < len(partners):
        raise ValueError("同一单位填写了两次")
    return partners


def _partner(given: Partner | Mapping[str, Any]) -> Partner:
    data = given.model_dump() if isinstance(given, Partner) else given
    name, code = data.get("name"), data.get("uscc")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= 200 or not data.keys() <= {"name", "uscc"}:
        raise ValueError("每家单位须有名称")
    if _CONTROL.search(name):
        raise ValueError("含有不能显示的字符")
    if code is None:
        return Partner(name=name.strip())
    if not isinstance(code, str) or (trouble := uscc.trouble(uscc.normal(code))):
        raise ValueError(f"“{name.strip()}”的{trouble if isinstance(code, str) else '统一社会信用代码应为文本'}")
    return Partner(name=name.strip(), uscc=uscc.normal(code))


READERS: Mapping[FieldType, Callable[[FieldRule, Any], FieldValue]] = {
    FieldType.TEXT: _text,
    FieldType.INT: _int,
    FieldType.INT_WAN: _int,
    FieldType.DATE: _date,
    FieldType.USCC: _uscc,
    FieldType.CHOICE: _choice,
    FieldType.PARTNERS: _partners,
    **dict.fromkeys(REFERENCES, _reference),
}
