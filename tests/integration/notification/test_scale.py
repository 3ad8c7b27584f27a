"""A look for what is due, and an operator's, cost the same when many messages have been sent."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from services.notification.store import attempts, messages, robots, views
from shared.kit.database import transaction
from tests.integration.notification.conftest import Desk

SENT = 40_000
ROBOTS = """
INSERT INTO robot (id, name, channel, target, state)
SELECT 'robot-' || n, 'robot', 'dingtalk', '', CASE n WHEN 0 THEN 'off' ELSE 'open' END FROM generate_series(0, 9) AS n
"""
MESSAGES = """
INSERT INTO message (id, number, cause_id, kind, event, decided_at, listeners, robot_id, state, not_before, created_at)
SELECT gen_random_uuid(), :first + n, gen_random_uuid(), 'cn.liandu.x', '{}', :now, '[]', 'robot-' || n % 10,
       :state, :now, :now
  FROM generate_series(1, CAST(:count AS integer)) AS n
"""
ALL = [f"robot-{n}" for n in range(10)]
LOOKS: list[tuple[TextClause, dict[str, Any]]] = [
    (robots._TAKE, {"except": []}),
    (attempts._DUE, {"ids": ALL, "wants": [4] * 10, "tests": [False] * 10}),
    (attempts._DUE, {"ids": ALL[:1], "wants": [1], "tests": [True]}),
    (views._WAITING, {"limit": 50}),
    (views._TROUBLED, {"robot": None, "after": 0, "limit": 50}),
    (views._TROUBLED, {"robot": "robot-3", "after": 0, "limit": 50}),
    (views._COUNT, {"robot": "robot-3"}),
    (messages._UNDELIVERED, {"robot": "robot-3"}),
    (messages._UNROUTABLE, {}),
]


@pytest.mark.parametrize("analysed", [True, False])
async def test_no_look_passes_over_what_was_sent(desk: Desk, analysed: bool) -> None:
    now = desk.clock.now()
    await desk.execute(ROBOTS)
    await desk.execute(MESSAGES, first=0, count=SENT, state="sent", now=now)
    await desk.execute("ANALYZE message")
    await desk.execute(MESSAGES, first=SENT, count=3000, state="queued", now=now)
    if analysed:
        await desk.execute("ANALYZE message")
    for look, values in LOOKS:
        [(plan,)] = await explain(desk, look, {**values, "now": now + timedelta(seconds=1)})
        assert passed_over(plan[0]["Plan"]) < SENT / 10, plan


async def explain(desk: Desk, look: TextClause, values: dict[str, Any]) -> list[Any]:
    needed = {name: value for name, value in values.items() if name in look._bindparams}
    async with transaction(desk.engine) as conn:
        return list(await conn.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {look.text}"), needed))


def passed_over(plan: dict[str, Any]) -> Any:
    """The most rows of messages that any step looked at."""
    return max(
        step["Actual Loops"] * (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) for step in steps(plan)
    )


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if plan.get("Relation Name") == "message" or "message" in plan.get("Index Name", ""):
        yield plan
    for below in plan.get("Plans", ()):
        yield from steps(below)
