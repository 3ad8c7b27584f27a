"""What callers send. Unknown fields are refused; texts are trimmed; money is whole 万元; days are Asia/Shanghai."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.intake.domain.projects.operations import Record
from services.intake.domain.projects.project import Changes, NewProject, Step
from services.intake.domain.projects.timetable import NewMilestone
from services.intake.domain.terms import EvidenceKind
from shared.contracts.programme import ChainCategory, OrganisationKind, Tier
from shared.contracts.project_records import AnnualPlan, CapitalSource, OriginalAmount
from shared.contracts.projects import Evidence, ProjectKind, Source, Stage

PRINTABLE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
ChainCode = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,15}$")]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=PRINTABLE)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=PRINTABLE)]
Day = Annotated[date, Field(ge=date(1949, 10, 1), le=date(2199, 12, 31))]
Wan = Annotated[int, Field(gt=0, le=10**11, description="whole 万元")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OrganisationBody(Body):
    name: Name
    parent_id: UUID | None = None
    kind: OrganisationKind | None = None


class OrganisationChanges(Body):
    """`parent_id` null: it stands below no other. `from_day`: of the new name; today, where it is not said."""

    name: Name | None = None
    from_day: Day | None = None
    parent_id: UUID | None = None
    kind: OrganisationKind | None = None


class PersonBody(Body):
    name: Name
    organisation_id: UUID


class PersonChanges(Body):
    name: Name | None = None
    organisation_id: UUID | None = None


class ChainBody(Body):
    code: ChainCode
    name: Name
    category: ChainCategory = ChainCategory.FUTURE


class ChainChanges(Body):
    """`from_day`: from when it has the new name or category; today, where it is not said."""

    name: Name | None = None
    category: ChainCategory | None = None
    from_day: Day | None = None


class PostBody(Body):
    """`chain_ids`: the chains it answers for; needed for chief, deputy_chief, task_force and task_force_office."""

    title: Name
    tier: Tier
    organisation_id: UUID
    chain_ids: tuple[UUID, ...] = ()
    established_on: Day | None = Field(default=None, description="from when there is such a post; today by default")


class TermBody(Body):
    person_id: UUID
    from_day: Day
    until_day: Day | None = None


class CorrectTermsBody(Body):
    """All terms of the post as they are right."""

    terms: Annotated[tuple[TermBody, ...], Field(max_length=200)]
    reason: Text


class AssumeBody(Body):
    person_id: UUID
    from_day: Day


class VacateBody(Body):
    from_day: Day


class MilestoneBody(Body):
    """A line of the 任务时间表. Without `due_on` or `responsible_post_id` it is refused."""

    name: Name
    due_on: date | None = None
    responsible_post_id: UUID | None = None
    stage: Stage | None = Field(default=None, description="the stage that meets it; none: it is marked met")
    source: Source = Source.PLAN
    source_document: Annotated[str, StringConstraints(max_length=200, pattern=PRINTABLE)] = ""

    def line(self) -> NewMilestone:
        return NewMilestone(
            name=self.name,
            due_on=self.due_on,
            responsible_post_id=self.responsible_post_id,
            stage=self.stage,
            source=self.source,
            source_document=self.source_document,
        )


class OriginalBody(Body):
    """A foreign project's total in its own currency (ISO 4217); `rate`: yuan for one unit, on `rate_on`."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    amount: Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=2)]
    rate: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=6)]
    rate_on: date

    def original(self) -> OriginalAmount:
        return OriginalAmount(
            currency=self.currency, amount=f"{self.amount:f}", rate=f"{self.rate:f}", rate_on=self.rate_on
        )


class AnnualPlanBody(Body):
    year: Annotated[int, Field(ge=2000, le=2100)]
    amount_wan: Wan


