"""The field's words for what the contracts name in English, as officials read them (domain terms and lifecycle)."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from shared.contracts.programme import ChainCategory, OrganisationKind, Position, Tier
from shared.contracts.project_records import CapitalSource, CorrectionKind, NeedKind, SupportKind
from shared.contracts.projects import ProjectKind, Source, Stage


class EvidenceKind(StrEnum):
    """What a stage can rest on. A letter of intent or a framework agreement is kept, but is no signing."""

    FORMAL_CONTRACT = "formal_contract"
    FRAMEWORK_AGREEMENT = "framework_agreement"
    LETTER_OF_INTENT = "letter_of_intent"
    BUSINESS_LICENCE = "business_licence"
    APPROVAL = "approval"
    CONSTRUCTION_CONTRACT = "construction_contract"
    SITE_PHOTOGRAPH = "site_photograph"
    ACCEPTANCE = "acceptance"
    FIRST_INVOICE = "first_invoice"
    OUTPUT_REPORT = "output_report"


class HoldStatus(StrEnum):
    """Beside the stage, never instead of it: a hold (停缓建) leaves the stage as it is. `struck_off`: a second person
    agreed that the record is false; it counts nowhere."""

    ACTIVE = "active"
    HELD = "held"
    TERMINATED = "terminated"
    STRUCK_OFF = "struck_off"


class MilestoneStatus(StrEnum):
    OPEN = "open"
    MET = "met"
    CANCELLED = "cancelled"


class ProjectList(StrEnum):
    """The three lists (S7), derived from the stage and never kept by hand."""

    NEGOTIATING = "negotiating"
    SIGNED = "signed"
    BUILDING = "building"


STAGES: tuple[Stage, ...] = tuple(Stage)
LISTS: Mapping[ProjectList, tuple[Stage, ...]] = {
    ProjectList.NEGOTIATING: (Stage.NEGOTIATING,),
    ProjectList.SIGNED: (Stage.SIGNED, Stage.REGISTERED, Stage.APPROVED),
    ProjectList.BUILDING: (Stage.STARTED, Stage.BUILDING, Stage.COMPLETED),
}

STAGE_NAMES: Mapping[Stage, str] = {
    Stage.LEAD: "线索",
    Stage.NEGOTIATING: "在谈",
    Stage.SIGNED: "签约",
    Stage.REGISTERED: "注册",
    Stage.APPROVED: "立项",
    Stage.STARTED: "开工",
    Stage.BUILDING: "在建",
    Stage.COMPLETED: "竣工",
    Stage.PRODUCING: "投产",
    Stage.FULL_CAPACITY: "达产",
}
EVIDENCE_NAMES: Mapping[EvidenceKind, str] = {
    EvidenceKind.FORMAL_CONTRACT: "正式合同",
    EvidenceKind.FRAMEWORK_AGREEMENT: "框架协议",
    EvidenceKind.LETTER_OF_INTENT: "投资意向书",
    EvidenceKind.BUSINESS_LICENCE: "营业执照",
    EvidenceKind.APPROVAL: "立项批复",
    EvidenceKind.CONSTRUCTION_CONTRACT: "施工合同",
    EvidenceKind.SITE_PHOTOGRAPH: "现场照片",
    EvidenceKind.ACCEPTANCE: "竣工验收材料",
    EvidenceKind.FIRST_INVOICE: "首张发票",
    EvidenceKind.OUTPUT_REPORT: "产出报告",
}
HOLD_NAMES: Mapping[HoldStatus, str] = {
    HoldStatus.ACTIVE: "正常推进",
    HoldStatus.HELD: "停缓建",
    HoldStatus.TERMINATED: "已终止",
    HoldStatus.STRUCK_OFF: "已剔除",
}
ENDED = frozenset({HoldStatus.TERMINATED, HoldStatus.STRUCK_OFF})
"""Projects that stand in none of the three lists and change no more."""

MILESTONE_NAMES: Mapping[MilestoneStatus, str] = {
    MilestoneStatus.OPEN: "未完成",
    MilestoneStatus.MET: "已完成",
    MilestoneStatus.CANCELLED: "已取消",
}
LIST_NAMES: Mapping[ProjectList, str] = {
    ProjectList.NEGOTIATING: "在谈",
    ProjectList.SIGNED: "签约",
    ProjectList.BUILDING: "在建",
}
KIND_NAMES: Mapping[ProjectKind, str] = {ProjectKind.NEW: "新建", ProjectKind.EXPANSION: "增资"}
SOURCE_NAMES: Mapping[Source, str] = {
    Source.CONFERENCE: "会议部署",
    Source.INSTRUCTION: "领导批示",
    Source.PLAN: "工作计划",
}
CAPITAL_NAMES: Mapping[CapitalSource, str] = {CapitalSource.DOMESTIC: "内资", CapitalSource.FOREIGN: "外资"}
SUPPORT_NAMES: Mapping[SupportKind, str] = {
    SupportKind.RAW_MATERIAL_IMPORT: "原材料进口",
    SupportKind.POLICY: "政策扶持",
    SupportKind.SUPPORTING_SERVICES: "配套服务",
    SupportKind.OTHER: "其他支持",
}
NEED_NAMES: Mapping[NeedKind, str] = {
    NeedKind.LAND: "用地",
    NeedKind.ENERGY: "用能",
    NeedKind.ENVIRONMENT: "环境容量",
    NeedKind.PLANNING: "规划",
    NeedKind.OTHER: "其他要素",
}
CORRECTION_NAMES: Mapping[CorrectionKind, str] = {
    CorrectionKind.REVERSAL: "撤销",
    CorrectionKind.REPLACEMENT: "更正",
    CorrectionKind.STRIKE_OFF: "剔除",
}
TIER_NAMES: Mapping[Tier, str] = {
    Tier.CHIEF_GENERAL: "总链长",
    Tier.CHIEF: "链长",
    Tier.DEPUTY_CHIEF: "副链长",
    Tier.TASK_FORCE: "工作专班",
    Tier.TASK_FORCE_OFFICE: "专班办公室",
    Tier.UNIT_HEAD: "单位负责人",
    Tier.OFFICER: "责任人",
}
ORGANISATION_KIND_NAMES: Mapping[OrganisationKind, str] = {
    OrganisationKind.GOVERNMENT: "党政部门",
    OrganisationKind.DEVELOPMENT_ZONE: "开发区、园区管委会",
    OrganisationKind.SUB_DISTRICT: "街道、镇",
    OrganisationKind.TASK_FORCE: "专班",
    OrganisationKind.PARK: "专业园区",
    OrganisationKind.ENTERPRISE: "企业",
    OrganisationKind.INSTITUTION: "事业单位、院校",
    OrganisationKind.ASSOCIATION: "商会、协会",
    OrganisationKind.OTHER: "其他",
}
POSITION_NAMES: Mapping[Position, str] = {
    Position.UPSTREAM: "上游",
    Position.MIDSTREAM: "中游",
    Position.DOWNSTREAM: "下游",
}
CATEGORY_NAMES: Mapping[ChainCategory, str] = {
    ChainCategory.TRADITIONAL_MANUFACTURING: "传统制造业",
    ChainCategory.EMERGING_MANUFACTURING: "新兴制造业",
    ChainCategory.MODERN_SERVICE: "现代服务业",
    ChainCategory.FUTURE: "未来产业",
}


def list_of(stage: Stage) -> ProjectList | None:
    """The list a project of this stage stands in, if any."""
    return next((name for name, stages in LISTS.items() if stage in stages), None)


def stage_names(stages: tuple[Stage, ...]) -> str:
    return "、".join(STAGE_NAMES[stage] for stage in stages)


def evidence_name(kind: str) -> str:
    """The Chinese name of an evidence kind; a kind of a later version reads as it is written."""
    return EVIDENCE_NAMES[EvidenceKind(kind)] if kind in set(EvidenceKind) else kind


def wan_as_yi(amount_wan: int) -> str:
    """Whole 万元 as 亿元 text, exact: 120900 gives `12.09`."""
    text = f"{Decimal(amount_wan) / 10000:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount_wan: int) -> str:
    """An amount as people say it: 亿元 from one 亿 on, 万元 below."""
    return f"{wan_as_yi(amount_wan)}亿元" if amount_wan >= 10000 else f"{amount_wan}万元"
