"""What documents say. Golden files are the documents as people read them; `LIANDU_WRITE_GOLDEN=1` writes them anew."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid5

import docx
import pytest
from docx.document import Document as Opened
from docx.oxml.ns import qn
from docx.table import Table

from services.assessment.documents.forms import BULLETIN, NAMES, Form, FormRefused, Forms
from services.assessment.documents.rendering import DRAFT, Signature, fields, render, render_bulletin
from services.assessment.domain import case as cases
from services.assessment.domain.bulletin import Bulletin, Matter
from services.assessment.domain.directory import Directory
from services.assessment.domain.document import NobodyAddressed, State, drafted, sign, state_of
from services.assessment.domain.extension import Who
from services.assessment.domain.moments import CHINA
from services.assessment.domain.names import formal_day
from services.assessment.domain.paper import NoSuchDocument, Told, needs_signature, write
from services.assessment.domain.rules import Rules
from services.assessment.domain.world import Acted, Heard, World
from shared.contracts.case_documents import CaseDocumentSigned, Paper, Talk
from shared.contracts.event import Event
from shared.contracts.programme import LeavePlanned, OrganisationRecorded, PersonRecorded, PostAssumed, Tier
from shared.contracts.supervision import (
    Addressed,
    CaseAcknowledged,
    CaseAssigned,
    CaseFeedbackGiven,
    CaseOpened,
    CaseRescheduled,
    Document,
)
from tests.support import forms, supervision
from tests.support.supervised import case_of, planned, programme, recorded
from tests.support.supervision import escalated, some_id, to

GOLDEN = Path(__file__).parent / "golden"
CASE = some_id("case")
SIGNED = Signature("督查员甲", date(2026, 3, 10))
LADDER = {
    1: (Document.URGE, None, to(Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD), 1, "2026-03-03"),
    2: (Document.LETTER, "督办函〔2026〕5号", to(Tier.TASK_FORCE, copy=(Tier.DEPUTY_CHIEF,)), 5, "2026-03-09"),
    3: (Document.TALK, None, to(Tier.DEPUTY_CHIEF), 10, "2026-03-16"),
    4: (Document.TALK_CHIEF, None, to(Tier.CHIEF), 15, "2026-03-23"),
    5: (Document.CIRCULAR, None, to(Tier.CHIEF_GENERAL), 20, "2026-03-30"),
}
TALK = Talk(
    on=date(2026, 3, 17),
    place="区政府三号会议室",
    participants=("周强", "孙伟", "钱芳"),
    said="施工许可因图审退回两次，\n责任单位承认调度不力。",
    asked="三月底前取得施工许可，四月上旬进场。",
    asked_by=date(2026, 4, 10),
)


def at(day: str, hour: int = 9) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02d}:00").replace(tzinfo=CHINA)


def told(moment: datetime, event: Event) -> Told:
    return Told(uuid5(CASE, f"{moment} {event.type}"), moment, event)


def reached(rung: int, **changes: Any) -> Told:
    document, number, addressees, late, on = LADDER[rung]
    following = LADDER.get(rung + 1)
    event = escalated(
        rung=rung,
        document=document,
        document_number=number,
        addressees=addressees,
        working_days_late=late,
        reply_by=date(2026, 3, 13) if rung == 2 else None,
        due_at=at(on),
        next_at=at(following[4]) if following else None,
        **changes,
    )
    return told(at(on), event)


@pytest.fixture
def directory() -> Directory:
    directory = Directory()
    for event in supervision.programme():
        directory.learn(event)
    return directory


@pytest.fixture
def story() -> list[Told]:
    """A case that has climbed all the way, with what was done about it."""
    opened = CaseOpened(
        case_id=CASE,
        obligation_id=some_id("obligation"),
        number="督〔2026〕12号",
        subject=supervision.subject(),
        policy_version="default-2026.2",
    )
    said = CaseAcknowledged(case_id=CASE, rung=1, by="郑洁 <office-1>", via="登录")
    answered = CaseFeedbackGiven(
        case_id=CASE,
        by="钱芳 <officer-1>",
        text="图审意见已收到，正在修改",
        commitment_on=date(2026, 3, 13),
        holds_until=at("2026-03-16"),
    )
    held = CaseRescheduled(case_id=CASE, suspended=True, next_at=None, reason="项目停缓建")
    return [
        told(at("2026-03-03"), opened),
        reached(1),
        told(at("2026-03-04", 10), said),
        reached(2),
        told(at("2026-03-10", 15), answered),
        reached(3, raised_by_light=True, skipped=(Tier.DEPUTY_CHIEF,)),
        told(at("2026-03-18"), held),
        reached(4),
        reached(5),
    ]


@dataclass(frozen=True)
class Papers:
    story: list[Told]
    directory: Directory
    rules: Rules

    def of(self, rung: int) -> Paper:
        policy = self.rules.policy
        return write(
            rung, self.story, self.directory, policy, case_id=CASE, project_code="2404-1", office="区链长制督查室"
        )


@pytest.fixture
def papers(story: list[Told], directory: Directory, rules: Rules) -> Papers:
    return Papers(story, directory, rules)


def made(paper: Paper, signature: Signature | None = None, form: Form | None = None) -> Opened:
    return docx.Document(io.BytesIO(render(form or Forms().find(paper.document), paper, signature)))


def text_of(document: Opened) -> str:
    """As a person reads it: paragraphs, and tables row by row."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Opened) -> Iterator[str]:
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            for row in block.rows:
                yield "| " + " | ".join(cell.text.replace("\n", " ⏎ ") for cell in row.cells) + " |"
        else:
            yield block.text


