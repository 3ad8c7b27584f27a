"""A month's list of reports, row by row: what is a report, what only comes back as it was offered, what is refused."""

from datetime import date
from typing import Any

import pytest

from services.intake.domain.drafts import Verdict
from services.intake.domain.imports.register_list import Row, RowOutcome
from services.intake.domain.imports.report_list import (
    CODE,
    FUNDS,
    IN_MONTH,
    MONTH,
    NAME,
    NO,
    PROGRESS,
    SUBMITTED,
    TO_DATE,
    YES,
    Caller,
    Reported,
    ReportList,
    month_in,
    month_name,
)
from services.intake.domain.projects.reports import Report
from shared.contracts.project_records import ProjectReported
from shared.contracts.projects import Stage
from tests.unit.intake.factories import AUTO, LI, OFFICER, TODAY, ZHANG, a_project

PROJECT = a_project(Stage.BUILDING)
JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))
ANYBODY = Caller(None, supervises=False)


def a_report(month: date = JANUARY, in_month: int = 5000, to_date: int = 25000, progress: str = "桩基施工") -> Report:
    return Report(PROJECT.id, month, in_month, to_date, 6000, progress, None, TODAY, "clerk-1")


def a_row(at: str = "项目月报!2", /, **values: Any) -> Row:
    """As February is offered after January's report."""
    offered = {MONTH: "2026年02月", CODE: PROJECT.code, NAME: PROJECT.name, SUBMITTED: NO}
    return Row(at, {**offered, IN_MONTH: 0, TO_DATE: 25000, FUNDS: 6000, PROGRESS: "桩基施工", **values})


def a_list(*reports: Report, month: date = FEBRUARY, caller: Caller = ANYBODY, **about: Any) -> ReportList:
    return ReportList(month, {PROJECT.code: Reported(PROJECT, reports, **about)}, caller, TODAY)


def take(*rows: Row, reports: tuple[Report, ...] = (a_report(),), **given: Any) -> list[RowOutcome]:
    return a_list(*reports, **given).take(rows)


def told(outcome: RowOutcome) -> dict[str, str]:
    assert outcome.verdict is Verdict.REFUSED
    return {refusal.key: refusal.message for refusal in outcome.refusals}


def reported(row: Row, *reports: Report) -> ProjectReported:
    taking = a_list(*reports)
    (outcome,) = taking.take([row])
    assert outcome.verdict in (Verdict.RECORDED, Verdict.CHANGED), outcome.refusals
    return taking.decided[0].event


@pytest.mark.parametrize(
    "row",
    [a_row(), a_row(**{TO_DATE: None}), a_row(**dict.fromkeys((IN_MONTH, TO_DATE, FUNDS, PROGRESS, SUBMITTED)))],
)
def test_what_comes_back_as_it_was_offered_is_no_report(row: Row) -> None:
    assert [outcome.verdict for outcome in take(row)] == [Verdict.UNCHANGED]


def test_that_nothing_is_new_in_a_month_is_reported_where_the_list_says_so() -> None:
    event = reported(a_row(**{SUBMITTED: YES}), a_report())
    assert (event.completed_in_month_wan, event.completed_to_date_wan) == (0, 25000)
    assert told(take(a_row(**{SUBMITTED: YES}, **dict.fromkeys((IN_MONTH, FUNDS, PROGRESS))))[0]) == {
        IN_MONTH: "没有填写本月完成投资",
        FUNDS: "没有填写到位资金",
        PROGRESS: "没有填写形象进度",
    }


@pytest.mark.parametrize("to_date", [25000, 28000, None])
def test_a_sum_that_was_left_follows_the_months_amount(to_date: int | None) -> None:
    assert reported(a_row(**{IN_MONTH: 3000, TO_DATE: to_date}), a_report()).completed_to_date_wan == 28000


def test_a_first_report_may_hold_what_was_completed_before_and_keeps_it() -> None:
    first = a_row(**{IN_MONTH: 3000, TO_DATE: 20000})
    assert reported(first).completed_to_date_wan == 20000
    again = a_row(**{IN_MONTH: 4000, TO_DATE: 20000, SUBMITTED: YES})
    assert reported(again, a_report(FEBRUARY, 3000, 20000)).completed_to_date_wan == 20000
    assert reported(a_row(**{IN_MONTH: 3000, TO_DATE: 0})).completed_to_date_wan == 3000


