"""文书 of a case: what a rung's document says, as data. Producer: assessment. Aggregate: case_id."""

from datetime import date
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Payload
from shared.contracts.programme import Tier
from shared.contracts.supervision import CaseEvent, Document


class NamedPost(Payload):
    """A post, and who held it on the day; no `holder`: nobody. `delegate`: who stood in during the holder's leave."""

    post_id: UUID
    tier: Tier
    title: str
    holder: str | None = None
    delegate: str | None = None
    copy_only: bool = False


class Passage(Payload):
    """Something that had happened in the case, in words."""

    on: date
    text: str


class Ahead(Payload):
    """The rung above, as it was announced: what follows on that day if nothing happens."""

    on: date
    document: Document
    to: tuple[Tier, ...]


class Talk(Payload):
    """A talk (约谈) as it was held. `asked`: what is to be put right, by `asked_by`."""

    on: date
    place: str
    participants: tuple[str, ...]
    said: str
    asked: str
    asked_by: date


class Paper(Payload):
    """All that a document says, with those who held the posts when its rung was reached; signed, it never changes.

    `number`: the document's own, where it has one. `organisation`: the unit that leads, with those that assist it.
    `answerable`: the responsible post and the heads of its unit.
    `skipped`: tiers passed over because their posts are vacant. `history`: what had happened until then.
    """

    document: Document
    rung: int
    number: str | None = None
    case_number: str
    office: str
    project: str
    project_code: str
    chain: str
    milestone: str
    due_on: date
    organisation: str
    assisting: tuple[str, ...] = ()
    answerable: tuple[NamedPost, ...]
    addressees: tuple[NamedPost, ...]
    skipped: tuple[Tier, ...] = ()
    reached_on: date
    working_days_late: int
    reply_by: date | None = None
    raised_by_light: bool = False
    provisional: bool = False
    ahead: Ahead | None = None
    history: tuple[Passage, ...] = ()
    policy_version: str
    talk: Talk | None = None


class CaseDocumentSigned(CaseEvent):
    """签发, once for each rung. `by`: `name <login>`; `person_id`: who that is in the programme, where it is somebody.

    `form`: SHA-256 of the template that it is made with, from now on and for ever.
    """

    type: ClassVar[str] = "cn.liandu.case.document_signed.v1"
    rung: int
    paper: Paper
    by: str
    person_id: UUID | None = None
    signed_on: date
    form: str


class CaseTalkHeld(CaseEvent):
    """约谈 was held and is on record; recorded again, before it is signed, the later record stands."""

    type: ClassVar[str] = "cn.liandu.case.talk_held.v1"
    rung: int
    talk: Talk
    by: str
    person_id: UUID | None = None