class ProfileBody(Body):
    """A project's particulars. What is not named stays as it is; null empties a field.

    `national_code`: 项目代码 (GB/T 40058); `investor_uscc`: 统一社会信用代码; `parent_project_id`: what a 增资 adds to
    (its total is the increment); `annual_plans`: 年度计划投资, all that stand; `reporting_post_id`: who answers for the
    monthly reports; `statistics_registered_on`: 纳统入库. Money in whole 万元.
    """

    national_code: Annotated[str, StringConstraints(max_length=40, pattern=PRINTABLE)] | None = None
    investor_name: Name | None = None
    investor_uscc: Annotated[str, StringConstraints(max_length=40, pattern=PRINTABLE)] | None = None
    capital_source: CapitalSource | None = None
    original: OriginalBody | None = None
    fixed_asset_investment_wan: Wan | None = None
    annual_plans: Annotated[tuple[AnnualPlanBody, ...], Field(max_length=30)] | None = None
    parent_project_id: UUID | None = None
    park_id: UUID | None = None
    lead_org_id: UUID | None = None
    assisting_org_ids: Annotated[tuple[UUID, ...], Field(max_length=50)] | None = None
    reporting_post_id: UUID | None = None
    statistics_registered_on: date | None = None

    def particulars(self) -> dict[str, Any]:
        """What was named, by the names of the events' fields."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if self.original:
            given["original"] = self.original.original()
        if self.annual_plans is not None:
            given["annual_plans"] = tuple(AnnualPlan(**plan.model_dump()) for plan in self.annual_plans)
        return given


class ProjectBody(Body):
    """A project at whatever stage it has; without `code` it is given the next number of the year. `signed_amount_wan`:
    of one that is signed; without it the total counts."""

    code: Annotated[Name, StringConstraints(max_length=40)] | None = None
    name: Name
    chain_id: UUID
    responsible_org_id: UUID
    kind: ProjectKind = ProjectKind.NEW
    total_investment_wan: Wan
    stage: Stage = Stage.LEAD
    signed_on: date | None = None
    started_on: date | None = None
    signed_amount_wan: Wan | None = None
    milestones: tuple[MilestoneBody, ...] = Field(default=(), max_length=100)
    profile: ProfileBody | None = None

    def recording(self) -> Record:
        new = NewProject(
            code=self.code or "",
            name=self.name,
            chain_id=self.chain_id,
            responsible_org_id=self.responsible_org_id,
            kind=self.kind,
            total_investment_wan=self.total_investment_wan,
            stage=self.stage,
            signed_on=self.signed_on,
            started_on=self.started_on,
            signed_amount_wan=self.signed_amount_wan,
        )
        particulars = self.profile.particulars() if self.profile else {}
        return Record(new, tuple(line.line() for line in self.milestones), particulars)


class ProjectChanges(Body):
    """`signed_on`, `started_on`, `signed_amount_wan`: where nobody had written it down; what is known stays."""

    name: Name | None = None
    chain_id: UUID | None = None
    responsible_org_id: UUID | None = None
    total_investment_wan: Wan | None = None
    signed_on: date | None = None
    started_on: date | None = None
    signed_amount_wan: Wan | None = None

    def changes(self) -> Changes:
        return Changes(
            name=self.name,
            chain_id=self.chain_id,
            responsible_org_id=self.responsible_org_id,
            total_investment_wan=self.total_investment_wan,
            signed_on=self.signed_on,
            started_on=self.started_on,
            signed_amount_wan=self.signed_amount_wan,
        )


class EvidenceBody(Body):
    kind: EvidenceKind
    on: date
    reference: Name


class TransitionBody(Body):
    """A step to a stage. `amount_wan`: the contract's, for signing; `output_ratio`: output against design, for 达产."""

    target: Stage
    on: date
    evidence: tuple[EvidenceBody, ...] = Field(default=(), max_length=50)
    amount_wan: Wan | None = None
    output_ratio: Annotated[Decimal, Field(gt=0, max_digits=8, decimal_places=4)] | None = None
    files: tuple[UUID, ...] = Field(default=(), max_length=50, description="of the project's evidence files")

    def step(self) -> Step:
        evidence = tuple(Evidence(**item.model_dump()) for item in self.evidence)
        return Step(self.target, self.on, evidence, self.amount_wan, self.output_ratio, self.files)


class ReasonBody(Body):
    reason: Text
    on: date


class WithdrawBody(Body):
    reason: Text


class OpinionBody(Body):
    opinion: Annotated[str, Field(max_length=2000, pattern=PRINTABLE)] = ""


class PartnerBody(Body):
    name: Name
    uscc: Annotated[str, Field(max_length=40, pattern=PRINTABLE)] | None = None


class DayBody(Body):
    on: date


class MilestoneChanges(Body):
    """Another due day (then with a reason), another post, or both."""

    due_on: date | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=PRINTABLE)] = ""
    responsible_post_id: UUID | None = None


class MetBody(Body):
    met_on: date


class CancelBody(Body):
    reason: Text


class DelayBody(Body):
    milestone_id: UUID
    reason: Text
    expected_on: date
