"""Stopping, starting and killing the platform and its parts: nothing is lost and nothing doubled."""

import re
from collections import Counter
from typing import Any

import psutil  # type: ignore[import-untyped]
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.operator.embedded import broker
from tests.support.load import Load
from tests.support.platform import Bureau, Platform, Robot
from tests.support.waiting import eventually

SOON = "2026-01-08"
"""Three working days after the clock's start: its reminder is due at once."""


async def test_a_fact_posted_while_assessment_is_down_reaches_it_after_its_start(
    platform: Platform, bureau: Bureau, everyone: Robot
) -> None:
    platform.stop("assessment")
    project = bureau.project("督导停机期间登记", milestones=[bureau.line(SOON)])
    platform.start("assessment")

    await eventually(lambda: everyone.messages("督导停机期间登记"))

    [obligation] = platform.supervisor.every("assessment", "/v1/obligations", project=project["id"])
    assert (obligation["due_on"], obligation["state"]) == (SOON, "open")


async def test_a_fact_posted_while_notification_is_down_is_told_after_its_start(
    platform: Platform, bureau: Bureau, everyone: Robot
) -> None:
    platform.stop("notification")
    bureau.project("消息停机期间登记", milestones=[bureau.line(SOON)])
    platform.settle()
    assert everyone.messages("消息停机期间登记") == []

    platform.start("notification")

    await eventually(lambda: everyone.messages("消息停机期间登记"))


async def test_a_stop_and_a_start_keep_everything_though_the_topics_are_empty_then(
    platform: Platform, bureau: Bureau, everyone: Robot
) -> None:
    bureau.project("重启前登记", milestones=[bureau.line(SOON)])
    await eventually(lambda: everyone.messages("重启前登记"))
    platform.settle()
    before = everything(platform)

    platform.down()
    platform.up()

    platform.settle()
    assert everything(platform) == before
    assert await records_in(platform, "liandu.projects") == 0
    bureau.project("重启后登记", milestones=[bureau.line(SOON)])
    await eventually(lambda: everyone.messages("重启后登记"))
    assert await records_in(platform, "liandu.projects") == 2
    assert len(everyone.messages("重启前登记")) == 1


async def test_a_killed_launcher_leaves_no_process_behind_and_the_next_start_has_everything(
    platform: Platform, bureau: Bureau, everyone: Robot
) -> None:
    platform.settle()
    before = everything(platform)

    processes = platform.kill()

    assert len(processes) > 6
    await eventually(lambda: not [process for process in processes if lives(process)])
    platform.down()
    platform.up()
    platform.settle()
    assert everything(platform) == before


async def test_whatever_is_killed_under_load_nothing_is_lost_and_nothing_doubled(
    platform: Platform, bureau: Bureau, everyone: Robot
) -> None:
    before = platform.liandu("dead-letters", "list")
    with Load(platform.as_("clerk"), bureau, stem="负载", due_on=SOON) as load:
        for part in ("intake", "assessment", "notification", "broker", "postgres"):
            await under_load(load, platform, part)

    platform.settle()
    recorded = load.recorded
    await eventually(lambda: {subject(message) for message in everyone.messages("负载")} >= recorded.keys())
    platform.settle()
    in_intake = [each for each in platform.clerk.every("intake", "/v1/projects") if each["name"].startswith("负载")]
    assert {each["name"]: each["id"] for each in in_intake} == recorded
    assert len(in_intake) == len(recorded)
    assert {tuple(history(platform, project)) for project in recorded.values()} == {("recorded", "planned")}
    assert obligations(platform, recorded) == dict.fromkeys(recorded.values(), 1)
    assert messages(platform, recorded) == dict.fromkeys(recorded.values(), 1)
    assert told_again_unmarked(everyone) == []
    assert platform.liandu("dead-letters", "list") == before


async def under_load(load: Load, platform: Platform, part: str) -> None:
    """Kill a part in the middle of the load, and go on when it is back and some more was recorded."""
    had, back = len(load.recorded), f"{part} is back"
    await eventually(lambda: len(load.recorded) > had + 5)
    times = platform.said.count(back)

    platform.kill_part(part)

    await eventually(lambda: platform.said.count(back) > times, what=back)
    had = len(load.recorded)
    await eventually(lambda: len(load.recorded) > had + 5)


def everything(platform: Platform) -> dict[str, Any]:
    """What the services have on record, and how far each has read."""
    lists = {
        "intake": ("/v1/projects", "/v1/people", "/v1/posts"),
        "assessment": ("/v1/obligations", "/v1/cases", "/v1/lights"),
    }
    found: dict[str, Any] = {
        path: platform.supervisor.every(service, path) for service, paths in lists.items() for path in paths
    }
    found["/v1/messages"] = platform.operator.every("notification", "/v1/messages")
    for service in platform.file.services:
        found[service] = platform.operator.get(service, "/v1/platform/state")["vector"]
    return found


def history(platform: Platform, project: str) -> list[str]:
    facts = platform.clerk.every("intake", f"/v1/projects/{project}/history")
    return [fact["type"].split(".")[-2] for fact in facts]


def obligations(platform: Platform, recorded: dict[str, str]) -> Counter[str]:
    found = platform.supervisor.every("assessment", "/v1/obligations")
    return Counter(each["matter"]["project_id"] for each in found if each["matter"]["project_name"] in recorded)


def messages(platform: Platform, recorded: dict[str, str]) -> Counter[str]:
    found = platform.operator.every("notification", "/v1/messages", state="sent")
    return Counter(each["project_id"] for each in found if each["project_id"] in recorded.values())


def told_again_unmarked(robot: Robot) -> list[str]:
    """Messages that stand in the group twice and do not say so. A robot has no idempotency key: a sender that dies
    between its answer and the ledger repeats the message, under the same number and marked."""
    seen: set[str] = set()
    wrong = []
    for message in robot.messages("负载"):
        if subject(message) in seen and "可能重复" not in message["text"] + message["title"]:
            wrong.append(message["text"])
        seen.add(subject(message))
    return wrong


def subject(message: dict[str, Any]) -> str:
    found = re.search(r"负载\d+", message["text"])
    assert found is not None, message["text"]
    return found[0]


async def records_in(platform: Platform, topic: str) -> int:
    """How many records stand in a topic of the embedded broker."""
    address = broker.read_address(platform.data / "broker.json")
    reader = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    await reader.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(4)]
        ends = await reader.end_offsets(partitions)
        begins = await reader.beginning_offsets(partitions)
        return sum(int(ends[each] - begins[each]) for each in partitions)
    finally:
        await reader.stop()


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
