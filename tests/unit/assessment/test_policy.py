import copy
import json
from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.assessment import policies
from services.assessment.domain.policy import Policy, PolicyRefused
from services.assessment.domain.rules import Rules
from services.assessment.policies import schema
from services.assessment.policies.document import DEFAULT, parse_policy, read_document, read_policy
from shared.contracts.programme import Tier
from shared.contracts.supervision import Document, Light
from shared.kit.working_days import published

TEXT = DEFAULT.read_text(encoding="utf-8")


def data() -> dict[str, Any]:
    return copy.deepcopy(policies.read_file(None))


def refusal(changed: object) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as refused:
        read_policy(changed)  # type: ignore[arg-type]
    return refused.value


def refusal_of(text: str) -> PolicyRefused:
    with pytest.raises(PolicyRefused) as refused:
        parse_policy(text)
    return refused.value


def line_of(text: str, words: str) -> int:
    [line] = [number for number, line in enumerate(text.splitlines(), 1) if words in line]
    return line


def test_the_default_ladder_is_the_one_of_the_programme() -> None:
    policy = read_policy(data())
    assert [(rung.after_days, rung.document) for rung in policy.rungs] == [
        (1, Document.URGE),
        (5, Document.LETTER),
        (10, Document.TALK),
        (15, Document.TALK_CHIEF),
        (20, Document.CIRCULAR),
    ]
    assert policy.rungs[0].to == (Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD)
    assert (policy.rungs[1].to, policy.rungs[1].copy) == ((Tier.TASK_FORCE,), (Tier.DEPUTY_CHIEF,))
    assert [rung.reply_within_days for rung in policy.rungs] == [None, 5, None, None, None]
    assert [rung.numbered for rung in policy.rungs] == [False, True, False, False, False]
    assert (policy.remind_days_before, policy.acknowledgement_holds_days, policy.fires_at) == (3, 3, time(9))
    assert (policy.fires_until, policy.commitment_within_days, policy.commend_early_days) == (time(12), 60, 5)
    assert (policy.report_day, policy.land_within_months, policy.termination_after_months) == (25, 3, 6)


def test_the_text_and_its_data_are_the_same_policy() -> None:
    assert parse_policy(TEXT) == read_document(json.loads(json.dumps(data())))


def test_rungs_beyond_the_ladder_are_none() -> None:
    policy: Policy = read_policy(data())
    assert policy.rung(0) is None
    assert policy.rung(6) is None


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "version": lambda d: d.pop("version"),
    "firing.at": lambda d: d["firing"].update(at="9 o'clock"),
    "firing.until": lambda d: d["firing"].update(until="08:00"),
    "reminder.days_before": lambda d: d["reminder"].update(days_before=0),
    "reminder.to": lambda d: d["reminder"].update(to=[]),
    "pauses.acknowledgement_days": lambda d: d["pauses"].update(acknowledgement_days=True),
    "pauses": lambda d: d.update(pauses=3),
    "numbers.letter": lambda d: d["numbers"].update(letter="督办函{n}号"),
    "numbers.case": lambda d: d["numbers"].update(case="督{year}{n.real}号"),
    "rungs": lambda d: d.update(rungs=[]),
    "rungs[2].number": lambda d: d["rungs"][1].update(number=4),
    "rungs[2].after_days": lambda d: d["rungs"][1].update(after_days=1),
    "rungs[3].document": lambda d: d["rungs"][2].update(document="fax"),
    "rungs[1].document": lambda d: d["rungs"][0].update(document="reminder"),
    "rungs[4].to[1]": lambda d: d["rungs"][3].update(to=["mayor"]),
    "rungs[4].numbered": lambda d: d["rungs"][3].update(numbered="yes"),
    "rungs[5].reply_withn_days": lambda d: d["rungs"][4].update(reply_withn_days=5),
    "lights.start.red_from_months": lambda d: d["lights"]["start"].update(red_from_months=1),
    "lights.start.raises[2].to_rung": lambda d: d["lights"]["start"]["raises"][1].update(to_rung=6),
    "lights.pace.yellow.includes": lambda d: d["lights"]["pace"]["yellow"].update(includes="ends"),
    "lights.pace.yellow.to_points": lambda d: d["lights"]["pace"]["yellow"].update(to_points=10),
    "lights.ratio.yellow_from_percent": lambda d: d["lights"]["ratio"].update(yellow_from_percent=100),
    "report.day": lambda d: d["report"].update(day=31),
    "commendation.early_days": lambda d: d["commendation"].update(early_days="five"),
    "letters": lambda d: d.update(letters={}),
}


@pytest.mark.parametrize("place", WRONG)
def test_what_is_wrong_is_named_with_its_place_and_a_reason_for_officials(place: str) -> None:
    changed = data()
    WRONG[place](changed)
    refused = refusal(changed)
    assert [one.place for one in refused.faults] == [place]
    assert any("一" <= letter <= "鿿" for letter in refused.reason), refused.reason
    assert refused.message == f"督办规则有误：{place}：{refused.reason}"


