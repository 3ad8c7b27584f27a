"""Facts about 招商: visits (S13), promotion events (招商推介会, S11), agreements, leads, contacts. Producer: intake.

What is recorded is recorded whole, and revised whole. A mobile number is in no event.
"""

from datetime import date
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from shared.contracts.event import Event, Payload
from shared.contracts.projects import Stage
from shared.contracts.registers import Partner

PROMOTION = "liandu.promotion"


class Form(StrEnum):
    """How a count that nobody took exactly was given: 160余家 is not 160."""

    ODD = "余"
    MORE = "多"
    ABOUT = "约"
    NEARLY = "近"
    OVER = "超"
    OR_SO = "左右"


class Approximate(Payload):
    """A count as it was given; `form` None: it is exact."""

    about: int
    form: Form | None = None


class Place(Payload):
    country: str
    city: str = ""


class Host(StrEnum):
    """Whom a team meets."""

    FIRM = "firm"  # 企业
    CHAMBER = "chamber"  # 商协会
    OTHER = "other"  # 其他机构


class Met(Payload):
    """A firm or a chamber of commerce that was met. `uscc`: where it is a Chinese one and the code is known."""

    name: str
    kind: Host = Host.FIRM
    country: str = ""
    uscc: str | None = None
    on: date | None = None
    about: str = ""


class Visit(Payload):
    """`org_ids`: the units of the team, the leading one first; `person_ids`: who went."""

    name: str
    aim: str = ""
    from_day: date
    until_day: date
    places: tuple[Place, ...]
    org_ids: tuple[UUID, ...]
    person_ids: tuple[UUID, ...] = ()
    chain_ids: tuple[UUID, ...] = ()
    met: tuple[Met, ...] = ()


class Promotion(Payload):
    """`organiser_org_id`: a unit, or a park, which is one. `firms`, `agreements`: how many came and were signed, as it
    was given; the agreements that are known are records of their own."""

    name: str
    organiser_org_id: UUID
    org_ids: tuple[UUID, ...] = ()
    chain_ids: tuple[UUID, ...]
    place: Place
    venue: str = ""
    from_day: date
    until_day: date
    firms: Approximate | None = None
    agreements: Approximate | None = None
    about: str = ""


class AgreementKind(StrEnum):
    """Neither is a contract: no project is signed by it."""

    STRATEGIC = "strategic"  # 战略合作协议
    INTENT = "intent"  # 投资意向书


class Agreement(Payload):
    """`amount_wan`: what is intended, whole 万元; it counts nowhere. `occasion_id`: the visit or promotion event where
    it was signed; `lead_id`, `project_id`: what it is about, where there is one."""

    kind: AgreementKind
    title: str
    parties: tuple[Partner, ...]
    org_ids: tuple[UUID, ...] = ()
    signed_on: date
    chain_ids: tuple[UUID, ...] = ()
    amount_wan: int | None = None
    occasion_id: UUID | None = None
    lead_id: UUID | None = None
    project_id: UUID | None = None


class Lead(Payload):
    """A 线索: an investment that somebody may make. `occasion_id`: the visit or promotion event where it was found."""

    name: str
    firm: str
    uscc: str | None = None
    country: str = ""
    chain_id: UUID
    responsible_org_id: UUID
    found_on: date
    occasion_id: UUID | None = None
    expected_wan: int | None = None
    about: str = ""


class Contact(Payload):
    """A person at a firm. `mobile`: whether a number is kept, beside the log."""

    name: str
    firm: str
    title: str = ""
    chain_id: UUID | None = None
    occasion_id: UUID | None = None
    mobile: bool = False


C = TypeVar("C", bound=Payload)


class PromotionEvent(Event):
    """Aggregate: record_id, of the visit, promotion event, agreement, lead or contact."""

    topic: ClassVar[str] = PROMOTION
    record_id: UUID


class Recorded(PromotionEvent, Generic[C]):
    """`by`: a token's subject."""

    content: C
    by: str


class Revised(PromotionEvent, Generic[C]):
    """All as it now stands."""

    content: C
    by: str


class Ended(PromotionEvent):
    """It does not count any more: called off, withdrawn, dropped."""

    reason: str
    ended_on: date
    by: str


class VisitRecorded(Recorded[Visit]):
    type: ClassVar[str] = "cn.liandu.visit.recorded.v1"


class VisitRevised(Revised[Visit]):
    type: ClassVar[str] = "cn.liandu.visit.revised.v1"


class VisitCancelled(Ended):
    type: ClassVar[str] = "cn.liandu.visit.cancelled.v1"


class PromotionRecorded(Recorded[Promotion]):
    type: ClassVar[str] = "cn.liandu.promotion.recorded.v1"


class PromotionRevised(Revised[Promotion]):
    type: ClassVar[str] = "cn.liandu.promotion.revised.v1"


class PromotionCancelled(Ended):
    type: ClassVar[str] = "cn.liandu.promotion.cancelled.v1"


class AgreementRecorded(Recorded[Agreement]):
    type: ClassVar[str] = "cn.liandu.agreement.recorded.v1"


class AgreementRevised(Revised[Agreement]):
    type: ClassVar[str] = "cn.liandu.agreement.revised.v1"


class AgreementWithdrawn(Ended):
    type: ClassVar[str] = "cn.liandu.agreement.withdrawn.v1"


class LeadFound(Recorded[Lead]):
    type: ClassVar[str] = "cn.liandu.lead.found.v1"


class LeadRevised(Revised[Lead]):
    type: ClassVar[str] = "cn.liandu.lead.revised.v1"


class LeadConverted(PromotionEvent):
    """The lead became a project, which was recorded in the same transaction."""

    type: ClassVar[str] = "cn.liandu.lead.converted.v1"
    project_id: UUID
    stage: Stage
    converted_on: date
    by: str


class LeadDropped(Ended):
    type: ClassVar[str] = "cn.liandu.lead.dropped.v1"


class ContactRecorded(Recorded[Contact]):
    type: ClassVar[str] = "cn.liandu.contact.recorded.v1"


class ContactRevised(Revised[Contact]):
    type: ClassVar[str] = "cn.liandu.contact.revised.v1"


class ContactDisclosed(PromotionEvent):
    """Somebody was shown the mobile number, for a purpose."""

    type: ClassVar[str] = "cn.liandu.contact.disclosed.v1"
    purpose: str
    by: str


class ContactErased(Ended):
    """The mobile number is deleted with it."""

    type: ClassVar[str] = "cn.liandu.contact.erased.v1"
