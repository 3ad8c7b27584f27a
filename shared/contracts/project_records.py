"""What is recorded of a project beside its stages: particulars, support, needs, evidence, monthly reports, corrections.

Producer: intake. Aggregate of all: project_id; they stand in one stream with the facts of `projects`. Money in whole
万元; other decimals are decimal strings.
"""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.contracts.event import Payload
from shared.contracts.projects import ProjectEvent, ProjectKind, Stage


class CapitalSource(StrEnum):
    DOMESTIC = "domestic"  # 内资
    FOREIGN = "foreign"  # 外资


class SupportKind(StrEnum):
    """What a project was helped with (S12); `other` says what in its text."""

    RAW_MATERIAL_IMPORT = "raw_material_import"  # 原材料进口
    POLICY = "policy"  # 政策扶持
    SUPPORTING_SERVICES = "supporting_services"  # 配套服务
    OTHER = "other"


class NeedKind(StrEnum):
    """要素保障: what a project needs before it can go on."""

    LAND = "land"
    ENERGY = "energy"
    ENVIRONMENT = "environment"
    PLANNING = "planning"
    OTHER = "other"


class CorrectionKind(StrEnum):
    """`reversal`: the record did not happen; `replacement`: it did, otherwise; `strike_off`: the project is no project
    (a falsified record), and counts nowhere."""

    REVERSAL = "reversal"
    REPLACEMENT = "replacement"
    STRIKE_OFF = "strike_off"


class OriginalAmount(Payload):
    """A foreign project's total in its own currency. `currency`: ISO 4217; `rate`: yuan for one unit, on `rate_on`."""

    currency: str
    amount: str
    rate: str
    rate_on: date


class AnnualPlan(Payload):
    """年度计划投资."""

    year: int
    amount_wan: int


class Replacement(Payload):
    """What a record should have said; only what was wrong is set. `on`, `amount_wan`, `output_ratio`: of a stage;
    the others: of the project's recording."""

    on: date | None = None
    amount_wan: int | None = None
    output_ratio: str | None = None
    stage: Stage | None = None
    kind: ProjectKind | None = None
    signed_on: date | None = None
    started_on: date | None = None


class Standing(Payload):
    """A project as it stands after a correction, whole: what it was before is replaced by it. `entered_stage`: where it
    stood when it was recorded."""

    kind: ProjectKind
    entered_stage: Stage | None = None
    stage: Stage
    reached: dict[Stage, date]
    signed_amount_wan: int | None = None
    output_ratio: str | None = None
    hold_status: str
    hold_status_on: date | None = None


class ProjectRecordEvent(ProjectEvent):
    """Facts that change neither a project's stage nor its timetable."""


class ProjectProfiled(ProjectRecordEvent):
    """A project's particulars; only what changed is set, `cleared` names the fields that were emptied.

    `national_code`: 项目代码 (GB/T 40058). `investor_uscc`: 统一社会信用代码. `parent_project_id`: the project that
    a 增资 adds to; only the increment counts. `statistics_registered_on`: 纳统入库. `reporting_post_id`: the post that
    answers for the monthly reports. `annual_plans`: all that stand.
    """

    type: ClassVar[str] = "cn.liandu.project.profiled.v1"
    national_code: str | None = None
    investor_name: str | None = None
    investor_uscc: str | None = None
    capital_source: CapitalSource | None = None
    original: OriginalAmount | None = None
    fixed_asset_investment_wan: int | None = None
    annual_plans: tuple[AnnualPlan, ...] | None = None
    parent_project_id: UUID | None = None
    park_id: UUID | None = None
    lead_org_id: UUID | None = None
    assisting_org_ids: tuple[UUID, ...] | None = None
    reporting_post_id: UUID | None = None
    statistics_registered_on: date | None = None
    cleared: tuple[str, ...] = ()


