"""A look for what is due, and an operator's, cost the same when many messages have been sent."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from services.notification.store import attempts, messages, robots, views
from shared.kit.database import fetch, transaction
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
DRIVERS_LOOKS: list[tuple[str, Callable[[datetime], list[Any]]]] = [
    (robots._TAKE, lambda now: [[], now]),
    (attempts._DUE, lambda now: [ALL, [4] * 10, [False] * 10, now, 1]),
    (attempts._DUE, lambda now: [ALL[:1], [1], [True], now, 1]),
]
LOOKS: list[tuple[TextClause, dict[str, Any]]] = [
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
    soon = now + timedelta(seconds=1)
    plans = [await explain(desk, look, {**values, "now": soon}) for look, values in LOOKS]
    plans += [await explain_drivers(desk, look, values(soon)) for look, values in DRIVERS_LOOKS]
    for [(plan,)] in plans:
        assert passed_over(plan[0]["Plan"]) < SENT / 10, plan


async def explain(desk: Desk, look: TextClause, values: dict[str, Any]) -> list[Any]:
    needed = {name: value for name, value in values.items() if name in look._bindparams}
    async with transaction(desk.engine) as conn:
        return list(await conn.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {look.text}"), needed))


async def explain_drivers(desk: Desk, look: str, values: list[Any]) -> list[Any]:
    async with transaction(desk.engine) as conn:
        return await fetch(conn, f"EXPLAIN (ANALYZE, FORMAT JSON) {look}", *values)


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
