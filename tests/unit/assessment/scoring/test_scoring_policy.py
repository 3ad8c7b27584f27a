import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.assessment.domain.scoring.measures import MEANINGS, Measure
from services.assessment.policies.scoring import DEFAULT, ScoringRefused, parse_scoring, read_scoring, table_of
from tests.unit.assessment.scoring.records import plain

Change = Callable[[dict[str, Any]], object]


def refusal(change: Change) -> ScoringRefused:
    data = yaml.safe_load(DEFAULT.read_text(encoding="utf-8"))
    changed = copy.deepcopy(data)
    change(changed)
    with pytest.raises(ScoringRefused) as refused:
        table_of(changed)
    return refused.value


def test_the_default_table_is_the_one_of_the_programme() -> None:
    table = read_scoring().table
    assert plain([(one.key, one.weight, one.cap) for one in table.indicators]) == [
        ("signings", 20, 20),
        ("starts", 25, 25),
        ("investment", 25, 25),
        ("production", 15, 15),
        ("supervision", 15, 15),
    ]
    assert sum(one.weight for one in table.indicators) == 100
    assert plain([(one.each, one.at_most) for one in table.bonus.items]) == [(2, 6), (1, 4)]
    assert table.bonus.at_most == 10


CHANGES: dict[str, Change] = {
    "version": lambda d: d.pop("version"),
    "in_force_from": lambda d: d.update(in_force_from="soon"),
    "period": lambda d: d.update(period="month"),
    "scheduled_shares[2]": lambda d: d["scheduled_shares"].__setitem__(1, "half"),
    "rounding.places": lambda d: d["rounding"].update(places=7),
    "indicators": lambda d: d.update(indicators=[]),
    "indicators[1]": lambda d: d["indicators"][0]["parts"][0].update(weight=9),
    "indicators[1].parts[2].ratio.target": lambda d: d["indicators"][0]["parts"][1]["ratio"].pop("target"),
    "indicators[2]": lambda d: d["indicators"][1].update(constant=3),
    "indicators[2].cap": lambda d: d["indicators"][1].pop("cap"),
    "indicators[3].cap": lambda d: d["indicators"][2].update(cap=True),
    "indicators[2].weight": lambda d: d["indicators"][1].update(weight=0),
    "indicators[2].ratio.actual": lambda d: d["indicators"][1]["ratio"].update(actual={"sum": "starts_reached"}),
    "indicators[2].ratio": lambda d: d["indicators"][1]["ratio"].update(target={"number": 0}),
    "indicators[4].ratio.aim": lambda d: d["indicators"][3]["ratio"].update(aim="most"),
    "indicators[5].ratio.actual.count": lambda d: d["indicators"][4]["ratio"]["actual"].update(count=["starts"]),
    "indicators[5].wieght": lambda d: d["indicators"][4].update(wieght=3),
    "bonus.items[1].each": lambda d: d["bonus"]["items"][0].update(each=0),
    "bonus.items[1].of.scheduled": lambda d: d["bonus"]["items"][0]["of"].update(scheduled="later"),
    "deductions": lambda d: d["deductions"]["items"].append(d["deductions"]["items"][0]),
    "scoring": lambda d: d.update(ties=["remarks"]),
}


@pytest.mark.parametrize("place", CHANGES)
def test_what_is_wrong_is_named_with_its_place(place: str) -> None:
    refused = refusal(CHANGES[place])
    assert refused.place == place
    assert refused.message.startswith(f"考核规则有误（{place}）：")


def test_ranges_stand_in_order() -> None:
    def falling(data: dict[str, Any]) -> None:
        steps = [{"from": "80%", "points": 10}, {"from": "60%", "points": 5}]
        data["indicators"][1]["ranges"] = {"ratio": data["indicators"][1].pop("ratio"), "steps": steps}

    assert "由小到大" in refusal(falling).reason


@pytest.mark.parametrize("measure", ["remarks", "publicity", "meetings", "photographs"])
def test_what_the_rule_against_formalism_forbids_cannot_be_measured(measure: str) -> None:
    refused = refusal(lambda d: d["indicators"][4]["ratio"]["actual"].update(count=measure))
    assert f"没有“{measure}”这一数据来源" in refused.reason
    assert all(f"{one}（{MEANINGS[one].name}）" in refused.reason for one in Measure)
    assert "领导批示、信息宣传、会议、照片留痕不得作为考核指标" in refused.reason


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [", "第1行第5列"),
        ("version: x\nversion: y", "第2行第1列"),
        ("version: !!python/object:os.system x", "第1行第10列"),
        ("a: &one 1\nb: *one", "第2行第4列"),
        ("in_force_from: 2026-02-30", "scoring"),
        ("[" * 5000, "scoring"),
        ("", "scoring"),
        ("- a", "scoring"),
    ],
)
def test_what_is_no_document_is_refused_with_its_line(text: str, place: str) -> None:
    with pytest.raises(ScoringRefused) as refused:
        parse_scoring(text)
    assert refused.value.place == place


def test_the_guide_names_all_that_may_be_measured() -> None:
    guide = (Path(__file__).parents[4] / "docs" / "scoring.md").read_text(encoding="utf-8")
    rows = [f"| `{one}` {MEANINGS[one].name} | {MEANINGS[one].of} | {MEANINGS[one].unit or '—'} |" for one in Measure]
    assert "\n".join(rows) in guide