class ProjectSupported(ProjectRecordEvent):
    """Support that was given (S12): by whom, when, what; kept as history."""

    type: ClassVar[str] = "cn.liandu.project.supported.v1"
    support_id: UUID
    kind: SupportKind
    on: date
    org_ids: tuple[UUID, ...]
    text: str


class ProjectNeedRaised(ProjectRecordEvent):
    """要素保障: something that a named post sees to until a day (S9)."""

    type: ClassVar[str] = "cn.liandu.project.need_raised.v1"
    need_id: UUID
    kind: NeedKind
    text: str
    raised_on: date
    due_on: date
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None


class ProjectNeedReassigned(ProjectRecordEvent):
    """Another post sees to it, until the same day."""

    type: ClassVar[str] = "cn.liandu.project.need_reassigned.v1"
    need_id: UUID
    responsible_post_id: UUID
    responsible_person_id: UUID | None = None


class ProjectNeedMet(ProjectRecordEvent):
    type: ClassVar[str] = "cn.liandu.project.need_met.v1"
    need_id: UUID
    met_on: date
    text: str = ""


class ProjectNeedWithdrawn(ProjectRecordEvent):
    type: ClassVar[str] = "cn.liandu.project.need_withdrawn.v1"
    need_id: UUID
    reason: str


class EvidenceFiled(ProjectRecordEvent):
    """A file that is kept as evidence, by its content. `size` in bytes; `media_type` is what the content is."""

    type: ClassVar[str] = "cn.liandu.project.evidence_filed.v1"
    file_id: UUID
    sha256: str
    name: str
    media_type: str
    size: int
    kind: str
    on: date


class ProjectReported(ProjectRecordEvent):
    """A month's report, as it stands at the month's end. `month` is its first day; `post_id`: who answers for it."""

    type: ClassVar[str] = "cn.liandu.project.reported.v1"
    month: date
    completed_in_month_wan: int
    completed_to_date_wan: int
    funds_in_place_wan: int
    visual_progress: str
    post_id: UUID | None = None


class CorrectionRequested(ProjectRecordEvent):
    """Somebody says that a record is wrong. `of_sequence`: the record's place in the project's stream."""

    type: ClassVar[str] = "cn.liandu.project.correction_requested.v1"
    correction_id: UUID
    kind: CorrectionKind
    of_sequence: int
    of_type: str
    reason: str
    replacement: Replacement | None = None


class CorrectionRefused(ProjectRecordEvent):
    type: ClassVar[str] = "cn.liandu.project.correction_refused.v1"
    correction_id: UUID
    reason: str


class ProjectCorrected(ProjectEvent):
    """A second person agreed: the records at `reverses` (places in this stream) hold no more, the one at `of_sequence`
    as `replacement` says. They stay in history. `stands`: the project as it is now, whole.

    What becomes of the timetable follows as events of their own, right behind it: `followed_by` so many.
    """

    type: ClassVar[str] = "cn.liandu.project.corrected.v1"
    correction_id: UUID
    kind: CorrectionKind
    of_sequence: int
    of_type: str
    reverses: tuple[int, ...]
    replacement: Replacement | None = None
    reason: str
    requested_by: str
    stands: Standing
    followed_by: int = 0


class MilestoneReopened(ProjectEvent):
    """A line is open again, because what had met or cancelled it was reversed; due as before."""

    type: ClassVar[str] = "cn.liandu.milestone.reopened.v1"
    milestone_id: UUID
    correction_id: UUID


class ReplanningRequested(ProjectRecordEvent):
    """Somebody asks for another due day; until it is approved (then `milestone.replanned`) the old one stands."""

    type: ClassVar[str] = "cn.liandu.milestone.replanning_requested.v1"
    milestone_id: UUID
    replanning_id: UUID
    due_on: date
    reason: str


class ReplanningRefused(ProjectRecordEvent):
    type: ClassVar[str] = "cn.liandu.milestone.replanning_refused.v1"
    milestone_id: UUID
    replanning_id: UUID
    reason: str
