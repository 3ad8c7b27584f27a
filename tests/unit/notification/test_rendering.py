"""What messages say. Golden files are the messages as people read them; `LIANDU_WRITE_GOLDEN=1` writes them anew."""

import os
from datetime import date
from pathlib import Path

import pytest

from services.notification.domain.rendering import (
    Draft,
    Names,
    Post,
    Told,
    asks_acknowledgement,
    render,
    render_test,
    title_of,
)
from services.notification.domain.routing import Listener
from shared.contracts.programme import Tier
from shared.contracts.supervision import Document
from tests.support.supervision import (
    CHAIN,
    HOLDERS,
    TITLES,
    UNIT,
    approved,
    closed,
    commendation_struck_off,
    commended,
    escalated,
    extended,
    not_extended,
    post,
    reminded,
    reopened,
    sent_back,
    subject,
    to,
    withdrawn,
)

GOLDEN = Path(__file__).parent / "golden"
NAMES = Names(
    posts={post(tier): Post(TITLES[tier], tier, "区工业和信息化局", HOLDERS[tier]) for tier in Tier},
    chains={CHAIN: "新型显示"},
    organisations={UNIT: "区工业和信息化局"},
)
LATE = {Document.URGE: 1, Document.LETTER: 5, Document.TALK: 10, Document.TALK_CHIEF: 15, Document.CIRCULAR: 20}
RUNGS = [
    escalated(
        rung=1,
        document=Document.URGE,
        document_number=None,
        addressees=to(Tier.TASK_FORCE_OFFICE, Tier.UNIT_HEAD),
        working_days_late=1,
    ),
    escalated(),
    escalated(
        rung=3,
        document=Document.TALK,
        document_number="督谈〔2026〕3号",
        addressees=to(Tier.DEPUTY_CHIEF),
        working_days_late=10,
    ),
    escalated(
        rung=4,
        document=Document.TALK_CHIEF,
        document_number="督谈〔2026〕4号",
        addressees=to(Tier.CHIEF),
        skipped=(Tier.DEPUTY_CHIEF,),
        working_days_late=15,
    ),
    escalated(
        rung=5,
        document=Document.CIRCULAR,
        document_number="督报〔2026〕1号",
        addressees=to(Tier.CHIEF_GENERAL),
        working_days_late=20,
        reply_by=None,
        next_at=None,
        provisional=True,
    ),
]


def drafted(event: Told, names: Names = NAMES, *, repeat: bool = False, belated_on: date | None = None) -> Draft:
    listeners = tuple(Listener(one.post_id, one.tier, one.copy_only) for one in event.addressees)
    link = "https://liandu.example/links/…" if asks_acknowledgement(event, listeners) else None
    return render(
        event,
        listeners,
        names,
        number=20260000012,
        decided_on=date(2026, 3, 9),
        link=link,
        repeat=repeat,
        belated_on=belated_on,
    )


def as_read(draft: Draft) -> str:
    button = [f"［{draft.button.label}］"] if draft.button else []
    return "\n".join([draft.title, "", *draft.lines, *button, draft.tail, ""])


CASES: dict[str, Draft] = {
    "reminder": drafted(reminded()),
    "urge": drafted(RUNGS[0]),
    "letter": drafted(RUNGS[1]),
    "talk": drafted(RUNGS[2]),
    "talk_chief": drafted(RUNGS[3]),
    "circular": drafted(RUNGS[4]),
    "raised_by_light": drafted(escalated(raised_by_light=True, working_days_late=0)),
    "extended": drafted(extended()),
    "not_extended": drafted(not_extended()),
    "sent_back": drafted(sent_back()),
    "closed": drafted(closed()),
    "reopened": drafted(reopened()),
    "commendation": drafted(commended()),
    "withdrawn": drafted(withdrawn()),
    "praise": drafted(approved()),
    "praise_taken_back": drafted(commendation_struck_off()),
    "repeated": drafted(escalated(), repeat=True),
    "belated": drafted(RUNGS[2], belated_on=date(2026, 3, 11)),
    "letter_copy": drafted(escalated(addressees=to(copy=(Tier.DEPUTY_CHIEF,)))),
    "commendation_copy": drafted(commended(addressees=to(copy=(Tier.OFFICER,)))),
    "unknown_directory": drafted(escalated(), Names()),
    "test": render_test(number=20260000012, robot="新型显示产业链群"),
}


