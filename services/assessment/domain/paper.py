"""文书: what a rung's document says, from what was recorded when the rung was reached.

Facts that came later say nothing in it, and posts bear the holders of that day. What is signed keeps every name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.assessment.domain.directory import Asked, Directory
from services.assessment.domain.moments import china_date
from services.assessment.domain.names import DOCUMENTS, TIERS, day, person
from services.assessment.domain.policy import Policy
from shared.contracts.case_documents import Ahead, CaseDocumentSigned, CaseTalkHeld, NamedPost, Paper, Passage
from shared.contracts.event import Event
from shared.contracts.programme import Tier
from shared.contracts.supervision import (
    Addressed,
    Addressee,
    CaseAcknowledged,
    CaseArchived,
    CaseAssigned,
    CaseClosed,
    CaseEscalated,
    CaseExtended,
    CaseFeedbackGiven,
    CaseFeedbackSentBack,
    CaseMovedToPolicy,
    CaseOpened,
    CaseReopened,
    CaseRescheduled,
    CaseStruckOff,
    Document,
    Subject,
)
from shared.kit.errors import NotFound

_ANSWERABLE = (Tier.OFFICER, Tier.UNIT_HEAD)
_PASSAGES = 40
_LONGEST = 400


class NoSuchDocument(NotFound):
    """The case has not reached that rung."""

    def __init__(self, case_id: UUID, rung: int) -> None:
        super().__init__("该督办件没有这一级的文书", case_id=str(case_id), rung=rung)


class Told(NamedTuple):
    """A fact of the case as its log has it."""

    event_id: UUID
    at: datetime
    event: Event


def needs_signature(document: Document) -> bool:
    """Software drafts, a person signs; a 催办 slip goes out by itself."""
    return document not in (Document.REMINDER, Document.URGE)


def title_of(document: Document, *, project: str, milestone: str) -> str:
    return f"关于“{project}”项目“{milestone}”逾期{_TITLES[document]}"


def write(
    rung: int,
    facts: Sequence[Told],
    directory: Directory,
    policy: Policy,
    *,
    case_id: UUID,
    project_code: str,
    office: str,
) -> Paper:
    """What the document of this rung says. `facts`: all of the case; `policy`: the one it began with.

    Raises:
        NoSuchDocument: the case has not reached the rung.
    """
    place, escalated = _reached(rung, facts, case_id)
    fact, subject = facts[place], escalated.subject
    named_at, addressees, skipped = _addressed(fact, escalated, facts)
    on = china_date(fact.at)
    lead_id, assisting_ids = _units(subject, facts[:place])
    chain = directory.chains.get(subject.chain_id)
    return Paper(
        document=escalated.document,
        rung=rung,
        number=escalated.document_number,
        case_number=escalated.number,
        office=office,
        project=subject.project_name,
        project_code=project_code,
        chain=chain.name if chain else "",
        milestone=subject.milestone_name,
        due_on=subject.due_on,
        organisation=_unit(lead_id, directory),
        assisting=tuple(_unit(one, directory) for one in assisting_ids),
        answerable=_answerable(subject, lead_id, directory, on),
        addressees=_named(addressees, directory, china_date(named_at)),
        skipped=skipped,
        reached_on=on,
        working_days_late=escalated.working_days_late,
        reply_by=escalated.reply_by,
        raised_by_light=escalated.raised_by_light,
        provisional=escalated.provisional,
        ahead=_ahead(escalated, policy),
        history=_history(facts[:place], directory),
        policy_version=policy.version,
    )


def _reached(rung: int, facts: Sequence[Told], case_id: UUID) -> tuple[int, CaseEscalated]:
    for place, fact in enumerate(facts):
        if isinstance(fact.event, CaseEscalated) and fact.event.rung == rung:
            return place, fact.event
    raise NoSuchDocument(case_id, rung)


def _addressed(
    fact: Told, escalated: CaseEscalated, facts: Iterable[Told]
) -> tuple[datetime, tuple[Addressee, ...], tuple[Tier, ...]]:
    """Who is to hear, and since when: from the rung on, or later, where nobody was there at first."""
    for one in facts:
        if isinstance(one.event, Addressed) and one.event.event_id == fact.event_id:
            return one.at, one.event.addressees, one.event.skipped
    return fact.at, escalated.addressees, escalated.skipped


def _units(subject: Subject, facts: Iterable[Told]) -> tuple[UUID, tuple[UUID, ...]]:
    """The unit that leads and those that assist, as they were assigned by then."""
    lead: UUID = subject.responsible_org_id
    assisting: tuple[UUID, ...] = ()
    for fact in facts:
        if isinstance(fact.event, CaseAssigned):
            lead = fact.event.lead_org_id or subject.responsible_org_id
            assisting = fact.event.assisting_org_ids
    return lead, assisting


def _unit(organisation_id: UUID, directory: Directory) -> str:
    organisation = directory.organisations.get(organisation_id)
    return organisation.name if organisation else ""


def _answerable(subject: Subject, lead_id: UUID, directory: Directory, on: date) -> tuple[NamedPost, ...]:
    asked = Asked(subject.chain_id, lead_id, subject.responsible_post_id)
    found = directory.find(asked, to=_ANSWERABLE, on=on).addressees
    return _named([one for one in found if one.tier in _ANSWERABLE], directory, on)


def _named(addressees: Iterable[Addressee], directory: Directory, on: date) -> tuple[NamedPost, ...]:
    return tuple(_name(one, directory, on) for one in addressees)


def _name(addressee: Addressee, directory: Directory, on: date) -> NamedPost:
    post, answering = directory.posts.get(addressee.post_id), directory.answering(addressee.post_id, on)
    return NamedPost(
        post_id=addressee.post_id,
        tier=addressee.tier,
        title=post.title if post else TIERS[addressee.tier],
        holder=_person(answering.holder_id, directory),
        delegate=_person(answering.delegate_id, directory),
        copy_only=addressee.copy_only,
    )


def _person(person_id: UUID | None, directory: Directory) -> str | None:
    known = directory.people.get(person_id) if person_id else None
    return known.name if known else None


def _ahead(escalated: CaseEscalated, policy: Policy) -> Ahead | None:
    above = policy.rung(escalated.rung + 1)
    if above is None or escalated.next_at is None:
        return None
    return Ahead(on=china_date(escalated.next_at), document=above.document, to=above.to)


def _history(facts: Iterable[Told], directory: Directory) -> tuple[Passage, ...]:
    """The newest of what there is to tell, in order."""
    passages = [
        Passage(on=china_date(fact.at), text=text)
        for fact in facts
        if (words := _WORDS.get(type(fact.event))) and (text := words(fact.event, china_date(fact.at), directory))
    ]
    return tuple(passages[-_PASSAGES:])


def _escalated_words(event: CaseEscalated, on: date, directory: Directory) -> str:
    number = f"（{event.document_number}）" if event.document_number else ""
    named = _named([one for one in event.addressees if not one.copy_only], directory, on)
    to = f"，送{listed(named)}" if named else ""
    light = "，因项目亮红灯提前" if event.raised_by_light else ""
    return f"第{event.rung}级{DOCUMENTS[event.document]}{number}{to}，逾期{event.working_days_late}个工作日{light}"


def _addressed_words(event: Addressed, on: date, directory: Directory) -> str:
    named = _named([one for one in event.addressees if not one.copy_only], directory, on)
    return f"岗位有人任职后补送{listed(named)}" if named else ""


def _assigned_words(event: CaseAssigned, _: date, directory: Directory) -> str:
    lead = _unit(event.lead_org_id, directory) if event.lead_org_id else "责任单位"
    assisting = "、".join(_unit(one, directory) for one in event.assisting_org_ids)
    return f"交办：由{lead}牵头{f'，{assisting}配合' if assisting else ''}"


def _feedback_words(event: CaseFeedbackGiven, _: date, __: Directory) -> str:
    return f"反馈（{person(event.by)}）：{shortened(event.text)}；承诺{day(event.commitment_on)}前完成"


def _signed_words(event: CaseDocumentSigned, _: date, __: Directory) -> str:
    number = f"（{event.paper.number}）" if event.paper.number else ""
    return f"第{event.rung}级{DOCUMENTS[event.paper.document]}{number}由{person(event.by)}签发"


def listed(posts: Iterable[NamedPost]) -> str:
    """Posts with their holders, and who stands in for them, in one line."""
    return "、".join(one.title + _held_by(one) for one in posts)


def _held_by(post: NamedPost) -> str:
    if post.holder is None:
        return ""
    return f"（{post.holder}，{post.delegate}代）" if post.delegate else f"（{post.holder}）"


def shortened(text: str) -> str:
    """A document quotes, it does not repeat pages."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "……"


