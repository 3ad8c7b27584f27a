"""Why a light shines as it does, why something is proposed: in a sentence, from what was recorded with the decision."""

from collections.abc import Mapping
from datetime import date

from services.assessment.api import wording
from services.assessment.domain.light import START
from services.assessment.domain.policy import Policy
from services.assessment.domain.rules import Rules
from shared.contracts.supervision import Light

Inputs = Mapping[str, str]


def policy_of(version: str, rule_set: str | None, by_version: Mapping[str, Rules], otherwise: Rules) -> Policy:
    """The policy that a decision went by; `otherwise`: where its version is not known."""
    rules = by_version.get(version, otherwise)
    return (rules.named(rule_set) if rule_set else rules).policy


def light(shines: Light, rule: str, inputs: Inputs, policy: Policy) -> str:
    """Of a start or of a ticket: what was counted, where the boundaries are, what follows."""
    said = _start(inputs, policy) if rule == START else _ticket(inputs, policy)
    return f"{said}，故为{wording.LIGHTS[shines]}" if said else "没有待开工的计划，不判开工灯"


def commendation(planned_on: date, met_on: date, early: int, policy: Policy) -> str:
    return (
        f"计划{wording.day(planned_on)}完成，实际{wording.day(met_on)}完成，提前{early}个工作日；"
        f"按{_named(policy)}，提前满{policy.commend_early_days}个工作日的建议表扬"
    )


def _start(inputs: Inputs, policy: Policy) -> str:
    if "planned_month" not in inputs:
        return ""
    year, month = inputs["planned_month"].split("-")
    missed, excused = inputs["month_ends_missed"], inputs.get("month_ends_excused", "0")
    apart = f"（另有{excused}个月末因停缓建不计）" if excused != "0" else ""
    rule = policy.start_light
    return (
        f"计划{year}年{int(month)}月开工，截至{wording.day(date.fromisoformat(inputs['month_end']))}"
        f"计{missed}个月末未开工{apart}；按{_named(policy)}，"
        f"满{rule.yellow_from_months}个为黄灯，满{rule.red_from_months}个为红灯"
    )


def _ticket(inputs: Inputs, policy: Policy) -> str:
    left, due_on = int(inputs["working_days_left"]), wording.day(date.fromisoformat(inputs["due_on"]))
    is_overdue = inputs["on"] > inputs["due_on"]
    how = f"{due_on}到期，已逾期{-left}个工作日" if is_overdue else f"{due_on}到期，还有{left}个工作日"
    return f"{how}；按{_named(policy)}，剩{policy.ticket_yellow_up_to_days}个工作日以内为黄灯，逾期为红灯"


def _named(policy: Policy) -> str:
    part = f"“{policy.rule_set}”" if policy.rule_set else ""
    return f"督办规则{policy.version}{part}"
