"""Why a light shines: in a sentence that follows the policy's figures."""

from dataclasses import replace
from datetime import date

import pytest

from services.assessment.api import explaining
from services.assessment.domain import light as lights
from services.assessment.domain.rules import Rules
from shared.contracts.supervision import Light

START = {
    "planned_month": "2026-03", "month_end": "2026-05-31", "month_ends_missed": "2", "month_ends_excused": "1",
    "stage": "approved",
}  # fmt: skip


def test_a_start_is_explained_with_its_months_and_boundaries(rules: Rules) -> None:
    assert explaining.light(Light.YELLOW, lights.START, START, rules.policy) == (
        "计划2026年3月开工，截至2026年5月31日计2个月末未开工（另有1个月末因停缓建不计）；"
        "按督办规则default-2026.2，满1个为黄灯，满3个为红灯，故为黄灯"
    )
    stricter = replace(rules.policy, version="v2", start_light=replace(rules.policy.start_light, red_from_months=2))
    assert "按督办规则v2，满1个为黄灯，满2个为红灯，故为红灯" in explaining.light(
        Light.RED, lights.START, START, stricter
    )


@pytest.mark.parametrize(
    ("due_on", "how", "so"),
    [
        (date(2026, 2, 16), "2026年2月16日到期，还有2个工作日", "黄灯"),
        (date(2026, 2, 10), "2026年2月10日到期，已逾期2个工作日", "红灯"),
    ],
)
def test_a_ticket_is_explained_with_its_working_days(rules: Rules, due_on: date, how: str, so: str) -> None:
    ticket = lights.ticket(due_on, date(2026, 2, 12), rules.policy, rules.calendar)
    assert explaining.light(ticket.light, ticket.rule, ticket.inputs, rules.policy) == (
        f"{how}；按督办规则default-2026.2，剩3个工作日以内为黄灯，逾期为红灯，故为{so}"
    )


def test_without_a_planned_start_there_is_nothing_to_judge(rules: Rules) -> None:
    assert explaining.light(Light.GREEN, lights.START, {"stage": "lead"}, rules.policy) == (
        "没有待开工的计划，不判开工灯"
    )
