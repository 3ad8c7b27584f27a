"""Documents of cases: made as .docx when asked for, signed, and filled in after a talk. One transaction each."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.assessment.documents.forms import BULLETIN, NAMES, Form, Forms
from services.assessment.documents.rendering import Signature, is_draft, render, render_bulletin
from services.assessment.domain import document as documents
from services.assessment.domain.bulletin import Bulletin, Matter
from services.assessment.domain.case import Case
from services.assessment.domain.directory import Directory
from services.assessment.domain.document import Drafted, drafted
from services.assessment.domain.extension import Who
from services.assessment.domain.moments import china_date
from services.assessment.domain.names import person
from services.assessment.domain.paper import NoSuchDocument, Told, write
from services.assessment.domain.policy import Policy
from services.assessment.handlers.desk import Desk
from services.assessment.handlers.known import Knowledge, Known
from services.assessment.handlers.people import NoSuchCase, holders, require_version
from services.assessment.store import documents as kept
from services.assessment.store import queries
from shared.contracts.case_documents import Paper, Talk
from shared.contracts.programme import Tier
from shared.contracts.supervision import Document
from shared.contracts.topics import EVENT_TYPES
from shared.kit.errors import Conflict, NotAllowed
from shared.kit.log.eventlog import LoggedFact, history, lock_heads

OFFICE = "产业链链长制工作督查室"
MOST_REPORTED = 300
"""In one circular."""
_LEADERS = (Tier.DEPUTY_CHIEF, Tier.CHIEF, Tier.CHIEF_GENERAL)
_PAGE = 500


class NotYourChain(NotAllowed):
    """A leader signs for the chains they answer for; 督查室 for all."""

    def __init__(self, case_id: UUID) -> None:
        super().__init__("您不是该产业链的副链长、链长或总链长，请由其签发，或由督查室签发", case_id=str(case_id))


class NothingToReport(Conflict):
    """No case has come so far, or all their circulars are signed."""

    def __init__(self) -> None:
        super().__init__("目前没有达到通报级且待签发的督办件")


class TooMuchToReport(Conflict):
    """More than anybody reads in one circular."""

    def __init__(self) -> None:
        super().__init__(f"待通报的督办件超过{MOST_REPORTED}件，请按产业链分别生成", limit=MOST_REPORTED)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Under whose name documents go out, and with what templates."""

    office: str = OFFICE
    forms: Forms = field(default_factory=Forms)


@dataclass(frozen=True, slots=True)
class Made:
    """A document and the name of its file."""

    name: str
    body: bytes


async def make(case_id: UUID, rung: int, *, conn: AsyncConnection, known: Known, letterhead: Letterhead) -> Made:
    """The document of this rung as .docx: a draft as it would be signed now, a signed one as it was signed.

    Raises:
        NoSuchCase, NoSuchDocument, FormRefused.
    """
    row = await queries.case(case_id, conn=conn)
    if row is None:
        raise NoSuchCase(case_id)
    facts = await _facts(case_id, conn)
    one = _document(case_id, rung, facts)
    if one.signed is not None:
        form = Form(NAMES[one.document], await kept.form(one.signed.form, conn=conn))
        signature = Signature(person(one.signed.by), one.signed.signed_on)
        return await _made(form, one.signed.paper, signature)
    policy = known.by_version[row.policy_version].named(row.rule_set).policy
    paper = _paper(one, facts, policy, known.directory, row.project_code, letterhead)
    return await _made(letterhead.forms.find(one.document), paper, None)


async def make_bulletin(
    chain: str | None, *, conn: AsyncConnection, now: datetime, known: Known, letterhead: Letterhead
) -> Made:
    """通报 on all cases whose circular waits for a signature, as one draft. `chain`: only this one's, by code or id.

    Raises:
        UnknownChain, NothingToReport, TooMuchToReport, FormRefused.
    """
    rows = await kept.listed(
        state=documents.State.DRAFT,
        document=Document.CIRCULAR,
        chain=chain,
        after=0,
        limit=MOST_REPORTED + 1,
        conn=conn,
    )
    if not rows:
        raise NothingToReport
    if len(rows) > MOST_REPORTED:
        raise TooMuchToReport
    on = china_date(now)
    matters = tuple(_matter(row, known, on) for row in rows)
    bulletin = Bulletin(letterhead.office, on, matters[0].chain if chain else None, matters)
    body = await asyncio.to_thread(render_bulletin, letterhead.forms.named(BULLETIN), bulletin)
    return Made(f"{bulletin.title}（草稿）.docx", body)


