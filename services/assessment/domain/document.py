"""What becomes of a rung's document: drafted by software, signed by a person, and then never another.

A slip (催办) needs nobody. The record of a talk is signed when the talk is on record. While the project is held nothing
is signed; what was not signed when the case closed lapses, until the case is reopened.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.assessment.domain import case as cases
from services.assessment.domain.case import Case, CaseIsClosed, CaseIsSuspended
from services.assessment.domain.extension import Who
from services.assessment.domain.names import day, person
from services.assessment.domain.paper import Told, needs_signature
from shared.contracts.case_documents import CaseDocumentSigned, CaseTalkHeld, Paper, Talk
from shared.contracts.supervision import CaseEscalated, CaseEvent, Document
from shared.kit.errors import Conflict, Invalid

TALKS = frozenset({Document.TALK, Document.TALK_CHIEF})


class State(StrEnum):
    """`slip`: goes out by itself. `draft`: waits for a signature. `on_hold`: its project is held."""

    SLIP = "slip"
    DRAFT = "draft"
    ON_HOLD = "on_hold"
    SIGNED = "signed"
    LAPSED = "lapsed"


_WITH_CASE = {
    cases.State.OPEN: State.DRAFT,
    cases.State.SUSPENDED: State.ON_HOLD,
    cases.State.CLOSED: State.LAPSED,
}


class NeedsNoSignature(Conflict):
    """A slip: the message went out by itself."""

    def __init__(self, case_id: UUID, rung: int) -> None:
        super().__init__("催办单无需签发，达到该级时已自动送达", case_id=str(case_id), rung=rung)


class AlreadySigned(Conflict):
    """Once for each rung: what was signed stays as it is."""

    def __init__(self, signed: CaseDocumentSigned) -> None:
        super().__init__(
            f"该文书已由{person(signed.by)}于{day(signed.signed_on)}签发，不能再更改",
            case_id=str(signed.case_id),
            rung=signed.rung,
            signed_on=signed.signed_on.isoformat(),
        )


class NobodyAddressed(Conflict):
    """All posts that should hear of it are vacant."""

    def __init__(self, case_id: UUID, rung: int) -> None:
        super().__init__("该文书的主送岗位均空缺，待有人任职后再签发", case_id=str(case_id), rung=rung)


class TalkNotHeld(Conflict):
    """A record of a talk that is not on record would be signed empty."""

    def __init__(self, case_id: UUID, rung: int) -> None:
        super().__init__(
            "约谈情况尚未登记，请先登记约谈的时间、地点、参加人员和内容，再签发", case_id=str(case_id), rung=rung
        )


class NoTalk(Conflict):
    """This rung asks for no talk."""

    def __init__(self, case_id: UUID, rung: int) -> None:
        super().__init__("该级督办的文书不是约谈记录，不能登记约谈", case_id=str(case_id), rung=rung)


@dataclass(frozen=True, slots=True)
class Drafted:
    """A rung's document as its case's log has it. `talk`: the newest record of its talk."""

    told: Told
    escalated: CaseEscalated
    signed: CaseDocumentSigned | None = None
    talk: Talk | None = None

    @property
    def rung(self) -> int:
        return self.escalated.rung

    @property
    def document(self) -> Document:
        return self.escalated.document


def drafted(facts: Iterable[Told]) -> dict[int, Drafted]:
    """The documents of a case by their rungs. `facts`: all of the case."""
    found: dict[int, Drafted] = {}
    for told in facts:
        event = told.event
        if isinstance(event, CaseEscalated):
            found[event.rung] = Drafted(told, event)
        elif isinstance(event, CaseTalkHeld):
            one = found[event.rung]
            found[event.rung] = Drafted(one.told, one.escalated, one.signed, event.talk)
        elif isinstance(event, CaseDocumentSigned):
            one = found[event.rung]
            found[event.rung] = Drafted(one.told, one.escalated, event, one.talk)
    return found


def state_of(document: Document, case_state: cases.State, *, is_signed: bool) -> State:
    if not needs_signature(document):
        return State.SLIP
    return State.SIGNED if is_signed else _WITH_CASE[case_state]


def require_signable(case: Case, one: Drafted) -> None:
    """
    Raises:
        NeedsNoSignature, AlreadySigned, CaseIsClosed, CaseIsSuspended, TalkNotHeld: see there.
    """
    if not needs_signature(one.document):
        raise NeedsNoSignature(case.id, one.rung)
    if one.signed is not None:
        raise AlreadySigned(one.signed)
    require_open(case)
    if one.document in TALKS and one.talk is None:
        raise TalkNotHeld(case.id, one.rung)


def sign(case: Case, one: Drafted, paper: Paper, *, who: Who, form: str, on: date) -> list[CaseEvent]:
    """签发 what `paper` says, made with the template `form`.

    Raises:
        NobodyAddressed, and what `require_signable` raises.
    """
    require_signable(case, one)
    if all(post.copy_only for post in paper.addressees):
        raise NobodyAddressed(case.id, one.rung)
    return [
        CaseDocumentSigned(
            case_id=case.id,
            rung=one.rung,
            paper=paper,
            by=who.by,
            person_id=who.person_id,
            signed_on=on,
            form=form,
        )
    ]


def hold_talk(case: Case, one: Drafted, talk: Talk, *, reached_on: date, who: Who, on: date) -> list[CaseEvent]:
    """Put on record how the talk of this rung was held; again, where the first record was wrong.

    Raises:
        NoTalk, AlreadySigned, CaseIsClosed, CaseIsSuspended: see there.
        Invalid: it was held before its rung was reached or is still to come, or asks for something before it was held.
    """
    if one.document not in TALKS:
        raise NoTalk(case.id, one.rung)
    if one.signed is not None:
        raise AlreadySigned(one.signed)
    require_open(case)
    if not reached_on <= talk.on <= on:
        raise Invalid(
            f"约谈日期应在{day(reached_on)}至{day(on)}之间",
            place="on",
            earliest=reached_on.isoformat(),
            latest=on.isoformat(),
        )
    if talk.asked_by < talk.on:
        raise Invalid("整改期限不能早于约谈日期", place="asked_by")
    return [CaseTalkHeld(case_id=case.id, rung=one.rung, talk=talk, by=who.by, person_id=who.person_id)]


def require_open(case: Case) -> None:
    """
    Raises:
        CaseIsClosed, CaseIsSuspended: nothing is signed or put on record then.
    """
    if case.state is cases.State.CLOSED:
        message = f"督办件已办结（{case.close_reason}），未签发的文书不再签发"
        raise CaseIsClosed(message, state=case.state, verb="sign")
    if case.state is cases.State.SUSPENDED:
        raise CaseIsSuspended("项目停缓建期间督办暂停，复工后再签发", state=case.state, verb="sign")
