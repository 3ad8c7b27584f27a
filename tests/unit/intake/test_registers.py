"""Registers as data: what their definitions refuse, and what the fields of an entry refuse."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.intake import reference
from services.intake.domain.errors import FieldMissing
from services.intake.domain.fields import FieldsRefused
from services.intake.domain.organisation.programme import Post
from services.intake.domain.registers import entries
from services.intake.domain.registers.entries import (
    EntryNotOpen,
    EntryStatus,
    FreezeNotAllowed,
    NewEntry,
    OwnNomination,
)
from services.intake.domain.registers.registers import (
    ChainNotAllowed,
    RegisterNotSuited,
    YearNotAllowed,
    registers_from,
)
from shared.contracts.event import Event
from shared.contracts.programme import ChainCategory, Tier
from shared.contracts.registers import EntryRevised, Partner, Target
from tests.unit.intake.factories import BUREAU, DISPLAY, TODAY, an_id

SOUND: dict[str, Any] = {
    "key": "trial",
    "name": "试点清单",
    "yearly": True,
    "identity": ["name"],
    "filing": {"due": "03-31", "tier": "task_force_office"},
    "fields": [
        {"key": "name", "name": "名称", "type": "text", "required": True},
        {"key": "amount", "name": "金额", "type": "int_wan", "unit": "万元"},
        {"key": "count", "name": "数量", "type": "int", "unit": "个"},
        {"key": "day", "name": "日期", "type": "date"},
        {"key": "code", "name": "信用代码", "type": "uscc"},
        {"key": "way", "name": "方式", "type": "choice", "choices": ["甲", "乙"]},
        {"key": "org", "name": "单位", "type": "org"},
        {"key": "partners", "name": "合作单位", "type": "partners"},
    ],
}
KNOWN = Partner(name="甲厂", uscc="91350100M000100Y43")
TRIAL = registers_from([SOUND])["trial"]
LEADING = reference.registers()["leading_projects"]
TASK_FORCE = Post(an_id("专班"), "显示专班", Tier.TASK_FORCE, BUREAU.id, (DISPLAY.id,))


def nominated() -> entries.Entry:
    fields = {"project": str(an_id("project")), "influence": "大", "drive": "强"}
    new = NewEntry(2026, DISPLAY.id, fields, TASK_FORCE.id)
    events = entries.record(LEADING, new, entry_id=an_id("e"), chain=DISPLAY, nominating=TASK_FORCE, by="clerk-1")
    return entries.fold(None, events)


def test_the_shipped_registers_are_sound_and_have_what_others_build_upon() -> None:
    registers = reference.registers()
    assert registers["key_technologies"].categories == {
        ChainCategory.TRADITIONAL_MANUFACTURING,
        ChainCategory.EMERGING_MANUFACTURING,
    }
    assert registers["policy_supply"].categories == {ChainCategory.MODERN_SERVICE}
    assert registers["pilot_platforms"].categories == {ChainCategory.FUTURE}
    assert set(Target) <= set(registers["investment_targets"].by_key)


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": [*SOUND["fields"], SOUND["fields"][0]]},
        {"fields": [*SOUND["fields"], {"key": "x", "name": "选择", "type": "choice"}]},
        {"fields": [*SOUND["fields"], {"key": "x", "name": "文字", "type": "text", "choices": ["甲"]}]},
        {"fields": [*SOUND["fields"], {"key": "x", "name": "文字", "type": "text", "unit": "万元"}]},
        {"fields": [*SOUND["fields"], {"key": "x", "name": "颜色", "type": "colour"}]},
        {"fields": [*SOUND["fields"], {"key": "X y", "name": "文字", "type": "text"}]},
        {"fields": [*SOUND["fields"], {"key": "x", "name": "文字", "type": "text", "obligatory": True}]},
        {"fields": [*SOUND["fields"], {"key": "parent", "name": "母项目", "type": "project"}]},
        {"fields": [*SOUND["fields"], {"key": "project", "name": "项目", "type": "text"}]},
        {"identity": ["amount"]},
        {"identity": ["title"]},
        {"yearly": False},
        {"categories": []},
        {"categories": ["farming"]},
        {"filing": {"due": "02-29", "tier": "task_force_office"}},
        {"filing": {"due": "03-31", "tier": "prince"}},
        {"filing": {"due": "03-31"}},
        {"colour": "red"},
    ],
)
def test_a_definition_that_contradicts_itself_is_refused_at_load(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        registers_from([{**SOUND, **changes}])


def test_two_registers_do_not_share_a_key_or_a_name() -> None:
    with pytest.raises(ValueError, match="two registers"):
        registers_from([SOUND, {**SOUND, "key": "other"}])


@pytest.mark.parametrize(
    ("field", "given", "taken"),
    [
        ("amount", 0, 0),
        ("count", 3, 3),
        ("day", "2026-03-02", "2026-03-02"),
        ("code", "91350100m000100y43", "91350100M000100Y43"),
        ("way", "乙", "乙"),
        ("org", str(BUREAU.id).upper(), str(BUREAU.id)),
        ("partners", [{"name": " 甲厂 "}], (Partner(name="甲厂"),)),
        (
            "partners",
            (Partner(name="甲厂", uscc="91350100M000100Y43"),),
            (Partner(name="甲厂", uscc="91350100M000100Y43"),),
        ),
    ],
)
def test_a_sound_value_is_kept_in_its_one_form(field: str, given: object, taken: object) -> None:
    assert TRIAL.taken({"name": "甲", field: given})[field] == taken


@pytest.mark.parametrize(
    ("field", "given", "words"),
    [
        ("name", "  ", "没有填写"),
        ("name", None, "必填"),
        ("name", 5, "应为文本"),
        ("name", "长" * 2001, "过长"),
        ("name", "甲\x00", "不能显示"),
        ("amount", "5", "应为整数"),
        ("amount", True, "应为整数"),
        ("amount", 2.5, "应为整数"),
        ("amount", -1, "负数"),
        ("amount", 10**12, "过大"),
        ("day", "2026-02-30", "应为日期"),
        ("day", "0001-01-01", "不合理"),
        ("day", 20260302, "应为日期"),
        ("code", "91350100M000100Y44", "校验位"),
        ("code", 91350100, "18位"),
        ("way", "丙", "甲、乙"),
        ("org", "区商务局", "UUID"),
        ("partners", "甲厂", "单位列表"),
        ("partners", [{"name": ""}], "名称"),
        ("partners", [{"name": "甲厂"}, {"name": "甲厂"}], "两次"),
        ("partners", [{"name": "甲厂", "uscc": "9135"}], "18位"),
        ("partners", [{"name": "甲厂", "phone": "1"}], "名称"),
        ("partners", [{"name": f"厂{number}"} for number in range(51)], "最多"),
        ("colour", "red", "没有这一项"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(field: str, given: object, words: str) -> None:
    with pytest.raises(FieldsRefused) as refused:
        TRIAL.taken({"name": "甲", field: given})
    errors: Any = refused.value.details["errors"]
    (error,) = errors
    assert error["pointer"] == f"#/fields/{field}"
    assert words in error["detail"]


def test_a_year_belongs_to_yearly_registers_only() -> None:
    standing = replace(TRIAL, yearly=False, filing=None)
    TRIAL.require_year(2026)
    standing.require_year(None)
    for register, year in ((TRIAL, None), (standing, 2026), (TRIAL, 1999)):
        with pytest.raises(YearNotAllowed):
            register.require_year(year)
    with pytest.raises(RegisterNotSuited):
        standing.require_filing()


def test_a_chain_of_another_category_is_refused_in_words() -> None:
    services_only = replace(TRIAL, categories=frozenset({ChainCategory.MODERN_SERVICE}))
    with pytest.raises(ChainNotAllowed, match="新兴制造业产业链，不能申报试点清单；试点清单只面向现代服务业"):
        services_only.require_chain(DISPLAY)


def test_a_revision_sets_what_it_names_and_says_nothing_where_nothing_changes() -> None:
    new = NewEntry(2026, DISPLAY.id, {"name": "甲", "amount": 5})
    entry = entries.fold(
        None, entries.record(TRIAL, new, entry_id=an_id("e"), chain=DISPLAY, nominating=None, by="clerk-1")
    )
    assert entries.revise(TRIAL, entry, {"amount": 5}, by="clerk-2") == []
    (event,) = entries.revise(TRIAL, entry, {"amount": None, "count": 2}, by="clerk-2")
    assert event == EntryRevised(entry_id=entry.id, fields={"name": "甲", "count": 2}, by="clerk-2")
    with pytest.raises(FieldsRefused):
        entries.revise(TRIAL, entry, {"name": None}, by="clerk-2")


def test_nobody_reviews_what_they_nominated_or_revised() -> None:
    entry = nominated()
    assert entry.status is EntryStatus.NOMINATED
    entry = entries.fold(entry, entries.revise(LEADING, entry, {"influence": "很大"}, by="clerk-2"))
    for author in ("clerk-1", "clerk-2"):
        with pytest.raises(OwnNomination):
            entries.accept(entry, opinion="", on=TODAY, by=author)
        with pytest.raises(OwnNomination):
            entries.refuse(entry, reason="小", on=TODAY, by=author)
    with pytest.raises(FieldMissing):
        entries.refuse(entry, reason=" ", on=TODAY, by="reviewer-1")
    accepted = entries.fold(entry, entries.accept(entry, opinion="同意", on=TODAY, by="reviewer-1"))
    assert (accepted.status, accepted.reviewed_by) == (EntryStatus.STANDING, "reviewer-1")


def test_what_was_let_in_and_revised_is_reviewed_again() -> None:
    entry = nominated()
    entry = entries.fold(entry, entries.accept(entry, opinion="", on=TODAY, by="reviewer-1"))
    entry = entries.fold(entry, entries.revise(LEADING, entry, {"drive": "更强"}, by="clerk-1"))
    assert (entry.status, entry.reviewed_by) == (EntryStatus.NOMINATED, None)


def test_each_verb_fits_only_some_states() -> None:
    entry = nominated()
    states = {status: replace(entry, status=status) for status in EntryStatus}
    verbs: dict[str, Callable[[entries.Entry], list[Event]]] = {
        "revise": lambda e: entries.revise(LEADING, e, {"influence": "新"}, by="clerk-1"),
        "withdraw": lambda e: entries.withdraw(e, reason="重复"),
        "accept": lambda e: entries.accept(e, opinion="", on=TODAY, by="reviewer-1"),
        "refuse": lambda e: entries.refuse(e, reason="小", on=TODAY, by="reviewer-1"),
    }
    live = {EntryStatus.NOMINATED, EntryStatus.STANDING}
    allowed = {"revise": live, "withdraw": live, "accept": {EntryStatus.NOMINATED}, "refuse": {EntryStatus.NOMINATED}}
    for verb, decide in verbs.items():
        for status, state in states.items():
            if status in allowed[verb]:
                assert decide(state)
            else:
                with pytest.raises(EntryNotOpen):
                    decide(state)


def test_a_list_is_frozen_once_and_not_before_all_is_reviewed() -> None:
    def freeze(**changes: Any) -> object:
        given: dict[str, Any] = {"frozen_before": False, "waiting": 0, "entries": (object(),), **changes}
        return entries.freeze(given.pop("register", LEADING), 2026, freeze_id=an_id("f"), on=TODAY, **given)

    for changes in ({"frozen_before": True}, {"waiting": 2}, {"entries": ()}):
        with pytest.raises(FreezeNotAllowed):
            freeze(**changes)
    with pytest.raises(RegisterNotSuited):
        freeze(register=TRIAL)