@pytest.mark.parametrize("name", CASES)
def test_messages_read_as_an_official_would_write_them(name: str) -> None:
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("LIANDU_WRITE_GOLDEN") == "1":
        golden.write_text(as_read(CASES[name]))
    assert as_read(CASES[name]) == golden.read_text()


def test_a_vacant_post_is_still_written_to_and_called_vacant() -> None:
    vacant = Names(posts={**NAMES.posts, post(Tier.TASK_FORCE): Post("专班负责人", Tier.TASK_FORCE, "", None)})
    assert drafted(escalated(), vacant).lines[0] == "主送：专班负责人（空缺）"


def test_only_those_addressed_are_asked_to_acknowledge() -> None:
    copy = [Listener(post(Tier.DEPUTY_CHIEF), Tier.DEPUTY_CHIEF, copy_only=True)]
    assert not asks_acknowledgement(escalated(), copy)
    assert asks_acknowledgement(escalated(), [*copy, Listener(post(Tier.TASK_FORCE), Tier.TASK_FORCE)])
    assert not asks_acknowledgement(reminded(), [Listener(post(Tier.OFFICER), Tier.OFFICER)])


def test_a_mobile_number_is_mentioned_only_where_the_route_allows() -> None:
    posts = {post(Tier.CHIEF): Post("链长", Tier.CHIEF, "", "李明", "13800138000")}
    names = Names(posts=posts)
    for mention, expected in ((True, ("13800138000",)), (False, ())):
        listener = Listener(post(Tier.CHIEF), Tier.CHIEF, mention=mention)
        draft = render(escalated(), [listener], names, number=1, decided_on=date(2026, 3, 9))
        assert draft.mentions == expected


def test_a_name_from_a_workbook_stays_in_its_line() -> None:
    event = reminded(subject=subject("安迈\n【通报】假标题\t项目"))
    draft = drafted(event)
    assert "\n" not in draft.title
    assert all("\n" not in line for line in draft.lines)


def test_a_list_shows_the_same_title_as_the_message() -> None:
    events: list[Told] = [reminded(), extended(), not_extended(), *RUNGS, sent_back(), closed(), commended()]
    for event in events:
        assert title_of(event) == drafted(event).title


def test_whoever_only_hears_of_it_is_asked_for_nothing() -> None:
    events: list[Told] = [reminded(), extended(), not_extended(), *RUNGS, sent_back(), closed(), commended()]
    for event in events:
        copied = event.model_copy(update={"addressees": to(copy=(Tier.DEPUTY_CHIEF,))})
        draft = drafted(copied)
        assert "以上情况供掌握" in draft.lines
        assert draft.button is None
        assert not any(word in line for line in draft.lines for word in ("请", "要求", "签收") if "报请" not in line)


def test_whoever_is_addressed_instead_of_a_vacant_post_is_named() -> None:
    above = escalated(rung=1, skipped=(Tier.TASK_FORCE_OFFICE,), addressees=to(Tier.UNIT_HEAD, Tier.TASK_FORCE))
    assert any("因专班办公室岗位空缺，直接报工作专班" in line for line in drafted(above).lines)
    two = escalated(skipped=(Tier.DEPUTY_CHIEF, Tier.CHIEF), addressees=to(Tier.CHIEF_GENERAL))
    assert any("因副链长、链长岗位空缺，直接报总链长" in line for line in drafted(two).lines)
    copy = escalated(skipped=(Tier.DEPUTY_CHIEF,), addressees=to(Tier.TASK_FORCE))
    assert any("1.副链长岗位空缺 2." in line for line in drafted(copy).lines)


def test_the_next_step_of_an_unusual_ladder_is_not_named() -> None:
    lines = drafted(escalated(rung=2, document=Document.URGE)).lines
    assert "逾期未反馈的，将于3月16日进入下一级督办" in lines


def test_a_day_of_another_year_is_said_with_its_year() -> None:
    lines = drafted(escalated(reply_by=date(2027, 1, 4))).lines
    assert any("请于2027年1月4日（星期一）下班前反馈" in line for line in lines)


def test_a_rung_that_comes_before_the_reply_is_due_does_not_speak_of_a_late_reply() -> None:
    assert "如仍未反馈，将于3月16日报请副链长约谈" in drafted(escalated(reply_by=date(2026, 3, 17))).lines
    assert "如仍未反馈，将于3月16日报请副链长约谈" in drafted(escalated(reply_by=None)).lines
