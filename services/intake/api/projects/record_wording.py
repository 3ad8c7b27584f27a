"""A history's sentences about what is recorded of a project beside its stages."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from services.intake.domain.terms import (
    CAPITAL_NAMES,
    CORRECTION_NAMES,
    EVIDENCE_NAMES,
    HOLD_NAMES,
    KIND_NAMES,
    NEED_NAMES,
    STAGE_NAMES,
    SUPPORT_NAMES,
    HoldStatus,
    evidence_name,
    money,
)
from shared.contracts.event import Event
from shared.contracts.project_records import (
    CorrectionRefused,
    CorrectionRequested,
    EvidenceFiled,
    MilestoneReopened,
    ProjectCorrected,
    ProjectNeedMet,
    ProjectNeedRaised,
    ProjectNeedReassigned,
    ProjectNeedWithdrawn,
    ProjectProfiled,
    ProjectReported,
    ProjectSupported,
    Replacement,
    ReplanningRefused,
    ReplanningRequested,
)

Names = Mapping[UUID, str]

FIELD_NAMES: Mapping[str, str] = {
    "national_code": "项目代码",
    "investor_name": "投资方",
    "investor_uscc": "统一社会信用代码",
    "capital_source": "资金来源",
    "original": "原币金额",
    "fixed_asset_investment_wan": "固定资产投资",
    "annual_plans": "年度计划投资",
    "parent_project_id": "原项目",
    "park_id": "所在园区",
    "lead_org_id": "牵头单位",
    "assisting_org_ids": "配合单位",
    "reporting_post_id": "报送岗位",
    "statistics_registered_on": "纳统入库日期",
}
RECORD_NAMES: Mapping[str, str] = {
    **{f"cn.liandu.project.{stage}.v1": name for stage, name in STAGE_NAMES.items()},
    "cn.liandu.project.recorded.v1": "登记",
    "cn.liandu.project.revised.v1": "信息修改",
    "cn.liandu.project.held.v1": "停缓建",
    "cn.liandu.project.resumed.v1": "复工",
    "cn.liandu.project.terminated.v1": "终止",
    "cn.liandu.project.reported.v1": "月报",
    "cn.liandu.project.corrected.v1": "更正",
    "cn.liandu.milestone.met.v1": "节点完成",
}
"""What officials call the records that can be corrected."""


def _profiled(event: ProjectProfiled, names: Names) -> str:
    given = [
        f"{FIELD_NAMES[name]}：{_text(name, value, names)}"
        for name, value in event
        if name in FIELD_NAMES and value is not None
    ]
    emptied = [f"清空{FIELD_NAMES.get(name, name)}" for name in event.cleared]
    return "，".join(given + emptied)


def _text(name: str, value: Any, names: Names) -> str:
    if name == "capital_source":
        return CAPITAL_NAMES[value]
    if name == "original":
        return f"{value.currency} {value.amount}（{value.rate_on}汇率{value.rate}）"
    if name == "annual_plans":
        return "、".join(f"{plan.year}年{money(plan.amount_wan)}" for plan in value)
    if name == "fixed_asset_investment_wan":
        return money(value)
    if isinstance(value, tuple):
        return "、".join(names[id] for id in value)
    return names[value] if isinstance(value, UUID) else str(value)


def _supported(event: ProjectSupported, names: Names) -> str:
    units = "、".join(names[id] for id in event.org_ids)
    return f"{event.on}{units}给予支持（{SUPPORT_NAMES[event.kind]}）：{event.text}"


def _raised(event: ProjectNeedRaised, names: Names) -> str:
    post = names[event.responsible_post_id]
    return (
        f"{event.raised_on}提出{NEED_NAMES[event.kind]}保障需求：{event.text}，{event.due_on}前解决，责任岗位：{post}"
    )


def _filed(event: EvidenceFiled, names: Names) -> str:
    what = evidence_name(event.kind) if event.kind in set(EVIDENCE_NAMES) else "材料"
    return f"上传{what}“{event.name}”（{event.size}字节，SHA-256 {event.sha256[:12]}…）"


def _reported(event: ProjectReported, names: Names) -> str:
    parts = [
        f"{event.month:%Y年%m月}月报：当月完成投资{money(event.completed_in_month_wan)}",
        f"累计完成{money(event.completed_to_date_wan)}",
        f"到位资金{money(event.funds_in_place_wan)}",
        f"形象进度：{event.visual_progress}",
    ]
    return "，".join(parts)


def _requested(event: CorrectionRequested, names: Names) -> str:
    return f"申请{_correction(event)}：{event.reason}{_instead(event.replacement)}"


def _corrected(event: ProjectCorrected, names: Names) -> str:
    stands = event.stands
    state = f"{STAGE_NAMES[stands.stage]}、{HOLD_NAMES[HoldStatus(stands.hold_status)]}"
    why = f"{event.reason}{_instead(event.replacement)}（申请人：{event.requested_by}）"
    return f"经他人审核{_correction(event)}：{why}，更正后：{state}"


def _correction(event: CorrectionRequested | ProjectCorrected) -> str:
    record = RECORD_NAMES.get(event.of_type, event.of_type)
    return f"{CORRECTION_NAMES[event.kind]}第{event.of_sequence}条记录（{record}）"


def _instead(replacement: Replacement | None) -> str:
    if replacement is None:
        return ""
    parts = [
        replacement.on and f"日期为{replacement.on}",
        replacement.amount_wan and f"金额为{money(replacement.amount_wan)}",
        replacement.output_ratio and f"产出为设计的{replacement.output_ratio}倍",
        replacement.stage and f"登记时阶段为{STAGE_NAMES[replacement.stage]}",
        replacement.kind and f"性质为{KIND_NAMES[replacement.kind]}",
        replacement.signed_on and f"签约日期为{replacement.signed_on}",
        replacement.started_on and f"开工日期为{replacement.started_on}",
    ]
    return f"；应为：{'，'.join(part for part in parts if part)}"


def _line(event: Any, names: Names) -> str:
    return f"节点“{names[event.milestone_id]}”"


RECORD_SENTENCES: Mapping[type[Event], Callable[[Any, Any], str]] = {
    ProjectProfiled: _profiled,
    ProjectSupported: _supported,
    ProjectNeedRaised: _raised,
    ProjectNeedReassigned: lambda event, names: f"要素保障需求改由{names[event.responsible_post_id]}负责",
    ProjectNeedMet: lambda event, _: f"要素保障需求于{event.met_on}解决{event.text and '：' + event.text}",
    ProjectNeedWithdrawn: lambda event, _: f"要素保障需求撤回：{event.reason}",
    EvidenceFiled: _filed,
    ProjectReported: _reported,
    CorrectionRequested: _requested,
    CorrectionRefused: lambda event, _: f"更正申请未予同意：{event.reason}",
    ProjectCorrected: _corrected,
    MilestoneReopened: lambda event, names: f"{_line(event, names)}因更正重新计为未完成",
    ReplanningRequested: lambda event, names: f"{_line(event, names)}申请将时限调整为{event.due_on}：{event.reason}",
    ReplanningRefused: lambda event, names: f"{_line(event, names)}的调整申请未予同意：{event.reason}",
}
