"""What callers get: records with the words that officials read beside the names that programs read."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row

from services.intake.domain import terms
from services.intake.domain.projects.project import Project
from services.intake.domain.projects.timetable import Milestone
from services.intake.domain.terms import HoldStatus, MilestoneStatus, ProjectList
from services.intake.store.projects.duplicates import REASON_NAMES, Likely, Reason
from shared.contracts.programme import ChainCategory, OrganisationKind, Tier
from shared.contracts.projects import ProjectKind, Source, Stage


class Shown(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class OrganisationShown(Shown):
    id: UUID
    name: str
    parent_id: UUID | None
    kind: OrganisationKind | None
    version: int


class PersonShown(Shown):
    id: UUID
    name: str
    organisation_id: UUID
    version: int


class ChainShown(Shown):
    """`since`: the day from which it has this name and category. `closed_from`: split up or merged from this day on."""

    id: UUID
    code: str
    name: str
    category: ChainCategory
    since: date | None
    opened_from: date | None
    closed_from: date | None
    successor_ids: tuple[UUID, ...]
    version: int


class VacantPost(Shown):
    id: UUID
    title: str
    tier: Tier


class ListedChain(ChainShown):
    """A chain with the posts of its ladder that nobody holds today: such a chain is flagged (S2)."""

    vacant_posts: tuple[VacantPost, ...]


class HolderShown(Shown):
    person_id: UUID
    person_name: str
    from_day: date
    until_day: date | None


class PostShown(Shown):
    """`holder`: on the day asked for; none: vacant."""

    id: UUID
    title: str
    tier: Tier
    tier_name: str
    organisation_id: UUID
    organisation_name: str
    chain_ids: tuple[UUID, ...]
    vacant: bool
    holder: HolderShown | None
    version: int

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        return cls(
            id=row.id,
            title=row.title,
            tier=row.tier,
            tier_name=terms.TIER_NAMES[Tier(row.tier)],
            organisation_id=row.organisation_id,
            organisation_name=row.organisation_name,
            chain_ids=row.chain_ids,
            vacant=row.person_id is None,
            holder=HolderShown.model_validate(row) if row.person_id else None,
            version=row.version,
        )


class MilestoneShown(Shown):
    id: UUID
    name: str
    due_on: date
    responsible_post_id: UUID
    responsible_person_id: UUID | None
    stage: Stage | None
    source: Source
    source_document: str
    status: MilestoneStatus
    met_on: date | None
    expected_on: date | None
    delay_reason: str


class ProjectSummary(Shown):
    """A project as lists show it. Money in whole 万元; `total_investment_yi` is the same in 亿元, exact, as text."""

    id: UUID
    code: str
    name: str
    chain_id: UUID
    chain_code: str
    chain_name: str
    responsible_org_id: UUID
    responsible_org_name: str
    kind: ProjectKind
    total_investment_wan: int
    total_investment_yi: str
    stage: Stage
    stage_name: str
    list: ProjectList | None
    hold_status: HoldStatus
    hold_status_on: date | None
    signed_on: date | None
    started_on: date | None
    signed_amount_wan: int | None
    output_ratio: Decimal | None
    version: int

    @classmethod
    def of(cls, row: Any, **more: Any) -> Self:
        stage, ended = Stage(row.stage), row.hold_status in terms.ENDED
        return cls(
            **{name: getattr(row, name) for name in ProjectSummary.model_fields if hasattr(row, name)},
            total_investment_yi=terms.wan_as_yi(row.total_investment_wan),
            stage_name=terms.STAGE_NAMES[stage],
            list=None if ended else terms.list_of(stage),
            **more,
        )


class ProjectShown(ProjectSummary):
    """One project with the known days of its stages, its timetable, and the stages it may reach next."""

    reached: dict[Stage, date]
    next_stages: tuple[Stage, ...]
    milestones: tuple[MilestoneShown, ...]

    @classmethod
    def of_project(cls, row: Any, project: Project, next_stages: tuple[Stage, ...], **more: Any) -> Self:
        lines = milestones_of(project)
        return cls.of(row, reached=dict(project.reached), next_stages=next_stages, milestones=lines, **more)


class DuplicateShown(Shown):
    """A project that may be the same as another; `reason_names` are for officials."""

    id: UUID
    code: str
    name: str
    responsible_org_name: str
    stage: Stage
    stage_name: str
    hold_status: HoldStatus
    total_investment_wan: int
    reasons: tuple[Reason, ...]
    reason_names: tuple[str, ...]

    @classmethod
    def of(cls, likely: Likely) -> Self:
        return cls(
            **{name: getattr(likely, name) for name in cls.model_fields if hasattr(likely, name)},
            stage_name=terms.STAGE_NAMES[Stage(likely.stage)],
            reason_names=tuple(REASON_NAMES[reason] for reason in likely.reasons),
        )


class RecordedShown(ProjectShown):
    """A project that was just recorded, with those that may be the same."""

    possible_duplicates: tuple[DuplicateShown, ...]


class FactShown(Shown):
    """One fact of a history: when, who, what. `text` is for officials, `data` for programs."""

    seq: int
    at: datetime
    actor: str
    type: str
    text: str
    data: dict[str, Any]


class ListShown(Shown):
    """One of the three lists: how many, how much, and a page of them."""

    list: ProjectList
    name: str
    count: int
    total_wan: int
    total_yi: str
    items: tuple[ProjectSummary, ...]
    next_after: str | None


def milestones_of(project: Project) -> tuple[MilestoneShown, ...]:
    in_order = sorted(project.milestones.values(), key=_in_order)
    return tuple(MilestoneShown.model_validate(milestone) for milestone in in_order)


def _in_order(milestone: Milestone) -> tuple[date, str]:
    return milestone.due_on, milestone.name