@pytest.mark.parametrize("what", [None, [], "督办", 3])
def test_what_is_no_document_is_refused(what: object) -> None:
    assert refusal(what).place == "policy"


def test_all_faults_are_told_at_once_each_with_its_line() -> None:
    text = TEXT.replace("days_before: 3", "days_before: 0").replace("document: letter #", "document: fax #")
    text = text.replace("report:", "reports:")
    told = [(one.place, one.line) for one in refusal_of(text).faults]
    assert told == [
        ("report", None),
        ("reminder.days_before", line_of(text, "days_before")),
        ("rungs[2].document", line_of(text, "fax")),
        ("reports", line_of(text, "reports:")),
    ]


def test_what_contradicts_what_has_its_line_too() -> None:
    text = TEXT.replace("after_days: 5\n", "after_days: 1\n").replace("to_rung: 3", "to_rung: 9")
    refused = refusal_of(text)
    assert [one.place for one in refused.faults] == ["rungs[2].after_days", "lights.start.raises[2].to_rung"]
    assert refused.faults[1].line == line_of(text, "to_rung: 9")
    assert f"第{line_of(text, 'to_rung: 9')}行 lights.start.raises[2].to_rung：没有第9级，最高第5级" in refused.message


def test_a_key_that_stands_twice_is_refused_with_both_lines() -> None:
    text = TEXT.replace("  acknowledgement_days: 3", "  acknowledgement_days: 3\n  acknowledgement_days: 4", 1)
    [fault] = refusal_of(text).faults
    first = text.splitlines().index("  acknowledgement_days: 3") + 1
    assert (fault.place, fault.line) == ("pauses.acknowledgement_days", first + 1)
    assert f"第一次在第{first}行" in fault.reason


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("version: [", 1),
        ("version: &a b\nfiring: *a", 1),
        ("version: !!python/object/apply:os.getcwd []", 1),
        ("version: !!binary aGVsbG8=", 1),
        ("? [a]\n: b", 1),
        ("version: a\n---\nversion: b", 2),
        ("version: \x00", None),
        ("[" * 5000, None),
        ("a" * 300_000, None),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, line: int | None) -> None:
    fault = refusal_of(text).faults[0]
    assert (fault.place, fault.line) == ("policy", line)


def test_a_time_without_quotation_marks_is_a_time() -> None:
    policy = parse_policy(TEXT.replace('"12:00"', "12:00").replace('"09:00"', "09:00")).base
    assert (policy.fires_at, policy.fires_until) == (time(9), time(12))


def test_the_shape_of_before_is_refused_with_what_to_do() -> None:
    refused = refusal({"version": "default-2026.2", "rung": [{"number": 1}]})
    assert refused.place == "rung"
    assert "旧格式" in refused.reason
    assert "docs/policy.md" in refused.reason


