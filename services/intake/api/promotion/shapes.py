"""What callers get about visits, promotion events, agreements, leads and contacts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.intake.api.answers import Shown
from services.intake.api.projects.wording import Names
from services.intake.domain.promotion.approximate import words
from services.intake.domain.promotion.promotion import (
    Kind,
    PromotionRecord,
    RecordStatus,
    chains_of,
    orgs_of,
    status_name,
)
from services.intake.store import views
from services.intake.store.promotion import promotion as store
from services.intake.store.registers import registers
from shared.contracts.promotion import (
    Agreement,
    AgreementKind,
    Approximate,
    Contact,
    Host,
    Lead,
    Met,
    Place,
    Promotion,
    Visit,
)
from shared.contracts.registers import Partner

AGREEMENT_NAMES: Mapping[AgreementKind, str] = {
    AgreementKind.STRATEGIC: "战略合作协议",
    AgreementKind.INTENT: "投资意向书",
}
HOST_NAMES: Mapping[Host, str] = {Host.FIRM: "企业", Host.CHAMBER: "商协会", Host.OTHER: "其他机构"}
Outcomes = Mapping[tuple[Kind, RecordStatus], int]


class Named(Shown):
    id: UUID
    name: str


class RecordShown(Shown):
    """`chains`, `organisations`: by name, the leading unit first. `reason`: why it ended."""

    id: UUID
    status: RecordStatus
    status_name: str
    reason: str
    chains: tuple[Named, ...]
    organisations: tuple[Named, ...]
    recorded_by: str
    version: int


class MetShown(Shown):
    name: str
    kind: Host
    kind_name: str
    country: str
    uscc: str | None
    on: date | None
    about: str


class OutcomesShown(Shown):
    """What came of a visit or promotion event. `leads`: all that were found; `converted`: those that are projects."""

    leads: int
    converted: int
    agreements: int
    contacts: int

    @classmethod
    def of(cls, counts: Outcomes) -> Self:
        total = {kind: sum(count for (of, _), count in counts.items() if of is kind) for kind in Kind}
        standing = RecordStatus.STANDING
        return cls(
            leads=total[Kind.LEAD],
            converted=counts.get((Kind.LEAD, RecordStatus.CONVERTED), 0),
            agreements=counts.get((Kind.AGREEMENT, standing), 0),
            contacts=counts.get((Kind.CONTACT, standing), 0),
        )


class VisitShown(RecordShown):
    name: str
    aim: str
    from_day: date
    until_day: date
    places: tuple[Place, ...]
    people: tuple[Named, ...]
    met: tuple[MetShown, ...]
    outcomes: OutcomesShown


class PromotionShown(RecordShown):
    """`firms`, `agreements`: as they were given (160余家), never more exact."""

    name: str
    organiser_org_id: UUID
    organiser_name: str
    place: Place
    venue: str
    from_day: date
    until_day: date
    firms: str | None
    agreements: str | None
    about: str
    outcomes: OutcomesShown


class AgreementShown(RecordShown):
    """No contract: no project is signed by it."""

    kind: AgreementKind
    kind_name: str
    title: str
    parties: tuple[Partner, ...]
    signed_on: date
    amount_wan: int | None
    occasion_id: UUID | None
    occasion_name: str | None
    lead_id: UUID | None
    lead_name: str | None
    project_id: UUID | None
    project_name: str | None


class LeadShown(RecordShown):
    """`project_id`: what it became."""

    name: str
    firm: str
    uscc: str | None
    country: str
    chain_id: UUID
    responsible_org_id: UUID
    found_on: date
    occasion_id: UUID | None
    occasion_name: str | None
    expected_wan: int | None
    about: str
    project_id: UUID | None
    project_name: str | None


class ContactShown(RecordShown):
    """`mobile`: masked; who needs it asks for it with a purpose."""

    name: str
    firm: str
    title: str
    chain_id: UUID | None
    occasion_id: UUID | None
    occasion_name: str | None
    mobile: str | None


AnyShown = VisitShown | PromotionShown | AgreementShown | LeadShown | ContactShown


async def shown(records: Sequence[PromotionRecord], *, conn: AsyncConnection) -> list[AnyShown]:
    """Records of one or several kinds, with the names around them, in a constant number of statements."""
    named = {id for record in records for id in _named(record)}
    projects = await registers.projects(named, conn=conn)
    others = await store.records(named, conn=conn)
    names = Names(
        {
            **(await views.names(named, conn=conn) if named else {}),
            **{id: f"{row['code']} {row['name']}" for id, row in projects.items()},
            **{id: getattr(other.content, "name", "") for id, other in others.items()},
        }
    )
    occasions = [record.id for record in records if record.kind in (Kind.VISIT, Kind.PROMOTION)]
    outcomes = await store.outcomes(occasions, conn=conn) if occasions else {}
    contacts = [record.id for record in records if record.kind is Kind.CONTACT]
    numbers = await store.numbers(contacts, conn=conn) if contacts else {}
    return [_shown(record, names, outcomes.get(record.id, {}), numbers.get(record.id)) for record in records]


def masked(mobile: str | None) -> str | None:
    """The last four signs, no more: enough to see that it is the same number."""
    return None if mobile is None else "*" * (len(mobile) - 4) + mobile[-4:]


def _shown(record: PromotionRecord, names: Names, outcomes: Outcomes, mobile: str | None) -> AnyShown:
    common = _common(record, names)
    match record.content:
        case Visit() as visit:
            people = tuple(Named(id=id, name=names[id]) for id in visit.person_ids)
            met = tuple(_met(met) for met in visit.met)
            of = OutcomesShown.of(outcomes)
            return VisitShown(**{**_plain(visit), **common, "people": people, "met": met, "outcomes": of})
        case Promotion() as event:
            counts = {"firms": _count(event.firms, "家"), "agreements": _count(event.agreements, "份")}
            more = {"organiser_name": names[event.organiser_org_id], "outcomes": OutcomesShown.of(outcomes)}
            return PromotionShown(**{**_plain(event), **common, **counts, **more})
        case Agreement() as agreement:
            more = {"kind_name": AGREEMENT_NAMES[agreement.kind], **_links(agreement, names)}
            return AgreementShown(**{**_plain(agreement), **common, **more})
        case Lead() as lead:
            became = {"project_id": record.project_id, "project_name": _name(record.project_id, names)}
            return LeadShown(**{**_plain(lead), **common, **became, "occasion_name": _name(lead.occasion_id, names)})
        case Contact() as contact:
            more = {"mobile": masked(mobile), "occasion_name": _name(contact.occasion_id, names)}
            return ContactShown(**{**_plain(contact), **common, **more})


def _common(record: PromotionRecord, names: Names) -> dict[str, Any]:
    return {
        "id": record.id,
        "status": record.status,
        "status_name": status_name(record.kind, record.status),
        "reason": record.reason,
        "chains": tuple(Named(id=id, name=names[id]) for id in chains_of(record.content)),
        "organisations": tuple(Named(id=id, name=names[id]) for id in orgs_of(record.content)),
        "recorded_by": record.recorded_by,
        "version": record.version,
    }


def _links(agreement: Agreement, names: Names) -> dict[str, str | None]:
    return {
        "occasion_name": _name(agreement.occasion_id, names),
        "lead_name": _name(agreement.lead_id, names),
        "project_name": _name(agreement.project_id, names),
    }


def _named(record: PromotionRecord) -> Iterator[UUID]:
    yield from chains_of(record.content)
    yield from orgs_of(record.content)
    if isinstance(record.content, Visit):
        yield from record.content.person_ids
    links = (getattr(record.content, name, None) for name in ("occasion_id", "lead_id", "project_id"))
    yield from (id for id in (*links, record.project_id) if id)


def _plain(content: Visit | Promotion | Agreement | Lead | Contact) -> dict[str, Any]:
    return {name: getattr(content, name) for name in type(content).model_fields}


def _met(met: Met) -> MetShown:
    return MetShown(**_fields(met), kind_name=HOST_NAMES[met.kind])


def _fields(met: Met) -> dict[str, Any]:
    return {name: getattr(met, name) for name in Met.model_fields}


def _count(count: Approximate | None, unit: str) -> str | None:
    return None if count is None else words(count, unit)


def _name(id: UUID | None, names: Names) -> str | None:
    return names[id] if id else None
