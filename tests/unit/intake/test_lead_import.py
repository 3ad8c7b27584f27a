"""A list of leads, row by row: what each row is about, and what is refused."""

from dataclasses import replace
from typing import Any

from services.intake.domain.drafts import Verdict
from services.intake.domain.imports.lead_list import LeadList
from services.intake.domain.imports.register_list import CHAIN, ID, Names, Row, RowOutcome
from services.intake.domain.promotion import promotion
from services.intake.domain.promotion.promotion import PromotionRecord
from shared.contracts.promotion import Lead
from tests.unit.intake.factories import AUTO, BUREAU, DISPLAY, TODAY, a_directory, an_id, ids_from


def a_row(at: str = "线索!2", /, **values: Any) -> Row:
    sound = {"name": "工业气体", "firm": "液化空气", CHAIN: "新型显示", "responsible_org": "区商务局"}
    return Row(at, {**sound, "found_on": TODAY.isoformat(), **values})


def a_lead(id: str = "lead") -> PromotionRecord:
    lead = Lead(name="工业气体", firm="液化空气", chain_id=DISPLAY.id, responsible_org_id=BUREAU.id, found_on=TODAY)
    return promotion.fold(None, promotion.record(an_id(id), lead, today=TODAY, by="clerk-1"))


def take(*rows: Row, present: tuple[PromotionRecord, ...] = (), **changes: Any) -> list[RowOutcome]:
    names = Names(a_directory(**changes), {}, {})
    return LeadList(names, present, {}, None, TODAY, "clerk-1", ids_from("new")).take(rows)


def told(outcome: RowOutcome) -> dict[str, str]:
    assert outcome.verdict is Verdict.REFUSED
    return {refusal.key: refusal.message for refusal in outcome.refusals}


def test_two_leads_of_one_name_come_back_as_they_were_exported() -> None:
    first, second = a_lead("first"), a_lead("second")
    rows = (a_row(**{ID: str(first.id)}), a_row("线索!3", **{ID: str(second.id)}, about="新"))
    assert [outcome.verdict for outcome in take(*rows, present=(first, second))] == [
        Verdict.UNCHANGED,
        Verdict.CHANGED,
    ]


def test_a_row_that_repeats_one_above_is_refused() -> None:
    lead = a_lead()
    repeated = {"name": "与“线索”第2行是同一线索，请只保留一行"}
    assert told(take(a_row(), a_row("线索!3"))[1]) == repeated
    assert told(take(a_row(), a_row("线索!3", **{ID: str(lead.id)}), present=(lead,))[1]) == repeated
    renamed = a_row(**{ID: str(lead.id)}, name="特种气体")
    assert told(take(renamed, a_row("线索!3", name="特种气体"), present=(lead,))[1]) == repeated


def test_a_lead_of_a_chain_that_was_closed_comes_back_and_no_new_one_goes_there() -> None:
    lead, closed = a_lead(), replace(DISPLAY, closed_from=TODAY, successor_ids=(AUTO.id,))
    outcomes = take(
        a_row(**{ID: str(lead.id)}), a_row("线索!3", name="特种气体"), present=(lead,), chains=(closed, AUTO)
    )
    assert outcomes[0].verdict is Verdict.UNCHANGED
    assert "请改填：汽车" in told(outcomes[1])[CHAIN]


def test_what_is_longer_than_any_name_is_refused() -> None:
    assert told(take(a_row(name="长" * 201, about="长" * 2001))[0]) == {
        "name": "文字过长，最多200字",
        "about": "文字过长，最多2000字",
    }