CASES = {
    "urge": (1, None, None),
    "letter_draft": (2, None, None),
    "letter": (2, SIGNED, None),
    "talk_draft": (3, None, None),
    "talk": (3, Signature("督查员甲", date(2026, 3, 18)), TALK),
    "talk_chief_draft": (4, None, None),
    "circular_draft": (5, None, None),
    "circular": (5, Signature("督查员甲", date(2026, 4, 1)), None),
}


@pytest.mark.parametrize("name", CASES)
def test_documents_read_as_their_golden_files(name: str, papers: Papers) -> None:
    rung, signature, talk = CASES[name]
    document = made(papers.of(rung).model_copy(update={"talk": talk}), signature)
    golden, text = GOLDEN / f"{name}.txt", text_of(document)
    if os.environ.get("LIANDU_WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_a_document_names_itself_in_its_properties(papers: Papers) -> None:
    core = made(papers.of(2), SIGNED).core_properties
    assert (core.title, core.identifier) == ("关于“安迈铝业增资”项目“开工”逾期的督办函", "督办函〔2026〕5号")
    assert (core.author, core.content_status) == ("区链长制督查室", "已签发")
    draft = made(papers.of(3)).core_properties
    assert (draft.identifier, draft.content_status) == ("督〔2026〕12号", "草稿")


def test_the_same_paper_makes_the_same_bytes_and_needs_no_clock(papers: Papers) -> None:
    form = Forms().find(Document.LETTER)
    assert render(form, papers.of(2), SIGNED) == render(form, papers.of(2), SIGNED)


def test_who_comes_later_and_what_comes_later_says_nothing_in_it(papers: Papers) -> None:
    before = papers.of(2)
    successor = PersonRecorded(person_id=some_id("new"), name="后任", organisation_id=supervision.UNIT)
    papers.directory.learn(successor)
    papers.directory.learn(
        PostAssumed(post_id=supervision.post(Tier.TASK_FORCE), person_id=some_id("new"), from_day=date(2026, 3, 10))
    )
    papers.story.append(told(at("2026-04-02"), CaseAcknowledged(case_id=CASE, rung=5, by="某人", via="登录")))
    assert papers.of(2) == before
    assert "后任" not in str(before)


def test_whom_nobody_told_at_first_is_named_as_of_the_day_they_were(papers: Papers) -> None:
    told_nobody = papers.story[3]._replace(event=escalated(rung=2, addressees=()))
    papers.story[3] = told_nobody
    named = Addressed(event_id=told_nobody.event_id, addressees=LADDER[2][2])
    papers.story.append(told(at("2026-03-11"), named))
    assert [one.holder for one in papers.of(2).addressees] == ["吴磊", "周强"]


def test_a_document_names_the_units_that_lead_and_assist_since_they_were_assigned(papers: Papers) -> None:
    lead, helper = some_id("区住建局"), some_id("王台街道")
    for unit, name in ((lead, "区住建局"), (helper, "王台街道")):
        papers.directory.learn(OrganisationRecorded(organisation_id=unit, name=name))
    assigned = CaseAssigned(
        case_id=CASE, lead_org_id=lead, assisting_org_ids=(helper,), by="督查员甲 <s-1>", reason="跨部门"
    )
    papers.story.insert(4, told(at("2026-03-09", 15), assigned))
    assert (papers.of(2).organisation, papers.of(2).assisting) == ("区工业和信息化局", ())
    assert (papers.of(3).organisation, papers.of(3).assisting) == ("区住建局", ("王台街道",))
    assert [one.title for one in papers.of(3).answerable] == ["新型显示项目专员"]
    text = text_of(made(papers.of(3)))
    assert "| 责任单位 | 区住建局（配合：王台街道） |" in text
    assert "| 2026年3月9日 | 交办：由区住建局牵头，王台街道配合 |" in text


def test_who_stands_in_on_that_day_is_named_beside_the_holder(papers: Papers) -> None:
    leave = LeavePlanned(
        person_id=supervision.person(Tier.TASK_FORCE),
        leave_id=some_id("leave"),
        from_day=date(2026, 3, 9),
        until_day=date(2026, 3, 13),
        delegate_id=supervision.person(Tier.TASK_FORCE_OFFICE),
    )
    papers.directory.learn(leave)
    assert "新型显示产业链工作专班负责人（吴磊，郑洁代）：" in text_of(made(papers.of(2)))
    assert [one.delegate for one in papers.of(3).addressees] == [None]


def test_a_rung_that_was_not_reached_has_no_document(papers: Papers) -> None:
    with pytest.raises(NoSuchDocument):
        papers.of(6)


@pytest.mark.parametrize(
    "name",
    ['<w:p>&"甲"</w:p>', "{{ 7*7 }}{% raw %}{_{ 文号 }_}", "一\x00二\x0c三\x07四\x1b五\u202e六\ud800七", "换\n行\t格"],
)
def test_special_characters_in_names_do_no_harm(name: str, papers: Papers) -> None:
    plain = made(papers.of(2))
    paper = papers.of(2).model_copy(update={"project": name, "organisation": name, "office": name})
    document = made(paper)
    assert len(document.paragraphs) == len(plain.paragraphs)
    assert len(document.tables[0].rows) == len(plain.tables[0].rows)
    assert "49" not in text_of(document).replace("2404", "")
    if name.startswith("<"):
        assert name in text_of(document)
    if name.startswith("一"):
        assert "一二三四五六七" in text_of(document)


def test_a_very_long_name_is_whole_in_the_text_and_cut_in_the_properties(papers: Papers) -> None:
    document = made(papers.of(2).model_copy(update={"project": "长" * 400}))
    assert "长" * 400 in text_of(document)
    assert len(document.core_properties.title) == 255


def test_only_slips_go_out_without_a_signature() -> None:
    assert [one for one in Document if needs_signature(one)] == [
        Document.LETTER,
        Document.TALK,
        Document.TALK_CHIEF,
        Document.CIRCULAR,
    ]


def test_a_draft_says_so_and_a_signed_one_says_who_and_when(papers: Papers) -> None:
    assert text_of(made(papers.of(5))).startswith(DRAFT)
    signed = text_of(made(papers.of(5), SIGNED))
    assert DRAFT not in signed
    assert "签发人：督查员甲" in signed
    assert "二〇二六年三月十日" in signed


def own_form(folder: Path, *paragraphs: str) -> Forms:
    page = docx.Document()
    for text in paragraphs:
        page.add_paragraph(text)
    page.save(str(folder / "督办函.docx"))
    return Forms(folder)


def test_an_office_puts_its_own_form_in_place_of_one(papers: Papers, tmp_path: Path) -> None:
    own = own_form(tmp_path, "某区专用：{{ 文号 }} {{ 主送|全称 }} {{ 督办日期|汉字日期 }}")
    assert text_of(made(papers.of(2), form=own.find(Document.LETTER))) == (
        "某区专用：督办函〔2026〕5号 新型显示产业链工作专班负责人（吴磊） 二〇二六年三月九日\n"
    )
    assert own.find(Document.CIRCULAR) == Forms().find(Document.CIRCULAR)


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        ("{{ 文件号 }}", "未提供的字段"),
        ("{% if 文号 %}", "语法错误"),
        ("{{ 文号.__class__.__mro__ }}", "不允许的操作|未提供的字段"),
        ("{{ 主送.append(1) }}", "不允许的操作"),
        ("{{ 文号 / 2 }}", "不是有效的文档"),
    ],
)
def test_a_broken_form_is_refused_by_name(mark: str, reason: str, papers: Papers, tmp_path: Path) -> None:
    form = own_form(tmp_path, mark).find(Document.LETTER)
    with pytest.raises(FormRefused, match=reason) as refused:
        render(form, papers.of(2), None)
    assert "督办函.docx" in refused.value.message