async def sign(
    case_id: UUID,
    rung: int,
    *,
    conn: AsyncConnection,
    now: datetime,
    who: Who,
    for_all: bool,
    knowledge: Knowledge,
    letterhead: Letterhead,
    expected_version: int | None = None,
) -> int:
    """签发; the case's new version. `for_all`: 督查室 signs for every chain.

    Raises:
        NoSuchCase, NoSuchDocument, NotYourChain, VersionConflict, FormRefused, and what `document.sign` raises.
    """
    desk, case, facts, one = await _at_hand(
        case_id, rung, conn=conn, now=now, knowledge=knowledge, expected=expected_version
    )
    _require_leader(case, desk, who, for_all=for_all)
    documents.require_signable(case, one)
    code = desk.projects[case.project_id].code
    paper = _paper(one, facts, desk.rules_of(case).policy, desk.directory, code, letterhead)
    form = letterhead.forms.find(one.document)
    events = documents.sign(case, one, paper, who=who, form=form.digest, on=desk.on)
    await _made(form, paper, Signature(person(who.by), desk.on))  # nobody signs what cannot be made
    await kept.keep_form(form.digest, form.body, conn=conn)
    desk.on_case(case, events)
    return await _written(case, desk, who, conn)


async def hold_talk(
    case_id: UUID,
    rung: int,
    *,
    talk: Talk,
    conn: AsyncConnection,
    now: datetime,
    who: Who,
    for_all: bool,
    knowledge: Knowledge,
    expected_version: int | None = None,
) -> int:
    """Put on record how a talk was held; the case's new version.

    Raises:
        NoSuchCase, NoSuchDocument, NotYourChain, VersionConflict, and what `document.hold_talk` raises.
    """
    desk, case, _, one = await _at_hand(
        case_id, rung, conn=conn, now=now, knowledge=knowledge, expected=expected_version
    )
    _require_leader(case, desk, who, for_all=for_all)
    reached_on = china_date(one.told.at)
    desk.on_case(case, documents.hold_talk(case, one, talk, reached_on=reached_on, who=who, on=desk.on))
    return await _written(case, desk, who, conn)


async def _at_hand(
    case_id: UUID, rung: int, *, conn: AsyncConnection, now: datetime, knowledge: Knowledge, expected: int | None
) -> tuple[Desk, Case, list[Told], Drafted]:
    desk = Desk.of(await knowledge.now(conn, now), now)
    await lock_heads([case_id], conn=conn)
    await desk.load_cases([case_id], conn=conn)
    case = desk.cases.get(case_id)
    if case is None:
        raise NoSuchCase(case_id)
    require_version(case_id, expected, desk)
    await desk.load_around(conn=conn)
    facts = await _facts(case_id, conn)
    return desk, case, facts, _document(case_id, rung, facts)


async def _written(case: Case, desk: Desk, who: Who, conn: AsyncConnection) -> int:
    await desk.write(conn=conn, actor=who.by)
    return desk.version(case.id)


def _require_leader(case: Case, desk: Desk, who: Who, *, for_all: bool) -> None:
    if for_all:
        return
    obligation = desk.obligations[case.obligation_id]
    asked = desk.project_of(obligation).asked(obligation.post_id)
    leaders = [one.post_id for one in desk.directory.find(asked, to=_LEADERS, on=desk.on).addressees]
    if who.person_id is None or who.person_id not in holders(leaders, desk):
        raise NotYourChain(case.id)


def _document(case_id: UUID, rung: int, facts: Iterable[Told]) -> Drafted:
    one = drafted(facts).get(rung)
    if one is None:
        raise NoSuchDocument(case_id, rung)
    return one


def _paper(
    one: Drafted, facts: list[Told], policy: Policy, directory: Directory, project_code: str, letterhead: Letterhead
) -> Paper:
    paper = write(
        one.rung,
        facts,
        directory,
        policy,
        case_id=one.escalated.case_id,
        project_code=project_code,
        office=letterhead.office,
    )
    return paper.model_copy(update={"talk": one.talk})


def _matter(row: Row[Any], known: Known, on: date) -> Matter:
    holder = known.directory.holder(row.post_id, on)
    person_held = known.directory.people.get(holder) if holder else None
    return Matter(
        case_number=row.case_number,
        project=row.project_name,
        project_code=row.project_code,
        chain=row.chain_name or "",
        milestone=row.milestone_name,
        due_on=row.due_on,
        working_days_late=max(0, known.calendar.between(row.due_on, on)),
        organisation=row.organisation_name or "",
        responsible=person_held.name if person_held else row.post_title or "",
    )


async def _made(form: Form, paper: Paper, signature: Signature | None) -> Made:
    body = await asyncio.to_thread(render, form, paper, signature)
    name = paper.number or f"{NAMES[paper.document]}（{paper.case_number}第{paper.rung}级）"
    return Made(f"{name}{'（草稿）' if is_draft(paper, signature) else ''}.docx", body)


async def _facts(case_id: UUID, conn: AsyncConnection) -> list[Told]:
    facts: list[LoggedFact] = []
    while page := await history(case_id, conn=conn, after=facts[-1].seq if facts else 0, limit=_PAGE):
        facts += page
    return [Told(one.event_id, one.at, EVENT_TYPES[one.type].model_validate_json(one.data)) for one in facts]
