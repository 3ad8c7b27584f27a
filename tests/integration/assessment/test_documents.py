"""Documents of cases over HTTP: drafted, downloaded, signed once, and the same ever after."""

import asyncio
import io
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import docx
import httpx
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from services.assessment import policies
from services.assessment.domain.document import State
from services.assessment.handlers.rebuilding import rebuild
from shared.contracts.case_documents import CaseDocumentSigned, CaseTalkHeld
from shared.contracts.programme import PersonRecorded, PostAssumed, PostEstablished, Tier
from shared.contracts.projects import ProjectHeld
from shared.kit.web.security import Role
from tests.integration.assessment.test_rehearsals import Journalled, url_of
from tests.support.clock import MovableClock
from tests.support.supervised import (
    CHAIN,
    UNIT,
    Supervised,
    case_of,
    met,
    named,
    person,
    planned,
    post,
    programme,
    recorded,
)

As = Callable[..., dict[str, str]]
CASE = case_of("m")
TALK = {
    "on": "2026-01-23",
    "place": "区政府三号会议室",
    "participants": ["副链长", "局长"],
    "said": "施工许可因图审退回两次",
    "asked": "本月底前取得施工许可",
    "asked_by": "2026-01-30",
}


@pytest_asyncio.fixture
async def late(supervised: Supervised) -> Supervised:
    """Due Friday 9 January 2026; on Friday the 23rd the case stands at its third rung, a talk."""
    await supervised.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await supervised.until("2026-01-23T09:30")
    return supervised