def test_a_file_that_is_no_document_is_refused_by_name(papers: Papers, tmp_path: Path) -> None:
    (tmp_path / "督办函.docx").write_bytes(b"PK nothing of the kind")
    with pytest.raises(FormRefused, match=r"督办函\.docx.*不是有效的"):
        render(Forms(tmp_path).find(Document.LETTER), papers.of(2), None)
    (tmp_path / "通报.docx").mkdir()
    with pytest.raises(FormRefused, match=r"通报\.docx.*无法读取"):
        Forms(tmp_path).find(Document.CIRCULAR)


def test_a_circular_on_several_matters_reads_as_its_golden_file() -> None:
    matters = (
        Matter(
            "督〔2026〕12号", "安迈铝业<增资>", "2404-1", "新型显示", "开工", date(2026, 3, 2), 21, "区工信局", "钱芳"
        ),
        Matter("督〔2026〕15号", "示例二期", "2404-2", "新型显示", "签约", date(2026, 3, 3), 20, "区商务局", ""),
    )
    bulletin = Bulletin("区链长制督查室", date(2026, 3, 31), "新型显示", matters)
    document = docx.Document(io.BytesIO(render_bulletin(Forms().named(BULLETIN), bulletin)))
    golden, text = GOLDEN / "bulletin.txt", text_of(document)
    if os.environ.get("LIANDU_WRITE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()
    assert document.core_properties.title == "关于新型显示产业链重点项目节点逾期督办情况的通报"


@pytest.mark.parametrize("name", forms.FORMS)
def test_the_built_in_forms_are_those_that_are_drawn(name: str) -> None:
    assert forms.parts(Forms().named(name).body) == forms.parts(forms.drawn(name))


_PARAGRAPH = [
    "pStyle",
    "keepNext",
    "keepLines",
    "numPr",
    "pBdr",
    "shd",
    "tabs",
    "snapToGrid",
    "spacing",
    "ind",
    "jc",
    "rPr",
]


@pytest.mark.parametrize("document", NAMES)
def test_forms_keep_the_order_that_word_insists_on(document: Document) -> None:
    opened = docx.Document(io.BytesIO(Forms().find(document).body))
    for properties in opened.element.iter(qn("w:pPr")):
        places = [_PARAGRAPH.index(child.tag.partition("}")[2]) for child in properties]
        assert places == sorted(places)


@pytest.mark.parametrize("case_state", cases.State)
@pytest.mark.parametrize("document", NAMES)
@pytest.mark.parametrize("is_signed", [True, False])
def test_a_document_stands_as_its_case_does_until_it_is_signed(
    document: Document, case_state: cases.State, is_signed: bool
) -> None:
    state = state_of(document, case_state, is_signed=is_signed)
    if document is Document.URGE:
        assert state is State.SLIP
    elif is_signed:
        assert state is State.SIGNED
    else:
        assert state is {"open": State.DRAFT, "suspended": State.ON_HOLD, "closed": State.LAPSED}[case_state]


def test_a_letter_that_is_addressed_to_nobody_is_not_signed(papers: Papers) -> None:
    papers.story[3] = papers.story[3]._replace(event=escalated(rung=2, addressees=()))
    opened = papers.story[0]
    assert isinstance(opened.event, CaseOpened)
    case = cases.begin(opened.event, at=opened.at)
    with pytest.raises(NobodyAddressed):
        sign(case, drafted(papers.story)[2], papers.of(2), who=Who("某人"), form="", on=date(2026, 3, 10))


def world(rules: Rules) -> World:
    """A milestone is due on 9 January; by the default policy its case is at rung 2 on the 16th."""
    made = World.under(rules)
    for _, event in (*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9))):
        made.happen(Heard(at("2026-01-05"), at("2026-01-05"), event))
    made.pass_time(at("2026-01-16", 12))
    return made


