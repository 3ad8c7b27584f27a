"""A history's sentences: what each fact of a project says, in Chinese."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from services.intake.api.projects.record_wording import RECORD_SENTENCES
from services.intake.domain.terms import KIND_NAMES, SOURCE_NAMES, STAGE_NAMES, evidence_name, money
from shared.contracts.event import Event
from shared.contracts.projects import (
    MilestoneCancelled,
    MilestoneMet,
    MilestonePlanned,
    MilestoneReassigned,
    MilestoneReplanned,
    ProjectDelayed,
    ProjectFullCapacity,
    ProjectHeld,
    ProjectRecorded,
    ProjectResumed,
    ProjectRevised,
    ProjectSigned,
    ProjectTerminated,
    StageReached,
)


class Names(Mapping[UUID, str]):
    """Names by id; what is not known any more reads as 未知."""

    def __init__(self, known: Mapping[UUID, str]) -> None:
        self._known = known

    def __getitem__(self, id: UUID) -> str:
        return self._known.get(id, "未知")

    def __iter__(self) -> Any:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def sentence(event: Event, names: Names) -> str:
    """What an event says; `names` covers what it refers to, and the milestones by their ids."""
    if isinstance(event, StageReached):
        return _stage(event)
    return SENTENCES[type(event)](event, names)


def _recorded(event: ProjectRecorded, names: Names) -> str:
    days = [f"{word}日期{day}" for word, day in (("签约", event.signed_on), ("开工", event.started_on)) if day]
    parts = [
        f"登记{KIND_NAMES[event.kind]}项目“{event.name}”（{event.code}）",
        f"产业链：{names[event.chain_id]}",
        f"责任单位：{names[event.responsible_org_id]}",
        f"总投资{money(event.total_investment_wan)}",
        f"阶段：{STAGE_NAMES[event.stage]}",
    ]
    amount = [f"签约金额{money(event.signed_amount_wan)}"] if event.signed_amount_wan else []
    return "，".join(parts + days + amount)


def _revised(event: ProjectRevised, names: Names) -> str:
    parts = [
        event.name and f"名称改为“{event.name}”",
        event.chain_id and f"产业链改为{names[event.chain_id]}",
        event.responsible_org_id and f"责任单位改为{names[event.responsible_org_id]}",
        event.total_investment_wan and f"总投资改为{money(event.total_investment_wan)}",
        event.signed_on and f"补录签约日期{event.signed_on}",
        event.started_on and f"补录开工日期{event.started_on}",
        event.signed_amount_wan and f"补录签约金额{money(event.signed_amount_wan)}",
    ]
    return "，".join(part for part in parts if part)


def _stage(event: StageReached) -> str:
    parts = [f"{event.on}{STAGE_NAMES[event.stage]}"]
    if isinstance(event, ProjectSigned):
        parts.append(f"签约金额{money(event.amount_wan)}")
    if isinstance(event, ProjectFullCapacity):
        parts.append(f"产出为设计的{event.output_ratio}倍")
    if event.evidence:
        parts.append(f"依据：{'、'.join(f'{evidence_name(item.kind)}（{item.reference}）' for item in event.evidence)}")
    return "，".join(parts)


def _planned(event: MilestonePlanned, names: Names) -> str:
    source = f"，来源：{SOURCE_NAMES[event.source]}{event.source_document and f'（{event.source_document}）'}"
    return f"列入时间表：“{event.name}”，{event.due_on}前完成，责任岗位：{names[event.responsible_post_id]}{source}"


def _of_milestone(event: Any, names: Names) -> str:
    return f"节点“{names[event.milestone_id]}”"


SENTENCES: Mapping[type[Event], Callable[[Any, Names], str]] = {
    ProjectRecorded: _recorded,
    ProjectRevised: _revised,
    ProjectHeld: lambda event, _: f"{event.on}起停缓建：{event.reason}",
    ProjectResumed: lambda event, _: f"{event.on}复工",
    ProjectTerminated: lambda event, _: f"{event.on}终止：{event.reason}",
    ProjectDelayed: lambda event, names: (
        f"{_of_milestone(event, names)}申报延期，预计{event.expected_on}完成：{event.reason}"
    ),
    MilestonePlanned: _planned,
    MilestoneReplanned: lambda event, names: f"{_of_milestone(event, names)}时限调整为{event.due_on}：{event.reason}",
    MilestoneReassigned: lambda event, names: (
        f"{_of_milestone(event, names)}责任岗位改为{names[event.responsible_post_id]}"
    ),
    MilestoneMet: lambda event, names: f"{_of_milestone(event, names)}于{event.met_on}完成",
    MilestoneCancelled: lambda event, names: f"{_of_milestone(event, names)}取消：{event.reason}",
    **RECORD_SENTENCES,
}
