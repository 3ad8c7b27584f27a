"""A register's list, row by row: what is new, what changes, what is refused and why."""

from dataclasses import replace
from typing import Any

from services.intake import reference
from services.intake.domain.drafts import Verdict
from services.intake.domain.imports.measure_list import MeasureList
from services.intake.domain.imports.register_list import CHAIN, ID, POST, YEAR, Names, RegisterList, Row, RowOutcome
from services.intake.domain.registers import entries, measures
from services.intake.domain.registers.entries import Entry, NewEntry
from services.intake.handlers.imports.register_list import Edits, results_of
from services.intake.workbook.register_lists import FieldRow, layout_of
from services.intake.workbook.results import Place
from shared.contracts.programme import Tier
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
    ((after, _),) = taking.decided
    assert (outcome.verdict, outcome.entry_id) == (Verdict.CHANGED, present.id)
    assert after.fields == {**{key: present.fields[key] for key in FIELDS}, "amount": 80}


def test_an_entry_known_by_its_id_may_get_another_name_but_not_one_that_is_taken() -> None:
    first, second = an_entry("first"), an_entry("second", name="乙")
    renamed = a_row(**{ID: str(first.id)}, name="丙")
    _, (outcome,) = take(renamed, present=(first, second))
    assert (outcome.verdict, outcome.entry_id) == (Verdict.CHANGED, first.id)
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


def test_the_post_that_nominated_is_not_changed_and_that_is_said() -> None:
    leading = reference.registers()["leading_projects"]
    force = replace(OFFICER, id=an_id("force"), tier=Tier.TASK_FORCE, chain_ids=(DISPLAY.id,))
    names = replace(NAMES, posts={**NAMES.posts, "显示专班": (force,)})
    row = Row("提名!2", {YEAR: 2026, CHAIN: "新型显示", "project": "P2026-0001", "influence": "大", "drive": "强"})

    def again(post: str, *present: Entry) -> tuple[RegisterList, RowOutcome]:
        taking = RegisterList(leading, names, present, None, "clerk-1", ids_from("n"))
        return taking, taking.take([replace(row, values={**row.values, POST: post})])[0]

    taking, recorded = again("显示专班")
    assert recorded.verdict is Verdict.RECORDED
    ((entry, _),) = taking.decided
    assert again("显示专班", entry)[1].verdict is Verdict.UNCHANGED
    assert told(again("项目专员", entry)[1]) == {POST: "不能改提名岗位，请撤回后重新登记"}


def test_what_changes_is_told_with_its_cell_and_both_texts() -> None:
    layout = layout_of(REGISTER)
    row = FieldRow("清单", 2, places={"amount": Place("F2", "计划投入（亿元）", "0.8")})
    outcome = RowOutcome("清单!2", Verdict.CHANGED, an_id("e"))
    edits: Edits = {an_id("e"): ({"name": "甲", "amount": 50}, {"name": "甲", "amount": 8000, "remark": "新"})}
    (result,) = results_of(REGISTER.key, layout, [row], [outcome], edits, dry_run=True)
    assert result["changed"] == ["计划投入", "备注"]
    assert result["changes"] == [
        {"name": "计划投入", "cell": "F2", "old": "50万元", "new": "8000万元"},
        {"name": "备注", "cell": "", "old": "", "new": "新"},
    ]


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
    assert again(text="改过", reason="").verdict is Verdict.CHANGED
    assert told(again(due_on="2026-09-30")) == {"reason": "调整原因不能为空"}
    assert again(due_on="2026-09-30", reason="等待批复").verdict is Verdict.CHANGED
    done = measures.fold(measure, measures.meet(measure, measure.id, met_on=TODAY, today=TODAY))
    known[("《运行机制》", 1)] = done
    assert again().verdict is Verdict.UNCHANGED
    assert set(told(again(text="改过"))) == {"number"}


def test_what_a_row_says_of_a_measure_and_cannot_change_does_not_pass_unseen() -> None:
    taking = MeasureList(NAMES, {}, TODAY, ids_from("m"))
    taking.take([measure_row()])
    known = {("《运行机制》", 1): taking.decided[0][0]}

    def again(**values: Any) -> dict[str, str]:
        return told(MeasureList(NAMES, known, TODAY, ids_from("m")).take([measure_row(**values)])[0])

    assert again(source="领导批示") == {"source": "来源已登记为会议部署，不能更改"}
    unit = {"responsible_org": "与责任岗位所在的单位不一致，请一并改责任岗位"}
    other = {"responsible_org": "新型显示产业园", "responsible_post": "区商务局/项目专员"}
    assert again(**other) == again(**{**other, "responsible_post": None}) == unit
    assert again(number=0, text="长" * 2001) == {"number": "编号应在1至9999之间", "text": "文字过长，最多2000字"}