def test_a_rehearsal_signs_again_where_the_case_came_as_far(papers: Papers, rules: Rules) -> None:
    case = case_of("m")
    event = CaseDocumentSigned(
        case_id=case, rung=2, paper=papers.of(2), by="某人 <s-1>", signed_on=date(2026, 1, 16), form=""
    )
    as_it_was = world(rules)
    as_it_was.happen(Acted(at("2026-01-16", 15), event))
    assert as_it_was.void == []
    assert as_it_was.decided[-1].event == event
    later = tuple(replace(rung, after_days=rung.after_days + 5) for rung in rules.policy.rungs)
    slower = world(replace(rules, policy=replace(rules.policy, version="slower", rungs=later)))
    slower.happen(Acted(at("2026-01-16", 15), event))
    assert [void.action.event for void in slower.void] == [event]


def test_the_guide_for_those_who_draw_forms_names_every_field(papers: Papers) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "documents.md").read_text()
    for name in fields(papers.of(2), None):
        assert f"`{name}`" in guide


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (date(2026, 3, 3), "二〇二六年三月三日"),
        (date(2030, 10, 10), "二〇三〇年十月十日"),
        (date(2027, 12, 20), "二〇二七年十二月二十日"),
        (date(2026, 11, 30), "二〇二六年十一月三十日"),
        (date(2026, 1, 21), "二〇二六年一月二十一日"),
    ],
)
def test_official_papers_are_dated_in_chinese_figures(day: date, text: str) -> None:
    assert formal_day(day) == text
