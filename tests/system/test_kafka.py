"""The platform on Apache Kafka, looked at with other people's tools only."""

import json
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from shared.contracts.topics import BY_NAME, TOPICS
from tests.support.kafka import run_kafka_tool
from tests.support.platform import Bureau, Platform, Robot
from tests.support.waiting import eventually
from tests.system.conftest import running

SOON = "2026-01-08"
"""Three working days after the clock's start: its reminder is due at once."""


@pytest.fixture(scope="module")
def platform(kafka_jars: None) -> Iterator[Platform]:
    with running(kafka="real") as own:
        yield own


@pytest.fixture(scope="module")
def told(platform: Platform, bureau: Bureau, everyone: Robot) -> list[dict[str, Any]]:
    """Three projects whose reminders have been sent: every topic that a service reads holds something."""
    projects = [bureau.project(f"上卡夫卡{number}", milestones=[bureau.line(SOON)]) for number in range(3)]
    bureau.targets(signed_count=8, signed_amount=160_000, started_count=4, producing_count=2)
    bureau.request("请协调增容供电", due_on="2026-02-27")
    platform.settle()
    assert len(everyone.messages("上卡夫卡")) == 3
    return projects


async def records_of(platform: Platform, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Everything in a topic, read by a consumer that knows nothing of the platform."""
    reader = AIOKafkaConsumer(bootstrap_servers=platform.file.kafka_bootstrap, enable_auto_commit=False)
    await reader.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(BY_NAME[topic].partitions)]
        reader.assign(partitions)
        await reader.seek_to_beginning(*partitions)
        ends = await reader.end_offsets(partitions)
        found: list[ConsumerRecord[bytes, bytes]] = []
        while len(found) < sum(ends.values()):
            for records in (await reader.getmany(timeout_ms=1000)).values():
                found += records
        return found
    finally:
        await reader.stop()


@pytest.mark.parametrize("topic", [topic.name for topic in TOPICS if topic.consumers])
async def test_every_record_is_a_cloudevent_under_its_aggregates_key(
    platform: Platform, told: list[dict[str, Any]], topic: str
) -> None:
    records = await records_of(platform, topic)

    assert records
    sequences: dict[str, list[int]] = {}
    for record in records:
        event = from_kafka_event(KafkaMessage(dict(record.headers), record.key, record.value))
        key = str(UUID(record.key.decode()))
        assert (event.get_subject(), event.get_source()) == (key, f"/liandu/{BY_NAME[topic].producer}")
        assert event.get_type() in {each.type for each in BY_NAME[topic].events}
        assert event.get_datacontenttype() == "application/json"
        assert json.loads(record.value) == event.get_data()
        assert event.get_time() is not None
        sequences.setdefault(key, []).append(int(event.get_extension("sequence")))
    assert all(found == list(range(1, len(found) + 1)) for found in sequences.values())


async def test_kcat_shows_headers_key_and_value_on_one_line(platform: Platform, told: list[dict[str, Any]]) -> None:
    """What `kcat -C -t liandu.projects -f '%h %k %s\\n'` prints: headers as name=value, the key, the value."""
    own = [record for record in await records_of(platform, "liandu.projects") if record.key.decode() == told[0]["id"]]

    recorded, planned = [as_kcat(record) for record in own]

    assert recorded.startswith("ce_specversion=1.0,ce_id=")
    assert "ce_type=cn.liandu.project.recorded.v1" in recorded
    assert "ce_type=cn.liandu.milestone.planned.v1" in planned
    assert "traceparent=00-" in recorded
    assert f' {told[0]["id"]} {{"' in recorded
    assert "上卡夫卡0" in recorded
    assert "\n" not in recorded


def as_kcat(record: "ConsumerRecord[bytes, bytes]") -> str:
    headers = ",".join(f"{name}={value.decode()}" for name, value in record.headers)
    return f"{headers} {record.key.decode()} {record.value.decode()}"


async def lags(platform: Platform, service: str) -> dict[str, int]:
    """How far a service is behind in each topic, as Kafka's ConsumerGroupCommand sees it."""
    tool = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
    group = ("--describe", "--group", f"liandu-{service}")
    said = await run_kafka_tool(tool, "--bootstrap-server", platform.file.kafka_bootstrap, *group)
    found: dict[str, int] = {}
    for line in said.splitlines():
        match line.split():
            case [_, topic, _, _, _, lag, *_] if topic in BY_NAME and lag != "-":
                found[topic] = found.get(topic, 0) + int(lag)
            case _:
                pass
    return found


async def test_kafkas_own_tool_shows_the_lag(
    platform: Platform, bureau: Bureau, told: list[dict[str, Any]], everyone: Robot
) -> None:
    topics = {"liandu.programme": 0, "liandu.projects": 0, "liandu.registers": 0, "liandu.requests": 0}
    topics |= {"liandu.deliveries": 0}
    await eventually(lambda: lags_are(platform, "assessment", topics))
    await eventually(lambda: lags_are(platform, "notification", {"liandu.programme": 0, "liandu.supervision": 0}))

    platform.stop("assessment")
    for number in range(3):
        bureau.project(f"积压{number}", milestones=[bureau.line(SOON)])
    platform.settle()

    assert await lags(platform, "assessment") == {**topics, "liandu.projects": 6}
    platform.start("assessment")
    await eventually(lambda: len(everyone.messages("积压")) == 3)
    await eventually(lambda: lags_are(platform, "assessment", topics))


async def lags_are(platform: Platform, service: str, expected: dict[str, int]) -> bool:
    """Offsets are told to Kafka once a second."""
    assert await lags(platform, service) == expected
    return True


async def test_kafkas_data_is_lost_under_the_running_platform_and_nothing_else_is(
    platform: Platform, bureau: Bureau, told: list[dict[str, Any]], everyone: Robot
) -> None:
    platform.stop("assessment")
    lost = bureau.project("随卡夫卡丢失", milestones=[bureau.line(SOON)])
    platform.settle()
    platform.stop("kafka")
    shutil.rmtree(platform.data / "kafka" / "log")
    bureau.project("无卡夫卡时登记", milestones=[bureau.line(SOON)])
    platform.start("kafka")
    platform.start("assessment")

    bureau.project("卡夫卡恢复后登记", milestones=[bureau.line(SOON)])

    for name in ("随卡夫卡丢失", "无卡夫卡时登记", "卡夫卡恢复后登记"):
        await eventually(lambda name=name: everyone.messages(name), within=60, what=name)
    platform.settle()
    assert len(everyone.messages("卡夫卡")) == 6
    assert lost["id"] not in [record.key.decode() for record in await records_of(platform, "liandu.projects")]
    await eventually(lambda: no_lag(platform))


async def no_lag(platform: Platform) -> bool:
    return not any((await lags(platform, "assessment")).values())