def test_a_month_that_is_reported_comes_back_unchanged_and_changes_where_it_is_edited() -> None:
    both = (a_report(), a_report(FEBRUARY, 3000, 28000))
    stands = {IN_MONTH: 3000, TO_DATE: 28000, SUBMITTED: YES}
    assert take(a_row(**stands), reports=both)[0].verdict is Verdict.UNCHANGED
    assert take(a_row(**{**stands, SUBMITTED: NO}), reports=both)[0].verdict is Verdict.UNCHANGED
    assert take(a_row(**{**stands, IN_MONTH: 3500}), reports=both)[0].verdict is Verdict.CHANGED
    assert take(a_row(**{IN_MONTH: 3000}), reports=both)[0].verdict is Verdict.UNCHANGED
    for left in (28000, 25000):  # as exported after the report, and before it
        assert reported(a_row(**{**stands, IN_MONTH: 3500, TO_DATE: left}), *both).completed_to_date_wan == 28500


def test_a_list_from_before_a_report_undoes_nothing_unseen() -> None:
    both = (a_report(), a_report(FEBRUARY, 3000, 28000))
    assert take(a_row(), reports=both)[0].verdict is Verdict.UNCHANGED
    refused = told(take(a_row(**{IN_MONTH: 2000}), reports=both)[0])
    assert refused == {SUBMITTED: "该项目2026年02月已报送；如要改报，请改为“已报送”，撤销月报另行办理更正"}


@pytest.mark.parametrize(
    ("edit", "key", "words"),
    [
        ({FUNDS: 5999}, FUNDS, "比上次报送的6000万元减少"),
        ({TO_DATE: 24999}, TO_DATE, "减少"),
        ({TO_DATE: 31000}, TO_DATE, "不符"),
        ({IN_MONTH: 95001}, TO_DATE, "超过总投资120000万元"),
        ({IN_MONTH: 95001, TO_DATE: None}, IN_MONTH, "超过总投资120000万元"),
        ({PROGRESS: None}, PROGRESS, "没有填写形象进度"),
        ({PROGRESS: "长" * 2001}, PROGRESS, "最多2000字"),
        ({MONTH: "2026年01月"}, MONTH, "本次导入的是2026年02月月报"),
        ({CODE: None}, CODE, "没有填写项目编号"),
        ({CODE: "P2026-0009"}, CODE, "没有编号为“P2026-0009”的项目"),
        ({NAME: "别的项目"}, NAME, "P2026-0001是“显示面板项目”"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_cell(edit: dict[str, Any], key: str, words: str) -> None:
    refused = told(take(a_row(**edit))[0])
    assert list(refused) == [key]
    assert words in refused[key]


def test_a_later_month_that_is_reported_already_is_to_be_corrected_first() -> None:
    later = (a_report(MARCH, 0, 25000), a_report())
    assert "2026年03月已报送" in told(take(a_row(**{IN_MONTH: 3000}), reports=later)[0])[CODE]


def test_a_project_stands_in_a_list_once() -> None:
    rows = (a_row(**{IN_MONTH: 3000}), a_row("项目月报!3", **{IN_MONTH: 4000}))
    first, second = take(*rows)
    assert first.verdict is Verdict.RECORDED
    assert told(second) == {CODE: "与“项目月报”第2行是同一项目，请只保留一行"}


def test_only_the_holder_of_the_post_reports_or_the_supervisor_for_them() -> None:
    edited = a_row(**{IN_MONTH: 3000})
    about: dict[str, Any] = {"post_id": OFFICER.id, "holder": ZHANG.id}
    assert take(edited, caller=Caller(ZHANG.id, supervises=False), **about)[0].verdict is Verdict.RECORDED
    assert take(edited, caller=Caller(None, supervises=True), **about)[0].verdict is Verdict.RECORDED
    for person in (None, LI.id):
        refused = take(edited, caller=Caller(person, supervises=False), **about)
        assert "您不在该岗位任职" in told(refused[0])[CODE]
        assert take(a_row(), caller=Caller(person, supervises=False), **about)[0].verdict is Verdict.UNCHANGED
    vacant = take(edited, caller=Caller(None, supervises=False), post_id=OFFICER.id)
    assert told(vacant[0])
    elsewhere = take(edited, caller=Caller(ZHANG.id, supervises=False, chains={AUTO.id}), **about)
    assert told(elsewhere[0]) == {CODE: "您任职的岗位不负责这条产业链"}


def test_a_dash_for_a_text_comes_back_as_nothing_and_changes_nothing() -> None:
    before = a_report(progress="—")
    taking = ReportList(FEBRUARY, {PROJECT.code: Reported(PROJECT, (before,))}, ANYBODY, TODAY, lambda _: "")
    assert taking.take([a_row(**{PROGRESS: None})])[0].verdict is Verdict.UNCHANGED


@pytest.mark.parametrize("text", [month_name(FEBRUARY), "2026年2月", "2026-02", "2026-02-01", "2026.2", "2026/02"])
def test_a_month_is_read_however_it_is_written(text: str) -> None:
    assert month_in(text) == FEBRUARY


@pytest.mark.parametrize("text", ["二月", "2026", "2026年13月", "2026年00月"])
def test_what_is_no_month_names_none(text: str) -> None:
    assert month_in(text) is None