async def listed(http: httpx.AsyncClient, headers: dict[str, str], query: str = "state=draft") -> Any:
    answer = await http.get(f"/v1/documents?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def fetched(http: httpx.AsyncClient, headers: dict[str, str], rung: int, case: UUID = CASE) -> httpx.Response:
    answer = await http.get(f"/v1/cases/{case}/documents/{rung}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def text_of(answer: httpx.Response) -> str:
    opened = docx.Document(io.BytesIO(answer.content))
    cells = [cell.text for table in opened.tables for row in table.rows for cell in row.cells]
    return "\n".join([*(one.text for one in opened.paragraphs), *cells])


async def signed(http: httpx.AsyncClient, headers: dict[str, str], rung: int, case: UUID = CASE) -> httpx.Response:
    return await http.post(f"/v1/cases/{case}/documents/{rung}:sign", headers=headers)


async def test_each_rung_has_its_document_and_drafts_wait_for_a_signature(
    late: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    answer = await http.get(f"/v1/cases/{CASE}/documents", headers=as_(Role.CLERK))
    shown = answer.json()["items"]
    assert [(one["rung"], one["document_name"], one["state_name"], one["number"]) for one in shown] == [
        (1, "催办", "无需签发", None),
        (2, "督办函", "待签发", "督办函〔2026〕1号"),
        (3, "约谈", "待签发", None),
    ]
    assert shown[1]["title"] == "关于“项目a”项目“节点m”逾期的督办函"
    assert shown[1]["matter"]["chain_code"] == "DISPLAY"
    drafts = await listed(http, as_(Role.SUPERVISOR), "state=draft&limit=1")
    assert [one["rung"] for one in drafts["items"]] == [2]
    more = await listed(http, as_(Role.SUPERVISOR), f"state=draft&limit=1&after={drafts['next_after']}")
    assert [one["rung"] for one in more["items"]] == [3]
    unknown = await http.get("/v1/documents?chain=NONE", headers=as_(Role.SUPERVISOR))
    assert unknown.status_code == 422
    assert (await http.get(f"/v1/cases/{named('none')}/documents", headers=as_(Role.CLERK))).status_code == 404
    assert (await http.get(f"/v1/cases/{CASE}/documents/4", headers=as_(Role.CLERK))).status_code == 404


async def test_a_letter_is_signed_once_and_says_by_whom(late: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    draft = await fetched(http, as_(Role.CLERK), 2)
    assert "（草稿，未签发）" in text_of(draft)
    assert unquote(draft.headers["content-disposition"]) == (
        "attachment; filename*=UTF-8''督办函〔2026〕1号（草稿）.docx"
    )
    for role in (Role.CLERK, Role.REVIEWER, Role.OPERATOR):
        assert (await signed(http, as_(role), 2)).status_code == 403
    stale = await http.post(f"/v1/cases/{CASE}/documents/2:sign", headers={**as_(Role.SUPERVISOR), "if-match": '"1"'})
    assert stale.status_code == 412
    answer = await signed(http, as_(Role.SUPERVISOR), 2)
    assert (answer.status_code, answer.json()["state"], answer.json()["signed_by"]) == (200, "signed", "某人")
    assert answer.headers["etag"] == '"5"'
    again = await signed(http, as_(Role.SUPERVISOR), 2)
    assert (again.status_code, again.json()["detail"]) == (409, "该文书已由某人于2026年1月23日签发，不能再更改")
    final = await fetched(http, as_(Role.CLERK), 2)
    assert "（草稿，未签发）" not in text_of(final)
    assert "签发人：某人" in text_of(final)
    assert "二〇二六年一月二十三日" in text_of(final)
    assert unquote(final.headers["content-disposition"]).endswith("督办函〔2026〕1号.docx")
    assert [one["rung"] for one in (await listed(http, as_(Role.CHIEF)))["items"]] == [3]
    assert [one["rung"] for one in (await listed(http, as_(Role.CHIEF), "state=signed"))["items"]] == [2]
    event = (await late.events(CASE, kind=CaseDocumentSigned))[0]
    assert (event.by, event.signed_on, event.paper.number) == (
        "某人 <supervisor-1>",
        date(2026, 1, 23),
        "督办函〔2026〕1号",
    )


async def test_a_signed_document_stays_as_it_was_signed(late: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    assert (await signed(http, as_(Role.SUPERVISOR), 2)).status_code == 200
    before = await fetched(http, as_(Role.CLERK), 2)
    draft = await fetched(http, as_(Role.CLERK), 3)
    task_force = post(Tier.TASK_FORCE)
    successor = PersonRecorded(person_id=named("new"), name="后任", organisation_id=UNIT)
    renamed = PostEstablished(
        post_id=task_force, title="改名", tier=Tier.TASK_FORCE, organisation_id=UNIT, chain_ids=(CHAIN,)
    )
    assumed = PostAssumed(post_id=task_force, person_id=named("new"), from_day=date(2025, 6, 1))
    await late.tell((named("new"), successor), (task_force, renamed), (task_force, assumed), recorded("b"))
    changed = policies.read_file(None)
    late.restart({**changed, "version": "another"})
    await late.until("2026-03-02T10:00")
    assert (await fetched(http, as_(Role.CLERK), 2)).content == before.content
    assert "改名（后任）" not in text_of(draft)
    assert "改名（后任）" in text_of(await fetched(http, as_(Role.CLERK), 3))


async def test_leaders_sign_for_their_own_chains_only(late: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    stranger = await signed(http, as_(Role.CHIEF, person(Tier.UNIT_HEAD)), 2)
    assert (stranger.status_code, stranger.json()["type"]) == (403, "urn:liandu:problem:not-your-chain")
    assert (await signed(http, as_(Role.CHIEF), 2)).status_code == 403
    chief = as_(Role.CHIEF, person(Tier.CHIEF))
    assert (await signed(http, chief, 2)).status_code == 200
    event = (await late.events(CASE, kind=CaseDocumentSigned))[0]
    assert event.person_id == person(Tier.CHIEF)


async def test_a_slip_needs_no_signature_and_a_closed_matter_gets_none(
    late: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    supervisor = as_(Role.SUPERVISOR)
    slip = await signed(http, supervisor, 1)
    assert (slip.status_code, slip.json()["type"]) == (409, "urn:liandu:problem:needs-no-signature")
    assert (await fetched(http, supervisor, 1)).status_code == 200
    assert (await signed(http, supervisor, 2)).status_code == 200
    await late.tell(met("a", "m", date(2026, 1, 23)))
    closed = await signed(http, supervisor, 3)
    assert (closed.status_code, closed.json()["type"]) == (409, "urn:liandu:problem:case-is-closed")
    states = (await http.get(f"/v1/cases/{CASE}/documents", headers=supervisor)).json()["items"]
    assert [State(one["state"]) for one in states] == [State.SLIP, State.SIGNED, State.LAPSED]
    assert (await listed(http, supervisor))["items"] == []


async def test_a_talk_is_put_on_record_then_signed(late: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    supervisor, path = as_(Role.SUPERVISOR), f"/v1/cases/{CASE}/documents"
    empty = await signed(http, supervisor, 3)
    assert (empty.status_code, empty.json()["type"]) == (409, "urn:liandu:problem:talk-not-held")
    blank = text_of(await fetched(http, supervisor, 3))
    assert "岗位deputy_chief（某deputy_chief）" in blank
    assert "三号会议室" not in blank
    wrongs: list[dict[str, Any]] = [
        {"on": "2026-01-22"},
        {"on": "2026-01-24"},
        {"asked_by": "2026-01-22"},
        {"participants": []},
    ]
    for wrong in wrongs:
        refused = await http.post(f"{path}/3:hold-talk", json={**TALK, **wrong}, headers=supervisor)
        assert refused.status_code == 422, refused.text
    no_talk = await http.post(f"{path}/2:hold-talk", json=TALK, headers=supervisor)
    assert (no_talk.status_code, no_talk.json()["type"]) == (409, "urn:liandu:problem:no-talk")
    assert (await http.post(f"{path}/3:hold-talk", json=TALK, headers=as_(Role.CLERK))).status_code == 403
    first = await http.post(f"{path}/3:hold-talk", json={**TALK, "place": "一号会议室"}, headers=supervisor)
    assert first.status_code == 200, first.text
    mended = await http.post(f"{path}/3:hold-talk", json=TALK, headers=supervisor)
    assert mended.json()["talk"]["place"] == "区政府三号会议室"
    assert len(await late.events(CASE, kind=CaseTalkHeld)) == 2
    assert (await signed(http, supervisor, 3)).status_code == 200
    text = text_of(await fetched(http, supervisor, 3))
    assert "施工许可因图审退回两次" in text
    assert "2026年1月30日" in text
    assert "一号会议室" not in text
    late_change = await http.post(f"{path}/3:hold-talk", json=TALK, headers=supervisor)
    assert (late_change.status_code, late_change.json()["type"]) == (409, "urn:liandu:problem:already-signed")
    await late.until("2026-01-30T10:00")
    story = (await http.get(f"/v1/cases/{CASE}", headers=supervisor)).json()["rungs"]
    assert story[2]["talk"]["said"] == "施工许可因图审退回两次"
    assert story[2]["signature"]["by"] == "某人"
    assert "约谈已举行" in text_of(await fetched(http, supervisor, 4))


async def test_signing_leaves_the_climb_as_it_was(late: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    before = (await http.get(f"/v1/cases/{CASE}", headers=as_(Role.CLERK))).json()["next_at"]
    await signed(http, as_(Role.SUPERVISOR), 2)
    assert (await http.get(f"/v1/cases/{CASE}", headers=as_(Role.CLERK))).json()["next_at"] == before
    await late.until("2026-01-30T09:00")
    shown = (await http.get(f"/v1/cases/{CASE}", headers=as_(Role.CLERK))).json()
    assert shown["rung"] == 4
    assert datetime.fromisoformat(before).date() == date(2026, 1, 30)


async def test_two_who_sign_at_once_are_one_signature(late: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    answers = await asyncio.gather(*(signed(http, as_(Role.SUPERVISOR), 2) for _ in range(3)))
    assert sorted(one.status_code for one in answers) == [200, 409, 409]
    assert len(await late.events(CASE, kind=CaseDocumentSigned)) == 1


async def test_while_the_project_is_held_nothing_is_signed(late: Supervised, http: httpx.AsyncClient, as_: As) -> None:
    held = ProjectHeld(project_id=named("a"), reason="资金", on=date(2026, 1, 23))
    await late.tell((named("a"), held))
    refused = await signed(http, as_(Role.SUPERVISOR), 2)
    assert (refused.status_code, refused.json()["detail"]) == (409, "项目停缓建期间督办暂停，复工后再签发")
    assert (await listed(http, as_(Role.CLERK)))["items"] == []
    assert [one["rung"] for one in (await listed(http, as_(Role.CLERK), "state=on_hold"))["items"]] == [2, 3]


async def test_all_that_wait_for_a_circular_stand_in_one_draft(
    late: Supervised, http: httpx.AsyncClient, as_: As
) -> None:
    reader = as_(Role.CHIEF)
    nothing = await http.get("/v1/circular", headers=reader)
    assert (nothing.status_code, nothing.json()["type"]) == (409, "urn:liandu:problem:nothing-to-report")
    await late.tell(recorded("b"), planned("b", "n", date(2026, 1, 12)))
    await late.until("2026-03-02T10:00")
    await signed(http, as_(Role.SUPERVISOR), 5, case_of("n"))
    answer = await http.get("/v1/circular?chain=DISPLAY", headers=reader)
    assert answer.status_code == 200, answer.text
    assert unquote(answer.headers["content-disposition"]).endswith("重点项目节点逾期督办情况的通报（草稿）.docx")
    assert "有1项重点项目节点" in text_of(answer)
    assert "某officer" in text_of(answer)
    circulars = await listed(http, reader, "document=circular")
    assert [one["state"] for one in circulars["items"]] == ["draft", "signed"]
    assert (await http.get("/v1/circular?chain=NONE", headers=reader)).status_code == 422


async def test_what_was_signed_outlives_that_all_state_is_folded_again(
    engine: AsyncEngine, clock: MovableClock, http: httpx.AsyncClient, as_: As
) -> None:
    service, supervisor = Journalled(engine, clock), as_(Role.SUPERVISOR)
    await service.tell(*programme(), recorded("a"), planned("a", "m", date(2026, 1, 9)))
    await service.until("2026-01-23T09:30")
    assert (await signed(http, supervisor, 2)).status_code == 200
    held = await http.post(f"/v1/cases/{CASE}/documents/3:hold-talk", json=TALK, headers=supervisor)
    assert held.status_code == 200
    before = [(await fetched(http, supervisor, rung)).content for rung in (1, 2, 3)]
    knowledge, now, url = service.knowledge, clock.now(), url_of(engine)
    assert await rebuild(url, now=now, knowledge=knowledge, check=True) == []
    await rebuild(url, now=now, knowledge=knowledge, check=False)
    assert [(await fetched(http, supervisor, rung)).content for rung in (1, 2, 3)] == before


async def test_an_office_that_broke_its_form_is_told_which_and_nothing_is_signed(
    late: Supervised, http: httpx.AsyncClient, as_: As, office_forms: Path
) -> None:
    (office_forms / "督办函.docx").write_bytes(b"no document")
    refused = await http.get(f"/v1/cases/{CASE}/documents/2", headers=as_(Role.CLERK))
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:liandu:problem:form-refused")
    assert "督办函.docx" in refused.json()["detail"]
    assert (await signed(http, as_(Role.SUPERVISOR), 2)).status_code == 409
    assert await late.events(CASE, kind=CaseDocumentSigned) == []
    page = docx.Document()
    page.add_paragraph("某区专用 {{ 文号 }} {{ 签发人 }}")
    page.save(str(office_forms / "督办函.docx"))
    assert (await signed(http, as_(Role.SUPERVISOR), 2)).status_code == 200
    (office_forms / "督办函.docx").unlink()
    assert text_of(await fetched(http, as_(Role.CLERK), 2)) == "某区专用 督办函〔2026〕1号 某人"
