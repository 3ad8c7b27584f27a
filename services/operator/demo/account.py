"""The account at the end: read back from the services, and refused when it is not what was promised."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.markup import escape

from services.operator.demo.chat import GROUPS, Chat
from services.operator.demo.stage import DemoFailed, Person
from services.operator.demo.story import Told
from services.operator.words import console
from shared.contracts.supervision import ObligationReminded
from shared.kit.clock import CHINA


def give_account(told: Told, *, supervisor: Person, operator: Person, chat: Chat) -> None:
    """Print what the year came to.

    Raises:
        DemoFailed: it is not what the demonstration promises.
    """
    console.print("\n[bold]各服务的记录 · What it came to, as the services have it[/]")
    _imported(supervisor, told)
    cases = [
        supervisor.get("assessment", f"/v1/cases/{case['id']}") for case in supervisor.every("assessment", "/v1/cases")
    ]
    _climbs(cases, operator, followed=told.followed)
    _acknowledged(cases)
    _commended(supervisor)
    _messages(operator, chat)
    _require(told.passed_without_intake > 0, "no message came while record keeping was down")
    console.print(f"记录服务停机期间 messages while record keeping was down: {told.passed_without_intake}")
    undelivered = operator.every("notification", "/v1/undelivered")
    _require(not undelivered, f"{len(undelivered)} messages are undelivered")
    console.print("未送达 undelivered: 0")


def _imported(supervisor: Person, told: Told) -> None:
    first = supervisor.every("intake", "/v1/imports")[-1]
    counts = supervisor.get("intake", f"/v1/imports/{first['id']}")["by_kind"]["project"]
    projects = supervisor.every("intake", "/v1/projects")
    _require(counts["imported"] == len(projects), "imported and recorded projects differ")
    _require(counts["refused"] > 0 and bool(told.error_sheet), "the wrong rows came back in no error sheet")
    taken = f"项目导入 projects imported {counts['imported']}, refused {counts['refused']}"
    console.print(f"{taken}; 错误清单 error sheet {told.error_sheet}")


def _climbs(cases: Sequence[dict[str, Any]], operator: Person, *, followed: str) -> None:
    """The case that the story followed, from the reminder on, rung by rung with its dates; how far the others came."""
    climbed = next((case for case in cases if case["matter"]["project_name"] == followed), None)
    if climbed is None or [rung["rung"] for rung in climbed["rungs"]] != [1, 2, 3, 4, 5]:
        raise DemoFailed(f"the case of {followed} did not climb to 总链长 rung by rung")
    console.print(f"{climbed['number']} {escape(followed)}, due {climbed['due_on']}:")
    for message in operator.every("notification", "/v1/messages", project=climbed["matter"]["project_id"]):
        if message["kind"] == ObligationReminded.type:
            whom = "、".join(one["tier_name"] for one in message["listeners"])
            console.print(f"  before  {_day(message['decided_at'])}  提醒 → {whom}")
    for rung in climbed["rungs"]:
        whom = "、".join(dict.fromkeys(one["tier_name"] for one in rung["addressees"]))
        number = f" {rung['document_number']}" if rung["document_number"] else ""
        reached = f"rung {rung['rung']}  {_day(rung['at'])}  {rung['working_days_late']:>2} working days late"
        console.print(f"  {reached}  {rung['document_name']}{number} → {whom}")
    heights = Counter(case["rungs"][-1]["rung"] for case in cases)
    closed = sum(case["state"] == "closed" for case in cases)
    spread = ", ".join(f"{count} to rung {rung}" for rung, count in sorted(heights.items()))
    console.print(f"督办件 cases: {len(cases)} ({spread}), {closed} closed")


def _day(at: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(CHINA):%Y-%m-%d %H:%M}"


def _acknowledged(cases: Sequence[dict[str, Any]]) -> None:
    pressed = [rung["acknowledgement"] for case in cases for rung in case["rungs"] if rung["acknowledgement"]]
    _require(bool(pressed), "nothing was acknowledged")
    console.print(f"签收 acknowledgements: {len(pressed)} ({'; '.join(escape(one['via']) for one in pressed)})")


def _commended(supervisor: Person) -> None:
    proposed = supervisor.every("assessment", "/v1/commendations")
    _require(bool(proposed), "nothing was commended")
    for one in proposed:
        early, name = one["working_days_early"], one["matter"]["project_name"]
        console.print(f"激励建议 commendation proposed: {escape(name)}, {early} working days early")


def _messages(operator: Person, chat: Chat) -> None:
    """For each robot: what notification says was sent, against what the robot says it took."""
    chat.catch_up()
    took = Counter(receipt["robot"] for receipt in chat.heard if receipt["accepted"])
    for group in GROUPS:
        sent = len(operator.every("notification", "/v1/messages", robot=group.name, state="sent"))
        _require(sent == took[group.name], f"{group.title}: {sent} sent, {took[group.name]} received")
        console.print(f"消息 messages in {group.title}: {sent}")
    refused = sum(not receipt["accepted"] for receipt in chat.heard)
    console.print(f"机器人拒收 refused by robots on the way: {refused}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoFailed(otherwise)
