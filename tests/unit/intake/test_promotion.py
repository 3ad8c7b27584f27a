"""Visits, promotion events, agreements, leads and contacts: every state with every verb; counts as they were given."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.intake.domain.errors import AmountNotAllowed, DateNotAllowed, FieldMissing
from services.intake.domain.promotion import approximate, promotion
from services.intake.domain.promotion.promotion import (
    LEAD_STAGES,
    Content,
    Kind,
    PromotionRecord,
    RecordNotStanding,
    RecordStatus,
    StageTooFar,
)
from services.intake.domain.requests.requests import UsccNotSound
from shared.contracts.event import Event
from shared.contracts.projects import Stage
from shared.contracts.promotion import (
    Agreement,
    AgreementKind,
    Approximate,
    Contact,
    Form,
    Lead,
    Met,
    Place,
    Promotion,
    Visit,
)
from shared.contracts.registers import Partner
from tests.unit.intake.factories import BUREAU, DISPLAY, TODAY, an_id

PARIS = Place(country="法国", city="巴黎")
VISIT = Visit(name="赴欧招商", from_day=TODAY, until_day=TODAY, places=(PARIS,), org_ids=(BUREAU.id,))
EVENT = Promotion(
    name="推介会",
    organiser_org_id=BUREAU.id,
    chain_ids=(DISPLAY.id,),
    place=Place(country="中国", city="上海"),
    from_day=TODAY,
    until_day=TODAY,
)
INTENT = Agreement(kind=AgreementKind.INTENT, title="意向书", parties=(Partner(name="液化空气"),), signed_on=TODAY)
LEAD = Lead(name="工业气体", firm="液化空气", chain_id=DISPLAY.id, responsible_org_id=BUREAU.id, found_on=TODAY)
CONTACT = Contact(name="李敏", firm="液化空气", mobile=True)
CONTENTS: tuple[Content, ...] = (VISIT, EVENT, INTENT, LEAD, CONTACT)


def a_record(content: Content, status: RecordStatus = RecordStatus.STANDING) -> PromotionRecord:
    made = promotion.fold(None, promotion.record(an_id("record"), content, today=TODAY, by="clerk-1"))
    if status is RecordStatus.ENDED:
        return promotion.fold(made, promotion.end(made, reason="延期", on=TODAY, by="clerk-1"))
    if status is RecordStatus.CONVERTED:
        return promotion.fold(made, convert(made))
    return made


def convert(lead: PromotionRecord, stage: Stage = Stage.NEGOTIATING) -> list[Event]:
    return promotion.convert(lead, project_id=an_id("project"), stage=stage, on=TODAY, by="clerk-1")


@pytest.mark.parametrize("content", CONTENTS, ids=promotion.kind_of)
def test_what_stands_is_revised_and_ended_and_what_ended_is_not(content: Content) -> None:
    standing, ended = a_record(content), a_record(content, RecordStatus.ENDED)
    verbs: list[Callable[[PromotionRecord], list[Event]]] = [
        lambda record: promotion.revise(record, record.content, today=TODAY, by="clerk-1"),
        lambda record: promotion.end(record, reason="延期", on=TODAY, by="clerk-1"),
    ]
    for verb in verbs:
        verb(standing)
        with pytest.raises(RecordNotStanding):
            verb(ended)
    assert (ended.status, ended.reason, ended.version) == (RecordStatus.ENDED, "延期", 2)


def test_what_stands_so_already_is_no_fact() -> None:
    assert promotion.revise(a_record(VISIT), VISIT, today=TODAY, by="clerk-1") == []


def test_another_number_of_a_contact_is_a_fact_though_no_content_says_it() -> None:
    contact = a_record(CONTACT)
    assert promotion.revise(contact, CONTACT, today=TODAY, by="clerk-1") == []
    assert len(promotion.revise(contact, CONTACT, renumbered=True, today=TODAY, by="clerk-1")) == 1


def test_a_lead_is_converted_once_and_then_stays_as_it_is() -> None:
    converted = a_record(LEAD, RecordStatus.CONVERTED)
    assert converted.project_id == an_id("project")
    with pytest.raises(RecordNotStanding):
        convert(converted)
    with pytest.raises(RecordNotStanding):
        promotion.end(converted, reason="放弃", on=TODAY, by="clerk-1")


@pytest.mark.parametrize("stage", list(Stage))
def test_a_lead_becomes_a_project_in_talks_at_most(stage: Stage) -> None:
    if stage in LEAD_STAGES:
        assert len(convert(a_record(LEAD), stage)) == 1
    else:
        with pytest.raises(StageTooFar):
            convert(a_record(LEAD), stage)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (VISIT.model_copy(update={"org_ids": ()}), FieldMissing),
        (VISIT.model_copy(update={"places": ()}), FieldMissing),
        (VISIT.model_copy(update={"until_day": TODAY - timedelta(days=1)}), DateNotAllowed),
        (VISIT.model_copy(update={"met": (Met(name="某公司", uscc="91"),)}), UsccNotSound),
        (EVENT.model_copy(update={"chain_ids": ()}), FieldMissing),
        (EVENT.model_copy(update={"until_day": TODAY - timedelta(days=1)}), DateNotAllowed),
        (INTENT.model_copy(update={"parties": ()}), FieldMissing),
        (INTENT.model_copy(update={"signed_on": TODAY + timedelta(days=1)}), DateNotAllowed),
        (LEAD.model_copy(update={"found_on": TODAY + timedelta(days=1)}), DateNotAllowed),
        (LEAD.model_copy(update={"uscc": "91"}), UsccNotSound),
    ],
)
def test_what_is_not_sound_is_refused(content: Content, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        promotion.record(an_id("record"), content, today=TODAY, by="clerk-1")


def test_a_number_is_disclosed_for_a_purpose_and_only_where_there_is_one() -> None:
    contact = a_record(CONTACT)
    after = promotion.fold(contact, promotion.disclose(contact, purpose="回访", by="clerk-1"))
    assert after == replace(contact, version=2)
    with pytest.raises(FieldMissing):
        promotion.disclose(contact, purpose=" ", by="clerk-1")
    with pytest.raises(FieldMissing):
        promotion.disclose(a_record(CONTACT.model_copy(update={"mobile": False})), purpose="回访", by="clerk-1")


def test_each_kind_has_its_words() -> None:
    assert {promotion.kind_of(content) for content in CONTENTS} == set(Kind)
    assert promotion.status_name(Kind.LEAD, RecordStatus.CONVERTED) == "已转为项目"


@pytest.mark.parametrize(
    ("text", "about", "form", "shown"),
    [
        ("160余家", 160, Form.ODD, "160余家"),
        ("１６０余家", 160, Form.ODD, "160余家"),
        ("1,200多家", 1200, Form.MORE, "1200多家"),
        ("约160家", 160, Form.ABOUT, "约160家"),
        ("近200", 200, Form.NEARLY, "近200家"),
        ("超过300家", 300, Form.OVER, "超300家"),
        ("逾300家", 300, Form.OVER, "超300家"),
        ("50家左右", 50, Form.OR_SO, "50家左右"),
        ("160家", 160, None, "160家"),
        ("十余家", 10, Form.ODD, "10余家"),
        ("二十多家", 20, Form.MORE, "20多家"),
        ("一百六十余家", 160, Form.ODD, "160余家"),
        ("两千家", 2000, None, "2000家"),
        ("二百零五家", 205, None, "205家"),
        ("一千零五十余家", 1050, Form.ODD, "1050余家"),
        ("一千二百三十五", 1235, None, "1235家"),
    ],
)
def test_a_count_is_read_kept_and_shown_as_it_was_given(text: str, about: int, form: Form | None, shown: str) -> None:
    count = approximate.read(text, field="firms", what="企业数")
    assert count == Approximate(about=about, form=form)
    assert approximate.words(count, "家") == shown
    assert approximate.read(shown, field="firms", what="企业数") == count


@pytest.mark.parametrize(
    "text",
    [
        *("", "若干家", "0家", "约160余家", "近50家左右", "160-170家", "很多", "-5家", "1.5家"),
        *("二百五家", "一六八家", "百十家", "千百家", "一千二", "零家"),
    ],
)
def test_a_count_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(AmountNotAllowed):
        approximate.read(text, field="firms", what="企业数")