def test_a_file_is_refused_before_anything_goes_by_it(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: a\n", encoding="utf-8")
    with pytest.raises(PolicyRefused):
        policies.read_file(file)


def test_the_light_raises_to_the_rung_of_so_many_reds() -> None:
    rule = read_policy(data()).start_light
    assert [rule.rung_for(reds) for reds in (0, 1, 2, 3)] == [0, 2, 3, 3]


G, Y, R = Light.GREEN, Light.YELLOW, Light.RED


@pytest.mark.parametrize(
    ("includes", "lights"),
    [("both", [G, Y, Y, R]), ("from", [G, Y, R, R]), ("to", [G, G, Y, R]), ("neither", [G, G, R, R])],
)
def test_the_ends_of_pace_belong_where_the_policy_says(includes: str, lights: list[Light]) -> None:
    changed = data()
    changed["lights"]["pace"]["yellow"]["includes"] = includes
    rule = read_policy(changed).pace_light
    assert [rule.light(Decimal(below)) for below in ("9.99", "10", "30", "30.01")] == lights


def test_the_years_figure_is_green_at_its_pace_and_yellow_down_to_half_of_it() -> None:
    rule = read_policy(data()).ratio_light
    done = [Decimal(one) for one in ("40", "39.99", "20", "19.99")]
    assert [rule.light(one, Decimal(40)) for one in done] == [G, Y, Y, R]
    assert rule.light(Decimal(0), Decimal(0)) is G


def test_the_committed_schema_is_that_of_the_models() -> None:
    assert schema.FILE.read_text(encoding="utf-8") == schema.text()


SERVICE = {
    "name": "现代服务业",
    "for": {"category": "modern_service"},
    "reminder": {"days_before": 5, "to": ["officer"]},
}
EXPANSION = {"name": "增资", "for": {"kind": "expansion"}, "lights": {"ticket": {"yellow_up_to_days": 7}}}
BOTH: dict[str, Any] = {
    "name": "现代服务业增资",
    "for": {"category": "modern_service", "kind": "expansion"},
    "rungs": [{"number": 1, "after_days": 2, "document": "urge", "to": ["task_force"]}],
    "lights": {"start": {"yellow_from_months": 1, "red_from_months": 2}},
}


def with_sets(*rule_sets: dict[str, Any]) -> dict[str, Any]:
    return {**data(), "rule_sets": copy.deepcopy(list(rule_sets))}


def test_the_most_precise_rule_set_wins_and_the_rest_is_the_base() -> None:
    document = read_document(with_sets(SERVICE, EXPANSION, BOTH))
    asked = [
        ("modern_service", "new", "现代服务业"),
        ("traditional_manufacturing", "expansion", "增资"),
        (None, "expansion", "增资"),
        ("modern_service", "expansion", "现代服务业增资"),
        ("traditional_manufacturing", "new", ""),
        (None, None, ""),
    ]
    for category, kind, name in asked:
        found = document.for_(category=category, kind=kind)
        assert (found.rule_set, found.version) == (name, "default-2026.2")
        assert document.named(name) is found
    service, base = document.named("现代服务业"), document.base
    assert (service.remind_days_before, service.rungs, service.start_light) == (5, base.rungs, base.start_light)
    both = document.named("现代服务业增资")
    assert (len(both.rungs), both.remind_days_before, both.ticket_yellow_up_to_days) == (1, 3, 3)
    assert both.start_light.raises == ()


def test_rules_find_a_scope_once() -> None:
    rules = Rules.of(read_document(with_sets(SERVICE)), published(), date(2026, 1, 5))
    service = rules.for_("modern_service", "new", None)
    assert service.policy.rule_set == "现代服务业"
    assert rules.for_("modern_service", "new", None) is service is rules.named("现代服务业")
    assert rules.for_("future", "new", None) is rules is rules.named("")
    assert service.named("") == rules


def test_two_rule_sets_of_which_neither_is_more_precise_are_refused_by_both_names() -> None:
    refused = refusal(with_sets(SERVICE, EXPANSION))
    assert [one.place for one in refused.faults] == ["rule_sets[2].for"]
    assert "“现代服务业”" in refused.reason
    assert "“增资”" in refused.reason
    assert "modern_service、expansion" in refused.reason
    again = {**SERVICE, "name": "另一个"}
    assert [one.place for one in refusal(with_sets(SERVICE, again)).faults] == ["rule_sets[2].for"]
    assert read_document(with_sets(SERVICE, {**EXPANSION, "name": "x", "for": {"category": "future"}}))


BAD_SETS: dict[str, dict[str, Any]] = {
    "rule_sets[2].name": {**EXPANSION, "name": SERVICE["name"], "for": {"category": "future"}},
    "rule_sets[2].for": {**BOTH, "for": {}},
    "rule_sets[2].for.category": {**BOTH, "for": {"category": "航天"}},
    "rule_sets[2].for.urgency": {**BOTH, "for": {"urgency": "high"}},
    "rule_sets[2].firing": {**BOTH, "firing": {"at": "08:00", "until": "10:00"}},
    "rule_sets[2]": {"name": "空", "for": BOTH["for"]},
    "rule_sets[2].closing": {**BOTH, "closing": None},
    "rule_sets[2].lights.pace": {**BOTH, "lights": {"pace": None}},
    "rule_sets[2].rungs[1].number": {**BOTH, "rungs": [{**BOTH["rungs"][0], "number": 2}]},
    "rule_sets[2].rungs": {name: value for name, value in BOTH.items() if name != "lights"},
    "rule_sets[2].lights.start.red_from_months": {
        **BOTH,
        "lights": {"start": {"yellow_from_months": 3, "red_from_months": 2}},
    },
}


@pytest.mark.parametrize("place", BAD_SETS)
def test_what_is_wrong_with_a_rule_set_is_named_with_its_place(place: str) -> None:
    refused = refusal(with_sets(SERVICE, BAD_SETS[place]))
    assert {one.place for one in refused.faults} == {place}


def test_what_the_base_contradicts_is_told_of_the_base_alone() -> None:
    wrong = with_sets(SERVICE)
    wrong["rungs"][1]["after_days"] = 1
    assert [one.place for one in refusal(wrong).faults] == ["rungs[2].after_days"]


def test_under_another_name_all_rule_sets_bear_it() -> None:
    renamed = read_document(with_sets(SERVICE)).renamed("tried")
    assert renamed.version == renamed.named("现代服务业").version == "tried"


def test_the_guide_names_every_entry_and_its_examples_of_rule_sets_are_sound() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
    for name in names_of(json.loads(schema.text())):
        assert f"`{name}" in guide or f".{name}" in guide or f"{name}`" in guide, name
    example = guide.split("```yaml\nrule_sets:")[1].split("```")[0]
    document = parse_policy(f"{TEXT.split('rule_sets:')[0]}\nrule_sets:{example}")
    assert [policy.rule_set for _, policy in document.rule_sets] == ["增资", "现代服务业增资"]


def names_of(one: dict[str, Any]) -> set[str]:
    parts = [one, *one["$defs"].values()]
    return {name for part in parts for name in part.get("properties", {})}
