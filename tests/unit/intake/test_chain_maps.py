"""A chain's map: drafts that lean on each other are taken or refused together."""

from uuid import UUID

import pytest

from services.intake.domain.drafts import Verdict
from services.intake.domain.organisation import chain_maps as domain
from services.intake.domain.organisation.chain_maps import ChainMap, Drawing, SegmentDraft, SegmentInUse
from shared.contracts.programme import Position, TargetFirm
from tests.unit.intake.factories import DISPLAY, an_id, ids_from

EMPTY = ChainMap(an_id("map"), DISPLAY.id)
MATERIALS = SegmentDraft("1", "材料", position=Position.UPSTREAM)
GLASS = SegmentDraft("2", "玻璃基板", position=Position.UPSTREAM, parent="材料", supplies=("面板",))
PANEL = SegmentDraft("3", "面板", position=Position.MIDSTREAM, gaps=("高世代线",))


def drawn(*drafts: SegmentDraft, on: ChainMap = EMPTY) -> tuple[ChainMap, list[str]]:
    drawing = Drawing(on, drafts, new_id=ids_from("segment"))
    for event in drawing.events:
        on = domain.evolve(on, event)
    return on, [
        outcome.verdict if not outcome.reasons else f"{outcome.reasons[0].field}: {outcome.reasons[0].message}"
        for outcome in drawing.outcomes
    ]


def named(chain_map: ChainMap, name: str) -> UUID:
    return next(one.id for one in chain_map.segments.values() if one.name == name)


def test_drafts_lean_on_each_other_in_any_order_and_the_same_again_changes_nothing() -> None:
    first, said = drawn(GLASS, PANEL, MATERIALS)
    assert said == [Verdict.RECORDED] * 3
    assert first.segments[named(first, "玻璃基板")].parent_id == named(first, "材料")
    again, said = drawn(GLASS, PANEL, MATERIALS, on=first)
    assert (again, said) == (first, [Verdict.UNCHANGED] * 3)


def test_a_draft_below_a_refused_one_is_refused_with_it() -> None:
    _, said = drawn(SegmentDraft("1", "材料"), GLASS, PANEL)
    assert said == [
        "position: 新环节须填写位置（上游、中游、下游）",
        "parent: 没有上级环节“材料”",
        Verdict.RECORDED,
    ]


def test_segments_in_a_circle_are_refused() -> None:
    before, _ = drawn(MATERIALS, GLASS, PANEL)
    _, said = drawn(SegmentDraft("1", "材料", parent="玻璃基板"), on=before)
    assert said == ["parent: 环节“材料”与上级环节互为上级"]


def test_a_segment_is_renamed_by_its_id_and_two_exchange_their_names() -> None:
    before, _ = drawn(MATERIALS, PANEL)
    first, second = named(before, "材料"), named(before, "面板")
    after, said = drawn(SegmentDraft("1", "面板", id=first), SegmentDraft("2", "材料", id=second), on=before)
    assert said == [Verdict.CHANGED] * 2
    assert (named(after, "面板"), named(after, "材料")) == (first, second)
    _, said = drawn(SegmentDraft("1", "面板", id=first), on=before)
    assert said == ["name: 图谱中已有环节“面板”"]


def test_what_is_said_twice_of_strangers_or_with_a_wrong_code_is_refused() -> None:
    firm = TargetFirm(name="示例公司", uscc="1" * 18)
    wrong = (
        SegmentDraft("1", "材料", id=an_id("a stranger"), position=Position.UPSTREAM),
        PANEL,
        SegmentDraft("4", "面板", position=Position.MIDSTREAM),
        SegmentDraft("5", "设备", position=Position.UPSTREAM, supplies=("设备",)),
        SegmentDraft("6", "整机", position=Position.DOWNSTREAM, target_firms=(firm,)),
    )
    _, said = drawn(*wrong)
    assert [text.partition(":")[0] for text in said] == ["id", "recorded", "name", "supplies", "target_firms"]


def test_a_segment_goes_when_nothing_stands_below_it_and_nobody_feeds_it_any_more() -> None:
    before, _ = drawn(MATERIALS, GLASS, PANEL)
    with pytest.raises(SegmentInUse):
        domain.remove(before, named(before, "材料"))
    (event,) = domain.remove(before, named(before, "面板"))
    after = domain.evolve(before, event)
    assert after.segments[named(after, "玻璃基板")].supplies == ()
