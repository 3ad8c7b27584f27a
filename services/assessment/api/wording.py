"""What officials read: names of tiers, documents, states, and what comes next."""

from collections.abc import Mapping
from datetime import date, datetime

from services.assessment.domain import names
from services.assessment.domain.case import Ending
from services.assessment.domain.case import State as CaseState
from services.assessment.domain.commendation import CommendationState
from services.assessment.domain.document import State as DocumentState
from services.assessment.domain.extension import State as ExtensionState
from services.assessment.domain.moments import CHINA
from services.assessment.domain.obligation import State as ObligationState
from services.assessment.domain.policy import Rung
from shared.contracts.supervision import (
    CaseArchived,
    CaseAssigned,
    CaseMovedToPolicy,
    CaseRestored,
    CaseSettled,
    CaseStruckOff,
    Document,
    Light,
    ObligationKind,
)

TIERS, DOCUMENTS = names.TIERS, names.DOCUMENTS
day = names.day
ON_BEHALF = "（督查室代办）"
LIGHTS = {Light.GREEN: "绿灯", Light.YELLOW: "黄灯", Light.RED: "红灯"}
CASE_STATES = {CaseState.OPEN: "督办中", CaseState.SUSPENDED: "暂停（停缓建）", CaseState.CLOSED: "已办结"}
ENDINGS = {Ending.COMPLETED: "已办结", Ending.STRUCK_OFF: "已销号", Ending.ARCHIVED: "已归档"}
_AFTER = {
    Ending.COMPLETED: "督办件已办结，待督查室核实销号",
    Ending.STRUCK_OFF: "督办件已销号，待归档",
    Ending.ARCHIVED: "督办件已归档",
}
DEALINGS: dict[str, str] = {
    CaseAssigned.type: "交办",
    CaseStruckOff.type: "销号",
    CaseArchived.type: "归档",
    CaseRestored.type: "恢复督办",
    CaseSettled.type: "办结",
    CaseMovedToPolicy.type: "改用其他版本的规则",
}
COMMENDATION_STATES = {
    CommendationState.PROPOSED: "待审批",
    CommendationState.APPROVED: "已表扬",
    CommendationState.DECLINED: "不予表扬",
    CommendationState.WITHDRAWN: "已撤回",
    CommendationState.STRUCK_OFF: "已撤销",
}
OBLIGATION_KINDS: Mapping[str, str] = {
    ObligationKind.MILESTONE: "项目节点",
    ObligationKind.REPORT: "项目月报",
    ObligationKind.MEASURE: "措施",
    ObligationKind.STEP: "措施节点",
    ObligationKind.FILING: "库（清单）填报",
    ObligationKind.REQUEST: "企业诉求",
    ObligationKind.PROBLEM: "共性问题",
    ObligationKind.REPLY: "督办函回复",
}
OBLIGATION_STATES = {
    ObligationState.OPEN: "督办中",
    ObligationState.BASELINE: "存量（待确认）",
    ObligationState.MISSED: "已逾期",
    ObligationState.SUSPENDED: "暂停（停缓建）",
    ObligationState.MET: "已完成",
    ObligationState.CANCELLED: "已取消",
}
DOCUMENT_STATES = {
    DocumentState.SLIP: "无需签发",
    DocumentState.DRAFT: "待签发",
    DocumentState.ON_HOLD: "暂缓签发（停缓建）",
    DocumentState.SIGNED: "已签发",
    DocumentState.LAPSED: "已失效（办结前未签发）",
}
EXTENSION_STATES = {
    ExtensionState.REQUESTED: "待审核",
    ExtensionState.REVIEWED: "待批准",
    ExtensionState.GRANTED: "已批准",
    ExtensionState.REFUSED: "已驳回",
    ExtensionState.WITHDRAWN: "已撤销",
}


def instant(moment: datetime) -> str:
    local = moment.astimezone(CHINA)
    return f"{day(local.date())}{local.hour:02d}:{local.minute:02d}"


def standing(vacant: bool, away_until: date | None, delegate: str | None) -> str:
    """Who answers for a post today, where it is not simply its holder."""
    if vacant:
        return "岗位空缺"
    if away_until is None:
        return ""
    return f"请假至{day(away_until)}，{f'由{delegate}代理' if delegate else '无人代理'}"


def next_step(
    state: CaseState,
    climb_at: datetime | None,
    above: Rung | None,
    *,
    ending: Ending | None = None,
    provisional: bool,
) -> str:
    """What happens to a case if nobody does anything."""
    if state is CaseState.CLOSED:
        return _AFTER[ending or Ending.COMPLETED]
    if state is CaseState.SUSPENDED:
        return "项目停缓建，督办暂停；复工后继续"
    if climb_at is None or above is None:
        return "已升至最高一级，节点完成后办结"
    marked = "（放假安排尚未公布，暂定）" if provisional else ""
    return f"若无进展，将于{instant(climb_at)}升级至第{above.number}级（{_handed(above)}）{marked}"


def signed(by: str, via: str) -> str:
    """Who did it, for a page that anyone may see who has its address: the name, never the login."""
    return names.person(by) + (ON_BEHALF if via.endswith(ON_BEHALF) else "")


def _handed(rung: Rung) -> str:
    to = "、".join(TIERS[tier] for tier in rung.to)
    if rung.document in (Document.TALK, Document.TALK_CHIEF):
        return f"由{to}约谈"
    return f"{DOCUMENTS[rung.document]}，报{to}"
