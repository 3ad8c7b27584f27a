"""A register's list, row by row: what is new, what changes, what is refused and why."""

from typing import Any

from services.intake import reference
from services.intake.domain.drafts import Verdict
from services.intake.domain.imports.measure_list import MeasureList
from services.intake.domain.imports.register_list import CHAIN, ID, YEAR, Names, RegisterList, Row, RowOutcome
from services.intake.domain.registers import entries, measures
from services.intake.domain.registers.entries import Entry, NewEntry
from tests.unit.intake.factories import AUTO, DISPLAY, OFFICER, TODAY, a_directory, an_id, ids_from

REGISTER = reference.registers()["key_technologies"]
NAMES = Names(
    a_directory(),
    {"项目专员": (OFFICER,), "区商务局/项目专员": (OFFICER,)},
    {"P2026-0001": (an_id("project"),), "同名项目": (an_id("one"), an_id("two"))},
)
FIELDS = {"name": "甲", "problem": "依赖进口", "lead_org": "某公司", "finish_on": "2027-06-30"}


def a_row(at: str = "清单!2", /, **values: Any) -> Row:
    return Row(at, {YEAR: 2026, CHAIN: "新型显示", **FIELDS, **values})


def an_entry(id: str = "e", **fields: Any) -> Entry:
    new = NewEntry(2026, DISPLAY.id, {**FIELDS, **fields})
    events = entries.record(REGISTER, new, entry_id=an_id(id), chain=DISPLAY, nominating=None, by="clerk-1")
    return entries.fold(None, events)


def take(*rows: Row, present: tuple[Entry, ...] = (), own: Any = None) -> tuple[RegisterList, list[RowOutcome]]:
    taking = RegisterList(REGISTER, NAMES, present, own, "clerk-2", ids_from("new"))
    return taking, taking.take(rows)


def told(outcome: RowOutcome) -> dict[str, str]:
    assert outcome.verdict is Verdict.REFUSED
    return {refusal.key: refusal.message for refusal in outcome.refusals}


def test_a_new_row_is_recorded_with_what_it_names() -> None:
    taking, (outcome,) = take(a_row(responsible_post="项目专员", project="P2026-0001 显示面板项目"))
    ((entry, events),) = taking.decided
    assert (outcome.verdict, outcome.entry_id, len(events)) == (Verdict.RECORDED, entry.id, 1)
    assert entry.fields["responsible_post"] == str(OFFICER.id)
    assert entry.fields["project"] == str(an_id("project"))


def test_a_known_row_changes_only_what_it_says_otherwise() -> None:
    present = an_entry(amount=50, remark="旧")
    taking, outcomes = take(a_row(), a_row("清单!3", name="乙"), present=(present,))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.UNCHANGED, Verdict.RECORDED]
    taking, (outcome,) = take(a_row(amount=80, remark=None), present=(present,))
    assert (outcome.verdict, outcome.changed) == (Verdict.CHANGED, ("计划投入", "备注"))
    assert "remark" not in taking.decided[0][0].fields


def test_an_entry_known_by_its_id_may_get_another_name_but_not_one_that_is_taken() -> None:
    first, second = an_entry("first"), an_entry("second", name="乙")
    renamed = a_row(**{ID: str(first.id)}, name="丙")
    _, (outcome,) = take(renamed, present=(first, second))
    assert (outcome.verdict, outcome.changed) == (Verdict.CHANGED, ("攻关项目名称",))
    _, (outcome,) = take(a_row(**{ID: str(first.id)}, name="乙"), present=(first, second))
    assert told(outcome) == {"name": "已有相同的条目"}
    freed = a_row("清单!3", **{ID: str(second.id)}, name="甲")
    _, outcomes = take(renamed, freed, present=(first, second))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.CHANGED, Verdict.CHANGED]


def test_every_reason_is_told_at_once() -> None:
    wrong: dict[str, Any] = {CHAIN: "不明", YEAR: None, "name": None, "project": "同名项目", "responsible_post": "科长"}
    _, (outcome,) = take(a_row(**wrong))
    assert set(told(outcome)) == {CHAIN, YEAR, "name", "project", "responsible_post"}
    assert "有多个项目" in told(outcome)["project"]
    _, (outcome,) = take(Row("清单!2", {YEAR: 2026, CHAIN: "新型显示", "name": "甲"}, frozenset({"finish_on"})))
    assert set(told(outcome)) == {"problem", "lead_org"}


def test_a_row_whose_cells_could_not_be_read_is_refused_even_where_nothing_else_is_wrong() -> None:
    taking, (outcome,) = take(Row("清单!2", {YEAR: 2026, CHAIN: "新型显示", **FIELDS}, frozenset({"amount"})))
    assert (told(outcome), taking.decided) == ({}, [])


def test_a_row_that_repeats_one_above_is_refused_by_name_and_by_id() -> None:
    present = an_entry()
    _, outcomes = take(a_row(), a_row("清单!3"))
    assert told(outcomes[1]) == {"name": "与“清单”第2行是同一条目，请只保留一行"}
    _, outcomes = take(a_row(**{ID: str(present.id)}), a_row("清单!3", **{ID: str(present.id)}), present=(present,))
    assert set(told(outcomes[1])) == {ID}


def test_rows_of_other_chains_are_refused_to_the_clerk_of_one() -> None:
    present = an_entry()
    own = frozenset({AUTO.id})
    _, outcomes = take(a_row(name="乙"), a_row("清单!3", **{ID: str(present.id)}), present=(present,), own=own)
    assert [set(told(outcome)) for outcome in outcomes] == [{CHAIN}, {CHAIN}]


def measure_row(key: str = "措施!2", **values: Any) -> Row:
    sound = {
        "number": 1,
        "aspect": "深化创新驱动",
        "text": "试点措施",
        "responsible_post": "项目专员",
        "due_on": "2026-06-30",
        "source_document": "《运行机制》",
    }
    return Row(key, {**sound, **values})


def test_measures_are_known_by_document_and_number_and_another_day_needs_its_reason() -> None:
    taking = MeasureList(NAMES, {}, TODAY, ids_from("m"))
    (outcome,) = taking.take([measure_row()])
    ((measure, _),) = taking.decided
    assert outcome.verdict is Verdict.RECORDED
    known = {("《运行机制》", 1): measure}

    def again(**values: Any) -> RowOutcome:
        (found,) = MeasureList(NAMES, known, TODAY, ids_from("m")).take([measure_row(**values)])
        return found

    assert again().verdict is Verdict.UNCHANGED
    assert again(due_on=None, responsible_post=None).verdict is Verdict.UNCHANGED
    assert again(text="改过", reason="").changed == ("措施内容",)
    assert told(again(due_on="2026-09-30")) == {"reason": "调整原因不能为空"}
    assert again(due_on="2026-09-30", reason="等待批复").changed == ("完成时限",)
    done = measures.fold(measure, measures.meet(measure, measure.id, met_on=TODAY, today=TODAY))
    known[("《运行机制》", 1)] = done
    assert again().verdict is Verdict.UNCHANGED
    assert set(told(again(text="改过"))) == {"number"}
