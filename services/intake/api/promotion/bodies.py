"""What callers send about visits, promotion events, agreements, leads and contacts. Each is sent whole."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from services.intake.api.bodies import PRINTABLE, Body, MilestoneBody, Name, PartnerBody, Wan
from services.intake.domain import uscc
from services.intake.domain.projects.operations import Record
from services.intake.domain.projects.project import NewProject
from services.intake.domain.promotion.approximate import read
from shared.contracts.projects import ProjectKind, Stage
from shared.contracts.promotion import (
    Agreement,
    AgreementKind,
    Contact,
    Host,
    Lead,
    Met,
    Place,
    Promotion,
    Visit,
)
from shared.contracts.registers import Partner
from shared.kit.errors import Invalid

Word = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=PRINTABLE)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=PRINTABLE)]
Code = Annotated[str, Field(max_length=40, pattern=PRINTABLE, description="统一社会信用代码")]
Ids = Annotated[tuple[UUID, ...], Field(max_length=100)]
Count = Annotated[
    str, Field(min_length=1, max_length=40, pattern=PRINTABLE, description="as it was given: 160余家, 近200家, 35家")
]
Mobile = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 -]{5,19}$", description="shown masked, and whole for a purpose")]


class ProjectGiven(Invalid):
    """A project that is recorded already is named, and what it would be recorded with as well."""

    def __init__(self) -> None:
        super().__init__("已指明登记过的项目，不能同时填写项目内容", field="project_id")


class PlaceBody(Body):
    country: Name
    city: Word = ""

    def place(self) -> Place:
        return Place(country=self.country, city=self.city)


class MetBody(Body):
    """A firm or a chamber of commerce that was met."""

    name: Name
    kind: Host = Host.FIRM
    country: Word = ""
    uscc: Code | None = None
    on: date | None = None
    about: Words = ""

    def met(self) -> Met:
        return Met(**{**self.model_dump(), "uscc": normal(self.uscc)})


class VisitBody(Body):
    """`org_ids`: the units of the team, the leading one first."""

    name: Name
    aim: Words = ""
    from_day: date
    until_day: date
    places: Annotated[tuple[PlaceBody, ...], Field(max_length=50)]
    org_ids: Ids
    person_ids: Ids = ()
    chain_ids: Ids = ()
    met: Annotated[tuple[MetBody, ...], Field(max_length=200)] = ()

    def content(self) -> Visit:
        return Visit(
            name=self.name,
            aim=self.aim,
            from_day=self.from_day,
            until_day=self.until_day,
            places=tuple(place.place() for place in self.places),
            org_ids=once(self.org_ids),
            person_ids=once(self.person_ids),
            chain_ids=once(self.chain_ids),
            met=tuple(met.met() for met in self.met),
        )


class PromotionBody(Body):
    """`organiser_org_id`: a unit, or a park, which is one. `firms`, `agreements`: as they were given."""

    name: Name
    organiser_org_id: UUID
    org_ids: Ids = ()
    chain_ids: Ids
    place: PlaceBody
    venue: Word = ""
    from_day: date
    until_day: date | None = None
    firms: Count | None = None
    agreements: Count | None = None
    about: Words = ""

    def content(self) -> Promotion:
        return Promotion(
            name=self.name,
            organiser_org_id=self.organiser_org_id,
            org_ids=once(self.org_ids),
            chain_ids=once(self.chain_ids),
            place=self.place.place(),
            venue=self.venue,
            from_day=self.from_day,
            until_day=self.until_day or self.from_day,
            firms=read(self.firms, field="firms", what="参会企业数") if self.firms else None,
            agreements=read(self.agreements, field="agreements", what="签约数") if self.agreements else None,
            about=self.about,
        )


class AgreementBody(Body):
    """A 战略合作协议 or a 投资意向书. `amount_wan`: what is intended; it counts nowhere."""

    kind: AgreementKind
    title: Name
    parties: Annotated[tuple[PartnerBody, ...], Field(max_length=50)]
    org_ids: Ids = ()
    signed_on: date
    chain_ids: Ids = ()
    amount_wan: Wan | None = None
    occasion_id: UUID | None = None
    lead_id: UUID | None = None
    project_id: UUID | None = None

    def content(self) -> Agreement:
        return Agreement(
            kind=self.kind,
            title=self.title,
            parties=tuple(Partner(name=party.name, uscc=normal(party.uscc)) for party in self.parties),
            org_ids=once(self.org_ids),
            signed_on=self.signed_on,
            chain_ids=once(self.chain_ids),
            amount_wan=self.amount_wan,
            occasion_id=self.occasion_id,
            lead_id=self.lead_id,
            project_id=self.project_id,
        )


class LeadBody(Body):
    """`occasion_id`: the visit or promotion event where it was found. `responsible_org_id`: who follows it."""

    name: Name
    firm: Name
    uscc: Code | None = None
    country: Word = ""
    chain_id: UUID
    responsible_org_id: UUID
    found_on: date
    occasion_id: UUID | None = None
    expected_wan: Wan | None = None
    about: Words = ""

    def content(self) -> Lead:
        return Lead(**{**self.model_dump(), "uscc": normal(self.uscc)})


class ConvertBody(Body):
    """The project that a lead becomes; what is not given is the lead's. It begins in 线索 or 在谈. `project_id`, and
    then nothing else: a project that is recorded already."""

    project_id: UUID | None = None
    code: Annotated[Name, StringConstraints(max_length=40)] | None = None
    name: Name | None = None
    responsible_org_id: UUID | None = None
    kind: ProjectKind = ProjectKind.NEW
    total_investment_wan: Wan | None = None
    stage: Stage = Stage.NEGOTIATING
    milestones: tuple[MilestoneBody, ...] = Field(default=(), max_length=100)

    def present_project(self) -> UUID | None:
        """The project that is recorded already, where the lead is one. Raises ProjectGiven."""
        if self.project_id and self.model_fields_set != {"project_id"}:
            raise ProjectGiven
        return self.project_id

    def recording(self, lead: Lead) -> Record:
        new = NewProject(
            code=self.code or "",
            name=self.name or lead.name,
            chain_id=lead.chain_id,
            responsible_org_id=self.responsible_org_id or lead.responsible_org_id,
            kind=self.kind,
            total_investment_wan=self.total_investment_wan or lead.expected_wan or 0,
            stage=self.stage,
        )
        return Record(new, tuple(line.line() for line in self.milestones))


class ContactBody(Body):
    """`mobile`: where none is given, a number that is kept stays."""

    name: Name
    firm: Name
    title: Word = ""
    chain_id: UUID | None = None
    occasion_id: UUID | None = None
    mobile: Mobile | None = None

    def content(self) -> Contact:
        return Contact(**self.model_dump(exclude={"mobile"}))


class PurposeBody(Body):
    purpose: Annotated[Words, Field(min_length=1)]


def once(ids: Iterable[UUID]) -> tuple[UUID, ...]:
    return tuple(dict.fromkeys(ids))


def normal(code: str | None) -> str | None:
    """The code in its normal form; an empty one is none."""
    return uscc.normal(code) or None if code else None