_TITLES = {
    Document.REMINDER: "的提醒",
    Document.URGE: "的催办单",
    Document.LETTER: "的督办函",
    Document.TALK: "的约谈记录",
    Document.TALK_CHIEF: "的约谈记录",
    Document.CIRCULAR: "情况的通报",
}
_WORDS: Mapping[type[Event], Callable[[Any, date, Directory], str]] = {
    CaseOpened: lambda event, *_: f"立为督办件{event.number}",
    CaseEscalated: _escalated_words,
    CaseMovedToPolicy: lambda event, *_: f"改按督办规则{event.policy_version}办理（{person(event.by)}）",
    Addressed: _addressed_words,
    CaseAssigned: _assigned_words,
    CaseAcknowledged: lambda event, *_: f"签收：{person(event.by)}",
    CaseFeedbackGiven: _feedback_words,
    CaseRescheduled: lambda event, *_: ("督办暂停：" if event.suspended else "督办时间调整：") + event.reason,
    CaseFeedbackSentBack: lambda event, *_: f"反馈被退办（{person(event.by)}）：{shortened(event.reason)}",
    CaseExtended: lambda event, *_: f"{event.reason or '延期获批准'}，期限改为{day(event.due_on)}",
    CaseTalkHeld: lambda event, *_: f"{day(event.talk.on)}约谈已举行，要求{day(event.talk.asked_by)}前完成整改",
    CaseDocumentSigned: _signed_words,
    CaseStruckOff: lambda event, *_: f"销号（{person(event.by)}）",
    CaseArchived: lambda event, *_: f"归档（{person(event.by)}）",
    CaseClosed: lambda event, *_: f"办结：{event.reason}",
    CaseReopened: lambda event, *_: f"恢复督办：{event.reason}",
}
