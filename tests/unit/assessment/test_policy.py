import copy
import json
from collections.abc import Callable
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.assessment import policies
from services.assessment.domain.policy import Policy, PolicyRefused
from services.assessment.policies import schema
from services.assessment.policies.document import DEFAULT, parse_policy, read_policy
from shared.contracts.programme import Tier
from shared.contracts.supervision import Document, Light

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
    assert parse_policy(TEXT) == read_policy(json.loads(json.dumps(data())))


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
    policy = parse_policy(TEXT.replace('"12:00"', "12:00").replace('"09:00"', "09:00"))
    assert (policy.fires_at, policy.fires_until) == (time(9), time(12))


def test_the_shape_of_before_is_refused_with_what_to_do() -> None:
    refused = refusal({"version": "default-2026.1", "rung": [{"number": 1}]})
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
